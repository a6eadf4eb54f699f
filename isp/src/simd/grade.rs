//! Colour matrix and tone curve.
//!
//! With AVX2 both stay in registers: products in pairs, the exponent trick of [`crate::tone`], and its pieces looked up
//! 32 at a time. The plain loop, which looks every sample up in a table, takes four times as long.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::Level;
use super::Simd;
use crate::compand::Compander;
use crate::grade::Grade;

/// Planar light, 16 bits of which 15 are used, to planar 8-bit codes.
pub(crate) fn from_light(simd: Simd, grade: &Grade, light: [&[u16]; 3], out: [&mut [u8]; 3]) {
    #[cfg(target_arch = "x86_64")]
    if simd.level() == Level::Avx2 {
        // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
        return unsafe { avx2::rgb8::<false>(grade, Compander::default(), light, out) };
    }
    let _ = simd;
    grade.row(|channel, sample| limited(grade, channel, sample), light, out);
}

/// 16 bits of light to what counts of it in 15.
#[inline(always)]
fn limited(grade: &Grade, channel: usize, sample: u16) -> i16 {
    (sample >> 1).min(grade.limits[channel]) as i16
}

/// Planar quarters to planar 8-bit codes.
pub(crate) fn from_quarters(
    simd: Simd,
    grade: &Grade,
    compander: Compander,
    quarters: [&[u16]; 3],
    out: [&mut [u8]; 3],
) {
    #[cfg(target_arch = "x86_64")]
    if simd.level() == Level::Avx2 {
        // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
        return unsafe { avx2::rgb8::<true>(grade, compander, quarters, out) };
    }
    let _ = simd;
    grade.row(|_, sample| compander.expand(sample), quarters, out);
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _MM_HINT_T0, _mm_cvtsi32_si128, _mm_loadu_si128, _mm_prefetch, _mm256_add_epi16,
        _mm256_add_epi32, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_castps_si256,
        _mm256_cvtepi32_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_min_epi16, _mm256_mulhrs_epi16,
        _mm256_mullo_epi16, _mm256_packus_epi16, _mm256_packus_epi32, _mm256_permute4x64_epi64,
        _mm256_set1_epi16, _mm256_set1_epi32, _mm256_shuffle_epi8, _mm256_slli_epi16, _mm256_sra_epi32,
        _mm256_srli_epi16, _mm256_storeu_si256, _mm256_sub_epi16, _mm256_sub_epi32, _mm256_unpackhi_epi8,
        _mm256_unpackhi_epi16, _mm256_unpacklo_epi8, _mm256_unpacklo_epi16,
    };

    use crate::compand::{Compander, STEP};
    use crate::grade::Grade;
    use crate::tone::{PIECES, Tone};

    /// What stands beside blue at most, so that black is added as a fourth product.
    const ONE: i32 = 1 << 10;

    /// A row of the matrix, as pairs: of red and green, of blue and one.
    #[derive(Clone, Copy)]
    struct MatrixRow([__m256i; 2]);

    /// The numbers of 32 pieces at once: low bytes and high bytes.
    type Part = [__m256i; 2];

    /// The tone curve in registers.
    #[derive(Clone, Copy)]
    struct Curve {
        shift: __m128i,
        base: __m256i,
        start: Part,
        slope: Part,
        bend: Part,
    }

    /// Develops whole turns of 32 samples, and the rest plainly.
    #[target_feature(enable = "avx2")]
    pub(super) fn rgb8<const QUARTERS: bool>(
        grade: &Grade,
        compander: Compander,
        [red, green, blue]: [&[u16]; 3],
        [out_red, out_green, out_blue]: [&mut [u8]; 3],
    ) {
        let n = out_red.len();
        let (out_green, out_blue) = (&mut out_green[..n], &mut out_blue[..n]);
        let (red, green, blue) = (&red[..n], &green[..n], &blue[..n]);
        let limits = grade.limits.map(|limit| limit as i16);
        let lights = [
            Light::<QUARTERS>::new(compander, limits[0]),
            Light::<QUARTERS>::new(compander, limits[1]),
            Light::<QUARTERS>::new(compander, limits[2]),
        ];
        let curve = curve(&grade.tone);
        // Both are powers of two.
        let one = grade.tone.black.min(ONE);
        let row = |[a, b, c]: [i16; 3]| MatrixRow([pair(a, b), pair(c, (grade.tone.black / one) as i16)]);
        let one = _mm256_set1_epi16(one as i16);
        let rows = [row(grade.matrix[0]), row(grade.matrix[1]), row(grade.matrix[2])];
        let ((reds, red), (greens, green), (blues, blue)) =
            (red.as_chunks::<32>(), green.as_chunks::<32>(), blue.as_chunks::<32>());
        let (out_reds, out_red) = out_red.as_chunks_mut::<32>();
        let (out_greens, out_green) = out_green.as_chunks_mut::<32>();
        let (out_blues, out_blue) = out_blue.as_chunks_mut::<32>();
        let samples = reds.iter().zip(greens).zip(blues);
        let to = out_reds.iter_mut().zip(out_greens).zip(out_blues);
        for (((red, green), blue), ((out_red, out_green), out_blue)) in samples.zip(to) {
            if !QUARTERS {
                next_row(red, n);
                next_row(green, n);
                next_row(blue, n);
            }
            let (red, green, blue) = (lights[0].of(red), lights[1].of(green), lights[2].of(blue));
            let first = paired(red[0], green[0], blue[0], one);
            let second = paired(red[1], green[1], blue[1], one);
            store(out_red, curve.codes(rows[0].places(first, curve), rows[0].places(second, curve)));
            store(out_green, curve.codes(rows[1].places(first, curve), rows[1].places(second, curve)));
            store(out_blue, curve.codes(rows[2].places(first, curve), rows[2].places(second, curve)));
        }
        let rest = ([red, green, blue], [out_red, out_green, out_blue]);
        if QUARTERS {
            grade.row(|_, sample| compander.expand(sample), rest.0, rest.1);
        } else {
            grade.row(|channel, sample| super::limited(grade, channel, sample), rest.0, rest.1);
        }
    }

    impl MatrixRow {
        /// The places on the curve of 16 samples.
        #[target_feature(enable = "avx2")]
        fn places(self, [low, high]: [[__m256i; 2]; 2], curve: Curve) -> __m256i {
            _mm256_packus_epi32(curve.octaves(self.sum(low)), curve.octaves(self.sum(high)))
        }

        #[target_feature(enable = "avx2")]
        fn sum(self, [red_green, blue_one]: [__m256i; 2]) -> __m256i {
            let [first, second] = self.0;
            _mm256_add_epi32(_mm256_madd_epi16(red_green, first), _mm256_madd_epi16(blue_one, second))
        }
    }

    impl Curve {
        /// Octaves above black, 16 bits where they lie within the curve.
        #[target_feature(enable = "avx2")]
        fn octaves(self, sum: __m256i) -> __m256i {
            let bits = _mm256_castps_si256(_mm256_cvtepi32_ps(sum));
            _mm256_sub_epi32(_mm256_sra_epi32(bits, self.shift), self.base)
        }

        /// The codes of twice 16 places.
        #[target_feature(enable = "avx2")]
        fn codes(self, first: __m256i, second: __m256i) -> __m256i {
            let pieces = _mm256_packus_epi16(_mm256_srli_epi16::<12>(first), _mm256_srli_epi16::<12>(second));
            let (start, slope, bend) =
                (look(self.start, pieces), look(self.slope, pieces), look(self.bend, pieces));
            let codes = _mm256_packus_epi16(
                parabola(first, start[0], slope[0], bend[0]),
                parabola(second, start[1], slope[1], bend[1]),
            );
            _mm256_permute4x64_epi64::<0b11_01_10_00>(codes)
        }
    }

    #[target_feature(enable = "avx2")]
    fn parabola(place: __m256i, start: __m256i, slope: __m256i, bend: __m256i) -> __m256i {
        let t = _mm256_and_si256(_mm256_slli_epi16::<3>(place), _mm256_set1_epi16(0x7fc0));
        let slope = _mm256_add_epi16(slope, _mm256_mulhrs_epi16(t, bend));
        _mm256_mulhrs_epi16(_mm256_add_epi16(start, _mm256_mulhrs_epi16(t, slope)), _mm256_set1_epi16(1 << 8))
    }

    /// The numbers of 32 pieces, in the order of packing.
    #[target_feature(enable = "avx2")]
    fn look([low, high]: Part, pieces: __m256i) -> [__m256i; 2] {
        let (low, high) = (_mm256_shuffle_epi8(low, pieces), _mm256_shuffle_epi8(high, pieces));
        [_mm256_unpacklo_epi8(low, high), _mm256_unpackhi_epi8(low, high)]
    }

    #[target_feature(enable = "avx2")]
    fn curve(tone: &Tone) -> Curve {
        let [start, slope, bend] = &tone.pieces;
        Curve {
            shift: _mm_cvtsi32_si128(tone.shift as i32),
            base: _mm256_set1_epi32(tone.base),
            start: part(start),
            slope: part(slope),
            bend: part(bend),
        }
    }

    #[target_feature(enable = "avx2")]
    fn part(numbers: &[i16; PIECES]) -> Part {
        [bytes(numbers, 0), bytes(numbers, 8)]
    }

    /// One byte of each number, in both lanes.
    #[target_feature(enable = "avx2")]
    fn bytes(numbers: &[i16; PIECES], shift: u32) -> __m256i {
        let mut bytes = [0; PIECES];
        for (byte, number) in bytes.iter_mut().zip(numbers) {
            *byte = (number >> shift) as u8;
        }
        // SAFETY: `bytes` is 16 bytes; alignment is not asked for.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
    }

    #[target_feature(enable = "avx2")]
    fn pair(first: i16, second: i16) -> __m256i {
        _mm256_set1_epi32(i32::from(second) << 16 | i32::from(first as u16))
    }

    /// 16 pixels in pairs of red and green, of blue and one: the lower halves of both lanes, then the upper ones.
    #[target_feature(enable = "avx2")]
    fn paired(red: __m256i, green: __m256i, blue: __m256i, one: __m256i) -> [[__m256i; 2]; 2] {
        [
            [_mm256_unpacklo_epi16(red, green), _mm256_unpacklo_epi16(blue, one)],
            [_mm256_unpackhi_epi16(red, green), _mm256_unpackhi_epi16(blue, one)],
        ]
    }

    /// Samples to light: quarters are expanded, light is limited.
    #[derive(Clone, Copy)]
    struct Light<const QUARTERS: bool> {
        step: __m256i,
        start: __m256i,
        zero: __m256i,
        limit: __m256i,
    }

    impl<const QUARTERS: bool> Light<QUARTERS> {
        #[target_feature(enable = "avx2")]
        fn new(compander: Compander, limit: i16) -> Light<QUARTERS> {
            Light {
                step: _mm256_set1_epi16(STEP),
                start: _mm256_set1_epi16(compander.start),
                zero: _mm256_set1_epi16(compander.zero),
                limit: _mm256_set1_epi16(limit),
            }
        }

        /// The light of 16 samples and of the next 16.
        #[target_feature(enable = "avx2")]
        fn of(self, samples: &[u16; 32]) -> [__m256i; 2] {
            let (halves, _) = samples.as_chunks::<16>();
            [self.expanded(load(&halves[0])), self.expanded(load(&halves[1]))]
        }

        #[target_feature(enable = "avx2")]
        fn expanded(self, samples: __m256i) -> __m256i {
            if !QUARTERS {
                return _mm256_min_epi16(_mm256_srli_epi16::<1>(samples), self.limit);
            }
            let root = _mm256_add_epi16(_mm256_mullo_epi16(samples, self.step), self.start);
            _mm256_sub_epi16(_mm256_mulhrs_epi16(root, root), self.zero)
        }
    }

    /// Asks for the line three rows of `n` on: where a picture's rows of red, green and blue lie behind each other, that is
    /// the same place of the next one.
    #[target_feature(enable = "avx2")]
    // A later standard library than the oldest supported one has it safe.
    #[allow(unused_unsafe)]
    fn next_row(samples: &[u16; 32], n: usize) {
        // SAFETY: a prefetch reads nothing that the program can see and never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(samples.as_ptr().wrapping_add(3 * n).cast()) };
    }

    #[target_feature(enable = "avx2")]
    fn load(samples: &[u16; 16]) -> __m256i {
        // SAFETY: `samples` is 32 bytes; alignment is not asked for.
        unsafe { _mm256_loadu_si256(samples.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn store(to: &mut [u8; 32], codes: __m256i) {
        // SAFETY: `to` is 32 bytes; alignment is not asked for.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), codes) };
    }
}
