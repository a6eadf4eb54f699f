//! Photos: from frames of a camera to files that are delivered low, then full.
//!
//! Owns: sessions and photo output with its events, the spool of raw bursts, the library and its jobs, the developer,
//! recovery. Never: devices and kernel files (that is `latent-hal`), pixel arithmetic (that is `latent-isp`).

#![forbid(unsafe_code)]

pub mod camera_jpeg;
pub mod caption;
pub mod clock;
pub mod crash;
pub mod developer;
pub mod encode;
pub mod error;
pub mod event;
mod fault;
pub mod files;
pub mod library;
pub mod metadata;
pub mod mode;
pub mod name;
pub mod owner;
pub mod photo;
pub mod pixels;
pub mod protocol;
pub mod raw_file;
pub mod recovery;
pub mod replay;
pub mod sensor;
pub mod server;
pub mod session;
pub mod source;
pub mod spool;

pub use error::{Error, ErrorKind};
