//! Reading: the queries that owner and viewers share, and the view that needs no ownership.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use uuid::Uuid;

use super::rows::{self, ASSETS, Asset, Damaged, JOBS, Job, Table};
use super::{Layout, Library, Ownership, schema};
use crate::error::Error;
use crate::event::AssetView;
use crate::photo::State;

/// The rows of a query that make sense, and those that do not.
fn all<T>(
    connection: &Connection,
    table: &Table<T>,
    which: &str,
) -> rusqlite::Result<(Vec<T>, Vec<Damaged>)> {
    let Table { name, columns, .. } = table;
    let mut statement = connection.prepare_cached(&format!("SELECT {columns} FROM {name} {which}"))?;
    let mut rows = statement.query([])?;
    let (mut good, mut damaged) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        match table.value(row)? {
            Ok(value) => good.push(value),
            Err(bad) => damaged.push(bad),
        }
    }
    Ok((good, damaged))
}

/// The one row whose column has this value.
fn one<T>(
    connection: &Connection,
    table: &Table<T>,
    column: &str,
    value: &str,
) -> rusqlite::Result<Option<Result<T, Damaged>>> {
    let Table { name, columns, .. } = table;
    connection
        .prepare_cached(&format!("SELECT {columns} FROM {name} WHERE {column} = ?1"))?
        .query_row([value], |row| table.value(row))
        .optional()
}

fn assets(connection: &Connection) -> rusqlite::Result<Vec<Asset>> {
    Ok(all(connection, &ASSETS, "ORDER BY asset_id")?.0)
}

fn damaged(connection: &Connection) -> rusqlite::Result<Vec<Damaged>> {
    let mut damaged = all(connection, &ASSETS, "ORDER BY asset_id")?.1;
    damaged.extend(all(connection, &JOBS, "ORDER BY asset_id")?.1);
    Ok(damaged)
}

fn open_jobs(connection: &Connection) -> rusqlite::Result<Vec<Job>> {
    Ok(all(connection, &JOBS, "WHERE state IN ('pending', 'running', 'failed') ORDER BY asset_id")?.0)
}

/// What reading a row came to.
fn told<T>(layout: &Layout, row: rusqlite::Result<Option<Result<T, Damaged>>>) -> Result<Option<T>, Error> {
    let path = || layout.database();
    match row.map_err(|source| Error::Database { path: path(), source })? {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(damaged)) => Err(Error::DamagedEntry { path: path(), what: damaged.to_string() }),
    }
}

fn pending(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .query_row("SELECT count(*) FROM asset WHERE state = ?1", params![State::Pending.as_str()], |row| {
            row.get::<_, i64>(0)
        })
        .map(|count| u64::try_from(count).unwrap_or(0))
}

