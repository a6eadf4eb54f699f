//! Picture files: made whole before they have a name, replaced only while they are still what we wrote.
//!
//! No picture is ever written in place. A new one is written under a temporary name, synchronised, and given a name that
//! nobody has; a replacement is swapped with the old file and what came out of the swap is looked at before it is let go.

mod attributes;
mod publish;
mod replace;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use uuid::Uuid;

pub use attributes::{Marks, read_marks};
pub use publish::{PublishTimes, Published, publish_beside, publish_new};
pub use replace::{Outcome, replace, settle_staged};

use crate::crash;
use crate::error::Error;
use crate::metadata::{self, Identity};
use crate::name;

/// What a file holds, by length and CRC-32: enough to see that somebody changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Bytes.
    pub len: u64,
    /// CRC-32 (IEEE) of all bytes.
    pub crc: u32,
}

impl Content {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { len: bytes.len() as u64, crc: crc32fast::hash(bytes) }
    }

    /// Of a file; `None` when it is not there or is no regular file. A link is not followed: a link that somebody put
    /// in a picture's place is theirs.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read.
    pub fn of_file(path: &Path) -> Result<Option<Self>, Error> {
        match std::fs::symlink_metadata(path) {
            Ok(data) if data.is_file() => {}
            Ok(_) => return Ok(None),
            Err(error) if gone(&error) => return Ok(None),
            Err(error) => return Err(Error::file("look at", path, error)),
        }
        let mut file = match open_regular(path) {
            Ok(file) => file,
            Err(error) if gone(&error) => return Ok(None),
            Err(error) => return Err(Error::file("open", path, error)),
        };
        let mut hasher = crc32fast::Hasher::new();
        let mut block = vec![0; 1 << 16];
        let mut len = 0;
        loop {
            match file.read(&mut block) {
                Ok(0) => return Ok(Some(Self { len, crc: hasher.finalize() })),
                Ok(n) => {
                    hasher.update(&block[..n]);
                    len += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::file("read", path, error)),
            }
        }
    }
}

/// Who a picture file says it is; `None` for files that are not ours.
pub fn identity_of(path: &Path) -> Option<Identity> {
    let mut head = Vec::new();
    open_regular(path).and_then(|file| file.take(IDENTITY_BYTES).read_to_end(&mut head)).ok()?;
    metadata::identity(&head)
}

/// Opens a file for reading, never a link, and without waiting for whoever writes to a pipe that lies in its place.
fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok(file)
}

/// The bytes of a file if they are `expected`; nothing else is read into memory.
pub(crate) fn read_expected(path: &Path, expected: Content) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)
        .and_then(|file| file.take(expected.len.saturating_add(1)).read_to_end(&mut bytes))
        .ok()?;
    (Content::of(&bytes) == expected).then_some(bytes)
}

/// Our XMP stands within these first bytes of a file.
const IDENTITY_BYTES: u64 = 128 * 1024;

fn gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Makes a folder's entries durable.
///
/// # Errors
/// [`Error::File`].
pub fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::file("synchronise", folder, error))
}

/// Removes a file of ours; one that is gone already is fine.
///
/// # Errors
/// [`Error::File`].
pub fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if !gone(&error) => Err(Error::file("remove", path, error)),
        _ => Ok(()),
    }
}

/// A whole picture under a temporary name; dropping it removes it, unless it was given another name.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    file: File,
    kept: bool,
}

impl Temporary {
    /// Writes the bytes; durable only after [`Temporary::sync`]. A file of that name that an earlier, dead owner left
    /// (the library's lock says that it is dead) is replaced.
    fn write(
        folder: &Path,
        asset: Uuid,
        bytes: &[u8],
        marks: &Marks,
        written: &'static str,
    ) -> Result<Self, Error> {
        let path = folder.join(name::temporary(asset));
        remove(&path)?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o666)
            .open(&path)
            .map_err(|error| Error::file("write", &path, error))?;
        let mut temporary = Self { path, file, kept: false };
        temporary.file.write_all(bytes).map_err(|error| Error::file("write", &temporary.path, error))?;
        attributes::write_marks(&temporary.file, marks);
        crash::point(written);
        Ok(temporary)
    }

    fn sync(&self) -> Result<(), Error> {
        self.file.sync_all().map_err(|error| Error::file("synchronise", &self.path, error))
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
