//! The rendering intent: what both paths must agree on so that nothing jumps when the full picture arrives.

use crate::{Error, Statistics, exposure, white_balance};

/// Largest white-balance gain.
const MAX_GAIN: f32 = 16.0;
/// Largest digital exposure.
const MAX_EXPOSURE: f32 = 64.0;
/// Bound of a matrix row's absolute sum.
const MAX_ROW_SUM: f32 = 8.0;

const IDENTITY: [[f32; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// White balance, exposure and colour of a picture. Plain data, so it can be stored with a photo; it is checked
/// where it is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rendering {
    /// Factors of linear red, green and blue, 1 to 16, the smallest being 1. What passes full scale is clipped
    /// there in all channels, so that saturated highlights stay white.
    pub gains: [f32; 3],
    /// Digital gain of linear light, 1 to 64. Highlights that it would clip are rolled off instead.
    pub exposure: f32,
    /// Camera RGB to linear sRGB, `matrix[out][in]`; rows that sum to 1 keep white white. A row's absolute sum is
    /// at most 8.
    pub matrix: [[f32; 3]; 3],
}

/// What is known of a sensor's colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SensorColour {
    /// White-balanced camera RGB to linear sRGB, as [`Rendering::matrix`].
    pub matrix: [[f32; 3]; 3],
    /// The gains of red, green and blue that make a white object in daylight neutral, each above 0.
    pub daylight: Option<[f32; 3]>,
}

impl Default for Rendering {
    /// No white balance, no exposure, the camera's own colours.
    fn default() -> Rendering {
        Rendering { gains: [1.0; 3], exposure: 1.0, matrix: IDENTITY }
    }
}

impl Rendering {
    /// Estimates white balance and exposure from a frame's statistics. Of a sensor that is not calibrated the colours
    /// are taken as they are; where its daylight is known, so are the lights that there may be.
    ///
    /// The result is always valid as far as the matrix is. It uses `+ - * /` alone and is the same on every
    /// machine.
    pub fn automatic(statistics: &Statistics, colour: Option<SensorColour>) -> Rendering {
        let gains = white_balance::estimate(statistics, colour.and_then(|colour| colour.daylight));
        let exposure = exposure::estimate(statistics, gains);
        Rendering { gains, exposure, matrix: colour.map_or(IDENTITY, |colour| colour.matrix) }
    }

    /// A rendering with known gains, which are scaled so that the smallest is 1.
    ///
    /// # Errors
    /// [`Error::Rendering`] where a number is not finite or out of its range.
    pub fn with_gains(
        gains: [f32; 3],
        exposure: f32,
        matrix: Option<[[f32; 3]; 3]>,
    ) -> Result<Rendering, Error> {
        let least = gains[0].min(gains[1]).min(gains[2]);
        let gains = if least > 0.0 { gains.map(|gain| gain / least) } else { gains };
        let rendering = Rendering { gains, exposure, matrix: matrix.unwrap_or(IDENTITY) };
        rendering.validate()?;
        Ok(rendering)
    }

    /// Checks all ranges.
    ///
    /// # Errors
    /// [`Error::Rendering`] with the first number that is not finite or out of its range.
    pub fn validate(&self) -> Result<(), Error> {
        for value in self.gains {
            if !(1.0..=MAX_GAIN).contains(&value) {
                return Err(Error::Rendering { what: "a white-balance gain", value, range: "1 to 16" });
            }
        }
        if !(1.0..=MAX_EXPOSURE).contains(&self.exposure) {
            return Err(Error::Rendering { what: "the exposure", value: self.exposure, range: "1 to 64" });
        }
        for [a, b, c] in self.matrix {
            let value = a.abs() + b.abs() + c.abs();
            if !(0.0..=MAX_ROW_SUM).contains(&value) {
                let what = "the absolute sum of a matrix row";
                return Err(Error::Rendering { what, value, range: "a finite sum of at most 8" });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_scaled_to_a_least_of_one() {
        let rendering = Rendering::with_gains([0.8, 0.4, 0.6], 1.0, None).unwrap();
        assert_eq!(rendering.gains, [2.0, 1.0, 1.5]);
    }

    #[test]
    fn numbers_out_of_range_are_errors() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -1.0] {
            assert!(Rendering::with_gains([bad, 1.0, 1.0], 1.0, None).is_err(), "gain {bad}");
            assert!(Rendering::with_gains([1.0; 3], bad, None).is_err(), "exposure {bad}");
        }
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 7.5, -7.5] {
            let mut matrix = IDENTITY;
            matrix[1][2] = bad;
            assert!(Rendering::with_gains([1.0; 3], 1.0, Some(matrix)).is_err(), "matrix {bad}");
        }
        assert!(Rendering::with_gains([17.0, 1.0, 1.0], 1.0, None).is_err());
        assert!(Rendering::with_gains([1.0; 3], 65.0, None).is_err());
    }
}
