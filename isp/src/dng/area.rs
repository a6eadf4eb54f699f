//! Rectangles of a mosaic.

use std::fmt;

use crate::{CfaPattern, Channel};

/// A rectangle of samples, in columns and rows of the stored mosaic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Area {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Area {
    /// Samples in it.
    pub fn samples(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Whether it lies in another one.
    pub fn is_within(&self, other: &Area) -> bool {
        let inside = |start: u32, len: u32, other_start: u32, other_len: u32| {
            start >= other_start
                && u64::from(start) + u64::from(len) <= u64::from(other_start) + u64::from(other_len)
        };
        inside(self.left, self.width, other.left, other.width)
            && inside(self.top, self.height, other.top, other.height)
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Area { left, top, width, height } = self;
        write!(f, "{width}x{height} samples at column {left}, row {top}")
    }
}

/// The phase with these colours, row by row.
pub(super) fn pattern([a, b, c, d]: [Channel; 4]) -> Option<CfaPattern> {
    CfaPattern::ALL.into_iter().find(|pattern| {
        [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| pattern.channel_at(x, y)) == [a, b, c, d]
    })
}

/// The phase seen from another place, so many columns and rows further, of which only the parity counts.
pub(super) fn shifted(seen: CfaPattern, columns: u32, rows: u32) -> CfaPattern {
    let colours =
        [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| seen.channel_at(x + (columns & 1), y + (rows & 1)));
    // A shifted Bayer phase is a Bayer phase.
    pattern(colours).unwrap_or(seen)
}
