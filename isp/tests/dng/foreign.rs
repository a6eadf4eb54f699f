//! Files that other writers made, of 48x32 samples of 12 bits that [`sample`] gives.
//!
//! `pidng-*.dng` are pidng 4.0.9's (MIT), `RAW2DNG`: one tile, uncompressed, and as a lossless JPEG of liblj92 with 96 columns
//! and 16 lines, predictor 6. `libjpeg-turbo-N.dng` are of lossless JPEGs of libjpeg-turbo 3.1.3 with predictor N (Python's
//! imagecodecs 2026.3.6, `jpeg8_encode(lossless=True)`), in 32x16 tiles of a big-endian TIFF by tifffile 2026.3.3 (both
//! BSD), the raw image in a SubIFD behind a preview. LibRaw 0.22 (rawpy 0.28) reads all of them with the same samples.

use latent_isp::CfaPattern;
use latent_isp::dng::{Area, Dng};

use crate::decoded;

fn sample(x: u32, y: u32) -> u16 {
    ((200 + 40 * x + 17 * y + (((x * 7919) ^ (y * 104_729)) >> 3 & 63)) & 4095) as u16
}

fn samples() -> Vec<u16> {
    (0..32).flat_map(|y| (0..48).map(move |x| sample(x, y))).collect()
}

/// What all of them say.
fn check(bytes: &[u8]) -> Dng<'_> {
    assert_eq!(decoded(bytes), samples());
    let dng = Dng::parse(bytes).unwrap();
    let said = dng.description();
    assert_eq!((said.black, said.white, said.orientation), ([[256.0; 2]; 2], 4000, 1));
    assert_eq!(said.neutral, Some([0.5, 1.0, 0.625]));
    let [calibration] = &said.calibrations[..] else { panic!("{:?}", said.calibrations) };
    assert_eq!((calibration.illuminant, calibration.forward), (21, None));
    assert_eq!(
        calibration.color,
        [[1.9549, -0.7877, -0.2582], [-0.5724, 1.0121, 0.1917], [-0.1267, -0.011, 0.6621]]
    );
    assert!(said.sensor_colour().is_some());
    dng
}

#[test]
fn files_of_pidng_are_read() {
    for bytes in [&include_bytes!("pidng-packed.dng")[..], include_bytes!("pidng-lj92.dng")] {
        let dng = check(bytes);
        let said = dng.description();
        assert_eq!((said.bits, said.pattern, said.crop), (12, CfaPattern::Bggr, dng.whole()));
        assert_eq!((said.make.as_deref(), said.model.as_deref()), (Some("Independent"), Some("pidng")));
        assert_eq!(said.baseline_exposure, -1.5);
    }
}

#[test]
fn tiles_of_libjpeg_turbo_in_a_file_of_tifffile_are_read() {
    for bytes in [&include_bytes!("libjpeg-turbo-4.dng")[..], include_bytes!("libjpeg-turbo-7.dng")] {
        let dng = check(bytes);
        let said = dng.description();
        assert_eq!((said.pattern, said.unique_model.as_deref()), (CfaPattern::Gbrg, Some("tifffile DNG")));
        assert_eq!(said.active, Area { left: 4, top: 2, width: 44, height: 30 });
        assert_eq!(said.crop, Area { left: 5, top: 4, width: 40, height: 26 });
        // The crop begins one column after the active area's cells.
        assert_eq!(dng.geometry(said.crop).unwrap().pattern, CfaPattern::Bggr);
    }
}
