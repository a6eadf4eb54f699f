//! The way from a sensor to a capture node.

use std::collections::{HashMap, VecDeque};

use super::graph::Graph;
use crate::kernel::{Entity, Link};

/// The links that pictures pass, from the sensor to the capture node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// At least one, each beginning at the entity where the one before it ends.
    pub links: Vec<Link>,
}

impl Path {
    /// The entity of the sensor.
    pub fn sensor(&self) -> u32 {
        self.links[0].source.0
    }

    /// The entity of the capture node.
    pub fn capture(&self) -> u32 {
        self.links[self.links.len() - 1].sink.0
    }

    /// The same way with its links as a newer graph has them.
    #[must_use]
    pub fn as_in(&self, graph: &Graph) -> Self {
        let now = |old: &Link| graph.links_into(old.sink).find(|link| link.source == old.source).copied();
        Self { links: self.links.iter().map(|link| now(link).unwrap_or(*link)).collect() }
    }

    /// The names of the entities on the way.
    pub fn names<'a>(&self, graph: &'a Graph) -> Vec<&'a str> {
        let entities = std::iter::once(self.sensor()).chain(self.links.iter().map(|link| link.sink.0));
        entities.filter_map(|id| graph.entity(id)).map(|entity| entity.name.as_str()).collect()
    }
}

/// The shortest way from a sensor to an entity that `is_capture` accepts, by breadth-first search; of ways of the same
/// length the one through the lowest pads. A video node may be for statistics or metadata: that is for `is_capture` to
/// know, which asks the device. A board may restrict the way to entities that match `allowed` (`*` stands for any text;
/// empty allows all).
pub fn find(
    graph: &Graph,
    sensor: u32,
    allowed: &[&str],
    is_capture: impl Fn(&Entity) -> bool,
) -> Option<Path> {
    let may_pass =
        |entity: &Entity| allowed.is_empty() || allowed.iter().any(|pattern| matches(pattern, &entity.name));
    let mut reached_by: HashMap<u32, Link> = HashMap::new();
    let mut next = VecDeque::from([sensor]);
    while let Some(at) = next.pop_front() {
        for link in graph.links_out(at) {
            let Some(entity) = graph.entity(link.sink.0) else { continue };
            let seen = entity.id == sensor || reached_by.contains_key(&entity.id);
            // A link that is off for good leads nowhere.
            let is_closed = link.is_immutable() && !link.is_enabled();
            if seen || is_closed || !may_pass(entity) {
                continue;
            }
            reached_by.insert(entity.id, link);
            if is_capture(entity) {
                return Some(walk_back(&reached_by, entity.id, sensor));
            }
            next.push_back(entity.id);
        }
    }
    None
}

fn walk_back(reached_by: &HashMap<u32, Link>, capture: u32, sensor: u32) -> Path {
    let mut links = Vec::new();
    let mut at = capture;
    while let Some(link) = reached_by.get(&at).filter(|_| at != sensor) {
        links.push(*link);
        at = link.source.0;
    }
    links.reverse();
    Path { links }
}

