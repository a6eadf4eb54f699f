//! A V4L2 device file and the ioctls on it, with the kernel's refusals as plain errno.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use v4l2r::bindings::{
    self, v4l2_capability, v4l2_fmtdesc, v4l2_fract, v4l2_frmivalenum, v4l2_frmsizeenum, v4l2_streamparm,
};
use v4l2r::ioctl::{
    self, BufferCapabilities, ExpbufFlags, IntoErrno, MemoryConsistency, QueryBuffer, RequestBuffers,
    V4l2Buffer,
};
use v4l2r::memory::MemoryType;
use v4l2r::{Format, PixelFormat, PlaneLayout, QueueType};

use super::policy::{self, Operation};
use super::queue::{Filled, Grant, Queue, Ready};
use crate::error::Error;
use crate::uapi;

/// The kernel's major number for video devices; opening a file of any other may do harm (a watchdog starts).
const VIDEO_MAJOR: u64 = 81;

/// What a device says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) driver: String,
    pub(super) card: String,
    pub(super) bus_info: String,
}

/// An open capture device.
#[derive(Debug)]
pub(super) struct Node {
    file: File,
    queue: QueueType,
}

impl Node {
    /// Opens a device file; refuses what is no streaming capture device.
    pub(super) fn open(path: &Path) -> Result<(Self, Identity), Error> {
        let camera = path.display().to_string();
        let refused = |error: &io::Error| {
            policy::error(
                &camera,
                Operation::Open,
                error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw),
            )
        };
        let status = std::fs::metadata(path).map_err(|error| refused(&error))?;
        if !status.file_type().is_char_device() || nix::sys::stat::major(status.rdev()) != VIDEO_MAJOR {
            let reason = "it is no video device file (cameras are /dev/video*)".to_owned();
            return Err(Error::Unsupported { camera, reason });
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(path)
            .map_err(|error| refused(&error))?;
        let capability: v4l2_capability = retry(|| ioctl::querycap(&file))
            .map_err(|errno| policy::error(&camera, Operation::QueryCapabilities, errno))?;
        let queue = capture_queue(capability.capabilities, capability.device_caps)
            .map_err(|reason| Error::Unsupported { camera, reason: reason.to_owned() })?;
        let identity = Identity {
            driver: text(&capability.driver),
            card: text(&capability.card),
            bus_info: text(&capability.bus_info),
        };
        Ok((Self { file, queue }, identity))
    }

    /// The `index`th pixel format; `EINVAL` behind the last.
    pub(super) fn format(&self, index: u32) -> nix::Result<u32> {
        let found: v4l2_fmtdesc = retry(|| ioctl::enum_fmt(&self.file, self.queue, index))?;
        Ok(found.pixelformat)
    }

    /// The `index`th size of a pixel format; `EINVAL` behind the last.
    pub(super) fn size(&self, fourcc: u32, index: u32) -> nix::Result<v4l2_frmsizeenum> {
        retry(|| ioctl::enum_frame_sizes(&self.file, index, PixelFormat::from_u32(fourcc)))
    }

    /// The `index`th frame interval of a mode; `EINVAL` behind the last.
    pub(super) fn interval(
        &self,
        fourcc: u32,
        width: u32,
        height: u32,
        index: u32,
    ) -> nix::Result<v4l2_frmivalenum> {
        let fourcc = PixelFormat::from_u32(fourcc);
        retry(|| ioctl::enum_frame_intervals(&self.file, index, fourcc, width, height))
    }

    /// What the device would make of a format.
    pub(super) fn try_format(&self, fourcc: u32, width: u32, height: u32) -> nix::Result<Format> {
        let wanted = wanted_format(fourcc, width, height, 0);
        retry(|| ioctl::try_fmt(&self.file, (self.queue, &wanted)))
    }

    /// Sets the format, with rows of at least `stride` bytes (0: the driver's choice), and says what the device made of
    /// it.
    pub(super) fn set_format(
        &mut self,
        fourcc: u32,
        width: u32,
        height: u32,
        stride: u32,
    ) -> nix::Result<Format> {
        let wanted = wanted_format(fourcc, width, height, stride);
        retry(|| ioctl::s_fmt(&mut self.file, (self.queue, &wanted)))
    }

