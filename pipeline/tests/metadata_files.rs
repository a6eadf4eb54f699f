//! What is written into a JPEG, read back by decoders and readers that others wrote.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use exif::{In, Reader, Tag, Value};
use jiff::Zoned;
use latent_hal::Exposure;
use latent_isp::Picture;
use latent_pipeline::encode::{self, Chroma, JpegQuality};
use latent_pipeline::metadata::{self, PhotoMetadata, identity, jpeg, rewrite_state};
use latent_pipeline::photo::{Quality, State, Tier};
use proptest::prelude::*;
use uuid::Uuid;

const GOOD: JpegQuality = JpegQuality { quality: 90, chroma: Chroma::Quarter };

fn photo() -> PhotoMetadata {
    PhotoMetadata {
        asset_id: Uuid::from_u128(0x0190_aaaa_0000_7000_8000_0000_0000_0001),
        library_id: Uuid::from_u128(0x0190_bbbb_0000_7000_8000_0000_0000_0002),
        instance_id: Uuid::from_u128(0x0190_cccc_0000_7000_8000_0000_0000_0003),
        generation: 1,
        quality: Quality::Low,
        tier: None,
        state: State::Pending,
        reason: None,
        captured_at: "2026-03-01T14:05:09.25-03:30[-03:30]".parse().unwrap(),
        orientation: 6,
        make: "ACME".to_owned(),
        model: "Eye 1".to_owned(),
        software: "Latent 0.1.0".to_owned(),
        exposure: Some(Exposure { time: Duration::from_micros(16_640), gain: 4.0 }),
        width: 50,
        height: 38,
        simulated: false,
    }
}

fn full() -> PhotoMetadata {
    PhotoMetadata {
        instance_id: Uuid::from_u128(4),
        generation: 2,
        quality: Quality::Full,
        tier: Some(Tier::Video),
        state: State::Final,
        ..photo()
    }
}

fn picture() -> Picture {
    let (width, height) = (50u32, 38u32);
    let pixel = |x: u32, y: u32| [(x * 5) as u8, (y * 6) as u8, 255 - (x * 2 + y * 3) as u8];
    let data = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    Picture { width, height, data }
}

fn file(photo: &PhotoMetadata) -> Vec<u8> {
    encode::jpeg(&picture(), GOOD, Some(photo)).unwrap()
}

fn read_exif(bytes: &[u8]) -> exif::Exif {
    Reader::new().read_from_container(&mut std::io::Cursor::new(bytes)).unwrap()
}

fn text(exif: &exif::Exif, tag: Tag) -> Option<String> {
    match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(lines) => Some(String::from_utf8(lines[0].clone()).unwrap()),
        other => panic!("{tag} is {other:?}"),
    }
}

fn number(exif: &exif::Exif, tag: Tag) -> Option<u32> {
    exif.get_field(tag, In::PRIMARY)?.value.get_uint(0)
}

fn decode(bytes: &[u8]) -> (usize, usize, Vec<u8>) {
    let mut decoder = zune_jpeg::JpegDecoder::new(zune_jpeg::zune_core::bytestream::ZCursor::new(bytes));
    let pixels = decoder.decode().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    (width, height, pixels)
}

#[test]
fn another_reader_finds_every_exif_value() {
    let exif = read_exif(&file(&photo()));
    let has = |tag, value: &str| assert_eq!(text(&exif, tag).as_deref(), Some(value), "{tag}");
    has(Tag::Make, "ACME");
    has(Tag::Model, "Eye 1");
    has(Tag::Software, "Latent 0.1.0");
    for tag in [Tag::DateTime, Tag::DateTimeOriginal, Tag::DateTimeDigitized] {
        has(tag, "2026:03:01 14:05:09");
    }
    for tag in [Tag::OffsetTime, Tag::OffsetTimeOriginal, Tag::OffsetTimeDigitized] {
        has(tag, "-03:30");
    }
    for tag in [Tag::SubSecTime, Tag::SubSecTimeOriginal, Tag::SubSecTimeDigitized] {
        has(tag, "250");
    }
    has(Tag::ImageUniqueID, "0190aaaa000070008000000000000001");
    assert_eq!(number(&exif, Tag::Orientation), Some(6));
    assert_eq!(number(&exif, Tag::PixelXDimension), Some(50));
    assert_eq!(number(&exif, Tag::PixelYDimension), Some(38));
    assert_eq!(number(&exif, Tag::ColorSpace), Some(1));
    assert_eq!(number(&exif, Tag::CompositeImage), Some(1));
    assert_eq!(number(&exif, Tag::PhotographicSensitivity), Some(400));
    assert_eq!(number(&exif, Tag::SensitivityType), Some(2));
    assert_eq!(number(&exif, Tag::RecommendedExposureIndex), Some(400));
    let Value::Rational(time) = &exif.get_field(Tag::ExposureTime, In::PRIMARY).unwrap().value else {
        panic!()
    };
    assert_eq!((time[0].num, time[0].denom), (52, 3125), "16.64 ms, reduced");
    let Value::Undefined(version, _) = &exif.get_field(Tag::ExifVersion, In::PRIMARY).unwrap().value else {
        panic!()
    };
    assert_eq!(version, b"0232");
    assert!(exif.get_field(Tag::FNumber, In::PRIMARY).is_none());
    assert!(exif.get_field(Tag::ImageDescription, In::PRIMARY).is_none());
}

