//! Cameras of the kernel: capture through V4L2, single- and multi-planar, into buffers that the driver exports as
//! DMA-bufs. <https://docs.kernel.org/userspace-api/media/v4l/capture-example.html>
//!
//! Owns: [`V4l2Camera`], and through its modules the format table, the list of modes, the layout of frames, the stream's
//! slots and what a device's refusals mean.

mod buffers;
mod controls;
pub(crate) mod formats;
mod layout;
mod metadata;
pub(crate) mod modes;
mod node;
mod policy;
mod requests;
pub(crate) mod sequence;
mod settings;
pub(crate) mod slots;
mod stream;

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;

use crate::camera::{Camera, CameraInfo, Crop, Dequeued, Mode, Sensor, StreamConfig, StreamRequest, Watch};
use crate::control::{Control, MenuItem};
use crate::error::Error;
use crate::frame::SlotPool;
use crate::kernel::{
    ControlRefusal, Format, Fraction, Kernel, Linux, Media, Memory, PlaneFormat, Rectangle, Video,
};
use crate::media::Wish;
use crate::memory::{self, Source};
use layout::Layout;
pub use metadata::{Metadata, MetadataNode, Pairing};
use policy::{Fault, Operation, Verdict};
use requests::REQUESTS_ONLY;
use slots::Plan;
use stream::Stream;

/// The modes of an open node, as [`Camera::modes`] lists them.
pub(crate) fn list_modes(node: &dyn Video) -> nix::Result<Vec<Mode>> {
    modes::list(node).map_err(|fault| fault.errno)
}

/// The time from frame to frame that a node lists for a mode and that is nearest to this one; `None` where it lists none.
pub(crate) fn interval_near(
    node: &dyn Video,
    fourcc: u32,
    size: (u32, u32),
    wanted: Duration,
) -> Option<Fraction> {
    modes::interval(node, fourcc, size, Some(wanted)).ok().flatten()
}

/// How a program stands against others that have the same device open:
/// <https://docs.kernel.org/userspace-api/media/v4l/app-pri.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Whoever wants to may change what this program set.
    Background,
    /// As all programs start.
    Interactive,
    /// Others cannot change formats, controls and crops of the device.
    Record,
}

/// A camera behind a V4L2 device file.
#[derive(Debug)]
pub struct V4l2Camera {
    node: Box<dyn Video>,
    info: CameraInfo,
    stream: Option<Stream>,
    /// The driver holds buffers for us, or may do so.
    allocated: bool,
    /// The driver frees buffers while frames of them are held.
    orphans: bool,
    /// Where the memory of frames comes from; `None` is the driver.
    source: Option<Source>,
    /// The media device that it belongs to.
    media: Option<Box<dyn Media>>,
    /// Frames that are left out after each start.
    skipped: u32,
    /// Buffers go to the device in requests where it takes them.
    requests: bool,
    /// Colour planes get memories of their own where the device has both.
    separate: bool,
}

