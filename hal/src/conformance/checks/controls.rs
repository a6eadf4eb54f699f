//! Controls and crops: ranges, values, refusals, effects.

use std::collections::HashSet;

use nix::errno::Errno;
use v4l2r::bindings as raw;

use super::page;
use crate::camera::{StreamConfig, StreamRequest};
use crate::conformance::bench::{Bench, Streaming, steady};
use crate::conformance::oracle;
use crate::conformance::state::{listed, writable};
use crate::conformance::{Check, Checked, Stop, refused, require, works};
use crate::control::Unit;
use crate::error::ErrorKind;
use crate::format::PixelFormat;
use crate::frame::Frame;
use crate::kernel::{Control, ControlKind, Rectangle, Video};

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "controls.list.ends",
        "controls are listed by rising numbers, and behind the last comes EINVAL",
        page::QUERYCTRL,
        list_ends,
    ),
    Check::new(
        "controls.list.named",
        "each control has a name, and no other one has it",
        page::QUERYCTRL,
        named,
    )
    .after(&["controls.list.ends"]),
    Check::new(
        "controls.range.ordered",
        "a control's default lies within its range",
        page::QUERYCTRL,
        range_ordered,
    )
    .after(&["controls.list.ends"]),
    Check::new(
        "controls.range.default-on-step",
        "a control's default lies on its steps",
        page::QUERYCTRL,
        default_on_step,
    )
    .after(&["controls.range.ordered"]),
    Check::new("controls.range.boolean", "a boolean control goes from 0 to 1", page::QUERYCTRL, boolean)
        .after(&["controls.range.ordered"]),
    Check::new(
        "controls.menu.default",
        "a menu has the choice that is its default",
        page::QUERYCTRL,
        menu_default,
    )
    .after(&["controls.range.ordered"]),
    Check::new(
        "controls.menu.behind-last",
        "a choice outside of a menu's range is refused: EINVAL",
        page::QUERYCTRL,
        menu_behind_last,
    )
    .after(&["controls.list.ends"]),
    Check::new(
        "controls.get.in-range",
        "a control's value lies within its range",
        page::EXT_CTRLS,
        get_in_range,
    )
    .after(&["controls.range.ordered"]),
    Check::new(
        "controls.get.unknown",
        "a control that the device does not have is refused: EINVAL",
        page::EXT_CTRLS,
        get_unknown,
    ),
    Check::new(
        "controls.get.together",
        "several controls are read together as they are one by one",
        page::EXT_CTRLS,
        get_together,
    )
    .after(&["controls.list.ends"]),
    Check::new("controls.set.default", "each control takes its default", page::EXT_CTRLS, set_default)
        .after(&["controls.range.ordered"]),
    Check::new(
        "controls.set.reads-back",
        "a value that was set is read back",
        page::EXT_CTRLS,
        set_reads_back,
    )
    .after(&["controls.range.ordered"]),
    Check::new(
        "controls.set.out-of-range",
        "a value out of range is refused with ERANGE or brought into it",
        page::EXT_CTRLS,
        set_out_of_range,
    )
    .after(&["controls.range.ordered"]),
    Check::new(
        "controls.set.read-only",
        "a control that can only be read is refused: EACCES",
        page::EXT_CTRLS,
        set_read_only,
    )
    .after(&["controls.list.ends"]),
    Check::new(
        "controls.set.unknown",
        "a control that the device does not have is refused: EINVAL",
        page::EXT_CTRLS,
        set_unknown,
    ),
    Check::new(
        "controls.set.all-or-none",
        "of controls that are set together none changes when one of them is unknown",
        page::EXT_CTRLS,
        all_or_none,
    )
    .after(&["controls.set.reads-back", "controls.set.unknown"]),
    Check::new(
        "controls.set.streaming",
        "exposure, gain and brightness are set while the camera streams",
        page::CONTROL,
        set_streaming,
    )
    .after(&["controls.set.default", "streaming.frames.own", "streaming.close.while-on"]),
    Check::new(
        "controls.effect.brighter",
        "a brighter setting makes a brighter picture",
        page::CONTROL,
        brighter,
    )
    .after(&["controls.set.streaming", "contract.stream.frames"]),
    Check::new(
        "controls.effect.delay",
        "a setting shows within the frames that the camera tells, and two more",
        page::TRAIT,
        delay,
    )
    .after(&["controls.effect.brighter"]),
    Check::new(
        "controls.camera.listed",
        "the camera lists the controls of its node",
        page::TRAIT,
        camera_listed,
    )
    .after(&["controls.list.ends", "camera.open.works"]),
    Check::new(
        "controls.camera.units",
        "controls whose unit the kernel defines have it",
        page::CONTROL,
        camera_units,
    )
    .after(&["camera.open.works", "controls.list.ends"]),
    Check::new(
        "controls.camera.range",
        "a value that a control cannot have is refused as unsupported or brought into its range",
        page::TRAIT,
        camera_range,
    )
    .after(&["controls.set.out-of-range", "camera.open.works"]),
    Check::new(
        "controls.camera.menus",
        "the camera tells the choices of its menus",
        page::TRAIT,
        camera_menus,
    )
    .after(&["controls.menu.default", "camera.open.works"]),
    Check::new("controls.crop.within", "the crop lies within its bounds", page::SELECTION, crop_within)
        .after(&["camera.open.works", "camera.configure.exact"]),
    Check::new(
        "controls.crop.reads-back",
        "a crop that was set is read back",
        page::SELECTION,
        crop_reads_back,
    )
    .after(&["controls.crop.within"]),
    Check::new(
        "controls.crop.too-large",
        "a crop beyond the bounds is brought into them, or refused",
        page::SELECTION,
        crop_too_large,
    )
    .after(&["controls.crop.within"]),
    Check::new(
        "controls.camera.unknown",
        "a control that the camera does not have is refused as unsupported",
        page::TRAIT,
        unknown_control,
    )
    .after(&["camera.open.works", "controls.get.unknown", "controls.set.unknown"]),
];

