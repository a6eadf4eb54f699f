//! DNG files to samples and descriptions, and what is refused.
#![allow(clippy::unwrap_used, clippy::panic)]

mod damage;
mod description;
mod foreign;
mod writer;

use latent_isp::CfaPattern;
use latent_isp::dng::{Area, Compression, Dng, Error};
use proptest::prelude::*;
use writer::lossless_jpeg::Coding;
use writer::{Picture, Pieces, Value};

/// Samples of all codes, with steps of every size.
fn noise(picture: &Picture) -> Vec<u16> {
    let mut state = 0x1234_5678_u32;
    (0..picture.width * picture.height)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let code = (state >> 16) as u16 >> (16 - picture.bits);
            // Often only a little changes.
            if state & 0x300 == 0 { code } else { (1 << (picture.bits - 1)) + (code & 7) }
        })
        .collect()
}

fn decoded(bytes: &[u8]) -> Vec<u16> {
    let dng = Dng::parse(bytes).unwrap();
    let mut out = vec![0; dng.whole().samples() as usize];
    dng.decode(dng.whole(), &mut out).unwrap();
    out
}

fn picture() -> impl Strategy<Value = Picture> {
    let size = (2_u32..40, 2_u32..30);
    let pieces = prop_oneof![
        (1_u32..40).prop_map(|rows| Pieces::Strips { rows }),
        (1_u32..24, 1_u32..24).prop_map(|(half, height)| Pieces::Tiles { width: 2 * half, height }),
    ];
    let coding = (1_u8..=7, 1_u32..=2, 0_u32..6, any::<bool>()).prop_map(
        |(predictor, components, restart_lines, has_long_codes)| Coding {
            predictor,
            components,
            restart_lines,
            has_long_codes,
            point_transform: 0,
        },
    );
    (size, 8_u8..=16, pieces, prop::option::of(coding), any::<[bool; 2]>()).prop_map(
        |((width, height), bits, pieces, coding, [is_big_endian, is_below])| Picture {
            // Two components need an even width.
            width: width * 2,
            bits,
            pieces,
            coding,
            is_big_endian,
            is_below,
            ..Picture::new(width, height)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_written_is_read(picture in picture()) {
        let samples = noise(&picture);
        let bytes = picture.bytes(&samples);
        let dng = Dng::parse(&bytes).unwrap();
        let described = dng.description();
        prop_assert_eq!((described.width, described.height, described.bits), (picture.width, picture.height, picture.bits));
        prop_assert_eq!(dng.compression() == Compression::LosslessJpeg, picture.coding.is_some());
        prop_assert_eq!(decoded(&bytes), samples);
    }

    #[test]
    fn an_area_is_that_part_of_the_whole(picture in picture(), corners in any::<[u32; 4]>()) {
        let samples = noise(&picture);
        let bytes = picture.bytes(&samples);
        let [x0, x1] = [corners[0] % picture.width, corners[1] % picture.width];
        let [y0, y1] = [corners[2] % picture.height, corners[3] % picture.height];
        let area = Area {
            left: x0.min(x1),
            top: y0.min(y1),
            width: x0.abs_diff(x1) + 1,
            height: y0.abs_diff(y1) + 1,
        };
        let mut out = vec![0; area.samples() as usize];
        Dng::parse(&bytes).unwrap().decode(area, &mut out).unwrap();
        let rows = samples.chunks(picture.width as usize).skip(area.top as usize).take(area.height as usize);
        let part: Vec<u16> =
            rows.flat_map(|row| row[area.left as usize..][..area.width as usize].to_vec()).collect();
        prop_assert_eq!(out, part);
    }
}

#[test]
fn every_predictor_and_number_of_components_comes_back() {
    for predictor in 1..=7 {
        for components in 1..=4 {
            for (restart_lines, has_long_codes) in [(0, false), (1, true), (3, false)] {
                let coding =
                    Coding { predictor, components, restart_lines, has_long_codes, point_transform: 0 };
                let picture = Picture { coding: Some(coding), ..Picture::new(24, 20) };
                let samples = noise(&picture);
                assert_eq!(decoded(&picture.bytes(&samples)), samples, "{coding:?}");
            }
        }
    }
}

#[test]
fn steps_of_half_the_range_have_no_bits_of_their_own() {
    let picture = Picture { coding: Some(Coding::USUAL), ..Picture::new(4, 2) };
    let samples = [0, 32_768, 32_768, 0, 65_535, 1, 0, 65_535];
    assert_eq!(decoded(&picture.bytes(&samples)), samples);
}

#[test]
fn files_before_version_1_1_have_bits_behind_the_longest_difference() {
    // The usual stream, but for the version: 16 bits are taken behind a step of 32768, so that the rest is other.
    let picture = Picture { coding: Some(Coding::USUAL), ..Picture::new(4, 4) };
    let mut samples = [32_768; 16];
    samples[2] = 0;
    let new = picture.bytes(&samples);
    let old = picture.with_camera_tag(50706, Value::Bytes(vec![1, 0, 0, 0])).bytes(&samples);
    assert_eq!(decoded(&new), samples);
    let mut out = vec![0; 16];
    let dng = Dng::parse(&old).unwrap();
    assert!(dng.decode(dng.whole(), &mut out).is_err() || out != samples);
}

#[test]
fn the_low_bits_that_a_point_transform_takes_away_are_zero() {
    let coding = Coding { point_transform: 2, ..Coding::USUAL };
    let picture = Picture { bits: 12, coding: Some(coding), ..Picture::new(8, 6) };
    let samples = noise(&picture);
    let expected: Vec<u16> = samples.iter().map(|sample| sample & !3).collect();
    assert_eq!(decoded(&picture.bytes(&samples)), expected);
}

#[test]
fn a_jpeg_of_another_shape_counts_by_its_samples() {
    // A tile of 8x4 as a JPEG of 8 columns of two components, 2 lines: writers pair rows of one phase like this.
    let pieces = Pieces::Tiles { width: 8, height: 4 };
    let picture = Picture { bits: 12, pieces, coding: Some(Coding::USUAL), ..Picture::new(8, 4) };
    let samples = noise(&picture);
    let stream = writer::lossless_jpeg::encode(&samples, 16, 12, Coding::USUAL);
    assert_eq!(decoded(&picture.bytes_of(&[stream])), samples);
}

#[test]
fn a_last_strip_may_be_stored_short_or_whole() {
    let pieces = Pieces::Strips { rows: 3 };
    let picture = Picture { coding: Some(Coding::USUAL), pieces, ..Picture::new(6, 5) };
    let samples = noise(&picture);
    assert_eq!(decoded(&picture.bytes(&samples)), samples);
    let strip = |samples: &[u16]| writer::lossless_jpeg::encode(samples, 6, 16, Coding::USUAL);
    let padded = [&samples[18..], &[7; 6]].concat();
    assert_eq!(decoded(&picture.bytes_of(&[strip(&samples[..18]), strip(&padded)])), samples);
}

#[test]
fn stored_codes_become_linear_by_the_table() {
    let table: Vec<u16> = (0..200).map(|code| code * code).collect();
    for coding in [None, Some(Coding::USUAL)] {
        let picture = Picture { bits: 8, coding, ..Picture::new(16, 16) }
            .with_raw_tag(50712, Value::Shorts(table.clone()))
            .with_raw_tag(50717, Value::Longs(vec![39_601]));
        let samples: Vec<u16> = (0..256).collect();
        let linear: Vec<u16> = samples.iter().map(|code| code.min(&199).pow(2)).collect();
        let bytes = picture.bytes(&samples);
        assert_eq!(decoded(&bytes), linear);
        let dng = Dng::parse(&bytes).unwrap();
        assert_eq!(dng.geometry(dng.whole()).unwrap().bits, 16, "the linear codes' depth");
    }
}

#[test]
fn a_frame_has_one_black_level_and_the_phase_of_its_place() {
    let picture = Picture { bits: 12, colours: [2, 1, 1, 0], ..Picture::new(8, 6) }
        .with_raw_tag(50829, Value::Shorts(vec![1, 1, 6, 8]))
        .with_raw_tag(50713, Value::Shorts(vec![2, 2]))
        .with_raw_tag(50714, Value::Rationals(vec![(100, 1), (204, 2), (52, 1), (60, 1)]))
        .with_raw_tag(50717, Value::Shorts(vec![4000]));
    let bytes = picture.bytes(&[1000; 48]);
    let dng = Dng::parse(&bytes).unwrap();
    let at = |left, top| dng.geometry(Area { left, top, width: 4, height: 4 }).unwrap();
    let geometry = at(1, 1);
    assert_eq!((geometry.black, geometry.white, geometry.bits), (52, 3950, 12));
    assert_eq!(geometry.pattern, CfaPattern::Bggr, "BGGR is seen from the active area");
    assert_eq!(at(2, 1).pattern, CfaPattern::Gbrg);
    assert_eq!(at(1, 2).pattern, CfaPattern::Grbg);
    assert_eq!(at(0, 0).pattern, CfaPattern::Rggb, "outside of it the cells go on");

    let mut out = vec![0; 2 * 16];
    dng.frame(Area { left: 2, top: 1, width: 4, height: 4 }, &mut out).unwrap();
    let words: Vec<u16> = out.chunks(2).map(|word| u16::from_le_bytes([word[0], word[1]])).collect();
    assert_eq!(words[..4], [950, 952, 950, 952], "column 2 is the second of the active area");
    assert_eq!(words[4..8], [992, 1000, 992, 1000]);
}

#[test]
fn what_is_above_the_depth_becomes_its_largest_code() {
    let picture = Picture::new(4, 2).with_raw_tag(50717, Value::Longs(vec![1000]));
    let bytes = picture.bytes(&[0, 1000, 1023, 1024, 65_535, 5, 6, 7]);
    let dng = Dng::parse(&bytes).unwrap();
    let mut out = vec![0; 16];
    let geometry = dng.frame(dng.whole(), &mut out).unwrap();
    assert_eq!((geometry.bits, geometry.white), (10, 1000));
    assert_eq!(out[..10], [0, 0, 0xe8, 3, 0xff, 3, 0xff, 3, 0xff, 3]);
}

#[test]
fn areas_and_buffers_that_do_not_fit_are_errors() {
    let bytes = Picture::new(4, 2).bytes(&[0; 8]);
    let dng = Dng::parse(&bytes).unwrap();
    let whole = dng.whole();
    for area in [
        Area { left: 1, ..whole },
        Area { height: 3, ..whole },
        Area { left: u32::MAX, width: u32::MAX, ..whole },
    ] {
        assert!(matches!(dng.decode(area, &mut [0; 8]), Err(Error::Area { .. })), "{area}");
        assert!(matches!(dng.geometry(area), Err(Error::Area { .. })), "{area}");
    }
    assert_eq!(dng.decode(whole, &mut [0; 9]), Err(Error::Buffer { expected: 8, got: 9 }));
    assert_eq!(dng.frame(whole, &mut [0; 8]), Err(Error::Buffer { expected: 16, got: 8 }));
    let narrow = Area { width: 1, ..whole };
    assert!(matches!(dng.geometry(narrow), Err(Error::Frame(latent_isp::Error::Size { .. }))));
}
