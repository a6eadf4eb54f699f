//! How the samples of frames lie in memory.

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
    /// 4:4:4, a plane of Y and one of Cb Cr.
    Nv24,
    /// 4:4:4, a plane of Y and one of Cr Cb.
    Nv42,
    /// 4:2:0, planes of Y, Cb and Cr.
    Yuv420,
    /// 4:2:0, planes of Y, Cr and Cb.
    Yvu420,
    /// 4:2:2, planes of Y, Cb and Cr.
    Yuv422,
    /// 4:2:2, planes of Y, Cr and Cb.
    Yvu422,
    /// 4:4:4, planes of Y, Cb and Cr.
    Yuv444,
    /// 4:4:4, planes of Y, Cr and Cb.
    Yvu444,
}

/// A format whose samples are red, green and blue, 8 bits each, together; bytes in the order of memory, `x` for one that
/// means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RgbFormat {
    /// Red, green, blue.
    Rgb24,
    /// Blue, green, red.
    Bgr24,
    /// Red, green, blue, x.
    Rgbx32,
    /// Blue, green, red, x.
    Bgrx32,
    /// x, red, green, blue.
    Xrgb32,
    /// x, blue, green, red.
    Xbgr32,
}

impl RgbFormat {
    /// Bytes that `width` pixels need.
    pub fn row_bytes(self, width: u32) -> usize {
        (width as usize).saturating_mul(self.pixel_bytes())
    }

    /// Bytes of a pixel.
    pub fn pixel_bytes(self) -> usize {
        match self {
            Self::Rgb24 | Self::Bgr24 => 3,
            Self::Rgbx32 | Self::Bgrx32 | Self::Xrgb32 | Self::Xbgr32 => 4,
        }
    }
}

/// No format has more colour planes.
pub const MOST_COLOR_PLANES: usize = 3;

/// Where a colour plane lies in a frame's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColorPlane {
    /// In which of the frame's memories it lies; 0 where all planes are in one.
    pub memory: usize,
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
        let twice = stride.saturating_mul(2);
        let chroma_stride = match self {
            Self::Yuv420 | Self::Yvu420 | Self::Yuv422 | Self::Yvu422 => stride.div_ceil(2),
            Self::Nv24 | Self::Nv42 => twice,
            _ => stride,
        };
        let mut planes = self.separate_planes(width, height, [stride, chroma_stride, chroma_stride]);
        let mut offset = 0usize;
        for plane in &mut planes {
            (plane.memory, plane.offset) = (0, offset);
            offset = offset.saturating_add(plane.stride.saturating_mul(plane.rows));
        }
        planes
    }

    /// The colour planes of a picture in which each has a memory of its own, with rows of these many bytes.
    pub fn separate_planes(
        self,
        width: u32,
        height: u32,
        strides: [usize; MOST_COLOR_PLANES],
    ) -> Vec<ColorPlane> {
        let (whole_row, rows) = (width as usize, height as usize);
        let (half_row, half_rows) = (whole_row.div_ceil(2), rows.div_ceil(2));
        // How many planes of chroma there are, their bytes of a row, and their rows.
        let (count, row_bytes, chroma_rows) = match self {
            Self::Yuyv | Self::Yvyu | Self::Uyvy | Self::Vyuy => (0, 0, 0),
            Self::Nv12 | Self::Nv21 => (1, half_row * 2, half_rows),
            Self::Nv16 | Self::Nv61 => (1, half_row * 2, rows),
            Self::Nv24 | Self::Nv42 => (1, whole_row * 2, rows),
            Self::Yuv420 | Self::Yvu420 => (2, half_row, half_rows),
            Self::Yuv422 | Self::Yvu422 => (2, half_row, rows),
            Self::Yuv444 | Self::Yvu444 => (2, whole_row, rows),
        };
        let [stride, ..] = strides;
        let luma = ColorPlane { memory: 0, offset: 0, stride, row_bytes: self.row_bytes(width), rows };
        let chroma = (1..=count).map(|memory| ColorPlane {
            memory,
            offset: 0,
            stride: strides[memory],
            row_bytes,
            rows: chroma_rows,
        });
        std::iter::once(luma).chain(chroma).collect()
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
    /// Red, green and blue, developed by the camera.
    Rgb(RgbFormat),
    /// A JPEG picture a frame; its bytes are as many as [`crate::frame::Shot::bytes_used`] says.
    Jpeg,
}