#[test]
fn what_is_not_known_is_not_written() {
    let unknown = PhotoMetadata { exposure: None, make: String::new(), simulated: true, ..photo() };
    let exif = read_exif(&file(&unknown));
    for tag in [Tag::ExposureTime, Tag::PhotographicSensitivity, Tag::SensitivityType, Tag::Make] {
        assert!(exif.get_field(tag, In::PRIMARY).is_none(), "{tag}");
    }
    assert!(text(&exif, Tag::ImageDescription).unwrap().starts_with("Simulated"));
}

#[test]
fn strange_values_are_kept_within_exif() {
    let strange = PhotoMetadata {
        exposure: Some(Exposure { time: Duration::from_secs(1 << 40), gain: f32::NAN }),
        orientation: 9,
        model: "Objektiv \u{fc}\0\n".repeat(200),
        captured_at: "-000044-03-15T12:00:00+00:00[+00:00]".parse::<Zoned>().unwrap(),
        ..photo()
    };
    let exif = read_exif(&file(&strange));
    assert_eq!(number(&exif, Tag::Orientation), Some(1));
    assert_eq!(text(&exif, Tag::DateTimeOriginal).unwrap(), "0000:03:15 12:00:00");
    let model = text(&exif, Tag::Model).unwrap();
    assert!(model.len() == 255 && model.starts_with("Objektiv ???Obj"), "{model}");
    assert!(exif.get_field(Tag::PhotographicSensitivity, In::PRIMARY).is_none());
    let Value::Rational(time) = &exif.get_field(Tag::ExposureTime, In::PRIMARY).unwrap().value else {
        panic!()
    };
    assert_eq!((time[0].num, time[0].denom), (u32::MAX, 1));
}

#[test]
fn both_phases_differ_only_where_they_must() {
    let fields = |photo: &PhotoMetadata| -> Vec<String> {
        read_exif(&file(photo)).fields().map(|f| format!("{} {:?}", f.tag, f.value)).collect()
    };
    assert_eq!(fields(&photo()), fields(&full()));
    let lines = |photo: &PhotoMetadata| -> Vec<String> {
        String::from_utf8(metadata::xmp(photo)).unwrap().lines().map(str::to_owned).collect()
    };
    let (low, full) = (lines(&photo()), lines(&full()));
    let changed: Vec<&str> = full
        .iter()
        .filter(|line| !low.contains(line))
        .filter_map(|line| line.trim().split('=').next())
        .collect();
    let expected = [
        "xmpMM:InstanceID",
        "latent:generation",
        "latent:quality",
        "latent:state",
        "latent:syncOk",
        "latent:tier",
    ];
    assert_eq!(changed, expected);
}

#[test]
fn the_packet_says_who_and_what_the_file_is() {
    let packet = String::from_utf8(metadata::xmp(&full())).unwrap();
    for value in [
        "xmp:CreateDate=\"2026-03-01T14:05:09.250-03:30\"",
        "xmp:CreatorTool=\"Latent 0.1.0\"",
        "xmpMM:DocumentID=\"xmp.did:0190aaaa-0000-7000-8000-000000000001\"",
        "xmpMM:OriginalDocumentID=\"xmp.did:0190aaaa-0000-7000-8000-000000000001\"",
        "xmpMM:InstanceID=\"xmp.iid:00000000-0000-0000-0000-000000000004\"",
        "xmlns:latent=\"https://latentphoto.org/ns/1.0/\"",
        "latent:tier=\"video\"",
        "latent:syncOk=\"True\"",
    ] {
        assert!(packet.contains(value), "{value} is missing in {packet}");
    }
    let pending = String::from_utf8(metadata::xmp(&photo())).unwrap();
    assert!(pending.contains("latent:syncOk=\"False\"") && !pending.contains("latent:tier"));
}

