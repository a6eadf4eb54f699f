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

/// A format whose samples are luma and chroma, 8 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum YuvFormat {
    /// 4:2:2, packed: Y Cb Y Cr.
    Yuyv,
    /// 4:2:2, packed: Y Cr Y Cb.
    Yvyu,
    /// 4:2:2, packed: Cb Y Cr Y.
    Uyvy,
    /// 4:2:2, packed: Cr Y Cb Y.
    Vyuy,
    /// 4:2:0, a plane of Y and one of Cb Cr.
    Nv12,
    /// 4:2:0, a plane of Y and one of Cr Cb.
    Nv21,
    /// 4:2:2, a plane of Y and one of Cb Cr.
    Nv16,
    /// 4:2:2, a plane of Y and one of Cr Cb.
    Nv61,
    /// 4:2:0, planes of Y, Cb and Cr.
    Yuv420,
    /// 4:2:0, planes of Y, Cr and Cb.
    Yvu420,
}

/// Where a colour plane lies in a frame's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColorPlane {
    /// Bytes before it.
    pub offset: usize,
    /// Bytes from row to row.
    pub stride: usize,
    /// Bytes of a row that are samples.
    pub row_bytes: usize,
    /// Rows.
    pub rows: usize,
}

impl ColorPlane {
    /// Where its last sample ends.
    pub fn end(self) -> usize {
        let before_last = self.rows.saturating_sub(1).saturating_mul(self.stride);
        self.offset.saturating_add(before_last).saturating_add(self.row_bytes)
    }
}

impl YuvFormat {
    /// Bytes that `width` samples of the first plane need.
    pub fn row_bytes(self, width: u32) -> usize {
        let width = width as usize;
        if self.is_packed() { width.div_ceil(2).saturating_mul(4) } else { width }
    }

    /// The colour planes of a picture whose first plane has rows of `stride` bytes. V4L2 derives the strides of later
    /// planes from the first and puts one directly behind the other:
    /// <https://docs.kernel.org/userspace-api/media/v4l/pixfmt-yuv-planar.html>.
    pub fn planes(self, width: u32, height: u32, stride: usize) -> Vec<ColorPlane> {
        let rows = height as usize;
        let first = ColorPlane { offset: 0, stride, row_bytes: self.row_bytes(width), rows };
        let chroma_row = (width as usize).div_ceil(2);
        let whole = stride.saturating_mul(rows);
        let half_rows = rows.div_ceil(2);
        match self {
            Self::Yuyv | Self::Yvyu | Self::Uyvy | Self::Vyuy => vec![first],
            Self::Nv12 | Self::Nv21 => {
                vec![first, ColorPlane { offset: whole, stride, row_bytes: chroma_row * 2, rows: half_rows }]
            }
            Self::Nv16 | Self::Nv61 => {
                vec![first, ColorPlane { offset: whole, stride, row_bytes: chroma_row * 2, rows }]
            }
            Self::Yuv420 | Self::Yvu420 => {
                let stride = stride.div_ceil(2);
                let chroma = ColorPlane { offset: whole, stride, row_bytes: chroma_row, rows: half_rows };
                let offset = whole.saturating_add(stride.saturating_mul(half_rows));
                vec![first, chroma, ColorPlane { offset, ..chroma }]
            }
        }
    }

    fn is_packed(self) -> bool {
        matches!(self, Self::Yuyv | Self::Yvyu | Self::Uyvy | Self::Vyuy)
    }
}

/// What a camera's frames are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Samples as the sensor has them.
    Raw(RawFormat),
    /// Luma and chroma, developed by the camera.
    Yuv(YuvFormat),
    /// A JPEG picture a frame; its bytes are as many as [`crate::frame::Shot::bytes_used`] says.
    Jpeg,
}

impl PixelFormat {
    /// The raw format; `None` for pictures that the camera developed.
    pub fn raw(self) -> Option<RawFormat> {
        match self {
            Self::Raw(raw) => Some(raw),
            Self::Yuv(_) | Self::Jpeg => None,
        }
    }

    /// Bytes that `width` samples of the first plane need; 0 for JPEG.
    pub fn row_bytes(self, width: u32) -> usize {
        match self {
            Self::Raw(raw) => raw.row_bytes(width),
            Self::Yuv(yuv) => yuv.row_bytes(width),
            Self::Jpeg => 0,
        }
    }

    /// The planes of a picture whose first plane has rows of `stride` bytes; none for JPEG.
    pub fn planes(self, width: u32, height: u32, stride: usize) -> Vec<ColorPlane> {
        match self {
            Self::Raw(raw) => {
                vec![ColorPlane { offset: 0, stride, row_bytes: raw.row_bytes(width), rows: height as usize }]
            }
            Self::Yuv(yuv) => yuv.planes(width, height, stride),
            Self::Jpeg => Vec::new(),
        }
    }

    /// Significant bits a sample; 8 for pictures that the camera developed.
    pub fn bits(self) -> u8 {
        self.raw().map_or(8, |raw| raw.bits)
    }
}

impl From<RawFormat> for PixelFormat {
    fn from(raw: RawFormat) -> Self {
        Self::Raw(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(offset: usize, stride: usize, row_bytes: usize, rows: usize) -> ColorPlane {
        ColorPlane { offset, stride, row_bytes, rows }
    }

    #[test]
    fn chroma_planes_follow_luma_as_v4l2_says() {
        assert_eq!(YuvFormat::Nv12.planes(64, 48, 80), [plane(0, 80, 64, 48), plane(3840, 80, 64, 24)]);
        assert_eq!(YuvFormat::Nv16.planes(64, 48, 80), [plane(0, 80, 64, 48), plane(3840, 80, 64, 48)]);
        assert_eq!(
            YuvFormat::Yuv420.planes(64, 48, 80),
            [plane(0, 80, 64, 48), plane(3840, 40, 32, 24), plane(4800, 40, 32, 24)]
        );
        assert_eq!(YuvFormat::Yuyv.planes(64, 48, 160), [plane(0, 160, 128, 48)]);
    }

    #[test]
    fn odd_sizes_have_whole_chroma_samples() {
        assert_eq!(YuvFormat::Nv12.planes(5, 3, 6), [plane(0, 6, 5, 3), plane(18, 6, 6, 2)]);
        assert_eq!(YuvFormat::Yuyv.row_bytes(5), 12);
    }

    #[test]
    fn numbers_beyond_memory_do_not_overflow() {
        for plane in YuvFormat::Yuv420.planes(u32::MAX, u32::MAX, usize::MAX) {
            assert!(plane.end() >= plane.offset);
        }
    }
}
