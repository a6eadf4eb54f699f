//! A capture node with its pipeline, seen as one device. Drivers of simple cameras set all parts up when their node is
//! told a format; those whose nodes say `V4L2_CAP_IO_MC` leave the parts to the program:
//! <https://docs.kernel.org/userspace-api/media/v4l/open.html#controlling-a-hardware-peripheral-via-v4l2>.
//!
//! [`PipelineNode`] is that program: its formats and sizes are those of the sensor that reach the node, its controls those
//! of all parts, and setting a format sets up the way. Buffers and frames are the node's own.

use std::cell::RefCell;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use v4l2r::bindings;

use super::pipeline::PipelineError;
use super::set_up::{Pipeline, Wish};
use crate::error::{Error, ErrorKind};
use crate::kernel::{
    BusFormat, Control, ControlRefusal, Controls, Event, Filled, Format, FormatEntry, Fraction, Grant,
    Identity, Import, IntervalEntry, Kernel, Memory, MenuItem, Queue, Ready, Rectangle, SizeEntry, SizeRange,
    Video,
};
use crate::v4l2::modes::halves;

/// Lists longer than this come from a driver that does not end them.
const LONGEST_LIST: u32 = 64;

/// A format of the sensor, and what becomes of it at the node.
#[derive(Clone, Copy, Debug)]
struct Way {
    sensor: BusFormat,
    format: FormatEntry,
    size: (u32, u32),
}

/// A capture node and the parts before it.
#[derive(Debug)]
pub struct PipelineNode {
    node: Box<dyn Video>,
    pipeline: Pipeline,
    ways: Vec<Way>,
    /// Why the last format could not be set.
    refusal: RefCell<Option<String>>,
}

/// The node as it is to be used: with its pipeline where its driver leaves that to programs, else as it is. A node to
/// which no sensor leads is left as it is too, if no particular one is wished for.
///
/// # Errors
/// As [`Pipeline::to_node`].
pub fn with_pipeline(
    kernel: &dyn Kernel,
    path: &Path,
    node: Box<dyn Video>,
    identity: &Identity,
    wish: &Wish,
) -> Result<Box<dyn Video>, Error> {
    if identity.device_caps & bindings::V4L2_CAP_IO_MC == 0 {
        return Ok(node);
    }
    match Pipeline::to_node(kernel, path, wish) {
        Ok(pipeline) => Ok(Box::new(PipelineNode::new(node, pipeline))),
        Err(error) if error.kind() == ErrorKind::NotFound && *wish == Wish::default() => Ok(node),
        Err(error) => Err(error),
    }
}

impl PipelineNode {
    fn new(node: Box<dyn Video>, pipeline: Pipeline) -> Self {
        let ways = sensor_formats(&pipeline)
            .into_iter()
            .filter_map(|sensor| Some((sensor, pipeline.outcome(sensor).ok()??)))
            .flat_map(|(sensor, given)| {
                let size = (given.width, given.height);
                let formats = list(|index| node.format_on_bus(given.code, index));
                formats.into_iter().map(move |format| Way { sensor, format, size })
            })
            .collect();
        Self { node, pipeline, ways, refusal: RefCell::default() }
    }

    /// The formats, each once, in the sensor's order.
    fn formats(&self) -> Vec<FormatEntry> {
        let mut found: Vec<FormatEntry> = Vec::new();
        for way in &self.ways {
            if found.iter().all(|known| known.fourcc != way.format.fourcc) {
                found.push(way.format);
            }
        }
        found
    }

