//! Reading a burst, or what is left of it: a bad strip costs its rows, a bad record nothing while its copy is good.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::format::{
    CRC_BYTES, FrameRecord, HEADER_LIMIT, Layout, MAGIC, PRELUDE_BYTES, Prelude, RECORD_BYTES, Strip,
    TRAILER_BYTES, Trailer, VERSION, json_crc, u32_at,
};
use super::{Error, SpoolHeader};
use crate::pixels::Pixels;

/// A spool file that is open for reading. `F` is a file, or what stands for one in tests.
#[derive(Debug)]
pub struct SpoolReader<F = File> {
    file: F,
    path: PathBuf,
    header: SpoolHeader,
    layout: Layout,
    frames: Vec<PresentFrame>,
    trailer: Option<Trailer>,
    damage: Vec<Damage>,
}

/// A frame that can be read, at least in part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PresentFrame {
    /// Its number in the burst; 0 is the reference frame.
    pub index: u32,
    /// What is kept of it besides its samples.
    pub record: FrameRecord,
    /// Bytes of its JPEG; 0 for other frames.
    picture: u32,
}

/// A frame's samples.
#[derive(Clone, Debug, PartialEq)]
pub struct SpooledFrame {
    /// How they lie in `bytes`.
    pub pixels: Pixels,
    /// The samples, or the JPEG; in bad strips what could be read of them, or zeros.
    pub bytes: Vec<u8>,
    /// Bytes of the rows of `bad_strips`; luma and chroma have rows of all planes, one after the other.
    pub row_bytes: usize,
    /// What is kept of the frame besides.
    pub record: FrameRecord,
    /// Rows that cannot be trusted, from the top, one entry a strip.
    pub bad_strips: Vec<Range<u32>>,
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The header at the start; the copy was used.
    Header,
    /// The copy of the header.
    HeaderCopy,
    /// The end is missing or damaged: the file was not finished, or was cut off.
    End,
    /// A frame is lost: missing, or both of its records are damaged.
    Frame {
        /// Its number.
        index: u32,
    },
    /// One of a frame's two records; the other was used.
    Record {
        /// The frame's number.
        index: u32,
    },
    /// Rows of a frame.
    Rows {
        /// The frame's number.
        index: u32,
        /// The rows.
        rows: Range<u32>,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("the header is damaged, its copy is good"),
            Self::HeaderCopy => f.write_str("the copy of the header is damaged"),
            Self::End => f.write_str("the end is missing"),
            Self::Frame { index } => write!(f, "frame {index} is lost"),
            Self::Record { index } => write!(f, "one record of frame {index} is damaged, the other is good"),
            Self::Rows { index, rows } => {
                write!(f, "rows {} to {} of frame {index} are damaged", rows.start, rows.end)
            }
        }
    }
}

impl SpoolReader {
    /// Opens a file and finds its frames. Changes nothing. Blocks on storage; reads no samples.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be opened; [`Error::NotSpool`], [`Error::NoHeader`], [`Error::Newer`];
    /// [`Error::Header`] and [`Error::Geometry`] when its header says what cannot be.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| Error::io("open", path, source))?;
        let about = file.metadata().map_err(|source| Error::io("open", path, source))?;
        if !about.is_file() {
            return Err(Error::NotSpool { path: path.to_owned() });
        }
        Self::over(file, about.len(), path)
    }
}

impl<F: FileExt> SpoolReader<F> {
    fn over(file: F, length: u64, path: &Path) -> Result<Self, Error> {
        let mut damage = Vec::new();
        let end = length.checked_sub(TRAILER_BYTES as u64);
        let trailer = end.and_then(|end| Trailer::from_bytes(&block(&file, end)?));
        let copy_offset = trailer
            .zip(end)
            .and_then(|(trailer, end)| end.checked_sub(PRELUDE_BYTES as u64 + u64::from(trailer.json_bytes)));
        let front = read_header(&file, 0, path)?;
        let copy = match copy_offset {
            Some(offset) => read_header(&file, offset, path)?,
            None => None,
        };
        if front.is_none() {
            damage.push(Damage::Header);
        }
        match (copy_offset, &copy) {
            (None, _) => damage.push(Damage::End),
            (Some(_), None) => damage.push(Damage::HeaderCopy),
            (Some(_), Some(_)) => {}
        }
        let Some(json) = front.or(copy) else {
            let path = path.to_owned();
            let was_ours = trailer.is_some() || block(&file, 0).is_some_and(|magic: [u8; 8]| &magic == MAGIC);
            return Err(if was_ours { Error::NoHeader { path } } else { Error::NotSpool { path } });
        };
        let (header, layout) = SpoolHeader::load(&json, path)?;
        let mut reader =
            Self { file, path: path.to_owned(), header, layout, frames: Vec::new(), trailer, damage };
        reader.find_frames(copy_offset.unwrap_or(length));
        Ok(reader)
    }

