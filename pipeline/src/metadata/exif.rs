//! The EXIF block of a photo: a small little-endian TIFF in an APP1 segment.
//!
//! Source of tags and types: CIPA DC-008 (Exif 2.32).

use std::time::Duration;

use jiff::Zoned;

use super::PhotoMetadata;

const SIGNATURE: &[u8; 6] = b"Exif\0\0";
/// ASCII values longer than this are cut: they come from drivers.
const ASCII_LIMIT: usize = 255;
/// ISO speed at gain 1.0: a convention, because no driver tells its sensor's base sensitivity. The file marks the value
/// as a recommended exposure index, which is the kind that a maker may set freely.
const ISO_AT_UNITY: f32 = 100.0;

/// The payload of the APP1 segment that holds the photo's EXIF, its signature included.
pub fn exif(photo: &PhotoMetadata) -> Vec<u8> {
    let time = &photo.captured_at;
    let offset = offset_text(time);
    let subsec = format!("{:03}", time.subsec_nanosecond() / 1_000_000);

    let mut capture = Directory::default();
    if let Some(shot) = photo.exposure {
        if let Some(time) = ratio(shot.time) {
            capture.rational(0x829A, time); // ExposureTime
        }
        let iso = (shot.gain * ISO_AT_UNITY).round();
        if iso.is_finite() && iso >= 1.0 {
            capture.short(0x8827, iso.min(65535.0) as u16); // PhotographicSensitivity
            capture.short(0x8830, 2); // SensitivityType: recommended exposure index
            capture.long(0x8832, iso as u32); // RecommendedExposureIndex
        }
    }
    capture.undefined(0x9000, b"0232"); // ExifVersion
    capture.ascii(0x9003, &date_text(time)); // DateTimeOriginal
    capture.ascii(0x9004, &date_text(time)); // DateTimeDigitized
    for tag in [0x9010, 0x9011, 0x9012] {
        capture.ascii(tag, &offset); // OffsetTime, -Original, -Digitized
    }
    capture.undefined(0x9101, &[1, 2, 3, 0]); // ComponentsConfiguration: Y Cb Cr
    for tag in [0x9290, 0x9291, 0x9292] {
        capture.ascii(tag, &subsec); // SubSecTime, -Original, -Digitized
    }
    capture.undefined(0xA000, b"0100"); // FlashpixVersion
    capture.short(0xA001, 1); // ColorSpace: sRGB
    capture.long(0xA002, photo.width); // PixelXDimension
    capture.long(0xA003, photo.height); // PixelYDimension
    capture.ascii(0xA420, &photo.asset_id.simple().to_string()); // ImageUniqueID
    capture.short(0xA460, 1); // CompositeImage: not a composite

    let mut main = Directory::default();
    if photo.simulated {
        main.ascii(0x010E, "Simulated: no camera saw this scene"); // ImageDescription
    }
    main.ascii(0x010F, &photo.make); // Make
    main.ascii(0x0110, &photo.model); // Model
    main.short(0x0112, if (1..=8).contains(&photo.orientation) { photo.orientation.into() } else { 1 });
    main.rational(0x011A, (72, 1)); // XResolution
    main.rational(0x011B, (72, 1)); // YResolution
    main.short(0x0128, 2); // ResolutionUnit: inch
    main.ascii(0x0131, &photo.software); // Software
    main.ascii(0x0132, &date_text(time)); // DateTime
    main.short(0x0213, 1); // YCbCrPositioning: centred

    let mut tiff = b"II\x2A\0\x08\0\0\0".to_vec();
    // The pointer to the second directory is one more entry of the first.
    let second = tiff.len() + main.size() + ENTRY_BYTES;
    main.long(0x8769, second as u32);
    main.write(&mut tiff);
    capture.write(&mut tiff);

    let mut payload = SIGNATURE.to_vec();
    payload.append(&mut tiff);
    payload
}

const ENTRY_BYTES: usize = 12;

/// One image file directory: entries in ascending order of their tags, values that do not fit an entry behind them.
#[derive(Default)]
struct Directory {
    entries: Vec<Entry>,
}

