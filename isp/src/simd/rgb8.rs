//! Six half rows of 8-bit samples to interleaved RGB8.
//!
//! On aarch64 the plain loop becomes `st3`. On x86 the compiler makes a byte-wise mess of a stride of three, and
//! bursts of stores wait for their cache lines: with AVX2 the hand-written loop asks for them ahead, or goes past
//! the caches.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::Level;
use super::Simd;
use crate::tier::Halves;

/// How a row is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// Through the caches.
    Cached,
    /// Past the caches where the level can; [`fence`] must follow before other threads read it.
    Streamed,
}

/// Interleaves to `out`, 3 bytes a pixel.
///
/// # Panics
/// Where a half is too short for the pixels of `out`.
pub(crate) fn interleave(simd: Simd, halves: Halves<'_, u8>, out: &mut [u8], store: Store) {
    let (halves, out) = match (simd.level(), store) {
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, Store::Cached) => {
            // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
            unsafe { avx2::turns::<false>(halves, out) }
        }
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, Store::Streamed) => {
            let (head, out) = out.split_at_mut(avx2::unaligned_bytes(out));
            plain(halves, head);
            // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
            unsafe { avx2::turns::<true>(skip(halves, head.len() / 3), out) }
        }
        _ => (halves, out),
    };
    plain(halves, out);
}

/// Interleaves a row of three planes to `out`, 3 bytes a pixel.
///
/// # Panics
/// Where a plane is too short for the pixels of `out`.
pub(crate) fn interleave_planes(simd: Simd, planes: [&[u8]; 3], out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if simd.level() == Level::Avx2 {
        // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
        return unsafe { avx2::planes(planes, out) };
    }
    let _ = simd;
    plain_planes(planes, out);
}

fn plain_planes([red, green, blue]: [&[u8]; 3], out: &mut [u8]) {
    let (pixels, _) = out.as_chunks_mut::<3>();
    let n = pixels.len();
    let (red, green, blue) = (&red[..n], &green[..n], &blue[..n]);
    for (i, pixel) in pixels.iter_mut().enumerate() {
        *pixel = [red[i], green[i], blue[i]];
    }
}

/// Makes all that was streamed visible to other threads, as ordinary stores are.
pub(crate) fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

fn plain([even, odd]: Halves<'_, u8>, out: &mut [u8]) {
    let (pairs, rest) = out.as_chunks_mut::<6>();
    let n = pairs.len();
    let ([r0, g0, b0], [r1, g1, b1]) = (even.map(|half| &half[..n]), odd.map(|half| &half[..n]));
    for (i, pair) in pairs.iter_mut().enumerate() {
        *pair = [r0[i], g0[i], b0[i], r1[i], g1[i], b1[i]];
    }
    for (byte, half) in rest.iter_mut().zip(even) {
        *byte = half[n];
    }
}

