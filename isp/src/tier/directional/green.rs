//! Green at red and blue sites: the differences of both directions, weighted by how smooth each is nearby.

use super::line::COMPUTED;

/// Added to a sum of gradients: below it, directions are not told apart.
const FLOOR_STILL: f32 = 1.0;
const FLOOR_BEST: f32 = 0.5;

/// Full scale of a sample.
pub(super) const FULL: f32 = 255.0;

/// From the differences at red and blue sites alone; eight gradients in each direction.
#[inline(always)]
pub(super) fn still(
    sample: &[f32],
    differences: [&[f32]; 2],
    gradients: [[&[f32]; 8]; 2],
    green: &mut [f32],
    own: &mut [f32],
) {
    let sample = &sample[..COMPUTED];
    let [across, along] = differences.map(|row| &row[..COMPUTED]);
    let [rough_across, rough_along] = gradients.map(|rows| rows.map(|row| &row[..COMPUTED]));
    let (green, own) = (&mut green[..COMPUTED], &mut own[..COMPUTED]);
    for i in 0..COMPUTED {
        let roughness = [total(&rough_across, i) + FLOOR_STILL, total(&rough_along, i) + FLOOR_STILL];
        let difference = smoother([across[i], along[i]], roughness);
        green[i] = limited(sample[i] + difference);
        own[i] = sample[i] - green[i];
    }
}

/// From the differences at all sites, smoothed along their direction; five column sums of five gradients each.
#[inline(always)]
pub(super) fn best(
    sample: &[f32],
    differences: [[&[f32]; 3]; 2],
    gradients: [[&[f32]; 5]; 2],
    green: &mut [f32],
    own: &mut [f32],
) {
    let sample = &sample[..COMPUTED];
    let [across, along] = differences.map(|rows| rows.map(|row| &row[..COMPUTED]));
    let [rough_across, rough_along] = gradients.map(|rows| rows.map(|row| &row[..COMPUTED]));
    let (green, own) = (&mut green[..COMPUTED], &mut own[..COMPUTED]);
    for i in 0..COMPUTED {
        let roughness = [total(&rough_across, i) + FLOOR_BEST, total(&rough_along, i) + FLOOR_BEST];
        let difference = smoother([smooth(&across, i), smooth(&along, i)], roughness);
        green[i] = limited(sample[i] + difference);
        own[i] = sample[i] - green[i];
    }
}

/// The mean of two directions, weighted by the inverse squares of their roughness.
#[inline(always)]
fn smoother([across, along]: [f32; 2], [rough_across, rough_along]: [f32; 2]) -> f32 {
    let weights = [rough_along * rough_along, rough_across * rough_across];
    (weights[0] * across + weights[1] * along) / (weights[0] + weights[1])
}

#[inline(always)]
fn smooth([before, centre, after]: &[&[f32]; 3], i: usize) -> f32 {
    centre[i] * 0.5 + (before[i] + after[i]) * 0.25
}

#[inline(always)]
fn total<const N: usize>(rows: &[&[f32]; N], i: usize) -> f32 {
    let mut total = rows[0][i];
    for row in &rows[1..] {
        total += row[i];
    }
    total
}

/// Within `0..=FULL`, by comparisons that vector units have.
#[inline(always)]
pub(super) fn limited(value: f32) -> f32 {
    let value = if value > 0.0 { value } else { 0.0 };
    if value < FULL { value } else { FULL }
}
