//! Defects of the sensor: photosites that stand alone.

use crate::mosaic::Taps;

/// Rows and columns around a sample that it depends on.
pub(crate) const HALO: u32 = 2;

/// Clamps each sample to the range of its four nearest neighbours of the same colour: a single hot or dead photosite
/// is gone, lines and corners stay.
#[inline(always)]
pub(crate) fn clamp(taps: Taps<'_, u16>, out: &mut [u16]) {
    let n = out.len();
    let centre = taps.first(n, 0, 0);
    let [no, so, we, ea] =
        [taps.first(n, 0, -2), taps.first(n, 0, 2), taps.first(n, -2, 0), taps.first(n, 2, 0)];
    for i in 0..n {
        let least = no[i].min(so[i]).min(we[i].min(ea[i]));
        let most = no[i].max(so[i]).max(we[i].max(ea[i]));
        out[i] = centre[i].max(least).min(most);
    }
}
