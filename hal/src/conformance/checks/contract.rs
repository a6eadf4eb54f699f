//! The contract of the camera trait: order of calls, leases, promises.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::page;
use crate::camera::{Dequeued, StreamRequest};
use crate::conformance::bench::{Bench, Streaming, steady};
use crate::conformance::{Check, Checked, Stop, require};
use crate::error::{Error, ErrorKind};
use crate::frame::Frame;
use crate::memory;

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "contract.stream.frames",
        "a configured camera that is started gives frames",
        page::TRAIT,
        stream_frames,
    )
    .after(&[
        "camera.configure.exact",
        "camera.configure.layout",
        "streaming.frames.whole",
        "streaming.frames.within",
        "streaming.frames.good",
        "streaming.sequence.rises",
        "streaming.timestamp.rises",
        "streaming.off.returns-buffers",
        "streaming.frames.own",
    ]),
    Check::new(
        "contract.configure.again",
        "the camera is configured again without being closed",
        page::TRAIT,
        configure_again,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.modes.stream",
        "every listed format of the camera streams",
        page::TRAIT,
        modes_stream,
    )
    .after(&["contract.configure.again"]),
    Check::new(
        "contract.order.start-first",
        "start before configure is refused as a mistake of the caller",
        page::TRAIT,
        start_first,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.order.dequeue-first",
        "dequeue before start is refused as a mistake of the caller",
        page::TRAIT,
        dequeue_first,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.order.configure-streaming",
        "configure while streaming is refused as a mistake of the caller, and the stream goes on",
        page::TRAIT,
        configure_streaming,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.order.start-twice",
        "start while streaming is refused as a mistake of the caller, and the stream goes on",
        page::TRAIT,
        start_twice,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.order.dequeue-stopped",
        "dequeue after stop is refused as a mistake of the caller",
        page::TRAIT,
        dequeue_stopped,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.stop.idempotent",
        "stop works whether or not the camera streams or is configured",
        page::TRAIT,
        stop_idempotent,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.stop.restarts",
        "a stopped camera starts again as it was configured",
        page::TRAIT,
        restarts,
    )
    .after(&["contract.stream.frames"]),
    Check::new("contract.sequence.first", "frames count from 0 at each start", page::TRAIT, sequence_first)
        .after(&["contract.stop.restarts"]),
    Check::new("contract.sequence.rises", "each frame has a higher number", page::FRAME, sequence_rises)
        .after(&["contract.stream.frames"]),
    Check::new("contract.timestamp.rises", "each frame has a later timestamp", page::FRAME, timestamp_rises)
        .after(&["contract.stream.frames"]),
    Check::new(
        "contract.timestamp.source",
        "all frames of a stream say alike whether their time is the start of exposure",
        page::FRAME,
        timestamp_source,
    )
    .after(&["contract.stream.frames", "streaming.timestamp.source"]),
    Check::new(
        "contract.exposure.sane",
        "a frame's exposure, where it is told, is a time and a gain",
        page::FRAME,
        exposure,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.bytes.fit",
        "a frame has at least the bytes of its rows and at most those of the configuration",
        page::FRAME,
        bytes_fit,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.slot.known",
        "a frame's slot is one of the configuration's",
        page::FRAME,
        slot_known,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.slots.held-alone",
        "frames that are held have slots of their own",
        page::FRAME,
        held_alone,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.held.promise",
        "with as many frames held as the configuration allows, the stream goes on",
        page::TRAIT,
        held_promise,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.held.starves",
        "with every slot held, the camera says that it starves, and goes on when one is dropped",
        page::TRAIT,
        held_starves,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.held.bounded",
        "a wish to hold more than can be is answered with what can be",
        page::TRAIT,
        held_bounded,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.held.none",
        "a stream of which nothing is held needs few slots",
        page::TRAIT,
        held_none,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.lease.clones",
        "a slot comes back when the last clone of its frame is dropped, not before",
        page::FRAME,
        lease_clones,
    )
    .after(&["contract.held.starves", "contract.held.promise"]),
    Check::new(
        "contract.lease.unchanged",
        "a frame that is held does not change",
        page::FRAME,
        lease_unchanged,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.lease.outlives-stop",
        "a held frame stays readable behind stop",
        page::FRAME,
        outlives_stop,
    )
    .after(&["contract.lease.unchanged", "contract.stop.restarts"]),
    Check::new(
        "contract.lease.outlives-configure",
        "a held frame stays readable when the camera is configured anew",
        page::FRAME,
        outlives_configure,
    )
    .after(&[
        "contract.lease.unchanged",
        "contract.configure.again",
        "contract.held.promise",
        "contract.lease.outlives-stop",
    ]),
    Check::new(
        "contract.lease.outlives-camera",
        "a held frame stays readable when the camera is closed",
        page::FRAME,
        outlives_camera,
    )
    .after(&["contract.lease.unchanged"]),
    Check::new(
        "contract.camera.moves",
        "a streaming camera is used from another thread",
        page::TRAIT,
        camera_moves,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.wait.ends",
        "waiting for no time ends at once, whether a frame is there or not",
        page::TRAIT,
        wait_ends,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.other.busy",
        "while a camera streams, another program is told that it is busy, and gets it afterwards",
        page::TRAIT,
        other_busy,
    )
    .after(&["contract.stream.frames", "identity.open.twice"]),
    Check::new(
        "contract.budget.counts",
        "the ledger counts the slots of a stream, and none when all is dropped",
        page::MEMORY,
        budget_counts,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "contract.errors.name-camera",
        "an error names the camera that it is about",
        page::TRAIT,
        errors_name_camera,
    )
    .after(&["contract.order.start-first"]),
];

