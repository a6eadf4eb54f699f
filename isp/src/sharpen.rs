//! Light sharpening: half of what a 3x3 blur takes from the brightness goes to all channels.
//!
//! Brightness is (R + 2 G + B) / 4; the blur weighs 1 2 1 each way. Both are means of two, rounded half up, which
//! leave even areas as they are, and halving the difference down leaves noise of one code alone.

use crate::mosaic::Taps;
use crate::tier::preview::Mean;

/// Rows and columns around a pixel that it depends on.
pub(crate) const HALO: u32 = 1;

/// The brightness of a half row.
#[inline(always)]
pub(crate) fn luma([red, green, blue]: [&[u8]; 3], out: &mut [u8]) {
    let n = out.len();
    let (red, green, blue) = (&red[..n], &green[..n], &blue[..n]);
    for i in 0..n {
        out[i] = red[i].mean(blue[i]).mean(green[i]);
    }
}

/// Sharpens a half row by the brightness around it.
#[inline(always)]
pub(crate) fn sharpen(luma: Taps<'_, u8>, rgb: [&[u8]; 3], out: [&mut [u8]; 3]) {
    let [red, green, blue] = out;
    let n = red.len();
    let (red_from, green_from, blue_from) = (&rgb[0][..n], &rgb[1][..n], &rgb[2][..n]);
    let (green, blue) = (&mut green[..n], &mut blue[..n]);
    let [nw, no, ne] = [luma.first(n, -1, -1), luma.first(n, 0, -1), luma.first(n, 1, -1)];
    let [we, centre, ea] = [luma.first(n, -1, 0), luma.first(n, 0, 0), luma.first(n, 1, 0)];
    let [sw, so, se] = [luma.first(n, -1, 1), luma.first(n, 0, 1), luma.first(n, 1, 1)];
    for i in 0..n {
        let above = nw[i].mean(ne[i]).mean(no[i]);
        let beside = we[i].mean(ea[i]).mean(centre[i]);
        let below = sw[i].mean(se[i]).mean(so[i]);
        let blur = above.mean(below).mean(beside);
        let more = centre[i].saturating_sub(blur) >> 1;
        let less = blur.saturating_sub(centre[i]) >> 1;
        red[i] = red_from[i].saturating_add(more).saturating_sub(less);
        green[i] = green_from[i].saturating_add(more).saturating_sub(less);
        blue[i] = blue_from[i].saturating_add(more).saturating_sub(less);
    }
}
