//! What a spool file says of its burst, and the JSON that this is stored as.
//!
//! Keys are added, never renamed: a reader ignores keys that it does not know, and new keys have defaults.

use std::path::Path;

use jiff::Zoned;
use latent_isp::{Packing, RawGeometry, SensorColour};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Error;
use super::format::{HEADER_LIMIT, Layout, MAX_FRAMES, RAW_VERSION, STRIP_BYTES, VERSION};
use super::stored::{self, StoredYuv};
use crate::clock;
use crate::library::Shot;
use crate::pixels::{JpegFrames, Pixels};

/// What is known of a burst before its frames.
#[derive(Clone, Debug, PartialEq)]
pub struct SpoolHeader {
    /// The photo.
    pub asset_id: Uuid,
    /// The library that it belongs to.
    pub library_id: Uuid,
    /// The frames. The writer takes those of the camera; in a file they are packed, without row padding.
    pub pixels: Pixels,
    /// How many frames are planned, 1 to 1024; there may be fewer in the end.
    pub frames: u32,
    /// When the shutter was pressed. The offset is kept, the zone's name is not: a board may know no zones.
    pub captured_at: Zoned,
    /// What is known of the shot beside its pixels.
    pub shot: Shot,
    /// The sensor's colours, where it is calibrated.
    pub colour: Option<SensorColour>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    asset_id: String,
    library_id: String,
    frames: u32,
    strip_rows: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    geometry: Option<StoredGeometry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    yuv: Option<StoredYuv>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jpeg: Option<StoredJpeg>,
    captured_at: String,
    shot: Shot,
    #[serde(default)]
    matrix: Option<[[f32; 3]; 3]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    daylight: Option<[f32; 3]>,
}

#[derive(Serialize, Deserialize)]
struct StoredGeometry {
    width: u32,
    height: u32,
    bits: u8,
    packing: String,
    pattern: String,
    black: u16,
    white: u16,
}

#[derive(Serialize, Deserialize)]
struct StoredJpeg {
    width: u32,
    height: u32,
    most_bytes: usize,
}

impl StoredGeometry {
    fn of(geometry: &RawGeometry) -> Self {
        Self {
            width: geometry.width,
            height: geometry.height,
            bits: geometry.bits,
            packing: geometry.packing.name().to_owned(),
            pattern: geometry.pattern.name().to_owned(),
            black: geometry.black,
            white: geometry.white,
        }
    }

    fn geometry(self, path: &Path) -> Result<RawGeometry, Error> {
        let Self { width, height, bits, black, white, packing, pattern } = self;
        let packing: Packing = packing.parse().map_err(|error: latent_isp::Error| wrong(path, &error))?;
        let pattern = pattern.parse().map_err(|error: latent_isp::Error| wrong(path, &error))?;
        let unlike = |source| Error::Geometry { path: path.to_owned(), source };
        let stride_bytes = packing.row_bytes(bits, width as usize).map_err(unlike)?;
        Ok(RawGeometry { width, height, stride_bytes, bits, packing, pattern, black, white })
    }
}

impl SpoolHeader {
    /// The version of a file with this header.
    pub(super) fn version(&self) -> u16 {
        match self.pixels {
            Pixels::Raw(_) => RAW_VERSION,
            Pixels::Yuv(_) | Pixels::Jpeg(_) => VERSION,
        }
    }

    /// The JSON of this header, whose geometry is that of the file, and where everything lies under it.
    pub(super) fn store(&self, path: &Path) -> Result<(Vec<u8>, Layout), Error> {
        let numbers = self.colour.iter().flat_map(|colour| {
            colour.matrix.into_iter().flatten().chain(colour.daylight.into_iter().flatten())
        });
        if !numbers.into_iter().all(f32::is_finite) {
            return Err(Error::header(
                path,
                format!("the sensor's colours {:?} are not finite", self.colour),
            ));
        }
        let rows = stored::rows(&self.pixels);
        // Of a JPEG the last strip is written whole: it is better short.
        let strip_bytes = if matches!(self.pixels, Pixels::Jpeg(_)) { STRIP_BYTES / 8 } else { STRIP_BYTES };
        let strip_rows = Layout::strip_rows(rows, strip_bytes);
        let (mut geometry, mut yuv, mut jpeg) = (None, None, None);
        match &self.pixels {
            Pixels::Raw(raw) => geometry = Some(StoredGeometry::of(raw)),
            Pixels::Yuv(shape) => yuv = Some(StoredYuv::of(shape)),
            &Pixels::Jpeg(JpegFrames { width, height, most_bytes }) => {
                jpeg = Some(StoredJpeg { width, height, most_bytes });
            }
        }
        let stored = Stored {
            asset_id: self.asset_id.to_string(),
            library_id: self.library_id.to_string(),
            frames: self.frames,
            strip_rows,
            geometry,
            yuv,
            jpeg,
            captured_at: clock::to_text(&self.captured_at),
            shot: self.shot.clone(),
            matrix: self.colour.map(|colour| colour.matrix),
            daylight: self.colour.and_then(|colour| colour.daylight),
        };
        let json = serde_json::to_vec(&stored).map_err(|error| Error::header(path, error.to_string()))?;
        if json.len() > HEADER_LIMIT {
            return Err(Error::header(
                path,
                format!("{} bytes, at most {HEADER_LIMIT} are allowed", json.len()),
            ));
        }
        let layout = self.layout(strip_rows, json.len(), path)?;
        Ok((json, layout))
    }

    /// Reads back what [`SpoolHeader::store`] made.
    pub(super) fn load(json: &[u8], path: &Path) -> Result<(Self, Layout), Error> {
        let stored: Stored = serde_json::from_slice(json).map_err(|error| wrong(path, &error))?;
        let pixels = match (stored.geometry, stored.yuv, stored.jpeg) {
            (Some(raw), None, None) => Pixels::Raw(raw.geometry(path)?),
            (None, Some(yuv), None) => Pixels::Yuv(yuv.geometry(path)?),
            (None, None, Some(StoredJpeg { width, height, most_bytes })) => {
                Pixels::Jpeg(JpegFrames { width, height, most_bytes })
            }
            _ => return Err(Error::header(path, "it does not say of one kind what the frames are")),
        };
        pixels.validate().map_err(|source| Error::Geometry { path: path.to_owned(), source })?;
        let header = Self {
            asset_id: stored.asset_id.parse().map_err(|error: uuid::Error| wrong(path, &error))?,
            library_id: stored.library_id.parse().map_err(|error: uuid::Error| wrong(path, &error))?,
            pixels,
            frames: stored.frames,
            captured_at: clock::from_text(&stored.captured_at).map_err(|error| wrong(path, &error))?,
            shot: stored.shot,
            colour: stored.matrix.map(|matrix| SensorColour { matrix, daylight: stored.daylight }),
        };
        let layout = header.layout(stored.strip_rows, json.len(), path)?;
        Ok((header, layout))
    }

    fn layout(&self, strip_rows: u32, json_bytes: usize, path: &Path) -> Result<Layout, Error> {
        if !(1..=MAX_FRAMES).contains(&self.frames) {
            return Err(Error::header(
                path,
                format!("{} frames, 1 to {MAX_FRAMES} are allowed", self.frames),
            ));
        }
        Layout::new(stored::rows(&self.pixels), self.asset_id, strip_rows, json_bytes)
            .map_err(|reason| Error::header(path, reason))
    }
}

pub(super) fn wrong(path: &Path, error: &dyn std::error::Error) -> Error {
    Error::header(path, error.to_string())
}
