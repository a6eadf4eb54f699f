//! Test pictures that a camera may be known to show.

use std::any::Any;
use std::fmt;
use std::str::FromStr;

use super::bars;
use super::oracle::{Oracle, Scene};
use crate::camera::StreamConfig;
use crate::error::Error;
use crate::format::PixelFormat;

/// A picture that stands still and of which every sample is known: a test pattern of the sensor, a chart before the lens
/// of a camera that draws it, or the view of a camera made of software. A camera does not say what it sees; whoever knows
/// it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TestPicture {
    /// In the upper three quarters of the rows eight bars of the same width, from the left white, yellow, cyan, green,
    /// magenta, red, blue, black, all at their most; below a ramp without colour from black at the left edge to white at
    /// the right one.
    BarsAndRamp,
}

/// A test picture that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no test picture is called `{0}`; there is `bars-and-ramp`")]
pub struct UnknownPicture(String);

impl TestPicture {
    /// Its name in a board's file: `bars-and-ramp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BarsAndRamp => "bars-and-ramp",
        }
    }

    /// Red, green and blue at a place, from 0 to 1; `None` nearer than so many samples to where colours meet.
    fn light(self, (x, y): (usize, usize), (width, height): (usize, usize), edge: usize) -> Option<[f64; 3]> {
        let first_below = height * 3 / 4;
        if y + edge < first_below {
            bars::away_from_edges(x, width, edge).map(bars::light)
        } else if y >= first_below + edge {
            Some([x as f64 / (width - 1).max(1) as f64; 3])
        } else {
            None
        }
    }
}

impl fmt::Display for TestPicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TestPicture {
    type Err = UnknownPicture;

    /// # Errors
    /// A name that no picture has.
    fn from_str(name: &str) -> Result<Self, UnknownPicture> {
        let found = [Self::BarsAndRamp].into_iter().find(|picture| picture.name() == name);
        found.ok_or_else(|| UnknownPicture(name.to_owned()))
    }
}

impl Scene for TestPicture {
    fn show(&self) -> Result<Box<dyn Any>, Error> {
        Ok(Box::new(()))
    }

    fn frame(&self, config: &StreamConfig, _: u64) -> Option<Oracle> {
        /// Of a picture that is drawn in numbers there is only rounding.
        const ROUNDING: u8 = 1;
        /// What a JPEG of good quality loses where colours do not meet, and how far from there that is so.
        const JPEG: (u8, usize) = (8, 8);
        let size = (config.width as usize, config.height as usize);
        match config.format {
            PixelFormat::Raw(_) => None,
            PixelFormat::Yuv(format) => {
                let light = |x, y| self.light((x, y), size, bars::SHARED);
                Some(bars::yuv(format, config, config.colorimetry?, ROUNDING, light))
            }
            PixelFormat::Rgb(format) => {
                let light = |x, y| self.light((x, y), size, bars::SHARED);
                Some(bars::rgb(format, config, config.colorimetry?, ROUNDING, light))
            }
            PixelFormat::Jpeg => {
                let places = (0..size.1).flat_map(|y| (0..size.0).map(move |x| (x, y)));
                let code = |light: f64| (light * 255.0).round() as u8;
                let pixels = places.map(|place| Some(self.light(place, size, JPEG.1)?.map(code)));
                Some(Oracle::Pixels(pixels.collect(), JPEG.0))
            }
        }
    }

    fn is_still(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_their_names() {
        assert_eq!("bars-and-ramp".parse(), Ok(TestPicture::BarsAndRamp));
        let unknown = "bars".parse::<TestPicture>().unwrap_err().to_string();
        assert!(unknown.contains("`bars`") && unknown.contains("bars-and-ramp"), "{unknown}");
    }

    #[test]
    fn bars_and_ramp_are_known_away_from_where_they_meet() {
        let at = |x, y| TestPicture::BarsAndRamp.light((x, y), (160, 120), 3);
        assert_eq!(at(0, 0), Some([1.0; 3]));
        assert_eq!((at(19, 0), at(25, 50)), (None, Some([1.0, 1.0, 0.0])));
        assert_eq!((at(159, 88), at(159, 93)), (None, Some([1.0; 3])));
        assert_eq!(at(0, 119), Some([0.0; 3]));
    }
}
