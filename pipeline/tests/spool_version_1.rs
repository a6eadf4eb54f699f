//! A file of format version 1 that was written once and is kept: the format cannot drift unseen.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::time::Duration;

use latent_hal::Exposure;
use latent_isp::{CfaPattern, Packing, RawGeometry, SensorColour};
use latent_pipeline::library::Shot;
use latent_pipeline::pixels::Pixels;
use latent_pipeline::spool::{FrameRecord, SpoolHeader, SpoolReader, SpoolWriter};

/// The file: three frames planned, two written.
const FILE: &str = include_str!("spool_v1.hex");

fn kept() -> Vec<u8> {
    let digits: Vec<u8> = FILE.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

const GEOMETRY: RawGeometry = RawGeometry {
    width: 6,
    height: 2,
    stride_bytes: 16,
    bits: 10,
    packing: Packing::Le16,
    pattern: CfaPattern::Grbg,
    black: 16,
    white: 1000,
};

fn header() -> SpoolHeader {
    SpoolHeader {
        asset_id: "0190aaaa-0000-7000-8000-000000000001".parse().unwrap(),
        library_id: "0190bbbb-0000-7000-8000-000000000002".parse().unwrap(),
        pixels: Pixels::Raw(GEOMETRY),
        frames: 3,
        captured_at: "2026-03-01T14:05:09.25-03:30[-03:30]".parse().unwrap(),
        shot: Shot {
            make: "ACME".to_owned(),
            model: "Eye 1".to_owned(),
            exposure_us: Some(16_640),
            gain: Some(1.5),
            orientation: 6,
            simulated: true,
            requested_us: 123_456,
            raw_width: 6,
            raw_height: 2,
        },
        colour: Some(SensorColour {
            matrix: [[1.5, -0.25, -0.25], [-0.5, 2.0, -0.5], [0.0, -1.0, 2.0]],
            daylight: None,
        }),
    }
}

/// What a camera gave: 16-bit words, two of padding a row.
fn frames() -> [(FrameRecord, Vec<u8>); 2] {
    [0u16, 1].map(|frame| {
        let record = FrameRecord {
            sequence: 40 + 2 * u64::from(frame),
            timestamp: Duration::new(5, 7 + u32::from(frame)),
            timestamp_is_start: frame == 0,
            exposure: (frame == 0).then_some(Exposure { time: Duration::from_micros(16_640), gain: 1.5 }),
        };
        let sample = |i: u16| if i % 8 < 6 { (i / 8 * 600 + i * 37 + frame * 5) % 1024 } else { 0xEEEE };
        (record, (0..16).flat_map(|i| sample(i).to_le_bytes()).collect())
    })
}

fn json_bytes(file: &[u8]) -> usize {
    u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize
}

#[test]
fn the_kept_file_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v1.raw");
    fs::write(&path, kept()).unwrap();
    let reader = SpoolReader::open(&path).unwrap();
    let stored = RawGeometry { stride_bytes: 10, packing: Packing::Mipi, ..GEOMETRY };
    assert_eq!(*reader.header(), SpoolHeader { pixels: Pixels::Raw(stored), ..header() });
    assert!(reader.is_complete());
    assert_eq!(reader.verify().unwrap(), []);
    let row = |frame: u16, y: u16| -> [u16; 6] {
        std::array::from_fn(|x| (y * 600 + (y * 8 + x as u16) * 37 + frame * 5) % 1024)
    };
    for (position, (record, _)) in frames().into_iter().enumerate() {
        let frame = reader.read_frame(position).unwrap();
        assert_eq!(frame.record, record);
        let view = latent_isp::RawView::new(stored, &frame.bytes).unwrap();
        for y in 0..2 {
            let mut samples = [0; 6];
            latent_isp::unpack::row(&view, y, &mut samples).unwrap();
            assert_eq!(samples, row(position as u16, y as u16));
        }
    }
}

#[test]
fn the_same_burst_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v1.raw");
    let mut writer = SpoolWriter::create(&path, &header()).unwrap();
    for (record, bytes) in frames() {
        writer.frame_bytes(&bytes, record).unwrap();
    }
    writer.finish().unwrap();
    let (written, kept) = (fs::read(&path).unwrap(), kept());

    // Keys may be added to the header without a new version, so it is compared key by key.
    let (mine, theirs) = (json_bytes(&written), json_bytes(&kept));
    let parsed = |file: &[u8], length: usize| -> serde_json::Value {
        serde_json::from_slice(&file[24..24 + length]).unwrap()
    };
    let (new, old) = (parsed(&written, mine), parsed(&kept, theirs));
    for (key, value) in old.as_object().unwrap() {
        match value.as_object() {
            Some(inner) => inner
                .iter()
                .for_each(|(inside, value)| assert_eq!(&new[key][inside], value, "{key}.{inside}")),
            None => assert_eq!(&new[key], value, "{key}"),
        }
    }
    // All else is bytes.
    let between = |file: &[u8], json: usize| file[24 + json..file.len() - 28 - 24 - json].to_vec();
    assert_eq!(between(&written, mine), between(&kept, theirs));
    assert_eq!(written[..12], kept[..12]);
    let end = |file: &[u8]| file[file.len() - 28..][..16].to_vec();
    assert_eq!(end(&written), end(&kept));
    assert_eq!(
        written[..24 + mine],
        written[written.len() - 28 - 24 - mine..][..24 + mine],
        "the copy of the header"
    );
}
