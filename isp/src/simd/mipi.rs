//! MIPI-packed rows to codes, and back.
//!
//! A vector's worth of groups is sorted so that each 16-bit lane holds a pixel's high byte above its group's low bits;
//! a multiplication then shifts each lane by its own amount. The plain loop takes six times as long. On the way back,
//! products bring a group's low bits together beside the high bytes, and a sort closes the gaps.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::Level;
use super::Simd;

/// Unpacks RAW10 as far as whole vectors go and gives the number of pixels, a multiple of 16.
pub(crate) fn raw10(simd: Simd, bytes: &[u8], out: &mut [u16]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if simd.level() == Level::Avx2 {
        // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
        return unsafe { avx2::unpack::<10>(bytes, out) };
    }
    let _ = (simd, bytes, out);
    0
}

/// Unpacks RAW12 as far as whole vectors go and gives the number of pixels, a multiple of 16.
pub(crate) fn raw12(simd: Simd, bytes: &[u8], out: &mut [u16]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if simd.level() == Level::Avx2 {
        // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
        return unsafe { avx2::unpack::<12>(bytes, out) };
    }
    let _ = (simd, bytes, out);
    0
}

/// Packs codes of 10 or 12 `bits` as far as whole vectors go and gives the number of pixels, a multiple of 16. Codes above
/// the depth's largest become that one.
pub(crate) fn pack(simd: Simd, bits: u8, codes: &[u16], out: &mut [u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if simd.level() == Level::Avx2 {
        return match bits {
            // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
            10 => unsafe { avx2::pack::<10>(codes, out) },
            // SAFETY: as above.
            12 => unsafe { avx2::pack::<12>(codes, out) },
            _ => 0,
        };
    }
    let _ = (simd, bits, codes, out);
    0
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _MM_HINT_T0, _mm_cvtsi32_si128, _mm_loadu_si128, _mm_prefetch, _mm_storeu_si128,
        _mm256_and_si256, _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_loadu_si256,
        _mm256_madd_epi16, _mm256_min_epu16, _mm256_mullo_epi16, _mm256_or_si256, _mm256_set_m128i,
        _mm256_set1_epi16, _mm256_shuffle_epi8, _mm256_sll_epi16, _mm256_slli_epi64, _mm256_srl_epi16,
        _mm256_srli_epi16, _mm256_srli_epi64, _mm256_storeu_si256,
    };

    /// Bytes between what is unpacked and what is asked for: rows are read in bursts with other work between.
    const AHEAD: usize = 2048;

    /// Which bytes the lanes of 8 pixels take: the group's low bits, then the pixel's high bits.
    const fn places(bits: usize) -> [u8; 32] {
        let group = 8 / (bits - 8);
        let mut places = [0; 32];
        let mut pixel = 0;
        while pixel < 16 {
            let start = pixel % 8 / group * (group + 1);
            places[2 * pixel] = (start + group) as u8;
            places[2 * pixel + 1] = (start + pixel % group) as u8;
            pixel += 1;
        }
        places
    }

    /// What brings each pixel's low bits to the top of their byte.
    const fn lifts(bits: usize) -> [u16; 16] {
        let group = 8 / (bits - 8);
        let mut lifts = [0; 16];
        let mut pixel = 0;
        while pixel < 16 {
            lifts[pixel] = 1 << ((group - 1 - pixel % group) * (bits - 8));
            pixel += 1;
        }
        lifts
    }

    /// Unpacks RAW10 or RAW12, 16 pixels from `2 * BITS` bytes at a turn.
    #[target_feature(enable = "avx2")]
    pub(super) fn unpack<const BITS: usize>(bytes: &[u8], out: &mut [u16]) -> usize {
        let (places, lifts) = (places(BITS), lifts(BITS));
        // SAFETY: both are 32 bytes; alignment is not asked for.
        let places = unsafe { _mm256_loadu_si256(places.as_ptr().cast()) };
        // SAFETY: as above.
        let lifts = unsafe { _mm256_loadu_si256(lifts.as_ptr().cast()) };
        let low = BITS as i32 - 8;
        let (up, down) = (_mm_cvtsi32_si128(low), _mm_cvtsi32_si128(8 - low));
        let (byte, mask) = (_mm256_set1_epi16(0xff), _mm256_set1_epi16((1 << low) - 1));
        // Both halves of a turn are loaded as 16 bytes, of which the second's may lie past the turn's end.
        let turns = (bytes.len().saturating_sub(16 - BITS)) / (2 * BITS);
        let (pixels, _) = out.as_chunks_mut::<16>();
        let mut rest = bytes;
        let mut done = 0;
        // No closure cuts the turns: it would be compiled without the level and called.
        for pixels in pixels.iter_mut().take(turns) {
            let packed = &rest[..BITS + 16];
            rest = &rest[2 * BITS..];
            prefetch(packed.as_ptr());
            let (first, second) = (load(packed), load(&packed[BITS..]));
            let lanes = _mm256_shuffle_epi8(_mm256_set_m128i(second, first), places);
            let high = _mm256_sll_epi16(_mm256_srli_epi16::<8>(lanes), up);
            let shifted = _mm256_mullo_epi16(_mm256_and_si256(lanes, byte), lifts);
            let low = _mm256_and_si256(_mm256_srl_epi16(shifted, down), mask);
            let codes: __m256i = _mm256_or_si256(high, low);
            // SAFETY: `pixels` is 32 bytes; alignment is not asked for.
            unsafe { _mm256_storeu_si256(pixels.as_mut_ptr().cast(), codes) };
            done += 16;
        }
        done
    }

    /// Where the bytes of 8 packed pixels come from: high bytes lie in even places, a group's low bits in its first odd one.
    const fn sources(bits: usize) -> [u8; 32] {
        let group = 8 / (bits - 8);
        let mut sources = [0x80; 32];
        let mut byte = 0;
        while byte < 32 {
            if byte % 16 < bits {
                let (which, place) = (byte % 16 / (group + 1), byte % 16 % (group + 1));
                let start = 2 * group * which;
                sources[byte] = (start + if place == group { 1 } else { 2 * place }) as u8;
            }
            byte += 1;
        }
        sources
    }

    /// What each pixel's low bits are multiplied by, to lie behind each other.
    const fn steps(bits: usize) -> [u16; 16] {
        let group = 8 / (bits - 8);
        let mut steps = [0; 16];
        let mut pixel = 0;
        while pixel < 16 {
            steps[pixel] = 1 << (pixel % group * (bits - 8));
            pixel += 1;
        }
        steps
    }

    /// Packs RAW10 or RAW12, 16 pixels to `2 * BITS` bytes at a turn.
    #[target_feature(enable = "avx2")]
    pub(super) fn pack<const BITS: usize>(codes: &[u16], out: &mut [u8]) -> usize {
        let (sources, steps) = (sources(BITS), steps(BITS));
        // SAFETY: both are 32 bytes; alignment is not asked for.
        let sources = unsafe { _mm256_loadu_si256(sources.as_ptr().cast()) };
        // SAFETY: as above.
        let steps = unsafe { _mm256_loadu_si256(steps.as_ptr().cast()) };
        let low = BITS as i32 - 8;
        let (most, mask) = (_mm256_set1_epi16((1 << BITS) - 1), _mm256_set1_epi16((1 << low) - 1));
        let down = _mm_cvtsi32_si128(low);
        // The second half of a turn is stored as 16 bytes, of which the last are the next turn's.
        let turns = (out.len().saturating_sub(16 - BITS)) / (2 * BITS);
        let (pixels, _) = codes.as_chunks::<16>();
        let mut rest = out;
        let mut done = 0;
        for pixels in pixels.iter().take(turns) {
            // SAFETY: `pixels` is 32 bytes; alignment is not asked for.
            let codes = unsafe { _mm256_loadu_si256(pixels.as_ptr().cast()) };
            let codes = _mm256_min_epu16(codes, most);
            // Sums of two pixels' low bits in 32 bits; of four in the lower half of 64.
            let low = _mm256_madd_epi16(_mm256_and_si256(codes, mask), steps);
            let low = if BITS == 10 { _mm256_or_si256(low, _mm256_srli_epi64::<32>(low)) } else { low };
            let bytes = _mm256_or_si256(_mm256_srl_epi16(codes, down), _mm256_slli_epi64::<8>(low));
            // What of the sums lies above their first byte is in places that are not taken.
            let packed = _mm256_shuffle_epi8(bytes, sources);
            store(&mut rest[..16], _mm256_castsi256_si128(packed));
            store(&mut rest[BITS..BITS + 16], _mm256_extracti128_si256::<1>(packed));
            rest = &mut rest[2 * BITS..];
            done += 16;
        }
        done
    }

    /// Stores 16 bytes.
    #[target_feature(enable = "avx2")]
    fn store(to: &mut [u8], bytes: __m128i) {
        let to = &mut to[..16];
        // SAFETY: `to` is 16 bytes; alignment is not asked for.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), bytes) };
    }

    #[target_feature(enable = "avx2")]
    // A later standard library than the oldest supported one has it safe.
    #[allow(unused_unsafe)]
    fn prefetch(bytes: *const u8) {
        // SAFETY: a prefetch reads nothing that the program can see and never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(bytes.wrapping_add(AHEAD).cast()) };
    }

    /// The first 16 bytes.
    #[target_feature(enable = "avx2")]
    fn load(bytes: &[u8]) -> __m128i {
        let bytes = &bytes[..16];
        // SAFETY: `bytes` is 16 bytes; alignment is not asked for.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }
}
