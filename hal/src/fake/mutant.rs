//! Devices with one thing wrong: a kernel and a camera that stand before others and answer some calls in their stead.
//! What a call is not answered here it is passed on.

use std::any::Any;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use nix::errno::Errno;

use crate::camera::{Camera, CameraInfo, Crop, Dequeued, Mode, StreamConfig, StreamRequest, Watch};
use crate::control::{Control as CameraControl, MenuItem};
use crate::error::Error;
use crate::kernel::{
    Control, ControlRefusal, Controls, Event, Filled, Format, FormatEntry, Fraction, Grant, Identity, Import,
    IntervalEntry, Kernel, Link, Media, MediaInfo, Memory, Queue, Ready, Rectangle, Request, SizeEntry,
    Subdevice, Topology, Video,
};
use crate::memory::Mapping;

/// A call that reached a mutant: what it stands before, and which of the opened files it is, counted from 1.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The node behind.
    pub node: &'a dyn Video,
    /// The number of this open file.
    pub file: u32,
}

type Answer<Args, Out> = Option<Arc<dyn Fn(Call<'_>, Args) -> Out + Send + Sync>>;

macro_rules! node_calls {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        /// The calls on a node that a mutant answers; the arguments of each in a tuple.
        #[derive(Clone, Default)]
        pub struct NodeCalls {
            $($(#[$doc])* pub $name: Answer<($($type,)*), $out>,)*
            /// Opening; an errno refuses it.
            pub open: Option<Arc<dyn Fn(u32) -> Option<Errno> + Send + Sync>>,
            /// `VIDIOC_QBUF`.
            pub queue: Option<Arc<dyn Fn(Call<'_>, u32, &[Import<'_>]) -> nix::Result<()> + Send + Sync>>,
            /// `VIDIOC_G_EXT_CTRLS`.
            pub controls: Option<Arc<dyn Fn(Call<'_>, &mut [(u32, i64)]) -> Result<(), ControlRefusal> + Send + Sync>>,
            /// `VIDIOC_S_EXT_CTRLS`.
            pub set_controls:
                Option<Arc<dyn Fn(Call<'_>, &mut [(u32, i64)]) -> Result<(), ControlRefusal> + Send + Sync>>,
            /// Closing, before it is done.
            pub close: Option<Arc<dyn Fn(Call<'_>) + Send + Sync>>,
            /// `MEDIA_IOC_G_TOPOLOGY`.
            pub topology: Option<Arc<dyn Fn(Topology) -> Topology + Send + Sync>>,
        }
    };
}

node_calls! {
    /// `VIDIOC_QUERYCAP`.
    identity() -> nix::Result<Identity>;
    /// `VIDIOC_ENUM_FMT`.
    format_entry(index: u32) -> nix::Result<FormatEntry>;
    /// `VIDIOC_ENUM_FRAMESIZES`.
    size_entry(fourcc: u32, index: u32) -> nix::Result<SizeEntry>;
    /// `VIDIOC_ENUM_FRAMEINTERVALS`.
    interval_entry(fourcc: u32, size: (u32, u32), index: u32) -> nix::Result<IntervalEntry>;
    /// `VIDIOC_G_FMT`.
    format() -> nix::Result<Format>;
    /// `VIDIOC_TRY_FMT`.
    try_format(wanted: Format) -> nix::Result<Format>;
    /// `VIDIOC_S_FMT`.
    set_format(wanted: Format) -> nix::Result<Format>;
    /// `VIDIOC_S_PARM`.
    set_interval(wanted: Option<Fraction>) -> nix::Result<Option<Fraction>>;
    /// `VIDIOC_QUERY_EXT_CTRL`.
    control_after(id: u32) -> nix::Result<Control>;
    /// `VIDIOC_QUERYMENU`.
    menu_item(control: Control, index: u32) -> nix::Result<MenuItem>;
    /// `VIDIOC_SUBSCRIBE_EVENT`.
    subscribe(kind: u32, id: u32) -> nix::Result<()>;
    /// `VIDIOC_G_PRIORITY`.
    priority() -> nix::Result<u32>;
    /// `VIDIOC_S_PRIORITY`.
    set_priority(priority: u32) -> nix::Result<()>;
    /// `VIDIOC_REQBUFS`.
    request(count: u32, memory: Memory, cached: bool) -> nix::Result<Grant>;
    /// `VIDIOC_REMOVE_BUFS`.
    remove(first: u32, count: u32) -> nix::Result<()>;
    /// `VIDIOC_QUERYBUF`.
    lengths(index: u32, memory: Memory) -> nix::Result<Vec<usize>>;
    /// `VIDIOC_EXPBUF`.
    export(index: u32, plane: u32) -> nix::Result<OwnedFd>;
    /// `VIDIOC_DQBUF`.
    dequeue(memory: Memory) -> nix::Result<Filled>;
    /// `poll`.
    wait(timeout: Duration) -> nix::Result<Ready>;
    /// `VIDIOC_DQEVENT`.
    event() -> nix::Result<Event>;
    /// `VIDIOC_STREAMON`.
    stream_on() -> nix::Result<()>;
    /// `VIDIOC_STREAMOFF`.
    stream_off() -> nix::Result<()>;
}

impl fmt::Debug for NodeCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCalls").finish_non_exhaustive()
    }
}

/// A kernel whose nodes answer some calls wrongly, from the moment when it is armed.
#[derive(Clone, Debug)]
pub struct MutantKernel {
    kernel: Arc<dyn Kernel>,
    calls: Arc<NodeCalls>,
    armed: Arc<AtomicBool>,
    files: Arc<AtomicU32>,
}

impl MutantKernel {
    /// A kernel before another one.
    pub fn new(kernel: Arc<dyn Kernel>, calls: NodeCalls) -> Self {
        Self { kernel, calls: Arc::new(calls), armed: Arc::default(), files: Arc::default() }
    }

    /// From now on its calls are answered wrongly.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }

    fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }
}

impl Kernel for MutantKernel {
    fn video(&self, path: &Path) -> nix::Result<Box<dyn Video>> {
        let file = self.files.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(refusal) =
            self.calls.open.as_ref().filter(|_| self.is_armed()).and_then(|open| open(file))
        {
            return Err(refusal);
        }
        let node = self.kernel.video(path)?;
        Ok(Box::new(MutantNode { node, file, kernel: self.clone() }))
    }

    fn media(&self, path: &Path) -> nix::Result<Box<dyn Media>> {
        let media = self.kernel.media(path)?;
        Ok(Box::new(MutantMedia { media, kernel: self.clone() }))
    }

    fn media_of(&self, video: &Path) -> nix::Result<Box<dyn Media>> {
        let media = self.kernel.media_of(video)?;
        Ok(Box::new(MutantMedia { media, kernel: self.clone() }))
    }

    fn number(&self, path: &Path) -> nix::Result<(u32, u32)> {
        self.kernel.number(path)
    }

    fn file(&self, number: (u32, u32)) -> Option<PathBuf> {
        self.kernel.file(number)
    }

    fn sleep(&self, time: Duration) {
        self.kernel.sleep(time);
    }

    fn subdevice(&self, path: &Path) -> nix::Result<Box<dyn Subdevice>> {
        self.kernel.subdevice(path)
    }
}

#[derive(Debug)]
struct MutantMedia {
    media: Box<dyn Media>,
    kernel: MutantKernel,
}

impl Media for MutantMedia {
    fn info(&self) -> nix::Result<MediaInfo> {
        self.media.info()
    }

    fn topology(&self) -> nix::Result<Topology> {
        let topology = self.media.topology()?;
        Ok(match self.kernel.calls.topology.as_ref().filter(|_| self.kernel.is_armed()) {
            Some(mutate) => mutate(topology),
            None => topology,
        })
    }

    fn set_link(&self, link: &Link, on: bool) -> nix::Result<()> {
        self.media.set_link(link, on)
    }

    fn allocate_request(&self) -> nix::Result<Box<dyn Request>> {
        self.media.allocate_request()
    }
}

#[derive(Debug)]
struct MutantNode {
    node: Box<dyn Video>,
    file: u32,
    kernel: MutantKernel,
}

impl MutantNode {
    fn call(&self) -> Call<'_> {
        Call { node: &*self.node, file: self.file }
    }
}