fn list_ends(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let all = some_controls(&*node)?;
    let last = all.last().map_or(0, |control| control.id);
    let call = format!("VIDIOC_QUERY_EXT_CTRL behind {last:#x}");
    refused(&call, node.control_after(last), &[Errno::EINVAL])
}

/// The device's controls; not supported where it has none.
fn some_controls(node: &dyn Video) -> Result<Vec<Control>, Stop> {
    let all = listed(node);
    if all.is_empty() {
        return match node.control_after(0) {
            Err(Errno::EINVAL | Errno::ENOTTY) => {
                Err(Stop::NotSupported("the device has no controls".to_owned()))
            }
            Err(errno) => Err(Stop::fail(format!("VIDIOC_QUERY_EXT_CTRL is refused: {errno}"))),
            Ok(control) => Err(Stop::fail(format!("the first control is {control:?}"))),
        };
    }
    Ok(all)
}

fn named(bench: &mut Bench<'_>) -> Checked {
    let mut seen = HashSet::new();
    for control in some_controls(&*bench.node()?)? {
        let taken = !seen.insert(control.name.clone());
        require(!control.name.trim().is_empty() && !taken, || {
            format!("the name {:?} of {:#x} is empty or taken", control.name, control.id)
        })?;
    }
    Ok(())
}

/// The controls of a device that hold a value; not supported where none does.
fn valued(node: &dyn Video) -> Result<Vec<Control>, Stop> {
    let mut all = some_controls(node)?;
    all.retain(|control| !matches!(control.kind, ControlKind::Button | ControlKind::Compound));
    if all.is_empty() {
        return Err(Stop::NotSupported("no control holds a value".to_owned()));
    }
    Ok(all)
}

fn range_ordered(bench: &mut Bench<'_>) -> Checked {
    for control in valued(&*bench.node()?)? {
        // A bit mask's least is 0 and not told.
        let min = if control.kind == ControlKind::Bitmask { 0 } else { control.min };
        let ordered = min <= control.default && (control.default <= control.max || control.max < 0);
        require(ordered && min <= control.max.max(min), || {
            format!("{}: {} to {}, default {}", control.name, control.min, control.max, control.default)
        })?;
        require(min <= control.max || control.kind == ControlKind::Bitmask, || {
            format!("{}: {min} to {}", control.name, control.max)
        })?;
    }
    Ok(())
}

fn default_on_step(bench: &mut Bench<'_>) -> Checked {
    for control in of_kind(&*bench.node()?, &[ControlKind::Integer])? {
        let step = i128::from(control.step.max(1));
        let above = i128::from(control.default) - i128::from(control.min);
        require(control.step > 0 && above % step == 0, || {
            format!("{}: from {} by {}, default {}", control.name, control.min, control.step, control.default)
        })?;
    }
    Ok(())
}

