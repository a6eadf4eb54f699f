//! From 8-bit red, green and blue to luma and chroma.
//!
//! Codes are lifted to 128ths, so that each product with a weight is one rounded 15-bit product; their sum is within a
//! fiftieth of a code of the standards' equations before it is rounded. Greys have chroma of exactly 128.

use super::{YuvMatrix, YuvRange};
use crate::scale::rounded_product;

/// Half of a code, in 128ths.
pub(crate) const HALF: i16 = 64;

/// The weights of red, green and blue in luma, Cb and Cr, in 32768ths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) luma: [i16; 3],
    pub(crate) cb: [i16; 3],
    pub(crate) cr: [i16; 3],
    /// Luma's code of black.
    pub(crate) black: i16,
}

impl Encoding {
    pub(crate) fn new(matrix: YuvMatrix, range: YuvRange) -> Encoding {
        let (red, blue) = matrix.red_and_blue();
        let (black, luma, chroma) = match range {
            YuvRange::Full => (0, 1.0, 1.0),
            YuvRange::Limited => (16, 219.0 / 255.0, 224.0 / 255.0),
        };
        let weight = |value: f64| (value * 32_768.0 + 0.5) as i32;
        // Green takes what rounding leaves: greys keep their luma, and have no colour.
        let (whole, weights) = (weight(luma), [weight(luma * red), weight(luma * blue)]);
        let luma = [weights[0], whole - weights[0] - weights[1], weights[1]].map(|weight| weight as i16);
        let half = weight(chroma / 2.0) as i16;
        let of_red = weight(chroma * red / (2.0 * (1.0 - blue))) as i16;
        let of_blue = weight(chroma * blue / (2.0 * (1.0 - red))) as i16;
        let cb = [-of_red, of_red - half, half];
        let cr = [half, of_blue - half, -of_blue];
        Encoding { luma, cb, cr, black }
    }
}

#[inline(always)]
fn weighed([red, green, blue]: [i16; 3], weights: [i16; 3]) -> i16 {
    let sum = rounded_product(red, weights[0]) + rounded_product(green, weights[1]);
    (sum + rounded_product(blue, weights[2]) + HALF) >> 7
}

/// The luma of a half row.
#[inline(always)]
pub(crate) fn luma(encoding: &Encoding, [red, green, blue]: [&[u8]; 3], out: &mut [u8]) {
    let Encoding { luma, black, .. } = *encoding;
    let n = out.len();
    let (red, green, blue) = (&red[..n], &green[..n], &blue[..n]);
    for i in 0..n {
        let rgb = [i16::from(red[i]) << 7, i16::from(green[i]) << 7, i16::from(blue[i]) << 7];
        out[i] = (weighed(rgb, luma) + black) as u8;
    }
}

/// Sums of two neighbouring columns each.
#[inline(always)]
pub(crate) fn pairs(even: [&[u8]; 3], odd: [&[u8]; 3], sums: [&mut [u16]; 3]) {
    for ((even, odd), sums) in even.into_iter().zip(odd).zip(sums) {
        let n = sums.len();
        let (even, odd) = (&even[..n], &odd[..n]);
        for i in 0..n {
            sums[i] = u16::from(even[i]) + u16::from(odd[i]);
        }
    }
}

/// Cb and Cr of cells of 2x2 from the sums of pairs in their upper and their lower row.
#[inline(always)]
pub(crate) fn chroma(encoding: &Encoding, upper: [&[u16]; 3], lower: [&[u16]; 3], [cb, cr]: [&mut [u8]; 2]) {
    let n = cb.len();
    let cr = &mut cr[..n];
    let [[red, green, blue], [red_below, green_below, blue_below]] =
        [[&upper[0][..n], &upper[1][..n], &upper[2][..n]], [&lower[0][..n], &lower[1][..n], &lower[2][..n]]];
    for i in 0..n {
        let rgb = [
            (red[i] + red_below[i]) as i16 * 32,
            (green[i] + green_below[i]) as i16 * 32,
            (blue[i] + blue_below[i]) as i16 * 32,
        ];
        cb[i] = (weighed(rgb, encoding.cb) + 128).clamp(0, 255) as u8;
        cr[i] = (weighed(rgb, encoding.cr) + 128).clamp(0, 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MATRICES: [YuvMatrix; 3] = [YuvMatrix::Rec601, YuvMatrix::Rec709, YuvMatrix::Rec2020];

    /// Luma, Cb and Cr of cells of four equal pixels.
    fn encoded(encoding: &Encoding, rgb: [u8; 3]) -> [u8; 3] {
        let planes = rgb.each_ref().map(std::slice::from_ref);
        let mut sums = [[0]; 3];
        pairs(planes, planes, sums.each_mut().map(|sum| &mut sum[..]));
        let sums = sums.each_ref().map(|sum| &sum[..]);
        let [mut y, mut cb, mut cr] = [[0]; 3];
        luma(encoding, planes, &mut y);
        chroma(encoding, sums, sums, [&mut cb, &mut cr]);
        [y[0], cb[0], cr[0]]
    }

    #[test]
    fn codes_are_the_standards_but_for_rounding() {
        for matrix in MATRICES {
            for range in [YuvRange::Full, YuvRange::Limited] {
                let encoding = Encoding::new(matrix, range);
                let (kr, kb) = matrix.red_and_blue();
                for code in 0..32_u32 * 32 * 32 {
                    let rgb = [0, 5, 10].map(|shift| (code >> shift) % 32 * 255 / 31);
                    let [r, g, b] = rgb.map(f64::from);
                    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
                    let (cb, cr) = ((b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr)));
                    let ideal = match range {
                        YuvRange::Full => [y, 128.0 + cb, 128.0 + cr],
                        YuvRange::Limited => {
                            let scale = 224.0 / 255.0;
                            [16.0 + y * 219.0 / 255.0, 128.0 + cb * scale, 128.0 + cr * scale]
                        }
                    };
                    for (got, ideal) in encoded(&encoding, rgb.map(|c| c as u8)).into_iter().zip(ideal) {
                        let off = (f64::from(got) - ideal.min(255.0)).abs();
                        assert!(off <= 0.52, "{matrix:?} {range:?} {rgb:?}: {got} for {ideal}");
                    }
                }
            }
        }
    }

    #[test]
    fn greys_have_no_colour_and_black_and_white_are_the_ends() {
        for matrix in MATRICES {
            for (range, black, white) in [(YuvRange::Full, 0, 255), (YuvRange::Limited, 16, 235)] {
                let encoding = Encoding::new(matrix, range);
                for code in 0..=255 {
                    let [y, cb, cr] = encoded(&encoding, [code; 3]);
                    assert_eq!((cb, cr), (128, 128), "{matrix:?} {range:?} {code}");
                    if range == YuvRange::Full {
                        assert_eq!(y, code);
                    }
                }
                assert_eq!(encoded(&encoding, [0; 3])[0], black);
                assert_eq!(encoded(&encoding, [255; 3])[0], white);
            }
        }
    }
}
