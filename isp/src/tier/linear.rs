//! The tiers on linear light: interpolated behind a square-root-like curve, which is undone afterwards.

use std::ops::Range;

use super::directional::{self, Directional};
use super::{Halves, STREAM_BYTES, Tier, Windowed};
use crate::compand::{Compander, Compression, Expansion};
use crate::demosaic::check_rows;
use crate::simd::rgb8::{self, Store};
use crate::simd::{Simd, kernels, rgb16, split};
use crate::{Error, RawGeometry, RawView, unpack};

/// How frames of one geometry, linear in light, become linear 16-bit RGB by a tier.
#[derive(Debug, Clone)]
pub struct LinearPlan {
    geometry: RawGeometry,
    tier: Tier,
    simd: Simd,
    expansion: Expansion,
    compression: Compression,
    store: Store,
}

/// The rows that a strip works in; made by [`LinearPlan::scratch`], one for each thread.
#[derive(Debug, Clone)]
pub struct LinearScratch {
    geometry: RawGeometry,
    codes: Vec<u16>,
    rows: Rows,
    /// Quarters of a directional tier's rows.
    quarters: [[Vec<u16>; 3]; 2],
}

#[derive(Debug, Clone)]
enum Rows {
    Window(Box<Windowed>),
    Directional(Box<Directional>),
}

impl LinearPlan {
    /// Prepares to demosaic frames of `geometry`.
    ///
    /// # Errors
    /// Those of [`RawGeometry::validate`].
    pub fn new(geometry: RawGeometry, tier: Tier, simd: Simd) -> Result<LinearPlan, Error> {
        geometry.validate()?;
        let compander = Compander::new(1.0);
        let bytes = (geometry.width as usize).saturating_mul(geometry.height as usize).saturating_mul(6);
        Ok(LinearPlan {
            geometry,
            tier,
            simd,
            expansion: Expansion::new(compander, geometry.white - geometry.black),
            compression: compander.compression(&geometry, 1.0),
            store: if bytes >= STREAM_BYTES { Store::Streamed } else { Store::Cached },
        })
    }

    /// Room for one strip at a time, of any height.
    pub fn scratch(&self) -> LinearScratch {
        let width = self.geometry.width;
        let directional =
            |method| Rows::Directional(Box::new(Directional::new(method, &self.geometry, self.simd)));
        let rows = match (Windowed::new(self.tier, &self.geometry, self.simd), self.tier) {
            (Some(windowed), _) => Rows::Window(Box::new(windowed)),
            (None, Tier::Best) => directional(directional::Method::Best),
            (None, _) => directional(directional::Method::Still),
        };
        let band = || std::array::from_fn(|_| vec![0; directional::BAND / 2]);
        LinearScratch {
            geometry: self.geometry,
            codes: vec![0; width as usize],
            rows,
            quarters: [band(), band()],
        }
    }

    /// Demosaics rows to interleaved 16-bit RGB, `rows.len() * width * 3` samples from 0 at the geometry's black to
    /// `white - black`; nothing is allocated.
    ///
    /// # Errors
    /// [`Error::OtherGeometry`] where `view` or `scratch` is not of the plan's geometry; [`Error::Rows`] outside the
    /// picture; [`Error::Length`] where `out` has not exactly its size.
    pub fn strip_with(
        &self,
        scratch: &mut LinearScratch,
        view: &RawView<'_>,
        rows: Range<u32>,
        out: &mut [u16],
    ) -> Result<(), Error> {
        self.strip(scratch, view, rows, out, false)
    }

    /// Strips of one frame, for a thread that takes several.
    pub fn strips<'a>(&'a self, scratch: &'a mut LinearScratch, view: &RawView<'a>) -> LinearStrips<'a> {
        LinearStrips { plan: self, scratch, view: *view, next: None }
    }

    /// `held` says that the scratch holds the rows that lead to the first one.
    fn strip(
        &self,
        scratch: &mut LinearScratch,
        view: &RawView<'_>,
        rows: Range<u32>,
        out: &mut [u16],
        held: bool,
    ) -> Result<(), Error> {
        let RawGeometry { width, height, bits, packing, .. } = self.geometry;
        if *view.geometry() != self.geometry || scratch.geometry != self.geometry {
            return Err(Error::OtherGeometry);
        }
        check_rows(&rows, width, height, out.len(), "strip (samples)")?;
        let LinearScratch { codes, rows: interpolators, quarters, .. } = scratch;
        let compressions = [&self.compression; 2];
        let row_samples = 3 * width as usize;
        match interpolators {
            Rows::Window(interpolator) => {
                if !held {
                    interpolator.clear();
                }
                for (y, to) in rows.zip(out.chunks_exact_mut(row_samples)) {
                    let halves = interpolator.row(y, &mut |y, row| {
                        let codes = unpack::codes(self.simd, view.row(y), bits, packing, codes);
                        split::compressed(self.simd, codes, compressions, row.halves_mut());
                    });
                    rgb16::interleave(self.simd, self.expansion, halves, to, self.store);
                }
            }
            Rows::Directional(directional) => {
                let mut split = |codes: &[u16], halves: [&mut [u16]; 2]| {
                    split::compressed(self.simd, codes, compressions, halves);
                };
                directional.strip(view, rows.clone(), held, &mut split, &mut |y, columns, halves| {
                    for (from, to) in halves.as_flattened().iter().zip(quarters.as_flattened_mut()) {
                        kernels::directional_quarters(self.simd, from, to);
                    }
                    let row = &mut out[(y - rows.start) as usize * row_samples..][..row_samples];
                    let to = &mut row[3 * columns.start..3 * columns.end];
                    rgb16::interleave(self.simd, self.expansion, slices(quarters), to, self.store);
                });
            }
        }
        if self.store == Store::Streamed {
            rgb8::fence();
        }
        Ok(())
    }
}

/// Strips of one frame by one thread. A strip that begins where the last one ended goes on with the rows that are held,
/// others begin anew; what is written is the same.
#[derive(Debug)]
pub struct LinearStrips<'a> {
    plan: &'a LinearPlan,
    scratch: &'a mut LinearScratch,
    view: RawView<'a>,
    /// The row after the last strip.
    next: Option<u32>,
}

impl LinearStrips<'_> {
    /// As [`LinearPlan::strip_with`].
    ///
    /// # Errors
    /// As [`LinearPlan::strip_with`].
    pub fn strip(&mut self, rows: Range<u32>, out: &mut [u16]) -> Result<(), Error> {
        let held = self.next.take() == Some(rows.start);
        let end = rows.end;
        self.plan.strip(self.scratch, &self.view, rows, out, held)?;
        self.next = Some(end);
        Ok(())
    }
}

fn slices(row: &[[Vec<u16>; 3]; 2]) -> Halves<'_, u16> {
    row.each_ref().map(|half| half.each_ref().map(Vec::as_slice))
}
