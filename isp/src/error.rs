//! What can go wrong, with the numbers that a caller needs to put it right.

use crate::raw::{MAX_SIDE, Packing};

/// Why a picture could not be read or developed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A side of the picture is outside `2..=MAX_SIDE`.
    #[error("a picture of {width}x{height} cannot be developed: each side must be 2 to {MAX_SIDE} pixels")]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The packing does not exist for this bit depth.
    #[error("{bits} bits do not go with packing {packing}: it takes {}", packing.depths())]
    Depth {
        /// How samples are stored.
        packing: Packing,
        /// Bits a sample.
        bits: u8,
    },
    /// Black and white levels leave no range.
    #[error(
        "black {black} and white {white} are no range within codes 0..={max}: black < white <= {max} is needed"
    )]
    Levels {
        /// Code of no light.
        black: u16,
        /// Code of saturation.
        white: u16,
        /// Largest code of the bit depth.
        max: u16,
    },
    /// The stride is shorter than one packed row.
    #[error("stride of {stride_bytes} bytes is too short: a row takes {row_bytes} bytes")]
    Stride {
        /// Distance of two rows in bytes.
        stride_bytes: usize,
        /// Bytes that one row takes.
        row_bytes: usize,
    },
    /// A buffer is shorter than the picture it should hold.
    #[error("{what} holds {got}, but {expected} are needed")]
    Length {
        /// Which buffer, with its unit.
        what: &'static str,
        /// Elements needed.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// The sizes multiply to more than this machine can address or allocate.
    #[error("{what} needs more memory than there is")]
    TooLarge {
        /// What was to be allocated or addressed.
        what: &'static str,
    },
    /// Rows outside the picture, or a range that runs backwards.
    #[error("rows {start}..{end} are outside the picture's 0..{height}")]
    Rows {
        /// First row.
        start: u32,
        /// Row after the last.
        end: u32,
        /// Rows of the picture.
        height: u32,
    },
    /// Rows that cut a row of chroma.
    #[error("rows {start}..{end} of {height} cut a row of chroma: both ends must be even, or the picture's")]
    HalfCells {
        /// First row.
        start: u32,
        /// Row after the last.
        end: u32,
        /// Rows of the picture.
        height: u32,
    },
    /// The view's geometry is not the one that the plan was made for.
    #[error("the plan was made for another raw geometry: make a plan for this one")]
    OtherGeometry,
    /// A number of the rendering is not finite or out of range.
    #[error("{what} of the rendering is {value}: {range} is needed")]
    Rendering {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f32,
        /// The range that is accepted.
        range: &'static str,
    },
    /// The fused path does not have this tier.
    #[error("the fused path has no tier {0}: preview and video are there, and the others beside it")]
    FusedTier(&'static str),
    /// A name that is no colour filter pattern.
    #[error("'{0}' is no colour filter pattern: RGGB, GRBG, GBRG and BGGR are known")]
    UnknownPattern(String),
    /// A name that is no layout of luma and chroma.
    #[error(
        "'{0}' is no layout of luma and chroma: yuyv, yvyu, uyvy, vyuy, nv12, nv21, nv16, nv61, nv24, nv42, yuv420, yvu420, yuv422, yvu422, yuv444 and yvu444 are known"
    )]
    UnknownYuv(String),
    /// A name that is no packing.
    #[error("'{0}' is no packing: bytes, le16 and mipi are known")]
    UnknownPacking(String),
}