impl Drop for MutantNode {
    fn drop(&mut self) {
        if let Some(close) = self.kernel.calls.close.as_ref().filter(|_| self.kernel.is_armed()) {
            close(self.call());
        }
    }
}

/// The answer of a mutant, or of the node behind it.
macro_rules! answer {
    ($self:ident, $name:ident($($arg:expr),*), $passed:expr) => {
        match $self.kernel.calls.$name.as_ref().filter(|_| $self.kernel.is_armed()) {
            Some(answer) => answer($self.call(), ($($arg,)*)),
            None => $passed,
        }
    };
}

impl Queue for MutantNode {
    fn request(&self, count: u32, memory: Memory, cached: bool) -> nix::Result<Grant> {
        answer!(self, request(count, memory, cached), self.node.request(count, memory, cached))
    }

    fn remove(&self, first: u32, count: u32) -> nix::Result<()> {
        answer!(self, remove(first, count), self.node.remove(first, count))
    }

    fn lengths(&self, index: u32, memory: Memory) -> nix::Result<Vec<usize>> {
        answer!(self, lengths(index, memory), self.node.lengths(index, memory))
    }

    fn export(&self, index: u32, plane: u32) -> nix::Result<OwnedFd> {
        answer!(self, export(index, plane), self.node.export(index, plane))
    }

