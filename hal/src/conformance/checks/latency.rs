//! Times: how long the device and the HAL take, as distributions.

use std::time::{Duration, Instant};

use super::page;
use crate::camera::StreamRequest;
use crate::conformance::bench::{Bench, Streaming};
use crate::conformance::{Check, Checked, Measurement, Stop, require, works};

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "latency.open.bounded",
        "opening the camera takes less than a tenth of its patience (a second, unless told otherwise)",
        page::TRAIT,
        open,
    )
    .after(&["camera.open.works"]),
    Check::new(
        "latency.configure.bounded",
        "configuring the camera takes less than a fifth of its patience (two seconds, unless told otherwise)",
        page::TRAIT,
        configure,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "latency.first.bounded",
        "the first frame comes within a tenth of the patience and eight frame times of the start",
        page::TRAIT,
        first_frame,
    )
    .after(&["contract.stop.restarts"]),
    Check::new(
        "latency.interval.rate",
        "frames come at the rate that the camera tells: the median is within a quarter of it",
        page::PARM,
        interval,
    )
    .after(&["contract.timestamp.rises", "contract.sequence.rises", "formats.rate.read-back"]),
    Check::new(
        "latency.interval.jitter",
        "of the times from frame to frame 95 in 100 are less than twice the median",
        page::FRAME,
        jitter,
    )
    .after(&["contract.timestamp.rises", "contract.sequence.rises"]),
    Check::new(
        "latency.frames.lost",
        "a reader that keeps up loses at most one frame in ten",
        page::FRAME,
        lost,
    )
    .after(&["contract.sequence.rises"]),
    Check::new(
        "latency.stop.bounded",
        "stopping takes less than a tenth of the patience and two frame times",
        page::TRAIT,
        stop,
    )
    .after(&["contract.stop.restarts"]),
    Check::new(
        "latency.queue.bounded",
        "of the calls that give a buffer back to the driver 95 in 100 take less than a frame time",
        page::QBUF,
        queue,
    )
    .after(&["streaming.frames.own", "streaming.close.while-on"]),
];

#[track_caller]
fn below(times: &[Duration], percent: u32, most: Duration) -> Checked {
    let measured = Measurement { name: "", times: times.to_vec() };
    let at = measured.percentile(percent).unwrap_or_default();
    require(at < most, || format!("{percent} in 100 are below {at:?}, not below {most:?}"))
}

const ROUNDS: u32 = 5;

fn open(bench: &mut Bench<'_>) -> Checked {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        drop(bench.camera()?);
        times.push(begun.elapsed());
    }
    bench.measured("open and close", times.clone());
    below(&times, 50, bench.effort.patience / 10)
}

fn configure(bench: &mut Bench<'_>) -> Checked {
    let mut camera = bench.camera()?;
    let mode = bench.small_mode(&*camera)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        camera.configure(&StreamRequest { mode, held: 2 })?;
        times.push(begun.elapsed());
    }
    bench.measured("configure", times.clone());
    below(&times, 50, bench.effort.patience / 5)
}

fn first_frame(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.configured(1)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        streaming.camera.start()?;
        bench.frame(&mut *streaming.camera)?;
        times.push(begun.elapsed());
        streaming.camera.stop()?;
    }
    bench.measured("start to first frame", times.clone());
    let frame = streaming.config.frame_interval.unwrap_or(Duration::from_millis(100));
    below(&times, 50, bench.effort.patience / 10 + frame * 8)
}

/// Times from frame to frame by the device's own stamps, each of one frame alone; and how many frames were lost.
fn intervals(bench: &Bench<'_>) -> Result<(Vec<Duration>, u64, Option<Duration>), Stop> {
    let Streaming { mut camera, config } = bench.streaming(2)?;
    let mut last = bench.frame(&mut *camera)?;
    let (mut times, mut lost) = (Vec::new(), 0);
    for _ in 0..bench.effort.frames {
        let next = bench.frame(&mut *camera)?;
        let step = next.sequence().saturating_sub(last.sequence()).max(1);
        lost += step - 1;
        let between = next.timestamp().saturating_sub(last.timestamp());
        times.push(between / u32::try_from(step).unwrap_or(u32::MAX));
        last = next;
    }
    Ok((times, lost, config.frame_interval))
}

/// Other work on the machine may disturb a measurement; a device that is at fault fails each.
fn undisturbed(mut measure: impl FnMut() -> Checked) -> Checked {
    const MORE: u32 = 2;
    let mut found = measure();
    for _ in 0..MORE {
        if !matches!(found, Err(Stop::Fail { .. })) {
            break;
        }
        found = measure();
    }
    found
}

fn interval(bench: &mut Bench<'_>) -> Checked {
    undisturbed(|| {
        let (times, _, told) = intervals(bench)?;
        let measured = Measurement { name: "frame to frame", times: times.clone() };
        let median = measured.percentile(50).unwrap_or_default();
        bench.measured("frame to frame", times);
        let Some(told) = told else {
            return Err(Stop::NotSupported("the camera tells no rate".to_owned()));
        };
        require(median.abs_diff(told) <= told / 4, || format!("the median is {median:?}, {told:?} is told"))
    })
}

fn jitter(bench: &mut Bench<'_>) -> Checked {
    undisturbed(|| {
        let (times, _, _) = intervals(bench)?;
        let measured = Measurement { name: "frame to frame", times: times.clone() };
        let median = measured.percentile(50).unwrap_or_default();
        bench.measured("frame to frame", times.clone());
        below(&times, 95, median * 2)
    })
}

fn lost(bench: &mut Bench<'_>) -> Checked {
    undisturbed(|| {
        let (times, lost, _) = intervals(bench)?;
        let all = times.len() as u64 + lost;
        require(lost * 10 <= all, || format!("{lost} of {all} frames are lost"))
    })
}

fn stop(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.configured(1)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        streaming.camera.start()?;
        bench.frame(&mut *streaming.camera)?;
        let begun = Instant::now();
        streaming.camera.stop()?;
        times.push(begun.elapsed());
    }
    bench.measured("stop", times.clone());
    let frame = streaming.config.frame_interval.unwrap_or(Duration::from_millis(100));
    below(&times, 50, bench.effort.patience / 10 + frame * 2)
}

fn queue(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.node_streaming(4)?;
    let mut times = Vec::new();
    for _ in 0..bench.effort.frames {
        let filled = bench.filled(&*node)?;
        let begun = Instant::now();
        works("VIDIOC_QBUF", node.queue(filled.index, &[]))?;
        times.push(begun.elapsed());
    }
    bench.measured("VIDIOC_QBUF", times.clone());
    below(&times, 95, Duration::from_millis(33))
}
