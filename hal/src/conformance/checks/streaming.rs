//! Streams: on and off, counts, order, sequence, timestamps.

use std::time::Duration;

use nix::errno::Errno;
use v4l2r::bindings as raw;

use super::page;
use crate::conformance::bench::{Bench, length_of};
use crate::conformance::{Check, Checked, Stop, refused, require, works};
use crate::kernel::{Filled, Memory};

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "streaming.on.without-buffers",
        "a stream without buffers is refused: EINVAL",
        page::STREAMON,
        on_without_buffers,
    )
    .after(&["formats.list.known"]),
    Check::new(
        "streaming.on.works",
        "a stream with all its buffers queued goes on",
        page::STREAMON,
        on_works,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new(
        "streaming.on.twice",
        "switching a stream on that is on does nothing",
        page::STREAMON,
        on_twice,
    )
    .after(&["streaming.on.works"]),
    Check::new(
        "streaming.off.when-off",
        "switching a stream off that is off does nothing",
        page::STREAMON,
        off_when_off,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new(
        "streaming.off.returns-buffers",
        "switched off, the stream gives all buffers back: each can be queued again",
        page::STREAMON,
        off_returns,
    )
    .after(&["streaming.on.works"]),
    Check::new(
        "streaming.request.busy",
        "while it streams, buffers are neither made nor freed: EBUSY",
        page::REQBUFS,
        request_busy,
    )
    .after(&["streaming.on.works"]),
    Check::new("streaming.frames.come", "filled buffers come, one after the other", page::QBUF, frames_come)
        .after(&["streaming.on.works"]),
    Check::new(
        "streaming.frames.own",
        "a buffer that comes is one that was queued",
        page::BUFFER,
        frames_own,
    )
    .after(&["streaming.frames.come"]),
    Check::new(
        "streaming.frames.in-turn",
        "buffers are filled in the order in which they were queued",
        page::BUFFER,
        frames_in_turn,
    )
    .after(&["streaming.frames.own"]),
    Check::new(
        "streaming.frames.whole",
        "an uncompressed frame fills its buffer as far as the format says",
        page::BUFFER,
        frames_whole,
    )
    .after(&["streaming.frames.own"]),
    Check::new("streaming.frames.within", "no frame is longer than its buffer", page::BUFFER, frames_within)
        .after(&["streaming.frames.own", "buffers.query.length"]),
    Check::new(
        "streaming.frames.good",
        "frames of an undisturbed stream are not marked as bad",
        page::BUFFER,
        good,
    )
    .after(&["streaming.frames.own"]),
    Check::new(
        "streaming.frames.returned",
        "a buffer that came is not still queued by its flags",
        page::BUFFER,
        frames_returned,
    )
    .after(&["streaming.frames.own"]),
    Check::new(
        "streaming.sequence.first",
        "the first frame of a stream has number 0",
        page::BUFFER,
        sequence_first,
    )
    .after(&["streaming.frames.own"]),
    Check::new("streaming.sequence.rises", "each frame has a higher number", page::BUFFER, sequence_rises)
        .after(&["streaming.frames.own"]),
    Check::new(
        "streaming.sequence.each-start",
        "the numbers begin again with each start",
        page::BUFFER,
        sequence_each_start,
    )
    .after(&["streaming.sequence.first", "streaming.off.returns-buffers"]),
    Check::new(
        "streaming.timestamp.clock",
        "timestamps are of the monotonic clock, and say so",
        page::BUFFER,
        timestamp_clock,
    )
    .after(&["streaming.frames.own"]),
    Check::new(
        "streaming.timestamp.rises",
        "each frame has a later timestamp",
        page::BUFFER,
        timestamp_rises,
    )
    .after(&["streaming.frames.own"]),
    Check::new(
        "streaming.timestamp.now",
        "a timestamp is no older than a second, and at most a frame ahead",
        page::BUFFER,
        timestamp_now,
    )
    .after(&["streaming.timestamp.clock", "streaming.timestamp.rises"]),
    Check::new(
        "streaming.timestamp.source",
        "all frames of a stream have timestamps of one source: start of exposure or end of frame",
        page::BUFFER,
        timestamp_source,
    )
    .after(&["streaming.frames.own"]),
    Check::new(
        "streaming.poll.filled",
        "when polling says that a buffer is there, one can be taken at once",
        page::POLL,
        poll_filled,
    )
    .after(&["streaming.frames.own"]),
    Check::new("streaming.poll.ends", "polling ends when its time is up", page::POLL, poll_ends)
        .after(&["streaming.frames.own"]),
    Check::new(
        "streaming.poll.off",
        "polling a queue that does not stream ends at once with an error",
        page::POLL,
        poll_off,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new(
        "streaming.dequeue.empty",
        "with nothing filled, EAGAIN is the answer",
        page::QBUF,
        dequeue_empty,
    )
    .after(&["streaming.frames.own"]),
    Check::new(
        "streaming.depth.one",
        "a stream goes on with one buffer, or as few as the driver takes",
        page::QBUF,
        depth::<1>,
    )
    .after(&["streaming.frames.own", "buffers.request.one"]),
    Check::new("streaming.depth.two", "a stream goes on with two buffers", page::QBUF, depth::<2>)
        .after(&["streaming.frames.own"]),
    Check::new("streaming.depth.three", "a stream goes on with three buffers", page::QBUF, depth::<3>)
        .after(&["streaming.frames.own"]),
    Check::new("streaming.depth.five", "a stream goes on with five buffers", page::QBUF, depth::<5>)
        .after(&["streaming.frames.own"]),
    Check::new("streaming.depth.eight", "a stream goes on with eight buffers", page::QBUF, depth::<8>)
        .after(&["streaming.frames.own"]),
    Check::new(
        "streaming.depth.most",
        "a stream goes on with as many buffers as the driver gives, up to 32",
        page::QBUF,
        depth::<32>,
    )
    .after(&["streaming.frames.own"]),
    Check::new(
        "streaming.close.while-on",
        "a file that is closed while it streams gives the device up",
        page::OPEN,
        close_while_on,
    )
    .after(&["streaming.frames.own"]),
    Check::new(
        "streaming.restart.loop",
        "the stream is started and stopped again and again, and each time frames come",
        page::STREAMON,
        restart_loop,
    )
    .after(&["streaming.frames.own", "streaming.off.returns-buffers", "streaming.close.while-on"]),
    Check::new(
        "streaming.restart.unused",
        "a stream that is stopped before its first frame starts again",
        page::STREAMON,
        restart_unused,
    )
    .after(&["streaming.close.while-on", "streaming.off.returns-buffers"]),
    Check::new(
        "streaming.other.busy",
        "while one file streams, another one cannot",
        page::STREAMON,
        other_busy,
    )
    .after(&["streaming.on.works", "identity.open.twice", "streaming.close.while-on"]),
];

const DEPTH: u32 = 4;

fn on_without_buffers(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    bench.small_format(&*node)?;
    refused("VIDIOC_STREAMON", node.stream_on(), &[Errno::EINVAL])
}

fn on_works(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.node_streaming(DEPTH)?;
    works("VIDIOC_STREAMOFF", node.stream_off())
}

fn on_twice(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.node_streaming(DEPTH)?;
    works("the second VIDIOC_STREAMON", node.stream_on())
}

fn off_when_off(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.allocated(2)?;
    works("VIDIOC_STREAMOFF", node.stream_off())
}

fn off_returns(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.node_streaming(DEPTH)?;
    works("VIDIOC_STREAMOFF", node.stream_off())?;
    for index in 0..count {
        works(&format!("VIDIOC_QBUF of buffer {index}"), node.queue(index, &[]))?;
    }
    Ok(())
}

/// Frames of a stream of the node: each buffer is queued again when it came.
fn frames(bench: &Bench<'_>, count: u32) -> Result<Vec<Filled>, Stop> {
    let (node, _, _) = bench.node_streaming(DEPTH)?;
    bench.filled_in_turn(&*node, count)
}

const FEW: u32 = 10;

fn frames_come(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.node_streaming(DEPTH)?;
    for _ in 0..count {
        bench.filled(&*node)?;
    }
    Ok(())
}

fn frames_own(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.node_streaming(DEPTH)?;
    let mut queued: Vec<bool> = vec![true; count as usize];
    for _ in 0..count {
        let filled = bench.filled(&*node)?;
        let mine =
            queued.get_mut(filled.index as usize).is_some_and(|queued| std::mem::replace(queued, false));
        require(mine, || format!("buffer {} came, which was not queued", filled.index))?;
    }
    Ok(())
}

fn frames_in_turn(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.node_streaming(DEPTH)?;
    for index in 0..count {
        let filled = bench.filled(&*node)?;
        require(filled.index == index, || format!("buffer {} came before buffer {index}", filled.index))?;
    }
    Ok(())
}

fn frames_whole(bench: &mut Bench<'_>) -> Checked {
    let (node, format, _) = bench.node_streaming(DEPTH)?;
    let Some(known) = crate::v4l2::formats::from_fourcc(format.fourcc) else {
        return Err(Stop::Skip("the format is not known here".to_owned()));
    };
    let stride = format.planes.first().map_or(0, |plane| plane.stride as usize);
    // Where each colour plane has a memory of its own, the first memory is the first plane.
    let first = if format.planes.len() > 1 { 1 } else { usize::MAX };
    let planes = known.planes(format.width, format.height, stride);
    if planes.is_empty() {
        return Err(Stop::NotSupported("the smallest format is compressed".to_owned()));
    }
    let needed = planes.iter().take(first).map(|plane| plane.end()).max().unwrap_or(1);
    for filled in bench.filled_in_turn(&*node, FEW)? {
        let bytes = (filled.planes[0].bytes_used as usize).saturating_sub(filled.planes[0].offset as usize);
        require(bytes >= needed, || format!("frame {} has {bytes} bytes of {needed}", filled.sequence))?;
    }
    Ok(())
}

fn frames_within(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.node_streaming(DEPTH)?;
    let length = length_of(&*node, 0)?;
    for filled in bench.filled_in_turn(&*node, FEW)? {
        require(filled.planes[0].bytes_used as usize <= length, || {
            format!(
                "frame {} has {} bytes in a buffer of {length}",
                filled.sequence, filled.planes[0].bytes_used
            )
        })?;
    }
    Ok(())
}

fn flags(bench: &Bench<'_>, wrong: u32) -> Checked {
    for filled in frames(bench, FEW)? {
        require(filled.flags & wrong == 0, || format!("frame {}: {:#x}", filled.sequence, filled.flags))?;
    }
    Ok(())
}

fn good(bench: &mut Bench<'_>) -> Checked {
    flags(bench, raw::V4L2_BUF_FLAG_ERROR)
}

fn frames_returned(bench: &mut Bench<'_>) -> Checked {
    flags(bench, raw::V4L2_BUF_FLAG_QUEUED)
}

fn sequence_first(bench: &mut Bench<'_>) -> Checked {
    let first = frames(bench, 1)?[0].sequence;
    require(first == 0, || format!("it has number {first}"))
}

fn sequence_rises(bench: &mut Bench<'_>) -> Checked {
    for pair in frames(bench, FEW)?.windows(2) {
        let step = pair[1].sequence.wrapping_sub(pair[0].sequence);
        require((1..u32::MAX / 2).contains(&step), || {
            format!("{} comes behind {}", pair[1].sequence, pair[0].sequence)
        })?;
    }
    Ok(())
}

fn sequence_each_start(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.node_streaming(DEPTH)?;
    for _ in 0..3 {
        bench.filled_in_turn(&*node, 2)?;
        works("VIDIOC_STREAMOFF", node.stream_off())?;
        for index in 0..count {
            works("VIDIOC_QBUF", node.queue(index, &[]))?;
        }
        works("VIDIOC_STREAMON", node.stream_on())?;
        let first = bench.filled(&*node)?;
        works("VIDIOC_QBUF", node.queue(first.index, &[]))?;
        require(first.sequence == 0, || format!("the stream begins again with {}", first.sequence))?;
    }
    Ok(())
}

fn timestamp_clock(bench: &mut Bench<'_>) -> Checked {
    for filled in frames(bench, FEW)? {
        let clock = filled.flags & raw::V4L2_BUF_FLAG_TIMESTAMP_MASK;
        require(clock == raw::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, || {
            format!("the flags are {:#x}", filled.flags)
        })?;
    }
    Ok(())
}

fn timestamp_rises(bench: &mut Bench<'_>) -> Checked {
    for pair in frames(bench, FEW)?.windows(2) {
        require(pair[1].timestamp > pair[0].timestamp, || {
            format!("{:?} comes behind {:?}", pair[1].timestamp, pair[0].timestamp)
        })?;
    }
    Ok(())
}

fn timestamp_now(bench: &mut Bench<'_>) -> Checked {
    /// Frame times of slow cameras.
    const AHEAD: Duration = Duration::from_millis(250);
    const AGE: Duration = Duration::from_secs(1);
    let (node, _, _) = bench.node_streaming(DEPTH)?;
    for _ in 0..FEW {
        let filled = bench.filled(&*node)?;
        let now = node.now();
        works("VIDIOC_QBUF", node.queue(filled.index, &[]))?;
        let near = filled.timestamp <= now + AHEAD && now.saturating_sub(filled.timestamp) <= AGE;
        require(near, || format!("it is {now:?}, the timestamp is {:?}", filled.timestamp))?;
    }
    Ok(())
}

fn timestamp_source(bench: &mut Bench<'_>) -> Checked {
    let all = frames(bench, FEW)?;
    let source = |filled: &Filled| filled.flags & raw::V4L2_BUF_FLAG_TSTAMP_SRC_MASK;
    let other = all.iter().find(|filled| source(filled) != source(&all[0]));
    require(other.is_none(), || format!("{:#x}, then {:#x}", source(&all[0]), other.map_or(0, source)))
}

fn poll_filled(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.node_streaming(DEPTH)?;
    for _ in 0..FEW {
        let ready = works("poll", node.wait(bench.effort.patience))?;
        if ready.filled && !ready.fault {
            let filled = works("VIDIOC_DQBUF behind poll", node.dequeue(Memory::Driver))?;
            works("VIDIOC_QBUF", node.queue(filled.index, &[]))?;
        } else if ready.event {
            let _ = node.event();
        } else {
            return Err(Stop::fail(format!("polling says {ready:?}")));
        }
    }
    Ok(())
}

fn poll_ends(bench: &mut Bench<'_>) -> Checked {
    const TIME: Duration = Duration::from_millis(20);
    let (node, _, count) = bench.node_streaming(DEPTH)?;
    // With nothing queued nothing comes.
    for _ in 0..count {
        bench.filled(&*node)?;
    }
    let begun = node.now();
    let ready = works("poll", node.wait(TIME))?;
    let took = node.now().saturating_sub(begun);
    require(!ready.filled, || "it says that a buffer is there, with none queued".to_owned())?;
    require(took < bench.effort.patience, || format!("it took {took:?}"))
}

fn poll_off(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.allocated(2)?;
    let begun = node.now();
    let ready = works("poll", node.wait(bench.effort.patience))?;
    let took = node.now().saturating_sub(begun);
    require(ready.fault && took < bench.effort.patience, || format!("it says {ready:?} after {took:?}"))
}

fn dequeue_empty(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.node_streaming(DEPTH)?;
    for _ in 0..count {
        bench.filled(&*node)?;
    }
    refused("VIDIOC_DQBUF", node.dequeue(Memory::Driver), &[Errno::EAGAIN])
}

fn depth<const COUNT: u32>(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = match bench.node_streaming(COUNT) {
        // Memory is short of what only the largest depth asks for.
        Err(Stop::Fail { found, .. }) if COUNT > 8 && found.contains("ENOMEM") => {
            return Err(Stop::NotSupported(found));
        }
        streaming => streaming?,
    };
    let frames = bench.filled_in_turn(&*node, count.max(2) * 2)?;
    require(frames.iter().all(|filled| filled.index < count), || "an unknown buffer came".to_owned())
}

fn restart_loop(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.node_streaming(DEPTH)?;
    for _ in 0..bench.effort.restarts {
        bench.filled(&*node)?;
        works("VIDIOC_STREAMOFF", node.stream_off())?;
        for index in 0..count {
            works("VIDIOC_QBUF", node.queue(index, &[]))?;
        }
        works("VIDIOC_STREAMON", node.stream_on())?;
    }
    bench.filled(&*node).map(|_| ())
}

fn restart_unused(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.node_streaming(DEPTH)?;
    works("VIDIOC_STREAMOFF", node.stream_off())?;
    for index in 0..count {
        works("VIDIOC_QBUF", node.queue(index, &[]))?;
    }
    works("VIDIOC_STREAMON", node.stream_on())?;
    bench.filled(&*node).map(|_| ())
}

fn close_while_on(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.node_streaming(DEPTH)?;
    bench.filled(&*node)?;
    drop(node);
    frames(bench, 2).map(|_| ())
}

fn other_busy(bench: &mut Bench<'_>) -> Checked {
    let (_node, _, _) = bench.node_streaming(DEPTH)?;
    let other = bench.node()?;
    refused("VIDIOC_STREAMON of another file", other.stream_on(), &[Errno::EBUSY, Errno::EINVAL])
}

fn request_busy(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.node_streaming(DEPTH)?;
    for count in [0, 4] {
        let call = format!("VIDIOC_REQBUFS({count})");
        refused(&call, node.request(count, Memory::Driver, false), &[Errno::EBUSY])?;
    }
    Ok(())
}
