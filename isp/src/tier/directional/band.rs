//! One band of columns, row after row: which kernel runs on which rows, and when.
//!
//! Every stage runs once a row, each as many rows ahead of the output as later stages look back at it. What lies
//! outside the picture is computed as if the mirrored mosaic went on for ever, so no stage knows of borders.

use super::line::{Line, Ring};
use super::{Halves, Method, chroma, difference, green};
use crate::{CfaPattern, Channel};

/// Rows that each stage is ahead of the output.
const MOMENTS: i64 = 8;
const DIFFERENCES: i64 = 5;
const GRADIENTS: i64 = 4;
const GREEN: i64 = 2;
const OPPOSITE: i64 = 1;

/// Means of two neighbours, their squares, and their products with the sample between.
#[derive(Debug, Clone)]
struct Moments {
    means: Ring<8>,
    squares: Ring<8>,
    products: Ring<8>,
}

impl Moments {
    fn new(width: u32) -> Moments {
        Moments { means: Ring::new(width), squares: Ring::new(width), products: Ring::new(width) }
    }
}

/// All that is held of a band. Pairs are `[across, along]`: on the row, on the column.
#[derive(Debug, Clone)]
pub(crate) struct Band {
    method: Method,
    pattern: CfaPattern,
    samples: Ring<32>,
    moments: [Moments; 2],
    differences: [Ring<8>; 2],
    gradients: [Ring<8>; 2],
    green: Ring<8>,
    /// The known colour minus green, at red and blue sites.
    own: Ring<8>,
    /// The opposite colour minus green, at red and blue sites.
    opposite: Ring<8>,
    /// Sums of rows that one stage makes for itself.
    sums: [Line; 4],
    /// The colours at green sites: of their row, and of the rows above and below.
    beside: Line,
    above: Line,
    /// The opposite colour at red and blue sites.
    facing: Line,
}

impl Band {
    pub(super) fn new(method: Method, pattern: CfaPattern, width: u32) -> Band {
        Band {
            method,
            pattern,
            samples: Ring::new(width),
            moments: [Moments::new(width), Moments::new(width)],
            differences: [Ring::new(width), Ring::new(width)],
            gradients: [Ring::new(width), Ring::new(width)],
            green: Ring::new(width),
            own: Ring::new(width),
            opposite: Ring::new(width),
            sums: std::array::from_fn(|_| Line::new(width)),
            beside: Line::new(width),
            above: Line::new(width),
            facing: Line::new(width),
        }
    }

    /// Where the samples of row `y` go; [`Band::step`] needs those of `HALO` rows on.
    pub(super) fn sample_row(&mut self, y: i64) -> &mut Line {
        self.samples.row_mut(y)
    }

    /// Column parity of the red or blue sites of a row.
    #[inline(always)]
    fn site(&self, y: i64) -> usize {
        usize::from(self.pattern.channel_at(0, y.rem_euclid(2) as u32) == Channel::Green)
    }

    /// Brings all stages one row on, so that [`Band::rgb`] gives row `y`.
    #[inline(always)]
    pub(crate) fn step(&mut self, y: i64) {
        self.moments(y + MOMENTS);
        self.differences(y + DIFFERENCES);
        self.gradients(y + GRADIENTS);
        match self.method {
            Method::Still => self.green_still(y + GREEN),
            Method::Best => self.green_best(y + GREEN),
        }
        self.opposite(y + OPPOSITE);
        self.colours(y);
    }

    /// The column parities of a row at which a quantity is needed that surrounds `site`, or that lies on it.
    #[inline(always)]
    fn parities(&self, site: usize) -> std::ops::Range<usize> {
        match self.method {
            Method::Still => site..site + 1,
            Method::Best => 0..2,
        }
    }

    #[inline(always)]
    fn moments(&mut self, y: i64) {
        for parity in self.parities(self.site(y) ^ 1) {
            let row = self.samples.row(y);
            let lines = [
                [row.at(parity, -1), row.at(parity, 0), row.at(parity, 1)],
                [-1, 0, 1].map(|dy| self.samples.row(y + dy).at(parity, 0)),
            ];
            for (moments, line) in self.moments.iter_mut().zip(lines) {
                let Moments { means, squares, products } = moments;
                let out = [means, squares, products].map(|ring| ring.row_mut(y).at_mut(parity));
                difference::moments(line, out);
            }
        }
    }

    #[inline(always)]
    fn differences(&mut self, y: i64) {
        let site = self.site(y);
        for parity in self.parities(site) {
            let sign = if parity == site { 1.0 } else { -1.0 };
            let Band { samples, moments: [across, along], differences, sums, .. } = &mut *self;
            let [out_across, out_along] = differences;

            let beside = parity ^ 1;
            sum_rows(&across.means, y, [-2, 0, 2], beside, &mut sums[0]);
            sum_rows(samples, y, [-2, 0, 2], beside, &mut sums[1]);
            sum_rows(&across.squares, y, [-2, 0, 2], beside, &mut sums[2]);
            sum_rows(&across.products, y, [-2, 0, 2], beside, &mut sums[3]);
            let row = samples.row(y);
            let line = [-2, -1, 0, 1, 2].map(|dx| row.at(parity, dx));
            let windows = sums.each_ref().map(|sum| sum.run::<4>(parity, -3));
            difference::difference::<4>(line, windows, sign, out_across.row_mut(y).at_mut(parity));

            sum_rows(&along.means, y, [-3, -1, 1, 3], parity, &mut sums[0]);
            sum_rows(samples, y, [-3, -1, 1, 3], parity, &mut sums[1]);
            sum_rows(&along.squares, y, [-3, -1, 1, 3], parity, &mut sums[2]);
            sum_rows(&along.products, y, [-3, -1, 1, 3], parity, &mut sums[3]);
            let line = [-2, -1, 0, 1, 2].map(|dy| samples.row(y + dy).at(parity, 0));
            let windows = sums.each_ref().map(|sum| sum.run::<3>(parity, -2));
            difference::difference::<3>(line, windows, sign, out_along.row_mut(y).at_mut(parity));
        }
    }

