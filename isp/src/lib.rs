//! Raw pictures to viewable ones: unpack, black level, white balance, demosaic, colour, tone.
//!
//! The crate owns pixels: bytes in, bytes out. It opens no device and no file, reads no clock and starts no
//! thread; callers cut the work into strips and run them where they like.
//!
//! Two paths share one [`Rendering`] and therefore one look:
//!
//! * the *proxy* path ([`proxy::bin`]): one pass over the raw rows, half the size, with [`Statistics`] as a
//!   by-product;
//! * the *full* path ([`develop::Plan`]): every pixel, strip by strip, in any order.
//!
//! Pictures that a camera developed itself, as luma and chroma, take the same two paths in [`yuv`].
//!
//! Every stage that reaches a pixel is integer arithmetic, and what prepares it uses only `+ - * / sqrt` in a
//! fixed order, so that the same raw gives the same bytes on every architecture and with any number of threads.
#![doc = ""]
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod cfa;
mod colour;
mod compand;
mod curve;
mod defects;
pub mod demosaic;
pub mod develop;
pub mod dng;
mod error;
mod exposure;
pub mod fused;
mod grade;
mod level;
mod mosaic;
pub mod packing;
mod picture;
pub mod proxy;
mod raw;
mod raw_rows;
mod reader;
mod rendering;
mod scale;
mod sharpen;
mod sharpness;
pub mod simd;
mod statistics;
mod target;
mod thumbnail;
pub mod tier;
pub mod tiles;
mod tone;
pub mod unpack;
mod white_balance;
pub mod yuv;

pub use cfa::{CfaPattern, Channel};
pub use demosaic::Demosaic;
pub use error::Error;
pub use picture::Picture;
pub use raw::{MAX_SIDE, Packing, RawGeometry, RawView};
pub use raw_rows::{RawProducts, StoredRows};
pub use rendering::{Rendering, SensorColour};
pub use sharpness::Sharpness;
pub use simd::Simd;
pub use statistics::{Statistics, Zone};
pub use target::{Chroma, Target};
pub use tier::Tier;
