//! Demosaicing: the two colours that each photosite did not see, from its neighbours.
//!
//! Works on a 16-bit mosaic, black at 0 and all colours white at the same level; results are rounded half up and
//! clamped to 16 bits. Borders are mirrored at the outermost pixel, so the filter's phase continues.

mod bilinear;
mod gradient;
#[cfg(test)]
mod oracle;

use std::ops::Range;

use crate::mosaic::{MAX_HALO, SplitRow, Taps, Window, half_len};
use crate::raw::MAX_SIDE;
use crate::{CfaPattern, Channel, Error};

/// How missing colours are interpolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Demosaic {
    /// The mean of the nearest samples of the same colour.
    Bilinear,
    /// Bilinear, corrected by the gradient of the colour that is known (Malvar, He, Cutler: "High-quality linear
    /// interpolation for demosaicing of Bayer-patterned color images", ICASSP 2004).
    GradientCorrected,
}

impl Demosaic {
    /// Rows and columns around a pixel that its colours depend on.
    pub fn halo(self) -> u32 {
        match self {
            Demosaic::Bilinear => 1,
            Demosaic::GradientCorrected => MAX_HALO,
        }
    }
}

/// Demosaics rows of a whole mosaic (`width * height` samples, no padding) to interleaved 16-bit RGB.
///
/// `out` takes `rows.len() * width * 3` samples. The result of a row does not depend on how the picture is cut
/// into ranges of rows.
///
/// # Errors
/// [`Error::Size`] unless each side is 2 to [`MAX_SIDE`]; [`Error::Rows`] outside the picture; [`Error::Length`]
/// where a buffer has not exactly its size.
pub fn rows(
    method: Demosaic,
    pattern: CfaPattern,
    mosaic: &[u16],
    (width, height): (u32, u32),
    rows: Range<u32>,
    out: &mut [u16],
) -> Result<(), Error> {
    if !(2..=MAX_SIDE).contains(&width) || !(2..=MAX_SIDE).contains(&height) {
        return Err(Error::Size { width, height });
    }
    let samples = (width as usize).checked_mul(height as usize);
    if samples != Some(mosaic.len()) {
        let expected = samples.unwrap_or(usize::MAX);
        return Err(Error::Length { what: "mosaic (samples)", expected, got: mosaic.len() });
    }
    check_rows(&rows, width, height, out.len(), "RGB rows (samples)")?;
    let width_samples = width as usize;
    let mut load = |y: u32, row: &mut SplitRow| {
        row.split(&mosaic[y as usize * width_samples..][..width_samples]);
    };
    let mut window = Window::new(width, height);
    let mut planes = Planes::new(width);
    for (y, line) in rows.zip(out.chunks_exact_mut(3 * width_samples)) {
        window.advance(y, method.halo(), &mut load);
        interpolate(method, pattern, &window, y, &mut planes);
        for (pixel, x) in line.as_chunks_mut::<3>().0.iter_mut().zip(0..) {
            *pixel = planes.pixel(x);
        }
    }
    Ok(())
}

/// Checks a range of rows and the length of the interleaved RGB buffer for it.
pub(crate) fn check_rows(
    rows: &Range<u32>,
    width: u32,
    height: u32,
    got: usize,
    what: &'static str,
) -> Result<(), Error> {
    check_range(rows, height)?;
    let row = 3 * width as usize;
    let expected = row.checked_mul(rows.len()).ok_or(Error::TooLarge { what })?;
    if got != expected {
        return Err(Error::Length { what, expected, got });
    }
    Ok(())
}

/// Checks a range of rows.
pub(crate) fn check_range(&Range { start, end }: &Range<u32>, height: u32) -> Result<(), Error> {
    if start > end || end > height { Err(Error::Rows { start, end, height }) } else { Ok(()) }
}

/// One row of RGB as six half rows: `[even columns, odd columns][channel]`.
#[derive(Debug, Clone)]
pub(crate) struct Planes {
    pub(crate) halves: [[Vec<u16>; 3]; 2],
}

impl Planes {
    pub(crate) fn new(width: u32) -> Planes {
        let half = || std::array::from_fn(|_| vec![0; half_len(width)]);
        Planes { halves: [half(), half()] }
    }

    fn pixel(&self, x: usize) -> [u16; 3] {
        [0, 1, 2].map(|channel: usize| self.halves[x & 1][channel][x / 2])
    }
}

/// Finds the two missing colours at the sites of one parity.
type Kernel = fn(Taps<'_, u16>, &mut [u16], &mut [u16]);

/// Interpolates row `y`, whose halo the window holds.
pub(crate) fn interpolate(
    method: Demosaic,
    pattern: CfaPattern,
    window: &Window,
    y: u32,
    planes: &mut Planes,
) {
    let (chroma_site, green_site): (Kernel, Kernel) = match method {
        Demosaic::Bilinear => (bilinear::chroma_site, bilinear::green_site),
        Demosaic::GradientCorrected => (gradient::chroma_site, gradient::green_site),
    };
    for (parity, [red, green, blue]) in planes.halves.iter_mut().enumerate() {
        let taps = window.taps(y, method.halo(), parity);
        let own = pattern.channel_at(parity as u32, y);
        let beside = pattern.channel_at(parity as u32 + 1, y);
        match own {
            Channel::Green => green.copy_from_slice(taps.at(0, 0)),
            Channel::Red => red.copy_from_slice(taps.at(0, 0)),
            Channel::Blue => blue.copy_from_slice(taps.at(0, 0)),
        }
        match (own, beside) {
            (Channel::Green, Channel::Blue) => green_site(taps, blue, red),
            (Channel::Green, _) => green_site(taps, red, blue),
            (Channel::Red, _) => chroma_site(taps, green, blue),
            (Channel::Blue, _) => chroma_site(taps, green, red),
        }
    }
}
