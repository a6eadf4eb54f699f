//! What automatic white balance and exposure need to know of a raw frame, in integers.
//!
//! The unit of measure is the 2x2 cell of the filter array (greens averaged), black at 0 and white at 65535, no
//! gains applied. Cells are sampled on a grid of at most 512 each way, so the cost does
//! not grow with the picture.

use crate::mosaic::FULL;
use crate::reader::{CellReader, planes, planes_mut};
use crate::{Channel, RawView};

/// Cells sampled at most in each direction.
const MAX_SAMPLES: u32 = 512;

/// From here on a sample counts as saturated: 98 % of full scale, because photosites saturate with a spread.
const CLIPPED: u16 = (FULL as u32 * 98 / 100) as u16;

/// Zones across and down.
const ZONES: (u32, u32) = (32, 24);

/// Bins of a histogram: values 0 to 15, then 16 bins for each of the 12 octaves above.
const BINS: usize = 16 + 12 * 16;

/// A rectangle of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Zone {
    /// Sampled cells without a saturated channel.
    pub cells: u32,
    /// Sampled cells with one.
    pub clipped: u32,
    /// Sums of red, green and blue over `cells`.
    pub sums: [u64; 3],
    /// The greatest step of red, of green and of blue between neighbouring cells of a row that are not saturated.
    pub step: [u16; 3],
}

impl Zone {
    /// Means of red, green and blue over the cells that are not saturated, 0 to 65535; `None` without any.
    pub fn means(&self) -> Option<[u16; 3]> {
        let cells = u64::from(self.cells);
        (cells > 0).then(|| self.sums.map(|sum| (sum / cells) as u16))
    }

    fn see_step(&mut self, from: [u16; 3], to: [u16; 3]) {
        if to[0].max(to[1]).max(to[2]) < CLIPPED {
            for channel in 0..3 {
                self.step[channel] = self.step[channel].max(to[channel].abs_diff(from[channel]));
            }
        }
    }
}

impl Default for Statistics {
    /// Those of nothing.
    fn default() -> Statistics {
        let zones = vec![Zone::default(); (ZONES.0 * ZONES.1) as usize];
        Statistics { zones, histograms: [[0; BINS]; 3], sums: [0; 3], cells: 0 }
    }
}

/// Zones and histograms of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    zones: Vec<Zone>,
    histograms: [[u32; BINS]; 3],
    sums: [u64; 3],
    cells: u32,
}

impl Statistics {
    /// Measures a frame; reads at most 512 pairs of its rows.
    pub fn of(view: &RawView<'_>) -> Statistics {
        let mut reader = CellReader::new(view);
        let (width, height) = reader.size();
        let mut collector = Collector::new(width, height);
        let mut cells = vec![0; 3 * width as usize];
        for y in (0..height).step_by(collector.step as usize) {
            reader.row(y, planes_mut(&mut cells));
            collector.row(y, planes(&cells));
        }
        collector.finish()
    }

    /// The zones, 32 to a row, 24 rows, top left first. Small pictures leave some empty.
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// Sampled cells, saturated ones included.
    pub fn cells(&self) -> u32 {
        self.cells
    }

    /// Sampled cells with a saturated channel.
    pub fn clipped(&self) -> u32 {
        self.zones.iter().map(|zone| zone.clipped).sum()
    }

    /// Mean of a channel over all sampled cells, saturated ones included; 0 to 65535.
    pub fn mean(&self, channel: Channel) -> u16 {
        (self.sums[channel as usize] / u64::from(self.cells.max(1))) as u16
    }

    /// The value that `permille` thousandths of all sampled cells do not pass in `channel`, saturated ones
    /// included; 0 to 65535, to about 3 %.
    pub fn percentile(&self, channel: Channel, permille: u32) -> u16 {
        let wanted = (u64::from(self.cells) * u64::from(permille.min(1000))).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bin, &count) in self.histograms[channel as usize].iter().enumerate() {
            seen += u64::from(count);
            if seen >= wanted {
                return bin_middle(bin);
            }
        }
        0
    }
}

/// Gathers statistics while rows of cells pass by, top to bottom.
#[derive(Debug)]
pub(crate) struct Collector {
    size: (u32, u32),
    step: u32,
    statistics: Statistics,
}

impl Collector {
    /// For a picture of at least one cell.
    pub(crate) fn new(width: u32, height: u32) -> Collector {
        let step = width.max(height).div_ceil(MAX_SAMPLES).max(1);
        Collector { size: (width.max(1), height.max(1)), step, statistics: Statistics::default() }
    }

    /// Whether cell row `y` is one of those that are sampled.
    pub(crate) fn wants(&self, y: u32) -> bool {
        y.is_multiple_of(self.step)
    }

