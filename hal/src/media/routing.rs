//! Routes inside of an entity that has several ways through it (a crossbar, a receiver of several streams):
//! <https://docs.kernel.org/userspace-api/media/v4l/dev-subdev.html#streams-multiplexed-media-pads-and-internal-routing>.

use crate::kernel::{Route, Subdevice};

/// `V4L2_SUBDEV_ROUTE_FL_ACTIVE`.
const ACTIVE: u32 = 1;
/// `V4L2_SUBDEV_ROUTE_FL_IMMUTABLE`.
const IMMUTABLE: u32 = 2;

/// The routes with one from `sink` to `source`, both as pads; `None` where there is one already. Routes of other pads stay,
/// since another camera may use them; those that end at one of these two pads go, as far as they can be taken away.
pub fn with_route(routes: &[Route], sink: u32, source: u32) -> Option<Vec<Route>> {
    let leads = |route: &Route| (route.sink.0, route.source.0) == (sink, source);
    if routes.iter().any(|route| leads(route) && route.flags & ACTIVE != 0) {
        return None;
    }
    let stays = |route: &&Route| {
        route.flags & IMMUTABLE != 0 || (!leads(route) && route.sink.0 != sink && route.source.0 != source)
    };
    let mut wanted: Vec<Route> = routes.iter().filter(stays).copied().collect();
    wanted.push(Route { sink: (sink, 0), source: (source, 0), flags: ACTIVE });
    Some(wanted)
}

/// Has pictures pass a part from `sink` to `source`; a part without routes needs nothing for it.
///
/// # Errors
/// The kernel's errno; `EBUSY` while it streams.
pub fn route(part: &dyn Subdevice, sink: u32, source: u32) -> nix::Result<()> {
    // Most parts have one way through them, and no kernel before 6.3 shows any.
    if !part.has_streams().unwrap_or(false) || part.use_streams().is_err() {
        return Ok(());
    }
    let Ok(routes) = part.routes() else { return Ok(()) };
    match with_route(&routes, sink, source) {
        Some(wanted) => part.set_routes(&wanted).map(|_| ()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn from_to(sink: u32, source: u32, flags: u32) -> Route {
        Route { sink: (sink, 0), source: (source, 0), flags }
    }

    #[test]
    fn a_route_that_is_there_is_left_alone() {
        let crossbar = [from_to(0, 3, ACTIVE), from_to(1, 4, ACTIVE)];
        assert_eq!(with_route(&crossbar, 0, 3), None);
        assert_eq!(with_route(&crossbar, 1, 4), None);
    }

    #[test]
    fn a_new_route_takes_the_place_of_those_that_end_at_its_pads() {
        let crossbar = [from_to(0, 3, ACTIVE), from_to(1, 4, ACTIVE), from_to(2, 5, ACTIVE)];
        assert_eq!(with_route(&crossbar, 0, 4), Some(vec![from_to(2, 5, ACTIVE), from_to(0, 4, ACTIVE)]));
        assert_eq!(with_route(&[from_to(0, 3, 0)], 0, 3), Some(vec![from_to(0, 3, ACTIVE)]));
        let fixed = from_to(0, 5, ACTIVE | IMMUTABLE);
        assert_eq!(with_route(&[fixed], 0, 3), Some(vec![fixed, from_to(0, 3, ACTIVE)]));
    }

    proptest! {
        #[test]
        fn routes_of_other_pads_stay_and_asking_again_changes_nothing(
            pads in proptest::collection::vec((0u32..4, 4u32..8, 0u32..4), 0..8), sink in 0u32..4, source in 4u32..8
        ) {
            let routes: Vec<Route> = pads.iter().map(|&(sink, source, flags)| from_to(sink, source, flags)).collect();
            if let Some(wanted) = with_route(&routes, sink, source) {
                for route in routes.iter().filter(|route| route.sink.0 != sink && route.source.0 != source) {
                    prop_assert!(wanted.contains(route));
                }
                prop_assert_eq!(with_route(&wanted, sink, source), None);
            }
        }
    }
}
