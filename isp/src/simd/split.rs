//! A row of codes to working samples, even columns apart from odd ones.
//!
//! The compiler does well by the loop on aarch64 and badly on x86, where it takes pairs apart before it scales them:
//! with AVX2 the hand-written order (scale, then sort by column) is three times as fast.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::Level;
use super::Simd;
use crate::compand::{self, Compression};
use crate::scale::{self, Scale};

/// Splits codes into 8-bit halves of even and odd columns.
pub(crate) fn to_8(simd: Simd, codes: &[u16], scale: Scale, [even, odd]: [&mut [u8]; 2]) {
    let done = match simd.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
            unsafe { avx2::to_8(codes, scale, even, odd) }
        }
        _ => 0,
    };
    scale::split_8(&codes[2 * done..], scale, [&mut even[done..], &mut odd[done..]]);
}

/// Splits codes into halves of quarters of even and odd columns.
pub(crate) fn to_quarters(simd: Simd, codes: &[u16], scale: Scale, [even, odd]: [&mut [u16]; 2]) {
    let done = match simd.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
            unsafe { avx2::to_quarters(codes, scale, even, odd) }
        }
        _ => 0,
    };
    scale::split_quarters(&codes[2 * done..], scale, [&mut even[done..], &mut odd[done..]]);
}

