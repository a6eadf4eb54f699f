//! Spool files on a real file system: what goes in comes out, and what damage costs.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/skip.rs"]
mod skip;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use latent_hal::frame::Shot as FrameShot;
use latent_hal::memory::Buffer;
use latent_hal::{Exposure, SlotPool};
use latent_isp::{CfaPattern, Packing, RawGeometry, RawView, SensorColour, packing, unpack};
use latent_pipeline::library::Shot;
use latent_pipeline::pixels::Pixels;
use latent_pipeline::spool::{Damage, Error, FrameRecord, SpoolHeader, SpoolReader, SpoolWriter};
use proptest::prelude::*;
use skip::skip;
use uuid::Uuid;

fn header(geometry: RawGeometry, frames: u32) -> SpoolHeader {
    SpoolHeader {
        asset_id: Uuid::from_u128(0x0190_aaaa_0000_7000_8000_0000_0000_0001),
        library_id: Uuid::from_u128(0x0190_bbbb_0000_7000_8000_0000_0000_0002),
        pixels: Pixels::Raw(geometry),
        frames,
        captured_at: "2026-03-01T14:05:09.123456789-03:30[-03:30]".parse().unwrap(),
        shot: Shot {
            make: "ACME".to_owned(),
            model: "Eye \"1\"".to_owned(),
            exposure_us: Some(16_640),
            gain: Some(1.1),
            orientation: 6,
            simulated: false,
            requested_us: 123_456,
            raw_width: geometry.width,
            raw_height: geometry.height,
        },
        colour: Some(SensorColour {
            matrix: [[1.6, -0.4, -0.2], [-0.3, 1.5, -0.2], [0.0, -0.7, 1.7]],
            daylight: None,
        }),
    }
}

fn raw(pixels: Pixels) -> RawGeometry {
    match pixels {
        Pixels::Raw(geometry) => geometry,
        other => panic!("{other:?} is not raw"),
    }
}

fn geometry(width: u32, height: u32, bits: u8, packing: Packing, padding: usize) -> RawGeometry {
    let stride_bytes = packing.row_bytes(bits, width as usize).unwrap() + padding;
    let white = u16::MAX >> (16 - bits);
    RawGeometry { width, height, stride_bytes, bits, packing, pattern: CfaPattern::Gbrg, black: 3, white }
}

fn record(frame: u32) -> FrameRecord {
    FrameRecord {
        sequence: 100 + u64::from(frame) * 2,
        timestamp: Duration::from_nanos(5_000_000_007 + u64::from(frame) * 33_333_333),
        timestamp_is_start: frame.is_multiple_of(2),
        exposure: (frame != 1).then_some(Exposure { time: Duration::from_micros(9_999), gain: 2.5 }),
    }
}

/// Samples that differ from frame to frame and from place to place.
fn samples(geometry: &RawGeometry, seed: u32) -> Vec<u16> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as u16 & geometry.white
    };
    (0..geometry.width * geometry.height).map(|_| next()).collect()
}

/// The samples as a camera lays them into memory; padding is not zero.
fn laid_out(geometry: &RawGeometry, samples: &[u16]) -> Vec<u8> {
    let mut bytes = vec![0xEE; geometry.stride_bytes * geometry.height as usize];
    for (row, out) in samples.chunks(geometry.width as usize).zip(bytes.chunks_mut(geometry.stride_bytes)) {
        packing::pack_row(row, geometry.bits, geometry.packing, out).unwrap();
    }
    bytes
}

fn unpacked(geometry: RawGeometry, bytes: &[u8]) -> Vec<u16> {
    let view = RawView::new(geometry, bytes).unwrap();
    let mut samples = vec![0; geometry.width as usize * geometry.height as usize];
    for (y, row) in (0..).zip(samples.chunks_mut(geometry.width as usize)) {
        unpack::row(&view, y, row).unwrap();
    }
    samples
}

fn write(path: &Path, header: &SpoolHeader, frames: u32) -> u64 {
    let mut writer = SpoolWriter::create(path, header).unwrap();
    for frame in 0..frames {
        let bytes = laid_out(&raw(header.pixels), &samples(&raw(header.pixels), frame));
        writer.frame_bytes(&bytes, record(frame)).unwrap();
    }
    let written = writer.finish().unwrap();
    assert_eq!(written.frames, frames);
    assert_eq!(written.bytes, fs::metadata(path).unwrap().len());
    written.bytes
}

fn temporary() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("burst.raw");
    (folder, path)
}

