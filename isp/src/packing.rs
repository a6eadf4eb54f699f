//! 16-bit samples to packed rows: the inverse of [`crate::unpack`], for raw frames that go to storage.

use crate::raw::max_code;
use crate::simd::mipi;
use crate::{Error, Packing, Simd};

/// Packs one row of codes and returns how many bytes of `out` it took ([`Packing::row_bytes`]).
///
/// Codes above the bit depth's largest become that one. Pixels that a last group lacks are stored as zero.
///
/// # Errors
/// [`Error::Depth`] where the packing does not exist for `bits`; [`Error::Length`] where `out` is too short;
/// [`Error::TooLarge`] past the address space.
pub fn pack_row(samples: &[u16], bits: u8, packing: Packing, out: &mut [u8]) -> Result<usize, Error> {
    let expected = packing.row_bytes(bits, samples.len())?;
    let got = out.len();
    let out = out.get_mut(..expected).ok_or(Error::Length { what: "packed row (bytes)", expected, got })?;
    pack(Simd::detect(), samples, bits, packing, out);
    Ok(expected)
}

/// As [`pack_row`], to exactly the bytes that it takes, for a depth that goes with the packing.
pub(crate) fn pack(simd: Simd, samples: &[u16], bits: u8, packing: Packing, out: &mut [u8]) {
    let max = max_code(bits);
    match (packing, bits) {
        (Packing::Bytes, _) => {
            for (byte, &sample) in out.iter_mut().zip(samples) {
                *byte = sample.min(max) as u8;
            }
        }
        (Packing::Le16, _) => {
            let (words, _) = out.as_chunks_mut::<2>();
            for (word, &sample) in words.iter_mut().zip(samples) {
                *word = sample.min(max).to_le_bytes();
            }
        }
        (Packing::Mipi, 10) => {
            let done = mipi::pack(simd, bits, samples, out);
            groups(&samples[done..], max, &mut out[done / 4 * 5..], raw10);
        }
        (Packing::Mipi, 12) => {
            let done = mipi::pack(simd, bits, samples, out);
            groups(&samples[done..], max, &mut out[done / 2 * 3..], raw12);
        }
        (Packing::Mipi, _) => groups(samples, max, out, raw14),
    }
}

/// Encodes groups of `P` pixels to `B` bytes; a last group may have fewer pixels.
#[inline(always)]
fn groups<const P: usize, const B: usize>(
    samples: &[u16],
    max: u16,
    out: &mut [u8],
    encode: impl Fn([u16; P]) -> [u8; B],
) {
    let (whole, rest) = samples.as_chunks::<P>();
    let (packed, _) = out.as_chunks_mut::<B>();
    for (group, pixels) in packed.iter_mut().zip(whole) {
        *group = encode(pixels.map(|code| code.min(max)));
    }
    if let Some(group) = packed.get_mut(whole.len()) {
        let mut pixels = [0; P];
        for (pixel, &code) in pixels.iter_mut().zip(rest) {
            *pixel = code.min(max);
        }
        *group = encode(pixels);
    }
}

fn raw10([a, b, c, d]: [u16; 4]) -> [u8; 5] {
    let low = a & 3 | (b & 3) << 2 | (c & 3) << 4 | (d & 3) << 6;
    [(a >> 2) as u8, (b >> 2) as u8, (c >> 2) as u8, (d >> 2) as u8, low as u8]
}

fn raw12([a, b]: [u16; 2]) -> [u8; 3] {
    [(a >> 4) as u8, (b >> 4) as u8, (a & 15 | (b & 15) << 4) as u8]
}

fn raw14([a, b, c, d]: [u16; 4]) -> [u8; 7] {
    let low0 = a & 63 | (b & 3) << 6;
    let low1 = b >> 2 & 15 | (c & 15) << 4;
    let low2 = c >> 4 & 3 | (d & 63) << 2;
    [(a >> 6) as u8, (b >> 6) as u8, (c >> 6) as u8, (d >> 6) as u8, low0 as u8, low1 as u8, low2 as u8]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::unpack;

    fn depth() -> impl Strategy<Value = (Packing, u8)> {
        prop_oneof![
            Just((Packing::Bytes, 8)),
            (9_u8..=16).prop_map(|bits| (Packing::Le16, bits)),
            prop::sample::select(vec![10, 12, 14]).prop_map(|bits| (Packing::Mipi, bits)),
        ]
    }

    proptest! {
        #[test]
        fn packed_rows_unpack_to_the_clamped_samples(
            (packing, bits) in depth(),
            samples in prop::collection::vec(any::<u16>(), 0..41),
        ) {
            let row_bytes = packing.row_bytes(bits, samples.len()).unwrap();
            let mut packed = vec![0xaa; row_bytes + 3];
            prop_assert_eq!(pack_row(&samples, bits, packing, &mut packed), Ok(row_bytes));
            prop_assert_eq!(&packed[row_bytes..], [0xaa; 3]);
            let mut back = vec![0xdead; samples.len()];
            unpack::samples(Simd::detect(), &packed[..row_bytes], bits, packing, &mut back);
            let clamped: Vec<u16> = samples.iter().map(|&code| code.min(max_code(bits))).collect();
            prop_assert_eq!(back, clamped);
        }

        #[test]
        fn hostile_depths_and_lengths_are_errors(bits in any::<u8>(), len in 0_usize..9, out in 0_usize..9) {
            for packing in [Packing::Bytes, Packing::Le16, Packing::Mipi] {
                let fits = packing.row_bytes(bits, len).is_ok_and(|needed| needed <= out);
                prop_assert_eq!(pack_row(&vec![7; len], bits, packing, &mut vec![0; out]).is_ok(), fits);
            }
        }
    }
}
