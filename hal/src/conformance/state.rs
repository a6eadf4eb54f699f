//! The settings of a device before the suite began, put back when it is done.

use crate::kernel::{Control, ControlKind, Format, Fraction, Rectangle, Video};
use v4l2r::bindings as raw;

/// What a device was set to.
#[derive(Debug)]
pub(super) struct Saved {
    format: Option<Format>,
    /// The time from frame to frame.
    interval: Option<Fraction>,
    controls: Vec<(u32, i64)>,
    crop: Option<Rectangle>,
}

impl Saved {
    /// Reads the settings; what the device does not tell is not saved.
    pub(super) fn read(node: &dyn Video) -> Self {
        let controls = writable(node).into_iter().filter_map(|control| {
            let mut value = [(control.id, 0)];
            node.controls(&mut value).ok().map(|()| value[0])
        });
        Self {
            format: node.format().ok(),
            interval: node.set_interval(None).ok().flatten(),
            controls: controls.collect(),
            crop: node.selection(raw::V4L2_SEL_TGT_CROP).ok(),
        }
    }

    /// Writes them back: what depends on another setting comes behind it.
    pub(super) fn restore(&self, node: &dyn Video) {
        if let Some(format) = &self.format {
            let _ = node.set_format(format);
        }
        if self.interval.is_some() {
            // A new format begins with a rate of the driver's choice.
            let _ = node.set_interval(self.interval);
        }
        if let Some(crop) = self.crop {
            let _ = node.set_selection(raw::V4L2_SEL_TGT_CROP, crop);
        }
        for control in &self.controls {
            // One by one: a control that another one rules out refuses, and keeps no other from its value.
            let _ = node.set_controls(&mut [*control]);
        }
    }
}

/// The controls that hold a value which can be written now.
pub(super) fn writable(node: &dyn Video) -> Vec<Control> {
    let fixed = raw::V4L2_CTRL_FLAG_READ_ONLY
        | raw::V4L2_CTRL_FLAG_INACTIVE
        | raw::V4L2_CTRL_FLAG_GRABBED
        | raw::V4L2_CTRL_FLAG_DISABLED
        | raw::V4L2_CTRL_FLAG_WRITE_ONLY
        | raw::V4L2_CTRL_FLAG_EXECUTE_ON_WRITE
        | raw::V4L2_CTRL_FLAG_VOLATILE;
    let has_value = |control: &Control| !matches!(control.kind, ControlKind::Button | ControlKind::Compound);
    listed(node).into_iter().filter(|control| control.flags & fixed == 0 && has_value(control)).collect()
}

/// All controls, as far as the driver's list ends.
pub(super) fn listed(node: &dyn Video) -> Vec<Control> {
    const LONGEST: usize = 512;
    let mut found: Vec<Control> = Vec::new();
    while found.len() < LONGEST {
        match node.control_after(found.last().map_or(0, |control| control.id)) {
            Ok(control) if found.last().is_none_or(|last| control.id > last.id) => found.push(control),
            _ => break,
        }
    }
    found
}
