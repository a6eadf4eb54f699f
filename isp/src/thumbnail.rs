//! A small picture from rows that pass by: means of square cells.

use crate::picture::reserve;
use crate::simd::{Simd, kernels};
use crate::tier::Halves;
use crate::{Error, Picture};

/// Rows that 16 bits have room for: twice 255 a row.
const ROWS: u32 = 128;

/// Takes rows top to bottom.
#[derive(Debug)]
pub(crate) struct Thumbnail {
    simd: Simd,
    /// Rows and columns of a cell, even.
    cell: u32,
    /// Rows taken.
    rows: u32,
    /// Rows in `columns`.
    held: u32,
    /// Sums of two neighbouring columns each.
    columns: [Vec<u16>; 3],
    /// Sums of the cells of a row so far.
    sums: Vec<[u64; 3]>,
    picture: Picture,
}

impl Thumbnail {
    /// For pictures of `width` x `height` and sides of at most `longest` pixels. What is left of the picture beyond whole
    /// cells on the right and at the bottom is not shown.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where the thumbnail can't be allocated.
    pub(crate) fn new(width: u32, height: u32, longest: u32, simd: Simd) -> Result<Thumbnail, Error> {
        let cell = width.max(height).div_ceil(longest.max(1)).next_multiple_of(2).max(2);
        let mut picture = Picture { width: width / cell, height: height / cell, data: Vec::new() };
        reserve(&mut picture.data, picture.width, picture.height, 3, "the thumbnail")?;
        let pairs = (picture.width * cell / 2) as usize;
        Ok(Thumbnail {
            simd,
            cell,
            rows: 0,
            held: 0,
            columns: std::array::from_fn(|_| vec![0; pairs]),
            sums: vec![[0; 3]; picture.width as usize],
            picture,
        })
    }

    /// Takes the next row.
    pub(crate) fn row(&mut self, [even, odd]: Halves<'_, u8>) {
        if self.rows / self.cell >= self.picture.height {
            return;
        }
        for ((columns, even), odd) in self.columns.iter_mut().zip(even).zip(odd) {
            kernels::add_pairs(self.simd, even, odd, columns);
        }
        self.rows += 1;
        self.held += 1;
        let whole = self.rows.is_multiple_of(self.cell);
        if whole || self.held == ROWS {
            self.fold();
        }
        if whole {
            self.write();
        }
    }

    /// Adds the columns up to cells.
    fn fold(&mut self) {
        for (channel, columns) in self.columns.iter_mut().enumerate() {
            for (sums, pairs) in self.sums.iter_mut().zip(columns.chunks_exact(self.cell as usize / 2)) {
                sums[channel] += pairs.iter().map(|&pair| u64::from(pair)).sum::<u64>();
            }
            columns.fill(0);
        }
        self.held = 0;
    }

    /// Writes a row of the thumbnail: means, rounded half up.
    fn write(&mut self) {
        let area = u64::from(self.cell) * u64::from(self.cell);
        for sums in &mut self.sums {
            self.picture.data.extend(sums.map(|sum| ((sum + area / 2) / area) as u8));
            *sums = [0; 3];
        }
    }

    pub(crate) fn finish(self) -> Picture {
        self.picture
    }
}

/// Adds both halves of a row to sums of pairs.
#[inline(always)]
pub(crate) fn add_pairs(even: &[u8], odd: &[u8], sums: &mut [u16]) {
    let n = sums.len();
    let (even, odd) = (&even[..n], &odd[..n]);
    for i in 0..n {
        sums[i] += u16::from(even[i]) + u16::from(odd[i]);
    }
}
