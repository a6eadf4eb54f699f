use std::path::Path;
use std::time::Duration;

use super::super::graph::{Graph, VIDEO_NODE};
use super::super::listing;
use super::*;
use crate::camera::{Camera, Dequeued, StreamRequest};
use crate::fake::{Call, FakeKernel, FakePart, Model, Times};
use crate::kernel::{BusSize, ControlKind, Interface};
use crate::v4l2::V4l2Camera;

const RGGB10: u32 = 0x300f;
const RGGB8: u32 = 0x3014;
const EXPOSURE: u32 = 0x0098_0911;
const GAIN: u32 = 0x009e_0903;
const BRIGHTNESS: u32 = 0x0098_0900;

/// A board with this graph, whose files are numbered as its entities are. Nodes that capture pictures leave their
/// pipeline to programs.
pub(in super::super) fn board(graph: &str) -> FakeKernel {
    let listed = listing::parse(graph).unwrap();
    let mut topology = listed.topology().clone();
    let kernel = FakeKernel::default();
    for entity in &topology.entities {
        let (kind, is_node) = (0x200, entity.function == VIDEO_NODE);
        let file = format!("/dev/{}{}", if is_node { "video" } else { "v4l-subdev" }, entity.id);
        topology.interfaces.push(Interface { entity: entity.id, kind, major: 81, minor: entity.id });
        if is_node {
            let mut model = model_of_node();
            if !entity.name.ends_with("path") && !entity.name.to_lowercase().contains("capture") {
                model.identity.device_caps = bindings::V4L2_CAP_META_CAPTURE;
            }
            kernel.plug(file, model);
        } else {
            kernel.plug_part(file, FakePart::default());
        }
    }
    kernel.plug_media("/dev/media0", topology);
    kernel
}

/// A capture node that leaves its pipeline to programs, with one control of its own.
fn model_of_node() -> Model {
    let mut model = Model::raw();
    model.identity.device_caps |= bindings::V4L2_CAP_IO_MC;
    model.controls = vec![control(BRIGHTNESS, "Brightness", 9)];
    model
}

const NODE: &str = "/dev/video12";
const RESIZER: &str = "/dev/v4l-subdev6";

fn control(id: u32, name: &str, max: i64) -> Control {
    let kind = ControlKind::Integer;
    Control { id, name: name.to_owned(), kind, min: 1, max, step: 1, default: 1, flags: 0 }
}

/// A phone with a sensor of two depths and three sizes, the last of them a range.
fn phone() -> FakeKernel {
    let kernel = board(include_str!("graphs/rkisp1.txt"));
    let sensor = kernel.media(Path::new("/dev/media0")).unwrap().topology().unwrap();
    let sensor = Graph::from(sensor).sensors().next().unwrap().id;
    let one = |size| BusSize { min: size, max: size };
    let sizes = [one((64, 48)), one((32, 24)), BusSize { min: (16, 16), max: (128, 96) }];
    let controls = [control(EXPOSURE, "Exposure", 900), control(GAIN, "Analogue gain", 16)];
    let part = FakePart::sensor(&[RGGB10, RGGB8], &sizes).with_controls(&controls);
    kernel.plug_part(format!("/dev/v4l-subdev{sensor}"), part);
    kernel
}

fn sizes(camera: &V4l2Camera) -> Vec<(u32, u32)> {
    let mut sizes: Vec<_> = camera.modes().unwrap().iter().map(|mode| (mode.width, mode.height)).collect();
    sizes.dedup();
    sizes
}

#[test]
fn opening_the_node_is_enough_to_stream_through_all_parts() {
    let kernel = phone();
    let mut camera = V4l2Camera::open_on(&kernel, Path::new(NODE)).unwrap();
    assert_eq!(sizes(&camera)[..3], [(128, 96), (64, 48), (32, 24)]);
    let mode = camera.modes().unwrap().into_iter().find(|mode| mode.width == 32).unwrap();
    let config = camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
    assert_eq!((config.format, config.width, config.height), (mode.format, 32, 24));
    let resizer = kernel.subdevice(Path::new(RESIZER)).unwrap();
    assert_eq!(resizer.format(1, 0).unwrap().width, 32);
    camera.start().unwrap();
    assert!(matches!(camera.dequeue(Duration::from_secs(1)), Ok(Dequeued::Frame(_))));
}

#[test]
fn a_stream_that_is_refused_names_the_pads_that_differ() {
    let kernel = phone();
    let fake = kernel.plug(NODE, model_of_node());
    let mut camera = V4l2Camera::open_on(&kernel, Path::new(NODE)).unwrap();
    let mode = camera.modes().unwrap().into_iter().find(|mode| mode.width == 64).unwrap();
    camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
    // Another program changes a part behind our back.
    let resizer = kernel.subdevice(Path::new(RESIZER)).unwrap();
    let now = resizer.format(0, 0).unwrap();
    resizer.set_format(0, 0, BusFormat { width: 32, ..now }).unwrap();
    fake.refuse(Call::StreamOn, Errno::EPIPE, Times::Next(1));
    let text = camera.start().unwrap_err().to_string();
    let told = format!(
        "\"rkisp1_isp\":2 gives {:#06x} 64x48, and \"rkisp1_resizer_mainpath\":0 takes {:#06x} 32x48",
        now.code, now.code
    );
    assert!(text.contains("VIDIOC_STREAMON") && text.contains(&told), "{text}");
    // Configuring it anew mends it.
    camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
    camera.start().unwrap();
}

