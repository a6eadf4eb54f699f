//! Virtual cameras: a drawn scene in front of a model of a sensor.
//!
//! Owns: the scene, what lens and sensor make of it (colour filters, shading, noise, defects), the shake of a hand, the
//! thread that delivers frames as a device would, and faults on request. The same options give the same bytes for the
//! same sequence number on the same build; mathematics of another platform's C library may differ in single codes.
//! Never: developing pictures. Frames come as fast as they can be drawn where that is slower than asked, and their
//! timestamps say so.

mod exposure;
mod noise;
mod options;
pub(crate) mod packing;
mod plate;
mod scene;
mod sensor;
mod shake;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

use crate::camera::{Camera, CameraInfo, Dequeued, Mode, Sensor, StreamConfig, StreamRequest};
use crate::error::Error;
use crate::frame::{Exposure, SlotPool};
use crate::memory::Buffer;
use exposure::Exposer;
use stream::{Delivery, Plan, Producer};

pub use options::{Fault, Options};
pub use sensor::{MATRIX, NoiseProfile, WHITE_BALANCE};

/// Rows begin at whole cache lines, as devices write them.
const ROW_ALIGNMENT: usize = 64;
/// Slots beside those that the caller holds: one being exposed, one queued, one waiting to be fetched.
const OWN_SLOTS: u32 = 3;
/// Fewer slots than this make no stream.
const LEAST_SLOTS: u32 = 2;
/// More than any burst; bounds what a hostile request costs in file descriptors.
const MOST_SLOTS: u32 = 256;

/// A camera that looks at a drawn scene. `info().id` finds the same camera again.
#[derive(Debug)]
pub struct VirtualCamera {
    options: Options,
    info: CameraInfo,
    /// Made once: every configuration looks at the same scene.
    exposer: Option<Arc<Exposer>>,
    configured: Option<Configured>,
    gone: bool,
}

#[derive(Debug)]
struct Configured {
    config: StreamConfig,
    pool: Arc<SlotPool>,
    /// Slots that neither the caller nor the producer has.
    idle: Vec<u32>,
    producer: Option<Producer>,
}

impl VirtualCamera {
    /// A camera with these settings. Does not draw yet: the first `configure` does.
    ///
    /// # Errors
    /// [`Error::BadName`] when a setting is out of its range.
    pub fn new(options: Options) -> Result<Self, Error> {
        options.check().map_err(|reason| options::bad_name(&options.to_string(), &reason))?;
        let text = options.to_string();
        let info = CameraInfo {
            id: if text.is_empty() { "virtual".to_owned() } else { format!("virtual:{text}") },
            driver: "virtual".to_owned(),
            model: "Virtual camera".to_owned(),
            path: None,
            simulated: true,
            sensor: Sensor {
                black: Some(options.black),
                white: Some(options.white()),
                matrix: Some(MATRIX),
                daylight: Some(WHITE_BALANCE),
            },
        };
        Ok(Self { options, info, exposer: None, configured: None, gone: false })
    }

    /// The settings.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The noise that frames have.
    pub fn noise_profile(&self) -> NoiseProfile {
        self.options.noise_profile()
    }

    fn mode(&self) -> Mode {
        Mode {
            format: self.options.format.into(),
            width: self.options.width,
            height: self.options.height,
            frame_interval: Some(self.options.frame_interval()),
        }
    }

    fn here(&self) -> Result<(), Error> {
        if self.gone { Err(Error::Gone { camera: self.info.id.clone() }) } else { Ok(()) }
    }

    fn state(&self, operation: &'static str, reason: &'static str) -> Error {
        Error::State { camera: self.info.id.clone(), operation, reason }
    }

    fn unsupported(&self, reason: String) -> Error {
        Error::Unsupported { camera: self.info.id.clone(), reason }
    }
}

impl Camera for VirtualCamera {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    /// One mode: that of the options.
    fn modes(&self) -> Result<Vec<Mode>, Error> {
        self.here()?;
        Ok(vec![self.mode()])
    }

