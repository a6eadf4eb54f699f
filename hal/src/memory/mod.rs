//! Frame memory: files that hold pixels, and the guards that are the only way to their bytes.
//!
//! A [`Buffer`] is a DMA-buf (or a memfd, where nothing but CPUs touches it) mapped once for its life. A guard brackets the
//! CPU's access with `DMA_BUF_IOCTL_SYNC`, so that caches are right on machines whose devices do not snoop them:
//! <https://docs.kernel.org/driver-api/dma-buf.html#cpu-access-to-dma-buffer-objects>. Memory may be uncached: read each
//! line once.

mod mapping;
mod sync;
mod udmabuf;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{SysconfVar, sysconf};

use crate::error::Error;
pub(crate) use mapping::Mapping;
use sync::{Direction, Window};

/// What kind of memory a [`Buffer`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryKind {
    /// Exported by a driver (V4L2 `EXPBUF`).
    Exported,
    /// Pages of a memfd that `/dev/udmabuf` made a DMA-buf of: devices can import it.
    Udmabuf,
    /// A plain memfd: no device can use it, no cache needs care.
    Memfd,
}

/// One piece of frame memory, mapped for its life.
#[derive(Debug)]
pub struct Buffer {
    file: OwnedFd,
    mapping: RwLock<Mapping>,
    len: usize,
    kind: MemoryKind,
    /// The kernel wants to know of the CPU's accesses: it is a DMA-buf.
    bracketed: bool,
    name: String,
}

impl Buffer {
    /// Takes over a DMA-buf that a driver exported, and maps its first `len` bytes for reading. `name` is for errors.
    ///
    /// # Errors
    /// [`Error::System`] when it cannot be mapped.
    pub fn from_exported(file: OwnedFd, len: usize, name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let mapping = Mapping::read_only(&file, len).map_err(|error| map_failed(&name, len, &error))?;
        // A file that is no DMA-buf (a memfd of another process) has no caches to care for.
        let bracketed = !matches!(Window::open(file.as_fd(), Direction::Read), Err(Errno::ENOTTY));
        Ok(Self { file, mapping: RwLock::new(mapping), len, kind: MemoryKind::Exported, bracketed, name })
    }

    /// New zeroed memory of `len` bytes that this process may write: a DMA-buf from `/dev/udmabuf` where that is there
    /// and open to this user, else a memfd.
    ///
    /// # Errors
    /// [`Error::System`] when the system gives no memory.
    pub fn allocate(len: usize, name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let size = len.max(1).checked_next_multiple_of(page_size());
        let Some((rounded, end)) = size.and_then(|size| Some((size, i64::try_from(size).ok()?))) else {
            return Err(failed(&name, "memfd_create", Errno::EFBIG, len));
        };
        let flags = MFdFlags::MFD_ALLOW_SEALING | MFdFlags::MFD_CLOEXEC;
        // Not under the buffer's own name: it may be longer than the kernel allows here.
        let memory = memfd_create(c"latent-frame", flags)
            .map_err(|errno| failed(&name, "memfd_create", errno, len))?;
        nix::unistd::ftruncate(&memory, end).map_err(|errno| failed(&name, "ftruncate", errno, rounded))?;
        // Mappings rely on it: a file that shrinks under them is a crash.
        fcntl(&memory, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK))
            .map_err(|errno| failed(&name, "F_ADD_SEALS", errno, len))?;
        let (file, kind) = match udmabuf::from_memfd(&memory, rounded) {
            Some(dma_buf) => (dma_buf, MemoryKind::Udmabuf),
            None => (memory, MemoryKind::Memfd),
        };
        let mapping =
            Mapping::read_write(&file, len.max(1)).map_err(|error| map_failed(&name, len, &error))?;
        let bracketed = kind != MemoryKind::Memfd;
        Ok(Self { file, mapping: RwLock::new(mapping), len, kind, bracketed, name })
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True for a buffer of no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What it is.
    pub fn kind(&self) -> MemoryKind {
        self.kind
    }

    /// Opens the window in which this process may read the bytes. Waits for a [`WriteGuard`] of this process to close,
    /// and for a device's fences.
    ///
    /// # Errors
    /// [`Error::System`] when the kernel refuses the access.
    pub fn read(&self) -> Result<ReadGuard<'_>, Error> {
        let lock = self.mapping.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let window = self.window(Direction::Read)?;
        Ok(ReadGuard { lock, len: self.len, _window: window })
    }

    /// Opens the window in which this process alone may write the bytes. Only for memory from [`Buffer::allocate`].
    ///
    /// # Errors
    /// [`Error::State`] for memory that a driver exported; [`Error::System`] when the kernel refuses the access.
    pub fn write(&self) -> Result<WriteGuard<'_>, Error> {
        if self.kind == MemoryKind::Exported {
            return Err(Error::State {
                camera: self.name.clone(),
                operation: "write",
                reason: "memory that a driver exported is mapped for reading only",
            });
        }
        let lock = self.mapping.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let window = self.window(Direction::Write)?;
        Ok(WriteGuard { lock, len: self.len, _window: window })
    }

    fn window(&self, direction: Direction) -> Result<Option<Window<'_>>, Error> {
        if !self.bracketed {
            return Ok(None);
        }
        Window::open(self.file.as_fd(), direction)
            .map(Some)
            .map_err(|errno| failed(&self.name, "DMA_BUF_IOCTL_SYNC", errno, self.len))
    }
}

