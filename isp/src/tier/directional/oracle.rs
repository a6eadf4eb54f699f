//! The plain truth that the kernels are held against: one pixel at a time on whole planes, every sum in its order.

use proptest::prelude::*;

use super::line::BAND;
use crate::mosaic::mirror;
use crate::simd::Level;
use crate::tier::{Plan, Tier};
use crate::{CfaPattern, Channel, Packing, RawGeometry, RawView, Simd, packing};

/// White of the tested frames: each code is a quarter.
const WHITE: u16 = 1020;

/// Samples of a picture and of `margin` rows and columns around it.
struct Plane {
    margin: i32,
    width: i32,
    samples: Vec<f32>,
}

impl Plane {
    fn new(mosaic: &Mosaic, margin: i32, sample: impl Fn(i32, i32) -> f32) -> Plane {
        let (width, height) = (mosaic.width as i32, mosaic.height as i32);
        let rows = -margin..height + margin;
        let samples = rows.flat_map(|y| (-margin..width + margin).map(move |x| (x, y)));
        Plane { margin, width, samples: samples.map(|(x, y)| sample(x, y)).collect() }
    }

    fn at(&self, x: i32, y: i32) -> f32 {
        let stride = self.width + 2 * self.margin;
        let column = x + self.margin;
        assert!((0..stride).contains(&column), "column {x} is outside the halo");
        self.samples[((y + self.margin) * stride + column) as usize]
    }
}

#[derive(Debug, Clone)]
struct Mosaic {
    pattern: CfaPattern,
    width: u32,
    height: u32,
    quarters: Vec<u16>,
}

/// One step along a row or along a column.
type Step = (i32, i32);

impl Mosaic {
    fn channel(&self, x: i32, y: i32) -> Channel {
        self.pattern.channel_at(x.rem_euclid(2) as u32, y.rem_euclid(2) as u32)
    }

    fn samples(&self) -> Plane {
        Plane::new(self, 10, |x, y| {
            let (x, y) = (mirror(x.into(), self.width), mirror(y.into(), self.height));
            f32::from(self.quarters[(y * self.width + x) as usize]) * 0.25
        })
    }

    /// Green minus the other colour along one direction, with the slope that a regression over twelve sites gives.
    fn differences(&self, samples: &Plane, (dx, dy): Step) -> Plane {
        let mean = |x, y| (samples.at(x - dx, y - dy) + samples.at(x + dx, y + dy)) * 0.5;
        Plane::new(self, 6, |x, y| {
            let columns: &[i32] = if dx == 1 { &[-3, -1, 1, 3] } else { &[-2, 0, 2] };
            let rows: &[i32] = if dx == 1 { &[-2, 0, 2] } else { &[-3, -1, 1, 3] };
            let total = |quantity: &dyn Fn(i32, i32) -> f32| {
                let column = |x: i32| rows.iter().map(|row| quantity(x, y + row)).reduce(|a, b| a + b);
                columns.iter().filter_map(|dx| column(x + dx)).reduce(|a, b| a + b).unwrap_or(0.0)
            };
            let means = total(&mean);
            let seen = total(&|x, y| samples.at(x, y));
            let squares = total(&|x, y| mean(x, y) * mean(x, y));
            let products = total(&|x, y| mean(x, y) * samples.at(x, y));
            let leaning = 100.0 * 12.0 * 12.0;
            let slope =
                ((12.0 * products - means * seen) + leaning) / ((12.0 * squares - means * means) + leaning);
            let along = |k: i32| samples.at(x + k * dx, y + k * dy);
            let missing =
                (2.0 * (along(-1) + along(1)) + slope * (2.0 * along(0) - (along(-2) + along(2)))) * 0.25;
            let difference = missing - along(0);
            if self.channel(x, y) == Channel::Green { -difference } else { difference }
        })
    }

