//! Writing a burst: each frame's memory is read once, packed strip by strip into one buffer, and written from there.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use latent_hal::Frame;
use latent_isp::{Packing, RawGeometry, RawView, packing, unpack};

use super::format::{CRC_BYTES, FrameRecord, Layout, Prelude, Trailer};
use super::{Error, SpoolHeader};

/// A spool file that is being written. Without [`SpoolWriter::finish`] it stays what it is: readable as far as it
/// came, and the caller's to remove.
#[derive(Debug)]
pub struct SpoolWriter {
    disk: Disk,
    header: Vec<u8>,
    source: RawGeometry,
    stored: RawGeometry,
    layout: Layout,
    planned: u32,
    frames: u32,
    row: Vec<u16>,
    strip: Vec<u8>,
    pack: Duration,
}

/// What was written, and what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolWritten {
    /// Frames in the file.
    pub frames: u32,
    /// Bytes of the file.
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
    /// `header.geometry` is that of the camera's frames, their stride included.
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
        stored: RawGeometry,
        json: &[u8],
        layout: Layout,
    ) -> Result<Self, Error> {
        let block = [&Prelude::of(json).to_bytes(), json].concat();
        disk.write(0, &block)?;
        Ok(Self {
            disk,
            header: block,
            source: header.geometry,
            stored,
            layout,
            planned: header.frames,
            frames: 0,
            row: vec![0; stored.width as usize],
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
        self.frame_bytes(&bytes, FrameRecord::of(frame))
    }

    /// As [`SpoolWriter::frame`], for samples that lie in plain memory.
    ///
    /// # Errors
    /// As [`SpoolWriter::frame`].
    pub fn frame_bytes(&mut self, bytes: &[u8], record: FrameRecord) -> Result<(), Error> {
        if self.frames == self.planned {
            return Err(Error::Planned { path: self.disk.path.clone(), planned: self.planned });
        }
        let view = RawView::new(self.source, bytes).map_err(|source| self.disk.unlike(source))?;
        if let Err(error) = self.write_frame(&view, record) {
            // Gives back the space of the half frame, so that `finish` has some; it sets the length in any case.
            let _ = self.disk.file.set_len(self.layout.frame_offset(self.frames));
            return Err(error);
        }
        self.frames += 1;
        Ok(())
    }

    fn write_frame(&mut self, view: &RawView<'_>, record: FrameRecord) -> Result<(), Error> {
        let index = self.frames;
        let record = record.to_bytes(self.layout.asset_id(), index);
        let (start, end) = (self.layout.frame_offset(index), self.layout.frame_offset(index + 1));
        self.disk.write(start, &record)?;
        for (number, strip) in self.layout.strips(index) {
            let began = Instant::now();
            let length = strip.samples.len();
            for (y, out) in strip.rows.zip(self.strip.chunks_exact_mut(self.stored.stride_bytes)) {
                pack_row(view, y, &self.stored, &mut self.row, out)
                    .map_err(|source| self.disk.unlike(source))?;
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
        let trailer = Trailer { frames: self.frames, json_bytes: self.layout.json_bytes() }.to_bytes();
        let bytes = self.layout.file_bytes(self.frames);
        self.disk.write(self.layout.frame_offset(self.frames), &self.header)?;
        self.disk.write(bytes - trailer.len() as u64, &trailer)?;
        let began = Instant::now();
        let durable = self.disk.file.set_len(bytes).and_then(|()| self.disk.file.sync_all());
        durable.map_err(|source| self.disk.failed("finish", source))?;
        let Self { frames, pack, disk, .. } = self;
        Ok(SpoolWritten { frames, bytes, pack, write: disk.spent, fsync: began.elapsed() })
    }
}

/// The geometry of the file, its header's JSON and its layout.
fn prepare(path: &Path, header: &SpoolHeader) -> Result<(RawGeometry, Vec<u8>, Layout), Error> {
    let stored = header
        .geometry
        .validate()
        .and_then(|()| stored_geometry(header.geometry))
        .map_err(|source| Error::Geometry { path: path.to_owned(), source })?;
    let (json, layout) = SpoolHeader { geometry: stored, ..header.clone() }.store(path)?;
    Ok((stored, json, layout))
}

/// The geometry that frames of `geometry` have in a file: the smallest packing that keeps every bit, no padding.
fn stored_geometry(geometry: RawGeometry) -> Result<RawGeometry, latent_isp::Error> {
    let packing = match geometry.bits {
        8 => Packing::Bytes,
        10 | 12 | 14 => Packing::Mipi,
        _ => Packing::Le16,
    };
    let stride_bytes = RawGeometry { packing, ..geometry }.row_bytes()?;
    let stored = RawGeometry { packing, stride_bytes, ..geometry };
    stored.validate()?;
    Ok(stored)
}

/// One row as the file has it. Samples in the file's packing already are copied as they are.
fn pack_row(
    view: &RawView<'_>,
    y: u32,
    stored: &RawGeometry,
    row: &mut [u16],
    out: &mut [u8],
) -> Result<(), latent_isp::Error> {
    if view.geometry().packing == stored.packing {
        out.copy_from_slice(view.row(y));
        return Ok(());
    }
    unpack::row(view, y, row)?;
    packing::pack_row(row, stored.bits, stored.packing, out).map(|_| ())
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
    use latent_isp::CfaPattern;

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
            geometry,
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
