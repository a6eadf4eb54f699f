//! What devices give and take beside pictures: metadata nodes, and requests that bind controls to one frame.

use latent_hal::v4l2::{MetadataNode, Pairing};

use super::*;

const BRIGHTNESS: u32 = 0x0098_0900;
const NO_TEXT: i32 = 2;

/// The metadata node of the device under test.
fn metadata(device: &Device) -> Option<MetadataNode> {
    let found = MetadataNode::beside(Path::new(discovery::SYSFS), device.open().info());
    if found.is_none() {
        println!("SKIP the device has no metadata node (with vivid: node_types=0x20000 and one of them)");
    }
    found
}

#[test]
fn metadata_meets_the_frames_that_it_is_of() {
    let Some(device) = device() else { return };
    let Some(mut node) = metadata(&device) else { return };
    let fourcc = node.formats()[0];
    let size = node.set_format(fourcc).unwrap();
    println!("{:?}, {size} bytes", fourcc.to_le_bytes().escape_ascii().to_string());
    if let Err(error) = node.start() {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        println!("SKIP {error}");
        return;
    }
    node.stop().unwrap();
    let (files, round) = (open_files(), |node: &mut MetadataNode| {
        let (mut camera, _) = started(&device, 2);
        node.start().unwrap();
        let (mut pairing, mut met) = (Pairing::default(), 0);
        for _ in 0..20 {
            let next = frame(&mut camera);
            while let Some(metadata) = node.dequeue(Duration::from_millis(50)).unwrap() {
                assert!(!metadata.bytes.is_empty() && metadata.bytes.len() <= size);
                let is_later = metadata.timestamp >= next.timestamp();
                pairing.add(metadata);
                if is_later {
                    break;
                }
            }
            if let Some(metadata) = pairing.of(&next) {
                met += 1;
                assert!(metadata.timestamp.abs_diff(next.timestamp()) < Duration::from_millis(20));
            }
        }
        node.stop().unwrap();
        met
    });
    for _ in 0..2 {
        let met = round(&mut node);
        println!("{met} of 20 frames met their metadata");
        if met == 0 && device.open().info().driver == "uvcvideo" {
            println!(
                "SKIP this camera tells nothing beside its frames, so its driver has nothing to hand on"
            );
            return;
        }
        assert!(met >= 15, "{met}");
        assert_eq!(open_files(), files);
    }
}

fn mean(frame: &Frame) -> u64 {
    let bytes = frame.read().unwrap();
    bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>() / bytes.len() as u64
}

/// Whether the device gives requests, and whether it takes buffers in nothing else.
fn requests(device: &Device) -> Option<bool> {
    let mut camera = device.open();
    camera.use_requests(true);
    configured(&mut camera, 1);
    if camera.set_frame_controls(&[]).is_err() {
        println!(
            "SKIP the device takes no requests (with vivid: supports_requests=1, or 3 for nothing else)"
        );
        return None;
    }
    let options = std::fs::read_to_string("/sys/module/vivid/parameters/supports_requests").ok()?;
    Some(options.starts_with('3'))
}

#[test]
fn controls_of_one_frame_show_in_that_frame_alone() {
    let Some(device) = device() else { return };
    let Some(mut vivid) = device.vivid() else { return };
    if requests(&device).is_none() {
        return;
    }
    vivid.set(OSD_TEXT, NO_TEXT);
    let mut camera = device.open();
    camera.use_requests(true);
    configured(&mut camera, 2);
    camera.start().unwrap();
    let usual = mean(&frame(&mut camera));
    let before = camera.control_values(&[BRIGHTNESS]).unwrap();
    let numbers = [255, 0, 255].map(|value| {
        let number = camera.set_frame_controls(&[(BRIGHTNESS, value)]).unwrap();
        (number, value)
    });
    let mut found = Vec::new();
    for _ in 0..24 {
        let frame = frame(&mut camera);
        let mean = mean(&frame);
        match frame.settings() {
            None => assert_eq!(mean, usual, "frame {}", frame.sequence()),
            Some(number) => {
                let value = numbers.iter().find(|known| known.0 == number).unwrap().1;
                assert!(if value == 255 { mean > usual } else { mean < usual }, "{value}: {mean}, {usual}");
                found.push((number, value));
            }
        }
    }
    assert_eq!(found, numbers);
    // Stopped while one is on its way: the control is as it was.
    camera.set_frame_controls(&[(BRIGHTNESS, 255)]).unwrap();
    frame(&mut camera);
    camera.stop().unwrap();
    assert_eq!(camera.control_values(&[BRIGHTNESS]).unwrap(), before);
    camera.start().unwrap();
    frame(&mut camera);
}

#[test]
fn a_stream_in_requests_goes_round_restarts_and_leaks_nothing() {
    let Some(device) = device() else { return };
    let Some(vivid) = device.vivid() else { return };
    let Some(required) = requests(&device) else { return };
    let at_first = open_files();
    for memory in [None, Some(latent_hal::memory::Source::Udmabuf)] {
        let mut camera = device.open();
        // One that takes nothing else gets requests unasked.
        camera.use_requests(!required);
        camera.use_memory(memory);
        let config = configured(&mut camera, 2);
        camera.start().unwrap();
        for _ in 0..3 * config.slots {
            frame(&mut camera);
        }
        vivid.press(FATAL_ERROR);
        let mut damaged = 0;
        for _ in 0..3 * config.slots {
            match camera.dequeue(PATIENCE).unwrap() {
                Dequeued::Frame(_) => {}
                Dequeued::Damaged { .. } => damaged += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(damaged >= 1, "the fault was seen");
        for _ in 0..5 {
            camera.stop().unwrap();
            camera.start().unwrap();
            assert_eq!(frame(&mut camera).sequence(), 0);
        }
    }
    assert_eq!(open_files(), at_first);
}