fn of_kind(node: &dyn Video, kinds: &[ControlKind]) -> Result<Vec<Control>, Stop> {
    let found: Vec<Control> = valued(node)?.into_iter().filter(|c| kinds.contains(&c.kind)).collect();
    if found.is_empty() {
        return Err(Stop::NotSupported(format!("the device has no control of {kinds:?}")));
    }
    Ok(found)
}

fn boolean(bench: &mut Bench<'_>) -> Checked {
    for control in of_kind(&*bench.node()?, &[ControlKind::Boolean])? {
        let range = (control.min, control.max, control.step);
        require(range == (0, 1, 1), || format!("{}: {range:?}", control.name))?;
    }
    Ok(())
}

const MENUS: [ControlKind; 2] = [ControlKind::Menu, ControlKind::IntegerMenu];

fn menu_default(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    for control in of_kind(&*node, &MENUS)? {
        let index = u32::try_from(control.default).unwrap_or(u32::MAX);
        let call = format!("VIDIOC_QUERYMENU of choice {index} of {}", control.name);
        works(&call, node.menu_item(&control, index))?;
    }
    Ok(())
}

fn menu_behind_last(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    for control in of_kind(&*node, &MENUS)? {
        let behind = u32::try_from(control.max).unwrap_or(0) + 1;
        let call = format!("VIDIOC_QUERYMENU of choice {behind} of {}", control.name);
        refused(&call, node.menu_item(&control, behind), &[Errno::EINVAL])?;
    }
    Ok(())
}

fn get(node: &dyn Video, id: u32) -> Result<i64, Errno> {
    let mut value = [(id, 0)];
    node.controls(&mut value).map_err(|refusal| refusal.errno)?;
    Ok(value[0].1)
}

fn set(node: &dyn Video, id: u32, value: i64) -> Result<i64, Errno> {
    let mut value = [(id, value)];
    node.set_controls(&mut value).map_err(|refusal| refusal.errno)?;
    Ok(value[0].1)
}

fn get_in_range(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let mut found = some_writable(&*node)?;
    found.retain(|control| control.kind != ControlKind::Bitmask);
    if found.is_empty() {
        return Err(Stop::NotSupported("no control that can be written has a range".to_owned()));
    }
    for control in found {
        let value = works(&format!("VIDIOC_G_EXT_CTRLS of {}", control.name), get(&*node, control.id))?;
        require((control.min..=control.max).contains(&value), || {
            format!("{} is {value}, and goes from {} to {}", control.name, control.min, control.max)
        })?;
    }
    Ok(())
}

/// No class has it.
const UNKNOWN: u32 = 0x0098_ffff;

fn get_unknown(bench: &mut Bench<'_>) -> Checked {
    let refusals = [Errno::EINVAL, Errno::ENOTTY];
    refused("VIDIOC_G_EXT_CTRLS of an unknown control", get(&*bench.node()?, UNKNOWN), &refusals)
}

/// Writable controls; not supported where there are none.
fn some_writable(node: &dyn Video) -> Result<Vec<Control>, Stop> {
    let found = writable(node);
    if found.is_empty() {
        return Err(Stop::NotSupported("the device has no control that can be written".to_owned()));
    }
    Ok(found)
}

fn get_together(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let found = some_writable(&*node)?;
    // Drivers take controls of one class together.
    let class = found[0].id & 0xffff_0000;
    let ids: Vec<u32> =
        found.iter().map(|control| control.id).filter(|id| id & 0xffff_0000 == class).collect();
    if ids.len() < 2 {
        return Err(Stop::NotSupported("the device has one control of its first class".to_owned()));
    }
    let mut together: Vec<(u32, i64)> = ids.iter().map(|id| (*id, i64::MIN)).collect();
    node.controls(&mut together)
        .map_err(|refusal| Stop::fail(format!("VIDIOC_G_EXT_CTRLS is refused: {refusal:?}")))?;
    for (id, value) in together {
        let alone = works("VIDIOC_G_EXT_CTRLS", get(&*node, id))?;
        require(alone == value, || format!("{id:#x} is {value} with others and {alone} alone"))?;
    }
    Ok(())
}

/// Controls that are written without harm: vivid's own simulate faults.
fn harmless(node: &dyn Video) -> Result<Vec<Control>, Stop> {
    const VIVID: u32 = 0x00f0_0000;
    let found: Vec<_> = some_writable(node)?.into_iter().filter(|c| c.id & 0xffff_0000 != VIVID).collect();
    if found.is_empty() {
        return Err(Stop::NotSupported("the device has no control that can be written".to_owned()));
    }
    Ok(found)
}

