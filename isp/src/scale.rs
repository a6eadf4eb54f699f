//! Codes to the working scales of the tiers: black level and full scale in 16-bit lanes.
//!
//! The tiers work where their output lives: 8-bit codes, or quarters of them where sums need room. A sample's distance
//! from black, shifted to fill 15 bits, is multiplied by a 15-bit factor and rounded, which vector units do in one
//! instruction.

/// Full scale of quarters: 255 codes of 4.
pub(crate) const QUARTERS: u16 = 4 * 255;

/// What the factor brings full scale to: 64ths of an 8-bit code, 16ths of a quarter.
const FULL: u32 = 64 * 255;

/// Maps codes to 8 bits or to quarters, `black` to 0 and `black + full` and what is above to full scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    pub(crate) black: u16,
    pub(crate) full: u16,
    /// How far distances are shifted up.
    pub(crate) up: u32,
    /// How far they are shifted down: by one bit where they have 16.
    pub(crate) down: u32,
    pub(crate) factor: i16,
}

impl Scale {
    /// For `black < white`.
    pub(crate) fn new(black: u16, white: u16) -> Scale {
        let full = white.saturating_sub(black).max(1);
        let up = full.leading_zeros().saturating_sub(1);
        let down = u32::from(full > 0x7fff);
        let lifted = u32::from(full) << up >> down;
        // At most 16320 * 32768 / 16384, rounded up so that full scale is reached.
        let factor = (FULL << 15).div_ceil(lifted) as i16;
        Scale { black, full, up, down, factor }
    }

    /// 64ths of an 8-bit code.
    #[inline(always)]
    fn fine(self, code: u16) -> i16 {
        let above = code.saturating_sub(self.black).min(self.full) << self.up >> self.down;
        rounded_product(above as i16, self.factor)
    }

    #[inline(always)]
    fn eight_bits(self, code: u16) -> u8 {
        rounded_product(self.fine(code), 1 << 9) as u8
    }

    #[inline(always)]
    fn quarters(self, code: u16) -> u16 {
        rounded_product(self.fine(code), 1 << 11) as u16
    }
}

/// The product's upper half without its sign's repetition, rounded half up: one instruction on vector units.
#[inline(always)]
pub(crate) fn rounded_product(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b) + 0x4000) >> 15) as i16
}

/// Splits a row of codes into 8-bit halves of even and odd columns.
#[inline(always)]
pub(crate) fn split_8(codes: &[u16], scale: Scale, [even, odd]: [&mut [u8]; 2]) {
    let (pairs, last) = codes.as_chunks::<2>();
    let n = pairs.len().min(odd.len());
    let (to_even, to_odd) = (&mut even[..n], &mut odd[..n]);
    for i in 0..n {
        to_even[i] = scale.eight_bits(pairs[i][0]);
        to_odd[i] = scale.eight_bits(pairs[i][1]);
    }
    if let (&[code], Some(sample)) = (last, even.get_mut(n)) {
        *sample = scale.eight_bits(code);
    }
}

/// Splits a row of codes into halves of quarters of even and odd columns.
#[inline(always)]
pub(crate) fn split_quarters(codes: &[u16], scale: Scale, [even, odd]: [&mut [u16]; 2]) {
    let (pairs, last) = codes.as_chunks::<2>();
    let n = pairs.len().min(odd.len());
    let (to_even, to_odd) = (&mut even[..n], &mut odd[..n]);
    for i in 0..n {
        to_even[i] = scale.quarters(pairs[i][0]);
        to_odd[i] = scale.quarters(pairs[i][1]);
    }
    if let (&[code], Some(sample)) = (last, even.get_mut(n)) {
        *sample = scale.quarters(code);
    }
}
