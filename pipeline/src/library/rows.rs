//! Rows as values.

use std::time::Duration;

use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Layout;
use crate::clock;
use crate::event::AssetView;
use crate::files::Content;
use crate::photo::{Quality, State, Tier, UnknownWord};

/// One photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Asset {
    /// Its identity.
    pub asset_id: Uuid,
    /// The capture that it came from, counted from 1 by the process that took it.
    pub capture_id: u64,
    /// Its file, below the library's folder.
    pub path: String,
    /// 1 is the proxy, 2 the first full picture.
    pub generation: u32,
    /// What the file holds.
    pub quality: Quality,
    /// Whether more is to come.
    pub state: State,
    /// The tier of a full picture.
    pub tier: Option<Tier>,
    /// Why it stays what it is, after a fallback.
    pub reason: Option<String>,
    /// Where the full picture went when others had changed the file.
    pub beside: Option<String>,
    /// Local time of the shot.
    pub captured_at: jiff::Zoned,
    /// What is known of the shot beside its pixels.
    pub shot: Shot,
    /// What we last wrote to the path.
    pub content: Content,
    /// Grows with every change to any photo.
    pub changed: u64,
}

/// A row that makes no sense: somebody or something else wrote to the database. It is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The table: `asset` or `job`.
    pub table: &'static str,
    /// The row's key: a photo's id, where that is not what is damaged.
    pub entry: String,
    /// The column, and what is wrong with it.
    pub what: String,
}

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.table, self.entry, self.what)
    }
}

/// What is known of a shot beside its pixels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// Who made the camera.
    pub make: String,
    /// What it is called.
    pub model: String,
    /// Exposure time in microseconds, where the camera tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure_us: Option<u64>,
    /// Gain over the sensor's base sensitivity, where the camera tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<f32>,
    /// EXIF orientation, 1 to 8.
    pub orientation: u8,
    /// True for a camera that sees no real light.
    pub simulated: bool,
    /// CLOCK_MONOTONIC microseconds of the request; means nothing after a reboot.
    #[serde(default)]
    pub requested_us: u64,
    /// The reference frame's size.
    pub raw_width: u32,
    /// The reference frame's size.
    pub raw_height: u32,
}

impl Shot {
    /// Exposure time and gain, where both are known.
    pub fn exposure(&self) -> Option<(Duration, f32)> {
        Some((Duration::from_micros(self.exposure_us?), self.gain?))
    }
}

/// How far a development is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Waits.
    Pending,
    /// Was started.
    Running,
    /// Done.
    Completed,
    /// Did not succeed; will be tried again.
    Failed,
    /// Did not succeed and will not.
    Error,
}

impl JobState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Error => "error",
        }
    }

    fn parse(word: &str) -> Result<Self, UnknownWord> {
        [Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Error]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| UnknownWord(word.to_owned(), "job state"))
    }
}

/// Where a photo's raw burst is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawState {
    /// On its way to storage.
    Securing,
    /// On storage, durable.
    Secured,
    /// Nowhere: used up, or lost.
    Gone,
}

impl RawState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Securing => "securing",
            Self::Secured => "secured",
            Self::Gone => "gone",
        }
    }

    fn parse(word: &str) -> Result<Self, UnknownWord> {
        [Self::Securing, Self::Secured, Self::Gone]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| UnknownWord(word.to_owned(), "raw state"))
    }
}

/// The development of one photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The photo.
    pub asset_id: Uuid,
    /// How far it is.
    pub state: JobState,
    /// The tier, fixed when the photo was accepted.
    pub tier: Tier,
    /// Where the raw burst is.
    pub raw: RawState,
    /// Raw frames that are safe.
    pub frames: u32,
    /// Attempts so far, as [`crate::developer::ATTEMPTS`] means them; a start that goes on is one of them.
    pub attempts: u32,
    /// The look that both phases share, as JSON.
    pub rendering: Option<String>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

impl Job {
    /// True while it is still to do.
    pub fn is_open(&self) -> bool {
        matches!(self.state, JobState::Pending | JobState::Running | JobState::Failed)
    }
}

