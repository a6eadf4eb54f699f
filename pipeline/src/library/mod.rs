//! The media library: pictures in a folder, and beside them `.latent/` with the database, the spool, lock and socket.
//!
//! One process owns a library, by lock; only the owner writes. [`View`] reads without it. Every change that a client was
//! told of is committed with an fsync; asset and job change in one transaction.

mod lock;
mod reading;
mod rows;
mod schema;
mod writing;

use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use uuid::Uuid;

pub use lock::Ownership;
pub use reading::View;
pub use rows::{Asset, Job, JobState, RawState, Shot};
pub use writing::{Ending, NewPhoto};

use crate::error::Error;
use crate::event::AssetView;

/// Where the parts of a library are.
#[derive(Clone, Debug)]
pub struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// Of the library in this folder, made absolute so that paths stay valid when the process changes its own.
    ///
    /// # Errors
    /// [`Error::File`] when the current folder is unknown.
    pub fn new(folder: &Path) -> Result<Self, Error> {
        let folder = std::path::absolute(folder).map_err(|error| Error::file("find", folder, error))?;
        Ok(Self { folder })
    }

    /// The folder with the pictures.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of everything else.
    pub fn private(&self) -> PathBuf {
        self.folder.join(".latent")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.private().join("library.db")
    }

    /// The folder of raw bursts.
    pub fn spool(&self) -> PathBuf {
        self.private().join("spool")
    }

    /// The raw burst of a photo.
    pub fn raw(&self, asset: Uuid) -> PathBuf {
        self.spool().join(format!("{asset}.raw"))
    }

    /// The lock by which one process owns the library.
    pub fn lock(&self) -> PathBuf {
        self.private().join("lock")
    }

    /// The socket on which the owner serves clients.
    pub fn socket(&self) -> PathBuf {
        self.private().join("socket")
    }
}

/// An owned library.
#[derive(Debug)]
pub struct Library {
    layout: Layout,
    id: Uuid,
    connection: Mutex<Connection>,
    captures: AtomicU64,
    /// Where raw bursts are whose rows could not be written.
    unsettled: Mutex<Vec<(Uuid, RawState, u32)>>,
    _ownership: Ownership,
}

impl Library {
    /// Takes possession of the library in this folder, making it where there is none. Does not recover: that is
    /// [`crate::recovery::recover`]'s part.
    ///
    /// # Errors
    /// [`Error::LibraryBusy`] when another process owns it; [`Error::NewerLibrary`]; [`Error::File`];
    /// [`Error::Database`].
    pub fn own(folder: &Path) -> Result<Self, Error> {
        let layout = Layout::new(folder)?;
        make_folder(&layout.folder, 0o777)?;
        make_folder(&layout.private(), 0o755)?;
        make_folder(&layout.spool(), 0o700)?;
        let ownership = Ownership::take(&layout)?;
        let connection = open(&layout)?;
        let id = schema::prepare(&connection, &layout)?;
        crate::files::sync_folder(&layout.private())?;
        crate::files::sync_folder(&layout.folder)?;
        Ok(Self {
            layout,
            id,
            connection: Mutex::new(connection),
            captures: AtomicU64::new(0),
            unsettled: Mutex::default(),
            _ownership: ownership,
        })
    }

    /// Where its parts are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The library's own identity; pictures carry it.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The number of the next capture: from 1, for as long as this process owns the library.
    pub fn next_capture_id(&self) -> u64 {
        self.captures.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A photo as events show it.
    pub fn view_of(&self, asset: &Asset) -> AssetView {
        rows::view(&self.layout, asset)
    }

    fn unsettled(&self) -> MutexGuard<'_, Vec<(Uuid, RawState, u32)>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn database_error(&self, source: rusqlite::Error) -> Error {
        Error::Database { path: self.layout.database(), source }
    }
}

fn make_folder(path: &Path, mode: u32) -> Result<(), Error> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(|error| Error::file("make the folder", path, error))
}

/// The database is the owner's alone: it tells of deleted photos too.
fn open(layout: &Layout) -> Result<Connection, Error> {
    let path = layout.database();
    std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| Error::file("open", &path, error))?;
    Connection::open(&path).map_err(|source| Error::Database { path, source })
}
