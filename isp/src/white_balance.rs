//! Automatic white balance: which gains make the scene's greys grey.
//!
//! The light's colour is a pair of ratios, red/green and blue/green, that a grey surface would have. Each zone of the
//! picture has two votes, for the candidates near its own ratios: those of its strongest step in brightness and, with
//! less weight, those of its mean. Steps are shade, gloss and texture, which carry the light's colour even in a
//! coloured scene, and a large even surface has few of them. A mild prior asks for light that sensors really report:
//! along the colours of daylight and lamps, red falls as blue rises, so that the product of both ratios hardly
//! changes. The winner is refined to the mean of the votes near it. What has no answer (no usable zone, or one strong
//! colour everywhere) ends within the limits of plausible light.

use crate::Statistics;

/// Red/green and blue/green that sensors report for grey, from candle light to shade.
const PLAUSIBLE: (f64, f64) = (0.25, 1.25);

/// Step from one candidate ratio to the next.
const STEP: f64 = 1.1;

/// Levels of use: above noise and black-level error, below the bend at saturation.
const USABLE: (u16, u16) = (160, 59_000);

/// Square of the distance, in natural logarithms of ratios, from which on a zone has no vote.
const REACH: f64 = 0.25 * 0.25;

/// The usual product of both ratios on a sensor that is not known, and what it costs, as a share of all votes, to be
/// off by a factor of e.
const USUAL_PRODUCT: f64 = 0.36;
const UNUSUAL: f64 = 0.03;
/// That cost on a sensor whose daylight is known, and so the product.
const UNUSUAL_WHEN_KNOWN: f64 = 1.0;

/// Refinements; the mean settles within a few.
const ROUNDS: u32 = 5;

/// Weight of a zone's mean against that of a step of the same size.
const MEAN_WEIGHT: f64 = 0.0625;

/// A step counts from this share of the zone's mean on: smaller ones may be noise.
const STEP_SHARE: u16 = 8;

/// A pair of ratios, red/green and blue/green, and its weight.
struct Vote {
    ratios: [f64; 2],
    weight: f64,
}

impl Vote {
    fn new(levels: [u16; 3], share: f64) -> Vote {
        let [red, green, blue] = levels.map(f64::from);
        Vote { ratios: [red / green, blue / green], weight: share * green }
    }
}

/// Gains of red, green and blue, the smallest being 1. `daylight` are those of the sensor in daylight, where known.
pub(crate) fn estimate(statistics: &Statistics, daylight: Option<[f32; 3]>) -> [f32; 3] {
    let votes = votes(statistics);
    let known = daylight.map(product).filter(|product| product.is_finite() && *product > 0.0);
    let (usual, cost) = known.map_or((USUAL_PRODUCT, UNUSUAL), |product| (product, UNUSUAL_WHEN_KNOWN));
    let mut light = most_voted(&votes, usual, cost);
    for _ in 0..ROUNDS {
        light = mean_near(&votes, light).map(|ratio| ratio.clamp(PLAUSIBLE.0, PLAUSIBLE.1));
    }
    if let Some(usual) = known {
        light = towards(usual, light);
    }
    let gains = [1.0 / light[0], 1.0, 1.0 / light[1]];
    let least = gains[0].min(gains[1]).min(gains[2]);
    gains.map(|gain| (gain / least) as f32)
}

fn votes(statistics: &Statistics) -> Vec<Vote> {
    let mut votes = Vec::new();
    for zone in statistics.zones().iter().filter(|zone| zone.clipped <= zone.cells) {
        let Some(mean) = zone.means() else { continue };
        if mean.iter().all(|level| (USABLE.0..=USABLE.1).contains(level)) {
            votes.push(Vote::new(mean, MEAN_WEIGHT));
        }
        if zone.step.iter().all(|&level| level >= USABLE.0) && zone.step[1] > mean[1] / STEP_SHARE {
            votes.push(Vote::new(zone.step, 1.0));
        }
    }
    votes
}

/// The product of red/green and blue/green that these gains make neutral.
fn product([red, green, blue]: [f32; 3]) -> f64 {
    f64::from(green) * f64::from(green) / (f64::from(red) * f64::from(blue))
}

/// Three quarters of the way to the light of the usual product: what lies off the colours of daylight and lamps is more
/// often the scene's green or magenta than that of a fluorescent tube.
fn towards(usual: f64, [red, blue]: [f64; 2]) -> [f64; 2] {
    let eighth = (usual / (red * blue)).sqrt().sqrt().sqrt();
    let factor = eighth * eighth * eighth;
    [red * factor, blue * factor]
}

/// The candidate with most votes, or equal ratios without any vote. `usual` is the product that lights have, `cost` what
/// it costs to be off.
fn most_voted(votes: &[Vote], usual: f64, cost: f64) -> [f64; 2] {
    let total = votes.iter().fold(0.0, |sum, vote| sum + vote.weight);
    let (mut best, mut most) = ([1.0; 2], f64::NEG_INFINITY);
    let mut light = [PLAUSIBLE.0; 2];
    while total > 0.0 && light[0] <= PLAUSIBLE.1 {
        light[1] = PLAUSIBLE.0;
        while light[1] <= PLAUSIBLE.1 {
            let unusual = log_ratio(light[0] * light[1], usual);
            let for_it = votes.iter().fold(0.0, |sum, vote| sum + vote.weight * nearness(vote, light));
            let score = for_it / total - cost * unusual * unusual;
            if score > most {
                (best, most) = (light, score);
            }
            light[1] *= STEP;
        }
        light[0] *= STEP;
    }
    best
}

/// The mean of the votes for `light`, or `light` without any.
fn mean_near(votes: &[Vote], light: [f64; 2]) -> [f64; 2] {
    let (mut sums, mut total) = ([0.0; 2], 0.0);
    for vote in votes {
        let weight = vote.weight * nearness(vote, light);
        sums = [sums[0] + weight * vote.ratios[0], sums[1] + weight * vote.ratios[1]];
        total += weight;
    }
    if total > 0.0 { sums.map(|sum| sum / total) } else { light }
}

/// 1 at the light's own colour, falling to 0 at the reach.
fn nearness(vote: &Vote, light: [f64; 2]) -> f64 {
    let [red, blue] = [0, 1].map(|i| log_ratio(vote.ratios[i], light[i]));
    let far = (red * red + blue * blue) / REACH;
    if far < 1.0 { 1.0 - far } else { 0.0 }
}

/// The logarithm of `a / b` where they are close, by arithmetic alone; within 2 farther off.
fn log_ratio(a: f64, b: f64) -> f64 {
    2.0 * (a - b) / (a + b)
}
