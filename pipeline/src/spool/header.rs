//! What a spool file says of its burst, and the JSON that this is stored as.
//!
//! Keys are added, never renamed: a reader ignores keys that it does not know, and new keys have defaults.

use std::path::Path;

use jiff::fmt::temporal::{DateTimePrinter, Pieces};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use latent_isp::{Packing, RawGeometry, SensorColour};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Error;
use super::format::{HEADER_LIMIT, Layout, MAX_FRAMES};
use crate::library::Shot;

/// What is known of a burst before its frames.
#[derive(Clone, Debug, PartialEq)]
pub struct SpoolHeader {
    /// The photo.
    pub asset_id: Uuid,
    /// The library that it belongs to.
    pub library_id: Uuid,
    /// The frames. The writer takes those of the camera; in a file they are packed, without row padding.
    pub geometry: RawGeometry,
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
    geometry: StoredGeometry,
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

impl SpoolHeader {
    /// The JSON of this header, whose geometry is that of the file, and where everything lies under it.
    pub(super) fn store(&self, path: &Path) -> Result<(Vec<u8>, Layout), Error> {
        let geometry = self.geometry;
        let numbers = self.colour.iter().flat_map(|colour| {
            colour.matrix.into_iter().flatten().chain(colour.daylight.into_iter().flatten())
        });
        if !numbers.into_iter().all(f32::is_finite) {
            return Err(Error::header(
                path,
                format!("the sensor's colours {:?} are not finite", self.colour),
            ));
        }
        let strip_rows = Layout::strip_rows(&geometry);
        let stored = Stored {
            asset_id: self.asset_id.to_string(),
            library_id: self.library_id.to_string(),
            frames: self.frames,
            strip_rows,
            geometry: StoredGeometry {
                width: geometry.width,
                height: geometry.height,
                bits: geometry.bits,
                packing: geometry.packing.name().to_owned(),
                pattern: geometry.pattern.name().to_owned(),
                black: geometry.black,
                white: geometry.white,
            },
            captured_at: DateTimePrinter::new()
                .timestamp_with_offset_to_string(&self.captured_at.timestamp(), self.captured_at.offset()),
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
        let StoredGeometry { width, height, bits, black, white, packing, pattern } = stored.geometry;
        let packing: Packing = packing.parse().map_err(|error: latent_isp::Error| wrong(path, &error))?;
        let pattern = pattern.parse().map_err(|error: latent_isp::Error| wrong(path, &error))?;
        let unlike = |source| Error::Geometry { path: path.to_owned(), source };
        let stride_bytes = packing.row_bytes(bits, width as usize).map_err(unlike)?;
        let geometry = RawGeometry { width, height, stride_bytes, bits, packing, pattern, black, white };
        geometry.validate().map_err(unlike)?;
        let header = Self {
            asset_id: stored.asset_id.parse().map_err(|error: uuid::Error| wrong(path, &error))?,
            library_id: stored.library_id.parse().map_err(|error: uuid::Error| wrong(path, &error))?,
            geometry,
            frames: stored.frames,
            captured_at: moment(&stored.captured_at).map_err(|error| wrong(path, &error))?,
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
        Layout::new(&self.geometry, self.asset_id, strip_rows, json_bytes)
            .map_err(|reason| Error::header(path, reason))
    }
}

fn wrong(path: &Path, error: &dyn std::error::Error) -> Error {
    Error::header(path, error.to_string())
}

fn moment(text: &str) -> Result<Zoned, jiff::Error> {
    let at: Timestamp = text.parse()?;
    let offset = Pieces::parse(text)?.to_numeric_offset().unwrap_or(Offset::UTC);
    Ok(at.to_zoned(TimeZone::fixed(offset)))
}
