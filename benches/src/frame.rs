//! Frames that measurements read: a ramp with noise from a small generator, the same on every machine. They are quick to make,
//! since an emulator makes them too.

use latent_isp::yuv::{
    Primaries, Transfer, YuvColour, YuvGeometry, YuvLayout, YuvMatrix, YuvPlane, YuvRange,
};
use latent_isp::{CfaPattern, Error, Packing, RawGeometry, packing};

/// How many places a row of a raw frame may begin at.
const SHIFTS: u32 = 61;

/// A raw frame in memory.
#[derive(Debug, Clone)]
pub struct RawFrame {
    /// Its shape: RGGB, no padding, black at a sixteenth of white.
    pub geometry: RawGeometry,
    /// Its rows.
    pub bytes: Vec<u8>,
}

impl RawFrame {
    /// A frame of `width` x `height` samples of `bits` bits.
    ///
    /// # Errors
    /// [`Error::Depth`] where the packing does not exist for the depth; [`Error::TooLarge`] past the address space.
    pub fn new(width: u32, height: u32, packing: Packing, bits: u8) -> Result<RawFrame, Error> {
        let stride_bytes = packing.row_bytes(bits, width as usize)?;
        let white = u16::MAX >> (16 - u32::from(bits));
        let geometry = RawGeometry {
            width,
            height,
            stride_bytes,
            bits,
            packing,
            pattern: CfaPattern::Rggb,
            black: white / 16,
            white,
        };
        let mut noise = Noise::default();
        let samples: Vec<u16> = (0..width.next_multiple_of(4) + 4 * SHIFTS)
            .map(|x| {
                let ramp = u64::from(x % width) * u64::from(white) / 2 / u64::from(width);
                geometry.black / 2 + ramp as u16 + (noise.next() >> 26) as u16
            })
            .collect();
        let mut source = vec![0; packing.row_bytes(bits, samples.len())?];
        packing::pack_row(&samples, bits, packing, &mut source)?;
        // Each row is another piece of one long row: four samples are whole bytes in every packing.
        let four = packing.row_bytes(bits, 4)?;
        let mut bytes = Vec::with_capacity(geometry.len_bytes()?);
        for y in 0..height {
            let from = (y * 37 % SHIFTS) as usize * four;
            bytes.extend_from_slice(&source[from..from + stride_bytes]);
        }
        Ok(RawFrame { geometry, bytes })
    }
}

/// A picture of luma and chroma in memory.
#[derive(Debug, Clone)]
pub struct YuvFrame {
    /// Its shape: no padding, BT.601 in its limited range.
    pub geometry: YuvGeometry,
    /// Its planes.
    pub bytes: Vec<u8>,
}

impl YuvFrame {
    /// A picture of `width` x `height` pixels.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past the address space.
    pub fn new(width: u32, height: u32, layout: YuvLayout) -> Result<YuvFrame, Error> {
        let mut planes = [YuvPlane::default(); 3];
        let mut offset = 0;
        for (index, plane) in planes.iter_mut().enumerate().take(layout.planes()) {
            let (stride_bytes, rows) = layout.plane(index, width, height);
            *plane = YuvPlane { offset, stride_bytes };
            offset += stride_bytes * rows;
        }
        let colour = YuvColour {
            matrix: YuvMatrix::Rec601,
            range: YuvRange::Limited,
            transfer: Transfer::Srgb,
            primaries: Primaries::Srgb,
        };
        let geometry = YuvGeometry { width, height, layout, planes, colour };
        let mut noise = Noise::default();
        let source: [u8; 4001] = std::array::from_fn(|_| 64 + (noise.next() >> 25) as u8);
        let mut bytes = source.repeat(geometry.len_bytes()?.div_ceil(source.len()));
        bytes.truncate(geometry.len_bytes()?);
        Ok(YuvFrame { geometry, bytes })
    }
}

/// A linear congruential generator with the numbers of Numerical Recipes; its high bits are the good ones.
#[derive(Default)]
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0
    }
}
