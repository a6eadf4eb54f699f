//! Spool files of frames that the camera developed: luma and chroma of every layout, and JPEGs of any length.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/skip.rs"]
mod skip;

use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use latent_isp::yuv::{
    Primaries, Transfer, YuvColour, YuvGeometry, YuvLayout, YuvMatrix, YuvPlane, YuvRange, YuvView,
};
use latent_pipeline::library::Shot;
use latent_pipeline::pixels::{JpegFrames, Pixels};
use latent_pipeline::spool::{Damage, Error, FrameRecord, SpoolHeader, SpoolReader, SpoolWriter};
use proptest::prelude::*;
use skip::skip;
use uuid::Uuid;

const RECORD: FrameRecord =
    FrameRecord { sequence: 7, timestamp: Duration::from_secs(1), timestamp_is_start: true, exposure: None };

fn header(pixels: Pixels, frames: u32) -> SpoolHeader {
    SpoolHeader {
        asset_id: Uuid::from_u128(1),
        library_id: Uuid::from_u128(2),
        pixels,
        frames,
        captured_at: "2026-03-01T14:05:09+01:00[+01:00]".parse().unwrap(),
        shot: Shot::default(),
        colour: None,
    }
}

fn yuv(width: u32, height: u32, layout: YuvLayout, padding: usize) -> (YuvGeometry, usize) {
    let mut planes = [YuvPlane::default(); 3];
    let mut offset = padding;
    for (index, plane) in planes.iter_mut().enumerate().take(layout.planes()) {
        let (row, rows) = layout.plane(index, width, height);
        *plane = YuvPlane { offset, stride_bytes: row + padding };
        offset += rows * (row + padding);
    }
    let colour = YuvColour {
        matrix: YuvMatrix::Rec709,
        range: YuvRange::Full,
        transfer: Transfer::Rec709,
        primaries: Primaries::Smpte170m,
    };
    (YuvGeometry { width, height, layout, planes, colour }, offset)
}

fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

fn write(path: &Path, pixels: Pixels, frames: &[Vec<u8>]) -> u64 {
    let mut writer = SpoolWriter::create(path, &header(pixels, frames.len() as u32)).unwrap();
    for frame in frames {
        writer.frame_bytes(frame, RECORD).unwrap();
    }
    writer.finish().unwrap().bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn luma_and_chroma_of_every_layout_come_back(
        layout in 0_usize..16,
        (width, height, padding) in (2_u32..70, 2_u32..40, 0_usize..17),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("burst.raw");
        let layout = YuvLayout::ALL[layout];
        let (geometry, length) = yuv(width, height, layout, padding);
        let frames: Vec<_> = (0..3).map(|seed| noise(length, seed)).collect();
        write(&path, Pixels::Yuv(geometry), &frames);
        let reader = SpoolReader::open(&path).unwrap();
        prop_assert!(reader.is_complete());
        prop_assert_eq!(reader.verify().unwrap(), []);
        for (position, frame) in frames.iter().enumerate() {
            let read = reader.read_frame(position).unwrap();
            prop_assert!(read.bad_strips.is_empty());
            let Pixels::Yuv(stored) = read.pixels else { panic!("{:?}", read.pixels) };
            prop_assert_eq!((stored.colour, stored.layout), (geometry.colour, layout));
            let (before, after) = (YuvView::new(geometry, frame).unwrap(), YuvView::new(stored, &read.bytes).unwrap());
            for plane in 0..layout.planes() {
                for y in 0..height as usize {
                    prop_assert_eq!(before.row(plane, y), after.row(plane, y), "{} plane {} row {}", layout, plane, y);
                }
            }
        }
    }

    #[test]
    fn jpegs_of_any_length_come_back(lengths in prop::collection::vec(1_usize..200_000, 1..4)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("burst.raw");
        let frames: Vec<_> = lengths.iter().zip(0..).map(|(&length, seed)| noise(length, seed)).collect();
        let pixels = Pixels::Jpeg(JpegFrames { width: 640, height: 480, most_bytes: 200_000 });
        write(&path, pixels, &frames);
        let reader = SpoolReader::open(&path).unwrap();
        prop_assert!(reader.is_complete());
        prop_assert_eq!(reader.verify().unwrap(), []);
        prop_assert_eq!(reader.header().pixels, pixels);
        for (position, frame) in frames.iter().enumerate() {
            prop_assert_eq!(&reader.read_frame(position).unwrap().bytes, frame);
        }
    }
}

#[test]
fn what_a_jpeg_does_not_fill_takes_no_space() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("burst.raw");
    let pixels = Pixels::Jpeg(JpegFrames { width: 4000, height: 3000, most_bytes: 24_000_000 });
    let bytes = write(&path, pixels, &[noise(100_000, 1), noise(50_000, 2)]);
    let about = std::fs::metadata(&path).unwrap();
    assert!(about.len() > 48_000_000 && bytes < 250_000, "{} and {bytes}", about.len());
    if about.blocks() * 512 > 24_000_000 {
        skip("this file system has no holes");
    } else {
        assert!(about.blocks() * 512 < 400_000, "{} blocks", about.blocks());
    }
}

#[test]
fn a_bad_block_in_a_jpeg_is_found_and_one_behind_it_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("burst.raw");
    let pixels = Pixels::Jpeg(JpegFrames { width: 640, height: 480, most_bytes: 300_000 });
    write(&path, pixels, &[noise(100_000, 1), noise(100_000, 2)]);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[1; 16], 60_000).unwrap();
    file.write_all_at(&[1; 16], 200_000).unwrap();
    let reader = SpoolReader::open(&path).unwrap();
    assert!(!reader.read_frame(0).unwrap().bad_strips.is_empty());
    assert!(reader.read_frame(1).unwrap().bad_strips.is_empty());
    assert!(matches!(reader.verify().unwrap()[..], [Damage::Rows { index: 0, .. }]));
}

#[test]
fn a_jpeg_larger_than_planned_or_of_no_bytes_is_refused_and_the_burst_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("burst.raw");
    let pixels = Pixels::Jpeg(JpegFrames { width: 640, height: 480, most_bytes: 1000 });
    let mut writer = SpoolWriter::create(&path, &header(pixels, 2)).unwrap();
    assert!(matches!(writer.frame_bytes(&noise(1001, 1), RECORD), Err(Error::Geometry { .. })));
    assert!(matches!(writer.frame_bytes(&[], RECORD), Err(Error::Geometry { .. })));
    writer.frame_bytes(&noise(1000, 1), RECORD).unwrap();
    assert_eq!(writer.finish().unwrap().frames, 1);
    assert_eq!(SpoolReader::open(&path).unwrap().frames().len(), 1);
}

#[test]
fn a_program_that_knows_version_1_alone_is_told_that_the_file_is_newer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("burst.raw");
    let (geometry, length) = yuv(16, 8, YuvLayout::Nv12, 0);
    write(&path, Pixels::Yuv(geometry), &[noise(length, 1)]);
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes[8..10], [2, 0], "the version stands where every version has it");
}
