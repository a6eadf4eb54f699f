use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

use super::*;

/// A picture with detail in all places.
pub(crate) fn scene(width: u32, height: u32, seed: u32) -> Vec<u8> {
    (0..3 * width * height)
        .map(|i| {
            let (x, y) = (i / 3 % width, i / 3 / width);
            ((x * 5 + y * 3 + i % 3 * 40 + seed) ^ (x * y / 7)) as u8
        })
        .collect()
}

fn encoded(width: u32, height: u32, sampling: SamplingFactor, restart: u16, progressive: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 85);
    encoder.set_sampling_factor(sampling);
    encoder.set_restart_interval(restart);
    encoder.set_progressive(progressive);
    let (width16, height16) = (u16::try_from(width).unwrap(), u16::try_from(height).unwrap());
    encoder.encode(&scene(width, height, 1), width16, height16, ColorType::Rgb).unwrap();
    bytes
}

/// A frame as a camera sends it: without Huffman tables, with zeros behind its end.
fn from_camera(width: u32, height: u32) -> Vec<u8> {
    let whole = encoded(width, height, SamplingFactor::F_2_1, 0, false);
    let mut bytes = whole.clone();
    for segment in jpeg::leading(&whole).collect::<Vec<_>>().into_iter().rev() {
        if segment.marker == DHT {
            bytes.drain(segment.whole);
        }
    }
    bytes.extend([0; 300]);
    bytes
}

fn judged(bytes: &[u8], width: u32, height: u32) -> Result<Shape, Refusal> {
    let shape = Shape::of(bytes, width, height)?;
    check(bytes, &shape).map(|()| shape)
}

fn photo() -> PhotoMetadata {
    crate::caption::of(
        uuid::Uuid::from_u128(1),
        uuid::Uuid::from_u128(2),
        &"2026-03-01T14:05:09+01:00[+01:00]".parse().unwrap(),
        &crate::library::Shot { orientation: 1, ..Default::default() },
        crate::caption::Rendition {
            generation: 2,
            quality: crate::photo::Quality::Full,
            tier: None,
            state: crate::photo::State::Final,
            reason: None,
            width: 70,
            height: 50,
        },
    )
}

#[test]
fn pictures_of_every_kind_are_whole_to_the_last_block() {
    for sampling in
        [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_2_2, SamplingFactor::F_4_1]
    {
        for restart in [0, 1, 3] {
            for (width, height) in [(8, 8), (70, 50), (129, 33)] {
                let bytes = encoded(width, height, sampling, restart, false);
                let shape = judged(&bytes, width, height).unwrap();
                assert_eq!((shape.width, shape.height, shape.bytes), (width, height, bytes.len()));
                // The encoder gives colours a scan each where one is a quarter as wide.
                assert_eq!(shape.scan.is_some(), sampling != SamplingFactor::F_4_1, "{sampling:?}");
            }
        }
    }
    let progressive = encoded(70, 50, SamplingFactor::F_2_2, 0, true);
    let shape = judged(&progressive, 70, 50).unwrap();
    assert!(shape.scan.is_none() && with_metadata(&progressive, &shape, &photo()).is_none());
}

#[test]
fn a_frame_that_is_cut_anywhere_is_refused_even_with_an_end_put_on_it() {
    for bytes in
        [encoded(70, 50, SamplingFactor::F_2_2, 0, false), encoded(70, 50, SamplingFactor::F_2_1, 2, false)]
    {
        for length in (0..bytes.len() - 2).rev().step_by(3) {
            assert!(judged(&bytes[..length], 70, 50).is_err(), "{length}");
            let ended = [&bytes[..length], &EOI].concat();
            // The last bytes may hold nothing but the padding of the last code.
            if length < bytes.len() - 3 {
                assert!(judged(&ended, 70, 50).is_err(), "{length} of {}", bytes.len());
            }
        }
    }
}

#[test]
fn a_packet_that_is_lost_in_the_middle_is_noticed() {
    let bytes = encoded(200, 160, SamplingFactor::F_2_1, 0, false);
    let scan = Shape::of(&bytes, 200, 160).unwrap().scan.unwrap();
    let (mut noticed, mut tries) = (0, 0);
    for start in scan.clone().step_by(97).filter(|start| start + 512 < scan.end) {
        let lost = [&bytes[..start], &bytes[start + 512..]].concat();
        tries += 1;
        noticed += u32::from(judged(&lost, 200, 160).is_err());
    }
    // By chance the codes behind the gap may make up for the blocks that are missing.
    assert!(tries > 200 && noticed * 100 >= tries * 97, "{noticed} of {tries}");
}

