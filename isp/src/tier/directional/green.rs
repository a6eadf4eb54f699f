//! Green at red and blue sites: the differences of both directions, weighted by how smooth each is nearby.

/// Added to a sum of gradients: below it, directions are not told apart.
const FLOOR_STILL: f32 = 1.0;
const FLOOR_BEST: f32 = 0.5;

/// Full scale of a sample.
pub(super) const FULL: f32 = 255.0;

/// From the differences at red and blue sites alone, and eight gradients in each direction: those `across` of five rows,
/// of the middle one and the outer ones left and right; those `along` of three rows, of the middle one left and
/// right, of the others at distances -2 and 2 and between.
#[inline(always)]
pub(super) fn still(
    sample: &[f32],
    differences: [&[f32]; 2],
    across: [&[f32]; 5],
    along: [&[f32]; 3],
    green: &mut [f32],
    own: &mut [f32],
) {
    let n = green.len();
    let sample = &sample[..n];
    let differences = differences.map(|row| &row[..n]);
    let [top, north, here, south, bottom] = across;
    let (top, north, here) = (&top[..n + 1], &north[..n], &here[..n + 1]);
    let (south, bottom) = (&south[..n], &bottom[..n + 1]);
    let [above, beside, below] = along;
    let (above, beside, below) = (&above[..n + 2], &beside[..n + 1], &below[..n + 2]);
    let (green, own) = (&mut green[..n], &mut own[..n]);
    for i in 0..n {
        let near = ((north[i] + south[i]) + here[i]) + here[i + 1];
        let across = (((near + top[i]) + top[i + 1]) + bottom[i]) + bottom[i + 1];
        let near = ((above[i + 1] + below[i + 1]) + beside[i]) + beside[i + 1];
        let along = (((near + above[i]) + below[i]) + above[i + 2]) + below[i + 2];
        let roughness = [across + FLOOR_STILL, along + FLOOR_STILL];
        let difference = smoother([differences[0][i], differences[1][i]], roughness);
        let value = limited(sample[i] + difference);
        green[i] = value;
        own[i] = sample[i] - value;
    }
}

/// From the differences at all sites, smoothed along their direction, and column sums of five gradients: those at
/// distances -2, 0 and 2, and those at -1 and 1.
#[inline(always)]
pub(super) fn best(
    sample: &[f32],
    differences: [[&[f32]; 3]; 2],
    gradients: [[&[f32]; 2]; 2],
    green: &mut [f32],
    own: &mut [f32],
) {
    let n = green.len();
    let sample = &sample[..n];
    let [across, along] = differences.map(|rows| rows.map(|row| &row[..n]));
    let [rough_across, rough_along] = gradients.map(|[even, odd]| (&even[..n + 2], &odd[..n + 1]));
    let (green, own) = (&mut green[..n], &mut own[..n]);
    for i in 0..n {
        let roughness = [total(rough_across, i) + FLOOR_BEST, total(rough_along, i) + FLOOR_BEST];
        let difference = smoother([smooth(&across, i), smooth(&along, i)], roughness);
        let value = limited(sample[i] + difference);
        green[i] = value;
        own[i] = sample[i] - value;
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

/// Five neighbours from left to right.
#[inline(always)]
fn total((even, odd): (&[f32], &[f32]), i: usize) -> f32 {
    (((even[i] + odd[i]) + even[i + 1]) + odd[i + 1]) + even[i + 2]
}

/// Within `0..=FULL`, by comparisons that vector units have.
#[inline(always)]
pub(super) fn limited(value: f32) -> f32 {
    let value = if value > 0.0 { value } else { 0.0 };
    if value < FULL { value } else { FULL }
}
