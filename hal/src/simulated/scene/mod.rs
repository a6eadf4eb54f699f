//! The picture that the virtual camera looks at: a lake in the mountains, a house, a balloon, a test chart.
//!
//! Drawn, not stored: radiance is a pure function of the place. It has what finds faults in a development: flat and
//! textured parts, edges at all angles, detail up to the sampling limit, deep shadows, a sun that burns out, and a chart
//! with known colours.

mod chart;
mod house;
mod land;
mod meadow;
mod paint;
mod texture;

use super::noise::hash;
use chart::Chart;
use house::House;
use land::Land;
use meadow::Meadow;
use paint::{Place, Rgb, Sight, mix, scale};
use texture::Texture;

/// One scene; the seed moves sun, clouds, mountains and flowers and paints the balloon.
#[derive(Debug)]
pub(super) struct Scene {
    texture: Texture,
    land: Land,
    meadow: Meadow,
    house: House,
    chart: Chart,
    balloon: [Rgb; 3],
}

impl Scene {
    /// Width of the scene; its height is 1.
    pub(super) const WIDTH: f32 = 4.0 / 3.0;

    pub(super) fn new(seed: u64) -> Self {
        let texture = Texture::new(seed);
        let land = Land::new(seed, &texture);
        let paints = [
            [[0.72, 0.035, 0.030], [0.92, 0.58, 0.03], [0.85, 0.83, 0.78]],
            [[0.025, 0.12, 0.55], [0.88, 0.86, 0.82], [0.85, 0.30, 0.02]],
            [[0.10, 0.42, 0.10], [0.93, 0.72, 0.06], [0.55, 0.03, 0.20]],
        ];
        let balloon = paints[(hash(seed ^ 0xba11) % 3) as usize];
        Self { texture, land, meadow: Meadow::new(seed), house: House::new(), chart: Chart::new(), balloon }
    }

    /// Linear sRGB radiance at a place, from the left and from the top; 1.0 is a white object in the sun, the sun itself
    /// is brighter. `pixel` is the side of what is looked at: finer detail is averaged.
    pub(super) fn radiance(&self, x: f32, y: f32, pixel: f32) -> Rgb {
        let place = Place::new(x, y, pixel);
        let mut sight = Sight::new();
        self.chart.paint(&place, &self.texture, &mut sight);
        house::fence(&place, &self.texture, &mut sight);
        if sight.full() {
            return sight.before([0.0; 3]);
        }
        house::tree(&place, &self.texture, &mut sight);
        self.house.paint(&place, &self.texture, &mut sight);
        self.fly(&place, &mut sight);
        if sight.full() {
            return sight.before([0.0; 3]);
        }
        let near = self.meadow.cover(&place, &self.texture);
        if near > 0.0 {
            sight.behind(self.meadow.ground(&place, &self.texture), near);
        }
        if sight.full() {
            return sight.before([0.0; 3]);
        }
        sight.before(self.land.backdrop(&place, &self.texture))
    }

    /// A balloon with eight gores, a skirt, ropes and a basket.
    fn fly(&self, place: &Place, sight: &mut Sight) {
        let (x, y, radius) = (0.765, 0.165, 0.072);
        if !place.within(x - 0.08, y - 0.08, x + 0.08, y + 0.16) {
            return;
        }
        let (dx, dy) = ((place.x - x) / radius, (place.y - y) / radius);
        // Round above, tapering below.
        let width = if dy < 0.0 {
            (1.0 - dy * dy).max(0.0).sqrt()
        } else {
            1.0 - 0.30 * dy * dy - 0.16 * dy * dy * dy
        };
        let inside = place.cover((dx.abs() - width) * radius * 0.85)
            * place.cover((dy - 1.22) * radius)
            * place.cover((-1.0 - dy) * radius);
        if inside > 0.0 {
            let across = (dx / width.max(1e-3)).clamp(-1.0, 1.0);
            let gore = across.asin() / std::f32::consts::PI * 8.0 + 8.5;
            let seam = ((gore.fract() - 0.5).abs() - 0.485) * width * radius * 0.4;
            let colour = self.balloon[gore as usize % 2];
            let band = place.cover(((dy - 0.28).abs() - 0.13) * radius);
            let colour = mix(colour, self.balloon[2], band);
            let light = (0.50 + 0.45 * across - 0.25 * dy).clamp(0.10, 1.05);
            let rim = 1.0 - 0.35 * place.cover(-seam);
            sight.behind(scale(colour, light * rim), inside);
        }
        let basket = place.rectangle(x - 0.0105, y + 0.124, x + 0.0105, y + 0.141);
        let weave = ((place.x * 700.0).sin() * (place.y * 900.0).sin()).clamp(-1.0, 1.0);
        sight.behind(scale([0.16, 0.085, 0.035], 1.0 + 0.3 * weave), basket);
        for end in [-1.0, -0.35, 0.35, 1.0] {
            let rope = place.bar([x + 0.029 * end, y + 0.086], [x + 0.0100 * end, y + 0.126], 0.0009);
            sight.behind([0.05, 0.04, 0.03], rope);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(seed: u64) -> Vec<Rgb> {
        let scene = Scene::new(seed);
        let place = |i: u32| ((i % 160) as f32 / 120.0, (i / 160) as f32 / 120.0);
        (0..160 * 120).map(|i| scene.radiance(place(i).0, place(i).1, 1.0 / 3000.0)).collect()
    }

    #[test]
    fn light_is_finite_and_spans_shadow_to_sun() {
        for seed in [1, 2, 77] {
            let seen = samples(seed);
            assert!(seen.iter().flatten().all(|part| part.is_finite() && *part >= 0.0));
            let mut green: Vec<f32> = seen.iter().map(|rgb| rgb[1]).collect();
            green.sort_by(f32::total_cmp);
            let at = |share: f32| green[(share * (green.len() - 1) as f32) as usize];
            assert!(at(0.03) < 0.04, "shadows {}", at(0.03));
            assert!((0.10..0.45).contains(&at(0.5)), "middle {}", at(0.5));
            assert!(at(1.0) > 3.0, "sun {}", at(1.0));
            let burnt = green.iter().filter(|part| **part > 1.2).count();
            assert!(burnt < green.len() / 12, "{burnt} burnt of {}", green.len());
        }
    }

    #[test]
    fn the_chart_has_its_colours() {
        let scene = Scene::new(1);
        // The red patch: brighter in red than in anything else; the white patch: neutral.
        let find = |test: fn(Rgb) -> bool| {
            (0..4000).any(|i| {
                let (x, y) = (0.83 + (i % 80) as f32 * 0.0055, 0.59 + (i / 80) as f32 * 0.006);
                test(scene.radiance(x, y, 1.0 / 3000.0))
            })
        };
        assert!(find(|[r, g, b]| r > 0.3 && g < 0.06 && b < 0.08));
        assert!(find(|[r, g, b]| b > 0.2 && r < 0.06 && g < 0.08));
        assert!(find(|[r, g, b]| r > 0.6 && (r - g).abs() < 0.02 && (g - b).abs() < 0.02));
    }

    #[test]
    fn another_seed_is_another_picture() {
        assert_eq!(samples(1), samples(1));
        assert_ne!(samples(1), samples(2));
    }

    #[test]
    fn far_outside_nothing_breaks() {
        let scene = Scene::new(1);
        for x in [-0.5, -0.05, 1.4, 2.0] {
            for y in [-0.5, -0.02, 1.02, 1.5] {
                assert!(scene.radiance(x, y, 0.001).iter().all(|part| part.is_finite() && *part >= 0.0));
            }
        }
    }
}