fn stream_frames(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(1)?;
    for _ in 0..5 {
        bench.frame(&mut *streaming.camera)?;
    }
    Ok(())
}

#[track_caller]
fn usage<T>(call: &str, result: Result<T, Error>) -> Checked {
    match result {
        Ok(_) => Err(Stop::fail(format!("{call} works"))),
        Err(error) => {
            require(error.kind() == ErrorKind::Usage, || format!("{call} is refused with: {error}"))
        }
    }
}

fn start_first(bench: &mut Bench<'_>) -> Checked {
    usage("start", bench.camera()?.start())
}

fn dequeue_first(bench: &mut Bench<'_>) -> Checked {
    let mut camera = bench.camera()?;
    usage("dequeue before configure", camera.dequeue(Duration::ZERO))?;
    let mode = bench.small_mode(&*camera)?;
    camera.configure(&StreamRequest { mode, held: 1 })?;
    usage("dequeue before start", camera.dequeue(Duration::ZERO))
}

fn configure_streaming(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(1)?;
    let mode = bench.small_mode(&*streaming.camera)?;
    usage("configure", streaming.camera.configure(&StreamRequest { mode, held: 1 }))?;
    bench.frame(&mut *streaming.camera).map(|_| ())
}

fn start_twice(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(1)?;
    usage("start", streaming.camera.start())?;
    bench.frame(&mut *streaming.camera).map(|_| ())
}

fn dequeue_stopped(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(1)?;
    bench.frame(&mut *streaming.camera)?;
    streaming.camera.stop()?;
    usage("dequeue", streaming.camera.dequeue(Duration::ZERO))
}

fn stop_idempotent(bench: &mut Bench<'_>) -> Checked {
    let mut camera = bench.camera()?;
    camera.stop()?;
    let mode = bench.small_mode(&*camera)?;
    camera.configure(&StreamRequest { mode, held: 1 })?;
    camera.stop()?;
    camera.start()?;
    camera.stop()?;
    camera.stop()?;
    Ok(())
}

fn restarts(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(1)?;
    for _ in 0..bench.effort.restarts.min(5) {
        bench.frame(&mut *streaming.camera)?;
        streaming.camera.stop()?;
        streaming.camera.start()?;
    }
    bench.frame(&mut *streaming.camera).map(|_| ())
}

fn sequence_first(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(1)?;
    for start in 0..3 {
        let first = bench.frame(&mut *streaming.camera)?.sequence();
        require(first == 0, || format!("start {start} begins with {first}"))?;
        streaming.camera.stop()?;
        streaming.camera.start()?;
    }
    Ok(())
}

