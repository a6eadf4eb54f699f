//! Files of format version 2 that are kept: the format of frames that the camera developed cannot drift unseen.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::time::Duration;

use latent_isp::yuv::{
    Primaries, Transfer, YuvColour, YuvGeometry, YuvLayout, YuvMatrix, YuvPlane, YuvRange, YuvView,
};
use latent_pipeline::library::Shot;
use latent_pipeline::pixels::{JpegFrames, Pixels};
use latent_pipeline::spool::{FrameRecord, SpoolHeader, SpoolReader, SpoolWriter};

/// A file of one frame of luma and chroma.
const YUV: &str = include_str!("spool_v2_yuv.hex");
/// A file of one JPEG, without the zeros that it is filled up with.
const JPEG: &str = include_str!("spool_v2_jpeg.hex");

const RECORD: FrameRecord =
    FrameRecord { sequence: 40, timestamp: Duration::new(5, 7), timestamp_is_start: false, exposure: None };

fn header(pixels: Pixels) -> SpoolHeader {
    SpoolHeader {
        asset_id: "0190aaaa-0000-7000-8000-000000000001".parse().unwrap(),
        library_id: "0190bbbb-0000-7000-8000-000000000002".parse().unwrap(),
        pixels,
        frames: 1,
        captured_at: "2026-03-01T14:05:09.25-03:30[-03:30]".parse().unwrap(),
        shot: Shot {
            make: "ACME".to_owned(),
            model: "Eye 1".to_owned(),
            orientation: 6,
            raw_width: 5,
            raw_height: 3,
            ..Shot::default()
        },
        colour: None,
    }
}

fn yuv() -> (YuvGeometry, Vec<u8>) {
    let plane = |offset, stride_bytes| YuvPlane { offset, stride_bytes };
    let geometry = YuvGeometry {
        width: 5,
        height: 3,
        layout: YuvLayout::Yuv420,
        planes: [plane(0, 8), plane(24, 4), plane(32, 4)],
        colour: YuvColour {
            matrix: YuvMatrix::Rec709,
            range: YuvRange::Limited,
            transfer: Transfer::Rec709,
            primaries: Primaries::Smpte170m,
        },
    };
    (geometry, (100..140).collect())
}

fn jpeg() -> (JpegFrames, Vec<u8>) {
    (JpegFrames { width: 5, height: 3, most_bytes: 5000 }, (1..=200).collect())
}

fn written(pixels: Pixels, frame: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("burst.raw");
    let mut writer = SpoolWriter::create(&path, &header(pixels)).unwrap();
    writer.frame_bytes(frame, RECORD).unwrap();
    writer.finish().unwrap();
    fs::read(path).unwrap()
}

/// The kept file; `..` stands for zeros up to the length given.
fn kept(text: &str, length: usize) -> Vec<u8> {
    let bytes = |digits: &str| -> Vec<u8> {
        let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    };
    let Some((front, back)) = text.split_once("..") else { return bytes(text) };
    let (front, back) = (bytes(front), bytes(back));
    let zeros = vec![0; length - front.len() - back.len()];
    [front, zeros, back].concat()
}

fn read(bytes: &[u8]) -> (SpoolHeader, Vec<u8>, Pixels) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("burst.raw");
    fs::write(&path, bytes).unwrap();
    let reader = SpoolReader::open(&path).unwrap();
    assert!(reader.is_complete());
    assert_eq!(reader.verify().unwrap(), []);
    let frame = reader.read_frame(0).unwrap();
    assert_eq!(frame.record, RECORD);
    (reader.header().clone(), frame.bytes, frame.pixels)
}

#[test]
fn a_kept_file_of_luma_and_chroma_is_read_and_written_as_it_was() {
    let (geometry, frame) = yuv();
    let now = written(Pixels::Yuv(geometry), &frame);
    let kept = kept(YUV, now.len());
    assert_eq!(hex(&now), hex(&kept));
    let (header_read, bytes, pixels) = read(&kept);
    assert_eq!(header_read.shot, header(Pixels::Yuv(geometry)).shot);
    let Pixels::Yuv(stored) = pixels else { panic!("{pixels:?}") };
    assert_eq!((stored.layout, stored.colour), (geometry.layout, geometry.colour));
    let (before, after) = (YuvView::new(geometry, &frame).unwrap(), YuvView::new(stored, &bytes).unwrap());
    for (plane, rows) in [(0, 3), (1, 2), (2, 2)] {
        (0..rows).for_each(|y| assert_eq!(before.row(plane, y), after.row(plane, y), "{plane} {y}"));
    }
}

#[test]
fn a_kept_file_of_a_jpeg_is_read_and_written_as_it_was() {
    let (frames, frame) = jpeg();
    let now = written(Pixels::Jpeg(frames), &frame);
    let kept = kept(JPEG, now.len());
    assert_eq!(hex(&now), hex(&kept));
    let (header_read, bytes, pixels) = read(&kept);
    assert_eq!((pixels, header_read.pixels, bytes), (Pixels::Jpeg(frames), Pixels::Jpeg(frames), frame));
}

fn hex(bytes: &[u8]) -> String {
    let lines =
        bytes.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    lines.collect::<Vec<_>>().join("\n")
}
