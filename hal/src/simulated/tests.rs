//! The virtual camera as its callers see it.

use std::time::Instant;

use super::*;
use crate::format::{CfaPattern, Packing};
use crate::frame::Frame;

const LONG: Duration = Duration::from_secs(20);

fn camera(text: &str) -> VirtualCamera {
    VirtualCamera::new(text.parse().unwrap()).unwrap()
}

fn configure(camera: &mut VirtualCamera, held: u32) -> StreamConfig {
    let mode = camera.modes().unwrap()[0];
    camera.configure(&StreamRequest { mode, held }).unwrap()
}

fn started(text: &str, held: u32) -> VirtualCamera {
    let mut camera = camera(text);
    configure(&mut camera, held);
    camera.start().unwrap();
    camera
}

fn next(camera: &mut VirtualCamera) -> Frame {
    match camera.dequeue(LONG).unwrap() {
        Dequeued::Frame(frame) => frame,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_camera_says_what_it_is() {
    let default = VirtualCamera::new(Options::default()).unwrap();
    assert_eq!((default.info().id.as_str(), default.info().driver.as_str()), ("virtual", "virtual"));
    assert!(default.info().simulated);
    let mode = default.modes().unwrap();
    assert_eq!(mode.len(), 1);
    assert_eq!((mode[0].width, mode[0].height, mode[0].format.bits()), (4000, 3000, 10));
    assert_eq!(mode[0].format.raw().unwrap().packing, Packing::Le16);
    let sensor = default.info().sensor;
    assert_eq!((sensor.black, sensor.white, sensor.matrix), (Some(64), Some(1023), Some(MATRIX)));

    let other = camera("size=64x48,bits=12,pattern=bggr");
    assert_eq!(other.info().id, "virtual:size=64x48,bits=12,pattern=BGGR");
    assert_eq!(other.info().sensor.black, Some(256));
    assert_eq!(other.modes().unwrap()[0].format.raw().unwrap().pattern, CfaPattern::Bggr);
}

#[test]
fn settings_that_bypass_the_parser_are_checked() {
    let wrong = [
        Options { width: u32::MAX, ..Options::default() },
        Options { height: 0, ..Options::default() },
        Options { fps: 0, ..Options::default() },
        Options { gain: f32::NAN, ..Options::default() },
        Options { gain: f32::INFINITY, ..Options::default() },
        Options { exposure: Some(Duration::MAX), ..Options::default() },
        Options { black: u16::MAX, ..Options::default() },
        Options { faults: vec![Fault::Drop(0)], ..Options::default() },
        Options { format: crate::RawFormat { bits: 255, ..Options::default().format }, ..Options::default() },
    ];
    for options in wrong {
        let error = VirtualCamera::new(options.clone()).unwrap_err();
        assert!(matches!(error, Error::BadName { .. }), "{options:?}: {error}");
    }
}

#[test]
fn frames_come_in_order_on_time_and_with_their_exposure() {
    let mut camera = started("size=64x48,fps=100,gain=2", 20);
    let mut last: Option<Frame> = None;
    for sequence in 0..5 {
        let frame = next(&mut camera);
        assert_eq!(frame.sequence(), sequence);
        let shot = frame.shot();
        assert!(shot.timestamp_is_start);
        let exposure = shot.exposure.unwrap();
        assert_eq!((exposure.time, exposure.gain), (Duration::from_millis(2), 2.0));
        if let Some(last) = last {
            assert!(frame.timestamp() - last.timestamp() >= Duration::from_millis(10));
        }
        let clock = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
        let age = Duration::from(clock).checked_sub(frame.timestamp()).unwrap();
        assert!(age >= exposure.time, "{age:?}: delivered before the exposure ended");
        last = Some(frame);
    }
}

#[test]
fn the_same_camera_gives_the_same_bytes_at_each_start() {
    let bytes = |camera: &mut VirtualCamera| {
        camera.start().unwrap();
        let frame = next(camera);
        camera.stop().unwrap();
        assert_eq!(frame.sequence(), 0);
        frame.read().unwrap().to_vec()
    };
    let mut first = camera("size=64x48,fps=200");
    let config = configure(&mut first, 1);
    assert_eq!((config.stride_bytes, config.size_bytes), (128, 128 * 48));
    let (once, again) = (bytes(&mut first), bytes(&mut first));
    assert_eq!(once, again);
    assert!(once.iter().any(|byte| *byte != 0));
    let mut other = camera("size=64x48,fps=200,seed=2");
    configure(&mut other, 1);
    assert_ne!(bytes(&mut other), once);
}

#[test]
fn rows_are_padded_to_whole_lines() {
    let mut camera = camera("size=50x16,bits=12,packing=mipi,fps=200");
    let config = configure(&mut camera, 1);
    assert_eq!((config.format.row_bytes(50), config.stride_bytes, config.size_bytes), (75, 128, 2048));
    camera.start().unwrap();
    let frame = next(&mut camera);
    let bytes = frame.read().unwrap();
    assert_eq!(bytes.len(), 2048);
    for row in bytes.chunks(128) {
        assert!(row[..75].iter().any(|byte| *byte != 0));
        assert!(row[75..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn packed_frames_hold_the_samples_of_unpacked_ones() {
    let frame = |packing: &str| {
        let mut camera = started(&format!("size=64x16,fps=200,packing={packing}"), 1);
        let frame = next(&mut camera);
        frame.read().unwrap().to_vec()
    };
    let (plain, mipi) = (frame("le16"), frame("mipi"));
    for (y, row) in plain.chunks(128).enumerate() {
        let packed = &mipi[y * 128..];
        for (x, pair) in row.chunks(2).enumerate() {
            let group = &packed[x / 4 * 5..][..5];
            let low = u16::from(group[4] >> (x % 4 * 2)) & 3;
            assert_eq!(u16::from_le_bytes([pair[0], pair[1]]), u16::from(group[x % 4]) << 2 | low);
        }
    }
}

#[test]
fn dropped_frames_leave_gaps_and_damaged_ones_are_told() {
    let mut camera = started("size=16x16,fps=200,fault=drop:3+damage:5", 20);
    let mut seen = Vec::new();
    while seen.len() < 6 {
        seen.push(match camera.dequeue(LONG).unwrap() {
            Dequeued::Frame(frame) => (frame.sequence(), true),
            Dequeued::Damaged { sequence, .. } => (sequence, false),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen, [(0, true), (1, true), (3, true), (4, false), (6, true), (7, true)]);
}

#[test]
fn a_stalled_camera_is_silent() {
    let mut camera = started("size=16x16,fps=200,fault=stall:2", 2);
    assert_eq!((next(&mut camera).sequence(), next(&mut camera).sequence()), (0, 1));
    let begun = Instant::now();
    assert!(matches!(camera.dequeue(Duration::from_millis(60)).unwrap(), Dequeued::Timeout));
    assert!(begun.elapsed() >= Duration::from_millis(60));
    camera.stop().unwrap();
}

#[test]
fn an_unplugged_camera_is_gone_for_good_and_its_frames_stay() {
    let mut camera = started("size=16x16,fps=200,fault=unplug:1", 2);
    let frame = next(&mut camera);
    assert!(matches!(camera.dequeue(LONG), Err(Error::Gone { .. })));
    assert!(matches!(camera.dequeue(LONG), Err(Error::Gone { .. })));
    camera.stop().unwrap();
    assert!(matches!(camera.start(), Err(Error::Gone { .. })));
    assert!(matches!(camera.modes(), Err(Error::Gone { .. })));
    assert_eq!(frame.read().unwrap().len(), 64 * 16);
}

#[test]
fn a_busy_camera_says_so() {
    let mut camera = camera("size=16x16,fault=busy");
    let mode = camera.modes().unwrap()[0];
    assert!(matches!(camera.configure(&StreamRequest { mode, held: 1 }), Err(Error::Busy { .. })));
}

#[test]
fn calls_out_of_order_are_refused() {
    let mut camera = camera("size=16x16");
    assert!(matches!(camera.start(), Err(Error::State { .. })));
    assert!(matches!(camera.dequeue(LONG), Err(Error::State { .. })));
    camera.stop().unwrap();
    configure(&mut camera, 1);
    assert!(matches!(camera.dequeue(LONG), Err(Error::State { .. })));
    camera.start().unwrap();
    assert!(matches!(camera.start(), Err(Error::State { .. })));
    let mode = camera.modes().unwrap()[0];
    assert!(matches!(camera.configure(&StreamRequest { mode, held: 1 }), Err(Error::State { .. })));
    camera.stop().unwrap();
    camera.stop().unwrap();
    configure(&mut camera, 1);
}

#[test]
fn only_its_own_mode_can_be_had() {
    let mut camera = camera("size=16x16");
    let mut mode = camera.modes().unwrap()[0];
    mode.width = 32;
    assert!(matches!(camera.configure(&StreamRequest { mode, held: 1 }), Err(Error::Unsupported { .. })));
}

#[test]
fn who_holds_every_slot_starves_until_one_is_dropped() {
    let mut camera = camera("size=16x16,fps=200");
    let config = configure(&mut camera, 2);
    assert_eq!((config.slots, config.held), (5, 2));
    camera.start().unwrap();
    let mut frames: Vec<Frame> = (0..5).map(|_| next(&mut camera)).collect();
    let begun = Instant::now();
    assert!(matches!(camera.dequeue(LONG).unwrap(), Dequeued::Starved));
    assert!(begun.elapsed() < LONG / 2);
    std::thread::sleep(Duration::from_millis(200));
    let freed = frames.remove(0).slot();
    let frame = next(&mut camera);
    assert_eq!(frame.slot(), freed);
    assert!(frame.sequence() > 5, "frame times without a slot are gaps, not delays: {}", frame.sequence());
}

#[test]
fn a_clone_keeps_its_slot_out() {
    let mut camera = started("size=16x16,fps=200", 1);
    let frame = next(&mut camera);
    let clone = frame.clone();
    let bytes = frame.read().unwrap().to_vec();
    drop(frame);
    for _ in 0..8 {
        assert_ne!(next(&mut camera).slot(), clone.slot());
    }
    assert_eq!(*clone.read().unwrap(), bytes[..]);
}

#[test]
fn held_frames_stay_readable_after_stop_reconfigure_and_drop() {
    let mut camera = started("size=64x48,fps=200", 3);
    let frame = next(&mut camera);
    let bytes = frame.read().unwrap().to_vec();
    camera.stop().unwrap();
    assert_eq!(*frame.read().unwrap(), bytes[..]);
    // The slot is still out: a new stream of the same configuration runs without it.
    camera.start().unwrap();
    for _ in 0..12 {
        assert_ne!(next(&mut camera).slot(), frame.slot());
    }
    camera.stop().unwrap();
    configure(&mut camera, 1);
    camera.start().unwrap();
    let _ = next(&mut camera);
    drop(camera);
    assert_eq!(*frame.read().unwrap(), bytes[..]);
}

#[test]
fn no_slot_is_lost_over_many_stops() {
    let mut camera = camera("size=16x16,fps=240");
    let config = configure(&mut camera, 1);
    for _ in 0..20 {
        camera.start().unwrap();
        let _ = next(&mut camera);
        camera.stop().unwrap();
    }
    camera.start().unwrap();
    let held: Vec<Frame> = (0..config.slots).map(|_| next(&mut camera)).collect();
    assert_eq!(held.len(), 4);
}

#[test]
fn memory_bounds_the_slots_and_the_truth_is_told() {
    let mut camera = camera("size=2000x1000,memory=16");
    let config = configure(&mut camera, 100);
    assert_eq!((config.slots, config.held), (4, 1));
    assert_eq!(slots(u32::MAX, 1, u64::MAX), MOST_SLOTS);
    assert_eq!(slots(8, 24_000_000, 1 << 30), 11);
    assert_eq!(slots(100, 24_000_000, 1 << 30), 44);
    assert_eq!(slots(8, 24_000_000, 24_000_000), 1);
}

#[test]
fn memory_for_less_than_two_frames_makes_no_stream() {
    let mut camera = camera("size=4096x4096,memory=32");
    let mode = camera.modes().unwrap()[0];
    let error = camera.configure(&StreamRequest { mode, held: 1 }).unwrap_err();
    assert!(error.to_string().contains("memory=32 MiB"), "{error}");
}

#[test]
fn stopping_and_dropping_end_the_thread_soon() {
    let alive =
        |camera: &VirtualCamera| camera.exposer.as_ref().map_or(0, |exposer| Arc::strong_count(exposer) - 1);
    let mut camera = started("size=16x16,fps=1", 1);
    assert_eq!(alive(&camera), 1, "the thread shares the exposer");
    let begun = Instant::now();
    camera.stop().unwrap();
    assert_eq!(alive(&camera), 0);
    camera.start().unwrap();
    let exposer = camera.exposer.clone().unwrap();
    drop(camera);
    assert_eq!(Arc::strong_count(&exposer), 1);
    assert!(begun.elapsed() < Duration::from_millis(900), "a stop does not wait for the next frame");
}
