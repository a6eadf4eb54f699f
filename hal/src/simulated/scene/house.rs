//! A half-timbered house with a tiled roof, a tree and a fence.

use super::paint::{Place, Polygon, Rgb, Sight, length, mix, scale};
use super::texture::{Texture, rise};
use crate::simulated::noise::hash;

const GLASS: Rgb = [0.018, 0.024, 0.034];
const BEAM: Rgb = [0.060, 0.034, 0.020];
/// The timbers of the gable.
const BEAMS: [[[f32; 2]; 2]; 11] = [
    [[0.440, 0.700], [0.440, 0.520]],
    [[0.590, 0.700], [0.590, 0.520]],
    [[0.440, 0.523], [0.590, 0.523]],
    [[0.440, 0.610], [0.590, 0.610]],
    [[0.440, 0.697], [0.590, 0.697]],
    [[0.472, 0.610], [0.442, 0.530]],
    [[0.558, 0.610], [0.588, 0.530]],
    [[0.515, 0.523], [0.515, 0.440]],
    [[0.472, 0.610], [0.472, 0.523]],
    [[0.558, 0.610], [0.558, 0.523]],
    [[0.478, 0.480], [0.552, 0.480]],
];

/// Boughs of the tree: centres and sizes.
const CROWN: [[f32; 3]; 8] = [
    [0.120, 0.290, 0.095],
    [0.050, 0.350, 0.085],
    [0.195, 0.345, 0.080],
    [0.125, 0.390, 0.105],
    [0.015, 0.435, 0.070],
    [0.220, 0.430, 0.060],
    [0.085, 0.470, 0.065],
    [0.175, 0.475, 0.060],
];

#[derive(Debug)]
pub(super) struct House {
    gable: Polygon,
    side: Polygon,
    roof: Polygon,
    chimney: Polygon,
}

impl House {
    pub(super) fn new() -> Self {
        Self {
            gable: Polygon::new(&[
                [0.437, 0.702],
                [0.437, 0.514],
                [0.514, 0.414],
                [0.593, 0.520],
                [0.593, 0.702],
            ]),
            side: Polygon::new(&[[0.262, 0.686], [0.262, 0.515], [0.440, 0.515], [0.440, 0.702]]),
            roof: Polygon::new(&[[0.236, 0.530], [0.330, 0.414], [0.518, 0.414], [0.424, 0.538]]),
            chimney: Polygon::new(&[[0.362, 0.366], [0.397, 0.366], [0.397, 0.432], [0.362, 0.432]]),
        }
    }

    pub(super) fn paint(&self, place: &Place, texture: &Texture, sight: &mut Sight) {
        if !place.within(0.22, 0.35, 0.62, 0.71) {
            return;
        }
        // The verge of the far slope, then what it and the near slope shade.
        sight.behind([0.20, 0.07, 0.035], place.bar([0.516, 0.417], [0.603, 0.534], 0.009));
        let cap = place.rectangle(0.358, 0.360, 0.401, 0.369);
        sight.behind([0.34, 0.32, 0.30], cap);
        let roof = self.roof.cover(place);
        if roof > 0.0 {
            sight.behind(tiles(place, texture), roof);
        }
        let chimney = self.chimney.cover(place);
        if chimney > 0.0 {
            let lit = if place.x > 0.386 { 1.25 } else { 0.55 };
            sight.behind(scale(bricks(place, texture), lit), chimney);
        }
        let gable = self.gable.cover(place);
        if gable > 0.0 {
            sight.behind(self.front(place, texture), gable);
        }
        let side = self.side.cover(place);
        if side > 0.0 {
            sight.behind(side_wall(place, texture), side);
        }
    }

