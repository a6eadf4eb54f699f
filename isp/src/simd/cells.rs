//! Two rows of codes to a row of 2x2 cells.
//!
//! Columns come apart by themselves where a vector of 16-bit codes is taken as 32-bit lanes, which the products need
//! anyway: the compiler sorts first, and takes four times as long.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::Level;
use super::Simd;
use crate::CfaPattern;
use crate::level::Level as Level16;

/// Red, green (the mean of both, rounded half up) and blue of cells, as many as every slice has.
pub(crate) fn rgb(
    simd: Simd,
    level: Level16,
    pattern: CfaPattern,
    rows: [&[u16]; 2],
    [red, green, blue]: [&mut [u16]; 3],
) {
    let [upper, lower] = rows.map(|row| row.as_chunks::<2>().0);
    let n = upper.len().min(lower.len()).min(red.len()).min(green.len()).min(blue.len());
    let rows = [&upper[..n], &lower[..n]];
    let (red, green, blue) = (&mut red[..n], &mut green[..n], &mut blue[..n]);
    match pattern {
        CfaPattern::Rggb => by_green::<false>(simd, level, rows, red, green, blue),
        CfaPattern::Bggr => by_green::<false>(simd, level, rows, blue, green, red),
        CfaPattern::Grbg => by_green::<true>(simd, level, rows, red, green, blue),
        CfaPattern::Gbrg => by_green::<true>(simd, level, rows, blue, green, red),
    }
}