    /// Finds the frames before `end`.
    fn find_frames(&mut self, end: u64) {
        let planned = self.header.frames;
        let count = self.trailer.map_or(planned, |trailer| trailer.frames.min(planned));
        for index in 0..count {
            let (start, behind) = (self.layout.frame_offset(index), self.layout.frame_offset(index + 1));
            let first_strip = self.layout.strips(index).next();
            let first_end =
                first_strip.map_or(behind, |(_, strip)| strip.offset + strip.samples.len() as u64);
            let record =
                |offset| FrameRecord::from_bytes(&block(&self.file, offset)?, self.layout.asset_id(), index);
            let (first, second) = match end {
                _ if end < first_end => (None, None),
                _ if end < behind => (record(start), None),
                _ => (record(start), record(behind - RECORD_BYTES as u64)),
            };
            match first.or(second) {
                Some((record, picture)) => self.frames.push(PresentFrame { index, record, picture }),
                None => self.damage.push(Damage::Frame { index }),
            }
            if first.is_some() != second.is_some() {
                self.damage.push(Damage::Record { index });
            }
        }
    }

    /// What the burst is. Its geometry is that of [`SpooledFrame::bytes`].
    pub fn header(&self) -> &SpoolHeader {
        &self.header
    }

    /// The frames that can be read, at least in part, by ascending index.
    pub fn frames(&self) -> &[PresentFrame] {
        &self.frames
    }

    /// True when the file was finished and every frame of it is there. Tells nothing of their strips.
    pub fn is_complete(&self) -> bool {
        self.trailer.is_some_and(|trailer| trailer.frames as usize == self.frames.len())
    }

    /// Reads the frame at this position of [`SpoolReader::frames`]. Strips that cannot be read or whose checksum is
    /// wrong are named, the rest is good. Blocks on storage; takes a frame's bytes of memory.
    ///
    /// # Errors
    /// [`Error::NoFrame`]; [`Error::Io`] when there is no memory for it.
    pub fn read_frame(&self, position: usize) -> Result<SpooledFrame, Error> {
        let Some(&PresentFrame { index, record, picture }) = self.frames.get(position) else {
            return Err(Error::NoFrame { path: self.path.clone(), position, present: self.frames.len() });
        };
        let mut bytes = self.memory(self.layout.sample_bytes() + CRC_BYTES)?;
        let mut bad_strips = Vec::new();
        let length = self.written(picture);
        for (number, strip) in self.layout.strips(index).take_while(|(_, strip)| strip.samples.start < length)
        {
            // The strip's CRC lands where the next strip goes.
            let place = &mut bytes[strip.samples.start..strip.samples.end + CRC_BYTES];
            if !self.read_strip(index, number, &strip, place) {
                bad_strips.push(strip.rows);
            }
        }
        bytes.truncate(length);
        let (pixels, row_bytes) = (self.header.pixels, self.layout.row_bytes());
        Ok(SpooledFrame { pixels, bytes, row_bytes, record, bad_strips })
    }

    /// The error for a caller that found some rows bad in every frame.
    pub fn no_whole_picture(&self) -> Error {
        Error::NoPicture { path: self.path.clone(), frames: self.frames.len() }
    }

    /// Reads the whole file and names all that is wrong with it. Blocks on storage.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no memory for a strip.
    pub fn verify(&self) -> Result<Vec<Damage>, Error> {
        let mut damage = self.damage.clone();
        let mut buffer = self.memory(self.layout.strip_bytes() + CRC_BYTES)?;
        for &PresentFrame { index, picture, .. } in &self.frames {
            let length = self.written(picture);
            for (number, strip) in
                self.layout.strips(index).take_while(|(_, strip)| strip.samples.start < length)
            {
                let place = &mut buffer[..strip.samples.len() + CRC_BYTES];
                if !self.read_strip(index, number, &strip, place) {
                    damage.push(Damage::Rows { index, rows: strip.rows });
                }
            }
        }
        Ok(damage)
    }

