//! The replay camera as a camera: its files, its clock and its slots.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use latent_hal::{
    Camera, CfaPattern, Dequeued, Error, Frame, Packing, RawFormat, StreamConfig, StreamRequest,
};
use latent_pipeline::clock;
use latent_pipeline::raw_file;
use latent_pipeline::replay::ReplayCamera;
use tempfile::TempDir;

const SIDECAR: &str = "width = 6\nheight = 4\nstride = 16\nbits = 10\npattern = \"GRBG\"\nblack = 64\n";
const SECOND: Duration = Duration::from_secs(1);

fn add(folder: &Path, name: &str, value: u8) {
    fs::write(folder.join(name), [value; 64]).unwrap();
    fs::write(folder.join(format!("{name}.toml")), SIDECAR).unwrap();
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [("f10.raw", 3), ("f9.raw", 2), ("f1.RAW", 1)] {
        add(folder.path(), name, value);
    }
    fs::write(folder.path().join("notes.txt"), "not a frame").unwrap();
    folder
}

fn start(camera: &mut ReplayCamera, held: u32) -> StreamConfig {
    let mode = camera.modes().unwrap()[0];
    let config = camera.configure(&StreamRequest { mode, held }).unwrap();
    camera.start().unwrap();
    config
}

fn next(camera: &mut ReplayCamera) -> Frame {
    match camera.dequeue(SECOND).unwrap() {
        Dequeued::Frame(frame) => frame,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_a_camera() {
    let folder = folder();
    let path = folder.path().join("f9.raw");
    let mut camera = ReplayCamera::open(&path).unwrap();
    let info = camera.info().clone();
    assert_eq!(info.id, format!("replay:{}", path.display()));
    assert_eq!(
        (info.model.as_str(), info.driver.as_str(), info.simulated),
        ("Replay of f9.raw", "replay", false)
    );
    assert_eq!((info.sensor.black, info.sensor.white, info.sensor.matrix), (Some(64), None, None));
    let modes = camera.modes().unwrap();
    assert_eq!(modes.len(), 1);
    let format = RawFormat { pattern: CfaPattern::Grbg, bits: 10, packing: Packing::Le16 }.into();
    assert_eq!((modes[0].format, modes[0].width, modes[0].height), (format, 6, 4));
    assert_eq!(modes[0].frame_interval.unwrap().as_millis(), 33);

    let config = start(&mut camera, 3);
    assert_eq!((config.format, config.stride_bytes, config.size_bytes, config.held), (format, 16, 64, 3));
    assert!(config.slots > config.held);
    let frame = next(&mut camera);
    assert_eq!(&*frame.read().unwrap(), &[2; 64][..]);
}

#[test]
fn dngs_are_frames_with_the_colours_of_their_camera() {
    let dng = include_bytes!("../../isp/tests/dng/libjpeg-turbo-4.dng");
    let folder = tempfile::tempdir().unwrap();
    for name in ["a1.dng", "a2.DNG"] {
        fs::write(folder.path().join(name), dng).unwrap();
    }
    let mut camera = ReplayCamera::open(folder.path()).unwrap();
    let sensor = camera.info().sensor;
    assert_eq!((sensor.black, sensor.white), (Some(256), Some(4000)));
    assert!(sensor.matrix.is_some() && sensor.daylight.is_some());
    let mode = camera.modes().unwrap()[0];
    let format = RawFormat { pattern: CfaPattern::Bggr, bits: 12, packing: Packing::Le16 }.into();
    assert_eq!((mode.format, mode.width, mode.height), (format, 40, 26), "the default crop");
    start(&mut camera, 3);
    let frame = next(&mut camera);
    let file = latent_isp::dng::Dng::parse(dng).unwrap();
    let mut samples = vec![0; 40 * 26 * 2];
    file.frame(file.description().crop, &mut samples).unwrap();
    assert_eq!(&*frame.read().unwrap(), &samples[..]);
    // A bare frame of the same shape is another kind of file.
    fs::write(folder.path().join("a3.raw"), &samples).unwrap();
    fs::write(
        folder.path().join("a3.raw.toml"),
        "width = 40\nheight = 26\nbits = 12\npattern = \"BGGR\"\nblack = 256\nwhite = 4000\n",
    )
    .unwrap();
    assert!(matches!(ReplayCamera::open(folder.path()), Err(raw_file::Error::Unlike { .. })));
}

#[test]
fn a_folder_is_played_in_natural_order_over_and_over() {
    let folder = folder();
    let mut camera = ReplayCamera::open(folder.path()).unwrap().with_fps(200.0);
    // Enough slots that a slow machine loses no frame.
    start(&mut camera, 30);
    let values: Vec<(u64, u8)> = (0..8)
        .map(|_| {
            let frame = next(&mut camera);
            let value = frame.read().unwrap()[0];
            (frame.sequence(), value)
        })
        .collect();
    for (sequence, value) in &values {
        assert_eq!(u64::from(*value), sequence % 3 + 1, "{values:?}");
    }
    assert!(values.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn frames_come_at_their_rate_with_true_times() {
    let folder = folder();
    let mut camera = ReplayCamera::open(folder.path()).unwrap().with_fps(50.0);
    let before = clock::now();
    start(&mut camera, 10);
    let frames: Vec<(u64, Duration)> = (0..5)
        .map(|_| {
            let frame = next(&mut camera);
            let shot = frame.shot();
            assert!(shot.timestamp_is_start);
            assert!(
                frame.timestamp() + Duration::from_millis(20) <= clock::now(),
                "delivered before it was read out"
            );
            (frame.sequence(), frame.timestamp())
        })
        .collect();
    let first = frames[0].1;
    assert!(first >= before && first < before + SECOND);
    for (sequence, timestamp) in frames {
        assert_eq!(timestamp - first, Duration::from_millis(20) * sequence as u32);
    }
}

#[test]
fn a_caller_that_holds_everything_starves_and_recovers() {
    let folder = folder();
    let mut camera = ReplayCamera::open(folder.path()).unwrap().with_fps(500.0);
    let slots = start(&mut camera, 2).slots;
    let mut frames: Vec<Frame> = (0..slots).map(|_| next(&mut camera)).collect();
    let contents: Vec<Vec<u8>> = frames.iter().map(|frame| frame.read().unwrap().to_vec()).collect();
    assert!(matches!(camera.dequeue(SECOND).unwrap(), Dequeued::Starved));
    std::thread::sleep(Duration::from_millis(50));
    let last = frames[frames.len() - 1].sequence();
    frames.remove(0);
    let frame = next(&mut camera);
    assert!(frame.sequence() > last + 10, "frames without a slot are lost, and counted");
    // What the caller held all the time did not change under it.
    for (frame, content) in frames.iter().zip(&contents[1..]) {
        assert_eq!(&*frame.read().unwrap(), &content[..]);
    }
}

#[test]
fn a_short_wait_ends_in_time() {
    let folder = folder();
    let mut camera = ReplayCamera::open(folder.path()).unwrap().with_fps(0.5);
    start(&mut camera, 1);
    let began = Instant::now();
    assert!(matches!(camera.dequeue(Duration::from_millis(30)).unwrap(), Dequeued::Timeout));
    assert!(matches!(camera.dequeue(Duration::ZERO).unwrap(), Dequeued::Timeout));
    assert!(began.elapsed() >= Duration::from_millis(30) && began.elapsed() < SECOND);
}

#[test]
fn calls_out_of_order_are_refused() {
    let folder = folder();
    let mut camera = ReplayCamera::open(folder.path()).unwrap();
    let mode = camera.modes().unwrap()[0];
    let request = StreamRequest { mode, held: 1 };
    assert!(matches!(camera.start(), Err(Error::State { operation: "start", .. })));
    assert!(matches!(camera.dequeue(SECOND), Err(Error::State { operation: "dequeue", .. })));
    camera.stop().unwrap();
    start(&mut camera, 1);
    assert!(matches!(camera.start(), Err(Error::State { .. })));
    assert!(matches!(camera.configure(&request), Err(Error::State { operation: "configure", .. })));
    let kept = next(&mut camera);
    camera.stop().unwrap();
    camera.stop().unwrap();
    assert!(matches!(camera.dequeue(SECOND), Err(Error::State { .. })));
    let other = latent_hal::Mode { width: 8, ..mode };
    assert!(matches!(
        camera.configure(&StreamRequest { mode: other, held: 1 }),
        Err(Error::Unsupported { .. })
    ));

    // Frames outlive their stream and the next configuration; sequences begin anew.
    start(&mut camera, u32::MAX);
    assert_eq!(next(&mut camera).sequence(), 0);
    drop(camera);
    assert_eq!(kept.read().unwrap().len(), 64);
}

#[test]
fn a_file_that_goes_away_is_a_damaged_frame() {
    let folder = folder();
    let mut camera = ReplayCamera::open(folder.path()).unwrap().with_fps(200.0);
    start(&mut camera, 20);
    fs::write(folder.path().join("f9.raw"), [9; 10]).unwrap();
    let mut damaged = 0;
    for _ in 0..9 {
        match camera.dequeue(SECOND).unwrap() {
            Dequeued::Damaged { sequence, .. } => {
                assert_eq!(sequence % 3, 1);
                damaged += 1;
            }
            Dequeued::Frame(frame) => assert_ne!(frame.sequence() % 3, 1),
            other => panic!("{other:?}"),
        }
    }
    assert!(damaged > 0);
}

#[test]
fn what_cannot_be_replayed_is_told() {
    let folder = folder();
    let path = folder.path();
    add(path, "f11.raw", 4);
    fs::write(path.join("f11.raw.toml"), SIDECAR.replace("64", "65")).unwrap();
    let message = ReplayCamera::open(path).unwrap_err().to_string();
    assert!(message.contains("f11.raw") && message.contains("f1.RAW"), "{message}");

    fs::remove_file(path.join("f11.raw.toml")).unwrap();
    assert!(matches!(ReplayCamera::open(path), Err(raw_file::Error::Undescribed { .. })));

    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(ReplayCamera::open(empty.path()), Err(raw_file::Error::NoRawFiles { .. })));
    let missing = ReplayCamera::open(empty.path().join("none.raw")).unwrap_err();
    assert_eq!(
        missing.io_source().map(std::io::Error::kind),
        Some(std::io::ErrorKind::NotFound),
        "{missing}"
    );

    fs::write(path.join("f9.raw"), [0; 63]).unwrap();
    assert!(matches!(ReplayCamera::open(path.join("f9.raw")), Err(raw_file::Error::Size { .. })));
}
