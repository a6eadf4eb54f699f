//! A DNG's colours in the words of [`crate::Rendering`].

use super::description::{Calibration, Description, Matrix};
use crate::{Rendering, SensorColour};

/// EXIF's number of the standard light D65.
const D65: u16 = 21;
/// XYZ of D65 (CIE 1931, 2 degrees).
const D65_WHITE: [f64; 3] = [0.950_47, 1.0, 1.088_83];

/// Linear sRGB to XYZ under D65 (IEC 61966-2-1).
const SRGB_TO_XYZ: Matrix = [
    [0.412_456_4, 0.357_576_1, 0.180_437_5],
    [0.212_672_9, 0.715_152_2, 0.072_175_0],
    [0.019_333_9, 0.119_192_0, 0.950_304_1],
];

/// XYZ under D50 to linear sRGB, the white adapted by Bradford's method.
const XYZ_D50_TO_SRGB: Matrix = [
    [3.133_856_1, -1.616_866_7, -0.490_614_6],
    [-0.978_768_4, 1.916_141_5, 0.033_454_0],
    [0.071_945_3, -0.228_991_4, 1.405_242_7],
];

impl Description {
    /// The gains of red, green and blue that make the shot's neutral grey, the smallest being 1.
    pub fn as_shot_gains(&self) -> Option<[f32; 3]> {
        self.neutral.map(gains)
    }

    /// The camera's colours for a [`Rendering`], from the calibration that is nearest to daylight: that under D65 if
    /// there is one, else the last. The forward matrix is taken where there is one, else the inverse of the colour matrix
    /// (DNG 1.7, "Mapping Camera Color Space to CIE XYZ Space"); rows are scaled to keep white white. Matrices are not
    /// interpolated between the two lights, and those of the single camera (CameraCalibration, AnalogBalance) are not
    /// looked at.
    ///
    /// `None` without a calibration, or with one that leads to no rendering: singular, or out of its range.
    pub fn sensor_colour(&self) -> Option<SensorColour> {
        let daylight = self.calibrations.iter().find(|calibration| calibration.illuminant == D65);
        let calibration = daylight.or(self.calibrations.last())?;
        let matrix = to_srgb(calibration)?.map(|row| row.map(|number| number as f32));
        Rendering { matrix, ..Rendering::default() }.validate().ok()?;
        let white = times_vector(&calibration.color, D65_WHITE);
        let daylight = white.iter().all(|level| *level > 0.0).then(|| gains(white));
        let daylight = daylight.filter(|gains| gains.iter().all(|gain| gain.is_finite()));
        Some(SensorColour { matrix, daylight })
    }
}

/// The gains that make a colour grey.
fn gains(neutral: [f64; 3]) -> [f32; 3] {
    let most = neutral[0].max(neutral[1]).max(neutral[2]);
    neutral.map(|level| (most / level) as f32)
}

/// White-balanced camera colours to linear sRGB; rows sum to 1.
fn to_srgb(calibration: &Calibration) -> Option<Matrix> {
    match &calibration.forward {
        Some(forward) => rows_to_one(times(&XYZ_D50_TO_SRGB, forward)),
        None => inverse(&rows_to_one(times(&calibration.color, &SRGB_TO_XYZ))?).and_then(rows_to_one),
    }
}

fn rows_to_one(matrix: Matrix) -> Option<Matrix> {
    let scaled = matrix.map(|[a, b, c]| {
        let sum = a + b + c;
        [a / sum, b / sum, c / sum]
    });
    scaled.as_flattened().iter().all(|number| number.is_finite()).then_some(scaled)
}

fn times(a: &Matrix, b: &Matrix) -> Matrix {
    a.map(|row| {
        [0, 1, 2].map(|column: usize| row[0] * b[0][column] + row[1] * b[1][column] + row[2] * b[2][column])
    })
}

fn times_vector(matrix: &Matrix, [x, y, z]: [f64; 3]) -> [f64; 3] {
    matrix.map(|[a, b, c]| a * x + b * y + c * z)
}

/// By cofactors; `None` for a singular matrix.
fn inverse(m: &Matrix) -> Option<Matrix> {
    let minor = |row: usize, column: usize| {
        let (r0, r1) = ((row + 1) % 3, (row + 2) % 3);
        let (c0, c1) = ((column + 1) % 3, (column + 2) % 3);
        m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0]
    };
    let determinant = m[0][0] * minor(0, 0) + m[0][1] * minor(0, 1) + m[0][2] * minor(0, 2);
    let inverse = [0, 1, 2].map(|row| [0, 1, 2].map(|column| minor(column, row) / determinant));
    inverse.as_flattened().iter().all(|number| number.is_finite()).then_some(inverse)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calibration(color: Matrix, forward: Option<Matrix>) -> Calibration {
        Calibration { illuminant: D65, color, forward }
    }

    /// A camera whose colours are linear sRGB.
    fn srgb_camera() -> Matrix {
        inverse(&SRGB_TO_XYZ).unwrap()
    }

    fn is_identity(matrix: &Matrix) -> bool {
        (0..9).all(|i| (matrix[i / 3][i % 3] - f64::from(u8::from(i / 3 == i % 3))).abs() < 2e-3)
    }

    #[test]
    fn a_camera_that_sees_srgb_needs_no_matrix() {
        let by_inverse = to_srgb(&calibration(srgb_camera(), None)).unwrap();
        assert!(is_identity(&by_inverse), "{by_inverse:?}");
        let forward = inverse(&XYZ_D50_TO_SRGB).unwrap();
        let by_forward = to_srgb(&calibration(srgb_camera(), Some(forward))).unwrap();
        assert!(is_identity(&by_forward), "{by_forward:?}");
    }

    #[test]
    fn a_singular_calibration_is_none() {
        let one = [[1.0, 2.0, 3.0]; 3];
        assert_eq!(to_srgb(&calibration(one, None)), None);
        assert_eq!(to_srgb(&calibration(srgb_camera(), Some([[0.0; 3]; 3]))), None);
    }

    #[test]
    fn gains_are_the_inverse_of_the_neutral() {
        assert_eq!(gains([0.5, 1.0, 0.25]), [2.0, 1.0, 4.0]);
    }

    proptest! {
        #[test]
        fn rows_of_what_comes_out_sum_to_one(numbers in prop::array::uniform9(-1.0_f64..1.0)) {
            let matrix = [0, 3, 6].map(|row| [numbers[row], numbers[row + 1], numbers[row + 2]]);
            if let Some(found) = to_srgb(&calibration(matrix, None)) {
                for row in found {
                    prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{row:?}");
                }
            }
        }
    }
}
