//! What automatic white balance and exposure need to know of a raw frame, in integers.
//!
//! The unit of measure is the 2x2 cell of the filter array (greens averaged), black at 0 and white at 65535, no
//! gains applied. Cells are sampled on a grid of at most 512 each way, so the cost does
//! not grow with the picture.

use crate::mosaic::FULL;
use crate::reader::{CellReader, planes, planes_mut};
use crate::simd::kernels;
use crate::{Channel, RawView, Simd};

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
        let mut collector = Collector::new(width, height, Simd::detect());
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
    simd: Simd,
    size: (u32, u32),
    step: u32,
    samples: Samples,
    statistics: Statistics,
}

/// The sampled cells of a row, in red, green and blue.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    values: [Vec<u16>; 3],
    /// The cells right of them; the last cell of a row stands for itself.
    nexts: [Vec<u16>; 3],
    bins: [Vec<u8>; 3],
    /// The values of cells without a saturated channel, others 0, and 1 for each of them.
    kept: [Vec<u16>; 3],
    whole: Vec<u16>,
    /// What changes to the next cell where neither is saturated.
    steps: [Vec<u16>; 3],
}

impl Samples {
    fn new(count: usize) -> Samples {
        let words = || [vec![0; count], vec![0; count], vec![0; count]];
        let bins = [vec![0; count], vec![0; count], vec![0; count]];
        Samples {
            values: words(),
            nexts: words(),
            bins,
            kept: words(),
            whole: vec![0; count],
            steps: words(),
        }
    }

    fn take(&mut self, rows: [&[u16]; 3], step: usize) {
        for ((values, nexts), row) in self.values.iter_mut().zip(&mut self.nexts).zip(rows) {
            let samples = values.iter_mut().zip(nexts);
            for ((value, next), (x, cells)) in samples.zip((0..).step_by(step).zip(row.chunks(step))) {
                let first = cells.first().copied().unwrap_or(0);
                *value = first;
                *next = cells.get(1).or_else(|| row.get(x + 1)).copied().unwrap_or(first);
            }
        }
    }
}

/// Finds what follows from each sample alone.
#[inline(always)]
pub(crate) fn sort(samples: &mut Samples) {
    let Samples { values, nexts, bins, kept, whole, steps } = samples;
    let n = whole.len();
    let [red, green, blue] = [&values[0][..n], &values[1][..n], &values[2][..n]];
    let [red_next, green_next, blue_next] = [&nexts[0][..n], &nexts[1][..n], &nexts[2][..n]];
    for i in 0..n {
        whole[i] = u16::from(red[i].max(green[i]).max(blue[i]) < CLIPPED);
    }
    for (((values, nexts), kept), steps) in values.iter().zip(&*nexts).zip(kept).zip(steps) {
        let (values, nexts, kept, steps) = (&values[..n], &nexts[..n], &mut kept[..n], &mut steps[..n]);
        for i in 0..n {
            let mask = whole[i].wrapping_neg();
            let next_whole = red_next[i].max(green_next[i]).max(blue_next[i]) < CLIPPED;
            kept[i] = values[i] & mask;
            steps[i] = values[i].abs_diff(nexts[i]) & mask & u16::from(next_whole).wrapping_neg();
        }
    }
    for (values, bins) in values.iter().zip(bins) {
        for (value, to) in values[..n].iter().zip(&mut bins[..n]) {
            *to = bin(*value);
        }
    }
}

impl Collector {
    /// For a picture of at least one cell.
    pub(crate) fn new(width: u32, height: u32, simd: Simd) -> Collector {
        let step = width.max(height).div_ceil(MAX_SAMPLES).max(1);
        let samples = Samples::new(width.div_ceil(step) as usize);
        let size = (width.max(1), height.max(1));
        Collector { simd, size, step, samples, statistics: Statistics::default() }
    }

    /// Whether cell row `y` is one of those that are sampled.
    pub(crate) fn wants(&self, y: u32) -> bool {
        y.is_multiple_of(self.step)
    }

