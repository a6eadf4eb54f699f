//! Devices that do wrong: each fault ends in an error or a loss of the documented kind, in bounded time, and the next
//! photo is good.

use std::time::{Duration, Instant};

use super::page;
use crate::camera::{Camera, Dequeued, StreamConfig, StreamRequest};
use crate::conformance::bench::Bench;
use crate::conformance::subject::Faulty;
use crate::conformance::{Check, Checked, DeviceFault, Stop, require};
use crate::error::{Error, ErrorKind};
use crate::memory;

const GOOD: &[&str] = &["contract.stream.frames", "content.frame.not-flat"];

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "faults.request.refused",
        "a refusal to make buffers is an error, and the next configuration works",
        page::VIVID,
        request_refused,
    )
    .after(GOOD),
    Check::new(
        "faults.queue.refused",
        "a refusal to take one buffer loses no frame for the caller and no buffer for the stream",
        page::VIVID,
        queue_refused,
    )
    .after(GOOD),
    Check::new(
        "faults.start.refused",
        "a refusal to start is an error, and the next start works",
        page::VIVID,
        start_refused,
    )
    .after(&["contract.stream.frames", "content.frame.not-flat", "streaming.off.when-off"]),
    Check::new("faults.busy.told", "a camera that another program has is told as busy", page::TRAIT, busy)
        .after(&["contract.stream.frames", "content.frame.not-flat", "identity.open.twice"]),
    Check::new(
        "faults.bad-buffer.told",
        "a frame that the device marks as bad is told as damage, once, and is never a frame",
        page::TRAIT,
        bad_buffer,
    )
    .after(GOOD),
    Check::new(
        "faults.dropped.one-percent",
        "of a stream that loses 1 frame in 100 the others come, with gaps in their numbers",
        page::TRAIT,
        dropped::<1>,
    )
    .after(GOOD),
    Check::new(
        "faults.dropped.ten-percent",
        "of a stream that loses 10 frames in 100 the others come, with gaps in their numbers",
        page::TRAIT,
        dropped::<10>,
    )
    .after(GOOD),
    Check::new(
        "faults.dropped.half",
        "of a stream that loses every other frame the others come, with gaps in their numbers",
        page::TRAIT,
        dropped::<50>,
    )
    .after(GOOD),
    Check::new(
        "faults.fatal.restarted",
        "a queue that fails is restarted: damage is told, then frames come",
        page::TRAIT,
        fatal,
    )
    .after(GOOD),
    Check::new(
        "faults.fatal.held-frames",
        "frames that are held while the queue fails stay readable",
        page::FRAME,
        fatal_held,
    )
    .after(&["faults.fatal.restarted"]),
    Check::new(
        "faults.wrap.sequence",
        "when the device's frame counter wraps, the camera's goes on",
        page::FRAME,
        wrap_sequence,
    )
    .after(GOOD),
    Check::new(
        "faults.wrap.timestamp-64",
        "when timestamps near the end of their 64 bits, frames come, and their times rise or wrap",
        page::VIVID,
        wrap_timestamp_64,
    )
    .after(GOOD),
    Check::new(
        "faults.wrap.timestamp-32",
        "when seconds pass the end of 32 bits, frames come, and their times rise",
        page::VIVID,
        wrap_timestamp_32,
    )
    .after(GOOD),
    Check::new(
        "faults.stall.told",
        "a device that falls silent is told as damage or as stalled, within ten seconds",
        page::TRAIT,
        stall,
    )
    .after(GOOD),
    Check::new("faults.stall.stops", "a silent device is stopped in bounded time", page::TRAIT, stall_stops)
        .after(&["faults.stall.told"]),
    Check::new(
        "faults.gone.told",
        "a device that goes while its next frame is waited for is told as gone",
        page::TRAIT,
        gone,
    )
    .after(GOOD),
    Check::new(
        "faults.gone.stays",
        "every call on a camera that is gone says so, and stopping it is no error",
        page::TRAIT,
        gone_stays,
    )
    .after(&["faults.gone.told"]),
    Check::new(
        "faults.gone.before-start",
        "a device that goes between configuration and start is told as gone",
        page::TRAIT,
        gone_before_start,
    )
    .after(&["faults.gone.told"]),
    Check::new(
        "faults.gone.held-frames",
        "frames that are held stay readable when their device is gone",
        page::FRAME,
        gone_held,
    )
    .after(&["faults.gone.told"]),
    Check::new(
        "faults.gone.no-leak",
        "a camera that went leaves no file and no memory",
        page::MEMORY,
        gone_no_leak,
    )
    .after(&["faults.gone.told", "leaks.files.cameras", "leaks.ledger.cameras"]),
    Check::new(
        "faults.gone.comes-back",
        "a device that comes back gives good photos without a restart of the program",
        page::TRAIT,
        comes_back,
    )
    .after(&["faults.gone.told"]),
];

