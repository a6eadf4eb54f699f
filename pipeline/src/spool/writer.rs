//! Writing a burst: each frame's memory is read once, packed strip by strip into one buffer, and written from there.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use latent_hal::Frame;

use super::format::{CRC_BYTES, FrameRecord, Layout, Prelude, Trailer};
use super::stored::{self, Source};
use super::{Error, SpoolHeader};
use crate::pixels::{self, Pixels};

/// A spool file that is being written. Without [`SpoolWriter::finish`] it stays what it is: readable as far as it
/// came, and the caller's to remove.
#[derive(Debug)]
pub struct SpoolWriter {
    disk: Disk,
    header: Vec<u8>,
    version: u16,
    source: Pixels,
    stored: Pixels,
    layout: Layout,
    planned: u32,
    frames: u32,
    /// Bytes of the file that were not written, behind JPEGs.
    holes: u64,
    row: Vec<u16>,
    strip: Vec<u8>,
    pack: Duration,
}

/// What was written, and what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolWritten {
    /// Frames in the file.
    pub frames: u32,
    /// Bytes of the file, without its holes.
    pub bytes: u64,
    /// Time to read, pack and checksum the samples.
    pub pack: Duration,
    /// Time to hand the bytes to the kernel.
    pub write: Duration,
    /// Time until they were durable.
    pub fsync: Duration,
}

impl SpoolWriter {
    /// Makes the file, which must not exist, readable by this user alone, and writes its header. Blocks on storage.
    ///
    /// `header.pixels` is that of the camera's frames, their strides included.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Full`], [`Error::Io`]; [`Error::Header`], [`Error::Geometry`] for what cannot be.
    pub fn create(path: impl AsRef<Path>, header: &SpoolHeader) -> Result<Self, Error> {
        let path = path.as_ref();
        // What cannot be is found before there is a file.
        let (stored, json, layout) = prepare(path, header)?;
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = opened.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
            _ => Error::io("create", path, source),
        })?;
        let needed = layout.file_bytes(header.frames);
        let disk = Disk { file, path: path.to_owned(), needed, spent: Duration::ZERO };
        Self::begin(disk, header, stored, &json, layout).inspect_err(|_| {
            // It holds nothing yet, and would stand in the way of the next attempt.
            let _ = fs::remove_file(path);
        })
    }

    fn begin(
        mut disk: Disk,
        header: &SpoolHeader,
        stored: Pixels,
        json: &[u8],
        layout: Layout,
    ) -> Result<Self, Error> {
        let version = header.version();
        let block = [&Prelude::of(version, json).to_bytes(), json].concat();
        disk.write(0, &block)?;
        Ok(Self {
            disk,
            header: block,
            version,
            source: header.pixels,
            stored,
            layout,
            planned: header.frames,
            frames: 0,
            holes: 0,
            row: vec![0; stored.width() as usize],
            strip: vec![0; layout.strip_bytes() + CRC_BYTES],
            pack: Duration::ZERO,
        })
    }

    /// Appends a frame, the reference frame first. Reads each of its bytes once, under one guard. Blocks on storage.
    ///
    /// After an error the frames before are still whole, and [`SpoolWriter::finish`] may be called.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Io`]; [`Error::Frame`] when its memory cannot be read; [`Error::Geometry`] when it has
    /// too few bytes; [`Error::Planned`].
    pub fn frame(&mut self, frame: &Frame) -> Result<(), Error> {
        let bytes = frame.read().map_err(|source| Error::Frame { index: self.frames, source })?;
        self.planes(pixels::memories(&bytes), FrameRecord::of(frame))
    }

    /// As [`SpoolWriter::frame`], for samples that lie in plain memory.
    ///
    /// # Errors
    /// As [`SpoolWriter::frame`].
    pub fn frame_bytes(&mut self, bytes: &[u8], record: FrameRecord) -> Result<(), Error> {
        self.planes([bytes; 3], record)
    }

    fn planes(&mut self, memories: [&[u8]; 3], record: FrameRecord) -> Result<(), Error> {
        if self.frames == self.planned {
            return Err(Error::Planned { path: self.disk.path.clone(), planned: self.planned });
        }
        let source = Source::new(self.source, memories).map_err(|source| self.disk.unlike(source))?;
        if let Err(error) = self.write_frame(&source, record) {
            // Gives back the space of the half frame, so that `finish` has some; it sets the length in any case.
            let _ = self.disk.file.set_len(self.layout.frame_offset(self.frames));
            return Err(error);
        }
        self.frames += 1;
        Ok(())
    }

    fn write_frame(&mut self, source: &Source<'_>, record: FrameRecord) -> Result<(), Error> {
        let index = self.frames;
        let picture = source.picture_bytes();
        let written = if picture == 0 { self.layout.sample_bytes() } else { picture as usize };
        let record = record.to_bytes(self.layout.asset_id(), index, picture);
        let (start, end) = (self.layout.frame_offset(index), self.layout.frame_offset(index + 1));
        self.disk.write(start, &record)?;
        for (number, strip) in self.layout.strips(index) {
            let began = Instant::now();
            let length = strip.samples.len();
            if strip.samples.start >= written {
                self.holes += (length + CRC_BYTES) as u64;
                continue;
            }
            for (y, out) in strip.rows.zip(self.strip.chunks_exact_mut(self.layout.row_bytes())) {
                source.row(y, &self.stored, &mut self.row, out).map_err(|source| self.disk.unlike(source))?;
            }
            let crc = self.layout.strip_crc(index, number, &self.strip[..length]);
            self.strip[length..length + CRC_BYTES].copy_from_slice(&crc.to_le_bytes());
            self.pack += began.elapsed();
            self.disk.write(strip.offset, &self.strip[..length + CRC_BYTES])?;
        }
        self.disk.write(end - record.len() as u64, &record)
    }

    /// Writes the copy of the header, cuts off what a failed frame left, and makes the file durable. The caller makes
    /// the folder's entry durable. Blocks on storage.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Io`].
    pub fn finish(mut self) -> Result<SpoolWritten, Error> {
        let trailer =
            Trailer { version: self.version, frames: self.frames, json_bytes: self.layout.json_bytes() }
                .to_bytes();
        let bytes = self.layout.file_bytes(self.frames);
        self.disk.write(self.layout.frame_offset(self.frames), &self.header)?;
        self.disk.write(bytes - trailer.len() as u64, &trailer)?;
        let began = Instant::now();
        let durable = self.disk.file.set_len(bytes).and_then(|()| self.disk.file.sync_all());
        durable.map_err(|source| self.disk.failed("finish", source))?;
        let Self { frames, pack, disk, holes, .. } = self;
        Ok(SpoolWritten {
            frames,
            bytes: bytes.saturating_sub(holes),
            pack,
            write: disk.spent,
            fsync: began.elapsed(),
        })
    }
}

