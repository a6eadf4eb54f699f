//! Raw frames in files: DNGs, and bare samples that are described by a sidecar, by the caller, or by both.
//!
//! The sidecar of `NAME` is `NAME.toml` beside it (so `photo.raw` has `photo.raw.toml`), with the keys `width`, `height`,
//! `stride`, `bits`, `packing`, `pattern`, `black` and `white`.

mod dng;

use std::fmt::Write;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use latent_isp::{CfaPattern, Packing, RawGeometry, SensorColour};
use serde::{Deserialize, Deserializer};

/// What somebody says of a raw file. What nobody says has these defaults: `packing` is `bytes` for 8 bits and `le16`
/// for more, `stride` is a row's bytes, `black` is 0, `white` is the largest code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawDescription {
    /// Samples in a row.
    pub width: Option<u32>,
    /// Rows.
    pub height: Option<u32>,
    /// Bytes from the start of a row to the start of the next.
    pub stride: Option<usize>,
    /// Significant bits a sample.
    pub bits: Option<u8>,
    /// How samples are put into bytes.
    #[serde(deserialize_with = "word")]
    pub packing: Option<Packing>,
    /// The colours of the top left cell.
    #[serde(deserialize_with = "word")]
    pub pattern: Option<CfaPattern>,
    /// Sample value of no light.
    pub black: Option<u16>,
    /// Sample value of saturation.
    pub white: Option<u16>,
}

fn word<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// How the samples stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As they are, and nothing else.
    Bare,
    /// In a DNG.
    Dng,
}

/// A raw file of which all is known that developing it needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawFile {
    /// The shape of the frame that [`load`] gives.
    pub geometry: RawGeometry,
    /// How it is stored.
    pub form: Form,
    /// The camera's colours, where the file knows them.
    pub colour: Option<SensorColour>,
    /// The gains of red, green and blue that the camera would have taken, where the file knows them.
    pub gains: Option<[f32; 3]>,
}

/// Why a raw file could not be described or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused.
    #[error("cannot {operation} {path}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// It is no regular file, or has no bytes.
    #[error("{path} is {found}, not a raw file")]
    NotAFile {
        /// The path as given.
        path: PathBuf,
        /// What is there instead.
        found: &'static str,
    },
    /// It is a file of another kind.
    #[error("{path} is {found}, not bare raw samples; convert it, or name the raw file it was made from")]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: &'static str,
    },
    /// It begins as a TIFF, and nothing else describes it, but it is no DNG that can be read.
    #[error("{path} looks like a TIFF or DNG, but cannot be read as a DNG: {source}")]
    Dng {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: latent_isp::dng::Error,
    },
    /// A DNG's shape is described beside it, but not so that it could be bare samples.
    #[error(
        "{path} looks like a TIFF or DNG, which has its own {key}: leave it out, or describe the file as a whole"
    )]
    SelfDescribed {
        /// The file.
        path: PathBuf,
        /// What was said.
        key: &'static str,
    },
    /// The sidecar cannot be understood.
    #[error("the sidecar {path} is not right: {source}")]
    Sidecar {
        /// The sidecar.
        path: PathBuf,
        /// Where and why; names the line.
        source: Box<toml::de::Error>,
    },
    /// Nobody says what is needed.
    #[error("nothing says the {missing} of {path}: write it into {sidecar}, or give it on the command line")]
    Undescribed {
        /// The raw file.
        path: PathBuf,
        /// The keys that are missing.
        missing: String,
        /// Where they are looked for.
        sidecar: PathBuf,
    },
    /// What is said makes no raw picture.
    #[error("the description of {path} cannot be: {source}")]
    Geometry {
        /// The raw file.
        path: PathBuf,
        /// Why.
        source: latent_isp::Error,
    },
    /// A folder has no raw files.
    #[error("the folder {path} has no raw files (names that end in .raw or .dng)")]
    NoRawFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A raw file of a folder is described otherwise than the first one.
    #[error("{path} is not described as {first} is, but all files of a folder must be alike")]
    Unlike {
        /// The file.
        path: PathBuf,
        /// The first file of the folder.
        first: PathBuf,
    },
    /// The file's size is not that of its description.
    #[error("{path} should hold {expected} bytes ({reckoning}), but holds {got}{hint}")]
    Size {
        /// The raw file.
        path: PathBuf,
        /// Bytes that the description asks for.
        expected: u64,
        /// How that number comes about.
        reckoning: String,
        /// Bytes that are there.
        got: u64,
        /// What such a size would fit; starts with a separator, or is empty.
        hint: String,
    },
}

