//! The V4L2 backend on a real device: the one that `LATENT_TEST_VIDEO` names. Without it every test says `SKIP` and
//! passes. Faults are made with the controls of the kernel's `vivid` driver, where the device is one.
//!
//! ```text
//! modprobe vivid n_devs=2 multiplanar=1,2 num_inputs=1,1 input_types=0,0
//! LATENT_TEST_VIDEO=/dev/video0 ./v4l2_device --test-threads=1 --nocapture
//! ```
//!
//! `LATENT_TEST_FORMAT` (`yuyv`, `nv12`, `jpeg`) chooses what the tests stream that need one mode; `LATENT_TEST_MEDIA` names
//! the media device behind a camera of several parts, which is then set up for each mode; `LATENT_TEST_UVC` names the
//! program of the test bed's USB camera, which the tests in [`usb`] and [`unplug`] plug in themselves.
// The helpers of the tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod beside;
mod memory;
mod pipeline;
mod planes;
mod settings;
mod unplug;
mod usb;

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use latent_hal::discovery;
use latent_hal::error::ErrorKind;
use latent_hal::v4l2::V4l2Camera;
use latent_hal::{Camera, Dequeued, Error, Frame, Mode, Packing, StreamConfig, StreamRequest};

/// Long, because the device may live in an emulator.
const PATIENCE: Duration = Duration::from_secs(10);

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The device under test, for one test at a time.
struct Device {
    path: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

fn device() -> Option<Device> {
    let Some(path) = std::env::var_os("LATENT_TEST_VIDEO") else {
        println!("SKIP LATENT_TEST_VIDEO names no video device");
        return None;
    };
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Some(Device { path: path.into(), _turn: turn })
}

impl Device {
    fn open(&self) -> V4l2Camera {
        V4l2Camera::open(&self.path).unwrap()
    }

    /// Sets controls of the vivid driver; they are put back when the value drops. `None` on other devices.
    fn vivid(&self) -> Option<Vivid> {
        if self.open().info().driver != "vivid" {
            println!("SKIP the device is not vivid");
            return None;
        }
        let file = OpenOptions::new().read(true).write(true).open(&self.path).unwrap();
        Some(Vivid { file, undo: Vec::new() })
    }
}

/// The controls of vivid; numbers are of its class, 0x00f0f000.
struct Vivid {
    file: File,
    undo: Vec<(u32, i32)>,
}

const OSD_TEXT: u32 = 0x001;
const TIMESTAMP_SOURCE: u32 = 0x018;
const WRAP_SEQUENCE: u32 = 0x026;
const PERCENT_DROPPED: u32 = 0x040;
const DISCONNECT: u32 = 0x041;
const BUFFER_ERROR: u32 = 0x042;
const REQBUFS_ERROR: u32 = 0x043;
const QBUF_ERROR: u32 = 0x044;
const STREAMON_ERROR: u32 = 0x045;
const FATAL_ERROR: u32 = 0x046;

impl Vivid {
    /// Presses a button, or sets a control for good.
    fn press(&self, control: u32) {
        v4l2r::ioctl::s_ctrl(&self.file, 0x00f0_f000 + control, 1).unwrap();
    }