    /// Asks for a frame interval, where the device has a choice, and says which interval it has now, where it tells.
    pub(super) fn set_interval(&self, wanted: Option<v4l2_fract>) -> nix::Result<Option<v4l2_fract>> {
        let now: v4l2_streamparm = retry(|| ioctl::g_parm(&self.file, self.queue))?;
        let capture = uapi::capture_parameters(&now);
        let adjustable = capture.capability & bindings::V4L2_CAP_TIMEPERFRAME != 0;
        let Some(timeperframe) = wanted.filter(|_| adjustable) else {
            return Ok(Some(capture.timeperframe));
        };
        let mut asked = v4l2_streamparm { type_: self.queue as u32, ..Default::default() };
        asked.parm.capture = bindings::v4l2_captureparm { timeperframe, ..Default::default() };
        let set: v4l2_streamparm = retry(|| ioctl::s_parm(&self.file, asked))?;
        Ok(Some(uapi::capture_parameters(&set).timeperframe))
    }

    /// How many buffers the driver must have queued, where it tells.
    pub(super) fn fewest_queued(&self) -> nix::Result<u32> {
        let value = retry(|| ioctl::g_ctrl(&self.file, bindings::V4L2_CID_MIN_BUFFERS_FOR_CAPTURE))?;
        Ok(u32::try_from(value).unwrap_or(0))
    }
}

impl Queue for Node {
    fn request(&self, count: u32, cached: bool) -> nix::Result<Grant> {
        let memory =
            if cached { MemoryConsistency::MEMORY_FLAG_NON_COHERENT } else { MemoryConsistency::empty() };
        let given: RequestBuffers =
            retry(|| ioctl::reqbufs(&self.file, self.queue, MemoryType::Mmap, count, memory))?;
        let cache_hints = given.capabilities.contains(BufferCapabilities::SUPPORTS_MMAP_CACHE_HINTS);
        Ok(Grant { count: given.count, cache_hints })
    }

    fn length(&self, index: u32) -> nix::Result<usize> {
        let buffer: QueryBuffer = retry(|| ioctl::querybuf(&self.file, self.queue, index as usize))?;
        Ok(buffer.planes.first().map_or(0, |plane| plane.length as usize))
    }

    fn export(&self, index: u32) -> nix::Result<OwnedFd> {
        retry(|| ioctl::expbuf(&self.file, self.queue, index as usize, 0, ExpbufFlags::CLOEXEC))
    }

    fn queue(&self, index: u32) -> nix::Result<()> {
        retry(|| {
            let buffer = V4l2Buffer::new(self.queue, index, MemoryType::Mmap);
            ioctl::qbuf::<_, ()>(&self.file, buffer)
        })
    }

    fn dequeue(&self) -> nix::Result<Filled> {
        retry(|| ioctl::dqbuf(&self.file, self.queue))
    }

    fn wait(&self, timeout: Duration) -> nix::Result<Ready> {
        // Rounded up: rounded down, the last millisecond of a wait would be a busy loop.
        let millis = i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
        let mut polled = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
        poll(&mut polled, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX))?;
        let events = polled[0].revents().unwrap_or(PollFlags::POLLERR);
        Ok(match events {
            events if events.is_empty() => Ready::Silent,
            events if events.contains(PollFlags::POLLIN) => Ready::Data,
            _ => Ready::Fault,
        })
    }

    fn stream_on(&self) -> nix::Result<()> {
        retry(|| ioctl::streamon(&self.file, self.queue))
    }

    fn stream_off(&self) -> nix::Result<()> {
        retry(|| ioctl::streamoff(&self.file, self.queue))
    }
}

