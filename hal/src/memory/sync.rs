//! `DMA_BUF_IOCTL_SYNC`: the kernel's bracket around CPU access.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;

use crate::uapi::dma_buf::{END, READ, Sync, WRITE};

/// What the CPU is about to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Direction {
    Read,
    Write,
}

impl Direction {
    fn flags(self) -> u64 {
        match self {
            Self::Read => READ,
            // A writer also reads back what it did not write of a cache line.
            Self::Write => READ | WRITE,
        }
    }
}

/// An open window of CPU access; dropping it closes it.
#[derive(Debug)]
pub(super) struct Window {
    file: Arc<OwnedFd>,
    direction: Direction,
}

impl Window {
    pub(super) fn open(file: &Arc<OwnedFd>, direction: Direction) -> nix::Result<Self> {
        sync(file.as_fd(), direction.flags())?;
        Ok(Self { file: Arc::clone(file), direction })
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // A failed end has no cure and no caller: the memory stays valid, at worst a cache line stays dirty.
        let _ = sync(self.file.as_fd(), self.direction.flags() | END);
    }
}

/// The kernel asks that EAGAIN is retried, as EINTR is.
fn sync(file: BorrowedFd<'_>, flags: u64) -> nix::Result<()> {
    loop {
        match crate::uapi::dma_buf::sync(file, &mut Sync { flags }) {
            Err(Errno::EAGAIN) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_dma_buf_is_refused() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(Window::open(&Arc::new(file.into()), Direction::Read).is_err());
    }
}
