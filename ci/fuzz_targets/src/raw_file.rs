//! Raw files and their sidecars, as `latent develop` and the replay camera read them.

use latent_hal::Camera;
use latent_isp::RawView;
use latent_pipeline::raw_file::{self, Form, RawDescription};
use latent_pipeline::replay::ReplayCamera;

use crate::files;

/// Between the sidecar and the samples.
const BETWEEN: &[u8] = b"\n---\n";

pub(crate) fn run(data: &[u8]) {
    let at = data.windows(BETWEEN.len()).position(|window| window == BETWEEN);
    let (sidecar, samples) = at.map_or((&[][..], data), |at| (&data[..at], &data[at + BETWEEN.len()..]));
    let path = files::write("photo.raw", samples);
    if at.is_some() {
        files::write("photo.raw.toml", sidecar);
    } else {
        let _ = std::fs::remove_file(raw_file::sidecar(&path));
    }
    let forced = RawDescription { width: Some(6), height: Some(4), ..RawDescription::default() };
    for overrides in [RawDescription::default(), forced] {
        match raw_file::describe(&path, &overrides) {
            Ok(raw) => {
                assert_eq!(raw.geometry.validate(), Ok(()), "{raw:?}");
                match raw_file::load(&path, &raw) {
                    Ok(bytes) => {
                        assert!(raw.form == Form::Dng || bytes == samples);
                        assert!(RawView::new(raw.geometry, &bytes).is_ok(), "what loads is a picture");
                    }
                    Err(error) => told(&error),
                }
            }
            Err(error) => told(&error),
        }
    }
    match ReplayCamera::open(&path) {
        Ok(camera) => assert_eq!(camera.modes().map(|modes| modes.len()).ok(), Some(1)),
        Err(error) => told(&error),
    }
}

/// An error has something to say.
fn told(error: &raw_file::Error) {
    assert!(error.to_string().contains("photo.raw"), "{error}");
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let with = |sidecar: &str, size: usize| [sidecar.as_bytes(), BETWEEN, &vec![0x81; size]].concat();
    let usual = "width = 6\nheight = 4\nbits = 10\npattern = \"grbg\"\n";
    vec![
        with(usual, 48),
        with(&format!("{usual}stride = 16\npacking = \"mipi\"\nblack = 64\nwhite = 1000\n"), 64),
        with("width = 6\nheight = 4\nbits = 8\npacking = \"bytes\"\npattern = \"RGGB\"\n", 24),
        with(
            "width = 4294967295\nheight = 65535\nbits = 16\nstride = 9223372036854775807\npattern=\"bggr\"",
            9,
        ),
        b"II\x2a\0\x08\0\0\0".to_vec(),
        include_bytes!("../../../isp/tests/dng/pidng-lj92.dng").to_vec(),
        b"\xff\xd8\xff\xe1\0\x10Exif".to_vec(),
    ]
}
