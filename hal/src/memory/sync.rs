//! `DMA_BUF_IOCTL_SYNC`: the kernel's bracket around CPU access.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

/// `struct dma_buf_sync`.
#[repr(C)]
struct DmaBufSync {
    flags: u64,
}

nix::ioctl_write_ptr!(dma_buf_sync, b'b', 0, DmaBufSync);

const READ: u64 = 1;
const WRITE: u64 = 2;
const END: u64 = 4;

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
pub(super) struct Window<'a> {
    file: BorrowedFd<'a>,
    direction: Direction,
}

impl<'a> Window<'a> {
    pub(super) fn open(file: BorrowedFd<'a>, direction: Direction) -> nix::Result<Self> {
        sync(file, direction.flags())?;
        Ok(Self { file, direction })
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        // A failed end has no cure and no caller: the memory stays valid, at worst a cache line stays dirty.
        let _ = sync(self.file, self.direction.flags() | END);
    }
}

/// The kernel asks that EINTR and EAGAIN are retried.
fn sync(file: BorrowedFd<'_>, flags: u64) -> nix::Result<()> {
    loop {
        // SAFETY: the argument is a live `struct dma_buf_sync` of the kernel's layout (one u64), only read by it.
        match unsafe { dma_buf_sync(file.as_raw_fd(), &DmaBufSync { flags }) } {
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            result => return result.map(|_| ()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn struct_and_number_are_the_kernels() {
        assert_eq!(size_of::<DmaBufSync>(), 8);
        assert_eq!(nix::request_code_write!(b'b', 0, size_of::<DmaBufSync>()), 0x4008_6200);
    }

    #[test]
    fn a_file_that_is_no_dma_buf_is_refused() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(Window::open(std::os::fd::AsFd::as_fd(&file), Direction::Read).is_err());
    }
}
