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
    use std::sync::Arc;
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::memory::Buffer;
    use crate::uapi::vgem::VgemBuffer;

    /// A buffer with a device that makes fences on it.
    fn shared() -> Option<VgemBuffer> {
        let buffer = VgemBuffer::new(std::path::Path::new("/dev"));
        if buffer.is_none() {
            println!("SKIP there is no vgem device");
        }
        buffer
    }

    /// Whether an access of this kind must wait now.
    fn must_wait(buffer: &VgemBuffer, access: Access) -> bool {
        Fence::of(buffer.dma_buf(), access).unwrap().is_some_and(|fence| !fence.wait(Duration::ZERO))
    }

    #[test]
    fn readers_keep_writers_waiting_and_writers_keep_all() {
        let Some(buffer) = shared() else { return };
        assert!(!must_wait(&buffer, Access::Read) && !must_wait(&buffer, Access::Write));
        let reads = buffer.attach(false).unwrap();
        assert!(!must_wait(&buffer, Access::Read) && must_wait(&buffer, Access::Write));
        buffer.signal(reads).unwrap();
        assert!(!must_wait(&buffer, Access::Write));
        let writes = buffer.attach(true).unwrap();
        assert!(must_wait(&buffer, Access::Read) && must_wait(&buffer, Access::Write));
        buffer.signal(writes).unwrap();
        assert!(!must_wait(&buffer, Access::Read) && !must_wait(&buffer, Access::Write));
    }

    #[test]
    fn a_wait_ends_with_the_devices_work_or_with_its_time() {
        let Some(buffer) = shared() else { return };
        let work = buffer.attach(true).unwrap();
        let fence = Fence::of(buffer.dma_buf(), Access::Read).unwrap().unwrap();
        let begun = Instant::now();
        assert!(!fence.wait(Duration::from_millis(30)));
        assert!(begun.elapsed() >= Duration::from_millis(30));
        let (buffer, begun) = (Arc::new(buffer), Instant::now());
        let device = Arc::clone(&buffer);
        let worker = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            device.signal(work).unwrap();
        });
        assert!(fence.wait(Duration::from_secs(5)));
        assert!(begun.elapsed() >= Duration::from_millis(50) && begun.elapsed() < Duration::from_secs(5));
        worker.join().unwrap();
        assert!(fence.wait(Duration::ZERO), "done stays done");
    }

    #[test]
    fn a_fence_that_is_attached_holds_up_others_until_it_is_done() {
        let (Some(source), Some(target)) = (shared(), shared()) else { return };
        let work = source.attach(true).unwrap();
        let fence = Fence::of(source.dma_buf(), Access::Read).unwrap().unwrap();
        fence.attach(target.dma_buf(), Access::Write).unwrap();
        assert!(must_wait(&target, Access::Read) && must_wait(&target, Access::Write));
        source.signal(work).unwrap();
        assert!(!must_wait(&target, Access::Read) && !must_wait(&target, Access::Write));
        // A reader's fence keeps only writers.
        let work = source.attach(true).unwrap();
        let fence = Fence::of(source.dma_buf(), Access::Read).unwrap().unwrap();
        fence.attach(target.dma_buf(), Access::Read).unwrap();
        assert!(!must_wait(&target, Access::Read) && must_wait(&target, Access::Write));
        source.signal(work).unwrap();
    }

    #[test]
    fn reading_a_frame_waits_for_the_device_that_still_writes_it() {
        let Some(shared) = shared() else { return };
        let file = shared.dma_buf().try_clone_to_owned().unwrap();
        let buffer = Buffer::from_exported(file, 4096, "vgem").unwrap();
        let work = shared.attach(true).unwrap();
        assert!(buffer.fence(Access::Read).unwrap().is_some_and(|fence| !fence.wait(Duration::ZERO)));
        let begun = Instant::now();
        let worker = thread::spawn(move || {
            thread::sleep(Duration::from_millis(80));
            shared.signal(work).unwrap();
        });
        assert_eq!(buffer.read().unwrap().len(), 4096);
        assert!(begun.elapsed() >= Duration::from_millis(75), "{:?}", begun.elapsed());
        worker.join().unwrap();
    }

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
