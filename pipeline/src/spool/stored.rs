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
        Pixels::Yuv(geometry) => Pixels::Yuv(yuv(geometry)),
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
fn yuv(geometry: YuvGeometry) -> YuvGeometry {
    let YuvGeometry { width, height, layout, .. } = geometry;
    let (first, _) = layout.plane(0, width, height);
    let row = first.next_multiple_of(2);
    let line = row.saturating_mul(parts(layout) as usize);
    let chroma = row.saturating_mul(height as usize);
    let plane = |offset, stride_bytes| YuvPlane { offset, stride_bytes };
    let none = YuvPlane::default();
    let planes = match layout.planes() {
        1 => [plane(0, row), none, none],
        2 => [plane(0, row), plane(chroma, line), none],
        _ => [plane(0, row), plane(chroma, line), plane(chroma.saturating_add(line / 2), line)],
    };
    YuvGeometry { planes, ..geometry }
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
        Ok(yuv(YuvGeometry { width, height, layout, planes, colour }))
    }
}