/// Longer than any watchdog of the HAL.
const BOUND: Duration = Duration::from_secs(10);

fn configure(bench: &Bench<'_>, camera: &mut dyn Camera) -> Result<StreamConfig, Stop> {
    let mode = bench.small_mode(camera)?;
    Ok(camera.configure(&StreamRequest { mode, held: 2 })?)
}

/// A faulty camera that streams, its fault not yet there.
fn streaming(bench: &Bench<'_>, fault: DeviceFault) -> Result<(Faulty, StreamConfig), Stop> {
    let mut faulty = bench.faulty(fault)?;
    let config = configure(bench, &mut *faulty.camera)?;
    faulty.camera.start()?;
    Ok((faulty, config))
}

#[track_caller]
fn is_error<T>(call: &str, result: Result<T, Error>, kinds: &[ErrorKind]) -> Checked {
    match result {
        Ok(_) => Err(Stop::fail(format!("{call} works"))),
        Err(error) => require(kinds.contains(&error.kind()), || format!("{call} is refused with: {error}")),
    }
}

fn request_refused(bench: &mut Bench<'_>) -> Checked {
    let mut faulty = bench.faulty(DeviceFault::RequestBuffers)?;
    let mode = bench.small_mode(&*faulty.camera)?;
    // Buffers of an earlier configuration are freed by a request as well; the refusal must hit the one that makes some.
    (faulty.trigger)()?;
    let refused = faulty.camera.configure(&StreamRequest { mode, held: 1 });
    is_error("configure", refused.map(|_| ()), &[ErrorKind::System])?;
    faulty.camera.configure(&StreamRequest { mode, held: 1 })?;
    faulty.camera.start()?;
    bench.frame(&mut *faulty.camera)?;
    drop(faulty);
    bench.next_photo_is_good()
}

fn queue_refused(bench: &mut Bench<'_>) -> Checked {
    let (mut faulty, config) = streaming(bench, DeviceFault::QueueBuffer)?;
    bench.frame(&mut *faulty.camera)?;
    (faulty.trigger)()?;
    let mut slots = std::collections::HashSet::new();
    for _ in 0..config.slots * 4 {
        slots.insert(bench.frame(&mut *faulty.camera)?.slot());
    }
    require(slots.len() == config.slots as usize, || {
        format!("of {} slots {} come round afterwards", config.slots, slots.len())
    })?;
    drop(faulty);
    bench.next_photo_is_good()
}

fn start_refused(bench: &mut Bench<'_>) -> Checked {
    let mut faulty = bench.faulty(DeviceFault::StreamOn)?;
    configure(bench, &mut *faulty.camera)?;
    (faulty.trigger)()?;
    is_error("start", faulty.camera.start(), &[ErrorKind::System])?;
    faulty.camera.start()?;
    bench.frame(&mut *faulty.camera)?;
    drop(faulty);
    bench.next_photo_is_good()
}

fn busy(bench: &mut Bench<'_>) -> Checked {
    let mut faulty = bench.faulty(DeviceFault::Busy)?;
    let mode = bench.small_mode(&*faulty.camera)?;
    let refused = faulty.camera.configure(&StreamRequest { mode, held: 1 });
    is_error("configure", refused.map(|_| ()), &[ErrorKind::Busy])?;
    drop(faulty);
    bench.next_photo_is_good()
}

/// What came of a stream: good frames' numbers, and how much damage was told.
fn outcomes(bench: &Bench<'_>, camera: &mut dyn Camera, count: u32) -> Result<(Vec<u64>, u32), Stop> {
    let (mut good, mut damaged) = (Vec::new(), 0);
    for _ in 0..count {
        match camera.dequeue(bench.effort.patience)? {
            Dequeued::Frame(frame) => good.push(frame.sequence()),
            Dequeued::Damaged { .. } => damaged += 1,
            Dequeued::Event(_) => {}
            other => return Err(Stop::fail(format!("{other:?} came"))),
        }
    }
    Ok((good, damaged))
}

