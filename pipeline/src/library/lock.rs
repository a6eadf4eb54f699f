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
    lock: Flock<File>,
    before: Signature,
}

/// What an owner writes into the lock's file: the lock itself is what counts.
#[derive(Debug, Default)]
struct Signature {
    process: Option<u32>,
    boot: Option<String>,
}

impl Signature {
    fn read(file: &mut File) -> Self {
        let mut text = String::new();
        let _ = file.take(4096).read_to_string(&mut text);
        let mut lines = text.lines().map(str::trim);
        Self {
            process: lines.next().and_then(|line| line.parse().ok()),
            boot: lines.next().filter(|line| !line.is_empty()).map(str::to_owned),
        }
    }
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
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                let before = Signature::read(&mut lock);
                Ok(Self { lock, before })
            }
            Err((mut file, Errno::EAGAIN)) => {
                let library = layout.folder().to_owned();
                let process = Signature::read(&mut file).process;
                let owner = process.map_or(String::new(), |process| format!(" (process {process})"));
                Err(Error::LibraryBusy { library, owner })
            }
            Err((_, errno)) => Err(Error::file("lock", &path, errno)),
        }
    }

    /// True when the last owner ran before the machine's last start, which is `boot`; false when it cannot be told.
    pub(super) fn follows_a_restart(&self, boot: Option<&str>) -> bool {
        matches!((&self.before.boot, boot), (Some(before), Some(now)) if before != now)
    }

    /// Writes who owns the library now, durably: after what [`Ownership::follows_a_restart`] asks for is done.
    pub(super) fn sign(&mut self, boot: Option<&str>) {
        let text = format!("{}\n{}\n", std::process::id(), boot.unwrap_or_default());
        let _ = self.lock.set_len(0);
        let _ = self.lock.rewind();
        let _ = self.lock.write_all(text.as_bytes());
        let _ = self.lock.sync_data();
    }

    /// True when some process owns the library now.
    pub fn is_taken(layout: &Layout) -> bool {
        File::open(layout.lock()).is_ok_and(|file| {
            matches!(Flock::lock(file, FlockArg::LockSharedNonblock), Err((_, Errno::EAGAIN)))
        })
    }
}
