//! The tone curve: exposure, a highlight shoulder and the sRGB transfer function, as one table.
//!
//! Built from `+ - * / sqrt` alone, because the power function of different C libraries differs in the last bit.

use crate::mosaic::FULL;

/// Scene brightness up to which the shoulder leaves the picture alone, white being 1.
const KNEE: f64 = 0.5;

/// Iterations after which Newton's cube root has converged for every argument that the curve has.
const ROOT_STEPS: u32 = 14;

/// 8-bit sRGB codes for all linear 16-bit values.
#[derive(Clone)]
pub(crate) struct ToneCurve {
    table: Box<[u8; FULL as usize + 1]>,
}

impl std::fmt::Debug for ToneCurve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToneCurve").finish_non_exhaustive()
    }
}

impl ToneCurve {
    /// The curve for a digital gain of `exposure >= 1`.
    ///
    /// The curve rises, so it is a staircase of 255 steps: each one's place is found by bisection.
    pub(crate) fn new(exposure: f64) -> ToneCurve {
        let mut table = Box::new([0; FULL as usize + 1]);
        let mut from = 0;
        for code in 1..=255_u8 {
            let step = first_reaching(code, from, exposure);
            table[usize::from(from)..usize::from(step)].fill(code - 1);
            from = step;
        }
        table[usize::from(from)..].fill(255);
        ToneCurve { table }
    }

    /// The code of a linear value.
    #[inline(always)]
    pub(crate) fn code(&self, linear: u16) -> u8 {
        self.table[usize::from(linear)]
    }
}

/// The curve itself: light, white being 1, to 0 to 1.
pub(crate) fn exact(linear: f64, exposure: f64) -> f64 {
    srgb(shoulder(exposure * linear, exposure))
}

/// The smallest value from `from` on whose code is at least `code`.
fn first_reaching(code: u8, from: u16, exposure: f64) -> u16 {
    let reaches = |value: u16| {
        let linear = f64::from(value) / f64::from(FULL);
        255.0 * exact(linear, exposure) + 0.5 >= f64::from(code)
    };
    let (mut low, mut high) = (from, FULL);
    while low < high {
        let middle = low + (high - low) / 2;
        if reaches(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Bends `KNEE..=white` to `KNEE..=1` without a corner at the knee and without clipping before white.
fn shoulder(scene: f64, white: f64) -> f64 {
    if scene <= KNEE || white <= 1.0 {
        return scene.min(1.0);
    }
    let slope = (white - KNEE) / (1.0 - KNEE);
    let t = (scene - KNEE) / (white - KNEE);
    KNEE + (1.0 - KNEE) * (slope * t / (1.0 + (slope - 1.0) * t))
}

/// The sRGB transfer function (IEC 61966-2-1) for 0 to 1.
pub(crate) fn srgb(linear: f64) -> f64 {
    if linear <= 0.003_130_8 {
        12.92 * linear
    } else {
        // linear^(1/2.4) = linear^(5/12) = cube root of linear^(5/4)
        1.055 * cube_root(linear * linear.sqrt().sqrt()) - 0.055
    }
}

/// Newton's method from above, where every step comes closer; for about 0.0007 to 1.
fn cube_root(value: f64) -> f64 {
    let mut root = 1.0;
    for _ in 0..ROOT_STEPS {
        root = (2.0 * root + value / (root * root)) / 3.0;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn srgb_is_the_standards_function() {
        for i in 0..=10_000 {
            let x = f64::from(i) / 10_000.0;
            let expected = if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 };
            assert!((srgb(x) - expected).abs() < 1e-12, "{x}: {} for {expected}", srgb(x));
        }
    }

    #[test]
    fn every_entry_of_the_table_is_the_rounded_curve() {
        for exposure in [1.0, 1.7, 8.0, 64.0] {
            let curve = ToneCurve::new(exposure);
            for value in 0..=FULL {
                let linear = f64::from(value) / f64::from(FULL);
                let exact = 255.0 * exact(linear, exposure);
                assert_eq!(curve.code(value), (exact + 0.5) as u8, "exposure {exposure}, value {value}");
            }
            assert_eq!(curve.code(0), 0);
            assert_eq!(curve.code(FULL), 255);
        }
    }

    #[test]
    fn the_shoulder_rises_smoothly_from_the_knee_to_white() {
        for white in [1.0, 1.2, 3.0, 16.0] {
            assert_eq!(shoulder(KNEE, white), KNEE);
            assert!((shoulder(white, white) - 1.0).abs() < 1e-12);
            let slope_at_knee = (shoulder(KNEE + 1e-6, white) - KNEE) / 1e-6;
            assert!((slope_at_knee - 1.0).abs() < 1e-3);
        }
    }
}
