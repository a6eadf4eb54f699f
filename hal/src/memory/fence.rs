//! Fences: when others are done with a DMA-buf. V4L2 neither waits for them nor makes any, so the one who gives a shared
//! buffer to a camera waits: <https://docs.kernel.org/driver-api/dma-buf.html#implicit-fence-poll-support>.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::uapi::dma_buf;

/// A kind of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It reads.
    Read,
    /// It writes.
    Write,
}

impl Access {
    fn flags(self) -> u64 {
        match self {
            Self::Read => dma_buf::READ,
            Self::Write => dma_buf::WRITE,
        }
    }
}

/// Work of others that must be done first; a kernel `sync_file`.
#[derive(Debug)]
pub struct Fence {
    file: OwnedFd,
}

impl Fence {
    /// A fence that others made.
    pub fn new(file: OwnedFd) -> Self {
        Self { file }
    }

    /// What must be done before an access of this kind to a DMA-buf; `None` where the kernel (before 5.20) or the file
    /// has no fences.
    ///
    /// # Errors
    /// The kernel's errno.
    pub(super) fn of(file: BorrowedFd<'_>, access: Access) -> nix::Result<Option<Self>> {
        match dma_buf::export_sync_file(file, access.flags()) {
            Ok(file) => Ok(Some(Self { file })),
            Err(Errno::ENOTTY | Errno::EINVAL) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Makes later users of a DMA-buf wait for this fence, whose owner accesses it in this way.
    pub(super) fn attach(&self, file: BorrowedFd<'_>, access: Access) -> nix::Result<()> {
        dma_buf::import_sync_file(file, self.file.as_fd(), access.flags())
    }

    /// Waits until the work is done, at most `timeout`; false when it is not done then.
    pub fn wait(&self, timeout: Duration) -> bool {
        let millis = i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
        let mut polled = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
        // A signal ends the wait early; what is not done then is asked for again by whoever needs it.
        poll(&mut polled, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX))
            .is_ok_and(|ready| ready > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_fences_have_none() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(Fence::of(file.as_fd(), Access::Write).unwrap().is_none());
    }

    #[test]
    fn a_fence_is_done_when_its_file_says_so() {
        let (read, write) = nix::unistd::pipe().unwrap();
        let fence = Fence::new(read);
        assert!(!fence.wait(Duration::from_millis(1)));
        nix::unistd::write(&write, &[1]).unwrap();
        assert!(fence.wait(Duration::ZERO));
    }
}
