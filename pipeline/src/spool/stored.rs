//! The forms that frames have in a file: rows without padding, all as long as each other.

use std::path::Path;

use latent_isp::yuv::{
    Primaries, Transfer, YuvColour, YuvGeometry, YuvLayout, YuvMatrix, YuvPlane, YuvRange, YuvView,
};
use latent_isp::{Packing, RawGeometry, RawView, packing, unpack};
use serde::{Deserialize, Serialize};

use super::Error;
use super::format::Rows;
use super::header::wrong;
use crate::pixels::{JpegFrames, Pixels};

/// What counts as a row of a JPEG.
const BLOCK: usize = 4096;

/// The form that frames of a camera have in a file.
pub(super) fn form(pixels: Pixels) -> Result<Pixels, latent_isp::Error> {
    pixels.validate()?;
    let stored = match pixels {
        Pixels::Raw(geometry) => Pixels::Raw(raw(geometry)?),
        Pixels::Yuv(geometry) => Pixels::Yuv(yuv(geometry)?),
        Pixels::Jpeg(frames) => Pixels::Jpeg(frames),
    };
    stored.validate()?;
    Ok(stored)
}

/// The rows of frames in the form of a file.
pub(super) fn rows(stored: &Pixels) -> Rows {
    match stored {
        Pixels::Raw(geometry) => Rows { bytes: geometry.stride_bytes, count: geometry.height },
        Pixels::Yuv(YuvGeometry { width, height, layout, planes, .. }) => {
            let (_, chroma) = layout.plane(1, *width, *height);
            let chroma = if layout.planes() == 1 { 0 } else { chroma as u32 * parts(*layout) };
            Rows { bytes: planes[0].stride_bytes, count: height.saturating_add(chroma) }
        }
        Pixels::Jpeg(JpegFrames { most_bytes, .. }) => {
            Rows { bytes: BLOCK, count: u32::try_from(most_bytes.div_ceil(BLOCK)).unwrap_or(u32::MAX) }
        }
    }
}

/// The smallest packing that keeps every bit.
fn raw(geometry: RawGeometry) -> Result<RawGeometry, latent_isp::Error> {
    let packing = Packing::smallest(geometry.bits);
    let stride_bytes = RawGeometry { packing, ..geometry }.row_bytes()?;
    Ok(RawGeometry { packing, stride_bytes, ..geometry })
}

/// Rows of the file that a row of Cb and one of Cr take together.
fn parts(layout: YuvLayout) -> u32 {
    if layout.halves_columns() { 1 } else { 2 }
}

/// Planes directly behind each other; a row of Cb and one of Cr beside each other where they are apart.
fn yuv(geometry: YuvGeometry) -> Result<YuvGeometry, latent_isp::Error> {
    let YuvGeometry { width, height, layout, .. } = geometry;
    let sides = 2..=latent_isp::MAX_SIDE;
    if !sides.contains(&width) || !sides.contains(&height) {
        return Err(latent_isp::Error::Size { width, height });
    }
    let large = || latent_isp::Error::TooLarge { what: "a frame of luma and chroma" };
    let places = places(width, height, layout, usize::MAX as u64).ok_or_else(large)?;
    let mut planes = [YuvPlane::default(); 3];
    for (plane, (offset, stride)) in planes.iter_mut().zip(places) {
        let (Ok(offset), Ok(stride_bytes)) = (usize::try_from(offset), usize::try_from(stride)) else {
            return Err(large());
        };
        *plane = YuvPlane { offset, stride_bytes };
    }
    Ok(YuvGeometry { planes, ..geometry })
}

/// Offset and stride of each plane of a frame whose sides are at most [`latent_isp::MAX_SIDE`]; `None` where a byte of it
/// lies behind `most`, the last that a machine can address.
fn places(width: u32, height: u32, layout: YuvLayout, most: u64) -> Option<[(u64, u64); 3]> {
    let (first, _) = layout.plane(0, width, height);
    let (_, chroma_rows) = layout.plane(1, width, height);
    let row = (first as u64).next_multiple_of(2);
    let line = row.checked_mul(parts(layout).into())?;
    let chroma = row.checked_mul(height.into())?;
    let (places, below) = match layout.planes() {
        1 => ([(0, row), (0, 0), (0, 0)], 0),
        2 => ([(0, row), (chroma, line), (0, 0)], chroma_rows as u64),
        _ => ([(0, row), (chroma, line), (chroma.checked_add(line / 2)?, line)], chroma_rows as u64),
    };
    let end = below.checked_mul(line)?.checked_add(chroma)?;
    (end <= most).then_some(places)
}

