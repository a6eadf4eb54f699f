//! DNGs as raw files: they describe themselves, so they need no sidecar.
//!
//! The picture is the default crop. Used are the mosaic (after the linearization table), its phase, black levels (the four
//! sites' are made one) and white level, the colours (see [`Description::sensor_colour`]) and, where there is a place for
//! them, the gains of the shot. Not used: orientation, noise profile, baseline exposure, opcodes (a lens's shading with
//! them), times and names.
//!
//! [`Description::sensor_colour`]: latent_isp::dng::Description::sensor_colour

use std::fs::File;
use std::io::Read;
use std::path::Path;

use latent_isp::RawGeometry;
use latent_isp::dng::Dng;

use super::{Error, Form, RawDescription, RawFile, open, read};

/// Larger files are no photos.
const MOST_BYTES: u64 = 1 << 30;

/// Whether a file begins as a TIFF does.
pub(super) fn is_tiff(path: &Path) -> Result<bool, Error> {
    let (file, _) = open(path)?;
    Ok(matches!(&start(file, path)?[..], b"II\x2a\0" | b"MM\0\x2a"))
}

fn start(file: File, path: &Path) -> Result<Vec<u8>, Error> {
    let mut start = Vec::new();
    file.take(4).read_to_end(&mut start).map_err(|source| Error::Io {
        operation: "read",
        path: path.to_owned(),
        source,
    })?;
    Ok(start)
}

/// What a DNG says of itself; pattern, black and white of `given` win.
pub(super) fn describe(path: &Path, given: &RawDescription) -> Result<RawFile, Error> {
    let &RawDescription { width, height, stride, bits, packing, pattern, black, white } = given;
    let is_said = [width.is_some(), height.is_some(), stride.is_some(), bits.is_some(), packing.is_some()];
    let keys = ["width", "height", "stride", "bits", "packing"];
    if let Some((key, _)) = keys.into_iter().zip(is_said).find(|(_, is_said)| *is_said) {
        return Err(Error::SelfDescribed { path: path.to_owned(), key });
    }
    let bytes = bytes(path)?;
    let wrong = |source| Error::Dng { path: path.to_owned(), source };
    let dng = Dng::parse(&bytes).map_err(wrong)?;
    let said = dng.description();
    let own = dng.geometry(said.crop).map_err(wrong)?;
    let geometry = RawGeometry {
        pattern: pattern.unwrap_or(own.pattern),
        black: black.unwrap_or(own.black),
        white: white.unwrap_or(own.white),
        ..own
    };
    geometry.validate().map_err(|source| Error::Geometry { path: path.to_owned(), source })?;
    Ok(RawFile { geometry, form: Form::Dng, colour: said.sensor_colour(), gains: said.as_shot_gains() })
}

/// The samples of a DNG that has been described. It must still have that size.
pub(super) fn load(path: &Path, geometry: &RawGeometry) -> Result<Vec<u8>, Error> {
    let bytes = bytes(path)?;
    let wrong = |source| Error::Dng { path: path.to_owned(), source };
    let dng = Dng::parse(&bytes).map_err(wrong)?;
    let crop = dng.description().crop;
    let expected = geometry.validate().and_then(|()| geometry.len_bytes());
    let expected = expected.map_err(|source| Error::Geometry { path: path.to_owned(), source })?;
    if (crop.width, crop.height) != (geometry.width, geometry.height) || 2 * crop.samples() != expected as u64
    {
        let reckoning = format!("{}x{} samples", geometry.width, geometry.height);
        let (expected, got) = (expected as u64, 2 * crop.samples());
        return Err(Error::Size { path: path.to_owned(), expected, reckoning, got, hint: String::new() });
    }
    let mut samples = Vec::new();
    samples.try_reserve_exact(expected).map_err(|_| Error::Io {
        operation: "decode",
        path: path.to_owned(),
        source: std::io::ErrorKind::OutOfMemory.into(),
    })?;
    samples.resize(expected, 0);
    dng.frame(crop, &mut samples).map_err(wrong)?;
    Ok(samples)
}

fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let (file, size) = open(path)?;
    if size > MOST_BYTES {
        let reckoning = "the most that a DNG may have".to_owned();
        return Err(Error::Size {
            path: path.to_owned(),
            expected: MOST_BYTES,
            reckoning,
            got: size,
            hint: String::new(),
        });
    }
    read(file, size, path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use latent_isp::{CfaPattern, Packing};

    use super::*;
    use crate::raw_file;

    /// 48x32 samples, of which 40x26 are the picture.
    const CROPPED: &[u8] = include_bytes!("../../../isp/tests/dng/libjpeg-turbo-4.dng");

    fn file(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo.dng");
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn a_dng_needs_no_sidecar_and_is_cropped() {
        let (_folder, path) = file(CROPPED);
        let described = raw_file::describe(&path, &RawDescription::default()).unwrap();
        let geometry = RawGeometry {
            width: 40,
            height: 26,
            stride_bytes: 80,
            bits: 12,
            packing: Packing::Le16,
            pattern: CfaPattern::Bggr,
            black: 256,
            white: 4000,
        };
        assert_eq!((described.geometry, described.form), (geometry, Form::Dng));
        assert_eq!(described.gains, Some([2.0, 1.0, 1.6]));
        assert!(described.colour.is_some_and(|colour| colour.daylight.is_some()));
        let samples = raw_file::load(&path, &described).unwrap();
        assert_eq!(samples.len(), 40 * 26 * 2);
        // Column 5, row 4 of what is stored.
        let sample = (200_u32 + 40 * 5 + 17 * 4 + (((5 * 7919) ^ (4 * 104_729)) >> 3 & 63)) as u16;
        assert_eq!(samples[..2], sample.to_le_bytes());
    }

    #[test]
    fn what_a_dng_says_of_its_levels_can_be_overridden_but_not_its_shape() {
        let (_folder, path) = file(CROPPED);
        let levels = RawDescription {
            black: Some(100),
            white: Some(3000),
            pattern: Some(CfaPattern::Rggb),
            ..RawDescription::default()
        };
        let described = raw_file::describe(&path, &levels).unwrap();
        let RawGeometry { black, white, pattern, .. } = described.geometry;
        assert_eq!((black, white, pattern), (100, 3000, CfaPattern::Rggb));
        assert!(raw_file::load(&path, &described).is_ok());
        let inverted = RawDescription { black: Some(4000), ..RawDescription::default() };
        assert!(matches!(raw_file::describe(&path, &inverted), Err(Error::Geometry { .. })));
        let width = RawDescription { width: Some(40), ..RawDescription::default() };
        let message = raw_file::describe(&path, &width).unwrap_err().to_string();
        assert!(message.contains("photo.dng") && message.contains("width"), "{message}");
    }

    #[test]
    fn damage_is_told_with_the_file() {
        let (_folder, path) = file(&CROPPED[..2000]);
        let message = raw_file::describe(&path, &RawDescription::default()).unwrap_err().to_string();
        assert!(message.contains("photo.dng") && message.contains("the file ends at byte 2000"), "{message}");
    }

    #[test]
    fn a_dng_that_changed_its_size_meanwhile_is_an_error() {
        let (_folder, path) = file(CROPPED);
        let mut described = raw_file::describe(&path, &RawDescription::default()).unwrap();
        described.geometry.height = 24;
        let message = raw_file::load(&path, &described).unwrap_err().to_string();
        assert!(message.contains("40x24"), "{message}");
    }
}
