//! Damaged and hostile files: an error within bounded time and memory, never a panic.

use latent_isp::dng::{Dng, Error, Part};
use proptest::prelude::*;

use crate::noise;
use crate::writer::lossless_jpeg::{self, Coding};
use crate::writer::{Picture, Pieces, Value};

/// Parses and decodes, whatever comes of it.
fn read(bytes: &[u8]) -> Result<(), Error> {
    let dng = Dng::parse(bytes)?;
    let area = dng.description().crop;
    assert!(area.is_within(&dng.whole()) && area.samples() <= 8 * bytes.len() as u64);
    let mut out = vec![0; area.samples() as usize];
    dng.decode(area, &mut out)
}

fn jpeg_picture() -> Picture {
    let coding = Coding { restart_lines: 2, ..Coding::USUAL };
    Picture {
        bits: 12,
        coding: Some(coding),
        pieces: Pieces::Tiles { width: 8, height: 6 },
        ..Picture::new(12, 8)
    }
}

#[test]
fn files_that_end_early_are_errors() {
    for picture in [jpeg_picture(), Picture { bits: 10, ..Picture::new(12, 8) }] {
        let bytes = picture.bytes(&noise(&picture));
        assert_eq!(read(&bytes), Ok(()));
        // The last four bytes say that no directory follows, which their absence says as well.
        for end in 0..bytes.len() - 4 {
            assert!(read(&bytes[..end]).is_err(), "{end} of {}", bytes.len());
        }
    }
}