    fn front(&self, place: &Place, texture: &Texture) -> Rgb {
        let plaster = texture.sum(place.x * 160.0, place.y * 160.0, 4, 0.6, place.pixel * 160.0);
        let stain = texture.sum(place.x * 18.0, place.y * 9.0, 3, 0.5, 0.0);
        let mut rgb = scale([0.86, 0.82, 0.72], 1.0 + 0.07 * plaster + 0.10 * stain);
        let timber = BEAMS.iter().map(|[from, to]| place.bar(*from, *to, 0.009)).fold(0.0, f32::max);
        if timber > 0.0 {
            let grain = texture.sum(place.x * 300.0, place.y * 300.0, 2, 0.6, place.pixel * 300.0);
            rgb = mix(rgb, scale(BEAM, 1.0 + 0.6 * grain), timber);
        }
        for (left, top) in [(0.484, 0.540), (0.522, 0.540), (0.450, 0.628)] {
            rgb = window(place, texture, rgb, [left, top, left + 0.026, top + 0.046]);
        }
        rgb = door(place, rgb);
        // Under the verge it is dark.
        let depth = -self.gable.distance(place);
        let under = if place.y < 0.53 { rise(0.020, 0.0, depth) } else { 0.0 };
        scale(rgb, 1.0 - 0.72 * under)
    }
}

fn door(place: &Place, mut rgb: Rgb) -> Rgb {
    rgb = mix(rgb, [0.12, 0.10, 0.08], place.rectangle(0.518, 0.620, 0.568, 0.702));
    rgb = mix(rgb, [0.030, 0.145, 0.115], place.rectangle(0.522, 0.624, 0.564, 0.702));
    for (left, top, right, bottom) in
        [(0.526, 0.664, 0.541, 0.696), (0.545, 0.664, 0.560, 0.696), (0.526, 0.630, 0.560, 0.656)]
    {
        let light = if place.y < 0.66 { GLASS } else { [0.020, 0.100, 0.080] };
        rgb = mix(rgb, light, place.rectangle(left, top, right, bottom));
    }
    mix(rgb, [2.6, 2.1, 1.1], place.disc(0.5605, 0.661, 0.0016))
}

/// Glass in a white frame, with a pane of sky in it and a sill.
fn window(place: &Place, texture: &Texture, wall: Rgb, [left, top, right, bottom]: [f32; 4]) -> Rgb {
    if !place.within(left - 0.006, top - 0.002, right + 0.006, bottom + 0.007) {
        return wall;
    }
    let frame = 0.0032;
    let mut rgb =
        mix(wall, [0.30, 0.27, 0.23], place.rectangle(left - 0.004, bottom, right + 0.004, bottom + 0.005));
    rgb = mix(rgb, [0.80, 0.80, 0.78], place.rectangle(left, top, right, bottom));
    let middle = (left + right) / 2.0;
    let third = top + (bottom - top) * 0.36;
    let ripple = texture.noise(place.x * 60.0, place.y * 40.0);
    let sky = rise(-0.2, 0.5, ripple + 30.0 * (place.x - middle) - 14.0 * (place.y - third));
    let glass = mix(GLASS, [0.50, 0.62, 0.80], 0.75 * sky);
    for (x0, x1) in [(left + frame, middle - 0.0008), (middle + 0.0008, right - frame)] {
        for (y0, y1) in [(top + frame, third - 0.0008), (third + 0.0008, bottom - frame)] {
            rgb = mix(rgb, glass, place.rectangle(x0, y0, x1, y1));
        }
    }
    rgb
}

/// The wall away from the sun: brick, two windows with shutters, the eaves' shadow.
fn side_wall(place: &Place, texture: &Texture) -> Rgb {
    let mut rgb = scale(bricks(place, texture), 0.50);
    for left in [0.292, 0.372] {
        let (top, bottom) = (0.575, 0.632);
        for shutter in [left - 0.018, left + 0.032] {
            let slat = ((place.y * 260.0).fract() - 0.5).abs();
            let lines = (1.5 - 260.0 * 2.0 * place.pixel).clamp(0.0, 1.0);
            let paint = scale([0.018, 0.075, 0.060], 1.0 - 0.5 * lines * (slat - 0.25));
            rgb = mix(rgb, paint, place.rectangle(shutter, top, shutter + 0.016, bottom));
        }
        rgb = scale_where(
            window(place, texture, rgb, [left, top, left + 0.030, bottom]),
            0.6,
            place.rectangle(left, top, left + 0.030, bottom),
        );
    }
    let eaves = rise(0.575, 0.530, place.y);
    scale(rgb, 1.0 - 0.6 * eaves)
}

