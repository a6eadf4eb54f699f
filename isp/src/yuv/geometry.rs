//! The shape of a picture of luma and chroma, or of red, green and blue, in memory, and a checked view of one.

use std::fmt;
use std::str::FromStr;

use super::YuvColour;
use crate::{Error, MAX_SIDE};

/// How samples of 8 bits are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum YuvLayout {
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
    /// 4:2:2, planes of Y, Cb and Cr.
    Yuv422,
    /// 4:2:2, planes of Y, Cr and Cb.
    Yvu422,
    /// 4:4:4, a plane of Y and one of Cb Cr.
    Nv24,
    /// 4:4:4, a plane of Y and one of Cr Cb.
    Nv42,
    /// 4:4:4, planes of Y, Cb and Cr.
    Yuv444,
    /// 4:4:4, planes of Y, Cr and Cb.
    Yvu444,
    /// Red, green, blue: three bytes a pixel, in this order.
    Rgb24,
    /// Blue, green, red.
    Bgr24,
    /// Red, green, blue and a byte that means nothing.
    Rgbx32,
    /// Blue, green, red and a byte that means nothing.
    Bgrx32,
    /// A byte that means nothing, red, green, blue.
    Xrgb32,
    /// A byte that means nothing, blue, green, red.
    Xbgr32,
}

/// Where luma and the two colours lie within their pixel pair or plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrangement {
    /// Byte of the first luma sample in a group of 4, of Cb and of Cr.
    Packed { luma: usize, cb: usize, cr: usize },
    /// Byte of Cb in a group of 2; Cr is the other.
    Pairs { cb: usize },
    /// The plane of Cb; Cr is the other.
    Planes { cb: usize },
    /// Bytes of a pixel, and which of them are red, green and blue.
    Pixels { bytes: usize, places: [usize; 3] },
}

impl YuvLayout {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Yuyv,
        Self::Yvyu,
        Self::Uyvy,
        Self::Vyuy,
        Self::Nv12,
        Self::Nv21,
        Self::Nv16,
        Self::Nv61,
        Self::Yuv420,
        Self::Yvu420,
        Self::Yuv422,
        Self::Yvu422,
        Self::Nv24,
        Self::Nv42,
        Self::Yuv444,
        Self::Yvu444,
        Self::Rgb24,
        Self::Bgr24,
        Self::Rgbx32,
        Self::Bgrx32,
        Self::Xrgb32,
        Self::Xbgr32,
    ];

    /// The name used in files and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yuyv => "yuyv",
            Self::Yvyu => "yvyu",
            Self::Uyvy => "uyvy",
            Self::Vyuy => "vyuy",
            Self::Nv12 => "nv12",
            Self::Nv21 => "nv21",
            Self::Nv16 => "nv16",
            Self::Nv61 => "nv61",
            Self::Yuv420 => "yuv420",
            Self::Yvu420 => "yvu420",
            Self::Yuv422 => "yuv422",
            Self::Yvu422 => "yvu422",
            Self::Nv24 => "nv24",
            Self::Nv42 => "nv42",
            Self::Yuv444 => "yuv444",
            Self::Yvu444 => "yvu444",
            Self::Rgb24 => "rgb24",
            Self::Bgr24 => "bgr24",
            Self::Rgbx32 => "rgbx32",
            Self::Bgrx32 => "bgrx32",
            Self::Xrgb32 => "xrgb32",
            Self::Xbgr32 => "xbgr32",
        }
    }

    pub(super) fn arrangement(self) -> Arrangement {
        match self {
            Self::Yuyv => Arrangement::Packed { luma: 0, cb: 1, cr: 3 },
            Self::Yvyu => Arrangement::Packed { luma: 0, cb: 3, cr: 1 },
            Self::Uyvy => Arrangement::Packed { luma: 1, cb: 0, cr: 2 },
            Self::Vyuy => Arrangement::Packed { luma: 1, cb: 2, cr: 0 },
            Self::Nv12 | Self::Nv16 | Self::Nv24 => Arrangement::Pairs { cb: 0 },
            Self::Nv21 | Self::Nv61 | Self::Nv42 => Arrangement::Pairs { cb: 1 },
            Self::Yuv420 | Self::Yuv422 | Self::Yuv444 => Arrangement::Planes { cb: 1 },
            Self::Yvu420 | Self::Yvu422 | Self::Yvu444 => Arrangement::Planes { cb: 2 },
            Self::Rgb24 => Arrangement::Pixels { bytes: 3, places: [0, 1, 2] },
            Self::Bgr24 => Arrangement::Pixels { bytes: 3, places: [2, 1, 0] },
            Self::Rgbx32 => Arrangement::Pixels { bytes: 4, places: [0, 1, 2] },
            Self::Bgrx32 => Arrangement::Pixels { bytes: 4, places: [2, 1, 0] },
            Self::Xrgb32 => Arrangement::Pixels { bytes: 4, places: [1, 2, 3] },
            Self::Xbgr32 => Arrangement::Pixels { bytes: 4, places: [3, 2, 1] },
        }
    }

    /// Whether two rows share one row of chroma.
    pub fn halves_rows(self) -> bool {
        matches!(self, Self::Nv12 | Self::Nv21 | Self::Yuv420 | Self::Yvu420)
    }

    /// Whether two columns share one sample of Cb and one of Cr.
    pub fn halves_columns(self) -> bool {
        !self.is_rgb() && !matches!(self, Self::Nv24 | Self::Nv42 | Self::Yuv444 | Self::Yvu444)
    }

    /// Whether the samples are red, green and blue, which no matrix needs to be undone for.
    pub fn is_rgb(self) -> bool {
        matches!(self.arrangement(), Arrangement::Pixels { .. })
    }

    /// Samples of Cb in a row of `width` pixels.
    pub fn chroma_width(self, width: u32) -> usize {
        if self.halves_columns() { (width as usize).div_ceil(2) } else { width as usize }
    }

    /// How many planes a picture has.
    pub fn planes(self) -> usize {
        match self.arrangement() {
            Arrangement::Packed { .. } | Arrangement::Pixels { .. } => 1,
            Arrangement::Pairs { .. } => 2,
            Arrangement::Planes { .. } => 3,
        }
    }

    /// Bytes of a row that are samples, and rows, of plane `index` of a picture.
    pub fn plane(self, index: usize, width: u32, height: u32) -> (usize, usize) {
        let chroma = self.chroma_width(width);
        let (width, height) = (width as usize, height as usize);
        let rows = if self.halves_rows() { height.div_ceil(2) } else { height };
        match (self.arrangement(), index) {
            (Arrangement::Packed { .. }, _) => (4 * chroma, height),
            (Arrangement::Pixels { bytes, .. }, _) => (bytes * width, height),
            (_, 0) => (width, height),
            (Arrangement::Pairs { .. }, _) => (2 * chroma, rows),
            (Arrangement::Planes { .. }, _) => (chroma, rows),
        }
    }
}