#[test]
fn what_is_no_tiff_shows_its_first_bytes() {
    for (bytes, words) in
        [(&b""[..], "[]"), (b"\xff\xd8\xff", "[ff, d8, ff]"), (b"II\x2b\0\x08\0\0\0", "49, 49, 2b")]
    {
        let message = read(bytes).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn directories_that_follow_each_other_in_a_circle_end() {
    // One directory, which is its own SubIFD and its own successor.
    let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
    bytes.extend([2, 0]);
    bytes.extend([74, 1, 4, 0, 1, 0, 0, 0, 8, 0, 0, 0]);
    bytes.extend([18, 198, 1, 0, 4, 0, 0, 0, 1, 4, 0, 0]);
    bytes.extend([8, 0, 0, 0]);
    assert_eq!(read(&bytes), Err(Error::NoRawImage { directories: 1 }));
}

#[test]
fn no_more_directories_are_looked_at_than_any_file_has() {
    // A chain of empty directories that never ends, each at another place.
    let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
    bytes.extend([1, 0, 18, 198, 1, 0, 4, 0, 0, 0, 1, 4, 0, 0]);
    for _ in 0..10_000 {
        let next = bytes.len() as u32 + 4;
        bytes.extend(next.to_le_bytes());
        bytes.extend([0, 0]);
    }
    bytes.extend([0; 4]);
    assert_eq!(read(&bytes), Err(Error::NoRawImage { directories: 64 }));
}

#[test]
fn a_picture_larger_than_its_file_is_refused_before_anything_is_allocated() {
    let huge = Picture { coding: Some(Coding::USUAL), ..Picture::new(4, 4) }
        .with_raw_tag(256, Value::Longs(vec![65_535]))
        .with_raw_tag(257, Value::Longs(vec![65_535]))
        .with_raw_tag(278, Value::Longs(vec![65_535]));
    let bytes = huge.bytes(&[0; 16]);
    let most = 8 * bytes.len() as u64;
    let error = read(&bytes).unwrap_err();
    assert_eq!(error, Error::Implausible { samples: 65_535 * 65_535, most, bytes: most / 8 });
    // Tiles count with their padding, which is decoded too.
    let padded = Picture {
        coding: Some(Coding::USUAL),
        pieces: Pieces::Tiles { width: 4, height: 4 },
        ..Picture::new(4, 4)
    }
    .with_raw_tag(322, Value::Longs(vec![65_535]))
    .with_raw_tag(323, Value::Longs(vec![65_535]));
    assert!(matches!(read(&padded.bytes(&[0; 16])), Err(Error::Implausible { .. })));
}

#[test]
fn tiles_that_share_their_bytes_cannot_make_a_small_file_take_long() {
    let pieces = Pieces::Tiles { width: 2, height: 1 };
    let picture = Picture { coding: Some(Coding::USUAL), pieces, ..Picture::new(4, 40) };
    let stream = lossless_jpeg::encode(&[5, 6], 2, 16, Coding::USUAL);
    let each = stream.len() as u32;
    let shared =
        picture.with_raw_tag(324, Value::Longs(vec![8; 80])).with_raw_tag(325, Value::Longs(vec![each; 80]));
    let bytes = shared.bytes_of(&[stream]);
    let message = read(&bytes).unwrap_err().to_string();
    assert!(message.contains("TileByteCounts (tag 325) at byte"), "{message}");
    assert!(message.contains(&format!("is {}, but at most {} bytes", 80 * each, bytes.len())), "{message}");
}

#[test]
fn a_damaged_stream_names_its_tile_its_place_and_what_is_wrong() {
    let picture = Picture { bits: 12, ..jpeg_picture() };
    let samples = noise(&picture);
    let good = lossless_jpeg::encode(&samples[..48], 8, 12, picture.coding.unwrap());
    let find = |marker: [u8; 2]| good.windows(2).position(|window| window == marker).unwrap();
    let (huffman, frame, restarts, scan, first_restart) =
        (find([0xff, 0xc4]), find([0xff, 0xc3]), find([0xff, 0xdd]), find([0xff, 0xda]), find([0xff, 0xd0]));
    let cases: [(usize, &[u8], &str); 18] = [
        (0, &[0xff, 0xd9], "ff d8"),
        (frame + 1, &[0xc0], "SOF0"),
        (frame + 1, &[0xcb], "SOF11"),
        (frame + 4, &[17], "2 to 16 bits"),
        (frame + 5, &[0, 0], "4x0"),
        (frame + 5, &[0, 7], "as many samples"),
        (frame + 9, &[9], "1 to 4 components"),
        (frame + 11, &[0x22], "components of one size"),
        (huffman + 4, &[0x10], "class 0"),
        (huffman + 4, &[4], "number 0 to 3"),
        (huffman + 5, &[3], "Huffman table"),
        (huffman + 21, &[17], "at most 16 bits"),
        (restarts + 4, &[0, 7], "whole lines"),
        (scan + 4, &[1], "all components"),
        (scan + 6, &[0x10], "Huffman table for each"),
        (scan + 9, &[0], "predictor of 1 to 7"),
        (scan + 11, &[0x0c], "point transform"),
        (first_restart + 1, &[0xd3], "restart marker"),
    ];
    for (at, with, words) in cases {
        let mut stream = good.clone();
        stream[at..at + with.len()].copy_from_slice(with);
        let bytes = picture.bytes_of(&[good.clone(), stream, good.clone(), good.clone()]);
        let error = read(&bytes).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(words) && message.contains("strip or tile 1"), "{at} {with:?}: {message}");
        let Error::Jpeg { segment: 1, offset, .. } = error else { panic!("{error:?}") };
        let start = 8 + good.len();
        assert!((start..=start + good.len()).contains(&(offset as usize)), "{message}");
    }
    let cut = good[..good.len() - 12].to_vec();
    let error = read(&picture.bytes_of(&[good.clone(), cut, good.clone(), good.clone()])).unwrap_err();
    assert!(error.to_string().contains("more coded samples"), "{error}");
}

#[test]
fn samples_before_a_damaged_place_are_given() {
    let picture = Picture { bits: 12, coding: Some(Coding::USUAL), ..Picture::new(8, 20) };
    let samples = noise(&picture);
    let stream = lossless_jpeg::encode(&samples, 8, 12, Coding::USUAL);
    let bytes = picture.bytes_of(&[stream[..stream.len() / 2].to_vec()]);
    let dng = Dng::parse(&bytes).unwrap();
    let mut out = vec![0; 160];
    assert!(dng.decode(dng.whole(), &mut out).is_err());
    assert_eq!(out[..40], samples[..40]);
}

#[test]
fn what_reaches_past_the_end_says_by_how_much() {
    let bytes = Picture::new(4, 2).with_raw_tag(50717, Value::Longs(vec![1])).bytes(&[0; 8]);
    let cut = &bytes[..bytes.len() - 6];
    match read(cut).unwrap_err() {
        Error::Outside { part: Part::Directory, offset, expected, end } => {
            assert_eq!((offset + expected, end), (bytes.len() as u64 - 4, cut.len() as u64));
        }
        other => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_damage_is_a_panic(
        is_jpeg in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let picture = if is_jpeg { jpeg_picture() } else { Picture { bits: 14, ..Picture::new(12, 8) } };
        let mut bytes = picture.bytes(&noise(&picture));
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read(&bytes);
    }
}
