//! The fused path: from raw rows to a picture in one pass, with nothing as large as the picture between.
//!
//! A row is unpacked, taken through black level, white balance and a square-root-like curve by one table, freed of
//! defects, demosaiced by a tier, brought back to linear light, through the colour matrix and the tone curve to
//! 8 bits, lightly sharpened, and written in one of the forms of [`Target`]. Each stage keeps the few rows that the next
//! one looks at, in the nearest cache; the raw frame's rows are read once a strip, top to bottom, so its memory may be
//! uncached.
//!
//! [`Plan::frame_with`] takes a whole frame in one strip and makes of its raw rows and developed rows what else is wanted.
//!
//! The look is [`crate::develop`]'s. Samples have 1020 steps where that path has 65535, which 8 bits do not show.

use std::ops::Range;

use crate::compand::{Compander, Compression};
use crate::defects;
use crate::grade::Grade;
use crate::mosaic::{SplitRow, Window, half_len};
use crate::picture::Picture;
use crate::raw_rows::{RawProducts, RawRows};
use crate::sharpen;
use crate::sharpness::Sharpness;
use crate::simd::{Simd, grade, kernels, split};
use crate::statistics::Statistics;
use crate::target::{Room, Target, Writer};
use crate::thumbnail::Thumbnail;
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

/// What is wanted of a pass beside the picture; what is not wanted costs nothing.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    /// Whether [`Statistics::of`] the frame are gathered.
    pub statistics: bool,
    /// The longest side of a thumbnail in pixels: means of square cells of the developed picture. What is left of it
    /// beyond whole cells on the right and at the bottom is not shown.
    pub thumbnail: Option<u32>,
    /// What is wanted of the raw rows.
    pub raw: RawProducts<'a>,
}

/// What a pass gave beside the picture: what was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByProducts {
    /// The same as [`Statistics::of`] the frame.
    pub statistics: Option<Statistics>,
    /// The same as [`Sharpness::of`] the frame.
    pub sharpness: Option<Sharpness>,
    /// The small picture.
    pub thumbnail: Option<Picture>,
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
    room: Room,
}

/// An RGB row as half rows of 8-bit samples.
type Row = [[Vec<u8>; 3]; 2];