    /// The sizes of a format, each once; two formats of the sensor may become the same at the node.
    fn sizes(&self, fourcc: u32) -> Vec<(u32, u32)> {
        let of_format = self.ways.iter().filter(|way| way.format.fourcc == fourcc);
        let mut sizes: Vec<(u32, u32)> = of_format.map(|way| way.size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// The way that is nearest to what is wanted: of this format where it is there, the size that differs least.
    fn nearest(&self, wanted: &Format) -> Option<&Way> {
        let other_format = |way: &Way| way.format.fourcc != wanted.fourcc;
        let distance = |way: &Way| {
            u64::from(way.size.0.abs_diff(wanted.width)) + u64::from(way.size.1.abs_diff(wanted.height))
        };
        self.ways.iter().min_by_key(|way| (other_format(way), distance(way)))
    }

    fn devices(&self) -> impl Iterator<Item = &dyn Controls> {
        let parts = self.pipeline.parts().map(|part| part as &dyn Controls);
        parts.chain(std::iter::once(&*self.node as &dyn Controls))
    }

    /// Which device has a control, the first of several: drivers may hand those of one part on to the next.
    fn owner(&self, id: u32) -> Option<usize> {
        let before = id.checked_sub(1)?;
        self.devices().position(|device| device.control_after(before).is_ok_and(|control| control.id == id))
    }

    /// Makes a call on each device with the controls that are its own. Those of one device are set together.
    fn shared(
        &self,
        values: &mut [(u32, i64)],
        call: impl Fn(&dyn Controls, &mut [(u32, i64)]) -> Result<(), ControlRefusal>,
    ) -> Result<(), ControlRefusal> {
        let unknown = |index| ControlRefusal { errno: Errno::EINVAL, index: Some(index) };
        let ids = values.iter().enumerate();
        let owners: Vec<usize> =
            ids.map(|(index, (id, _))| self.owner(*id).ok_or(unknown(index))).collect::<Result<_, _>>()?;
        for (number, device) in self.devices().enumerate() {
            let places: Vec<usize> = (0..values.len()).filter(|place| owners[*place] == number).collect();
            let mut own: Vec<(u32, i64)> = places.iter().map(|place| values[*place]).collect();
            if own.is_empty() {
                continue;
            }
            call(device, &mut own).map_err(|refusal| ControlRefusal {
                index: refusal.index.and_then(|index| places.get(index).copied()),
                ..refusal
            })?;
            for (place, value) in places.iter().zip(own) {
                values[*place] = value;
            }
        }
        Ok(())
    }
}

/// The formats that the sensor has; the one that it is set to where it lists none. Of a range of sizes the largest and its
/// halves.
fn sensor_formats(pipeline: &Pipeline) -> Vec<BusFormat> {
    let Some((sensor, pad)) = pipeline.sensor() else { return Vec::new() };
    let now = sensor.format(pad, 0);
    let other = now.unwrap_or(BusFormat { field: 1, ..BusFormat::default() });
    let mut found = Vec::new();
    for code in list(|index| sensor.code(pad, index)) {
        for size in list(|index| sensor.size(pad, code, index)) {
            let range = SizeRange { min: size.min, max: size.max, step: (2, 2) };
            let sizes = if size.min == size.max { vec![size.max] } else { halves(&range) };
            found.extend(sizes.into_iter().map(|(width, height)| BusFormat { code, width, height, ..other }));
        }
    }
    if found.is_empty() {
        found.extend(now);
    }
    found
}

fn list<T>(entry: impl Fn(u32) -> nix::Result<T>) -> Vec<T> {
    (0..LONGEST_LIST).map_while(|index| entry(index).ok()).collect()
}

fn entry<T: Copy>(list: &[T], index: u32) -> nix::Result<T> {
    list.get(index as usize).copied().ok_or(Errno::EINVAL)
}

impl Controls for PipelineNode {
    fn control_after(&self, id: u32) -> nix::Result<Control> {
        let answers: Vec<_> = self.devices().map(|device| device.control_after(id)).collect();
        let refusal = match answers.iter().any(|answer| matches!(answer, Err(Errno::EINVAL))) {
            // A part without controls of its own does not say for the others that there are none.
            true => Errno::EINVAL,
            false => {
                answers.iter().find_map(|answer| answer.as_ref().err().copied()).unwrap_or(Errno::ENOTTY)
            }
        };
        // Of two that have it the first one counts, as in `owner`.
        answers.into_iter().flatten().min_by_key(|control| control.id).ok_or(refusal)
    }

    fn menu_item(&self, control: &Control, index: u32) -> nix::Result<MenuItem> {
        let owner = self.owner(control.id).and_then(|number| self.devices().nth(number));
        owner.ok_or(Errno::EINVAL)?.menu_item(control, index)
    }

    fn controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        self.shared(values, |device, own| device.controls(own))
    }

    /// Those of several devices are set in the order of pictures; a refusal leaves what was set before it.
    fn set_controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        self.shared(values, |device, own| device.set_controls(own))
    }
}

impl Video for PipelineNode {
    fn identity(&self) -> nix::Result<Identity> {
        self.node.identity()
    }

    fn use_planar_queue(&mut self) {
        self.node.use_planar_queue();
    }

    fn use_metadata_queue(&mut self) {
        self.node.use_metadata_queue();
    }

    fn format_entry(&self, index: u32) -> nix::Result<FormatEntry> {
        entry(&self.formats(), index)
    }

    fn format_on_bus(&self, code: u32, index: u32) -> nix::Result<FormatEntry> {
        self.node.format_on_bus(code, index)
    }

    fn size_entry(&self, fourcc: u32, index: u32) -> nix::Result<SizeEntry> {
        entry(&self.sizes(fourcc), index).map(|(width, height)| SizeEntry::Discrete(width, height))
    }

    /// Those of the sensor, where it lists any.
    fn interval_entry(&self, fourcc: u32, size: (u32, u32), index: u32) -> nix::Result<IntervalEntry> {
        let way = self.ways.iter().find(|way| way.format.fourcc == fourcc && way.size == size);
        let ((sensor, pad), way) = self.pipeline.sensor().zip(way).ok_or(Errno::EINVAL)?;
        let BusFormat { code, width, height, .. } = way.sensor;
        sensor.interval_entry(pad, code, (width, height), index).map(IntervalEntry::Discrete)
    }

