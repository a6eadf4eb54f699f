//! JPEG pictures as cameras give them: checked to the last bit, decoded, and kept losslessly as a photo's file.
//!
//! Cameras on USB send what they have: frames cut off by a lost packet, without Huffman tables (the convention of
//! motion JPEG), with stray bytes before or behind the end. A frame is a picture here only when it is whole; no frame
//! that is not becomes a photo. Sources: ITU-T T.81; USB Device Class Definition for Video Devices, Motion-JPEG Payload.
//!
//! Owns: [`Shape`] (what the headers say), [`check`], [`decode`], [`with_metadata`]. Never: where the bytes come from.

mod entropy;
mod tables;

use std::borrow::Cow;
use std::ops::Range;

use latent_isp::Picture;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::metadata::jpeg::{self, Segment};
use crate::metadata::{PhotoMetadata, exif, xmp};

const SOI: [u8; 2] = [0xFF, 0xD8];
const EOI: [u8; 2] = [0xFF, 0xD9];
const DHT: u8 = 0xC4;
const DQT: u8 = 0xDB;
const DRI: u8 = 0xDD;
const ICC: u8 = 0xE2;
const ADOBE: u8 = 0xEE;

/// Encoders work in blocks: a picture may be this much larger than the stream says, and not smaller.
const PADDING: u32 = 31;

/// What is wrong with a picture that is none.
pub type Refusal = &'static str;

/// What the headers of a picture say, which is whole as far as its markers go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes up to the end of the picture; what cameras put behind it is not of it.
    pub bytes: usize,
    /// The one scan of a picture that may be kept as it is: sequential, of 8 bits, grey or of three colours, all in one
    /// scan. `None` for others, which every reader of photos may find hard.
    scan: Option<Range<usize>>,
}

impl Shape {
    /// Reads the headers of a picture of a stream of `width` x `height` pixels. Reads each byte at most once.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(bytes: &[u8], width: u32, height: u32) -> Result<Self, Refusal> {
        if !bytes.starts_with(&SOI) {
            return Err("the frame does not begin as a JPEG does");
        }
        let scans = jpeg::scans(bytes).ok_or("the JPEG is cut short")?;
        let last = scans.last().map_or(0, |scan| scan.end);
        let header = frame_header(bytes).ok_or("the JPEG has no frame header")?;
        let payload = bytes.get(header.payload.clone()).unwrap_or_default();
        let &[bits, h1, h0, w1, w0, components, ..] = payload else {
            return Err("the JPEG's frame header is too short");
        };
        let (own_width, own_height) =
            (u32::from(u16::from_be_bytes([w1, w0])), u32::from(u16::from_be_bytes([h1, h0])));
        let fits = |own: u32, said: u32| (said..=said.saturating_add(PADDING)).contains(&own);
        if !fits(own_width, width) || !fits(own_height, height) {
            return Err("the JPEG has another size than the stream");
        }
        let simple = matches!(header.marker, 0xC0 | 0xC1) && bits == 8 && matches!(components, 1 | 3);
        let scan = match scans.as_slice() {
            [scan] if simple => Some(scan.clone()),
            _ => None,
        };
        Ok(Self { width: own_width, height: own_height, bytes: last + EOI.len(), scan })
    }
}

fn frame_header(bytes: &[u8]) -> Option<Segment> {
    jpeg::leading(bytes).find(|segment| jpeg::is_frame_header(segment.marker))
}

/// Checks that every block of a picture is there: its codes are followed to the end, nothing is computed of them.
///
/// # Errors
/// What is wrong with it.
pub fn check(bytes: &[u8], shape: &Shape) -> Result<(), Refusal> {
    match &shape.scan {
        Some(scan) => entropy::check(bytes, scan.clone()),
        // Rare, and the decoder looks closer at them.
        None => decode(bytes, shape).map(|_| ()),
    }
}

/// Decodes a picture, as JFIF means its numbers, after [`check`].
///
/// # Errors
/// What is wrong with it.
pub fn decode(bytes: &[u8], shape: &Shape) -> Result<Picture, Refusal> {
    let whole = with_tables(bytes.get(..shape.bytes).ok_or("the JPEG is cut short")?);
    let options = DecoderOptions::default()
        .set_max_width(shape.width as usize)
        .set_max_height(shape.height as usize)
        // What `check` follows to its end may still have a stray byte before it.
        .set_strict_mode(shape.scan.is_none())
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&whole[..]), options);
    let data = decoder.decode().map_err(|_| "the JPEG cannot be decoded")?;
    let (width, height) = decoder.dimensions().ok_or("the JPEG has no size")?;
    let same = (width, height) == (shape.width as usize, shape.height as usize);
    if !same || data.len() != 3 * width * height {
        return Err("the JPEG cannot be decoded to red, green and blue");
    }
    Ok(Picture { width: shape.width, height: shape.height, data })
}

/// The picture with the Huffman tables that a camera left out.
fn with_tables(bytes: &[u8]) -> Cow<'_, [u8]> {
    match bytes.split_at_checked(SOI.len()) {
        Some((begin, rest)) if !jpeg::leading(bytes).any(|segment| segment.marker == DHT) => {
            Cow::Owned([begin, &tables::huffman_segment(), rest].concat())
        }
        _ => Cow::Borrowed(bytes),
    }
}

/// The picture as the file of a photo, every coefficient the same: with the photo's EXIF and XMP in front, the Huffman
/// tables that the camera left out, and without what the camera added. `None` for a picture that must be encoded anew to
/// be a file that everybody can read.
pub fn with_metadata(bytes: &[u8], shape: &Shape, photo: &PhotoMetadata) -> Option<Vec<u8>> {
    let scan = shape.scan.as_ref()?;
    let segments: Vec<_> = jpeg::leading(bytes).collect();
    let has = |marker: u8| segments.iter().any(|segment| segment.marker == marker);
    let mut file = Vec::with_capacity(shape.bytes + 8192);
    file.extend(SOI);
    if !has(ADOBE) {
        file.extend(tables::JFIF);
    }
    for payload in [exif(photo), xmp(photo)] {
        file.extend([0xFF, jpeg::APP1]);
        file.extend(u16::try_from(payload.len() + 2).ok()?.to_be_bytes());
        file.extend(payload);
    }
    if !has(DHT) {
        file.extend(tables::huffman_segment());
    }
    for segment in &segments {
        if matches!(segment.marker, DHT | DQT | DRI | ICC | ADOBE) || jpeg::is_frame_header(segment.marker) {
            file.extend(bytes.get(segment.whole.clone())?);
        }
    }
    // The scan's header lies between the last segment and its data.
    let begin = segments.last()?.whole.end;
    file.extend(bytes.get(begin..scan.end)?);
    file.extend(EOI);
    Some(file)
}

#[cfg(test)]
pub(crate) mod tests;