    /// Samples cell row `y`: red, green and blue without gains.
    pub(crate) fn row(&mut self, y: u32, [red_row, green_row, blue_row]: [&[u16]; 3]) {
        let Statistics { zones, histograms, sums, cells } = &mut self.statistics;
        let [reds, greens, blues] = histograms;
        let zone_row = (u64::from(y) * u64::from(ZONES.1) / u64::from(self.size.1)) as usize;
        let width = red_row.len().min(green_row.len()).min(blue_row.len());
        let (red_row, green_row, blue_row) = (&red_row[..width], &green_row[..width], &blue_row[..width]);
        let row = zones.iter_mut().skip(zone_row * ZONES.0 as usize).take(ZONES.0 as usize);
        // The first column whose share of the width reaches the zone's.
        let start = |zone: usize| (zone * self.size.0 as usize).div_ceil(ZONES.0 as usize);
        for (column, place) in row.enumerate() {
            let first = start(column).next_multiple_of(self.step as usize);
            // Sums in registers: through memory each would wait for the one before.
            let (mut zone, mut all, mut seen) = (Zone { step: place.step, ..Zone::default() }, [0; 3], 0);
            for x in (first..start(column + 1).min(width)).step_by(self.step as usize) {
                let rgb = [red_row[x], green_row[x], blue_row[x]];
                let wide = rgb.map(u64::from);
                reds[bin(rgb[0])] += 1;
                greens[bin(rgb[1])] += 1;
                blues[bin(rgb[2])] += 1;
                all = [all[0] + wide[0], all[1] + wide[1], all[2] + wide[2]];
                seen += 1;
                if rgb[0].max(rgb[1]).max(rgb[2]) >= CLIPPED {
                    continue;
                }
                zone.cells += 1;
                zone.sums = [zone.sums[0] + wide[0], zone.sums[1] + wide[1], zone.sums[2] + wide[2]];
                // The last cell has no step to a next one.
                let next = (x + 1).min(width - 1);
                zone.see_step(rgb, [red_row[next], green_row[next], blue_row[next]]);
            }
            place.step = zone.step;
            place.cells += zone.cells;
            place.clipped += seen - zone.cells;
            *cells += seen;
            for channel in 0..3 {
                place.sums[channel] += zone.sums[channel];
                sums[channel] += all[channel];
            }
        }
    }

    pub(crate) fn finish(self) -> Statistics {
        self.statistics
    }
}

/// The bin of a value: its exponent and the next four bits.
fn bin(value: u16) -> usize {
    if value < 16 {
        return usize::from(value);
    }
    let octave = 11 - value.leading_zeros();
    (16 * octave + (u32::from(value) >> octave)) as usize
}

/// The middle of a bin's values.
fn bin_middle(bin: usize) -> u16 {
    if bin < 16 {
        return bin as u16;
    }
    let octave = (bin / 16 - 1) as u32;
    let low = (16 + bin as u32 % 16) << octave;
    (low + ((1 << octave) >> 1)).min(u32::from(FULL)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_rise_without_gaps_and_their_middles_fall_into_them() {
        let mut last = 0;
        for value in 0..=FULL {
            let bin = bin(value);
            assert!(bin == last || bin == last + 1, "value {value}: bin {bin} after {last}");
            last = bin;
        }
        assert_eq!(last, BINS - 1);
        assert!((0..BINS).all(|index| bin(bin_middle(index)) == index));
    }

    #[test]
    fn a_zone_keeps_the_greatest_step_of_each_channel() {
        let mut zone = Zone::default();
        zone.see_step([10, 20, 30], [40, 120, 35]);
        zone.see_step([40, 220, 35], [10, 20, 30]);
        zone.see_step([10, 20, 30], [11, FULL, 31]);
        assert_eq!(zone.step, [30, 200, 5]);
    }

    #[test]
    fn saturated_cells_are_counted_apart() {
        let mut collector = Collector::new(4, 1);
        collector.row(0, [&[100, 100, FULL, 300], &[200; 4], &[5; 4]]);
        let statistics = collector.finish();
        assert_eq!((statistics.cells(), statistics.clipped()), (4, 1));
        let sum =
            statistics.zones().iter().fold([0; 3], |sum, zone| [0, 1, 2].map(|c| sum[c] + zone.sums[c]));
        assert_eq!(sum, [500, 600, 15]);
        assert_eq!(statistics.percentile(Channel::Red, 1000), bin_middle(BINS - 1));
        assert_eq!(statistics.percentile(Channel::Blue, 500), 5);
        assert_eq!(statistics.mean(Channel::Green), 200);
    }
}
