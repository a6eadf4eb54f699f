//! Writing: what only the owner does. Each function is one transaction.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use uuid::Uuid;

use super::Library;
use super::rows::{JobState, RawState, Shot};
use crate::clock;
use crate::error::Error;
use crate::files::Content;
use crate::photo::{Quality, State, Tier};

/// A photo whose proxy is durable and that the library is to accept, with its job.
#[derive(Clone, Debug)]
pub struct NewPhoto {
    /// Its identity.
    pub asset_id: Uuid,
    /// The capture that it came from.
    pub capture_id: u64,
    /// Its file, below the library's folder.
    pub path: String,
    /// Local time of the shot.
    pub captured_at: jiff::Zoned,
    /// What is known of the shot beside its pixels.
    pub shot: Shot,
    /// What the file holds.
    pub content: Content,
    /// The tier at which it is to be developed.
    pub tier: Tier,
    /// The look that both phases share, as JSON; `None` has the developer derive it from the raw picture again.
    pub rendering: Option<String>,
    /// Where the raw burst is.
    pub raw: RawState,
    /// Raw frames that are safe.
    pub frames: u32,
}

/// How a photo's development ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// What the path holds now.
    pub quality: Quality,
    /// Whose generation.
    pub generation: u32,
    /// Final, or fallback.
    pub state: State,
    /// The tier, of a full picture.
    pub tier: Option<Tier>,
    /// Why, of a fallback.
    pub reason: Option<String>,
    /// Where a full picture went that could not take the file's place.
    pub beside: Option<String>,
    /// What we last wrote to the path; `None` leaves what the row says.
    pub content: Option<Content>,
    /// Where the raw burst is: gone when it is to be removed.
    pub raw: RawState,
}

fn next_change(transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
    transaction.query_row("SELECT coalesce(max(changed), 0) + 1 FROM asset", [], |row| row.get(0))
}

fn run<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