#[cfg(target_arch = "x86_64")]
/// The same row from pixel `first` on: after an odd number of pixels the halves have changed places.
fn skip([even, odd]: Halves<'_, u8>, first: usize) -> Halves<'_, u8> {
    let even = even.map(|half| &half[first.div_ceil(2)..]);
    let odd = odd.map(|half| &half[first / 2..]);
    if first.is_multiple_of(2) { [even, odd] } else { [odd, even] }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _MM_HINT_ET0, _mm_prefetch, _mm256_blendv_epi8, _mm256_loadu_si256,
        _mm256_permute2x128_si256, _mm256_shuffle_epi8, _mm256_storeu_si256, _mm256_stream_si256,
        _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
    };

    use super::{Halves, skip};

    /// Pixels that one turn takes: a vector of each half.
    const PIXELS: usize = 64;

    /// Bytes between what is written and what is asked for.
    const AHEAD: usize = 2048;

    /// Where the bytes of channel `c` go: pixel `i` of 16 to byte `(3 i + c) % 16` of one of three vectors.
    const PLACES: [[u8; 32]; 3] = {
        let mut places = [[0; 32]; 3];
        let mut index = 0;
        while index < 3 * 32 {
            let (channel, byte) = (index / 32, index % 32);
            // 11 is the inverse of 3 modulo 16.
            places[channel][byte] = ((byte + 16 - channel) * 11 % 16) as u8;
            index += 1;
        }
        places
    };

    /// Which bytes of output vector `k` come from channel `c`: `TURNS[(c + 3 - k) % 3]`, byte `p` where
    /// `(16 k + p) % 3 == c`.
    const TURNS: [[u8; 32]; 3] = {
        let mut turns = [[0; 32]; 3];
        let mut index = 0;
        while index < 3 * 32 {
            let (turn, byte) = (index / 32, index % 32);
            turns[turn][byte] = if byte % 16 % 3 == turn { 0xff } else { 0 };
            index += 1;
        }
        turns
    };

    /// The bytes of whole pixels up to a multiple of 32, or all where there is none.
    pub(super) fn unaligned_bytes(out: &[u8]) -> usize {
        // 11 is the inverse of 3 modulo 32.
        let pixels = out.as_ptr().align_offset(32).saturating_mul(11) % 32;
        (3 * pixels).min(out.len())
    }

    /// Interleaves whole turns and gives back the rest.
    ///
    /// # Panics
    /// Where halves are shorter than that.
    #[target_feature(enable = "avx2")]
    pub(super) fn turns<'a, 'b, const STREAMED: bool>(
        halves: Halves<'a, u8>,
        out: &'b mut [u8],
    ) -> (Halves<'a, u8>, &'b mut [u8]) {
        let (turns, rest) = out.as_chunks_mut::<{ 3 * PIXELS }>();
        let n = turns.len();
        assert!(
            !STREAMED || n == 0 || turns.as_ptr().cast::<__m256i>().is_aligned(),
            "streams start aligned"
        );
        let [[r0, g0, b0], [r1, g1, b1]] =
            halves.map(|half| half.map(|channel| &channel.as_chunks::<32>().0[..n]));
        // Nothing of a turn goes through `array::map`: it is compiled without the level and would be called.
        let places = [load(&PLACES[0]), load(&PLACES[1]), load(&PLACES[2])];
        let masks = [load(&TURNS[0]), load(&TURNS[1]), load(&TURNS[2])];
        for (i, out) in turns.iter_mut().enumerate() {
            if !STREAMED {
                prefetch(out);
            }
            let red = channel(&r0[i], &r1[i], places[0]);
            let green = channel(&g0[i], &g1[i], places[1]);
            let blue = channel(&b0[i], &b1[i], places[2]);
            // 16 bytes of the first 32 pixels and 16 of the last in each.
            let [a, b, c] = merge([red[0], green[0], blue[0]], masks);
            let [d, e, f] = merge([red[1], green[1], blue[1]], masks);
            let (to, _) = out.as_chunks_mut::<32>();
            store::<STREAMED>(&mut to[0], _mm256_permute2x128_si256::<0x20>(a, b));
            store::<STREAMED>(&mut to[1], _mm256_permute2x128_si256::<0x20>(c, d));
            store::<STREAMED>(&mut to[2], _mm256_permute2x128_si256::<0x20>(e, f));
            store::<STREAMED>(&mut to[3], _mm256_permute2x128_si256::<0x31>(a, b));
            store::<STREAMED>(&mut to[4], _mm256_permute2x128_si256::<0x31>(c, d));
            store::<STREAMED>(&mut to[5], _mm256_permute2x128_si256::<0x31>(e, f));
        }
        (skip(halves, n * PIXELS), rest)
    }

    /// Interleaves a row of planes.
    #[target_feature(enable = "avx2")]
    pub(super) fn planes([red, green, blue]: [&[u8]; 3], out: &mut [u8]) {
        let (turns, rest) = out.as_chunks_mut::<96>();
        let done = turns.len();
        let ((reds, _), (greens, _), (blues, _)) =
            (red.as_chunks::<32>(), green.as_chunks::<32>(), blue.as_chunks::<32>());
        let (reds, greens, blues) = (&reds[..done], &greens[..done], &blues[..done]);
        let places = [load(&PLACES[0]), load(&PLACES[1]), load(&PLACES[2])];
        let masks = [load(&TURNS[0]), load(&TURNS[1]), load(&TURNS[2])];
        for (i, out) in turns.iter_mut().enumerate() {
            prefetch(out);
            let red = _mm256_shuffle_epi8(load(&reds[i]), places[0]);
            let green = _mm256_shuffle_epi8(load(&greens[i]), places[1]);
            let blue = _mm256_shuffle_epi8(load(&blues[i]), places[2]);
            let [a, b, c] = merge([red, green, blue], masks);
            let (to, _) = out.as_chunks_mut::<32>();
            store::<false>(&mut to[0], _mm256_permute2x128_si256::<0x20>(a, b));
            store::<false>(&mut to[1], _mm256_permute2x128_si256::<0x30>(c, a));
            store::<false>(&mut to[2], _mm256_permute2x128_si256::<0x31>(b, c));
        }
        super::plain_planes([&red[32 * done..], &green[32 * done..], &blue[32 * done..]], rest);
    }

    /// Stores a vector; one that is to be streamed to any other place than a multiple of 32 is stored as usual.
    #[target_feature(enable = "avx2")]
    fn store<const STREAMED: bool>(to: &mut [u8; 32], vector: __m256i) {
        let to = to.as_mut_ptr().cast::<__m256i>();
        if STREAMED && to.is_aligned() {
            // SAFETY: `to` is 32 bytes at a multiple of 32, as just checked.
            unsafe { _mm256_stream_si256(to, vector) };
        } else {
            // SAFETY: `to` is 32 bytes; alignment is not asked for.
            unsafe { _mm256_storeu_si256(to, vector) };
        }
    }

    /// 64 samples, 0 to 15 and 32 to 47 in one vector, those of each lane on their places.
    #[target_feature(enable = "avx2")]
    fn channel(even: &[u8; 32], odd: &[u8; 32], places: __m256i) -> [__m256i; 2] {
        let (even, odd) = (load(even), load(odd));
        [
            _mm256_shuffle_epi8(_mm256_unpacklo_epi8(even, odd), places),
            _mm256_shuffle_epi8(_mm256_unpackhi_epi8(even, odd), places),
        ]
    }

    /// Three vectors of RGB from one of each channel, by lane.
    #[target_feature(enable = "avx2")]
    fn merge([r, g, b]: [__m256i; 3], [first, second, third]: [__m256i; 3]) -> [__m256i; 3] {
        [
            _mm256_blendv_epi8(_mm256_blendv_epi8(r, g, second), b, third),
            _mm256_blendv_epi8(_mm256_blendv_epi8(r, g, first), b, second),
            _mm256_blendv_epi8(_mm256_blendv_epi8(r, g, third), b, first),
        ]
    }

    /// Asks for the lines [`AHEAD`] of `out` to write to.
    #[target_feature(enable = "avx2")]
    // A later standard library than the oldest supported one has it safe.
    #[allow(unused_unsafe)]
    fn prefetch<const N: usize>(out: &[u8; N]) {
        let ahead = out.as_ptr().cast::<i8>().wrapping_add(AHEAD);
        for line in 0..N.div_ceil(64) {
            // SAFETY: a prefetch reads nothing that the program can see and never faults, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_ET0>(ahead.wrapping_add(64 * line)) };
        }
    }

    #[target_feature(enable = "avx2")]
    fn load(bytes: &[u8; 32]) -> __m256i {
        // SAFETY: `bytes` is 32 bytes; alignment is not asked for.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }
}
