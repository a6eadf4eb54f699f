//! A device under test, and what the suite may ask of it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::oracle::Scene;
use super::vivid::Vivid;
use crate::camera::Camera;
use crate::error::Error;
use crate::hotplug::Monitor;
use crate::kernel::Kernel;
use crate::media::Wish;
use crate::memory::{self, Source};
use crate::open::CameraName;
use crate::simulated::{Fault, Options, VirtualCamera};
use crate::v4l2::V4l2Camera;

/// Where the machine's own files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Usually `/dev`.
    pub dev: PathBuf,
    /// Usually [`crate::discovery::SYSFS`].
    pub sys: PathBuf,
    /// Usually [`crate::machine::PROCFS`].
    pub proc: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { dev: "/dev".into(), sys: crate::discovery::SYSFS.into(), proc: crate::machine::PROCFS.into() }
    }
}

/// Something that a device can be asked to do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceFault {
    /// Refuses `VIDIOC_REQBUFS` once.
    RequestBuffers,
    /// Refuses `VIDIOC_QBUF` once.
    QueueBuffer,
    /// Refuses `VIDIOC_STREAMON` once.
    StreamOn,
    /// Marks one buffer as bad.
    BadBuffer,
    /// Loses this share of the frames, in percent.
    Dropped(u8),
    /// Its queue fails until the stream was switched off.
    Fatal,
    /// Its frame counter wraps soon after the start.
    WrapSequence,
    /// Its timestamps wrap soon after the start: those of 64 bits.
    WrapTimestamp64,
    /// The same for those of 32 bits.
    WrapTimestamp32,
    /// It goes away, and comes back when nobody has it open.
    Disconnect,
    /// It falls silent.
    Stall,
    /// It is taken by another program.
    Busy,
}

/// A camera that is about to do something wrong.
pub struct Faulty {
    /// The camera, opened.
    pub camera: Box<dyn Camera>,
    /// Makes it happen now; a camera that does it by itself after some frames needs no trigger.
    pub trigger: Box<dyn FnMut() -> Result<(), Error>>,
    /// What ends it; dropped behind the camera.
    pub undo: Box<dyn std::any::Any>,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("camera", self.camera.info()).finish_non_exhaustive()
    }
}

/// Makes a device do wrong on request.
pub trait FaultSource: Send + Sync {
    /// The camera, ready to do this wrong; `None` for what it cannot be asked for.
    ///
    /// # Errors
    /// As opening the camera.
    fn faulty(&self, fault: DeviceFault) -> Result<Option<Faulty>, Error>;
}

type Opener = Arc<dyn Fn() -> Result<Box<dyn Camera>, Error> + Send + Sync>;

/// A device's node: which kernel, which file, which way to it.
#[derive(Clone, Debug)]
pub(super) struct NodePath {
    pub(super) kernel: Arc<dyn Kernel>,
    pub(super) path: PathBuf,
    pub(super) wish: Wish,
}

/// A device under test.
#[derive(Clone)]
pub struct Subject {
    pub(super) name: String,
    pub(super) open: Opener,
    pub(super) node: Option<NodePath>,
    pub(super) media: Option<NodePath>,
    pub(super) faults: Option<Arc<dyn FaultSource>>,
    pub(super) scene: Option<Arc<dyn Scene>>,
    pub(super) memory: Vec<(&'static str, Source)>,
    pub(super) roots: Roots,
    pub(super) monitor: fn() -> Result<Monitor, Error>,
    /// It is a device of this machine, so that hotplug and sysfs know it.
    pub(super) real: bool,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("name", &self.name).field("node", &self.node).finish_non_exhaustive()
    }
}

impl Subject {
    /// Any camera, by what opens it: each call gives the camera anew, and an earlier one is dropped before.
    pub fn camera(
        name: impl Into<String>,
        open: impl Fn() -> Result<Box<dyn Camera>, Error> + Send + Sync + 'static,
    ) -> Self {
        let roots = Roots::default();
        Self {
            name: name.into(),
            open: Arc::new(open),
            node: None,
            media: None,
            faults: None,
            scene: None,
            memory: Vec::new(),
            roots,
            monitor: Monitor::new,
            real: false,
        }
    }

    /// A V4L2 device of this kernel or another one. Of the driver `vivid` its test pattern and its error injection are
    /// used.
    ///
    /// # Errors
    /// As [`V4l2Camera::open`].
    pub fn v4l2(kernel: Arc<dyn Kernel>, path: &Path) -> Result<Self, Error> {
        Self::v4l2_wished(kernel, path, &Wish::default())
    }

    /// The same for a camera whose pipeline has more than one sensor or way.
    ///
    /// # Errors
    /// As [`V4l2Camera::open_wished`].
    pub fn v4l2_wished(kernel: Arc<dyn Kernel>, path: &Path, wish: &Wish) -> Result<Self, Error> {
        let info = V4l2Camera::open_wished(&*kernel, path, wish)?.info().clone();
        let node = NodePath { kernel, path: path.to_owned(), wish: wish.clone() };
        let opened = node.clone();
        let mut subject = Self::camera(path.display().to_string(), move || {
            Ok(Box::new(V4l2Camera::open_wished(&*opened.kernel, &opened.path, &opened.wish)?))
        });
        if info.driver == "vivid" {
            let vivid = Arc::new(Vivid::new(node.clone()));
            subject.faults = Some(Arc::clone(&vivid) as _);
            subject.scene = Some(vivid);
        }
        subject.memory = importable(&subject.roots.dev);
        subject.node = Some(node);
        Ok(subject)
    }

