//! The segments of a JPEG file, walked without decoding a pixel.
//!
//! Source: ITU-T T.81, annex B. Every function takes any bytes, never panics and reads each byte at most once.

use std::ops::Range;

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
/// The marker of the application segment that holds EXIF and XMP.
pub(crate) const APP1: u8 = 0xE1;

/// True for a whole JPEG: from SOI through a frame header and at least one scan to EOI. Bytes behind EOI are allowed
/// (some files carry a film there). What lies inside of the scans is not decoded.
pub fn complete(bytes: &[u8]) -> bool {
    scans(bytes).is_some()
}

/// Where the entropy-coded data of each scan of a whole JPEG lies, up to the marker behind it; `None` where the JPEG is
/// not whole in the sense of [`complete`].
pub(crate) fn scans(bytes: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut walk = Segments::new(bytes);
    let (mut frame, mut scans) = (false, Vec::new());
    while let Some(segment) = walk.next() {
        if segment.payload.end > bytes.len() {
            return None;
        }
        match segment.marker {
            EOI => return (frame && !scans.is_empty()).then_some(scans),
            SOS => {
                walk.skip_scan();
                scans.push(segment.whole.end..walk.at);
            }
            marker if is_frame_header(marker) => frame = true,
            _ => {}
        }
    }
    None
}

/// Frame headers are C0 to CF; C4, C8 and CC of that row are other things.
pub(crate) fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

/// One segment of a JPEG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The second byte of its marker.
    pub marker: u8,
    /// From the marker's first byte to the end of the payload.
    pub whole: Range<usize>,
    /// The bytes behind the length field; may end past the bytes at hand when those are only the file's beginning.
    pub payload: Range<usize>,
}

/// The segments before the first scan.
pub(crate) fn leading(bytes: &[u8]) -> impl Iterator<Item = Segment> {
    Segments::new(bytes).take_while(|segment| !matches!(segment.marker, SOS | EOI))
}

/// Walks from marker to marker. Right behind a start of scan, [`Segments::skip_scan`] leads to the next one.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        // Without a SOI there is nothing to walk over.
        let at = if bytes.starts_with(&[0xFF, SOI]) { 2 } else { bytes.len() };
        Self { bytes, at }
    }

    /// Passes over entropy-coded data: up to a marker that is neither a stuffed zero nor a restart.
    fn skip_scan(&mut self) {
        while let Some(found) =
            self.bytes.get(self.at..).and_then(|rest| rest.iter().position(|b| *b == 0xFF))
        {
            self.at += found;
            match self.bytes.get(self.at + 1) {
                Some(0x00 | 0xD0..=0xD7) => self.at += 2,
                Some(0xFF) => self.at += 1,
                _ => return,
            }
        }
        self.at = self.bytes.len();
    }
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        if *self.bytes.get(self.at)? != 0xFF {
            return None;
        }
        // A marker may be led by any number of fill bytes.
        while *self.bytes.get(self.at + 1)? == 0xFF {
            self.at += 1;
        }
        let (start, marker) = (self.at, *self.bytes.get(self.at + 1)?);
        let payload = match marker {
            0x00 => return None,
            0x01 | 0xD0..=EOI => start + 2..start + 2,
            _ => {
                let length = u16::from_be_bytes([*self.bytes.get(start + 2)?, *self.bytes.get(start + 3)?]);
                start + 4..start + 2 + usize::from(length).max(2)
            }
        };
        self.at = payload.end;
        Some(Segment { marker, whole: start..payload.end, payload })
    }
}