impl fmt::Display for YuvLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for YuvLayout {
    type Err = Error;

    /// Reads the name in upper or lower case.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|layout| layout.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| Error::UnknownYuv(text.to_owned()))
    }
}

/// Where a plane lies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct YuvPlane {
    /// Bytes before it.
    pub offset: usize,
    /// Bytes from row to row.
    pub stride_bytes: usize,
}

/// The shape of a picture of luma and chroma: plain data, checked by [`YuvGeometry::validate`] and [`YuvView::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct YuvGeometry {
    /// Pixels a row, 2 to [`MAX_SIDE`]. Of odd widths the last chroma sample has one pixel.
    pub width: u32,
    /// Rows, 2 to [`MAX_SIDE`]. Of odd heights the last chroma row of 4:2:0 has one row.
    pub height: u32,
    /// How samples are laid out.
    pub layout: YuvLayout,
    /// The planes, as many as the layout has.
    pub planes: [YuvPlane; 3],
    /// What the numbers mean.
    pub colour: YuvColour,
}

impl YuvGeometry {
    /// Bytes from the first to the end of the last sample.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past the address space.
    pub fn len_bytes(&self) -> Result<usize, Error> {
        (0..self.layout.planes()).try_fold(0, |most, index| Ok(self.plane_end(index)?.max(most)))
    }

    /// Where the last sample of a plane ends.
    fn plane_end(&self, index: usize) -> Result<usize, Error> {
        let (row, rows) = self.layout.plane(index, self.width, self.height);
        let YuvPlane { offset, stride_bytes } = self.planes[index];
        let above = rows.saturating_sub(1).checked_mul(stride_bytes);
        above
            .and_then(|above| above.checked_add(row)?.checked_add(offset))
            .ok_or(Error::TooLarge { what: "the frame of luma and chroma" })
    }

    /// Checks everything that can be checked without the data.
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::Stride`], or [`Error::TooLarge`].
    pub fn validate(&self) -> Result<(), Error> {
        let &Self { width, height, layout, planes, .. } = self;
        if !(2..=MAX_SIDE).contains(&width) || !(2..=MAX_SIDE).contains(&height) {
            return Err(Error::Size { width, height });
        }
        for (index, plane) in planes.iter().enumerate().take(layout.planes()) {
            let (row_bytes, _) = layout.plane(index, width, height);
            if plane.stride_bytes < row_bytes {
                return Err(Error::Stride { stride_bytes: plane.stride_bytes, row_bytes });
            }
        }
        self.len_bytes().map(|_| ())
    }
}

/// A picture of luma and chroma in memory whose geometry has been checked against its bytes.
#[derive(Debug, Clone, Copy)]
pub struct YuvView<'a> {
    geometry: YuvGeometry,
    /// The memory that each plane lies in.
    planes: [&'a [u8]; 3],
}

impl<'a> YuvView<'a> {
    /// Checks `geometry` and that `data` is long enough; bytes past the last sample are ignored.
    ///
    /// # Errors
    /// Those of [`YuvGeometry::validate`], and [`Error::Length`] where `data` is too short.
    pub fn new(geometry: YuvGeometry, data: &'a [u8]) -> Result<Self, Error> {
        Self::of_planes(geometry, [data; 3])
    }

    /// As [`YuvView::new`], for planes that each have a memory of their own, in which their offset counts.
    ///
    /// # Errors
    /// As [`YuvView::new`].
    pub fn of_planes(geometry: YuvGeometry, planes: [&'a [u8]; 3]) -> Result<Self, Error> {
        geometry.validate()?;
        for (index, data) in planes.iter().enumerate().take(geometry.layout.planes()) {
            let expected = geometry.plane_end(index)?;
            if data.len() < expected {
                return Err(Error::Length { what: "luma and chroma (bytes)", expected, got: data.len() });
            }
        }
        Ok(Self { geometry, planes })
    }

    /// The shape of the picture.
    pub fn geometry(&self) -> &YuvGeometry {
        &self.geometry
    }

    /// The samples of row `y` of a plane without padding; empty past its last row.
    pub fn row(&self, plane: usize, y: usize) -> &'a [u8] {
        let YuvGeometry { width, height, layout, planes, .. } = self.geometry;
        let (bytes, rows) = layout.plane(plane, width, height);
        if plane >= layout.planes() || y >= rows {
            return &[];
        }
        // Cannot overflow: `of_planes` has checked that the last row's end is within its memory.
        let start = planes[plane].offset + y * planes[plane].stride_bytes;
        self.planes[plane].get(start..start + bytes).unwrap_or(&[])
    }
}
