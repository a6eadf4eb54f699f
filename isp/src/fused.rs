//! The fused path: from raw rows to a picture in one pass, with nothing as large as the picture between.
//!
//! A row is unpacked, taken through black level, white balance and a square-root-like curve by one table, freed of
//! defects, demosaiced by a tier, brought back to linear light, through the colour matrix and the tone curve to
//! 8 bits, and lightly sharpened. Each stage keeps the few rows that the next one looks at, in the nearest cache; the
//! raw frame's rows are read once a strip, top to bottom, so its memory may be uncached.
//!
//! The look is [`crate::develop`]'s. Samples have 1020 steps where that path has 65535, which 8 bits do not show.

use std::ops::Range;

use crate::compand::{Compander, Compression};
use crate::defects;
use crate::demosaic::check_rows;
use crate::grade::Grade;
use crate::mosaic::{SplitRow, Window, half_len};
use crate::picture::Picture;
use crate::sharpen;
use crate::simd::rgb8::{self, Store};
use crate::simd::{Simd, grade, kernels, split};
use crate::tier::{Halves, Tier, Windowed};
use crate::{Error, RawGeometry, RawView, Rendering, unpack};

/// What the fused path does beside developing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How missing colours are interpolated.
    pub tier: Tier,
    /// Whether samples brighter or darker than all four neighbours of their colour become the nearest of them.
    pub clamp_defects: bool,
    /// Whether half of the difference from a 3x3 blur is added.
    pub sharpen: bool,
}

/// How frames of one geometry are developed in one pass.
#[derive(Debug, Clone)]
pub struct Plan {
    geometry: RawGeometry,
    options: Options,
    /// What every scratch starts from.
    windowed: Windowed,
    simd: Simd,
    compander: Compander,
    /// Codes to working samples, for red, green and blue.
    compressions: [Compression; 3],
    grade: Grade,
}

/// The rows that a strip works in; made by [`Plan::scratch`], one for each thread.
#[derive(Debug, Clone)]
pub struct Scratch {
    geometry: RawGeometry,
    options: Options,
    mosaic: Mosaic,
    interpolator: Windowed,
    developed: [Row; 3],
    luma: Window<u8>,
    sharp: Row,
}

/// An RGB row as half rows of 8-bit samples.
type Row = [[Vec<u8>; 3]; 2];

/// Rows on their way from codes to samples without defects.
#[derive(Debug, Clone)]
struct Mosaic {
    codes: Vec<u16>,
    sensed: Window<u16>,
}

impl Plan {
    /// Prepares to develop frames of `geometry` with `rendering`.
    ///
    /// # Errors
    /// Those of [`RawGeometry::validate`]; [`Error::Rendering`] for numbers out of range; [`Error::FusedTier`].
    pub fn new(
        geometry: RawGeometry,
        rendering: &Rendering,
        options: Options,
        simd: Simd,
    ) -> Result<Plan, Error> {
        geometry.validate()?;
        rendering.validate()?;
        let windowed =
            Windowed::new(options.tier, &geometry, simd).ok_or(Error::FusedTier(options.tier.name()))?;
        let compander = Compander::new(f64::from(rendering.exposure));
        let compressions = rendering.gains.map(|gain| compander.compression(&geometry, f64::from(gain)));
        let grade = Grade::new(rendering, compander.full());
        Ok(Plan { geometry, options, windowed, simd, compander, compressions, grade })
    }

    /// Raw rows above and below a strip that it depends on.
    pub fn halo(&self) -> u32 {
        let defects = if self.options.clamp_defects { defects::HALO } else { 0 };
        let sharpen = if self.options.sharpen { sharpen::HALO } else { 0 };
        defects + self.options.tier.halo() + sharpen
    }

    /// Room for one strip at a time, of any height.
    pub fn scratch(&self) -> Scratch {
        let RawGeometry { width, height, .. } = self.geometry;
        let row = || std::array::from_fn(|_| std::array::from_fn(|_| vec![0; half_len(width)]));
        Scratch {
            geometry: self.geometry,
            options: self.options,
            mosaic: Mosaic { codes: vec![0; width as usize], sensed: Window::new(width, height) },
            interpolator: self.windowed.clone(),
            developed: std::array::from_fn(|_| row()),
            luma: Window::new(width, height),
            sharp: row(),
        }
    }

