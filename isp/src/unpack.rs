//! Packed rows to 16-bit samples.
//!
//! MIPI layouts: <https://docs.kernel.org/userspace-api/media/v4l/pixfmt-srggb10p.html> and its neighbours for
//! 12 and 14 bits.

use crate::raw::max_code;
use crate::simd::{Simd, mipi, words};
use crate::{Error, Packing, RawView};

/// Writes row `y` as codes; codes above the bit depth's largest (garbage in unused high bits) become that one.
///
/// # Errors
/// [`Error::Rows`] where there is no row `y`; [`Error::Length`] where `out` is not exactly one row.
pub fn row(view: &RawView<'_>, y: u32, out: &mut [u16]) -> Result<(), Error> {
    let geometry = view.geometry();
    if y >= geometry.height {
        return Err(Error::Rows { start: y, end: y.saturating_add(1), height: geometry.height });
    }
    let expected = geometry.width as usize;
    if out.len() != expected {
        return Err(Error::Length { what: "row of samples", expected, got: out.len() });
    }
    samples(Simd::detect(), view.row(y), geometry.bits, geometry.packing, out);
    Ok(())
}

/// The codes of a packed row: where they are if they lie there as words, else unpacked to `buffer`. Bits above the
/// depth are not cleared.
pub(crate) fn codes<'a>(
    simd: Simd,
    bytes: &'a [u8],
    bits: u8,
    packing: Packing,
    buffer: &'a mut [u16],
) -> &'a [u16] {
    if let (Packing::Le16, Some(words)) = (packing, words::of(bytes)) {
        return words;
    }
    samples(simd, bytes, bits, packing, buffer);
    buffer
}

/// Unpacks as many samples as `out` and `bytes` both hold, for a depth that goes with the packing.
pub(crate) fn samples(simd: Simd, bytes: &[u8], bits: u8, packing: Packing, out: &mut [u16]) {
    match (packing, bits) {
        (Packing::Bytes, _) => {
            for (sample, &byte) in out.iter_mut().zip(bytes) {
                *sample = u16::from(byte);
            }
        }
        (Packing::Le16, _) => {
            let max = max_code(bits);
            let (words, _) = bytes.as_chunks::<2>();
            for (sample, &word) in out.iter_mut().zip(words) {
                *sample = u16::from_le_bytes(word).min(max);
            }
        }
        (Packing::Mipi, 10) => {
            let done = mipi::raw10(simd, bytes, out);
            groups(&bytes[done / 4 * 5..], &mut out[done..], raw10);
        }
        (Packing::Mipi, 12) => {
            let done = mipi::raw12(simd, bytes, out);
            groups(&bytes[done / 2 * 3..], &mut out[done..], raw12);
        }
        (Packing::Mipi, _) => groups(bytes, out, raw14),
    }
}

/// Decodes groups of `B` bytes to `P` pixels; a last group may give fewer.
#[inline(always)]
fn groups<const B: usize, const P: usize>(
    bytes: &[u8],
    out: &mut [u16],
    decode: impl Fn(&[u8; B]) -> [u16; P],
) {
    let (packed, _) = bytes.as_chunks::<B>();
    let (whole, rest) = out.as_chunks_mut::<P>();
    for (pixels, group) in whole.iter_mut().zip(packed) {
        *pixels = decode(group);
    }
    if let Some(group) = packed.get(whole.len()) {
        for (pixel, value) in rest.iter_mut().zip(decode(group)) {
            *pixel = value;
        }
    }
}

fn raw10(group: &[u8; 5]) -> [u16; 4] {
    let [a, b, c, d, low] = group.map(u16::from);
    [a << 2 | low & 3, b << 2 | low >> 2 & 3, c << 2 | low >> 4 & 3, d << 2 | low >> 6]
}

fn raw12(group: &[u8; 3]) -> [u16; 2] {
    let [a, b, low] = group.map(u16::from);
    [a << 4 | low & 15, b << 4 | low >> 4]
}

fn raw14(group: &[u8; 7]) -> [u16; 4] {
    let [a, b, c, d, low0, low1, low2] = group.map(u16::from);
    [
        a << 6 | low0 & 63,
        b << 6 | low0 >> 6 | (low1 & 15) << 2,
        c << 6 | low1 >> 4 | (low2 & 3) << 4,
        d << 6 | low2 >> 2,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mipi_groups_follow_the_kernel_documentation() {
        let mut out = [0; 4];
        samples(Simd::detect(), &[0xff, 0, 0, 0, 0b00_01_10_11], 10, Packing::Mipi, &mut out);
        assert_eq!(out, [0x3ff, 2, 1, 0]);
        samples(Simd::detect(), &[0x12, 0x34, 0xab, 0, 0xff, 0xf0], 12, Packing::Mipi, &mut out);
        assert_eq!(out, [0x12b, 0x34a, 0, 0xfff]);
        // Low bits, first to last pixel: 0b111111, 0b000001, 0b100000, 0b101010.
        samples(
            Simd::detect(),
            &[0, 0, 0, 0xff, 0b0111_1111, 0b0000_0000, 0b1010_1010],
            14,
            Packing::Mipi,
            &mut out,
        );
        assert_eq!(out, [63, 1, 32, 0x3fea]);
    }

    #[test]
    fn garbage_above_the_bit_depth_is_clamped() {
        let mut out = [0; 2];
        samples(Simd::detect(), &[0xff, 0xff, 0x34, 0x01], 10, Packing::Le16, &mut out);
        assert_eq!(out, [1023, 0x134]);
    }
}
