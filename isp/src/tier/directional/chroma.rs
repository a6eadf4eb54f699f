//! Red and blue as differences to green, from four neighbours weighted by the inverse of what changes on the way.
//!
//! The weights are those of ratio-corrected demosaicing in kind: the change of the wanted colour across the site, and
//! of green towards the neighbour. With four weights `1 / w` over a common denominator one division is enough.

use super::line::COMPUTED;

/// Added to every change, in codes.
const FLOOR: f32 = 0.5;

/// At a red or blue site, the other of the two minus green; `[north-west, south-east, north-east, south-west]`.
#[inline(always)]
pub(super) fn opposite(
    green: &[f32],
    samples: [&[f32]; 4],
    greens: [&[f32]; 4],
    differences: [&[f32]; 4],
    out: &mut [f32],
) {
    let green = &green[..COMPUTED];
    let [samples, greens, differences] =
        [samples, greens, differences].map(|rows| rows.map(|row| &row[..COMPUTED]));
    let out = &mut out[..COMPUTED];
    for i in 0..COMPUTED {
        let falling = (samples[0][i] - samples[1][i]).abs() + FLOOR;
        let rising = (samples[2][i] - samples[3][i]).abs() + FLOOR;
        let change = |k: usize| {
            let change = (green[i] - greens[k][i]).abs();
            change + change
        };
        let (shares, whole) =
            shares([falling + change(0), falling + change(1), rising + change(2), rising + change(3)]);
        out[i] = dot(shares, &differences, i) * (1.0 / whole);
    }
}

/// At a green site, the colour of its row and that of the rows above and below; `[west, east, north, south]`.
#[inline(always)]
pub(super) fn at_green(
    green: &[f32],
    greens: [&[f32]; 4],
    beside: [&[f32]; 4],
    above: [&[f32]; 4],
    out: [&mut [f32]; 2],
) {
    let green = &green[..COMPUTED];
    let [greens, beside, above] = [greens, beside, above].map(|rows| rows.map(|row| &row[..COMPUTED]));
    let [out_beside, out_above] = out.map(|row| &mut row[..COMPUTED]);
    for i in 0..COMPUTED {
        let across = ((beside[0][i] - beside[1][i]).abs() + (above[0][i] - above[1][i]).abs()) * 0.5 + FLOOR;
        let along = ((beside[2][i] - beside[3][i]).abs() + (above[2][i] - above[3][i]).abs()) * 0.5 + FLOOR;
        let change = |k: usize| (green[i] - greens[k][i]).abs();
        let (shares, whole) =
            shares([across + change(0), across + change(1), along + change(2), along + change(3)]);
        let inverse = 1.0 / whole;
        out_beside[i] = green[i] + dot(shares, &beside, i) * inverse;
        out_above[i] = green[i] + dot(shares, &above, i) * inverse;
    }
}

/// A colour from green and its difference.
#[inline(always)]
pub(super) fn sum(green: &[f32], difference: &[f32], out: &mut [f32]) {
    let (green, difference, out) = (&green[..COMPUTED], &difference[..COMPUTED], &mut out[..COMPUTED]);
    for i in 0..COMPUTED {
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
fn dot(weights: [f32; 4], rows: &[&[f32]; 4], i: usize) -> f32 {
    (weights[0] * rows[0][i] + weights[1] * rows[1][i]) + (weights[2] * rows[2][i] + weights[3] * rows[3][i])
}
