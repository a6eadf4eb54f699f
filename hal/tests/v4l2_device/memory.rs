//! Memory that the device imports, and none that leaks.

use latent_hal::memory::{self, Source};

use super::*;

const NO_TEXT: i32 = 2;

fn picture_in(device: &Device, source: Option<Source>) -> Vec<u8> {
    let mut camera = device.open();
    camera.use_memory(source);
    configured(&mut camera, 1);
    camera.start().unwrap();
    bytes(&frame(&mut camera))
}

#[test]
fn every_source_that_the_device_takes_gives_the_same_picture() {
    let Some(device) = device() else { return };
    let Some(mut vivid) = device.vivid() else { return };
    vivid.set(OSD_TEXT, NO_TEXT);
    let mut camera = device.open();
    let mode = smallest(&camera);
    let probes = camera.probe_memory(Path::new("/dev"), &mode).unwrap();
    drop(camera);
    let driver = picture_in(&device, None);
    for probe in &probes {
        println!("{}: read {:?}, import {:?}", probe.source, probe.read, probe.import);
        if probe.import == Some(Ok(())) {
            let imported = picture_in(&device, Some(probe.source.clone()));
            assert!(imported == driver, "{}", probe.source);
        }
    }
    let (source, why) = memory::choose(&probes).unwrap();
    println!("chosen: {source}: {why}");
    assert_ne!(source, Source::Memfd, "no device can use it");
}

#[test]
fn imported_frames_outlive_their_camera_and_nothing_leaks() {
    let Some(device) = device() else { return };
    let (files, before) = (open_files(), memory::ledger());
    for _ in 0..3 {
        let mut camera = device.open();
        camera.use_memory(Some(Source::Udmabuf));
        configured(&mut camera, 2);
        camera.start().unwrap();
        let held = frame(&mut camera);
        let seen = bytes(&held);
        drop(camera);
        assert!(bytes(&held) == seen);
    }
    assert_eq!((open_files(), memory::ledger()), (files, before));
}

#[test]
fn frames_can_be_moved_out_of_the_drivers_memory() {
    let Some(device) = device() else { return };
    let buffer = {
        let (mut camera, _) = started(&device, 1);
        let frame = frame(&mut camera);
        let own = memory::Buffer::allocate(frame.shot().bytes_used, "copy").unwrap();
        own.write().unwrap().copy_from_slice(&frame.read().unwrap());
        own
    };
    assert!(buffer.detach(Duration::ZERO).unwrap());
    assert!(buffer.read().unwrap().iter().any(|byte| *byte != 0));
}

/// Pages that this process touched for the first time.
fn page_faults() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name before it may hold anything, up to its last bracket.
    let fields = text.rsplit_once(')').unwrap().1;
    fields.split_whitespace().nth(7).unwrap().parse().unwrap()
}

/// Slots are pages of a memfd that the CPU has not touched: whoever reads a frame, to copy it, faults its pages in, and
/// the kernel counts it. Long: minutes.
#[test]
#[ignore = "ten thousand frames take minutes"]
fn ten_thousand_frames_pass_without_a_copy_or_a_leak() {
    const FRAMES: u64 = 10_000;
    let Some(device) = device() else { return };
    let (files, before) = (open_files(), memory::ledger());
    let mut camera = device.open();
    camera.use_memory(Some(Source::Udmabuf));
    // A rate that an emulated device holds.
    let mode = Mode { frame_interval: Some(Duration::from_secs(1) / 60), ..smallest(&camera) };
    let config = camera.configure(&StreamRequest { mode, held: 4 }).unwrap();
    camera.start().unwrap();
    drop(frame(&mut camera));
    let (begun, faults) = (Instant::now(), page_faults());
    let mut last = frame(&mut camera);
    let mut lost = 0;
    for _ in 1..FRAMES {
        let next = frame(&mut camera);
        lost += next.sequence() - last.sequence() - 1;
        last = next;
    }
    let (took, during) = (begun.elapsed(), page_faults() - faults);
    let pages = (config.size_bytes / 4096) as u64;
    println!(
        "{FRAMES} frames {}x{} in {took:?}, {lost} lost, {during} page faults ({pages} pages a frame)",
        config.width, config.height
    );
    assert!(during < pages, "{during} faults: somebody read a frame");
    // The same count catches one hidden copy.
    let faults = page_faults();
    let copy = bytes(&last);
    let copied = page_faults() - faults;
    println!("one copy of {} bytes: {copied} page faults", copy.len());
    assert!(copied > during.max(pages / 2), "a copy is not seen: {copied} faults");
    drop((last, camera));
    assert_eq!((open_files(), memory::ledger()), (files, before));
}
