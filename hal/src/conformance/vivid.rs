//! The kernel's `vivid` driver: what it shows, and what it does wrong on request.
//! <https://docs.kernel.org/admin-guide/media/vivid.html>

use std::any::Any;

use super::bars;
use super::oracle::{Oracle, Scene};
use super::subject::{DeviceFault, FaultSource, Faulty, NodePath};
use crate::camera::StreamConfig;
use crate::error::Error;
use crate::format::{CfaPattern, PixelFormat, RawFormat};
use crate::kernel::Video;
use crate::simulated::packing::pack;
use crate::v4l2::V4l2Camera;

/// The driver's own controls.
pub(crate) mod id {
    const CLASS: u32 = 0x00f0_f000;
    pub(crate) const TEST_PATTERN: u32 = CLASS;
    pub(crate) const OSD_TEXT: u32 = CLASS + 0x01;
    pub(crate) const WRAP_SEQUENCE: u32 = CLASS + 0x26;
    pub(crate) const WRAP_TIMESTAMP: u32 = CLASS + 0x27;
    pub(crate) const PERCENT_DROPPED: u32 = CLASS + 0x40;
    pub(crate) const DISCONNECT: u32 = CLASS + 0x41;
    pub(crate) const BUFFER_ERROR: u32 = CLASS + 0x42;
    pub(crate) const REQBUFS_ERROR: u32 = CLASS + 0x43;
    pub(crate) const QBUF_ERROR: u32 = CLASS + 0x44;
    pub(crate) const STREAMON_ERROR: u32 = CLASS + 0x45;
    pub(crate) const FATAL_ERROR: u32 = CLASS + 0x46;
}

const COLOUR_BARS: i64 = 1;
const NO_TEXT: i64 = 2;

/// A device of that driver.
pub(super) struct Vivid {
    node: NodePath,
}

impl Vivid {
    pub(super) fn new(node: NodePath) -> Self {
        Self { node }
    }

    fn open(&self) -> Result<Box<dyn Video>, Error> {
        self.node.kernel.video(&self.node.path).map_err(|errno| self.failed("open", errno))
    }

    fn failed(&self, operation: &'static str, errno: nix::errno::Errno) -> Error {
        let camera = self.node.path.display().to_string();
        Error::System { camera, operation, errno, detail: " (a control of vivid)".to_owned() }
    }

    /// Sets controls; those that were there before come back when the value drops.
    fn set(&self, controls: &[(u32, i64)]) -> Result<Undo, Error> {
        let file = self.open()?;
        let mut before = controls.to_vec();
        file.controls(&mut before).map_err(|refusal| self.failed("VIDIOC_G_EXT_CTRLS", refusal.errno))?;
        file.set_controls(&mut controls.to_vec())
            .map_err(|refusal| self.failed("VIDIOC_S_EXT_CTRLS", refusal.errno))?;
        drop(file);
        Ok(Undo { node: self.node.clone(), before })
    }
}

/// Puts controls back.
struct Undo {
    node: NodePath,
    before: Vec<(u32, i64)>,
}

impl Drop for Undo {
    fn drop(&mut self) {
        if let Ok(file) = self.node.kernel.video(&self.node.path) {
            let _ = file.set_controls(&mut self.before);
        }
    }
}

impl FaultSource for Vivid {
    fn faulty(&self, fault: DeviceFault) -> Result<Option<Faulty>, Error> {
        let button = match fault {
            DeviceFault::RequestBuffers => id::REQBUFS_ERROR,
            DeviceFault::QueueBuffer => id::QBUF_ERROR,
            DeviceFault::StreamOn => id::STREAMON_ERROR,
            DeviceFault::BadBuffer => id::BUFFER_ERROR,
            DeviceFault::Fatal => id::FATAL_ERROR,
            DeviceFault::Disconnect => id::DISCONNECT,
            DeviceFault::Dropped(percent) => return self.setting(id::PERCENT_DROPPED, i64::from(percent)),
            DeviceFault::Stall => return self.setting(id::PERCENT_DROPPED, 100),
            DeviceFault::WrapSequence => return self.setting(id::WRAP_SEQUENCE, 1),
            DeviceFault::WrapTimestamp64 => return self.setting(id::WRAP_TIMESTAMP, 1),
            DeviceFault::WrapTimestamp32 => return self.setting(id::WRAP_TIMESTAMP, 2),
            DeviceFault::Busy => return self.taken(),
        };
        if !self.has(button)? {
            return Ok(None);
        }
        let camera = Box::new(V4l2Camera::open_on(&*self.node.kernel, &self.node.path)?);
        let node = self.node.clone();
        let trigger = Box::new(move || {
            let pressed = Vivid::new(node.clone());
            let file = pressed.open()?;
            let press = file.set_controls(&mut [(button, 1)]);
            press.map_err(|refusal| pressed.failed("VIDIOC_S_EXT_CTRLS", refusal.errno))
        });
        Ok(Some(Faulty { camera, trigger, undo: Box::new(()) }))
    }
}

