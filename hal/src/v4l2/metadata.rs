//! Metadata that a device gives beside its frames, through a node of its own (`V4L2_CAP_META_CAPTURE`): headers of USB
//! packets, embedded lines of a sensor, statistics. <https://docs.kernel.org/userspace-api/media/v4l/dev-meta.html>

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use v4l2r::bindings;

use super::modes;
use super::node;
use super::policy::{self, Operation, Verdict};
use crate::camera::CameraInfo;
use crate::discovery;
use crate::error::Error;
use crate::frame::Frame;
use crate::kernel::{Format, Kernel, Linux, Memory, Video};

/// Buffers of the node: metadata is copied out at once, so that few are enough.
const BUFFERS: u32 = 4;

/// The metadata of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The device's own number of the frame; see [`Frame::device_sequence`].
    pub sequence: u32,
    /// As of the frame, of the clock that the driver uses.
    pub timestamp: Duration,
    /// The bytes, in the node's format.
    pub bytes: Vec<u8>,
}

/// A metadata node, which streams beside the camera whose frames it describes.
#[derive(Debug)]
pub struct MetadataNode {
    node: Box<dyn Video>,
    name: String,
    /// As that of the camera to which it belongs.
    id: String,
    fourccs: Vec<u32>,
    size: usize,
    buffers: u32,
    /// Buffers that the device did not take back yet.
    idle: Vec<u32>,
    streaming: bool,
}