/// Frames of a stream, one after the other, none held.
fn each_frame(bench: &Bench<'_>, mut look: impl FnMut(&Frame, &Streaming) -> Checked) -> Checked {
    let mut streaming = bench.streaming(2)?;
    for _ in 0..10 {
        let frame = bench.frame(&mut *streaming.camera)?;
        look(&frame, &streaming)?;
    }
    Ok(())
}

fn sequence_rises(bench: &mut Bench<'_>) -> Checked {
    let mut last = None;
    each_frame(bench, |frame, _| {
        let before = last.replace(frame.sequence());
        require(before.is_none_or(|last| frame.sequence() > last), || {
            format!("{} comes behind {before:?}", frame.sequence())
        })
    })
}

fn timestamp_rises(bench: &mut Bench<'_>) -> Checked {
    let mut last = Duration::ZERO;
    each_frame(bench, |frame, _| {
        let before = std::mem::replace(&mut last, frame.timestamp());
        require(frame.timestamp() > before, || format!("{:?} comes behind {before:?}", frame.timestamp()))
    })
}

fn timestamp_source(bench: &mut Bench<'_>) -> Checked {
    let mut first = None;
    each_frame(bench, |frame, _| {
        let source = frame.shot().timestamp_is_start;
        require(*first.get_or_insert(source) == source, || format!("frame {}: {source}", frame.sequence()))
    })
}

fn exposure(bench: &mut Bench<'_>) -> Checked {
    let mut told = 0;
    each_frame(bench, |frame, _| {
        let Some(exposure) = frame.shot().exposure else { return Ok(()) };
        told += 1;
        let sane =
            exposure.gain.is_finite() && exposure.gain >= 1.0 && exposure.time < Duration::from_secs(3600);
        require(sane, || format!("{exposure:?}"))
    })?;
    if told == 0 {
        return Err(Stop::NotSupported("no frame tells its exposure".to_owned()));
    }
    Ok(())
}

fn bytes_fit(bench: &mut Bench<'_>) -> Checked {
    each_frame(bench, |frame, Streaming { config, .. }| {
        let planes = config.planes();
        let first = planes.iter().filter(|plane| plane.memory == 0);
        let least = first.map(|plane| plane.end()).max().unwrap_or(1);
        let bytes = frame.read()?.len();
        require(bytes == frame.shot().bytes_used && (least..=config.size_bytes).contains(&bytes), || {
            format!("{bytes} bytes are read, {} told; rows need {least}: {config:?}", frame.shot().bytes_used)
        })
    })
}

fn slot_known(bench: &mut Bench<'_>) -> Checked {
    each_frame(bench, |frame, Streaming { config, .. }| {
        require(frame.slot() < config.slots, || format!("slot {} of {}", frame.slot(), config.slots))
    })
}

/// Frames until the camera starves.
fn held_until_starved(bench: &Bench<'_>, streaming: &mut Streaming) -> Result<Vec<Frame>, Stop> {
    let mut held = Vec::new();
    while held.len() <= streaming.config.slots as usize {
        match streaming.camera.dequeue(bench.effort.patience)? {
            Dequeued::Frame(frame) => held.push(frame),
            Dequeued::Starved => return Ok(held),
            Dequeued::Damaged { .. } | Dequeued::Event(_) => {}
            Dequeued::Timeout => {
                return Err(Stop::fail("it says that nothing came, though all slots are held"));
            }
        }
    }
    Err(Stop::fail(format!("{} frames came out of {} slots", held.len(), streaming.config.slots)))
}

fn held_alone(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(2)?;
    if streaming.config.held < 2 {
        let reason =
            format!("the camera has slots for {} frames to hold, and says so", streaming.config.held);
        return Err(Stop::NotSupported(reason));
    }
    let mut held = Vec::new();
    for _ in 0..streaming.config.held.min(4) {
        held.push(bench.frame(&mut *streaming.camera)?);
    }
    let slots: HashSet<u32> = held.iter().map(Frame::slot).collect();
    require(slots.len() == held.len(), || format!("{} frames have {} slots", held.len(), slots.len()))
}