    /// How much of a frame's samples was written.
    fn written(&self, picture: u32) -> usize {
        match self.header.pixels {
            Pixels::Jpeg(_) => (picture as usize).min(self.layout.sample_bytes()),
            Pixels::Raw(_) | Pixels::Yuv(_) => self.layout.sample_bytes(),
        }
    }

    /// Reads a strip and its CRC; false when it is bad.
    fn read_strip(&self, index: u32, number: u32, strip: &Strip, place: &mut [u8]) -> bool {
        if self.file.read_exact_at(place, strip.offset).is_err() {
            place.fill(0);
            return false;
        }
        let (samples, crc) = place.split_at(strip.samples.len());
        u32_at(crc, 0) == self.layout.strip_crc(index, number, samples)
    }

    fn memory(&self, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let none = |_| Error::io("get memory to read", &self.path, io::ErrorKind::OutOfMemory.into());
        bytes.try_reserve_exact(length).map_err(none)?;
        bytes.resize(length, 0);
        Ok(bytes)
    }
}

/// The JSON of the header at `offset`; `None` when it is damaged or cannot be read.
fn read_header(file: &impl FileExt, offset: u64, path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let Some(prelude) = block(file, offset).and_then(|bytes| Prelude::from_bytes(&bytes)) else {
        return Ok(None);
    };
    // The prelude's own CRC is right: this is a version, not damage.
    if prelude.version > VERSION {
        return Err(Error::Newer { path: path.to_owned(), found: prelude.version, known: VERSION });
    }
    let mut json = vec![0; (prelude.json_bytes as usize).min(HEADER_LIMIT)];
    let read = file.read_exact_at(&mut json, offset.saturating_add(PRELUDE_BYTES as u64));
    let whole =
        json.len() == prelude.json_bytes as usize && read.is_ok() && json_crc(&json) == prelude.json_crc;
    Ok(whole.then_some(json))
}

