//! Rows of luma and chroma at one size, in 16ths of a code, read out of any layout. Red, green and blue are read in the
//! places of luma, Cb and Cr.

use super::geometry::{Arrangement, YuvLayout, YuvView};
use crate::Simd;
use crate::simd::kernels;

/// Room for the rows that one row of the output is made of.
#[derive(Debug)]
pub(super) struct Rows {
    width: usize,
    /// Luma, Cb and Cr as long as the output's row.
    out: [Vec<u16>; 3],
    /// A row of Cb and one of Cr as they are stored.
    chroma: [Vec<u8>; 2],
    /// Another one.
    other: [Vec<u8>; 2],
    /// Two rows of chroma mixed, in quarters.
    mixed: [Vec<u16>; 2],
    luma: Vec<u8>,
    /// The luma of the row below it.
    below: Vec<u8>,
    simd: Simd,
}

impl Rows {
    pub(super) fn new(width: u32, layout: YuvLayout, simd: Simd) -> Self {
        let pairs = layout.chroma_width(width);
        let width = width as usize;
        let bytes = || [vec![0; pairs], vec![0; pairs]];
        Self {
            width,
            out: [vec![0; width], vec![0; width], vec![0; width]],
            chroma: bytes(),
            other: bytes(),
            mixed: [vec![0; pairs], vec![0; pairs]],
            luma: vec![0; width],
            below: vec![0; width],
            simd,
        }
    }

    /// Row `y` at full size. Chroma between its samples is three parts of the nearer and one of the farther; beyond
    /// the outermost it is the outermost.
    pub(super) fn full(&mut self, view: &YuvView<'_>, y: usize) -> [&mut [u16]; 3] {
        let layout = view.geometry().layout;
        luma(self.simd, view, y, &mut self.luma);
        let (near, far) = if layout.halves_rows() {
            let (_, rows) = layout.plane(1, view.geometry().width, view.geometry().height);
            let near = y / 2;
            (near, if y.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(rows - 1) })
        } else {
            (y, y)
        };
        chroma(self.simd, view, near, &mut self.chroma);
        if far == near {
            self.other.clone_from(&self.chroma);
        } else {
            chroma(self.simd, view, far, &mut self.other);
        }
        let [out_luma, out_chroma @ ..] = &mut self.out;
        for (out, &luma) in out_luma.iter_mut().zip(&self.luma) {
            *out = 16 * u16::from(luma);
        }
        let sources = self.chroma.iter().zip(&self.other);
        for ((near, far), (mixed, out)) in sources.zip(self.mixed.iter_mut().zip(out_chroma)) {
            kernels::yuv_mix(self.simd, near, far, mixed);
            if layout.halves_columns() {
                kernels::yuv_widen(self.simd, mixed, out);
            } else {
                out.iter_mut().zip(&*mixed).for_each(|(out, mixed)| *out = 4 * mixed);
            }
        }
        self.out.each_mut().map(Vec::as_mut_slice)
    }

    /// Row `y` at half size: of each cell of 2x2 pixels the mean of luma and of chroma.
    pub(super) fn half(&mut self, view: &YuvView<'_>, y: usize) -> [&mut [u16]; 3] {
        let n = self.width / 2;
        luma(self.simd, view, 2 * y, &mut self.luma);
        luma(self.simd, view, 2 * y + 1, &mut self.below);
        let [out_luma, out_chroma @ ..] = &mut self.out;
        kernels::yuv_cells(self.simd, &self.luma, &self.below, out_luma);
        let layout = view.geometry().layout;
        if layout.halves_rows() {
            chroma(self.simd, view, y, &mut self.chroma);
            self.other.clone_from(&self.chroma);
        } else {
            chroma(self.simd, view, 2 * y, &mut self.chroma);
            chroma(self.simd, view, 2 * y + 1, &mut self.other);
        }
        for (out, (one, other)) in out_chroma.iter_mut().zip(self.chroma.iter().zip(&self.other)) {
            if !layout.halves_columns() {
                kernels::yuv_cells(self.simd, one, other, out);
                continue;
            }
            for (out, (&one, &other)) in out.iter_mut().zip(one.iter().zip(other)) {
                *out = 8 * (u16::from(one) + u16::from(other));
            }
        }
        self.out.each_mut().map(|plane| &mut plane[..n])
    }
}

/// The luma of row `y`.
fn luma(simd: Simd, view: &YuvView<'_>, y: usize, out: &mut [u8]) {
    let row = view.row(0, y);
    match view.geometry().layout.arrangement() {
        Arrangement::Packed { luma, .. } => kernels::yuv_packed_luma(simd, row.as_chunks().0, luma, out),
        Arrangement::Pairs { .. } | Arrangement::Planes { .. } => copy(row, out),
        Arrangement::Pixels { bytes, places: [red, ..] } => pick(row, bytes, red, out),
    }
}

