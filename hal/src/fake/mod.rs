//! A kernel that is not there: cameras for tests on machines without any, which misbehave on request.
//!
//! It keeps the rules of V4L2's buffer queues as the kernel does (who owns the queue, which buffer is where, what is
//! refused when), and its time is its own: it passes only while a program waits for a frame, so that tests neither sleep
//! nor depend on the machine. Pictures are those of [`picture()`], so that a test knows what it must see.

mod device;
mod faults;
mod graph;
mod model;
mod mutant;
mod node;
mod picture;
mod queue;
mod request;
mod settings;
mod subject;

pub use faults::{Call, Fault, Times};
pub use graph::{FakeMedia, FakePart};
pub use model::Model;
pub use mutant::{Call as NodeCall, CameraCalls, MutantCamera, MutantKernel, NodeCalls, mapped};
pub use picture::picture;
pub use request::Requests;
pub use subject::subject;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;

use crate::kernel::{Kernel, Media, SizeEntry, Subdevice, Topology, Video};
use device::Device;
use node::Node;

/// A kernel with the cameras that a test plugged in; clones are the same kernel.
#[derive(Clone, Debug, Default)]
pub struct FakeKernel {
    cameras: Arc<Mutex<BTreeMap<PathBuf, FakeCamera>>>,
    parts: Arc<Mutex<BTreeMap<PathBuf, FakePart>>>,
    media: Arc<Mutex<BTreeMap<PathBuf, FakeMedia>>>,
    slept: Arc<Mutex<Duration>>,
}

/// A camera of a [`FakeKernel`], as its hardware sees it; clones are the same camera.
#[derive(Clone, Debug)]
pub struct FakeCamera {
    device: Arc<Mutex<Device>>,
}

impl FakeKernel {
    /// Plugs a camera in; one that has the same file goes.
    pub fn plug(&self, path: impl Into<PathBuf>, model: Model) -> FakeCamera {
        let camera = FakeCamera { device: Arc::new(Mutex::new(Device::new(model))) };
        if let Some(other) = lock(&self.cameras).insert(path.into(), camera.clone()) {
            other.unplug();
        }
        camera
    }

    /// Adds a sub-device.
    pub fn plug_part(&self, path: impl Into<PathBuf>, part: FakePart) {
        lock(&self.parts).insert(path.into(), part);
    }

    /// Adds a media device.
    pub fn plug_media(&self, path: impl Into<PathBuf>, topology: Topology) {
        self.plug_device(path, FakeMedia::new(topology));
    }

    /// Adds a media device that is made already.
    pub fn plug_device(&self, path: impl Into<PathBuf>, media: FakeMedia) {
        lock(&self.media).insert(path.into(), media);
    }

    /// How long programs slept.
    pub fn slept(&self) -> Duration {
        *lock(&self.slept)
    }

    fn camera(&self, path: &Path) -> nix::Result<FakeCamera> {
        lock(&self.cameras).get(path).cloned().ok_or(Errno::ENOENT)
    }
}

impl Kernel for FakeKernel {
    fn video(&self, path: &Path) -> nix::Result<Box<dyn Video>> {
        let camera = self.camera(path)?;
        camera.device().enter(Call::Open)?;
        Ok(Box::new(Node::open(Arc::clone(&camera.device))))
    }

    fn media(&self, path: &Path) -> nix::Result<Box<dyn Media>> {
        let found = lock(&self.media).get(path).cloned().ok_or(Errno::ENOENT)?;
        Ok(Box::new(found))
    }

    fn media_of(&self, video: &Path) -> nix::Result<Box<dyn Media>> {
        let (camera, number) = (self.camera(video)?, number(video));
        let is_of =
            |media: &&FakeMedia| media.is_of(&camera) || number.is_some_and(|number| media.has(number));
        let media = lock(&self.media).values().find(is_of).cloned();
        Ok(Box::new(media.ok_or(Errno::ENOENT)?))
    }

    fn subdevice(&self, path: &Path) -> nix::Result<Box<dyn Subdevice>> {
        let found = lock(&self.parts).get(path).map(FakePart::opened).ok_or(Errno::ENOENT)?;
        Ok(Box::new(found))
    }

    /// The number of a fake file is the one in its name: `/dev/video7` is 81:7.
    fn number(&self, path: &Path) -> nix::Result<(u32, u32)> {
        number(path).ok_or(Errno::ENOENT)
    }

    fn file(&self, wanted: (u32, u32)) -> Option<PathBuf> {
        let (cameras, parts) = (lock(&self.cameras), lock(&self.parts));
        cameras.keys().chain(parts.keys()).find(|path| number(path) == Some(wanted)).cloned()
    }

    fn sleep(&self, time: Duration) {
        *lock(&self.slept) += time;
        for camera in lock(&self.cameras).values() {
            camera.pass(time);
        }
    }
}

impl FakeCamera {
    /// Takes the camera away while programs use it: every call of theirs is refused with `ENODEV` from now on.
    pub fn unplug(&self) {
        self.device().unplug();
    }

    /// Refuses the next calls of a kind, or all.
    pub fn refuse(&self, call: Call, errno: Errno, times: Times) {
        self.device().faults.refuse(call, errno, times);
    }

    /// No longer refuses calls of a kind.
    pub fn relent(&self, call: Call) {
        self.device().faults.relent(call);
    }

    /// Does this to the frame that comes `frames` frames after the next.
    pub fn misbehave(&self, frames: u64, fault: Fault) {
        let mut device = self.device();
        let frame = device.frames() + frames;
        device.faults.plan(frame, fault);
    }

    /// Forgets all faults that were planned, and their effects on later frames.
    pub fn behave(&self) {
        self.device().behave();
    }

    /// Has all frames from the next on hold these bytes, as many as a buffer takes; `None` for pictures of their own.
    pub fn show(&self, bytes: Option<Vec<u8>>) {
        self.device().shown = bytes;
    }

    /// Other sizes come in from now on, as from a source that was exchanged; the stream must be configured again.
    pub fn resize(&self, sizes: Vec<SizeEntry>) {
        self.device().model.sizes = sizes;
    }

    /// Buffers that the camera's driver holds.
    pub fn buffers(&self) -> usize {
        self.device().buffers()
    }

    /// Buffers that wait to be filled.
    pub fn queued(&self) -> usize {
        self.device().queued()
    }

    /// How often the stream was switched on.
    pub fn starts(&self) -> u32 {
        self.device().starts()
    }

    /// How often a buffer was given other memory than it had before: what maps it for the device anew.
    pub fn remaps(&self) -> u32 {
        self.device().remaps()
    }

    /// The values of a control under which the last frames were made, with the device's numbers of those frames.
    pub fn made_with(&self, control: u32) -> Vec<(u32, i64)> {
        let device = self.device();
        let of_frame = |(sequence, values): &(u32, Vec<(u32, i64)>)| {
            values.iter().find(|(id, _)| *id == control).map(|(_, value)| (*sequence, *value))
        };
        device.made.iter().filter_map(of_frame).collect()
    }

    /// Lets time pass as if a program had slept: frames come or are lost.
    pub fn pass(&self, time: Duration) {
        self.device().pass(time);
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        lock(&self.device)
    }
}

fn number(path: &Path) -> Option<(u32, u32)> {
    const VIDEO_MAJOR: u32 = 81;
    let name = path.file_name()?.to_str()?;
    let letters = name.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
    Some((VIDEO_MAJOR, name[letters..].parse().ok()?))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
