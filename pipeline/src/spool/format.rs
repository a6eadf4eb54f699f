//! The bytes of a spool file, format versions 1 (raw frames) and 2 (frames that the camera developed).
//!
//! All numbers are little-endian; every CRC is CRC-32 as in zlib. `J` is the length of the header's JSON, `n` the number
//! of frames, `F` the length of a frame. All of them follow from the header, so that any strip can be sought.
//!
//! | offset          | bytes    | what                                                                    |
//! |-----------------|----------|-------------------------------------------------------------------------|
//! | 0               | 24       | prelude                                                                 |
//! | 24              | `J`      | header: JSON in UTF-8, at most 64 KiB                                   |
//! | 24 + `J`        | `n`·`F`  | frames, the reference frame first                                       |
//! | 24 + `J` + `nF` | 24 + `J` | copy of prelude and header                                              |
//! | end − 28        | 28       | trailer                                                                 |
//!
//! | prelude at | bytes | what                                      |
//! |------------|-------|-------------------------------------------|
//! | 0          | 8     | `LATSPOOL`                                |
//! | 8          | 2     | version                                   |
//! | 10         | 2     | zero                                      |
//! | 12         | 4     | `J`                                       |
//! | 16         | 4     | CRC of the JSON                           |
//! | 20         | 4     | CRC of bytes 0 to 20, in every version    |
//!
//! | frame at   | bytes | what                                                                             |
//! |------------|-------|----------------------------------------------------------------------------------|
//! | 0          | 48    | record                                                                           |
//! | 48         |       | strips: samples of `strip_rows` rows (the last strip may have fewer), then 4 bytes: |
//! |            |       | CRC of the photo's id (16), the frame's index (4), the strip's number (4) and the samples |
//! | `F` − 48   | 48    | copy of the record                                                               |
//!
//! | record at | bytes | what                                                              |
//! |-----------|-------|-------------------------------------------------------------------|
//! | 0         | 4     | `LFRM`                                                            |
//! | 4         | 4     | index of the frame                                                |
//! | 8         | 8     | sequence                                                          |
//! | 16        | 8     | timestamp, nanoseconds of CLOCK_MONOTONIC                         |
//! | 24        | 8     | exposure time, nanoseconds                                        |
//! | 32        | 4     | gain, IEEE 754 single                                             |
//! | 36        | 4     | bit 0: the timestamp is the start of exposure; bit 1: exposure time and gain are known |
//! | 40        | 4     | bytes of the JPEG; zero for other frames                          |
//! | 44        | 4     | CRC of the photo's id (16) and bytes 0 to 44                      |
//!
//! | trailer at | bytes | what                       |
//! |------------|-------|----------------------------|
//! | 0          | 8     | `LATSPEND`                 |
//! | 8          | 2     | version                    |
//! | 10         | 2     | zero                       |
//! | 12         | 4     | `n`                        |
//! | 16         | 4     | `J`                        |
//! | 20         | 4     | zero                       |
//! | 24         | 4     | CRC of bytes 0 to 24       |
//!
//! A strip is of rows. Of a frame of luma and chroma the rows are those of all planes: luma first, then rows of Cb and Cr,
//! in pairs as the camera has them or a row of Cb and one of Cr side by side (of 4:4:4 that takes two rows); rows of odd
//! widths end with a zero. A frame
//! with a JPEG has "rows" of 4096 bytes, as many as the largest picture that the camera may give needs: its strips behind
//! the end of the JPEG are not written (the file has holes there), the last one is filled up with zeros.
//!
//! Samples of 10, 12 and 14 bits are MIPI-packed, those of 8 bits are bytes, all others 16-bit words; rows have no
//! padding. A CRC knows the photo, frame and strip that it belongs to, so that a strip in a wrong place is found. One
//! bad block costs one strip at most: header and records are there twice, far apart.

use std::ops::Range;
use std::time::Duration;

use latent_hal::Exposure;
use uuid::Uuid;

/// The newest version that this program writes and reads.
pub const VERSION: u16 = 2;
/// The version of files of raw frames, which older programs read as well.
pub(super) const RAW_VERSION: u16 = 1;

pub(super) const MAGIC: &[u8; 8] = b"LATSPOOL";
pub(super) const PRELUDE_BYTES: usize = 24;
pub(super) const RECORD_BYTES: usize = 48;
pub(super) const TRAILER_BYTES: usize = 28;
pub(super) const CRC_BYTES: usize = 4;
pub(super) const HEADER_LIMIT: usize = 64 * 1024;
pub(super) const MAX_FRAMES: u32 = 1024;
/// A strip's samples, roughly: small against what a bad block costs, big against the cost of a system call.
pub(super) const STRIP_BYTES: usize = 256 * 1024;
/// Bound what a hostile header makes a reader allocate; the largest sensors stay well below.
const MAX_FRAME_BYTES: u64 = 512 << 20;
const MAX_STRIP_BYTES: u64 = 4 << 20;

