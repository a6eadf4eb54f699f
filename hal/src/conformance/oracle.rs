//! What a device's pictures must be.

use crate::camera::{Camera, Dequeued, StreamConfig, StreamRequest};
use crate::error::Error;
use crate::simulated::{Options, VirtualCamera};
use std::ops::Range;
use std::time::Duration;

/// How a frame is compared with what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oracle {
    /// Byte for byte, row padding aside; the bytes of each memory.
    Bytes(Vec<Vec<u8>>),
    /// Each byte within so many codes; bytes of `None` are not compared (where colours meet).
    Near(Vec<Vec<Option<u8>>>, u8),
    /// Red, green and blue of each pixel of a JPEG, row by row and each within so many codes; pixels of `None` are not
    /// compared.
    Pixels(Vec<Option<[u8; 3]>>, u8),
}

/// A device's view, where the suite knows what it is.
pub trait Scene: Send + Sync {
    /// Makes the device show it until the value drops; called before the camera is opened.
    ///
    /// # Errors
    /// Those of the device.
    fn show(&self) -> Result<Box<dyn std::any::Any>, Error>;

    /// What frame `sequence` must be; `None` for formats in which that is not known.
    fn frame(&self, config: &StreamConfig, sequence: u64) -> Option<Oracle>;

    /// True when all frames are the same picture.
    fn is_still(&self) -> bool;
}

impl Oracle {
    /// Whether there is anything in it that a frame is compared with.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.iter().all(Vec::is_empty),
            Self::Near(bytes, _) => bytes.iter().flatten().all(Option::is_none),
            Self::Pixels(pixels, _) => pixels.iter().all(Option::is_none),
        }
    }

    /// The first byte or pixel of a frame that is not as it must be: its plane, row and place in the row, got and
    /// expected; `None` for a frame that is as it must be. `memories` are the bytes of the frame's memories.
    pub fn difference(&self, config: &StreamConfig, memories: &[&[u8]]) -> Option<String> {
        if let Self::Pixels(pixels, tolerance) = self {
            return pixel_differs(config, memories.first().copied().unwrap_or_default(), pixels, *tolerance);
        }
        let planes = config.planes();
        if planes.is_empty() {
            let whole = 0..memories.first().map_or(0, |bytes| bytes.len());
            return self.differs_at(memories, 0, whole).map(|text| format!("byte {text}"));
        }
        planes.iter().enumerate().find_map(|(index, plane)| {
            (0..plane.rows).find_map(|row| {
                let start = plane.offset + row * plane.stride;
                let text = self.differs_at(memories, plane.memory, start..start + plane.row_bytes)?;
                Some(format!("plane {index}, row {row}, byte {text}"))
            })
        })
    }

    fn differs_at(&self, memories: &[&[u8]], memory: usize, row: Range<usize>) -> Option<String> {
        let start = row.start;
        let Some(row) = memories.get(memory).and_then(|bytes| bytes.get(row)) else {
            return Some(format!("{start} of memory {memory}: the frame ends before"));
        };
        row.iter().enumerate().find_map(|(place, got)| {
            let at = start + place;
            let (expected, tolerance) = match self {
                Self::Bytes(bytes) => (bytes.get(memory)?.get(at).copied(), 0),
                Self::Near(bytes, tolerance) => (bytes.get(memory)?.get(at).copied().flatten(), *tolerance),
                Self::Pixels(..) => (None, 0),
            };
            let wrong = expected.is_some_and(|expected| expected.abs_diff(*got) > tolerance);
            wrong.then(|| format!("{place} is {got}, not {}", expected.unwrap_or_default()))
        })
    }
}

/// Red, green and blue of each pixel of a JPEG, row by row; else what is wrong with it.
pub(super) fn decoded(jpeg: &[u8], config: &StreamConfig) -> Result<Vec<u8>, String> {
    let mut decoder = zune_jpeg::JpegDecoder::new(std::io::Cursor::new(jpeg));
    let decoded = decoder.decode();
    let decoded =
        decoded.map_err(|error| format!("the JPEG of {} bytes cannot be decoded: {error}", jpeg.len()))?;
    let (width, height) = (config.width as usize, config.height as usize);
    if decoder.dimensions() != Some((width, height)) || decoded.len() != width * height * 3 {
        return Err(format!("the JPEG is {:?} pixels, not {width}x{height} of colour", decoder.dimensions()));
    }
    Ok(decoded)
}