fn set_default(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    for control in harmless(&*node)? {
        let call = format!("VIDIOC_S_EXT_CTRLS of the default of {}", control.name);
        works(&call, set(&*node, control.id, control.default))?;
    }
    Ok(())
}

fn set_reads_back(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let mut taken = 0;
    for control in harmless(&*node)?.iter().filter(|control| control.kind == ControlKind::Integer) {
        for value in [control.max, control.min, control.default] {
            // A control that another one now rules out keeps its value.
            let Ok(made) = set(&*node, control.id, value) else { continue };
            taken += 1;
            let read = works("VIDIOC_G_EXT_CTRLS", get(&*node, control.id))?;
            require(read == made, || format!("{} was set to {made} and is {read}", control.name))?;
        }
    }
    if taken == 0 {
        return Err(Stop::NotSupported("no control takes a number now".to_owned()));
    }
    Ok(())
}

fn set_out_of_range(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let fits = |control: &&Control| {
        control.kind == ControlKind::Integer
            && control.max < i64::from(i32::MAX)
            && control.min > i64::from(i32::MIN)
    };
    let found = harmless(&*node)?;
    if !found.iter().any(|control| fits(&control)) {
        return Err(Stop::NotSupported("no control has numbers beyond its range".to_owned()));
    }
    for control in found.iter().filter(fits) {
        for value in [control.max + 1, control.min - 1] {
            match set(&*node, control.id, value) {
                Err(Errno::ERANGE) => {}
                Err(errno) => return Err(Stop::fail(format!("{} = {value}: {errno:?}", control.name))),
                Ok(made) => require((control.min..=control.max).contains(&made), || {
                    format!("{} took {made}, and goes from {} to {}", control.name, control.min, control.max)
                })?,
            }
        }
        let _ = set(&*node, control.id, control.default);
    }
    Ok(())
}

fn set_read_only(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let all = valued(&*node)?;
    let read_only = |control: &&Control| control.flags & raw::V4L2_CTRL_FLAG_READ_ONLY != 0;
    let Some(control) = all.iter().find(read_only) else {
        return Err(Stop::NotSupported("every control can be written".to_owned()));
    };
    let call = format!("VIDIOC_S_EXT_CTRLS of {}", control.name);
    refused(&call, set(&*node, control.id, control.default), &[Errno::EACCES])
}

fn set_unknown(bench: &mut Bench<'_>) -> Checked {
    let refusals = [Errno::EINVAL, Errno::ENOTTY];
    refused("VIDIOC_S_EXT_CTRLS of an unknown control", set(&*bench.node()?, UNKNOWN, 0), &refusals)
}

fn all_or_none(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let all = harmless(&*node)?;
    let user_class =
        |control: &&Control| control.kind == ControlKind::Integer && control.id >> 16 == UNKNOWN >> 16;
    let Some(control) = all.iter().find(user_class) else {
        return Err(Stop::NotSupported("the device has no integer control of the user class".to_owned()));
    };
    let before = works("VIDIOC_G_EXT_CTRLS", get(&*node, control.id))?;
    let other = if before == control.min { control.max } else { control.min };
    let refusal = node.set_controls(&mut [(control.id, other), (UNKNOWN, 0)]);
    let after = works("VIDIOC_G_EXT_CTRLS", get(&*node, control.id))?;
    let _ = set(&*node, control.id, before);
    require(refusal.is_err(), || "the unknown control is taken".to_owned())?;
    require(after == before, || format!("{} became {after} all the same", control.name))
}

/// What makes pictures brighter, the best first.
const BRIGHTER: [u32; 5] = [
    raw::V4L2_CID_BRIGHTNESS,
    raw::V4L2_CID_ANALOGUE_GAIN,
    raw::V4L2_CID_GAIN,
    raw::V4L2_CID_EXPOSURE,
    raw::V4L2_CID_EXPOSURE_ABSOLUTE,
];

fn brightness(node: &dyn Video) -> Result<Control, Stop> {
    let all = writable(node);
    let found = BRIGHTER.iter().find_map(|id| all.iter().find(|control| control.id == *id));
    found.cloned().ok_or_else(|| Stop::NotSupported("no control makes pictures brighter".to_owned()))
}

