//! Controls, selections, events and priority of a device.

use nix::errno::Errno;
use v4l2r::bindings as raw;

use super::policy::{Fault, Operation, Verdict};
use crate::camera::{Crop, Watch};
use crate::control::Control;
use crate::kernel::{ControlKind, MenuItem, Rectangle, Video};

/// Lists longer than this come from a driver that does not end them.
const LONGEST_LIST: usize = 1024;

/// All controls whose values can be read or written.
pub(super) fn list(node: &dyn Video) -> Result<Vec<Control>, Fault> {
    let mut controls: Vec<Control> = Vec::new();
    let mut last = 0;
    while controls.len() < LONGEST_LIST {
        match node.control_after(last) {
            // A driver that goes back would never end.
            Ok(found) if found.id <= last => break,
            Ok(found) => {
                last = found.id;
                let is_class = found.id & 0xffff == 1 && found.kind == ControlKind::Compound;
                let is_disabled = found.flags & raw::V4L2_CTRL_FLAG_DISABLED != 0;
                if !is_class && !is_disabled {
                    controls.push(found.into());
                }
            }
            Err(Errno::EINVAL | Errno::ENOTTY) => break,
            Err(errno) => return Err(Fault { operation: Operation::QueryControl, errno }),
        }
    }
    Ok(controls)
}

/// The choices of a menu, by their numbers; numbers that the menu leaves out are not there.
pub(super) fn menu(node: &dyn Video, control: &Control) -> Result<Vec<(i64, MenuItem)>, Fault> {
    let asked = crate::kernel::Control {
        id: control.id,
        name: String::new(),
        kind: control.kind,
        min: control.min,
        max: control.max,
        step: control.step,
        default: control.default,
        flags: 0,
    };
    let mut items = Vec::new();
    for number in (control.min..=control.max).take(LONGEST_LIST) {
        let Ok(index) = u32::try_from(number) else { continue };
        match node.menu_item(&asked, index) {
            Ok(item) => items.push((number, item)),
            Err(Errno::EINVAL | Errno::ENOTTY) => {}
            Err(errno) => return Err(Fault { operation: Operation::QueryControl, errno }),
        }
    }
    Ok(items)
}

/// What is cropped out of what; `None` for devices that crop nothing.
pub(super) fn crop(node: &dyn Video) -> Result<Option<Crop>, Fault> {
    let read = |target| match node.selection(target) {
        Ok(rectangle) => Ok(Some(rectangle)),
        Err(errno) => {
            let fault = Fault { operation: Operation::GetSelection, errno };
            if fault.verdict() == Verdict::Gone { Err(fault) } else { Ok(None) }
        }
    };
    let now = read(raw::V4L2_SEL_TGT_CROP)?;
    let bounds = read(raw::V4L2_SEL_TGT_CROP_BOUNDS)?;
    Ok(now.zip(bounds).map(|(now, bounds)| Crop { now, bounds }))
}

/// Crops, and says what the driver made of it.
pub(super) fn set_crop(node: &dyn Video, wanted: Rectangle) -> Result<Rectangle, Fault> {
    node.set_selection(raw::V4L2_SEL_TGT_CROP, wanted)
        .map_err(|errno| Fault { operation: Operation::SetSelection, errno })
}

/// Asks for events; false for a kind that the device does not have.
pub(super) fn watch(node: &dyn Video, what: Watch) -> Result<bool, Fault> {
    let (kind, id) = match what {
        Watch::Source => (raw::V4L2_EVENT_SOURCE_CHANGE, 0),
        Watch::End => (raw::V4L2_EVENT_EOS, 0),
        Watch::FrameSync => (raw::V4L2_EVENT_FRAME_SYNC, 0),
        Watch::Control(id) => (raw::V4L2_EVENT_CTRL, id),
    };
    match node.subscribe(kind, id) {
        Ok(()) => Ok(true),
        Err(Errno::EINVAL | Errno::ENOTTY) => Ok(false),
        Err(errno) => Err(Fault { operation: Operation::Subscribe, errno }),
    }
}
