//! Six half rows of quarters to interleaved RGB of 16-bit linear codes.
//!
//! As for 8 bits the compiler does well by the loop on aarch64 alone; 6 bytes a pixel make it more worth while to go past
//! the caches.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::Level;
use super::Simd;
use super::rgb8::Store;
use crate::compand::Expansion;
use crate::tier::Halves;

/// Interleaves to `out`, 3 samples a pixel; a fence must follow what is streamed.
///
/// # Panics
/// Where a half is too short for the pixels of `out`.
pub(crate) fn interleave(
    simd: Simd,
    expansion: Expansion,
    halves: Halves<'_, u16>,
    out: &mut [u16],
    store: Store,
) {
    let (halves, out) = match (simd.level(), store) {
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, Store::Cached) => {
            // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
            unsafe { avx2::turns::<false>(expansion, halves, out) }
        }
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, Store::Streamed) => {
            let (head, out) = out.split_at_mut(avx2::unaligned_samples(out));
            plain(expansion, halves, head);
            // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
            unsafe { avx2::turns::<true>(expansion, skip(halves, head.len() / 3), out) }
        }
        _ => (halves, out),
    };
    plain(expansion, halves, out);
}

fn plain(expansion: Expansion, [even, odd]: Halves<'_, u16>, out: &mut [u16]) {
    let (pairs, rest) = out.as_chunks_mut::<6>();
    let n = pairs.len();
    let ([r0, g0, b0], [r1, g1, b1]) = (even.map(|half| &half[..n]), odd.map(|half| &half[..n]));
    for (i, pair) in pairs.iter_mut().enumerate() {
        *pair = [r0[i], g0[i], b0[i], r1[i], g1[i], b1[i]].map(|quarters| expansion.code(quarters));
    }
    for (sample, half) in rest.iter_mut().zip(even) {
        *sample = expansion.code(half[n]);
    }
}

