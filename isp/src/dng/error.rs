//! What is wrong with a file: where, what was expected, what is there.

use std::fmt;

use super::{Area, Tag};

/// A part of a file that has a place and a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A directory of tags.
    Directory,
    /// The values of a tag.
    Values(Tag),
    /// A strip or tile, numbered from 0 as in the tag of its offsets.
    Segment(u64),
    /// An entry of a list of opcodes.
    Opcode(Tag),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Directory => f.write_str("an IFD"),
            Part::Values(tag) => write!(f, "{tag}"),
            Part::Segment(index) => write!(f, "strip or tile {index}"),
            Part::Opcode(tag) => write!(f, "an opcode of {tag}"),
        }
    }
}

/// Why a DNG could not be read. Offsets are bytes from the start of the file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes do not begin as a TIFF does.
    #[error("it begins with bytes {got:02x?}, but a DNG begins with 49 49 2a 00 or 4d 4d 00 2a")]
    NotTiff {
        /// The first bytes, at most four.
        got: Vec<u8>,
    },
    /// Something reaches past the end of the file.
    #[error("{part} at byte {offset} takes {expected} bytes, but the file ends at byte {end}")]
    Outside {
        /// What.
        part: Part,
        /// Where it begins.
        offset: u64,
        /// Bytes that it takes.
        expected: u64,
        /// Bytes of the file.
        end: u64,
    },
    /// A tag that is needed is not there.
    #[error("the IFD at byte {directory} has no {tag}, but {expected} is needed")]
    Missing {
        /// The tag.
        tag: Tag,
        /// Where the directory begins.
        directory: u64,
        /// What the tag should say.
        expected: &'static str,
    },
    /// A tag has another type or number of values.
    #[error("{tag} at byte {offset} has {got}, but {expected} is needed")]
    Shape {
        /// The tag.
        tag: Tag,
        /// Where its values are.
        offset: u64,
        /// What is needed.
        expected: String,
        /// Number and type of the values.
        got: String,
    },
    /// A value is out of range, or does not go with the others.
    #[error("{tag} at byte {offset} is {got}, but {expected} is needed")]
    Value {
        /// The tag.
        tag: Tag,
        /// Where its values are.
        offset: u64,
        /// What is needed.
        expected: String,
        /// What is there.
        got: String,
    },
    /// The file is right, but this reader does not read its kind.
    #[error("{tag} at byte {offset} says {got}, which is not read: {expected}; convert the file")]
    Unsupported {
        /// The tag.
        tag: Tag,
        /// Where its values are.
        offset: u64,
        /// What is read.
        expected: &'static str,
        /// What the file has, by its name.
        got: String,
    },
    /// No directory describes a mosaic.
    #[error(
        "none of its {directories} IFDs is a raw image (NewSubfileType 0 and PhotometricInterpretation 32803)"
    )]
    NoRawImage {
        /// Directories that were looked at.
        directories: usize,
    },
    /// The picture is said to be larger than any file of this size can hold.
    #[error(
        "it says that it has {samples} samples, but its {bytes} bytes hold at most {most}, at one bit a sample"
    )]
    Implausible {
        /// Samples of all strips or tiles.
        samples: u64,
        /// Samples that the file could hold.
        most: u64,
        /// Bytes of the file.
        bytes: u64,
    },
    /// A strip or tile holds no lossless JPEG, or a damaged one.
    #[error(
        "the lossless JPEG of strip or tile {segment} has {got} at byte {offset}, but {expected} is needed"
    )]
    Jpeg {
        /// Which, numbered from 0.
        segment: u64,
        /// Where in the file.
        offset: u64,
        /// What is needed there.
        expected: &'static str,
        /// What is there.
        got: String,
    },
    /// A caller asked for samples that are not there.
    #[error("{area} is not within the picture of {width}x{height} samples")]
    Area {
        /// What was asked for.
        area: Area,
        /// Samples in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// A caller's buffer has not the size of what goes into it.
    #[error("the buffer holds {got} elements, but {expected} are needed")]
    Buffer {
        /// Elements needed.
        expected: u64,
        /// Elements given.
        got: usize,
    },
    /// The part of the mosaic makes no frame that can be developed.
    #[error("its samples make no frame: {0}")]
    Frame(#[from] crate::Error),
}
