//! Pictures of luma and chroma, as cameras with a processor of their own give them, to red, green and blue. Those of red,
//! green and blue go the same way without the matrix.
//!
//! The camera has developed such a picture: white balance, exposure and tone are its own and stay. What is left is the
//! way to sRGB by the picture's colorimetry ([`YuvColour`]): matrix, range, transfer and primaries. Both paths take it
//! with the same numbers, and so have the same look:
//!
//! * [`proxy`]: half the size; each 2x2 cell is the mean of its luma and of its chroma;
//! * [`Plan`]: every pixel, strip by strip, in any order; chroma is interpolated between its samples.
//!
//! Chroma is taken to lie in the middle of the pixels that it belongs to, as the kernel documents its formats:
//! <https://docs.kernel.org/userspace-api/media/v4l/pixfmt-yuv-planar.html>. The arithmetic is integer, in 16ths of an
//! 8-bit code, and the same at every [`Simd`] level.

mod colour;
pub(crate) mod encode;
mod geometry;
pub(crate) mod rows;

use std::ops::Range;

pub use colour::{Primaries, Transfer, YuvColour, YuvMatrix, YuvRange};
pub(crate) use colour::{Weights, convert};
pub(crate) use encode::Encoding;
pub use geometry::{YuvGeometry, YuvLayout, YuvPlane, YuvView};

use crate::demosaic::check_rows;
use crate::simd::kernels;
use crate::{Error, Picture, Simd};
use colour::Output;
use rows::Rows;

/// How pictures of one geometry are converted.
#[derive(Debug, Clone)]
pub struct Plan {
    geometry: YuvGeometry,
    simd: Simd,
    weights: Weights,
    output: Output,
}

impl Plan {
    /// Prepares to convert pictures of `geometry`.
    ///
    /// # Errors
    /// Those of [`YuvGeometry::validate`].
    pub fn new(geometry: YuvGeometry, simd: Simd) -> Result<Self, Error> {
        geometry.validate()?;
        let weights = Weights::new(geometry.colour);
        Ok(Self { geometry, simd, weights, output: Output::new(geometry.colour, simd) })
    }

    /// The pictures that the plan is for.
    pub fn geometry(&self) -> &YuvGeometry {
        &self.geometry
    }

    /// Converts rows to interleaved RGB8, `rows.len() * width * 3` bytes. A row depends on the picture alone, so strips
    /// may be cut anywhere and taken in any order.
    ///
    /// # Errors
    /// [`Error::OtherGeometry`] where `view` is not of the plan's geometry; [`Error::Rows`] outside the picture;
    /// [`Error::Length`] where `out` has not exactly its size.
    pub fn strip(&self, view: &YuvView<'_>, rows: Range<u32>, out: &mut [u8]) -> Result<(), Error> {
        let YuvGeometry { width, height, .. } = self.geometry;
        if *view.geometry() != self.geometry {
            return Err(Error::OtherGeometry);
        }
        check_rows(&rows, width, height, out.len(), "strip (bytes)")?;
        let mut scratch = Rows::new(width, self.geometry.layout, self.simd);
        for (y, line) in rows.zip(out.chunks_exact_mut(3 * width as usize)) {
            let mut planes = scratch.full(view, y as usize);
            self.to_rgb(planes.each_mut().map(|plane| &mut **plane));
            self.output.row(planes, line);
        }
        Ok(())
    }

    /// A row of any layout to red, green and blue in 16ths.
    fn to_rgb(&self, planes: [&mut [u16]; 3]) {
        if self.geometry.layout.is_rgb() {
            if self.geometry.colour.range == YuvRange::Limited {
                self.weights.stretch(planes);
            }
        } else {
            kernels::yuv_convert(self.simd, &self.weights, planes);
        }
    }

    /// The picture at half its size, an odd last column or row left out. Every byte of the rows is read once, top to
    /// bottom.
    ///
    /// # Errors
    /// [`Error::OtherGeometry`] where `view` is not of the plan's geometry; [`Error::TooLarge`] where the picture can't
    /// be allocated.
    pub fn proxy(&self, view: &YuvView<'_>) -> Result<Picture, Error> {
        if *view.geometry() != self.geometry {
            return Err(Error::OtherGeometry);
        }
        let (width, height) = (self.geometry.width / 2, self.geometry.height / 2);
        let mut picture = Picture::new(width, height)?;
        let mut scratch = Rows::new(self.geometry.width, self.geometry.layout, self.simd);
        for (y, line) in picture.data.chunks_exact_mut(3 * width as usize).enumerate() {
            let mut planes = scratch.half(view, y);
            self.to_rgb(planes.each_mut().map(|plane| &mut **plane));
            self.output.row(planes, line);
        }
        Ok(picture)
    }
}

/// The proxy of one picture.
///
/// # Errors
/// As [`Plan::proxy`].
pub fn proxy(view: &YuvView<'_>) -> Result<Picture, Error> {
    Plan::new(*view.geometry(), Simd::detect())?.proxy(view)
}

/// A whole picture, on this thread.
///
/// # Errors
/// [`Error::TooLarge`] where the picture can't be allocated.
pub fn develop(view: &YuvView<'_>) -> Result<Picture, Error> {
    let YuvGeometry { width, height, .. } = *view.geometry();
    let plan = Plan::new(*view.geometry(), Simd::detect())?;
    let mut picture = Picture::new(width, height)?;
    plan.strip(view, 0..height, &mut picture.data)?;
    Ok(picture)
}
