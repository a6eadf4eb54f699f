//! Events, and devices that come and go.

use std::time::Duration;

use nix::errno::Errno;
use v4l2r::bindings as raw;

use super::page;
use crate::camera::{Dequeued, Watch};
use crate::conformance::bench::Bench;
use crate::conformance::state::writable;
use crate::conformance::{Check, Checked, Stop, refused, require, works};
use crate::discovery;
use crate::kernel::{Control, ControlKind, Event, Memory, Video};

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "events.subscribe.unknown",
        "a kind of event that there is not is refused: EINVAL",
        page::EVENTS,
        subscribe_unknown,
    ),
    Check::new(
        "events.dequeue.none",
        "with no event there, ENOENT is the answer",
        page::DQEVENT,
        dequeue_none,
    ),
    Check::new(
        "events.control.told",
        "a change of a control by another file is told to the one that asked for it",
        page::EVENTS,
        control_told,
    )
    .after(&["identity.open.twice", "controls.list.ends"]),
    Check::new(
        "events.control.not-asked",
        "a change of a control is not told to those who did not ask",
        page::EVENTS,
        control_not_asked,
    )
    .after(&["identity.open.twice", "controls.list.ends", "events.dequeue.none"]),
    Check::new(
        "events.poll.drained",
        "when all events are taken, polling tells of none",
        page::POLL,
        poll_drained,
    )
    .after(&["events.control.told", "buffers.request.close-frees", "streaming.close.while-on"]),
    Check::new(
        "events.source.offered",
        "the change of what comes in can be asked for, or is refused as a kind that there is not",
        page::EVENTS,
        source_offered,
    ),
    Check::new(
        "events.end.offered",
        "the end of the stream can be asked for, or is refused as a kind that there is not",
        page::EVENTS,
        end_offered,
    ),
    Check::new(
        "events.sync.offered",
        "the start of a frame can be asked for, or is refused as a kind that there is not",
        page::EVENTS,
        sync_offered,
    ),
    Check::new(
        "events.camera.watch",
        "the camera says whether it has an event that it is asked to watch for",
        page::TRAIT,
        camera_watch,
    )
    .after(&["camera.open.works", "events.source.offered", "events.end.offered", "events.sync.offered"]),
    Check::new(
        "events.camera.delivered",
        "an event that was asked for comes between frames, and the stream goes on",
        page::TRAIT,
        camera_delivered,
    )
    .after(&["events.control.told", "contract.stream.frames", "controls.set.streaming"]),
    Check::new("events.sysfs.listed", "sysfs leads to the device's file", page::TRAIT, sysfs_listed),
    Check::new(
        "events.hotplug.subscribes",
        "the kernel's messages on devices can be heard",
        page::UEVENTS,
        hotplug,
    ),
];

/// Above what the kernel defines and below the drivers' own.
const UNKNOWN: u32 = 0x00ff_ffff;

fn subscribe_unknown(bench: &mut Bench<'_>) -> Checked {
    let refusals = [Errno::EINVAL, Errno::ENOTTY];
    refused("VIDIOC_SUBSCRIBE_EVENT", bench.node()?.subscribe(UNKNOWN, 0), &refusals)
}

fn dequeue_none(bench: &mut Bench<'_>) -> Checked {
    match bench.node()?.event() {
        Err(Errno::ENOENT) => Ok(()),
        Err(Errno::ENOTTY) => Err(Stop::NotSupported("VIDIOC_DQEVENT says ENOTTY".to_owned())),
        Err(errno) => Err(Stop::fail(format!("VIDIOC_DQEVENT is refused with {errno:?}"))),
        Ok(event) => Err(Stop::fail(format!("nobody asked for {event:?}"))),
    }
}

/// A control that can be changed without harm.
fn changeable(node: &dyn Video) -> Result<Control, Stop> {
    let user_class = |control: &Control| control.kind == ControlKind::Integer && control.id >> 16 == 0x98;
    let found = writable(node).into_iter().find(user_class);
    found.ok_or_else(|| Stop::NotSupported("the device has no control that can be changed".to_owned()))
}

/// Asks for the changes of a control; not every device tells them.
fn ask_for_changes(node: &dyn Video, control: &Control) -> Checked {
    match node.subscribe(raw::V4L2_EVENT_CTRL, control.id) {
        Err(Errno::EINVAL | Errno::ENOTTY) => {
            Err(Stop::NotSupported("VIDIOC_SUBSCRIBE_EVENT has no control events".to_owned()))
        }
        asked => works("VIDIOC_SUBSCRIBE_EVENT", asked),
    }
}

