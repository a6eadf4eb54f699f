//! DNG, Adobe's open raw format, in bytes: reading.
//!
//! [`Dng::parse`] checks a whole file that is in memory and says what it holds ([`Description`]); [`Dng::decode`] gives
//! the mosaic's samples, and [`Dng::frame`] a raw frame that this crate develops. What is read:
//!
//! | part | read | refused, by name |
//! |---|---|---|
//! | container | TIFF of either byte order; the raw image in the first IFD, those after it or SubIFDs | BigTIFF; files that need a reader of a version after 1.7.1 |
//! | samples | one a pixel, Bayer of all four phases, 8 to 16 bits | LinearRaw (34892), other filters, floating point |
//! | storage | strips and tiles, uncompressed (bytes, words of the file's byte order, else bits packed high first) or lossless JPEG (1 to 4 components, predictors 1 to 7, restarts) | Deflate (8), lossy JPEG (34892), JPEG XL (52546), interleaved rows or columns |
//! | levels | LinearizationTable, applied; BlackLevel of up to 2x2; WhiteLevel | |
//! | geometry | ActiveArea, DefaultCropOrigin, DefaultCropSize, Orientation | |
//! | colour | AsShotNeutral, ColorMatrix1/2, ForwardMatrix1/2, CalibrationIlluminant1/2, NoiseProfile, BaselineExposure | |
//!
//! Opcode lists (GainMap with them) and the black levels of single rows and columns are named in
//! [`Description::unapplied`] and not applied. Not looked at: previews, masks, AsShotWhiteXY, CameraCalibration,
//! AnalogBalance, third calibrations, profiles, maker notes and private data.
//!
//! A file is not trusted: sizes are checked against the bytes that are there before anything is allocated, a picture has
//! at most eight samples for each byte of its file (a coded sample takes a bit at least), strips and tiles together are no
//! larger than the file, and IFDs are followed to a bounded number: memory and time grow with the file's bytes alone.
//! Nothing panics.
//!
//! Sources: DNG 1.7.1.0, TIFF 6.0, TIFF/EP (ISO 12234-2), ITU-T T.81 for lossless JPEG.

mod area;
mod colour;
mod description;
mod error;
mod layout;
mod lossless_jpeg;
mod plain;
mod tag;
mod tiff;

pub use area::Area;
pub use description::{Calibration, Correction, Description, Matrix};
pub use error::{Error, Part};
pub use layout::Compression;
pub use tag::Tag;

use layout::{Layout, Segment};
use lossless_jpeg::{Problem, Stream};
use tiff::{Directory, Tiff, Values};

use crate::{Packing, RawGeometry};

/// IFDs that are looked at; files have a handful.
const MOST_DIRECTORIES: usize = 64;
/// The newest version whose files are read.
const VERSION: [u8; 4] = [1, 7, 1, 0];
/// PhotometricInterpretation of a mosaic, and of a picture that is demosaiced already.
const CFA: u32 = 32_803;
const LINEAR_RAW: u32 = 34_892;

/// A DNG in memory that has been checked.
#[derive(Debug, Clone)]
pub struct Dng<'a> {
    tiff: Tiff<'a>,
    layout: Layout<'a>,
    version: [u8; 4],
    description: Description,
}

