//! What hangs on a way beside its end. The kernel starts all that is linked and refuses (`EPIPE`) where any two ends
//! differ, so pictures that leave the way are led nowhere, or to where they fit:
//! <https://docs.kernel.org/driver-api/media/mc-core.html#pipelines-and-media-streams>.

use std::collections::VecDeque;

use super::graph::Graph;
use super::path::Path;
use super::pipeline::fits;
use crate::kernel::{BusFormat, Format, Link, Subdevice, Video};

/// Links that pictures take off a way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branches {
    /// Those that can be switched off.
    pub loose: Vec<Link>,
    /// Those that cannot, and what is on for good behind them, in the order of pictures.
    pub fixed: Vec<Link>,
}

/// The branches of a way.
pub fn branches(graph: &Graph, path: &Path) -> Branches {
    let mut found = Branches::default();
    let way = std::iter::once(path.sensor()).chain(path.links.iter().map(|link| link.sink.0));
    let mut seen: Vec<u32> = way.collect();
    let mut next: VecDeque<u32> = seen.iter().copied().collect();
    while let Some(at) = next.pop_front() {
        let is_of_way = |link: &Link| path.links.iter().any(|other| ends(other) == ends(link));
        for link in graph.links_out(at).into_iter().filter(|link| link.is_enabled() && !is_of_way(link)) {
            if !link.is_immutable() {
                found.loose.push(link);
                continue;
            }
            found.fixed.push(link);
            if !seen.contains(&link.sink.0) {
                seen.push(link.sink.0);
                next.push_back(link.sink.0);
            }
        }
    }
    found
}

fn ends(link: &Link) -> ((u32, u32), (u32, u32)) {
    (link.source, link.sink)
}

/// Makes the far end of a fixed branch take what the near end gives, where they differ; what fits is left as it is, since
/// it may be part of another camera. A part that refuses is told by the stream, which names it.
pub fn settle(graph: &Graph, link: &Link, source: &dyn Subdevice, sink: &dyn Subdevice) {
    let Ok(given) = source.format(link.source.1, 0) else { return };
    if sink.format(link.sink.1, 0).is_ok_and(|taken| fits(&given, &taken)) {
        return;
    }
    let Ok(taken) = sink.set_format(link.sink.1, 0, given) else { return };
    for onward in graph.links_out(link.sink.0) {
        let _ = sink.set_format(onward.source.1, 0, taken);
    }
}

/// Whether a part would take this at the end of a branch; nothing is changed.
pub fn takes(given: BusFormat, sink: &dyn Subdevice, pad: u32) -> bool {
    sink.try_format(pad, 0, given).is_ok_and(|taken| fits(&given, &taken))
}

/// The same where the branch ends at a node.
pub fn settle_node(given: BusFormat, node: &dyn Video) {
    const LONGEST_LIST: u32 = 64;
    let listed = (0..LONGEST_LIST).map_while(|index| node.format_on_bus(given.code, index).ok());
    let fourccs: Vec<u32> = listed.map(|entry| entry.fourcc).collect();
    let is_right = |format: &Format| {
        (format.width, format.height) == (given.width, given.height) && fourccs.contains(&format.fourcc)
    };
    if let Ok(now) = node.format()
        && !is_right(&now)
        && let Some(fourcc) = fourccs.first()
    {
        let wanted = Format {
            fourcc: *fourcc,
            width: given.width,
            height: given.height,
            planes: vec![Default::default()],
            ..now
        };
        let _ = node.set_format(&wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{find, graph::VIDEO_NODE, listing};
    use super::*;
    use crate::fake::{FakeKernel, FakePart, Model};
    use crate::kernel::Kernel;

    fn vimc(allowed: &[&str]) -> (Graph, Path) {
        let graph = listing::parse(include_str!("graphs/vimc.txt")).unwrap();
        let sensor = graph.named("Sensor A").unwrap().id;
        let path = find(&graph, sensor, allowed, |entity| entity.function == VIDEO_NODE).unwrap();
        (graph, path)
    }

    fn names(graph: &Graph, links: &[Link]) -> Vec<String> {
        links.iter().map(|link| graph.pad_name(link.sink)).collect()
    }

    #[test]
    fn what_leaves_the_way_is_found_behind_links_that_are_on_for_good() {
        let (graph, path) = vimc(&[]);
        assert_eq!(path.names(&graph), ["Sensor A", "Raw Capture 0"]);
        let found = branches(&graph, &path);
        assert_eq!(names(&graph, &found.fixed), ["\"Debayer A\":0"]);
        assert_eq!(names(&graph, &found.loose), ["\"Scaler\":0"]);
        let (graph, path) = vimc(&["Debayer A", "Scaler", "RGB/YUV Capture"]);
        let found = branches(&graph, &path);
        assert_eq!(
            (names(&graph, &found.fixed), found.loose),
            (vec!["\"Raw Capture 0\":0".to_owned()], vec![])
        );
    }

    #[test]
    fn circles_of_fixed_links_end() {
        let text = "- entity 1: a\ntype V4L2 subdev subtype Sensor\npad0: Source\n-> \"c\":0 [ENABLED]\n\
                    -> \"b\":0 [ENABLED,IMMUTABLE]\n- entity 2: b\npad0: Sink\npad1: Source\n\
                    -> \"b\":0 [ENABLED,IMMUTABLE]\n- entity 3: c\ntype Node subtype V4L\npad0: Sink";
        let graph = listing::parse(text).unwrap();
        let path = find(&graph, 1, &["c"], |entity| entity.function == VIDEO_NODE).unwrap();
        assert_eq!(branches(&graph, &path).fixed.len(), 2);
    }

    #[test]
    fn a_part_that_fits_is_left_alone_and_another_takes_what_it_is_given() {
        let (graph, path) = vimc(&[]);
        let link = branches(&graph, &path).fixed[0];
        let format = |width| BusFormat { code: 0x3014, width, height: 48, field: 1, colorspace: 8 };
        let (source, sink) = (FakePart::default(), FakePart::default());
        source.set_format(0, 0, format(64)).unwrap();
        settle(&graph, &link, &source, &sink);
        assert_eq!((sink.format(0, 0), sink.format(1, 0)), (Ok(format(64)), Ok(format(64))));
        sink.set_format(1, 0, format(32)).unwrap();
        settle(&graph, &link, &source, &sink);
        assert_eq!(sink.format(1, 0), Ok(format(32)), "a scaler of another camera");
    }

    #[test]
    fn a_node_at_the_end_takes_the_size_and_a_format_of_the_bus() {
        let kernel = FakeKernel::default();
        kernel.plug("/dev/video0", Model::raw());
        let node = kernel.video(std::path::Path::new("/dev/video0")).unwrap();
        let given = BusFormat { code: 0x3014, width: 32, height: 24, field: 1, colorspace: 8 };
        for (width, height) in [(64, 48), (32, 24)] {
            settle_node(BusFormat { width, height, ..given }, &*node);
            assert_eq!(node.format().unwrap().width, width);
        }
    }
}
