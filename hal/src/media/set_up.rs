//! From a board's wish to a capture node that can be opened as a camera.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use v4l2r::bindings;

use super::branch::{self, Branches};
use super::graph::{Graph, VIDEO_NODE};
use super::path::{self, matches};
use super::pipeline::{self, PipelineError};
use crate::discovery;
use crate::error::Error;
use crate::kernel::{BusFormat, Entity, Kernel, Subdevice};

/// What is wanted of a camera of several parts; mostly from a board's description.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The sensor's entity, `*` for any text: the number of its bus differs from board to board.
    pub sensor: &'a str,
    /// The entities that pictures may pass; empty for all.
    pub allowed: &'a [&'a str],
    /// What the sensor shall give.
    pub format: BusFormat,
}

/// A camera whose parts are linked and whose formats match, up to its capture node.
#[derive(Debug)]
pub struct Pipeline {
    graph: Graph,
    path: path::Path,
    branches: Branches,
    parts: HashMap<u32, Box<dyn Subdevice>>,
    capture: PathBuf,
    format: BusFormat,
}

impl Pipeline {
    /// Finds the way from the sensor to a node that captures pictures, links it, and hands the sensor's format on along
    /// it, and to what hangs on it for good. Other links off it are switched off. `sysfs` leads from device numbers to files (usually [`discovery::SYSFS`]). Does not block.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a media device, sensor or way; [`Error::Unsupported`] when two parts have no
    /// format in common, naming their pads; [`Error::Busy`] while it streams; [`Error::System`].
    pub fn set_up(kernel: &dyn Kernel, sysfs: &Path, media: &Path, wish: &Wish<'_>) -> Result<Self, Error> {
        let camera = media.display().to_string();
        let refused = |operation| {
            let camera = camera.clone();
            move |errno| Error::System { camera, operation, errno, detail: String::new() }
        };
        let missing = |reason| Error::NotFound { camera: camera.clone(), reason };
        let device = kernel.media(media).map_err(|errno| match errno {
            Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => {
                missing("there is no such media device".to_owned())
            }
            errno => refused("open")(errno),
        })?;
        let graph = Graph::from(device.topology().map_err(refused("MEDIA_IOC_G_TOPOLOGY"))?);
        let file = |entity: u32| discovery::device_file(sysfs, graph.device(entity)?);
        let Some(sensor) = graph.sensors().find(|sensor| matches(wish.sensor, &sensor.name)) else {
            let names: Vec<&str> = graph.sensors().map(|sensor| sensor.name.as_str()).collect();
            return Err(missing(format!(
                "no sensor is named {}; there are: {}",
                wish.sensor,
                names.join(", ")
            )));
        };
        let captures = |entity: &Entity| file(entity.id).is_some_and(|node| captures_pictures(kernel, &node));
        let path = path::find(&graph, sensor.id, wish.allowed, captures)
            .ok_or_else(|| missing(format!("no way leads from {} to a capture node", sensor.name)))?;
        let Some(capture) = file(path.capture()) else {
            return Err(missing("its capture node has no device file".to_owned()));
        };
        let branches = branch::branches(&graph, &path);
        pipeline::link(&graph, &*device, &path, &branches).map_err(|error| explained(&camera, error))?;
        let way = pipeline::steps(&path).into_iter().map(|step| step.entity);
        let is_node = |entity| graph.entity(entity).is_some_and(|entity| entity.function == VIDEO_NODE);
        let parts = way
            .chain(branches.fixed.iter().map(|link| link.sink.0))
            .filter(|entity| *entity != path.capture() && !is_node(*entity))
            .filter_map(|entity| Some((entity, file(entity)?)))
            .map(|(entity, node)| Ok((entity, kernel.subdevice(&node)?)))
            .collect::<nix::Result<HashMap<_, _>>>()
            .map_err(refused("open of a sub-device"))?;
        let format = pipeline::propagate(&graph, &path, wish.format, |entity| part(&parts, entity))
            .map_err(|error| explained(&camera, error))?;
        for link in &branches.fixed {
            let Some(source) = part(&parts, link.source.0) else { continue };
            if let Some(sink) = part(&parts, link.sink.0) {
                branch::settle(&graph, link, source, sink);
            } else if let (Ok(given), Some(node)) = (source.format(link.source.1, 0), file(link.sink.0))
                && let Ok(node) = kernel.video(&node)
            {
                branch::settle_node(given, &*node);
            }
        }
        Ok(Self { graph, path, branches, parts, capture, format })
    }

