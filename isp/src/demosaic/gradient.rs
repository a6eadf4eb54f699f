//! Gradient-corrected linear interpolation: the 5x5 filters of Malvar, He and Cutler (2004), in sixteenths.
//!
//! Sums of 16-bit samples with these weights stay below 2^21, so 32 bits never overflow.

use crate::mosaic::{Taps, clamp_to_full};

/// At red and blue sites: green and the opposite colour.
pub(super) fn chroma_site(taps: Taps<'_, u16>, green: &mut [u16], opposite: &mut [u16]) {
    let n = green.len().min(opposite.len());
    let (green, opposite) = (&mut green[..n], &mut opposite[..n]);
    let centre = &taps.at(0, 0)[..n];
    let [nn, ss, ww, ee] = [(0, -2), (0, 2), (-2, 0), (2, 0)].map(|(dx, dy)| &taps.at(dx, dy)[..n]);
    let [no, so, we, ea] = [(0, -1), (0, 1), (-1, 0), (1, 0)].map(|(dx, dy)| &taps.at(dx, dy)[..n]);
    let [nw, ne, sw, se] = [(-1, -1), (1, -1), (-1, 1), (1, 1)].map(|(dx, dy)| &taps.at(dx, dy)[..n]);
    for i in 0..n {
        let far = sum([nn[i], ss[i], ww[i], ee[i]]);
        let cross = sum([no[i], so[i], we[i], ea[i]]);
        let diagonals = sum([nw[i], ne[i], sw[i], se[i]]);
        let centre = i32::from(centre[i]);
        green[i] = sixteenths(8 * centre + 4 * cross - 2 * far);
        opposite[i] = sixteenths(12 * centre + 4 * diagonals - 3 * far);
    }
}

/// At green sites: the colour of this row and that of the rows above and below.
pub(super) fn green_site(taps: Taps<'_, u16>, beside: &mut [u16], above: &mut [u16]) {
    let n = beside.len().min(above.len());
    let (beside, above) = (&mut beside[..n], &mut above[..n]);
    let centre = &taps.at(0, 0)[..n];
    let [nn, ss, ww, ee] = [(0, -2), (0, 2), (-2, 0), (2, 0)].map(|(dx, dy)| &taps.at(dx, dy)[..n]);
    let [no, so, we, ea] = [(0, -1), (0, 1), (-1, 0), (1, 0)].map(|(dx, dy)| &taps.at(dx, dy)[..n]);
    let [nw, ne, sw, se] = [(-1, -1), (1, -1), (-1, 1), (1, 1)].map(|(dx, dy)| &taps.at(dx, dy)[..n]);
    for i in 0..n {
        let known = 10 * i32::from(centre[i]) - 2 * sum([nw[i], ne[i], sw[i], se[i]]);
        let (columns, rows) = (sum([ww[i], ee[i]]), sum([nn[i], ss[i]]));
        beside[i] = sixteenths(known + 8 * sum([we[i], ea[i]]) - 2 * columns + rows);
        above[i] = sixteenths(known + 8 * sum([no[i], so[i]]) - 2 * rows + columns);
    }
}

#[inline(always)]
fn sum<const N: usize>(samples: [u16; N]) -> i32 {
    samples.into_iter().fold(0, |sum, sample| sum + i32::from(sample))
}

#[inline(always)]
fn sixteenths(value: i32) -> u16 {
    clamp_to_full((value + 8) >> 4)
}
