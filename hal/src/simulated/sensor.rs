//! The sensor behind the virtual lens: what it makes of light, and how it errs.

use super::noise::{Gaussian, hash};
use super::options::Options;

/// Camera RGB, white-balanced and linear, to linear sRGB; rows sum to one.
pub const MATRIX: [[f32; 3]; 3] = [[1.66, -0.52, -0.14], [-0.23, 1.52, -0.29], [0.02, -0.49, 1.47]];

/// The gains of red, green and blue that make a white object neutral under the scene's light: the truth that automatic
/// white balance looks for.
pub const WHITE_BALANCE: [f32; 3] = [1.9, 1.0, 1.6];

/// Electrons that fill the code range at gain 1.
const FULL_SCALE_ELECTRONS: f32 = 6000.0;
/// Noise of the pixel's own amplifier, which the gain amplifies.
const READ_ELECTRONS: f32 = 2.0;
/// Noise of the converter, as a share of the code range.
const CONVERTER_NOISE: f32 = 7e-4;
/// What is lost in the corners, of red, green and blue.
const CORNER_LOSS: [f32; 3] = [0.27, 0.25, 0.24];
/// Spread of the sensitivity from pixel to pixel (PRNU).
const UNEVENNESS: f32 = 0.003;
/// Samples for each one that is defective.
const SAMPLES_PER_DEFECT: u64 = 100_000;
/// Share of the code range that a white object in the scene fills in green.
const WHITE_OBJECT: f32 = 0.82;

/// The noise of one sample from frame to frame: `variance = slope * signal + offset`, all in codes, the signal counted
/// above black. Quantisation is included as 1/12, which holds where noise is half a code or more (not at 8 bits in the
/// dark); clipping, which lowers the variance next to 0 and to white, is not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseProfile {
    /// Codes of variance a code of signal: photon noise.
    pub slope: f32,
    /// Variance without light: read noise, converter and quantisation.
    pub offset: f32,
}

impl Options {
    /// The noise model of the camera under these settings.
    pub fn noise_profile(&self) -> NoiseProfile {
        let range = self.range();
        let codes_per_electron = self.gain * range / FULL_SCALE_ELECTRONS;
        let read = codes_per_electron * READ_ELECTRONS;
        let converter = range * CONVERTER_NOISE;
        NoiseProfile { slope: codes_per_electron, offset: read * read + converter * converter + 1.0 / 12.0 }
    }

    /// Codes between black and white.
    pub(super) fn range(&self) -> f32 {
        f32::from(self.white().saturating_sub(self.black))
    }
}

/// Light of the scene to what the three kinds of pixel see of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spectrum {
    from_srgb: [[f32; 3]; 3],
}

impl Spectrum {
    /// The pixels under this exposure: 1.0 is the full code.
    pub(super) fn new(brightness: f32) -> Self {
        let mut from_srgb = inverse(MATRIX);
        for (row, gain) in from_srgb.iter_mut().zip(WHITE_BALANCE) {
            *row = row.map(|part| part * WHITE_OBJECT * brightness / gain);
        }
        Self { from_srgb }
    }

    /// Linear sRGB radiance to shares of the code range in red, green and blue, 0 or more.
    pub(super) fn see(&self, rgb: [f32; 3]) -> [f32; 3] {
        self.from_srgb.map(|row| (row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2]).max(0.0))
    }
}

