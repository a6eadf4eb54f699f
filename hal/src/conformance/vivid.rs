//! The kernel's `vivid` driver: what it shows, and what it does wrong on request.
//! <https://docs.kernel.org/admin-guide/media/vivid.html>

use std::any::Any;

use super::oracle::{Oracle, Scene};
use super::subject::{DeviceFault, FaultSource, Faulty, NodePath};
use crate::camera::StreamConfig;
use crate::color::{Colorimetry, Range, YcbcrEncoding};
use crate::error::Error;
use crate::format::{CfaPattern, PixelFormat, RawFormat, YuvFormat};
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

/// Full colour bars, from the left: white, yellow, cyan, green, magenta, red, blue, black.
const BARS: [[bool; 3]; 8] = [
    [true, true, true],
    [true, true, false],
    [false, true, true],
    [false, true, false],
    [true, false, true],
    [true, false, false],
    [false, false, true],
    [false, false, false],
];

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
        match config.format {
            PixelFormat::Raw(format) => Some(Oracle::Bytes(vec![raw_bars(format, config)])),
            PixelFormat::Yuv(format) => Some(yuv_bars(format, config, config.colorimetry?)),
            _ => None,
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

fn bar(x: usize, width: usize) -> [bool; 3] {
    BARS[(x * BARS.len() / width.max(1)).min(BARS.len() - 1)]
}

/// Bars through a colour filter: all bits or none.
fn raw_bars(format: RawFormat, config: &StreamConfig) -> Vec<u8> {
    let (width, height) = (config.width as usize, config.height as usize);
    let full = u16::MAX >> (16 - u32::from(format.bits));
    let mut bytes = vec![0; (config.stride_bytes * height).max(config.size_bytes)];
    for (y, row) in bytes.chunks_mut(config.stride_bytes).take(height).enumerate() {
        let lit = |x: usize| bar(x, width)[colour(format.pattern, x, y)];
        let samples: Vec<u16> = (0..width).map(|x| if lit(x) { full } else { 0 }).collect();
        pack(format, &samples, &mut row[..format.row_bytes(config.width)]);
    }
    bytes
}

/// Luma and both colour differences of a bar, 8 bits each.
fn ycbcr(lit: [bool; 3], colours: Colorimetry) -> [u8; 3] {
    let (red_weight, blue_weight) = match colours.encoding {
        YcbcrEncoding::Rec709 => (0.2126, 0.0722),
        YcbcrEncoding::Rec2020 => (0.2627, 0.0593),
        _ => (0.299, 0.114),
    };
    let [red, green, blue] = lit.map(|on| if on { 1.0 } else { 0.0 });
    let luma: f64 = red_weight * red + (1.0 - red_weight - blue_weight) * green + blue_weight * blue;
    let differences = [(blue - luma) / (1.0 - blue_weight) / 2.0, (red - luma) / (1.0 - red_weight) / 2.0];
    let (low, luma_span, chroma_span) = match colours.range {
        Range::Full => (0.0, 255.0, 255.0),
        Range::Limited => (16.0, 219.0, 224.0),
    };
    let code = |value: f64| value.round().clamp(0.0, 255.0) as u8;
    let [cb, cr] = differences.map(|difference| code(128.0 + chroma_span * difference));
    [code(low + luma_span * luma), cb, cr]
}

fn yuv_bars(format: YuvFormat, config: &StreamConfig, colours: Colorimetry) -> Oracle {
    /// Rounding on the driver's way and ours.
    const TOLERANCE: u8 = 4;
    /// Samples beside the edge of a bar that are not compared: chroma is shared there.
    const EDGE: usize = 3;
    let width = config.width as usize;
    let at = |x: usize, component: usize| {
        let inside = bar(x.saturating_sub(EDGE), width) == bar((x + EDGE).min(width - 1), width);
        inside.then(|| ycbcr(bar(x, width), colours)[component])
    };
    let planes = config.planes();
    let memories = planes.iter().map(|plane| plane.memory + 1).max().unwrap_or(1);
    let mut bytes = vec![vec![None; config.size_bytes]; memories];
    for (index, plane) in planes.into_iter().enumerate() {
        for row in 0..plane.rows {
            for place in 0..plane.row_bytes {
                let (x, component) = sample_at(format, index, place);
                if let Some(byte) = bytes[plane.memory].get_mut(plane.offset + row * plane.stride + place) {
                    *byte = if x < width { at(x, component) } else { None };
                }
            }
        }
    }
    Oracle::Near(bytes, TOLERANCE)
}

/// Which column and component a byte of a row is: 0 is luma, 1 is Cb, 2 is Cr.
fn sample_at(format: YuvFormat, plane: usize, place: usize) -> (usize, usize) {
    let packed = |order: [usize; 4]| {
        let component = order[place % 4];
        let pair = place / 4 * 2;
        let second_luma = component == 0 && order[..place % 4].contains(&0);
        (pair + usize::from(second_luma), component)
    };
    let component = |first: usize| if place.is_multiple_of(2) { first } else { 3 - first };
    match (format, plane) {
        (YuvFormat::Yuyv, _) => packed([0, 1, 0, 2]),
        (YuvFormat::Yvyu, _) => packed([0, 2, 0, 1]),
        (YuvFormat::Uyvy, _) => packed([1, 0, 2, 0]),
        (YuvFormat::Vyuy, _) => packed([2, 0, 1, 0]),
        (_, 0) => (place, 0),
        (YuvFormat::Nv12 | YuvFormat::Nv16, _) => (place / 2 * 2, component(1)),
        (YuvFormat::Nv21 | YuvFormat::Nv61, _) => (place / 2 * 2, component(2)),
        (YuvFormat::Nv24, _) => (place / 2, component(1)),
        (YuvFormat::Nv42, _) => (place / 2, component(2)),
        (YuvFormat::Yuv420 | YuvFormat::Yuv422, plane) => (place * 2, plane),
        (YuvFormat::Yvu420 | YuvFormat::Yvu422, plane) => (place * 2, 3 - plane),
        (YuvFormat::Yuv444, plane) => (place, plane),
        (YuvFormat::Yvu444, plane) => (place, 3 - plane),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::{ColorSpace, Transfer};

    const TELEVISION: Colorimetry = Colorimetry {
        space: ColorSpace::Srgb,
        transfer: Transfer::Srgb,
        encoding: YcbcrEncoding::Rec601,
        range: Range::Limited,
    };

    #[test]
    fn bars_have_the_codes_of_the_standard() {
        assert_eq!(ycbcr([true; 3], TELEVISION), [235, 128, 128]);
        assert_eq!(ycbcr([false; 3], TELEVISION), [16, 128, 128]);
        // Rec. 601, table of 100 % bars: red.
        assert_eq!(ycbcr([true, false, false], TELEVISION), [81, 90, 240]);
        let full = Colorimetry { range: Range::Full, ..TELEVISION };
        assert_eq!(ycbcr([true; 3], full), [255, 128, 128]);
    }

    #[test]
    fn every_byte_of_a_packed_row_has_its_component() {
        let row = |format| (0..4).map(|place| sample_at(format, 0, place)).collect::<Vec<_>>();
        assert_eq!(row(YuvFormat::Yuyv), [(0, 0), (0, 1), (1, 0), (0, 2)]);
        assert_eq!(row(YuvFormat::Vyuy), [(0, 2), (0, 0), (0, 1), (1, 0)]);
        assert_eq!(sample_at(YuvFormat::Nv21, 1, 5), (4, 1));
        assert_eq!(sample_at(YuvFormat::Yvu420, 1, 5), (10, 2));
    }
}
