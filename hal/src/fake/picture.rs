//! The pictures that a fake camera sees.

use crate::format::{PixelFormat, RawFormat};
use crate::simulated::packing::pack;
use crate::v4l2::formats;

/// Frame `sequence` of a fake camera, in rows of `stride` bytes; what a row has beyond its samples is 0. Raw formats
/// count up along rows and columns within their depth; other formats are bytes that do so.
pub fn picture(fourcc: u32, width: u32, height: u32, stride: usize, size: usize, sequence: u32) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let raw = formats::from_fourcc(fourcc).and_then(PixelFormat::raw);
    // What has no rows (JPEG) is one.
    let row_bytes = if stride == 0 { size.max(1) } else { stride };
    for (y, row) in bytes.chunks_mut(row_bytes).enumerate() {
        match raw {
            Some(format) if y < height as usize => raw_row(format, width, y, sequence, row),
            Some(_) => {}
            None => {
                for (x, byte) in row.iter_mut().enumerate() {
                    *byte = (x + 3 * y + sequence as usize) as u8;
                }
            }
        }
    }
    bytes
}

fn raw_row(format: RawFormat, width: u32, y: usize, sequence: u32, row: &mut [u8]) {
    let most = u16::MAX >> (16 - u32::from(format.bits));
    let samples: Vec<u16> =
        (0..width as usize).map(|x| (x + 37 * y + sequence as usize) as u16 & most).collect();
    let used = format.row_bytes(width).min(row.len());
    pack(format, &samples, &mut row[..used]);
}