    /// Develops rows to interleaved RGB8, `rows.len() * width * 3` bytes; nothing is allocated.
    ///
    /// # Errors
    /// [`Error::OtherGeometry`] where `view` or `scratch` is not of the plan; [`Error::Rows`] outside the picture;
    /// [`Error::Length`] where `out` has not exactly its size.
    pub fn strip_with(
        &self,
        scratch: &mut Scratch,
        view: &RawView<'_>,
        rows: Range<u32>,
        out: &mut [u8],
    ) -> Result<(), Error> {
        let RawGeometry { width, height, .. } = self.geometry;
        let same = scratch.geometry == self.geometry && scratch.options == self.options;
        if *view.geometry() != self.geometry || !same {
            return Err(Error::OtherGeometry);
        }
        check_rows(&rows, width, height, out.len(), "strip (bytes)")?;
        let Scratch { mosaic, interpolator, developed, luma, sharp, .. } = scratch;
        mosaic.sensed.clear();
        interpolator.clear();
        luma.clear();
        let mut develop = |y: u32, row: &mut Row| {
            let halves = interpolator.row(y, &mut |y, row| self.samples(view, y, mosaic, row));
            for (from, to) in halves.into_iter().zip(row.iter_mut()) {
                grade::from_quarters(self.simd, &self.grade, self.compander, from, slices_mut(to));
            }
        };
        for (y, to) in rows.zip(out.chunks_exact_mut(3 * width as usize)) {
            if self.options.sharpen {
                luma.advance(y, sharpen::HALO, &mut |y, luma| {
                    let row = &mut developed[y as usize % 3];
                    develop(y, row);
                    for (from, to) in halves(row).into_iter().zip(luma.halves_mut()) {
                        kernels::luma(self.simd, from, to);
                    }
                });
                let row = halves(&developed[y as usize % 3]);
                for (parity, (from, to)) in row.into_iter().zip(sharp.iter_mut()).enumerate() {
                    kernels::sharpen(self.simd, luma.taps(y, sharpen::HALO, parity), from, slices_mut(to));
                }
            } else {
                develop(y, sharp);
            }
            rgb8::interleave(self.simd, halves(sharp), to, Store::Cached);
        }
        Ok(())
    }

    /// Row `y` of the mosaic in working samples, without defects.
    fn samples(&self, view: &RawView<'_>, y: u32, mosaic: &mut Mosaic, row: &mut SplitRow<u16>) {
        let Mosaic { codes, sensed } = mosaic;
        let RawGeometry { bits, packing, pattern, .. } = self.geometry;
        let mut sense = |y: u32, row: &mut SplitRow<u16>| {
            let codes = unpack::codes(self.simd, view.row(y), bits, packing, codes);
            let compressions = [0, 1].map(|x| &self.compressions[pattern.channel_at(x, y) as usize]);
            split::compressed(self.simd, codes, compressions, row.halves_mut());
        };
        if !self.options.clamp_defects {
            return sense(y, row);
        }
        sensed.advance(y, defects::HALO, &mut sense);
        for (parity, half) in row.halves_mut().into_iter().enumerate() {
            kernels::clamp_defects(self.simd, sensed.taps(y, defects::HALO, parity), half);
        }
    }
}

/// Develops a whole frame on this thread.
///
/// # Errors
/// [`Error::Rendering`] for numbers out of range; [`Error::TooLarge`] where the picture can't be allocated.
pub fn develop(view: &RawView<'_>, rendering: &Rendering, options: Options) -> Result<Picture, Error> {
    let geometry = *view.geometry();
    let plan = Plan::new(geometry, rendering, options, Simd::detect())?;
    let mut picture = Picture::new(geometry.width, geometry.height)?;
    plan.strip_with(&mut plan.scratch(), view, 0..geometry.height, &mut picture.data)?;
    Ok(picture)
}

fn halves(row: &Row) -> Halves<'_, u8> {
    row.each_ref().map(|half| half.each_ref().map(Vec::as_slice))
}

fn slices_mut<T>(planes: &mut [Vec<T>; 3]) -> [&mut [T]; 3] {
    planes.each_mut().map(Vec::as_mut_slice)
}
