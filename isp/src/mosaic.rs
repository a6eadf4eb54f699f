//! Mosaic rows in the form that the row kernels want, and the sliding window over them.
//!
//! A row is kept as two halves, its even and its odd columns: within a half all samples have the same colour, so
//! every kernel is a plain loop over neighbouring elements. Beyond the borders the mosaic is mirrored at the
//! outermost pixel (column -1 is column 1), which keeps the colour filter's phase.

/// Full scale of normalised samples.
pub(crate) const FULL: u16 = u16::MAX;

/// Clamps to `0..=FULL`. Written around the middle of the range, where the narrowest vector units have an
/// instruction for it; `value` must be well inside 32 bits.
#[inline(always)]
pub(crate) fn clamp_to_full(value: i32) -> u16 {
    (value - 0x8000).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as u16 ^ 0x8000
}

/// Clamps to `0..=FULL` and rounds half to even; NaN gives 0.
#[inline(always)]
pub(crate) fn round_to_full(value: f32) -> u16 {
    let value = if value > 0.0 { value } else { 0.0 };
    let full = f32::from(FULL);
    let clamped = if value < full { value } else { full };
    // From 2^23 on the last bit of a single counts ones: the addition rounds, and the low bits are the integer.
    // A cast would check for NaN and overflow, which compilers do one number at a time.
    (clamped + 8_388_608.0).to_bits() as u16
}

/// Rows and columns that any demosaic needs at most on each side.
pub(crate) const MAX_HALO: u32 = 2;

/// Rows that a window can hold.
const WINDOW: u32 = 2 * MAX_HALO + 1;

/// Index within `0..len` that stands for `index`, mirrored at both ends; needs `len >= 2`.
pub(crate) fn mirror(index: i64, len: u32) -> u32 {
    let period = 2 * (i64::from(len) - 1).max(1);
    let folded = index.rem_euclid(period);
    folded.min(period - folded) as u32
}

/// One mosaic row as even and odd columns, each with one mirrored sample before and after.
#[derive(Debug, Clone)]
pub(crate) struct SplitRow<T = u16> {
    halves: [Vec<T>; 2],
    width: u32,
}

/// Samples of one half of a row of `width`, without the mirrored ones. Where the width is odd, the odd half's
/// last one stands for the mirrored column past the end.
pub(crate) fn half_len(width: u32) -> usize {
    width.div_ceil(2) as usize
}

impl<T: Copy + Default> SplitRow<T> {
    pub(crate) fn new(width: u32) -> SplitRow<T> {
        let half = vec![T::default(); half_len(width) + 2];
        SplitRow { halves: [half.clone(), half], width }
    }

    /// Takes over a row of `width` samples.
    pub(crate) fn split(&mut self, row: &[T]) {
        let [even, odd] = &mut self.halves;
        let (pairs, last) = row.as_chunks::<2>();
        for ((even, odd), &[first, second]) in even.iter_mut().skip(1).zip(odd.iter_mut().skip(1)).zip(pairs)
        {
            *even = first;
            *odd = second;
        }
        if let ([sample], Some(even)) = (last, even.get_mut(pairs.len() + 1)) {
            *even = *sample;
        }
    }

    /// The samples at columns `2 * i + parity`, to be changed before [`SplitRow::mirror_ends`].
    pub(crate) fn half_mut(&mut self, parity: usize) -> &mut [T] {
        let len = half_len(self.width);
        &mut self.halves[parity & 1][1..=len]
    }

    /// The samples at even and at odd columns, to be changed before [`SplitRow::mirror_ends`].
    pub(crate) fn halves_mut(&mut self) -> [&mut [T]; 2] {
        let len = half_len(self.width);
        self.halves.each_mut().map(|half| &mut half[1..=len])
    }

    /// Fills the samples outside the picture.
    pub(crate) fn mirror_ends(&mut self) {
        let first_outside = 2 * half_len(self.width) as i64;
        for column in [-2, -1, i64::from(self.width), first_outside, first_outside + 1] {
            let inside = mirror(column, self.width);
            let sample = self.halves[(inside & 1) as usize][(inside / 2) as usize + 1];
            self.halves[(column & 1) as usize][(column.div_euclid(2) + 1) as usize] = sample;
        }
    }

    /// The samples at columns `2 * i + parity + offset`, for `offset` in `-2..=2` and `i` in a half row.
    #[inline(always)]
    pub(crate) fn columns(&self, parity: usize, offset: i32) -> &[T] {
        let column = parity as i32 + offset;
        let start = (column.div_euclid(2) + 1) as usize;
        &self.halves[(column & 1) as usize][start..start + half_len(self.width)]
    }
}