/// By the place of green: whether it is the first of the upper row. The colour of that row comes first.
fn by_green<const FIRST: bool>(
    simd: Simd,
    level: Level16,
    rows: [&[[u16; 2]]; 2],
    above: &mut [u16],
    green: &mut [u16],
    below: &mut [u16],
) {
    let done = match simd.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
            unsafe { avx2::turns::<FIRST>(level, rows, above, green, below) }
        }
        _ => 0,
    };
    let [upper, lower] = rows.map(|row| &row[done..]);
    let (above, green, below) = (&mut above[done..], &mut green[done..], &mut below[done..]);
    for (i, (upper, lower)) in upper.iter().zip(lower).enumerate() {
        let ([a, b], [c, d]) = (upper.map(|code| level.apply(code)), lower.map(|code| level.apply(code)));
        let (own, greens) = if FIRST { ([b, c], [a, d]) } else { ([a, d], [b, c]) };
        [above[i], below[i]] = own;
        green[i] = ((u32::from(greens[0]) + u32::from(greens[1]) + 1) >> 1) as u16;
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _MM_HINT_ET0, _MM_HINT_T0, _mm_cvtsi32_si128, _mm_prefetch, _mm256_add_epi32,
        _mm256_and_si256, _mm256_avg_epu16, _mm256_loadu_si256, _mm256_min_epu16, _mm256_mullo_epi32,
        _mm256_packus_epi32, _mm256_permute4x64_epi64, _mm256_set1_epi16, _mm256_set1_epi32,
        _mm256_srl_epi32, _mm256_srli_epi32, _mm256_storeu_si256, _mm256_subs_epu16,
    };

    use crate::level::{Level, half};

    /// Bytes between what is read and what is asked for.
    const AHEAD: usize = 2048;

    /// A level in all lanes.
    #[derive(Clone, Copy)]
    struct Lanes {
        black: __m256i,
        full: __m256i,
        factor: __m256i,
        half: __m256i,
        shift: __m128i,
    }

    impl Lanes {
        #[target_feature(enable = "avx2")]
        fn new(level: Level) -> Lanes {
            Lanes {
                black: _mm256_set1_epi16(level.black as i16),
                full: _mm256_set1_epi16(level.full as i16),
                factor: _mm256_set1_epi32(i32::from(level.factor)),
                half: _mm256_set1_epi32(half(level.shift) as i32),
                shift: _mm_cvtsi32_si128(level.shift as i32),
            }
        }

        /// 16 pairs by column, in the order of packing. What is past full scale is saturated by packing.
        #[target_feature(enable = "avx2")]
        fn columns(self, pairs: &[[u16; 2]; 16]) -> [__m256i; 2] {
            let (halves, _) = pairs.as_chunks::<8>();
            let (first, second) = (self.above(&halves[0]), self.above(&halves[1]));
            let low = _mm256_set1_epi32(0xffff);
            let even = _mm256_packus_epi32(
                self.scaled(_mm256_and_si256(first, low)),
                self.scaled(_mm256_and_si256(second, low)),
            );
            let odd = _mm256_packus_epi32(
                self.scaled(_mm256_srli_epi32::<16>(first)),
                self.scaled(_mm256_srli_epi32::<16>(second)),
            );
            [even, odd]
        }

        #[target_feature(enable = "avx2")]
        fn above(self, pairs: &[[u16; 2]; 8]) -> __m256i {
            // SAFETY: `pairs` is 32 bytes; alignment is not asked for.
            let codes = unsafe { _mm256_loadu_si256(pairs.as_ptr().cast()) };
            _mm256_min_epu16(_mm256_subs_epu16(codes, self.black), self.full)
        }

        #[target_feature(enable = "avx2")]
        fn scaled(self, above: __m256i) -> __m256i {
            _mm256_srl_epi32(_mm256_add_epi32(_mm256_mullo_epi32(above, self.factor), self.half), self.shift)
        }
    }

    /// Whole turns of 16 cells; says how many cells they were.
    #[target_feature(enable = "avx2")]
    pub(super) fn turns<const FIRST: bool>(
        level: Level,
        [upper, lower]: [&[[u16; 2]]; 2],
        above: &mut [u16],
        green: &mut [u16],
        below: &mut [u16],
    ) -> usize {
        let lanes = Lanes::new(level);
        let rows = upper.as_chunks::<16>().0.iter().zip(lower.as_chunks::<16>().0);
        let (above, green, below) =
            (above.as_chunks_mut::<16>().0, green.as_chunks_mut::<16>().0, below.as_chunks_mut::<16>().0);
        let turns = above.len();
        let out = above.iter_mut().zip(green).zip(below);
        let mut done = 0;
        for ((upper, lower), ((above, green), below)) in rows.zip(out) {
            prefetch(upper);
            prefetch(lower);
            next_row(above, turns);
            next_row(green, turns);
            next_row(below, turns);
            let ([a, b], [c, d]) = (lanes.columns(upper), lanes.columns(lower));
            let (own, greens) = if FIRST { ([b, c], [a, d]) } else { ([a, d], [b, c]) };
            store(above, own[0]);
            store(green, _mm256_avg_epu16(greens[0], greens[1]));
            store(below, own[1]);
            done += 16;
        }
        done
    }

    /// Asks for the line [`AHEAD`].
    #[target_feature(enable = "avx2")]
    // A later standard library than the oldest supported one has it safe.
    #[allow(unused_unsafe)]
    fn prefetch(pairs: &[[u16; 2]; 16]) {
        // SAFETY: a prefetch reads nothing that the program can see and never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(pairs.as_ptr().cast::<i8>().wrapping_add(AHEAD)) };
    }

    /// Asks for the line that will be written three rows of `turns` on: where a picture's rows of red, green and blue lie
    /// behind each other, that is the same place of the next one.
    #[target_feature(enable = "avx2")]
    // A later standard library than the oldest supported one has it safe.
    #[allow(unused_unsafe)]
    fn next_row(samples: &[u16; 16], turns: usize) {
        // SAFETY: a prefetch reads nothing that the program can see and never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(samples.as_ptr().wrapping_add(48 * turns).cast()) };
    }

    /// Stores 16 samples, the order of packing undone.
    #[target_feature(enable = "avx2")]
    fn store(to: &mut [u16; 16], packed: __m256i) {
        let samples = _mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
        // SAFETY: `to` is 32 bytes; alignment is not asked for.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), samples) };
    }
}