fn scale_where(rgb: Rgb, factor: f32, cover: f32) -> Rgb {
    scale(rgb, 1.0 + (factor - 1.0) * cover)
}

fn random(a: i32, b: i32) -> f32 {
    let key = u64::from(a.cast_unsigned()) << 32 | u64::from(b.cast_unsigned());
    (hash(key) >> 40) as f32 / (1u32 << 24) as f32
}

/// Courses of brick; where the pixel cannot part them, their mean.
fn bricks(place: &Place, texture: &Texture) -> Rgb {
    let (height, length) = (0.0056, 0.0150);
    let course = (place.y / height).floor();
    let shifted = place.x / length + 0.5 * (course as i32 & 1) as f32;
    let brick = shifted.floor();
    let tint = random(course as i32, brick as i32);
    let clay = mix([0.26, 0.085, 0.050], [0.44, 0.17, 0.10], tint);
    let rough = texture.sum(place.x * 500.0, place.y * 500.0, 2, 0.6, place.pixel * 500.0);
    let inner_x = ((shifted - brick - 0.5).abs() - 0.5) * length + 0.0007;
    let inner_y = ((place.y / height - course - 0.5).abs() - 0.5) * height + 0.0007;
    let face = place.cover(inner_x) * place.cover(inner_y);
    mix([0.40, 0.37, 0.33], scale(clay, 1.0 + 0.25 * rough), face)
}

/// Rows of rounded tiles on the near slope, lit along it.
fn tiles(place: &Place, texture: &Texture) -> Rgb {
    // Along the eaves and up the slope, 0 to 1.
    let up = (place.y - 0.534) / (0.414 - 0.534);
    let along = (place.x - 0.236 - 0.094 * up) / 0.188;
    let (rows, columns) = (19.0, 34.0);
    let row = (up * rows).floor();
    let shifted = along * columns + 0.5 * (row as i32 & 1) as f32;
    let tile = shifted.floor();
    let tint = random(row as i32 + 7919, tile as i32);
    let clay = mix([0.30, 0.075, 0.032], [0.62, 0.20, 0.085], 0.3 + 0.6 * tint);
    // Each tile ends in an arc that shades the row below.
    let across = (shifted - tile - 0.5) * 2.0;
    let arc = up * rows - row - 0.16 * across * across;
    let edge = rise(0.0, 0.22, arc) * (1.0 - 0.25 * rise(0.6, 1.0, across.abs()));
    let rough = texture.sum(place.x * 240.0, place.y * 240.0, 3, 0.6, place.pixel * 240.0);
    let moss = rise(0.15, 0.6, texture.sum(place.x * 22.0, place.y * 30.0, 3, 0.6, 0.0));
    let rgb = scale(mix(clay, [0.11, 0.12, 0.04], 0.5 * moss), 0.72 * (1.0 + 0.2 * rough));
    scale(rgb, 0.35 + 0.65 * edge)
}