/// A file of two frames of one strip, small enough to damage at every byte.
fn small() -> (tempfile::TempDir, PathBuf, SpoolHeader) {
    let (folder, path) = temporary();
    let header = header(geometry(6, 4, 10, Packing::Le16, 4), 2);
    write(&path, &header, 2);
    (folder, path, header)
}

#[derive(Clone, Debug)]
struct Layout {
    bits: u8,
    packing: Packing,
}

fn layouts() -> impl Strategy<Value = Layout> {
    prop_oneof![
        Just(Layout { bits: 8, packing: Packing::Bytes }),
        (9u8..=16).prop_map(|bits| Layout { bits, packing: Packing::Le16 }),
        prop::sample::select(vec![10, 12, 14]).prop_map(|bits| Layout { bits, packing: Packing::Mipi }),
    ]
}

proptest! {
    // Each case waits for storage.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_layout_and_odd_size_comes_back(
        layout in layouts(),
        (width, height, padding) in (2u32..70, 2u32..40, 0usize..17),
        (frames, unwritten) in (1u32..4, 0u32..3),
    ) {
        let (_folder, path) = temporary();
        let header = header(geometry(width, height, layout.bits, layout.packing, padding), frames + unwritten);
        write(&path, &header, frames);
        let reader = SpoolReader::open(&path).unwrap();
        prop_assert!(reader.is_complete());
        prop_assert_eq!(reader.verify().unwrap(), []);
        let stored = raw(reader.header().pixels);
        prop_assert_eq!(reader.header(), &SpoolHeader { pixels: Pixels::Raw(stored), ..header.clone() });
        prop_assert_eq!(reader.header().captured_at.offset(), header.captured_at.offset());
        prop_assert_eq!(stored.stride_bytes, stored.row_bytes().unwrap());
        for frame in 0..frames {
            let read = reader.read_frame(frame as usize).unwrap();
            prop_assert_eq!(reader.frames()[frame as usize].index, frame);
            prop_assert_eq!(read.record, record(frame));
            prop_assert!(read.bad_strips.is_empty());
            prop_assert_eq!(read.bytes.len(), stored.stride_bytes * height as usize);
            prop_assert_eq!(unpacked(raw(read.pixels), &read.bytes), samples(&raw(header.pixels), frame));
        }
    }

    #[test]
    fn any_colours_come_back_to_the_bit(values in prop::array::uniform12(prop::num::f32::NORMAL)) {
        let (_folder, path) = temporary();
        let [a, b, c, d, e, f, g, h, i, j, k, l] = values;
        let header = SpoolHeader {
            colour: Some(SensorColour { matrix: [[a, b, c], [d, e, f], [g, h, i]], daylight: Some([j, k, l]) }),
            ..header(geometry(2, 2, 8, Packing::Bytes, 0), 1)
        };
        write(&path, &header, 1);
        prop_assert_eq!(SpoolReader::open(&path).unwrap().header().colour, header.colour);
    }
}

#[test]
fn samples_take_the_least_room_that_keeps_every_bit() {
    for (bits, packing, stored, row) in [
        (8, Packing::Bytes, Packing::Bytes, 6),
        (10, Packing::Le16, Packing::Mipi, 10),
        (12, Packing::Le16, Packing::Mipi, 9),
        (14, Packing::Le16, Packing::Mipi, 14),
        (10, Packing::Mipi, Packing::Mipi, 10),
        (11, Packing::Le16, Packing::Le16, 12),
        (16, Packing::Le16, Packing::Le16, 12),
    ] {
        let (_folder, path) = temporary();
        write(&path, &header(geometry(6, 4, bits, packing, 5), 1), 1);
        let read = SpoolReader::open(&path).unwrap().read_frame(0).unwrap();
        assert_eq!(
            (raw(read.pixels).packing, raw(read.pixels).stride_bytes),
            (stored, row),
            "{bits} {packing}"
        );
    }
}