/// Takes the attempts back that a restart of the machine cut off: they say nothing of their photos.
pub(super) fn forget_running(connection: &Connection) -> rusqlite::Result<usize> {
    connection.execute(
        "UPDATE job SET state = 'pending', attempts = max(0, attempts - 1) WHERE state = 'running'",
        [],
    )
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Library {
    fn transaction<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, Error> {
        run(&mut self.connection(), work).map_err(|error| self.database_error(error))
    }

    /// As [`Library::transaction`], but a power cut may undo it (in order: never without what came later). The lock is
    /// held throughout, so that no other thread's commit goes without its fsync.
    fn without_fsync<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut connection = self.connection();
        let result =
            connection.pragma_update(None, "synchronous", "NORMAL").and_then(|()| run(&mut connection, work));
        let restored = connection.pragma_update(None, "synchronous", "FULL");
        result.and_then(|value| restored.map(|()| value)).map_err(|error| self.database_error(error))
    }

    /// Accepts a photo: asset and job in one transaction, durable when this returns.
    ///
    /// # Errors
    /// [`Error::Database`]; nothing is accepted then.
    pub fn accept(&self, photo: &NewPhoto) -> Result<(), Error> {
        let shot = serde_json::to_string(&photo.shot).unwrap_or_default();
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT INTO asset (asset_id, capture_id, path, generation, quality, state, captured_at, shot, file_len,
                                    file_crc, changed)
                 VALUES (?1, ?2, ?3, 1, 'low', 'pending', ?4, ?5, ?6, ?7, ?8)",
                params![
                    photo.asset_id.to_string(),
                    signed(photo.capture_id),
                    photo.path,
                    clock::to_text(&photo.captured_at),
                    shot,
                    signed(photo.content.len),
                    photo.content.crc,
                    next_change(transaction)?,
                ],
            )?;
            transaction.execute(
                "INSERT INTO job (asset_id, state, tier, raw, frames, attempts, rendering)
                 VALUES (?1, 'pending', ?2, ?3, ?4, 0, ?5)",
                params![
                    photo.asset_id.to_string(),
                    photo.tier.as_str(),
                    photo.raw.as_str(),
                    photo.frames,
                    photo.rendering
                ],
            )?;
            Ok(())
        })
    }

    /// Notes where a photo's raw burst is, durably.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn note_raw(&self, asset: Uuid, raw: RawState, frames: u32) -> Result<(), Error> {
        self.transaction(|transaction| {
            transaction.execute(
                "UPDATE job SET raw = ?2, frames = ?3 WHERE asset_id = ?1",
                params![asset.to_string(), raw.as_str(), frames],
            )?;
            Ok(())
        })
    }

    /// Remembers, until [`Library::settle_raws`], where a photo's raw burst is, for a row that cannot be written now.
    pub(crate) fn note_raw_later(&self, asset: Uuid, raw: RawState, frames: u32) {
        self.unsettled().push((asset, raw, frames));
    }

    /// Writes the rows that could not be written before, as far as that is possible now.
    pub(crate) fn settle_raws(&self) {
        let waiting = std::mem::take(&mut *self.unsettled());
        for (asset, raw, frames) in waiting {
            if self.note_raw(asset, raw, frames).is_err() {
                self.note_raw_later(asset, raw, frames);
            }
        }
    }

    /// Counts a start of development as an attempt before the work begins; returns the number of attempts, this one
    /// included. It survives a death of this process without an fsync. Other commits may make it durable: one that a restart
    /// of the machine cut off is taken back when the library is owned again.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn begin_attempt(&self, asset: Uuid) -> Result<u32, Error> {
        self.without_fsync(|transaction| {
            transaction
                .query_row(
                    "UPDATE job SET state = 'running', attempts = attempts + 1 WHERE asset_id = ?1 RETURNING attempts",
                    params![asset.to_string()],
                    |row| row.get(0),
                )
                .optional()
                .map(|attempts| attempts.unwrap_or(0))
        })
    }

    /// Notes that a start ended without a result: `counts` leaves the attempt counted. Returns the number of attempts.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn end_attempt(
        &self,
        asset: Uuid,
        state: JobState,
        counts: bool,
        why: Option<&str>,
    ) -> Result<u32, Error> {
        self.without_fsync(|transaction| {
            // One that was not begun is not taken back.
            transaction
                .query_row(
                    "UPDATE job SET state = ?2, last_error = coalesce(?4, last_error),
                        attempts = max(0, attempts - (?3 AND state = 'running'))
                     WHERE asset_id = ?1 AND state IN ('pending', 'running', 'failed') RETURNING attempts",
                    params![asset.to_string(), state.as_str(), !counts, why],
                    |row| row.get(0),
                )
                .optional()
                .map(|attempts| attempts.unwrap_or(0))
        })
    }

    /// Ends a photo's development: asset and job in one transaction, durable when this returns.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn end(&self, asset: Uuid, ending: &Ending) -> Result<(), Error> {
        let done = match ending.state {
            State::FinalFallback => JobState::Error,
            State::Final => JobState::Completed,
            State::Pending => JobState::Pending,
        };
        self.transaction(|transaction| {
            transaction.execute(
                "UPDATE asset SET quality = ?2, generation = ?3, state = ?4, tier = ?5, reason = ?6, beside = ?7,
                    file_len = coalesce(?8, file_len), file_crc = coalesce(?9, file_crc), changed = ?10
                 WHERE asset_id = ?1",
                params![
                    asset.to_string(),
                    ending.quality.as_str(),
                    ending.generation,
                    ending.state.as_str(),
                    ending.tier.map(Tier::as_str),
                    ending.reason,
                    ending.beside,
                    ending.content.map(|content| signed(content.len)),
                    ending.content.map(|content| content.crc),
                    next_change(transaction)?,
                ],
            )?;
            transaction.execute(
                "UPDATE job SET state = ?2, raw = ?3, attempts = 0, last_error = ?4 WHERE asset_id = ?1",
                params![asset.to_string(), done.as_str(), ending.raw.as_str(), ending.reason],
            )?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Job;

    fn photo() -> NewPhoto {
        NewPhoto {
            asset_id: Uuid::now_v7(),
            capture_id: 1,
            path: "IMG_1.jpg".to_owned(),
            captured_at: clock::local_now(),
            shot: Shot::default(),
            content: Content::of(b""),
            tier: Tier::Video,
            rendering: None,
            raw: RawState::Secured,
            frames: 1,
        }
    }

    /// A library with a photo whose development has begun, given up by an owner of the first start of the machine.
    fn begun(folder: &std::path::Path) -> NewPhoto {
        let library = Library::own_since(folder, Some("first")).unwrap();
        let photo = photo();
        library.accept(&photo).unwrap();
        assert_eq!(library.begin_attempt(photo.asset_id).unwrap(), 1);
        // Another photo's commit makes the attempt durable as well.
        library.note_raw(photo.asset_id, RawState::Secured, 1).unwrap();
        photo
    }

    fn job(library: &Library, photo: &NewPhoto) -> Job {
        library.job(photo.asset_id).unwrap().unwrap()
    }

    #[test]
    fn an_attempt_that_ended_its_owner_counts() {
        let folder = tempfile::tempdir().unwrap();
        let photo = begun(folder.path());
        for boot in [Some("first"), None] {
            let library = Library::own_since(folder.path(), boot).unwrap();
            let job = job(&library, &photo);
            assert_eq!((job.attempts, job.state), (1, JobState::Running), "{boot:?}");
        }
    }

    #[test]
    fn an_attempt_that_a_restart_of_the_machine_cut_off_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let photo = begun(folder.path());
        for boot in ["second", "third"] {
            let library = Library::own_since(folder.path(), Some(boot)).unwrap();
            let job = job(&library, &photo);
            assert_eq!((job.attempts, job.state), (0, JobState::Pending), "{boot}");
        }
    }

    #[test]
    fn what_counts_as_an_attempt_is_said_when_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let photo = begun(folder.path());
        let library = Library::own(folder.path()).unwrap();
        let id = photo.asset_id;
        assert_eq!(library.end_attempt(id, JobState::Failed, true, Some("worn out")).unwrap(), 1);
        // One that was not begun cannot be taken back.
        assert_eq!(library.end_attempt(id, JobState::Failed, false, None).unwrap(), 1);
        assert_eq!(library.begin_attempt(id).unwrap(), 2);
        assert_eq!(library.end_attempt(id, JobState::Pending, false, None).unwrap(), 1);
        assert_eq!(job(&library, &photo).last_error.as_deref(), Some("worn out"));
    }

    #[test]
    fn a_photo_that_has_ended_is_not_opened_again_by_a_failure_after_that() {
        let folder = tempfile::tempdir().unwrap();
        let photo = begun(folder.path());
        let library = Library::own(folder.path()).unwrap();
        let ending = Ending {
            quality: Quality::Full,
            generation: 2,
            state: State::Final,
            tier: Some(Tier::Video),
            reason: None,
            beside: None,
            content: None,
            raw: RawState::Gone,
        };
        library.end(photo.asset_id, &ending).unwrap();
        library.end_attempt(photo.asset_id, JobState::Failed, true, Some("too late")).unwrap();
        assert!(!job(&library, &photo).is_open());
    }
}