fn set_streaming(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.node_streaming(4)?;
    let control = brightness(&*node)?;
    for value in [control.min, control.max, control.default] {
        works(&format!("VIDIOC_S_EXT_CTRLS of {}", control.name), set(&*node, control.id, value))?;
        bench.filled_in_turn(&*node, 1)?;
    }
    Ok(())
}

/// The mean of a frame's bytes, in thousandths; those of a JPEG's pixels, where it is one.
fn mean(frame: &Frame, config: &StreamConfig) -> Result<u64, Stop> {
    let bytes = frame.read()?;
    let mut decoded = Vec::new();
    if config.format == PixelFormat::Jpeg {
        decoded = oracle::decoded(&bytes, config).map_err(Stop::fail)?;
    }
    let bytes = if decoded.is_empty() { &*bytes } else { &decoded };
    Ok(bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>() * 1000 / bytes.len().max(1) as u64)
}

/// A stream of a camera whose picture a control changes, at the control's least.
fn dark(bench: &Bench<'_>) -> Result<(Streaming, Control, Box<dyn std::any::Any>), Stop> {
    let control = brightness(&*bench.node()?)?;
    let (_, shown) = bench.scene()?;
    let mut camera = bench.camera()?;
    let small = bench.small_mode(&*camera)?;
    let modes = camera.modes()?;
    // A JPEG must be decoded first.
    let with_rows = modes.iter().rfind(|mode| mode.format != PixelFormat::Jpeg);
    let mode = steady(*with_rows.filter(|_| small.format == PixelFormat::Jpeg).unwrap_or(&small));
    let config = camera.configure(&StreamRequest { mode, held: 1 })?;
    camera.start()?;
    let mut streaming = Streaming { camera, config };
    streaming.camera.set_controls(&[(control.id, control.min)])?;
    for _ in 0..8 {
        bench.frame(&mut *streaming.camera)?;
    }
    Ok((streaming, control, shown))
}

fn brighter(bench: &mut Bench<'_>) -> Checked {
    let (mut streaming, control, _shown) = dark(bench)?;
    let before = mean(&bench.frame(&mut *streaming.camera)?, &streaming.config)?;
    streaming.camera.set_controls(&[(control.id, control.max)])?;
    for _ in 0..8 {
        bench.frame(&mut *streaming.camera)?;
    }
    let after = mean(&bench.frame(&mut *streaming.camera)?, &streaming.config)?;
    streaming.camera.set_controls(&[(control.id, control.default)])?;
    require(after > before, || {
        format!("{}: the mean goes from {before} to {after} thousandths", control.name)
    })
}

fn delay(bench: &mut Bench<'_>) -> Checked {
    /// Frames that were on their way already.
    const ON_THE_WAY: u32 = 2;
    let (mut streaming, control, _shown) = dark(bench)?;
    let told = streaming.camera.controls()?.iter().find(|c| c.id == control.id).map_or(0, |c| c.delay_frames);
    let before = mean(&bench.frame(&mut *streaming.camera)?, &streaming.config)?;
    streaming.camera.set_controls(&[(control.id, control.max)])?;
    // Buffers that were filled before wait to be fetched.
    let most = told + ON_THE_WAY + streaming.config.slots;
    let mut shown_after = None;
    for count in 0..=most {
        if mean(&bench.frame(&mut *streaming.camera)?, &streaming.config)? > before {
            shown_after = Some(count);
            break;
        }
    }
    streaming.camera.set_controls(&[(control.id, control.default)])?;
    require(shown_after.is_some(), || format!("{} shows nothing within {most} frames", control.name))
}

fn camera_listed(bench: &mut Bench<'_>) -> Checked {
    let mut of_node: Vec<u32> = valued(&*bench.node()?)?.iter().map(|control| control.id).collect();
    let of_camera: HashSet<u32> = bench.camera()?.controls()?.iter().map(|control| control.id).collect();
    of_node.retain(|id| !of_camera.contains(id));
    require(of_node.is_empty(), || format!("it leaves out {of_node:#x?}"))
}

fn camera_units(bench: &mut Bench<'_>) -> Checked {
    let known = [
        (raw::V4L2_CID_EXPOSURE_ABSOLUTE, Unit::HundredMicroseconds),
        (raw::V4L2_CID_EXPOSURE, Unit::Rows),
        (raw::V4L2_CID_VBLANK, Unit::Rows),
        (raw::V4L2_CID_PIXEL_RATE, Unit::SamplesPerSecond),
        (raw::V4L2_CID_WHITE_BALANCE_TEMPERATURE, Unit::Kelvin),
    ];
    let controls = bench.camera()?.controls()?;
    let mut seen = 0;
    for control in &controls {
        let Some((_, unit)) = known.iter().find(|(id, _)| *id == control.id) else { continue };
        seen += 1;
        require(control.unit == *unit, || format!("{} has the unit {:?}", control.name, control.unit))?;
    }
    if seen == 0 {
        return Err(Stop::NotSupported("the camera has none of them".to_owned()));
    }
    Ok(())
}