    /// Sets a control until the end of the test.
    fn set(&mut self, control: u32, value: i32) {
        let id = 0x00f0_f000 + control;
        self.undo.push((id, v4l2r::ioctl::g_ctrl(&self.file, id).unwrap()));
        v4l2r::ioctl::s_ctrl(&self.file, id, value).unwrap();
    }
}

impl Drop for Vivid {
    fn drop(&mut self) {
        for (id, value) in self.undo.drain(..).rev() {
            let _ = v4l2r::ioctl::s_ctrl(&self.file, id, value);
        }
    }
}

/// The modes of a camera, the raw ones and the others.
fn modes(camera: &dyn Camera) -> (Vec<Mode>, Vec<Mode>) {
    camera.modes().unwrap().into_iter().partition(|mode| mode.format.raw().is_some())
}

/// The smallest mode of a camera, raw where it has raw ones, or of the format that is wanted.
fn smallest(camera: &dyn Camera) -> Mode {
    let (raw, developed) = modes(camera);
    match std::env::var("LATENT_TEST_FORMAT") {
        Ok(name) => smallest_of(camera, &name),
        Err(_) => *raw.last().or(developed.last()).unwrap(),
    }
}

/// The smallest mode of a format by its name.
fn smallest_of(camera: &dyn Camera, name: &str) -> Mode {
    let modes = camera.modes().unwrap();
    let fits = |mode: &&Mode| format!("{:?}", mode.format).to_lowercase().contains(name);
    *modes.iter().rfind(fits).unwrap_or_else(|| panic!("no format named {name}: {modes:?}"))
}

fn configured(camera: &mut dyn Camera, held: u32) -> StreamConfig {
    let mode = smallest(camera);
    camera.configure(&StreamRequest { mode, held }).unwrap()
}

fn started(device: &Device, held: u32) -> (V4l2Camera, StreamConfig) {
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

fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn modes_are_listed_largest_and_deepest_first() {
    let Some(device) = device() else { return };
    let modes = device.open().modes().unwrap();
    assert!(!modes.is_empty());
    let rank = |mode: &Mode| (u64::from(mode.width) * u64::from(mode.height), mode.format.bits());
    let area = |mode: &Mode| rank(mode).0;
    let first_developed = modes.iter().take_while(|mode| mode.format.raw().is_some()).count();
    let (raw, developed) = modes.split_at(first_developed);
    assert!(developed.iter().all(|mode| mode.format.raw().is_none()), "raw modes come first");
    for pair in raw.windows(2).chain(developed.windows(2)) {
        assert!(
            area(&pair[0]) > area(&pair[1])
                || rank(&pair[0]) >= rank(&pair[1])
                || pair[0].width > pair[1].width
        );
    }
    let different: HashSet<_> = modes.iter().map(|mode| (mode.format, mode.width, mode.height)).collect();
    assert_eq!(different.len(), modes.len());
    println!("{} modes, first {:?}", modes.len(), modes[0]);
}

#[test]
fn every_format_streams() {
    let Some(device) = device() else { return };
    let mut camera = device.open();
    let modes = camera.modes().unwrap();
    let mut seen = HashSet::new();
    for mode in modes.iter().rev().filter(|mode| seen.insert(mode.format)) {
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
            check_picture(&config, &bytes(&frame));
        }
        camera.stop().unwrap();
    }
    println!("{} formats streamed", seen.len());
}

/// A picture has all its rows, more than one value, and no sample above what its bits allow.
fn check_picture(config: &StreamConfig, bytes: &[u8]) {
    assert!(bytes.len() >= config.planes().last().map_or(100, |plane| plane.end()));
    assert!(bytes.len() <= config.size_bytes);
    assert!(bytes.iter().any(|byte| *byte != bytes[0]), "{:?}: all bytes are the same", config.format);
    if let Some(format) = config.format.raw().filter(|format| format.packing == Packing::Le16) {
        let most = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).max().unwrap();
        assert!(u32::from(most) < 1 << format.bits, "{:?}: sample {most}", config.format);
        assert!(u32::from(most) >= 1 << (format.bits - 2), "{:?}: sample {most}", config.format);
    }
}

#[test]
fn a_caller_that_holds_every_slot_starves_until_it_drops_one() {
    let Some(device) = device() else { return };
    let (mut camera, config) = started(&device, 2);
    let mut held = Vec::new();
    let starved = loop {
        match camera.dequeue(PATIENCE).unwrap() {
            Dequeued::Frame(frame) => held.push(frame),
            other => break other,
        }
    };
    assert!(matches!(starved, Dequeued::Starved), "{starved:?}");
    assert!(held.len() >= config.held as usize && held.len() <= config.slots as usize);
    let slots: HashSet<u32> = held.iter().map(Frame::slot).collect();
    assert_eq!(slots.len(), held.len());
    let before: Vec<Vec<u8>> = held.iter().map(bytes).collect();
    let freed = held.pop().unwrap().slot();
    let next = frame(&mut camera);
    assert_eq!(next.slot(), freed);
    for (frame, before) in held.iter().zip(before) {
        assert!(bytes(frame) == before, "a held frame changed");
    }
}

#[test]
fn held_frames_outlive_stop_reconfigure_and_camera() {
    let Some(device) = device() else { return };
    let (mut camera, config) = started(&device, 2);
    let kept = frame(&mut camera);
    let before = bytes(&kept);
    camera.stop().unwrap();
    assert!(bytes(&kept) == before, "after stop");
    // Another size, and not the largest: drivers that need memory in one piece may not get so much of it.
    let modes = camera.modes().unwrap();
    let other = *modes.iter().rev().find(|mode| mode.width != config.width).unwrap_or(&modes[0]);
    camera.configure(&StreamRequest { mode: other, held: 0 }).unwrap();
    assert!(bytes(&kept) == before, "after reconfigure");
    configured(&mut camera, 2);
    camera.start().unwrap();
    frame(&mut camera);
    assert!(bytes(&kept) == before, "after streaming again");
    let last = frame(&mut camera);
    let last_bytes = bytes(&last);
    drop(camera);
    assert!(bytes(&kept) == before, "after drop");
    assert!(bytes(&last) == last_bytes, "last frame after drop");
}

#[test]
fn starting_and_stopping_leaks_no_file() {
    let Some(device) = device() else { return };
    let at_first = open_files();
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
}

