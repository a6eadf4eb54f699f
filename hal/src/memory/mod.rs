//! Frame memory: files that hold pixels, and the guards that are the only way to their bytes.
//!
//! A [`Buffer`] is a DMA-buf (or a memfd, where nothing but CPUs touches it) mapped once for its life. A guard brackets the
//! CPU's access with `DMA_BUF_IOCTL_SYNC`, so that caches are right on machines whose devices do not snoop them:
//! <https://docs.kernel.org/driver-api/dma-buf.html#cpu-access-to-dma-buffer-objects>. Memory may be uncached: read each
//! line once.

mod fence;
mod ledger;
mod mapping;
mod source;
mod sync;
mod udmabuf;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{SysconfVar, sysconf};

use crate::error::Error;
pub use fence::{Access, Fence};
pub use ledger::{Ledger, budget_left, ledger, set_budget};
pub(crate) use mapping::Mapping;
pub(crate) use source::is_contiguous;
pub use source::{Offer, Probe, Source, choose, sources};
use sync::{Direction, Window};

/// What kind of memory a [`Buffer`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryKind {
    /// Exported by a driver (V4L2 `EXPBUF`), or handed over by another process.
    Exported,
    /// Of a DMA-buf heap: devices can import it.
    Heap,
    /// Pages of a memfd that `/dev/udmabuf` made a DMA-buf of: devices can import it.
    Udmabuf,
    /// A plain memfd: no device can use it, no cache needs care.
    Memfd,
}

/// The memory itself, which revocation exchanges.
#[derive(Debug)]
struct Pages {
    file: Arc<OwnedFd>,
    mapping: Mapping,
    /// The kernel wants to know of the CPU's accesses: it is a DMA-buf.
    bracketed: bool,
}

/// One piece of frame memory, mapped for its life.
#[derive(Debug)]
pub struct Buffer {
    pages: RwLock<Pages>,
    len: usize,
    kind: MemoryKind,
    name: String,
    _entry: ledger::Entry,
}

impl Buffer {
    /// Takes over a DMA-buf that a driver exported, and maps its first `len` bytes for reading. `name` is for errors.
    ///
    /// # Errors
    /// [`Error::System`] when it cannot be mapped.
    pub fn from_exported(file: OwnedFd, len: usize, name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let mapping = Mapping::read_only(&file, len).map_err(|error| map_failed(&name, len, &error))?;
        let file = Arc::new(file);
        // A file that is no DMA-buf (a memfd of another process) has no caches to care for.
        let bracketed = !matches!(Window::open(&file, Direction::Read), Err(Errno::ENOTTY));
        Ok(Self::new(Pages { file, mapping, bracketed }, len, MemoryKind::Exported, name))
    }

    /// New zeroed memory of `len` bytes that this process may write: a DMA-buf from `/dev/udmabuf` where that is there
    /// and open to this user, else a memfd.
    ///
    /// # Errors
    /// [`Error::System`] when the system gives no memory.
    pub fn allocate(len: usize, name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let (memory, rounded) = sealed_memfd(&name, len)?;
        let (file, kind) = match udmabuf::from_memfd(&memory, rounded) {
            Ok(dma_buf) => (dma_buf, MemoryKind::Udmabuf),
            Err(_) => (memory, MemoryKind::Memfd),
        };
        Self::own(file, len, kind, name.clone()).map_err(|error| map_failed(&name, len, &error))
    }

    /// Maps memory that this process made.
    fn own(file: OwnedFd, len: usize, kind: MemoryKind, name: String) -> std::io::Result<Self> {
        let mapping = Mapping::read_write(&file, len.max(1))?;
        let pages = Pages { file: Arc::new(file), mapping, bracketed: kind != MemoryKind::Memfd };
        Ok(Self::new(pages, len, kind, name))
    }

    fn new(pages: Pages, len: usize, kind: MemoryKind, name: String) -> Self {
        Self { pages: RwLock::new(pages), len, kind, name, _entry: ledger::Entry::new(len) }
    }

