//! From a board's wish to a capture node that can be opened as a camera.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use v4l2r::bindings;

use super::branch;
use super::graph::{Graph, VIDEO_NODE};
use super::path::{self, matches};
use super::pipeline::{self, Mismatch, Mood, PipelineError};
use super::routing;
use crate::error::Error;
use crate::kernel::{BusFormat, Entity, Kernel, Media, Subdevice, Video};

/// Which camera of a media device is meant, where it has several; mostly from a board's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The sensor's entity, `*` for any text: the number of its bus differs from board to board.
    pub sensor: String,
    /// The entities that pictures may pass, `*` for any text; empty for all.
    pub allowed: Vec<String>,
}

impl Default for Wish {
    /// Any sensor, any way.
    fn default() -> Self {
        Self { sensor: "*".to_owned(), allowed: Vec::new() }
    }
}

/// The parts of a camera from its sensor to its capture node, opened; nothing is changed before [`Pipeline::set_up`].
#[derive(Debug)]
pub struct Pipeline {
    media: Box<dyn Media>,
    name: String,
    path: path::Path,
    parts: HashMap<u32, Box<dyn Subdevice>>,
    /// The video nodes at which links end that cannot be switched off.
    others: HashMap<u32, Box<dyn Video>>,
    capture: PathBuf,
}

impl Pipeline {
    /// The way from a sensor to a node that captures pictures: of several sensors that fit the first whose way is linked
    /// already, else the first. Does not block.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a media device, sensor or way; [`Error::Permission`] and [`Error::System`] for
    /// parts that do not open, with their files.
    pub fn find(kernel: &dyn Kernel, media: &Path, wish: &Wish) -> Result<Self, Error> {
        let name = media.display().to_string();
        let device = kernel.media(media).map_err(|errno| unopened(&name, media, errno))?;
        let captures = |kernel: &dyn Kernel, file: &Path| captures_pictures(kernel, file);
        Self::in_graph(kernel, device, name, wish, captures)
    }

    /// The same for a given node. Its media device is that which has it.
    ///
    /// # Errors
    /// As [`Pipeline::find`].
    pub fn to_node(kernel: &dyn Kernel, video: &Path, wish: &Wish) -> Result<Self, Error> {
        let name = video.display().to_string();
        let number = kernel.number(video).map_err(|errno| unopened(&name, video, errno))?;
        let device = kernel.media_of(video).map_err(|errno| match errno {
            Errno::ENOENT => {
                let reason = "no media device has this node, or this user may not open it".to_owned();
                Error::NotFound { camera: name.clone(), reason }
            }
            errno => unopened(&name, video, errno),
        })?;
        Self::in_graph(kernel, device, name, wish, |kernel, file| kernel.number(file) == Ok(number))
    }

    /// The same on the first media device of `dev` (usually `/dev`) whose driver has this name and which has such a way.
    ///
    /// # Errors
    /// As [`Pipeline::find`]; [`Error::NotFound`] without a media device of this driver.
    pub fn of_driver(kernel: &dyn Kernel, dev: &Path, driver: &str, wish: &Wish) -> Result<Self, Error> {
        const MOST: u32 = 32;
        let reason = format!("no media device of the driver {driver} is in {}", dev.display());
        let mut last = Error::NotFound { camera: wish.sensor.clone(), reason };
        for number in 0..MOST {
            let path = dev.join(format!("media{number}"));
            let told = kernel.media(&path).and_then(|media| media.info());
            if told.is_ok_and(|info| info.driver == driver) {
                match Self::find(kernel, &path, wish) {
                    Ok(found) => return Ok(found),
                    Err(error) => last = error,
                }
            }
        }
        Err(last)
    }

