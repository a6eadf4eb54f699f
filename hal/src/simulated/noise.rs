//! Random numbers that are a function of where and when: no state, any order, the same on every run.

/// Mixes 64 bits so that neighbouring inputs share nothing: the finaliser of SplitMix64 (Steele, Lea, Flood: "Fast
/// splittable pseudorandom number generators", 2014).
pub(super) fn hash(value: u64) -> u64 {
    let mut z = value.wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 2^64 over the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

const QUANTILES: usize = 4096;

/// A table of equally likely values of the standard normal distribution; small enough for a first-level cache.
#[derive(Clone, Debug)]
pub(super) struct Gaussian {
    values: Box<[f32; QUANTILES]>,
}

impl Gaussian {
    pub(super) fn new() -> Self {
        Self { values: Box::new(quantiles()) }
    }

    /// Fills a row with values of mean 0 and variance 1; the key names the row.
    pub(super) fn fill(&self, key: u64, row: &mut [f32]) {
        let mut counter = key;
        for four in row.chunks_mut(4) {
            let mut bits = hash(counter);
            counter = counter.wrapping_add(STEP);
            for value in four {
                *value = self.values[bits as usize % QUANTILES];
                bits >>= 16;
            }
        }
    }
}

/// Walks along the density and notes a value each time the area under it grew by one share.
fn quantiles() -> [f32; QUANTILES] {
    let mut values = [0.0; QUANTILES];
    let step = 1e-4;
    let total = (std::f64::consts::TAU).sqrt();
    let (mut z, mut area) = (0.0f64, 0.0f64);
    let half = QUANTILES / 2;
    for rank in 0..half {
        let wanted = (rank as f64 + 0.5) / QUANTILES as f64 * total;
        while area < wanted {
            let middle = z + step / 2.0;
            area += (-0.5 * middle * middle).exp() * step;
            z += step;
        }
        values[half + rank] = z as f32;
        values[half - 1 - rank] = -z as f32;
    }
    // The tails beyond the last share are cut: scale to variance 1.
    let variance = values.iter().map(|v| f64::from(v * v)).sum::<f64>() / QUANTILES as f64;
    values.map(|v| (f64::from(v) / variance.sqrt()) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_standard_normal() {
        let gaussian = Gaussian::new();
        let mut row = vec![0.0; 400_002];
        gaussian.fill(9, &mut row);
        let count = row.len() as f64;
        let moment = |power: i32| row.iter().map(|v| f64::from(*v).powi(power)).sum::<f64>() / count;
        assert!(moment(1).abs() < 0.01, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.01, "variance {}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.08, "fourth moment {}", moment(4));
        let within = row.iter().filter(|v| v.abs() < 1.0).count() as f64 / count;
        assert!((within - 0.6827).abs() < 0.005, "{within} within one sigma");
    }

    #[test]
    fn neighbours_are_not_alike() {
        let gaussian = Gaussian::new();
        let (mut a, mut b) = (vec![0.0; 100_000], vec![0.0; 100_000]);
        gaussian.fill(hash(1), &mut a);
        gaussian.fill(hash(2), &mut b);
        let alike = |x: &[f32], y: &[f32]| {
            x.iter().zip(y).map(|(x, y)| f64::from(x * y)).sum::<f64>() / x.len() as f64
        };
        for lag in 1..6 {
            assert!(alike(&a[lag..], &a).abs() < 0.02, "lag {lag}");
        }
        assert!(alike(&a, &b).abs() < 0.02);
    }
}
