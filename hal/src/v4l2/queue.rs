//! The calls that a stream makes on a device's buffer queue: the kernel's, or a script's in tests.

use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use v4l2r::ioctl::UncheckedV4l2Buffer;

use super::policy::{Operation, Verdict, judge};

/// A call that a device refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) operation: Operation,
    pub(super) errno: Errno,
}

impl Fault {
    pub(super) fn verdict(self) -> Verdict {
        judge(self.operation, self.errno)
    }
}

/// What a device gave when it was asked for buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// Buffers, possibly fewer or more than asked.
    pub(super) count: u32,
    /// The driver lets programs choose cached memory.
    pub(super) cache_hints: bool,
}

/// A buffer that came back from the device, as the driver describes it: nothing of it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) index: u32,
    pub(super) sequence: u32,
    /// `V4L2_BUF_FLAG_*`.
    pub(super) flags: u32,
    /// Where the picture ends.
    pub(super) bytes_used: u32,
    /// Where the picture begins.
    pub(super) offset: u32,
    /// Of the clock that the flags name.
    pub(super) timestamp: Duration,
}

/// Read off the raw structure, so that no odd number can become an error after the kernel gave the buffer back: the
/// buffer would be lost.
impl From<UncheckedV4l2Buffer> for Filled {
    fn from(UncheckedV4l2Buffer(buffer, planes): UncheckedV4l2Buffer) -> Self {
        let (bytes_used, offset) =
            planes.map_or((buffer.bytesused, 0), |planes| (planes[0].bytesused, planes[0].data_offset));
        let seconds = u64::try_from(buffer.timestamp.tv_sec).unwrap_or(0);
        let micros = u64::try_from(buffer.timestamp.tv_usec).unwrap_or(0);
        let timestamp = Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros));
        Self {
            index: buffer.index,
            sequence: buffer.sequence,
            flags: buffer.flags,
            bytes_used,
            offset,
            timestamp,
        }
    }
}

/// What waiting on a device brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// Nothing in the time given.
    Silent,
    /// A buffer can be taken.
    Data,
    /// The queue says that something is wrong; taking a buffer tells what.
    Fault,
}

/// A device's buffer queue. Calls repeat themselves on `EINTR`, except [`Queue::wait`].
pub(super) trait Queue {
    /// Makes `count` buffers of driver memory (0 frees them all), cached for the CPU if that is asked and possible.
    fn request(&self, count: u32, cached: bool) -> nix::Result<Grant>;
    /// Bytes of a buffer.
    fn length(&self, index: u32) -> nix::Result<usize>;
    /// A buffer as a DMA-buf for reading.
    fn export(&self, index: u32) -> nix::Result<OwnedFd>;
    /// Gives a buffer to the device.
    fn queue(&self, index: u32) -> nix::Result<()>;
    /// Takes a filled buffer from the device, if one is there.
    fn dequeue(&self) -> nix::Result<Filled>;
    /// Waits until a buffer is filled, at most `timeout`; `EINTR` when a signal came. Only while buffers exist: before,
    /// the kernel takes it as a wish to use `read` and blocks all streaming.
    fn wait(&self, timeout: Duration) -> nix::Result<Ready>;
    /// Begins to fill the buffers that are queued.
    fn stream_on(&self) -> nix::Result<()>;
    /// Ends it; all buffers are the caller's again, filled or not.
    fn stream_off(&self) -> nix::Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l2r::QueueType;

    fn raw(queue: QueueType) -> UncheckedV4l2Buffer {
        let mut raw = UncheckedV4l2Buffer::new_for_querybuf(queue, Some(3));
        raw.0.bytesused = 100;
        raw.0.sequence = 9;
        raw.0.timestamp.tv_sec = 2;
        raw.0.timestamp.tv_usec = 500_000;
        if let Some(planes) = &mut raw.1 {
            planes[0].bytesused = 200;
            planes[0].data_offset = 8;
        }
        raw
    }

    #[test]
    fn both_kinds_of_queue_are_read() {
        let single = Filled::from(raw(QueueType::VideoCapture));
        let timestamp = Duration::from_millis(2500);
        assert_eq!(single, Filled { index: 3, sequence: 9, flags: 0, bytes_used: 100, offset: 0, timestamp });
        let multi = Filled::from(raw(QueueType::VideoCaptureMplane));
        assert_eq!((multi.bytes_used, multi.offset), (200, 8));
    }

    #[test]
    fn a_time_before_time_is_zero() {
        let mut raw = raw(QueueType::VideoCapture);
        raw.0.timestamp.tv_sec = -1;
        raw.0.timestamp.tv_usec = -1;
        assert_eq!(Filled::from(raw).timestamp, Duration::ZERO);
    }
}