    fn in_graph(
        kernel: &dyn Kernel,
        media: Box<dyn Media>,
        name: String,
        wish: &Wish,
        is_end: impl Fn(&dyn Kernel, &Path) -> bool,
    ) -> Result<Self, Error> {
        let missing = |reason| Error::NotFound { camera: name.clone(), reason };
        let graph = graph(&*media, &name).map_err(|error| explained(&name, error))?;
        let file = |entity: u32| kernel.file(graph.device(entity)?);
        let sensors: Vec<&Entity> =
            graph.sensors().filter(|sensor| matches(&wish.sensor, &sensor.name)).collect();
        if sensors.is_empty() {
            let names: Vec<&str> = graph.sensors().map(|sensor| sensor.name.as_str()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(missing(format!("no sensor is named {}; there are: {names}", wish.sensor)));
        }
        let is_end = |entity: &Entity| {
            entity.function == VIDEO_NODE && file(entity.id).is_some_and(|node| is_end(kernel, &node))
        };
        let allowed: Vec<&str> = wish.allowed.iter().map(String::as_str).collect();
        let mut ways: Vec<path::Path> =
            sensors.iter().filter_map(|sensor| path::find(&graph, sensor.id, &allowed, is_end)).collect();
        ways.sort_by_key(|way| !way.links.iter().all(|link| link.is_enabled()));
        let Some(path) = ways.into_iter().next() else {
            let names: Vec<&str> = sensors.iter().map(|sensor| sensor.name.as_str()).collect();
            return Err(missing(format!("no way leads from {} to a capture node", names.join(" or "))));
        };
        let Some(capture) = file(path.capture()) else {
            return Err(missing("its capture node has no device file".to_owned()));
        };
        let branches = branch::branches(&graph, &path);
        let way = pipeline::steps(&path).into_iter().map(|step| step.entity);
        let (mut parts, mut others) = (HashMap::new(), HashMap::new());
        for entity in way.chain(branches.fixed.iter().map(|link| link.sink.0)) {
            let Some(node) = file(entity).filter(|_| entity != path.capture()) else { continue };
            if graph.entity(entity).is_some_and(|entity| entity.function == VIDEO_NODE) {
                // What cannot be opened is told by the stream, if it does not fit.
                others.extend(kernel.video(&node).ok().map(|node| (entity, node)));
            } else {
                let opened = kernel.subdevice(&node);
                let opened = opened.map_err(|errno| unopened(&name, &node, errno))?;
                parts.insert(entity, opened);
            }
        }
        Ok(Self { media, name, path, parts, others, capture })
    }

    /// Links the way and routes pictures through its parts, and hands the sensor's format on along it and to what hangs on it for good; other links off it are
    /// switched off. What comes out of the last part: the size that the node must be set to.
    ///
    /// # Errors
    /// As [`pipeline::propagate`].
    pub fn set_up(&self, format: BusFormat) -> Result<BusFormat, PipelineError> {
        let graph = graph(&*self.media, &self.name)?;
        let path = self.path.as_in(&graph);
        let branches = branch::branches(&graph, &path);
        pipeline::link(&graph, &*self.media, &path, &branches)?;
        for step in pipeline::steps(&path) {
            if let (Some(sink), Some(source), Some(part)) = (step.sink, step.source, self.part(step.entity)) {
                routing::route(part, sink, source).map_err(|errno| PipelineError::Refused {
                    pad: graph.pad_name((step.entity, sink)),
                    operation: "VIDIOC_SUBDEV_S_ROUTING",
                    errno,
                })?;
            }
        }
        let pads = pipeline::propagate(&graph, &path, format, Mood::Set, |entity| self.part(entity))?;
        for link in &branches.fixed {
            let Some(source) = self.part(link.source.0) else { continue };
            if let Some(sink) = self.part(link.sink.0) {
                branch::settle(&graph, link, source, sink);
            } else if let (Ok(given), Some(node)) =
                (source.format(link.source.1, 0), self.others.get(&link.sink.0))
            {
                branch::settle_node(given, &**node);
            }
        }
        Ok(pads.last().map_or(format, |pad| pad.1))
    }

    /// What would come out of the last part; `None` when what hangs on the way for good takes no such pictures, so that they
    /// cannot stream. Nothing is changed.
    ///
    /// # Errors
    /// As [`pipeline::propagate`].
    pub fn outcome(&self, format: BusFormat) -> Result<Option<BusFormat>, PipelineError> {
        let graph = graph(&*self.media, &self.name)?;
        let pads = pipeline::propagate(&graph, &self.path, format, Mood::Try, |entity| self.part(entity))?;
        let branches = branch::branches(&graph, &self.path.as_in(&graph));
        for (pad, given) in &pads {
            for link in branches.fixed.iter().filter(|link| link.source == *pad) {
                let taken = match (self.part(link.sink.0), self.others.get(&link.sink.0)) {
                    (Some(part), _) => branch::takes(*given, part, link.sink.1),
                    (_, Some(node)) => node.format_on_bus(given.code, 0).is_ok(),
                    (None, None) => true,
                };
                if !taken {
                    return Ok(None);
                }
            }
        }
        Ok(pads.last().map(|pad| pad.1))
    }

    /// The node to open as a camera.
    pub fn capture(&self) -> &Path {
        &self.capture
    }

    /// The names of the parts, from the sensor to the node.
    ///
    /// # Errors
    /// [`PipelineError::Refused`].
    pub fn names(&self) -> Result<Vec<String>, PipelineError> {
        let graph = graph(&*self.media, &self.name)?;
        Ok(self.path.names(&graph).into_iter().map(str::to_owned).collect())
    }

    /// The sensor, and the pad that pictures leave.
    pub(super) fn sensor(&self) -> Option<(&dyn Subdevice, u32)> {
        Some((self.part(self.path.sensor())?, self.path.links.first()?.source.1))
    }

    /// The driver's name for the node.
    pub(super) fn node_name(&self) -> Option<String> {
        let graph = graph(&*self.media, &self.name).ok()?;
        graph.entity(self.path.capture()).map(|entity| entity.name.clone())
    }

    /// The parts in the order of pictures.
    pub(super) fn parts(&self) -> impl Iterator<Item = &dyn Subdevice> {
        pipeline::steps(&self.path).into_iter().filter_map(|step| self.part(step.entity))
    }

    /// Where two ends of a link differ, which is why a stream is refused with `EPIPE`.
    pub fn mismatch(&self) -> Option<Mismatch> {
        let graph = graph(&*self.media, &self.name).ok()?;
        let path = self.path.as_in(&graph);
        let branches = branch::branches(&graph, &path);
        pipeline::explain(&graph, &path, &branches, |entity| self.part(entity))
    }

    fn part(&self, entity: u32) -> Option<&dyn Subdevice> {
        self.parts.get(&entity).map(|part| &**part)
    }
}

fn graph(media: &dyn Media, name: &str) -> Result<Graph, PipelineError> {
    media.topology().map(Graph::from).map_err(|errno| PipelineError::Refused {
        pad: name.to_owned(),
        operation: "MEDIA_IOC_G_TOPOLOGY",
        errno,
    })
}

fn unopened(camera: &str, file: &Path, errno: Errno) -> Error {
    let camera = camera.to_owned();
    match errno {
        Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => {
            Error::NotFound { camera, reason: format!("there is no device at {}", file.display()) }
        }
        Errno::EACCES | Errno::EPERM => Error::Permission { path: file.to_owned() },
        errno => Error::System { camera, operation: "open", errno, detail: format!(" ({})", file.display()) },
    }
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
    use super::super::node::tests::board;
    use super::*;
    use crate::error::ErrorKind;
    use crate::fake::{FakeKernel, FakePart};
    use crate::kernel::{Route, Topology};

    const MEDIA: &str = "/dev/media0";

    fn format(width: u32) -> BusFormat {
        BusFormat { code: 0x300f, width, height: 48, field: 1, colorspace: 11 }
    }

    fn wish(sensor: &str, allowed: &[&str]) -> Wish {
        Wish { sensor: sensor.to_owned(), allowed: allowed.iter().map(|&name| name.to_owned()).collect() }
    }

    fn rkisp1() -> Wish {
        wish("ov4689 *", &["rkisp1*"])
    }

    fn find(kernel: &FakeKernel, wish: &Wish) -> Result<Pipeline, Error> {
        Pipeline::find(kernel, Path::new(MEDIA), wish)
    }

    #[test]
    fn a_camera_of_several_parts_is_found_and_set_up() {
        let kernel = board(include_str!("graphs/rkisp1.txt"));
        let pipeline = find(&kernel, &rkisp1()).unwrap();
        assert_eq!(
            pipeline.names().unwrap(),
            ["ov4689 1-0036", "rkisp1_csi", "rkisp1_isp", "rkisp1_resizer_mainpath", "rkisp1_mainpath"]
        );
        assert_eq!(pipeline.capture(), Path::new("/dev/video12"));
        let resizer = kernel.subdevice(Path::new("/dev/v4l-subdev6")).unwrap();
        assert_eq!(pipeline.outcome(format(64)).unwrap(), Some(format(64)));
        assert!(resizer.format(0, 0).is_err(), "only tried");
        assert_eq!(pipeline.set_up(format(64)).unwrap(), format(64));
        assert_eq!(resizer.format(1, 0), Ok(format(64)));
    }

    #[test]
    fn a_camera_is_found_by_the_driver_of_its_media_device() {
        let kernel = board(include_str!("graphs/rkisp1.txt"));
        kernel.plug_media("/dev/media3", Topology::default());
        let find = |driver: &str, sensor: &str| {
            Pipeline::of_driver(&kernel, Path::new("/dev"), driver, &wish(sensor, &[]))
        };
        assert_eq!(find("fake", "ov4689 *").unwrap().capture(), Path::new("/dev/video12"));
        let text = find("rkisp1", "*").unwrap_err().to_string();
        assert!(text.contains("no media device of the driver rkisp1"), "{text}");
        assert!(find("fake", "imx219 *").unwrap_err().to_string().contains("imx219 *"));
    }

    #[test]
    fn what_hangs_on_the_way_fits_or_is_switched_off() {
        let kernel = board(include_str!("graphs/vimc.txt"));
        let links = || kernel.media(Path::new(MEDIA)).unwrap().topology().unwrap().links;
        let scaler_is_fed = || links().iter().any(|link| link.sink == (21, 0) && link.is_enabled());
        let pipeline = find(&kernel, &wish("Sensor A", &[])).unwrap();
        pipeline.set_up(format(64)).unwrap();
        assert_eq!(pipeline.names().unwrap(), ["Sensor A", "Raw Capture 0"]);
        // A debayer that does not take something keeps the sensor from giving it.
        let other = BusFormat { code: 0x100d, ..format(64) };
        assert_eq!(pipeline.outcome(other).unwrap(), Some(other));
        kernel.plug_part("/dev/v4l-subdev5", FakePart::with_fixed(0, format(64)));
        let reopened = find(&kernel, &wish("Sensor A", &[])).unwrap();
        assert_eq!(
            (reopened.outcome(other).unwrap(), reopened.outcome(format(64)).unwrap()),
            (None, Some(format(64)))
        );
        kernel.plug_part("/dev/v4l-subdev5", FakePart::default());
        let pipeline = find(&kernel, &wish("Sensor A", &[])).unwrap();
        pipeline.set_up(format(64)).unwrap();
        // The debayer cannot be cut off from the sensor, and the scaler can be from the debayer.
        let debayer = kernel.subdevice(Path::new("/dev/v4l-subdev5")).unwrap();
        assert_eq!(debayer.format(0, 0), Ok(format(64)));
        assert!(!scaler_is_fed());
        let pipeline = find(&kernel, &wish("Sensor A", &["Debayer A", "Scaler", "RGB/YUV Capture"])).unwrap();
        pipeline.set_up(BusFormat { height: 24, ..format(32) }).unwrap();
        assert_eq!(pipeline.capture(), Path::new("/dev/video24"));
        assert!(scaler_is_fed());
        // The node at the end of the branch takes what the sensor gives.
        assert_eq!(kernel.video(Path::new("/dev/video11")).unwrap().format().unwrap().width, 32);
        // Two sensors lead to that node: the one whose links are on is meant.
        let of_node = |sensor: &str| {
            let pipeline = Pipeline::to_node(&kernel, Path::new("/dev/video24"), &wish(sensor, &[])).unwrap();
            pipeline.names().unwrap()[0].clone()
        };
        assert_eq!((of_node("*"), of_node("Sensor B")), ("Sensor A".to_owned(), "Sensor B".to_owned()));
        let debayer_b =
            Pipeline::to_node(&kernel, Path::new("/dev/video24"), &wish("Sensor B", &[])).unwrap();
        debayer_b.set_up(format(64)).unwrap();
        assert_eq!(of_node("*"), "Sensor B");
    }

    #[test]
    fn pictures_are_routed_through_a_crossbar() {
        let kernel = board(include_str!("graphs/imx8-isi.txt"));
        let route = |sink, source| Route { sink: (sink, 0), source: (source, 0), flags: 1 };
        let crossbar = FakePart::default().with_routes(&[route(1, 3), route(0, 4)]);
        kernel.plug_part("/dev/v4l-subdev1", crossbar.clone());
        let pipeline = find(&kernel, &wish("imx219 *", &[])).unwrap();
        assert_eq!(
            pipeline.names().unwrap()[1..4],
            ["csis-32e40000.csi", "crossbar", "mxc_isi.0"],
            "its pads 0 and 3 are on the way"
        );
        pipeline.set_up(format(64)).unwrap();
        assert_eq!(crossbar.routes(), Ok(vec![route(0, 3)]));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let kernel = board(include_str!("graphs/rkisp1.txt"));
        let error = find(&kernel, &wish("imx477 *", &[])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("ov4689 1-0036"), "{error}");
        let nowhere = wish("*", &["rkisp1_csi", "rkisp1_isp"]);
        assert_eq!(find(&kernel, &nowhere).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(find(&FakeKernel::default(), &rkisp1()).unwrap_err().kind(), ErrorKind::NotFound);
        let alone = FakeKernel::default();
        alone.plug("/dev/video12", crate::fake::Model::raw());
        let error = Pipeline::to_node(&alone, Path::new("/dev/video12"), &rkisp1()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
