//! Cameras by name: those of the machine, and the replay of raw files.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use latent_hal::discovery::{self, SYSFS};
use latent_hal::{Camera, CameraName, PixelFormat, hotplug};

use crate::error::Error;
use crate::replay::ReplayCamera;
use crate::session::Reopen;

/// Opens the camera of this name; without a name the first usable real one, else the virtual one.
///
/// # Errors
/// [`Error::Camera`]; [`Error::RawFile`] for a replay of files that are no raw pictures.
pub fn open(name: Option<&str>) -> Result<Box<dyn Camera>, Error> {
    let Some(name) = name else { return Ok(latent_hal::open::open_default()?) };
    match name.strip_prefix("replay:") {
        Some(path) => Ok(Box::new(ReplayCamera::open(path)?)),
        None => Ok(latent_hal::open::open(&name.parse()?)?),
    }
}

/// What finds a camera of the machine again after it was unplugged, by the place that it is plugged into; `None` for
/// cameras that cannot go away. Where a device has several nodes at that place (of other streams, of metadata) it is the
/// one that is of the same kind: by the name that its driver gives it, and by its formats.
pub fn reopen(camera: &dyn Camera) -> Option<Reopen> {
    let info = camera.info();
    let path = info.path.clone()?;
    let name: CameraName = info.id.parse().ok()?;
    if !matches!(name, CameraName::Bus(_)) {
        return Some(Box::new(move |timeout| hotplug::wait_for(&name, timeout)));
    }
    let id = info.id.clone();
    let label = label_of(&path);
    let was = Node { label, formats: formats(camera), path };
    Some(Box::new(move |timeout| {
        let begun = Instant::now();
        // One of its nodes is there; the others follow within moments.
        drop(hotplug::wait_for(&name, timeout)?);
        find(&was, &id, begun + timeout, nodes)
    }))
}

/// A video node, as far as it is told from the others of its device.
#[derive(Clone, Debug, PartialEq)]
struct Node {
    /// The name that its driver gave it; empty when there is none.
    label: String,
    formats: Vec<PixelFormat>,
    path: PathBuf,
}

/// How much a node is like another: the greatest is the one. A node without formats is never one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Likeness {
    /// The same name, and a format in common.
    same_kind: bool,
    shared_formats: usize,
    same_label: bool,
    same_path: bool,
}

fn likeness(was: &Node, found: &Node) -> Option<Likeness> {
    if found.formats.is_empty() {
        return None;
    }
    let shared_formats = found.formats.iter().filter(|format| was.formats.contains(format)).count();
    let same_label = was.label == found.label;
    Some(Likeness {
        same_kind: same_label && shared_formats > 0,
        shared_formats,
        same_label,
        same_path: was.path == found.path,
    })
}

/// How soon nodes that have not appeared yet are looked for again.
const LOOK: Duration = Duration::from_millis(50);

/// Of the nodes with this id, the one of the same kind; at the end of the time the one that is most like it, since another
/// camera may have been plugged in.
fn find(
    was: &Node,
    id: &str,
    end: Instant,
    mut nodes: impl FnMut() -> Vec<(String, Box<dyn Camera>)>,
) -> Result<Box<dyn Camera>, latent_hal::Error> {
    loop {
        let mut best: Option<(Likeness, Box<dyn Camera>)> = None;
        for (label, camera) in nodes() {
            let info = camera.info();
            let (true, Some(path)) = (info.id == id, info.path.clone()) else { continue };
            let found = Node { label, formats: formats(&*camera), path };
            if let Some(like) = likeness(was, &found)
                && best.as_ref().is_none_or(|(most, _)| like > *most)
            {
                best = Some((like, camera));
            }
        }
        let late = Instant::now() >= end;
        match best {
            Some((like, camera)) if like.same_kind || late => return Ok(camera),
            None if late => {
                let reason = "of its nodes none gives pictures".to_owned();
                return Err(latent_hal::Error::NotFound { camera: id.to_owned(), reason });
            }
            _ => std::thread::sleep(LOOK),
        }
    }
}