fn inverse(m: [[f32; 3]; 3]) -> [[f32; 3]; 3] {
    let m = m.map(|row| row.map(f64::from));
    // Cofactors with cyclic indices carry their signs.
    let cofactor = |r: usize, c: usize| {
        let (r1, r2, c1, c2) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let determinant: f64 = (0..3).map(|c| m[0][c] * cofactor(0, c)).sum();
    std::array::from_fn(|r| std::array::from_fn(|c| (cofactor(c, r) / determinant) as f32))
}

/// 1.0 of [`sensitivity`], which is at most 65535.
pub(super) const EVEN: f32 = 64000.0;

/// How sensitive each sample of a row is: lens shading and unevenness, [`EVEN`] for an ideal pixel in the centre.
/// `colours` are those of the row's even and odd samples, 0 to 2.
pub(super) fn sensitivity(
    gaussian: &Gaussian,
    seed: u64,
    size: [u32; 2],
    y: u32,
    colours: [usize; 2],
    row: &mut [u16],
) {
    let [width, height] = size.map(|side| side as f32);
    let mut uneven = vec![0.0; row.len()];
    gaussian.fill(hash(seed ^ 0x0005_eed5).wrapping_add(hash(u64::from(y))), &mut uneven);
    let corner = width * width + height * height;
    let down = 2.0 * y as f32 + 1.0 - height;
    for (x, (sample, uneven)) in row.iter_mut().zip(&uneven).enumerate() {
        let right = 2.0 * x as f32 + 1.0 - width;
        let radius = (right * right + down * down) / corner;
        let shading = 1.0 - CORNER_LOSS[colours[x % 2]] * radius;
        *sample = (EVEN * shading * (1.0 + UNEVENNESS * uneven)) as u16;
    }
}

/// A pixel that does not follow the light.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Defect {
    pub(super) y: u32,
    pub(super) x: u32,
    pub(super) kind: DefectKind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum DefectKind {
    /// Shows black.
    Dead,
    /// Adds this share of the code range at the metered exposure.
    Hot(f32),
}

/// The defective pixels of the sensor with this seed, in reading order.
pub(super) fn defects(seed: u64, width: u32, height: u32) -> Vec<Defect> {
    let samples = u64::from(width) * u64::from(height);
    let count = (samples + SAMPLES_PER_DEFECT / 2) / SAMPLES_PER_DEFECT;
    let mut defects: Vec<Defect> = (0..count)
        .map(|number| {
            let place = hash(hash(seed ^ 0xdefec7).wrapping_add(number));
            let kind = hash(place);
            let level = (kind >> 40) as f32 / (1u32 << 24) as f32;
            Defect {
                y: ((place >> 32) % u64::from(height)) as u32,
                x: ((place & 0xffff_ffff) % u64::from(width)) as u32,
                kind: if kind.is_multiple_of(3) {
                    DefectKind::Dead
                } else {
                    DefectKind::Hot(0.1 + 0.9 * level)
                },
            }
        })
        .collect();
    defects.sort_by_key(|defect| (defect.y, defect.x));
    defects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_stays_white_through_the_matrix_and_back() {
        for row in MATRIX {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
        let rgb = [0.2, 0.5, 0.1];
        let seen = Spectrum::new(1.0).see(rgb);
        let balanced: [f32; 3] = std::array::from_fn(|c| seen[c] * WHITE_BALANCE[c] / WHITE_OBJECT);
        for (row, expected) in MATRIX.iter().zip(rgb) {
            let back: f32 = row.iter().zip(balanced).map(|(m, c)| m * c).sum();
            assert!((back - expected).abs() < 1e-4, "{back} {expected}");
        }
        let white = Spectrum::new(1.0).see([1.0; 3]);
        assert!(white[1] > 1.5 * white[2] && white[2] > white[0], "{white:?}");
    }

    #[test]
    fn corners_lose_a_quarter() {
        let gaussian = Gaussian::new();
        let mut row = vec![0; 400];
        sensitivity(&gaussian, 1, [400, 300], 150, [1, 1], &mut row);
        let mean = |part: &[u16]| part.iter().map(|v| f32::from(*v)).sum::<f32>() / part.len() as f32 / EVEN;
        assert!((mean(&row[190..210]) - 1.0).abs() < 0.005);
        sensitivity(&gaussian, 1, [400, 300], 0, [1, 1], &mut row);
        assert!((mean(&row[..10]) - 0.757).abs() < 0.01, "{}", mean(&row[..10]));
    }

    #[test]
    fn a_twelve_megapixel_sensor_has_defects_of_both_kinds() {
        let defects = defects(1, 4000, 3000);
        assert_eq!(defects.len(), 120);
        assert!(defects.iter().any(|defect| defect.kind == DefectKind::Dead));
        assert!(defects.iter().any(|defect| matches!(defect.kind, DefectKind::Hot(_))));
        assert!(defects.iter().all(|defect| defect.x < 4000 && defect.y < 3000));
        assert_ne!(defects, super::defects(2, 4000, 3000));
    }
}