impl Error {
    /// What the system answered, where it was the system that refused.
    pub fn io_source(&self) -> Option<&io::Error> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl RawDescription {
    /// This description, completed by another where it says nothing.
    pub fn or(self, other: &Self) -> Self {
        Self {
            width: self.width.or(other.width),
            height: self.height.or(other.height),
            stride: self.stride.or(other.stride),
            bits: self.bits.or(other.bits),
            packing: self.packing.or(other.packing),
            pattern: self.pattern.or(other.pattern),
            black: self.black.or(other.black),
            white: self.white.or(other.white),
        }
    }

    /// The geometry, with defaults for what may be left out. `path` is for errors; nothing is read.
    ///
    /// # Errors
    /// [`Error::Undescribed`] without width, height, bits or pattern; [`Error::Geometry`].
    pub fn geometry(&self, path: &Path) -> Result<RawGeometry, Error> {
        let (Some(width), Some(height), Some(bits), Some(pattern)) =
            (self.width, self.height, self.bits, self.pattern)
        else {
            return Err(self.undescribed(path));
        };
        let packing = self.packing.unwrap_or(if bits == 8 { Packing::Bytes } else { Packing::Le16 });
        let mut geometry = RawGeometry {
            width,
            height,
            stride_bytes: 0,
            bits,
            packing,
            pattern,
            black: self.black.unwrap_or(0),
            white: 0,
        };
        let checked = |result: Result<usize, latent_isp::Error>| {
            result.map_err(|source| Error::Geometry { path: path.to_owned(), source })
        };
        geometry.white = self.white.unwrap_or(geometry.max_code());
        geometry.stride_bytes = match self.stride {
            Some(stride) => stride,
            None => checked(geometry.row_bytes())?,
        };
        checked(geometry.validate().and_then(|()| geometry.len_bytes()))?;
        Ok(geometry)
    }

    fn undescribed(&self, path: &Path) -> Error {
        let needed = [
            ("width", self.width.is_none()),
            ("height", self.height.is_none()),
            ("bits", self.bits.is_none()),
            ("pattern", self.pattern.is_none()),
        ];
        let missing: Vec<&str> = needed.iter().filter(|(_, missing)| *missing).map(|(key, _)| *key).collect();
        Error::Undescribed { path: path.to_owned(), missing: missing.join(", "), sidecar: sidecar(path) }
    }
}

/// Where the sidecar of a raw file stands: the file's name with `.toml` behind it.
pub fn sidecar(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".toml");
    PathBuf::from(name)
}

/// What the sidecar says, where there is one, under what `overrides` say.
///
/// # Errors
/// [`Error::Sidecar`], [`Error::Io`].
pub fn description(path: &Path, overrides: &RawDescription) -> Result<RawDescription, Error> {
    let sidecar = sidecar(path);
    let text = match fs::read_to_string(&sidecar) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(*overrides),
        Err(source) => return Err(Error::Io { operation: "read", path: sidecar, source }),
    };
    let said: RawDescription =
        toml::from_str(&text).map_err(|source| Error::Sidecar { path: sidecar, source: Box::new(source) })?;
    Ok(overrides.or(&said))
}

/// What a raw file holds, by its sidecar and by `overrides`, which win. A DNG, of which neither tells the whole shape, is
/// read to its end and tells for itself.
///
/// # Errors
/// All of [`Error`]; [`Error::Size`] for a DNG of more than 1 GiB alone.
pub fn describe(path: &Path, overrides: &RawDescription) -> Result<RawFile, Error> {
    let said = description(path, overrides)?;
    let described = said.geometry(path);
    if let Err(Error::Undescribed { .. }) = described {
        if dng::is_tiff(path)? {
            return dng::describe(path, &said);
        }
        // A picture that was taken for a raw file is better told so than asked for its width.
        check_kind(&mut open(path)?.0, path)?;
    }
    described.map(|geometry| RawFile { geometry, form: Form::Bare, colour: None, gains: None })
}