    fn prepare(&self, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
        self.node.prepare(index, imports)
    }

    fn queue(&self, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
        match self.kernel.calls.queue.as_ref().filter(|_| self.kernel.is_armed()) {
            Some(answer) => answer(self.call(), index, imports),
            None => self.node.queue(index, imports),
        }
    }

    fn set_controls_in(
        &self,
        request: BorrowedFd<'_>,
        values: &mut [(u32, i64)],
    ) -> Result<(), ControlRefusal> {
        self.node.set_controls_in(request, values)
    }

    fn queue_in(&self, request: BorrowedFd<'_>, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
        self.node.queue_in(request, index, imports)
    }

    fn contents(&self, index: u32, bytes: usize) -> nix::Result<Vec<u8>> {
        self.node.contents(index, bytes)
    }

    fn dequeue(&self, memory: Memory) -> nix::Result<Filled> {
        answer!(self, dequeue(memory), self.node.dequeue(memory))
    }

    fn wait(&self, timeout: Duration) -> nix::Result<Ready> {
        answer!(self, wait(timeout), self.node.wait(timeout))
    }

    fn event(&self) -> nix::Result<Event> {
        answer!(self, event(), self.node.event())
    }

    fn stream_on(&self) -> nix::Result<()> {
        answer!(self, stream_on(), self.node.stream_on())
    }

    fn stream_off(&self) -> nix::Result<()> {
        answer!(self, stream_off(), self.node.stream_off())
    }

    fn now(&self) -> Duration {
        self.node.now()
    }

    fn pause(&self, time: Duration) {
        self.node.pause(time);
    }
}

impl Controls for MutantNode {
    fn control_after(&self, id: u32) -> nix::Result<Control> {
        answer!(self, control_after(id), self.node.control_after(id))
    }

    fn menu_item(&self, control: &Control, index: u32) -> nix::Result<MenuItem> {
        answer!(self, menu_item(control.clone(), index), self.node.menu_item(control, index))
    }

    fn controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        match self.kernel.calls.controls.as_ref().filter(|_| self.kernel.is_armed()) {
            Some(answer) => answer(self.call(), values),
            None => self.node.controls(values),
        }
    }

    fn set_controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        match self.kernel.calls.set_controls.as_ref().filter(|_| self.kernel.is_armed()) {
            Some(answer) => answer(self.call(), values),
            None => self.node.set_controls(values),
        }
    }
}

