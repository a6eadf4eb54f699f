//! The libcamera backend on a real camera: the one whose id `LATENT_TEST_LIBCAMERA` is. Without it every test says `SKIP`
//! and passes. `ci/libcamera test` runs them on libcamera's own virtual cameras. What every camera must do the conformance
//! suite checks there (`latent conformance --camera libcamera:ID`); here is what is of libcamera alone.
//!
//! ```text
//! LATENT_TEST_LIBCAMERA=Virtual0 ./libcamera_device --test-threads=1 --nocapture
//! ```
// The helpers of the tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use latent_hal::error::ErrorKind;
use latent_hal::libcamera::{LibcameraCamera, ids};
use latent_hal::memory::ledger;
use latent_hal::open::{libcamera_names, open};
use latent_hal::{Camera, CameraName, Dequeued, Error, Frame, Mode, StreamConfig, StreamRequest};
use nix::time::{ClockId, clock_gettime};

/// Long, because the camera may live in an emulator.
const PATIENCE: Duration = Duration::from_secs(20);

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The camera under test, for one test at a time.
struct Device {
    id: String,
    _turn: MutexGuard<'static, ()>,
}

fn device() -> Option<Device> {
    let Some(id) = std::env::var_os("LATENT_TEST_LIBCAMERA") else {
        println!("SKIP LATENT_TEST_LIBCAMERA names no camera");
        return None;
    };
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Some(Device { id: id.into_string().unwrap(), _turn: turn })
}

impl Device {
    fn open(&self) -> LibcameraCamera {
        LibcameraCamera::open(&self.id).unwrap()
    }
}

/// The smallest mode of a camera.
fn smallest(camera: &dyn Camera) -> Mode {
    *camera.modes().unwrap().last().unwrap()
}

fn configured(camera: &mut dyn Camera, held: u32) -> StreamConfig {
    let mode = smallest(camera);
    camera.configure(&StreamRequest { mode, held }).unwrap()
}

fn started(device: &Device, held: u32) -> (LibcameraCamera, StreamConfig) {
    let mut camera = device.open();
    let config = configured(&mut camera, held);
    camera.start().unwrap();
    (camera, config)
}

fn frame(camera: &mut dyn Camera) -> Frame {
    match camera.dequeue(PATIENCE).unwrap() {
        Dequeued::Frame(frame) => frame,
        other => panic!("no frame but {other:?}"),
    }
}

fn bytes(frame: &Frame) -> Vec<u8> {
    frame.read().unwrap().to_vec()
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.err().unwrap().kind()
}

#[test]
fn cameras_are_found_and_opened_by_their_names() {
    let Some(device) = device() else { return };
    let name: CameraName = format!("libcamera:{}", device.id).parse().unwrap();
    assert!(libcamera_names().unwrap().contains(&name));
    let camera = open(&name).unwrap();
    assert_eq!(camera.info().id, name.to_string());
    assert_eq!(camera.info().driver, "libcamera");
    let error = LibcameraCamera::open("no such camera").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&device.id), "{error}");
    println!("libcamera finds {:?}", ids().unwrap());
}

#[test]
fn every_mode_streams() {
    let Some(device) = device() else { return };
    let mut camera = device.open();
    for mode in camera.modes().unwrap().iter().rev().take(8) {
        let config = camera.configure(&StreamRequest { mode: *mode, held: 1 }).unwrap();
        assert_eq!((config.format, config.width, config.height), (mode.format, mode.width, mode.height));
        assert!(config.held >= 1 && config.slots > config.held, "{config:?}");
        assert!(config.stride_bytes >= mode.format.row_bytes(mode.width));
        assert_eq!(config.colorimetry.is_none(), mode.format.raw().is_some());
        camera.start().unwrap();
        let (mut last, mut time) = (None, Duration::ZERO);
        for _ in 0..5 {
            let frame = frame(&mut camera);
            assert!(last.is_none_or(|last| frame.sequence() > last));
            assert!(last.is_some() || frame.sequence() == 0);
            assert!(frame.timestamp() > time);
            (last, time) = (Some(frame.sequence()), frame.timestamp());
            let now: Duration = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap().into();
            assert!(now.abs_diff(time) < PATIENCE, "stamped {time:?} at {now:?}");
            check_picture(&config, &bytes(&frame));
        }
        camera.stop().unwrap();
        println!("{config:?}");
    }
}

/// A picture has all its planes and more than one value in the first.
fn check_picture(config: &StreamConfig, bytes: &[u8]) {
    let planes = config.planes();
    assert!(bytes.len() >= planes.last().map_or(100, |plane| plane.end()));
    assert!(bytes.len() <= config.size_bytes);
    let Some(first) = planes.first() else { return };
    let seen: HashSet<u8> = bytes[..first.end()].iter().copied().collect();
    assert!(seen.len() > 1, "{:?}: all samples are {}", config.format, bytes[0]);
}