struct Entry {
    tag: u16,
    kind: u16,
    count: u32,
    value: Vec<u8>,
}

impl Directory {
    fn add(&mut self, tag: u16, kind: u16, count: usize, value: Vec<u8>) {
        debug_assert!(self.entries.last().is_none_or(|last| last.tag < tag), "tags ascend");
        self.entries.push(Entry { tag, kind, count: count as u32, value });
    }

    /// Text without its control and non-ASCII characters; nothing when there is none.
    fn ascii(&mut self, tag: u16, text: &str) {
        let mut value: Vec<u8> = text
            .chars()
            .take(ASCII_LIMIT)
            .map(|c| if c == ' ' || c.is_ascii_graphic() { c as u8 } else { b'?' })
            .collect();
        if value.is_empty() {
            return;
        }
        value.push(0);
        self.add(tag, 2, value.len(), value);
    }

    fn short(&mut self, tag: u16, value: u16) {
        self.add(tag, 3, 1, value.to_le_bytes().to_vec());
    }

    fn long(&mut self, tag: u16, value: u32) {
        self.add(tag, 4, 1, value.to_le_bytes().to_vec());
    }

    fn rational(&mut self, tag: u16, (numerator, denominator): (u32, u32)) {
        self.add(tag, 5, 1, [numerator.to_le_bytes(), denominator.to_le_bytes()].concat());
    }

    fn undefined(&mut self, tag: u16, value: &[u8]) {
        self.add(tag, 7, value.len(), value.to_vec());
    }

    /// Bytes that `write` appends.
    fn size(&self) -> usize {
        let outside =
            |entry: &Entry| if entry.value.len() > 4 { entry.value.len().next_multiple_of(2) } else { 0 };
        2 + self.entries.len() * ENTRY_BYTES + 4 + self.entries.iter().map(outside).sum::<usize>()
    }

    /// Appends the directory to a TIFF that begins at `tiff[0]`.
    fn write(&self, tiff: &mut Vec<u8>) {
        let mut outside = tiff.len() + 2 + self.entries.len() * ENTRY_BYTES + 4;
        tiff.extend((self.entries.len() as u16).to_le_bytes());
        for entry in &self.entries {
            tiff.extend(entry.tag.to_le_bytes());
            tiff.extend(entry.kind.to_le_bytes());
            tiff.extend(entry.count.to_le_bytes());
            if entry.value.len() > 4 {
                tiff.extend((outside as u32).to_le_bytes());
                outside += entry.value.len().next_multiple_of(2);
            } else {
                let mut field = [0; 4];
                field[..entry.value.len()].copy_from_slice(&entry.value);
                tiff.extend(field);
            }
        }
        tiff.extend([0; 4]); // no next directory
        for entry in self.entries.iter().filter(|entry| entry.value.len() > 4) {
            tiff.extend(&entry.value);
            if !entry.value.len().is_multiple_of(2) {
                tiff.push(0);
            }
        }
    }
}

/// `YYYY:MM:DD HH:MM:SS`, always 19 characters.
fn date_text(time: &Zoned) -> String {
    format!(
        "{:04}:{:02}:{:02} {:02}:{:02}:{:02}",
        time.year().clamp(0, 9999),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// `+HH:MM`.
fn offset_text(time: &Zoned) -> String {
    let seconds = time.offset().seconds();
    let minutes = seconds.abs() / 60;
    format!("{}{:02}:{:02}", if seconds < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
}

/// Seconds as a fraction of two 32-bit numbers, as exact as they allow; `None` for zero.
fn ratio(time: Duration) -> Option<(u32, u32)> {
    let candidates =
        [(time.as_nanos(), 1_000_000_000u32), (time.as_micros(), 1_000_000), (time.as_millis(), 1000)];
    let (numerator, denominator) = candidates
        .into_iter()
        .find_map(|(count, unit)| Some((u32::try_from(count).ok()?, unit)))
        .unwrap_or((time.as_secs().try_into().unwrap_or(u32::MAX), 1));
    let divisor = common_divisor(numerator, denominator);
    (numerator > 0).then(|| (numerator / divisor, denominator / divisor))
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}
