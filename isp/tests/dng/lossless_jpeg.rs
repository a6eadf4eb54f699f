//! A lossless JPEG encoder for tests (ITU-T T.81, process 14), written from the definition: one sample at a time.

/// How samples are coded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coding {
    /// 1 to 7.
    pub(crate) predictor: u8,
    /// Samples that stand beside each other as one pixel of the JPEG; divides the width.
    pub(crate) components: u32,
    /// Lines between restarts, 0 for none.
    pub(crate) restart_lines: u32,
    /// Whether codes are as unequal as they can be, up to 16 bits, instead of 5 bits each.
    pub(crate) has_long_codes: bool,
    /// Low bits that are not stored.
    pub(crate) point_transform: u8,
}

impl Coding {
    pub(crate) const USUAL: Coding =
        Coding { predictor: 1, components: 2, restart_lines: 0, has_long_codes: false, point_transform: 0 };
}

/// Encodes samples in rows of `width`.
pub(crate) fn encode(samples: &[u16], width: u32, precision: u8, coding: Coding) -> Vec<u8> {
    let Coding { predictor, components, restart_lines, has_long_codes, point_transform } = coding;
    let (n, row) = (components as usize, width as usize);
    let (columns, lines) = (width / components, samples.len() as u32 / width);
    let mut bytes = vec![0xff, 0xd8];
    let counts: [u8; 16] = if has_long_codes {
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 3]
    } else {
        [0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    };
    // Short codes for large differences are a poor choice, and as good a test.
    let values: Vec<u8> = if has_long_codes { (0..=16).rev().collect() } else { (0..=16).collect() };
    segment(&mut bytes, 0xc4, &[&[0][..], &counts, &values].concat());
    segment(&mut bytes, 0xfe, b"a comment");
    let mut frame = vec![precision];
    frame.extend((lines as u16).to_be_bytes());
    frame.extend((columns as u16).to_be_bytes());
    frame.push(components as u8);
    frame.extend((0..components as u8).flat_map(|component| [component + 1, 0x11, 0]));
    segment(&mut bytes, 0xc3, &frame);
    if restart_lines > 0 {
        segment(&mut bytes, 0xdd, &((restart_lines * columns) as u16).to_be_bytes());
    }
    let mut scan = vec![components as u8];
    scan.extend((0..components as u8).flat_map(|component| [component + 1, 0]));
    scan.extend([predictor, 0, point_transform]);
    segment(&mut bytes, 0xda, &scan);

    let codes = codes(&counts, &values);
    let sample = |x: usize, y: usize| i32::from(samples[y * row + x] >> point_transform);
    let mut bits = Bits::default();
    for y in 0..lines as usize {
        let starts = restart_lines > 0 && (y as u32).is_multiple_of(restart_lines);
        if starts && y > 0 {
            bytes.extend(bits.end());
            bytes.extend([0xff, 0xd0 + ((y as u32 / restart_lines - 1) % 8) as u8]);
        }
        let is_first = y == 0 || starts;
        for x in 0..row {
            let predicted = match (x < n, is_first) {
                (true, true) => 1 << (precision - point_transform - 1),
                (true, false) => sample(x, y - 1),
                (false, true) => sample(x - n, y),
                (false, false) => {
                    let (a, b, c) = (sample(x - n, y), sample(x, y - 1), sample(x - n, y - 1));
                    match predictor {
                        1 => a,
                        2 => b,
                        3 => c,
                        4 => a + b - c,
                        5 => a + (b - c).div_euclid(2),
                        6 => b + (a - c).div_euclid(2),
                        _ => (a + b) / 2,
                    }
                }
            };
            // Modulo 65536, from -32767 to 32768.
            let mut difference = (sample(x, y) - predicted).rem_euclid(65_536);
            if difference > 32_768 {
                difference -= 65_536;
            }
            let length = 32 - difference.unsigned_abs().leading_zeros();
            let (code, code_length) = codes[length as usize];
            bits.put(code, code_length);
            if length > 0 && length < 16 {
                let low = if difference < 0 { difference - 1 } else { difference };
                bits.put(low as u32 & ((1 << length) - 1), length);
            }
        }
    }
    bytes.extend(bits.end());
    bytes.extend([0xff, 0xd9]);
    bytes
}

fn segment(bytes: &mut Vec<u8>, marker: u8, content: &[u8]) {
    bytes.extend([0xff, marker]);
    bytes.extend((content.len() as u16 + 2).to_be_bytes());
    bytes.extend(content);
}

/// For each value its code and the code's length.
fn codes(counts: &[u8; 16], values: &[u8]) -> Vec<(u32, u32)> {
    let mut codes = vec![(0, 0); 17];
    let (mut code, mut values) = (0, values.iter());
    for (length, count) in (1..).zip(counts) {
        for _ in 0..*count {
            codes[usize::from(*values.next().unwrap())] = (code, length);
            code += 1;
        }
        code <<= 1;
    }
    codes
}

#[derive(Default)]
struct Bits {
    digits: Vec<bool>,
}

impl Bits {
    fn put(&mut self, value: u32, length: u32) {
        self.digits.extend((0..length).rev().map(|bit| value >> bit & 1 == 1));
    }

    /// The bytes so far, filled up with ones and stuffed.
    fn end(&mut self) -> Vec<u8> {
        let digits = std::mem::take(&mut self.digits);
        let byte =
            |bits: &[bool]| (0..8).fold(0, |sum, i| sum << 1 | u8::from(*bits.get(i).unwrap_or(&true)));
        digits
            .chunks(8)
            .map(byte)
            .flat_map(|byte| if byte == 0xff { vec![0xff, 0] } else { vec![byte] })
            .collect()
    }
}