/// Splits codes into halves of compressed quarters, even and odd columns with a compression each.
pub(crate) fn compressed(
    simd: Simd,
    codes: &[u16],
    compressions: [&Compression; 2],
    [even, odd]: [&mut [u16]; 2],
) {
    let done = match simd.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
            unsafe { avx2::compressed(codes, compressions, even, odd) }
        }
        _ => 0,
    };
    compand::split(&codes[2 * done..], compressions, [&mut even[done..], &mut odd[done..]]);
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256, __m256i, _MM_HINT_T0, _mm_cvtsi32_si128, _mm_prefetch, _mm256_add_ps,
        _mm256_and_si256, _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_loadu_si256, _mm256_min_epu16,
        _mm256_min_ps, _mm256_mul_ps, _mm256_mulhrs_epi16, _mm256_packus_epi16, _mm256_packus_epi32,
        _mm256_permute4x64_epi64, _mm256_permutevar8x32_epi32, _mm256_set1_epi16, _mm256_set1_epi32,
        _mm256_set1_ps, _mm256_setr_epi32, _mm256_sll_epi16, _mm256_sqrt_ps, _mm256_srl_epi16,
        _mm256_srli_epi16, _mm256_srli_epi32, _mm256_storeu_si256, _mm256_sub_ps, _mm256_subs_epu16,
    };

    use crate::compand::Compression;
    use crate::scale::{QUARTERS, Scale};

    /// Bytes between what is split and what is asked for: past the end of a row that is the start of the next.
    const AHEAD: usize = 4096;

    /// A scale in all lanes.
    #[derive(Clone, Copy)]
    struct Lanes {
        black: __m256i,
        full: __m256i,
        up: __m128i,
        down: __m128i,
        factor: __m256i,
        last: __m256i,
    }

    impl Lanes {
        /// For results whose last step is a rounded product by `last`.
        #[target_feature(enable = "avx2")]
        fn new(scale: Scale, last: i16) -> Lanes {
            Lanes {
                black: _mm256_set1_epi16(scale.black as i16),
                full: _mm256_set1_epi16(scale.full as i16),
                up: _mm_cvtsi32_si128(scale.up as i32),
                down: _mm_cvtsi32_si128(scale.down as i32),
                factor: _mm256_set1_epi16(scale.factor),
                last: _mm256_set1_epi16(last),
            }
        }

        /// 16 codes, as `Scale::eight_bits` and `Scale::quarters`.
        ///
        /// Not with `_mm256_mulhi_epu16`: the compiler knows what that is, and takes it apart where a factor does not
        /// change.
        #[target_feature(enable = "avx2")]
        fn scaled(self, codes: &[u16; 16]) -> __m256i {
            let above = _mm256_min_epu16(_mm256_subs_epu16(load(codes), self.black), self.full);
            let lifted = _mm256_srl_epi16(_mm256_sll_epi16(above, self.up), self.down);
            _mm256_mulhrs_epi16(_mm256_mulhrs_epi16(lifted, self.factor), self.last)
        }
    }

    /// Splits whole turns of 64 codes and says how many pairs they were.
    #[target_feature(enable = "avx2")]
    pub(super) fn to_8(codes: &[u16], scale: Scale, even: &mut [u8], odd: &mut [u8]) -> usize {
        let (lanes, low) = (Lanes::new(scale, 1 << 9), _mm256_set1_epi16(0xff));
        // Packing takes turns by lane: four bytes of each code's vector in the lower lane, then in the upper one.
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        let evens = even.as_chunks_mut::<32>().0;
        let odds = odd.as_chunks_mut::<32>().0;
        let mut done = 0;
        for ((codes, even), odd) in codes.as_chunks::<64>().0.iter().zip(evens).zip(odds) {
            prefetch(codes);
            let (codes, _) = codes.as_chunks::<16>();
            let ab = _mm256_packus_epi16(lanes.scaled(&codes[0]), lanes.scaled(&codes[1]));
            let cd = _mm256_packus_epi16(lanes.scaled(&codes[2]), lanes.scaled(&codes[3]));
            let evens = _mm256_packus_epi16(_mm256_and_si256(ab, low), _mm256_and_si256(cd, low));
            let odds = _mm256_packus_epi16(_mm256_srli_epi16::<8>(ab), _mm256_srli_epi16::<8>(cd));
            let evens = _mm256_permutevar8x32_epi32(evens, order);
            let odds = _mm256_permutevar8x32_epi32(odds, order);
            // SAFETY: `even` is 32 bytes; alignment is not asked for.
            unsafe { _mm256_storeu_si256(even.as_mut_ptr().cast(), evens) };
            // SAFETY: `odd` is 32 bytes; alignment is not asked for.
            unsafe { _mm256_storeu_si256(odd.as_mut_ptr().cast(), odds) };
            done += 32;
        }
        done
    }

    /// Splits whole turns of 32 codes and says how many pairs they were.
    #[target_feature(enable = "avx2")]
    pub(super) fn to_quarters(codes: &[u16], scale: Scale, even: &mut [u16], odd: &mut [u16]) -> usize {
        let (lanes, low) = (Lanes::new(scale, 1 << 11), _mm256_set1_epi32(0xffff));
        let evens = even.as_chunks_mut::<16>().0;
        let odds = odd.as_chunks_mut::<16>().0;
        let mut done = 0;
        for ((codes, even), odd) in codes.as_chunks::<32>().0.iter().zip(evens).zip(odds) {
            prefetch(codes);
            let (codes, _) = codes.as_chunks::<16>();
            let (a, b) = (lanes.scaled(&codes[0]), lanes.scaled(&codes[1]));
            let evens = _mm256_packus_epi32(_mm256_and_si256(a, low), _mm256_and_si256(b, low));
            let odds = _mm256_packus_epi32(_mm256_srli_epi32::<16>(a), _mm256_srli_epi32::<16>(b));
            let (evens, odds) = (in_order(evens), in_order(odds));
            // SAFETY: `even` is 32 bytes; alignment is not asked for.
            unsafe { _mm256_storeu_si256(even.as_mut_ptr().cast(), evens) };
            // SAFETY: `odd` is 32 bytes; alignment is not asked for.
            unsafe { _mm256_storeu_si256(odd.as_mut_ptr().cast(), odds) };
            done += 16;
        }
        done
    }

    /// A compression in all lanes of 32 bits.
    #[derive(Clone, Copy)]
    struct Roots {
        scale: __m256,
        offset: __m256,
        step: __m256,
        start: __m256,
        most: __m256,
    }

    impl Roots {
        #[target_feature(enable = "avx2")]
        fn new(compression: &Compression) -> Roots {
            Roots {
                scale: _mm256_set1_ps(compression.scale),
                offset: _mm256_set1_ps(compression.offset),
                step: _mm256_set1_ps(compression.step),
                start: _mm256_set1_ps(compression.start),
                most: _mm256_set1_ps(f32::from(QUARTERS)),
            }
        }

        /// Distances from black to quarters, as `Compression::quarters`.
        #[target_feature(enable = "avx2")]
        fn quarters(self, above: __m256i) -> __m256i {
            let light = _mm256_mul_ps(_mm256_cvtepi32_ps(above), self.scale);
            let root = _mm256_sqrt_ps(_mm256_add_ps(light, self.offset));
            let quarters = _mm256_sub_ps(_mm256_mul_ps(root, self.step), self.start);
            _mm256_cvtps_epi32(_mm256_min_ps(quarters, self.most))
        }
    }

    /// Splits whole turns of 32 codes and says how many pairs they were.
    #[target_feature(enable = "avx2")]
    pub(super) fn compressed(
        codes: &[u16],
        [to_even, to_odd]: [&Compression; 2],
        even: &mut [u16],
        odd: &mut [u16],
    ) -> usize {
        let pair = |even: u16, odd: u16| _mm256_set1_epi32(i32::from(odd) << 16 | i32::from(even));
        let (black, full) = (pair(to_even.black, to_odd.black), pair(to_even.full, to_odd.full));
        let (to_even, to_odd) = (Roots::new(to_even), Roots::new(to_odd));
        let low = _mm256_set1_epi32(0xffff);
        let evens = even.as_chunks_mut::<16>().0;
        let odds = odd.as_chunks_mut::<16>().0;
        let mut done = 0;
        for ((codes, even), odd) in codes.as_chunks::<32>().0.iter().zip(evens).zip(odds) {
            prefetch(codes);
            let (codes, _) = codes.as_chunks::<16>();
            let a = _mm256_min_epu16(_mm256_subs_epu16(load(&codes[0]), black), full);
            let b = _mm256_min_epu16(_mm256_subs_epu16(load(&codes[1]), black), full);
            let evens = _mm256_packus_epi32(
                to_even.quarters(_mm256_and_si256(a, low)),
                to_even.quarters(_mm256_and_si256(b, low)),
            );
            let odds = _mm256_packus_epi32(
                to_odd.quarters(_mm256_srli_epi32::<16>(a)),
                to_odd.quarters(_mm256_srli_epi32::<16>(b)),
            );
            let (evens, odds) = (in_order(evens), in_order(odds));
            // SAFETY: `even` is 32 bytes; alignment is not asked for.
            unsafe { _mm256_storeu_si256(even.as_mut_ptr().cast(), evens) };
            // SAFETY: `odd` is 32 bytes; alignment is not asked for.
            unsafe { _mm256_storeu_si256(odd.as_mut_ptr().cast(), odds) };
            done += 16;
        }
        done
    }

    #[target_feature(enable = "avx2")]
    fn load(codes: &[u16; 16]) -> __m256i {
        // SAFETY: `codes` is 32 bytes; alignment is not asked for.
        unsafe { _mm256_loadu_si256(codes.as_ptr().cast()) }
    }

    /// Asks for what is [`AHEAD`] of `codes`, line by line. Rows are read in bursts with other work between, which
    /// the processor's own prefetching forgets each time.
    #[target_feature(enable = "avx2")]
    // A later standard library than the oldest supported one has it safe.
    #[allow(unused_unsafe)]
    fn prefetch<const N: usize>(codes: &[u16; N]) {
        let ahead = codes.as_ptr().cast::<i8>().wrapping_add(AHEAD);
        for line in 0..size_of_val(codes) / 64 {
            // SAFETY: a prefetch reads nothing that the program can see and never faults, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64 * line)) };
        }
    }

    /// Undoes the order of packing, which takes turns by lane.
    #[target_feature(enable = "avx2")]
    fn in_order(packed: __m256i) -> __m256i {
        _mm256_permute4x64_epi64::<0b11_01_10_00>(packed)
    }
}