    /// The file, for those who import it.
    pub fn file(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.pages.read().unwrap_or_else(PoisonError::into_inner).file)
    }

    /// What must be done before an access of this kind; `None` where there is nothing to wait for.
    ///
    /// # Errors
    /// [`Error::System`] when the kernel does not tell.
    pub fn fence(&self, access: Access) -> Result<Option<Fence>, Error> {
        Fence::of(self.file().as_fd(), access)
            .map_err(|errno| failed(&self.name, "DMA_BUF_IOCTL_EXPORT_SYNC_FILE", errno, self.len))
    }

    /// Makes later users of this memory wait for `fence`, whose owner accesses it in this way.
    ///
    /// # Errors
    /// [`Error::System`] when the kernel refuses it.
    pub fn add_fence(&self, fence: &Fence, access: Access) -> Result<(), Error> {
        fence
            .attach(self.file().as_fd(), access)
            .map_err(|errno| failed(&self.name, "DMA_BUF_IOCTL_IMPORT_SYNC_FILE", errno, self.len))
    }

    /// Moves the bytes into memory of this process alone and lets the driver's or heap's memory go. Readers go on with
    /// the copy; waits for guards that are open, at most `patience`. False when one was still open then: nothing is moved.
    ///
    /// # Errors
    /// [`Error::System`] when there is no memory for the copy.
    pub fn detach(&self, patience: Duration) -> Result<bool, Error> {
        const PAUSE: Duration = Duration::from_millis(1);
        let begun = Instant::now();
        let mut pages = loop {
            match self.pages.try_write() {
                Ok(pages) => break pages,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if begun.elapsed() >= patience => return Ok(false),
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            }
        };
        let (file, _) = sealed_memfd(&self.name, self.len)?;
        let mut mapping = Mapping::read_write(&file, self.len.max(1))
            .map_err(|error| map_failed(&self.name, self.len, &error))?;
        let window = self.window(&pages, Direction::Read)?;
        mapping.bytes_mut()[..self.len].copy_from_slice(&pages.mapping.bytes()[..self.len]);
        drop(window);
        *pages = Pages { file: Arc::new(file), mapping, bracketed: false };
        Ok(true)
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
        let lock = self.pages.read().unwrap_or_else(PoisonError::into_inner);
        let window = self.window(&lock, Direction::Read)?;
        Ok(ReadGuard { lock, len: self.len, _window: window })
    }

    /// Opens the window in which this process alone may write the bytes. Not for memory that a driver exported.
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
        let lock = self.pages.write().unwrap_or_else(PoisonError::into_inner);
        let window = self.window(&lock, Direction::Write)?;
        Ok(WriteGuard { lock, len: self.len, _window: window })
    }

    fn window(&self, pages: &Pages, direction: Direction) -> Result<Option<Window>, Error> {
        if !pages.bracketed {
            return Ok(None);
        }
        Window::open(&pages.file, direction)
            .map(Some)
            .map_err(|errno| failed(&self.name, "DMA_BUF_IOCTL_SYNC", errno, self.len))
    }
}

/// A memfd of at least `len` bytes that never shrinks, since mappings rely on it: a file that shrinks under them is a
/// crash. Its size, whole pages, comes with it.
fn sealed_memfd(name: &str, len: usize) -> Result<(OwnedFd, usize), Error> {
    let size = len.max(1).checked_next_multiple_of(page_size());
    let Some((rounded, end)) = size.and_then(|size| Some((size, i64::try_from(size).ok()?))) else {
        return Err(failed(name, "memfd_create", Errno::EFBIG, len));
    };
    let flags = MFdFlags::MFD_ALLOW_SEALING | MFdFlags::MFD_CLOEXEC;
    // Not under the buffer's own name: it may be longer than the kernel allows here.
    let memory =
        memfd_create(c"latent-frame", flags).map_err(|errno| failed(name, "memfd_create", errno, len))?;
    nix::unistd::ftruncate(&memory, end).map_err(|errno| failed(name, "ftruncate", errno, rounded))?;
    fcntl(&memory, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK))
        .map_err(|errno| failed(name, "F_ADD_SEALS", errno, len))?;
    Ok((memory, rounded))
}

/// Bytes of a page of this kernel: 4, 16 or 64 KiB.
pub(crate) fn page_size() -> usize {
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
    _window: Option<Window>,
    lock: RwLockReadGuard<'a, Pages>,
    len: usize,
}

impl std::ops::Deref for ReadGuard<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.lock.mapping.bytes()[..self.len]
    }
}

/// The bytes of a [`Buffer`], while this process alone may write them.
#[derive(Debug)]
pub struct WriteGuard<'a> {
    // First, so that the window closes before the lock opens.
    _window: Option<Window>,
    lock: RwLockWriteGuard<'a, Pages>,
    len: usize,
}

impl std::ops::Deref for WriteGuard<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.lock.mapping.bytes()[..self.len]
    }
}

impl std::ops::DerefMut for WriteGuard<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        let len = self.len;
        &mut self.lock.mapping.bytes_mut()[..len]
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
        assert!(nix::unistd::ftruncate(buffer.file(), 0).is_err());
        assert_eq!(buffer.read().unwrap()[8191], 0);
    }

    #[test]
    fn pages_are_whole() {
        assert!(page_size().is_power_of_two() && page_size() >= 4096);
    }

    #[test]
    fn detached_memory_keeps_its_bytes_and_lets_the_file_go() {
        let memory = memfd_create("test", MFdFlags::MFD_CLOEXEC).unwrap();
        nix::unistd::ftruncate(&memory, 8192).unwrap();
        nix::unistd::write(&memory, &[9; 5000]).unwrap();
        let buffer = Buffer::from_exported(memory, 5000, "test").unwrap();
        let before = nix::sys::stat::fstat(buffer.file()).unwrap().st_ino;
        assert!(buffer.detach(Duration::ZERO).unwrap());
        assert!(buffer.read().unwrap().iter().all(|byte| *byte == 9));
        assert_ne!(nix::sys::stat::fstat(buffer.file()).unwrap().st_ino, before);
        assert!(buffer.write().is_err(), "the copy is a picture as well");
    }

    #[test]
    fn detaching_waits_for_a_reader_no_longer_than_it_may() {
        let buffer = Buffer::allocate(4096, "test").unwrap();
        let guard = buffer.read().unwrap();
        let begun = Instant::now();
        assert!(!buffer.detach(Duration::from_millis(20)).unwrap());
        assert!(begun.elapsed() >= Duration::from_millis(20));
        drop(guard);
        assert!(buffer.detach(Duration::ZERO).unwrap());
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
