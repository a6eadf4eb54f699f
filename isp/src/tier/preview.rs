//! The tier *preview*: bilinear interpolation.
//!
//! A mean of four is a mean of means of two, each rounded half up: one instruction for each of them on all vector
//! units, and no wider sums. It is at most 3/4 of a code above the exact mean.

use super::interpolator::Method;
use crate::mosaic::Taps;
use crate::simd::kernels;

/// In 8 bits.
pub(super) const EIGHT_BITS: Method<u8> =
    Method { halo: 1, chroma_site: kernels::preview_chroma_8, green_site: kernels::preview_green_8 };

/// In quarters of an 8-bit code.
pub(crate) const METHOD: Method<u16> =
    Method { halo: 1, chroma_site: kernels::preview_chroma, green_site: kernels::preview_green };

/// At red and blue sites: green from the cross, the opposite colour from the diagonals.
#[inline(always)]
pub(crate) fn chroma_site<T: Mean>(taps: Taps<'_, T>, green: &mut [T], opposite: &mut [T]) {
    let n = green.len().min(opposite.len());
    let (green, opposite) = (&mut green[..n], &mut opposite[..n]);
    let [no, so, we, ea] =
        [taps.first(n, 0, -1), taps.first(n, 0, 1), taps.first(n, -1, 0), taps.first(n, 1, 0)];
    let [nw, ne, sw, se] =
        [taps.first(n, -1, -1), taps.first(n, 1, -1), taps.first(n, -1, 1), taps.first(n, 1, 1)];
    for i in 0..n {
        green[i] = no[i].mean(so[i]).mean(we[i].mean(ea[i]));
        opposite[i] = nw[i].mean(ne[i]).mean(sw[i].mean(se[i]));
    }
}

/// At green sites: the colour of this row from left and right, that of the other rows from above and below.
#[inline(always)]
pub(crate) fn green_site<T: Mean>(taps: Taps<'_, T>, beside: &mut [T], above: &mut [T]) {
    let n = beside.len().min(above.len());
    let (beside, above) = (&mut beside[..n], &mut above[..n]);
    let [no, so, we, ea] =
        [taps.first(n, 0, -1), taps.first(n, 0, 1), taps.first(n, -1, 0), taps.first(n, 1, 0)];
    for i in 0..n {
        beside[i] = we[i].mean(ea[i]);
        above[i] = no[i].mean(so[i]);
    }
}

/// Samples that have a mean of two.
pub(crate) trait Mean: Copy + Default {
    /// Rounded half up.
    fn mean(self, other: Self) -> Self;
}

impl Mean for u8 {
    #[inline(always)]
    fn mean(self, other: u8) -> u8 {
        ((u16::from(self) + u16::from(other) + 1) >> 1) as u8
    }
}

impl Mean for u16 {
    #[inline(always)]
    fn mean(self, other: u16) -> u16 {
        ((u32::from(self) + u32::from(other) + 1) >> 1) as u16
    }
}
