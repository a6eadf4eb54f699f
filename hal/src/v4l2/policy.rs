//! What a device's refusal means: one table of call and errno, without effects.
//!
//! The kernel's own meanings: <https://docs.kernel.org/userspace-api/media/v4l/user-func.html>; where drivers differ from
//! them, the reading here is the one that loses no buffer and no camera.

use nix::errno::Errno;

use crate::error::Error;

/// A call to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Open,
    QueryCapabilities,
    EnumerateFormats,
    EnumerateSizes,
    EnumerateIntervals,
    GetFormat,
    TryFormat,
    SetFormat,
    SetInterval,
    RequestBuffers,
    FreeBuffers,
    QueryBuffer,
    ExportBuffer,
    QueueBuffer,
    DequeueBuffer,
    DequeueEvent,
    Wait,
    StreamOn,
    StreamOff,
    QueryControl,
    GetControls,
    SetControls,
    GetSelection,
    SetSelection,
    Subscribe,
    SetPriority,
    AllocateRequest,
    QueueRequest,
}

impl Operation {
    /// The call as the kernel's documentation names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::QueryCapabilities => "VIDIOC_QUERYCAP",
            Self::EnumerateFormats => "VIDIOC_ENUM_FMT",
            Self::EnumerateSizes => "VIDIOC_ENUM_FRAMESIZES",
            Self::EnumerateIntervals => "VIDIOC_ENUM_FRAMEINTERVALS",
            Self::GetFormat => "VIDIOC_G_FMT",
            Self::TryFormat => "VIDIOC_TRY_FMT",
            Self::SetFormat => "VIDIOC_S_FMT",
            Self::SetInterval => "VIDIOC_S_PARM",
            Self::RequestBuffers => "VIDIOC_REQBUFS",
            Self::FreeBuffers => "VIDIOC_REQBUFS(0)",
            Self::QueryBuffer => "VIDIOC_QUERYBUF",
            Self::ExportBuffer => "VIDIOC_EXPBUF",
            Self::QueueBuffer => "VIDIOC_QBUF",
            Self::DequeueBuffer => "VIDIOC_DQBUF",
            Self::DequeueEvent => "VIDIOC_DQEVENT",
            Self::Wait => "poll",
            Self::StreamOn => "VIDIOC_STREAMON",
            Self::StreamOff => "VIDIOC_STREAMOFF",
            Self::QueryControl => "VIDIOC_QUERY_EXT_CTRL",
            Self::GetControls => "VIDIOC_G_EXT_CTRLS",
            Self::SetControls => "VIDIOC_S_EXT_CTRLS",
            Self::GetSelection => "VIDIOC_G_SELECTION",
            Self::SetSelection => "VIDIOC_S_SELECTION",
            Self::Subscribe => "VIDIOC_SUBSCRIBE_EVENT",
            Self::SetPriority => "VIDIOC_S_PRIORITY",
            Self::AllocateRequest => "MEDIA_IOC_REQUEST_ALLOC",
            Self::QueueRequest => "MEDIA_REQUEST_IOC_QUEUE",
        }
    }
}

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

    /// How transfers end on a bus that the device has just left, as well as on one that is disturbed.
    pub(super) fn may_be_leaving(self) -> bool {
        let is_transfer =
            matches!(self.errno, Errno::EIO | Errno::EPROTO | Errno::ESHUTDOWN | Errno::ETIMEDOUT);
        is_transfer && self.operation != Operation::Wait
    }
}