impl V4l2Camera {
    /// Opens a device file. Does not block; opening may power the sensor up.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Permission`], [`Error::Busy`] (drivers of a single user);
    /// [`Error::Unsupported`] for what is no capture device or has no format that is known here, with what it
    /// has instead;
    /// [`Error::Gone`]; [`Error::System`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_on(&Linux, path)
    }

    /// The same for a device that may not answer yet, since it just resumed, is being bound to its driver, or is let go
    /// by a program that had it alone: waits for it for at most `patience`.
    ///
    /// # Errors
    /// As [`V4l2Camera::open`].
    pub fn open_within(kernel: &dyn Kernel, path: &Path, patience: Duration) -> Result<Self, Error> {
        node::wait_until_open(kernel, path, patience);
        Self::open_on(kernel, path)
    }

    /// Whether this program could configure it now. Sets the format that it has already, which drivers refuse while
    /// another program has buffers.
    ///
    /// # Errors
    /// [`Error::Busy`] when another program has it; [`Error::Gone`].
    pub fn check_free(&self) -> Result<(), Error> {
        if self.allocated {
            return Ok(());
        }
        match self.node.format().and_then(|format| self.node.set_format(&format)) {
            Ok(_) => Ok(()),
            Err(errno) => match policy::judge(Operation::SetFormat, errno) {
                Verdict::Busy | Verdict::Gone => Err(self.failed(Operation::SetFormat, errno)),
                // A format at start that the driver itself does not take says nothing of other programs.
                _ => Ok(()),
            },
        }
    }

    /// Frames to leave out after each start of the stream: sensors whose first ones are dark or torn, as a board's
    /// description knows. They are not numbered. 0 at first.
    pub fn skip_first(&mut self, frames: u32) {
        self.skipped = frames;
    }

    /// [`V4l2Camera::open`] on another kernel than this machine's.
    ///
    /// # Errors
    /// As [`V4l2Camera::open`].
    pub fn open_on(kernel: &dyn Kernel, path: &Path) -> Result<Self, Error> {
        Self::open_wished(kernel, path, &Wish::default())
    }

    /// [`V4l2Camera::open_on`] for a camera whose pipeline has more than one sensor or way.
    ///
    /// # Errors
    /// As [`V4l2Camera::open`]; [`Error::NotFound`] when no such sensor leads to it.
    pub fn open_wished(kernel: &dyn Kernel, path: &Path, wish: &Wish) -> Result<Self, Error> {
        let (node, identity) = node::open(kernel, path, wish)?;
        let camera = path.display().to_string();
        let fourccs =
            modes::fourccs(&*node).map_err(|fault| policy::error(&camera, fault.operation, fault.errno))?;
        if !fourccs.iter().any(|fourcc| formats::from_fourcc(*fourcc).is_some()) {
            let offered = formats::list(&fourccs);
            let reason = format!("it has no format that is known here; it offers {offered}");
            return Err(Error::Unsupported { camera, reason });
        }
        let info = CameraInfo {
            id: node::id(&identity, node.label().as_deref(), path),
            driver: identity.driver,
            model: identity.card,
            path: Some(path.to_path_buf()),
            simulated: false,
            sensor: Sensor::default(),
        };
        for what in [Watch::Source, Watch::End] {
            // Most cameras have neither; one that is gone says so at its next call.
            let _ = controls::watch(&*node, what);
        }
        Ok(Self {
            node,
            info,
            stream: None,
            allocated: false,
            orphans: false,
            source: None,
            media: kernel.media_of(path).ok(),
            skipped: 0,
            requests: false,
            separate: false,
        })
    }

    /// Sets how this program stands against others that have the same device open.
    ///
    /// # Errors
    /// [`Error::Busy`] when another program has a higher priority; [`Error::Gone`]; [`Error::System`].
    pub fn set_priority(&mut self, priority: Priority) -> Result<(), Error> {
        use v4l2r::bindings as raw;
        let code = match priority {
            Priority::Background => raw::v4l2_priority_V4L2_PRIORITY_BACKGROUND,
            Priority::Interactive => raw::v4l2_priority_V4L2_PRIORITY_INTERACTIVE,
            Priority::Record => raw::v4l2_priority_V4L2_PRIORITY_RECORD,
        };
        self.node.set_priority(code).map_err(|errno| self.failed(Operation::SetPriority, errno))
    }

    /// What a refusal of controls means; `None` for the control at fault is the call as a whole.
    fn controls_refused(&self, operation: Operation, refusal: ControlRefusal, ids: &[u32]) -> Error {
        let culprit =
            refusal.index.and_then(|index| ids.get(index)).or(ids.first().filter(|_| ids.len() == 1));
        match (refusal.errno, culprit) {
            (Errno::EINVAL | Errno::ENOTTY, Some(id)) => {
                self.unsupported(format!("it has no control {id:#010x}"))
            }
            (Errno::ERANGE, Some(id)) => {
                self.unsupported(format!("control {id:#010x} cannot have this value"))
            }
            (errno, _) => self.failed(operation, errno),
        }
    }

    fn name(&self) -> String {
        self.info.path.as_ref().map_or_else(|| self.info.id.clone(), |path| path.display().to_string())
    }

    fn error(&self, fault: Fault) -> Error {
        if fault.may_be_leaving() && self.is_leaving() {
            return Error::Gone { camera: self.name() };
        }
        let mut error = policy::error(&self.name(), fault.operation, fault.errno);
        if let Error::System { errno: Errno::EPIPE, detail, .. } = &mut error
            && let Some(reason) = self.node.reason()
        {
            *detail = format!("{detail} ({reason})");
        }
        error
    }

    /// Whether the device goes away now: one that was unplugged answers nothing for a moment, until the kernel has
    /// noticed and says so.
    fn is_leaving(&self) -> bool {
        const MOMENT: Duration = Duration::from_millis(500);
        const PAUSE: Duration = Duration::from_millis(20);
        let end = self.node.now().saturating_add(MOMENT);
        loop {
            if self.node.identity().is_err_and(|errno| errno == Errno::ENODEV) {
                return true;
            }
            if self.node.now() >= end {
                return false;
            }
            self.node.pause(PAUSE);
        }
    }

    fn failed(&self, operation: Operation, errno: Errno) -> Error {
        self.error(Fault { operation, errno })
    }

    fn unsupported(&self, reason: String) -> Error {
        Error::Unsupported { camera: self.name(), reason }
    }

    fn misused(&self, operation: &'static str, reason: &'static str) -> Error {
        Error::State { camera: self.name(), operation, reason }
    }

    /// `stride` is the least bytes a row to ask for; 0 leaves it to the driver.
    fn configure_with(&mut self, request: &StreamRequest, stride: u32) -> Result<StreamConfig, Error> {
        if self.stream.as_ref().is_some_and(Stream::streaming) {
            return Err(self.misused("configure", "it streams; stop it first"));
        }
        let config = self.set_up(request, stride);
        if config.is_err() && self.allocated {
            // What was allocated before the refusal would keep others from the device.
            let _ = self.free_buffers();
        }
        config
    }

    fn set_up(&mut self, request: &StreamRequest, stride: u32) -> Result<StreamConfig, Error> {
        let cache_hints = self.free_buffers()?;
        let (layout, frame_interval) = self.set_mode(&request.mode, stride)?;
        let fewest = self.fewest_queued();
        let size_bytes = layout.size();
        let plan = Plan::new(request.held, fewest, size_bytes, memory::budget_left());
        let memory = if self.source.is_some() { Memory::Imported } else { Memory::Driver };
        let granted = self.request(plan.ask, memory, cache_hints)?;
        if granted.count < slots::FEWEST {
            let reason =
                format!("it gives {} buffers of {size_bytes} bytes, and streaming needs 2", granted.count);
            return Err(self.unsupported(reason));
        }
        let buffers = match &self.source {
            None => (0..granted.count).map(|index| self.export(index, &layout)).collect::<Result<_, _>>()?,
            Some(source) => self.import_all(granted.count, source, &layout)?,
        };
        let slots = u32::try_from(buffers.len()).unwrap_or(granted.count);
        let config = StreamConfig {
            format: layout.format,
            width: layout.width,
            height: layout.height,
            stride_bytes: layout.stride(),
            separate: layout.separate,
            size_bytes,
            slots,
            held: plan.held(slots),
            frame_interval,
            colorimetry: layout.colorimetry,
        };
        let layout = Layout { interval: frame_interval, ..layout };
        let mut stream = Stream::new(layout, SlotPool::with_memories(buffers), memory, fewest);
        stream.skip_first(self.skipped);
        if self.requests && granted.requests() {
            stream.use_requests(self.allocate_requests(slots)?);
        }
        self.stream = Some(stream);
        Ok(config)
    }

    /// How many buffers the driver must have queued, where it tells.
    fn fewest_queued(&self) -> u32 {
        let mut value = [(v4l2r::bindings::V4L2_CID_MIN_BUFFERS_FOR_CAPTURE, 0)];
        match self.node.controls(&mut value) {
            Ok(()) => u32::try_from(value[0].1).unwrap_or(0),
            Err(_) => 0,
        }
    }

    fn set_mode(&mut self, mode: &Mode, stride: u32) -> Result<(Layout, Option<Duration>), Error> {
        let fourcc = self.fourcc(mode)?;
        let wanted = Format {
            fourcc,
            width: mode.width,
            height: mode.height,
            planes: vec![PlaneFormat { stride, size: 0 }],
            ..Format::default()
        };
        let answer =
            self.node.set_format(&wanted).map_err(|errno| self.failed(Operation::SetFormat, errno))?;
        let layout = Layout::check(&answer).map_err(|reason| self.unsupported(reason))?;
        let size = (layout.width, layout.height);
        let wanted = modes::interval(&*self.node, answer.fourcc, size, mode.frame_interval)
            .map_err(|fault| self.error(fault))?;
        let interval = match self.node.set_interval(wanted) {
            Ok(interval) => interval.and_then(modes::duration),
            // Many drivers of raw sensors leave rates to the sensor's controls and have no such call.
            Err(errno) => match policy::judge(Operation::SetInterval, errno) {
                Verdict::Gone => return Err(self.failed(Operation::SetInterval, errno)),
                _ => None,
            },
        };
        Ok((layout, interval))
    }

    /// The device's own name for a mode's format.
    fn fourcc(&self, mode: &Mode) -> Result<u32, Error> {
        let mut names: Vec<u32> = formats::to_fourccs(mode.format).collect();
        if self.separate {
            names.sort_by_key(|name| !formats::is_separate(*name));
        }
        let Some(usual) = names.first().copied() else {
            return Err(self.unsupported(format!("V4L2 has no format for {:?}", mode.format)));
        };
        let offered = modes::fourccs(&*self.node).map_err(|fault| self.error(fault))?;
        Ok(names.into_iter().find(|name| offered.contains(name)).unwrap_or(usual))
    }
}