/// The form of frames in the file, its header's JSON and its layout.
fn prepare(path: &Path, header: &SpoolHeader) -> Result<(Pixels, Vec<u8>, Layout), Error> {
    let stored =
        stored::form(header.pixels).map_err(|source| Error::Geometry { path: path.to_owned(), source })?;
    let (json, layout) = SpoolHeader { pixels: stored, ..header.clone() }.store(path)?;
    Ok((stored, json, layout))
}

/// The file, and the time that writing to it took.
#[derive(Debug)]
struct Disk {
    file: File,
    path: PathBuf,
    needed: u64,
    spent: Duration,
}

impl Disk {
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let began = Instant::now();
        let written = self.file.write_all_at(bytes, offset);
        self.spent += began.elapsed();
        written.map_err(|source| self.failed("write", source))
    }

    fn failed(&self, operation: &'static str, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Error::Full { path: self.path.clone(), needed: self.needed, source }
            }
            _ => Error::io(operation, &self.path, source),
        }
    }

    fn unlike(&self, source: latent_isp::Error) -> Error {
        Error::Geometry { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use latent_isp::{CfaPattern, Packing, RawGeometry};

    use super::*;
    use crate::library::Shot;

    #[test]
    fn a_full_disk_is_told_with_its_file_and_need() {
        let geometry = RawGeometry {
            width: 4,
            height: 2,
            stride_bytes: 8,
            bits: 10,
            packing: Packing::Le16,
            pattern: CfaPattern::Rggb,
            black: 0,
            white: 1023,
        };
        let header = SpoolHeader {
            asset_id: uuid::Uuid::nil(),
            library_id: uuid::Uuid::nil(),
            pixels: Pixels::Raw(geometry),
            frames: 1,
            captured_at: jiff::Zoned::now(),
            shot: Shot::default(),
            colour: None,
        };
        let path = Path::new("/library/burst.raw");
        let (stored, json, layout) = prepare(path, &header).unwrap();
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let disk = Disk { file, path: path.to_owned(), needed: layout.file_bytes(1), spent: Duration::ZERO };
        let error = SpoolWriter::begin(disk, &header, stored, &json, layout).unwrap_err();
        assert!(matches!(error, Error::Full { .. }), "{error}");
        assert_eq!(error.io_source().map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        let message = error.to_string();
        let needed = 2 * (24 + json.len()) + 96 + 10 + 4 + 28;
        assert!(message.contains("/library/burst.raw") && message.contains(&needed.to_string()), "{message}");
    }
}
