//! A picture is replaced: the full one takes the proxy's place, if that is still the file that we wrote.
//!
//! The new picture is staged under a name that tells its own content, then swapped with the old one in one step
//! (`renameat2` with `RENAME_EXCHANGE`), so that the path opens as one or the other at every moment. What came out of the
//! swap is compared with what was to be replaced: if somebody slipped an edit in between, it is swapped back. A crash in
//! between leaves a staged name from which [`settle_staged`] tells which of the two it holds.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::publish::rename_to_free;
use super::{Content, Marks, Temporary, attributes, gone, remove, sync_folder};
use crate::crash;
use crate::error::Error;
use crate::name;

/// How a replacement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The path holds the new picture, durable.
    Replaced(Content),
    /// Somebody changed the file (or put something else there): theirs stands, nothing of ours is left.
    Changed,
    /// There is no file any more: it stays so.
    Gone,
}

/// Replaces the file at `path` with `bytes` if it holds `expected`; the new file takes over owner, mode, ACL and
/// extended attributes.
///
/// # Errors
/// [`Error::File`]; the old file stands then.
pub fn replace(path: &Path, expected: Content, marks: &Marks, bytes: &[u8]) -> Result<Outcome, Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let Some(old) = unchanged(path, expected)? else {
        return Ok(if path.symlink_metadata().is_ok() { Outcome::Changed } else { Outcome::Gone });
    };
    let new = Content::of(bytes);
    let temporary = Temporary::write(folder, marks.asset, bytes, marks, "full-temp-written")?;
    attributes::take_over(&temporary.file, path, &old);
    temporary.sync()?;
    crash::point("full-temp-synced");
    let target = path.file_name().unwrap_or_default().to_string_lossy();
    let staged = folder.join(name::staged(&target, marks.asset, new.len, new.crc));
    std::fs::rename(&temporary.path, &staged).map_err(|error| Error::file("stage", &staged, error))?;
    temporary.keep();
    // The staged name must be durable before the swap: recovery reads from it what the swap may have left there.
    sync_folder(folder)?;
    crash::point("full-staged");
    match renameat2(AT_FDCWD, &staged, AT_FDCWD, path, RenameFlags::RENAME_EXCHANGE) {
        Ok(()) => {}
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
            return rename_over(path, expected, new, &staged);
        }
        Err(Errno::ENOENT) => {
            remove(&staged)?;
            return Ok(Outcome::Gone);
        }
        Err(errno) => {
            let _ = remove(&staged);
            return Err(Error::file("replace", path, errno));
        }
    }
    crash::point("full-swapped");
    sync_folder(folder)?;
    crash::point("full-folder-synced");
    settle(path, expected, new, &staged)
}

/// For file systems that cannot swap (some network ones, older FAT drivers): look once more, then rename over. An edit
/// within these microseconds is lost; the other file systems have no such gap.
fn rename_over(path: &Path, expected: Content, new: Content, staged: &Path) -> Result<Outcome, Error> {
    if Content::of_file(path)? != Some(expected) {
        remove(staged)?;
        return Ok(if path.symlink_metadata().is_ok() { Outcome::Changed } else { Outcome::Gone });
    }
    std::fs::rename(staged, path).map_err(|error| Error::file("replace", path, error))?;
    crash::point("full-swapped");
    sync_folder(path.parent().unwrap_or(Path::new(".")))?;
    crash::point("full-folder-synced");
    crash::point("old-removed");
    Ok(Outcome::Replaced(new))
}

/// After the swap: the staged name holds what was at the path.
fn settle(path: &Path, expected: Content, new: Content, staged: &Path) -> Result<Outcome, Error> {
    let displaced = Content::of_file(staged)?;
    if displaced == Some(expected) {
        remove(staged)?;
        // Durable before any row says that the new picture is there: the old one must not come back under this name.
        sync_folder(path.parent().unwrap_or(Path::new(".")))?;
        crash::point("old-removed");
        return Ok(Outcome::Replaced(new));
    }
    give_back(path, new, staged)?;
    Ok(Outcome::Changed)
}

/// Puts what somebody else made back to its path, and takes ours away.
fn give_back(path: &Path, new: Content, staged: &Path) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    match renameat2(AT_FDCWD, staged, AT_FDCWD, path, RenameFlags::RENAME_EXCHANGE) {
        Ok(()) => {
            // The staged name holds ours again, unless the path changed once more meanwhile: then both are theirs.
            if Content::of_file(staged)? == Some(new) {
                remove(staged)?;
            } else {
                keep_visible(path, staged)?;
            }
        }
        // The path is free now: theirs goes back to it.
        Err(Errno::ENOENT) => rename_to_free(staged, path)
            .or_else(|_| keep_visible(path, staged).map_err(|error| io::Error::other(error.to_string())))
            .map_err(|error| Error::file("give back", path, error))?,
        Err(errno) => return Err(Error::file("give back", path, errno)),
    }
    sync_folder(folder)
}

/// A file of somebody else's under a hidden name of ours gets a name that is seen.
fn keep_visible(path: &Path, staged: &Path) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let theirs = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = theirs.rsplit_once('.').map_or(&*theirs, |(stem, _)| stem);
    for n in 1..1000 {
        let free = folder.join(format!("{stem}_edited_{n}.jpg"));
        match rename_to_free(staged, &free) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::file("keep", free, error)),
        }
    }
    Ok(())
}

fn unchanged(path: &Path, expected: Content) -> Result<Option<Metadata>, Error> {
    match path.symlink_metadata() {
        Ok(data) if data.is_file() && data.len() == expected.len => {
            Ok((Content::of_file(path)? == Some(expected)).then_some(data))
        }
        Ok(_) => Ok(None),
        Err(error) if gone(&error) => Ok(None),
        Err(error) => Err(Error::file("look at", path, error)),
    }
}

/// After a crash: decides what the file with a staged name is, and ends the replacement either way. `old` is what the
/// database says the path held before; `None` when it knows no such photo.
///
/// # Errors
/// [`Error::File`].
pub fn settle_staged(
    folder: &Path,
    staged: &Path,
    target: &str,
    new: Content,
    old: Option<Content>,
) -> Result<(), Error> {
    let path = folder.join(target);
    match Content::of_file(staged)? {
        // The row says that the replacement was ended: whatever lies here is what was replaced.
        Some(_) if old == Some(new) => remove(staged),
        // Not swapped (or swapped back): the path was never touched. Or swapped, and this is the file that we replaced.
        Some(found) if found == new || Some(found) == old => remove(staged),
        None => Ok(()),
        // Swapped, and what came out is somebody else's. If ours is still at the path, theirs goes back.
        Some(_) if Content::of_file(&path)? == Some(new) => give_back(&path, new, staged),
        Some(_) => keep_visible(&path, staged),
    }
}
