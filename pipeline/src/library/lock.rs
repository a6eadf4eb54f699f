//! Who owns a library: an flock that the kernel takes back when the owner dies, however it dies.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::Layout;
use crate::error::Error;

/// Possession of a library; dropping it gives the library up.
#[derive(Debug)]
pub struct Ownership {
    _lock: Flock<File>,
}

impl Ownership {
    /// Takes possession, without waiting.
    ///
    /// # Errors
    /// [`Error::LibraryBusy`] with the owner's process number; [`Error::File`].
    pub fn take(layout: &Layout) -> Result<Self, Error> {
        let path = layout.lock();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| Error::file("open", &path, error))?;
        let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((file, Errno::EAGAIN)) => {
                let library = layout.folder().to_owned();
                return Err(Error::LibraryBusy { library, owner: owner_in(file) });
            }
            Err((_, errno)) => return Err(Error::file("lock", &path, errno)),
        };
        // For people and error messages only: the lock itself is what counts.
        let _ = lock.set_len(0);
        let _ = lock.rewind();
        let _ = writeln!(lock, "{}", std::process::id());
        Ok(Self { _lock: lock })
    }

    /// True when some process owns the library now.
    pub fn is_taken(layout: &Layout) -> bool {
        File::open(layout.lock()).is_ok_and(|file| {
            matches!(Flock::lock(file, FlockArg::LockSharedNonblock), Err((_, Errno::EAGAIN)))
        })
    }
}

fn owner_in(mut file: File) -> String {
    let mut text = String::new();
    let _ = file.read_to_string(&mut text);
    text.trim().parse::<u32>().map_or(String::new(), |pid| format!(" (process {pid})"))
}