#[test]
fn frames_of_a_camera_are_read_from_their_slots() {
    let (_folder, path) = temporary();
    let header = header(geometry(6, 4, 12, Packing::Le16, 4), 2);
    let bytes = laid_out(&raw(header.pixels), &samples(&raw(header.pixels), 9));
    let buffer = Buffer::allocate(bytes.len() + 64, "test").unwrap();
    buffer.write().unwrap()[64..].copy_from_slice(&bytes);
    let pool = SlotPool::new(vec![buffer]);
    let FrameRecord { sequence, timestamp, timestamp_is_start, exposure } = record(0);
    let shot =
        FrameShot { sequence, timestamp, timestamp_is_start, exposure, offset: 64, bytes_used: bytes.len() };
    let frame = pool.lend(0, shot).unwrap();

    let mut writer = SpoolWriter::create(&path, &header).unwrap();
    writer.frame(&frame).unwrap();
    // A frame that is too short is refused, and costs nothing that was written.
    let short = pool.lend(0, FrameShot { bytes_used: bytes.len() - 5, ..shot }).unwrap();
    assert!(matches!(writer.frame(&short), Err(Error::Geometry { .. })));
    writer.frame(&frame).unwrap();
    assert!(matches!(writer.frame(&frame), Err(Error::Planned { planned: 2, .. })));
    writer.finish().unwrap();

    let reader = SpoolReader::open(&path).unwrap();
    assert_eq!(reader.verify().unwrap(), []);
    for position in 0..2 {
        let read = reader.read_frame(position).unwrap();
        assert_eq!(unpacked(raw(read.pixels), &read.bytes), samples(&raw(header.pixels), 9));
        assert_eq!(read.record, record(0));
    }
    assert!(matches!(reader.read_frame(2), Err(Error::NoFrame { position: 2, present: 2, .. })));
}

