//! Cameras and the memory their frames live in.
//!
//! Owns: the [`Camera`] trait and its implementations ([`v4l2`], [`simulated`], and `libcamera` with the cargo feature of
//! that name), DMA-buf memory and the guard that is the only way to its bytes ([`memory`]), frames as leases on a stream's
//! slots ([`frame`]), the seam to the kernel ([`kernel`]), readers of the machine's heat and pressure ([`machine`]).
//! Never: developing pictures, deciding when work runs, files that hold photos.

pub mod camera;
pub mod color;
pub mod conformance;
pub mod control;
pub mod discovery;
pub mod error;
#[cfg(any(test, feature = "fake-kernel"))]
pub mod fake;
pub mod format;
mod fourcc;
pub mod frame;
pub mod hotplug;
pub mod kernel;
#[cfg(any(test, feature = "libcamera"))]
pub mod libcamera;
pub mod machine;
pub mod media;
pub mod memory;
pub mod open;
pub mod simulated;
mod uapi;
pub mod v4l2;

pub use camera::{Camera, CameraInfo, Crop, Dequeued, Mode, Sensor, StreamConfig, StreamRequest, Watch};
pub use error::Error;
pub use format::{CfaPattern, Packing, PixelFormat, RawFormat, RgbFormat, YuvFormat};
pub use frame::{Exposure, Frame, SlotPool};
pub use open::{CameraName, open, open_default};
