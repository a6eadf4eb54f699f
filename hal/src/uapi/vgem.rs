//! The kernel's `vgem`: buffers without hardware, on which a test makes fences as a device would and signals them.
//! <https://docs.kernel.org/gpu/vgem.html>. For tests only.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

use super::ioctls;

/// `struct drm_mode_create_dumb`.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct CreateDumb {
    height: u32,
    width: u32,
    bits: u32,
    flags: u32,
    handle: u32,
    pitch: u32,
    size: u64,
}

/// `struct drm_prime_handle`.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct PrimeHandle {
    handle: u32,
    flags: u32,
    fd: i32,
}

/// `struct drm_vgem_fence_attach`.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Attach {
    handle: u32,
    flags: u32,
    fence: u32,
    padding: u32,
}

/// `struct drm_vgem_fence_signal`.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Signal {
    fence: u32,
    flags: u32,
}

ioctls! {
    /// `DRM_IOCTL_MODE_CREATE_DUMB`.
    create_dumb = both(b'd', 0xb2, CreateDumb);
    /// `DRM_IOCTL_PRIME_HANDLE_TO_FD`.
    prime_handle_to_fd = both(b'd', 0x2d, PrimeHandle);
    /// `DRM_IOCTL_VGEM_FENCE_ATTACH`.
    fence_attach = both(b'd', 0x41, Attach);
    /// `DRM_IOCTL_VGEM_FENCE_SIGNAL`.
    fence_signal = write(b'd', 0x42, Signal);
}

/// A buffer, and the device whose fences are on it.
#[derive(Debug)]
pub(crate) struct VgemBuffer {
    card: File,
    handle: u32,
    dma_buf: OwnedFd,
}

impl VgemBuffer {
    /// A buffer of the first device under `dev` that makes fences; `None` without one.
    pub(crate) fn new(dev: &Path) -> Option<Self> {
        let cards = std::fs::read_dir(dev.join("dri")).ok()?.flatten();
        cards.filter(|card| card.file_name().to_string_lossy().starts_with("card")).find_map(|card| {
            let card = OpenOptions::new().read(true).write(true).open(card.path()).ok()?;
            let mut dumb = CreateDumb { height: 64, width: 64, bits: 16, ..CreateDumb::default() };
            create_dumb(card.as_fd(), &mut dumb).ok()?;
            let flags = u32::try_from(nix::libc::O_CLOEXEC | nix::libc::O_RDWR).ok()?;
            let mut prime = PrimeHandle { handle: dumb.handle, flags, fd: -1 };
            prime_handle_to_fd(card.as_fd(), &mut prime).ok()?;
            // SAFETY: after success `fd` is a new file descriptor, made for this call.
            let dma_buf = unsafe { OwnedFd::from_raw_fd(prime.fd) };
            let buffer = Self { card, handle: dumb.handle, dma_buf };
            let fence = buffer.attach(false).ok()?;
            buffer.signal(fence).ok()?;
            Some(buffer)
        })
    }

    pub(crate) fn dma_buf(&self) -> BorrowedFd<'_> {
        self.dma_buf.as_fd()
    }

    /// Begins an access of the device, which ends when its fence is signalled, or by itself after ten seconds.
    pub(crate) fn attach(&self, writes: bool) -> nix::Result<u32> {
        let mut argument = Attach { handle: self.handle, flags: u32::from(writes), ..Attach::default() };
        fence_attach(self.card.as_fd(), &mut argument)?;
        Ok(argument.fence)
    }

    /// Ends an access.
    pub(crate) fn signal(&self, fence: u32) -> nix::Result<()> {
        fence_signal(self.card.as_fd(), &mut Signal { fence, flags: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::super::code;
    use super::*;

    #[test]
    fn structs_and_numbers_are_the_kernels() {
        assert_eq!(code!(both, b'd', 0xb2, CreateDumb), 0xc020_64b2);
        assert_eq!(code!(both, b'd', 0x2d, PrimeHandle), 0xc00c_642d);
        assert_eq!(code!(both, b'd', 0x41, Attach), 0xc010_6441);
        assert_eq!(code!(write, b'd', 0x42, Signal), 0x4008_6442);
    }
}
