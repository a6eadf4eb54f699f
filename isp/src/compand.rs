//! Interpolating linear light behind a square-root-like curve, which is undone afterwards.
//!
//! Gradients of linear light are steepest where the eye sees them least; behind a square root the gradient-corrected
//! filters come within half a decibel of what they reach on a picture's own tone (Zhang and Wu build a gamma into
//! their LMMSE demosaic for the same reason, "Color demosaicking via directional linear minimum mean square-error
//! estimation", IEEE Transactions on Image Processing 14, 2005). It also makes the noise of light even, and 1020
//! steps enough for the range of a sensor.
//!
//! Into the curve goes a table of all codes, which has black level, gain and clipping in it; out of it a square in
//! 16-bit lanes.

use crate::RawGeometry;
use crate::mosaic::round_to_full;
use crate::scale::QUARTERS;

/// What is added to light, white being 1, before the root: it bounds the slope at black.
const OFFSET: f64 = 0.004;

/// Full scale of expanded light.
const FULL: f64 = 65_535.0;

/// The curve for one digital exposure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compander {
    /// Root units a quarter, in 1024ths.
    slope: u16,
    /// The root of the offset.
    start: u16,
    /// The square of `start`.
    zero: u16,
}

impl Compander {
    /// The curve for light that will be multiplied by `exposure`, 1 or more: its steps are finest where that is dark.
    pub(crate) fn new(exposure: f64) -> Compander {
        let offset = OFFSET / exposure;
        // The root of full light plus offset is full scale.
        let unit = FULL / (1.0 + offset).sqrt();
        let start = (unit * offset.sqrt() + 0.5) as u16;
        let slope = (FULL - f64::from(start)) / f64::from(QUARTERS) * 1024.0;
        Compander { slope: slope as u16, start, zero: square(start) }
    }

    /// What full light expands to; a little less than 16 bits hold.
    pub(crate) fn full(self) -> u16 {
        self.expand(QUARTERS)
    }

    /// Quarters to linear light, 0 to [`Compander::full`].
    #[inline(always)]
    pub(crate) fn expand(self, quarters: u16) -> u16 {
        let root = ((u32::from(quarters << 6) * u32::from(self.slope)) >> 16) as u16 + self.start;
        square(root) - self.zero
    }

    /// Light, white being 1, to quarters.
    fn compress(self, light: f64) -> u16 {
        let squared = light * f64::from(self.full()) + f64::from(self.zero);
        let root = (squared * 65_536.0).sqrt() - f64::from(self.start);
        let quarters = root * 1024.0 / f64::from(self.slope) + 0.5;
        quarters.clamp(0.0, f64::from(QUARTERS)) as u16
    }

    /// Quarters for every code from 0 to white, behind black level and gain.
    pub(crate) fn table(self, geometry: &RawGeometry, gain: f64) -> Box<[u16]> {
        let &RawGeometry { black, white, .. } = geometry;
        let range = f64::from(white - black);
        (0..=white)
            .map(|code| self.compress((f64::from(code.saturating_sub(black)) / range * gain).min(1.0)))
            .collect()
    }
}

/// The upper half of the square.
#[inline(always)]
fn square(root: u16) -> u16 {
    ((u32::from(root) * u32::from(root)) >> 16) as u16
}

/// Splits a row of codes into halves of quarters by a table for even and one for odd columns; codes past a table's
/// end count as its last.
pub(crate) fn split(codes: &[u16], [even_table, odd_table]: [&[u16]; 2], [even, odd]: [&mut [u16]; 2]) {
    let look = |table: &[u16], code: u16| table[usize::from(code).min(table.len() - 1)];
    let (pairs, last) = codes.as_chunks::<2>();
    for ((pair, even), odd) in pairs.iter().zip(even.iter_mut()).zip(odd) {
        *even = look(even_table, pair[0]);
        *odd = look(odd_table, pair[1]);
    }
    if let (&[code], Some(sample)) = (last, even.get_mut(pairs.len())) {
        *sample = look(even_table, code);
    }
}

/// Quarters to linear codes of any depth, to the nearest.
#[inline(always)]
pub(crate) fn expand(quarters: &[u16], compander: Compander, white: u16, out: &mut [u16]) {
    let (white, full) = (f32::from(white), f32::from(compander.full()));
    let factor = white / full;
    for (code, &sample) in out.iter_mut().zip(quarters) {
        *code = round_to_full(f32::from(compander.expand(sample)) * factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expanding_undoes_compressing_at_every_step() {
        for exposure in [1.0, 3.0, 64.0] {
            let curve = Compander::new(exposure);
            for quarters in 0..=QUARTERS {
                let light = f64::from(curve.expand(quarters)) / f64::from(curve.full());
                let back = curve.compress(light);
                assert!(back.abs_diff(quarters) <= 1, "exposure {exposure}: {quarters} came back as {back}");
            }
            assert_eq!((curve.expand(0), curve.compress(0.0), curve.compress(1.0)), (0, 0, QUARTERS));
        }
    }

    #[test]
    fn the_dark_end_has_steps_below_half_an_eight_bit_code() {
        let curve = Compander::new(1.0);
        let light = f64::from(curve.expand(1)) / f64::from(curve.full());
        assert!(255.0 * 12.92 * light < 0.5, "{light}");
    }
}
