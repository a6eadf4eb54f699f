//! What is far: sky, clouds, mountains, the lake.

use super::paint::{Place, Rgb, length, mix, scale};
use super::texture::{Texture, rise};
use crate::simulated::noise::hash;

/// Where the lake meets the far shore.
const WATERLINE: f32 = 0.560;
/// Where the eye is level.
pub(super) const HORIZON: f32 = 0.535;
const SUN: Rgb = [1.0, 0.80, 0.52];
const BANK: Rgb = [0.06, 0.07, 0.05];
const COLUMNS: usize = 4096;

/// A chain of hills: how high it is over each column, and what it looks like.
#[derive(Debug)]
struct Ridge {
    tops: Vec<f32>,
    haze: f32,
}

#[derive(Debug)]
pub(super) struct Land {
    sun: [f32; 2],
    ridges: [Ridge; 3],
}

impl Land {
    pub(super) fn new(seed: u64, texture: &Texture) -> Self {
        let chance = |number: u64| (hash(seed ^ (0x1a7d + number)) >> 40) as f32 / (1u32 << 24) as f32;
        let shape = |row: f32, level: f32, height: f32, pace: f32, sharp: bool| {
            (0..COLUMNS)
                .map(|column| {
                    let x = column_x(column);
                    let wave = texture.sum(x * pace, row, 9, 0.48, pace / 3000.0);
                    let folded = if sharp { 0.75 - 1.7 * wave.abs() } else { wave };
                    level - height * folded
                })
                .collect()
        };
        let far = Ridge { tops: shape(3.3, 0.440, 0.115, 2.6, true), haze: 0.62 };
        let middle = Ridge { tops: shape(11.7, 0.490, 0.060, 3.4, false), haze: 0.36 };
        let near = Ridge { tops: shape(29.1, 0.525, 0.026, 4.6, false), haze: 0.07 };
        Self { sun: [1.02 + 0.16 * chance(1), 0.15 + 0.06 * chance(2)], ridges: [near, middle, far] }
    }

    /// All that is beyond the meadow.
    pub(super) fn backdrop(&self, place: &Place, texture: &Texture) -> Rgb {
        if place.y <= WATERLINE {
            return self.above_water(place, texture);
        }
        // The lake: the far shore upside down, broken by ripples that flatten with distance.
        let depth = place.y - HORIZON;
        let (along, away) = (place.x / depth * 0.6, 0.6 / depth);
        let ripple = texture.sum(along * 5.0, away * 9.0, 4, 0.62, place.pixel * 9.0 * 0.6 / (depth * depth));
        let bend = ripple * 0.055 * (depth + 0.02);
        let mirrored = Place::new(
            place.x + 0.4 * bend,
            (2.0 * WATERLINE - place.y + bend - 0.3 * (place.y - WATERLINE)).min(WATERLINE),
            place.pixel * 2.0,
        );
        let water = mix(scale(self.above_water(&mirrored, texture), 0.80), [0.020, 0.060, 0.075], 0.30);
        let shore = rise(WATERLINE + 0.0025, WATERLINE, place.y);
        // Under the sun single waves throw it back.
        let lane = (1.0 - ((place.x - self.sun[0]) / 0.085).abs()).max(0.0);
        if lane <= 0.0 {
            return mix(water, BANK, 0.8 * shore);
        }
        let fine = place.pixel * 20.0 * 0.6 / (depth * depth);
        let spark = texture.sum(along * 60.0, away * 70.0, 2, 0.8, fine);
        let water = mix(water, scale(SUN, 3.0), 0.8 * lane * rise(0.42, 0.75, spark));
        mix(water, BANK, 0.8 * shore)
    }

    fn above_water(&self, place: &Place, texture: &Texture) -> Rgb {
        for (number, ridge) in self.ridges.iter().enumerate() {
            let below = place.y - ridge.top(place.x);
            // Trees roughen the outlines of what is near.
            let fringe = match number {
                _ if below.abs() > 0.008 => 0.0,
                0 => 0.0045 * texture.sum(place.x * 150.0, 5.5, 2, 0.6, place.pixel * 150.0),
                1 => 0.0015 * texture.sum(place.x * 330.0, 9.5, 2, 0.6, place.pixel * 330.0),
                _ => 0.0,
            };
            let cover = place.cover(-(below + fringe));
            if cover > 0.0 {
                let front = self.slope(number, place, below, texture);
                let hazy = mix(front, self.haze(place), ridge.haze);
                if cover >= 1.0 {
                    return hazy;
                }
                return mix(self.behind(number + 1, place, texture), hazy, cover);
            }
        }
        self.sky(place, texture)
    }

    /// What shows over the edge of a ridge: near enough the next ridge's colour or the sky.
    fn behind(&self, number: usize, place: &Place, texture: &Texture) -> Rgb {
        for (number, ridge) in self.ridges.iter().enumerate().skip(number) {
            let below = place.y - ridge.top(place.x);
            if below > 0.0 {
                return mix(self.slope(number, place, below, texture), self.haze(place), ridge.haze);
            }
        }
        self.sky(place, texture)
    }

