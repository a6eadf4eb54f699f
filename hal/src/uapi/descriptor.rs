//! File descriptors that others own, known to us by number.
#![allow(unsafe_code)]

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;

/// A new descriptor of our own for the open file of this number; `EBADF` for numbers of no open file. The owner of the
/// number keeps it open until the call returns, or the copy may be of another file.
pub(crate) fn duplicate(number: RawFd) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes numbers alone and touches no memory of ours; one that is not open is refused.
    let copy = Errno::result(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) })?;
    // SAFETY: the kernel just made this descriptor for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    #[test]
    fn a_copy_is_of_the_same_file_and_outlives_the_original() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let copy = duplicate(writer.as_raw_fd()).unwrap();
        assert_ne!(copy.as_raw_fd(), writer.as_raw_fd());
        drop(writer);
        std::fs::File::from(copy).write_all(b"x").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
    }

    #[test]
    fn numbers_of_no_file_are_refused() {
        assert_eq!(duplicate(-1).unwrap_err(), Errno::EBADF);
        assert_eq!(duplicate(RawFd::MAX).unwrap_err(), Errno::EBADF);
    }
}