/// The rows around the one being developed: a ring in which row `y` has its fixed place.
#[derive(Debug, Clone)]
pub(crate) struct Window<T = u16> {
    rows: [SplitRow<T>; WINDOW as usize],
    held: [Option<u32>; WINDOW as usize],
    height: u32,
}

impl<T: Copy + Default> Window<T> {
    /// A window over a mosaic of at least 2x2.
    pub(crate) fn new(width: u32, height: u32) -> Window<T> {
        Window { rows: std::array::from_fn(|_| SplitRow::new(width)), held: Default::default(), height }
    }

    /// Drops all rows: the next ones come from another picture.
    pub(crate) fn clear(&mut self) {
        self.held = Default::default();
    }

    /// Makes rows `y - halo ..= y + halo` present, loading those that are not.
    pub(crate) fn advance(&mut self, y: u32, halo: u32, load: &mut dyn FnMut(u32, &mut SplitRow<T>)) {
        for row in y.saturating_sub(halo)..=(y + halo).min(self.height - 1) {
            let slot = (row % WINDOW) as usize;
            if self.held[slot] != Some(row) {
                load(row, &mut self.rows[slot]);
                self.rows[slot].mirror_ends();
                self.held[slot] = Some(row);
            }
        }
    }

    /// Row `y`, which [`Window::advance`] must have made present.
    pub(crate) fn held(&self, y: u32) -> &SplitRow<T> {
        &self.rows[(y % WINDOW) as usize]
    }

    /// Row `y + offset`, mirrored at the borders; [`Window::advance`] must have made it present.
    pub(crate) fn row(&self, y: u32, offset: i32) -> &SplitRow<T> {
        &self.rows[(mirror(i64::from(y) + i64::from(offset), self.height) % WINDOW) as usize]
    }

    /// The neighbourhood of row `y`'s columns of one parity, within a halo that [`Window::advance`] has made present.
    pub(crate) fn taps(&self, y: u32, halo: u32, parity: usize) -> Taps<'_, T> {
        let halo = halo as i32;
        // Rows beyond the halo are not present and not looked at; the nearest one stands in.
        Taps { rows: std::array::from_fn(|i| self.row(y, (i as i32 - 2).clamp(-halo, halo))), parity }
    }
}

/// What the kernels see of the mosaic: rows `y-2 ..= y+2`, at columns of one parity.
#[derive(Clone, Copy)]
pub(crate) struct Taps<'a, T> {
    rows: [&'a SplitRow<T>; WINDOW as usize],
    parity: usize,
}

impl<'a, T: Copy + Default> Taps<'a, T> {
    /// The samples `dx` columns right of and `dy` rows below the sites.
    #[inline(always)]
    pub(crate) fn at(&self, dx: i32, dy: i32) -> &'a [T] {
        self.rows[(dy + MAX_HALO as i32) as usize].columns(self.parity, dx)
    }

    /// The first `n` of [`Taps::at`].
    ///
    /// Kernels call it for each tap: through `array::map`, which is not compiled for their level, it would not be
    /// inlined into them.
    #[inline(always)]
    pub(crate) fn first(&self, n: usize, dx: i32, dy: i32) -> &'a [T] {
        &self.at(dx, dy)[..n]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_rows_give_the_mirrored_columns_at_every_width() {
        for width in 2..=13_u32 {
            let samples: Vec<u16> = (0..width as u16).map(|x| 100 + x).collect();
            let mut row = SplitRow::new(width);
            row.split(&samples);
            row.mirror_ends();
            for parity in 0..2_usize {
                for offset in -2..=2_i32 {
                    for (i, &sample) in row.columns(parity, offset).iter().enumerate() {
                        let centre = 2 * i as i64 + parity as i64;
                        if centre < i64::from(width) {
                            let expected = samples[mirror(centre + i64::from(offset), width) as usize];
                            assert_eq!(sample, expected, "width {width} column {centre} offset {offset}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn mirroring_keeps_parity_and_stays_inside() {
        for len in 2..9_u32 {
            for index in -2..i64::from(len) + 2 {
                let inside = mirror(index, len);
                assert!(inside < len);
                assert_eq!(i64::from(inside) & 1, index & 1);
            }
        }
        assert_eq!([-2, -1, 0, 4, 5, 6].map(|i| mirror(i, 5)), [2, 1, 0, 4, 3, 2]);
    }
}
