//! `/dev/udmabuf`: a DMA-buf over the pages of a memfd.

use std::fs::OpenOptions;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;

use crate::uapi::dma_buf;

/// A DMA-buf over the first `len` bytes of a memfd that is sealed against shrinking, where the kernel has the device, this
/// user may open it, and its size limit allows; `len` is a whole number of pages.
pub(super) fn from_memfd(memfd: &OwnedFd, len: usize) -> nix::Result<OwnedFd> {
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/udmabuf")
        .map_err(|error| error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw))?;
    dma_buf::from_memfd(device.as_fd(), memfd.as_fd(), len)
}
