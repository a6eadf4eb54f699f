//! What the numbers of luma and chroma mean: the matrix from them to red, green and blue, and the way from there to sRGB.
//!
//! Everything here is prepared once for a picture, from `+ - * / sqrt` alone, so that it is the same on every machine.

use crate::Rendering;
use crate::colour::Colour;
use crate::curve::srgb;
use crate::mosaic::FULL;
use crate::simd::Simd;

/// Full scale of the numbers between matrix and output: 16ths of an 8-bit code.
pub(super) const SIXTEENTHS: u16 = 16 * 255;

/// Bits behind the point of [`Weights`].
const POINT: u32 = 14;

/// From red, green and blue to luma and chroma.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum YuvMatrix {
    /// Rec. ITU-R BT.601.
    Rec601,
    /// Rec. ITU-R BT.709.
    Rec709,
    /// Rec. ITU-R BT.2020, non-constant luminance.
    Rec2020,
}

impl YuvMatrix {
    /// The parts of red and blue in luma.
    pub(super) fn red_and_blue(self) -> (f64, f64) {
        match self {
            Self::Rec601 => (0.299, 0.114),
            Self::Rec709 => (0.2126, 0.0722),
            Self::Rec2020 => (0.2627, 0.0593),
        }
    }
}

/// Which codes black and white have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum YuvRange {
    /// 0 and 255.
    Full,
    /// 16 and 235; chroma 16 to 240.
    Limited,
}

/// From light to codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// IEC 61966-2-1, the one of the output.
    Srgb,
    /// Rec. ITU-R BT.709, also that of SMPTE 170M and BT.2020.
    Rec709,
    /// None: codes are light.
    Linear,
}

impl Transfer {
    /// The light of a code from 0 to 1.
    fn light(self, code: f64) -> f64 {
        match self {
            Self::Linear => code,
            Self::Srgb if code <= 0.040_45 => code / 12.92,
            // x^2.4 = x^2 * (x^2)^(1/5)
            Self::Srgb => {
                let square = squared((code + 0.055) / 1.055);
                square * root(square, 5)
            }
            Self::Rec709 if code < 0.081 => code / 4.5,
            // x^(1/0.45) = x^2 * (x^2)^(1/9)
            Self::Rec709 => {
                let square = squared((code + 0.099) / 1.099);
                square * root(square, 9)
            }
        }
    }
}

/// Which red, green and blue; the white is D65 for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Primaries {
    /// Those of sRGB and BT.709.
    Srgb,
    /// SMPTE 170M.
    Smpte170m,
    /// Rec. ITU-R BT.2020.
    Rec2020,
}

impl Primaries {
    /// To linear sRGB; `None` where nothing changes. Rows sum to 1. Derived from the chromaticities in the standards.
    fn to_srgb(self) -> Option<[[f32; 3]; 3]> {
        match self {
            Self::Srgb => None,
            Self::Smpte170m => Some([
                [0.939_542, 0.050_181_4, 0.010_276_6],
                [0.017_772_2, 0.965_792_9, 0.016_434_9],
                [-0.001_621_6, -0.004_369_7, 1.005_991_3],
            ]),
            Self::Rec2020 => Some([
                [1.660_491, -0.587_641_1, -0.072_849_9],
                [-0.124_550_5, 1.132_899_9, -0.008_349_4],
                [-0.018_150_8, -0.100_578_9, 1.118_729_7],
            ]),
        }
    }
}

/// What the numbers of a picture of luma and chroma mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct YuvColour {
    /// From red, green and blue to luma and chroma; of a layout of red, green and blue it means nothing.
    pub matrix: YuvMatrix,
    /// Which codes black and white have.
    pub range: YuvRange,
    /// From light to codes.
    pub transfer: Transfer,
    /// Which red, green and blue.
    pub primaries: Primaries,
}

/// The matrix from luma and chroma to red, green and blue, in fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weights {
    /// Luma's code of black, in 16ths.
    pub(super) black: i32,
    pub(super) luma: i32,
    pub(super) red_cr: i32,
    pub(super) green_cb: i32,
    pub(super) green_cr: i32,
    pub(super) blue_cb: i32,
}

