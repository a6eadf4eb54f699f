//! Interpolating linear light behind a square-root-like curve, which is undone afterwards.
//!
//! Gradients of linear light are steepest where the eye sees them least; behind a square root the interpolating filters
//! come within half a decibel of what they reach on a picture's own tone (Zhang and Wu build a gamma into their LMMSE
//! demosaic for the same reason, "Color demosaicking via directional linear minimum mean square-error estimation", IEEE
//! Transactions on Image Processing 14, 2005). It also makes the noise of light even, and 1020 steps enough for the range
//! of a sensor.
//!
//! Into the curve goes a root in single precision, or a table of what it gives for all codes; out of it a square in
//! 16-bit lanes.

use crate::RawGeometry;
use crate::scale::{QUARTERS, rounded_product};

/// What is added to light, white being 1, before the root: it bounds the slope at black.
const OFFSET: f64 = 0.004;

/// Root units a quarter: 1020 of them and the start stay below 32768.
pub(crate) const STEP: i16 = 30;

/// The curve for one digital exposure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Compander {
    /// The root of the offset.
    pub(crate) start: i16,
    /// The square of `start`.
    pub(crate) zero: i16,
}

impl Compander {
    /// The curve for light that will be multiplied by `exposure`, 1 or more: its steps are finest where that is dark.
    pub(crate) fn new(exposure: f64) -> Compander {
        let offset = OFFSET / exposure;
        let root = (offset / (1.0 + offset)).sqrt();
        let start = (f64::from(STEP) * f64::from(QUARTERS) * root / (1.0 - root) + 0.5) as i16;
        Compander { start, zero: rounded_product(start, start) }
    }

    /// What full light expands to: a little less than 15 bits hold.
    pub(crate) fn full(self) -> i16 {
        self.expand(QUARTERS)
    }

    /// Quarters to linear light, 0 to [`Compander::full`].
    #[inline(always)]
    pub(crate) fn expand(self, quarters: u16) -> i16 {
        let root = quarters as i16 * STEP + self.start;
        rounded_product(root, root) - self.zero
    }

    /// Codes behind black level and gain, with codes from white on as one.
    pub(crate) fn compression(self, geometry: &RawGeometry, gain: f64) -> Compression {
        let &RawGeometry { black, white, .. } = geometry;
        let full = f64::from(white - black) / gain;
        let start = f32::from(self.start);
        let mut compression = Compression {
            black,
            full: full.ceil().max(1.0) as u16,
            scale: (f64::from(self.full()) * 32_768.0 / full) as f32,
            offset: start * start,
            step: 1.0 / f32::from(STEP),
            start: start * (1.0 / f32::from(STEP)),
            table: Box::default(),
        };
        compression.table = (0..=white).map(|code| compression.quarters(code)).collect();
        compression
    }
}

/// Codes of one colour to quarters.
#[derive(Debug, Clone)]
pub(crate) struct Compression {
    pub(crate) black: u16,
    /// Distance from black that reaches full scale.
    pub(crate) full: u16,
    pub(crate) scale: f32,
    pub(crate) offset: f32,
    pub(crate) step: f32,
    pub(crate) start: f32,
    /// Quarters of all codes from 0 to white.
    table: Box<[u16]>,
}

impl Compression {
    /// Single precision in this order, rounded half to even, is the same everywhere.
    fn quarters(&self, code: u16) -> u16 {
        let above = code.saturating_sub(self.black).min(self.full);
        let root = (f32::from(above) * self.scale + self.offset).sqrt();
        let quarters = (root * self.step - self.start).min(f32::from(QUARTERS));
        (quarters + 8_388_608.0).to_bits() as u16
    }

    /// As [`Compression::quarters`].
    #[inline(always)]
    fn look(&self, code: u16) -> u16 {
        self.table[usize::from(code).min(self.table.len() - 1)]
    }
}