impl MetadataNode {
    /// Opens a metadata node.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Permission`]; [`Error::Busy`]; [`Error::Unsupported`] for what gives no metadata;
    /// [`Error::Gone`]; [`Error::System`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_on(&Linux, path)
    }

    /// Finds and opens the metadata node of a camera, on a machine whose sysfs is mounted at `root` (usually
    /// [`discovery::SYSFS`]). `None` for cameras without one that this user may open.
    pub fn beside(root: &Path, camera: &CameraInfo) -> Option<Self> {
        let nodes = discovery::siblings(root, camera.path.as_deref()?);
        nodes.iter().filter_map(|node| Self::open(node).ok()).find(|node| node.id == camera.id)
    }

    /// [`MetadataNode::open`] on another kernel than this machine's.
    ///
    /// # Errors
    /// As [`MetadataNode::open`].
    pub fn open_on(kernel: &dyn Kernel, path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let (node, identity) = node::open_metadata(kernel, path)?;
        let fourccs =
            modes::fourccs(&*node).map_err(|fault| policy::error(&name, fault.operation, fault.errno))?;
        let size = node.format().map_err(|errno| policy::error(&name, Operation::GetFormat, errno))?;
        let id = node::id(&identity, None, path);
        Ok(Self {
            node,
            name,
            id,
            fourccs,
            size: bytes(&size),
            buffers: 0,
            idle: Vec::new(),
            streaming: false,
        })
    }

    /// The formats that it has (`V4L2_META_FMT_*`, four characters each); the first is the one at start.
    pub fn formats(&self) -> &[u32] {
        &self.fourccs
    }

    /// Chooses a format; not while it streams. Bytes of the longest metadata of a frame.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the driver does not take it; [`Error::Busy`]; [`Error::Gone`]; [`Error::System`].
    pub fn set_format(&mut self, fourcc: u32) -> Result<usize, Error> {
        let wanted = Format { fourcc, ..Format::default() };
        let answer = self.node.set_format(&wanted).map_err(self.failed(Operation::SetFormat))?;
        if answer.fourcc != fourcc {
            let (asked, found) = (super::formats::name(fourcc), super::formats::name(answer.fourcc));
            let reason = format!("it gives metadata as {found}, not as {asked}");
            return Err(Error::Unsupported { camera: self.name.clone(), reason });
        }
        self.size = bytes(&answer);
        Ok(self.size)
    }

    /// Starts it; most drivers give metadata only while the camera streams as well.
    ///
    /// # Errors
    /// [`Error::State`] while it streams; [`Error::Busy`]; [`Error::Unsupported`] when it gives no buffers;
    /// [`Error::Gone`]; [`Error::System`]. After an error it is off.
    pub fn start(&mut self) -> Result<(), Error> {
        if self.streaming {
            let reason = "it streams already";
            return Err(Error::State { camera: self.name.clone(), operation: "start", reason });
        }
        let started = self.switch_on();
        if started.is_err() {
            self.release();
        }
        started
    }

    fn switch_on(&mut self) -> Result<(), Error> {
        let grant = self
            .node
            .request(BUFFERS, Memory::Driver, false)
            .map_err(self.failed(Operation::RequestBuffers))?;
        self.buffers = grant.count;
        if grant.count == 0 {
            let reason = "it gives no buffers for metadata".to_owned();
            return Err(Error::Unsupported { camera: self.name.clone(), reason });
        }
        for index in 0..grant.count {
            self.node.queue(index, &[]).map_err(self.failed(Operation::QueueBuffer))?;
        }
        self.node.stream_on().map_err(self.failed(Operation::StreamOn))?;
        self.streaming = true;
        Ok(())
    }

    /// Waits for the metadata of the next frame, at most `timeout`; `None` when nothing came, and for metadata that was
    /// marked as bad or is empty. A buffer that the device does not take back is offered to it again at the next call.
    ///
    /// # Errors
    /// [`Error::State`] when it does not stream; [`Error::Gone`]; [`Error::System`], of buffers when the device takes
    /// none.
    pub fn dequeue(&mut self, timeout: Duration) -> Result<Option<Metadata>, Error> {
        if !self.streaming {
            let reason = "it does not stream; start it first";
            return Err(Error::State { camera: self.name.clone(), operation: "dequeue", reason });
        }
        self.give_back()?;
        match self.node.wait(timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(self.failed(Operation::Wait)(errno)),
        }
        let filled = match self.node.dequeue(Memory::Driver) {
            Ok(filled) => filled,
            Err(errno) if policy::judge(Operation::DequeueBuffer, errno) == Verdict::Again => {
                return Ok(None);
            }
            Err(errno) => return Err(self.failed(Operation::DequeueBuffer)(errno)),
        };
        if filled.index >= self.buffers {
            return Ok(None);
        }
        let used = (filled.planes[0].bytes_used as usize).min(self.size);
        let is_good = used > 0 && filled.flags & bindings::V4L2_BUF_FLAG_ERROR == 0;
        let bytes = if is_good { self.node.contents(filled.index, used) } else { Ok(Vec::new()) };
        // The buffer goes back whether or not it could be read; what was read is no less for a refusal.
        if !self.idle.contains(&filled.index) {
            self.idle.push(filled.index);
        }
        let _ = self.give_back();
        let bytes = bytes.map_err(self.failed(Operation::QueryBuffer))?;
        let (sequence, timestamp) = (filled.sequence, filled.timestamp);
        Ok(is_good.then_some(Metadata { sequence, timestamp, bytes }))
    }

    /// Queues what the device does not have; fails when it is gone, and when it is left without any.
    fn give_back(&mut self) -> Result<(), Error> {
        let mut refused = None;
        let node = &self.node;
        self.idle.retain(|index| match node.queue(*index, &[]) {
            Ok(()) => false,
            Err(errno) => {
                refused = Some(errno);
                true
            }
        });
        match refused {
            Some(errno) if self.idle.len() >= self.buffers as usize || is_gone(errno) => {
                Err(self.failed(Operation::QueueBuffer)(errno))
            }
            _ => Ok(()),
        }
    }

    /// Stops it; idempotent.
    ///
    /// # Errors
    /// [`Error::System`] when the device refuses; one that is gone is stopped, not an error.
    pub fn stop(&mut self) -> Result<(), Error> {
        if !self.streaming {
            return Ok(());
        }
        match self.node.stream_off() {
            Err(errno) if policy::judge(Operation::StreamOff, errno) != Verdict::Gone => {
                Err(self.failed(Operation::StreamOff)(errno))
            }
            _ => {
                self.release();
                Ok(())
            }
        }
    }

    fn release(&mut self) {
        self.streaming = false;
        self.buffers = 0;
        self.idle.clear();
        // What is refused here is cleaned up when the file is closed.
        let _ = self.node.request(0, Memory::Driver, false);
    }

    fn failed(&self, operation: Operation) -> impl Fn(Errno) -> Error + use<> {
        let name = self.name.clone();
        move |errno| policy::error(&name, operation, errno)
    }
}