impl Video for MutantNode {
    fn use_metadata_queue(&mut self) {
        self.node.use_metadata_queue();
    }

    fn identity(&self) -> nix::Result<Identity> {
        answer!(self, identity(), self.node.identity())
    }

    fn use_planar_queue(&mut self) {
        self.node.use_planar_queue();
    }

    fn format_entry(&self, index: u32) -> nix::Result<FormatEntry> {
        answer!(self, format_entry(index), self.node.format_entry(index))
    }

    fn format_on_bus(&self, code: u32, index: u32) -> nix::Result<FormatEntry> {
        self.node.format_on_bus(code, index)
    }

    fn size_entry(&self, fourcc: u32, index: u32) -> nix::Result<SizeEntry> {
        answer!(self, size_entry(fourcc, index), self.node.size_entry(fourcc, index))
    }

    fn interval_entry(&self, fourcc: u32, size: (u32, u32), index: u32) -> nix::Result<IntervalEntry> {
        answer!(self, interval_entry(fourcc, size, index), self.node.interval_entry(fourcc, size, index))
    }

    fn format(&self) -> nix::Result<Format> {
        answer!(self, format(), self.node.format())
    }

    fn try_format(&self, wanted: &Format) -> nix::Result<Format> {
        answer!(self, try_format(wanted.clone()), self.node.try_format(wanted))
    }

    fn set_format(&self, wanted: &Format) -> nix::Result<Format> {
        answer!(self, set_format(wanted.clone()), self.node.set_format(wanted))
    }

    fn set_interval(&self, wanted: Option<Fraction>) -> nix::Result<Option<Fraction>> {
        answer!(self, set_interval(wanted), self.node.set_interval(wanted))
    }

    fn selection(&self, target: u32) -> nix::Result<Rectangle> {
        self.node.selection(target)
    }

    fn set_selection(&self, target: u32, wanted: Rectangle) -> nix::Result<Rectangle> {
        self.node.set_selection(target, wanted)
    }

    fn subscribe(&self, kind: u32, id: u32) -> nix::Result<()> {
        answer!(self, subscribe(kind, id), self.node.subscribe(kind, id))
    }

    fn priority(&self) -> nix::Result<u32> {
        answer!(self, priority(), self.node.priority())
    }

    fn set_priority(&self, priority: u32) -> nix::Result<()> {
        answer!(self, set_priority(priority), self.node.set_priority(priority))
    }
}

type CameraAnswer<Args, Out> = Option<Box<dyn FnMut(&mut dyn Camera, Args) -> Result<Out, Error> + Send>>;
type CameraReading<Args, Out> = Option<Box<dyn Fn(&dyn Camera, Args) -> Result<Out, Error> + Send>>;

/// The calls on a camera that a mutant answers; each camera has its own.
#[derive(Default)]
pub struct CameraCalls {
    /// What it says that it is.
    pub info: Option<CameraInfo>,
    /// [`Camera::modes`].
    pub modes: CameraReading<(), Vec<Mode>>,
    /// [`Camera::controls`].
    pub controls: CameraReading<(), Vec<CameraControl>>,
    /// [`Camera::menu`].
    pub menu: CameraReading<CameraControl, Vec<(i64, MenuItem)>>,
    /// [`Camera::control_values`].
    pub control_values: CameraReading<Vec<u32>, Vec<i64>>,
    /// [`Camera::set_controls`].
    pub set_controls: CameraAnswer<Vec<(u32, i64)>, Vec<i64>>,
    /// [`Camera::crop`].
    pub crop: CameraReading<(), Option<Crop>>,
    /// [`Camera::set_crop`].
    pub set_crop: CameraAnswer<Rectangle, Rectangle>,
    /// [`Camera::watch`].
    pub watch: CameraAnswer<Watch, bool>,
    /// [`Camera::configure`].
    pub configure: CameraAnswer<StreamRequest, StreamConfig>,
    /// [`Camera::start`].
    pub start: CameraAnswer<(), ()>,
    /// [`Camera::dequeue`].
    pub dequeue: CameraAnswer<Duration, Dequeued>,
    /// [`Camera::stop`].
    pub stop: CameraAnswer<(), ()>,
    /// Closing, before it is done.
    pub close: Option<Box<dyn FnMut() + Send>>,
}

