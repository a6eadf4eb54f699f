use std::cell::RefCell;
use std::collections::HashMap;

use nix::errno::Errno;

use super::super::{find, graph::VIDEO_NODE, listing};
use super::*;
use crate::fake::FakePart as Part;
use crate::kernel::{MediaInfo, Topology};

const RGGB10: u32 = 0x300f;
const YUYV: u32 = 0x2008;

/// Remembers which links were switched.
#[derive(Debug, Default)]
struct Switches {
    made: RefCell<Vec<(String, bool)>>,
    refuse: bool,
    graph: Graph,
}

impl Media for Switches {
    fn info(&self) -> nix::Result<MediaInfo> {
        Ok(MediaInfo::default())
    }
    fn topology(&self) -> nix::Result<Topology> {
        Ok(self.graph.topology().clone())
    }
    fn set_link(&self, link: &crate::kernel::Link, on: bool) -> nix::Result<()> {
        if self.refuse {
            return Err(Errno::EBUSY);
        }
        self.made.borrow_mut().push((self.graph.pad_name(link.source), on));
        Ok(())
    }
    fn allocate_request(&self) -> nix::Result<Box<dyn crate::kernel::Request>> {
        Err(Errno::ENOTTY)
    }
}

fn board() -> (Graph, Path) {
    let graph = listing::parse(include_str!("graphs/rkisp1.txt")).unwrap();
    let sensor = graph.sensors().next().unwrap().id;
    let path =
        find(&graph, sensor, &[], |entity| entity.function == VIDEO_NODE && entity.name.ends_with("path"))
            .unwrap();
    (graph, path)
}

fn parts(path: &Path, change: impl Fn(u32) -> Part) -> HashMap<u32, Part> {
    let all: Vec<u32> = steps(path).iter().map(|step| step.entity).collect();
    // The last one is a video node.
    all[..all.len() - 1].iter().map(|entity| (*entity, change(*entity))).collect()
}

/// Parts that hand everything on, but for one whose pad always has this format.
fn parts_with_fixed(path: &Path, fixed: u32, pad: u32, format: BusFormat) -> HashMap<u32, Part> {
    parts(path, |entity| if entity == fixed { Part::with_fixed(pad, format) } else { Part::default() })
}

fn opened<'a>(parts: &'a HashMap<u32, Part>) -> impl Fn(u32) -> Option<&'a dyn Subdevice> {
    |entity| parts.get(&entity).map(|part| part as &dyn Subdevice)
}

fn format(code: u32, width: u32) -> BusFormat {
    BusFormat { code, width, height: 480, field: 1, colorspace: 11 }
}

#[test]
fn the_sensors_format_is_handed_on_to_the_end() {
    let (graph, path) = board();
    let parts = parts(&path, |_| Part::default());
    let end = propagate(&graph, &path, format(RGGB10, 640), Mood::Set, opened(&parts)).unwrap();
    let end = end.last().unwrap().1;
    assert_eq!(end, format(RGGB10, 640));
    assert_eq!(explain(&graph, &path, &Branches::default(), opened(&parts)), None);
}

#[test]
fn a_part_that_changes_the_format_at_its_output_hands_on_the_change() {
    let (graph, path) = board();
    let isp = graph.named("rkisp1_isp").unwrap().id;
    let parts = parts_with_fixed(&path, isp, 2, format(YUYV, 632));
    let end = propagate(&graph, &path, format(RGGB10, 640), Mood::Set, opened(&parts)).unwrap();
    let end = end.last().unwrap().1;
    assert_eq!((end.code, end.width), (YUYV, 632));
}

#[test]
fn pads_that_do_not_match_are_named_with_both_formats() {
    let (graph, path) = board();
    let isp = graph.named("rkisp1_isp").unwrap().id;
    let parts = parts_with_fixed(&path, isp, 0, format(RGGB10, 800));
    let error =
        propagate(&graph, &path, format(RGGB10, 640), Mood::Set, opened(&parts)).unwrap_err().to_string();
    let told = r#""rkisp1_csi":1 gives 0x300f 640x480, and "rkisp1_isp":0 takes 0x300f 800x480"#;
    assert!(error.contains(told), "{error}");
    // The same is what an EPIPE of the whole pipeline means.
    assert_eq!(explain(&graph, &path, &Branches::default(), opened(&parts)).unwrap().to_string(), told);
}

#[test]
fn links_of_the_way_are_switched_on_and_rivals_off() {
    let text = "- entity 1: a\ntype V4L2 subdev subtype Sensor\npad0: Source\n-> \"csi\":0 []\n\
                - entity 2: b\ntype V4L2 subdev subtype Sensor\npad0: Source\n-> \"csi\":0 [ENABLED]\n\
                - entity 3: csi\npad0: Sink\npad1: Source\n-> \"video\":0 [ENABLED,IMMUTABLE]\n\
                - entity 4: video\ntype Node subtype V4L\npad0: Sink";
    let graph = listing::parse(text).unwrap();
    let path = find(&graph, 1, &[], |entity| entity.function == VIDEO_NODE).unwrap();
    let mut media = Switches { graph: graph.clone(), ..Switches::default() };
    link(&graph, &media, &path, &Branches::default()).unwrap();
    assert_eq!(*media.made.borrow(), [("\"b\":0".to_owned(), false), ("\"a\":0".to_owned(), true)]);
    media.refuse = true;
    let error = link(&graph, &media, &path, &Branches::default()).unwrap_err().to_string();
    assert!(error.contains("MEDIA_IOC_SETUP_LINK on \"b\":0 failed: EBUSY"), "{error}");
}