/// The video nodes of this machine that open, each with the name that its driver gave it.
fn nodes() -> Vec<(String, Box<dyn Camera>)> {
    let opened = |found: discovery::Found| Some((found.label.clone(), Box::new(found.open().ok()?) as _));
    discovery::list(Path::new(SYSFS)).into_iter().filter_map(opened).collect()
}

fn label_of(path: &Path) -> String {
    let found = discovery::list(Path::new(SYSFS)).into_iter().find(|found| found.path == path);
    found.map(|found| found.label).unwrap_or_default()
}

/// The formats of a camera, each once.
fn formats(camera: &dyn Camera) -> Vec<PixelFormat> {
    let mut formats = Vec::new();
    for mode in camera.modes().unwrap_or_default() {
        if !formats.contains(&mode.format) {
            formats.push(mode.format);
        }
    }
    formats
}

#[cfg(test)]
mod tests {
    use latent_hal::fake::{FakeKernel, Model};
    use latent_hal::v4l2::V4l2Camera;
    use latent_hal::{CameraInfo, Dequeued, Mode, StreamConfig, StreamRequest};

    use super::*;

    const ID: &str = "v4l2:platform:fake-000";

    /// Nodes of one device, in the order of their numbers.
    struct Device(FakeKernel, Vec<(&'static str, &'static str)>);

    impl Device {
        fn new(nodes: &[(&'static str, &'static str, Model)]) -> Self {
            let kernel = FakeKernel::default();
            let mut known = Vec::new();
            for (path, label, model) in nodes {
                kernel.plug(*path, model.clone());
                known.push((*path, *label));
            }
            Self(kernel, known)
        }

        fn open(&self) -> Vec<(String, Box<dyn Camera>)> {
            let open = |(path, label): &(&str, &str)| {
                let camera = V4l2Camera::open_on(&self.0, Path::new(path)).ok()?;
                Some(((*label).to_owned(), Box::new(camera) as _))
            };
            self.1.iter().filter_map(open).collect()
        }

        fn node(&self, wanted: &str) -> Node {
            let (path, label) = self.1.iter().find(|(path, _)| *path == wanted).unwrap();
            let camera = V4l2Camera::open_on(&self.0, Path::new(path)).unwrap();
            Node { label: (*label).to_owned(), formats: formats(&camera), path: (*path).into() }
        }

        fn found_within(&self, was: &Node, time: Duration) -> PathBuf {
            let camera = find(was, ID, Instant::now() + time, || self.open()).unwrap();
            camera.info().path.clone().unwrap()
        }
    }

    fn model(fourcc: &[u8; 4]) -> Model {
        Model { fourccs: vec![*fourcc], ..Model::raw() }
    }

    #[test]
    fn of_several_nodes_of_a_device_the_one_of_the_same_kind_is_opened_again() {
        let before = Device::new(&[
            ("/dev/video0", "isp_selfpath", model(b"NV12")),
            ("/dev/video1", "isp_mainpath", model(b"NV12")),
            ("/dev/video2", "isp_raw", model(b"RGGB")),
        ]);
        // Numbers are given anew, and in another order.
        let after = Device::new(&[
            ("/dev/video3", "isp_raw", model(b"RGGB")),
            ("/dev/video4", "isp_selfpath", model(b"NV12")),
            ("/dev/video5", "isp_mainpath", model(b"NV12")),
        ]);
        for (was, is) in
            [("/dev/video0", "/dev/video4"), ("/dev/video1", "/dev/video5"), ("/dev/video2", "/dev/video3")]
        {
            let found = after.found_within(&before.node(was), Duration::from_secs(10));
            assert_eq!(found, Path::new(is), "{was}");
        }
        // Two nodes of one name, as USB cameras have: formats tell them apart.
        let before = Device::new(&[
            ("/dev/video0", "A camera", model(b"YUYV")),
            ("/dev/video1", "A camera", model(b"RGGB")),
        ]);
        let found = before.found_within(&before.node("/dev/video1"), Duration::from_secs(10));
        assert_eq!(found, Path::new("/dev/video1"));
    }

