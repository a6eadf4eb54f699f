//! Rows of a band as even and odd columns, and the rings that hold the rows around the one being developed.

/// Columns that a band yields at most; every row of every band costs a start, and the rings of wider ones would
/// leave the second-level cache.
pub(in crate::tier) const BAND: usize = 4096;

/// Columns computed on each side of the band: at least what a pixel's colours depend on.
const SIDE: usize = 16;

/// Samples before and after them that kernels may read.
const MARGIN: usize = 2;

/// Samples of a half row in memory, for bands of `width` columns: whole vectors are computed.
pub(super) const fn stored(width: u32) -> usize {
    let band = if (width as usize) < BAND { (width as usize).next_multiple_of(16) } else { BAND };
    band / 2 + SIDE + 2 * MARGIN
}

/// Columns from a line's first sample to the band's.
pub(super) const LEAD: usize = 2 * MARGIN + SIDE;

/// One row of a band, `[even columns, odd columns]`.
#[derive(Debug, Clone)]
pub(super) struct Line {
    halves: [Box<[f32]>; 2],
}

impl Line {
    pub(super) fn new(width: u32) -> Line {
        let half = vec![0.0; stored(width)].into_boxed_slice();
        Line { halves: [half.clone(), half] }
    }

    /// Samples of a half row that kernels compute.
    #[inline(always)]
    fn computed(&self) -> usize {
        self.halves[0].len() - 2 * MARGIN
    }

    /// The samples at columns `2 * i + parity + offset`, for `offset` in `-4..=3`.
    #[inline(always)]
    pub(super) fn at(&self, parity: usize, offset: i32) -> &[f32] {
        let column = parity as i32 + offset;
        let start = (column.div_euclid(2) + MARGIN as i32) as usize;
        &self.halves[(column & 1) as usize][start..start + self.computed()]
    }

    /// The samples at columns `2 * (i + k) + parity + offset` for `k` in `0..N`, at index `i + k`: one address for
    /// neighbours in a row.
    #[inline(always)]
    pub(super) fn run<const N: usize>(&self, parity: usize, offset: i32) -> &[f32] {
        let column = parity as i32 + offset;
        let start = (column.div_euclid(2) + MARGIN as i32) as usize;
        &self.halves[(column & 1) as usize][start..start + self.computed() + N - 1]
    }

    /// What a kernel computes of one parity.
    #[inline(always)]
    pub(super) fn at_mut(&mut self, parity: usize) -> &mut [f32] {
        let end = MARGIN + self.computed();
        &mut self.halves[parity & 1][MARGIN..end]
    }

    /// One half with its margins.
    #[inline(always)]
    pub(super) fn whole(&self, parity: usize) -> &[f32] {
        &self.halves[parity & 1]
    }

    /// One half with its margins.
    #[inline(always)]
    pub(super) fn whole_mut(&mut self, parity: usize) -> &mut [f32] {
        &mut self.halves[parity & 1]
    }

    /// The band's samples of one parity.
    pub(super) fn band(&self, parity: usize) -> &[f32] {
        &self.halves[parity & 1][LEAD / 2..self.computed() + MARGIN - SIDE / 2]
    }
}

/// The last `N` rows, each in its fixed place.
#[derive(Debug, Clone)]
pub(super) struct Ring<const N: usize> {
    lines: Vec<Line>,
}

impl<const N: usize> Ring<N> {
    pub(super) fn new(width: u32) -> Ring<N> {
        Ring { lines: vec![Line::new(width); N] }
    }

    #[inline(always)]
    pub(super) fn row(&self, y: i64) -> &Line {
        &self.lines[y.rem_euclid(N as i64) as usize]
    }

    #[inline(always)]
    pub(super) fn row_mut(&mut self, y: i64) -> &mut Line {
        &mut self.lines[y.rem_euclid(N as i64) as usize]
    }
}