fn pixel_differs(
    config: &StreamConfig,
    jpeg: &[u8],
    pixels: &[Option<[u8; 3]>],
    tolerance: u8,
) -> Option<String> {
    let decoded = match decoded(jpeg, config) {
        Ok(decoded) => decoded,
        Err(wrong) => return Some(wrong),
    };
    let width = config.width as usize;
    decoded.chunks_exact(3).zip(pixels).enumerate().find_map(|(place, (got, expected))| {
        let expected = (*expected)?;
        let near = got.iter().zip(expected).all(|(got, expected)| got.abs_diff(expected) <= tolerance);
        let (x, y) = (place % width, place / width);
        (!near).then(|| format!("row {y}, pixel {x} is {got:?}, not {expected:?}"))
    })
}

/// A second virtual camera with the same settings sees the same.
pub(super) struct Twin(pub(super) Options);

impl Scene for Twin {
    fn show(&self) -> Result<Box<dyn std::any::Any>, Error> {
        Ok(Box::new(()))
    }

    fn frame(&self, config: &StreamConfig, sequence: u64) -> Option<Oracle> {
        let mut twin = VirtualCamera::new(self.0.clone()).ok()?;
        let mode = *twin.modes().ok()?.iter().find(|mode| mode.format == config.format)?;
        twin.configure(&StreamRequest { mode, held: 0 }).ok()?;
        twin.start().ok()?;
        loop {
            match twin.dequeue(Duration::from_secs(10)).ok()? {
                Dequeued::Frame(frame) if frame.sequence() == sequence => {
                    return Some(Oracle::Bytes(vec![frame.read().ok()?.to_vec()]));
                }
                Dequeued::Frame(frame) if frame.sequence() > sequence => return None,
                Dequeued::Frame(_) | Dequeued::Damaged { .. } => {}
                _ => return None,
            }
        }
    }

    fn is_still(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::YuvFormat;

    fn config() -> StreamConfig {
        StreamConfig {
            format: crate::PixelFormat::Yuv(YuvFormat::Yuyv),
            width: 2,
            height: 2,
            stride_bytes: 6,
            separate: None,
            size_bytes: 12,
            slots: 2,
            held: 0,
            frame_interval: None,
            colorimetry: None,
        }
    }

    #[test]
    fn padding_is_not_compared_and_the_first_wrong_byte_is_named() {
        let right = Oracle::Bytes(vec![(0..12).collect()]);
        let mut frame: Vec<u8> = (0..12).collect();
        frame[5] = 99;
        assert_eq!(right.difference(&config(), &[&frame]), None);
        frame[7] = 99;
        assert_eq!(right.difference(&config(), &[&frame]).unwrap(), "plane 0, row 1, byte 1 is 99, not 7");
        assert!(right.difference(&config(), &[&frame[..9]]).unwrap().contains("ends before"));
    }

    #[test]
    fn pixels_of_a_jpeg_are_compared_and_what_is_no_jpeg_is_different() {
        let mut jpeg = Vec::new();
        let grey: Vec<u8> = [100; 16 * 16 * 3].to_vec();
        jpeg_encoder::Encoder::new(&mut jpeg, 90)
            .encode(&grey, 16, 16, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        let config = StreamConfig { format: crate::PixelFormat::Jpeg, width: 16, height: 16, ..config() };
        let mut pixels = vec![Some([100; 3]); 16 * 16];
        assert_eq!(Oracle::Pixels(pixels.clone(), 2).difference(&config, &[&jpeg]), None);
        pixels[17] = Some([100, 150, 100]);
        let found = Oracle::Pixels(pixels.clone(), 2).difference(&config, &[&jpeg]).unwrap();
        assert!(found.starts_with("row 1, pixel 1 is") && found.contains("not [100, 150, 100]"), "{found}");
        let cut = Oracle::Pixels(pixels.clone(), 2).difference(&config, &[&jpeg[..30]]).unwrap();
        assert!(cut.contains("cannot be decoded"), "{cut}");
        let other = StreamConfig { width: 8, ..config };
        assert!(Oracle::Pixels(pixels, 2).difference(&other, &[&jpeg]).unwrap().contains("not 8x16"));
        assert!(Oracle::Pixels(vec![None; 9], 2).is_empty() && Oracle::Near(vec![vec![None]], 1).is_empty());
    }

    #[test]
    fn near_is_near_and_what_is_not_known_is_not_compared() {
        let mut near: Vec<Option<u8>> = (0..12).map(Some).collect();
        near[3] = None;
        let frame: Vec<u8> = (0..12).map(|byte| if byte == 3 { 200 } else { byte + 2 }).collect();
        assert_eq!(Oracle::Near(vec![near.clone()], 2).difference(&config(), &[&frame]), None);
        assert!(Oracle::Near(vec![near], 1).difference(&config(), &[&frame]).is_some());
    }
}