impl Camera for V4l2Camera {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn modes(&self) -> Result<Vec<Mode>, Error> {
        modes::list(&*self.node).map_err(|fault| self.error(fault))
    }

    fn controls(&self) -> Result<Vec<Control>, Error> {
        controls::list(&*self.node).map_err(|fault| self.error(fault))
    }

    fn menu(&self, control: &Control) -> Result<Vec<(i64, MenuItem)>, Error> {
        controls::menu(&*self.node, control).map_err(|fault| self.error(fault))
    }

    fn control_values(&self, ids: &[u32]) -> Result<Vec<i64>, Error> {
        let mut values: Vec<(u32, i64)> = ids.iter().map(|id| (*id, 0)).collect();
        self.node
            .controls(&mut values)
            .map_err(|refusal| self.controls_refused(Operation::GetControls, refusal, ids))?;
        Ok(values.into_iter().map(|(_, value)| value).collect())
    }

    fn set_controls(&mut self, values: &[(u32, i64)]) -> Result<Vec<i64>, Error> {
        let mut made = values.to_vec();
        let ids: Vec<u32> = values.iter().map(|(id, _)| *id).collect();
        self.node
            .set_controls(&mut made)
            .map_err(|refusal| self.controls_refused(Operation::SetControls, refusal, &ids))?;
        if let Some(settings) = self.stream.as_mut().and_then(Stream::settings) {
            for (id, value) in &made {
                settings.update_usual(*id, *value);
            }
        }
        Ok(made.into_iter().map(|(_, value)| value).collect())
    }

