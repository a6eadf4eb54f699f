//! The tier *video*: green along the smoother direction, red and blue as differences to it.
//!
//! Green at a red or blue site is estimated along the row and along the column as the mean of its two neighbours plus a
//! quarter of the second difference of the known colour (Hamilton and Adams, US patent 5,629,734, 1997). Where they
//! choose a direction by comparing gradients, the two estimates are mixed here, in proportion to the difference of their
//! gradients and wholly from [`DECIDED`] on: a mean in even areas, one direction at edges, and no division. Red and blue
//! are green plus the mean of the nearest differences to it.
//!
//! Samples are quarters of an 8-bit code, 0 to 1020, and all is 16-bit arithmetic: estimates in eighths of a quarter lie
//! within -12240 and 20400.

use super::interpolator::{Halves, arranged};
use crate::mosaic::{SplitRow, Taps, Window, half_len};
use crate::scale::QUARTERS;
use crate::simd::{Simd, kernels};
use crate::{CfaPattern, Channel, RawGeometry};

/// Rows and columns around a pixel that its colours depend on: those of a difference, and the one to it.
pub(super) const HALO: u32 = GREEN_HALO + 1;

/// Rows and columns around a red or blue site that its green depends on.
const GREEN_HALO: u32 = 2;

/// Difference of two gradients, in quarters, from which one direction alone counts: 128 codes.
const DECIDED: i16 = 512;

/// Demosaics row after row to samples of `T`.
#[derive(Debug, Clone)]
pub(crate) struct Video<T> {
    pattern: CfaPattern,
    simd: Simd,
    samples: Window<u16>,
    /// The known colour minus green, at red and blue sites.
    differences: Window<i16>,
    own: [Vec<T>; 2],
    /// The two colours that the sites of each column parity lack.
    missing: [[Vec<T>; 2]; 2],
}

impl<T: Output> Video<T> {
    /// For frames of a valid geometry.
    pub(crate) fn new(geometry: &RawGeometry, simd: Simd) -> Video<T> {
        let &RawGeometry { width, height, pattern, .. } = geometry;
        let half = || vec![T::default(); half_len(width)];
        Video {
            pattern,
            simd,
            samples: Window::new(width, height),
            differences: Window::new(width, height),
            own: [half(), half()],
            missing: [[half(), half()], [half(), half()]],
        }
    }

    /// Drops all rows: the next ones come from another picture.
    pub(crate) fn clear(&mut self) {
        self.samples.clear();
        self.differences.clear();
    }

    /// Row `y` in all colours; `load` is asked for the rows of the neighbourhood that are not held yet.
    pub(crate) fn row(&mut self, y: u32, load: &mut dyn FnMut(u32, &mut SplitRow<u16>)) -> Halves<'_, T> {
        let Video { pattern, simd, samples, differences, own, missing } = self;
        let site = |y: u32| usize::from(pattern.channel_at(0, y) == Channel::Green);
        differences.advance(y, 1, &mut |y, row| {
            samples.advance(y, GREEN_HALO, load);
            let site = site(y);
            kernels::video_differences(*simd, samples.taps(y, GREEN_HALO, site), row.half_mut(site));
        });
        for (parity, (own, [first, second])) in own.iter_mut().zip(missing.iter_mut()).enumerate() {
            let row = samples.held(y).columns(parity, 0);
            let differences = differences.taps(y, 1, parity);
            let kernel = if parity == site(y) { T::CHROMA_SITE } else { T::GREEN_SITE };
            kernel(*simd, row, differences, [own, first, second]);
        }
        [0, 1].map(|parity| {
            let [first, second] = &missing[parity];
            arranged(*pattern, parity as u32, y, [&own[parity], first, second])
        })
    }
}