/// What a file keeps of a frame besides its samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameRecord {
    /// Frames since the stream's start; a gap is a frame that was lost.
    pub sequence: u64,
    /// CLOCK_MONOTONIC, in nanoseconds' precision.
    pub timestamp: Duration,
    /// True when `timestamp` is the start of exposure.
    pub timestamp_is_start: bool,
    /// Exposure, where the camera told.
    pub exposure: Option<Exposure>,
}

impl FrameRecord {
    /// The record of a frame.
    pub fn of(frame: &latent_hal::Frame) -> Self {
        let shot = frame.shot();
        Self {
            sequence: shot.sequence,
            timestamp: shot.timestamp,
            timestamp_is_start: shot.timestamp_is_start,
            exposure: shot.exposure,
        }
    }

    /// `picture` is the length of a JPEG.
    pub(super) fn to_bytes(self, asset_id: Uuid, index: u32, picture: u32) -> [u8; RECORD_BYTES] {
        let (time, gain) = self.exposure.map_or((0, 0.0), |shot| (nanos(shot.time), shot.gain));
        let flags = u32::from(self.timestamp_is_start) | u32::from(self.exposure.is_some()) << 1;
        let mut out = Fields::default();
        out.put(b"LFRM").put(&index.to_le_bytes()).put(&self.sequence.to_le_bytes());
        out.put(&nanos(self.timestamp).to_le_bytes()).put(&time.to_le_bytes()).put(&gain.to_le_bytes());
        out.put(&flags.to_le_bytes()).put(&picture.to_le_bytes());
        let crc = checksum(&[asset_id.as_bytes(), out.so_far()]);
        out.put(&crc.to_le_bytes()).0
    }

    /// The record in these bytes and the length of a JPEG, if it is that of this frame and nothing is wrong with it.
    pub(super) fn from_bytes(bytes: &[u8; RECORD_BYTES], asset_id: Uuid, index: u32) -> Option<(Self, u32)> {
        let crc = checksum(&[asset_id.as_bytes(), &bytes[..44]]);
        if !bytes.starts_with(b"LFRM") || u32_at(bytes, 4) != index || u32_at(bytes, 44) != crc {
            return None;
        }
        let flags = u32_at(bytes, 36);
        let exposure = Exposure {
            time: Duration::from_nanos(u64_at(bytes, 24)),
            gain: f32::from_bits(u32_at(bytes, 32)),
        };
        let record = Self {
            sequence: u64_at(bytes, 8),
            timestamp: Duration::from_nanos(u64_at(bytes, 16)),
            timestamp_is_start: flags & 1 != 0,
            exposure: (flags & 2 != 0).then_some(exposure),
        };
        Some((record, u32_at(bytes, 40)))
    }
}

/// The first bytes of a file, and of the copy of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prelude {
    pub version: u16,
    pub json_bytes: u32,
    pub json_crc: u32,
}

impl Prelude {
    pub(super) fn of(version: u16, json: &[u8]) -> Self {
        Self { version, json_bytes: json.len() as u32, json_crc: json_crc(json) }
    }

    pub(super) fn to_bytes(self) -> [u8; PRELUDE_BYTES] {
        let mut out = Fields::default();
        out.put(MAGIC).put(&self.version.to_le_bytes()).put(&[0; 2]);
        out.put(&self.json_bytes.to_le_bytes()).put(&self.json_crc.to_le_bytes());
        let crc = checksum(&[out.so_far()]);
        out.put(&crc.to_le_bytes()).0
    }

    pub(super) fn from_bytes(bytes: &[u8; PRELUDE_BYTES]) -> Option<Self> {
        let whole = bytes.starts_with(MAGIC) && u32_at(bytes, 20) == checksum(&[&bytes[..20]]);
        whole.then(|| Self {
            version: u16_at(bytes, 8),
            json_bytes: u32_at(bytes, 12),
            json_crc: u32_at(bytes, 16),
        })
    }
}

/// The last bytes of a file that was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    pub version: u16,
    pub frames: u32,
    pub json_bytes: u32,
}

impl Trailer {
    pub(super) fn to_bytes(self) -> [u8; TRAILER_BYTES] {
        let mut out = Fields::default();
        out.put(b"LATSPEND").put(&self.version.to_le_bytes()).put(&[0; 2]);
        out.put(&self.frames.to_le_bytes()).put(&self.json_bytes.to_le_bytes()).put(&[0; 4]);
        let crc = checksum(&[out.so_far()]);
        out.put(&crc.to_le_bytes()).0
    }

    pub(super) fn from_bytes(bytes: &[u8; TRAILER_BYTES]) -> Option<Self> {
        let whole = bytes.starts_with(b"LATSPEND") && u32_at(bytes, 24) == checksum(&[&bytes[..24]]);
        whole.then(|| Self {
            version: u16_at(bytes, 8),
            frames: u32_at(bytes, 12),
            json_bytes: u32_at(bytes, 16),
        })
    }
}