fn held_promise(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(3)?;
    let promised = streaming.config.held;
    if promised == 0 {
        return Err(Stop::NotSupported("the camera has no slot to spare, and says so".to_owned()));
    }
    let mut held = Vec::new();
    for _ in 0..promised {
        held.push(bench.frame(&mut *streaming.camera)?);
    }
    for _ in 0..5 {
        bench.frame(&mut *streaming.camera)?;
    }
    Ok(())
}

fn held_starves(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(1)?;
    let mut held = held_until_starved(bench, &mut streaming)?;
    require(held.len() >= streaming.config.held as usize, || {
        format!("it starves with {} held, and promised {}", held.len(), streaming.config.held)
    })?;
    held.pop();
    bench.frame(&mut *streaming.camera).map(|_| ())
}

fn held_bounded(bench: &mut Bench<'_>) -> Checked {
    let streaming = bench.configured(u32::MAX)?;
    let config = streaming.config;
    require(config.held < config.slots && config.slots <= 4096, || format!("{config:?}"))
}

fn held_none(bench: &mut Bench<'_>) -> Checked {
    let config = bench.configured(0)?.config;
    require((2..=16).contains(&config.slots), || format!("{} slots", config.slots))
}

fn lease_clones(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(1)?;
    let mut held = held_until_starved(bench, &mut streaming)?;
    let Some(frame) = held.pop() else {
        return Err(Stop::Skip("the camera gives no frame to hold".to_owned()));
    };
    let clone = frame.clone();
    drop(frame);
    let still = streaming.camera.dequeue(Duration::ZERO)?;
    require(matches!(still, Dequeued::Starved), || format!("with a clone held: {still:?}"))?;
    let slot = clone.slot();
    drop(clone);
    // Buffers that the device had kept may come before it.
    for _ in 0..streaming.config.slots {
        if bench.frame(&mut *streaming.camera)?.slot() == slot {
            return Ok(());
        }
    }
    Err(Stop::fail(format!("slot {slot} was dropped and does not come again")))
}

/// A frame that is held, and its bytes.
fn held(bench: &Bench<'_>) -> Result<(Streaming, Frame, Vec<u8>), Stop> {
    let mut streaming = bench.streaming(2)?;
    let frame = bench.frame(&mut *streaming.camera)?;
    let bytes = frame.read()?.to_vec();
    Ok((streaming, frame, bytes))
}

#[track_caller]
fn unchanged(frame: &Frame, before: &[u8]) -> Checked {
    let now = frame.read()?;
    let at = now.iter().zip(before).position(|(now, before)| now != before);
    require(at.is_none() && now.len() == before.len(), || format!("byte {at:?} is another one"))
}

fn lease_unchanged(bench: &mut Bench<'_>) -> Checked {
    let (mut streaming, frame, bytes) = held(bench)?;
    if streaming.config.held == 0 {
        return Err(Stop::NotSupported("the camera has no slot to spare, and says so".to_owned()));
    }
    for _ in 0..streaming.config.slots + 3 {
        bench.frame(&mut *streaming.camera)?;
    }
    unchanged(&frame, &bytes)
}

fn outlives_stop(bench: &mut Bench<'_>) -> Checked {
    let (mut streaming, frame, bytes) = held(bench)?;
    streaming.camera.stop()?;
    unchanged(&frame, &bytes)?;
    streaming.camera.start()?;
    bench.frame(&mut *streaming.camera)?;
    unchanged(&frame, &bytes)
}

fn outlives_configure(bench: &mut Bench<'_>) -> Checked {
    let (mut streaming, frame, bytes) = held(bench)?;
    streaming.camera.stop()?;
    // Another size where there is one, and not the largest: memory in one piece may not suffice for it.
    let same = bench.small_mode(&*streaming.camera)?;
    let modes = streaming.camera.modes()?;
    let other = modes.iter().rev().find(|mode| (mode.width, mode.height) != (same.width, same.height));
    for mode in [*other.unwrap_or(&same), same] {
        streaming.camera.configure(&StreamRequest { mode: steady(mode), held: 1 })?;
        unchanged(&frame, &bytes)?;
    }
    streaming.camera.start()?;
    bench.frame(&mut *streaming.camera)?;
    unchanged(&frame, &bytes)
}