#[test]
fn what_is_no_picture_of_the_stream_is_refused_with_the_reason() {
    let bytes = encoded(70, 50, SamplingFactor::F_2_2, 0, false);
    let reason = |bytes: &[u8], width, height| judged(bytes, width, height).unwrap_err();
    assert!(reason(b"no JPEG", 70, 50).contains("begin"));
    assert!(reason(&bytes, 71, 50).contains("size"));
    assert!(reason(&bytes, 70, 18).contains("size"));
    assert!(judged(&bytes, 64, 48).is_ok(), "blocks may be whole");
    assert!(reason(&bytes[..bytes.len() - 2], 70, 50).contains("short"));
}

#[test]
fn a_camera_s_frame_becomes_a_file_with_the_same_pixels() {
    let bytes = from_camera(70, 50);
    let shape = judged(&bytes, 70, 50).unwrap();
    assert_eq!(shape.bytes, bytes.len() - 300);
    let file = with_metadata(&bytes, &shape, &photo()).unwrap();
    assert!(jpeg::complete(&file));
    assert_eq!(crate::metadata::identity(&file).unwrap().asset_id, uuid::Uuid::from_u128(2));
    let again = judged(&file, 70, 50).unwrap();
    assert_eq!(decode(&file, &again).unwrap(), decode(&bytes, &shape).unwrap());
    // A decoder that knows nothing of the camera's habits reads it as well, and sees what was encoded.
    let mut strict = JpegDecoder::new_with_options(
        ZCursor::new(&file[..]),
        DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB),
    );
    let pixels = strict.decode().unwrap();
    let mean = |a: &[u8], b: &[u8]| {
        a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>() / a.len() as u64
    };
    assert!(mean(&pixels, &scene(70, 50, 1)) < 25, "{}", mean(&pixels, &scene(70, 50, 1)));
    let kept: Vec<_> = jpeg::leading(&file).map(|segment| segment.marker).collect();
    assert_eq!(kept[..3], [0xE0, 0xE1, 0xE1]);
    assert_eq!(kept.iter().filter(|marker| **marker == DHT).count(), 1);
}

#[test]
fn stray_bytes_before_the_end_are_a_camera_s_habit_and_no_damage() {
    let bytes = encoded(70, 50, SamplingFactor::F_2_1, 0, false);
    let (data, end) = bytes.split_at(bytes.len() - 2);
    assert!(judged(&[data, &[0; 7], end].concat(), 70, 50).is_ok());
    assert!(judged(&[data, &[0; 70], end].concat(), 70, 50).is_err());
}

#[test]
fn more_huffman_tables_than_a_picture_has_use_for_are_refused_at_once() {
    let bytes = encoded(70, 50, SamplingFactor::F_2_1, 0, false);
    let (begin, rest) = bytes.split_at(2);
    // One code of one bit: as cheap as a definition can be in bytes, as dear as any in time.
    let table = [&[0x13, 1][..], &[0; 15], &[0]].concat();
    let with = |tables: usize| {
        let segment = |count: usize| {
            let length = u16::try_from(2 + count * table.len()).unwrap().to_be_bytes();
            [&[0xFF, DHT][..], &length, &table.repeat(count)].concat()
        };
        let full = tables / 3000;
        let segments = [segment(3000).repeat(full), segment(tables - 3000 * full)].concat();
        [begin, &segments, rest].concat()
    };
    // The encoder's own are four.
    assert!(judged(&with(28), 70, 50).is_ok());
    assert!(judged(&with(29), 70, 50).unwrap_err().contains("more Huffman tables"));
    let (many, begun) = (with(200_000), std::time::Instant::now());
    assert!(judged(&many, 70, 50).unwrap_err().contains("more Huffman tables"));
    // Each is a table of 64 Ki entries: all of them took seconds.
    assert!(begun.elapsed() < std::time::Duration::from_secs(1), "{:?}", begun.elapsed());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), at in 0_usize..2000, value: u8) {
        let _ = judged(&[&SOI[..], &bytes].concat(), 70, 50);
        let mut frame = encoded(24, 16, SamplingFactor::F_2_2, 1, false);
        let length = frame.len();
        frame[at % length] = value;
        if let Ok(shape) = judged(&frame, 24, 16) {
            let _ = decode(&frame, &shape);
            let _ = with_metadata(&frame, &shape, &photo());
        }
    }
}
