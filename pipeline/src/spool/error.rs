//! What can go wrong with a spool file.

use std::io;
use std::path::{Path, PathBuf};

/// Why a raw burst could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused.
    #[error("cannot {operation} the raw burst {path}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The storage is full, or this user's share of it.
    #[error("no space for the raw burst {path} ({needed} bytes in all): free some space there ({source})")]
    Full {
        /// The file.
        path: PathBuf,
        /// Bytes that the whole burst takes.
        needed: u64,
        /// What the system answered.
        source: io::Error,
    },
    /// The file is there already: a photo's burst is written once.
    #[error("the raw burst {path} exists already; it was not touched")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The frame's memory cannot be read.
    #[error("cannot read frame {index} for the raw burst: {source}")]
    Frame {
        /// The frame's number in the burst.
        index: u32,
        /// What its memory answered.
        source: latent_hal::Error,
    },
    /// The frames are not what the header says, or no raw picture at all.
    #[error("frames of the raw burst {path} cannot be stored: {source}")]
    Geometry {
        /// The file.
        path: PathBuf,
        /// Why.
        source: latent_isp::Error,
    },
    /// The header says what cannot be.
    #[error("the header of the raw burst {path} is not right: {reason}")]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong, expected and got.
        reason: String,
    },
    /// More frames than the header plans.
    #[error("the raw burst {path} is planned for {planned} frames and has them all")]
    Planned {
        /// The file.
        path: PathBuf,
        /// Frames planned.
        planned: u32,
    },
    /// The file is none of ours.
    #[error("{path} is no raw burst of Latent")]
    NotSpool {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer Latent.
    #[error(
        "the raw burst {path} has format {found}; this Latent reads up to {known}: update it, the file is as it was"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u16,
        /// The newest format that this program knows.
        known: u16,
    },
    /// Neither the header nor its copy can be read.
    #[error("the raw burst {path} has lost its header and the copy of it; its frames cannot be read")]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// There is no frame at that position of the frames that can be read.
    #[error("the raw burst {path} has {present} frames that can be read, none at position {position}")]
    NoFrame {
        /// The file.
        path: PathBuf,
        /// The position asked for, from 0.
        position: usize,
        /// How many frames can be read.
        present: usize,
    },
    /// Every frame is damaged, and what is bad in one is bad in the others.
    #[error(
        "no whole picture is left in the raw burst {path}: all of its {frames} frames are damaged somewhere"
    )]
    NoPicture {
        /// The file.
        path: PathBuf,
        /// How many frames can be read at least in part.
        frames: usize,
    },
}

impl Error {
    /// What the system answered, where it was the system that refused.
    pub fn io_source(&self) -> Option<&io::Error> {
        match self {
            Self::Io { source, .. } | Self::Full { source, .. } => Some(source),
            _ => None,
        }
    }

    pub(super) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { operation, path: path.to_owned(), source }
    }

    pub(super) fn header(path: &Path, reason: impl Into<String>) -> Self {
        Self::Header { path: path.to_owned(), reason: reason.into() }
    }
}