    /// The node to open as a camera.
    pub fn capture(&self) -> &Path {
        &self.capture
    }

    /// What comes out of the last part: the size that the node must be set to.
    pub fn format(&self) -> BusFormat {
        self.format
    }

    /// The names of the parts, from the sensor to the node.
    pub fn names(&self) -> Vec<&str> {
        self.path.names(&self.graph)
    }

    /// Says more about an error of the camera behind this pipeline: where formats differ when its stream was refused.
    #[must_use]
    pub fn explain(&self, error: Error) -> Error {
        match error {
            Error::System { camera, operation, errno: Errno::EPIPE, detail } => {
                let found = pipeline::explain(&self.graph, &self.path, &self.branches, |entity| {
                    part(&self.parts, entity)
                });
                let detail = found.map_or(detail, |mismatch| format!(" ({mismatch})"));
                Error::System { camera, operation, errno: Errno::EPIPE, detail }
            }
            other => other,
        }
    }
}

fn part(parts: &HashMap<u32, Box<dyn Subdevice>>, entity: u32) -> Option<&dyn Subdevice> {
    parts.get(&entity).map(|part| &**part)
}

/// Whether a video node gives pictures: there are also those for statistics, parameters and embedded data.
fn captures_pictures(kernel: &dyn Kernel, node: &Path) -> bool {
    let wanted = bindings::V4L2_CAP_VIDEO_CAPTURE | bindings::V4L2_CAP_VIDEO_CAPTURE_MPLANE;
    let identity = kernel.video(node).and_then(|node| node.identity());
    identity.is_ok_and(|identity| identity.device_caps & wanted != 0)
}

