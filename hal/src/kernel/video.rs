//! A video node: what it is, its formats, controls and selections.

use std::fmt::Debug;

use super::controls::Controls;
use super::queue::Queue;

/// What a device says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The kernel driver.
    pub driver: String,
    /// The name that the device gives itself.
    pub card: String,
    /// Where it is plugged in; the same whichever number its file got.
    pub bus_info: String,
    /// `V4L2_CAP_*` of the whole device.
    pub capabilities: u32,
    /// `V4L2_CAP_*` of this file of it.
    pub device_caps: u32,
}

/// A pixel format that a device lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatEntry {
    /// The pixel format's code of four characters.
    pub fourcc: u32,
    /// `V4L2_FMT_FLAG_*`.
    pub flags: u32,
}

/// A range of sizes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeRange {
    /// Least width and height.
    pub min: (u32, u32),
    /// Most.
    pub max: (u32, u32),
    /// From one to the next.
    pub step: (u32, u32),
}

/// Sizes that a device lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeEntry {
    /// One size: width and height.
    Discrete(u32, u32),
    /// Every size on the range's steps; a continuous range has steps of 1.
    Range(SizeRange),
}

/// A part of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction {
    /// Counts of the part.
    pub numerator: u32,
    /// Parts of a second; 0 from some drivers.
    pub denominator: u32,
}

/// Times from frame to frame that a device lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalEntry {
    /// One.
    Discrete(Fraction),
    /// All from the shortest to the longest, on steps or continuous.
    Range {
        /// The shortest.
        min: Fraction,
        /// The longest.
        max: Fraction,
    },
}

/// How one memory plane of a picture lies in its buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaneFormat {
    /// Bytes from row to row.
    pub stride: u32,
    /// Bytes of the plane.
    pub size: u32,
}

/// A format that is asked for, or that a device has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// The pixel format's code of four characters.
    pub fourcc: u32,
    /// Samples in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `V4L2_FIELD_*`; 0 leaves it to the driver.
    pub field: u32,
    /// The memory planes.
    pub planes: Vec<PlaneFormat>,
    /// `V4L2_COLORSPACE_*`.
    pub colorspace: u32,
    /// `V4L2_XFER_FUNC_*`.
    pub transfer: u32,
    /// `V4L2_YCBCR_ENC_*`.
    pub encoding: u32,
    /// `V4L2_QUANTIZATION_*`.
    pub quantization: u32,
}

/// A part of the picture, in samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rectangle {
    /// Samples left of it.
    pub left: i32,
    /// Rows above it.
    pub top: i32,
    /// Samples in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// An open video node.
pub trait Video: Queue + Controls + Debug + Send {
    /// What the device is (`VIDIOC_QUERYCAP`).
    ///
    /// # Errors
    /// The kernel's errno.
    fn identity(&self) -> nix::Result<Identity>;

    /// Chooses the multi-planar queue for all later calls; a node starts with the single-planar one.
    fn use_planar_queue(&mut self);

    /// Chooses the metadata queue for all later calls; its formats have a fourcc and a single plane's size, no more.
    fn use_metadata_queue(&mut self);

    /// The `index`th pixel format.
    ///
    /// # Errors
    /// The kernel's errno; `EINVAL` behind the last.
    fn format_entry(&self, index: u32) -> nix::Result<FormatEntry>;

    /// The `index`th pixel format that pictures of this format on the bus (`MEDIA_BUS_FMT_*`) can become; drivers that do
    /// not know of buses (without `V4L2_CAP_IO_MC`) list all.
    ///
    /// # Errors
    /// The kernel's errno; `EINVAL` behind the last.
    fn format_on_bus(&self, code: u32, index: u32) -> nix::Result<FormatEntry>;

    /// The `index`th size of a pixel format.
    ///
    /// # Errors
    /// The kernel's errno; `EINVAL` behind the last, `ENOTTY` from drivers that list none.
    fn size_entry(&self, fourcc: u32, index: u32) -> nix::Result<SizeEntry>;

    /// The `index`th frame interval of a mode.
    ///
    /// # Errors
    /// The kernel's errno; `EINVAL` behind the last, `ENOTTY` from drivers that list none.
    fn interval_entry(&self, fourcc: u32, size: (u32, u32), index: u32) -> nix::Result<IntervalEntry>;

    /// The format that the device has now.
    ///
    /// # Errors
    /// The kernel's errno.
    fn format(&self) -> nix::Result<Format>;

    /// What the device would make of a format.
    ///
    /// # Errors
    /// The kernel's errno.
    fn try_format(&self, wanted: &Format) -> nix::Result<Format>;

    /// Sets the format and says what the device made of it.
    ///
    /// # Errors
    /// The kernel's errno.
    fn set_format(&self, wanted: &Format) -> nix::Result<Format>;

    /// Asks for a frame interval, where the device has a choice, and says which it has now, where it tells.
    ///
    /// # Errors
    /// The kernel's errno.
    fn set_interval(&self, wanted: Option<Fraction>) -> nix::Result<Option<Fraction>>;

    /// A selection (`V4L2_SEL_TGT_*`).
    ///
    /// # Errors
    /// The kernel's errno; `ENOTTY` where nothing can be selected.
    fn selection(&self, target: u32) -> nix::Result<Rectangle>;

    /// Sets a selection and says what the driver made of it.
    ///
    /// # Errors
    /// The kernel's errno.
    fn set_selection(&self, target: u32, wanted: Rectangle) -> nix::Result<Rectangle>;

    /// Asks for events of a kind (`V4L2_EVENT_*`), of one control where that is its kind.
    ///
    /// # Errors
    /// The kernel's errno; `EINVAL` for a kind that the device does not have.
    fn subscribe(&self, kind: u32, id: u32) -> nix::Result<()>;

    /// The highest priority that a file of this device has (`V4L2_PRIORITY_*`).
    ///
    /// # Errors
    /// The kernel's errno.
    fn priority(&self) -> nix::Result<u32>;

    /// Sets the priority of this file (`V4L2_PRIORITY_*`) over others of the same device.
    ///
    /// # Errors
    /// The kernel's errno; `EBUSY` when another file has a higher one.
    fn set_priority(&self, priority: u32) -> nix::Result<()>;

    /// The name of this one of the device's nodes, where it is one of several.
    fn label(&self) -> Option<String> {
        None
    }

    /// What is known of why it does not stream, beside an errno.
    fn reason(&self) -> Option<String> {
        None
    }
}
