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
//! All is single-precision `+ - * /` in a fixed order on samples scaled to 0 to 255. A picture is worked on in bands
//! of columns, so that the rows in flight stay in cache; neither bands nor strips show in the result.

mod band;
mod chroma;
mod difference;
mod green;
mod line;
#[cfg(test)]
mod oracle;

use std::ops::Range;

use crate::demosaic::check_rows;
use crate::mosaic::mirror;
use crate::raw::MAX_SIDE;
use crate::{CfaPattern, Error};
use band::Band;
use line::{BAND, LEAD, Line, STORED};

/// Rows and columns around a pixel that its colours depend on. A strip computes as many rows again before its first, so
/// strips pay from some sixty rows on.
pub const HALO: i64 = 9;

/// How missing colours are interpolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Edge-aware: 39 dB on the Kodak pictures.
    Still,
    /// Twice the work and another decibel.
    Best,
}

/// Demosaics mosaics of one kind; its memory does not depend on their size.
#[derive(Debug, Clone)]
pub struct Demosaicer {
    pattern: CfaPattern,
    scale: f32,
    full: u16,
    band: Band,
    /// A row of a band in 8 bits, `[even columns, odd columns][channel]`.
    codes: [[Box<[u8; BAND / 2]>; 3]; 2],
}

impl Demosaicer {
    /// For samples with black at 0 and white at `full`; larger ones count as white.
    pub fn new(method: Method, pattern: CfaPattern, full: u16) -> Demosaicer {
        let full = full.max(1);
        let half = || std::array::from_fn(|_| Box::new([0; BAND / 2]));
        Demosaicer {
            pattern,
            scale: green::FULL / f32::from(full),
            full,
            band: Band::new(method, pattern),
            codes: [half(), half()],
        }
    }

    /// Demosaics rows of a whole mosaic (`width * height` samples, no padding) to interleaved RGB8, `rows.len() *
    /// width * 3` bytes, rounded half to even. Nothing is allocated. The result of a row does not depend on how the
    /// picture is cut into ranges of rows.
    ///
    /// # Errors
    /// [`Error::Size`] unless each side is 2 to [`MAX_SIDE`]; [`Error::Rows`] outside the picture; [`Error::Length`]
    /// where a buffer has not exactly its size.
    pub fn rows(
        &mut self,
        mosaic: &[u16],
        (width, height): (u32, u32),
        rows: Range<u32>,
        out: &mut [u8],
    ) -> Result<(), Error> {
        if !(2..=MAX_SIDE).contains(&width) || !(2..=MAX_SIDE).contains(&height) {
            return Err(Error::Size { width, height });
        }
        let samples = (width as usize).checked_mul(height as usize);
        if samples != Some(mosaic.len()) {
            let expected = samples.unwrap_or(usize::MAX);
            return Err(Error::Length { what: "mosaic (samples)", expected, got: mosaic.len() });
        }
        check_rows(&rows, width, height, out.len(), "RGB rows (bytes)")?;
        let width = width as usize;
        for left in (0..width).step_by(BAND) {
            let columns = BAND.min(width - left);
            let first = i64::from(rows.start);
            for y in first - 2 * HALO..i64::from(rows.end) {
                let row = &mosaic[mirror(y + HALO, height) as usize * width..][..width];
                load(row, left, self.full, self.scale, self.band.next(y));
                self.band.step(y);
                if y >= first {
                    let to = &mut out[3 * ((y - first) as usize * width + left)..][..3 * columns];
                    self.store(y, to);
                }
            }
        }
        Ok(())
    }

    fn store(&mut self, y: i64, to: &mut [u8]) {
        for (from, to) in self.band.rgb(y).as_flattened().iter().zip(self.codes.as_flattened_mut()) {
            narrow(from, &mut to[..]);
        }
        let [even, odd] = &self.codes;
        let (pairs, rest) = to.as_chunks_mut::<6>();
        for (i, pair) in pairs.iter_mut().enumerate() {
            *pair = [even[0][i], even[1][i], even[2][i], odd[0][i], odd[1][i], odd[2][i]];
        }
        for (byte, half) in rest.iter_mut().zip(even) {
            *byte = half[pairs.len()];
        }
    }
}

/// Splits the columns of a band and those around it.
#[inline(always)]
fn load(row: &[u16], left: usize, full: u16, scale: f32, line: &mut Line) {
    let start = left as i64 - LEAD as i64;
    let sample = |code: u16| f32::from(code.min(full)) * scale;
    let inside = usize::try_from(start).ok().and_then(|start| row.get(start..start + 2 * STORED));
    if let Some(inside) = inside {
        let (pairs, _) = inside.as_chunks::<2>();
        for parity in 0..2 {
            for (to, pair) in line.whole_mut(parity).iter_mut().zip(pairs) {
                *to = sample(pair[parity]);
            }
        }
        return;
    }
    let width = row.len() as u32;
    for parity in 0..2 {
        for (to, i) in line.whole_mut(parity).iter_mut().zip(0..) {
            *to = sample(row[mirror(start + 2 * i + parity as i64, width) as usize]);
        }
    }
}

/// Rounds to 8 bits, half to even.
#[inline(always)]
fn narrow(from: &[f32], to: &mut [u8]) {
    for (to, &from) in to.iter_mut().zip(from) {
        // From 2^23 on the last bit of a single counts ones: the addition rounds, and the low bits are the integer.
        *to = (green::limited(from) + 8_388_608.0).to_bits() as u8;
    }
}
