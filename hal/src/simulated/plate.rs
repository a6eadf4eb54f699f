//! The noise-free picture that the lens throws, kept in all three colours and a little larger than the sensor, so that
//! a frame at any shift is a cheap resampling of it.

use std::sync::{Mutex, PoisonError};

/// Samples around the picture, on each side: the reach of the shake and of the filter. Even, so that parities agree.
const MARGIN: usize = 12;
/// The sample value that stands for the full code: over it there is room for light that saturates, so that noise does
/// not pull burnt pixels down.
pub(super) const FULL: f32 = 32767.0;
const THREADS: usize = 2;

/// The picture. A row holds red, green, blue; of each the even columns, then the odd ones: what a mosaic row needs is
/// then contiguous, whatever the shift.
#[derive(Debug)]
pub(super) struct Plate {
    /// Samples of one parity in a row.
    half: usize,
    rows: Vec<u16>,
}

impl Plate {
    /// Draws the picture of `width` by `height` samples, both even. `light` gives red, green and blue at a place in
    /// samples from the top left (centres at 0, 1, …; a little outside as well), 1.0 for the full code.
    pub(super) fn draw(width: u32, height: u32, light: impl Fn(f32, f32) -> [f32; 3] + Sync) -> Self {
        let half = width as usize / 2 + MARGIN;
        let mut rows = vec![0; 6 * half * (height as usize + 2 * MARGIN)];
        {
            let queue = Mutex::new(rows.chunks_mut(6 * half).enumerate());
            let work = || {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((y, row)) = next else { return };
                    draw_row(row, half, y as f32 - MARGIN as f32, &light);
                }
            };
            std::thread::scope(|scope| {
                for _ in 1..THREADS {
                    scope.spawn(work);
                }
                work();
            });
        }
        Self { half, rows }
    }

    /// The samples of one colour (0 to 2) at every second column from `x` (0 or 1) of the sensor's row `y`, with the
    /// picture shifted. `out` is as long as half of the sensor's width.
    pub(super) fn sample(&self, colour: usize, x: usize, y: usize, shift: Shift, out: &mut Samples) {
        let top = (y + MARGIN).saturating_add_signed(shift.down.whole);
        let row = |tap: usize| {
            let start = (top + tap - 1) * 6 * self.half + colour * 2 * self.half;
            &self.rows[start..start + 2 * self.half]
        };
        out.down.resize(2 * self.half, 0);
        resample([row(0), row(1), row(2), row(3)], shift.down.weights, &mut out.down);
        let (even, odd) = out.down.split_at(self.half);
        let column = (x + MARGIN).saturating_add_signed(shift.right.whole);
        let first = column / 2;
        let taps = if column.is_multiple_of(2) {
            [&odd[first - 1..], &even[first..], &odd[first..], &even[first + 1..]]
        } else {
            [&even[first..], &odd[first..], &even[first + 1..], &odd[first + 1..]]
        };
        resample(taps, shift.right.weights, &mut out.across);
    }
}

fn draw_row(row: &mut [u16], half: usize, y: f32, light: &impl Fn(f32, f32) -> [f32; 3]) {
    for x in 0..2 * half {
        let rgb = light(x as f32 - MARGIN as f32, y);
        for (colour, part) in rgb.into_iter().enumerate() {
            // A float cast saturates at both ends.
            row[(2 * colour + x % 2) * half + x / 2] = (part * FULL + 0.5) as u16;
        }
    }
}

/// Where [`Plate::sample`] writes.
#[derive(Debug)]
pub(super) struct Samples {
    /// Scratch: one colour's row, moved up and down only.
    down: Vec<u16>,
    /// The result.
    pub(super) across: Vec<u16>,
}

impl Samples {
    /// For a sensor of this width.
    pub(super) fn new(width: u32) -> Self {
        Self { down: Vec::new(), across: vec![0; width as usize / 2] }
    }
}

/// A shift along one axis.
#[derive(Clone, Copy, Debug)]
struct Way {
    whole: isize,
    /// Of the samples at −1, 0, 1, 2 in 65536ths; the outer ones are taken off.
    weights: [u16; 4],
}

impl Way {
    /// The weights of Catmull and Rom's cubic ("A class of local interpolating splines", 1974): it keeps fine detail
    /// at half a sample's shift, where a mean of two would blur it and frames of a burst would differ in sharpness.
    fn new(way: f32) -> Self {
        let way = way.clamp(-super::shake::REACH, super::shake::REACH);
        let whole = way.floor();
        let t = way - whole;
        let weights = [
            (t * (1.0 - t) * (1.0 - t)) / 2.0,
            1.0 - 2.5 * t * t + 1.5 * t * t * t,
            t * (1.0 + 4.0 * t - 3.0 * t * t) / 2.0,
            t * t * (1.0 - t) / 2.0,
        ];
        Self { whole: whole as isize, weights: weights.map(|w| (w * 65536.0 + 0.5) as u16) }
    }
}

/// Where on the picture the sensor lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    right: Way,
    down: Way,
}

impl Shift {
    /// The sensor right and down of its place by so many samples, each within the shake's reach.
    pub(super) fn new([right, down]: [f32; 2]) -> Self {
        Self { right: Way::new(right), down: Way::new(down) }
    }
}

/// Sums in 16 bits, eight at a time in plain SIMD: each product is cut to its high half, and the cuts of added and
/// taken-off terms cancel in the mean.
fn resample(taps: [&[u16]; 4], weights: [u16; 4], out: &mut [u16]) {
    let part = |value: u16, weight: u16| ((u32::from(value) * u32::from(weight)) >> 16) as u16;
    let [a, b, c, d] = taps.map(|tap| &tap[..out.len()]);
    for (i, out) in out.iter_mut().enumerate() {
        let added = part(b[i], weights[1]).saturating_add(part(c[i], weights[2]));
        *out = added.saturating_sub(part(a[i], weights[0]).saturating_add(part(d[i], weights[3])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slope in every colour, so that a sample tells where it was taken.
    fn slope() -> Plate {
        Plate::draw(32, 16, |x, y| [0.3 + 0.01 * x, 0.3 + 0.01 * y, 0.3 + 0.005 * (x + y)])
    }

    #[test]
    fn samples_come_from_where_the_shift_says() {
        let plate = slope();
        let mut samples = Samples::new(32);
        for (right, down) in [(0.0, 0.0), (1.0, -1.0), (-3.25, 2.5), (7.9, -8.0), (-8.0, 8.0)] {
            let shift = Shift::new([right, down]);
            for (x, y) in [(0, 0), (1, 0), (0, 15), (1, 7)] {
                for colour in 0..3 {
                    plate.sample(colour, x, y, shift, &mut samples);
                    for (i, value) in samples.across.iter().enumerate() {
                        let (px, py) = ((2 * i + x) as f32 + right, y as f32 + down);
                        let expected = [0.3 + 0.01 * px, 0.3 + 0.01 * py, 0.3 + 0.005 * (px + py)][colour];
                        let got = f32::from(*value) / FULL;
                        assert!(
                            (got - expected).abs() < 2e-4,
                            "{right},{down} {x},{y} {colour}: {got} {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn light_over_the_full_code_keeps_room_and_darkness_is_zero() {
        let plate = Plate::draw(16, 16, |x, _| [if x < 8.0 { 0.0 } else { 9.0 }; 3]);
        let mut samples = Samples::new(16);
        plate.sample(1, 0, 3, Shift::new([0.0; 2]), &mut samples);
        assert_eq!(samples.across[0], 0);
        assert!(f32::from(samples.across[7]) > 1.9 * FULL);
    }
}