    /// That of the node; where the parts cannot give it, since nobody has set them up for it, the nearest that they can.
    fn format(&self) -> nix::Result<Format> {
        let now = self.node.format()?;
        let is_given = self.ways.is_empty() || self.ways.iter().any(|way| way.format.fourcc == now.fourcc);
        if is_given { Ok(now) } else { self.try_format(&now) }
    }

    fn try_format(&self, wanted: &Format) -> nix::Result<Format> {
        let way = self.nearest(wanted).ok_or(Errno::EINVAL)?;
        self.node.try_format(&way.at_node(wanted))
    }

    fn set_format(&self, wanted: &Format) -> nix::Result<Format> {
        let way = self.nearest(wanted).ok_or(Errno::EINVAL)?;
        self.refusal.replace(None);
        self.pipeline.set_up(way.sensor).map_err(|error| {
            self.refusal.replace(Some(error.to_string()));
            match error {
                PipelineError::Refused { errno, .. } => errno,
                PipelineError::Mismatch(_) => Errno::EPIPE,
            }
        })?;
        self.node.set_format(&way.at_node(wanted))
    }

    /// That of the sensor, where it has a choice.
    fn set_interval(&self, wanted: Option<Fraction>) -> nix::Result<Option<Fraction>> {
        let Some((sensor, pad)) = self.pipeline.sensor() else { return self.node.set_interval(wanted) };
        let made = match wanted {
            Some(wanted) => sensor.set_interval(pad, wanted),
            None => sensor.interval(pad),
        };
        match made {
            Ok(interval) => Ok(Some(interval)),
            Err(Errno::ENOTTY | Errno::EINVAL) => self.node.set_interval(wanted),
            Err(errno) => Err(errno),
        }
    }

    fn selection(&self, target: u32) -> nix::Result<Rectangle> {
        self.node.selection(target)
    }

    fn set_selection(&self, target: u32, wanted: Rectangle) -> nix::Result<Rectangle> {
        self.node.set_selection(target, wanted)
    }

    fn subscribe(&self, kind: u32, id: u32) -> nix::Result<()> {
        self.node.subscribe(kind, id)
    }

    fn priority(&self) -> nix::Result<u32> {
        self.node.priority()
    }

    fn set_priority(&self, priority: u32) -> nix::Result<()> {
        self.node.set_priority(priority)
    }

    fn label(&self) -> Option<String> {
        self.pipeline.node_name()
    }

    fn reason(&self) -> Option<String> {
        let refusal = self.refusal.borrow().clone();
        refusal.or_else(|| self.pipeline.mismatch().map(|mismatch| mismatch.to_string()))
    }
}

impl Way {
    /// What the node is asked for.
    fn at_node(&self, wanted: &Format) -> Format {
        let (width, height) = self.size;
        Format { fourcc: self.format.fourcc, width, height, ..wanted.clone() }
    }
}

/// All of it is the node's.
impl Queue for PipelineNode {
    fn request(&self, count: u32, memory: Memory, cached: bool) -> nix::Result<Grant> {
        self.node.request(count, memory, cached)
    }

    fn remove(&self, first: u32, count: u32) -> nix::Result<()> {
        self.node.remove(first, count)
    }

    fn lengths(&self, index: u32, memory: Memory) -> nix::Result<Vec<usize>> {
        self.node.lengths(index, memory)
    }

    fn export(&self, index: u32, plane: u32) -> nix::Result<OwnedFd> {
        self.node.export(index, plane)
    }

    fn prepare(&self, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
        self.node.prepare(index, imports)
    }

    fn queue(&self, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
        self.node.queue(index, imports)
    }

    fn set_controls_in(
        &self,
        request: BorrowedFd<'_>,
        values: &mut [(u32, i64)],
    ) -> Result<(), ControlRefusal> {
        self.node.set_controls_in(request, values)
    }

    fn queue_in(&self, request: BorrowedFd<'_>, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
        self.node.queue_in(request, index, imports)
    }

    fn contents(&self, index: u32, bytes: usize) -> nix::Result<Vec<u8>> {
        self.node.contents(index, bytes)
    }

    fn dequeue(&self, memory: Memory) -> nix::Result<Filled> {
        self.node.dequeue(memory)
    }

    fn wait(&self, timeout: Duration) -> nix::Result<Ready> {
        self.node.wait(timeout)
    }

    fn event(&self) -> nix::Result<Event> {
        self.node.event()
    }

    fn stream_on(&self) -> nix::Result<()> {
        self.node.stream_on()
    }

    fn stream_off(&self) -> nix::Result<()> {
        self.node.stream_off()
    }

    fn now(&self) -> Duration {
        self.node.now()
    }

    fn pause(&self, time: Duration) {
        self.node.pause(time);
    }
}

#[cfg(test)]
#[path = "node_tests.rs"]
pub(super) mod tests;