/// Repeats a call that a signal interrupted.
fn retry<T, E: IntoErrno>(mut call: impl FnMut() -> Result<T, E>) -> nix::Result<T> {
    loop {
        match call().map_err(|error| Errno::from_raw(error.into_errno())) {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

fn wanted_format(fourcc: u32, width: u32, height: u32, bytesperline: u32) -> Format {
    let plane_fmt = vec![PlaneLayout { sizeimage: 0, bytesperline }];
    Format { width, height, pixelformat: PixelFormat::from_u32(fourcc), plane_fmt }
}

/// The queue that pictures come from, or why there is none.
fn capture_queue(capabilities: u32, device_caps: u32) -> Result<QueueType, &'static str> {
    // Old drivers tell what the physical device can do, new ones also what this one file of it can.
    let can = if capabilities & bindings::V4L2_CAP_DEVICE_CAPS == 0 { capabilities } else { device_caps };
    let queue = if can & bindings::V4L2_CAP_VIDEO_CAPTURE_MPLANE != 0 {
        QueueType::VideoCaptureMplane
    } else if can & bindings::V4L2_CAP_VIDEO_CAPTURE != 0 {
        QueueType::VideoCapture
    } else if can & (bindings::V4L2_CAP_VIDEO_M2M | bindings::V4L2_CAP_VIDEO_M2M_MPLANE) != 0 {
        return Err("it converts pictures and takes none (a memory-to-memory device)");
    } else if can & bindings::V4L2_CAP_META_CAPTURE != 0 {
        return Err("it delivers metadata, no pictures");
    } else {
        return Err("it is not a capture device");
    };
    if can & bindings::V4L2_CAP_STREAMING == 0 {
        return Err("it cannot stream into buffers (no V4L2_CAP_STREAMING)");
    }
    Ok(queue)
}

/// Text of a fixed field, up to its first zero.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use bindings::{
        V4L2_CAP_DEVICE_CAPS as DEVICE, V4L2_CAP_STREAMING as STREAMING, V4L2_CAP_VIDEO_CAPTURE as CAPTURE,
    };

    #[test]
    fn only_streaming_capture_devices_are_taken() {
        assert_eq!(capture_queue(CAPTURE | STREAMING, 0), Ok(QueueType::VideoCapture));
        assert_eq!(capture_queue(DEVICE, CAPTURE | STREAMING), Ok(QueueType::VideoCapture));
        let multi = bindings::V4L2_CAP_VIDEO_CAPTURE_MPLANE;
        assert_eq!(capture_queue(DEVICE, multi | STREAMING), Ok(QueueType::VideoCaptureMplane));
        // What only another file of the same device can is of no use.
        assert!(
            capture_queue(DEVICE | CAPTURE | STREAMING, bindings::V4L2_CAP_META_CAPTURE | STREAMING).is_err()
        );
        assert!(
            capture_queue(DEVICE, bindings::V4L2_CAP_VIDEO_M2M_MPLANE | STREAMING)
                .unwrap_err()
                .contains("memory-to-memory")
        );
        assert!(capture_queue(DEVICE, CAPTURE).unwrap_err().contains("STREAMING"));
        assert!(capture_queue(0, 0).is_err());
    }

    #[test]
    fn fields_without_a_zero_are_text_too() {
        assert_eq!(text(b"vivid\0\0junk"), "vivid");
        assert_eq!(text(b"full"), "full");
        assert_eq!(text(b""), "");
    }

    #[test]
    fn files_that_are_no_cameras_are_refused_before_they_are_opened() {
        let kind = |path: &str| Node::open(Path::new(path)).unwrap_err().kind();
        assert_eq!(kind("/dev/null"), ErrorKind::Unsupported);
        assert_eq!(kind("/"), ErrorKind::Unsupported);
        assert_eq!(kind("/dev/no-such-camera"), ErrorKind::NotFound);
        assert_eq!(kind("/dev/null/video0"), ErrorKind::NotFound);
    }

    #[test]
    fn an_interrupted_call_is_made_again() {
        let mut calls = 0;
        let result = retry(|| {
            calls += 1;
            if calls < 3 {
                Err(ioctl::StreamOffError::IoctlError(v4l2r::nix::errno::Errno::EINTR))
            } else {
                Ok(calls)
            }
        });
        assert_eq!(result, Ok(3));
    }
}