/// Splits a row of codes into halves of quarters, even and odd columns with a compression each.
pub(crate) fn split(codes: &[u16], [to_even, to_odd]: [&Compression; 2], [even, odd]: [&mut [u16]; 2]) {
    let (pairs, last) = codes.as_chunks::<2>();
    for ((pair, even), odd) in pairs.iter().zip(even.iter_mut()).zip(odd) {
        *even = to_even.look(pair[0]);
        *odd = to_odd.look(pair[1]);
    }
    if let (&[code], Some(sample)) = (last, even.get_mut(pairs.len())) {
        *sample = to_even.look(code);
    }
}

/// Quarters to linear codes of any depth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expansion {
    pub(crate) compander: Compander,
    /// To 14 bits at most: full light is a little less than 15.
    pub(crate) factor: i16,
    /// How far codes are shifted up, and down to fill the gap: of 15 or 16 bits the last two repeat the first.
    pub(crate) up: u32,
    pub(crate) down: u32,
}

impl Expansion {
    /// For codes from 0 to `white`, to the nearest; of 15 and 16 bits to the nearest four.
    pub(crate) fn new(compander: Compander, white: u16) -> Expansion {
        let wide = white > 0x3fff;
        let target = if wide { f64::from(white) * 16_383.0 / 65_535.0 } else { f64::from(white) };
        let factor = (target * 32_768.0 / f64::from(compander.full()) + 0.5) as i16;
        let (up, down) = if wide { (2, 12) } else { (0, 16) };
        Expansion { compander, factor, up, down }
    }

    #[inline(always)]
    pub(crate) fn code(self, quarters: u16) -> u16 {
        let code = rounded_product(self.compander.expand(quarters), self.factor) as u16;
        code << self.up | (u32::from(code) >> self.down) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CfaPattern, Packing};

    fn geometry(black: u16, white: u16) -> RawGeometry {
        let (bits, packing, pattern) = (16, Packing::Le16, CfaPattern::Rggb);
        RawGeometry { width: 2, height: 2, stride_bytes: 4, bits, packing, pattern, black, white }
    }

    #[test]
    fn expanding_undoes_compressing_at_every_step() {
        for exposure in [1.0, 3.0, 64.0] {
            let curve = Compander::new(exposure);
            let compression = curve.compression(&geometry(0, 65_535), 1.0);
            for quarters in 0..=QUARTERS {
                let light = f64::from(curve.expand(quarters)) / f64::from(curve.full());
                let back = compression.quarters((light * 65_535.0 + 0.5) as u16);
                assert!(back.abs_diff(quarters) <= 1, "exposure {exposure}: {quarters} came back as {back}");
            }
            assert_eq!(curve.expand(0), 0);
        }
    }

    #[test]
    fn compression_goes_from_black_to_white_without_a_fall() {
        for (black, white, gain) in
            [(0, 1023, 1.0), (64, 1023, 1.9), (256, 4095, 16.0), (9, 65_535, 1.0), (0, 1, 1.0)]
        {
            let compression = Compander::new(1.0).compression(&geometry(black, white), gain);
            let codes: Vec<u16> = (0..=white).map(|code| compression.look(code)).collect();
            assert!(codes.is_sorted(), "{black} {white} {gain}");
            assert_eq!(
                (codes[usize::from(black)], codes.last()),
                (0, Some(&QUARTERS)),
                "{black} {white} {gain}"
            );
            assert_eq!(compression.look(65_535), QUARTERS);
        }
    }

    #[test]
    fn full_light_is_white_at_every_depth() {
        let curve = Compander::new(1.0);
        for white in [1, 255, 1023, 4095, 16_383, 32_767, 32_768, 60_000, 65_535] {
            let codes = [0, QUARTERS].map(|quarters| Expansion::new(curve, white).code(quarters));
            assert_eq!(codes[0], 0);
            assert!(
                codes[1].abs_diff(white) <= if white > 0x3fff { 4 } else { 0 },
                "{} for {white}",
                codes[1]
            );
        }
    }

    #[test]
    fn the_dark_end_has_steps_below_half_an_eight_bit_code() {
        let curve = Compander::new(1.0);
        let light = f64::from(curve.expand(1)) / f64::from(curve.full());
        assert!(255.0 * 12.92 * light < 0.5, "{light}");
    }
}