#[test]
fn a_camera_in_use_is_busy_until_it_is_dropped() {
    let Some(device) = device() else { return };
    let (mut first, _) = started(&device, 1);
    frame(&mut first);
    let mut second = device.open();
    let mode = smallest(&second);
    let request = StreamRequest { mode, held: 1 };
    let error = second.configure(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    drop(first);
    second.configure(&request).unwrap();
    second.start().unwrap();
    frame(&mut second);
}

#[test]
fn calls_in_the_wrong_order_are_refused_and_harm_nothing() {
    let Some(device) = device() else { return };
    let mut camera = device.open();
    assert_eq!(kind(camera.start()), ErrorKind::Usage);
    assert_eq!(kind(camera.dequeue(Duration::ZERO)), ErrorKind::Usage);
    camera.stop().unwrap();
    configured(&mut camera, 1);
    assert_eq!(kind(camera.dequeue(Duration::ZERO)), ErrorKind::Usage);
    camera.start().unwrap();
    assert_eq!(kind(camera.start()), ErrorKind::Usage);
    let mode = smallest(&camera);
    assert_eq!(kind(camera.configure(&StreamRequest { mode, held: 1 })), ErrorKind::Usage);
    frame(&mut camera);
    camera.stop().unwrap();
    assert_eq!(kind(camera.dequeue(Duration::ZERO)), ErrorKind::Usage);
}

#[test]
fn waiting_ends_when_it_was_asked_to() {
    let Some(device) = device() else { return };
    let (mut camera, _) = started(&device, 1);
    let mut outcome = camera.dequeue(Duration::ZERO).unwrap();
    let begin = Instant::now();
    for _ in 0..100 {
        outcome = camera.dequeue(Duration::ZERO).unwrap();
    }
    assert!(matches!(outcome, Dequeued::Timeout | Dequeued::Frame(_)), "{outcome:?}");
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_number_of_slots_is_bounded_and_told() {
    let Some(device) = device() else { return };
    let mut camera = device.open();
    let config = configured(&mut camera, u32::MAX);
    assert!(config.slots >= 2 && config.held < config.slots, "{config:?}");
    println!("asked to hold all: {} slots, {} held", config.slots, config.held);
}

#[test]
fn sysfs_leads_to_the_camera_and_its_bus_names_it() {
    let Some(device) = device() else { return };
    let found = discovery::list(Path::new(discovery::SYSFS));
    assert!(found.iter().any(|found| found.path == device.path), "{found:?}");
    let id = device.open().info().id.clone();
    assert!(id.starts_with("v4l2:"), "{id}");
    let ids: Vec<String> = discovery::usable(&found).map(|camera| camera.info().id.clone()).collect();
    assert!(ids.contains(&id), "{ids:?}");
    for found in found {
        match found.open() {
            Ok(camera) => {
                println!("{} is {} ({})", found.path.display(), camera.info().id, camera.info().model);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                println!("{error}");
            }
        }
    }
}

#[test]
fn every_name_of_the_camera_opens_it() {
    let Some(device) = device() else { return };
    let id = device.open().info().id.clone();
    for name in [device.path.to_str().unwrap(), id.as_str()] {
        let camera = latent_hal::open(&name.parse().unwrap()).unwrap();
        assert_eq!((camera.info().id.as_str(), camera.info().simulated), (id.as_str(), false), "{name}");
    }
    let missing = latent_hal::open(&"v4l2:no such bus".parse().unwrap()).map(|_| ()).unwrap_err();
    assert!(missing.kind() == ErrorKind::NotFound && missing.to_string().contains(&id), "{missing}");
    assert!(!latent_hal::open_default().unwrap().info().simulated);
}

#[test]
fn a_still_scene_gives_the_same_bytes_twice() {
    let Some(device) = device() else { return };
    let Some(mut vivid) = device.vivid() else { return };
    vivid.set(OSD_TEXT, 2);
    let mut pictures = Vec::new();
    for _ in 0..2 {
        let (mut camera, _) = started(&device, 1);
        pictures.push(bytes(&frame(&mut camera)));
    }
    assert!(pictures[0] == pictures[1], "two captures of a still scene differ");
}

#[test]
fn a_buffer_marked_bad_is_damage_and_the_stream_goes_on() {
    let Some(device) = device() else { return };
    let Some(vivid) = device.vivid() else { return };
    let (mut camera, config) = started(&device, 1);
    frame(&mut camera);
    vivid.press(BUFFER_ERROR);
    let mut damaged = 0;
    for _ in 0..2 * config.slots {
        match camera.dequeue(PATIENCE).unwrap() {
            Dequeued::Frame(_) => {}
            Dequeued::Damaged { .. } => damaged += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(damaged, 1);
}

#[test]
fn lost_frames_are_gaps_in_the_sequence() {
    let Some(device) = device() else { return };
    let Some(mut vivid) = device.vivid() else { return };
    vivid.set(PERCENT_DROPPED, 60);
    let (mut camera, _) = started(&device, 1);
    let numbers: Vec<u64> = (0..8).map(|_| frame(&mut camera).sequence()).collect();
    assert_eq!(numbers[0], 0);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert!(numbers[7] > 7, "no gap in {numbers:?}");
}

#[test]
fn times_go_on_where_they_wrap() {
    const WRAP_TIMESTAMP: u32 = 0x027;
    let Some(device) = device() else { return };
    let Some(mut vivid) = device.vivid() else { return };
    // 64 bits of nanoseconds, then 32 bits of seconds.
    for choice in [1, 2] {
        vivid.set(WRAP_TIMESTAMP, choice);
        let (mut camera, _) = started(&device, 1);
        let (first, second) = (frame(&mut camera), frame(&mut camera));
        assert!(first.timestamp() > Duration::from_secs(1 << 30), "{:?}", first.timestamp());
        assert!(second.timestamp() > first.timestamp());
    }
}

#[test]
fn the_sequence_goes_on_where_32_bits_end() {
    let Some(device) = device() else { return };
    let Some(mut vivid) = device.vivid() else { return };
    vivid.set(WRAP_SEQUENCE, 1);
    vivid.set(TIMESTAMP_SOURCE, 1);
    let (mut camera, _) = started(&device, 1);
    let mut last = None;
    // The device begins 128 frames before the wrap.
    while last.is_none_or(|last| last < 135) {
        let frame = frame(&mut camera);
        assert!(last.is_none_or(|last| frame.sequence() > last && frame.sequence() < last + 60));
        assert!(frame.shot().timestamp_is_start);
        last = Some(frame.sequence());
    }
}

#[test]
fn calls_refused_once_work_the_next_time() {
    let Some(device) = device() else { return };
    let Some(vivid) = device.vivid() else { return };
    let mut camera = device.open();
    let mode = smallest(&camera);
    let request = StreamRequest { mode, held: 1 };
    vivid.press(REQBUFS_ERROR);
    assert_eq!(kind(camera.configure(&request)), ErrorKind::System);
    let config = camera.configure(&request).unwrap();
    vivid.press(STREAMON_ERROR);
    assert_eq!(kind(camera.start()), ErrorKind::System);
    camera.start().unwrap();
    frame(&mut camera);
    vivid.press(QBUF_ERROR);
    for _ in 0..2 * config.slots {
        frame(&mut camera);
    }
    let all: Vec<Frame> = (0..config.slots).map(|_| frame(&mut camera)).collect();
    assert_eq!(all.len(), config.slots as usize);
}

#[test]
fn a_queue_that_fails_for_good_is_restarted() {
    let Some(device) = device() else { return };
    let Some(vivid) = device.vivid() else { return };
    let (mut camera, config) = started(&device, 1);
    let held = frame(&mut camera);
    vivid.press(FATAL_ERROR);
    let mut damaged = None;
    for _ in 0..=config.slots {
        if let Dequeued::Damaged { sequence, .. } = camera.dequeue(PATIENCE).unwrap() {
            damaged = Some(sequence);
            break;
        }
    }
    let damaged = damaged.expect("the fault was seen");
    for _ in 0..2 * config.slots {
        let next = frame(&mut camera);
        assert!(next.sequence() > damaged && next.slot() != held.slot());
    }
}

#[test]
fn an_unplugged_camera_is_gone_and_its_frames_stay() {
    let Some(device) = device() else { return };
    let Some(vivid) = device.vivid() else { return };
    let (mut camera, _) = started(&device, 1);
    let held = frame(&mut camera);
    let before = bytes(&held);
    vivid.press(DISCONNECT);
    let gone = loop {
        match camera.dequeue(PATIENCE) {
            Ok(Dequeued::Frame(_)) => {}
            other => break other,
        }
    };
    assert_eq!(kind(gone), ErrorKind::Gone);
    assert_eq!(kind(camera.dequeue(PATIENCE)), ErrorKind::Gone);
    assert_eq!(kind(camera.modes()), ErrorKind::Gone);
    assert_eq!(kind(V4l2Camera::open(&device.path)), ErrorKind::NotFound);
    camera.stop().unwrap();
    assert_eq!(kind(camera.start()), ErrorKind::Gone);
    assert!(bytes(&held) == before, "after it was unplugged");
    drop(camera);
    drop(vivid);
    assert!(bytes(&held) == before, "after it was closed");
    // The driver brings the device back when the last file is closed.
    let (mut camera, _) = started(&device, 1);
    frame(&mut camera);
}
