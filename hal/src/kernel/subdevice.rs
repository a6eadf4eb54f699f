//! A sub-device: the formats, selections and routes of an entity inside of a camera.

use std::fmt::Debug;

use super::controls::Controls;
use super::video::{Fraction, Rectangle};

/// The format of pictures on a pad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BusFormat {
    /// `MEDIA_BUS_FMT_*`.
    pub code: u32,
    /// Samples in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `V4L2_FIELD_*`.
    pub field: u32,
    /// `V4L2_COLORSPACE_*`.
    pub colorspace: u32,
}

/// Sizes of a format, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusSize {
    /// Least width and height.
    pub min: (u32, u32),
    /// Most.
    pub max: (u32, u32),
}

/// A way of a stream through an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Pad and stream that it comes from.
    pub sink: (u32, u32),
    /// Pad and stream that it goes to.
    pub source: (u32, u32),
    /// `V4L2_SUBDEV_ROUTE_FL_*`.
    pub flags: u32,
}

/// An open sub-device; pads carry stream 0 where no stream is named.
pub trait Subdevice: Controls + Debug + Send {
    /// Whether pads carry several streams and routes can be set (`V4L2_SUBDEV_CAP_STREAMS`).
    ///
    /// # Errors
    /// The kernel's errno; `ENOTTY` from kernels before 5.8.
    fn has_streams(&self) -> nix::Result<bool>;

    /// Tells the kernel that this program knows streams; without it routes cannot be seen.
    ///
    /// # Errors
    /// The kernel's errno; `ENOTTY` from kernels before 6.3.
    fn use_streams(&self) -> nix::Result<()>;

    /// The `index`th format of a pad (`MEDIA_BUS_FMT_*`).
    ///
    /// # Errors
    /// The kernel's errno; `EINVAL` behind the last.
    fn code(&self, pad: u32, index: u32) -> nix::Result<u32>;

    /// The `index`th range of sizes of a format.
    ///
    /// # Errors
    /// The kernel's errno; `EINVAL` behind the last.
    fn size(&self, pad: u32, code: u32, index: u32) -> nix::Result<BusSize>;

    /// The `index`th time from frame to frame of a format and size.
    ///
    /// # Errors
    /// The kernel's errno; `EINVAL` behind the last.
    fn interval_entry(&self, pad: u32, code: u32, size: (u32, u32), index: u32) -> nix::Result<Fraction>;

    /// The format that a pad has now.
    ///
    /// # Errors
    /// The kernel's errno.
    fn format(&self, pad: u32, stream: u32) -> nix::Result<BusFormat>;

    /// Sets a pad's format and says what the driver made of it.
    ///
    /// # Errors
    /// The kernel's errno; `EBUSY` while it streams.
    fn set_format(&self, pad: u32, stream: u32, wanted: BusFormat) -> nix::Result<BusFormat>;

    /// What the driver would make of a pad's format. Formats that were tried are kept beside those in use, for this open
    /// file alone, so that one pad's follows from another's.
    ///
    /// # Errors
    /// The kernel's errno.
    fn try_format(&self, pad: u32, stream: u32, wanted: BusFormat) -> nix::Result<BusFormat>;

    /// The time from frame to frame now.
    ///
    /// # Errors
    /// The kernel's errno; `ENOTTY` where controls decide it.
    fn interval(&self, pad: u32) -> nix::Result<Fraction>;

    /// Asks for a time from frame to frame and says what it is now.
    ///
    /// # Errors
    /// The kernel's errno; `ENOTTY` where controls decide it.
    fn set_interval(&self, pad: u32, wanted: Fraction) -> nix::Result<Fraction>;

    /// A selection of a pad (`V4L2_SEL_TGT_*`).
    ///
    /// # Errors
    /// The kernel's errno.
    fn selection(&self, pad: u32, target: u32) -> nix::Result<Rectangle>;

    /// Sets a selection of a pad and says what the driver made of it.
    ///
    /// # Errors
    /// The kernel's errno.
    fn set_selection(&self, pad: u32, target: u32, wanted: Rectangle) -> nix::Result<Rectangle>;

    /// The routes through the entity.
    ///
    /// # Errors
    /// The kernel's errno; `ENOTTY` from entities without routing.
    fn routes(&self) -> nix::Result<Vec<Route>>;

    /// Sets the routes and says what the driver made of them.
    ///
    /// # Errors
    /// The kernel's errno.
    fn set_routes(&self, wanted: &[Route]) -> nix::Result<Vec<Route>>;
}
