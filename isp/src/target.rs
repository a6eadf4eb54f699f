//! Where developed rows go: interleaved, by colour, or as luma and chroma.

use std::ops::Range;
use std::slice::ChunksExactMut;

use crate::demosaic::check_range;
use crate::mosaic::half_len;
use crate::simd::rgb8::{self, Store};
use crate::simd::{Simd, encode, kernels};
use crate::tier::Halves;
use crate::yuv::{Encoding, YuvMatrix, YuvRange};
use crate::{Error, RawGeometry};

/// The memory of rows in one of the forms of a picture, without padding.
#[derive(Debug)]
pub enum Target<'a> {
    /// Interleaved: 3 bytes a pixel.
    Rgb8(&'a mut [u8]),
    /// A plane each of red, green and blue: a byte a pixel.
    Planar([&'a mut [u8]; 3]),
    /// Luma, a byte a pixel, and chroma of cells of 2x2, in the middle of their pixels. An odd last row or column is half a
    /// cell. Strips begin at even rows, and end at even ones or with the picture. Transfer and primaries are sRGB's.
    Yuv420 {
        /// Rows of luma.
        luma: &'a mut [u8],
        /// Half as many rows of chroma, rounded up.
        chroma: Chroma<'a>,
        /// From red, green and blue to luma and chroma.
        matrix: YuvMatrix,
        /// Which codes black and white have.
        range: YuvRange,
    },
}

/// The memory of chroma: a sample of Cb and one of Cr for two columns, rounded up.
#[derive(Debug)]
pub enum Chroma<'a> {
    /// Cb and Cr by turns: NV12.
    Pairs(&'a mut [u8]),
    /// A plane of Cb and one of Cr: I420.
    Planes([&'a mut [u8]; 2]),
}

/// Room for the rows on their way.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    /// Luma of even and of odd columns.
    luma: [Vec<u8>; 2],
    /// Sums of pairs of columns in the upper and the lower row of cells.
    sums: [[Vec<u16>; 3]; 2],
    chroma: [Vec<u8>; 2],
}

impl Room {
    pub(crate) fn new(width: u32) -> Room {
        let half = || vec![0; half_len(width)];
        let sums = || std::array::from_fn(|_| vec![0; half_len(width)]);
        Room { luma: [half(), half()], sums: [sums(), sums()], chroma: [half(), half()] }
    }
}

/// Writes row after row.
pub(crate) struct Writer<'a> {
    simd: Simd,
    height: u32,
    rows: Rows<'a>,
}

enum Rows<'a> {
    Rgb8(ChunksExactMut<'a, u8>),
    Planar([ChunksExactMut<'a, u8>; 3]),
    Yuv420 { encoding: Encoding, luma: ChunksExactMut<'a, u8>, chroma: ChromaRows<'a> },
}

enum ChromaRows<'a> {
    Pairs(ChunksExactMut<'a, u8>),
    Planes([ChunksExactMut<'a, u8>; 2]),
}

impl<'a> Writer<'a> {
    /// # Errors
    /// [`Error::Rows`] outside the picture; [`Error::Length`] where memory has not exactly its size; [`Error::HalfCells`].
    pub(crate) fn new(
        target: Target<'a>,
        &RawGeometry { width, height, .. }: &RawGeometry,
        rows: &Range<u32>,
        simd: Simd,
    ) -> Result<Writer<'a>, Error> {
        let plane = |out: &'a mut [u8], rows: &Range<u32>, row: u32| -> Result<_, Error> {
            // Sizes are at most 3 times the longest side.
            let (expected, got) = (rows.len().saturating_mul(row as usize), out.len());
            if got != expected {
                return Err(Error::Length { what: "strip (bytes)", expected, got });
            }
            Ok(out.chunks_exact_mut(row as usize))
        };
        check_range(rows, height)?;
        let rows = match target {
            Target::Rgb8(out) => Rows::Rgb8(plane(out, rows, 3 * width)?),
            Target::Planar([red, green, blue]) => Rows::Planar([
                plane(red, rows, width)?,
                plane(green, rows, width)?,
                plane(blue, rows, width)?,
            ]),
            Target::Yuv420 { luma, chroma, matrix, range } => {
                if !rows.start.is_multiple_of(2) || !rows.end.is_multiple_of(2) && rows.end != height {
                    return Err(Error::HalfCells { start: rows.start, end: rows.end, height });
                }
                let (cells, columns) = (rows.start / 2..rows.end.div_ceil(2), width.div_ceil(2));
                let chroma = match chroma {
                    Chroma::Pairs(out) => ChromaRows::Pairs(plane(out, &cells, 2 * columns)?),
                    Chroma::Planes([cb, cr]) => {
                        ChromaRows::Planes([plane(cb, &cells, columns)?, plane(cr, &cells, columns)?])
                    }
                };
                let encoding = Encoding::new(matrix, range);
                Rows::Yuv420 { encoding, luma: plane(luma, rows, width)?, chroma }
            }
        };
        Ok(Writer { simd, height, rows })
    }

    /// Writes row `y`, the next one. Of an odd width, the odd columns' last samples repeat the even ones'.
    pub(crate) fn row(&mut self, y: u32, halves: Halves<'_, u8>, room: &mut Room) {
        let simd = self.simd;
        match &mut self.rows {
            Rows::Rgb8(rows) => {
                if let Some(out) = rows.next() {
                    rgb8::interleave(simd, halves, out, Store::Cached);
                }
            }
            Rows::Planar(planes) => {
                let [even, odd] = halves;
                for ((rows, even), odd) in planes.iter_mut().zip(even).zip(odd) {
                    if let Some(out) = rows.next() {
                        kernels::zip(simd, even, odd, out);
                    }
                }
            }
            Rows::Yuv420 { encoding, luma, chroma } => {
                for (rgb, out) in halves.iter().zip(&mut room.luma) {
                    encode::luma(simd, encoding, *rgb, out);
                }
                if let Some(out) = luma.next() {
                    kernels::zip(simd, &room.luma[0], &room.luma[1], out);
                }
                let [even, odd] = halves;
                let [upper, lower] = &mut room.sums;
                let sums = if y.is_multiple_of(2) { &mut *upper } else { &mut *lower };
                kernels::encode_pairs(simd, even, odd, sums.each_mut().map(Vec::as_mut_slice));
                if y.is_multiple_of(2) && y + 1 < self.height {
                    return;
                }
                let upper = upper.each_ref().map(Vec::as_slice);
                let lower = if y.is_multiple_of(2) { upper } else { lower.each_ref().map(Vec::as_slice) };
                match chroma {
                    ChromaRows::Pairs(rows) => {
                        let [cb, cr] = &mut room.chroma;
                        encode::chroma(simd, encoding, upper, lower, [cb, cr]);
                        if let Some(out) = rows.next() {
                            kernels::zip(simd, cb, cr, out);
                        }
                    }
                    ChromaRows::Planes([cbs, crs]) => {
                        if let (Some(cb), Some(cr)) = (cbs.next(), crs.next()) {
                            encode::chroma(simd, encoding, upper, lower, [cb, cr]);
                        }
                    }
                }
            }
        }
    }
}

/// Puts even and odd columns back in turn.
#[inline(always)]
pub(crate) fn zip(even: &[u8], odd: &[u8], out: &mut [u8]) {
    let (pairs, last) = out.as_chunks_mut::<2>();
    let n = pairs.len();
    let (evens, odd) = (&even[..n], &odd[..n]);
    for i in 0..n {
        pairs[i] = [evens[i], odd[i]];
    }
    if let [last] = last {
        *last = even[n];
    }
}
