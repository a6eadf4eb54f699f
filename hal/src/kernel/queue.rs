//! The calls that a stream makes on a device's buffer queue:
//! <https://docs.kernel.org/userspace-api/media/v4l/buffer.html>.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use v4l2r::bindings;

use super::controls::ControlRefusal;

/// Whose memory the buffers of a queue are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// The driver's, which it exports (`V4L2_MEMORY_MMAP`).
    Driver,
    /// DMA-bufs that the program brings along (`V4L2_MEMORY_DMABUF`).
    Imported,
}

/// What a device gave when it was asked for buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Buffers, possibly fewer or more than asked.
    pub count: u32,
    /// `V4L2_BUF_CAP_*`; 0 from drivers that are older than the field.
    pub capabilities: u32,
}

impl Grant {
    /// The driver lets programs choose cached memory.
    pub fn cache_hints(self) -> bool {
        self.has(bindings::V4L2_BUF_CAP_SUPPORTS_MMAP_CACHE_HINTS)
    }

    /// The driver takes DMA-bufs of others.
    pub fn imports(self) -> bool {
        self.has(bindings::V4L2_BUF_CAP_SUPPORTS_DMABUF)
    }

    /// Buffers can be freed while somebody still maps them.
    pub fn orphans(self) -> bool {
        self.has(bindings::V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS)
    }

    /// Buffers can be parts of requests ([`Queue::queue_in`]).
    pub fn requests(self) -> bool {
        self.has(bindings::V4L2_BUF_CAP_SUPPORTS_REQUESTS)
    }

    /// Single buffers can be taken out of the queue ([`Queue::remove`]).
    pub fn removes(self) -> bool {
        self.has(bindings::V4L2_BUF_CAP_SUPPORTS_REMOVE_BUFS)
    }

    fn has(self, capability: u32) -> bool {
        self.capabilities & capability != 0
    }
}

/// No buffer has more memory planes than this (`VIDEO_MAX_PLANES`).
pub const MOST_PLANES: usize = bindings::VIDEO_MAX_PLANES as usize;

/// Foreign memory for a memory plane of a slot.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// The DMA-buf.
    pub file: BorrowedFd<'a>,
    /// Bytes of it.
    pub len: usize,
}

/// What of a memory plane is the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Where the picture ends.
    pub bytes_used: u32,
    /// Where the picture begins; 0 on single-planar queues.
    pub offset: u32,
}

/// A buffer that came back from the device, as the driver describes it: nothing of it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The buffer.
    pub index: u32,
    /// The device's frame counter.
    pub sequence: u32,
    /// `V4L2_BUF_FLAG_*`.
    pub flags: u32,
    /// The memory planes in their order; those that the format does not have are zeros.
    pub planes: [Fill; MOST_PLANES],
    /// Of the clock that the flags name.
    pub timestamp: Duration,
}

/// What waiting on a device brought; nothing of it is set when the time ran out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// A buffer can be taken (`POLLIN`).
    pub filled: bool,
    /// An event can be taken (`POLLPRI`).
    pub event: bool,
    /// Something is wrong; taking a buffer tells what (`POLLERR`, `POLLHUP`).
    pub fault: bool,
}

impl Ready {
    /// Nothing came in the time given.
    pub const SILENT: Self = Self { filled: false, event: false, fault: false };
    /// A buffer can be taken.
    pub const FILLED: Self = Self { filled: true, event: false, fault: false };
    /// The queue says that something is wrong.
    pub const FAULT: Self = Self { filled: false, event: false, fault: true };
}

/// Something that a device tells beside its frames:
/// <https://docs.kernel.org/userspace-api/media/v4l/vidioc-dqevent.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// What comes in changed (cable, resolution, rate): the stream must be configured again.
    SourceChanged {
        /// The size or the rate of frames is another one.
        resolution: bool,
    },
    /// A control has another value, range or flags.
    ControlChanged {
        /// `V4L2_CID_*`.
        id: u32,
        /// The value now; of controls of 64 bits the low half.
        value: i32,
    },
    /// A frame begins to arrive.
    FrameSync {
        /// Its number, as the device counts.
        sequence: u32,
    },
    /// The device has no more frames.
    EndOfStream,
    /// Another one.
    Other {
        /// `V4L2_EVENT_*`.
        kind: u32,
    },
}

