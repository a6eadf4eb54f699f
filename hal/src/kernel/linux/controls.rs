//! Controls of video nodes and sub-devices of the real kernel: the calls are the same.

use std::fs::File;
use std::os::fd::AsFd;

use v4l2r::bindings::{self, v4l2_query_ext_ctrl, v4l2_querymenu};

use super::{subdevice, video};
use crate::kernel::{Control, ControlKind, ControlRefusal, Controls, MenuItem};
use crate::uapi::{text, video as raw};

macro_rules! controls_of {
    ($($node:ty),*) => {$(
        impl Controls for $node {
            fn control_after(&self, id: u32) -> nix::Result<Control> {
                after(&self.file, id)
            }

            fn menu_item(&self, control: &Control, index: u32) -> nix::Result<MenuItem> {
                menu_item(&self.file, control, index)
            }

            fn controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
                call(&self.file, raw::ControlCall::Get, values)
            }

            fn set_controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
                call(&self.file, raw::ControlCall::Set, values)
            }
        }
    )*};
}

controls_of!(video::Node, subdevice::Node);

fn after(file: &File, id: u32) -> nix::Result<Control> {
    let mut found = v4l2_query_ext_ctrl { id: id | bindings::V4L2_CTRL_FLAG_NEXT_CTRL, ..Default::default() };
    raw::query_control(file.as_fd(), &mut found)?;
    Ok(control(&found))
}

fn menu_item(file: &File, control: &Control, index: u32) -> nix::Result<MenuItem> {
    let mut item = v4l2_querymenu { id: control.id, index, ..Default::default() };
    raw::query_menu(file.as_fd(), &mut item)?;
    Ok(match control.kind {
        ControlKind::IntegerMenu => MenuItem::Value(raw::menu_value(&item)),
        _ => MenuItem::Name(text(&raw::menu_name(&item))),
    })
}

pub(super) fn call(
    file: &File,
    call: raw::ControlCall<'_>,
    values: &mut [(u32, i64)],
) -> Result<(), ControlRefusal> {
    let count = values.len();
    raw::control_values(file.as_fd(), call, values, |id| is_wide(file, id)).map_err(|refusal| {
        let index = usize::try_from(refusal.index).ok().filter(|index| *index < count);
        ControlRefusal { errno: refusal.errno, index }
    })
}

/// Whether a control has values of 64 bits; what cannot be asked has not.
fn is_wide(file: &File, id: u32) -> bool {
    let mut query = v4l2_query_ext_ctrl { id, ..Default::default() };
    raw::query_control(file.as_fd(), &mut query).is_ok()
        && query.type_ == bindings::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER64
}

fn control(raw: &v4l2_query_ext_ctrl) -> Control {
    let kind = match raw.type_ {
        bindings::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER => ControlKind::Integer,
        bindings::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER64 => ControlKind::Integer64,
        bindings::v4l2_ctrl_type_V4L2_CTRL_TYPE_BOOLEAN => ControlKind::Boolean,
        bindings::v4l2_ctrl_type_V4L2_CTRL_TYPE_MENU => ControlKind::Menu,
        bindings::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER_MENU => ControlKind::IntegerMenu,
        bindings::v4l2_ctrl_type_V4L2_CTRL_TYPE_BITMASK => ControlKind::Bitmask,
        bindings::v4l2_ctrl_type_V4L2_CTRL_TYPE_BUTTON => ControlKind::Button,
        _ => ControlKind::Compound,
    };
    Control {
        id: raw.id,
        name: text(&raw.name.map(|letter| letter.to_ne_bytes()[0])),
        kind,
        min: raw.minimum,
        max: raw.maximum,
        step: raw.step,
        default: raw.default_value,
        flags: raw.flags,
    }
}
