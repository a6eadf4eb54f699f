//! Cameras that develop their pictures themselves: luma and chroma, and JPEG.

use latent_hal::fake::Model;
use latent_hal::kernel::SizeEntry;
use latent_pipeline::camera_jpeg;
use latent_pipeline::event::EventKind;
use latent_pipeline::metadata;
use latent_pipeline::mode::Wish;
use latent_pipeline::photo::{Quality, State};
use latent_pipeline::session::SessionOptions;

use crate::studio::{Studio, name, options, pixels};

const SIZE: (u32, u32) = (320, 240);

fn usb(fourccs: &[[u8; 4]]) -> Model {
    Model { fourccs: fourccs.to_vec(), sizes: vec![SizeEntry::Discrete(SIZE.0, SIZE.1)], ..Model::usb() }
}

/// A scene with broad areas and edges, so that both qualities can be held against each other.
fn scene() -> Vec<u8> {
    (0..SIZE.0 * SIZE.1)
        .flat_map(|i| {
            let (x, y) = (i % SIZE.0, i / SIZE.0);
            [
                (x * 200 / SIZE.0 + 20) as u8,
                (y * 180 / SIZE.1 + 30) as u8,
                if x > 100 && y < 120 { 60 } else { 190 },
            ]
        })
        .collect()
}

/// The scene as a camera encodes it, without Huffman tables and with zeros behind it.
fn a_camera_s_jpeg() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_1);
    encoder.encode(&scene(), SIZE.0 as u16, SIZE.1 as u16, jpeg_encoder::ColorType::Rgb).unwrap();
    let mut at = 2;
    while bytes[at + 1] != 0xda {
        let length = 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        if bytes[at + 1] == 0xc4 {
            bytes.drain(at..at + length);
        } else {
            at += length;
        }
    }
    bytes.extend([0; 100]);
    bytes
}

/// Mean difference between a picture and another at half its size.
fn difference(full: &[u8], half: &[u8]) -> f64 {
    let (width, half_width) = (SIZE.0 as usize, SIZE.0 as usize / 2);
    let total: f64 = half
        .iter()
        .enumerate()
        .map(|(i, &code)| {
            let (x, y, c) = (i / 3 % half_width, i / 3 / half_width, i % 3);
            let at = |dx: usize, dy: usize| f64::from(full[((2 * y + dy) * width + 2 * x + dx) * 3 + c]);
            ((at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1)) / 4.0 - f64::from(code)).abs()
        })
        .sum();
    total / half.len() as f64
}

/// Luma and chroma of the scene as the fake camera's memory has them, BT.601 of limited range.
fn yuv(fourcc: &[u8; 4]) -> Vec<u8> {
    let rgb = scene();
    let at = |x: u32, y: u32| {
        let i = ((y * SIZE.0 + x) * 3) as usize;
        let [r, g, b] = [rgb[i], rgb[i + 1], rgb[i + 2]].map(|code| f64::from(code) / 255.0);
        let luma = 0.299 * r + 0.587 * g + 0.114 * b;
        [16.0 + 219.0 * luma, 128.0 + 224.0 * (b - luma) / 1.772, 128.0 + 224.0 * (r - luma) / 1.402]
            .map(|value| value.round() as u8)
    };
    let mut bytes = Vec::new();
    match fourcc {
        b"YUYV" => {
            for y in 0..SIZE.1 {
                for x in (0..SIZE.0).step_by(2) {
                    let (a, b) = (at(x, y), at(x + 1, y));
                    bytes.extend([a[0], a[1], b[0], a[2]]);
                }
            }
        }
        _ => {
            bytes
                .extend((0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| (x, y))).map(|(x, y)| at(x, y)[0]));
            for y in (0..SIZE.1).step_by(2) {
                for x in (0..SIZE.0).step_by(2) {
                    let sample = at(x, y);
                    bytes.extend([sample[1], sample[2]]);
                }
            }
        }
    }
    bytes
}

