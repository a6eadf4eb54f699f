//! The database's format and its versions (`PRAGMA user_version`).

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::Layout;
use crate::error::Error;

/// The format that this program writes.
pub(super) const VERSION: i64 = 1;

const CREATE: &str = "
CREATE TABLE library (id TEXT NOT NULL) STRICT;
-- Every photo; `changed` grows with each change to any row, so that a client can ask what is new.
CREATE TABLE asset (
    asset_id    TEXT PRIMARY KEY,
    capture_id  INTEGER NOT NULL,
    path        TEXT NOT NULL UNIQUE,          -- below the library's folder
    generation  INTEGER NOT NULL,              -- 1 proxy, 2 first full picture
    quality     TEXT NOT NULL CHECK (quality IN ('low', 'full')),
    state       TEXT NOT NULL CHECK (state IN ('pending', 'final', 'final-fallback')),
    tier        TEXT,                          -- of a full picture
    reason      TEXT,                          -- of a fallback
    beside      TEXT,                          -- full picture put beside one that others changed, absolute
    captured_at TEXT NOT NULL,                 -- local time with its offset
    shot        TEXT NOT NULL,                 -- JSON: make, model, exposure, orientation
    file_len    INTEGER NOT NULL,              -- what we last wrote to the path
    file_crc    INTEGER NOT NULL,
    changed     INTEGER NOT NULL
) STRICT;
CREATE INDEX asset_changed ON asset (changed);
-- The development of a photo; one row for each asset that was accepted.
CREATE TABLE job (
    asset_id    TEXT PRIMARY KEY REFERENCES asset ON DELETE CASCADE,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'running', 'completed', 'failed', 'error')),
    tier        TEXT NOT NULL,                 -- fixed when the photo is accepted
    raw         TEXT NOT NULL CHECK (raw IN ('securing', 'secured', 'gone')),
    frames      INTEGER NOT NULL,              -- raw frames that are safe
    attempts    INTEGER NOT NULL,              -- starts that nobody saw end
    rendering   TEXT,                          -- JSON: the look that both phases share
    last_error  TEXT
) STRICT;
CREATE INDEX job_open ON job (state) WHERE state IN ('pending', 'running', 'failed');
";

/// Settings of the one writing connection, and the tables where there are none; returns the library's identity.
pub(super) fn prepare(connection: &Connection, layout: &Layout) -> Result<Uuid, Error> {
    let failed = |source| Error::Database { path: layout.database(), source };
    check_version(connection, layout)?;
    write_ahead(connection).map_err(failed)?;
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 100;
             PRAGMA journal_size_limit = 1048576;
             PRAGMA foreign_keys = ON;",
        )
        .map_err(failed)?;
    let fresh = version(connection).map_err(failed)? == 0;
    if fresh {
        connection
            .execute_batch(&format!("BEGIN IMMEDIATE; {CREATE} PRAGMA user_version = {VERSION}; COMMIT;"))
            .map_err(failed)?;
    }
    let known: Option<String> =
        connection.query_row("SELECT id FROM library", [], |row| row.get(0)).optional().map_err(failed)?;
    match known.as_deref().map(Uuid::try_parse) {
        Some(Ok(id)) => Ok(id),
        _ => {
            let id = Uuid::now_v7();
            connection
                .execute("DELETE FROM library", [])
                .and_then(|_| connection.execute("INSERT INTO library (id) VALUES (?1)", [id.to_string()]))
                .map_err(failed)?;
            Ok(id)
        }
    }
}

/// Refuses a database that a newer program wrote, before anything is changed in it.
pub(super) fn check_version(connection: &Connection, layout: &Layout) -> Result<(), Error> {
    let found = version(connection).map_err(|source| Error::Database { path: layout.database(), source })?;
    if found > VERSION {
        return Err(Error::NewerLibrary { library: layout.folder().to_owned(), found, known: VERSION });
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Write-ahead logging where the file system has shared mappings; the rollback journal elsewhere (9p, some network
/// file systems), which costs more fsyncs and is as safe.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    let works = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
        .is_ok_and(|mode| mode == "wal")
        && version(connection).is_ok()
        && connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK;").is_ok();
    if !works {
        connection
            .pragma_update_and_check(None, "journal_mode", "TRUNCATE", |row| row.get::<_, String>(0))?;
    }
    Ok(())
}
