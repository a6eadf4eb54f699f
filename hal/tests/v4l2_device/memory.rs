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

/// Forgets which pages of this process the CPU has touched.
fn forget_touches() {
    std::fs::write("/proc/self/clear_refs", "1").unwrap();
}

/// Bytes of the mappings of DMA-bufs, and those of them that the CPU touched since [`forget_touches`]: the processor marks
/// a page in its page table when it reads it, and the kernel tells.
/// <https://docs.kernel.org/filesystems/proc.html> (smaps, `Referenced`)
fn mapped_and_touched() -> (usize, usize) {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut is_frame, mut sums) = (false, (0, 0));
    for line in maps.lines() {
        let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
        if !key.ends_with(':') {
            is_frame = rest.contains("dmabuf");
            continue;
        }
        let bytes = || rest.trim().trim_end_matches(" kB").parse::<usize>().map_or(0, |kibi| kibi << 10);
        match key {
            "Rss:" if is_frame => sums.0 += bytes(),
            "Referenced:" if is_frame => sums.1 += bytes(),
            _ => {}
        }
    }
    sums
}

/// What this process read from files, sockets and devices by copying.
fn bytes_read() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    text.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().trim().parse().unwrap()
}

/// Frames in the driver's own memory, which is mapped as a whole when it is exported: there are no faults to count, so
/// the marks of the page tables are looked at, which the code under test cannot reach.
fn frames_pass_untouched(device: &Device, frames: u64) {
    let (files, before) = (open_files(), memory::ledger());
    let mut camera = device.open();
    let mode = Mode { frame_interval: Some(Duration::from_secs(1) / 60), ..smallest(&camera) };
    let config = camera.configure(&StreamRequest { mode, held: 4 }).unwrap();
    camera.start().unwrap();
    drop(frame(&mut camera));
    let (mapped, _) = mapped_and_touched();
    if mapped < config.size_bytes * config.slots as usize {
        println!("SKIP the kernel keeps no account of the pages of this driver's memory ({mapped} bytes)");
        return;
    }
    forget_touches();
    let (begun, read) = (Instant::now(), bytes_read());
    let mut last = frame(&mut camera);
    let mut lost = 0;
    for _ in 1..frames {
        let next = frame(&mut camera);
        lost += next.missing_before();
        last = next;
    }
    let (took, (still_mapped, touched)) = (begun.elapsed(), mapped_and_touched());
    let copied = bytes_read() - read;
    println!(
        "{frames} frames {}x{} in {took:?}, {lost} lost, {touched} of {mapped} bytes touched, {copied} bytes read",
        config.width, config.height
    );
    assert_eq!(touched, 0, "somebody looked at a frame");
    assert_eq!(still_mapped, mapped, "somebody mapped frames again");
    assert!(copied < 1 << 20, "somebody read frames through a file: {copied} bytes");
    // The same account shows one copy of one frame.
    let copy = bytes(&last);
    let (_, touched) = mapped_and_touched();
    println!("one copy of {} bytes: {touched} bytes touched", copy.len());
    assert!(touched >= copy.len(), "a copy is not seen: {touched} bytes");
    assert!(touched <= config.size_bytes.next_multiple_of(1 << 16), "one frame and no other");
    drop((last, camera));
    assert_eq!((open_files(), memory::ledger()), (files, before));
}

#[test]
fn frames_of_the_drivers_memory_pass_without_a_look_at_them() {
    let Some(device) = device() else { return };
    frames_pass_untouched(&device, 120);
}

#[test]
#[ignore = "ten thousand frames take minutes"]
fn ten_thousand_frames_of_the_drivers_memory_pass_without_a_copy_or_a_leak() {
    let Some(device) = device() else { return };
    frames_pass_untouched(&device, 10_000);
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

/// The check of the conformance suite that looks for copies, on this device and on one with a copy before each frame.
#[test]
fn a_hidden_copy_fails_the_conformance_suites_check_of_copies() {
    use std::collections::HashMap;
    use std::sync::Arc;

    use latent_hal::conformance::{Subject, Suite, Verdict};
    use latent_hal::fake::{MutantKernel, NodeCalls};
    use latent_hal::kernel::{Kernel, Linux};

    const CHECK: &str = "leaks.copies.none";
    let Some(device) = device() else { return };
    // A camera of several parts streams only when they were set up.
    let Some(_vivid) = device.vivid() else { return };
    let verdict = |kernel: Arc<dyn Kernel>| {
        let subject = Subject::v4l2(kernel, &device.path).unwrap();
        let suite = Suite { filters: vec![CHECK.to_owned()], ..Suite::default() };
        let report = suite.run(&subject, &mut |_| {});
        let found = report.findings.into_iter().find(|finding| finding.id == CHECK).unwrap();
        (found.verdict, found.detail)
    };
    let (plain, why) = verdict(Arc::new(Linux));
    if !matches!(plain, Verdict::Pass) {
        println!("SKIP {plain}: {why}");
        assert_ne!(plain, Verdict::Fail);
        return;
    }
    // Memory by the number of its buffer: a copy reads it through a mapping of its own.
    let given = Arc::new(Mutex::new(HashMap::new()));
    let taking = Arc::clone(&given);
    let calls = NodeCalls {
        queue: Some(Arc::new(move |call, index, imports| {
            if let Some(import) = imports.first() {
                let file = import.file.try_clone_to_owned().unwrap();
                taking.lock().unwrap().insert((call.file, index), (file, import.len));
            }
            call.node.queue(index, imports)
        })),
        dequeue: Some(Arc::new(move |call, (kind,)| {
            let filled = call.node.dequeue(kind)?;
            if let Some((file, len)) = given.lock().unwrap().get(&(call.file, filled.index)) {
                let hidden =
                    memory::Buffer::from_exported(file.try_clone().unwrap(), *len, "hidden").unwrap();
                std::hint::black_box(hidden.read().unwrap().to_vec());
            }
            Ok(filled)
        })),
        ..NodeCalls::default()
    };
    let mutant = MutantKernel::new(Arc::new(Linux), calls);
    mutant.arm();
    let (copied, why) = verdict(Arc::new(mutant));
    println!("with a copy: {copied}: {why}");
    assert_eq!(copied, Verdict::Fail, "{why}");
}