/// Whether a name fits a pattern, in which `*` stands for any text. What stands between two stars is taken where it comes
/// first: a later place would leave less for the rest, so that nothing needs to be tried twice.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| name.strip_prefix(start)) else { return false };
    let Some(end) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::super::graph::VIDEO_NODE;
    use super::super::listing;
    use super::*;
    use proptest::prelude::*;

    /// A board: its graph, what it must be restricted to, and the way that is wanted.
    struct Board {
        name: &'static str,
        graph: &'static str,
        allowed: &'static [&'static str],
        way: &'static [&'static str],
    }

    const BOARDS: [Board; 9] = [
        Board {
            name: "rkisp1",
            graph: include_str!("graphs/rkisp1.txt"),
            allowed: &[],
            way: &["ov4689 1-0036", "rkisp1_csi", "rkisp1_isp", "rkisp1_resizer_mainpath", "rkisp1_mainpath"],
        },
        Board {
            name: "rp1-cfe",
            graph: include_str!("graphs/rp1-cfe.txt"),
            allowed: &[],
            way: &["imx219 6-0010", "csi2", "rp1-cfe-csi2_ch0"],
        },
        Board {
            name: "unicam",
            graph: include_str!("graphs/unicam.txt"),
            allowed: &[],
            way: &["imx219 10-0010", "unicam-image"],
        },
        Board {
            name: "imx8-isi",
            graph: include_str!("graphs/imx8-isi.txt"),
            allowed: &[],
            way: &["imx219 1-0010", "csis-32e40000.csi", "crossbar", "mxc_isi.0", "mxc_isi.0.capture"],
        },
        Board {
            name: "sun6i-csi",
            graph: include_str!("graphs/sun6i-csi.txt"),
            allowed: &[],
            way: &["ov5640 3-004c", "sun6i-csi-bridge", "sun6i-csi-capture"],
        },
        Board {
            name: "qcom-camss",
            graph: include_str!("graphs/qcom-camss.txt"),
            allowed: &["msm_csiphy0", "msm_csid0", "msm_vfe0_*"],
            way: &["imx363 16-0010", "msm_csiphy0", "msm_csid0", "msm_vfe0_rdi0", "msm_vfe0_video0"],
        },
        Board {
            name: "dcmipp",
            graph: include_str!("graphs/dcmipp.txt"),
            allowed: &[],
            way: &[
                "imx335 0-001a",
                "48020000.csi",
                "dcmipp_input",
                "dcmipp_dump_postproc",
                "dcmipp_dump_capture",
            ],
        },
        Board {
            name: "j721e-csi2rx",
            graph: include_str!("graphs/j721e-csi2rx.txt"),
            allowed: &[],
            way: &[
                "imx219 4-0010",
                "cdns_csi2rx.30101000.csi-bridge",
                "30102000.ticsi2rx",
                "30102000.ticsi2rx context 0",
            ],
        },
        Board {
            name: "vimc",
            graph: include_str!("graphs/vimc.txt"),
            allowed: &["Debayer A", "Scaler", "RGB/YUV Capture"],
            way: &["Sensor A", "Debayer A", "Scaler", "RGB/YUV Capture"],
        },
    ];

    /// What a test can know of a video node without opening it.
    fn takes_pictures(entity: &Entity) -> bool {
        entity.function == VIDEO_NODE
            && !["stats", "params", "embedded", "config"].iter().any(|word| entity.name.contains(word))
    }

    #[test]
    fn every_board_has_its_way_from_sensor_to_capture_node() {
        for board in BOARDS {
            let graph = listing::parse(board.graph).unwrap_or_else(|error| panic!("{}: {error}", board.name));
            let sensor = graph.sensors().next().unwrap().id;
            let path = find(&graph, sensor, board.allowed, takes_pictures);
            let path = path.unwrap_or_else(|| panic!("{}: no way", board.name));
            assert_eq!(path.names(&graph), board.way, "{}", board.name);
            assert!(path.links.windows(2).all(|pair| pair[0].sink.0 == pair[1].source.0), "{}", board.name);
        }
    }

    #[test]
    fn every_graph_names_its_source() {
        for board in BOARDS {
            assert!(board.graph.starts_with("# source: "), "{}", board.name);
        }
    }

    #[test]
    fn a_restriction_that_allows_no_way_finds_none() {
        let graph = listing::parse(BOARDS[0].graph).unwrap();
        let sensor = graph.sensors().next().unwrap().id;
        assert_eq!(
            find(&graph, sensor, &["rkisp1_csi", "rkisp1_isp", "rkisp1_resizer*"], takes_pictures),
            None
        );
        let self_path = ["rkisp1_csi", "rkisp1_isp", "*_selfpath"];
        let path = find(&graph, sensor, &self_path, takes_pictures).unwrap();
        assert_eq!(path.names(&graph)[4], "rkisp1_selfpath");
    }

    #[test]
    fn circles_end() {
        let text = "- entity 1: a\ntype V4L2 subdev subtype Sensor\npad0: Source\n-> \"b\":0 []\n\
                    - entity 2: b\npad0: Sink\npad1: Source\n-> \"a\":0 []\n-> \"b\":0 []";
        assert_eq!(find(&listing::parse(text).unwrap(), 1, &[], |_| false), None);
    }

    #[test]
    fn stars_stand_for_any_text() {
        assert!(matches("imx219 *", "imx219 4-0010") && matches("*", "") && matches("a*b*c", "aXbYbZc"));
        assert!(
            !matches("imx219", "imx219 4-0010") && !matches("a*b", "ac") && matches("*é*", "café au lait")
        );
        // One text does not serve two parts.
        assert!(!matches("ab*ba", "aba") && !matches("a*a*a", "aa") && matches("a*a*a", "abaca"));
    }

    #[test]
    fn many_stars_take_no_time() {
        let (pattern, name) = (format!("{}b", "*a".repeat(300)), "a".repeat(2000));
        let begun = std::time::Instant::now();
        assert!(!matches(&pattern, &name) && !matches(&format!("{}b", "*".repeat(3000)), &name));
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    /// As it is said: every end of what a star stands for is tried.
    fn matches_by_trying(pattern: &str, name: &str) -> bool {
        match pattern.split_once('*') {
            None => pattern == name,
            Some((start, rest)) => name.strip_prefix(start).is_some_and(|tail| {
                (0..=tail.len()).any(|at| tail.get(at..).is_some_and(|tail| matches_by_trying(rest, tail)))
            }),
        }
    }

    proptest! {
        #[test]
        fn stars_stand_for_any_text_whatever_is_between_them(pattern in "[ab*]{0,9}", name in "[abé]{0,9}") {
            prop_assert_eq!(matches(&pattern, &name), matches_by_trying(&pattern, &name));
        }
    }
}
