//! 8-bit red, green and blue to luma and chroma.
//!
//! The compiler knows that a lifted byte has zeros below, moves the lift into the weights, and is left with products of 32
//! bits: with AVX2 the hand-written loop, a rounded 15-bit product each, is four times as fast.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::Level;
use super::Simd;
use crate::yuv::{Encoding, encode};

/// Luma of a half row, as many samples as `out` has.
///
/// # Panics
/// Where a colour has fewer.
pub(crate) fn luma(simd: Simd, encoding: &Encoding, rgb: [&[u8]; 3], out: &mut [u8]) {
    let done = match simd.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
            unsafe { avx2::luma(encoding, rgb, out) }
        }
        _ => 0,
    };
    encode::luma(encoding, rgb.map(|plane| &plane[done..]), &mut out[done..]);
}

/// Cb and Cr of cells of 2x2 from the sums of pairs in their upper and their lower row.
///
/// # Panics
/// Where there are fewer sums than samples of `cb` and `cr`.
pub(crate) fn chroma(
    simd: Simd,
    encoding: &Encoding,
    upper: [&[u16]; 3],
    lower: [&[u16]; 3],
    [cb, cr]: [&mut [u8]; 2],
) {
    let done = match simd.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
            unsafe { avx2::chroma(encoding, upper, lower, cb, cr) }
        }
        _ => 0,
    };
    let [upper, lower] = [upper, lower].map(|rows| rows.map(|row| &row[done..]));
    encode::chroma(encoding, upper, lower, [&mut cb[done..], &mut cr[done..]]);
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi16, _mm256_loadu_si256, _mm256_mulhrs_epi16, _mm256_packus_epi16,
        _mm256_permute4x64_epi64, _mm256_set1_epi16, _mm256_setzero_si256, _mm256_slli_epi16,
        _mm256_srai_epi16, _mm256_srli_epi16, _mm256_storeu_si256, _mm256_unpackhi_epi8,
        _mm256_unpacklo_epi8,
    };

    use crate::yuv::Encoding;
    use crate::yuv::encode::HALF;

    /// Weights of red, green and blue, and a code that is added.
    #[derive(Clone, Copy)]
    struct Weights([__m256i; 3], __m256i);

    impl Weights {
        #[target_feature(enable = "avx2")]
        fn new([red, green, blue]: [i16; 3], code: i16) -> Weights {
            let weights = [_mm256_set1_epi16(red), _mm256_set1_epi16(green), _mm256_set1_epi16(blue)];
            Weights(weights, _mm256_set1_epi16(code))
        }

        /// 16 samples in 128ths to codes.
        #[target_feature(enable = "avx2")]
        fn code(self, [red, green, blue]: [__m256i; 3]) -> __m256i {
            let Weights(weights, code) = self;
            let red_green = _mm256_add_epi16(
                _mm256_mulhrs_epi16(red, weights[0]),
                _mm256_mulhrs_epi16(green, weights[1]),
            );
            let blue = _mm256_add_epi16(_mm256_mulhrs_epi16(blue, weights[2]), _mm256_set1_epi16(HALF));
            _mm256_add_epi16(_mm256_srai_epi16::<7>(_mm256_add_epi16(red_green, blue)), code)
        }
    }

    /// Whole turns of 32 samples; says how many samples they were.
    #[target_feature(enable = "avx2")]
    pub(super) fn luma(encoding: &Encoding, [red, green, blue]: [&[u8]; 3], out: &mut [u8]) -> usize {
        let weights = Weights::new(encoding.luma, encoding.black);
        let (turns, _) = out.as_chunks_mut::<32>();
        let done = 32 * turns.len();
        let (reds, greens, blues) =
            (&red[..done].as_chunks().0, &green[..done].as_chunks().0, &blue[..done].as_chunks().0);
        for (i, to) in turns.iter_mut().enumerate() {
            let (red, green, blue) = (lifted(&reds[i]), lifted(&greens[i]), lifted(&blues[i]));
            let low = weights.code([red[0], green[0], blue[0]]);
            let high = weights.code([red[1], green[1], blue[1]]);
            store(to, _mm256_packus_epi16(low, high));
        }
        done
    }

    /// Whole turns of 32 samples; says how many samples they were.
    #[target_feature(enable = "avx2")]
    pub(super) fn chroma(
        encoding: &Encoding,
        [red, green, blue]: [&[u16]; 3],
        [red_below, green_below, blue_below]: [&[u16]; 3],
        cb: &mut [u8],
        cr: &mut [u8],
    ) -> usize {
        let (to_cb, to_cr) = (Weights::new(encoding.cb, 128), Weights::new(encoding.cr, 128));
        let (cbs, _) = cb.as_chunks_mut::<32>();
        let done = 32 * cbs.len();
        let crs = cr[..done].as_chunks_mut().0;
        let (reds, greens, blues) =
            (&red[..done].as_chunks().0, &green[..done].as_chunks().0, &blue[..done].as_chunks().0);
        let (reds_below, greens_below, blues_below) = (
            &red_below[..done].as_chunks().0,
            &green_below[..done].as_chunks().0,
            &blue_below[..done].as_chunks().0,
        );
        for (i, (cb, cr)) in cbs.iter_mut().zip(crs).enumerate() {
            let red = sums(&reds[i], &reds_below[i]);
            let green = sums(&greens[i], &greens_below[i]);
            let blue = sums(&blues[i], &blues_below[i]);
            let (low, high) = ([red[0], green[0], blue[0]], [red[1], green[1], blue[1]]);
            // Packing limits codes to 0..=255.
            let cbs = _mm256_packus_epi16(to_cb.code(low), to_cb.code(high));
            let crs = _mm256_packus_epi16(to_cr.code(low), to_cr.code(high));
            store(cb, _mm256_permute4x64_epi64::<0b11_01_10_00>(cbs));
            store(cr, _mm256_permute4x64_epi64::<0b11_01_10_00>(crs));
        }
        done
    }

    /// 32 bytes in 128ths: the lower halves of both lanes, then the upper ones.
    #[target_feature(enable = "avx2")]
    fn lifted(bytes: &[u8; 32]) -> [__m256i; 2] {
        // SAFETY: `bytes` is 32 bytes; alignment is not asked for.
        let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        let zero = _mm256_setzero_si256();
        [
            _mm256_srli_epi16::<1>(_mm256_unpacklo_epi8(zero, bytes)),
            _mm256_srli_epi16::<1>(_mm256_unpackhi_epi8(zero, bytes)),
        ]
    }

    /// Sums of four in 128ths of their mean, 16 and the next 16.
    #[target_feature(enable = "avx2")]
    fn sums(upper: &[u16; 32], lower: &[u16; 32]) -> [__m256i; 2] {
        let (upper, _) = upper.as_chunks::<16>();
        let (lower, _) = lower.as_chunks::<16>();
        [
            _mm256_slli_epi16::<5>(_mm256_add_epi16(load(&upper[0]), load(&lower[0]))),
            _mm256_slli_epi16::<5>(_mm256_add_epi16(load(&upper[1]), load(&lower[1]))),
        ]
    }

    #[target_feature(enable = "avx2")]
    fn load(sums: &[u16; 16]) -> __m256i {
        // SAFETY: `sums` is 32 bytes; alignment is not asked for.
        unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn store(to: &mut [u8; 32], codes: __m256i) {
        // SAFETY: `to` is 32 bytes; alignment is not asked for.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), codes) };
    }
}