impl Weights {
    pub(super) fn new(colour: YuvColour) -> Self {
        let (red, blue) = colour.matrix.red_and_blue();
        let green = 1.0 - red - blue;
        let (black, luma, chroma) = match colour.range {
            YuvRange::Full => (0, 255.0, 255.0),
            YuvRange::Limited => (16 * 16, 219.0, 224.0),
        };
        let fixed = |factor: f64| {
            let scaled = factor * f64::from(1 << POINT);
            (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
        };
        let chroma = 255.0 / chroma;
        Self {
            black,
            luma: fixed(255.0 / luma),
            red_cr: fixed(2.0 * (1.0 - red) * chroma),
            green_cb: fixed(-2.0 * blue * (1.0 - blue) / green * chroma),
            green_cr: fixed(-2.0 * red * (1.0 - red) / green * chroma),
            blue_cb: fixed(2.0 * (1.0 - blue) * chroma),
        }
    }

    /// Red, green and blue as codes of the range, spread over all codes.
    pub(super) fn stretch(&self, planes: [&mut [u16]; 3]) {
        for value in planes.into_iter().flatten() {
            let stretched = (i32::from(*value) - self.black) * self.luma + (1 << (POINT - 1));
            *value = (stretched >> POINT).clamp(0, i32::from(SIXTEENTHS)) as u16;
        }
    }

    /// Red, green and blue of one pixel, all in 16ths, rounded half up and clipped. No sum reaches 2^31: luma's part is
    /// at most 4080 * 19078, chroma's 2048 * 35100 and a little.
    #[inline(always)]
    fn pixel(&self, luma: u16, cb: u16, cr: u16) -> [u16; 3] {
        let luma = (i32::from(luma) - self.black) * self.luma + (1 << (POINT - 1));
        let (cb, cr) = (i32::from(cb) - 2048, i32::from(cr) - 2048);
        let clip = |sum: i32| (sum >> POINT).clamp(0, i32::from(SIXTEENTHS)) as u16;
        [
            clip(luma + self.red_cr * cr),
            clip(luma + self.green_cb * cb + self.green_cr * cr),
            clip(luma + self.blue_cb * cb),
        ]
    }
}

/// A row of luma and chroma, all in 16ths and as long as each other, to red, green and blue in their places: luma
/// becomes red, Cb green, Cr blue.
#[inline(always)]
pub(crate) fn convert(weights: &Weights, [luma, cb, cr]: [&mut [u16]; 3]) {
    let n = luma.len().min(cb.len()).min(cr.len());
    let (luma, cb, cr) = (&mut luma[..n], &mut cb[..n], &mut cr[..n]);
    for i in 0..n {
        [luma[i], cb[i], cr[i]] = weights.pixel(luma[i], cb[i], cr[i]);
    }
}

/// From red, green and blue in 16ths to interleaved sRGB of 8 bits.
#[derive(Debug, Clone)]
pub(super) enum Output {
    /// One table for each channel alone.
    Codes(Box<[u8; SIXTEENTHS as usize + 1]>),
    /// To light, then through the matrix of the primaries and the curve of the output.
    Light(Box<[u16; SIXTEENTHS as usize + 1]>, Box<Colour>),
}

impl Output {
    pub(super) fn new(colour: YuvColour, simd: Simd) -> Self {
        let scaled = |index: usize| index as f64 / f64::from(SIXTEENTHS);
        match colour.primaries.to_srgb() {
            None => {
                let mut table = Box::new([0; SIXTEENTHS as usize + 1]);
                for (index, code) in table.iter_mut().enumerate() {
                    *code = match colour.transfer {
                        Transfer::Srgb => ((index + 8) / 16) as u8,
                        transfer => (255.0 * srgb(transfer.light(scaled(index))) + 0.5) as u8,
                    };
                }
                Self::Codes(table)
            }
            Some(matrix) => {
                let mut table = Box::new([0; SIXTEENTHS as usize + 1]);
                for (index, light) in table.iter_mut().enumerate() {
                    *light = (f64::from(FULL) * colour.transfer.light(scaled(index)) + 0.5) as u16;
                }
                let rendering = Rendering { matrix, ..Rendering::default() };
                Self::Light(table, Box::new(Colour::new(&rendering, simd)))
            }
        }
    }

