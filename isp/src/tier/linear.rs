//! The tiers on linear light: interpolated behind a square-root-like curve, which is undone afterwards.

use std::ops::Range;

use super::directional::{self, Directional};
use super::{Tier, Windowed};
use crate::compand::{self, Compander};
use crate::demosaic::check_rows;
use crate::mosaic::half_len;
use crate::simd::{Simd, kernels};
use crate::{Error, RawGeometry, RawView, unpack};

/// How frames of one geometry, linear in light, become linear 16-bit RGB by a tier.
#[derive(Debug, Clone)]
pub struct LinearPlan {
    geometry: RawGeometry,
    tier: Tier,
    simd: Simd,
    compander: Compander,
    table: Box<[u16]>,
}

/// The rows that a strip works in; made by [`LinearPlan::scratch`], one for each thread.
#[derive(Debug, Clone)]
pub struct LinearScratch {
    geometry: RawGeometry,
    codes: Vec<u16>,
    rows: Rows,
    /// Quarters of a directional tier's rows.
    quarters: [[Vec<u16>; 3]; 2],
    expanded: [[Vec<u16>; 3]; 2],
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
        Ok(LinearPlan { geometry, tier, simd, compander, table: compander.table(&geometry, 1.0) })
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
        let half = || std::array::from_fn(|_| vec![0; half_len(width)]);
        let band = || std::array::from_fn(|_| vec![0; directional::BAND / 2]);
        LinearScratch {
            geometry: self.geometry,
            codes: vec![0; width as usize],
            rows,
            quarters: [band(), band()],
            expanded: [half(), half()],
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
        let RawGeometry { width, height, bits, packing, black, white, .. } = self.geometry;
        if *view.geometry() != self.geometry || scratch.geometry != self.geometry {
            return Err(Error::OtherGeometry);
        }
        check_rows(&rows, width, height, out.len(), "strip (samples)")?;
        let LinearScratch { codes, rows: interpolators, quarters, expanded, .. } = scratch;
        let tables = [&*self.table, &*self.table];
        let row_samples = 3 * width as usize;
        match interpolators {
            Rows::Window(interpolator) => {
                interpolator.clear();
                for (y, to) in rows.zip(out.chunks_exact_mut(row_samples)) {
                    let halves = interpolator.row(y, &mut |y, row| {
                        let codes = unpack::codes(self.simd, view.row(y), bits, packing, codes);
                        compand::split(codes, tables, row.halves_mut());
                    });
                    for (from, to) in halves.as_flattened().iter().zip(expanded.as_flattened_mut()) {
                        kernels::expand(self.simd, from, self.compander, white - black, to);
                    }
                    interleave(expanded, to);
                }
            }
            Rows::Directional(directional) => {
                let mut split =
                    |codes: &[u16], halves: [&mut [u16]; 2]| compand::split(codes, tables, halves);
                directional.strip(view, rows.clone(), &mut split, &mut |y, columns, halves| {
                    let planes = halves.as_flattened().iter().zip(quarters.as_flattened_mut());
                    for ((from, quarters), to) in planes.zip(expanded.as_flattened_mut()) {
                        kernels::directional_quarters(self.simd, from, quarters);
                        kernels::expand(self.simd, quarters, self.compander, white - black, to);
                    }
                    let row = &mut out[(y - rows.start) as usize * row_samples..][..row_samples];
                    interleave(expanded, &mut row[3 * columns.start..3 * columns.end]);
                });
            }
        }
        Ok(())
    }
}

fn interleave([even, odd]: &[[Vec<u16>; 3]; 2], out: &mut [u16]) {
    let (pairs, rest) = out.as_chunks_mut::<6>();
    let n = pairs.len();
    let ([r0, g0, b0], [r1, g1, b1]) = (even.each_ref().map(|p| &p[..n]), odd.each_ref().map(|p| &p[..n]));
    for (i, pair) in pairs.iter_mut().enumerate() {
        *pair = [r0[i], g0[i], b0[i], r1[i], g1[i], b1[i]];
    }
    for (sample, plane) in rest.iter_mut().zip(even) {
        *sample = plane[n];
    }
}