const ASSET_COLUMNS: &str = "asset_id, capture_id, path, generation, quality, state, tier, reason, beside, \
                                        captured_at, shot, file_len, file_crc, changed";
const JOB_COLUMNS: &str = "asset_id, state, tier, raw, frames, attempts, rendering, last_error";

/// A table whose rows are values.
pub(super) struct Table<T> {
    pub(super) name: &'static str,
    pub(super) columns: &'static str,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
}

pub(super) const ASSETS: Table<Asset> = Table { name: "asset", columns: ASSET_COLUMNS, read: asset };
pub(super) const JOBS: Table<Job> = Table { name: "job", columns: JOB_COLUMNS, read: job };

impl<T> Table<T> {
    /// The value of a row, or what is wrong with it.
    pub(super) fn value(&self, row: &Row<'_>) -> rusqlite::Result<Result<T, Damaged>> {
        let error = match (self.read)(row) {
            Ok(value) => return Ok(Ok(value)),
            Err(error) => error,
        };
        let (column, what) = match &error {
            rusqlite::Error::FromSqlConversionFailure(column, _, source) => (*column, source.to_string()),
            rusqlite::Error::IntegralValueOutOfRange(column, value) => {
                (*column, format!("{value} is too much"))
            }
            rusqlite::Error::InvalidColumnType(column, _, kind) => (*column, format!("it is of type {kind}")),
            rusqlite::Error::Utf8Error(column, source) => (*column, source.to_string()),
            _ => return Err(error),
        };
        let column = self.columns.split(", ").nth(column).unwrap_or("a column").trim();
        let entry = match row.get_ref(0)? {
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            other => format!("{other:?}"),
        };
        Ok(Err(Damaged { table: self.name, entry, what: format!("{column}: {what}") }))
    }
}

fn asset(row: &Row<'_>) -> rusqlite::Result<Asset> {
    Ok(Asset {
        asset_id: parsed(row, 0, Uuid::try_parse)?,
        capture_id: unsigned(row, 1)?,
        path: row.get(2)?,
        generation: unsigned(row, 3)?,
        quality: parsed(row, 4, str::parse)?,
        state: parsed(row, 5, str::parse)?,
        tier: optional(row, 6, str::parse)?,
        reason: row.get(7)?,
        beside: row.get(8)?,
        captured_at: parsed(row, 9, clock::from_text)?,
        shot: parsed(row, 10, |text| serde_json::from_str(text))?,
        content: Content { len: unsigned(row, 11)?, crc: unsigned(row, 12)? },
        changed: unsigned(row, 13)?,
    })
}

fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        asset_id: parsed(row, 0, Uuid::try_parse)?,
        state: parsed(row, 1, JobState::parse)?,
        tier: parsed(row, 2, str::parse)?,
        raw: parsed(row, 3, RawState::parse)?,
        frames: unsigned(row, 4)?,
        attempts: unsigned(row, 5)?,
        rendering: row.get(6)?,
        last_error: row.get(7)?,
    })
}

fn unsigned<T: TryFrom<i64>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let value: i64 = row.get(column)?;
    T::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

fn parsed<T, E>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Result<T, E>) -> rusqlite::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.get(column)?;
    parse(&text).map_err(|error| conversion(column, error))
}

fn optional<T, E>(
    row: &Row<'_>,
    column: usize,
    parse: impl Fn(&str) -> Result<T, E>,
) -> rusqlite::Result<Option<T>>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let text: Option<String> = row.get(column)?;
    text.map(|text| parse(&text).map_err(|error| conversion(column, error))).transpose()
}

fn conversion(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

pub(super) fn view(layout: &Layout, asset: &Asset) -> AssetView {
    AssetView {
        asset_id: asset.asset_id,
        path: layout.folder().join(&asset.path),
        generation: asset.generation,
        quality: asset.quality,
        state: asset.state,
        tier: asset.tier,
        reason: asset.reason.clone(),
    }
}
