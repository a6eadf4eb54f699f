//! The pictures that a fake camera sees.

use crate::format::{PixelFormat, RawFormat};
use crate::simulated::packing::pack;
use crate::v4l2::formats;

/// Frame `sequence` of a fake camera, in rows of `stride` bytes; what a row has beyond its samples is 0. Raw formats
/// count up along rows and columns within their depth; other formats are bytes that do so, and JPEG pictures bytes between
/// the markers that such a picture has.
pub fn picture(fourcc: u32, width: u32, height: u32, stride: usize, size: usize, sequence: u32) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let format = formats::from_fourcc(fourcc);
    if format == Some(PixelFormat::Jpeg) {
        jpeg(width, height, sequence, &mut bytes);
        return bytes;
    }
    let raw = format.and_then(PixelFormat::raw);
    for (y, row) in bytes.chunks_mut(stride.max(1)).enumerate() {
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

/// The markers of a JPEG picture of that size, as far as the memory goes, and no picture between them.
fn jpeg(width: u32, height: u32, sequence: u32, bytes: &mut [u8]) {
    let [width, height] = [width, height].map(|side| (side as u16).to_be_bytes());
    let mut head = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8];
    head.extend([height, width].concat());
    head.extend([1, 1, 0x11, 0, 0xff, 0xda, 0, 2]);
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = head.get(at).copied().unwrap_or(((at + sequence as usize) % 251) as u8);
    }
    if let [.., last_but_one, last] = bytes {
        (*last_but_one, *last) = (0xff, 0xd9);
    }
}