fn outlives_camera(bench: &mut Bench<'_>) -> Checked {
    let (streaming, frame, bytes) = held(bench)?;
    drop(streaming);
    unchanged(&frame, &bytes)?;
    drop(bench.streaming(1)?);
    unchanged(&frame, &bytes)
}

fn camera_moves(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(1)?;
    bench.frame(&mut *streaming.camera)?;
    let patience = bench.effort.patience;
    let moved = std::thread::spawn(move || -> Result<bool, Error> {
        for _ in 0..20 {
            if matches!(streaming.camera.dequeue(patience)?, Dequeued::Frame(_)) {
                return Ok(true);
            }
        }
        Ok(false)
    });
    let came = moved.join().map_err(|_| Stop::fail("the camera panicked on another thread"))??;
    require(came, || "no frame came on another thread".to_owned())
}

fn wait_ends(bench: &mut Bench<'_>) -> Checked {
    const ROUNDS: u32 = 50;
    let mut streaming = bench.streaming(1)?;
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        streaming.camera.dequeue(Duration::ZERO)?;
    }
    let took = begun.elapsed();
    // A wait for a frame each time would be many times as long.
    let most = streaming.config.frame_interval.unwrap_or(Duration::from_millis(33)) * ROUNDS / 4;
    require(took < most, || format!("{ROUNDS} waits for no time took {took:?}, not less than {most:?}"))
}

fn other_busy(bench: &mut Bench<'_>) -> Checked {
    if bench.subject.node.is_none() {
        return Err(Stop::NotSupported("each opening of this camera is one of its own".to_owned()));
    }
    let mut first = bench.streaming(1)?;
    bench.frame(&mut *first.camera)?;
    let mut second = bench.camera()?;
    let mode = bench.small_mode(&*second)?;
    let request = StreamRequest { mode, held: 1 };
    match second.configure(&request) {
        Ok(_) => return Err(Stop::fail("another program gets the camera while it streams")),
        Err(error) => require(error.kind() == ErrorKind::Busy, || format!("the refusal is: {error}"))?,
    }
    drop(first);
    second.configure(&request)?;
    second.start()?;
    bench.frame(&mut *second).map(|_| ())
}

fn budget_counts(bench: &mut Bench<'_>) -> Checked {
    let before = memory::ledger();
    let streaming = bench.configured(2)?;
    let during = memory::ledger();
    let config = streaming.config;
    drop(streaming);
    let after = memory::ledger();
    let (slots, bytes) = (during.buffers - before.buffers, during.bytes - before.bytes);
    require(slots >= config.slots as usize && bytes >= config.slots as usize * config.size_bytes, || {
        format!("{slots} pieces of {bytes} bytes are counted for {config:?}")
    })?;
    require(after == before, || format!("{before:?} before, {after:?} after"))
}

fn errors_name_camera(bench: &mut Bench<'_>) -> Checked {
    let mut camera = bench.camera()?;
    let info = camera.info().clone();
    let Err(error) = camera.start() else { return Err(Stop::fail("start before configure works")) };
    let text = error.to_string();
    let path = info.path.map(|path| path.display().to_string());
    let named = text.contains(&info.id) || path.is_some_and(|path| text.contains(&path));
    require(named, || format!("{:?} is not named in: {text}", info.id))
}

fn configure_again(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.configured(2)?;
    let mode = bench.small_mode(&*streaming.camera)?;
    for held in [0, 3, 1] {
        streaming.camera.configure(&StreamRequest { mode, held })?;
        streaming.camera.start()?;
        bench.frame(&mut *streaming.camera)?;
        streaming.camera.stop()?;
    }
    Ok(())
}

fn modes_stream(bench: &mut Bench<'_>) -> Checked {
    let mut camera = bench.camera()?;
    let modes = camera.modes()?;
    let mut seen = HashSet::new();
    for mode in modes.iter().rev().filter(|mode| seen.insert(mode.format)) {
        let request = StreamRequest { mode: *mode, held: 1 };
        camera.configure(&request)?;
        camera.start()?;
        for _ in 0..3 {
            bench.frame(&mut *camera)?;
        }
        camera.stop()?;
    }
    Ok(())
}