/// A frame of a camera, checked against its bytes.
pub(super) enum Source<'a> {
    Raw(RawView<'a>),
    Yuv(YuvView<'a>),
    Jpeg(&'a [u8]),
}

impl<'a> Source<'a> {
    /// The frame in these memories, one for each plane; those that have but one are in the first. Of a JPEG it is the whole
    /// picture.
    pub(super) fn new(pixels: Pixels, memories: [&'a [u8]; 3]) -> Result<Self, latent_isp::Error> {
        let [bytes, ..] = memories;
        Ok(match pixels {
            Pixels::Raw(geometry) => Self::Raw(RawView::new(geometry, bytes)?),
            Pixels::Yuv(geometry) => Self::Yuv(YuvView::of_planes(geometry, memories)?),
            Pixels::Jpeg(JpegFrames { most_bytes, .. }) if bytes.len() > most_bytes || bytes.is_empty() => {
                let what = "a JPEG (bytes)";
                return Err(latent_isp::Error::Length { what, expected: most_bytes, got: bytes.len() });
            }
            Pixels::Jpeg(_) => Self::Jpeg(bytes),
        })
    }

    /// The length of a JPEG; 0 for frames whose length follows from their shape.
    pub(super) fn picture_bytes(&self) -> u32 {
        match self {
            Self::Jpeg(bytes) => u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            Self::Raw(_) | Self::Yuv(_) => 0,
        }
    }

    /// Writes row `y` in the form of the file; `scratch` has room for a row of raw samples.
    pub(super) fn row(
        &self,
        y: u32,
        stored: &Pixels,
        scratch: &mut [u16],
        out: &mut [u8],
    ) -> Result<(), latent_isp::Error> {
        match (self, stored) {
            (Self::Raw(view), Pixels::Raw(stored)) => {
                // Samples in the file's packing already are copied as they are.
                if view.geometry().packing == stored.packing {
                    out.copy_from_slice(view.row(y));
                    return Ok(());
                }
                unpack::row(view, y, scratch)?;
                packing::pack_row(scratch, stored.bits, stored.packing, out).map(|_| ())
            }
            (Self::Yuv(view), _) => {
                let YuvGeometry { height, layout, .. } = *view.geometry();
                out.fill(0);
                let Some(below) = y.checked_sub(height) else {
                    put(out, view.row(0, y as usize));
                    return Ok(());
                };
                let (line, part) = ((below / parts(layout)) as usize, (below % parts(layout)) as usize);
                let half = out.len() / 2;
                match (layout.planes(), parts(layout)) {
                    (2, _) => put(out, view.row(1, line).get(part * out.len()..).unwrap_or_default()),
                    (_, 1) => {
                        put(out, view.row(1, line));
                        put(out.get_mut(half..).unwrap_or_default(), view.row(2, line));
                    }
                    _ => put(out, view.row(1 + part, line)),
                }
                Ok(())
            }
            (Self::Jpeg(bytes), _) => {
                let start = (y as usize).saturating_mul(BLOCK).min(bytes.len());
                let part = &bytes[start..(start + BLOCK).min(bytes.len())];
                out[part.len()..].fill(0);
                put(out, part);
                Ok(())
            }
            (Self::Raw(_), _) => Err(latent_isp::Error::OtherGeometry),
        }
    }
}

fn put(out: &mut [u8], row: &[u8]) {
    let length = row.len().min(out.len());
    out[..length].copy_from_slice(&row[..length]);
}

/// The words for luma and chroma in a header.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredYuv {
    width: u32,
    height: u32,
    layout: String,
    matrix: Matrix,
    range: Extent,
    transfer: Curve,
    primaries: Corners,
}

macro_rules! words {
    ($name:ident = $other:ident { $($variant:ident = $word:literal),+ }) => {
        #[derive(Clone, Copy, Serialize, Deserialize)]
        enum $name { $(#[serde(rename = $word)] $variant),+ }

        impl From<$other> for $name {
            fn from(value: $other) -> Self {
                match value { $($other::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $other {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}

words! { Matrix = YuvMatrix { Rec601 = "601", Rec709 = "709", Rec2020 = "2020" } }
words! { Extent = YuvRange { Full = "full", Limited = "limited" } }
words! { Curve = Transfer { Srgb = "srgb", Rec709 = "709", Linear = "linear" } }
words! { Corners = Primaries { Srgb = "srgb", Smpte170m = "170m", Rec2020 = "2020" } }

impl StoredYuv {
    pub(super) fn of(geometry: &YuvGeometry) -> Self {
        let YuvColour { matrix, range, transfer, primaries } = geometry.colour;
        Self {
            width: geometry.width,
            height: geometry.height,
            layout: geometry.layout.name().to_owned(),
            matrix: matrix.into(),
            range: range.into(),
            transfer: transfer.into(),
            primaries: primaries.into(),
        }
    }

    pub(super) fn geometry(self, path: &Path) -> Result<YuvGeometry, Error> {
        let layout: YuvLayout =
            self.layout.parse().map_err(|error: latent_isp::Error| wrong(path, &error))?;
        let colour = YuvColour {
            matrix: self.matrix.into(),
            range: self.range.into(),
            transfer: self.transfer.into(),
            primaries: self.primaries.into(),
        };
        let (width, height) = (self.width, self.height);
        let planes = [YuvPlane::default(); 3];
        yuv(YuvGeometry { width, height, layout, planes, colour })
            .map_err(|source| Error::Geometry { path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The last byte that a machine of 32 bits can address.
    const MOST_OF_32_BITS: u64 = u32::MAX as u64;

    #[test]
    fn a_frame_that_a_machine_of_32_bits_cannot_address_is_refused_there_and_not_wrapped() {
        for layout in YuvLayout::ALL {
            let side = latent_isp::MAX_SIDE - 1;
            assert_eq!(places(side, side, layout, MOST_OF_32_BITS), None, "{layout}");
            assert!(places(side, side, layout, u64::MAX).is_some(), "{layout}");
            assert!(places(4000, 3000, layout, MOST_OF_32_BITS).is_some(), "{layout}");
        }
        // Luma alone fits; where chroma ends does not.
        let (width, height) = (65_534, 65_534);
        let luma = u64::from(width) * u64::from(height);
        assert!(luma <= MOST_OF_32_BITS);
        assert_eq!(places(width, height, YuvLayout::Nv12, luma), None);
        assert!(places(width, height, YuvLayout::Nv12, luma + luma / 2).is_some());
        assert_eq!(places(width, height, YuvLayout::Nv12, luma + luma / 2 - 1), None);
    }

    proptest! {
        #[test]
        fn every_byte_of_a_frame_can_be_addressed_or_the_frame_is_refused(
            width in 2..=latent_isp::MAX_SIDE,
            height in 2..=latent_isp::MAX_SIDE,
            layout in prop::sample::select(YuvLayout::ALL.to_vec()),
            most in prop_oneof![Just(MOST_OF_32_BITS), 0..=MOST_OF_32_BITS, any::<u64>()],
        ) {
            let end = |places: [(u64, u64); 3]| {
                (0..layout.planes()).map(|plane| {
                    let (row, rows) = layout.plane(plane, width, height);
                    let (offset, stride) = places[plane];
                    u128::from(offset) + u128::from(stride) * (rows as u128 - 1) + row as u128
                }).max().unwrap()
            };
            let exact = end(places(width, height, layout, u64::MAX).unwrap());
            match places(width, height, layout, most) {
                Some(places) => prop_assert!(end(places) <= u128::from(most)),
                // Rows are padded to two bytes, and Cb and Cr to each other: at most that much was refused too early.
                None => prop_assert!(exact + 2 * u128::from(height) + 2 * u128::from(width) + 4 > u128::from(most)),
            }
        }

        #[test]
        fn headers_of_any_size_are_read_or_refused(width: u32, height: u32, layout in 0..YuvLayout::ALL.len()) {
            let layout = YuvLayout::ALL[layout].name();
            let json = format!(
                r#"{{"width":{width},"height":{height},"layout":"{layout}","matrix":"601","range":"full",
                     "transfer":"srgb","primaries":"srgb"}}"#
            );
            let stored: StoredYuv = serde_json::from_str(&json).unwrap();
            let sides = 2..=latent_isp::MAX_SIDE;
            let fits = sides.contains(&width) && sides.contains(&height);
            prop_assert_eq!(stored.geometry(Path::new("burst.raw")).is_ok(), fits);
        }
    }
}
