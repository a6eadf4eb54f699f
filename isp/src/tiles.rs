//! A picture's rows in tiles, for threads that the caller brings.
//!
//! The crate starts no threads. Whoever has some gives each its own scratch and a [`Worker`], which takes one tile after
//! the other; threads may join and leave between tiles, and [`Tiles::cancel`] ends the work at the next tile. What is
//! written does not depend on who takes which tile.

use std::ops::Range;
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
    tile_rows: u32,
    /// Samples of a row.
    row: usize,
    left: Mutex<Vec<Run<'a, T>>>,
    cancelled: AtomicBool,
}

/// Tiles behind each other.
#[derive(Debug)]
struct Run<'a, T> {
    rows: Range<u32>,
    out: &'a mut [T],
    /// Whether a worker goes on with it.
    taken: bool,
}

/// One thread's share of the tiles: one after the other as long as nobody else has been there, which saves the rows that
/// strips have in common (`Strips` of the plans), then half of what is left to another.
#[derive(Debug)]
pub struct Worker<'t, 'a, T> {
    tiles: &'t Tiles<'a, T>,
    /// The row after the last tile.
    next: Option<u32>,
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
        let all = Run { rows: 0..height, out, taken: false };
        let left = Mutex::new(if height == 0 { Vec::new() } else { vec![all] });
        Ok(Tiles { tile_rows: tile_rows.max(1), row, left, cancelled: AtomicBool::new(false) })
    }

    /// A worker, for one thread.
    pub fn worker(&self) -> Worker<'_, 'a, T> {
        Worker { tiles: self, next: None }
    }

    /// The next tile from the top; none once all are taken or the work is cancelled. Waits for no more than another
    /// thread's taking one.
    pub fn take(&self) -> Option<Tile<'a, T>> {
        self.take_of(|runs| (0..runs.len()).min_by_key(|&run| runs[run].rows.start), false)
    }

    /// The first tile of the run that is chosen; `keep` says that the one who takes it goes on with the run.
    fn take_of(
        &self,
        choose: impl FnOnce(&mut Vec<Run<'a, T>>) -> Option<usize>,
        keep: bool,
    ) -> Option<Tile<'a, T>> {
        if self.is_cancelled() {
            return None;
        }
        let mut runs = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let chosen = choose(&mut runs)?;
        let Run { rows, out, .. } = runs.swap_remove(chosen);
        let [tile, rest] = self.cut(Run { rows, out, taken: keep }, 1);
        if !rest.rows.is_empty() {
            runs.push(rest);
        }
        Some(Tile { rows: tile.rows, out: tile.out })
    }

    /// A run in two, the first of so many tiles.
    fn cut(&self, Run { rows, out, taken }: Run<'a, T>, tiles: u32) -> [Run<'a, T>; 2] {
        let rows_before = tiles.saturating_mul(self.tile_rows).min(rows.end - rows.start);
        let middle = rows.start + rows_before;
        let (before, after) = out.split_at_mut(self.row * rows_before as usize);
        [
            Run { rows: rows.start..middle, out: before, taken },
            Run { rows: middle..rows.end, out: after, taken },
        ]
    }

    /// The run that begins at `next`, or the longest: all of it where nobody goes on with it, else its second half.
    fn run_for(&self, next: Option<u32>, runs: &mut Vec<Run<'a, T>>) -> Option<usize> {
        if let Some(own) = runs.iter().position(|run| Some(run.rows.start) == next && run.taken) {
            return Some(own);
        }
        let longest = (0..runs.len()).max_by_key(|&run| runs[run].rows.len())?;
        let tiles = (runs[longest].rows.end - runs[longest].rows.start).div_ceil(self.tile_rows);
        if runs[longest].taken && tiles > 1 {
            let [first, second] = self.cut(runs.swap_remove(longest), tiles / 2);
            runs.extend([first, second]);
            return Some(runs.len() - 1);
        }
        Some(longest)
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

impl<'a, T> Iterator for Worker<'_, 'a, T> {
    type Item = Tile<'a, T>;

    /// None once all are taken or the work is cancelled. Waits for no more than another thread's taking one.
    fn next(&mut self) -> Option<Tile<'a, T>> {
        let (tiles, next) = (self.tiles, self.next);
        let tile = tiles.take_of(|runs| tiles.run_for(next, runs), true)?;
        self.next = Some(tile.rows.end);
        Some(tile)
    }
}

impl<T> Drop for Worker<'_, '_, T> {
    /// What the worker would have gone on with is another's as a whole.
    fn drop(&mut self) {
        let mut runs = self.tiles.left.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = runs.iter_mut().find(|run| Some(run.rows.start) == self.next) {
            own.taken = false;
        }
    }
}
