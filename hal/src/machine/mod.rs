//! The machine around the cameras: how hot it is, and how much its programs wait for each other.
//!
//! Owns: reading thermal zones and cooling devices ([`thermal`]) and pressure stall information ([`pressure`]). Every
//! reader takes the root under which it looks, so that a recorded or made-up machine can stand for this one; parsers are
//! pure. Never: what to do about it.
//!
//! An answer is a value, [`Error::Unsupported`] (the kernel does not have it: go on without) or [`Error::Failed`] (it
//! should be there, and nobody knows how it stands: assume the worst).

pub mod pressure;
pub mod thermal;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

/// Where the kernel mounts procfs.
pub const PROCFS: &str = "/proc";

/// The longest text of a kernel file that is read, in bytes; those of sysfs are at most a page.
const TEXT_BYTES: u64 = 64 * 1024;

/// Why something of the machine is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel does not have it, or has it switched off.
    #[error("not supported here: {path} {reason}")]
    Unsupported {
        /// Where it would be.
        path: PathBuf,
        /// What says so, and how to have it where that is known.
        reason: String,
    },
    /// It should be there and could not be read, or says what cannot be.
    #[error("cannot tell from {path}: expected {expected}, got {got}")]
    Failed {
        /// The file.
        path: PathBuf,
        /// What it should say.
        expected: &'static str,
        /// What it says, or the system's refusal.
        got: String,
    },
    /// The kernel will not watch for this.
    #[error("{path} refuses the trigger `{asked}`: {reason}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// The trigger as it was written.
        asked: String,
        /// Why, and what would be accepted.
        reason: String,
    },
}

/// A text that says what cannot be; where it was read is added by the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What it should say.
    pub expected: &'static str,
    /// What it says, shortened, in one line.
    pub got: String,
}

impl Malformed {
    fn new(expected: &'static str, text: &str) -> Self {
        const SHOWN: usize = 60;
        let mut got: String = text.trim_end().chars().take(SHOWN).flat_map(char::escape_debug).collect();
        if text.trim_end().chars().nth(SHOWN).is_some() {
            got.push('…');
        }
        Self { expected, got: format!("`{got}`") }
    }

    fn at(self, path: &Path) -> Error {
        Error::Failed { path: path.to_owned(), expected: self.expected, got: self.got }
    }
}

/// Reads and parses a file that must be there.
fn required<T>(
    path: &Path,
    expected: &'static str,
    parse: impl Fn(&str) -> Result<T, Malformed>,
) -> Result<T, Error> {
    match text(path) {
        Ok(text) => parse(&text).map_err(|malformed| malformed.at(path)),
        Err(error) => Err(unread(path, expected, &error)),
    }
}

/// Reads and parses a file that not every kernel or driver has.
fn optional<T>(
    path: &Path,
    expected: &'static str,
    parse: impl Fn(&str) -> Result<T, Malformed>,
) -> Result<T, Error> {
    match text(path) {
        Err(error) if is_absent(&error) => Err(missing(path)),
        _ => required(path, expected, parse),
    }
}

/// The text of a kernel file.
fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(TEXT_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn unread(path: &Path, expected: &'static str, error: &io::Error) -> Error {
    if error.raw_os_error() == Some(Errno::EOPNOTSUPP as i32) {
        return Error::Unsupported { path: path.to_owned(), reason: "is switched off".to_owned() };
    }
    Error::Failed { path: path.to_owned(), expected, got: error.to_string() }
}

fn missing(path: &Path) -> Error {
    Error::Unsupported { path: path.to_owned(), reason: "does not exist".to_owned() }
}

/// Whether there is no such file; a device that goes while it is read has none either.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The folders `PREFIX<number>` of a class of devices, by their numbers.
fn numbered(class: &Path, prefix: &str) -> Result<Vec<(String, PathBuf)>, Error> {
    let entries = fs::read_dir(class).map_err(|error| match is_absent(&error) {
        true => missing(class),
        false => unread(class, "a folder of devices", &error),
    })?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unread(class, "a folder of devices", &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(number) = name.strip_prefix(prefix).and_then(number) {
            found.push((number, name, entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, name, path)| (name, path)).collect())
}

/// A number of digits alone: `parse` takes a sign as well.
fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}