/// A camera before another one, some of whose calls it answers.
pub struct MutantCamera {
    camera: Box<dyn Camera>,
    calls: CameraCalls,
}

impl MutantCamera {
    /// The camera with its wrong answers.
    pub fn new(camera: Box<dyn Camera>, calls: CameraCalls) -> Self {
        Self { camera, calls }
    }
}

impl Drop for MutantCamera {
    fn drop(&mut self) {
        if let Some(close) = &mut self.calls.close {
            close();
        }
    }
}

macro_rules! reading {
    ($self:ident, $name:ident, $arg:expr, $passed:expr) => {
        match &$self.calls.$name {
            Some(answer) => answer(&*$self.camera, $arg),
            None => $passed,
        }
    };
}

macro_rules! acting {
    ($self:ident, $name:ident, $arg:expr, $passed:expr) => {
        match &mut $self.calls.$name {
            Some(answer) => answer(&mut *$self.camera, $arg),
            None => $passed,
        }
    };
}

impl Camera for MutantCamera {
    fn info(&self) -> &CameraInfo {
        self.calls.info.as_ref().unwrap_or_else(|| self.camera.info())
    }

    fn modes(&self) -> Result<Vec<Mode>, Error> {
        reading!(self, modes, (), self.camera.modes())
    }

    fn controls(&self) -> Result<Vec<CameraControl>, Error> {
        reading!(self, controls, (), self.camera.controls())
    }

    fn menu(&self, control: &CameraControl) -> Result<Vec<(i64, MenuItem)>, Error> {
        reading!(self, menu, control.clone(), self.camera.menu(control))
    }

    fn control_values(&self, ids: &[u32]) -> Result<Vec<i64>, Error> {
        reading!(self, control_values, ids.to_vec(), self.camera.control_values(ids))
    }

    fn set_controls(&mut self, values: &[(u32, i64)]) -> Result<Vec<i64>, Error> {
        acting!(self, set_controls, values.to_vec(), self.camera.set_controls(values))
    }

    fn set_frame_controls(&mut self, values: &[(u32, i64)]) -> Result<u64, Error> {
        self.camera.set_frame_controls(values)
    }

    fn crop(&self) -> Result<Option<Crop>, Error> {
        reading!(self, crop, (), self.camera.crop())
    }

    fn set_crop(&mut self, wanted: Rectangle) -> Result<Rectangle, Error> {
        acting!(self, set_crop, wanted, self.camera.set_crop(wanted))
    }

    fn watch(&mut self, what: Watch) -> Result<bool, Error> {
        acting!(self, watch, what, self.camera.watch(what))
    }

    fn configure(&mut self, request: &StreamRequest) -> Result<StreamConfig, Error> {
        acting!(self, configure, *request, self.camera.configure(request))
    }

    fn start(&mut self) -> Result<(), Error> {
        acting!(self, start, (), self.camera.start())
    }

    fn dequeue(&mut self, timeout: Duration) -> Result<Dequeued, Error> {
        acting!(self, dequeue, timeout, self.camera.dequeue(timeout))
    }

    fn stop(&mut self) -> Result<(), Error> {
        acting!(self, stop, (), self.camera.stop())
    }
}

/// Maps the first bytes of a file until the value drops: what a mutant forgets stays mapped.
///
/// # Errors
/// The system's refusal.
pub fn mapped(file: &impl AsFd, len: usize) -> std::io::Result<Box<dyn Any + Send>> {
    Ok(Box::new(Mapping::read_only(&file.as_fd().try_clone_to_owned()?, len)?))
}
