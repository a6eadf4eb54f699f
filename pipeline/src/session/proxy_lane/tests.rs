use std::sync::mpsc;

use jpeg_encoder::{ColorType, Encoder};
use latent_hal::frame::Shot;
use latent_hal::memory::Buffer;
use latent_hal::{CameraInfo, PixelFormat, Sensor, SlotPool, StreamConfig};
use uuid::Uuid;

use super::*;
use crate::event::{Event, EventSender};
use crate::pixels::JpegFrames;

const SIZE: (u16, u16) = (64, 48);

fn setup() -> Arc<Setup> {
    let info = CameraInfo {
        id: "v4l2:usb-1".to_owned(),
        driver: "uvcvideo".to_owned(),
        model: "A camera".to_owned(),
        path: None,
        simulated: true,
        sensor: Sensor::default(),
    };
    let config = StreamConfig {
        format: PixelFormat::Jpeg,
        width: SIZE.0.into(),
        height: SIZE.1.into(),
        stride_bytes: 0,
        separate: None,
        size_bytes: 1 << 16,
        slots: 4,
        held: 2,
        frame_interval: None,
        colorimetry: None,
    };
    let frames = JpegFrames { width: SIZE.0.into(), height: SIZE.1.into(), most_bytes: 1 << 16 };
    Arc::new(Setup { info, config, pixels: Pixels::Jpeg(frames) })
}

fn frame(bytes: &[u8]) -> Frame {
    let buffer = Buffer::allocate(1 << 16, "frame").unwrap();
    buffer.write().unwrap()[..bytes.len()].copy_from_slice(bytes);
    let shot = Shot {
        sequence: 0,
        timestamp: Duration::ZERO,
        timestamp_is_start: true,
        offset: 0,
        bytes_used: bytes.len(),
        exposure: None,
    };
    SlotPool::new(vec![buffer]).lend(0, shot).unwrap()
}

fn jpeg() -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels: Vec<u8> = (0..usize::from(SIZE.0) * usize::from(SIZE.1) * 3).map(|i| (i * 7) as u8).collect();
    Encoder::new(&mut bytes, 80).encode(&pixels, SIZE.0, SIZE.1, ColorType::Rgb).unwrap();
    bytes
}

struct Scene {
    _folder: tempfile::TempDir,
    library: Arc<Library>,
    events: EventSender,
    received: Receiver<Event>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = Arc::new(Library::own(folder.path()).unwrap());
        let (events, received) = EventSender::channel();
        Self { _folder: folder, library, events, received }
    }

    fn capture(&self, id: u64) -> Arc<Capture> {
        Arc::new(Capture {
            id,
            asset_id: Uuid::now_v7(),
            requested: clock::now(),
            captured_at: clock::local_now(),
            events: self.events.clone(),
            failed: std::sync::Mutex::new(false),
        })
    }

    /// Has a lane do this work to its end; the names of the events, with their captures.
    fn after(&self, work: Vec<Work>) -> Vec<(u64, String)> {
        let (sender, receiver) = mpsc::channel();
        for work in work {
            sender.send(work).unwrap();
        }
        drop(sender);
        let estimate = Arc::new(AtomicU64::new(1));
        Lane::new(Arc::clone(&self.library), Arc::default(), Tier::Video, estimate)
            .run(&receiver, &|error| panic!("{error}"));
        let name = |event: &Event| serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned();
        self.received.try_iter().map(|event| (event.capture_id, name(&event))).collect()
    }
}

fn spooled(capture: &Arc<Capture>, frames: u32) -> Work {
    let stages = SpoolStages::default();
    Work::Spooled(Spooled { capture: Arc::clone(capture), frames, bytes: 0, stages })
}

/// Storage is slow: the second capture's frames come to this lane before the first one's burst was stored.
#[test]
fn a_capture_without_a_whole_picture_fails_though_the_next_one_was_announced_before_its_burst_was_stored() {
    let (scene, setup, good) = (Scene::new(), setup(), jpeg());
    let damaged = [&good[..good.len() / 2], &[0xff, 0xd9]].concat();
    let (first, second) = (scene.capture(1), scene.capture(2));
    let proxy = |capture: &Arc<Capture>, bytes: &[u8]| {
        Work::Proxy(Arc::clone(capture), frame(bytes), Arc::clone(&setup))
    };
    let told = scene.after(vec![
        proxy(&first, &damaged),
        proxy(&first, &damaged),
        proxy(&second, &good),
        spooled(&first, 2),
        spooled(&second, 1),
    ]);
    let told: Vec<_> = told.iter().map(|(id, name)| (*id, name.as_str())).collect();
    assert_eq!(told, [(2, "photoAssetAvailable"), (1, "captureFailed"), (2, "rawSecured")]);
    assert_eq!(scene.library.assets().unwrap().len(), 1);
}

#[test]
fn a_refusal_of_one_capture_does_not_fail_the_next_one() {
    let (scene, setup, good) = (Scene::new(), setup(), jpeg());
    let damaged = [&good[..good.len() / 2], &[0xff, 0xd9]].concat();
    let (first, second) = (scene.capture(1), scene.capture(2));
    let told = scene.after(vec![
        Work::Proxy(Arc::clone(&first), frame(&damaged), Arc::clone(&setup)),
        Work::Proxy(Arc::clone(&first), frame(&good), Arc::clone(&setup)),
        Work::Proxy(Arc::clone(&second), frame(&damaged), Arc::clone(&setup)),
        spooled(&first, 2),
        Work::Proxy(Arc::clone(&second), frame(&good), Arc::clone(&setup)),
        spooled(&second, 2),
    ]);
    let told: Vec<_> = told.iter().map(|(id, name)| (*id, name.as_str())).collect();
    let expected =
        [(1, "photoAssetAvailable"), (1, "rawSecured"), (2, "photoAssetAvailable"), (2, "rawSecured")];
    assert_eq!(told, expected);
}