/// Row `y` of chroma: Cb, then Cr.
fn chroma(simd: Simd, view: &YuvView<'_>, y: usize, to: &mut [Vec<u8>; 2]) {
    let to = to.each_mut().map(Vec::as_mut_slice);
    match view.geometry().layout.arrangement() {
        Arrangement::Packed { cb, cr, .. } => {
            kernels::yuv_packed_chroma(simd, view.row(0, y).as_chunks().0, [cb, cr], to);
        }
        Arrangement::Pairs { cb } => {
            kernels::yuv_paired_chroma(simd, view.row(1, y).as_chunks().0, cb, to);
        }
        Arrangement::Planes { cb } => {
            let [to_cb, to_cr] = to;
            copy(view.row(cb, y), to_cb);
            copy(view.row(3 - cb, y), to_cr);
        }
        Arrangement::Pixels { bytes, places: [_, green, blue] } => {
            let [to_green, to_blue] = to;
            pick(view.row(0, y), bytes, green, to_green);
            pick(view.row(0, y), bytes, blue, to_blue);
        }
    }
}

/// Byte `place` of each pixel.
fn pick(row: &[u8], bytes: usize, place: usize, out: &mut [u8]) {
    for (out, pixel) in out.iter_mut().zip(row.chunks_exact(bytes)) {
        *out = pixel[place];
    }
}

fn copy(row: &[u8], out: &mut [u8]) {
    let n = out.len().min(row.len());
    out[..n].copy_from_slice(&row[..n]);
}

/// Byte `index` of a word and the bytes that follow it.
#[inline(always)]
fn bytes_from(word: u32, index: usize) -> u32 {
    word >> (8 * index as u32)
}

/// The two luma samples of each group, the first at byte `first`; of an odd width the last group has one.
#[inline(always)]
pub(crate) fn packed_luma(groups: &[[u8; 4]], first: usize, out: &mut [u8]) {
    let (pairs, last) = out.as_chunks_mut::<2>();
    for (pair, group) in pairs.iter_mut().zip(groups) {
        let word = bytes_from(u32::from_le_bytes(*group), first);
        *pair = [word as u8, (word >> 16) as u8];
    }
    if let (Some(sample), Some(group)) = (last.first_mut(), groups.get(pairs.len())) {
        *sample = group[first];
    }
}

/// Cb and Cr of each group, at these bytes.
#[inline(always)]
pub(crate) fn packed_chroma(groups: &[[u8; 4]], [cb, cr]: [usize; 2], [to_cb, to_cr]: [&mut [u8]; 2]) {
    let n = groups.len().min(to_cb.len()).min(to_cr.len());
    let (groups, to_cb, to_cr) = (&groups[..n], &mut to_cb[..n], &mut to_cr[..n]);
    for i in 0..n {
        let word = u32::from_le_bytes(groups[i]);
        to_cb[i] = bytes_from(word, cb) as u8;
        to_cr[i] = bytes_from(word, cr) as u8;
    }
}

/// Cb, at byte `cb`, and Cr of each pair.
#[inline(always)]
pub(crate) fn paired_chroma(pairs: &[[u8; 2]], cb: usize, [to_cb, to_cr]: [&mut [u8]; 2]) {
    let n = pairs.len().min(to_cb.len()).min(to_cr.len());
    let (pairs, to_cb, to_cr) = (&pairs[..n], &mut to_cb[..n], &mut to_cr[..n]);
    for i in 0..n {
        let word = u32::from(u16::from_le_bytes(pairs[i]));
        to_cb[i] = bytes_from(word, cb) as u8;
        to_cr[i] = bytes_from(word, 1 - cb) as u8;
    }
}

/// Sums of the pairs of one row and of another, in 16ths of their mean.
#[inline(always)]
pub(crate) fn cells(above: &[u8], below: &[u8], out: &mut [u16]) {
    let (above, below) = (above.as_chunks::<2>().0, below.as_chunks::<2>().0);
    let n = above.len().min(below.len()).min(out.len());
    let (above, below, out) = (&above[..n], &below[..n], &mut out[..n]);
    for i in 0..n {
        let sum = [above[i][0], above[i][1], below[i][0], below[i][1]].map(u16::from);
        out[i] = 4 * (sum[0] + sum[1] + sum[2] + sum[3]);
    }
}

/// Three parts of the nearer row of chroma and one of the farther, in quarters.
#[inline(always)]
pub(crate) fn mix(near: &[u8], far: &[u8], out: &mut [u16]) {
    for (out, (&near, &far)) in out.iter_mut().zip(near.iter().zip(far)) {
        *out = 3 * u16::from(near) + u16::from(far);
    }
}

/// Quarters of half a row to 16ths of a row.
#[inline(always)]
pub(crate) fn widen(half: &[u16], out: &mut [u16]) {
    let (pairs, last) = out.as_chunks_mut::<2>();
    let at = |index: usize| half.get(index).or(half.last()).copied().unwrap_or_default();
    let here = |i: usize| [3 * at(i) + at(i.saturating_sub(1)), 3 * at(i) + at(i + 1)];
    let n = pairs.len();
    if n > 2 {
        let (before, middle, after) = (&half[..n - 2], &half[1..n - 1], &half[2..n]);
        for (i, pair) in pairs[1..n - 1].iter_mut().enumerate() {
            *pair = [3 * middle[i] + before[i], 3 * middle[i] + after[i]];
        }
    }
    for i in [0, n.saturating_sub(1)] {
        if let Some(pair) = pairs.get_mut(i) {
            *pair = here(i);
        }
    }
    if let Some(sample) = last.first_mut() {
        *sample = here(n)[0];
    }
}