    #[inline(always)]
    fn gradients(&mut self, y: i64) {
        for parity in self.parities(self.site(y) ^ 1) {
            let [across, along] = &self.differences;
            let [out_across, out_along] = &mut self.gradients;
            let row = across.row(y);
            difference::gradient(row.at(parity, -1), row.at(parity, 1), out_across.row_mut(y).at_mut(parity));
            let (above, below) = (along.row(y - 1).at(parity, 0), along.row(y + 1).at(parity, 0));
            difference::gradient(above, below, out_along.row_mut(y).at_mut(parity));
        }
    }

    #[inline(always)]
    fn green_still(&mut self, y: i64) {
        let site = self.site(y);
        let sample = self.samples.row(y).at(site, 0);
        let differences = self.differences.each_ref().map(|ring| ring.row(y).at(site, 0));
        let [across, along] = &self.gradients;
        let across =
            [-2, -1, 0, 1, 2].map(|dy| across.row(y + dy).run::<2>(site, if dy & 1 == 0 { -1 } else { 0 }));
        let along = [-1, 0, 1].map(|dy| along.row(y + dy).run::<3>(site, if dy == 0 { -1 } else { -2 }));
        let (green, own) = (self.green.row_mut(y), self.own.row_mut(y));
        green::still(sample, differences, across, along, green.at_mut(site), own.at_mut(site));
    }

    #[inline(always)]
    fn green_best(&mut self, y: i64) {
        let site = self.site(y);
        for (gradients, sum) in self.gradients.iter().zip(&mut self.sums) {
            for parity in 0..2 {
                sum_rows(gradients, y, [-2, -1, 0, 1, 2], parity, sum);
            }
        }
        let sample = self.samples.row(y).at(site, 0);
        let [across, along] = &self.differences;
        let differences = [
            [-1, 0, 1].map(|dx| across.row(y).at(site, dx)),
            [-1, 0, 1].map(|dy| along.row(y + dy).at(site, 0)),
        ];
        let [across, along, ..] = &self.sums;
        let gradients = [across, along].map(|sum| [sum.run::<3>(site, -2), sum.run::<2>(site, -1)]);
        let (green, own) = (self.green.row_mut(y), self.own.row_mut(y));
        green::best(sample, differences, gradients, green.at_mut(site), own.at_mut(site));
    }

    #[inline(always)]
    fn opposite(&mut self, y: i64) {
        let site = self.site(y);
        let samples = corners(&self.samples, y, site);
        let (greens, differences) = (corners(&self.green, y, site), corners(&self.own, y, site));
        let green = self.green.row(y).at(site, 0);
        chroma::opposite(green, samples, greens, differences, self.opposite.row_mut(y).at_mut(site));
    }

    #[inline(always)]
    fn colours(&mut self, y: i64) {
        let site = self.site(y);
        let parity = site ^ 1;
        let Band { samples, green, own, opposite, beside, above, facing, .. } = &mut *self;
        chroma::sum(green.row(y).at(site, 0), opposite.row(y).at(site, 0), facing.at_mut(site));
        let (own_row, opposite_row) = (own.row(y), opposite.row(y));
        let beside_differences = [
            own_row.run::<2>(parity, -1),
            opposite.row(y - 1).at(parity, 0),
            opposite.row(y + 1).at(parity, 0),
        ];
        let above_differences =
            [opposite_row.run::<2>(parity, -1), own.row(y - 1).at(parity, 0), own.row(y + 1).at(parity, 0)];
        let greens = [
            samples.row(y).run::<3>(parity, -2),
            samples.row(y - 2).at(parity, 0),
            samples.row(y + 2).at(parity, 0),
        ];
        let out = [beside.at_mut(parity), above.at_mut(parity)];
        chroma::at_green(greens, beside_differences, above_differences, out);
    }

    /// Row `y`, `[even columns, odd columns][channel]`, after its step.
    pub(super) fn rgb(&self, y: i64) -> Halves<'_> {
        [0, 1].map(|parity| {
            let samples = self.samples.row(y).band(parity);
            if parity == self.site(y) {
                let (green, facing) = (self.green.row(y).band(parity), self.facing.band(parity));
                match self.pattern.channel_at(parity as u32, y.rem_euclid(2) as u32) {
                    Channel::Red => [samples, green, facing],
                    _ => [facing, green, samples],
                }
            } else {
                let (beside, above) = (self.beside.band(parity), self.above.band(parity));
                match self.pattern.channel_at(parity as u32 + 1, y.rem_euclid(2) as u32) {
                    Channel::Red => [beside, samples, above],
                    _ => [above, samples, beside],
                }
            }
        })
    }
}

/// Adds the halves of `parity` of rows around `y`.
#[inline(always)]
fn sum_rows<const N: usize, const R: usize>(
    ring: &Ring<R>,
    y: i64,
    rows: [i64; N],
    parity: usize,
    out: &mut Line,
) {
    let rows: [&[f32]; N] = rows.map(|dy| ring.row(y + dy).whole(parity));
    difference::sum(rows, out.whole_mut(parity));
}

/// The diagonal neighbours of a row's sites, left and right in the rows above and below.
#[inline(always)]
fn corners<const R: usize>(ring: &Ring<R>, y: i64, site: usize) -> [&[f32]; 2] {
    [-1, 1].map(|dy| ring.row(y + dy).run::<2>(site, -1))
}
