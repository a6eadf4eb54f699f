//! A fake camera's controls, the events that they make, and who asked for which.

use nix::errno::Errno;
use v4l2r::bindings;

use super::device::Device;
use crate::kernel::{Control, ControlRefusal, Event, MenuItem};

impl Device {
    pub(super) fn menu_item(&self, id: u32, index: u32) -> nix::Result<MenuItem> {
        let menu = self.model.menus.iter().find(|(menu, _)| *menu == id);
        let choice = menu.and_then(|(_, choices)| choices.iter().find(|(number, _)| *number == index));
        choice.map(|(_, item)| item.clone()).ok_or(Errno::EINVAL)
    }

    pub(super) fn control_values(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        for (index, (id, value)) in values.iter_mut().enumerate() {
            self.permitted(*id, bindings::V4L2_CTRL_FLAG_WRITE_ONLY, index)?;
            *value = self.values.iter().find(|known| known.0 == *id).map_or(0, |known| known.1);
        }
        Ok(())
    }

    /// All of them, or none.
    pub(super) fn set_controls(
        &mut self,
        file: u64,
        values: &mut [(u32, i64)],
    ) -> Result<(), ControlRefusal> {
        self.settle(values)?;
        for (id, value) in values.iter() {
            let Some(now) = self.values.iter_mut().find(|known| known.0 == *id) else { continue };
            if std::mem::replace(&mut now.1, *value) != *value {
                self.tell_change(file, *id, *value);
            }
        }
        Ok(())
    }

    /// Puts values into the ranges of their controls.
    pub(super) fn settle(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        for (index, (id, value)) in values.iter_mut().enumerate() {
            let known = self.permitted(*id, bindings::V4L2_CTRL_FLAG_READ_ONLY, index)?;
            *value = (*value).clamp(known.min, known.max);
        }
        Ok(())
    }

    /// The control, if it is there and has not the flag that forbids this.
    fn permitted(&self, id: u32, forbids: u32, index: usize) -> Result<&Control, ControlRefusal> {
        let refused = |errno| ControlRefusal { errno, index: Some(index) };
        let known = self.model.controls.iter().find(|control| control.id == id);
        let known = known.ok_or(refused(Errno::EINVAL))?;
        if known.flags & forbids != 0 { Err(refused(Errno::EACCES)) } else { Ok(known) }
    }

    /// A change is told to all that asked, and not to who made it.
    fn tell_change(&mut self, by: u64, id: u32, value: i64) {
        let asked = self.subscribed.iter().filter(|(file, kind, control)| {
            (*kind, *control) == (bindings::V4L2_EVENT_CTRL, id) && *file != by
        });
        let value = value as i32;
        let told = asked.map(|(file, _, _)| (Some(*file), Event::ControlChanged { id, value }));
        self.events.extend(told.collect::<Vec<_>>());
    }

    pub(super) fn subscribe(&mut self, file: u64, kind: u32, id: u32) -> nix::Result<()> {
        let is_control = kind == bindings::V4L2_EVENT_CTRL;
        let has_control = self.model.controls.iter().any(|control| control.id == id);
        if !self.model.events.contains(&kind) || (is_control && !has_control) {
            return Err(Errno::EINVAL);
        }
        self.subscribed.push((file, kind, id));
        Ok(())
    }

    /// The next event for an open file.
    pub(super) fn take_event(&mut self, file: u64) -> Option<Event> {
        let at = self.events.iter().position(|(to, _)| to.is_none_or(|to| to == file))?;
        self.events.remove(at).map(|(_, event)| event)
    }

    pub(super) fn has_event(&self, file: u64) -> bool {
        self.events.iter().any(|(to, _)| to.is_none_or(|to| to == file))
    }

    /// An open file was closed.
    pub(super) fn forget(&mut self, file: u64) {
        self.subscribed.retain(|(asked, _, _)| *asked != file);
        self.events.retain(|(to, _)| *to != Some(file));
        if self.recorder == Some(file) {
            self.recorder = None;
        }
    }
}
