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
pub use rows::{Asset, Damaged, Job, JobState, RawState, Shot};
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
        Self::own_since(folder, None)
    }

    /// As [`Library::own`]. `boot` names the machine's last start, in one line (Linux: `boot_id`): attempts of development
    /// that an earlier start of it saw are told by that from those that ended an owner.
    ///
    /// # Errors
    /// As [`Library::own`].
    pub fn own_since(folder: &Path, boot: Option<&str>) -> Result<Self, Error> {
        let layout = Layout::new(folder)?;
        for (folder, mode) in
            [(layout.folder.clone(), 0o777), (layout.private(), 0o755), (layout.spool(), 0o700)]
        {
            make_folder(&folder, mode, &mut crate::files::sync_folder)?;
        }
        let mut ownership = Ownership::take(&layout)?;
        let connection = open(&layout)?;
        let id = schema::prepare(&connection, &layout)?;
        crate::files::sync_folder(&layout.private())?;
        crate::files::sync_folder(&layout.folder)?;
        if ownership.follows_a_restart(boot) {
            writing::forget_running(&connection)
                .map_err(|source| Error::Database { path: layout.database(), source })?;
        }
        ownership.sign(boot);
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

/// Makes a folder and those above it, each durable in the one that it lies in by `sync`; what is there already is left.
fn make_folder(
    path: &Path,
    mode: u32,
    sync: &mut dyn FnMut(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.is_dir();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    for folder in missing.into_iter().rev() {
        match std::fs::DirBuilder::new().mode(mode).create(folder) {
            // Another process may be as quick.
            Err(_) if folder.is_dir() => {}
            made => made.map_err(|error| Error::file("make the folder", path, error))?,
        }
        match folder.parent().map(&mut *sync) {
            // A folder that may be written but not read cannot be synchronised.
            Some(Err(error)) if error.kind() == crate::ErrorKind::Permission => {}
            synced => synced.unwrap_or(Ok(()))?,
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_that_is_made_is_durable_in_the_one_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let mut synced = Vec::new();
        let mut make = |path: &str| {
            synced.clear();
            make_folder(&root.join(path), 0o755, &mut |folder| {
                synced.push(folder.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                Ok(())
            })
            .unwrap();
            assert!(root.join(path).is_dir());
            synced.clone()
        };
        assert_eq!(make("card/photos/latent"), ["", "card", "card/photos"]);
        assert_eq!(make("card/photos/latent/.latent"), ["card/photos/latent"]);
        assert!(make("card/photos/latent/.latent").is_empty(), "what is there is durable or not our doing");
        let refused = |_: &Path| Err(Error::file("synchronise", "card", nix::errno::Errno::EIO));
        assert!(make_folder(&root.join("card/other"), 0o755, &mut refused.clone()).is_err());
    }
}
