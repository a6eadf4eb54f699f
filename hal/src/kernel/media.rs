//! A media device: the parts of a camera and how they are linked.

use std::fmt::Debug;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// What a media device says that it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaInfo {
    /// The kernel driver.
    pub driver: String,
    /// The name that the device gives itself.
    pub model: String,
    /// Where it is plugged in.
    pub bus_info: String,
}

/// A part that makes, changes or takes pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its number in this graph.
    pub id: u32,
    /// The driver's name for it.
    pub name: String,
    /// `MEDIA_ENT_F_*`.
    pub function: u32,
}

/// A device file that stands for an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The entity.
    pub entity: u32,
    /// `MEDIA_INTF_T_*`.
    pub kind: u32,
    /// The file's device number.
    pub major: u32,
    /// The file's device number.
    pub minor: u32,
}

/// Where pictures go into an entity or come out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pad {
    /// The entity.
    pub entity: u32,
    /// Its number among the entity's pads.
    pub index: u32,
    /// `MEDIA_PAD_FL_*`.
    pub flags: u32,
}

/// A way from a source pad to a sink pad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Entity and pad that pictures come from.
    pub source: (u32, u32),
    /// Entity and pad that they go to.
    pub sink: (u32, u32),
    /// `MEDIA_LNK_FL_*`.
    pub flags: u32,
}

/// A whole graph, of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// The parts.
    pub entities: Vec<Entity>,
    /// Their device files.
    pub interfaces: Vec<Interface>,
    /// Their pads.
    pub pads: Vec<Pad>,
    /// How they are linked.
    pub links: Vec<Link>,
}

/// An open media device.
pub trait Media: Debug + Send {
    /// What it is.
    ///
    /// # Errors
    /// The kernel's errno.
    fn info(&self) -> nix::Result<MediaInfo>;

    /// Its graph.
    ///
    /// # Errors
    /// The kernel's errno; `EAGAIN` when the graph does not hold still.
    fn topology(&self) -> nix::Result<Topology>;

    /// Switches a link on or off.
    ///
    /// # Errors
    /// The kernel's errno; `EBUSY` while something streams.
    fn set_link(&self, link: &Link, on: bool) -> nix::Result<()>;

    /// Makes a request, which is empty and belongs to this device.
    ///
    /// # Errors
    /// The kernel's errno; `ENOTTY` from devices that know no requests.
    fn allocate_request(&self) -> nix::Result<Box<dyn Request>>;
}

/// Controls and a buffer that a device takes together: the buffer is filled under these controls.
/// <https://docs.kernel.org/userspace-api/media/mediactl/request-api.html>
pub trait Request: Debug + Send {
    /// The file that stands for it where controls and a buffer are put into it.
    fn file(&self) -> BorrowedFd<'_>;

    /// Gives it to the device.
    ///
    /// # Errors
    /// The kernel's errno; `ENOENT` without a buffer in it, `EBUSY` when the device has it already.
    fn queue(&self) -> nix::Result<()>;

    /// Empties it, to be filled anew.
    ///
    /// # Errors
    /// The kernel's errno; `EBUSY` while the device has it.
    fn reinit(&self) -> nix::Result<()>;

    /// Waits until the device is done with it, at most `timeout`; false when it is not done then.
    ///
    /// # Errors
    /// The kernel's errno.
    fn wait(&self, timeout: Duration) -> nix::Result<bool>;
}
