//! The kernel's ioctls and structures that cameras need: the one place where they are spelt, and where reading their
//! unions is `unsafe`.
//!
//! V4L2's own structures and constants come from the headers by way of `v4l2r::bindings`. Its ioctl wrappers are not
//! used: they report `EINTR` as an error, keep no errno, and lose a buffer that comes back with odd numbers. The media
//! controller, sub-devices and DMA-bufs, which that crate lacks, are spelt here.
//! Every call repeats itself on `EINTR` and answers with the kernel's errno as it is.
#![allow(unsafe_code)]

#[cfg(any(test, feature = "libcamera"))]
pub(crate) mod descriptor;
pub(crate) mod dma_buf;
pub(crate) mod media;
pub(crate) mod subdevice;
#[cfg(test)]
pub(crate) mod vgem;
pub(crate) mod video;

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::ioctl::ioctl_num_type;

/// Makes the call until no signal interrupts it.
///
/// # Safety
/// `code` is the number of an ioctl whose argument is exactly an `A`; every address inside of `argument` is valid for
/// what that ioctl does with it, until it returns.
unsafe fn raw<A>(file: BorrowedFd<'_>, code: ioctl_num_type, argument: &mut A) -> nix::Result<i32> {
    let argument: *mut A = argument;
    loop {
        // SAFETY: the caller's promise, handed on; the argument is borrowed for the whole call.
        match Errno::result(unsafe { nix::libc::ioctl(file.as_raw_fd(), code as _, argument) }) {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// Defines safe functions for ioctls whose arguments hold no addresses: `name = direction(group, number, Argument)`.
macro_rules! ioctls {
    ($($(#[$doc:meta])* $name:ident = $direction:ident($group:literal, $number:expr, $argument:ty);)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name(file: std::os::fd::BorrowedFd<'_>, argument: &mut $argument) -> nix::Result<()> {
            let code = $crate::uapi::code!($direction, $group, $number, $argument);
            // SAFETY: the number is computed from the argument's own size, as the kernel's headers do, and the argument
            // holds no addresses.
            unsafe { $crate::uapi::raw(file, code, argument) }.map(|_| ())
        }
    )*};
}
use ioctls;

/// The number of an ioctl.
macro_rules! code {
    (read, $group:expr, $number:expr, $argument:ty) => {
        nix::request_code_read!($group, $number, size_of::<$argument>())
    };
    (write, $group:expr, $number:expr, $argument:ty) => {
        nix::request_code_write!($group, $number, size_of::<$argument>())
    };
    (both, $group:expr, $number:expr, $argument:ty) => {
        nix::request_code_readwrite!($group, $number, size_of::<$argument>())
    };
}
use code;

/// Text of a fixed field, up to its first zero; what is not UTF-8 becomes U+FFFD.
pub(crate) fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_call_that_a_file_does_not_know_keeps_its_errno() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let mut capability = Default::default();
        assert_eq!(video::query_capabilities(file.as_fd(), &mut capability), Err(Errno::ENOTTY));
    }

    #[test]
    fn fields_without_a_zero_are_text_too() {
        assert_eq!(text(b"vivid\0\0junk"), "vivid");
        assert_eq!(text(b"full"), "full");
        assert_eq!(text(b""), "");
        assert_eq!(text(b"\xff"), "\u{fffd}");
    }
}