    fn set_frame_controls(&mut self, values: &[(u32, i64)]) -> Result<u64, Error> {
        self.ask_for_frame(values)
    }

    fn crop(&self) -> Result<Option<Crop>, Error> {
        controls::crop(&*self.node).map_err(|fault| self.error(fault))
    }

    fn set_crop(&mut self, wanted: Rectangle) -> Result<Rectangle, Error> {
        controls::set_crop(&*self.node, wanted).map_err(|fault| self.error(fault))
    }

    fn watch(&mut self, what: Watch) -> Result<bool, Error> {
        controls::watch(&*self.node, what).map_err(|fault| self.error(fault))
    }

    fn configure(&mut self, request: &StreamRequest) -> Result<StreamConfig, Error> {
        self.configure_with(request, 0)
    }

    fn start(&mut self) -> Result<(), Error> {
        match &mut self.stream {
            None => Err(self.misused("start", "it is not configured")),
            Some(stream) if stream.streaming() => Err(self.misused("start", "it streams already")),
            Some(stream) => {
                let started = stream.start(&*self.node);
                match started {
                    Err(fault) if fault == REQUESTS_ONLY && self.media.is_some() => {
                        self.start_with_requests()
                    }
                    started => started.map_err(|fault| self.error(fault)),
                }
            }
        }
    }