    /// Blocks at the first call while the scene is drawn: about two seconds for 12 million samples on two free cores.
    fn configure(&mut self, request: &StreamRequest) -> Result<StreamConfig, Error> {
        self.here()?;
        if self.configured.as_ref().is_some_and(|configured| configured.producer.is_some()) {
            return Err(self.state("configure", "it streams; stop it first"));
        }
        if self.options.faults.contains(&Fault::Busy) {
            return Err(Error::Busy {
                camera: self.info.id.clone(),
                operation: "configure",
                errno: Errno::EBUSY,
            });
        }
        let (asked, mode) = (request.mode, self.mode());
        if (asked.format, asked.width, asked.height) != (mode.format, mode.width, mode.height) {
            return Err(self.unsupported(format!("asked for {asked:?}, it has only {mode:?}")));
        }
        let Mode { format, width, height, frame_interval } = mode;
        let stride_bytes = format.row_bytes(width).next_multiple_of(ROW_ALIGNMENT);
        let size_bytes = stride_bytes * height as usize;
        let budget = u64::from(self.options.memory_mib) << 20;
        let slots = slots(request.held, size_bytes as u64, budget);
        if slots < LEAST_SLOTS {
            let reason = format!(
                "{LEAST_SLOTS} frames of {size_bytes} bytes do not fit into memory={} MiB; allow it more",
                self.options.memory_mib
            );
            return Err(self.unsupported(reason));
        }
        // The old slots go first, so that both never count at once.
        self.configured = None;
        let buffers =
            (0..slots).map(|slot| Buffer::allocate(size_bytes, format!("virtual camera slot {slot}")));
        let pool = SlotPool::new(buffers.collect::<Result<_, _>>()?);
        if self.exposer.is_none() {
            self.exposer = Some(Arc::new(Exposer::new(&self.options)));
        }
        let held = request.held.min(slots.saturating_sub(OWN_SLOTS));
        let config = StreamConfig {
            format,
            width,
            height,
            stride_bytes,
            separate: None,
            size_bytes,
            slots,
            held,
            frame_interval,
            colorimetry: None,
        };
        self.configured = Some(Configured { config, pool, idle: (0..slots).collect(), producer: None });
        Ok(config)
    }

    fn start(&mut self) -> Result<(), Error> {
        self.here()?;
        let not_configured = self.state("start", "it is not configured; configure it first");
        let streams = self.state("start", "it streams already");
        let (Some(configured), Some(exposer)) = (&mut self.configured, &self.exposer) else {
            return Err(not_configured);
        };
        if configured.producer.is_some() {
            return Err(streams);
        }
        while let Some(slot) = configured.pool.take_returned() {
            configured.idle.push(slot);
        }
        let plan = Plan {
            camera: self.info.id.clone(),
            exposer: Arc::clone(exposer),
            pool: Arc::clone(&configured.pool),
            stride_bytes: configured.config.stride_bytes,
            size_bytes: configured.config.size_bytes,
            interval: self.options.frame_interval(),
            exposure: Exposure { time: self.options.exposure_time(), gain: self.options.gain },
            faults: self.options.faults.clone(),
        };
        configured.producer = Some(Producer::start(plan, configured.idle.clone())?);
        configured.idle.clear();
        Ok(())
    }

    fn dequeue(&mut self, timeout: Duration) -> Result<Dequeued, Error> {
        self.here()?;
        let stopped = self.state("dequeue", "it does not stream; start it first");
        let Some(configured) = &mut self.configured else { return Err(stopped) };
        let Some(producer) = &configured.producer else { return Err(stopped) };
        while let Some(slot) = configured.pool.take_returned() {
            producer.queue(slot);
        }
        match producer.next(timeout)? {
            Delivery::Frame { slot, shot } => match configured.pool.lend(slot, shot) {
                Some(frame) => Ok(Dequeued::Frame(frame)),
                None => {
                    producer.queue(slot);
                    let reason = "the picture is larger than its memory";
                    Ok(Dequeued::Damaged { sequence: shot.sequence, reason })
                }
            },
            Delivery::Damaged { sequence } => {
                Ok(Dequeued::Damaged { sequence, reason: "damaged on request (fault=damage)" })
            }
            Delivery::Timeout => Ok(Dequeued::Timeout),
            Delivery::Starved => Ok(Dequeued::Starved),
            Delivery::Stalled => {
                Err(Error::Stalled { camera: self.info.id.clone(), waited: stream::PATIENCE })
            }
            Delivery::Gone => {
                self.gone = true;
                self.here().map(|()| Dequeued::Timeout)
            }
        }
    }

    fn stop(&mut self) -> Result<(), Error> {
        if let Some(configured) = &mut self.configured
            && let Some(producer) = configured.producer.take()
        {
            configured.idle = producer.stop();
        }
        Ok(())
    }
}

/// How many slots of this size a stream gets within the budget of bytes.
fn slots(held: u32, size_bytes: u64, budget: u64) -> u32 {
    let fit = u32::try_from(budget / size_bytes.max(1)).unwrap_or(u32::MAX);
    held.saturating_add(OWN_SLOTS).min(fit).min(MOST_SLOTS)
}

#[cfg(test)]
mod tests;
