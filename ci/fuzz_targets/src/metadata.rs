//! JPEG files as recovery and delivery look at them: segments, XMP, and the rewriting of our own.

use latent_isp::Picture;
use latent_pipeline::metadata::{PhotoMetadata, exif, identity, jpeg, rewrite_state, xmp};
use latent_pipeline::photo::{Quality, State};
use uuid::Uuid;

pub(crate) fn run(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    if kind % 2 == 0 {
        file(rest);
    } else {
        texts(&String::from_utf8_lossy(rest));
    }
}

/// Any bytes as a JPEG.
fn file(bytes: &[u8]) {
    let whole = jpeg::complete(bytes);
    let Some(found) = identity(bytes) else {
        assert_eq!(rewrite_state(bytes, &photo("", "")), None);
        return;
    };
    assert!(rewrite_state(bytes, &photo("", "")).is_none() || found.asset_id == Uuid::from_u128(1));
    let fallback = PhotoMetadata {
        asset_id: found.asset_id,
        state: State::FinalFallback,
        reason: Some("no \"reason\" <at> all".to_owned()),
        ..photo("", "")
    };
    let Some(rewritten) = rewrite_state(bytes, &fallback) else { return };
    let again = identity(&rewritten).expect("what was ours stays ours");
    assert_eq!((again.asset_id, again.state), (found.asset_id, State::FinalFallback));
    assert_eq!(jpeg::complete(&rewritten), whole, "rewriting changed what follows");
    assert_eq!(rewrite_state(&rewritten, &fallback), Some(rewritten), "rewriting twice changes more");
}

/// Any words from drivers and errors: the file is ours all the same.
fn texts(text: &str) {
    let (model, reason) = text.split_once('\n').unwrap_or((text, text));
    let photo = photo(model, reason);
    let (exif, xmp) = (exif(&photo), xmp(&photo));
    let mut file = vec![0xFF, 0xD8];
    for payload in [exif, xmp] {
        let Ok(length) = u16::try_from(payload.len() + 2) else {
            panic!("{} bytes in a segment", payload.len())
        };
        file.extend([0xFF, 0xE1]);
        file.extend(length.to_be_bytes());
        file.extend(payload);
    }
    let found = identity(&file).expect("our own words");
    assert_eq!((found.asset_id, found.generation, found.state), (photo.asset_id, 2, photo.state));
}

fn photo(model: &str, reason: &str) -> PhotoMetadata {
    PhotoMetadata {
        asset_id: Uuid::from_u128(1),
        library_id: Uuid::from_u128(2),
        instance_id: Uuid::from_u128(3),
        generation: 2,
        quality: Quality::Low,
        tier: None,
        state: State::Pending,
        reason: Some(reason.to_owned()),
        captured_at: "2026-03-01T14:05:09+01:00[+01:00]".parse().expect("a time"),
        orientation: 1,
        make: model.to_owned(),
        model: model.to_owned(),
        software: "Latent".to_owned(),
        exposure: None,
        width: 8,
        height: 8,
        simulated: true,
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let picture = Picture::new(8, 8).expect("a small picture");
    let quality = latent_pipeline::encode::JpegQuality::PROXY;
    let photo = photo("Eye", "");
    let ours = latent_pipeline::encode::jpeg(&picture, quality, Some(&photo)).expect("a JPEG");
    let plain = latent_pipeline::encode::jpeg(&picture, quality, None).expect("a JPEG");
    let packet: &[u8] =
        b"<x xmlns:l='https://latentphoto.org/ns/1.0/'><l:id>00000000-0000-0000-0000-000000000001</l:id>\
        <l:library>00000000-0000-0000-0000-000000000002</l:library><l:generation>&#50;</l:generation>\
        <l:quality>low</l:quality><l:state>pending</l:state></x>";
    let packet = [b"http://ns.adobe.com/xap/1.0/\0", packet].concat();
    let length = (packet.len() as u16 + 2).to_be_bytes();
    let foreign = [&[0xFF, 0xD8, 0xFF, 0xE1], &length[..], &packet, &plain[2..]].concat();
    vec![
        [&[0], &ours[..]].concat(),
        [&[0], &plain[..]].concat(),
        [&[0], &foreign[..]].concat(),
        b"\x01ACME Eye \"1\"\nthe disk <is> full & more".to_vec(),
    ]
}