impl Drop for MetadataNode {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

fn is_gone(errno: Errno) -> bool {
    policy::judge(Operation::QueueBuffer, errno) == Verdict::Gone
}

fn bytes(format: &Format) -> usize {
    format.planes.first().map_or(0, |plane| plane.size as usize)
}

/// Brings metadata to the frames that it is of, whichever comes first.
///
/// A driver gives both one number, or both one time. Of devices that count the two streams apart the difference is
/// learnt from the first time that both have. A number that does not rise begins a run: metadata of an earlier run is of
/// none of its frames.
#[derive(Debug, Default)]
pub struct Pairing {
    /// Each with the run that it is of.
    waiting: VecDeque<(u32, Metadata)>,
    /// The metadata's number less the frame's.
    shift: u32,
    frames: Run,
    metadata: Run,
}

/// How often a stream began again.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    number: u32,
    last: Option<u32>,
}

impl Run {
    /// Takes note of the next number of the stream: true where it began again.
    fn begins(&mut self, sequence: u32) -> bool {
        let rises = |last: u32| (1..=u32::MAX / 2).contains(&sequence.wrapping_sub(last));
        let begins = self.last.replace(sequence).is_some_and(|last| !rises(last));
        self.number += u32::from(begins);
        begins
    }
}

impl Pairing {
    /// Metadata is kept for so many frames that may still come.
    const KEPT: usize = 32;

    /// Adds metadata; the oldest goes when too much waits.
    pub fn add(&mut self, metadata: Metadata) {
        if self.waiting.len() == Self::KEPT {
            self.waiting.pop_front();
        }
        self.metadata.begins(metadata.sequence);
        self.waiting.push_back((self.metadata.number, metadata));
    }

    /// The metadata of a frame, if it is here already. All that is older is dropped: frames come in their order.
    pub fn of(&mut self, frame: &Frame) -> Option<Metadata> {
        self.find(frame.device_sequence()?, frame.timestamp())
    }