/// Reads the frame of a raw file that has been described. The size of bare samples must be that of the geometry, with or
/// without padding behind the last row.
///
/// # Errors
/// [`Error::Size`], [`Error::OtherFormat`], [`Error::NotAFile`], [`Error::Geometry`], [`Error::Dng`], [`Error::Io`].
pub fn load(path: &Path, raw: &RawFile) -> Result<Vec<u8>, Error> {
    match raw.form {
        Form::Bare => bare(path, &raw.geometry),
        Form::Dng => dng::load(path, &raw.geometry),
    }
}

fn bare(path: &Path, geometry: &RawGeometry) -> Result<Vec<u8>, Error> {
    let (mut file, got) = open(path)?;
    let wrong = |source| Error::Geometry { path: path.to_owned(), source };
    geometry.validate().map_err(wrong)?;
    let shortest = geometry.len_bytes().map_err(wrong)? as u64;
    let padded = (geometry.stride_bytes as u64).saturating_mul(geometry.height.into());
    if got != shortest && got != padded {
        check_kind(&mut file, path)?;
        return Err(wrong_size(path, geometry, padded, got));
    }
    read(file, got, path)
}

/// Reads a file of a known size.
fn read(file: File, got: u64, path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Io { operation: "read", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let size = usize::try_from(got).map_err(|_| failed(io::ErrorKind::OutOfMemory.into()))?;
    bytes.try_reserve_exact(size).map_err(|_| failed(io::ErrorKind::OutOfMemory.into()))?;
    let read = file.take(got).read_to_end(&mut bytes).map_err(failed)?;
    if read < size {
        return Err(failed(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

/// Opens a regular file that is not empty, and tells its size. Pipes and devices are not opened: that could block.
fn open(path: &Path) -> Result<(File, u64), Error> {
    let failed = |source| Error::Io { operation: "open", path: path.to_owned(), source };
    let about = fs::metadata(path).map_err(failed)?;
    let found = match about.len() {
        _ if about.is_dir() => "a folder",
        _ if !about.is_file() => "a pipe or a device",
        0 => "empty",
        size => return Ok((File::open(path).map_err(failed)?, size)),
    };
    Err(Error::NotAFile { path: path.to_owned(), found })
}

/// Refuses files that say of themselves what they are.
fn check_kind(file: &mut File, path: &Path) -> Result<(), Error> {
    let mut start = Vec::new();
    file.take(512).read_to_end(&mut start).map_err(|source| Error::Io {
        operation: "read",
        path: path.to_owned(),
        source,
    })?;
    match kind(&start) {
        Some(found) => Err(Error::OtherFormat { path: path.to_owned(), found }),
        None => Ok(()),
    }
}

fn kind(start: &[u8]) -> Option<&'static str> {
    let magics: [(&[u8], &str); 8] = [
        (b"\xFF\xD8\xFF", "a JPEG"),
        (b"\x89PNG\r\n", "a PNG"),
        (b"II\x2A\0", "a TIFF or DNG"),
        (b"MM\0\x2A", "a TIFF or DNG"),
        (b"RIFF", "a WebP or another RIFF file"),
        (b"\x1F\x8B", "compressed by gzip"),
        (b"P5", "a PGM"),
        (b"P6", "a PPM"),
    ];
    if let Some((_, found)) = magics.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Some(found);
    }
    if start.get(4..8) == Some(b"ftyp") {
        return Some("a HEIF, AVIF or MP4 file");
    }
    let printable = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    start.iter().all(printable).then_some("text")
}

fn wrong_size(path: &Path, geometry: &RawGeometry, expected: u64, got: u64) -> Error {
    let RawGeometry { width, height, stride_bytes, bits, packing, .. } = geometry;
    let reckoning = format!(
        "{height} rows of {stride_bytes}: {width}x{height} samples of {bits} bits, packing {packing}"
    );
    let mut hint = String::new();
    if let Some(fit) = fitting(geometry, expected, got) {
        // Writing to a string does not fail.
        let _ = write!(hint, "; that would fit {fit}");
    }
    Error::Size { path: path.to_owned(), expected, reckoning, got, hint }
}

/// The nearest description that a file of `got` bytes would fit.
fn fitting(geometry: &RawGeometry, expected: u64, got: u64) -> Option<String> {
    let RawGeometry { width, height, stride_bytes, .. } = *geometry;
    let layouts = [
        (8, Packing::Bytes, "8 bits"),
        (16, Packing::Le16, "9 to 16 bits (le16)"),
        (10, Packing::Mipi, "10 bits, packing mipi"),
        (12, Packing::Mipi, "12 bits, packing mipi"),
        (14, Packing::Mipi, "14 bits, packing mipi"),
    ];
    let layout = layouts.into_iter().find(|(bits, packing, _)| {
        let row = packing.row_bytes(*bits, width as usize).ok();
        row.and_then(|row| (row as u64).checked_mul(height.into())) == Some(got)
    });
    if let Some((_, _, words)) = layout {
        return Some(format!("{width}x{height} at {words}, without row padding"));
    }
    if got.is_multiple_of(expected) {
        return Some(format!("{} such frames; split the file", got / expected));
    }
    if got.is_multiple_of(height.into()) && got / u64::from(height) > geometry.row_bytes().ok()? as u64 {
        return Some(format!("a stride of {}", got / u64::from(height)));
    }
    let stride = u64::try_from(stride_bytes).ok()?;
    got.is_multiple_of(stride).then(|| format!("{width}x{} of the same rows", got / stride))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A raw file of `size` bytes and, where given, its sidecar.
    fn file(size: usize, sidecar_text: Option<&str>) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo.raw");
        fs::write(&path, vec![0x81; size]).unwrap();
        if let Some(text) = sidecar_text {
            fs::write(folder.path().join("photo.raw.toml"), text).unwrap();
        }
        (folder, path)
    }

    const SIDECAR: &str = "width = 6\nheight = 4\nbits = 10\npattern = \"grbg\"\n";

    fn said(text: &str) -> RawGeometry {
        let (_folder, path) = file(1, Some(text));
        describe(&path, &RawDescription::default()).unwrap().geometry
    }

    #[test]
    fn defaults_fill_what_a_sidecar_leaves_out() {
        let expected = RawGeometry {
            width: 6,
            height: 4,
            stride_bytes: 12,
            bits: 10,
            packing: Packing::Le16,
            pattern: CfaPattern::Grbg,
            black: 0,
            white: 1023,
        };
        assert_eq!(said(SIDECAR), expected);
        let full = format!("{SIDECAR}stride = 16\npacking = \"mipi\"\nblack = 64\nwhite = 1000\n");
        let mipi =
            RawGeometry { stride_bytes: 16, packing: Packing::Mipi, black: 64, white: 1000, ..expected };
        assert_eq!(said(&full), mipi);
        let bytes = said(&SIDECAR.replace("10", "8"));
        assert_eq!((bytes.packing, bytes.stride_bytes, bytes.white), (Packing::Bytes, 6, 255));
    }

    #[test]
    fn overrides_win_and_suffice() {
        let (_folder, path) = file(1, Some(SIDECAR));
        let overrides =
            RawDescription { bits: Some(12), pattern: Some(CfaPattern::Bggr), ..Default::default() };
        let geometry = describe(&path, &overrides).unwrap().geometry;
        assert_eq!((geometry.bits, geometry.pattern, geometry.width), (12, CfaPattern::Bggr, 6));

        let (_folder, path) = file(1, None);
        let all = RawDescription { width: Some(2), height: Some(2), ..overrides };
        assert_eq!(describe(&path, &all).unwrap().geometry.stride_bytes, 4);
    }

    #[test]
    fn a_sidecar_with_a_mistake_is_named_with_its_line() {
        for (text, part) in [
            (format!("{SIDECAR}heigth = 4\n"), "heigth"),
            (SIDECAR.replace("grbg", "rgbg"), "rgbg"),
            (SIDECAR.replace("= 6", "= -6"), "-6"),
            (SIDECAR.replace("= 6", "= "), "width"),
        ] {
            let (_folder, path) = file(1, Some(&text));
            let message = describe(&path, &RawDescription::default()).unwrap_err().to_string();
            assert!(message.contains("photo.raw.toml") && message.contains("line"), "{message}");
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn what_nobody_says_is_asked_for() {
        let (_folder, path) = file(100, Some("width = 6\nbits = 8\n"));
        let message = describe(&path, &RawDescription::default()).unwrap_err().to_string();
        assert!(message.contains("height, pattern") && message.contains("photo.raw.toml"), "{message}");
    }

    #[test]
    fn descriptions_that_cannot_be_are_refused() {
        for text in [
            SIDECAR.replace("= 6", "= 0"),
            SIDECAR.replace("= 10", "= 17"),
            format!("{SIDECAR}stride = 11\n"),
            format!("{SIDECAR}white = 1024\n"),
            format!("{SIDECAR}black = 1023\n"),
            format!("{SIDECAR}packing = \"bytes\"\n"),
            format!("{SIDECAR}stride = {}\n", i64::MAX),
        ] {
            let (_folder, path) = file(1, Some(&text));
            let error = describe(&path, &RawDescription::default()).unwrap_err();
            assert!(matches!(error, Error::Geometry { .. }), "{text}: {error}");
        }
    }

    fn load_error(size: usize, text: &str) -> String {
        let (_folder, path) = file(size, None);
        bare(&path, &said(text)).unwrap_err().to_string()
    }

    #[test]
    fn the_size_must_be_that_of_the_frame() {
        let padded = format!("{SIDECAR}stride = 16\n");
        for size in [64, 60] {
            let (_folder, path) = file(size, None);
            assert_eq!(
                bare(&path, &said(&padded)).unwrap(),
                vec![0x81; size],
                "last row with and without padding"
            );
        }
        let short = load_error(47, SIDECAR);
        assert!(short.contains("should hold 48 bytes") && short.ends_with("holds 47"), "{short}");
        for (size, fit) in [
            (24, "6x4 at 8 bits"),
            (40, "6x4 at 10 bits, packing mipi"),
            (36, "6x4 at 12 bits, packing mipi"),
            (96, "2 such frames"),
            (64, "a stride of 16"),
            (60, "a stride of 15"),
        ] {
            let message = load_error(size, SIDECAR);
            assert!(message.contains(fit), "{message}");
        }
        assert!(load_error(80, &padded).contains("stride of 20"));
        assert!(
            load_error(12 * 5, &SIDECAR.replace("height = 4", "height = 7")).contains("6x5 of the same rows")
        );
    }

    #[test]
    fn other_formats_are_called_by_their_name() {
        let geometry = said(SIDECAR);
        for (start, name) in [
            (&b"\xFF\xD8\xFF\xE0"[..], "a JPEG"),
            (b"\x89PNG\r\n\x1a\n\0", "a PNG"),
            (b"II\x2A\0\x08\0\0\0", "TIFF or DNG"),
            (b"MM\0\x2A\0\0\0\x08", "TIFF or DNG"),
            (b"\0\0\0\x18ftypheic", "HEIF"),
            (b"width = 3\n", "text"),
        ] {
            let (_folder, path) = file(1, None);
            fs::write(&path, start).unwrap();
            for message in [
                bare(&path, &geometry).unwrap_err().to_string(),
                describe(&path, &RawDescription::default()).unwrap_err().to_string(),
            ] {
                assert!(message.contains(name) && message.contains("photo.raw"), "{message}");
            }
        }
    }

    #[test]
    fn samples_that_look_like_a_magic_are_read_when_the_size_is_right() {
        let (_folder, path) = file(48, None);
        fs::write(&path, [b'@'; 48]).unwrap();
        assert!(bare(&path, &said(SIDECAR)).is_ok());
    }

    #[test]
    fn what_is_no_file_is_told() {
        let geometry = said(SIDECAR);
        let folder = tempfile::tempdir().unwrap();
        let message = |path: &Path| bare(path, &geometry).unwrap_err().to_string();
        assert!(message(folder.path()).contains("is a folder"));
        let missing = bare(&folder.path().join("none.raw"), &geometry).unwrap_err();
        assert_eq!(missing.io_source().unwrap().kind(), io::ErrorKind::NotFound);
        let (_folder, path) = file(0, None);
        assert!(message(&path).contains("is empty"));
        assert!(message(Path::new("/dev/zero")).contains("a device"));
    }

    proptest! {
        #[test]
        fn hostile_numbers_are_errors(
            (width, height, bits) in (any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u8>>()),
            (stride, black, white) in (any::<Option<usize>>(), any::<Option<u16>>(), any::<Option<u16>>()),
            size in 0usize..200,
        ) {
            let (_folder, path) = file(size, None);
            let pattern = Some(CfaPattern::Rggb);
            let said = RawDescription { width, height, stride, bits, black, white, packing: None, pattern };
            if let Ok(geometry) = said.geometry(&path) {
                prop_assert!(geometry.validate().is_ok());
                let _ = bare(&path, &geometry);
            }
        }
    }
}