/// Both phases with a camera of this format, whose frames hold these bytes.
fn both_phases(fourcc: [u8; 4], shown: Vec<u8>) {
    let mut studio = Studio::without_session(usb(&[fourcc]));
    studio.camera().show(Some(shown));
    studio.open_session(options(3)).unwrap();
    let (low, frames) = studio.photo();
    assert_eq!(frames, 3);
    let story = studio.story(1);
    let order = ["captureStart", "frameShutter", "frameShutterEnd", "captureReady", "captureEnd"];
    let places: Vec<_> = order.iter().map(|wanted| story.iter().position(|name| name == wanted)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{story:?}");
    let (width, height, low_pixels) = pixels(&low.path);
    assert_eq!((width, height), (SIZE.0 as usize / 2, SIZE.1 as usize / 2));
    let before = metadata::identity(&std::fs::read(&low.path).unwrap()).unwrap();
    assert_eq!((before.quality, before.state), (Quality::Low, State::Pending));

    let done = studio.develop();
    assert_eq!((done.developed, done.fallbacks, done.postponed.len()), (1, 0, 0), "{done:?}");
    let (width, height, full_pixels) = pixels(&low.path);
    assert_eq!((width as u32, height as u32), SIZE);
    let after = metadata::identity(&std::fs::read(&low.path).unwrap()).unwrap();
    assert_eq!(
        (after.asset_id, after.quality, after.state, after.generation),
        (before.asset_id, Quality::Full, State::Final, 2)
    );
    let apart = difference(&full_pixels, &low_pixels);
    assert!(apart < 2.0, "the look changed by {apart}");
    let off: f64 = full_pixels.iter().zip(scene()).map(|(&a, b)| f64::from(a.abs_diff(b))).sum::<f64>()
        / full_pixels.len() as f64;
    assert!(off < 3.0, "the picture is {off} off what the camera saw");
    let exif = exif::Reader::new()
        .read_from_container(&mut std::io::Cursor::new(std::fs::read(&low.path).unwrap()))
        .unwrap();
    let model = exif.get_field(exif::Tag::Model, exif::In::PRIMARY).unwrap();
    assert!(model.display_value().to_string().contains("Fake camera"));
    assert_eq!(std::fs::read_dir(studio.folder.path().join(".latent/spool")).unwrap().count(), 0);
    studio.close().unwrap();
}

#[test]
fn a_camera_of_packed_luma_and_chroma_goes_through_both_phases() {
    both_phases(*b"YUYV", yuv(b"YUYV"));
}

#[test]
fn a_camera_of_planar_luma_and_chroma_goes_through_both_phases() {
    both_phases(*b"NV12", yuv(b"NV12"));
}

#[test]
fn a_camera_of_jpegs_goes_through_both_phases() {
    both_phases(*b"MJPG", a_camera_s_jpeg());
}

#[test]
fn every_layout_of_luma_and_chroma_takes_photos() {
    for fourcc in [b"YUYV", b"YVYU", b"UYVY", b"VYUY", b"NV12", b"NV21", b"NV16", b"NV61", b"YU12", b"YV12"] {
        let model = Model { sizes: vec![SizeEntry::Discrete(66, 50)], row_padding: 6, ..usb(&[*fourcc]) };
        let mut studio = Studio::open(model, options(2));
        let (photo, frames) = studio.photo();
        assert_eq!((frames, studio.develop().developed), (2, 1), "{}", String::from_utf8_lossy(fourcc));
        assert_eq!(pixels(&photo.path).0, 66);
        studio.close().unwrap();
    }
}

#[test]
fn the_jpeg_of_the_camera_becomes_the_photo_without_loss() {
    let shown = a_camera_s_jpeg();
    let mut studio = Studio::without_session(usb(&[*b"MJPG"]));
    studio.camera().show(Some(shown.clone()));
    studio.open_session(options(1)).unwrap();
    let (photo, _) = studio.photo();
    assert_eq!(studio.develop().developed, 1);
    let file = std::fs::read(&photo.path).unwrap();
    // The entropy-coded data is the camera's, byte for byte.
    let scan = |bytes: &[u8]| {
        let start = bytes.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
        let end = bytes.windows(2).rposition(|pair| pair == [0xff, 0xd9]).unwrap();
        bytes[start..end].to_vec()
    };
    assert_eq!(scan(&file), scan(&shown));
}

#[test]
fn jpegs_that_are_cut_off_are_never_a_photo() {
    let good = a_camera_s_jpeg();
    let mut studio = Studio::without_session(usb(&[*b"MJPG"]));
    studio.camera().show(Some(good[..good.len() / 2].to_vec()));
    studio.open_session(options(2)).unwrap();
    studio.session().capture().unwrap();
    studio.wait(|event| matches!(event.kind, EventKind::CaptureFailed { .. }));
    assert_eq!(studio.story(1), ["captureStart", "cameraLost", "captureFailed"]);
    let files = || std::fs::read_dir(studio.folder.path()).unwrap().count();
    assert_eq!(files(), 1, "nothing but the library's own folder");
    // When the camera comes to its senses, the next photo is good.
    studio.camera().show(Some(good));
    studio.photo();
    studio.close().unwrap();
}

#[test]
fn a_jpeg_whose_data_is_damaged_is_no_photo_and_a_later_frame_takes_its_place() {
    let good = a_camera_s_jpeg();
    // Cut in the middle of its data, and an end put on it: its markers are those of a whole picture.
    let mut damaged = good[..good.len() / 2].to_vec();
    damaged.extend([0xff, 0xd9]);
    let mut studio = Studio::without_session(usb(&[*b"MJPG"]));
    studio.camera().show(Some(damaged.clone()));
    studio.open_session(options(3)).unwrap();
    studio.shut();
    studio.session().capture().unwrap();
    studio.let_through(1);
    studio.camera().show(Some(good.clone()));
    studio.open_gate();
    let announced = studio.wait(|event| matches!(event.kind, EventKind::PhotoAssetAvailable { .. }));
    let EventKind::PhotoAssetAvailable { asset, .. } = announced.kind else { unreachable!() };
    studio.wait(|event| matches!(event.kind, EventKind::RawSecured { frames: 3, .. }));
    assert_eq!(studio.develop().developed, 1, "the first frame that is whole makes the picture");
    assert_eq!(pixels(&asset.path).0 as u32, SIZE.0);

    // Of a burst without one there is no photo, and nothing is left of it.
    studio.camera().show(Some(damaged));
    studio.let_through(20);
    studio.open_gate();
    let id = studio.session().capture().unwrap();
    let failed = studio.wait(|event| event.capture_id == id && name(event) == "captureFailed");
    let EventKind::CaptureFailed { kind, message } = failed.kind else { unreachable!() };
    assert!(kind == "device" && message.contains("JPEG"), "{kind}: {message}");
    studio.close().unwrap();
    assert_eq!(studio.story(id).last().unwrap(), "captureFailed");
    assert_eq!(std::fs::read_dir(studio.folder.path().join(".latent/spool")).unwrap().count(), 0);
    assert_eq!(
        std::fs::read_dir(studio.folder.path()).unwrap().count(),
        2,
        "the photo of before, and our folder"
    );
}

/// Its codes can be followed to the last block, but what they are to be multiplied by is missing.
#[test]
fn a_jpeg_that_is_whole_and_does_not_decode_is_no_photo_in_either_phase() {
    let good = a_camera_s_jpeg();
    let mut without_tables = good.clone();
    let at = without_tables.windows(2).position(|pair| pair == [0xff, 0xdb]).unwrap();
    let length = 2 + usize::from(u16::from_be_bytes([without_tables[at + 2], without_tables[at + 3]]));
    without_tables.drain(at..at + length);
    let shape = camera_jpeg::Shape::of(&without_tables, SIZE.0, SIZE.1).unwrap();
    camera_jpeg::check(&without_tables, &shape).unwrap();
    camera_jpeg::decode(&without_tables, &shape).unwrap_err();

    let mut studio = Studio::without_session(usb(&[*b"MJPG"]));
    studio.camera().show(Some(without_tables));
    studio.open_session(options(3)).unwrap();
    studio.shut();
    let id = studio.session().capture().unwrap();
    studio.let_through(1);
    studio.camera().show(Some(good));
    studio.open_gate();
    let announced = studio.wait(|event| event.capture_id == id && name(event) == "photoAssetAvailable");
    let EventKind::PhotoAssetAvailable { asset, .. } = announced.kind else { unreachable!() };
    studio.wait(|event| matches!(event.kind, EventKind::RawSecured { frames: 3, .. }));
    let (_, _, low) = pixels(&asset.path);
    let done = studio.develop();
    assert_eq!((done.developed, done.fallbacks), (1, 0), "{done:?}");
    let (width, _, full) = pixels(&asset.path);
    assert_eq!(width as u32, SIZE.0);
    assert!(difference(&full, &low) < 2.0, "the full picture is of the frame that the proxy was made of");
    studio.close().unwrap();
}

#[test]
fn luma_and_chroma_are_chosen_before_jpeg_unless_the_caller_wishes_otherwise() {
    let both = usb(&[*b"MJPG", *b"YUYV"]);
    let format = |wish: Option<&str>| {
        let wish = Wish { format: wish.map(|word| word.parse().unwrap()), size: None };
        let studio = Studio::open(both.clone(), SessionOptions { wish, ..options(1) });
        format!("{:?}", studio.session().config().format)
    };
    assert_eq!(format(None), "Yuv(Yuyv)");
    assert_eq!(format(Some("jpeg")), "Jpeg");
    let mut studio = Studio::without_session(both);
    let wish = Wish { format: Some("raw".parse().unwrap()), size: None };
    let error = studio.open_session(SessionOptions { wish, ..options(1) }).unwrap_err();
    assert!(error.to_string().contains("the format raw"), "{error}");
}
