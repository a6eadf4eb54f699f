//! Differences between green and the other colour along a line of the mosaic.
//!
//! Hamilton and Adams estimate the missing colour as the mean of its neighbours on the line plus a quarter of the
//! second difference of the colour that is known, as if both colours rose by the same amount. Residual
//! interpolation lets one rise in proportion to the other, by a regression in a window. Put into the
//! estimate, the regression is a factor on the second difference: the slope of the missing colour over the
//! known one. The slope leans towards one where the window is flat.

/// Sites in a window: four positions along the line, three lines.
const SITES: f32 = 12.0;

/// How far the slope leans towards one: a variance of 100 squared codes, in units of the sums below.
const LEANING: f32 = 100.0 * SITES * SITES;

/// At every sample, the mean of its two neighbours on the line, the mean's square and its product with the sample.
#[inline(always)]
pub(super) fn moments([before, sample, after]: [&[f32]; 3], [mean, square, product]: [&mut [f32]; 3]) {
    let n = mean.len();
    let [before, sample, after] = [&before[..n], &sample[..n], &after[..n]];
    let [mean, square, product] = [&mut mean[..n], &mut square[..n], &mut product[..n]];
    for i in 0..n {
        let half = (before[i] + after[i]) * 0.5;
        mean[i] = half;
        square[i] = half * half;
        product[i] = half * sample[i];
    }
}

/// Adds rows.
#[inline(always)]
pub(super) fn sum<const N: usize>(rows: [&[f32]; N], out: &mut [f32]) {
    let n = out.len();
    let rows = rows.map(|row| &row[..n]);
    for i in 0..n {
        let mut sum = rows[0][i];
        for row in &rows[1..] {
            sum += row[i];
        }
        out[i] = sum;
    }
}

/// The missing colour minus the known one, times `sign`.
///
/// `line` holds the samples at distances -2 to 2 on the line; `windows` what makes up the window of each site, in `N`
/// neighbours that follow each other: the known colour's means, the missing colour's samples, the squares of the former
/// and the products of both.
#[inline(always)]
pub(super) fn difference<const N: usize>(
    line: [&[f32]; 5],
    windows: [&[f32]; 4],
    sign: f32,
    out: &mut [f32],
) {
    let n = out.len();
    let [far_before, before, known, after, far_after] = line.map(|row| &row[..n]);
    let [means, samples, squares, products] = windows.map(|window| &window[..n + N - 1]);
    let out = &mut out[..n];
    for i in 0..n {
        let (mean, sample) = (total::<N>(means, i), total::<N>(samples, i));
        let variance = (SITES * total::<N>(squares, i) - mean * mean) + LEANING;
        let covariance = (SITES * total::<N>(products, i) - mean * sample) + LEANING;
        let bend = (known[i] + known[i]) - (far_before[i] + far_after[i]);
        let twice = before[i] + after[i];
        let missing = ((twice + twice) + (covariance / variance) * bend) * 0.25;
        out[i] = sign * (missing - known[i]);
    }
}

#[inline(always)]
fn total<const N: usize>(row: &[f32], i: usize) -> f32 {
    let mut total = row[i];
    for k in 1..N {
        total += row[i + k];
    }
    total
}

/// How much the differences change across a site.
#[inline(always)]
pub(super) fn gradient(before: &[f32], after: &[f32], out: &mut [f32]) {
    let n = out.len();
    let (before, after, out) = (&before[..n], &after[..n], &mut out[..n]);
    for i in 0..n {
        out[i] = (before[i] - after[i]).abs();
    }
}
