//! Directional demosaicing: the tiers *still* and *best*.
//!
//! Both estimate green along the row and along the column, trust each direction as far as it is smooth, and find red
//! and blue as differences to green. What comes from where:
//!
//! * the estimate along a line: Hamilton and Adams (US patent 5,629,734, 1997), with a slope in place of their
//!   constant difference: residual interpolation (Kiku, Monno, Tanaka, Okutomi: "Residual interpolation for color
//!   image demosaicking", ICIP 2013), whose guided filter becomes one regression a site here;
//! * the mix of directions by inverse squares of summed gradients of the differences: Pekkucuksen and Altunbasak
//!   ("Gradient based threshold free color filter array interpolation", ICIP 2010);
//! * the weights for red and blue: ratio-corrected demosaicing (Sanz Rodríguez, 2017) in kind, four neighbours in one
//!   mean.
//!
//! *Best* has estimates at all sites, which lets it smooth them along their direction and see finer gradients.
//! *Still* has them at red and blue sites only, for half the work.
//!
//! Samples come and go as quarters of an 8-bit code; between, all is single-precision `+ - * /` in a fixed order. A strip
//! is worked on in bands of columns, so that the rows in flight stay in cache; neither bands nor strips show in the
//! result.

mod band;
mod chroma;
mod difference;
mod green;
mod line;
#[cfg(test)]
mod oracle;

use std::ops::Range;

use crate::mosaic::mirror;
use crate::simd::{Simd, kernels};
use crate::{RawGeometry, RawView, unpack};

pub(crate) use self::band::Band;
pub(super) use self::line::BAND;
use self::line::{LEAD, stored};

/// Rows and columns around a pixel that its colours depend on. A strip computes twice as many rows before its first
/// one, unless the strip before ended there: it pays from some sixty rows on.
pub(super) const HALO: u32 = 9;

/// The two tiers that work this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Still,
    Best,
}

/// Turns codes into quarters, even columns apart from odd ones.
pub(super) type Split<'a> = &'a mut dyn FnMut(&[u16], [&mut [u16]; 2]);

/// Takes the columns of a row.
pub(super) type Store<'a> = &'a mut dyn FnMut(u32, Range<usize>, Halves<'_>);

/// A row of a band in one colour after the other: `[even columns, odd columns][channel]`.
pub(super) type Halves<'a> = [[&'a [f32]; 3]; 2];

/// Demosaics strips; its memory does not depend on their size.
#[derive(Debug, Clone)]
pub(super) struct Directional {
    simd: Simd,
    codes: Vec<u16>,
    quarters: [Vec<u16>; 2],
    band: Band,
}

impl Directional {
    pub(super) fn new(method: Method, geometry: &RawGeometry, simd: Simd) -> Directional {
        let stored = stored(geometry.width);
        Directional {
            simd,
            codes: vec![0; 2 * stored],
            quarters: [vec![0; stored], vec![0; stored]],
            band: Band::new(method, geometry.pattern, geometry.width),
        }
    }

    /// Demosaics rows within the picture. `split` turns codes into halves of quarters; `store` gets the columns of each
    /// row, band by band. `held` says that the last strip of the same frame ended at the first row.
    pub(super) fn strip(
        &mut self,
        view: &RawView<'_>,
        rows: Range<u32>,
        held: bool,
        split: Split<'_>,
        store: Store<'_>,
    ) {
        let &RawGeometry { width, height, .. } = view.geometry();
        let halo = i64::from(HALO);
        // Of several bands the last one's rows are held.
        let lead = if held && width as usize <= BAND { 0 } else { 2 * halo };
        for left in (0..width as usize).step_by(BAND) {
            let columns = left..(left + BAND).min(width as usize);
            for y in i64::from(rows.start) - lead..i64::from(rows.end) {
                self.load(view, y + halo, mirror(y + halo, height), left, split);
                kernels::directional_step(self.simd, &mut self.band, y);
                if let Some(y) = u32::try_from(y).ok().filter(|y| rows.contains(y)) {
                    store(y, columns.clone(), self.band.rgb(i64::from(y)));
                }
            }
        }
    }

    /// Gives the band its row `y`, which is row `inside` of the picture, mirrored at the sides.
    fn load(&mut self, view: &RawView<'_>, y: i64, inside: u32, left: usize, split: Split<'_>) {
        let &RawGeometry { width, bits, packing, .. } = view.geometry();
        let (width, bytes) = (width as usize, view.row(inside));
        // The first column inside the picture, of those from `LEAD` before the band: a multiple of 4, hence the start of
        // a group in every packing.
        let outside = LEAD.saturating_sub(left);
        let from = left + outside - LEAD;
        let to = (left + self.codes.len() - LEAD).min(width);
        let skipped = packing.row_bytes(bits, from).unwrap_or(0);
        let codes = unpack::codes(self.simd, &bytes[skipped..], bits, packing, &mut self.codes[..to - from]);
        let codes = &codes[..to - from];
        let [even, odd] = &mut self.quarters;
        split(codes, [&mut even[outside / 2..], &mut odd[outside / 2..]]);

        let start = left as i64 - LEAD as i64;
        let place = |column: i64| (column - start) as usize;
        for column in (start..from as i64).chain(to as i64..(to + LEAD) as i64) {
            if place(column) >= self.codes.len() {
                break;
            }
            let source = place(i64::from(mirror(column, width as u32)));
            self.quarters[place(column) & 1][place(column) / 2] = self.quarters[source & 1][source / 2];
        }
        let line = self.band.sample_row(y);
        for (parity, quarters) in self.quarters.iter().enumerate() {
            kernels::directional_widen(self.simd, quarters, line.whole_mut(parity));
        }
    }
}

/// Quarters to 8-bit codes with a fraction.
#[inline(always)]
pub(crate) fn widen(quarters: &[u16], out: &mut [f32]) {
    for (to, &from) in out.iter_mut().zip(quarters) {
        *to = f32::from(from) * 0.25;
    }
}

/// Rounds to 8-bit codes, half to even.
#[inline(always)]
pub(crate) fn narrow(samples: &[f32], out: &mut [u8]) {
    for (to, &from) in out.iter_mut().zip(samples) {
        *to = rounded(green::limited(from)) as u8;
    }
}

/// Rounds to quarters, half to even.
#[inline(always)]
pub(crate) fn quarters(samples: &[f32], out: &mut [u16]) {
    for (to, &from) in out.iter_mut().zip(samples) {
        *to = rounded(green::limited(from) * 4.0) as u16;
    }
}

/// From 2^23 on the last bit of a single counts ones: the addition rounds, and the low bits are the integer.
#[inline(always)]
fn rounded(value: f32) -> u32 {
    (value + 8_388_608.0).to_bits()
}
