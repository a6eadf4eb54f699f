//! DMA-bufs, and the devices that make them: <https://docs.kernel.org/driver-api/dma-buf.html>.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::{code, ioctls};

/// The CPU, or a fence's owner, reads.
pub(crate) const READ: u64 = 1;
/// The CPU, or a fence's owner, writes.
pub(crate) const WRITE: u64 = 2;
/// The CPU's access ends.
pub(crate) const END: u64 = 4;

/// `struct dma_buf_sync`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sync {
    pub(crate) flags: u64,
}

/// `struct dma_buf_export_sync_file`, and `struct dma_buf_import_sync_file`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct SyncFile {
    flags: u32,
    fd: i32,
}

/// `struct dma_heap_allocation_data`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct HeapAllocation {
    len: u64,
    fd: u32,
    fd_flags: u32,
    heap_flags: u64,
}

/// `struct udmabuf_create`.
#[repr(C)]
struct UdmabufCreate {
    memfd: u32,
    flags: u32,
    offset: u64,
    size: u64,
}

ioctls! {
    /// `DMA_BUF_IOCTL_SYNC`.
    sync = write(b'b', 0, Sync);
}

/// `DMA_BUF_SET_NAME`: the name that `/proc/PID/fdinfo` and debugfs show; at most 31 bytes of it.
pub(crate) fn set_name(file: BorrowedFd<'_>, name: &str) -> nix::Result<()> {
    const MOST: usize = 31;
    let mut text = [0u8; MOST + 1];
    for (to, from) in text[..MOST].iter_mut().zip(name.bytes().filter(|byte| *byte != 0)) {
        *to = from;
    }
    // The kernel's macro counts the name as a u64, though it reads a string.
    let code = nix::request_code_write!(b'b', 1, size_of::<u64>());
    // SAFETY: the argument is a live string of 32 bytes, the most that the kernel reads (DMA_BUF_NAME_LEN), with a zero.
    unsafe { super::raw(file, code, &mut text) }.map(|_| ())
}

/// `DMA_BUF_IOCTL_EXPORT_SYNC_FILE`: a fence of everything that must be done before an access of this kind
/// ([`READ`], [`WRITE`]).
pub(crate) fn export_sync_file(file: BorrowedFd<'_>, access: u64) -> nix::Result<OwnedFd> {
    let mut argument = SyncFile { flags: u32::try_from(access).unwrap_or(0), fd: -1 };
    // SAFETY: the argument is a `struct dma_buf_export_sync_file`, which holds no addresses.
    unsafe { super::raw(file, code!(both, b'b', 2, SyncFile), &mut argument) }?;
    // SAFETY: after success `fd` is a new file descriptor, made for this call.
    Ok(unsafe { OwnedFd::from_raw_fd(argument.fd) })
}

/// `DMA_BUF_IOCTL_IMPORT_SYNC_FILE`: others wait for this fence before they use the buffer; `access` is what the
/// fence's owner does.
pub(crate) fn import_sync_file(file: BorrowedFd<'_>, fence: BorrowedFd<'_>, access: u64) -> nix::Result<()> {
    let mut argument = SyncFile { flags: u32::try_from(access).unwrap_or(0), fd: fence.as_raw_fd() };
    // SAFETY: the argument is a `struct dma_buf_import_sync_file`, which holds no addresses.
    unsafe { super::raw(file, code!(write, b'b', 3, SyncFile), &mut argument) }.map(|_| ())
}

/// `DMA_HEAP_IOCTL_ALLOC`: zeroed memory of a heap, `len` rounded up to pages.
pub(crate) fn allocate(heap: BorrowedFd<'_>, len: usize) -> nix::Result<OwnedFd> {
    let flags = nix::libc::O_RDWR | nix::libc::O_CLOEXEC;
    let mut argument = HeapAllocation {
        len: len as u64,
        fd_flags: u32::try_from(flags).unwrap_or(0),
        ..HeapAllocation::default()
    };
    // SAFETY: the argument is a `struct dma_heap_allocation_data`, which holds no addresses.
    unsafe { super::raw(heap, code!(both, b'H', 0, HeapAllocation), &mut argument) }?;
    let file = i32::try_from(argument.fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: after success `fd` is a new file descriptor, made for this call.
    Ok(unsafe { OwnedFd::from_raw_fd(file) })
}

/// `UDMABUF_CREATE` on an open `/dev/udmabuf`: a DMA-buf over the first `len` bytes, whole pages, of a memfd that is
/// sealed against shrinking.
pub(crate) fn from_memfd(device: BorrowedFd<'_>, memfd: BorrowedFd<'_>, len: usize) -> nix::Result<OwnedFd> {
    const CLOEXEC: u32 = 1;
    let memfd = u32::try_from(memfd.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    let mut argument = UdmabufCreate { memfd, flags: CLOEXEC, offset: 0, size: len as u64 };
    // SAFETY: the argument is a `struct udmabuf_create`, which holds no addresses.
    let file = unsafe { super::raw(device, code!(write, b'u', 0x42, UdmabufCreate), &mut argument) }?;
    // SAFETY: on success the ioctl returns a new file descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(file) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn structs_and_numbers_are_the_kernels() {
        assert_eq!(code!(write, b'b', 0, Sync), 0x4008_6200);
        assert_eq!(nix::request_code_write!(b'b', 1, size_of::<u64>()), 0x4008_6201);
        assert_eq!(code!(both, b'b', 2, SyncFile), 0xc008_6202);
        assert_eq!(code!(write, b'b', 3, SyncFile), 0x4008_6203);
        assert_eq!(size_of::<HeapAllocation>(), 24);
        assert_eq!(code!(both, b'H', 0, HeapAllocation), 0xc018_4800);
        assert_eq!(size_of::<UdmabufCreate>(), 24);
        assert_eq!(code!(write, b'u', 0x42, UdmabufCreate), 0x4018_7542);
    }

    #[test]
    fn files_that_are_no_dma_bufs_are_refused() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let file = file.as_fd();
        assert_eq!(sync(file, &mut Sync { flags: READ }), Err(Errno::ENOTTY));
        assert_eq!(set_name(file, "a name that is longer than the kernel keeps"), Err(Errno::ENOTTY));
        assert_eq!(export_sync_file(file, READ).unwrap_err(), Errno::ENOTTY);
        assert_eq!(import_sync_file(file, file, READ), Err(Errno::ENOTTY));
        assert_eq!(allocate(file, 4096).unwrap_err(), Errno::ENOTTY);
        assert_eq!(from_memfd(file, file, 4096).unwrap_err(), Errno::ENOTTY);
    }
}
