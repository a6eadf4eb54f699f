//! The seam to the kernel: every call that the V4L2 backend makes on a device, and what the kernel answers.
//!
//! Two implementations: [`Linux`], and the fake kernel of the tests (feature `fake-kernel`), whose cameras misbehave on
//! request. All that stands above is the same code with both. Nothing here is checked or decided: numbers are the
//! driver's, refusals are errno. Calls repeat themselves on `EINTR`.

mod controls;
mod linux;
mod media;
mod queue;
mod subdevice;
mod video;

pub use controls::{Control, ControlKind, ControlRefusal, Controls, MenuItem};
pub use linux::Linux;
pub use media::{Entity, Interface, Link, Media, MediaInfo, Pad, Request, Topology};
pub use queue::{Event, Fill, Filled, Grant, Import, MOST_PLANES, Memory, Queue, Ready};
pub use subdevice::{BusFormat, BusSize, Route, Subdevice};
pub use video::{
    Format, FormatEntry, Fraction, Identity, IntervalEntry, PlaneFormat, Rectangle, SizeEntry, SizeRange,
    Video,
};

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A kernel with devices to open.
pub trait Kernel: Debug + Send + Sync {
    /// Opens a video node. Refuses with `ENOTTY`, before it is opened, a file that is no video device: opening a file
    /// of another kind may do harm (a watchdog starts).
    ///
    /// # Errors
    /// The kernel's errno.
    fn video(&self, path: &Path) -> nix::Result<Box<dyn Video>>;

    /// Opens a media device, `/dev/media*`.
    ///
    /// # Errors
    /// The kernel's errno.
    fn media(&self, path: &Path) -> nix::Result<Box<dyn Media>>;

    /// Opens the media device that a video node belongs to.
    ///
    /// # Errors
    /// The kernel's errno; `ENOENT` for nodes that belong to none.
    fn media_of(&self, video: &Path) -> nix::Result<Box<dyn Media>>;

    /// Opens a sub-device, `/dev/v4l-subdev*`.
    ///
    /// # Errors
    /// The kernel's errno.
    fn subdevice(&self, path: &Path) -> nix::Result<Box<dyn Subdevice>>;

    /// The number of a device file, major and minor; links are followed.
    ///
    /// # Errors
    /// The kernel's errno.
    fn number(&self, path: &Path) -> nix::Result<(u32, u32)>;

    /// The device file of a number, major and minor.
    fn file(&self, number: (u32, u32)) -> Option<PathBuf>;

    /// Lets time pass.
    fn sleep(&self, time: Duration);
}