impl Vivid {
    fn has(&self, control: u32) -> Result<bool, Error> {
        Ok(self.open()?.control_after(control - 1).is_ok_and(|found| found.id == control))
    }

    /// A camera that does it from the moment when a control is set.
    fn setting(&self, control: u32, value: i64) -> Result<Option<Faulty>, Error> {
        if !self.has(control)? {
            return Ok(None);
        }
        // Before the stream starts: vivid looks at some of them only then.
        let undo = self.set(&[(control, value)])?;
        let camera = Box::new(V4l2Camera::open_on(&*self.node.kernel, &self.node.path)?);
        Ok(Some(Faulty { camera, trigger: Box::new(|| Ok(())), undo: Box::new(undo) }))
    }

    /// A camera that another open file of the same device keeps from its buffers.
    fn taken(&self) -> Result<Option<Faulty>, Error> {
        let mut other = V4l2Camera::open_on(&*self.node.kernel, &self.node.path)?;
        let modes = crate::camera::Camera::modes(&other)?;
        if let Some(mode) = modes.last() {
            let request = crate::camera::StreamRequest { mode: *mode, held: 0 };
            crate::camera::Camera::configure(&mut other, &request)?;
        }
        let camera = Box::new(V4l2Camera::open_on(&*self.node.kernel, &self.node.path)?);
        Ok(Some(Faulty { camera, trigger: Box::new(|| Ok(())), undo: Box::new(other) }))
    }
}

impl Scene for Vivid {
    fn show(&self) -> Result<Box<dyn Any>, Error> {
        Ok(Box::new(self.set(&[(id::TEST_PATTERN, COLOUR_BARS), (id::OSD_TEXT, NO_TEXT)])?))
    }

    fn frame(&self, config: &StreamConfig, _: u64) -> Option<Oracle> {
        /// Rounding on the driver's way and ours.
        const TOLERANCE: u8 = 4;
        let width = config.width as usize;
        match config.format {
            PixelFormat::Raw(format) => Some(Oracle::Bytes(vec![raw_bars(format, config)])),
            PixelFormat::Yuv(format) => {
                let bar = |x, _| bars::away_from_edges(x, width, bars::SHARED).map(bars::light);
                Some(bars::yuv(format, config, config.colorimetry?, TOLERANCE, bar))
            }
            PixelFormat::Rgb(format) => {
                let bar = |x, _| bars::away_from_edges(x, width, bars::SHARED).map(bars::light);
                Some(bars::rgb(format, config, config.colorimetry?, TOLERANCE, bar))
            }
            PixelFormat::Jpeg => None,
        }
    }

    fn is_still(&self) -> bool {
        true
    }
}

/// The colour that a sensor sees at a place: 0 is red, 1 green, 2 blue.
fn colour(pattern: CfaPattern, x: usize, y: usize) -> usize {
    let (red, green, blue) = (0, 1, 2);
    let cell = match pattern {
        CfaPattern::Rggb => [[red, green], [green, blue]],
        CfaPattern::Grbg => [[green, red], [blue, green]],
        CfaPattern::Gbrg => [[green, blue], [red, green]],
        CfaPattern::Bggr => [[blue, green], [green, red]],
    };
    cell[y % 2][x % 2]
}

/// Bars through a colour filter: all bits or none.
fn raw_bars(format: RawFormat, config: &StreamConfig) -> Vec<u8> {
    let (width, height) = (config.width as usize, config.height as usize);
    let full = u16::MAX >> (16 - u32::from(format.bits));
    let mut bytes = vec![0; (config.stride_bytes * height).max(config.size_bytes)];
    for (y, row) in bytes.chunks_mut(config.stride_bytes).take(height).enumerate() {
        let lit = |x: usize| bars::bar(x, width)[colour(format.pattern, x, y)];
        let samples: Vec<u16> = (0..width).map(|x| if lit(x) { full } else { 0 }).collect();
        pack(format, &samples, &mut row[..format.row_bytes(config.width)]);
    }
    bytes
}
