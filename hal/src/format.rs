//! How raw samples lie in memory.

/// Which colour the sensor sees at each place of the 2x2 cell that repeats over it, row by row from the top left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CfaPattern {
    /// Red, green; green, blue.
    Rggb,
    /// Green, red; blue, green.
    Grbg,
    /// Green, blue; red, green.
    Gbrg,
    /// Blue, green; green, red.
    Bggr,
}

impl CfaPattern {
    /// All four phases.
    pub const ALL: [Self; 4] = [Self::Rggb, Self::Grbg, Self::Gbrg, Self::Bggr];

    /// The name in capitals, as tools write it: `RGGB`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rggb => "RGGB",
            Self::Grbg => "GRBG",
            Self::Gbrg => "GBRG",
            Self::Bggr => "BGGR",
        }
    }
}

/// How samples are put into bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packing {
    /// One byte a sample (8 bit).
    Bytes,
    /// Two bytes a sample, little-endian, value in the low bits (9 to 16 bit).
    Le16,
    /// The packing of MIPI CSI-2 (10, 12, 14 bit): high bytes of a group, then its low bits.
    Mipi,
}

/// A raw Bayer format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawFormat {
    /// The colour at the top left.
    pub pattern: CfaPattern,
    /// Significant bits a sample, 8 to 16.
    pub bits: u8,
    /// Bytes of a sample.
    pub packing: Packing,
}

impl RawFormat {
    /// Bytes that `width` samples need, without row padding; MIPI groups count whole.
    pub fn row_bytes(self, width: u32) -> usize {
        let width = width as usize;
        match self.packing {
            Packing::Bytes => width,
            Packing::Le16 => width * 2,
            Packing::Mipi => match self.bits {
                12 => width.div_ceil(2) * 3,
                bits => width.div_ceil(4) * usize::from(bits) / 2,
            },
        }
    }
}