/// Two files of the node, one of which asked for the changes of a control; the other one changes it.
fn changed(bench: &Bench<'_>, ask: bool) -> Result<(Box<dyn Video>, Control), Stop> {
    let (asking, other) = (bench.node()?, bench.node()?);
    let control = changeable(&*other)?;
    if ask {
        ask_for_changes(&*asking, &control)?;
    }
    let mut before = [(control.id, 0)];
    other.controls(&mut before).map_err(|refusal| Stop::fail(format!("{refusal:?}")))?;
    let value = if before[0].1 == control.max { control.min } else { control.max };
    for value in [value, before[0].1] {
        let set = other.set_controls(&mut [(control.id, value)]);
        set.map_err(|refusal| Stop::fail(format!("VIDIOC_S_EXT_CTRLS is refused: {refusal:?}")))?;
    }
    Ok((asking, control))
}

fn control_told(bench: &mut Bench<'_>) -> Checked {
    let (node, control) = changed(bench, true)?;
    let event = works("VIDIOC_DQEVENT", node.event())?;
    require(matches!(event, Event::ControlChanged { id, .. } if id == control.id), || {
        format!("{event:?} came")
    })
}

fn control_not_asked(bench: &mut Bench<'_>) -> Checked {
    let (node, _) = changed(bench, false)?;
    refused("VIDIOC_DQEVENT", node.event(), &[Errno::ENOENT, Errno::ENOTTY])
}

fn poll_drained(bench: &mut Bench<'_>) -> Checked {
    const MOST: usize = 64;
    let node = bench.node()?;
    let control = changeable(&*node)?;
    bench.small_format(&*node)?;
    // Polling a node without buffers would start its read() emulation.
    works("VIDIOC_REQBUFS", node.request(2, Memory::Driver, false))?;
    ask_for_changes(&*node, &control)?;
    let other = bench.node()?;
    for value in [control.min, control.max, control.default] {
        let _ = other.set_controls(&mut [(control.id, value)]);
    }
    let mut taken = 0;
    while node.event().is_ok() && taken < MOST {
        taken += 1;
    }
    require(taken > 0 && taken < MOST, || format!("{taken} events came"))?;
    let ready = works("poll", node.wait(Duration::ZERO))?;
    require(!ready.event, || "polling still tells of an event".to_owned())
}

fn offered(bench: &Bench<'_>, kind: u32) -> Checked {
    match bench.node()?.subscribe(kind, 0) {
        Ok(()) => Ok(()),
        Err(Errno::EINVAL | Errno::ENOTTY) => {
            Err(Stop::NotSupported("VIDIOC_SUBSCRIBE_EVENT says so".to_owned()))
        }
        Err(errno) => Err(Stop::fail(format!("VIDIOC_SUBSCRIBE_EVENT is refused with {errno:?}"))),
    }
}

fn source_offered(bench: &mut Bench<'_>) -> Checked {
    offered(bench, raw::V4L2_EVENT_SOURCE_CHANGE)
}

fn end_offered(bench: &mut Bench<'_>) -> Checked {
    offered(bench, raw::V4L2_EVENT_EOS)
}

fn sync_offered(bench: &mut Bench<'_>) -> Checked {
    offered(bench, raw::V4L2_EVENT_FRAME_SYNC)
}

fn camera_watch(bench: &mut Bench<'_>) -> Checked {
    let mut camera = bench.camera()?;
    for what in [Watch::Source, Watch::End, Watch::FrameSync] {
        camera.watch(what)?;
    }
    let unknown = camera.watch(Watch::Control(0x0098_ffff))?;
    require(!unknown, || "it watches a control that it does not have".to_owned())
}

fn camera_delivered(bench: &mut Bench<'_>) -> Checked {
    let control = changeable(&*bench.node()?)?;
    let mut streaming = bench.streaming(1)?;
    if !streaming.camera.watch(Watch::Control(control.id))? {
        return Err(Stop::NotSupported("the camera has no control events".to_owned()));
    }
    bench.frame(&mut *streaming.camera)?;
    let other = bench.node()?;
    for value in [control.min, control.max, control.default] {
        let _ = other.set_controls(&mut [(control.id, value)]);
    }
    let mut told = false;
    for _ in 0..20 {
        if let Dequeued::Event(event) = streaming.camera.dequeue(bench.effort.patience)? {
            told = matches!(event, Event::ControlChanged { id, .. } if id == control.id);
            break;
        }
    }
    require(told, || "no event came with 20 frames".to_owned())?;
    bench.frame(&mut *streaming.camera).map(|_| ())
}

fn sysfs_listed(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node_path()?;
    let found = discovery::list(&bench.subject.roots.sys);
    if found.is_empty() {
        return Err(Stop::NotSupported("sysfs lists no video device".to_owned()));
    }
    // The name may be a link that udev made.
    let path = std::fs::canonicalize(&node.path).unwrap_or_else(|_| node.path.clone());
    require(found.iter().any(|found| found.path == path), || {
        format!("{} is not among {found:?}", path.display())
    })
}

fn hotplug(bench: &mut Bench<'_>) -> Checked {
    let _node = bench.node_path()?;
    (bench.subject.monitor)()?.next(Duration::ZERO)?;
    Ok(())
}
