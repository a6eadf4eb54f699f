//! Samples into the bytes of a row.

use crate::format::{Packing, RawFormat};

/// Writes a row of samples; what `out` has beyond them stays as it is.
pub(crate) fn pack(format: RawFormat, row: &[u16], out: &mut [u8]) {
    match (format.packing, format.bits) {
        (Packing::Bytes, _) => {
            for (byte, sample) in out.iter_mut().zip(row) {
                *byte = *sample as u8;
            }
        }
        (Packing::Le16, _) => {
            for (bytes, sample) in out.chunks_exact_mut(2).zip(row) {
                bytes.copy_from_slice(&sample.to_le_bytes());
            }
        }
        (Packing::Mipi, 12) => groups::<2, 3>(row, out, 12),
        (Packing::Mipi, 14) => groups::<4, 7>(row, out, 14),
        (Packing::Mipi, bits) => groups::<4, 5>(row, out, u32::from(bits)),
    }
}

/// MIPI CSI-2 (specification 1.3, chapter 11.4): the high eight bits of each sample of a group, then the low bits of
/// all of them, the first sample's lowest.
fn groups<const SAMPLES: usize, const BYTES: usize>(row: &[u16], out: &mut [u8], bits: u32) {
    let low_bits = bits - 8;
    for (bytes, samples) in out.chunks_exact_mut(BYTES).zip(row.chunks(SAMPLES)) {
        let mut group = [0u16; SAMPLES];
        group[..samples.len()].copy_from_slice(samples);
        let mut low = 0u32;
        for (place, sample) in group.into_iter().enumerate() {
            bytes[place] = (sample >> low_bits) as u8;
            low |= (u32::from(sample) & ((1 << low_bits) - 1)) << (place as u32 * low_bits);
        }
        bytes[SAMPLES..].copy_from_slice(&low.to_le_bytes()[..BYTES - SAMPLES]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::CfaPattern;
    use proptest::prelude::*;

    /// Reads one sample back, bit by bit as the specification draws it.
    fn unpack(bits: u32, bytes: &[u8], index: usize) -> u16 {
        let (samples, length) = if bits == 12 { (2, 3) } else { (4, bits as usize / 2) };
        let group = &bytes[index / samples * length..][..length];
        let (place, low_bits) = (index % samples, bits - 8);
        let mut sample = u16::from(group[place]) << low_bits;
        for bit in 0..low_bits {
            let at = place as u32 * low_bits + bit;
            let byte = group[samples + at as usize / 8];
            sample |= u16::from(byte >> (at % 8) & 1) << bit;
        }
        sample
    }

    proptest! {
        #[test]
        fn mipi_unpacks_to_the_same_samples(
            bits in prop::sample::select(vec![10u8, 12, 14]),
            row in prop::collection::vec(any::<u16>(), 1..40),
        ) {
            let row: Vec<u16> = row.into_iter().map(|sample| sample >> (16 - bits)).collect();
            let format = RawFormat { pattern: CfaPattern::Rggb, bits, packing: Packing::Mipi };
            let mut bytes = vec![0xa5; format.row_bytes(row.len() as u32)];
            pack(format, &row, &mut bytes);
            for (index, sample) in row.iter().enumerate() {
                prop_assert_eq!(unpack(u32::from(bits), &bytes, index), *sample);
            }
        }
    }

    #[test]
    fn known_bytes() {
        let format = |bits, packing| RawFormat { pattern: CfaPattern::Rggb, bits, packing };
        let mut out = [0; 7];
        pack(format(10, Packing::Mipi), &[0x3ff, 0, 0x001, 0x155], &mut out[..5]);
        assert_eq!(out[..5], [0xff, 0, 0, 0x55, 0b01_01_00_11]);
        pack(format(12, Packing::Mipi), &[0xabc, 0x123], &mut out[..3]);
        assert_eq!(out[..3], [0xab, 0x12, 0x3c]);
        pack(format(14, Packing::Mipi), &[0x3fff, 0, 0, 0x3f], &mut out);
        assert_eq!(out, [0xff, 0, 0, 0, 0x3f, 0, 0xfc]);
        pack(format(16, Packing::Le16), &[0x1234], &mut out[..2]);
        assert_eq!(out[..2], [0x34, 0x12]);
    }
}