    #[test]
    fn a_node_that_comes_later_than_the_others_is_waited_for() {
        let late = Device::new(&[
            ("/dev/video0", "isp_selfpath", model(b"NV12")),
            ("/dev/video1", "isp_mainpath", model(b"NV12")),
        ]);
        let was = late.node("/dev/video1");
        let mut looks = 0;
        let camera = find(&was, ID, Instant::now() + Duration::from_secs(10), || {
            looks += 1;
            let mut nodes = late.open();
            nodes.truncate(if looks < 3 { 1 } else { 2 });
            nodes
        });
        assert_eq!(camera.unwrap().info().path.as_deref(), Some(Path::new("/dev/video1")));
        // Another camera in that place is taken when the time is over.
        let other = Device::new(&[("/dev/video0", "Another", model(b"YUYV"))]);
        assert_eq!(other.found_within(&was, Duration::from_millis(60)), Path::new("/dev/video0"));
    }

    /// A camera that says other things of itself.
    struct Named {
        camera: Box<dyn Camera>,
        info: CameraInfo,
        has_modes: bool,
    }

    impl Camera for Named {
        fn info(&self) -> &CameraInfo {
            &self.info
        }

        fn modes(&self) -> Result<Vec<Mode>, latent_hal::Error> {
            if self.has_modes { self.camera.modes() } else { Ok(Vec::new()) }
        }

        fn configure(&mut self, request: &StreamRequest) -> Result<StreamConfig, latent_hal::Error> {
            self.camera.configure(request)
        }

        fn start(&mut self) -> Result<(), latent_hal::Error> {
            self.camera.start()
        }

        fn dequeue(&mut self, timeout: Duration) -> Result<Dequeued, latent_hal::Error> {
            self.camera.dequeue(timeout)
        }

        fn stop(&mut self) -> Result<(), latent_hal::Error> {
            self.camera.stop()
        }
    }

    #[test]
    fn a_node_without_pictures_is_never_the_camera() {
        let device = Device::new(&[("/dev/video1", "A camera", model(b"YUYV"))]);
        let was = device.node("/dev/video1");
        let metadata = || {
            let camera = device.open().remove(0).1;
            let info = CameraInfo { path: Some("/dev/video0".into()), ..camera.info().clone() };
            let node = Named { camera, info, has_modes: false };
            ("A camera".to_owned(), Box::new(node) as Box<dyn Camera>)
        };
        let mut both = || vec![metadata(), device.open().remove(0)];
        let camera = find(&was, ID, Instant::now() + Duration::from_secs(10), &mut both).unwrap();
        assert_eq!(camera.info().path, Some("/dev/video1".into()));
        let alone = find(&was, ID, Instant::now(), || vec![metadata()]).err().unwrap();
        assert!(matches!(alone, latent_hal::Error::NotFound { .. }), "it may still come: {alone}");
    }

    #[test]
    fn only_cameras_of_the_machine_can_go_away_and_are_found_by_where_they_are_plugged_in() {
        let made_up = open(Some("virtual:size=64x48")).unwrap();
        assert!(reopen(&*made_up).is_none());
        let id = "v4l2:usb-0000:00:14.0-3".to_owned();
        let info = CameraInfo { id, path: Some("/dev/video7".into()), ..made_up.info().clone() };
        let named = Named { camera: made_up, info, has_modes: true };
        let error = reopen(&named).unwrap()(Duration::ZERO).err().unwrap();
        assert!(error.to_string().contains("v4l2:usb-0000:00:14.0-3"), "{error}");
    }
}