    fn haze(&self, place: &Place) -> Rgb {
        let near = glow(place.x - self.sun[0], 0.5 * (place.y - self.sun[1]), 0.35);
        mix([0.40, 0.50, 0.66], [0.95, 0.78, 0.58], 0.75 * near)
    }

    fn slope(&self, number: usize, place: &Place, below: f32, texture: &Texture) -> Rgb {
        let (x, y) = (place.x, place.y);
        match number {
            0 => {
                let crowns = texture.sum(x * 130.0, y * 190.0, 4, 0.65, place.pixel * 190.0);
                let patch = texture.sum(x * 9.0, y * 22.0, 3, 0.5, 0.0);
                let field = rise(0.05, 0.16, patch);
                let wood = mix([0.004, 0.012, 0.004], [0.085, 0.125, 0.030], (0.40 + 0.65 * crowns).max(0.0));
                mix(wood, scale([0.26, 0.27, 0.070], 1.0 + 0.12 * crowns), field)
            }
            1 => {
                let crowns = texture.sum(x * 210.0, y * 330.0, 3, 0.65, place.pixel * 330.0);
                let fold = texture.sum(x * 16.0, y * 12.0, 4, 0.5, place.pixel * 16.0);
                let light = (0.5 + 0.8 * fold + 0.35 * crowns).clamp(0.0, 1.3);
                mix([0.014, 0.034, 0.018], [0.090, 0.120, 0.040], light)
            }
            _ => {
                let (step, fine) = (0.004, place.pixel * 20.0);
                let height = |x: f32, y: f32| texture.sum(x * 20.0, y * 13.0, 5, 0.58, fine).abs();
                let (here, there) = (height(x, y), height(x + step, y - step));
                let light = (0.45 + 5.0 * (there - here) / 0.6).clamp(0.08, 1.25);
                let rock = mix([0.050, 0.055, 0.070], [0.30, 0.27, 0.24], light);
                let white = mix([0.30, 0.38, 0.52], [1.05, 1.0, 0.94], light);
                // Snow lies high, and stays longer in the hollows.
                let line = 0.415 + 0.05 * (here - 0.3) + 0.02 * texture.noise(x * 30.0, y * 30.0);
                let snow = rise(line, line - 0.018, y - 0.15 * below);
                mix(rock, white, snow)
            }
        }
    }

    fn sky(&self, place: &Place, texture: &Texture) -> Rgb {
        let down = (place.y / HORIZON).clamp(0.0, 1.0);
        let mut rgb = mix([0.095, 0.225, 0.560], [0.56, 0.66, 0.78], down * (0.35 + 0.65 * down));
        let (dx, dy) = (place.x - self.sun[0], place.y - self.sun[1]);
        rgb = mix(rgb, [1.02, 0.86, 0.66], 0.62 * glow(dx, dy, 0.30));
        // Banks of cloud, flatter towards the horizon, lit from the sun's side.
        let stretch = 1.0 / (0.16 + 0.9 * (0.56 - place.y).max(0.0));
        let (u, v) = (place.x * 1.5 * stretch.sqrt(), (place.y - 0.1) * 2.4 * stretch);
        let fine = place.pixel * 2.4 * stretch;
        let thick = texture.sum(u + 5.0, v, 6, 0.54, fine) + 0.06;
        let cloud = rise(0.02, 0.52, thick);
        if cloud > 0.0 {
            let to_sun = length(dx, dy).max(1e-3);
            let (su, sv) = (u + 5.0 - 0.10 * dx / to_sun, v - 0.10 * dy / to_sun - 0.06);
            let lit = (thick - 0.06 - texture.sum(su, sv, 3, 0.54, fine) * 0.9).clamp(-0.4, 0.4);
            let light = (0.70 + 0.75 * lit - 0.35 * rise(0.25, 0.9, thick)).clamp(0.0, 1.1);
            let white = mix([1.0, 0.98, 0.96], [1.35, 1.12, 0.86], glow(dx, dy, 0.22));
            rgb = mix(rgb, mix([0.34, 0.39, 0.48], white, light), 0.94 * cloud);
        }
        // The sun shines through.
        let bright = 0.9 * glow(dx, dy, 0.085) + 30.0 * glow(dx, dy, 0.018).powi(2);
        std::array::from_fn(|c| rgb[c] + bright * SUN[c])
    }
}

fn column_x(column: usize) -> f32 {
    -0.1 + 1.6 * column as f32 / (COLUMNS - 1) as f32
}

impl Ridge {
    fn top(&self, x: f32) -> f32 {
        let at = ((x + 0.1) / 1.6 * (COLUMNS - 1) as f32).clamp(0.0, (COLUMNS - 2) as f32);
        let column = at as usize;
        let (a, b) = (self.tops[column], self.tops[column + 1]);
        a + (b - a) * (at - column as f32)
    }
}

/// A soft light around a centre.
fn glow(dx: f32, dy: f32, radius: f32) -> f32 {
    let near = 1.0 / (1.0 + (dx * dx + dy * dy) / (radius * radius));
    near * near
}