#[test]
fn a_burst_is_private_and_written_once() {
    let (_folder, path, header) = small();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&path).unwrap();
    assert!(matches!(SpoolWriter::create(&path, &header), Err(Error::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn what_cannot_be_stored_leaves_no_file() {
    let (_folder, path) = temporary();
    let good = geometry(6, 4, 10, Packing::Le16, 0);
    let header = |geometry, frames, colour| SpoolHeader { colour, ..header(geometry, frames) };
    let infinite = Some(SensorColour { matrix: [[f32::INFINITY; 3]; 3], daylight: None });
    let geometries = [
        RawGeometry { stride_bytes: 11, ..good },
        RawGeometry { width: 0, ..good },
        RawGeometry { bits: 17, ..good },
        RawGeometry { white: 1024, ..good },
        RawGeometry { height: u32::MAX, ..good },
    ];
    for geometry in geometries {
        assert!(matches!(
            SpoolWriter::create(&path, &header(geometry, 1, None)),
            Err(Error::Geometry { .. })
        ));
    }
    let huge = geometry(65_535, 65_535, 16, Packing::Le16, 0);
    let headers =
        [header(good, 0, None), header(good, 1025, None), header(good, 1, infinite), header(huge, 1, None)];
    for header in headers {
        assert!(matches!(SpoolWriter::create(&path, &header), Err(Error::Header { .. })));
    }
    let missing = path.join("no/such/folder.raw");
    assert!(matches!(SpoolWriter::create(&missing, &header(good, 1, None)), Err(Error::Io { .. })));
    assert!(!path.exists());
}

#[test]
fn a_changed_byte_costs_at_most_its_strip() {
    let (_folder, path, header) = small();
    let whole = fs::read(&path).unwrap();
    let mut found = std::collections::BTreeMap::new();
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= [0x01, 0x80, 0xFF][place % 3];
        fs::write(&path, &bytes).unwrap();
        let reader = SpoolReader::open(&path).unwrap_or_else(|error| panic!("byte {place}: {error}"));
        let damage = reader.verify().unwrap();
        assert_eq!(damage.len(), 1, "byte {place}: {damage:?}");
        assert_eq!(reader.frames().len(), 2, "byte {place}");
        assert_eq!(reader.header().shot, header.shot);
        for position in 0..2 {
            let read = reader.read_frame(position).unwrap();
            assert_eq!(read.record, record(position as u32));
            if read.bad_strips.is_empty() {
                assert_eq!(
                    unpacked(raw(read.pixels), &read.bytes),
                    samples(&raw(header.pixels), position as u32)
                );
            } else {
                assert_eq!(damage, [Damage::Rows { index: position as u32, rows: 0..4 }]);
            }
        }
        *found.entry(format!("{:?}", damage[0])).or_insert(0) += 1;
    }
    // Every region was hit: header, copy, end, and of both frames the records and the rows.
    assert_eq!(found.len(), 7, "{found:?}");
    assert_eq!(found.values().sum::<usize>(), whole.len());
}

#[test]
fn a_file_cut_anywhere_gives_what_is_before_the_cut() {
    let (_folder, path, header) = small();
    let whole = fs::read(&path).unwrap();
    let json = u32::from_le_bytes(whole[12..16].try_into().unwrap()) as usize;
    let (first, frame) = (24 + json, 48 + 40 + 4 + 48);
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let opened = SpoolReader::open(&path);
        if length < first {
            let expected = if length < 8 {
                matches!(opened, Err(Error::NotSpool { .. }))
            } else {
                matches!(opened, Err(Error::NoHeader { .. }))
            };
            assert!(expected, "{length} bytes: {opened:?}");
            continue;
        }
        let reader = opened.unwrap();
        assert!(!reader.is_complete());
        // A frame counts from its first strip's samples on; it is good from its strip's checksum on.
        let behind = length - first;
        let present = (0..2).filter(|index| behind >= index * frame + 48 + 40).count();
        let good = (0..2).filter(|index| behind >= index * frame + 48 + 40 + 4).count();
        assert_eq!(reader.frames().len(), present, "{length} bytes");
        for position in 0..present {
            let read = reader.read_frame(position).unwrap();
            assert_eq!(read.bad_strips.is_empty(), position < good, "{length} bytes");
            if position < good {
                assert_eq!(
                    unpacked(raw(read.pixels), &read.bytes),
                    samples(&raw(header.pixels), position as u32)
                );
            }
        }
        assert!(reader.verify().unwrap().contains(&Damage::End));
    }
}

#[test]
fn a_burst_that_was_not_finished_is_readable() {
    let (_folder, path) = temporary();
    let header = header(geometry(6, 4, 10, Packing::Le16, 0), 8);
    let mut writer = SpoolWriter::create(&path, &header).unwrap();
    for frame in 0..3 {
        writer
            .frame_bytes(&laid_out(&raw(header.pixels), &samples(&raw(header.pixels), frame)), record(frame))
            .unwrap();
    }
    drop(writer);
    let reader = SpoolReader::open(&path).unwrap();
    assert_eq!(reader.frames().iter().map(|frame| frame.index).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(!reader.is_complete());
    assert!((0..3).all(|position| reader.read_frame(position).unwrap().bad_strips.is_empty()));
}

#[test]
fn other_files_are_called_what_they_are() {
    let (folder, path) = temporary();
    fs::write(&path, b"\xFF\xD8\xFF\xE0 a picture").unwrap();
    assert!(matches!(SpoolReader::open(&path), Err(Error::NotSpool { .. })));
    assert!(matches!(SpoolReader::open(folder.path()), Err(Error::NotSpool { .. })));
    assert!(matches!(SpoolReader::open(folder.path().join("none")), Err(Error::Io { .. })));
}

/// A mounted tmpfs that goes away with its owner.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(kib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={kib}k");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn a_disk_that_fills_up_keeps_the_frames_before() {
    let Some(disk) = SmallDisk::mount(1024) else {
        return skip("a disk that fills up: mounting a small tmpfs takes root");
    };
    let path = disk.0.path().join("burst.raw");
    // Frames of 384 KB in four strips: the third does not fit, and its first strip does.
    let header = header(geometry(3000, 128, 8, Packing::Bytes, 0), 8);
    let bytes = laid_out(&raw(header.pixels), &samples(&raw(header.pixels), 0));
    let mut writer = SpoolWriter::create(&path, &header).unwrap();
    writer.frame_bytes(&bytes, record(0)).unwrap();
    writer.frame_bytes(&bytes, record(1)).unwrap();
    for _ in 0..2 {
        let error = writer.frame_bytes(&bytes, record(2)).unwrap_err();
        assert!(matches!(error, Error::Full { .. }), "{error}");
        assert!(error.to_string().contains("free some space"), "{error}");
    }
    assert_eq!(writer.finish().unwrap().frames, 2);
    let reader = SpoolReader::open(&path).unwrap();
    assert!(reader.is_complete());
    assert_eq!(reader.verify().unwrap(), []);
}

#[test]
fn a_disk_without_room_for_the_header_keeps_no_file() {
    let Some(disk) = SmallDisk::mount(8) else {
        return skip("a disk without room: mounting a small tmpfs takes root");
    };
    fs::write(disk.0.path().join("filler"), [0; 4096]).unwrap();
    let filled =
        (0..).map(|i| fs::write(disk.0.path().join(format!("filler{i}")), [0; 4096])).find(Result::is_err);
    assert!(filled.is_some());
    let path = disk.0.path().join("burst.raw");
    let created = SpoolWriter::create(&path, &header(geometry(6, 4, 8, Packing::Bytes, 0), 1));
    assert!(matches!(created, Err(Error::Full { .. } | Error::Io { .. })), "{created:?}");
    assert!(!path.exists());
}
