//! `/dev/udmabuf`: a DMA-buf over the pages of a memfd.
#![allow(unsafe_code)]

use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// `struct udmabuf_create`.
#[repr(C)]
struct UdmabufCreate {
    memfd: u32,
    flags: u32,
    offset: u64,
    size: u64,
}

const CLOEXEC: u32 = 1;

nix::ioctl_write_ptr!(udmabuf_create, b'u', 0x42, UdmabufCreate);

/// A DMA-buf over the first `len` bytes of a memfd that is sealed against shrinking, where the kernel has the device, this user may open it,
/// and its size limit allows; `len` is a whole number of pages.
pub(super) fn from_memfd(memfd: &OwnedFd, len: usize) -> Option<OwnedFd> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/udmabuf").ok()?;
    let request = UdmabufCreate {
        memfd: u32::try_from(memfd.as_raw_fd()).ok()?,
        flags: CLOEXEC,
        offset: 0,
        size: len as u64,
    };
    // SAFETY: the argument is a live `struct udmabuf_create` of the kernel's layout, only read by it.
    let file = unsafe { udmabuf_create(device.as_raw_fd(), &request) }.ok()?;
    // SAFETY: on success the ioctl returns a new file descriptor that nobody else owns.
    Some(unsafe { OwnedFd::from_raw_fd(file) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn struct_and_number_are_the_kernels() {
        assert_eq!(size_of::<UdmabufCreate>(), 24);
        assert_eq!(nix::request_code_write!(b'u', 0x42, size_of::<UdmabufCreate>()), 0x4018_7542);
    }
}
