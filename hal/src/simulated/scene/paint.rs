//! Shapes with soft edges, laid over each other from the nearest to the farthest.

/// Linear sRGB radiance.
pub(super) type Rgb = [f32; 3];

pub(super) fn mix(a: Rgb, b: Rgb, share: f32) -> Rgb {
    std::array::from_fn(|c| a[c] + (b[c] - a[c]) * share)
}

pub(super) fn scale(rgb: Rgb, factor: f32) -> Rgb {
    rgb.map(|part| part * factor)
}

/// Length of a way; `hypot` guards against overflow that cannot happen here, and costs ten times as much.
pub(super) fn length(dx: f32, dy: f32) -> f32 {
    (dx * dx + dy * dy).sqrt()
}

/// A place in the scene as one pixel sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) x: f32,
    pub(super) y: f32,
    /// Side of the pixel.
    pub(super) pixel: f32,
}

impl Place {
    pub(super) fn new(x: f32, y: f32, pixel: f32) -> Self {
        Self { x, y, pixel }
    }

    pub(super) fn within(&self, left: f32, top: f32, right: f32, bottom: f32) -> bool {
        self.x >= left && self.x <= right && self.y >= top && self.y <= bottom
    }

    /// How much of the pixel is inside of an edge at this distance, negative inside: a lens blurs an edge over a bit
    /// more than one pixel.
    pub(super) fn cover(&self, distance: f32) -> f32 {
        (0.5 - distance / (1.5 * self.pixel)).clamp(0.0, 1.0)
    }

    /// How much of the pixel is in an upright rectangle.
    pub(super) fn rectangle(&self, left: f32, top: f32, right: f32, bottom: f32) -> f32 {
        self.cover((left - self.x).max(self.x - right)) * self.cover((top - self.y).max(self.y - bottom))
    }

    /// How much of the pixel is in a disc.
    pub(super) fn disc(&self, x: f32, y: f32, radius: f32) -> f32 {
        self.cover(length(self.x - x, self.y - y) - radius)
    }

    /// How much of the pixel is in a bar with round ends.
    pub(super) fn bar(&self, from: [f32; 2], to: [f32; 2], width: f32) -> f32 {
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let (px, py) = (self.x - from[0], self.y - from[1]);
        let along = ((px * dx + py * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
        self.cover(length(px - along * dx, py - along * dy) - width / 2.0)
    }
}

/// A convex polygon.
#[derive(Debug)]
pub(super) struct Polygon {
    /// Outward normals and their distances from the origin.
    edges: Vec<[f32; 3]>,
    bounds: [f32; 4],
}

impl Polygon {
    /// Corners in clockwise order as seen (y points down).
    pub(super) fn new(corners: &[[f32; 2]]) -> Self {
        let edges = corners
            .iter()
            .zip(corners.iter().cycle().skip(1))
            .map(|(a, b)| {
                let (nx, ny) = (b[1] - a[1], a[0] - b[0]);
                let length = length(nx, ny);
                let (nx, ny) = (nx / length, ny / length);
                [nx, ny, nx * a[0] + ny * a[1]]
            })
            .collect();
        let end = |axis: usize, pick: fn(f32, f32) -> f32| {
            corners.iter().map(|corner| corner[axis]).reduce(pick).unwrap_or(0.0)
        };
        let bounds = [end(0, f32::min), end(1, f32::min), end(0, f32::max), end(1, f32::max)];
        Self { edges, bounds }
    }

    /// How much of the pixel is inside.
    pub(super) fn cover(&self, place: &Place) -> f32 {
        let [left, top, right, bottom] = self.bounds;
        let soft = place.pixel;
        if !place.within(left - soft, top - soft, right + soft, bottom + soft) {
            return 0.0;
        }
        place.cover(self.distance(place))
    }

    /// Distance from the border, negative inside.
    pub(super) fn distance(&self, place: &Place) -> f32 {
        let far = |edge: &[f32; 3]| edge[0] * place.x + edge[1] * place.y - edge[2];
        self.edges.iter().map(far).fold(f32::MIN, f32::max)
    }
}

/// What a pixel sees, gathered from the front to the back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    light: Rgb,
    /// How much of the pixel nothing covers yet.
    open: f32,
}

impl Sight {
    pub(super) fn new() -> Self {
        Self { light: [0.0; 3], open: 1.0 }
    }

    /// True when what lies behind cannot be seen.
    pub(super) fn full(&self) -> bool {
        self.open < 1e-3
    }

    /// Something behind all that is there already.
    pub(super) fn behind(&mut self, rgb: Rgb, cover: f32) {
        let share = self.open * cover;
        for (sum, part) in self.light.iter_mut().zip(rgb) {
            *sum += share * part;
        }
        self.open -= share;
    }

    /// The rest.
    pub(super) fn before(mut self, rgb: Rgb) -> Rgb {
        self.behind(rgb, 1.0);
        self.light
    }
}