#[test]
fn a_part_with_another_format_is_told_with_its_pads_or_its_modes_are_not_there() {
    let kernel = phone();
    let fixed = BusFormat { code: RGGB10, width: 32, height: 24, field: 1, colorspace: 0 };
    kernel.plug_part("/dev/v4l-subdev1", FakePart::with_fixed(0, fixed));
    let camera = V4l2Camera::open_on(&kernel, Path::new(NODE)).unwrap();
    assert_eq!(sizes(&camera), [(32, 24)]);
    let (kernel, isp) = (phone(), FakePart::default());
    kernel.plug_part("/dev/v4l-subdev1", isp.clone());
    let mut camera = V4l2Camera::open_on(&kernel, Path::new(NODE)).unwrap();
    let mode = camera.modes().unwrap().into_iter().find(|mode| mode.width == 64).unwrap();
    // It is found out when it is set up, since nothing was tried with this part.
    isp.fix(0, fixed);
    let text = camera.configure(&StreamRequest { mode, held: 1 }).unwrap_err().to_string();
    assert!(text.contains("\"rkisp1_isp\":0 takes 0x300f 32x24"), "{text}");
}

#[test]
fn controls_of_all_parts_are_the_cameras() {
    let kernel = phone();
    let mut camera = V4l2Camera::open_on(&kernel, Path::new(NODE)).unwrap();
    let ids: Vec<u32> = camera.controls().unwrap().iter().map(|control| control.id).collect();
    assert_eq!(ids, [BRIGHTNESS, EXPOSURE, GAIN]);
    let wanted = [(GAIN, 99), (BRIGHTNESS, 7), (EXPOSURE, 300)];
    assert_eq!(camera.set_controls(&wanted).unwrap(), [16, 7, 300]);
    assert_eq!(camera.control_values(&[EXPOSURE, BRIGHTNESS, GAIN]).unwrap(), [300, 7, 16]);
    let text = camera.set_controls(&[(EXPOSURE, 1), (0x1234, 1)]).unwrap_err().to_string();
    assert!(text.contains("0x00001234"), "{text}");
    assert_eq!(camera.control_values(&[EXPOSURE]).unwrap(), [300], "nothing of it was set");
}

#[test]
fn a_node_that_sets_its_parts_up_itself_is_left_alone() {
    let kernel = phone();
    let of_its_own = V4l2Camera::open_on(&kernel, Path::new(NODE)).unwrap().modes().unwrap();
    kernel.plug(NODE, Model::raw());
    assert_ne!(V4l2Camera::open_on(&kernel, Path::new(NODE)).unwrap().modes().unwrap(), of_its_own);
}

#[test]
fn a_node_without_a_sensor_is_taken_as_it_is_and_a_wish_for_one_is_refused() {
    let kernel = FakeKernel::default();
    kernel.plug(NODE, model_of_node());
    assert!(V4l2Camera::open_on(&kernel, Path::new(NODE)).is_ok());
    let wish = Wish { sensor: "imx219 *".to_owned(), ..Wish::default() };
    let error = V4l2Camera::open_wished(&kernel, Path::new(NODE), &wish).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn the_list_of_controls_ends_with_einval_though_the_node_has_none() {
    let kernel = phone();
    let mut model = model_of_node();
    model.controls.clear();
    kernel.plug(NODE, model).refuse(Call::QueryControl, Errno::ENOTTY, Times::Always);
    let node = kernel.video(Path::new(NODE)).unwrap();
    let identity = node.identity().unwrap();
    let node = with_pipeline(&kernel, Path::new(NODE), node, &identity, &Wish::default()).unwrap();
    assert_eq!(node.control_after(EXPOSURE).map(|control| control.id), Ok(GAIN));
    assert_eq!(node.control_after(GAIN).map(|control| control.id), Err(Errno::EINVAL));
}

#[test]
fn a_format_that_the_parts_cannot_give_is_told_as_the_nearest_that_they_can() {
    let kernel = phone();
    let node = kernel.video(Path::new(NODE)).unwrap();
    let identity = node.identity().unwrap();
    let listed: Vec<u32> =
        (0..9).map_while(|index| node.format_entry(index).ok()).map(|entry| entry.fourcc).collect();
    let mut pipeline_node =
        PipelineNode::new(node, Pipeline::to_node(&kernel, Path::new(NODE), &Wish::default()).unwrap());
    assert!(identity.device_caps & bindings::V4L2_CAP_IO_MC != 0 && listed.len() > 1);
    let now = pipeline_node.format().unwrap();
    pipeline_node.ways.retain(|way| way.format.fourcc != now.fourcc);
    let told = pipeline_node.format().unwrap();
    assert!(told.fourcc != now.fourcc && listed.contains(&told.fourcc), "{now:?}, then {told:?}");
}