fn explained(camera: &str, error: PipelineError) -> Error {
    let camera = camera.to_owned();
    match error {
        PipelineError::Refused { operation, errno: Errno::EBUSY, .. } => {
            Error::Busy { camera, operation, errno: Errno::EBUSY }
        }
        PipelineError::Refused { operation, errno, pad } => {
            Error::System { camera, operation, errno, detail: format!(" ({pad})") }
        }
        error @ PipelineError::Mismatch(_) => Error::Unsupported { camera, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::super::listing;
    use super::*;
    use crate::camera::{Camera, StreamRequest};
    use crate::error::ErrorKind;
    use crate::fake::{Call, FakeKernel, FakePart, Model, Times};
    use crate::kernel::Interface;
    use crate::v4l2::V4l2Camera;

    const MEDIA: &str = "/dev/media0";

    fn format(width: u32) -> BusFormat {
        BusFormat { code: 0x300f, width, height: 48, field: 1, colorspace: 11 }
    }

    fn wish() -> Wish<'static> {
        Wish { sensor: "ov4689 *", allowed: &["rkisp1*"], format: format(64) }
    }

    fn board() -> (FakeKernel, tempfile::TempDir) {
        board_with(include_str!("graphs/rkisp1.txt"))
    }

    /// A board with this graph, whose files are numbered as its entities are.
    fn board_with(graph: &str) -> (FakeKernel, tempfile::TempDir) {
        let listed = listing::parse(graph).unwrap();
        let mut topology = listed.topology().clone();
        let kernel = FakeKernel::default();
        let sysfs = tempfile::tempdir().unwrap();
        for entity in &topology.entities {
            let (kind, is_node) = (0x200, entity.function == VIDEO_NODE);
            let name = format!("{}{}", if is_node { "video" } else { "v4l-subdev" }, entity.id);
            let folder = sysfs.path().join(format!("dev/char/81:{}", entity.id));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("uevent"), format!("MAJOR=81\nDEVNAME={name}\n")).unwrap();
            topology.interfaces.push(Interface { entity: entity.id, kind, major: 81, minor: entity.id });
            let file = format!("/dev/{name}");
            if (entity.name.ends_with("path") || entity.name.contains("Capture")) && is_node {
                kernel.plug(file, Model::raw());
            } else if is_node {
                let mut model = Model::raw();
                model.identity.device_caps = bindings::V4L2_CAP_META_CAPTURE;
                kernel.plug(file, model);
            } else {
                kernel.plug_part(file, FakePart::default());
            }
        }
        kernel.plug_media(MEDIA, topology);
        (kernel, sysfs)
    }

    fn set_up(kernel: &FakeKernel, sysfs: &Path, wish: &Wish<'_>) -> Result<Pipeline, Error> {
        Pipeline::set_up(kernel, sysfs, Path::new(MEDIA), wish)
    }

    #[test]
    fn a_camera_of_several_parts_is_set_up_and_streams() {
        let (kernel, sysfs) = board();
        let pipeline = set_up(&kernel, sysfs.path(), &wish()).unwrap();
        assert_eq!(
            pipeline.names(),
            ["ov4689 1-0036", "rkisp1_csi", "rkisp1_isp", "rkisp1_resizer_mainpath", "rkisp1_mainpath"]
        );
        assert_eq!((pipeline.capture(), pipeline.format()), (Path::new("/dev/video12"), format(64)));
        let mut camera = V4l2Camera::open_on(&kernel, pipeline.capture()).unwrap();
        let mode = camera.modes().unwrap()[0];
        camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
        camera.start().unwrap();
    }

    #[test]
    fn a_stream_that_is_refused_names_the_pads_that_differ() {
        let (kernel, sysfs) = board();
        let pipeline = set_up(&kernel, sysfs.path(), &wish()).unwrap();
        let camera_file = pipeline.capture().to_owned();
        let fake = kernel.plug(&camera_file, Model::raw());
        fake.refuse(Call::StreamOn, Errno::EPIPE, Times::Always);
        // Another program changes a part behind our back.
        let resizer = kernel.subdevice(Path::new("/dev/v4l-subdev6")).unwrap();
        resizer.set_format(0, 0, format(32)).unwrap();
        let mut camera = V4l2Camera::open_on(&kernel, &camera_file).unwrap();
        let mode = camera.modes().unwrap()[0];
        camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
        let text = pipeline.explain(camera.start().unwrap_err()).to_string();
        let told =
            "\"rkisp1_isp\":2 gives 0x300f 64x48, and \"rkisp1_resizer_mainpath\":0 takes 0x300f 32x48";
        assert!(text.contains("VIDIOC_STREAMON") && text.contains(told), "{text}");
    }

    #[test]
    fn what_hangs_on_the_way_fits_or_is_switched_off() {
        let (kernel, sysfs) = board_with(include_str!("graphs/vimc.txt"));
        let links = || kernel.media(Path::new(MEDIA)).unwrap().topology().unwrap().links;
        let scaler_is_fed = || links().iter().any(|link| link.sink == (21, 0) && link.is_enabled());
        let raw = Wish { sensor: "Sensor A", allowed: &[], format: format(64) };
        let pipeline = set_up(&kernel, sysfs.path(), &raw).unwrap();
        assert_eq!(pipeline.names(), ["Sensor A", "Raw Capture 0"]);
        // The debayer cannot be cut off from the sensor, and the scaler can be from the debayer.
        let debayer = kernel.subdevice(Path::new("/dev/v4l-subdev5")).unwrap();
        assert_eq!(debayer.format(0, 0), Ok(format(64)));
        assert!(!scaler_is_fed());
        let allowed = &["Debayer A", "Scaler", "RGB/YUV Capture"];
        let developed = Wish { allowed, format: BusFormat { height: 24, ..format(32) }, ..raw };
        let pipeline = set_up(&kernel, sysfs.path(), &developed).unwrap();
        assert_eq!(pipeline.capture(), Path::new("/dev/video24"));
        assert!(scaler_is_fed());
        // The node at the end of the branch takes what the sensor gives.
        assert_eq!(kernel.video(Path::new("/dev/video11")).unwrap().format().unwrap().width, 32);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let (kernel, sysfs) = board();
        let error = set_up(&kernel, sysfs.path(), &Wish { sensor: "imx477 *", ..wish() }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("ov4689 1-0036"), "{error}");
        let nowhere = Wish { allowed: &["rkisp1_csi", "rkisp1_isp"], ..wish() };
        assert_eq!(set_up(&kernel, sysfs.path(), &nowhere).unwrap_err().kind(), ErrorKind::NotFound);
        let empty = FakeKernel::default();
        assert_eq!(set_up(&empty, sysfs.path(), &wish()).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_part_with_another_format_is_told_with_its_pads() {
        let (kernel, sysfs) = board();
        kernel.plug_part("/dev/v4l-subdev1", FakePart::with_fixed(0, format(32)));
        let error = set_up(&kernel, sysfs.path(), &wish()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("\"rkisp1_isp\":0 takes 0x300f 32x48"), "{error}");
    }
}