impl<'a> Dng<'a> {
    /// Checks everything but the coded samples. `bytes` is the whole file.
    ///
    /// Allocates the texts and tables of [`Description`] only, at most 200 KB whatever the file says.
    ///
    /// # Errors
    /// All of [`Error`] but [`Error::Jpeg`], [`Error::Area`], [`Error::Buffer`] and [`Error::Frame`].
    pub fn parse(bytes: &'a [u8]) -> Result<Dng<'a>, Error> {
        let (tiff, offset) = Tiff::new(bytes)?;
        let first = tiff.directory(offset)?;
        let version = version(&first)?;
        let raw = raw_image(tiff, offset)?;
        let layout = Layout::new(tiff, &raw)?;
        let (width, height) = layout.image();
        let description = Description::new(tiff, &first, &raw, (width, height, layout.bits))?;
        Ok(Dng { tiff, layout, version, description })
    }

    /// What the file says of its picture.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How the samples are stored.
    pub fn compression(&self) -> Compression {
        self.layout.compression
    }

    /// DNGVersion: the four numbers of the version that the file was written by.
    pub fn version(&self) -> [u8; 4] {
        self.version
    }

    /// The whole stored mosaic, also what is outside the active area.
    pub fn whole(&self) -> Area {
        Area { left: 0, top: 0, width: self.description.width, height: self.description.height }
    }

    /// Decodes an area, row by row, after the linearization table. Codes may exceed the white level.
    ///
    /// `out` has one element for each sample of the area. Beside it, at most 1.2 MB are allocated, whatever the file
    /// says. The work is that of all strips and tiles that the area touches, from their first row on.
    ///
    /// # Errors
    /// [`Error::Area`], [`Error::Buffer`]; [`Error::Jpeg`] for damaged samples, `out` being filled as far as they go.
    pub fn decode(&self, area: Area, out: &mut [u16]) -> Result<(), Error> {
        self.check(&area, out.len(), 1)?;
        let row_samples = area.width as usize;
        self.rows(&area, |x, y, samples| {
            let start = y * row_samples + x;
            out[start..start + samples.len()].copy_from_slice(samples);
        })
    }

    /// The shape of an area as a raw frame: 16-bit words with one black level.
    ///
    /// The black level is the lowest of the four; the white level is lowered by the spread of the four, since a
    /// sample whose black level is lowered saturates earlier.
    ///
    /// # Errors
    /// [`Error::Area`]; [`Error::Frame`] when the area is too small or its levels leave no range.
    pub fn geometry(&self, area: Area) -> Result<RawGeometry, Error> {
        if !area.is_within(&self.whole()) {
            return Err(self.outside(area));
        }
        let description = &self.description;
        let levels = Levels::new(description);
        let geometry = RawGeometry {
            width: area.width,
            height: area.height,
            stride_bytes: 2 * area.width as usize,
            bits: levels.bits(),
            packing: Packing::Le16,
            pattern: area::shifted(
                description.pattern,
                area.left.abs_diff(description.active.left),
                area.top.abs_diff(description.active.top),
            ),
            black: levels.black,
            white: levels.white,
        };
        geometry.validate()?;
        Ok(geometry)
    }

    /// Decodes an area as the raw frame of [`Dng::geometry`]: the black levels of the four sites are made one, and
    /// what is above the depth becomes its largest code.
    ///
    /// `out` has two bytes for each sample of the area. Memory and work are those of [`Dng::decode`].
    ///
    /// # Errors
    /// As [`Dng::decode`] and [`Dng::geometry`].
    pub fn frame(&self, area: Area, out: &mut [u8]) -> Result<RawGeometry, Error> {
        let geometry = self.geometry(area)?;
        self.check(&area, out.len(), 2)?;
        let levels = Levels::new(&self.description);
        let (most, active) = (geometry.max_code(), self.description.active);
        let (words, _) = out.as_chunks_mut::<2>();
        let row_samples = area.width as usize;
        self.rows(&area, |x, y, samples| {
            let phase = |at: usize, start: u32, origin: u32| (at + start.abs_diff(origin) as usize) & 1;
            let lowered = levels.lowered[phase(y, area.top, active.top)];
            let start = y * row_samples + x;
            for (i, (word, sample)) in words[start..start + samples.len()].iter_mut().zip(samples).enumerate()
            {
                let lowered = lowered[phase(x + i, area.left, active.left)];
                *word = sample.saturating_sub(lowered).min(most).to_le_bytes();
            }
        })?;
        Ok(geometry)
    }

    fn outside(&self, area: Area) -> Error {
        Error::Area { area, width: self.description.width, height: self.description.height }
    }

    fn check(&self, area: &Area, got: usize, elements: u64) -> Result<(), Error> {
        if !area.is_within(&self.whole()) {
            return Err(self.outside(*area));
        }
        let expected = area.samples() * elements;
        if got as u64 != expected {
            return Err(Error::Buffer { expected, got });
        }
        Ok(())
    }

    /// Gives the linear samples of an area, piece by piece: column and row in the area, and samples.
    fn rows(&self, area: &Area, mut take: impl FnMut(usize, usize, &[u16])) -> Result<(), Error> {
        let table = &self.description.linearization;
        let mut linear = vec![0_u16; if table.is_empty() { 0 } else { self.layout.width as usize }];
        for segment in self.layout.segments(self.tiff, area) {
            let segment = segment?;
            let place = segment.area;
            // The columns that the segment and the area share, seen from the segment.
            let from = area.left.saturating_sub(place.left);
            let to = (area.left + area.width - place.left).min(place.width);
            let x = (place.left + from - area.left) as usize;
            self.segment_rows(&segment, area, |row, samples| {
                let y = place.top + row;
                if y < area.top || y >= area.top + area.height {
                    return;
                }
                let mut samples = &samples[from as usize..to as usize];
                if let Some(last) = table.last() {
                    let linear = &mut linear[..samples.len()];
                    for (linear, stored) in linear.iter_mut().zip(samples) {
                        *linear = *table.get(usize::from(*stored)).unwrap_or(last);
                    }
                    samples = linear;
                }
                take(x, (y - area.top) as usize, samples);
            })?;
        }
        Ok(())
    }

    /// Gives the stored rows of a segment down to the end of the area, at least.
    fn segment_rows(
        &self,
        segment: &Segment<'_>,
        area: &Area,
        mut take: impl FnMut(u32, &[u16]),
    ) -> Result<(), Error> {
        let Segment { area: place, data, .. } = segment;
        let end = (area.top + area.height - place.top).min(place.height);
        match self.layout.compression {
            Compression::None => {
                let mut samples = vec![0; place.width as usize];
                let rows = data.chunks_exact(self.layout.row_bytes());
                let start = area.top.saturating_sub(place.top);
                for (row, bytes) in (0..end).zip(rows).skip(start as usize) {
                    plain::unpack(bytes, self.layout.bits, self.tiff.order, &mut samples);
                    take(row, &samples);
                }
                Ok(())
            }
            Compression::LosslessJpeg => {
                let stream = Stream {
                    data,
                    width: place.width,
                    heights: [place.height, self.layout.height],
                    has_padded_differences: self.version < [1, 1, 0, 0],
                };
                stream.decode(end, take).map_err(|Problem { offset, expected, got }| Error::Jpeg {
                    segment: segment.index,
                    offset: segment.offset + offset as u64,
                    expected,
                    got,
                })
            }
        }
    }
}

/// Four black levels as one.
struct Levels {
    black: u16,
    white: u16,
    /// What is taken off the samples, `[row & 1][column & 1]` from the active area's top left.
    lowered: [[u16; 2]; 2],
}

impl Levels {
    fn new(description: &Description) -> Levels {
        // Levels are checked to be below the white level, so they fit.
        let black = description.black.map(|row| row.map(|level| level.round() as u16));
        let all = black.as_flattened().iter().copied();
        let (least, most) = (all.clone().min().unwrap_or(0), all.max().unwrap_or(0));
        Levels {
            black: least,
            white: description.white.saturating_sub(most - least),
            lowered: black.map(|row| row.map(|level| level - least)),
        }
    }