impl PixelFormat {
    /// The raw format; `None` for pictures that the camera developed.
    pub fn raw(self) -> Option<RawFormat> {
        match self {
            Self::Raw(raw) => Some(raw),
            Self::Yuv(_) | Self::Rgb(_) | Self::Jpeg => None,
        }
    }

    /// Bytes that `width` samples of the first plane need; 0 for JPEG.
    pub fn row_bytes(self, width: u32) -> usize {
        match self {
            Self::Raw(raw) => raw.row_bytes(width),
            Self::Yuv(yuv) => yuv.row_bytes(width),
            Self::Rgb(rgb) => rgb.row_bytes(width),
            Self::Jpeg => 0,
        }
    }

    /// The planes of a picture whose first plane has rows of `stride` bytes; none for JPEG.
    pub fn planes(self, width: u32, height: u32, stride: usize) -> Vec<ColorPlane> {
        match self {
            Self::Raw(_) | Self::Rgb(_) => vec![ColorPlane {
                memory: 0,
                offset: 0,
                stride,
                row_bytes: self.row_bytes(width),
                rows: height as usize,
            }],
            Self::Yuv(yuv) => yuv.planes(width, height, stride),
            Self::Jpeg => Vec::new(),
        }
    }

    /// The planes of a picture in which each has a memory of its own, with rows of these many bytes.
    pub fn separate_planes(
        self,
        width: u32,
        height: u32,
        strides: [usize; MOST_COLOR_PLANES],
    ) -> Vec<ColorPlane> {
        match self {
            Self::Yuv(yuv) => yuv.separate_planes(width, height, strides),
            Self::Raw(_) | Self::Rgb(_) | Self::Jpeg => self.planes(width, height, strides[0]),
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
        ColorPlane { memory: 0, offset, stride, row_bytes, rows }
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
        assert_eq!(
            YuvFormat::Yuv422.planes(64, 48, 80),
            [plane(0, 80, 64, 48), plane(3840, 40, 32, 48), plane(5760, 40, 32, 48)]
        );
        assert_eq!(
            YuvFormat::Yvu444.planes(64, 48, 80),
            [plane(0, 80, 64, 48), plane(3840, 80, 64, 48), plane(7680, 80, 64, 48)]
        );
        assert_eq!(YuvFormat::Nv24.planes(64, 48, 80), [plane(0, 80, 64, 48), plane(3840, 160, 128, 48)]);
    }

    #[test]
    fn separate_planes_begin_their_own_memories_and_keep_their_own_strides() {
        let own = |memory, stride, row_bytes, rows| ColorPlane { memory, offset: 0, stride, row_bytes, rows };
        assert_eq!(
            YuvFormat::Nv12.separate_planes(64, 48, [80, 70, 0]),
            [own(0, 80, 64, 48), own(1, 70, 64, 24)]
        );
        assert_eq!(
            YuvFormat::Yvu422.separate_planes(64, 48, [80, 48, 40]),
            [own(0, 80, 64, 48), own(1, 48, 32, 48), own(2, 40, 32, 48)]
        );
    }

    #[test]
    fn odd_sizes_have_whole_chroma_samples() {
        assert_eq!(YuvFormat::Nv12.planes(5, 3, 6), [plane(0, 6, 5, 3), plane(18, 6, 6, 2)]);
        assert_eq!(YuvFormat::Yuyv.row_bytes(5), 12);
    }

    #[test]
    fn red_green_and_blue_are_one_plane() {
        let format = PixelFormat::Rgb(RgbFormat::Rgb24);
        assert_eq!(format.planes(5, 3, 16), [plane(0, 16, 15, 3)]);
        assert_eq!(PixelFormat::Rgb(RgbFormat::Xrgb32).row_bytes(5), 20);
        assert_eq!((format.raw(), format.bits()), (None, 8));
    }

    #[test]
    fn numbers_beyond_memory_do_not_overflow() {
        for plane in YuvFormat::Yuv420.planes(u32::MAX, u32::MAX, usize::MAX) {
            assert!(plane.end() >= plane.offset);
        }
    }
}
