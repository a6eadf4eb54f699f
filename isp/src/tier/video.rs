//! The tier *video*: gradient-corrected linear interpolation, the 5x5 filters of Malvar, He and Cutler
//! ("High-quality linear interpolation for demosaicing of Bayer-patterned color images", ICASSP 2004).
//!
//! Samples are quarters of an 8-bit code, 0 to 1020: with weights in sixteenths no sum leaves 16 signed bits (28 and
//! -12 times full scale are 28560 and -12240), so a vector holds twice as many as it would of 32-bit sums.

use super::Method;
use crate::mosaic::Taps;
use crate::scale::QUARTERS;
use crate::simd::kernels;

/// In quarters of an 8-bit code.
pub(crate) const METHOD: Method<u16> =
    Method { halo: 2, chroma_site: kernels::video_chroma, green_site: kernels::video_green };

/// At red and blue sites: green and the opposite colour.
#[inline(always)]
pub(crate) fn chroma_site(taps: Taps<'_, u16>, green: &mut [u16], opposite: &mut [u16]) {
    let n = green.len().min(opposite.len());
    let (green, opposite) = (&mut green[..n], &mut opposite[..n]);
    let centre = taps.first(n, 0, 0);
    let [nn, ss, ww, ee] =
        [taps.first(n, 0, -2), taps.first(n, 0, 2), taps.first(n, -2, 0), taps.first(n, 2, 0)];
    let [no, so, we, ea] =
        [taps.first(n, 0, -1), taps.first(n, 0, 1), taps.first(n, -1, 0), taps.first(n, 1, 0)];
    let [nw, ne, sw, se] =
        [taps.first(n, -1, -1), taps.first(n, 1, -1), taps.first(n, -1, 1), taps.first(n, 1, 1)];
    for i in 0..n {
        let far = nn[i] as i16 + ss[i] as i16 + ww[i] as i16 + ee[i] as i16;
        let cross = no[i] as i16 + so[i] as i16 + we[i] as i16 + ea[i] as i16;
        let diagonals = nw[i] as i16 + ne[i] as i16 + sw[i] as i16 + se[i] as i16;
        let centre = centre[i] as i16;
        green[i] = sixteenths(8 * centre + 4 * cross - 2 * far);
        opposite[i] = sixteenths(4 * (3 * centre + diagonals) - 3 * far);
    }
}

/// At green sites: the colour of this row and that of the rows above and below.
#[inline(always)]
pub(crate) fn green_site(taps: Taps<'_, u16>, beside: &mut [u16], above: &mut [u16]) {
    let n = beside.len().min(above.len());
    let (beside, above) = (&mut beside[..n], &mut above[..n]);
    let centre = taps.first(n, 0, 0);
    let [nn, ss, ww, ee] =
        [taps.first(n, 0, -2), taps.first(n, 0, 2), taps.first(n, -2, 0), taps.first(n, 2, 0)];
    let [no, so, we, ea] =
        [taps.first(n, 0, -1), taps.first(n, 0, 1), taps.first(n, -1, 0), taps.first(n, 1, 0)];
    let [nw, ne, sw, se] =
        [taps.first(n, -1, -1), taps.first(n, 1, -1), taps.first(n, -1, 1), taps.first(n, 1, 1)];
    for i in 0..n {
        let diagonals = nw[i] as i16 + ne[i] as i16 + sw[i] as i16 + se[i] as i16;
        let known = 10 * (centre[i] as i16) - 2 * diagonals;
        let (columns, rows) = (ww[i] as i16 + ee[i] as i16, nn[i] as i16 + ss[i] as i16);
        beside[i] = sixteenths(known + 8 * (we[i] as i16 + ea[i] as i16) - 2 * columns + rows);
        above[i] = sixteenths(known + 8 * (no[i] as i16 + so[i] as i16) - 2 * rows + columns);
    }
}

/// Rounded down and clamped to full scale: narrowing to 8 bits then rounds once.
#[inline(always)]
fn sixteenths(sum: i16) -> u16 {
    (sum >> 4).clamp(0, QUARTERS as i16) as u16
}