    /// The depth that the white level needs, 9 or more.
    fn bits(&self) -> u8 {
        // At most 16.
        (u16::BITS - self.white.leading_zeros()).max(9) as u8
    }
}

fn version(first: &Directory<'_>) -> Result<[u8; 4], Error> {
    let four = |values: &Values<'_>| -> Result<[u8; 4], Error> {
        values.whole_numbers(4)?;
        Ok([0, 1, 2, 3].map(|index| values.unsigned(index).min(255) as u8))
    };
    let version = four(&first.need(Tag::DNG_VERSION, "a DNG's version (another TIFF is no DNG)")?)?;
    if let Some(values) = first.find(Tag::DNG_BACKWARD_VERSION)? {
        let needed = four(&values)?;
        if needed > VERSION {
            return Err(
                values.unsupported(format!("that it needs a reader of {needed:?}"), "up to 1.7.1.0 is")
            );
        }
    }
    Ok(version)
}

/// Looks for the raw image from the first directory on: its SubIFDs, then the next one. Each is looked at once.
fn raw_image(tiff: Tiff<'_>, first: u32) -> Result<Directory<'_>, Error> {
    let mut offsets = vec![first];
    let mut linear = None;
    let mut looked_at = 0;
    while let Some(&offset) = offsets.get(looked_at) {
        looked_at += 1;
        let directory = tiff.directory(offset)?;
        let kind = directory.number(Tag::NEW_SUBFILE_TYPE)?.map_or(0, |(_, kind)| kind);
        let photometric = directory.number(Tag::PHOTOMETRIC_INTERPRETATION)?;
        match (kind, photometric) {
            (0, Some((_, CFA))) => return Ok(directory),
            (0, Some((values, LINEAR_RAW))) => linear = linear.or(Some(values)),
            _ => {}
        }
        let below = directory.find(Tag::SUB_IFDS)?;
        let below = below.iter().flat_map(|values| (0..values.count()).map(|index| values.unsigned(index)));
        for next in below.chain([directory.next()]).take(MOST_DIRECTORIES) {
            if next != 0 && offsets.len() < MOST_DIRECTORIES && !offsets.contains(&next) {
                offsets.push(next);
            }
        }
    }
    match linear {
        Some(values) => {
            Err(values.unsupported("34892 (LinearRaw, demosaiced already)", "32803 (a mosaic) is"))
        }
        None => Err(Error::NoRawImage { directories: looked_at }),
    }
}