#[cfg(target_arch = "x86_64")]
/// The same row from pixel `first` on: after an odd number of pixels the halves have changed places.
fn skip([even, odd]: Halves<'_, u16>, first: usize) -> Halves<'_, u16> {
    let even = even.map(|half| &half[first.div_ceil(2)..]);
    let odd = odd.map(|half| &half[first / 2..]);
    if first.is_multiple_of(2) { [even, odd] } else { [odd, even] }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_cvtsi32_si128, _mm256_add_epi16, _mm256_blend_epi16, _mm256_loadu_si256,
        _mm256_mulhrs_epi16, _mm256_mullo_epi16, _mm256_or_si256, _mm256_permute2x128_si256,
        _mm256_set1_epi16, _mm256_shuffle_epi8, _mm256_sll_epi16, _mm256_srl_epi16, _mm256_storeu_si256,
        _mm256_stream_si256, _mm256_sub_epi16, _mm256_unpackhi_epi16, _mm256_unpacklo_epi16,
    };

    use super::{Halves, skip};
    use crate::compand::{Expansion, STEP};

    /// Pixels that one turn takes: a vector of each half.
    const PIXELS: usize = 32;

    /// Where the samples of channel `c` go: pixel `i` of 8 to word `(3 i + c) % 8` of one of three vectors.
    const PLACES: [[u8; 32]; 3] = {
        let mut places = [[0; 32]; 3];
        let mut index = 0;
        while index < 3 * 32 {
            let (channel, byte) = (index / 32, index % 32);
            // 3 is its own inverse modulo 8.
            let pixel = (byte % 16 / 2 + 8 - channel) * 3 % 8;
            places[channel][byte] = (2 * pixel + byte % 2) as u8;
            index += 1;
        }
        places
    };

    /// An expansion in all lanes.
    #[derive(Clone, Copy)]
    struct Lanes {
        step: __m256i,
        start: __m256i,
        zero: __m256i,
        factor: __m256i,
        up: __m128i,
        down: __m128i,
    }

    impl Lanes {
        #[target_feature(enable = "avx2")]
        fn new(expansion: Expansion) -> Lanes {
            Lanes {
                step: _mm256_set1_epi16(STEP),
                start: _mm256_set1_epi16(expansion.compander.start),
                zero: _mm256_set1_epi16(expansion.compander.zero),
                factor: _mm256_set1_epi16(expansion.factor),
                up: _mm_cvtsi32_si128(expansion.up as i32),
                down: _mm_cvtsi32_si128(expansion.down as i32),
            }
        }

        /// As [`Expansion::code`].
        #[target_feature(enable = "avx2")]
        fn codes(self, quarters: &[u16; 16]) -> __m256i {
            let root = _mm256_add_epi16(_mm256_mullo_epi16(load(quarters), self.step), self.start);
            let light = _mm256_sub_epi16(_mm256_mulhrs_epi16(root, root), self.zero);
            let code = _mm256_mulhrs_epi16(light, self.factor);
            _mm256_or_si256(_mm256_sll_epi16(code, self.up), _mm256_srl_epi16(code, self.down))
        }
    }

    /// The samples of whole pixels up to a multiple of 32 bytes, or all where there is none.
    pub(super) fn unaligned_samples(out: &[u16]) -> usize {
        // Pixels of 6 bytes: 11 is the inverse of 3 modulo 16.
        let pixels = out.as_ptr().align_offset(32).saturating_mul(11) % 16;
        (3 * pixels).min(out.len())
    }

    /// Interleaves whole turns and gives back the rest.
    ///
    /// # Panics
    /// Where halves are shorter than that.
    #[target_feature(enable = "avx2")]
    pub(super) fn turns<'a, 'b, const STREAMED: bool>(
        expansion: Expansion,
        halves: Halves<'a, u16>,
        out: &'b mut [u16],
    ) -> (Halves<'a, u16>, &'b mut [u16]) {
        let (turns, rest) = out.as_chunks_mut::<{ 3 * PIXELS }>();
        let n = turns.len();
        let [[r0, g0, b0], [r1, g1, b1]] =
            halves.map(|half| half.map(|channel| &channel.as_chunks::<16>().0[..n]));
        let lanes = Lanes::new(expansion);
        let places = [load_bytes(&PLACES[0]), load_bytes(&PLACES[1]), load_bytes(&PLACES[2])];
        for (i, out) in turns.iter_mut().enumerate() {
            let red = channel(lanes.codes(&r0[i]), lanes.codes(&r1[i]), places[0]);
            let green = channel(lanes.codes(&g0[i]), lanes.codes(&g1[i]), places[1]);
            let blue = channel(lanes.codes(&b0[i]), lanes.codes(&b1[i]), places[2]);
            // 8 of the first 16 pixels and 8 of the last in each.
            let [a, b, c] = merge([red[0], green[0], blue[0]]);
            let [d, e, f] = merge([red[1], green[1], blue[1]]);
            let (to, _) = out.as_chunks_mut::<16>();
            store::<STREAMED>(&mut to[0], _mm256_permute2x128_si256::<0x20>(a, b));
            store::<STREAMED>(&mut to[1], _mm256_permute2x128_si256::<0x20>(c, d));
            store::<STREAMED>(&mut to[2], _mm256_permute2x128_si256::<0x20>(e, f));
            store::<STREAMED>(&mut to[3], _mm256_permute2x128_si256::<0x31>(a, b));
            store::<STREAMED>(&mut to[4], _mm256_permute2x128_si256::<0x31>(c, d));
            store::<STREAMED>(&mut to[5], _mm256_permute2x128_si256::<0x31>(e, f));
        }
        (skip(halves, n * PIXELS), rest)
    }

    /// 32 samples, 0 to 7 and 16 to 23 in one vector, those of each lane on their places.
    #[target_feature(enable = "avx2")]
    fn channel(even: __m256i, odd: __m256i, places: __m256i) -> [__m256i; 2] {
        [
            _mm256_shuffle_epi8(_mm256_unpacklo_epi16(even, odd), places),
            _mm256_shuffle_epi8(_mm256_unpackhi_epi16(even, odd), places),
        ]
    }

    /// Three vectors of RGB from one of each channel, by lane: word `p` of vector `k` is of channel `(8 k + p) % 3`.
    #[target_feature(enable = "avx2")]
    fn merge([r, g, b]: [__m256i; 3]) -> [__m256i; 3] {
        [
            _mm256_blend_epi16::<0b0010_0100>(_mm256_blend_epi16::<0b1001_0010>(r, g), b),
            _mm256_blend_epi16::<0b0100_1001>(_mm256_blend_epi16::<0b0010_0100>(r, g), b),
            _mm256_blend_epi16::<0b1001_0010>(_mm256_blend_epi16::<0b0100_1001>(r, g), b),
        ]
    }

    /// Stores a vector; one that is to be streamed to any other place than a multiple of 32 is stored as usual.
    #[target_feature(enable = "avx2")]
    fn store<const STREAMED: bool>(to: &mut [u16; 16], vector: __m256i) {
        let to = to.as_mut_ptr().cast::<__m256i>();
        if STREAMED && to.is_aligned() {
            // SAFETY: `to` is 32 bytes at a multiple of 32, as just checked.
            unsafe { _mm256_stream_si256(to, vector) };
        } else {
            // SAFETY: `to` is 32 bytes; alignment is not asked for.
            unsafe { _mm256_storeu_si256(to, vector) };
        }
    }

    #[target_feature(enable = "avx2")]
    fn load(samples: &[u16; 16]) -> __m256i {
        // SAFETY: `samples` is 32 bytes; alignment is not asked for.
        unsafe { _mm256_loadu_si256(samples.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn load_bytes(bytes: &[u8; 32]) -> __m256i {
        // SAFETY: `bytes` is 32 bytes; alignment is not asked for.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }
}
