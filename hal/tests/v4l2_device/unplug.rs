//! A real USB camera that is unplugged at every state of its stream, and plugged in again.

use std::thread;

use latent_hal::hotplug::{self, Change, Monitor};

use super::usb::{PORT, Plugged};
use super::*;

const DETACH: &str = "/sys/devices/platform/vhci_hcd.0/detach";
/// Within this time a program must be told, in an emulator that is busy.
const SOON: Duration = Duration::from_secs(5);

fn unplug() {
    std::fs::write(DETACH, PORT).unwrap();
}

/// The camera, which comes back by itself, and what is checked around every way of losing it.
struct Unplugging {
    usb: Plugged,
    monitor: Monitor,
    files: usize,
    name: String,
}

impl Unplugging {
    fn new() -> Option<Self> {
        let usb = Plugged::new(&["--replug-ms", "300"])?;
        let name = usb.device.open().info().id.clone();
        let monitor = Monitor::new().unwrap();
        let files = open_files();
        Some(Self { usb, monitor, files, name })
    }

    /// What holds once the camera is closed: nothing leaked, both changes are told, the same name leads to it again,
    /// and it streams.
    fn comes_back(self) {
        assert_eq!(open_files(), self.files, "a file leaked");
        let mut told = Vec::new();
        let has = |told: &[Change], added: bool| {
            let is_video = |path: &Path| path.to_string_lossy().starts_with("/dev/video");
            told.iter().any(|change| match change {
                Change::Added(path) => added && is_video(path),
                Change::Removed(path) => !added && is_video(path),
                Change::Overrun => false,
            })
        };
        while !(has(&told, false) && has(&told, true)) {
            match self.monitor.next(PATIENCE).unwrap() {
                Some(change) => told.push(change),
                None => panic!("only {told:?} was told"),
            }
        }
        let mut camera = hotplug::wait_for(&self.name.parse().unwrap(), PATIENCE).unwrap();
        configured(&mut *camera, 1);
        camera.start().unwrap();
        frame(&mut *camera);
        drop(camera);
        assert_eq!(open_files(), self.files, "a file leaked after it came back");
        drop(self.usb);
    }
}

/// The error that ends waiting for frames, and how long after `since` it came.
fn end(camera: &mut V4l2Camera, since: Instant) -> ErrorKind {
    loop {
        match camera.dequeue(PATIENCE) {
            Ok(Dequeued::Frame(_) | Dequeued::Damaged { .. }) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(since.elapsed() < SOON, "{error} after {:?}", since.elapsed());
                return error.kind();
            }
        }
    }
}

#[test]
fn unplugged_before_the_stream_starts() {
    let Some(test) = Unplugging::new() else { return };
    let mut camera = test.usb.device.open();
    configured(&mut camera, 1);
    let since = Instant::now();
    unplug();
    // The kernel takes the device away in a thread of its own; until then starting may still work.
    let error = loop {
        match camera.start() {
            Ok(()) => camera.stop().unwrap(),
            Err(error) => break error,
        }
        assert!(since.elapsed() < SOON);
    };
    assert_eq!(error.kind(), ErrorKind::Gone, "{error}");
    assert_eq!(kind(camera.start()), ErrorKind::Gone);
    assert_eq!(kind(camera.controls()), ErrorKind::Gone);
    camera.stop().unwrap();
    drop(camera);
    test.comes_back();
}

#[test]
fn unplugged_while_a_program_waits_for_a_frame() {
    let Some(test) = Unplugging::new() else { return };
    let mut camera = test.usb.device.open();
    // So slow that the program waits most of the time.
    let mode = Mode { frame_interval: Some(Duration::from_millis(200)), ..smallest(&camera) };
    camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
    camera.start().unwrap();
    let held = frame(&mut camera);
    let before = bytes(&held);
    let unplugged = thread::spawn(|| {
        thread::sleep(Duration::from_millis(60));
        unplug();
        Instant::now()
    });
    assert_eq!(end(&mut camera, Instant::now()), ErrorKind::Gone);
    unplugged.join().unwrap();
    assert_eq!(kind(camera.dequeue(PATIENCE)), ErrorKind::Gone);
    camera.stop().unwrap();
    assert!(bytes(&held) == before, "after stop");
    drop(camera);
    assert!(bytes(&held) == before, "after close");
    drop(held);
    test.comes_back();
}

#[test]
fn unplugged_between_taking_a_frame_and_giving_it_back() {
    let Some(test) = Unplugging::new() else { return };
    let (mut camera, _) = started(&test.usb.device, 2);
    let held = frame(&mut camera);
    let returned = frame(&mut camera);
    let before = bytes(&held);
    let since = Instant::now();
    unplug();
    while test.usb.device.path.exists() && since.elapsed() < SOON {
        thread::sleep(Duration::from_millis(5));
    }
    // Its buffer goes to a device that is not there.
    drop(returned);
    assert_eq!(end(&mut camera, since), ErrorKind::Gone);
    assert!(bytes(&held) == before);
    drop(camera);
    assert!(bytes(&held) == before, "after close");
    drop(held);
    test.comes_back();
}

#[test]
fn unplugged_while_buffers_are_made() {
    let Some(test) = Unplugging::new() else { return };
    let mut camera = test.usb.device.open();
    let mode = smallest(&camera);
    camera.configure(&StreamRequest { mode, held: 8 }).unwrap();
    let unplugged = thread::spawn(|| {
        thread::sleep(Duration::from_millis(30));
        unplug();
    });
    let since = Instant::now();
    let mut rounds = 0;
    let error = loop {
        match camera.configure(&StreamRequest { mode, held: 8 }) {
            Ok(_) => rounds += 1,
            Err(error) => break error,
        }
        assert!(since.elapsed() < SOON);
    };
    println!("after {rounds} configurations: {error}");
    unplugged.join().unwrap();
    // The kernel itself waits up to five seconds for a transfer that nobody answers any more.
    assert!(since.elapsed() < PATIENCE, "after {:?}", since.elapsed());
    assert_eq!(error.kind(), ErrorKind::Gone, "{error}");
    drop(camera);
    test.comes_back();
}

#[test]
fn unplugged_in_the_middle_of_a_frame() {
    let Some(usb) = Plugged::new(&["--unplug-after", "5", "--replug-ms", "300"]) else { return };
    let files = open_files();
    let mut camera = usb.device.open();
    let name = camera.info().id.clone();
    configured(&mut camera, 2);
    camera.start().unwrap();
    let held = frame(&mut camera);
    let before = bytes(&held);
    assert_eq!(end(&mut camera, Instant::now()), ErrorKind::Gone);
    drop(camera);
    assert!(bytes(&held) == before);
    drop(held);
    assert_eq!(open_files(), files);
    let mut camera = hotplug::wait_for(&name.parse().unwrap(), PATIENCE).unwrap();
    configured(&mut *camera, 1);
    camera.start().unwrap();
    // It stays this time.
    for _ in 0..10 {
        frame(&mut *camera);
    }
}