    /// Green at every pixel.
    fn green(&self, tier: Tier, samples: &Plane) -> Plane {
        let steps: [Step; 2] = [(1, 0), (0, 1)];
        let differences = steps.map(|step| self.differences(samples, step));
        let gradient = |k: usize, x: i32, y: i32| {
            let (dx, dy) = steps[k];
            (differences[k].at(x - dx, y - dy) - differences[k].at(x + dx, y + dy)).abs()
        };
        Plane::new(self, 3, |x, y| {
            if self.channel(x, y) == Channel::Green {
                return samples.at(x, y);
            }
            let sum = |values: &[f32]| values.iter().copied().reduce(|a, b| a + b).unwrap_or(0.0);
            let (roughness, [across, along]) = if tier == Tier::Still {
                // Each direction's own neighbours, those of the other direction, then four more.
                let near = [(0, -1), (0, 1), (-1, 0), (1, 0)];
                let more = [[(-1, -2), (1, -2), (-1, 2), (1, 2)], [(-2, -1), (-2, 1), (2, -1), (2, 1)]];
                let rough = [0, 1].map(|k: usize| {
                    let sites = near.iter().chain(&more[k]);
                    sum(&sites.map(|(dx, dy)| gradient(k, x + dx, y + dy)).collect::<Vec<_>>()) + 1.0
                });
                (rough, [0, 1].map(|k: usize| differences[k].at(x, y)))
            } else {
                let rough = [0, 1].map(|k: usize| {
                    let columns = (-2..=2)
                        .map(|dx| sum(&(-2..=2).map(|dy| gradient(k, x + dx, y + dy)).collect::<Vec<_>>()));
                    sum(&columns.collect::<Vec<_>>()) + 0.5
                });
                let smooth = |k: usize| {
                    let at = |n: i32| differences[k].at(x + n * steps[k].0, y + n * steps[k].1);
                    at(0) * 0.5 + (at(-1) + at(1)) * 0.25
                };
                (rough, [smooth(0), smooth(1)])
            };
            let weights = [roughness[1] * roughness[1], roughness[0] * roughness[0]];
            let difference = (weights[0] * across + weights[1] * along) / (weights[0] + weights[1]);
            (samples.at(x, y) + difference).clamp(0.0, 255.0)
        })
    }

    /// Four values weighted by the inverse of four changes.
    fn weighted([a, b, c, d]: [f32; 4], values: [f32; 4]) -> f32 {
        let whole = (a + b) * (c * d) + (c + d) * (a * b);
        let shares = [b * (c * d), a * (c * d), d * (a * b), c * (a * b)];
        let sum =
            (shares[0] * values[0] + shares[1] * values[1]) + (shares[2] * values[2] + shares[3] * values[3]);
        sum * (1.0 / whole)
    }

    fn picture(&self, tier: Tier) -> Vec<u8> {
        let samples = self.samples();
        let green = self.green(tier, &samples);
        let own = Plane::new(self, 3, |x, y| samples.at(x, y) - green.at(x, y));
        let opposite = Plane::new(self, 1, |x, y| {
            let corners = [(-1, -1), (1, 1), (1, -1), (-1, 1)];
            let changes = corners.map(|(dx, dy)| {
                let across = (samples.at(x + dx, y + dy) - samples.at(x - dx, y - dy)).abs() + 0.5;
                across + 2.0 * (green.at(x, y) - green.at(x + dx, y + dy)).abs()
            });
            Mosaic::weighted(changes, corners.map(|(dx, dy)| own.at(x + dx, y + dy)))
        });
        let difference = |wanted: Channel, x: i32, y: i32| {
            if self.channel(x, y) == wanted { own.at(x, y) } else { opposite.at(x, y) }
        };
        let mut picture = Vec::new();
        for y in 0..self.height as i32 {
            for x in 0..self.width as i32 {
                let (seen, beside) = (self.channel(x, y), self.channel(x + 1, y));
                let above = if beside == Channel::Red { Channel::Blue } else { Channel::Red };
                let cross = [(-1, 0), (1, 0), (0, -1), (0, 1)];
                let changes = cross.map(|(dx, dy)| {
                    let across = |wanted| {
                        (difference(wanted, x + dx, y + dy) - difference(wanted, x - dx, y - dy)).abs()
                    };
                    let change = (samples.at(x, y) - samples.at(x + 2 * dx, y + 2 * dy)).abs();
                    ((across(beside) + across(above)) * 0.5 + 0.5) + change
                });
                for wanted in [Channel::Red, Channel::Green, Channel::Blue] {
                    let value = if wanted == seen {
                        samples.at(x, y)
                    } else if wanted == Channel::Green {
                        green.at(x, y)
                    } else if seen == Channel::Green {
                        let values = cross.map(|(dx, dy)| difference(wanted, x + dx, y + dy));
                        samples.at(x, y) + Mosaic::weighted(changes, values)
                    } else {
                        green.at(x, y) + opposite.at(x, y)
                    };
                    picture.push(value.clamp(0.0, 255.0).round_ties_even() as u8);
                }
            }
        }
        picture
    }

