//! A fake camera as a device under test of the conformance suite.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

use super::{Call, FakeCamera, FakeKernel, Fault, Model, Times, picture};
use crate::camera::StreamConfig;
use crate::conformance::{DeviceFault, FaultSource, Faulty, Oracle, Scene, Subject};
use crate::error::Error;
use crate::kernel::Kernel;
use crate::memory::Source;
use crate::v4l2::{V4l2Camera, formats};

/// The camera at `path` as a device under test. The suite works on `kernel`, which may be `fake` itself or stand before
/// it; pictures and faults are those of `fake`. Memory that it imports stands for every kind that machines have.
///
/// # Errors
/// As [`V4l2Camera::open`].
pub fn subject(
    fake: &FakeKernel,
    kernel: Arc<dyn Kernel>,
    path: &Path,
    model: &Model,
) -> Result<Subject, Error> {
    let device =
        Device { fake: fake.clone(), kernel: Arc::clone(&kernel), path: path.into(), model: model.clone() };
    let device = Arc::new(device);
    let memory =
        ["system-heap", "contiguous-heap", "other-heap", "udmabuf"].map(|name| (name, Source::Memfd));
    Ok(Subject::v4l2(kernel, path)?
        .with_scene(Arc::clone(&device) as _)
        .with_faults(device)
        .with_memory(memory.to_vec()))
}

struct Device {
    fake: FakeKernel,
    kernel: Arc<dyn Kernel>,
    path: PathBuf,
    model: Model,
}

impl Device {
    fn hardware(&self) -> Option<FakeCamera> {
        self.fake.camera(&self.path).ok()
    }

    fn camera(&self) -> Result<Box<V4l2Camera>, Error> {
        Ok(Box::new(V4l2Camera::open_on(&*self.kernel, &self.path)?))
    }
}

impl Scene for Device {
    fn show(&self) -> Result<Box<dyn Any>, Error> {
        Ok(Box::new(()))
    }

    fn frame(&self, config: &StreamConfig, sequence: u64) -> Option<Oracle> {
        let fourcc = formats::to_fourccs(config.format).next()?;
        let number = if self.model.still { 0 } else { u32::try_from(sequence).ok()? };
        let planes = config.planes();
        let memories = planes.iter().map(|plane| plane.memory + 1).max().unwrap_or(1);
        let of_memory = |memory: usize| {
            let stride = planes.iter().find(|plane| plane.memory == memory).map_or(0, |plane| plane.stride);
            // Each memory begins with the picture of a later frame.
            let number = number.wrapping_add(u32::try_from(memory).unwrap_or(0));
            picture(fourcc, config.width, config.height, stride, config.size_bytes, number)
        };
        Some(Oracle::Bytes((0..memories).map(of_memory).collect()))
    }

    fn is_still(&self) -> bool {
        self.model.still
    }
}

/// Plugs the camera in again when the program that lost it is done.
struct Replug {
    fake: FakeKernel,
    path: PathBuf,
    model: Model,
}

impl Drop for Replug {
    fn drop(&mut self) {
        self.fake.plug(&self.path, self.model.clone());
    }
}

impl FaultSource for Device {
    fn faulty(&self, fault: DeviceFault) -> Result<Option<Faulty>, Error> {
        let Some(hardware) = self.hardware() else { return Ok(None) };
        let camera = self.camera()?;
        let once = |call| {
            let hardware = hardware.clone();
            move || hardware.refuse(call, Errno::EINVAL, Times::Next(1))
        };
        let planned = |frames: u64, fault| {
            let hardware = hardware.clone();
            move || hardware.misbehave(frames, fault)
        };
        let mut undo: Box<dyn Any> = Box::new(());
        let mut trigger: Box<dyn FnMut()> = match fault {
            DeviceFault::RequestBuffers => Box::new(once(Call::RequestBuffers)),
            DeviceFault::QueueBuffer => Box::new(once(Call::QueueBuffer)),
            DeviceFault::StreamOn => Box::new(once(Call::StreamOn)),
            DeviceFault::BadBuffer => Box::new(planned(0, Fault::Bad)),
            DeviceFault::Fatal => Box::new(planned(0, Fault::Fatal)),
            DeviceFault::Stall => Box::new(planned(0, Fault::Stall)),
            DeviceFault::Disconnect => {
                let (fake, path, model) = (self.fake.clone(), self.path.clone(), self.model.clone());
                undo = Box::new(Replug { fake, path, model });
                Box::new(move || hardware.unplug())
            }
            DeviceFault::Dropped(percent) => {
                let every = 100u64.div_ceil(u64::from(percent.max(1)));
                (1..=400)
                    .filter(|frame| frame % every == 0)
                    .for_each(|frame| hardware.misbehave(frame, Fault::Lost));
                undo = Box::new(Forget(hardware));
                Box::new(|| {})
            }
            DeviceFault::WrapSequence => {
                hardware.misbehave(0, Fault::Sequence(0xffff_ff80));
                Box::new(|| {})
            }
            DeviceFault::WrapTimestamp64 => {
                hardware.misbehave(0, Fault::Timestamp(Duration::from_secs(9_223_372_021)));
                undo = Box::new(Forget(hardware));
                Box::new(|| {})
            }
            DeviceFault::WrapTimestamp32 => {
                hardware.misbehave(0, Fault::Timestamp(Duration::from_secs(2_147_483_632)));
                undo = Box::new(Forget(hardware));
                Box::new(|| {})
            }
            DeviceFault::Busy => {
                let mut other = self.camera()?;
                let modes = crate::Camera::modes(&*other)?;
                if let Some(mode) = modes.last() {
                    crate::Camera::configure(&mut *other, &crate::StreamRequest { mode: *mode, held: 0 })?;
                }
                undo = other;
                Box::new(|| {})
            }
        };
        let trigger = Box::new(move || {
            trigger();
            Ok(())
        });
        Ok(Some(Faulty { camera, trigger, undo }))
    }
}

/// Takes back what was planned.
struct Forget(FakeCamera);

impl Drop for Forget {
    fn drop(&mut self) {
        self.0.behave();
    }
}