    fn dequeue(&mut self, timeout: Duration) -> Result<Dequeued, Error> {
        match &mut self.stream {
            Some(stream) if stream.streaming() => {
                let waited = stream.patience();
                stream.dequeue(&*self.node, timeout).map_err(|fault| match fault.verdict() {
                    Verdict::Silent => Error::Stalled { camera: self.name(), waited },
                    _ => self.error(fault),
                })
            }
            _ => Err(self.misused("dequeue", "it does not stream; start it first")),
        }
    }

    fn stop(&mut self) -> Result<(), Error> {
        match &mut self.stream {
            Some(stream) => {
                let was_on = stream.streaming();
                let stopped = stream.stop(&*self.node);
                if was_on && stopped.is_ok() {
                    self.end_settings();
                }
                stopped.map_err(|fault| self.error(fault))
            }
            None => Ok(()),
        }
    }
}

impl Drop for V4l2Camera {
    fn drop(&mut self) {
        // In this order, since some drivers refuse to stop after their buffers went. Closing the file, which follows,
        // cleans up after whatever is refused here.
        let _ = self.stop();
        if self.allocated {
            let _ = self.free_buffers();
        }
    }
}

#[cfg(test)]
mod camera_tests;
#[cfg(test)]
mod planes_tests;
#[cfg(test)]
mod robustness_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;

    fn picture(camera: &mut V4l2Camera, mode: Mode, stride: u32) -> (StreamConfig, Frame) {
        let config = camera.configure_with(&StreamRequest { mode, held: 1 }, stride).unwrap();
        camera.start().unwrap();
        let Dequeued::Frame(frame) = camera.dequeue(Duration::from_secs(10)).unwrap() else {
            panic!("no frame");
        };
        camera.stop().unwrap();
        (config, frame)
    }

    /// Needs the kernel's `vivid` driver, which lengthens rows when asked to; see `tests/v4l2_device.rs`.
    #[test]
    fn rows_that_are_longer_than_their_samples_hold_the_same_picture() {
        const OSD_TEXT: u32 = 0x00f0_f001;
        const NO_TEXT: i32 = 2;
        let Some(path) = std::env::var_os("LATENT_TEST_VIDEO") else {
            println!("SKIP LATENT_TEST_VIDEO names no video device");
            return;
        };
        let mut camera = V4l2Camera::open(Path::new(&path)).unwrap();
        if camera.info().driver != "vivid" {
            println!("SKIP the device is not vivid");
            return;
        }
        let control = std::fs::File::open(&path).unwrap();
        v4l2r::ioctl::s_ctrl(&control, OSD_TEXT, NO_TEXT).unwrap();
        let modes = camera.modes().unwrap();
        let mode = *modes.iter().rfind(|mode| mode.format.raw().is_some()).unwrap();
        let row = mode.format.row_bytes(mode.width);
        let longer = u32::try_from(row + 128).unwrap();
        let (tight, frame) = picture(&mut camera, mode, 0);
        let (padded, padded_frame) = picture(&mut camera, mode, longer);
        assert_eq!((tight.stride_bytes, padded.stride_bytes), (row, row + 128));
        assert!(padded.size_bytes >= padded.stride_bytes * (mode.height as usize - 1) + row);
        let (bytes, padded_bytes) = (frame.read().unwrap(), padded_frame.read().unwrap());
        for y in 0..mode.height as usize {
            let (start, padded_start) = (y * row, y * (row + 128));
            assert!(bytes[start..start + row] == padded_bytes[padded_start..padded_start + row], "row {y}");
        }
    }
}
