//! Spool files: anything may lie where one should. Checksums are put right on request, so that what is behind them is
//! reached.

use std::fs;

use latent_isp::{CfaPattern, Packing, RawGeometry};
use latent_pipeline::pixels::Pixels;
use latent_pipeline::spool::{Damage, FrameRecord, SpoolHeader, SpoolReader, SpoolWriter};
use serde_json::Value;
use uuid::Uuid;

use crate::files;

const PRELUDE: usize = 24;
const RECORD: usize = 48;
const TRAILER: usize = 28;
/// Frames above this many bytes are not read: a hostile header may ask for hundreds of megabytes, which is allowed.
const MOST_BYTES: usize = 4 << 20;

pub(crate) fn run(data: &[u8]) {
    let Some((&what, file)) = data.split_first() else { return };
    let mut file = file.to_vec();
    repair(&mut file, what);
    let path = files::write("burst.raw", &file);
    let reader = match SpoolReader::open(&path) {
        Ok(reader) => reader,
        Err(error) => {
            assert!(error.to_string().contains("burst.raw"), "{error}");
            return;
        }
    };
    let header = reader.header().clone();
    assert_eq!(header.pixels.validate(), Ok(()));
    let bytes = match header.pixels {
        Pixels::Raw(geometry) => geometry.stride_bytes * geometry.height as usize,
        // At most three bytes a pixel.
        Pixels::Yuv(geometry) => geometry.width as usize * geometry.height as usize * 3,
        Pixels::Jpeg(frames) => frames.most_bytes,
    };
    let is_raw = matches!(header.pixels, Pixels::Raw(_));
    let frames = reader.frames().to_vec();
    assert!(frames.len() <= header.frames as usize);
    assert!(frames.windows(2).all(|pair| pair[0].index < pair[1].index));
    let damage = reader.verify().expect("memory for a strip");
    if bytes > MOST_BYTES {
        return;
    }
    for (position, present) in frames.iter().enumerate() {
        let frame = reader.read_frame(position).expect("memory for a frame");
        assert!(frame.bytes.len() <= bytes.next_multiple_of(64), "{} of {bytes}", frame.bytes.len());
        assert!(!is_raw || (frame.bytes.len(), frame.pixels) == (bytes, header.pixels));
        assert!(same(&frame.record, &present.record));
        let bad: Vec<_> = damage
            .iter()
            .filter_map(|damage| match damage {
                Damage::Rows { index, rows } if *index == present.index => Some(rows.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(frame.bad_strips, bad, "reading and verifying disagree");
        assert!(bad.iter().all(|rows| rows.start < rows.end));
        assert!(!is_raw || bad.iter().all(|rows| rows.end <= header.pixels.height()));
    }
    assert!(reader.read_frame(frames.len()).is_err());
    assert!(damage.iter().all(|damage| !damage.to_string().is_empty()));
}

/// A gain may be no number, which is not equal to itself.
fn same(one: &FrameRecord, other: &FrameRecord) -> bool {
    let bits = |record: &FrameRecord| record.exposure.map(|shot| (shot.time, shot.gain.to_bits()));
    (one.sequence, one.timestamp, bits(one)) == (other.sequence, other.timestamp, bits(other))
}

/// Puts checksums right: bit 0 those of the header, bit 1 that of the trailer, bit 2 copies the header, bit 3 those of
/// records and strips.
fn repair(file: &mut [u8], what: u8) -> Option<()> {
    let json_bytes = u32::from_le_bytes(file.get(12..16)?.try_into().ok()?) as usize;
    let header_end = PRELUDE.checked_add(json_bytes).filter(|end| *end <= file.len())?;
    if what & 1 != 0 {
        let crc = crc32fast::hash(&file[PRELUDE..header_end]);
        file[16..20].copy_from_slice(&crc.to_le_bytes());
        let crc = crc32fast::hash(&file[..20]);
        file[20..24].copy_from_slice(&crc.to_le_bytes());
    }
    if what & 8 != 0 {
        frames(file, header_end);
    }
    let trailer = file.len().checked_sub(TRAILER)?;
    if what & 4 != 0 && trailer >= 2 * header_end {
        file.copy_within(..header_end, trailer - header_end);
    }
    if what & 2 != 0 {
        let crc = crc32fast::hash(&file[trailer..trailer + 24]);
        file[trailer + 24..].copy_from_slice(&crc.to_le_bytes());
    }
    Some(())
}

fn frames(file: &mut [u8], header_end: usize) -> Option<()> {
    let header: Value = serde_json::from_slice(&file[PRELUDE..header_end]).ok()?;
    let id: Uuid = header["asset_id"].as_str()?.parse().ok()?;
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    let geometry = &header["geometry"];
    let (width, height) = (number(&geometry["width"])?, number(&geometry["height"])?);
    let packing: Packing = geometry["packing"].as_str()?.parse().ok()?;
    let row = packing.row_bytes(u8::try_from(number(&geometry["bits"])?).ok()?, width).ok()?;
    let strip_rows = number(&header["strip_rows"])?.max(1);
    let mut at = header_end;
    for index in 0..number(&header["frames"])?.min(8) as u32 {
        let first = at;
        at = at.checked_add(RECORD)?;
        for (strip, top) in (0..height).step_by(strip_rows).enumerate() {
            let bytes = row.checked_mul(strip_rows.min(height - top))?;
            let end = at.checked_add(bytes)?;
            let samples = file.get(at..end)?;
            let crc =
                checksum(&[id.as_bytes(), &index.to_le_bytes(), &(strip as u32).to_le_bytes(), samples]);
            file.get_mut(end..end + 4)?.copy_from_slice(&crc.to_le_bytes());
            at = end + 4;
        }
        for record in [first, at] {
            let crc = checksum(&[id.as_bytes(), file.get(record..record + 44)?]);
            file.get_mut(record + 44..record + RECORD)?.copy_from_slice(&crc.to_le_bytes());
        }
        at += RECORD;
    }
    Some(())
}

fn checksum(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (bits, packing) in [(8, Packing::Bytes), (10, Packing::Mipi), (16, Packing::Le16)] {
        let stride_bytes = packing.row_bytes(bits, 8).expect("a depth of the packing");
        let white = u16::MAX >> (16 - bits);
        let geometry = RawGeometry {
            width: 8,
            height: 4,
            stride_bytes,
            bits,
            packing,
            pattern: CfaPattern::Gbrg,
            black: 3,
            white,
        };
        let header = SpoolHeader {
            asset_id: Uuid::from_u128(1),
            library_id: Uuid::from_u128(2),
            pixels: Pixels::Raw(geometry),
            frames: 2,
            captured_at: "2026-03-01T14:05:09+01:00[+01:00]".parse().expect("a time"),
            shot: latent_pipeline::library::Shot::default(),
            colour: None,
        };
        let path = files::folder().join("seed.raw");
        let _ = fs::remove_file(&path);
        let mut writer = SpoolWriter::create(&path, &header).expect("a seed");
        for frame in 0..2 {
            let samples = vec![frame; stride_bytes * 4];
            let record = FrameRecord {
                sequence: frame.into(),
                timestamp: std::time::Duration::from_secs(1),
                timestamp_is_start: frame == 0,
                exposure: None,
            };
            writer.frame_bytes(&samples, record).expect("a frame");
        }
        writer.finish().expect("a whole seed");
        let file = fs::read(&path).expect("the seed");
        for what in [0, 15] {
            seeds.push([&[what], &file[..]].concat());
        }
        seeds.push([&[15], &file[..file.len() - 60]].concat());
    }
    seeds
}