fn camera_range(bench: &mut Bench<'_>) -> Checked {
    let control = brightness(&*bench.node()?)?;
    let mut camera = bench.camera()?;
    let result = camera.set_controls(&[(control.id, control.max + 1)]);
    camera.set_controls(&[(control.id, control.default)])?;
    match result {
        Ok(made) => {
            let within = |value: &i64| (control.min..=control.max).contains(value);
            require(made.len() == 1 && made.iter().all(within), || format!("{} took {made:?}", control.name))
        }
        Err(error) => {
            require(error.kind() == ErrorKind::Unsupported, || format!("it is refused with: {error}"))
        }
    }
}

fn camera_menus(bench: &mut Bench<'_>) -> Checked {
    let camera = bench.camera()?;
    let controls = camera.controls()?;
    let menus: Vec<_> = controls.iter().filter(|control| MENUS.contains(&control.kind)).collect();
    if menus.is_empty() {
        return Err(Stop::NotSupported("the camera has no menu".to_owned()));
    }
    for control in menus {
        let choices = camera.menu(control)?;
        require(choices.iter().any(|(number, _)| *number == control.default), || {
            format!("{} has {} choices, and not its default", control.name, choices.len())
        })?;
    }
    Ok(())
}

fn crop_within(bench: &mut Bench<'_>) -> Checked {
    let streaming = bench.configured(1)?;
    let Some(crop) = streaming.camera.crop()? else {
        return Err(Stop::NotSupported("the camera crops nothing".to_owned()));
    };
    require(within(crop.now, crop.bounds) && crop.now.width > 0 && crop.now.height > 0, || {
        format!("{crop:?}")
    })
}

fn within(part: Rectangle, whole: Rectangle) -> bool {
    let end = |start: i32, length: u32| i64::from(start) + i64::from(length);
    part.left >= whole.left
        && part.top >= whole.top
        && end(part.left, part.width) <= end(whole.left, whole.width)
        && end(part.top, part.height) <= end(whole.top, whole.height)
}

/// Sets a crop on a node that is not configured, and puts the first one back.
fn cropped(
    bench: &Bench<'_>,
    wanted: impl Fn(Rectangle) -> Rectangle,
) -> Result<(Rectangle, Rectangle, Rectangle), Stop> {
    let mut camera = bench.camera()?;
    let Some(crop) = camera.crop()? else {
        return Err(Stop::NotSupported("the camera crops nothing".to_owned()));
    };
    let made = match camera.set_crop(wanted(crop.bounds)) {
        Ok(made) => made,
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            return Err(Stop::NotSupported(error.to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    let read = camera.crop()?.map_or(Rectangle::default(), |crop| crop.now);
    camera.set_crop(crop.now)?;
    Ok((made, read, crop.bounds))
}

fn crop_reads_back(bench: &mut Bench<'_>) -> Checked {
    let half = |whole: Rectangle| Rectangle { width: whole.width / 2, height: whole.height / 2, ..whole };
    let (made, read, _) = cropped(bench, half)?;
    require(made == read, || format!("{made:?} was made, {read:?} is read"))
}

fn crop_too_large(bench: &mut Bench<'_>) -> Checked {
    let beyond = |whole: Rectangle| Rectangle { width: whole.width + 64, height: whole.height + 64, ..whole };
    let (made, _, bounds) = cropped(bench, beyond)?;
    require(within(made, bounds), || format!("{made:?} within {bounds:?}"))
}

fn unknown_control(bench: &mut Bench<'_>) -> Checked {
    let mut camera = bench.camera()?;
    for result in [camera.control_values(&[UNKNOWN]), camera.set_controls(&[(UNKNOWN, 1)])] {
        match result {
            Ok(values) => return Err(Stop::fail(format!("it has {values:?}"))),
            Err(error) => {
                require(error.kind() == ErrorKind::Unsupported, || format!("it is refused with: {error}"))?;
            }
        }
    }
    Ok(())
}