/// What to do about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No news yet: ask again.
    Again,
    /// The queue failed: switch it off, give it all buffers again, switch it on.
    Restart,
    /// There is no such device, for this reason.
    Missing(&'static str),
    /// This user may not.
    Forbidden,
    /// Another program has it.
    Busy,
    /// The caller still holds frames, and this driver frees nothing before they are dropped.
    Held,
    /// The device will never do it, for this reason.
    Lacking(&'static str),
    /// The device went away.
    Gone,
    /// The device is there and gives nothing.
    Silent,
    /// Nothing explains it, or this does.
    Failed(&'static str),
}

/// The table. `EINTR` does not come here: every call is repeated for it where it is made.
pub(super) fn judge(operation: Operation, errno: Errno) -> Verdict {
    use Operation as Op;
    match (operation, errno) {
        (Op::Open, Errno::ENOENT | Errno::ENOTDIR) => Verdict::Missing("there is no such file"),
        (Op::Open, Errno::ENODEV | Errno::ENXIO) => Verdict::Missing(
            "the device file is there, but no device answers (unplugged, or its driver unbound)",
        ),
        (Op::Open, Errno::EACCES | Errno::EPERM) => Verdict::Forbidden,
        (Op::Open, Errno::ENOTTY) => Verdict::Lacking("it is no video device file (cameras are /dev/video*)"),
        (_, Errno::ENODEV | Errno::ENXIO) => Verdict::Gone,
        (Op::QueryCapabilities, Errno::ENOTTY | Errno::EINVAL) => Verdict::Lacking("it is no V4L2 device"),
        (Op::FreeBuffers, Errno::EBUSY) => Verdict::Held,
        (
            Op::Open
            | Op::SetFormat
            | Op::RequestBuffers
            | Op::StreamOn
            | Op::SetControls
            | Op::SetSelection
            | Op::SetPriority,
            Errno::EBUSY,
        ) => Verdict::Busy,
        (Op::SetSelection, Errno::ENOTTY | Errno::EINVAL) => Verdict::Lacking("it crops nothing"),
        (Op::GetControls, Errno::EACCES) => Verdict::Lacking("a control of these can only be written"),
        (Op::SetControls, Errno::EACCES) => {
            Verdict::Lacking("a control of these can only be read, or its automatic is on and sets it")
        }
        (Op::RequestBuffers, Errno::ENOMEM) => {
            Verdict::Failed(" (not enough memory for the frames; choose a smaller size, or raise cma=)")
        }
        (Op::ExportBuffer, Errno::ENOTTY | Errno::EINVAL) => {
            Verdict::Lacking("its driver cannot export buffers as DMA-bufs (VIDIOC_EXPBUF)")
        }
        (Op::QueueBuffer, Errno::EBADR) => Verdict::Lacking(
            "its driver takes buffers in requests only, and no media device of it that gives requests was found",
        ),
        (Op::AllocateRequest, Errno::ENOTTY) => Verdict::Lacking("its media device gives no requests"),
        (Op::DequeueBuffer, Errno::EAGAIN) => Verdict::Again,
        (Op::Wait, Errno::ETIMEDOUT) => Verdict::Silent,
        // EPIPE is the end of a stream (a buffer with the LAST flag went before it): off and on again is what revives it.
        (Op::DequeueBuffer, Errno::EIO | Errno::EPIPE) | (Op::QueueBuffer | Op::QueueRequest, Errno::EIO) => {
            Verdict::Restart
        }
        (Op::StreamOn, Errno::EPIPE) => Verdict::Failed(
            " (formats along the media pipeline do not match; compare its pads with media-ctl -p)",
        ),
        (Op::StreamOn, Errno::ENOLINK) => {
            Verdict::Failed(" (a link of the media pipeline is off; enable it with media-ctl -l)")
        }
        (Op::StreamOn, Errno::ENOSPC) => {
            Verdict::Failed(" (not enough USB bandwidth; choose a smaller size or another port)")
        }
        (Op::StreamOn, Errno::EIO | Errno::EREMOTEIO | Errno::ETIMEDOUT) => {
            Verdict::Failed(" (the sensor did not answer; check its cable and power, and the kernel log)")
        }
        _ => Verdict::Failed(""),
    }
}

/// Whether a device that cannot be opened may be so in a moment: it resumes, its driver is being bound, or a program
/// that had it alone is letting it go.
pub(super) fn opens_soon(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::EBUSY | Errno::ENODEV | Errno::ENXIO | Errno::EAGAIN | Errno::EIO | Errno::ETIMEDOUT
    )
}

/// The error that a caller sees when a call on `camera` was refused and no rule cures it.
pub(super) fn error(camera: &str, operation: Operation, errno: Errno) -> Error {
    let camera = camera.to_owned();
    match judge(operation, errno) {
        Verdict::Gone => Error::Gone { camera },
        Verdict::Missing(reason) => Error::NotFound { camera, reason: reason.to_owned() },
        Verdict::Forbidden => Error::Permission { path: camera.into() },
        Verdict::Busy => Error::Busy { camera, operation: operation.name(), errno },
        Verdict::Held => Error::State {
            camera,
            operation: operation.name(),
            reason: "frames of the last configuration are still held, and this driver frees its buffers only when all of them are dropped",
        },
        Verdict::Lacking(reason) => Error::Unsupported { camera, reason: reason.to_owned() },
        Verdict::Again | Verdict::Restart | Verdict::Silent => {
            Error::System { camera, operation: operation.name(), errno, detail: String::new() }
        }
        Verdict::Failed(detail) => {
            Error::System { camera, operation: operation.name(), errno, detail: detail.to_owned() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const ALL: [Operation; 28] = [
        Operation::Open,
        Operation::QueryCapabilities,
        Operation::EnumerateFormats,
        Operation::EnumerateSizes,
        Operation::EnumerateIntervals,
        Operation::GetFormat,
        Operation::TryFormat,
        Operation::SetFormat,
        Operation::SetInterval,
        Operation::RequestBuffers,
        Operation::FreeBuffers,
        Operation::QueryBuffer,
        Operation::ExportBuffer,
        Operation::QueueBuffer,
        Operation::DequeueBuffer,
        Operation::DequeueEvent,
        Operation::Wait,
        Operation::StreamOn,
        Operation::StreamOff,
        Operation::QueryControl,
        Operation::GetControls,
        Operation::SetControls,
        Operation::GetSelection,
        Operation::SetSelection,
        Operation::Subscribe,
        Operation::SetPriority,
        Operation::AllocateRequest,
        Operation::QueueRequest,
    ];

    #[test]
    fn an_unplugged_camera_is_gone_wherever_it_is_noticed() {
        for operation in ALL {
            for errno in [Errno::ENODEV, Errno::ENXIO] {
                let wanted = if operation == Operation::Open { ErrorKind::NotFound } else { ErrorKind::Gone };
                assert_eq!(error("camera", operation, errno).kind(), wanted, "{operation:?} {errno}");
            }
        }
    }

    #[test]
    fn kinds_follow_call_and_errno() {
        let cases = [
            (Operation::Open, Errno::ENOENT, ErrorKind::NotFound),
            (Operation::Open, Errno::EACCES, ErrorKind::Permission),
            (Operation::Open, Errno::EBUSY, ErrorKind::Busy),
            (Operation::Open, Errno::EMFILE, ErrorKind::System),
            (Operation::QueryCapabilities, Errno::ENOTTY, ErrorKind::Unsupported),
            (Operation::SetFormat, Errno::EBUSY, ErrorKind::Busy),
            (Operation::SetFormat, Errno::EINVAL, ErrorKind::System),
            (Operation::RequestBuffers, Errno::EBUSY, ErrorKind::Busy),
            (Operation::RequestBuffers, Errno::ENOMEM, ErrorKind::System),
            (Operation::FreeBuffers, Errno::EBUSY, ErrorKind::Usage),
            (Operation::ExportBuffer, Errno::ENOTTY, ErrorKind::Unsupported),
            (Operation::StreamOn, Errno::EBUSY, ErrorKind::Busy),
            (Operation::StreamOn, Errno::EPIPE, ErrorKind::System),
            (Operation::DequeueBuffer, Errno::EINVAL, ErrorKind::System),
        ];
        for (operation, errno, kind) in cases {
            assert_eq!(error("camera", operation, errno).kind(), kind, "{operation:?} {errno}");
        }
    }

    #[test]
    fn what_passes_by_itself_is_not_an_error() {
        assert_eq!(judge(Operation::DequeueBuffer, Errno::EAGAIN), Verdict::Again);
        assert_eq!(judge(Operation::DequeueBuffer, Errno::EIO), Verdict::Restart);
        assert_eq!(judge(Operation::DequeueBuffer, Errno::EPIPE), Verdict::Restart);
        assert_eq!(judge(Operation::QueueBuffer, Errno::EIO), Verdict::Restart);
        assert_eq!(judge(Operation::QueueBuffer, Errno::EINVAL), Verdict::Failed(""));
    }

    #[test]
    fn what_cannot_be_opened_soon_is_not_waited_for() {
        assert!([Errno::EBUSY, Errno::ENODEV, Errno::ENXIO, Errno::EIO].into_iter().all(opens_soon));
        for errno in [Errno::ENOENT, Errno::EACCES, Errno::EPERM, Errno::ENOTTY, Errno::EMFILE, Errno::EINVAL]
        {
            assert!(!opens_soon(errno), "{errno}");
        }
    }

    #[test]
    fn a_control_that_an_automatic_holds_is_told_as_such() {
        let text = error("camera", Operation::SetControls, Errno::EACCES).to_string();
        assert!(text.contains("automatic"), "{text}");
        let text = error("camera", Operation::GetControls, Errno::EACCES).to_string();
        assert!(text.contains("only be written"), "{text}");
    }

    #[test]
    fn messages_name_camera_call_and_cure() {
        let text = error("/dev/video3", Operation::StreamOn, Errno::EPIPE).to_string();
        assert!(
            text.contains("/dev/video3") && text.contains("VIDIOC_STREAMON") && text.contains("media-ctl"),
            "{text}"
        );
    }
}