impl Library {
    /// All photos whose rows make sense, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn assets(&self) -> Result<Vec<Asset>, Error> {
        assets(&self.connection()).map_err(|error| self.database_error(error))
    }

    /// One photo.
    ///
    /// # Errors
    /// [`Error::DamagedEntry`]; [`Error::Database`].
    pub fn asset(&self, id: Uuid) -> Result<Option<Asset>, Error> {
        told(&self.layout, one(&self.connection(), &ASSETS, "asset_id", &id.to_string()))
    }

    /// The rows that make no sense, of photos and of jobs; everything else leaves them out.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn damaged(&self) -> Result<Vec<Damaged>, Error> {
        damaged(&self.connection()).map_err(|error| self.database_error(error))
    }

    /// Whether a photo has this path, below the library's folder.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn has_path(&self, path: &str) -> Result<bool, Error> {
        self.connection()
            .prepare_cached("SELECT 1 FROM asset WHERE path = ?1")
            .and_then(|mut statement| statement.exists([path]))
            .map_err(|error| self.database_error(error))
    }

    /// The job of a photo.
    ///
    /// # Errors
    /// [`Error::DamagedEntry`]; [`Error::Database`].
    pub fn job(&self, id: Uuid) -> Result<Option<Job>, Error> {
        told(&self.layout, one(&self.connection(), &JOBS, "asset_id", &id.to_string()))
    }

    /// The jobs that are still to do and whose rows make sense, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn open_jobs(&self) -> Result<Vec<Job>, Error> {
        open_jobs(&self.connection()).map_err(|error| self.database_error(error))
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    prepared(Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// Opens a database that nobody can write.
fn open_immutable(path: &Path) -> rusqlite::Result<Connection> {
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    prepared(Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?)
}

fn prepared(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    // SQLite looks at the file only when it is asked for something.
    connection.pragma_query_value(None, "schema_version", |_| Ok(()))?;
    Ok(connection)
}

fn is_read_only(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode;
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

fn log_is_empty(database: &Path) -> bool {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().map_or(true, |data| data.len() == 0)
}

/// A library as one sees it without owning it.
#[derive(Debug)]
pub struct View {
    layout: Layout,
    connection: Connection,
}

impl View {
    /// Opens the library in this folder for reading.
    ///
    /// # Errors
    /// [`Error::NoLibrary`]; [`Error::NewerLibrary`]; [`Error::Database`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let layout = Layout::new(folder)?;
        let path = layout.database();
        if let Err(error) = path.metadata() {
            return Err(match error.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
                    Error::NoLibrary { library: layout.folder().to_owned() }
                }
                _ => Error::file("open", path, error),
            });
        }
        let connection = match open(&path) {
            // On a read-only file system SQLite cannot make the log's index. Without a log it needs none, and nobody
            // else can write there either.
            Err(error) if is_read_only(&error) && log_is_empty(&path) => open_immutable(&path),
            result => result,
        };
        let connection = connection.map_err(|source| Error::Database { path, source })?;
        schema::check_version(&connection, &layout)?;
        Ok(Self { layout, connection })
    }

    /// Where its parts are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// True when some process owns the library now, and so may develop.
    pub fn is_owned(&self) -> bool {
        Ownership::is_taken(&self.layout)
    }

    /// All photos whose rows make sense, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn assets(&self) -> Result<Vec<Asset>, Error> {
        assets(&self.connection).map_err(|error| self.failed(error))
    }

    /// How many photos wait for their full picture.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn pending(&self) -> Result<u64, Error> {
        pending(&self.connection).map_err(|error| self.failed(error))
    }

    /// The photo of this id or at this path.
    ///
    /// # Errors
    /// [`Error::UnknownPhoto`]; [`Error::DamagedEntry`]; [`Error::Database`].
    pub fn find(&self, name: &str) -> Result<Asset, Error> {
        let unknown =
            || Error::UnknownPhoto { name: name.to_owned(), library: self.layout.folder().to_owned() };
        let find = |column, value: &str| {
            told(&self.layout, one(&self.connection, &ASSETS, column, value))?.ok_or_else(unknown)
        };
        if let Ok(id) = Uuid::try_parse(name) {
            return find("asset_id", &id.to_string());
        }
        let given = std::path::absolute(name).unwrap_or_else(|_| name.into());
        let below = given.strip_prefix(self.layout.folder()).unwrap_or_else(|_| Path::new(name));
        find("path", &below.to_string_lossy())
    }

    /// The rows that make no sense, of photos and of jobs; everything else leaves them out.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn damaged(&self) -> Result<Vec<Damaged>, Error> {
        damaged(&self.connection).map_err(|error| self.failed(error))
    }

    /// The job of a photo.
    ///
    /// # Errors
    /// [`Error::DamagedEntry`]; [`Error::Database`].
    pub fn job(&self, id: Uuid) -> Result<Option<Job>, Error> {
        told(&self.layout, one(&self.connection, &JOBS, "asset_id", &id.to_string()))
    }

    /// A photo as events show it.
    pub fn view_of(&self, asset: &Asset) -> AssetView {
        rows::view(&self.layout, asset)
    }

    fn failed(&self, source: rusqlite::Error) -> Error {
        Error::Database { path: self.layout.database(), source }
    }
}
