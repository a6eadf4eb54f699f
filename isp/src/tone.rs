//! The tone curve in 16-bit lanes: a few parabolas, found by the exponent of what they are to bend.
//!
//! The pieces of a curve that is steepest at black are best as wide as they are far from black. A binary floating-point
//! number has them ready: its exponent says the octave, its first bits of mantissa the place in it. So light, as a sum
//! of 32-bit products, becomes a single; its bits without the exponent of black are the index of one of 16 pieces
//! and a place in it, in 512 steps; a parabola gives the code. With black raised to one octave's width nothing special
//! happens there. Eight octaves in halves serve exposures up to 8, sixteen whole ones those above.
//!
//! The parabolas meet the curve at three points each. What they give is within 0.65 of a code of the curve for exposures
//! up to 8 (0.1 without exposure, where it is sRGB's function alone) and within 1.25 above, before it is rounded. All
//! levels give the same: where there is no instruction to look up 16 bytes at once, a table of the 8192 places is used,
//! which is made from the same integers.

use crate::curve;
use crate::scale::rounded_product;

/// Pieces of the curve.
pub(crate) const PIECES: usize = 16;

/// Places that are told apart.
const PLACES: usize = 8192;

/// Bits of full scale that sums of products have room for.
pub(crate) const FULL_BITS: u32 = 26;

/// Largest exposure for which eight octaves do.
const NARROW: f64 = 8.0;

/// Half the distance of a piece's outer points, at which the curve is met: a parabola's error is then the same at all
/// its extremes (the zeros of Chebyshev's polynomial, a quarter of the root of 3).
const REACH: f64 = 0.433_012_701_892_219_3;

/// In a piece.
const HALF_A_PLACE: f64 = 0.5 * PIECES as f64 / PLACES as f64;

/// The curve for one exposure.
#[derive(Clone)]
pub(crate) struct Tone {
    /// Full scale of light above black.
    pub(crate) full: i32,
    /// What black is raised to, a power of two.
    pub(crate) black: i32,
    /// How far a single's bits are shifted down, so that 16 bits hold the octaves.
    pub(crate) shift: u32,
    /// The bits of black, shifted.
    pub(crate) base: i32,
    /// Start, slope and bend of each piece, in 128ths of a code.
    pub(crate) pieces: [[i16; PIECES]; 3],
    codes: Box<[u8; PLACES]>,
}

impl std::fmt::Debug for Tone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tone").field("black", &self.black).finish_non_exhaustive()
    }
}

impl Tone {
    /// For a digital gain of 1 or more, and light whose full scale has `bits`, 17 or more.
    pub(crate) fn new(exposure: f64, bits: u32) -> Tone {
        let octaves = if exposure <= NARROW { 8 } else { 16 };
        let black = 1_i32 << (bits - octaves);
        // 8 octaves are 3 bits of exponent and 13 of mantissa, 16 are 4 and 12.
        let shift = if octaves == 8 { 10 } else { 11 };
        let base = (black as f32).to_bits() as i32 >> shift;
        let mut pieces = [[0; PIECES]; 3];
        for piece in 0..PIECES {
            for (part, value) in pieces.iter_mut().zip(parabola(piece, octaves, exposure)) {
                part[piece] = value;
            }
        }
        let mut tone =
            Tone { full: (1 << bits) - black, black, shift, base, pieces, codes: Box::new([0; PLACES]) };
        for place in 0..PLACES {
            tone.codes[place] = tone.evaluate(place);
        }
        tone
    }

    /// The place of light that black has been added to; light may lie outside its range.
    #[inline(always)]
    pub(crate) fn place(&self, raised: i32) -> u16 {
        let octaves = ((raised as f32).to_bits() as i32 >> self.shift) - self.base;
        octaves.clamp(0, 0xffff) as u16
    }

    /// The code of a place: eight of them have the same.
    #[inline(always)]
    pub(crate) fn code(&self, place: u16) -> u8 {
        self.codes[usize::from(place >> 3)]
    }

    /// The code of a place, as vector units find it.
    fn evaluate(&self, place: usize) -> u8 {
        let [start, slope, bend] = self.pieces.map(|part| part[place / (PLACES / PIECES)]);
        let t = ((place % (PLACES / PIECES)) as i16) << 6;
        let value = start + rounded_product(t, slope + rounded_product(t, bend));
        rounded_product(value, 1 << 8).clamp(0, 255) as u8
    }
}

/// Start, slope and bend of a piece.
fn parabola(piece: usize, octaves: u32, exposure: f64) -> [i16; 3] {
    let black = 1.0 / f64::from(1_u32 << octaves);
    let per_octave = PIECES / octaves as usize;
    let octave = f64::from(1_u32 << (piece / per_octave));
    let width = 1.0 / per_octave as f64;
    let from = 1.0 + (piece % per_octave) as f64 * width;
    let value = |t: f64| {
        // Places are met in their middles.
        let raised = black * octave * (from + width * (t + HALF_A_PLACE));
        128.0 * 255.0 * curve::exact((raised - black) / (1.0 - black), exposure)
    };
    let [low, middle, high] = [value(0.5 - REACH), value(0.5), value(0.5 + REACH)];
    let bend = (low - 2.0 * middle + high) / (2.0 * REACH * REACH);
    let slope = (high - low) / (2.0 * REACH);
    let start = middle - slope / 2.0 + bend / 4.0;
    [start, slope - bend, bend].map(|part| (part + 65_536.5) as i32 - 65_536).map(|part| part as i16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_within_the_stated_distance_of_the_real_curve() {
        for (exposure, most) in [
            (1.0, 0.1),
            (1.3, 0.65),
            (2.0, 0.65),
            (3.0, 0.65),
            (5.0, 0.65),
            (8.0, 0.65),
            (9.0, 1.25),
            (64.0, 1.25),
        ] {
            let tone = Tone::new(exposure, FULL_BITS);
            let code = |raised| tone.code(tone.place(raised));
            let mut last = 0;
            for light in 0..=65_535_u32 {
                let light = f64::from(light) / 65_535.0;
                let code = code((light * f64::from(tone.full)) as i32 + tone.black);
                let exact = 255.0 * curve::exact(light, exposure);
                let distance = (f64::from(code) - exact).abs();
                assert!(distance <= 0.5 + most, "exposure {exposure}, light {light}: {code} for {exact}");
                // Whole octaves may meet a little off each other.
                assert!(
                    code >= last - u8::from(exposure > NARROW && last > 0),
                    "exposure {exposure}, light {light}: {code} after {last}"
                );
                last = last.max(code);
            }
            assert_eq!((code(tone.black), code(1 << FULL_BITS)), (0, 255), "exposure {exposure}");
            for outside in [i32::MIN, -1, 0] {
                assert_eq!(code(outside), 0, "exposure {exposure}");
            }
            assert_eq!(code(i32::MAX), 255);
        }
    }
}
