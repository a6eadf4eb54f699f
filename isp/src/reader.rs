//! From packed bytes to normalised mosaic rows and to rows of 2x2 cells.

use crate::level::Level;
use crate::mosaic::SplitRow;
use crate::raw::RawGeometry;
use crate::simd::{cells, kernels};
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
    simd: Simd,
    level: Level,
    codes: [Vec<u16>; 2],
}

impl<'a> CellReader<'a> {
    pub(crate) fn new(view: &RawView<'a>) -> CellReader<'a> {
        let &RawGeometry { width, black, white, .. } = view.geometry();
        let codes = vec![0; width as usize];
        CellReader {
            view: *view,
            simd: Simd::detect(),
            level: Level::new(black, white, 1.0),
            codes: [codes.clone(), codes],
        }
    }

    /// Cells across and down.
    pub(crate) fn size(&self) -> (u32, u32) {
        (self.view.geometry().width / 2, self.view.geometry().height / 2)
    }

    /// Reads cell row `y`: red, green (the mean of both, rounded half up) and blue, each as long as a cell row.
    pub(crate) fn row(&mut self, y: u32, out: [&mut [u16]; 3]) {
        let &RawGeometry { bits, packing, pattern, .. } = self.view.geometry();
        let [upper, lower] = &mut self.codes;
        let upper = unpack::codes(self.simd, self.view.row(2 * y), bits, packing, upper);
        let lower = unpack::codes(self.simd, self.view.row(2 * y + 1), bits, packing, lower);
        cells::rgb(self.simd, self.level, pattern, [upper, lower], out);
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