/// The bytes of a slot lie at one place for its life, and that place is a DMA-buf: nothing copied them there.
#[test]
fn frames_are_the_cameras_own_memory() {
    let Some(device) = device() else { return };
    let (mut camera, config) = started(&device, 1);
    let mut places: HashMap<u32, usize> = HashMap::new();
    for _ in 0..config.slots * 3 {
        let frame = frame(&mut camera);
        let at = frame.read().unwrap().as_ptr() as usize;
        assert_eq!(*places.entry(frame.slot()).or_insert(at), at, "slot {}", frame.slot());
    }
    assert!(places.len() > 1, "{places:?}");
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let holds = |line: &str, at: usize| {
        let (begin, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let number = |text| usize::from_str_radix(text, 16).unwrap();
        (number(begin)..number(end)).contains(&at)
    };
    for at in places.values() {
        let line = maps.lines().find(|line| holds(line, *at)).unwrap();
        assert!(line.contains("dmabuf"), "{line}");
    }
}

#[test]
fn starting_and_stopping_leaks_nothing() {
    let Some(device) = device() else { return };
    drop(started(&device, 2));
    let (at_first, threads_at_first) = (open_files(), threads());
    let mut camera = device.open();
    configured(&mut camera, 2);
    let open = open_files();
    for round in 0..20 {
        camera.start().unwrap();
        assert_eq!(frame(&mut camera).sequence(), 0);
        camera.stop().unwrap();
        camera.stop().unwrap();
        assert_eq!(open_files(), open, "round {round}");
    }
    for _ in 0..5 {
        configured(&mut camera, 2);
        assert_eq!(open_files(), open);
    }
    drop(camera);
    assert_eq!(open_files(), at_first);
    // A thread that was joined is listed for a moment longer.
    let begun = Instant::now();
    while threads() > threads_at_first && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(threads() <= threads_at_first, "{} threads, {threads_at_first} at first", threads());
    assert_eq!(ledger().buffers, 0);
}

#[test]
fn the_library_comes_and_goes_with_its_cameras() {
    let Some(device) = device() else { return };
    for _ in 0..3 {
        let cameras = (device.open(), device.open());
        let (first, second) = cameras;
        drop(first);
        assert!(!second.modes().unwrap().is_empty());
    }
    // Threads that come while others go never have two managers at once.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(!device.open().modes().unwrap().is_empty()));
        }
    });
}

#[test]
fn a_camera_in_use_is_busy_until_it_is_dropped() {
    let Some(device) = device() else { return };
    let (mut first, _) = started(&device, 1);
    frame(&mut first);
    let mut second = device.open();
    let request = StreamRequest { mode: smallest(&second), held: 1 };
    let error = second.configure(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    frame(&mut first);
    drop(first);
    second.configure(&request).unwrap();
    second.start().unwrap();
    frame(&mut second);
}

#[test]
fn modes_that_the_camera_does_not_have_are_refused_with_both_sides() {
    let Some(device) = device() else { return };
    let mut camera = device.open();
    let mode = smallest(&camera);
    let odd = Mode { width: mode.width + 34, height: mode.height + 10, ..mode };
    let error = camera.configure(&StreamRequest { mode: odd, held: 1 }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.contains(&format!("{}x{}", odd.width, odd.height)), "{text}");
    assert!(text.contains("would give"), "{text}");
    println!("{text}");
    let absent = Mode { format: latent_hal::PixelFormat::Jpeg, ..mode };
    let error = camera.configure(&StreamRequest { mode: absent, held: 1 }).unwrap_err();
    assert!(error.to_string().contains("it offers"), "{error}");
    // A refusal keeps nobody from the camera, and the next configuration is as if it had not been.
    let mut other = device.open();
    configured(&mut other, 1);
    drop(other);
    configured(&mut camera, 1);
    camera.start().unwrap();
    frame(&mut camera);
}

#[test]
fn a_slower_rate_is_asked_for_and_told() {
    let Some(device) = device() else { return };
    let mut camera = device.open();
    let mode = smallest(&camera);
    let Some(shortest) = camera.configure(&StreamRequest { mode, held: 1 }).unwrap().frame_interval else {
        println!("SKIP the camera tells no rates");
        return;
    };
    let slow = Mode { frame_interval: Some(shortest * 2), ..mode };
    let told = camera.configure(&StreamRequest { mode: slow, held: 1 }).unwrap().frame_interval.unwrap();
    assert!(told >= shortest && told <= shortest * 2, "{told:?}");
    camera.start().unwrap();
    frame(&mut camera);
    println!("{shortest:?} at the fastest, {told:?} for {:?}", shortest * 2);
}

#[test]
fn controls_are_listed_and_others_refused() {
    let Some(device) = device() else { return };
    let mut camera = device.open();
    let controls = camera.controls().unwrap();
    for control in &controls {
        println!("{control:?}");
        assert!(control.min <= control.default && control.default <= control.max, "{control:?}");
        let made = camera.set_controls(&[(control.id, control.max)]).unwrap();
        assert_eq!(camera.control_values(&[control.id]).unwrap(), made);
        camera.set_controls(&[(control.id, control.default)]).unwrap();
    }
    assert_eq!(kind(camera.control_values(&[1])), ErrorKind::Unsupported);
    assert_eq!(kind(camera.set_controls(&[(1, 1)])), ErrorKind::Unsupported);
    assert_eq!(camera.crop().unwrap(), None);
}

#[test]
fn two_cameras_stream_at_once() {
    let Some(device) = device() else { return };
    let Some(other) = ids().unwrap().into_iter().find(|id| *id != device.id) else {
        println!("SKIP there is one camera only");
        return;
    };
    let Ok(mut second) = LibcameraCamera::open(&other) else {
        println!("SKIP the other camera has no format that is known here");
        return;
    };
    let (mut first, _) = started(&device, 1);
    // The format that it names first: libcamera lists some for vimc that do not start.
    let modes = second.modes().unwrap();
    let mode = *modes.iter().min_by_key(|mode| mode.width * mode.height).unwrap();
    second.configure(&StreamRequest { mode, held: 1 }).unwrap();
    second.start().unwrap();
    for round in 0..5 {
        assert!(frame(&mut first).sequence() >= round);
        assert!(frame(&mut second).sequence() >= round);
    }
    drop(first);
    frame(&mut second);
}