fn block<const N: usize>(file: &impl FileExt, offset: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use latent_isp::{CfaPattern, Packing, RawGeometry};
    use proptest::prelude::*;

    use super::*;
    use crate::library::Shot;
    use crate::spool::SpoolWriter;
    use crate::spool::format::RAW_VERSION;

    fn header(frames: u32) -> SpoolHeader {
        SpoolHeader {
            asset_id: uuid::Uuid::from_u128(1),
            library_id: uuid::Uuid::from_u128(2),
            pixels: Pixels::Raw(RawGeometry {
                width: 65_534,
                height: 6,
                stride_bytes: 131_068,
                bits: 16,
                packing: Packing::Le16,
                pattern: CfaPattern::Rggb,
                black: 0,
                white: 65_535,
            }),
            frames,
            captured_at: "2026-03-01T14:05:09+01:00[+01:00]".parse().unwrap(),
            shot: Shot::default(),
            colour: None,
        }
    }

    const RECORD: FrameRecord = FrameRecord {
        sequence: 7,
        timestamp: std::time::Duration::from_secs(1),
        timestamp_is_start: true,
        exposure: None,
    };

    /// A file of two frames of three strips each.
    fn file() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("burst.raw");
        let mut writer = SpoolWriter::create(&path, &header(2)).unwrap();
        for frame in 0..2u8 {
            let samples: Vec<u8> = (0..131_068usize * 6).map(|i| (i * 7 + i / 999) as u8 ^ frame).collect();
            writer.frame_bytes(&samples, RECORD).unwrap();
        }
        writer.finish().unwrap();
        std::fs::read(path).unwrap()
    }

    /// Storage that refuses to read some bytes, as a disk with a bad block does, and counts the bytes read.
    #[derive(Debug)]
    struct Disk {
        bytes: Vec<u8>,
        bad: Range<u64>,
        read: Cell<usize>,
    }

    impl FileExt for Disk {
        fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
            let end = offset + out.len() as u64;
            if offset < self.bad.end && self.bad.start < end {
                return Err(io::Error::from_raw_os_error(nix::errno::Errno::EIO as i32));
            }
            let rest = self.bytes.get(offset as usize..).unwrap_or(&[]);
            let length = out.len().min(rest.len());
            out[..length].copy_from_slice(&rest[..length]);
            self.read.set(self.read.get() + length);
            Ok(length)
        }

        fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }

    fn open(bytes: Vec<u8>, bad: Range<u64>) -> Result<SpoolReader<Disk>, Error> {
        let length = bytes.len() as u64;
        SpoolReader::over(Disk { bytes, bad, read: Cell::new(0) }, length, Path::new("burst.raw"))
    }

    #[test]
    fn a_bad_block_costs_one_strip() {
        let bytes = file();
        let whole = open(bytes.clone(), 0..0).unwrap();
        assert!(whole.is_complete() && whole.verify().unwrap().is_empty());
        let samples: Vec<_> = (0..2).map(|position| whole.read_frame(position).unwrap().bytes).collect();
        for (number, strip) in whole.layout.strips(1) {
            assert_eq!(strip.rows, number * 2..number * 2 + 2);
            let middle = strip.offset + 5000;
            let reader = open(bytes.clone(), middle..middle + 512).unwrap();
            let frame = reader.read_frame(1).unwrap();
            assert_eq!(frame.bad_strips, std::slice::from_ref(&strip.rows));
            for (_, other) in whole.layout.strips(1) {
                if other == strip {
                    assert!(frame.bytes[other.samples].iter().all(|byte| *byte == 0));
                } else {
                    assert_eq!(frame.bytes[other.samples.clone()], samples[1][other.samples]);
                }
            }
            assert_eq!(reader.read_frame(0).unwrap().bytes, samples[0]);
            assert_eq!(reader.verify().unwrap(), [Damage::Rows { index: 1, rows: strip.rows }]);
        }
    }

    #[test]
    fn a_bad_block_at_the_start_costs_nothing() {
        // One block takes the header and the first frame's record with it, and its first strip.
        let reader = open(file(), 0..4096).unwrap();
        assert_eq!(reader.frames().len(), 2);
        let rows = Damage::Rows { index: 0, rows: 0..2 };
        assert_eq!(reader.verify().unwrap(), [Damage::Header, Damage::Record { index: 0 }, rows]);
    }

    #[test]
    fn a_strip_in_a_wrong_place_is_found() {
        let bytes = file();
        let layout = open(bytes.clone(), 0..0).unwrap().layout;
        let strips: Vec<_> =
            (0..2).flat_map(|frame| layout.strips(frame).map(move |(_, strip)| (frame, strip))).collect();
        let with_crc =
            |strip: &Strip| strip.offset as usize..strip.offset as usize + strip.samples.len() + CRC_BYTES;
        for (_, from) in &strips {
            for (frame, to) in strips.iter().filter(|(_, to)| to != from) {
                let mut mixed = bytes.clone();
                mixed.copy_within(with_crc(from), with_crc(to).start);
                let damage = open(mixed, 0..0).unwrap().verify().unwrap();
                assert_eq!(damage, [Damage::Rows { index: *frame, rows: to.rows.clone() }]);
            }
        }
    }

    #[test]
    fn strips_of_another_photo_are_found() {
        let layout = open(file(), 0..0).unwrap().layout;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.raw");
        let other = SpoolHeader { asset_id: uuid::Uuid::from_u128(3), ..header(2) };
        let mut writer = SpoolWriter::create(&path, &other).unwrap();
        let samples = vec![1; 131_068 * 6];
        writer.frame_bytes(&samples, RECORD).unwrap();
        writer.frame_bytes(&samples, RECORD).unwrap();
        writer.finish().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let frame = layout.frame_offset(1) as usize..layout.frame_offset(2) as usize;
        bytes[frame.clone()].copy_from_slice(&file()[frame]);
        assert_eq!(open(bytes, 0..0).unwrap().verify().unwrap(), [Damage::Frame { index: 1 }]);
    }

    #[test]
    fn a_lost_frame_leaves_the_others_in_their_place() {
        let mut bytes = file();
        let layout = open(bytes.clone(), 0..0).unwrap().layout;
        let second = open(bytes.clone(), 0..0).unwrap().read_frame(1).unwrap();
        for record_end in [layout.frame_offset(0) as usize + RECORD_BYTES, layout.frame_offset(1) as usize] {
            bytes[record_end - 1] ^= 1;
        }
        let reader = open(bytes, 0..0).unwrap();
        assert_eq!(reader.frames(), [PresentFrame { index: 1, record: RECORD, picture: 0 }]);
        assert_eq!(reader.read_frame(0).unwrap(), second);
        assert!(!reader.is_complete());
        assert_eq!(reader.verify().unwrap(), [Damage::Frame { index: 0 }]);
    }

    #[test]
    fn opening_reads_no_samples() {
        let reader = open(file(), 0..0).unwrap();
        assert!(reader.file.read.get() < 4096, "{}", reader.file.read.get());
    }

    /// A file that begins with a header of this JSON, whose checksums are right.
    fn with_json(json: &[u8]) -> Vec<u8> {
        [&Prelude::of(RAW_VERSION, json).to_bytes(), json, &[0; 3000]].concat()
    }

    fn good_json() -> serde_json::Value {
        serde_json::from_slice(&header(2).store(Path::new("x")).unwrap().0).unwrap()
    }

    #[test]
    fn keys_that_a_later_minor_version_adds_are_passed_over() {
        let mut json = good_json();
        json["colour_of_the_box"] = "red".into();
        json["geometry"]["crop"] = [1, 2, 3].as_slice().into();
        let reader = open(with_json(json.to_string().as_bytes()), 0..0).unwrap();
        assert_eq!(*reader.header(), header(2));
    }

    #[test]
    fn a_header_that_says_what_cannot_be_is_refused() {
        let big = u64::from(u32::MAX);
        for (pointer, value) in [
            ("/geometry/width", 0),
            ("/geometry/width", big),
            ("/geometry/height", big),
            ("/geometry/height", 65_535), // 8.6 GB a frame
            ("/geometry/bits", 0),
            ("/geometry/bits", 255),
            ("/geometry/bits", 12),
            ("/geometry/white", 0),
            ("/frames", 0),
            ("/frames", big),
            ("/strip_rows", 0),
            ("/strip_rows", 7),
            ("/strip_rows", big),
            ("/asset_id", 5),
        ] {
            let mut json = good_json();
            *json.pointer_mut(pointer).unwrap() = value.into();
            let refused = open(with_json(json.to_string().as_bytes()), 0..0);
            let expected = match (pointer, value) {
                // 12 bits in 16-bit words are possible, but then this white is not.
                ("/geometry/bits" | "/geometry/width" | "/geometry/white", _) => {
                    matches!(refused, Err(Error::Geometry { .. } | Error::Header { .. }))
                }
                ("/geometry/height", v) if v == big => matches!(refused, Err(Error::Geometry { .. })),
                _ => matches!(refused, Err(Error::Header { .. })),
            };
            assert!(expected, "{pointer} = {value}: {:?}", refused.map(|reader| reader.header));
        }
        let nested = "[".repeat(60_000);
        assert!(matches!(open(with_json(nested.as_bytes()), 0..0), Err(Error::Header { .. })));
    }

    #[test]
    fn a_header_longer_than_allowed_is_not_read() {
        let mut bytes = with_json(good_json().to_string().as_bytes());
        let prelude = Prelude { version: VERSION, json_bytes: u32::MAX, json_crc: 0 };
        bytes[..PRELUDE_BYTES].copy_from_slice(&prelude.to_bytes());
        assert!(matches!(open(bytes, 0..0), Err(Error::NoHeader { .. })));
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let json = good_json().to_string();
        let mut bytes = with_json(json.as_bytes());
        let newer = Prelude { version: 3, ..Prelude::of(RAW_VERSION, json.as_bytes()) };
        bytes[..PRELUDE_BYTES].copy_from_slice(&newer.to_bytes());
        let message = open(bytes, 0..0).unwrap_err();
        assert!(matches!(message, Error::Newer { found: 3, known: 2, .. }), "{message}");
    }

    proptest! {
        #[test]
        fn hostile_numbers_take_no_memory_and_do_not_panic(
            (width, height, strip_rows, frames) in (0u32..80_000, 0u32..80_000, any::<u32>(), any::<u32>()),
            (bits, mipi) in (0u8..20, any::<bool>()),
            (trailer_frames, trailer_json) in (any::<u32>(), any::<u32>()),
        ) {
            let mut json = good_json();
            json["geometry"]["width"] = width.into();
            json["geometry"]["height"] = height.into();
            json["geometry"]["bits"] = bits.into();
            json["geometry"]["packing"] = if mipi { "mipi" } else { "le16" }.into();
            json["geometry"]["white"] = 100.into();
            json["strip_rows"] = (strip_rows % height.max(1) + 1).into();
            json["frames"] = (frames % 1100).into();
            let trailer = Trailer { version: RAW_VERSION, frames: trailer_frames, json_bytes: trailer_json };
            let bytes = [with_json(json.to_string().as_bytes()), trailer.to_bytes().to_vec()].concat();
            if let Ok(reader) = open(bytes, 0..0) {
                prop_assert_eq!(reader.frames().len(), 0);
                reader.verify().unwrap();
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
            let bytes = if magic { [b"LATSPOOL".to_vec(), bytes].concat() } else { bytes };
            prop_assert!(open(bytes, 0..0).is_err());
        }
    }
}
