//! From packed bytes to normalised mosaic rows and to rows of 2x2 cells.

use crate::level::Level;
use crate::mosaic::SplitRow;
use crate::raw::RawGeometry;
use crate::simd::kernels;
use crate::{CfaPattern, RawView, Simd, unpack};

/// Reads rows of one kind of frame: unpacks them, takes off the black level, normalises and applies gains.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    simd: Simd,
    pattern: CfaPattern,
    levels: [Level; 3],
}

impl Reader {
    /// For frames of a valid geometry, with gains of red, green and blue.
    pub(crate) fn new(geometry: &RawGeometry, gains: [f32; 3]) -> Reader {
        Reader {
            simd: Simd::detect(),
            pattern: geometry.pattern,
            levels: gains.map(|gain| Level::new(geometry.black, geometry.white, f64::from(gain))),
        }
    }

    /// Reads row `y` through a buffer of one row of codes; the mirrored ends are left as they are.
    pub(crate) fn row(&self, view: &RawView<'_>, y: u32, codes: &mut [u16], row: &mut SplitRow) {
        let &RawGeometry { bits, packing, .. } = view.geometry();
        unpack::samples(self.simd, view.row(y), bits, packing, codes);
        row.split(codes);
        for parity in 0..2 {
            let channel = self.pattern.channel_at(parity, y);
            kernels::level(self.simd, self.levels[channel as usize], row.half_mut(parity as usize));
        }
    }
}

/// Reads rows of 2x2 cells as linear RGB without gains. An odd last column or row belongs to no cell.
#[derive(Debug)]
pub(crate) struct CellReader<'a> {
    view: RawView<'a>,
    reader: Reader,
    codes: Vec<u16>,
    rows: [SplitRow; 2],
}

impl<'a> CellReader<'a> {
    pub(crate) fn new(view: &RawView<'a>) -> CellReader<'a> {
        let geometry = view.geometry();
        let row = SplitRow::new(geometry.width);
        let codes = vec![0; geometry.width as usize];
        CellReader { view: *view, reader: Reader::new(geometry, [1.0; 3]), codes, rows: [row.clone(), row] }
    }

    /// Cells across and down.
    pub(crate) fn size(&self) -> (u32, u32) {
        (self.view.geometry().width / 2, self.view.geometry().height / 2)
    }

    /// Reads cell row `y`: red, green (the mean of both, rounded half up) and blue, each as long as a cell row.
    pub(crate) fn row(&mut self, y: u32, [red, green, blue]: [&mut [u16]; 3]) {
        for (line, row) in (2 * y..).zip(&mut self.rows) {
            self.reader.row(&self.view, line, &mut self.codes, row);
        }
        let [upper, lower] = self.rows.each_ref().map(|row| [row.columns(0, 0), row.columns(1, 0)]);
        let (red_from, greens, blue_from) = match self.reader.pattern {
            CfaPattern::Rggb => (upper[0], [upper[1], lower[0]], lower[1]),
            CfaPattern::Grbg => (upper[1], [upper[0], lower[1]], lower[0]),
            CfaPattern::Gbrg => (lower[0], [upper[0], lower[1]], upper[1]),
            CfaPattern::Bggr => (lower[1], [upper[1], lower[0]], upper[0]),
        };
        red.copy_from_slice(&red_from[..red.len()]);
        blue.copy_from_slice(&blue_from[..blue.len()]);
        for (green, (&first, &second)) in green.iter_mut().zip(greens[0].iter().zip(greens[1])) {
            *green = ((u32::from(first) + u32::from(second) + 1) >> 1) as u16;
        }
    }
}

/// Cuts a buffer of three cell rows into its planes.
pub(crate) fn planes_mut(rows: &mut [u16]) -> [&mut [u16]; 3] {
    let third = rows.len() / 3;
    let (red, rest) = rows.split_at_mut(third);
    let (green, blue) = rest.split_at_mut(third);
    [red, green, &mut blue[..third]]
}

/// Cuts a buffer of three cell rows into its planes.
pub(crate) fn planes(rows: &[u16]) -> [&[u16]; 3] {
    let third = rows.len() / 3;
    [&rows[..third], &rows[third..2 * third], &rows[2 * third..3 * third]]
}
