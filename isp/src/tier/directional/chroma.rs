//! Red and blue as differences to green, from four neighbours weighted by the inverse of what changes on the way.
//!
//! The weights are those of ratio-corrected demosaicing in kind: the change of the wanted colour across the site, and
//! of green towards the neighbour. With four weights `1 / w` over a common denominator one division is enough.

/// Added to every change, in codes.
const FLOOR: f32 = 0.5;

/// At a red or blue site, the other of the two minus green, from left and right in the rows above and below.
#[inline(always)]
pub(super) fn opposite(
    green: &[f32],
    samples: [&[f32]; 2],
    greens: [&[f32]; 2],
    differences: [&[f32]; 2],
    out: &mut [f32],
) {
    let n = out.len();
    let green = &green[..n];
    let [samples, greens, differences] =
        [samples, greens, differences].map(|rows| rows.map(|row| &row[..n + 1]));
    let out = &mut out[..n];
    for i in 0..n {
        let falling = (samples[0][i] - samples[1][i + 1]).abs() + FLOOR;
        let rising = (samples[0][i + 1] - samples[1][i]).abs() + FLOOR;
        let corners = corners(greens, i);
        let change = |k: usize| {
            let change = (green[i] - corners[k]).abs();
            change + change
        };
        let (shares, whole) =
            shares([falling + change(0), falling + change(1), rising + change(2), rising + change(3)]);
        out[i] = dot(shares, self::corners(differences, i)) * (1.0 / whole);
    }
}

/// North-west, south-east, north-east, south-west.
#[inline(always)]
fn corners([above, below]: [&[f32]; 2], i: usize) -> [f32; 4] {
    [above[i], below[i + 1], above[i + 1], below[i]]
}

/// At a green site, the colour of its row and that of the rows above and below: from left and right in one row, above
/// and below.
#[inline(always)]
pub(super) fn at_green(greens: [&[f32]; 3], beside: [&[f32]; 3], above: [&[f32]; 3], out: [&mut [f32]; 2]) {
    let n = out[0].len();
    let (row, north, south) = (&greens[0][..n + 2], &greens[1][..n], &greens[2][..n]);
    let [beside, above] = [beside, above].map(|rows| (&rows[0][..n + 1], &rows[1][..n], &rows[2][..n]));
    let [out_beside, out_above] = out.map(|row| &mut row[..n]);
    for i in 0..n {
        let (beside, above, green) = (cross(beside, i), cross(above, i), row[i + 1]);
        let across = ((beside[0] - beside[1]).abs() + (above[0] - above[1]).abs()) * 0.5 + FLOOR;
        let along = ((beside[2] - beside[3]).abs() + (above[2] - above[3]).abs()) * 0.5 + FLOOR;
        let (shares, whole) = shares([
            across + (green - row[i]).abs(),
            across + (green - row[i + 2]).abs(),
            along + (green - north[i]).abs(),
            along + (green - south[i]).abs(),
        ]);
        let inverse = 1.0 / whole;
        out_beside[i] = green + dot(shares, beside) * inverse;
        out_above[i] = green + dot(shares, above) * inverse;
    }
}

/// West, east, north, south.
#[inline(always)]
fn cross((row, north, south): (&[f32], &[f32], &[f32]), i: usize) -> [f32; 4] {
    [row[i], row[i + 1], north[i], south[i]]
}

/// A colour from green and its difference.
#[inline(always)]
pub(super) fn sum(green: &[f32], difference: &[f32], out: &mut [f32]) {
    let n = out.len();
    let (green, difference, out) = (&green[..n], &difference[..n], &mut out[..n]);
    for i in 0..n {
        out[i] = green[i] + difference[i];
    }
}

/// Four weights in proportion to the inverse changes, and their sum.
#[inline(always)]
fn shares([a, b, c, d]: [f32; 4]) -> ([f32; 4], f32) {
    let (ab, cd) = (a * b, c * d);
    ([b * cd, a * cd, d * ab, c * ab], (a + b) * cd + (c + d) * ab)
}

#[inline(always)]
fn dot(weights: [f32; 4], values: [f32; 4]) -> f32 {
    (weights[0] * values[0] + weights[1] * values[1]) + (weights[2] * values[2] + weights[3] * values[3])
}
