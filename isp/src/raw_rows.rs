//! Rows of a raw frame, read once for all that need them.
//!
//! Frames may lie in memory that no cache holds, where a second look at a row costs as much as the first. So a row is
//! read into a buffer, and from there goes whatever is made of it.

use crate::level::Level;
use crate::reader::{planes, planes_mut};
use crate::sharpness::{Gauge, Sharpness};
use crate::simd::{Simd, cells};
use crate::statistics::{Collector, Statistics};
use crate::{Packing, RawGeometry, RawView, packing, unpack};

/// Takes a frame's rows in order, 0 first: the row's number and its samples, packed without padding as
/// [`Packing::smallest`] has them. Samples that are packed so already come as they are.
pub type StoredRows<'a> = &'a mut dyn FnMut(u32, &[u8]);

/// What is wanted of the raw rows of a pass beside their picture; what is not wanted costs nothing.
#[derive(Default)]
pub struct RawProducts<'a> {
    /// Whether the sharpness is measured.
    pub sharpness: bool,
    /// Who takes each row in the form in which it is stored: for a file, a checksum, or both. The frame's memory is being
    /// read meanwhile.
    pub stored: Option<StoredRows<'a>>,
}

impl std::fmt::Debug for RawProducts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawProducts")
            .field("sharpness", &self.sharpness)
            .field("stored", &self.stored.is_some())
            .finish()
    }
}

impl RawProducts<'_> {
    pub(crate) fn any(&self) -> bool {
        self.sharpness || self.stored.is_some()
    }
}

/// Reads the rows of one frame, top to bottom.
pub(crate) struct RawRows<'a> {
    simd: Simd,
    geometry: RawGeometry,
    stored: Option<StoredRows<'a>>,
    form: Packing,
    bytes: Vec<u8>,
    packed: Vec<u8>,
    /// The codes of the last row with an even number and with an odd one.
    codes: [Vec<u16>; 2],
    gauge: Option<Gauge>,
    cells: Option<Cells>,
}

/// Rows of cells, and what gathers their statistics.
struct Cells {
    level: Level,
    row: Vec<u16>,
    collector: Collector,
}

impl<'a> RawRows<'a> {
    /// For a frame of a valid geometry.
    pub(crate) fn new(
        geometry: &RawGeometry,
        products: RawProducts<'a>,
        statistics: bool,
        simd: Simd,
    ) -> RawRows<'a> {
        let &RawGeometry { width, height, black, white, bits, packing, .. } = geometry;
        let form = Packing::smallest(bits);
        let row_bytes = |packing: Packing| vec![0; packing.row_bytes(bits, width as usize).unwrap_or(0)];
        let codes = vec![0; width as usize];
        RawRows {
            simd,
            geometry: *geometry,
            stored: products.stored,
            form,
            bytes: row_bytes(packing),
            packed: row_bytes(form),
            codes: [codes.clone(), codes],
            gauge: products.sharpness.then(|| Gauge::new(geometry, simd)),
            cells: statistics.then(|| Cells {
                level: Level::new(black, white, 1.0),
                row: vec![0; 3 * (width / 2) as usize],
                collector: Collector::new(width / 2, height / 2, simd),
            }),
        }
    }

    /// The codes of row `y`, none above the depth's largest.
    pub(crate) fn row(&mut self, view: &RawView<'_>, y: u32) -> &[u16] {
        let RawGeometry { bits, packing, pattern, .. } = self.geometry;
        let codes = &mut self.codes[y as usize % 2];
        let row = view.row(y);
        let bytes = if packing == Packing::Le16 && packing != self.form {
            // Words are taken one by one, each once.
            row
        } else {
            self.bytes.copy_from_slice(row);
            &self.bytes
        };
        unpack::samples(self.simd, bytes, bits, packing, codes);
        if let Some(stored) = &mut self.stored {
            if packing == self.form {
                stored(y, bytes);
            } else {
                packing::pack(self.simd, codes, bits, self.form, &mut self.packed);
                stored(y, &self.packed);
            }
        }
        if y % 2 == 1 {
            let rows = self.codes.each_ref().map(Vec::as_slice);
            if let Some(gauge) = &mut self.gauge {
                gauge.rows(rows);
            }
            if let Some(Cells { level, row, collector }) = &mut self.cells
                && collector.wants(y / 2)
            {
                cells::rgb(self.simd, *level, pattern, rows, planes_mut(row));
                collector.row(y / 2, planes(row));
            }
        }
        &self.codes[y as usize % 2]
    }

    /// The codes of rows `2 * y` and `2 * y + 1`.
    pub(crate) fn pair(&mut self, view: &RawView<'_>, y: u32) -> [&[u16]; 2] {
        self.row(view, 2 * y);
        self.row(view, 2 * y + 1);
        self.codes.each_ref().map(Vec::as_slice)
    }

    /// What the rows so far gave.
    pub(crate) fn finish(self) -> (Option<Statistics>, Option<Sharpness>) {
        let statistics = self.cells.map(|cells| cells.collector.finish());
        (statistics, self.gauge.map(|gauge| gauge.sharpness()))
    }
}
