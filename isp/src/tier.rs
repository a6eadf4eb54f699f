//! The demosaic tiers: one plain trade of quality for time each, from raw samples to RGB.
//!
//! A [`Plan`] takes samples as they are, black to white as full range, without colour or tone: for raw frames that
//! have a picture's tone already, and for measuring. What is in flight is a few rows, which stay in the nearest
//! cache; strips may be cut anywhere and run in any order. Borders are mirrored at the outermost pixel.
//!
//! The tiers work at the precision of their output, so that a vector holds as many samples as it can; the demosaic of
//! the full 16 bits is [`crate::demosaic`].

pub(crate) mod directional;
mod interpolator;
mod linear;
pub(crate) mod preview;
pub(crate) mod video;
mod windowed;

use std::ops::Range;

use self::directional::Directional;
pub(crate) use self::interpolator::{Halves, Interpolator};
pub use self::linear::{LinearPlan, LinearScratch, LinearStrips};
use self::video::Video;
pub(crate) use self::windowed::Windowed;
use crate::demosaic::check_rows;
use crate::scale::Scale;
use crate::simd::rgb8::{self, Store};
use crate::simd::{Simd, kernels, split};
use crate::{Error, RawGeometry, RawView, unpack};

/// How much time a pixel is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Bilinear.
    Preview,
    /// Edge-aware in green alone: the `video` method.
    Video,
    /// Edge-aware, red and blue included: the `directional` method at red and blue sites.
    Still,
    /// The same at all sites, at half the speed.
    Best,
}

impl Tier {
    /// All tiers, quickest first.
    pub const ALL: [Tier; 4] = [Tier::Preview, Tier::Video, Tier::Still, Tier::Best];

    /// The name used in files and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Preview => "preview",
            Tier::Video => "video",
            Tier::Still => "still",
            Tier::Best => "best",
        }
    }

    /// Rows and columns around a pixel that its colours depend on.
    pub fn halo(self) -> u32 {
        match self {
            Tier::Preview => preview::METHOD.halo,
            Tier::Video => video::HALO,
            Tier::Still | Tier::Best => directional::HALO,
        }
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
    Preview(Box<Interpolator<u8>>),
    Video(Box<Video<u8>>),
    Directional(Box<Directional>, [[Vec<u8>; 3]; 2]),
}

impl Plan {
    /// Prepares to demosaic frames of `geometry`.
    ///
    /// # Errors
    /// Those of [`RawGeometry::validate`].
    pub fn new(geometry: RawGeometry, tier: Tier, simd: Simd) -> Result<Plan, Error> {
        geometry.validate()?;
        let bytes = (geometry.width as usize).saturating_mul(geometry.height as usize).saturating_mul(3);
        let scale = Scale::new(geometry.black, geometry.white);
        let store = if bytes >= STREAM_BYTES { Store::Streamed } else { Store::Cached };
        Ok(Plan { geometry, tier, simd, scale, store })
    }

    /// Room for one strip at a time, of any height.
    pub fn scratch(&self) -> Scratch {
        let width = self.geometry.width;
        let rows = match self.tier {
            Tier::Preview => {
                Rows::Preview(Box::new(Interpolator::new(preview::EIGHT_BITS, &self.geometry, self.simd)))
            }
            Tier::Video => Rows::Video(Box::new(Video::new(&self.geometry, self.simd))),
            Tier::Still => self.directional(directional::Method::Still),
            Tier::Best => self.directional(directional::Method::Best),
        };
        let codes = vec![0; width as usize];
        Scratch { geometry: self.geometry, codes, rows }
    }

    fn directional(&self, method: directional::Method) -> Rows {
        let half = || std::array::from_fn(|_| vec![0; directional::BAND / 2]);
        Rows::Directional(Box::new(Directional::new(method, &self.geometry, self.simd)), [half(), half()])
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
        self.strip(scratch, view, rows, out, false)
    }

    /// Strips of one frame, for a thread that takes several.
    pub fn strips<'a>(&'a self, scratch: &'a mut Scratch, view: &RawView<'a>) -> Strips<'a> {
        Strips { plan: self, scratch, view: *view, next: None }
    }

    /// `held` says that the scratch holds the rows that lead to the first one.
    fn strip(
        &self,
        scratch: &mut Scratch,
        view: &RawView<'_>,
        rows: Range<u32>,
        out: &mut [u8],
        held: bool,
    ) -> Result<(), Error> {
        let RawGeometry { width, height, bits, packing, .. } = self.geometry;
        if *view.geometry() != self.geometry || scratch.geometry != self.geometry {
            return Err(Error::OtherGeometry);
        }
        check_rows(&rows, width, height, out.len(), "strip (bytes)")?;
        let Scratch { codes, rows: interpolators, .. } = scratch;
        let row_bytes = 3 * width as usize;
        match interpolators {
            Rows::Preview(interpolator) => {
                if !held {
                    interpolator.clear();
                }
                for (y, to) in rows.zip(out.chunks_exact_mut(row_bytes)) {
                    let halves = interpolator.row(y, &mut |y, row| {
                        let codes = unpack::codes(self.simd, view.row(y), bits, packing, codes);
                        split::to_8(self.simd, codes, self.scale, row.halves_mut());
                    });
                    rgb8::interleave(self.simd, halves, to, self.store);
                }
            }
            Rows::Video(video) => {
                if !held {
                    video.clear();
                }
                for (y, to) in rows.zip(out.chunks_exact_mut(row_bytes)) {
                    let halves = video.row(y, &mut |y, row| {
                        let codes = unpack::codes(self.simd, view.row(y), bits, packing, codes);
                        split::to_quarters(self.simd, codes, self.scale, row.halves_mut());
                    });
                    rgb8::interleave(self.simd, halves, to, self.store);
                }
            }
            Rows::Directional(directional, narrow) => {
                let mut split = |codes: &[u16], halves: [&mut [u16]; 2]| {
                    split::to_quarters(self.simd, codes, self.scale, halves);
                };
                directional.strip(view, rows.clone(), held, &mut split, &mut |y, columns, halves| {
                    for (from, to) in halves.as_flattened().iter().zip(narrow.as_flattened_mut()) {
                        kernels::directional_narrow(self.simd, from, to);
                    }
                    let halves = narrow.each_ref().map(|half| half.each_ref().map(Vec::as_slice));
                    let row = &mut out[(y - rows.start) as usize * row_bytes..][..row_bytes];
                    let to = &mut row[3 * columns.start..3 * columns.end];
                    rgb8::interleave(self.simd, halves, to, self.store);
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
pub struct Strips<'a> {
    plan: &'a Plan,
    scratch: &'a mut Scratch,
    view: RawView<'a>,
    /// The row after the last strip.
    next: Option<u32>,
}

impl Strips<'_> {
    /// As [`Plan::strip_with`].
    ///
    /// # Errors
    /// As [`Plan::strip_with`].
    pub fn strip(&mut self, rows: Range<u32>, out: &mut [u8]) -> Result<(), Error> {
        let held = self.next.take() == Some(rows.start);
        let end = rows.end;
        self.plan.strip(self.scratch, &self.view, rows, out, held)?;
        self.next = Some(end);
        Ok(())
    }
}
