//! Rows of uncompressed samples: bytes, words in the file's byte order, or bits packed without gaps.

use super::tiff::Order;

/// Unpacks one row.
///
/// Samples of 8 and 16 bits are bytes and words; all others are packed into bytes from the highest bit on, whatever the
/// file's byte order is, and a row begins on a byte (DNG 1.7, BitsPerSample). Samples for which there are no bytes stay
/// as they are.
pub(super) fn unpack(row: &[u8], bits: u8, order: Order, out: &mut [u16]) {
    match bits {
        8 => out.iter_mut().zip(row).for_each(|(sample, byte)| *sample = u16::from(*byte)),
        16 => {
            let (words, _) = row.as_chunks::<2>();
            let read = match order {
                Order::Little => u16::from_le_bytes,
                Order::Big => u16::from_be_bytes,
            };
            out.iter_mut().zip(words).for_each(|(sample, word)| *sample = read(*word));
        }
        _ => packed(row, u32::from(bits), out),
    }
}

fn packed(row: &[u8], bits: u32, out: &mut [u16]) {
    let mask = (1_u32 << bits) - 1;
    let (mut held, mut count) = (0_u32, 0_u32);
    let mut bytes = row.iter();
    for sample in out {
        while count < bits {
            let Some(byte) = bytes.next() else { return };
            // At most 15 bits are held here, so none is pushed out.
            held = held << 8 | u32::from(*byte);
            count += 8;
        }
        count -= bits;
        *sample = (held >> count & mask) as u16;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_are_packed_high_bits_first() {
        let mut out = [0; 2];
        unpack(&[0x12, 0x3a, 0xbc], 12, Order::Little, &mut out);
        assert_eq!(out, [0x123, 0xabc]);
        unpack(&[0b1000_0000, 0b0111_1111, 0b1111_0000], 10, Order::Little, &mut out);
        assert_eq!(out, [0b10_0000_0001, 0b11_1111_1111]);
    }

    #[test]
    fn words_are_in_the_order_of_the_file() {
        let mut out = [0; 1];
        unpack(&[1, 2], 16, Order::Little, &mut out);
        assert_eq!(out, [0x0201]);
        unpack(&[1, 2], 16, Order::Big, &mut out);
        assert_eq!(out, [0x0102]);
    }

    proptest! {
        #[test]
        fn any_depth_comes_back(bits in 9_u8..16, codes in prop::collection::vec(any::<u16>(), 0..50)) {
            let codes: Vec<u16> = codes.iter().map(|code| code >> (16 - bits)).collect();
            let digits: Vec<u8> =
                codes.iter().flat_map(|code| (0..bits).rev().map(move |bit| (code >> bit & 1) as u8)).collect();
            let row: Vec<u8> = digits
                .chunks(8)
                .map(|byte| byte.iter().enumerate().fold(0, |sum, (place, bit)| sum | bit << (7 - place)))
                .collect();
            let mut out = vec![0; codes.len()];
            unpack(&row, bits, Order::Big, &mut out);
            prop_assert_eq!(out, codes);
        }
    }
}
