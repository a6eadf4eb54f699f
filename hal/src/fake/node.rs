//! An open file of a fake camera: formats, controls and selections.

use std::sync::{Arc, Mutex, MutexGuard};

use nix::errno::Errno;
use v4l2r::bindings;

use super::device::Device;
use super::faults::Call;
use super::lock;
use crate::format::PixelFormat as HalFormat;
use crate::kernel::{
    Control, ControlRefusal, Format, FormatEntry, Fraction, Identity, IntervalEntry, MenuItem, PlaneFormat,
    Queue, Rectangle, SizeEntry, Video,
};
use crate::v4l2::formats;

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
        if device.owner == Some(self.file) {
            device.switch_off();
            device.slots.clear();
            device.owner = None;
        }
    }
}

fn number(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn entry<T: Clone>(list: &[T], index: u32) -> nix::Result<T> {
    list.get(index as usize).cloned().ok_or(Errno::EINVAL)
}

/// What a device makes of a format: the nearest of its own.
fn nearest(device: &Device, wanted: &Format) -> nix::Result<Format> {
    let model = &device.model;
    let known = model.fourccs.iter().map(|fourcc| u32::from_le_bytes(*fourcc));
    let fourcc = known.clone().find(|fourcc| *fourcc == wanted.fourcc).or_else(|| known.clone().next());
    let fourcc = fourcc.ok_or(Errno::EINVAL)?;
    let distance =
        |(width, height): &(u32, u32)| width.abs_diff(wanted.width) + height.abs_diff(wanted.height);
    let sizes = model.sizes.iter().map(|entry| match entry {
        SizeEntry::Discrete(width, height) => (*width, *height),
        SizeEntry::Range(range) => {
            (wanted.width.clamp(range.min.0, range.max.0), wanted.height.clamp(range.min.1, range.max.1))
        }
    });
    let (width, height) = sizes.min_by_key(distance).ok_or(Errno::EINVAL)?;
    let known = formats::from_fourcc(fourcc).ok_or(Errno::EINVAL)?;
    let planes = vec![match known {
        HalFormat::Jpeg => PlaneFormat { stride: 0, size: width * height },
        HalFormat::Raw(_) | HalFormat::Yuv(_) => {
            let asked = wanted.planes.first().map_or(0, |plane| plane.stride as usize);
            let stride = (known.row_bytes(width) + model.row_padding as usize).max(asked);
            let planes = known.planes(width, height, stride);
            let size = planes.iter().map(|plane| plane.stride * plane.rows).sum::<usize>();
            PlaneFormat { stride: number(stride), size: number(size) }
        }
    }];
    Ok(Format {
        fourcc,
        width,
        height,
        field: bindings::v4l2_field_V4L2_FIELD_NONE,
        planes,
        ..Format::default()
    })
}

impl Video for Node {
    fn identity(&self) -> nix::Result<Identity> {
        Ok(self.call(Call::QueryCapabilities)?.model.identity.clone())
    }

    fn use_planar_queue(&mut self) {}

    fn format_entry(&self, index: u32) -> nix::Result<FormatEntry> {
        let device = self.call(Call::EnumerateFormats)?;
        entry(&device.model.fourccs, index)
            .map(|fourcc| FormatEntry { fourcc: u32::from_le_bytes(fourcc), flags: 0 })
    }

    fn format_on_bus(&self, _: u32, index: u32) -> nix::Result<FormatEntry> {
        self.format_entry(index)
    }

    fn size_entry(&self, _: u32, index: u32) -> nix::Result<SizeEntry> {
        entry(&self.call(Call::EnumerateSizes)?.model.sizes, index)
    }

    fn interval_entry(&self, _: u32, _: (u32, u32), index: u32) -> nix::Result<IntervalEntry> {
        let device = self.call(Call::EnumerateIntervals)?;
        entry(&device.model.intervals, index).map(IntervalEntry::Discrete)
    }

    fn format(&self) -> nix::Result<Format> {
        Ok(self.call(Call::GetFormat)?.format.clone())
    }

    fn try_format(&self, wanted: &Format) -> nix::Result<Format> {
        nearest(&*self.call(Call::TryFormat)?, wanted)
    }

    fn set_format(&self, wanted: &Format) -> nix::Result<Format> {
        let mut device = self.call(Call::SetFormat)?;
        if !device.slots.is_empty() {
            return Err(Errno::EBUSY);
        }
        device.format = nearest(&device, wanted)?;
        Ok(device.format.clone())
    }

    fn set_interval(&self, wanted: Option<Fraction>) -> nix::Result<Option<Fraction>> {
        let mut device = self.call(Call::SetInterval)?;
        if let Some(wanted) = wanted.filter(|wanted| device.model.intervals.contains(wanted)) {
            device.interval = wanted;
        }
        Ok(Some(device.interval))
    }

    fn control_after(&self, id: u32) -> nix::Result<Control> {
        let device = self.call(Call::QueryControl)?;
        let after = device.model.controls.iter().filter(|control| control.id > id);
        after.min_by_key(|control| control.id).cloned().ok_or(Errno::EINVAL)
    }

    fn menu_item(&self, _: &Control, _: u32) -> nix::Result<MenuItem> {
        drop(self.call(Call::QueryControl)?);
        Err(Errno::EINVAL)
    }

    fn controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        let refused = |index| move |errno| ControlRefusal { errno, index };
        let device = self.call(Call::GetControls).map_err(refused(None))?;
        for (index, (id, value)) in values.iter_mut().enumerate() {
            let found = device.values.iter().find(|known| known.0 == *id);
            *value = found.ok_or(ControlRefusal { errno: Errno::EINVAL, index: Some(index) })?.1;
        }
        Ok(())
    }

    fn set_controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        let refused = |index| move |errno| ControlRefusal { errno, index };
        let mut device = self.call(Call::SetControls).map_err(refused(None))?;
        for (index, (id, value)) in values.iter_mut().enumerate() {
            let unknown = ControlRefusal { errno: Errno::EINVAL, index: Some(index) };
            let known = device.model.controls.iter().find(|control| control.id == *id).ok_or(unknown)?;
            *value = (*value).clamp(known.min, known.max);
            if let Some(now) = device.values.iter_mut().find(|known| known.0 == *id) {
                now.1 = *value;
            }
        }
        Ok(())
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

    fn subscribe(&self, kind: u32, _: u32) -> nix::Result<()> {
        let mut device = self.call(Call::SubscribeEvent)?;
        if !device.model.events.contains(&kind) {
            return Err(Errno::EINVAL);
        }
        device.subscribed.push(kind);
        Ok(())
    }

    fn priority(&self) -> nix::Result<u32> {
        self.call(Call::Priority).map(|_| bindings::v4l2_priority_V4L2_PRIORITY_INTERACTIVE)
    }

    fn set_priority(&self, _: u32) -> nix::Result<()> {
        self.call(Call::Priority).map(|_| ())
    }
}

/// A node is a queue as well; `Video` asks for it.
const _: fn(&Node) -> &dyn Queue = |node| node;
