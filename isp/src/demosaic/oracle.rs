//! The plain truth that the row kernels are held against: one pixel at a time, straight from the definitions.

use proptest::prelude::*;

use super::{Demosaic, rows};
use crate::mosaic::mirror;
use crate::{CfaPattern, Channel};

/// Weights in sixteenths of the 5x5 neighbourhood, row by row.
type Filter = [[i32; 5]; 5];

/// Figure 2 of the paper, doubled: green at red or blue.
const GREEN: Filter =
    [[0, 0, -2, 0, 0], [0, 0, 4, 0, 0], [-2, 4, 8, 4, -2], [0, 0, 4, 0, 0], [0, 0, -2, 0, 0]];
/// A colour at green, where its nearest samples are left and right.
const BESIDE: Filter =
    [[0, 0, 1, 0, 0], [0, -2, 0, -2, 0], [-2, 8, 10, 8, -2], [0, -2, 0, -2, 0], [0, 0, 1, 0, 0]];
/// Red at blue, blue at red.
const OPPOSITE: Filter =
    [[0, 0, -3, 0, 0], [0, 4, 0, 4, 0], [-3, 0, 12, 0, -3], [0, 4, 0, 4, 0], [0, 0, -3, 0, 0]];

#[derive(Debug)]
struct Mosaic {
    pattern: CfaPattern,
    width: u32,
    height: u32,
    samples: Vec<u16>,
}

impl Mosaic {
    fn at(&self, x: i64, y: i64) -> i32 {
        let (x, y) = (mirror(x, self.width), mirror(y, self.height));
        i32::from(self.samples[(y * self.width + x) as usize])
    }

    fn bilinear(&self, x: u32, y: u32, wanted: Channel) -> u16 {
        if self.pattern.channel_at(x, y) == wanted {
            return self.samples[(y * self.width + x) as usize];
        }
        let (mut sum, mut count) = (0, 0);
        for (dx, dy) in [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)] {
            // Adding two keeps the phase and the numbers unsigned.
            if self.pattern.channel_at((x + 2).wrapping_add_signed(dx), (y + 2).wrapping_add_signed(dy))
                == wanted
            {
                sum += self.at(i64::from(x) + i64::from(dx), i64::from(y) + i64::from(dy));
                count += 1;
            }
        }
        ((sum + count / 2) / count) as u16
    }

    fn gradient_corrected(&self, x: u32, y: u32, wanted: Channel) -> u16 {
        let own = self.pattern.channel_at(x, y);
        let transposed = own == Channel::Green && self.pattern.channel_at(x + 1, y) != wanted;
        let filter = match (own, wanted) {
            _ if own == wanted => return self.samples[(y * self.width + x) as usize],
            (_, Channel::Green) => GREEN,
            (Channel::Green, _) => BESIDE,
            _ => OPPOSITE,
        };
        let mut sum = 0.0;
        for dy in 0..5_i64 {
            for dx in 0..5_i64 {
                let (row, column) = if transposed { (dx, dy) } else { (dy, dx) };
                let weight = f64::from(filter[row as usize][column as usize]) / 16.0;
                sum += weight * f64::from(self.at(i64::from(x) + dx - 2, i64::from(y) + dy - 2));
            }
        }
        (sum + 0.5).floor().clamp(0.0, 65_535.0) as u16
    }

    fn picture(&self, method: Demosaic) -> Vec<u16> {
        let mut picture = Vec::new();
        for y in 0..self.height {
            for x in 0..self.width {
                for wanted in [Channel::Red, Channel::Green, Channel::Blue] {
                    picture.push(match method {
                        Demosaic::Bilinear => self.bilinear(x, y, wanted),
                        Demosaic::GradientCorrected => self.gradient_corrected(x, y, wanted),
                    });
                }
            }
        }
        picture
    }
}

fn mosaic() -> impl Strategy<Value = Mosaic> {
    let pattern = prop::sample::select(CfaPattern::ALL.to_vec());
    (pattern, 2_u32..41, 2_u32..24).prop_flat_map(|(pattern, width, height)| {
        // Extremes more often than chance would have them: clamping is where kernels differ.
        let sample = prop_oneof![Just(0), Just(65_535), any::<u16>()];
        prop::collection::vec(sample, (width * height) as usize).prop_map(move |samples| Mosaic {
            pattern,
            width,
            height,
            samples,
        })
    })
}

proptest! {
    #[test]
    fn kernels_equal_the_oracle_and_do_not_depend_on_the_cut(mosaic in mosaic(), cut in any::<prop::sample::Index>()) {
        let Mosaic { pattern, width, height, ref samples } = mosaic;
        let cut = cut.index(height as usize + 1);
        for method in [Demosaic::Bilinear, Demosaic::GradientCorrected] {
            let mut out = vec![0; samples.len() * 3];
            let (upper, lower) = out.split_at_mut(cut * width as usize * 3);
            rows(method, pattern, samples, (width, height), cut as u32..height, lower).unwrap();
            rows(method, pattern, samples, (width, height), 0..cut as u32, upper).unwrap();
            prop_assert_eq!(out, mosaic.picture(method), "{:?} {:?} {}x{}", method, pattern, width, height);
        }
    }
}
