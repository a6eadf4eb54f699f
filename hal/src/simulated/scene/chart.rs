//! A test chart on a wooden stand: star, 24 colours, grey ramp, slanted edge, bars.

use super::paint::{Place, Rgb, Sight, length, mix, scale};
use super::texture::Texture;

/// The 24 patches of the usual colour chart in sRGB, row by row.
const PATCHES: [[u8; 3]; 24] = [
    [115, 82, 68],
    [194, 150, 130],
    [98, 122, 157],
    [87, 108, 67],
    [133, 128, 177],
    [103, 189, 170],
    [214, 126, 44],
    [80, 91, 166],
    [193, 90, 99],
    [94, 60, 108],
    [157, 188, 64],
    [224, 163, 46],
    [56, 61, 150],
    [70, 148, 73],
    [175, 54, 60],
    [231, 199, 31],
    [187, 86, 149],
    [8, 133, 161],
    [243, 243, 242],
    [200, 200, 200],
    [160, 160, 160],
    [122, 122, 121],
    [85, 85, 85],
    [52, 52, 52],
];
const PAPER: Rgb = [0.82, 0.81, 0.78];
const INK: Rgb = [0.022, 0.022, 0.022];
const CENTRE: [f32; 2] = [1.045, 0.745];
const HALF: [f32; 2] = [0.235, 0.165];
const FRAME: f32 = 0.011;
/// Sine and cosine of the angle at which it stands.
const TILT: [f32; 2] = [-0.0436, 0.99905];
const STAR: [f32; 2] = [-0.122, -0.048];
const STAR_RADIUS: f32 = 0.098;
const STAR_SPOKES: f32 = 36.0;

#[derive(Debug)]
pub(super) struct Chart {
    patches: [Rgb; 24],
}

impl Chart {
    pub(super) fn new() -> Self {
        Self { patches: PATCHES.map(|patch| patch.map(linear)) }
    }

    pub(super) fn paint(&self, place: &Place, texture: &Texture, sight: &mut Sight) {
        if !place.within(0.75, 0.52, 1.34, 1.1) {
            return;
        }
        let (dx, dy) = (place.x - CENTRE[0], place.y - CENTRE[1]);
        let on = Place::new(dx * TILT[1] + dy * TILT[0], dy * TILT[1] - dx * TILT[0], place.pixel);
        let board = on.rectangle(-HALF[0], -HALF[1], HALF[0], HALF[1]);
        if board > 0.0 {
            // A frame of wood, mitred by light: the sheet lies a little inside.
            let inside = on.rectangle(FRAME - HALF[0], FRAME - HALF[1], HALF[0] - FRAME, HALF[1] - FRAME);
            let shade = 1.0 - 0.18 * ((on.x + HALF[0]) / (2.0 * HALF[0])).clamp(0.0, 1.0);
            let sheet = scale(self.sheet(&on), shade);
            let shadow = 1.0 - 0.5 * on.cover(on.y + HALF[1] - FRAME - 0.004) * inside;
            sight.behind(mix(wood(&on, texture), scale(sheet, shadow), inside), board);
        }
        for leg in [-0.15, 0.15] {
            let cover = on.bar([leg, HALF[1]], [leg * 1.25, HALF[1] + 0.085], 0.017);
            if cover > 0.0 {
                let turned = Place::new(on.y, on.x, on.pixel);
                sight.behind(scale(wood(&turned, texture), 0.7), cover);
            }
        }
    }

    fn sheet(&self, on: &Place) -> Rgb {
        let mut rgb = PAPER;
        let mut put = |ink: Rgb, cover: f32| rgb = mix(rgb, ink, cover);
        put(INK, star(on));
        // Colours on a dark card.
        put(INK, on.rectangle(-0.008, -0.146, 0.218, 0.010));
        let (column, row) = ((on.x + 0.004) / 0.0365, (on.y + 0.142) / 0.0370);
        if (0.0..6.0).contains(&column) && (0.0..4.0).contains(&row) {
            let (left, top) = (column.floor() * 0.0365 - 0.004, row.floor() * 0.0370 - 0.142);
            let patch = self.patches[row as usize * 6 + column as usize];
            put(patch, on.rectangle(left + 0.003, top + 0.003, left + 0.0335, top + 0.034));
        }
        // Grey, gliding and in steps of half a stop.
        let along = ((on.x + 0.008) / 0.226).clamp(0.0, 0.999);
        put([0.005 + 0.85 * along * along; 3], on.rectangle(-0.008, 0.026, 0.218, 0.054));
        let steps = on.rectangle(-0.008, 0.060, 0.218, 0.088);
        if steps > 0.0 {
            put([0.80 * 0.5f32.powf(0.5 * (13.0 - (along * 14.0).floor())); 3], steps);
        }
        put(INK, slanted_square(on));
        put(INK, bars(on));
        rgb
    }
}

/// A Siemens star; towards its centre the spokes blend where the pixel cannot part them.
fn star(on: &Place) -> f32 {
    let (dx, dy) = (on.x - STAR[0], on.y - STAR[1]);
    let radius = length(dx, dy);
    let within = on.cover(radius - STAR_RADIUS);
    if within <= 0.0 {
        return 0.0;
    }
    let turns = dy.atan2(dx) / std::f32::consts::TAU * STAR_SPOKES;
    // Distance from the nearest spoke's edge along the circle.
    let spoke = (turns - turns.floor() - 0.5).abs() - 0.25;
    let width = std::f32::consts::TAU * radius.max(1e-6) / STAR_SPOKES;
    let sharp = (width / (1.5 * on.pixel) - 1.0).clamp(0.0, 1.0);
    within * (0.5 + sharp * (on.cover(spoke * width) - 0.5))
}

/// For measuring sharpness: edges five degrees off the rows.
fn slanted_square(on: &Place) -> f32 {
    let (dx, dy) = (on.x + 0.178, on.y - 0.103);
    let turned = Place::new(dx * 0.9962 + dy * 0.0872, dy * 0.9962 - dx * 0.0872, on.pixel);
    turned.rectangle(-0.034, -0.034, 0.034, 0.034)
}

/// Bars that get finer to the right.
fn bars(on: &Place) -> f32 {
    let within = on.rectangle(-0.125, 0.098, 0.218, 0.146);
    if within <= 0.0 {
        return 0.0;
    }
    let along = (on.x + 0.125) / 0.343;
    let pitch = 0.012 * (1.0 - along) + 0.0009;
    // The integral of 1/pitch: the number of bars so far.
    let count = 0.343 / 0.012 * (0.0129 / pitch).ln();
    let edge = ((count - count.floor() - 0.5).abs() - 0.25) * pitch;
    let sharp = (pitch / (1.5 * on.pixel) - 1.0).clamp(0.0, 1.0);
    within * (0.5 + sharp * (on.cover(edge) - 0.5))
}

fn wood(on: &Place, texture: &Texture) -> Rgb {
    let grain = texture.sum(on.x * 14.0, on.y * 260.0, 3, 0.6, on.pixel * 260.0);
    scale(mix([0.30, 0.16, 0.065], [0.46, 0.27, 0.12], 0.5 + 0.5 * grain), 0.9)
}

/// The sRGB transfer function (IEC 61966-2-1), to light.
fn linear(code: u8) -> f32 {
    let value = f32::from(code) / 255.0;
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}
