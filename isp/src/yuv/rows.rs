//! Rows of luma and chroma at one size, in 16ths of a code, read out of any layout.

use super::geometry::{Arrangement, YuvView};

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
}

impl Rows {
    pub(super) fn new(width: u32) -> Self {
        let width = width as usize;
        let pairs = width.div_ceil(2);
        let bytes = || [vec![0; pairs], vec![0; pairs]];
        Self {
            width,
            out: [vec![0; width], vec![0; width], vec![0; width]],
            chroma: bytes(),
            other: bytes(),
            mixed: [vec![0; pairs], vec![0; pairs]],
            luma: vec![0; width],
        }
    }

    /// Row `y` at full size. Chroma between its samples is three parts of the nearer and one of the farther; beyond
    /// the outermost it is the outermost.
    pub(super) fn full(&mut self, view: &YuvView<'_>, y: usize) -> [&mut [u16]; 3] {
        let layout = view.geometry().layout;
        luma(view, y, &mut self.luma);
        let (near, far) = if layout.halves_rows() {
            let (_, rows) = layout.plane(1, view.geometry().width, view.geometry().height);
            let near = y / 2;
            (near, if y.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(rows - 1) })
        } else {
            (y, y)
        };
        chroma(view, near, &mut self.chroma);
        if far == near {
            self.other.clone_from(&self.chroma);
        } else {
            chroma(view, far, &mut self.other);
        }
        let [out_luma, out_chroma @ ..] = &mut self.out;
        for (out, &luma) in out_luma.iter_mut().zip(&self.luma) {
            *out = 16 * u16::from(luma);
        }
        let sources = self.chroma.iter().zip(&self.other);
        for ((near, far), (mixed, out)) in sources.zip(self.mixed.iter_mut().zip(out_chroma)) {
            for (mixed, (&near, &far)) in mixed.iter_mut().zip(near.iter().zip(far)) {
                *mixed = 3 * u16::from(near) + u16::from(far);
            }
            widen(mixed, out);
        }
        self.out.each_mut().map(Vec::as_mut_slice)
    }

    /// Row `y` at half size: of each cell of 2x2 pixels the mean of luma and of chroma.
    pub(super) fn half(&mut self, view: &YuvView<'_>, y: usize) -> [&mut [u16]; 3] {
        let n = self.width / 2;
        let [out_luma, out_chroma @ ..] = &mut self.out;
        luma(view, 2 * y, &mut self.luma);
        for (out, pair) in out_luma.iter_mut().zip(self.luma.chunks_exact(2)) {
            *out = u16::from(pair[0]) + u16::from(pair[1]);
        }
        luma(view, 2 * y + 1, &mut self.luma);
        for (out, pair) in out_luma.iter_mut().zip(self.luma.chunks_exact(2)) {
            *out = 4 * (*out + u16::from(pair[0]) + u16::from(pair[1]));
        }
        if view.geometry().layout.halves_rows() {
            chroma(view, y, &mut self.chroma);
            self.other.clone_from(&self.chroma);
        } else {
            chroma(view, 2 * y, &mut self.chroma);
            chroma(view, 2 * y + 1, &mut self.other);
        }
        for (out, (one, other)) in out_chroma.iter_mut().zip(self.chroma.iter().zip(&self.other)) {
            for (out, (&one, &other)) in out.iter_mut().zip(one.iter().zip(other)) {
                *out = 8 * (u16::from(one) + u16::from(other));
            }
        }
        self.out.each_mut().map(|plane| &mut plane[..n])
    }
}

/// The luma of row `y`.
fn luma(view: &YuvView<'_>, y: usize, out: &mut [u8]) {
    let row = view.row(0, y);
    match view.geometry().layout.arrangement() {
        Arrangement::Packed { luma, .. } => {
            for (out, group) in out.chunks_mut(2).zip(row.as_chunks::<4>().0) {
                let pair = if luma == 0 { [group[0], group[2]] } else { [group[1], group[3]] };
                out.copy_from_slice(&pair[..out.len()]);
            }
        }
        Arrangement::Pairs { .. } | Arrangement::Planes { .. } => {
            let n = out.len().min(row.len());
            out[..n].copy_from_slice(&row[..n]);
        }
    }
}

/// Row `y` of chroma: Cb, then Cr.
fn chroma(view: &YuvView<'_>, y: usize, [to_cb, to_cr]: &mut [Vec<u8>; 2]) {
    match view.geometry().layout.arrangement() {
        Arrangement::Packed { cb, cr, .. } => {
            let groups = view.row(0, y).as_chunks::<4>().0;
            for ((to_cb, to_cr), group) in to_cb.iter_mut().zip(to_cr).zip(groups) {
                (*to_cb, *to_cr) = (group[cb], group[cr]);
            }
        }
        Arrangement::Pairs { cb } => {
            let pairs = view.row(1, y).as_chunks::<2>().0;
            for ((to_cb, to_cr), pair) in to_cb.iter_mut().zip(to_cr).zip(pairs) {
                (*to_cb, *to_cr) = (pair[cb], pair[1 - cb]);
            }
        }
        Arrangement::Planes { cb } => {
            for (plane, to) in [(cb, to_cb), (3 - cb, to_cr)] {
                let row = view.row(plane, y);
                let n = to.len().min(row.len());
                to[..n].copy_from_slice(&row[..n]);
            }
        }
    }
}

/// Quarters of half a row to 16ths of a row.
fn widen(half: &[u16], out: &mut [u16]) {
    let last = half.len().saturating_sub(1);
    for (i, (pair, &here)) in out.chunks_mut(2).zip(half).enumerate() {
        pair[0] = 3 * here + half[i.saturating_sub(1)];
        if let Some(right) = pair.get_mut(1) {
            *right = 3 * here + half[(i + 1).min(last)];
        }
    }
}