fn bad_buffer(bench: &mut Bench<'_>) -> Checked {
    let (mut faulty, config) = streaming(bench, DeviceFault::BadBuffer)?;
    bench.frame(&mut *faulty.camera)?;
    (faulty.trigger)()?;
    let (good, damaged) = outcomes(bench, &mut *faulty.camera, (config.slots * 2).max(6))?;
    require(damaged >= 1, || format!("no damage is told in {} frames", good.len()))?;
    // A virtual camera damages every fourth frame.
    require(!good.is_empty() && damaged as usize <= good.len(), || {
        format!("{damaged} damaged, {} good", good.len())
    })?;
    drop(faulty);
    bench.next_photo_is_good()
}

fn dropped<const PERCENT: u8>(bench: &mut Bench<'_>) -> Checked {
    let (mut faulty, _) = streaming(bench, DeviceFault::Dropped(PERCENT))?;
    // Drivers lose at random: of so many one is lost for certain, as far as that can be.
    let frames = if PERCENT < 10 { 600 } else { 100 };
    let (mut good, mut taken) = (Vec::new(), 0);
    while taken < frames && !has_gap(&good) {
        let (more, _) = outcomes(bench, &mut *faulty.camera, 20)?;
        good.extend(more);
        taken += 20;
    }
    require(good.len() * 2 >= taken as usize, || format!("of {taken} outcomes {} are frames", good.len()))?;
    let rises = good.windows(2).all(|pair| pair[1] > pair[0]);
    require(rises, || format!("the numbers do not rise: {good:?}"))?;
    require(has_gap(&good), || format!("{taken} frames came without a gap"))?;
    drop(faulty);
    bench.next_photo_is_good()
}

fn has_gap(numbers: &[u64]) -> bool {
    numbers.last().is_some_and(|last| last + 1 > numbers.len() as u64)
}

fn fatal(bench: &mut Bench<'_>) -> Checked {
    let (mut faulty, config) = streaming(bench, DeviceFault::Fatal)?;
    bench.frame(&mut *faulty.camera)?;
    (faulty.trigger)()?;
    let (good, damaged) = outcomes(bench, &mut *faulty.camera, config.slots + 4)?;
    require(damaged >= 1, || "the failure is not told".to_owned())?;
    require(good.len() >= 3, || format!("{} frames came afterwards", good.len()))?;
    drop(faulty);
    bench.next_photo_is_good()
}

/// A held frame is as it was after something happened to the camera.
fn held(bench: &Bench<'_>, fault: DeviceFault, after: u32) -> Checked {
    let (mut faulty, _) = streaming(bench, fault)?;
    let frame = bench.frame(&mut *faulty.camera)?;
    let before = frame.read()?.to_vec();
    (faulty.trigger)()?;
    for _ in 0..after {
        if faulty.camera.dequeue(bench.effort.patience).is_err() {
            break;
        }
    }
    require(*frame.read()? == *before, || "its bytes changed".to_owned())?;
    drop(faulty);
    require(*frame.read()? == *before, || "its bytes changed when the camera was closed".to_owned())
}

fn fatal_held(bench: &mut Bench<'_>) -> Checked {
    held(bench, DeviceFault::Fatal, 6)
}

fn wrap_sequence(bench: &mut Bench<'_>) -> Checked {
    // The counter starts 128 before its end.
    const FRAMES: u32 = 140;
    let (mut faulty, _) = streaming(bench, DeviceFault::WrapSequence)?;
    let (good, _) = outcomes(bench, &mut *faulty.camera, FRAMES)?;
    let jump = good.windows(2).find(|pair| pair[1] <= pair[0] || pair[1] - pair[0] > u64::from(FRAMES));
    require(jump.is_none(), || format!("{jump:?} follow each other"))?;
    drop(faulty);
    bench.next_photo_is_good()
}

fn timestamps(bench: &Bench<'_>, fault: DeviceFault) -> Result<Vec<Duration>, Stop> {
    let (mut faulty, _) = streaming(bench, fault)?;
    let mut times = Vec::new();
    for _ in 0..20 {
        times.push(bench.frame(&mut *faulty.camera)?.timestamp());
    }
    Ok(times)
}

fn wrap_timestamp_64(bench: &mut Bench<'_>) -> Checked {
    let times = timestamps(bench, DeviceFault::WrapTimestamp64)?;
    let back = times.windows(2).filter(|pair| pair[1] <= pair[0]).count();
    require(back <= 1, || format!("times go back {back} times: {times:?}"))?;
    bench.next_photo_is_good()
}

fn wrap_timestamp_32(bench: &mut Bench<'_>) -> Checked {
    let times = timestamps(bench, DeviceFault::WrapTimestamp32)?;
    let back = times.windows(2).find(|pair| pair[1] <= pair[0]);
    require(back.is_none(), || format!("{back:?} follow each other"))?;
    bench.next_photo_is_good()
}

