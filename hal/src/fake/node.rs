//! An open file of a fake camera: formats, controls and selections.

use std::sync::{Arc, Mutex, MutexGuard};

use nix::errno::Errno;
use v4l2r::bindings;

use super::device::Device;
use super::faults::Call;
use super::lock;
use super::model::nearest;
use crate::kernel::{
    Control, ControlRefusal, Controls, Format, FormatEntry, Fraction, Identity, IntervalEntry, MenuItem,
    Queue, Rectangle, SizeEntry, Video,
};

#[derive(Debug)]
pub(super) struct Node {
    device: Arc<Mutex<Device>>,
    /// Which of the device's open files this is.
    pub(super) file: u64,
}

impl Node {
    pub(super) fn open(device: Arc<Mutex<Device>>) -> Self {
        let file = lock(&device).next_file();
        Self { device, file }
    }

    /// The device, if it is there and does not refuse this call.
    pub(super) fn call(&self, call: Call) -> nix::Result<MutexGuard<'_, Device>> {
        let mut device = lock(&self.device);
        device.enter(call)?;
        Ok(device)
    }

    /// The device, whatever state it is in.
    pub(super) fn device(&self) -> MutexGuard<'_, Device> {
        lock(&self.device)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut device = self.device();
        device.forget(self.file);
        if device.owner == Some(self.file) {
            device.switch_off();
            device.slots.clear();
            device.owner = None;
        }
    }
}

fn entry<T: Clone>(list: &[T], index: u32) -> nix::Result<T> {
    list.get(index as usize).cloned().ok_or(Errno::EINVAL)
}

/// Refuses a format that the device does not list.
fn has(device: &Device, fourcc: u32) -> nix::Result<()> {
    let listed = device.model.fourccs.iter().any(|known| u32::from_le_bytes(*known) == fourcc);
    if listed { Ok(()) } else { Err(Errno::EINVAL) }
}

impl Controls for Node {
    fn control_after(&self, id: u32) -> nix::Result<Control> {
        let device = self.call(Call::QueryControl)?;
        let after = device.model.controls.iter().filter(|control| control.id > id);
        after.min_by_key(|control| control.id).cloned().ok_or(Errno::EINVAL)
    }

    fn menu_item(&self, control: &Control, index: u32) -> nix::Result<MenuItem> {
        self.call(Call::QueryControl)?.menu_item(control.id, index)
    }

    fn controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        let device = self.call(Call::GetControls);
        device.map_err(|errno| ControlRefusal { errno, index: None })?.control_values(values)
    }

    fn set_controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        let device = self.call(Call::SetControls);
        device.map_err(|errno| ControlRefusal { errno, index: None })?.set_controls(self.file, values)
    }
}

impl Video for Node {
    fn identity(&self) -> nix::Result<Identity> {
        Ok(self.call(Call::QueryCapabilities)?.model.identity.clone())
    }

    fn use_planar_queue(&mut self) {}

    fn use_metadata_queue(&mut self) {}

    fn format_entry(&self, index: u32) -> nix::Result<FormatEntry> {
        let device = self.call(Call::EnumerateFormats)?;
        entry(&device.model.fourccs, index)
            .map(|fourcc| FormatEntry { fourcc: u32::from_le_bytes(fourcc), flags: 0 })
    }

    fn format_on_bus(&self, _: u32, index: u32) -> nix::Result<FormatEntry> {
        self.format_entry(index)
    }

    fn size_entry(&self, fourcc: u32, index: u32) -> nix::Result<SizeEntry> {
        let device = self.call(Call::EnumerateSizes)?;
        has(&device, fourcc)?;
        entry(&device.model.sizes, index)
    }

    fn interval_entry(&self, fourcc: u32, _: (u32, u32), index: u32) -> nix::Result<IntervalEntry> {
        let device = self.call(Call::EnumerateIntervals)?;
        has(&device, fourcc)?;
        entry(&device.model.intervals, index).map(IntervalEntry::Discrete)
    }

    fn format(&self) -> nix::Result<Format> {
        Ok(self.call(Call::GetFormat)?.format.clone())
    }

    fn try_format(&self, wanted: &Format) -> nix::Result<Format> {
        nearest(&self.call(Call::TryFormat)?.model, wanted)
    }

    fn set_format(&self, wanted: &Format) -> nix::Result<Format> {
        let mut device = self.call(Call::SetFormat)?;
        if !device.slots.is_empty() || device.recorder.is_some_and(|file| file != self.file) {
            return Err(Errno::EBUSY);
        }
        device.format = nearest(&device.model, wanted)?;
        Ok(device.format.clone())
    }

    fn set_interval(&self, wanted: Option<Fraction>) -> nix::Result<Option<Fraction>> {
        let mut device = self.call(Call::SetInterval)?;
        if let Some(wanted) = wanted.filter(|wanted| device.model.intervals.contains(wanted)) {
            device.interval = wanted;
        }
        Ok(Some(device.interval))
    }

    fn selection(&self, target: u32) -> nix::Result<Rectangle> {
        let device = self.call(Call::GetSelection)?;
        match target {
            bindings::V4L2_SEL_TGT_CROP => Ok(device.crop),
            bindings::V4L2_SEL_TGT_CROP_DEFAULT | bindings::V4L2_SEL_TGT_CROP_BOUNDS => {
                Ok(device.model.sensor)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn set_selection(&self, target: u32, wanted: Rectangle) -> nix::Result<Rectangle> {
        let mut device = self.call(Call::SetSelection)?;
        if target != bindings::V4L2_SEL_TGT_CROP {
            return Err(Errno::EINVAL);
        }
        let sensor = device.model.sensor;
        let (width, height) = (wanted.width.clamp(2, sensor.width), wanted.height.clamp(2, sensor.height));
        let most = |whole: u32, part: u32| i32::try_from(whole - part).unwrap_or(i32::MAX);
        device.crop = Rectangle {
            left: wanted.left.clamp(0, most(sensor.width, width)),
            top: wanted.top.clamp(0, most(sensor.height, height)),
            width,
            height,
        };
        Ok(device.crop)
    }

    fn subscribe(&self, kind: u32, id: u32) -> nix::Result<()> {
        self.call(Call::SubscribeEvent)?.subscribe(self.file, kind, id)
    }

    fn priority(&self) -> nix::Result<u32> {
        let device = self.call(Call::Priority)?;
        Ok(match device.recorder {
            Some(_) => bindings::v4l2_priority_V4L2_PRIORITY_RECORD,
            None => bindings::v4l2_priority_V4L2_PRIORITY_INTERACTIVE,
        })
    }

    fn set_priority(&self, priority: u32) -> nix::Result<()> {
        let mut device = self.call(Call::Priority)?;
        if device.recorder.is_some_and(|file| file != self.file) {
            return Err(Errno::EBUSY);
        }
        let records = priority == bindings::v4l2_priority_V4L2_PRIORITY_RECORD;
        device.recorder = records.then_some(self.file);
        Ok(())
    }
}

/// A node is a queue as well; `Video` asks for it.
const _: fn(&Node) -> &dyn Queue = |node| node;