/// The pickets in front.
pub(super) fn fence(place: &Place, texture: &Texture, sight: &mut Sight) {
    if !place.within(-0.1, 0.77, 0.5875, 0.90) {
        return;
    }
    let ground = 0.874 - 0.020 * place.x;
    let pitch = 0.0235;
    let number = (place.x / pitch).floor();
    let wobble = 0.004 * (random(number as i32, 77) - 0.5);
    let middle = (number + 0.5) * pitch;
    let beside = (place.x - middle).abs();
    // A post now and then stands taller.
    let post = number as i32 % 8 == 0;
    let (half, tall) = if post { (0.0085, 0.092) } else { (0.0062, 0.078) };
    let top = ground - tall + wobble + if post { 0.0 } else { 1.5 * beside };
    let picket = place.cover(beside - half) * place.cover((top - place.y).max(place.y - ground));
    let rails = [0.020, 0.056].map(|height| {
        place.cover((place.y - (ground - height)).abs() - 0.0042) * place.cover(place.x - 0.580)
    });
    if picket + rails[0] + rails[1] <= 0.0 {
        return;
    }
    let grain = texture.sum(place.x * 420.0, place.y * 40.0, 3, 0.6, place.pixel * 420.0);
    // The right edge catches the sun.
    let edge = if place.x - middle > half - 0.002 { 1.35 } else { 1.0 };
    let paint = scale([0.62, 0.61, 0.57], edge * (0.82 + 0.12 * grain + 0.2 * random(number as i32, 3)));
    sight.behind(paint, picket);
    for cover in rails {
        sight.behind(scale([0.36, 0.35, 0.33], 0.9 + 0.15 * grain), cover);
    }
}

/// A broad tree, lit from the right.
pub(super) fn tree(place: &Place, texture: &Texture, sight: &mut Sight) {
    if !place.within(-0.1, 0.12, 0.34, 0.80) {
        return;
    }
    // The nearest bough draws the outline; all that are near share the shading, so that none shows as a ball.
    let (mut distance, mut radius, mut toward, mut weights) = (f32::MAX, 1.0, 0.0, 1e-6);
    for [x, y, size] in CROWN {
        let (dx, dy) = ((place.x - x) / size, (place.y - y) / size);
        let away = length(dx, dy);
        if away < distance {
            (distance, radius) = (away, size);
        }
        let weight = (1.5 - away).max(0.0).powi(3);
        toward += weight * (0.75 * dx - 0.66 * dy);
        weights += weight;
    }
    if distance < 1.4 {
        leaves(place, texture, [distance, radius, toward / weights], sight);
    }
    trunk(place, texture, sight);
}

fn leaves(place: &Place, texture: &Texture, [distance, radius, toward]: [f32; 3], sight: &mut Sight) {
    let rough = texture.sum(place.x * 26.0, place.y * 26.0, 5, 0.62, place.pixel * 26.0);
    let border = distance - 1.0 + 0.20 * rough;
    // Leaves end in a broken edge, with holes through which the sky shows.
    let holes = texture.sum(place.x * 70.0, place.y * 70.0, 3, 0.7, place.pixel * 70.0);
    let border = border.max(0.50 * holes - 0.26 - 0.35 * rise(0.9, 0.2, distance));
    let leaves = place.cover(border * radius);
    if leaves > 0.0 {
        let leaf = texture.sum(place.x * 210.0, place.y * 230.0, 3, 0.7, place.pixel * 230.0);
        let clump = texture.sum(place.x * 55.0, place.y * 60.0, 2, 0.6, place.pixel * 60.0);
        let light = (0.36 + 0.55 * toward + 0.42 * clump + 0.40 * leaf).clamp(0.0, 1.4);
        let green = mix([0.007, 0.020, 0.004], [0.27, 0.36, 0.055], light);
        sight.behind(green, leaves);
    }
}

fn trunk(place: &Place, texture: &Texture, sight: &mut Sight) {
    if !place.within(0.08, 0.41, 0.18, 0.78) {
        return;
    }
    let lean = 0.130 + 0.02 * (place.y - 0.6);
    let half = 0.0135 + 0.05 * rise(0.70, 0.80, place.y) * 0.35;
    let bark = texture.sum(place.x * 190.0, place.y * 40.0, 4, 0.65, place.pixel * 190.0);
    let trunk = place.cover((place.x - lean).abs() - half - 0.003 * bark)
        * place.cover((0.42 - place.y).max(place.y - 0.772));
    let round = ((place.x - lean) / half * 0.5 + 0.5).clamp(0.0, 1.0);
    sight.behind(scale([0.17, 0.115, 0.075], (0.25 + round) * (1.0 + 0.6 * bark)), trunk);
}