/// Waits for the end of a silent device's patience: what was told.
fn until_told(bench: &Bench<'_>, camera: &mut dyn Camera) -> Result<Result<&'static str, Error>, Stop> {
    let begun = Instant::now();
    // A device with a time of its own lets it pass while it is waited for: the count is the bound then.
    for _ in 0..1000 {
        match camera.dequeue(Duration::from_millis(500)) {
            Ok(Dequeued::Damaged { reason, .. }) => return Ok(Ok(reason)),
            Ok(Dequeued::Starved) => return Err(Stop::fail("a silent device is told as starved")),
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        }
        if begun.elapsed() > BOUND + bench.effort.patience {
            break;
        }
    }
    Err(Stop::fail(format!("nothing is told within {:?}", begun.elapsed())))
}

fn stall(bench: &mut Bench<'_>) -> Checked {
    let (mut faulty, _) = streaming(bench, DeviceFault::Stall)?;
    (faulty.trigger)()?;
    match until_told(bench, &mut *faulty.camera)? {
        Ok(_) => {}
        Err(error) => require(error.kind() == ErrorKind::Stalled, || format!("it is told as: {error}"))?,
    }
    drop(faulty);
    bench.next_photo_is_good()
}

fn stall_stops(bench: &mut Bench<'_>) -> Checked {
    let (mut faulty, _) = streaming(bench, DeviceFault::Stall)?;
    (faulty.trigger)()?;
    let _ = faulty.camera.dequeue(Duration::from_millis(100));
    let begun = Instant::now();
    faulty.camera.stop()?;
    drop(faulty);
    require(begun.elapsed() < BOUND, || format!("it took {:?}", begun.elapsed()))?;
    bench.next_photo_is_good()
}

/// A camera whose device went while it streamed, and how its going was told.
fn gone_camera(bench: &Bench<'_>) -> Result<(Faulty, Error), Stop> {
    let (mut faulty, _) = streaming(bench, DeviceFault::Disconnect)?;
    bench.frame(&mut *faulty.camera)?;
    (faulty.trigger)()?;
    let begun = Instant::now();
    for _ in 0..100 {
        match faulty.camera.dequeue(bench.effort.patience) {
            Err(error) => return Ok((faulty, error)),
            Ok(_) if begun.elapsed() > BOUND => break,
            Ok(_) => {}
        }
    }
    Err(Stop::fail(format!("nothing is told within {:?}", begun.elapsed())))
}

fn gone(bench: &mut Bench<'_>) -> Checked {
    let (faulty, error) = gone_camera(bench)?;
    require(error.kind() == ErrorKind::Gone, || format!("it is told as: {error}"))?;
    drop(faulty);
    Ok(())
}

fn gone_stays(bench: &mut Bench<'_>) -> Checked {
    let (mut faulty, _) = gone_camera(bench)?;
    is_error("dequeue", faulty.camera.dequeue(Duration::ZERO).map(|_| ()), &[ErrorKind::Gone])?;
    faulty.camera.stop()?;
    is_error("modes", faulty.camera.modes().map(|_| ()), &[ErrorKind::Gone])?;
    is_error("start", faulty.camera.start(), &[ErrorKind::Gone])
}

fn gone_before_start(bench: &mut Bench<'_>) -> Checked {
    if bench.subject.node.is_none() {
        return Err(Stop::NotSupported("this camera goes while it streams only".to_owned()));
    }
    let mut faulty = bench.faulty(DeviceFault::Disconnect)?;
    configure(bench, &mut *faulty.camera)?;
    (faulty.trigger)()?;
    is_error("start", faulty.camera.start(), &[ErrorKind::Gone])?;
    drop(faulty);
    bench.next_photo_is_good()
}

fn gone_held(bench: &mut Bench<'_>) -> Checked {
    held(bench, DeviceFault::Disconnect, 20)?;
    bench.next_photo_is_good()
}

fn gone_no_leak(bench: &mut Bench<'_>) -> Checked {
    drop(gone_camera(bench)?);
    bench.next_photo_is_good()?;
    let (files, before) = (bench.open_files()?, memory::ledger());
    for _ in 0..2 {
        drop(gone_camera(bench)?);
        bench.next_photo_is_good()?;
    }
    let (files_now, now) = (bench.open_files()?, memory::ledger());
    require((files, before) == (files_now, now), || {
        format!("{files} files and {before:?} before, {files_now} and {now:?} after")
    })
}

fn comes_back(bench: &mut Bench<'_>) -> Checked {
    drop(gone_camera(bench)?);
    bench.next_photo_is_good()
}
