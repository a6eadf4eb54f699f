//! Cameras that libcamera drives: <https://libcamera.org/guides/application-developer.html>. With the cargo feature
//! `libcamera`, which needs the C++ library to build and to run.
//!
//! libcamera brings what V4L2 alone lacks: it sets the way from a sensor to memory up, and runs the sensor's exposure and
//! white balance loops. Frames come as they do from V4L2: the memory of a slot is a DMA-buf that libcamera had made,
//! mapped once, and lent without a copy.
//!
//! Owns: [`LibcameraCamera`], and through its modules the format table, the layout of frames, the stream's requests and
//! the thread that libcamera's objects live in. What decides is without libcamera and is tested on every machine.
//! Left out: crops, several streams of one camera at once, and frames whose colour planes are separate pieces of memory.

#[cfg(feature = "libcamera")]
mod camera;
mod clock;
#[cfg(feature = "libcamera")]
mod color;
mod controls;
mod formats;
mod layout;
#[cfg(feature = "libcamera")]
mod library;
mod policy;
#[cfg(feature = "libcamera")]
mod session;
#[cfg(feature = "libcamera")]
mod setup;
mod stream;
#[cfg(feature = "libcamera")]
mod values;

#[cfg(feature = "libcamera")]
pub use camera::{LibcameraCamera, ids};

/// What the names of these cameras begin with.
#[cfg(feature = "libcamera")]
const NAME: &str = "libcamera:";
