//! Black level, normalisation and white-balance gain of one colour, as one multiplication.

use crate::mosaic::FULL;

/// Maps codes `black..=white` to `0..=FULL` times a gain, clipped at `FULL`; white always reaches `FULL`.
///
/// The product of a 16-bit distance from black and a 16-bit factor fits in 32 bits, so the factor keeps 16
/// significant bits whatever the range of codes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) black: u16,
    /// Distance from black that reaches full scale.
    pub(crate) full: u16,
    pub(crate) factor: u16,
    pub(crate) shift: u32,
}

impl Level {
    /// A level for `black < white` and a gain of 1 or more; a smaller or undefined one counts as 1.
    pub(crate) fn new(black: u16, white: u16, gain: f64) -> Level {
        let range = white.saturating_sub(black).max(1);
        let gain = if gain > 1.0 { gain } else { 1.0 };
        let mut factor = f64::from(FULL) * gain / f64::from(range);
        let mut shift = 0;
        while factor < 32_768.0 {
            factor *= 2.0;
            shift += 1;
        }
        // Rounded up, so that white can't fall one short of full scale. Of a factor past 16 bits the largest
        // 16-bit one does as well: one code above black is then full scale already.
        let (factor, shift) = match factor.ceil() as u32 {
            0x1_0000 if shift > 0 => (0x8000, shift - 1),
            factor => (factor.min(0xffff) as u16, shift),
        };
        let full = ((u32::from(FULL) << shift) - half(shift)).div_ceil(u32::from(factor));
        Level { black, full: full.clamp(1, u32::from(range)) as u16, factor, shift }
    }

    /// Rounded half up; neither product nor rounding reaches 2^32.
    #[inline(always)]
    fn scale(self, above: u16) -> u32 {
        (u32::from(above) * u32::from(self.factor) + half(self.shift)) >> self.shift
    }

    /// One code.
    #[inline(always)]
    pub(crate) fn apply(self, code: u16) -> u16 {
        let above = code.saturating_sub(self.black);
        if above >= self.full { FULL } else { self.scale(above) as u16 }
    }

    /// Applies the level to a row in place.
    #[inline(always)]
    pub(crate) fn apply_row(self, row: &mut [u16]) {
        for sample in row {
            *sample = self.apply(*sample);
        }
    }
}

/// What rounds a shift half up.
#[inline(always)]
pub(crate) fn half(shift: u32) -> u32 {
    (1 << shift) >> 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ends_are_exact_and_the_middle_is_the_real_quotient(
            (black, white) in (0_u16..65_535).prop_flat_map(|b| (Just(b), b + 1..=65_535)),
            code in any::<u16>(),
            gain in 1.0_f64..16.0,
        ) {
            let level = Level::new(black, white, gain);
            prop_assert_eq!(level.apply(black), 0);
            prop_assert_eq!(level.apply(0), 0);
            prop_assert_eq!(level.apply(white), 65_535);
            prop_assert_eq!(level.apply(65_535), 65_535);
            let distance = f64::from(code.clamp(black, white) - black) / f64::from(white - black);
            let ideal = (distance * gain * 65_535.0).min(65_535.0);
            prop_assert!((f64::from(level.apply(code)) - ideal).abs() <= 0.5 + ideal / 32_768.0 + 1e-6);
        }
    }

    #[test]
    fn unit_gain_over_all_codes_is_the_identity() {
        let level = Level::new(0, 65_535, 1.0);
        assert!((0..=u16::MAX).all(|code| level.apply(code) == code));
        assert_eq!(Level::new(0, 65_535, f64::NAN), level);
    }
}