    /// The tier's result for samples in one form, by strips that end at row `cut`, `height` and at a level.
    fn by_tier(&self, tier: Tier, (packing, bits): Form, simd: Simd, cut: u32) -> Vec<u8> {
        let row_bytes = packing.row_bytes(bits, self.width as usize).unwrap();
        let white = if bits == 8 { WHITE / 4 } else { WHITE };
        let geometry = RawGeometry {
            width: self.width,
            height: self.height,
            // At an odd stride, so that words lie at odd addresses too.
            stride_bytes: row_bytes + 3,
            bits,
            packing,
            pattern: self.pattern,
            black: 0,
            white,
        };
        let mut bytes = vec![0xff; geometry.stride_bytes * self.height as usize];
        let rows = self.quarters.chunks_exact(self.width as usize);
        for (quarters, row) in rows.zip(bytes.chunks_exact_mut(geometry.stride_bytes)) {
            let codes: Vec<u16> = quarters.iter().map(|quarter| quarter / (WHITE / white)).collect();
            packing::pack_row(&codes, bits, packing, row).unwrap();
        }
        let view = RawView::new(geometry, &bytes).unwrap();
        let plan = Plan::new(geometry, tier, simd).unwrap();
        let mut scratch = plan.scratch();
        let mut out = vec![0; 3 * self.quarters.len()];
        let (above, below) = out.split_at_mut(3 * (cut * self.width) as usize);
        // The lower strip first: what it leaves behind must not show in the upper one.
        plan.strip_with(&mut scratch, &view, cut..self.height, below).unwrap();
        plan.strip_with(&mut scratch, &view, 0..cut, above).unwrap();
        out
    }

    /// Checks both tiers on samples in these forms, which hold all that the mosaic has.
    fn check(&self, forms: &[Form], cut: u32) {
        for tier in [Tier::Still, Tier::Best] {
            let expected = self.picture(tier);
            for (&form, level) in forms.iter().flat_map(|form| Level::ALL.map(|level| (form, level))) {
                let simd = Simd::detect().at_most(level);
                if simd.level() == level {
                    assert!(
                        self.by_tier(tier, form, simd, cut) == expected,
                        "{tier:?} of {form:?} at {} in {self:?}",
                        level.name()
                    );
                }
            }
        }
    }

    /// The same mosaic in whole 8-bit codes.
    fn whole(&self) -> Mosaic {
        Mosaic { quarters: self.quarters.iter().map(|code| code & !3).collect(), ..self.clone() }
    }
}

/// How samples lie in memory, and their bits.
type Form = (Packing, u8);

/// Forms in which every quarter has a code of its own.
const FORMS: [Form; 5] =
    [(Packing::Le16, 10), (Packing::Le16, 16), (Packing::Mipi, 10), (Packing::Mipi, 12), (Packing::Mipi, 14)];

fn mosaic(width: std::ops::Range<u32>, height: std::ops::Range<u32>) -> impl Strategy<Value = Mosaic> {
    let pattern = prop::sample::select(CfaPattern::ALL.to_vec());
    (pattern, width, height).prop_flat_map(|(pattern, width, height)| {
        // Extremes more often than chance would have them: clamping is where kernels differ.
        let sample = prop_oneof![Just(0), Just(WHITE), 0..=WHITE];
        prop::collection::vec(sample, (width * height) as usize).prop_map(move |quarters| Mosaic {
            pattern,
            width,
            height,
            quarters,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn kernels_equal_the_oracle_and_do_not_depend_on_the_cut(
        mosaic in mosaic(2..41, 2..24), cut in any::<prop::sample::Index>(), whole in any::<bool>(),
    ) {
        let cut = cut.index(mosaic.height as usize) as u32;
        if whole {
            mosaic.whole().check(&[(Packing::Bytes, 8)], cut);
        } else {
            mosaic.check(&FORMS, cut);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1))]

    #[test]
    fn bands_do_not_show(mosaic in mosaic(BAND as u32 - 1..BAND as u32 + 20, 2..7)) {
        mosaic.check(&[(Packing::Le16, 10), (Packing::Mipi, 10), (Packing::Mipi, 12)], 1);
        mosaic.whole().check(&[(Packing::Bytes, 8)], 1);
    }
}

#[test]
fn levels_that_this_machine_lacks_are_named() {
    for level in Level::ALL {
        if Simd::detect().at_most(level).level() != level {
            println!("SKIP {}: this processor lacks it", level.name());
        }
    }
}
