//! The fast path: a half-size picture from one pass over the raw rows.
//!
//! Each 2x2 cell of the filter array becomes one pixel. Its centre lies between the four photosites, half a pixel
//! right of and below the cell's first one, which is where a 2x2 box filter over the full picture has it too. Red and
//! blue are taken from opposite corners of the cell, a quarter of a proxy pixel off each way: the sharpest edges
//! have a faint coloured fringe. (Moving them to the centre, by interpolation or along green's slope, costs a fifth
//! more time and was no closer to the full picture.) The two greens are averaged, which halves the variance of their
//! noise. An odd last column or row makes no pixel.

use crate::grade::Grade;
use crate::picture::reserve;
use crate::reader::{CellReader, planes, planes_mut};
use crate::simd::{grade, rgb8};
use crate::statistics::Collector;
use crate::{Error, Picture, RawProducts, RawView, Rendering, Sharpness, Simd, Statistics};

/// Full scale of light on its way through the matrix.
const LIGHT: i16 = i16::MAX;

/// A half-size picture in linear light, before white balance.
#[derive(Debug, Clone, Default)]
pub struct Proxy {
    width: u32,
    height: u32,
    /// Row by row: all red, then all green, then all blue samples.
    rows: Vec<u16>,
    statistics: Statistics,
    sharpness: Option<Sharpness>,
}

/// Bins a raw frame and measures it. Every byte of the frame's rows is read exactly once, top to bottom.
///
/// # Errors
/// [`Error::TooLarge`] where 6 bytes for each 2x2 cell can't be allocated.
pub fn bin(view: &RawView<'_>) -> Result<Proxy, Error> {
    let mut proxy = Proxy::default();
    proxy.bin(view)?;
    Ok(proxy)
}

impl Proxy {
    /// As [`bin`], into the memory of the last frame: fresh memory costs as much as the rest.
    ///
    /// # Errors
    /// As [`bin`]; the proxy is then empty.
    pub fn bin(&mut self, view: &RawView<'_>) -> Result<(), Error> {
        self.bin_with(view, RawProducts::default())
    }

    /// As [`Proxy::bin`], and makes what is wanted of the raw rows in the same pass.
    ///
    /// # Errors
    /// As [`Proxy::bin`].
    pub fn bin_with(&mut self, view: &RawView<'_>, products: RawProducts<'_>) -> Result<(), Error> {
        let mut reader = CellReader::with(view, products);
        let (width, height) = reader.size();
        let mut rows = std::mem::take(self).rows;
        let row = 3 * width as usize;
        // Memory of the same size is written where it is; new memory is touched row by row.
        let mut fresh = Vec::new();
        if rows.len() != row * height as usize {
            reserve(&mut rows, width, height, 3, "the proxy")?;
            fresh.resize(row, 0);
        }
        let mut collector = Collector::new(width, height, Simd::detect());
        for y in 0..height {
            let start = row * y as usize;
            let to = rows.get_mut(start..start + row).unwrap_or(&mut fresh);
            reader.row(y, planes_mut(to));
            if collector.wants(y) {
                collector.row(y, planes(to));
            }
            rows.extend_from_slice(&fresh);
        }
        *self = Proxy { width, height, rows, statistics: collector.finish(), sharpness: reader.finish() };
        Ok(())
    }

    /// Pixels a row: half the raw width, rounded down.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows: half the raw height, rounded down.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// What the pass measured; the same as [`Statistics::of`] the frame.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The same as [`Sharpness::of`] the frame, where it was wanted.
    pub fn sharpness(&self) -> Option<Sharpness> {
        self.sharpness
    }

    /// Develops the proxy.
    ///
    /// # Errors
    /// [`Error::Rendering`] for numbers out of range; [`Error::TooLarge`] where the picture can't be allocated.
    pub fn render(&self, rendering: &Rendering) -> Result<Picture, Error> {
        let mut picture = Picture { width: 0, height: 0, data: Vec::new() };
        self.render_to(rendering, &mut picture)?;
        Ok(picture)
    }

    /// As [`Proxy::render`], into the memory of another picture.
    ///
    /// # Errors
    /// As [`Proxy::render`]; the picture is then as it was, or empty.
    pub fn render_to(&self, rendering: &Rendering, picture: &mut Picture) -> Result<(), Error> {
        rendering.validate()?;
        let data = &mut picture.data;
        (picture.width, picture.height) = (0, 0);
        let row = 3 * self.width as usize;
        let mut fresh = Vec::new();
        if data.len() != row * self.height as usize {
            reserve(data, self.width, self.height, 3, "the picture")?;
            fresh.resize(row, 0);
        }
        let simd = Simd::detect();
        let grade = Grade::with_gains(rendering, LIGHT);
        let width = self.width as usize;
        let mut codes: [Vec<u8>; 3] = std::array::from_fn(|_| vec![0; width]);
        for (y, light) in self.rows.chunks_exact(row.max(1)).enumerate() {
            grade::from_light(simd, &grade, planes(light), codes.each_mut().map(Vec::as_mut_slice));
            let to = data.get_mut(row * y..row * (y + 1)).unwrap_or(&mut fresh);
            rgb8::interleave_planes(simd, codes.each_ref().map(Vec::as_slice), to);
            data.extend_from_slice(&fresh);
        }
        (picture.width, picture.height) = (self.width, self.height);
        Ok(())
    }
}