    /// Writes a row; what it was made of is used up.
    pub(super) fn row(&self, planes: [&mut [u16]; 3], out: &mut [u8]) {
        match self {
            Self::Codes(table) => {
                let [red, green, blue] = planes;
                let (pixels, _) = out.as_chunks_mut::<3>();
                for (pixel, ((&r, &g), &b)) in pixels.iter_mut().zip(red.iter().zip(&*green).zip(&*blue)) {
                    *pixel = [r, g, b].map(|value| table[usize::from(value.min(SIXTEENTHS))]);
                }
            }
            Self::Light(table, colour) => {
                let [red, green, blue] = planes;
                for plane in [&mut *red, &mut *green, &mut *blue] {
                    plane.iter_mut().for_each(|value| *value = table[usize::from((*value).min(SIXTEENTHS))]);
                }
                colour.planar_row([red, green, blue], out);
            }
        }
    }
}

fn squared(value: f64) -> f64 {
    value * value
}

/// The root of a value from 0.001 to 1 by Newton's method, from above, where every step comes closer.
fn root(value: f64, degree: u32) -> f64 {
    const STEPS: u32 = 40;
    let mut root = 1.0;
    for _ in 0..STEPS {
        let power = (1..degree).fold(1.0, |power, _| power * root);
        root = (f64::from(degree - 1) * root + value / power) / f64::from(degree);
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    const MATRICES: [YuvMatrix; 3] = [YuvMatrix::Rec601, YuvMatrix::Rec709, YuvMatrix::Rec2020];

    fn colour(matrix: YuvMatrix, range: YuvRange) -> YuvColour {
        YuvColour { matrix, range, transfer: Transfer::Srgb, primaries: Primaries::Srgb }
    }

    /// The standards' own equations, in real numbers and whole codes.
    fn ideal(matrix: YuvMatrix, range: YuvRange, [luma, cb, cr]: [f64; 3]) -> [f64; 3] {
        let (red, blue) = matrix.red_and_blue();
        let (luma, cb, cr) = match range {
            YuvRange::Full => (luma / 255.0, (cb - 128.0) / 255.0, (cr - 128.0) / 255.0),
            YuvRange::Limited => ((luma - 16.0) / 219.0, (cb - 128.0) / 224.0, (cr - 128.0) / 224.0),
        };
        let (r, b) = (luma + 2.0 * (1.0 - red) * cr, luma + 2.0 * (1.0 - blue) * cb);
        let g = (luma - red * r - blue * b) / (1.0 - red - blue);
        [r, g, b].map(|value| (255.0 * value).clamp(0.0, 255.0))
    }

    #[test]
    fn every_matrix_is_the_standards_within_a_sixteenth_of_a_code() {
        for matrix in MATRICES {
            for range in [YuvRange::Full, YuvRange::Limited] {
                let weights = Weights::new(colour(matrix, range));
                for luma in (0..=255_u16).step_by(5) {
                    for cb in (0..=255_u16).step_by(5) {
                        for cr in (0..=255_u16).step_by(5) {
                            let got = weights.pixel(16 * luma, 16 * cb, 16 * cr);
                            let ideal = ideal(matrix, range, [luma, cb, cr].map(f64::from));
                            for (got, ideal) in got.into_iter().zip(ideal) {
                                let off = (f64::from(got) / 16.0 - ideal).abs();
                                assert!(off < 1.0 / 16.0, "{matrix:?} {range:?} {luma} {cb} {cr}: {off}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn greys_stay_grey_and_the_ends_are_black_and_white() {
        for matrix in MATRICES {
            for (range, black, white) in [(YuvRange::Full, 0, 255), (YuvRange::Limited, 16, 235)] {
                let weights = Weights::new(colour(matrix, range));
                assert_eq!(weights.pixel(16 * black, 2048, 2048), [0; 3]);
                assert_eq!(weights.pixel(16 * white, 2048, 2048), [SIXTEENTHS; 3]);
                for luma in 0..=SIXTEENTHS {
                    let [r, g, b] = weights.pixel(luma, 2048, 2048);
                    assert!(r == g && g == b, "{matrix:?} {range:?} {luma}");
                }
            }
        }
    }

    #[test]
    fn transfers_are_the_standards_functions() {
        for i in 0..=1000 {
            let code = f64::from(i) / 1000.0;
            let srgb = if code <= 0.040_45 { code / 12.92 } else { ((code + 0.055) / 1.055).powf(2.4) };
            let rec709 = if code < 0.081 { code / 4.5 } else { ((code + 0.099) / 1.099).powf(1.0 / 0.45) };
            assert!((Transfer::Srgb.light(code) - srgb).abs() < 1e-12, "{code}");
            assert!((Transfer::Rec709.light(code) - rec709).abs() < 1e-12, "{code}");
        }
    }

    /// The matrix from red, green and blue of these chromaticities to XYZ, with the white of D65.
    fn to_xyz(corners: [(f64, f64); 3]) -> [[f64; 3]; 3] {
        let column = |(x, y): (f64, f64)| [x / y, 1.0, (1.0 - x - y) / y];
        let columns = corners.map(column);
        let rows = [0, 1, 2].map(|i: usize| [columns[0][i], columns[1][i], columns[2][i]]);
        let white = column((0.3127, 0.3290));
        let scale = times(inverse(rows), white);
        rows.map(|row| [row[0] * scale[0], row[1] * scale[1], row[2] * scale[2]])
    }

    fn times(matrix: [[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
    }

    fn inverse(m: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
        let minor = |r: usize, c: usize| {
            let (r1, r2, c1, c2) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
            m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
        };
        let determinant: f64 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
        [0, 1, 2].map(|r| [0, 1, 2].map(|c| minor(c, r) / determinant))
    }

    #[test]
    fn the_matrices_of_primaries_follow_from_their_chromaticities() {
        let srgb = to_xyz([(0.640, 0.330), (0.300, 0.600), (0.150, 0.060)]);
        for (primaries, corners) in [
            (Primaries::Smpte170m, [(0.630, 0.340), (0.310, 0.595), (0.155, 0.070)]),
            (Primaries::Rec2020, [(0.708, 0.292), (0.170, 0.797), (0.131, 0.046)]),
        ] {
            let theirs = to_xyz(corners);
            let matrix = primaries.to_srgb().unwrap();
            for column in 0..3 {
                let ideal = times(inverse(srgb), theirs.map(|row| row[column]));
                for (row, ideal) in matrix.iter().zip(ideal) {
                    assert!((f64::from(row[column]) - ideal).abs() < 2e-6, "{primaries:?} {ideal}");
                }
            }
            for row in matrix {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn codes_of_srgb_stay_as_they_are_and_those_of_television_rise() {
        let table = |transfer| {
            let colour = YuvColour { transfer, ..colour(YuvMatrix::Rec601, YuvRange::Full) };
            match Output::new(colour, Simd::detect()) {
                Output::Codes(table) => table,
                Output::Light(..) => panic!("the primaries are those of the output"),
            }
        };
        let (same, television, linear) =
            (table(Transfer::Srgb), table(Transfer::Rec709), table(Transfer::Linear));
        for code in 0..=255_usize {
            assert_eq!(usize::from(same[16 * code]), code);
        }
        for table in [television, linear] {
            assert!(table.is_sorted() && table[0] == 0 && table[usize::from(SIXTEENTHS)] == 255);
            assert!(table[2048] > same[2048], "the same light has a larger code in sRGB");
        }
    }
}