    /// Samples cell row `y`: red, green and blue without gains, as long as the picture is wide.
    pub(crate) fn row(&mut self, y: u32, rows: [&[u16]; 3]) {
        let Collector { simd, size, step, samples, statistics } = self;
        let Statistics { zones, histograms, sums, cells } = statistics;
        samples.take(rows, *step as usize);
        kernels::sort_samples(*simd, samples);
        let Samples { values, bins, kept, whole, steps, .. } = &*samples;
        for (((histogram, sum), values), bins) in histograms.iter_mut().zip(sums).zip(values).zip(bins) {
            *sum += total(values);
            for &bin in bins {
                histogram[usize::from(bin)] += 1;
            }
        }
        *cells += whole.len() as u32;
        let zone_row = (u64::from(y) * u64::from(ZONES.1) / u64::from(size.1)) as usize;
        let row = zones.iter_mut().skip(zone_row * ZONES.0 as usize).take(ZONES.0 as usize);
        // The first sample of the columns whose share of the width reaches the zone's.
        let start = |zone: usize| {
            let column = (zone * size.0 as usize).div_ceil(ZONES.0 as usize);
            column.div_ceil(*step as usize).min(whole.len())
        };
        for (column, zone) in row.enumerate() {
            let part = start(column)..start(column + 1);
            let seen = part.len() as u32;
            let unsaturated = whole[part.clone()].iter().map(|&one| u32::from(one)).sum::<u32>();
            zone.cells += unsaturated;
            zone.clipped += seen - unsaturated;
            for channel in 0..3 {
                zone.sums[channel] += total(&kept[channel][part.clone()]);
                let greatest = steps[channel][part.clone()].iter().copied().max().unwrap_or(0);
                zone.step[channel] = zone.step[channel].max(greatest);
            }
        }
    }

    pub(crate) fn finish(self) -> Statistics {
        self.statistics
    }
}

/// The sum of values of a row of at most 512.
#[inline(always)]
fn total(values: &[u16]) -> u64 {
    u64::from(values.iter().map(|&value| u32::from(value)).sum::<u32>())
}

/// The bin of a value: its exponent and the next four bits, which are those of a single.
#[inline(always)]
fn bin(value: u16) -> u8 {
    let exponent = (f32::from(value).to_bits() >> 19) as i32 - (127 + 3) * 16;
    (if value < 16 { i32::from(value) } else { exponent }) as u8
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
    use crate::simd::Level;

    #[test]
    fn bins_rise_without_gaps_and_their_middles_fall_into_them() {
        let mut last = 0;
        for value in 0..=FULL {
            let bin = usize::from(bin(value));
            assert!(bin == last || bin == last + 1, "value {value}: bin {bin} after {last}");
            last = bin;
        }
        assert_eq!(last, BINS - 1);
        assert!((0..BINS).all(|index| usize::from(bin(bin_middle(index))) == index));
    }

    #[test]
    fn a_zone_keeps_the_greatest_step_of_each_channel() {
        for level in Level::ALL {
            // A picture as wide as a row of zones: each zone sees the step to the next one.
            let simd = Simd::detect().at_most(level);
            let mut collector = Collector::new(ZONES.0, ZONES.1, simd);
            let row = |start: [u16; 4]| (0..ZONES.0 as usize).map(|i| start[i.min(3)]).collect::<Vec<_>>();
            let (red, green) = (row([10, 40, 11, 11]), row([20, 120, FULL, 7]));
            collector.row(0, [&red, &green, &row([30, 35, 31, 31])]);
            collector.row(0, [&row([5; 4]), &row([7, 100, 7, 7]), &row([0; 4])]);
            let steps: Vec<_> = collector.finish().zones().iter().map(|zone| zone.step).collect();
            assert_eq!(steps[..4], [[30, 100, 5], [0, 93, 0], [0; 3], [0; 3]]);
        }
    }

    #[test]
    fn saturated_cells_are_counted_apart() {
        let mut collector = Collector::new(4, 1, Simd::detect());
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