/// What a frame is made of in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    pub bytes: usize,
    pub count: u32,
}

/// Where everything lies in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    asset_id: Uuid,
    json_bytes: usize,
    row_bytes: usize,
    height: u32,
    strip_rows: u32,
}

/// One strip of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Strip {
    pub rows: Range<u32>,
    /// Where its samples lie in the frame's samples.
    pub samples: Range<usize>,
    /// Where it begins in the file; its CRC follows its samples.
    pub offset: u64,
}

impl Layout {
    /// Rows of a strip for frames of these rows; strips of about `strip_bytes`.
    pub(super) fn strip_rows(rows: Rows, strip_bytes: usize) -> u32 {
        let strip = strip_bytes / rows.bytes.max(1);
        u32::try_from(strip).unwrap_or(u32::MAX).clamp(1, rows.count.max(1))
    }

    /// Refuses, with the reason, what is too big to be true.
    pub(super) fn new(
        rows: Rows,
        asset_id: Uuid,
        strip_rows: u32,
        json_bytes: usize,
    ) -> Result<Self, String> {
        let Rows { bytes: row_bytes, count: height } = rows;
        let samples = (row_bytes as u64).saturating_mul(height.into());
        if samples > MAX_FRAME_BYTES {
            return Err(format!("frames of {samples} bytes, at most {MAX_FRAME_BYTES} are allowed"));
        }
        if !(1..=height).contains(&strip_rows) {
            return Err(format!("strips of {strip_rows} rows in frames of {height}"));
        }
        let strip = row_bytes as u64 * u64::from(strip_rows);
        if strip > MAX_STRIP_BYTES {
            return Err(format!("strips of {strip} bytes, at most {MAX_STRIP_BYTES} are allowed"));
        }
        Ok(Self { asset_id, json_bytes, row_bytes, height, strip_rows })
    }

    pub(super) fn asset_id(&self) -> Uuid {
        self.asset_id
    }

    pub(super) fn json_bytes(&self) -> u32 {
        self.json_bytes as u32
    }

    /// Bytes of a frame's samples.
    pub(super) fn sample_bytes(&self) -> usize {
        self.row_bytes * self.height as usize
    }

    /// Bytes of a row.
    pub(super) fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Bytes of the biggest strip's samples.
    pub(super) fn strip_bytes(&self) -> usize {
        self.row_bytes * self.strip_rows as usize
    }

    /// Bytes of prelude and header.
    pub(super) fn header_bytes(&self) -> u64 {
        (PRELUDE_BYTES + self.json_bytes) as u64
    }

    pub(super) fn frame_bytes(&self) -> u64 {
        let strips = u64::from(self.height.div_ceil(self.strip_rows));
        2 * RECORD_BYTES as u64 + self.sample_bytes() as u64 + strips * CRC_BYTES as u64
    }

    pub(super) fn frame_offset(&self, index: u32) -> u64 {
        self.header_bytes() + u64::from(index) * self.frame_bytes()
    }

    /// Bytes of a finished file of `frames` frames.
    pub(super) fn file_bytes(&self, frames: u32) -> u64 {
        self.frame_offset(frames) + self.header_bytes() + TRAILER_BYTES as u64
    }

    /// The strips of frame `index`, from the top.
    pub(super) fn strips(&self, index: u32) -> impl Iterator<Item = (u32, Strip)> + use<> {
        let layout = *self;
        (0..layout.height.div_ceil(layout.strip_rows)).map(move |number| {
            let start = number * layout.strip_rows;
            let rows = start..layout.height.min(start.saturating_add(layout.strip_rows));
            let samples = rows.start as usize * layout.row_bytes..rows.end as usize * layout.row_bytes;
            let before = RECORD_BYTES + samples.start + number as usize * CRC_BYTES;
            (number, Strip { rows, samples, offset: layout.frame_offset(index) + before as u64 })
        })
    }

    /// The CRC of a strip's samples.
    pub(super) fn strip_crc(&self, index: u32, number: u32, samples: &[u8]) -> u32 {
        checksum(&[self.asset_id.as_bytes(), &index.to_le_bytes(), &number.to_le_bytes(), samples])
    }
}

pub(super) fn json_crc(json: &[u8]) -> u32 {
    checksum(&[json])
}

fn checksum(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A block of fixed length that is filled from its start.
struct Fields<const N: usize>([u8; N], usize);

impl<const N: usize> Default for Fields<N> {
    fn default() -> Self {
        Self([0; N], 0)
    }
}

impl<const N: usize> Fields<N> {
    fn put(&mut self, field: &[u8]) -> &mut Self {
        let end = self.1 + field.len();
        self.0[self.1..end].copy_from_slice(field);
        self.1 = end;
        self
    }

    fn so_far(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