#[test]
fn a_file_is_known_again_from_its_beginning() {
    let bytes = file(&full());
    let found = identity(&bytes).unwrap();
    assert_eq!(found.asset_id, full().asset_id);
    assert_eq!(found.library_id, full().library_id);
    assert_eq!(found.instance_id, Some(full().instance_id));
    assert_eq!((found.generation, found.quality, found.state), (2, Quality::Full, State::Final));
    let xmp_end = 4 + 16 + (4 + metadata::exif(&full()).len()) + (4 + metadata::xmp(&full()).len());
    assert_eq!(identity(&bytes[..xmp_end]), Some(found));
    for length in 0..xmp_end - 60 {
        assert_eq!(identity(&bytes[..length]), None, "{length} bytes");
    }
}

/// A JPEG's beginning with this XMP packet in it.
fn with_packet(packet: &str) -> Vec<u8> {
    let payload = [b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat();
    let length = (payload.len() as u16 + 2).to_be_bytes();
    [&[0xFF, 0xD8, 0xFF, 0xE1][..], &length, &payload, &[0xFF, 0xD9]].concat()
}

#[test]
fn packets_that_other_tools_wrote_anew_are_understood() {
    // Elements under another prefix, single quotes, entities; the instance id is of a kind that is no UUID.
    let bytes = with_packet(
        "<?xpacket begin='\u{feff}' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/' x:xmptk='Some > Tool'>\
         <rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><!-- <ns1:id>no</ns1:id> -->\
         <rdf:Description rdf:about='' xmlns:ns1='https://latentphoto.org/ns/1.0/'>\n\
         <ns1:generation>2</ns1:generation>\n<ns1:id>0190aaaa-0000-7000-8000-000000000001</ns1:id>\n\
         <ns1:library>\n  0190bbbb-0000-7000-8000-000000000002\n</ns1:library><ns1:quality>&#102;ull</ns1:quality>\
         <ns1:state>final-fallback</ns1:state></rdf:Description>\
         <rdf:Description rdf:about='' xmlns:xmpMM='http://ns.adobe.com/xap/1.0/mm/' xmpMM:InstanceID='uuid-17'/>\
         </rdf:RDF></x:xmpmeta><?xpacket end='w'?>",
    );
    let found = identity(&bytes).unwrap();
    assert_eq!(found.asset_id, photo().asset_id);
    assert_eq!(found.library_id, photo().library_id);
    assert_eq!(found.instance_id, None);
    assert_eq!((found.generation, found.quality, found.state), (2, Quality::Full, State::FinalFallback));
}

#[test]
fn names_of_ours_in_another_namespace_are_not_ours() {
    let packet = String::from_utf8(metadata::xmp(&photo())).unwrap();
    let packet = packet.split_once('\0').unwrap().1;
    assert!(identity(&with_packet(packet)).is_some());
    assert!(identity(&with_packet(&packet.replace("latentphoto.org", "example.org"))).is_none());
}

#[test]
fn declaring_a_fallback_changes_nothing_but_the_packet() {
    let low = file(&photo());
    let declared = PhotoMetadata {
        state: State::FinalFallback,
        reason: Some("raw burst lost: \"EIO\" <&> 'x'\u{0}\n".repeat(100)),
        instance_id: Uuid::from_u128(9),
        ..photo()
    };
    let rewritten = rewrite_state(&low, &declared).unwrap();
    let found = identity(&rewritten).unwrap();
    assert_eq!((found.state, found.instance_id), (State::FinalFallback, Some(Uuid::from_u128(9))));
    assert!(jpeg::complete(&rewritten));

    let without_xmp = |bytes: &[u8], photo: &PhotoMetadata| {
        let payload = metadata::xmp(photo);
        let at = bytes.windows(payload.len()).position(|window| window == payload).unwrap();
        [&bytes[..at - 4], &bytes[at + payload.len()..]].concat()
    };
    assert_eq!(without_xmp(&low, &photo()), without_xmp(&rewritten, &declared));
    assert_eq!(decode(&low).2, decode(&rewritten).2);
}

#[test]
fn only_the_photo_itself_is_rewritten() {
    let other = PhotoMetadata { asset_id: Uuid::from_u128(77), ..photo() };
    assert_eq!(rewrite_state(&file(&photo()), &other), None);
    assert_eq!(rewrite_state(b"not a picture", &photo()), None);
    let bytes = file(&photo());
    assert_eq!(rewrite_state(&bytes[..900], &photo()), None, "the packet is cut off");
}

#[test]
fn the_jpeg_holds_the_picture() {
    for (chroma, limit) in [(Chroma::Full, 3.0), (Chroma::Quarter, 5.0)] {
        let bytes = encode::jpeg(&picture(), JpegQuality { quality: 95, chroma }, Some(&photo())).unwrap();
        assert!(bytes.starts_with(&[0xFF, 0xD8, 0xFF, 0xE0]));
        assert!(jpeg::complete(&bytes));
        let (width, height, pixels) = decode(&bytes);
        assert_eq!((width, height), (50, 38));
        let error: f64 = pixels.iter().zip(&picture().data).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        assert!(error / (pixels.len() as f64) < limit, "{chroma:?}: {}", error / pixels.len() as f64);
        let scans = bytes.windows(2).filter(|marker| marker == &[0xFF, 0xDA]).count();
        assert_eq!(scans, 1, "one interleaved scan");
        assert!(bytes.windows(2).any(|marker| marker == [0xFF, 0xC0]), "baseline");
    }
}

#[test]
fn png_and_ppm_hold_the_very_pixels() {
    let png = encode::png(&picture()).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    assert_eq!(pixels, picture().data);
    let ppm = encode::ppm(&picture()).unwrap();
    assert_eq!(ppm, [b"P6\n50 38\n255\n", &picture().data[..]].concat());
}

#[test]
fn pictures_that_cannot_be_are_refused_in_words() {
    let wide = Picture { width: 65536, height: 1, data: vec![0; 65536 * 3] };
    let message = encode::jpeg(&wide, GOOD, Some(&photo())).unwrap_err().to_string();
    assert!(message.contains("65536x1") && message.contains("65535"), "{message}");
    assert!(encode::png(&wide).is_ok());
    for bad in [
        Picture { width: 0, height: 0, data: Vec::new() },
        Picture { width: 2, height: 2, data: vec![0; 11] },
        Picture { width: u32::MAX, height: u32::MAX, data: vec![0; 3] },
    ] {
        assert!(matches!(encode::jpeg(&bad, GOOD, Some(&photo())), Err(encode::Error::Size { .. })));
        assert!(matches!(encode::png(&bad), Err(encode::Error::Size { .. })));
        assert!(matches!(encode::ppm(&bad), Err(encode::Error::Size { .. })));
    }
}

#[test]
fn every_part_of_a_jpeg_is_less_than_a_whole_one() {
    let bytes = file(&photo());
    for length in 0..bytes.len() {
        assert!(!jpeg::complete(&bytes[..length]), "{length} of {} bytes", bytes.len());
    }
    assert!(jpeg::complete(&bytes));
    assert!(jpeg::complete(&[&bytes[..], b"a film behind the picture"].concat()));
    let mut torn = bytes.clone();
    let middle = bytes.len() - 200;
    torn[middle..].fill(0);
    assert!(!jpeg::complete(&torn), "a hole up to the end");
    assert!(!jpeg::complete(&[0xFF, 0xD8, 0xFF, 0xD9]), "no picture inside");
}

proptest! {
    #[test]
    fn hostile_bytes_are_no_photo_and_no_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = file(&photo());
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(length.index(bytes.len() + 1));
        let _ = identity(&bytes);
        jpeg::complete(&bytes);
        if let Some(rewritten) = rewrite_state(&bytes, &photo()) {
            prop_assert!(identity(&rewritten).is_some());
        }
    }

    #[test]
    fn any_bytes_behind_the_magic_are_walked(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [&[0xFF, 0xD8, 0xFF][..], &tail].concat();
        prop_assert_eq!(identity(&bytes), None);
        jpeg::complete(&bytes);
    }

    #[test]
    fn any_text_survives_the_packet(reason in ".{0,200}", software in "\\PC{0,40}") {
        let photo = PhotoMetadata { reason: Some(reason), software, ..photo() };
        let bytes = file(&photo);
        prop_assert!(identity(&bytes).is_some());
        read_exif(&bytes);
    }

    #[test]
    fn any_moment_has_a_date(seconds in -60_000_000_000i64..200_000_000_000, offset in -93_599i32..=93_599) {
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::Offset::from_seconds(offset).unwrap());
        let captured_at = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(zone);
        let exif = read_exif(&file(&PhotoMetadata { captured_at, ..photo() }));
        prop_assert_eq!(text(&exif, Tag::DateTimeOriginal).unwrap().len(), 19);
        prop_assert_eq!(text(&exif, Tag::OffsetTimeOriginal).unwrap().len(), 6);
    }
}
