//! What can go wrong with a camera or its memory.

use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;

/// A failure of a camera or of frame memory; its text says what failed, where, and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The camera named does not exist.
    #[error("no camera at {camera}: {reason}")]
    NotFound {
        /// The camera as it was asked for.
        camera: String,
        /// What is there instead, and how to see what there is.
        reason: String,
    },
    /// Another program holds the camera.
    #[error("{camera} is in use by another program ({operation}: {errno}); stop that program and try again")]
    Busy {
        /// The device file or camera.
        camera: String,
        /// The call that was refused.
        operation: &'static str,
        /// What the kernel answered.
        errno: Errno,
    },
    /// This user may not open the device.
    #[error(
        "no permission to open {path}: add the user to the group that owns it (usually `video`) or run as root"
    )]
    Permission {
        /// The device file.
        path: PathBuf,
    },
    /// The camera cannot do what was asked.
    #[error("{camera} cannot do this: {reason}")]
    Unsupported {
        /// The device file or camera.
        camera: String,
        /// What was asked, what it offers.
        reason: String,
    },
    /// The camera was unplugged or its driver unbound; close it and open it again when it is back.
    #[error("{camera} is gone (unplugged, or its driver was unbound)")]
    Gone {
        /// The device file or camera.
        camera: String,
    },
    /// No frame came for so long that the stream counts as stalled.
    #[error("{camera} delivered no frame for {waited:?}; check its cable and power, and the kernel log")]
    Stalled {
        /// The device file or camera.
        camera: String,
        /// How long it was silent.
        waited: Duration,
    },
    /// A system call failed in a way that no rule explains.
    #[error("{operation} failed on {camera}: {errno}{detail}")]
    System {
        /// The device file, camera or memory.
        camera: String,
        /// The call.
        operation: &'static str,
        /// What the kernel answered.
        errno: Errno,
        /// Numbers that explain it, starting with a separator, or nothing.
        detail: String,
    },
    /// A camera name is not written as it must be.
    #[error("`{given}` names no camera: {reason}")]
    BadName {
        /// The name as given.
        given: String,
        /// What is wrong with it and how it is written.
        reason: String,
    },
    /// The caller used a camera in an order that its contract forbids.
    #[error("{camera}: {operation} is not possible now: {reason}")]
    State {
        /// The device file or camera.
        camera: String,
        /// The call.
        operation: &'static str,
        /// The state that it is in and the state that it needs.
        reason: &'static str,
    },
}

/// Kinds of [`Error`] that a caller decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// It is not there.
    NotFound,
    /// Somebody else has it: try later.
    Busy,
    /// This user may not.
    Permission,
    /// It will never do this.
    Unsupported,
    /// It was there and went away.
    Gone,
    /// It is there and silent.
    Stalled,
    /// The system refused for another reason.
    System,
    /// The caller's mistake.
    Usage,
}

impl Error {
    /// The kind, for policy.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::Permission { .. } => ErrorKind::Permission,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Gone { .. } => ErrorKind::Gone,
            Self::Stalled { .. } => ErrorKind::Stalled,
            Self::System { .. } => ErrorKind::System,
            Self::BadName { .. } | Self::State { .. } => ErrorKind::Usage,
        }
    }
}
