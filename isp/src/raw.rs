//! The shape of a raw frame in memory, and a checked view of one.
//!
//! All checks happen once, in [`RawView::new`]; whatever takes a view afterwards relies on them.

use std::fmt;
use std::str::FromStr;

use crate::{CfaPattern, Error};

/// Longest side of a raw picture in pixels.
pub const MAX_SIDE: u32 = 65_535;

/// How samples are laid out within a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Packing {
    /// One byte a sample; 8 bits.
    Bytes,
    /// One little-endian 16-bit word a sample, value in the low bits; 9 to 16 bits.
    Le16,
    /// MIPI CSI-2 RAW10 (4 pixels in 5 bytes), RAW12 (2 in 3) and RAW14 (4 in 7): the high 8 bits of each pixel
    /// of a group, then the low bits. A group at the end of a row counts whole.
    Mipi,
}

impl Packing {
    /// The name used in files and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Packing::Bytes => "bytes",
            Packing::Le16 => "le16",
            Packing::Mipi => "mipi",
        }
    }

    /// The packing that keeps every bit of samples of this depth in the least bytes: that of stored frames.
    pub fn smallest(bits: u8) -> Packing {
        match bits {
            0..=8 => Packing::Bytes,
            10 | 12 | 14 => Packing::Mipi,
            _ => Packing::Le16,
        }
    }

    pub(crate) fn depths(self) -> &'static str {
        match self {
            Packing::Bytes => "8 bits",
            Packing::Le16 => "9 to 16 bits",
            Packing::Mipi => "10, 12 or 14 bits",
        }
    }

    /// Pixels and bytes of one group.
    ///
    /// # Errors
    /// [`Error::Depth`] where this packing does not exist for `bits`.
    pub(crate) fn group(self, bits: u8) -> Result<(usize, usize), Error> {
        match (self, bits) {
            (Packing::Bytes, 8) => Ok((1, 1)),
            (Packing::Le16, 9..=16) => Ok((1, 2)),
            (Packing::Mipi, 10) => Ok((4, 5)),
            (Packing::Mipi, 12) => Ok((2, 3)),
            (Packing::Mipi, 14) => Ok((4, 7)),
            _ => Err(Error::Depth { packing: self, bits }),
        }
    }

    /// Bytes that a row of `samples` samples takes, the last group whole.
    ///
    /// # Errors
    /// [`Error::Depth`] where this packing does not exist for `bits`; [`Error::TooLarge`] past the address space.
    pub fn row_bytes(self, bits: u8, samples: usize) -> Result<usize, Error> {
        let (pixels, bytes) = self.group(bits)?;
        samples.div_ceil(pixels).checked_mul(bytes).ok_or(Error::TooLarge { what: "a raw row" })
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Largest code of `bits`-bit samples; 65535 from 16 bits on.
pub(crate) fn max_code(bits: u8) -> u16 {
    if bits >= 16 { u16::MAX } else { (1 << bits) - 1 }
}

/// The shape of a raw frame: plain data, checked by [`RawGeometry::validate`] and [`RawView::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawGeometry {
    /// Pixels a row, 2 to [`MAX_SIDE`].
    pub width: u32,
    /// Rows, 2 to [`MAX_SIDE`].
    pub height: u32,
    /// Distance from one row to the next in bytes.
    pub stride_bytes: usize,
    /// Significant bits of a sample.
    pub bits: u8,
    /// Layout of the samples in a row.
    pub packing: Packing,
    /// Colour filter phase of the top left pixel.
    pub pattern: CfaPattern,
    /// Code of no light.
    pub black: u16,
    /// Code at which a sample is saturated; larger ones count as this.
    pub white: u16,
}

impl RawGeometry {
    /// Bytes that the samples of one row take, without padding to the stride.
    ///
    /// # Errors
    /// [`Error::Depth`] where the packing does not exist for the depth; [`Error::TooLarge`] past the address space.
    pub fn row_bytes(&self) -> Result<usize, Error> {
        let width = usize::try_from(self.width).map_err(|_| Error::TooLarge { what: "a raw row" })?;
        self.packing.row_bytes(self.bits, width)
    }

    /// Bytes from the first sample to the end of the last row, which needs no padding.
    ///
    /// # Errors
    /// As [`RawGeometry::row_bytes`].
    pub fn len_bytes(&self) -> Result<usize, Error> {
        let row = self.row_bytes()?;
        let above = usize::try_from(self.height.saturating_sub(1)).ok();
        above
            .and_then(|rows| rows.checked_mul(self.stride_bytes))
            .and_then(|bytes| bytes.checked_add(row))
            .ok_or(Error::TooLarge { what: "the raw frame" })
    }

    /// Largest code that the bit depth can express.
    pub fn max_code(&self) -> u16 {
        max_code(self.bits)
    }

    /// Checks everything that can be checked without the data.
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::Depth`], [`Error::Levels`], [`Error::Stride`], or [`Error::TooLarge`].
    pub fn validate(&self) -> Result<(), Error> {
        let &RawGeometry { width, height, black, white, stride_bytes, .. } = self;
        if !(2..=MAX_SIDE).contains(&width) || !(2..=MAX_SIDE).contains(&height) {
            return Err(Error::Size { width, height });
        }
        let row_bytes = self.row_bytes()?;
        let max = self.max_code();
        if black >= white || white > max {
            return Err(Error::Levels { black, white, max });
        }
        if stride_bytes < row_bytes {
            return Err(Error::Stride { stride_bytes, row_bytes });
        }
        self.len_bytes().map(|_| ())
    }
}

/// A raw frame in memory whose geometry has been checked against its bytes.
#[derive(Debug, Clone, Copy)]
pub struct RawView<'a> {
    geometry: RawGeometry,
    row_bytes: usize,
    data: &'a [u8],
}

impl<'a> RawView<'a> {
    /// Checks `geometry` and that `data` is long enough; bytes past the last row are ignored.
    ///
    /// # Errors
    /// Those of [`RawGeometry::validate`], and [`Error::Length`] where `data` is too short.
    pub fn new(geometry: RawGeometry, data: &'a [u8]) -> Result<Self, Error> {
        geometry.validate()?;
        let expected = geometry.len_bytes()?;
        if data.len() < expected {
            return Err(Error::Length { what: "raw data (bytes)", expected, got: data.len() });
        }
        Ok(RawView { geometry, row_bytes: geometry.row_bytes()?, data })
    }

    /// The shape of the frame.
    pub fn geometry(&self) -> &RawGeometry {
        &self.geometry
    }

    /// The packed bytes of row `y` without padding; empty past the last row.
    pub fn row(&self, y: u32) -> &'a [u8] {
        if y >= self.geometry.height {
            return &[];
        }
        // Cannot overflow: `new` has checked that the last row's end is within `data`.
        let start = y as usize * self.geometry.stride_bytes;
        self.data.get(start..start + self.row_bytes).unwrap_or(&[])
    }
}

impl FromStr for Packing {
    type Err = Error;

    /// Reads the name in upper or lower case.
    fn from_str(text: &str) -> Result<Self, Error> {
        [Packing::Bytes, Packing::Le16, Packing::Mipi]
            .into_iter()
            .find(|packing| packing.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| Error::UnknownPacking(text.to_owned()))
    }
}
