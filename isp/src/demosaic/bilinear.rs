//! Bilinear interpolation: the mean of the two or four nearest samples of a colour, rounded half up.

use crate::mosaic::Taps;

/// At red and blue sites: green from the cross, the opposite colour from the diagonals.
pub(super) fn chroma_site(taps: Taps<'_, u16>, green: &mut [u16], opposite: &mut [u16]) {
    mean_of_four([taps.at(0, -1), taps.at(-1, 0), taps.at(1, 0), taps.at(0, 1)], green);
    mean_of_four([taps.at(-1, -1), taps.at(1, -1), taps.at(-1, 1), taps.at(1, 1)], opposite);
}

/// At green sites: the colour of this row from left and right, that of the other rows from above and below.
pub(super) fn green_site(taps: Taps<'_, u16>, beside: &mut [u16], above: &mut [u16]) {
    mean_of_two([taps.at(-1, 0), taps.at(1, 0)], beside);
    mean_of_two([taps.at(0, -1), taps.at(0, 1)], above);
}

fn mean_of_four(samples: [&[u16]; 4], out: &mut [u16]) {
    let [a, b, c, d] = samples.map(|row| &row[..out.len()]);
    for i in 0..out.len() {
        out[i] = ((u32::from(a[i]) + u32::from(b[i]) + u32::from(c[i]) + u32::from(d[i]) + 2) >> 2) as u16;
    }
}

fn mean_of_two(samples: [&[u16]; 2], out: &mut [u16]) {
    let [a, b] = samples.map(|row| &row[..out.len()]);
    for i in 0..out.len() {
        out[i] = ((u32::from(a[i]) + u32::from(b[i]) + 1) >> 1) as u16;
    }
}