/// Finds the colours at the sites of one column parity from its samples and the differences around them: first its own,
/// then as a method of the preview tier has them.
type Site<T> = fn(Simd, &[u16], Taps<'_, i16>, [&mut [T]; 3]);

/// Samples that a row is wanted in.
pub(crate) trait Output: Copy + Default {
    /// The kernel of red and blue sites.
    const CHROMA_SITE: Site<Self>;
    /// The kernel of green sites.
    const GREEN_SITE: Site<Self>;

    /// From quarters, which may lie outside the range of samples.
    fn of(quarters: i16) -> Self;
}

impl Output for u16 {
    const CHROMA_SITE: Site<u16> = kernels::video_chroma;
    const GREEN_SITE: Site<u16> = kernels::video_green;

    /// Quarters within their range.
    #[inline(always)]
    fn of(quarters: i16) -> u16 {
        quarters.clamp(0, QUARTERS as i16) as u16
    }
}

impl Output for u8 {
    const CHROMA_SITE: Site<u8> = kernels::video_chroma_8;
    const GREEN_SITE: Site<u8> = kernels::video_green_8;

    /// An 8-bit code, rounded half up.
    #[inline(always)]
    fn of(quarters: i16) -> u8 {
        ((quarters + 2) >> 2).clamp(0, 255) as u8
    }
}

/// The known colour minus green at red and blue sites.
#[inline(always)]
pub(crate) fn differences(taps: Taps<'_, u16>, out: &mut [i16]) {
    let n = out.len();
    let centre = taps.first(n, 0, 0);
    let [nn, ss, ww, ee] =
        [taps.first(n, 0, -2), taps.first(n, 0, 2), taps.first(n, -2, 0), taps.first(n, 2, 0)];
    let [no, so, we, ea] =
        [taps.first(n, 0, -1), taps.first(n, 0, 1), taps.first(n, -1, 0), taps.first(n, 1, 0)];
    for i in 0..n {
        let centre = centre[i] as i16;
        let across = Line::new([ww[i], we[i], ea[i], ee[i]], centre);
        let along = Line::new([nn[i], no[i], so[i], ss[i]], centre);
        let smoother = (along.gradient - across.gradient).clamp(-DECIDED, DECIDED - 1);
        // Of the difference of both estimates the share that leans to the smoother one.
        let share = high_half((across.estimate - along.estimate) << 1, smoother << 6);
        let green = (across.estimate + along.estimate + share + 4) >> 3;
        out[i] = centre - green.clamp(0, QUARTERS as i16);
    }
}

/// What is known of green along one direction.
struct Line {
    /// Green, times four.
    estimate: i16,
    /// How much changes.
    gradient: i16,
}

impl Line {
    /// From the samples at distances -2, -1, 1 and 2 and the one between.
    #[inline(always)]
    fn new([far_before, before, after, far_after]: [u16; 4], centre: i16) -> Line {
        let (before, after) = (before as i16, after as i16);
        let bend = 2 * centre - (far_before as i16 + far_after as i16);
        Line { estimate: 2 * (before + after) + bend, gradient: (before - after).abs() + bend.abs() }
    }
}

/// The upper half of the product.
#[inline(always)]
fn high_half(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

/// At red and blue sites: the known colour, green, and the opposite colour from the diagonals.
#[inline(always)]
pub(crate) fn chroma_site<T: Output>(
    samples: &[u16],
    differences: Taps<'_, i16>,
    [own, green, opposite]: [&mut [T]; 3],
) {
    let n = own.len();
    let (samples, green, opposite) = (&samples[..n], &mut green[..n], &mut opposite[..n]);
    let centre = differences.first(n, 0, 0);
    let [nw, ne, sw, se] = [
        differences.first(n, -1, -1),
        differences.first(n, 1, -1),
        differences.first(n, -1, 1),
        differences.first(n, 1, 1),
    ];
    for i in 0..n {
        let sample = samples[i] as i16;
        let value = sample - centre[i];
        own[i] = T::of(sample);
        green[i] = T::of(value);
        opposite[i] = T::of(value + ((nw[i] + ne[i] + sw[i] + se[i] + 2) >> 2));
    }
}

/// At green sites: green, the colour of this row, and that of the rows above and below.
#[inline(always)]
pub(crate) fn green_site<T: Output>(
    samples: &[u16],
    differences: Taps<'_, i16>,
    [own, beside, above]: [&mut [T]; 3],
) {
    let n = own.len();
    let (samples, beside, above) = (&samples[..n], &mut beside[..n], &mut above[..n]);
    let [no, so, we, ea] = [
        differences.first(n, 0, -1),
        differences.first(n, 0, 1),
        differences.first(n, -1, 0),
        differences.first(n, 1, 0),
    ];
    for i in 0..n {
        let sample = samples[i] as i16;
        own[i] = T::of(sample);
        beside[i] = T::of(sample + ((we[i] + ea[i] + 1) >> 1));
        above[i] = T::of(sample + ((no[i] + so[i] + 1) >> 1));
    }
}
