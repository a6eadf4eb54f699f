//! The spool: one file for the burst of each photo as the camera gave it, kept until the photo is developed.
//!
//! Owns: the file format ([`mod@format`]), writing it in one pass over a frame's memory, and reading what a crash or a
//! bad block left of it. Never: where the files stand, when they go, what becomes of the pixels.

mod error;
pub mod format;
mod header;
mod reader;
mod stored;
mod writer;

pub use error::Error;
pub use format::FrameRecord;
pub use header::SpoolHeader;
pub use reader::{Damage, PresentFrame, SpoolReader, SpooledFrame};
pub use writer::{SpoolWriter, SpoolWritten};