    /// A camera of this machine, or a virtual one, by its name.
    ///
    /// # Errors
    /// As [`crate::open()`].
    pub fn named(name: &CameraName) -> Result<Self, Error> {
        let mut subject = match name {
            CameraName::Virtual(options) => return Self::simulated(options.clone()),
            CameraName::Device(path) => return Self::device(path, &Wish::default()),
            _ => {
                let path = crate::open(name)?.info().path.clone();
                match path {
                    Some(path) => Self::device(&path, &Wish::default())?,
                    None => {
                        let name = name.clone();
                        Self::camera(name.to_string(), move || crate::open(&name))
                    }
                }
            }
        };
        subject.name = name.to_string();
        subject.real = true;
        Ok(subject)
    }

    /// A V4L2 device of this machine, and the way to it where its pipeline has several.
    ///
    /// # Errors
    /// As [`V4l2Camera::open_wished`].
    pub fn device(path: &Path, wish: &Wish) -> Result<Self, Error> {
        let kernel: Arc<dyn Kernel> = Arc::new(crate::kernel::Linux);
        let mut subject = Self::v4l2_wished(Arc::clone(&kernel), path, wish)?;
        subject.real = true;
        let media = super::bench::media_of(&*kernel, &subject.roots, path);
        subject.media = media.map(|path| NodePath { kernel, path, wish: Wish::default() });
        Ok(subject)
    }

    /// A virtual camera; its frames are compared with those of another one with the same settings.
    ///
    /// # Errors
    /// As [`VirtualCamera::new`].
    pub fn simulated(options: Options) -> Result<Self, Error> {
        let camera = VirtualCamera::new(options.clone())?;
        let opened = options.clone();
        let mut subject =
            Self::camera(camera.info().id.clone(), move || Ok(Box::new(VirtualCamera::new(opened.clone())?)));
        subject.faults = Some(Arc::new(Simulated(options.clone())));
        subject.scene = Some(Arc::new(super::oracle::Twin(options)));
        Ok(subject)
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls it something else in reports.
    pub fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// What makes it do wrong, where something does.
    pub fn faults(&self) -> Option<Arc<dyn FaultSource>> {
        self.faults.clone()
    }

    /// The same device seen through another camera.
    #[must_use]
    pub fn with_camera(
        self,
        open: impl Fn() -> Result<Box<dyn Camera>, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { open: Arc::new(open), ..self }
    }

    /// The same device with another source of the machine's messages.
    #[must_use]
    pub fn with_monitor(self, monitor: fn() -> Result<Monitor, Error>) -> Self {
        Self { monitor, ..self }
    }

    /// The same device with other knowledge of the picture that it must show.
    #[must_use]
    pub fn with_scene(self, scene: Arc<dyn Scene>) -> Self {
        Self { scene: Some(scene), ..self }
    }

    /// The same device with another way to make it do wrong.
    #[must_use]
    pub fn with_faults(self, faults: Arc<dyn FaultSource>) -> Self {
        Self { faults: Some(faults), ..self }
    }

    /// The same device on a machine whose own files are elsewhere.
    #[must_use]
    pub fn with_roots(self, roots: Roots) -> Self {
        Self { roots, ..self }
    }

    /// The same device with other memory to import, by the names that the checks have for it.
    #[must_use]
    pub fn with_memory(self, memory: Vec<(&'static str, Source)>) -> Self {
        Self { memory, ..self }
    }

    /// The same device with a media device that it belongs to.
    #[must_use]
    pub fn with_media(self, kernel: Arc<dyn Kernel>, path: impl Into<PathBuf>) -> Self {
        let node = NodePath { kernel, path: path.into(), wish: Wish::default() };
        Self { media: Some(node), ..self }
    }
}

/// The sources of this machine that a device may be able to import.
fn importable(dev: &Path) -> Vec<(&'static str, Source)> {
    let named = memory::sources(dev).into_iter().filter_map(|source| {
        let name = match &source {
            Source::Memfd => return None,
            Source::Udmabuf => "udmabuf",
            Source::Heap(path) if path.ends_with("system") => "system-heap",
            Source::Heap(path) if memory::is_contiguous(path) => "contiguous-heap",
            Source::Heap(_) => "other-heap",
        };
        Some((name, source))
    });
    named.collect()
}

/// Virtual cameras have their faults as settings.
struct Simulated(Options);

impl FaultSource for Simulated {
    fn faulty(&self, fault: DeviceFault) -> Result<Option<Faulty>, Error> {
        /// Frames before it begins.
        const GOOD: u64 = 3;
        let setting = match fault {
            DeviceFault::BadBuffer => Fault::Damage(GOOD + 1),
            DeviceFault::Dropped(percent) => Fault::Drop(100u64.div_ceil(u64::from(percent.max(1)))),
            DeviceFault::Stall => Fault::Stall(GOOD),
            DeviceFault::Disconnect => Fault::Unplug(GOOD),
            DeviceFault::Busy => Fault::Busy,
            _ => return Ok(None),
        };
        let options = Options { faults: vec![setting], ..self.0.clone() };
        let camera = Box::new(VirtualCamera::new(options)?);
        Ok(Some(Faulty { camera, trigger: Box::new(|| Ok(())), undo: Box::new(()) }))
    }
}
