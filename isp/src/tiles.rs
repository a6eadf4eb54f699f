//! A picture's rows in tiles, for threads that the caller brings.
//!
//! The crate starts no threads. Whoever has some gives each its own scratch and lets it [`Tiles::take`] one tile after
//! the other; threads may join and leave between tiles, and [`Tiles::cancel`] ends the work at the next tile. What is
//! written does not depend on who takes which tile.

use std::ops::Range;
use std::slice::ChunksMut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::Error;

/// Rows a tile that suit all tiers: a few hundred microseconds to two milliseconds at 4000 columns, long against the
/// start of a strip and short against a wish to stop.
pub const TILE_ROWS: u32 = 64;

/// Rows that belong together, and where they go.
#[derive(Debug)]
pub struct Tile<'a, T> {
    /// Rows of the picture.
    pub rows: Range<u32>,
    /// Room for exactly these rows.
    pub out: &'a mut [T],
}

/// The tiles of one picture that nobody has taken yet.
#[derive(Debug)]
pub struct Tiles<'a, T> {
    height: u32,
    tile_rows: u32,
    left: Mutex<(u32, ChunksMut<'a, T>)>,
    cancelled: AtomicBool,
}

impl<'a, T> Tiles<'a, T> {
    /// Cuts a picture of `height` rows of `row` samples into tiles of `tile_rows` rows, at least one; the last may have
    /// fewer.
    ///
    /// # Errors
    /// [`Error::Length`] where `out` has not exactly the picture's size; [`Error::TooLarge`] past the address space.
    pub fn new(height: u32, row: usize, tile_rows: u32, out: &'a mut [T]) -> Result<Tiles<'a, T>, Error> {
        let what = "picture (samples)";
        let expected = row.checked_mul(height as usize).ok_or(Error::TooLarge { what })?;
        if out.len() != expected {
            return Err(Error::Length { what, expected, got: out.len() });
        }
        let tile_rows = tile_rows.max(1);
        let tile = row.checked_mul(tile_rows as usize).ok_or(Error::TooLarge { what })?;
        let left = Mutex::new((0, out.chunks_mut(tile.max(1))));
        Ok(Tiles { height, tile_rows, left, cancelled: AtomicBool::new(false) })
    }

    /// The next tile from the top; none once all are taken or the work is cancelled. Waits for no more than another
    /// thread's taking one.
    pub fn take(&self) -> Option<Tile<'a, T>> {
        if self.is_cancelled() {
            return None;
        }
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, chunks) = &mut *left;
        let out = chunks.next()?;
        let rows = *start..start.saturating_add(self.tile_rows).min(self.height);
        *start = rows.end;
        Some(Tile { rows, out })
    }

    /// Lets nobody take a tile any more: what is touched after it are tiles that were taken before.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    /// Whether the work was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
}