/// A device's buffer queue.
pub trait Queue {
    /// Makes `count` buffers (0 frees them all); those of the driver cached for the CPU if that is asked and possible.
    ///
    /// # Errors
    /// The kernel's errno.
    fn request(&self, count: u32, memory: Memory, cached: bool) -> nix::Result<Grant>;

    /// Takes `count` buffers from `first` on out of the queue, which may go on streaming with the others.
    ///
    /// # Errors
    /// The kernel's errno; `ENOTTY` from kernels before 6.10 and most drivers, `EBUSY` for buffers that are queued.
    fn remove(&self, first: u32, count: u32) -> nix::Result<()>;

    /// Bytes of each memory plane of a buffer.
    ///
    /// # Errors
    /// The kernel's errno.
    fn lengths(&self, index: u32, memory: Memory) -> nix::Result<Vec<usize>>;

    /// A memory plane of a buffer as a DMA-buf for reading.
    ///
    /// # Errors
    /// The kernel's errno.
    fn export(&self, index: u32, plane: u32) -> nix::Result<OwnedFd>;

    /// Pins foreign memory, one piece for each memory plane, and maps it for the device before the first frame needs it.
    ///
    /// # Errors
    /// The kernel's errno.
    fn prepare(&self, index: u32, imports: &[Import<'_>]) -> nix::Result<()>;

    /// Gives a buffer to the device, with its memory plane by plane where that is foreign; without for the driver's own.
    ///
    /// # Errors
    /// The kernel's errno.
    fn queue(&self, index: u32, imports: &[Import<'_>]) -> nix::Result<()>;

    /// Puts values of controls into a request: they take effect with its buffer.
    ///
    /// # Errors
    /// The refusal.
    fn set_controls_in(
        &self,
        request: BorrowedFd<'_>,
        values: &mut [(u32, i64)],
    ) -> Result<(), ControlRefusal>;

    /// The same as a part of a request, which goes to the device when it is queued itself.
    ///
    /// # Errors
    /// The kernel's errno; `EBUSY` when other buffers went to the device without requests.
    fn queue_in(&self, request: BorrowedFd<'_>, index: u32, imports: &[Import<'_>]) -> nix::Result<()>;

    /// A copy of the first bytes of a buffer of the driver; for small ones that cannot be exported.
    ///
    /// # Errors
    /// The kernel's errno.
    fn contents(&self, index: u32, bytes: usize) -> nix::Result<Vec<u8>>;

    /// Takes a filled buffer from the device, if one is there.
    ///
    /// # Errors
    /// The kernel's errno; `EAGAIN` when there is none.
    fn dequeue(&self, memory: Memory) -> nix::Result<Filled>;

    /// Waits until a buffer is filled or an event came, at most `timeout`. Only while buffers exist: before, the kernel
    /// takes it as a wish to use `read` and blocks all streaming.
    ///
    /// # Errors
    /// The kernel's errno; `EINTR` when a signal came.
    fn wait(&self, timeout: Duration) -> nix::Result<Ready>;

    /// Takes an event, if one is there.
    ///
    /// # Errors
    /// The kernel's errno; `ENOENT` when there is none.
    fn event(&self) -> nix::Result<Event>;

    /// Begins to fill the buffers that are queued.
    ///
    /// # Errors
    /// The kernel's errno.
    fn stream_on(&self) -> nix::Result<()>;

    /// Ends it; all buffers are the caller's again, filled or not.
    ///
    /// # Errors
    /// The kernel's errno.
    fn stream_off(&self) -> nix::Result<()>;

    /// CLOCK_MONOTONIC, by which [`Queue::wait`] measures.
    fn now(&self) -> Duration;

    /// Lets this time of that clock pass.
    fn pause(&self, time: Duration);
}
