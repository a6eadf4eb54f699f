//! Huffman codes of the lengths of differences.

use super::Problem;
use super::bits::Bits;

/// Codes up to this length are found in one step.
const QUICK: u32 = 10;

/// A table of codes of 1 to 16 bits for lengths of 0 to 16 bits.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// For the next [`QUICK`] bits: the code's length in the low byte, 0 where it is longer, and the value in the high.
    quick: Vec<u16>,
    /// For each length of a code, 1 first: the first code that is larger, as the high part of 16 bits; and what added to
    /// a code gives the place of its value.
    ends: [(u32, i32); 16],
    values: Vec<u8>,
}

impl Table {
    /// From what a DHT segment holds: how many codes there are of each length, and their values. `offset` is for errors.
    pub(super) fn new(counts: &[u8; 16], values: &[u8], offset: usize) -> Result<Table, Problem> {
        if let Some(value) = values.iter().find(|value| **value > 16) {
            return Err(Problem::new(offset, "differences of at most 16 bits", format!("one of {value}")));
        }
        let mut quick = vec![0; 1 << QUICK];
        let mut ends = [(0, 0); 16];
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, (&count, end)) in (1_u32..).zip(counts.iter().zip(&mut ends)) {
            let first = code;
            code += u32::from(count);
            if code > 1 << length {
                let got = format!("more codes of {length} bits than there are");
                return Err(Problem::new(offset, "a Huffman table", got));
            }
            // At most 256 values.
            *end = (code << (16 - length), place as i32 - first as i32);
            if length <= QUICK {
                let spread = 1 << (QUICK - length);
                for (code, value) in (first..code).zip(values.iter().skip(place)) {
                    let entry = u16::from(*value) << 8 | length as u16;
                    quick[code as usize * spread..][..spread].fill(entry);
                }
            }
            place += usize::from(count);
            code <<= 1;
        }
        Ok(Table { quick, ends, values: values.to_vec() })
    }

    /// Reads a code and gives its value, 0 to 16.
    #[inline(always)]
    pub(super) fn read(&self, bits: &mut Bits<'_>) -> Result<u32, Problem> {
        let next = bits.peek();
        let entry = self.quick[(next >> (16 - QUICK)) as usize & ((1 << QUICK) - 1)];
        if entry & 0xff != 0 {
            bits.pass(u32::from(entry & 0xff))?;
            return Ok(u32::from(entry >> 8));
        }
        self.read_long(next, bits)
    }

    #[inline(never)]
    fn read_long(&self, next: u32, bits: &mut Bits<'_>) -> Result<u32, Problem> {
        for (length, (end, to_place)) in (1_u32..).zip(self.ends) {
            if next < end {
                let place = (next >> (16 - length)) as i32 + to_place;
                let value = usize::try_from(place).ok().and_then(|place| self.values.get(place));
                if let Some(value) = value {
                    bits.pass(length)?;
                    return Ok(u32::from(*value));
                }
            }
        }
        Err(Problem::new(bits.offset(), "a code of the Huffman table", format!("{next:016b}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_length_are_read() {
        // One code of each length 1 to 16, all ones but the last bit: 0, 10, 110, ...
        let table = Table::new(&[1; 16], &(0..16).collect::<Vec<u8>>(), 0).unwrap();
        let digits: String = (0..16).map(|ones| "1".repeat(ones) + "0").collect();
        let digits = format!("{digits:0<144}");
        let bytes: Vec<u8> = (0..digits.len() / 8)
            .map(|i| u8::from_str_radix(&digits[8 * i..8 * i + 8], 2).unwrap())
            .flat_map(|byte| if byte == 0xff { vec![0xff, 0] } else { vec![byte] })
            .collect();
        let mut bits = Bits::new(&bytes, 0);
        for value in 0..16 {
            assert_eq!(table.read(&mut bits), Ok(value));
        }
    }

    #[test]
    fn a_code_that_is_not_there_is_an_error() {
        let mut counts = [0; 16];
        counts[1] = 1;
        let table = Table::new(&counts, &[3], 0).unwrap();
        let mut bits = Bits::new(&[0b0010_0000], 0);
        assert_eq!(table.read(&mut bits), Ok(3));
        assert!(table.read(&mut bits).is_err());
    }

    #[test]
    fn tables_that_cannot_be_are_errors() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Table::new(&counts, &[0, 1, 2], 0).is_err(), "three codes of one bit");
        counts[0] = 1;
        assert!(Table::new(&counts, &[17], 0).is_err(), "a difference of 17 bits");
    }
}
