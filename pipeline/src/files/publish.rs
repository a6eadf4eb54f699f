//! A new picture appears: whole, durable, under a name that nobody had.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use uuid::Uuid;

use super::{Marks, Temporary, gone, remove, sync_folder};
use crate::clock::Laps;
use crate::crash;
use crate::error::Error;
use crate::name;
use crate::photo::Quality;

/// A picture that got its name.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its name in the folder.
    pub name: String,
    /// Where the time went.
    pub times: PublishTimes,
}

/// Where the time of a publication went, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublishTimes {
    /// Bytes to the file.
    pub write_us: u64,
    /// fsync of the file.
    pub sync_file_us: u64,
    /// Giving it its name.
    pub publish_us: u64,
    /// fsync of the folder.
    pub sync_folder_us: u64,
}

/// Names tried before giving up: a hundred pictures of one second, with room.
const NAMES: u32 = 10_000;

/// Writes the proxy of a new photo, under the first of `names` that is free, and makes it durable; `None` stands for a
/// name that must not be taken.
///
/// # Errors
/// [`Error::File`]; nothing is left behind then.
pub fn publish_new(
    folder: &Path,
    marks: &Marks,
    bytes: &[u8],
    names: impl Fn(u32) -> Option<String>,
) -> Result<Published, Error> {
    let mut laps = Laps::start();
    let mut times = PublishTimes::default();
    let temporary = Temporary::write(folder, marks.asset, bytes, marks, "proxy-temp-written")?;
    times.write_us = laps.lap_us();
    temporary.sync()?;
    times.sync_file_us = laps.lap_us();
    crash::point("proxy-temp-synced");
    let name = give_free_name(temporary, folder, names)?;
    times.publish_us = laps.lap_us();
    crash::point("proxy-published");
    if let Err(error) = sync_folder(folder) {
        let _ = remove(&folder.join(&name));
        return Err(error);
    }
    times.sync_folder_us = laps.lap_us();
    crash::point("proxy-folder-synced");
    Ok(Published { name, times })
}

/// Puts a full picture beside the one at `path` that somebody changed or moved; returns its path. One that an
/// interrupted attempt put there already is found and kept.
///
/// # Errors
/// [`Error::File`]; nothing is left behind then.
pub fn publish_beside(path: &Path, marks: &Marks, bytes: &[u8]) -> Result<PathBuf, Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let theirs = path.file_name().unwrap_or_default().to_string_lossy();
    for n in 0..NAMES {
        let candidate = folder.join(name::beside(&theirs, n));
        if !candidate.exists() {
            break;
        }
        if is_full_picture_of(&candidate, marks.asset) {
            return Ok(candidate);
        }
    }
    let temporary = Temporary::write(folder, marks.asset, bytes, marks, "full-temp-written")?;
    temporary.sync()?;
    crash::point("full-temp-synced");
    let name = give_free_name(temporary, folder, |n| Some(name::beside(&theirs, n)))?;
    sync_folder(folder)?;
    crash::point("beside-published");
    Ok(folder.join(name))
}

fn is_full_picture_of(path: &Path, asset: Uuid) -> bool {
    super::identity_of(path).is_some_and(|found| found.asset_id == asset && found.quality == Quality::Full)
}

fn give_free_name(
    temporary: Temporary,
    folder: &Path,
    names: impl Fn(u32) -> Option<String>,
) -> Result<String, Error> {
    for n in 0..NAMES {
        let Some(name) = names(n) else { continue };
        match rename_to_free(&temporary.path, &folder.join(&name)) {
            Ok(()) => {
                temporary.keep();
                return Ok(name);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::file("name", folder.join(&name), error)),
        }
    }
    let error = io::Error::new(io::ErrorKind::AlreadyExists, format!("{NAMES} names are taken"));
    Err(Error::file("name a picture in", folder, error))
}

/// Renames, but never onto a file that exists: by the kernel's flag, else (network file systems) by a hard link.
pub(super) fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
            std::fs::hard_link(from, to)?;
            match std::fs::remove_file(from) {
                Err(error) if !gone(&error) => Err(error),
                _ => Ok(()),
            }
        }
        result => Ok(result?),
    }
}
