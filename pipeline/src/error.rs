//! What can go wrong with photos, as sentences that say what to do.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of the library, of a capture or of a development.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file operation failed.
    #[error("cannot {operation} {path}: {source}")]
    File {
        /// What was tried: "write", "open"…
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// Another process owns the library.
    #[error("the library {library} is in use by another program{owner}")]
    LibraryBusy {
        /// The library's folder.
        library: PathBuf,
        /// Who that is, starting with a space, or nothing.
        owner: String,
    },
    /// A wish that cannot be met.
    #[error("{asked} {what} were asked for: 1 to {most} can be taken")]
    Request {
        /// What was asked for.
        what: &'static str,
        /// How many.
        asked: u32,
        /// The most there can be.
        most: u32,
    },
    /// A format that nobody knows.
    #[error(transparent)]
    Format(#[from] crate::mode::UnknownFormat),
    /// There is no library in the folder.
    #[error("there is no photo library in {library}")]
    NoLibrary {
        /// The folder.
        library: PathBuf,
    },
    /// The library was written by a newer Latent.
    #[error("the library {library} has format {found}; this Latent reads up to {known}")]
    NewerLibrary {
        /// The library's folder.
        library: PathBuf,
        /// The format in the database.
        found: i64,
        /// The newest format that this program knows.
        known: i64,
    },
    /// The database failed.
    #[error("the database {path} failed: {source}")]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite answered.
        source: rusqlite::Error,
    },
    /// A value in the database makes no sense.
    #[error("the database {path} holds a damaged entry: {what}")]
    DamagedEntry {
        /// The database file.
        path: PathBuf,
        /// Which entry, and what is wrong with it.
        what: String,
    },
    /// No photo goes by that name.
    #[error("no photo {name} in the library {library}")]
    UnknownPhoto {
        /// The path or id as given.
        name: String,
        /// The library's folder.
        library: PathBuf,
    },
    /// The camera failed.
    #[error(transparent)]
    Camera(#[from] latent_hal::Error),
    /// The camera gave no picture that is whole.
    #[error("{camera} gave no whole picture: {reason}")]
    CameraPicture {
        /// The camera.
        camera: String,
        /// What is wrong with its pictures.
        reason: &'static str,
    },
    /// There is no memory for a frame, and none became free in time.
    #[error(
        "no memory for a frame of {needed} bytes: cameras of this program may take {left} more; take shorter bursts or a smaller size"
    )]
    FrameMemory {
        /// Bytes of a frame.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// The stream that photos were taken from has ended.
    #[error("the camera's stream has ended: {reason}")]
    Stream {
        /// What ended it.
        reason: String,
    },
    /// A part of this program failed: a defect of Latent's, or of a library in it.
    #[error("the {lane} of this program failed: {message}")]
    Panicked {
        /// Which part.
        lane: &'static str,
        /// What it said.
        message: String,
    },
    /// The picture cannot be developed.
    #[error("cannot develop the picture: {0}")]
    Develop(#[from] latent_isp::Error),
    /// The picture cannot be encoded.
    #[error(transparent)]
    Encode(#[from] crate::encode::Error),
    /// The raw burst cannot be written or read.
    #[error(transparent)]
    Spool(#[from] crate::spool::Error),
    /// A raw file cannot be read.
    #[error(transparent)]
    RawFile(#[from] crate::raw_file::Error),
    /// The work was called off before it was done.
    #[error("stopped before it was done")]
    Cancelled,
}

/// Kinds of [`Error`] that a caller decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Something named does not exist.
    NotFound,
    /// Somebody else has it: try later.
    Busy,
    /// This user may not, or the file system is read-only.
    Permission,
    /// No space is left.
    StorageFull,
    /// The input is not what it should be.
    BadInput,
    /// A newer version wrote it.
    NewerVersion,
    /// The device failed or is gone.
    Device,
    /// Called off.
    Cancelled,
    /// A defect of this program.
    Internal,
    /// The system refused for another reason.
    System,
}

impl ErrorKind {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Busy => "busy",
            Self::Permission => "permission",
            Self::StorageFull => "storage_full",
            Self::BadInput => "bad_input",
            Self::NewerVersion => "newer_version",
            Self::Device => "device",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
            Self::System => "system",
        }
    }
}

impl Error {
    /// A failed file operation.
    pub fn file(operation: &'static str, path: impl AsRef<Path>, source: impl Into<io::Error>) -> Self {
        Self::File { operation, path: path.as_ref().to_owned(), source: source.into() }
    }

    /// The kind, for policy.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File { source, .. } => io_kind(source),
            Self::LibraryBusy { .. } => ErrorKind::Busy,
            Self::NoLibrary { .. } | Self::UnknownPhoto { .. } => ErrorKind::NotFound,
            Self::NewerLibrary { .. } => ErrorKind::NewerVersion,
            Self::Database { source, .. } => database_kind(source),
            Self::DamagedEntry { .. }
            | Self::Request { .. }
            | Self::Format(_)
            | Self::Develop(_)
            | Self::Encode(_) => ErrorKind::BadInput,
            Self::Camera(error) => match error.kind() {
                latent_hal::error::ErrorKind::NotFound => ErrorKind::NotFound,
                latent_hal::error::ErrorKind::Busy => ErrorKind::Busy,
                latent_hal::error::ErrorKind::Permission => ErrorKind::Permission,
                latent_hal::error::ErrorKind::Usage => ErrorKind::BadInput,
                _ => ErrorKind::Device,
            },
            Self::Spool(crate::spool::Error::Newer { .. }) => ErrorKind::NewerVersion,
            Self::Spool(error) => error.io_source().map_or(ErrorKind::BadInput, io_kind),
            Self::RawFile(error) => error.io_source().map_or(ErrorKind::BadInput, io_kind),
            Self::Stream { .. } | Self::CameraPicture { .. } => ErrorKind::Device,
            Self::FrameMemory { .. } => ErrorKind::System,
            Self::Panicked { .. } => ErrorKind::Internal,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }

    /// What the system answered, where it was the system that refused.
    pub fn io_source(&self) -> Option<&io::Error> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Spool(error) => error.io_source(),
            Self::RawFile(error) => error.io_source(),
            _ => None,
        }
    }

    /// What the user can do about it: one sentence, or nothing where the message says it already.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NewerLibrary { .. } => {
                return Some("update Latent, or use another folder with --library; nothing was changed");
            }
            Self::NoLibrary { .. } => {
                return Some(
                    "name the right folder with --library, or take a photo there first with `latent shoot`",
                );
            }
            Self::UnknownPhoto { .. } => return Some("`latent library ls` lists the photos"),
            Self::DamagedEntry { .. } => {
                return Some(
                    "keep a copy of the folder .latent and look at the entry with `latent library sql` or sqlite3",
                );
            }
            Self::Camera(_) | Self::Format(_) | Self::RawFile(_) | Self::Develop(_) | Self::Encode(_) => {
                return None;
            }
            _ => {}
        }
        match self.kind() {
            ErrorKind::Internal => {
                Some("photos that were announced are safe; please report this with the message")
            }
            ErrorKind::StorageFull => {
                Some("free some space on that storage and try again; no photo that was announced is lost")
            }
            ErrorKind::Permission => {
                Some("choose a folder that this user may write with --library, or change its permissions")
            }
            ErrorKind::Busy => Some("wait until it is done, or stop the other program, and try again"),
            ErrorKind::BadInput if matches!(self, Self::Database { .. }) => {
                Some("move the folder .latent aside (the pictures stay); a new one is made at the next start")
            }
            _ => None,
        }
    }
}

fn io_kind(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Permission,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            ErrorKind::BadInput
        }
        _ => ErrorKind::System,
    }
}

fn database_kind(error: &rusqlite::Error) -> ErrorKind {
    use rusqlite::ErrorCode;
    use rusqlite::ffi::{SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMSIZE};
    // The index of the write-ahead log grows by mapping a file: on a full disk that is an I/O error to SQLite.
    let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
    if [SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_SHMMAP].contains(&extended) {
        return ErrorKind::StorageFull;
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ErrorKind::StorageFull,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            ErrorKind::Permission
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Busy,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ErrorKind::BadInput,
        _ => ErrorKind::System,
    }
}