impl AsFd for Buffer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The most memory that a stream may take on this machine, whatever its caller wants to hold: half of what the machine
/// has, and never more than 1 GiB.
pub(crate) fn stream_limit_bytes() -> usize {
    const MOST: usize = 1 << 30;
    let pages = sysconf(SysconfVar::_PHYS_PAGES).ok().flatten();
    let pages = pages.and_then(|pages| usize::try_from(pages).ok()).unwrap_or(usize::MAX);
    (pages.saturating_mul(page_size()) / 2).min(MOST)
}

/// Bytes of a page of this kernel: 4, 16 or 64 KiB.
fn page_size() -> usize {
    const LARGEST: usize = 65536;
    let size = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|bytes| usize::try_from(bytes).ok()).filter(|bytes| *bytes > 0).unwrap_or(LARGEST)
}

fn failed(name: &str, operation: &'static str, errno: Errno, len: usize) -> Error {
    Error::System { camera: name.to_owned(), operation, errno, detail: format!(" ({len} bytes)") }
}

fn map_failed(name: &str, len: usize, error: &std::io::Error) -> Error {
    failed(name, "mmap", error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw), len)
}

/// The bytes of a [`Buffer`], while this process may read them.
#[derive(Debug)]
pub struct ReadGuard<'a> {
    // First, so that the window closes before the lock opens.
    _window: Option<Window<'a>>,
    lock: RwLockReadGuard<'a, Mapping>,
    len: usize,
}

impl std::ops::Deref for ReadGuard<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.lock.bytes()[..self.len]
    }
}

/// The bytes of a [`Buffer`], while this process alone may write them.
#[derive(Debug)]
pub struct WriteGuard<'a> {
    // First, so that the window closes before the lock opens.
    _window: Option<Window<'a>>,
    lock: RwLockWriteGuard<'a, Mapping>,
    len: usize,
}

impl std::ops::Deref for WriteGuard<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.lock.bytes()[..self.len]
    }
}

impl std::ops::DerefMut for WriteGuard<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        let len = self.len;
        &mut self.lock.bytes_mut()[..len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let buffer = Buffer::allocate(5000, "test").unwrap();
        assert_eq!(buffer.len(), 5000);
        buffer.write().unwrap()[4999] = 7;
        let (a, b) = (buffer.read().unwrap(), buffer.read().unwrap());
        assert_eq!((a[0], b[4999], a.len()), (0, 7, 5000));
    }

    #[test]
    fn sizes_and_names_beyond_the_kernels_are_errors_or_fit() {
        for len in [usize::MAX, usize::MAX - 4096, i64::MAX as usize] {
            assert!(matches!(Buffer::allocate(len, "test"), Err(Error::System { .. })), "{len}");
        }
        assert_eq!(Buffer::allocate(0, "test").unwrap().read().unwrap().len(), 0);
        assert!(Buffer::allocate(1, "long ".repeat(1000)).is_ok());
        assert!(Buffer::allocate(1, "with \0 in it").is_ok());
    }

    #[test]
    fn memory_does_not_shrink_under_its_mapping() {
        let buffer = Buffer::allocate(8192, "test").unwrap();
        assert!(nix::unistd::ftruncate(&buffer, 0).is_err());
        assert_eq!(buffer.read().unwrap()[8191], 0);
    }

    #[test]
    fn limits_are_whole_and_not_nothing() {
        assert!(page_size().is_power_of_two() && page_size() >= 4096);
        assert!((1 << 20..=1 << 30).contains(&stream_limit_bytes()));
    }

    #[test]
    fn exported_memory_is_not_writable() {
        let memory = memfd_create("test", MFdFlags::MFD_CLOEXEC).unwrap();
        nix::unistd::ftruncate(&memory, 4096).unwrap();
        let buffer = Buffer::from_exported(memory, 4096, "test").unwrap();
        assert!(matches!(buffer.write(), Err(Error::State { .. })));
    }

    #[test]
    fn memory_longer_than_its_file_is_refused() {
        let memory = memfd_create("test", MFdFlags::MFD_CLOEXEC).unwrap();
        nix::unistd::ftruncate(&memory, 4096).unwrap();
        assert!(matches!(Buffer::from_exported(memory, 8192, "test"), Err(Error::System { .. })));
    }
}