/// What takes part in a pass beside the picture.
struct Beside<'a, 'b> {
    raw: Option<&'a mut RawRows<'b>>,
    thumbnail: Option<&'a mut Thumbnail>,
}

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
            room: Room::new(width),
        }
    }

    /// Develops rows to interleaved RGB8, `rows.len() * width * 3` bytes; nothing is allocated.
    ///
    /// # Errors
    /// As [`Plan::strip_to`].
    pub fn strip_with(
        &self,
        scratch: &mut Scratch,
        view: &RawView<'_>,
        rows: Range<u32>,
        out: &mut [u8],
    ) -> Result<(), Error> {
        self.strip_to(scratch, view, rows, Target::Rgb8(out))
    }

    /// Develops rows to a target of exactly their size; nothing is allocated.
    ///
    /// # Errors
    /// [`Error::OtherGeometry`] where `view` or `scratch` is not of the plan; [`Error::Rows`] outside the picture;
    /// [`Error::Length`] where the target has another size; [`Error::HalfCells`] where rows cut a row of chroma.
    pub fn strip_to(
        &self,
        scratch: &mut Scratch,
        view: &RawView<'_>,
        rows: Range<u32>,
        target: Target<'_>,
    ) -> Result<(), Error> {
        self.pass(scratch, view, rows, target, false, Beside { raw: None, thumbnail: None })
    }

    /// Strips of one frame, for a thread that takes several.
    pub fn strips<'a>(&'a self, scratch: &'a mut Scratch, view: &RawView<'a>) -> Strips<'a> {
        Strips { plan: self, scratch, view: *view, next: None }
    }

    /// Develops a whole frame to a target of exactly its size, and what is `wanted` beside it, in one pass: each raw row
    /// is read once, top to bottom.
    ///
    /// # Errors
    /// As [`Plan::strip_to`]; [`Error::TooLarge`] where the thumbnail can't be allocated.
    pub fn frame_with(
        &self,
        scratch: &mut Scratch,
        view: &RawView<'_>,
        target: Target<'_>,
        wanted: Wanted<'_>,
    ) -> Result<ByProducts, Error> {
        let RawGeometry { width, height, .. } = self.geometry;
        let Wanted { statistics, thumbnail, raw } = wanted;
        let mut raw =
            (statistics || raw.any()).then(|| RawRows::new(&self.geometry, raw, statistics, self.simd));
        let mut thumbnail =
            thumbnail.map(|longest| Thumbnail::new(width, height, longest, self.simd)).transpose()?;
        let beside = Beside { raw: raw.as_mut(), thumbnail: thumbnail.as_mut() };
        self.pass(scratch, view, 0..height, target, false, beside)?;
        let (statistics, sharpness) = raw.map_or((None, None), RawRows::finish);
        Ok(ByProducts { statistics, sharpness, thumbnail: thumbnail.map(Thumbnail::finish) })
    }

    /// `held` says that the scratch holds the rows that lead to the first one.
    fn pass(
        &self,
        scratch: &mut Scratch,
        view: &RawView<'_>,
        rows: Range<u32>,
        target: Target<'_>,
        held: bool,
        Beside { mut raw, mut thumbnail }: Beside<'_, '_>,
    ) -> Result<(), Error> {
        let same = scratch.geometry == self.geometry && scratch.options == self.options;
        if *view.geometry() != self.geometry || !same {
            return Err(Error::OtherGeometry);
        }
        let mut writer = Writer::new(target, &self.geometry, &rows, self.simd)?;
        let Scratch { mosaic, interpolator, developed, luma, sharp, room, .. } = scratch;
        if !held {
            mosaic.sensed.clear();
            interpolator.clear();
            luma.clear();
        }
        let mut develop = |y: u32, row: &mut Row| {
            let halves = interpolator.row(y, &mut |y, row| self.samples(view, y, mosaic, &mut raw, row));
            for (from, to) in halves.into_iter().zip(row.iter_mut()) {
                grade::from_quarters(self.simd, &self.grade, self.compander, from, slices_mut(to));
            }
        };
        for y in rows {
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
            repeat_last(self.geometry.width, sharp);
            writer.row(y, halves(sharp), room);
            if let Some(thumbnail) = &mut thumbnail {
                thumbnail.row(halves(sharp));
            }
        }
        Ok(())
    }

    /// Row `y` of the mosaic in working samples, without defects.
    fn samples(
        &self,
        view: &RawView<'_>,
        y: u32,
        mosaic: &mut Mosaic,
        raw: &mut Option<&mut RawRows<'_>>,
        row: &mut SplitRow<u16>,
    ) {
        let Mosaic { codes, sensed } = mosaic;
        let RawGeometry { bits, packing, pattern, .. } = self.geometry;
        let mut sense = |y: u32, row: &mut SplitRow<u16>| {
            let codes = match raw {
                Some(raw) => raw.row(view, y),
                None => unpack::codes(self.simd, view.row(y), bits, packing, codes),
            };
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
    /// As [`Plan::strip_to`].
    ///
    /// # Errors
    /// As [`Plan::strip_to`].
    pub fn strip_to(&mut self, rows: Range<u32>, target: Target<'_>) -> Result<(), Error> {
        let held = self.next.take() == Some(rows.start);
        let end = rows.end;
        self.plan.pass(
            self.scratch,
            &self.view,
            rows,
            target,
            held,
            Beside { raw: None, thumbnail: None },
        )?;
        self.next = Some(end);
        Ok(())
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

/// Of an odd width the odd columns' last sample lies outside: it becomes the one beside it.
fn repeat_last(width: u32, [even, odd]: &mut Row) {
    if width % 2 == 1 {
        for (even, odd) in even.iter().zip(odd) {
            if let (Some(&from), Some(to)) = (even.last(), odd.last_mut()) {
                *to = from;
            }
        }
    }
}

fn halves(row: &Row) -> Halves<'_, u8> {
    row.each_ref().map(|half| half.each_ref().map(Vec::as_slice))
}

fn slices_mut<T>(planes: &mut [Vec<T>; 3]) -> [&mut [T]; 3] {
    planes.each_mut().map(Vec::as_mut_slice)
}
