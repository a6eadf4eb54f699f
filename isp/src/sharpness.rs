//! How sharp a raw frame is, to choose the best of a burst.
//!
//! Blur takes the steep changes out of a picture. They are summed as squares of differences between the greens of a cell
//! row that touch at their corners, along both diagonals: squares of two perpendicular differences have the same sum
//! whichever way an edge runs, so that shake in any direction shows. Noise adds the same to all frames of one exposure,
//! and so does what sets the two greens of a sensor apart. (Hasinoff et al., "Burst photography for high dynamic range
//! and low-light imaging on mobile cameras", SIGGRAPH Asia 2016, choose by gradients of raw green too.)

use crate::raw::max_code;
use crate::simd::{Simd, kernels};
use crate::{CfaPattern, RawGeometry, RawView, unpack};

/// Bits of a code that count; squares of 12-bit differences can be summed in 32 bits for a while.
const BITS: u32 = 12;

/// Cells whose squares are summed in 32 bits: two of less than 2^24 each.
const RUN: usize = 64;

/// The sharpness of a frame; frames of one scene, exposure and geometry compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sharpness {
    squares: u64,
    differences: u64,
    /// The largest difference.
    full: u16,
}

impl Sharpness {
    /// Measures a frame; reads each of its rows once but for an odd last one.
    pub fn of(view: &RawView<'_>) -> Sharpness {
        let geometry = view.geometry();
        let simd = Simd::detect();
        let mut gauge = Gauge::new(geometry, simd);
        let mut codes = [vec![0; geometry.width as usize], vec![0; geometry.width as usize]];
        for y in (0..geometry.height / 2 * 2).step_by(2) {
            for (y, codes) in (y..).zip(&mut codes) {
                unpack::samples(simd, view.row(y), geometry.bits, geometry.packing, codes);
            }
            gauge.rows(codes.each_ref().map(Vec::as_slice));
        }
        gauge.sharpness()
    }

    /// The mean square of a difference, full scale being 1; more is sharper. Nothing to compare gives 0.
    pub fn value(&self) -> f64 {
        let full = f64::from(self.full.max(1));
        self.squares as f64 / self.differences.max(1) as f64 / (full * full)
    }
}

/// Gathers the sharpness while pairs of rows pass by.
#[derive(Debug)]
pub(crate) struct Gauge {
    simd: Simd,
    greens: Greens,
    so_far: Sharpness,
}

/// Which codes of a cell row are green, and what counts of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Greens {
    /// Column parity of green in the upper row.
    upper: usize,
    shift: u32,
}

impl Gauge {
    pub(crate) fn new(&RawGeometry { pattern, white, bits, .. }: &RawGeometry, simd: Simd) -> Gauge {
        let upper = usize::from(matches!(pattern, CfaPattern::Rggb | CfaPattern::Bggr));
        let shift = max_code(bits).ilog2().saturating_sub(BITS - 1);
        let so_far = Sharpness { full: (white >> shift).max(1), ..Sharpness::default() };
        Gauge { simd, greens: Greens { upper, shift }, so_far }
    }

    /// Takes the codes of a cell row's upper and lower row, none above the depth's largest.
    pub(crate) fn rows(&mut self, [upper, lower]: [&[u16]; 2]) {
        let (upper, lower) = (upper.as_chunks::<2>().0, lower.as_chunks::<2>().0);
        let cells = upper.len().min(lower.len());
        kernels::green_changes(
            self.simd,
            self.greens,
            [&upper[..cells], &lower[..cells]],
            &mut self.so_far.squares,
        );
        self.so_far.differences += 2 * cells.saturating_sub(1) as u64;
    }

    pub(crate) fn sharpness(&self) -> Sharpness {
        self.so_far
    }
}

/// Adds up the squared differences of a cell row, along both diagonals.
#[inline(always)]
pub(crate) fn green_changes(greens: Greens, [upper, lower]: [&[[u16; 2]]; 2], squares: &mut u64) {
    // Green of the row that has it in even columns has the other row's on its left and right; the rows are exchanged for
    // the patterns that begin with green.
    if greens.upper == 0 {
        changes(greens, lower, upper, squares);
    } else {
        changes(greens, upper, lower, squares);
    }
}

/// `odd` has green in odd columns, `even` in even ones.
#[inline(always)]
fn changes(Greens { shift, .. }: Greens, odd: &[[u16; 2]], even: &[[u16; 2]], squares: &mut u64) {
    let n = odd.len().min(even.len()).saturating_sub(1);
    for from in (0..n).step_by(RUN) {
        let to = n.min(from + RUN);
        let (odd, before, after) = (&odd[from..to], &even[from..to], &even[from + 1..=to]);
        let mut sum = 0;
        for i in 0..odd.len() {
            // Pairs taken as one number of 32 bits need no sorting.
            let pair = |[first, second]: [u16; 2]| u32::from(first) | u32::from(second) << 16;
            let green = (pair(odd[i]) >> 16 >> shift) as i32;
            let before = green - ((pair(before[i]) & 0xffff) >> shift) as i32;
            let after = green - ((pair(after[i]) & 0xffff) >> shift) as i32;
            sum += (before * before + after * after) as u32;
        }
        *squares += u64::from(sum);
    }
}