    fn find(&mut self, sequence: u32, timestamp: Duration) -> Option<Metadata> {
        if self.frames.begins(sequence) {
            self.shift = 0;
        }
        let same_time = self.waiting.iter().position(|(_, metadata)| metadata.timestamp == timestamp);
        if let Some((run, found)) = same_time.and_then(|at| self.waiting.get(at)) {
            self.shift = found.sequence.wrapping_sub(sequence);
            // Of two streams one alone may begin again: they are of one run where they have one time.
            self.frames.number = *run;
        }
        let (run, wanted) = (self.frames.number, sequence.wrapping_add(self.shift));
        self.waiting.retain(|(of, _)| *of >= run);
        let is_its = |(of, metadata): &(u32, Metadata)| {
            *of == run && (metadata.timestamp == timestamp || metadata.sequence == wanted)
        };
        let at = self.waiting.iter().position(is_its)?;
        self.waiting.drain(..at);
        self.waiting.pop_front().map(|(_, metadata)| metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::{Camera, Dequeued, StreamRequest};
    use crate::error::ErrorKind;
    use crate::fake::{Call, FakeCamera, FakeKernel, Fault, Model, Times, picture};
    use crate::v4l2::V4l2Camera;

    const SECOND: Duration = Duration::from_secs(1);
    const VIDEO: &str = "/dev/video0";
    const META: &str = "/dev/video1";
    const UVCH: u32 = u32::from_le_bytes(*b"UVCH");
    const UVCM: u32 = u32::from_le_bytes(*b"UVCM");

    fn device() -> (FakeKernel, FakeCamera, FakeCamera) {
        let kernel = FakeKernel::default();
        let (video, meta) = (kernel.plug(VIDEO, Model::usb()), kernel.plug(META, Model::metadata()));
        (kernel, video, meta)
    }

    fn open(kernel: &FakeKernel) -> MetadataNode {
        MetadataNode::open_on(kernel, Path::new(META)).unwrap()
    }

    fn record(sequence: u32, millis: u64) -> Metadata {
        Metadata { sequence, timestamp: Duration::from_millis(millis), bytes: vec![0; 4] }
    }

    #[test]
    fn metadata_comes_with_the_number_and_the_time_of_its_frame() {
        let (kernel, _video, _meta) = device();
        let mut camera = V4l2Camera::open_on(&kernel, Path::new(VIDEO)).unwrap();
        let mode = camera.modes().unwrap()[0];
        camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
        let mut node = open(&kernel);
        assert_eq!(node.formats(), [UVCH, UVCM]);
        let size = node.set_format(UVCH).unwrap();
        node.start().unwrap();
        camera.start().unwrap();
        let mut pairing = Pairing::default();
        for sequence in 0..20 {
            pairing.add(node.dequeue(SECOND).unwrap().unwrap());
            let Dequeued::Frame(frame) = camera.dequeue(SECOND).unwrap() else { panic!("no frame") };
            let metadata = pairing.of(&frame).unwrap();
            assert_eq!((metadata.sequence, metadata.timestamp), (sequence, frame.timestamp()));
            assert!(metadata.bytes == picture(UVCH, 0, 0, 0, size, sequence));
        }
        node.stop().unwrap();
        node.stop().unwrap();
        node.start().unwrap();
        assert_eq!(node.dequeue(SECOND).unwrap().unwrap().sequence, 0);
    }

    #[test]
    fn a_node_has_the_name_of_its_camera() {
        let (kernel, ..) = device();
        let camera = V4l2Camera::open_on(&kernel, Path::new(VIDEO)).unwrap();
        assert_eq!(open(&kernel).id, camera.info().id);
        assert!(MetadataNode::beside(Path::new("/no-such-sysfs"), camera.info()).is_none());
    }

    #[test]
    fn cameras_are_no_metadata_nodes_and_the_other_way_round() {
        let (kernel, ..) = device();
        let kind = |error: Error| error.kind();
        let camera = V4l2Camera::open_on(&kernel, Path::new(META)).unwrap_err();
        assert!(camera.to_string().contains("metadata"), "{camera}");
        assert_eq!(
            kind(MetadataNode::open_on(&kernel, Path::new(VIDEO)).unwrap_err()),
            ErrorKind::Unsupported
        );
        let absent = MetadataNode::open_on(&kernel, Path::new("/dev/video9")).unwrap_err();
        assert_eq!(kind(absent), ErrorKind::NotFound);
    }

    #[test]
    fn bad_and_empty_metadata_is_left_out_and_its_buffer_goes_round() {
        let (kernel, _video, meta) = device();
        let mut node = open(&kernel);
        node.start().unwrap();
        for fault in [Fault::Bad, Fault::Empty, Fault::Stray(31), Fault::Lost] {
            meta.misbehave(0, fault);
        }
        meta.misbehave(1, Fault::Short(16));
        let got: Vec<_> = (0..20).filter_map(|_| node.dequeue(SECOND).unwrap()).collect();
        assert!(got.len() >= 15, "{} came", got.len());
        assert_eq!((got[0].sequence, got[0].bytes.len()), (1, 16));
        assert_eq!(meta.queued(), BUFFERS as usize);
    }

    #[test]
    fn calls_in_the_wrong_order_and_refusals_leave_a_node_that_works() {
        let (kernel, _video, meta) = device();
        let mut node = open(&kernel);
        assert_eq!(node.dequeue(SECOND).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(node.set_format(7).unwrap_err().kind(), ErrorKind::Unsupported);
        for call in [Call::RequestBuffers, Call::QueueBuffer, Call::StreamOn] {
            meta.refuse(call, Errno::ENOMEM, Times::Next(1));
            assert_eq!(node.start().unwrap_err().kind(), ErrorKind::System, "{call:?}");
            assert_eq!(meta.buffers(), 0, "{call:?}");
        }
        node.start().unwrap();
        assert_eq!(node.start().unwrap_err().kind(), ErrorKind::Usage);
        meta.refuse(Call::QueryBuffer, Errno::ENOMEM, Times::Next(1));
        assert!(node.dequeue(SECOND).is_err());
        assert_eq!(meta.queued(), BUFFERS as usize, "a buffer that cannot be read goes back");
        assert!(node.dequeue(SECOND).unwrap().is_some());
        meta.unplug();
        assert_eq!(node.dequeue(SECOND).unwrap_err().kind(), ErrorKind::Gone);
        node.stop().unwrap();
    }

    #[test]
    fn a_buffer_that_is_refused_loses_no_metadata_and_is_offered_again() {
        let (kernel, _video, meta) = device();
        let mut node = open(&kernel);
        node.start().unwrap();
        for sequence in 0..10 {
            meta.refuse(Call::QueueBuffer, Errno::ENOMEM, Times::Next(1));
            assert_eq!(node.dequeue(SECOND).unwrap().unwrap().sequence, sequence);
            assert!(meta.queued() + 1 >= BUFFERS as usize, "{} at {sequence}", meta.queued());
        }
        meta.relent(Call::QueueBuffer);
        assert!(node.dequeue(SECOND).unwrap().is_some());
        assert_eq!(meta.queued(), BUFFERS as usize);
        meta.refuse(Call::QueueBuffer, Errno::ENOMEM, Times::Always);
        let error = (0..=BUFFERS).find_map(|_| node.dequeue(SECOND).err()).unwrap();
        assert!(error.kind() == ErrorKind::System && error.to_string().contains("VIDIOC_QBUF"), "{error}");
        meta.relent(Call::QueueBuffer);
        assert!(node.dequeue(SECOND).unwrap().is_some());
    }

    #[test]
    fn metadata_of_an_earlier_run_is_of_no_later_frame() {
        let of = |pairing: &mut Pairing, sequence, millis| {
            let found = pairing.find(sequence, Duration::from_millis(millis));
            found.map(|metadata| metadata.timestamp.as_millis())
        };
        // The metadata begins again before the frames do.
        let mut pairing = Pairing::default();
        for (sequence, millis) in [(7, 107), (8, 108), (0, 200), (1, 201), (9, 209)] {
            pairing.add(record(sequence, 1000 + millis));
        }
        assert_eq!(of(&mut pairing, 7, 0), Some(1107));
        assert_eq!(of(&mut pairing, 8, 0), Some(1108));
        assert_eq!(of(&mut pairing, 9, 0), None, "it was lost, and a later run has this number as well");
        assert_eq!([of(&mut pairing, 0, 0), of(&mut pairing, 1, 0)], [Some(1200), Some(1201)]);
        // The frames begin again before the metadata does.
        let mut pairing = Pairing::default();
        for sequence in 0..4 {
            pairing.add(record(sequence, 1000 + u64::from(sequence)));
        }
        assert_eq!(of(&mut pairing, 1, 0), Some(1001));
        assert_eq!(of(&mut pairing, 0, 0), None);
        pairing.add(record(0, 1200));
        pairing.add(record(2, 1202));
        assert_eq!(of(&mut pairing, 2, 0), Some(1202));
    }

    #[test]
    fn of_two_streams_one_may_begin_again_and_times_bring_them_together() {
        let mut pairing = Pairing::default();
        let mut of = |metadata, sequence, millis| {
            pairing.add(record(metadata, millis));
            pairing.find(sequence, Duration::from_millis(millis)).map(|metadata| metadata.sequence)
        };
        assert_eq!(of(5, 5, 100), Some(5));
        assert_eq!(of(6, 0, 133), Some(6), "the frames began again");
        assert_eq!(of(7, 1, 166), Some(7));
        assert_eq!(of(0, 2, 200), Some(0), "the metadata began again");
    }

    #[test]
    fn one_that_nothing_comes_from_says_so_in_time() {
        let (kernel, _video, meta) = device();
        let mut node = open(&kernel);
        node.start().unwrap();
        meta.misbehave(0, Fault::Stall);
        assert_eq!(node.dequeue(SECOND).unwrap(), None);
    }

    #[test]
    fn frames_and_metadata_meet_by_number_where_times_differ() {
        let mut pairing = Pairing::default();
        for sequence in [5, 6, 7, 9] {
            pairing.add(record(sequence, 1000 + u64::from(sequence)));
        }
        let of = |pairing: &mut Pairing, sequence| {
            pairing.find(sequence, Duration::ZERO).map(|metadata| metadata.sequence)
        };
        assert_eq!(of(&mut pairing, 6), Some(6));
        assert_eq!(pairing.waiting.len(), 2, "older metadata went with the frame");
        assert_eq!(of(&mut pairing, 8), None, "its metadata was lost");
        assert_eq!(of(&mut pairing, 9), Some(9));
    }

    #[test]
    fn streams_that_count_apart_meet_by_time_and_then_by_the_difference() {
        let mut pairing = Pairing::default();
        for (sequence, millis) in [(0, 100), (1, 133), (2, 999), (3, 200)] {
            pairing.add(record(sequence, millis));
        }
        let mut of = |sequence, millis| {
            pairing.find(sequence, Duration::from_millis(millis)).map(|metadata| metadata.sequence)
        };
        assert_eq!(of(40, 100), Some(0));
        assert_eq!(of(41, 133), Some(1));
        assert_eq!(of(42, 166), Some(2), "its time is off by a little");
        assert_eq!(of(43, 200), Some(3));
    }

    #[test]
    fn metadata_that_no_frame_asks_for_does_not_pile_up() {
        let mut pairing = Pairing::default();
        for sequence in 0..1000 {
            pairing.add(record(sequence, 0));
        }
        assert_eq!(pairing.waiting.len(), Pairing::KEPT);
    }
}
