//! Random structure that looks grown: gradient noise and its sums.

use crate::simulated::noise::hash;

const SIDE: u32 = 256;
const CELLS: usize = (SIDE * SIDE) as usize;

/// Gradient noise (Perlin, "Improving noise", 2002) over a lattice that repeats every 256 cells.
#[derive(Debug)]
pub(super) struct Texture {
    gradients: Box<[[f32; 2]; CELLS]>,
}

impl Texture {
    pub(super) fn new(seed: u64) -> Self {
        let mut gradients = Box::new([[0.0; 2]; CELLS]);
        for (cell, gradient) in (0..).zip(gradients.iter_mut()) {
            let chance: u64 = hash(hash(seed ^ 0x7e87).wrapping_add(cell));
            let turn = (chance >> 40) as f32 / (1u32 << 24) as f32;
            let (sin, cos) = (turn * std::f32::consts::TAU).sin_cos();
            *gradient = [1.4 * cos, 1.4 * sin];
        }
        Self { gradients }
    }

    /// Smooth noise with about one hill or hollow a unit, within about −1 to 1. Places are within ±1 million.
    #[inline]
    pub(super) fn noise(&self, x: f32, y: f32) -> f32 {
        let ((cell_x, x), (cell_y, y)) = (cell(x), cell(y));
        let corner = |right: u32, down: u32| {
            let row = cell_y.wrapping_add(down) % SIDE;
            let [gx, gy] = self.gradients[(row * SIDE + cell_x.wrapping_add(right) % SIDE) as usize];
            gx * (x - right as f32) + gy * (y - down as f32)
        };
        let fade = |t: f32| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
        let (across, down) = (fade(x), fade(y));
        let (a, b, c, d) = (corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1));
        let (top, bottom) = (a + (b - a) * across, c + (d - c) * across);
        top + (bottom - top) * down
    }

    /// Octaves of noise, each twice as fine and `keep` as strong as the one before; those finer than `pixel` (in the
    /// units of `x` and `y`) fade out, as they would under a lens.
    pub(super) fn sum(&self, x: f32, y: f32, octaves: u32, keep: f32, pixel: f32) -> f32 {
        let (mut total, mut strength, mut scale, mut apart) = (0.0, 1.0, 1.0, 0.0);
        for _ in 0..octaves {
            let seen = (2.0 - 4.0 * pixel * scale).clamp(0.0, 1.0);
            if seen <= 0.0 {
                break;
            }
            total += seen * strength * self.noise(x * scale + apart, y * scale - apart);
            strength *= keep;
            scale *= 2.0;
            // Each octave from another part of the lattice, or their zeros would meet.
            apart += 37.3;
        }
        total
    }
}

/// From 0 at `low` to 1 at `high`, with soft ends.
pub(super) fn rise(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The cell that a coordinate is in, and where in it, 0 to 1. Adding a large number leaves the whole part in the low
/// bits of a float: much cheaper than `floor` on processors without an instruction for it.
#[inline]
fn cell(value: f32) -> (u32, f32) {
    const LARGE: f32 = 12_582_912.0;
    let shifted = value - 0.5 + LARGE;
    (shifted.to_bits(), value - (shifted - LARGE))
}
