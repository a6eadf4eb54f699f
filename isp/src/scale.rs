//! Codes to the working scales of the fast tiers: black level, full scale and gain in 16-bit lanes.
//!
//! The tiers work where their output lives: 8-bit codes, or quarters of them where sums need room. A sample's distance
//! from black, shifted up to fill 16 bits, is multiplied by a 16-bit factor and the upper half kept: one
//! instruction a vector on every machine.

/// Full scale of quarters: 255 codes of 4.
pub(crate) const QUARTERS: u16 = 4 * 255;

/// What the factor brings full scale to: 128ths of an 8-bit code, 32nds of a quarter.
const FULL: u32 = 128 * 255;

/// Maps codes to 8 bits or to quarters, `black` to 0 and `black + full` and what is above to full scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    pub(crate) black: u16,
    pub(crate) full: u16,
    pub(crate) lift: u32,
    pub(crate) factor: u16,
}

impl Scale {
    /// For `black < white` and a gain of 1 or more; a smaller or undefined one counts as 1.
    pub(crate) fn new(black: u16, white: u16, gain: f64) -> Scale {
        let range = f64::from(white.saturating_sub(black).max(1));
        let gain = if gain > 1.0 { gain } else { 1.0 };
        let full = (range / gain + 0.5).max(1.0) as u16;
        let lift = full.leading_zeros();
        let lifted = u32::from(full) << lift;
        // Rounded up, so that full scale is reached; at most 32640 * 65536 / 32768, which fits in 16 bits.
        let factor = (FULL << 16).div_ceil(lifted) as u16;
        Scale { black, full, lift, factor }
    }

    #[inline(always)]
    fn lifted(self, code: u16) -> u16 {
        let above = code.saturating_sub(self.black).min(self.full) << self.lift;
        ((u32::from(above) * u32::from(self.factor)) >> 16) as u16
    }

    #[inline(always)]
    fn eight_bits(self, code: u16) -> u8 {
        ((self.lifted(code) + 64) >> 7) as u8
    }

    #[inline(always)]
    fn quarters(self, code: u16) -> u16 {
        (self.lifted(code) + 16) >> 5
    }
}

/// Splits a row of codes into 8-bit halves, each column parity with its scale.
#[inline(always)]
pub(crate) fn split_8(codes: &[u16], [even_scale, odd_scale]: [Scale; 2], [even, odd]: [&mut [u8]; 2]) {
    let (pairs, last) = codes.as_chunks::<2>();
    let n = pairs.len().min(odd.len());
    let (to_even, to_odd) = (&mut even[..n], &mut odd[..n]);
    for i in 0..n {
        to_even[i] = even_scale.eight_bits(pairs[i][0]);
        to_odd[i] = odd_scale.eight_bits(pairs[i][1]);
    }
    if let (&[code], Some(sample)) = (last, even.get_mut(n)) {
        *sample = even_scale.eight_bits(code);
    }
}

/// Splits a row of codes into halves of quarters, each column parity with its scale.
#[inline(always)]
pub(crate) fn split_quarters(
    codes: &[u16],
    [even_scale, odd_scale]: [Scale; 2],
    [even, odd]: [&mut [u16]; 2],
) {
    let (pairs, last) = codes.as_chunks::<2>();
    let n = pairs.len().min(odd.len());
    let (to_even, to_odd) = (&mut even[..n], &mut odd[..n]);
    for i in 0..n {
        to_even[i] = even_scale.quarters(pairs[i][0]);
        to_odd[i] = odd_scale.quarters(pairs[i][1]);
    }
    if let (&[code], Some(sample)) = (last, even.get_mut(n)) {
        *sample = even_scale.quarters(code);
    }
}
