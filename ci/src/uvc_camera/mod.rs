//! A USB camera made of software, for tests: the device's side of USB/IP, which the kernel's `vhci_hcd` takes for a
//! camera that was plugged in, so that its real `uvcvideo` drives it.
//!
//! Owns: what such a camera answers (`device`), its modes, controls and picture (`picture` says what a test will find in a
//! frame), its faults, and the connection to the kernel (`session`). One thread reads the kernel's messages, one
//! answers. The standard: USB Device Class Definition for Video Devices 1.1.

mod controls;
mod descriptors;
mod device;
mod modes;
mod negotiation;
mod options;
mod picture;
mod port;
mod request;
mod session;
mod stream;
mod transfers;
mod usbip;

pub use options::{Options, USAGE};
pub use session::run;

/// A line for whoever reads the program's log.
fn say(text: &str) {
    #[allow(clippy::print_stderr)] // its only output
    {
        eprintln!("uvc-camera: {text}");
    }
}
