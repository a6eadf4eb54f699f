//! The demosaic tiers: one plain trade of quality for time each, from raw samples to RGB.
//!
//! A [`Plan`] takes samples as they are, black to white as full range, without colour or tone: for raw frames that
//! have a picture's tone already, and for measuring. What is in flight is a few rows, which stay in the nearest
//! cache; strips may be cut anywhere and run in any order. Borders are mirrored at the outermost pixel.
//!
//! The tiers work at the precision of their output, so that a vector holds as many samples as it can; the demosaic of
//! the full 16 bits is [`crate::demosaic`].

mod interpolator;
mod linear;
pub(crate) mod preview;
pub(crate) mod video;

use std::ops::Range;

pub(crate) use self::interpolator::{Halves, Interpolator, Method};
pub use self::linear::{LinearPlan, LinearScratch};
use crate::demosaic::check_rows;
use crate::mosaic::half_len;
use crate::scale::Scale;
use crate::simd::rgb8::{self, Store};
use crate::simd::{Simd, kernels, split};
use crate::{Error, RawGeometry, RawView, unpack};

/// How much time a pixel is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Bilinear.
    Preview,
    /// Gradient-corrected (Malvar, He, Cutler 2004).
    Video,
}

impl Tier {
    /// All tiers, quickest first.
    pub const ALL: [Tier; 2] = [Tier::Preview, Tier::Video];

    /// The name used in files and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Preview => "preview",
            Tier::Video => "video",
        }
    }

    /// The row kernels in quarters of an 8-bit code.
    pub(crate) fn method(self) -> Method<u16> {
        match self {
            Tier::Preview => preview::METHOD,
            Tier::Video => video::METHOD,
        }
    }

    /// Rows and columns around a pixel that its colours depend on.
    pub fn halo(self) -> u32 {
        self.method().halo
    }
}

/// Pictures from this many bytes on go past the caches: they would only push out what is still needed.
const STREAM_BYTES: usize = 24 << 20;

/// How frames of one geometry become RGB8 by a tier.
#[derive(Debug, Clone)]
pub struct Plan {
    geometry: RawGeometry,
    tier: Tier,
    simd: Simd,
    scale: Scale,
    store: Store,
}

/// The rows that a strip works in; made by [`Plan::scratch`], one for each thread.
#[derive(Debug, Clone)]
pub struct Scratch {
    geometry: RawGeometry,
    codes: Vec<u16>,
    rows: Rows,
}

#[derive(Debug, Clone)]
enum Rows {
    Preview(Interpolator<u8>),
    Video(Interpolator<u16>, [[Vec<u8>; 3]; 2]),
}

impl Plan {
    /// Prepares to demosaic frames of `geometry`.
    ///
    /// # Errors
    /// Those of [`RawGeometry::validate`].
    pub fn new(geometry: RawGeometry, tier: Tier, simd: Simd) -> Result<Plan, Error> {
        geometry.validate()?;
        let bytes = (geometry.width as usize).saturating_mul(geometry.height as usize).saturating_mul(3);
        let scale = Scale::new(geometry.black, geometry.white, 1.0);
        let store = if bytes >= STREAM_BYTES { Store::Streamed } else { Store::Cached };
        Ok(Plan { geometry, tier, simd, scale, store })
    }

    /// Room for one strip at a time, of any height.
    pub fn scratch(&self) -> Scratch {
        let width = self.geometry.width;
        let rows = match self.tier {
            Tier::Preview => Rows::Preview(Interpolator::new(preview::EIGHT_BITS, &self.geometry, self.simd)),
            Tier::Video => {
                let half = || std::array::from_fn(|_| vec![0; half_len(width)]);
                Rows::Video(
                    Interpolator::new(self.tier.method(), &self.geometry, self.simd),
                    [half(), half()],
                )
            }
        };
        let codes = vec![0; width as usize];
        Scratch { geometry: self.geometry, codes, rows }
    }

    /// Demosaics rows to interleaved RGB8, `rows.len() * width * 3` bytes; nothing is allocated.
    ///
    /// # Errors
    /// [`Error::OtherGeometry`] where `view` or `scratch` is not of the plan's geometry; [`Error::Rows`] outside the
    /// picture; [`Error::Length`] where `out` has not exactly its size.
    pub fn strip_with(
        &self,
        scratch: &mut Scratch,
        view: &RawView<'_>,
        rows: Range<u32>,
        out: &mut [u8],
    ) -> Result<(), Error> {
        let RawGeometry { width, height, bits, packing, .. } = self.geometry;
        if *view.geometry() != self.geometry || scratch.geometry != self.geometry {
            return Err(Error::OtherGeometry);
        }
        check_rows(&rows, width, height, out.len(), "strip (bytes)")?;
        let Scratch { codes, rows: interpolators, .. } = scratch;
        let scales = [self.scale; 2];
        match interpolators {
            Rows::Preview(interpolator) => interpolator.clear(),
            Rows::Video(interpolator, _) => interpolator.clear(),
        }
        for (y, to) in rows.zip(out.chunks_exact_mut(3 * width as usize)) {
            match interpolators {
                Rows::Preview(interpolator) => {
                    let halves = interpolator.row(y, &mut |y, row| {
                        let codes = unpack::codes(self.simd, view.row(y), bits, packing, codes);
                        split::to_8(self.simd, codes, scales, row.halves_mut());
                    });
                    rgb8::interleave(self.simd, halves, to, self.store);
                }
                Rows::Video(interpolator, narrow) => {
                    let halves = interpolator.row(y, &mut |y, row| {
                        let codes = unpack::codes(self.simd, view.row(y), bits, packing, codes);
                        split::to_quarters(self.simd, codes, scales, row.halves_mut());
                    });
                    for (from, to) in halves.as_flattened().iter().zip(narrow.as_flattened_mut()) {
                        kernels::narrow(self.simd, from, to);
                    }
                    let halves = narrow.each_ref().map(|half| half.each_ref().map(Vec::as_slice));
                    rgb8::interleave(self.simd, halves, to, self.store);
                }
            }
        }
        if self.store == Store::Streamed {
            rgb8::fence();
        }
        Ok(())
    }
}
