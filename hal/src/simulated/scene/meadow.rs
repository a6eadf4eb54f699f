//! What is near: the meadow with flowers and a path, and the shadows on it.

use super::land::HORIZON;
use super::paint::{Place, Rgb, length, mix, scale};
use super::texture::{Texture, rise};
use crate::simulated::noise::hash;

const FLOWERS: [Rgb; 4] = [[0.80, 0.06, 0.03], [0.90, 0.62, 0.03], [0.88, 0.87, 0.90], [0.28, 0.12, 0.62]];

/// The near shore and all on it that lies flat.
#[derive(Debug)]
pub(super) struct Meadow {
    seed: u64,
}

impl Meadow {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed: hash(seed) }
    }

    /// Where the meadow ends and the lake begins.
    fn shore(place: &Place, texture: &Texture) -> f32 {
        let x = place.x;
        let reeds = 0.006 * texture.sum(x * 210.0, 2.2, 2, 0.7, place.pixel * 210.0).abs();
        let bays = 0.020 * texture.noise(x * 2.3, 4.4) + 0.003 * texture.noise(x * 21.0, 8.8);
        0.634 + bays - 0.018 * x - reeds
    }

    /// How much of the pixel the meadow covers.
    pub(super) fn cover(&self, place: &Place, texture: &Texture) -> f32 {
        match place.y {
            y if y < 0.57 => 0.0,
            y if y > 0.68 => 1.0,
            y => place.cover(Self::shore(place, texture) - y),
        }
    }

    /// Grass, a gravel path and flowers.
    pub(super) fn ground(&self, place: &Place, texture: &Texture) -> Rgb {
        let (x, y) = (place.x, place.y);
        let depth = (y - HORIZON).max(0.02);
        // On the ground: to the side and away.
        let (side, away) = ((x - 0.667) / depth, 1.0 / depth);
        let ground_pixel = place.pixel / (depth * depth);
        let patch = texture.sum(side * 1.3, away * 1.3, 3, 0.6, ground_pixel * 1.3);
        // Blades stand upright, so they live in the picture; the coarse ones are near.
        let near = rise(0.08, 0.34, depth);
        let coarse =
            if near > 0.0 { texture.sum(x * 95.0, y * 30.0, 2, 0.8, place.pixel * 95.0) } else { 0.0 };
        let fine = texture.sum(x * 330.0, y * 120.0, 3, 0.8, place.pixel * 330.0);
        let blades = 0.75 * near * coarse + (1.0 - 0.3 * near) * fine;
        let tuft = texture.sum(side * 7.0, away * 9.0, 2, 0.7, ground_pixel * 9.0);
        let light = (0.44 + 0.46 * blades + 0.26 * tuft).clamp(0.0, 1.3);
        let green = mix([0.008, 0.022, 0.004], [0.250, 0.340, 0.050], light);
        let dry = mix([0.030, 0.028, 0.008], [0.48, 0.40, 0.130], light);
        let mut rgb = mix(green, dry, 0.75 * rise(-0.1, 0.7, patch));
        rgb = self.flowers(place, side, away, depth, rgb);
        rgb = path(place, texture, rgb);
        scale(rgb, shadows(place, texture))
    }

    /// Flowers grow in a grid of the ground, each cell one or none.
    fn flowers(&self, place: &Place, side: f32, away: f32, depth: f32, grass: Rgb) -> Rgb {
        if depth < 0.12 {
            return grass;
        }
        let (u, v) = (side * 17.0, away * 17.0);
        let (cell_u, cell_v) = (u.floor(), v.floor());
        let key =
            u64::from((cell_u as i32).cast_unsigned()) << 32 | u64::from((cell_v as i32).cast_unsigned());
        let chance = hash(key ^ self.seed);
        let part = |shift: u32| ((chance >> shift) & 0xff) as f32 / 256.0;
        if part(0) > 0.30 {
            return grass;
        }
        let (du, dv) = (u - cell_u - 0.3 - 0.4 * part(8), v - cell_v - 0.3 - 0.4 * part(16));
        // From the ground's cells back to distances in the picture.
        let (dx, dy) = (du / 17.0 * depth, dv / 17.0 * depth * depth * 1.8);
        let radius = (0.10 + 0.08 * part(24)) / 17.0 * depth;
        let distance = length(dx, dy);
        let colour = FLOWERS[(chance >> 33) as usize % FLOWERS.len()];
        let petals = 1.0 - 0.25 * (dy.atan2(dx) * 5.0).cos();
        let mut rgb =
            mix(grass, scale(colour, 0.75 + 0.35 * part(40)), place.cover(distance - radius * petals));
        if colour[2] > 0.5 {
            rgb = mix(rgb, [0.85, 0.52, 0.02], place.cover(distance - 0.32 * radius));
        }
        rgb
    }
}

fn path(place: &Place, texture: &Texture, grass: Rgb) -> Rgb {
    let down = (place.y - 0.70) / 0.30;
    if !(-0.01..1.2).contains(&down) {
        return grass;
    }
    let down = down.max(0.0);
    let middle = 0.545 + 0.11 * (down * 3.0).sin() * (0.3 + down) + 0.06 * down;
    let half = 0.020 + 0.085 * down;
    let aside = (place.x - middle).abs() / half;
    if aside > 1.4 {
        return grass;
    }
    let ragged = texture.sum(place.x * 60.0, place.y * 60.0, 3, 0.6, place.pixel * 60.0);
    let inside = rise(1.10, 0.86, aside + 0.16 * ragged);
    if inside <= 0.0 {
        return grass;
    }
    let size = 330.0 / (0.35 + 1.6 * down);
    let stones = texture.sum(place.x * size, place.y * size * 2.0, 3, 0.7, place.pixel * size * 2.0);
    let tone = (0.55 + 0.42 * stones).clamp(0.05, 1.2);
    mix(grass, mix([0.090, 0.072, 0.055], [0.56, 0.47, 0.37], tone), 0.95 * inside)
}

/// What house, tree, fence and chart take of the light on the ground; the sun is low on the right.
fn shadows(place: &Place, texture: &Texture) -> f32 {
    let (x, y) = (place.x, place.y);
    let soft = 0.012;
    let inside = |from: f32, to: f32, value: f32| {
        rise(from - soft, from + soft, value) * rise(to + soft, to - soft, value)
    };
    // The house's lies to its left, the tree's is dappled, the chart's runs under it.
    let slant = 0.7 * (y - 0.70);
    let house = inside(0.10 - slant, 0.585 - 4.0 * (y - 0.695), x) * inside(0.680, 0.738, y);
    let (tx, ty) = ((x - 0.06) / 0.17, (y - 0.785) / 0.035);
    let distance = length(tx, ty);
    let tree = if distance < 1.8 {
        let leaves = texture.sum(x * 45.0, y * 110.0, 3, 0.6, place.pixel * 110.0);
        rise(1.1, 0.7, distance + 0.5 * leaves)
    } else {
        0.0
    };
    let chart = inside(0.74 - 0.2 * (y - 0.9), 1.22 - 0.6 * (y - 0.9), x) * inside(0.958, 0.996, y);
    let fence = if x < 0.585 { inside(0.868 - 0.02 * x, 0.886 - 0.02 * x, y) * 0.8 } else { 0.0 };
    1.0 - 0.74 * house.max(tree).max(chart).max(fence)
}
