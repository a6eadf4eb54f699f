//! The full path: every pixel of a raw frame, strip by strip.
//!
//! A [`Plan`] is validated and prepared once and then run as often as one likes, by any number of threads. What it
//! writes for a row depends on the raw frame and that row alone, so strips may be cut anywhere and developed in
//! any order; at a strip's edge the rows of the halo are read once more.

use std::ops::Range;

use crate::colour::Colour;
use crate::demosaic::{Demosaic, Planes, check_rows, interpolate};
use crate::mosaic::Window;
use crate::reader::Reader;
use crate::{Error, Picture, RawGeometry, RawView, Rendering, Simd};

/// How frames of one geometry are developed.
#[derive(Debug, Clone)]
pub struct Plan {
    geometry: RawGeometry,
    method: Demosaic,
    reader: Reader,
    colour: Colour,
}

/// The rows that a strip works in; made by [`Plan::scratch`], one for each thread.
#[derive(Debug, Clone)]
pub struct Scratch {
    geometry: RawGeometry,
    codes: Vec<u16>,
    window: Window,
    planes: Planes,
}

impl Plan {
    /// Prepares to develop frames of `geometry`.
    ///
    /// # Errors
    /// Those of [`RawGeometry::validate`]; [`Error::Rendering`] for numbers out of range.
    pub fn new(geometry: RawGeometry, rendering: &Rendering, method: Demosaic) -> Result<Plan, Error> {
        geometry.validate()?;
        rendering.validate()?;
        Ok(Plan {
            geometry,
            method,
            reader: Reader::new(&geometry, rendering.gains),
            colour: Colour::new(rendering, Simd::detect()),
        })
    }

    /// The frames that the plan is for.
    pub fn geometry(&self) -> &RawGeometry {
        &self.geometry
    }

    /// Raw rows above and below a strip that it depends on.
    pub fn halo(&self) -> u32 {
        self.method.halo()
    }

    /// Room for one strip at a time, of any height: about 18 bytes a pixel of a row.
    pub fn scratch(&self) -> Scratch {
        let RawGeometry { width, height, .. } = self.geometry;
        Scratch {
            geometry: self.geometry,
            codes: vec![0; width as usize],
            window: Window::new(width, height),
            planes: Planes::new(width),
        }
    }

    /// Develops rows to interleaved RGB8, `rows.len() * width * 3` bytes; allocates scratch for them.
    ///
    /// # Errors
    /// [`Error::OtherGeometry`] where `view` is not of the plan's geometry; [`Error::Rows`] outside the picture;
    /// [`Error::Length`] where `out` has not exactly its size.
    pub fn strip(&self, view: &RawView<'_>, rows: Range<u32>, out: &mut [u8]) -> Result<(), Error> {
        self.strip_with(&mut self.scratch(), view, rows, out)
    }

    /// As [`Plan::strip`], in scratch of this plan; nothing is allocated.
    ///
    /// # Errors
    /// As [`Plan::strip`]; [`Error::OtherGeometry`] also where `scratch` is not of the plan's geometry.
    pub fn strip_with(
        &self,
        scratch: &mut Scratch,
        view: &RawView<'_>,
        rows: Range<u32>,
        out: &mut [u8],
    ) -> Result<(), Error> {
        let RawGeometry { width, height, pattern, .. } = self.geometry;
        if *view.geometry() != self.geometry || scratch.geometry != self.geometry {
            return Err(Error::OtherGeometry);
        }
        check_rows(&rows, width, height, out.len(), "strip (bytes)")?;
        let Scratch { codes, window, planes, .. } = scratch;
        window.clear();
        for (y, line) in rows.zip(out.chunks_exact_mut(3 * width as usize)) {
            window.advance(y, self.halo(), &mut |row, to| self.reader.row(view, row, codes, to));
            interpolate(self.method, pattern, window, y, planes);
            self.colour.full_row(planes, line);
        }
        Ok(())
    }
}

/// Develops a whole frame on this thread.
///
/// # Errors
/// [`Error::Rendering`] for numbers out of range; [`Error::TooLarge`] where the picture can't be allocated.
pub fn develop(view: &RawView<'_>, rendering: &Rendering, method: Demosaic) -> Result<Picture, Error> {
    let geometry = *view.geometry();
    let plan = Plan::new(geometry, rendering, method)?;
    let mut picture = Picture::new(geometry.width, geometry.height)?;
    plan.strip(view, 0..geometry.height, &mut picture.data)?;
    Ok(picture)
}
