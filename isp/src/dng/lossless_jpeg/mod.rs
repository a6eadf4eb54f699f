//! Lossless JPEG as DNG uses it: Huffman-coded differences to a prediction (ITU-T T.81, process 14, frame type SOF3).
//!
//! The samples of all components are one stream, row by row, that fills a strip or tile from its top left on: their number
//! counts, not the width or the components that the JPEG gives them (DNG 1.7, Compression). Writers halve the width
//! and double the components so that a prediction comes from a sample of the same colour.

mod bits;
mod header;
mod huffman;

use bits::Bits;
use header::Scan;
use huffman::Table;

/// What is wrong with a stream, and where in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    /// Bytes from the start of the stream.
    pub(super) offset: usize,
    pub(super) expected: &'static str,
    pub(super) got: String,
}

impl Problem {
    fn new(offset: usize, expected: &'static str, got: impl Into<String>) -> Problem {
        Problem { offset, expected, got: got.into() }
    }
}

/// What a decoder is told of the samples around the stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream<'a> {
    pub(super) data: &'a [u8],
    /// Samples in a row of the strip or tile.
    pub(super) width: u32,
    /// Numbers of rows that the stream may have; a last strip is stored short or whole.
    pub(super) heights: [u32; 2],
    /// Whether a difference of 32768 is followed by 16 bits that mean nothing, as writers before DNG 1.1 had it.
    pub(super) has_padded_differences: bool,
}

impl Stream<'_> {
    /// Decodes the first rows and hands each to `take`, with its number.
    ///
    /// Holds two rows of the JPEG and one of the strip or tile: at most 4 bytes for each of 65535 columns of 4 components,
    /// and 2 for each of 65535 samples, 1.2 MB together. What it takes in time grows with the stream's bytes alone,
    /// since each sample takes a bit at least.
    pub(super) fn decode(self, rows: u32, mut take: impl FnMut(u32, &[u16])) -> Result<(), Problem> {
        let scan = header::read(self.data)?;
        let row_samples = scan.columns as usize * scan.components;
        let stored = row_samples as u64 * u64::from(scan.lines);
        if !self.heights.iter().any(|height| u64::from(*height) * u64::from(self.width) == stored) {
            let Scan { columns, lines, components, .. } = scan;
            let got = format!(
                "{columns}x{lines} samples of {components} components for {}x{}",
                self.width, self.heights[0]
            );
            return Err(Problem::new(scan.frame_offset, "as many samples as the strip or tile has", got));
        }
        let mut rows_out = Rows { width: self.width as usize, held: Vec::new(), row: 0, rows };
        let mut bits = Bits::new(self.data, scan.data_offset);
        let mut above = vec![0; row_samples];
        let mut current = vec![0; row_samples];
        let mut restarts = 0_u32;
        for line in 0..scan.lines {
            if rows_out.row >= rows {
                break;
            }
            let is_restart = scan.lines_between_restarts != 0 && line % scan.lines_between_restarts == 0;
            if is_restart && line > 0 {
                bits.restart(restarts)?;
                restarts += 1;
            }
            let mut differences = Differences { bits: &mut bits, has_padding: self.has_padded_differences };
            line_of(&scan, &mut differences, (line > 0 && !is_restart).then_some(&*above), &mut current)?;
            rows_out.push(&current, scan.point_transform, &mut take);
            std::mem::swap(&mut above, &mut current);
        }
        Ok(())
    }
}

/// Cuts the stream of samples into rows of the strip or tile.
struct Rows {
    width: usize,
    held: Vec<u16>,
    row: u32,
    rows: u32,
}

impl Rows {
    fn push(&mut self, mut samples: &[u16], point_transform: u32, take: &mut impl FnMut(u32, &[u16])) {
        while !samples.is_empty() && self.row < self.rows {
            let (now, later) = samples.split_at(samples.len().min(self.width - self.held.len()));
            self.held.extend(now.iter().map(|sample| sample << point_transform));
            samples = later;
            if self.held.len() == self.width {
                take(self.row, &self.held);
                self.row += 1;
                self.held.clear();
            }
        }
    }
}

struct Differences<'b, 'a> {
    bits: &'b mut Bits<'a>,
    has_padding: bool,
}

impl Differences<'_, '_> {
    /// The next difference, modulo 65536 (T.81, H.1.2.2).
    #[inline(always)]
    fn next(&mut self, table: &Table) -> Result<u16, Problem> {
        let length = table.read(self.bits)?;
        match length {
            0 => Ok(0),
            16 => {
                if self.has_padding {
                    self.bits.take(16)?;
                }
                Ok(32_768)
            }
            _ => {
                let value = self.bits.take(length)?;
                let is_negative = value >> (length - 1) == 0;
                let value = if is_negative { value.wrapping_sub((1 << length) - 1) } else { value };
                Ok(value as u16)
            }
        }
    }
}

/// Decodes one line of all components. Without a line above (the first one, and after a restart) samples are predicted
/// from their left, and the first from half of the range.
fn line_of(
    scan: &Scan,
    differences: &mut Differences<'_, '_>,
    above: Option<&[u16]>,
    out: &mut [u16],
) -> Result<(), Problem> {
    let n = scan.components;
    for component in 0..n {
        let predicted = above.map_or(scan.half, |above| above[component]);
        out[component] = predicted.wrapping_add(differences.next(&scan.tables[component])?);
    }
    match (above, scan.predictor) {
        (None, _) => predicted(scan, differences, out, |left, _| left),
        (Some(_), 1) => predicted(scan, differences, out, |left, _| left),
        (Some(above), predictor) => {
            let predict = |a: u16, b: u16, c: u16| {
                let (a, b, c) = (i32::from(a), i32::from(b), i32::from(c));
                let value = match predictor {
                    2 => b,
                    3 => c,
                    4 => a + b - c,
                    5 => a + ((b - c) >> 1),
                    6 => b + ((a - c) >> 1),
                    _ => (a + b) >> 1,
                };
                value as u16
            };
            predicted(scan, differences, out, |left, at| predict(left, above[at], above[at - n]))
        }
    }
}

/// Decodes the samples behind the first column; `predict` is told the sample to the left and where the new one is.
#[inline(always)]
fn predicted(
    scan: &Scan,
    differences: &mut Differences<'_, '_>,
    out: &mut [u16],
    predict: impl Fn(u16, usize) -> u16,
) -> Result<(), Problem> {
    let n = scan.components;
    let mut at = n;
    while at < out.len() {
        for table in &scan.tables[..n] {
            let difference = differences.next(table)?;
            out[at] = predict(out[at - n], at).wrapping_add(difference);
            at += 1;
        }
    }
    Ok(())
}
