//! From packed bytes to normalised mosaic rows and to rows of 2x2 cells.

use crate::level::Level;
use crate::mosaic::SplitRow;
use crate::raw::RawGeometry;
use crate::raw_rows::{RawProducts, RawRows};
use crate::sharpness::Sharpness;
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
pub(crate) struct CellReader<'a, 'b> {
    view: RawView<'a>,
    simd: Simd,
    level: Level,
    codes: [Vec<u16>; 2],
    raw: Option<RawRows<'b>>,
}

impl<'a, 'b> CellReader<'a, 'b> {
    pub(crate) fn new(view: &RawView<'a>) -> CellReader<'a, 'b> {
        CellReader::with(view, RawProducts::default())
    }

    /// A reader that is asked for all rows, top to bottom, and makes these products of them.
    pub(crate) fn with(view: &RawView<'a>, products: RawProducts<'b>) -> CellReader<'a, 'b> {
        let &RawGeometry { width, black, white, .. } = view.geometry();
        let simd = Simd::detect();
        let codes = vec![0; width as usize];
        CellReader {
            view: *view,
            simd,
            level: Level::new(black, white, 1.0),
            codes: [codes.clone(), codes],
            raw: products.any().then(|| RawRows::new(view.geometry(), products, false, simd)),
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
        let rows = match &mut self.raw {
            Some(raw) => raw.pair(&self.view, y),
            None => [
                unpack::codes(self.simd, self.view.row(2 * y), bits, packing, upper),
                unpack::codes(self.simd, self.view.row(2 * y + 1), bits, packing, lower),
            ],
        };
        cells::rgb(self.simd, self.level, pattern, rows, out);
    }

    /// Reads an odd last row, which is in no cell, for the products alone, and gives what they came to.
    pub(crate) fn finish(self) -> Option<Sharpness> {
        let mut raw = self.raw?;
        let height = self.view.geometry().height;
        if height % 2 == 1 {
            raw.row(&self.view, height - 1);
        }
        raw.finish().1
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
