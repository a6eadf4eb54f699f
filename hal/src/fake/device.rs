//! A fake camera: its buffers, its frames and its time.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use v4l2r::bindings;

use super::faults::{Call, Fault, Faults};
use super::picture::picture;
use crate::kernel::{
    Control, ControlKind, Event, Filled, Format, Fraction, Identity, Memory, Rectangle, SizeEntry,
};
use crate::memory::Mapping;

/// What a camera is made of.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it says that it is.
    pub identity: Identity,
    /// Its pixel formats.
    pub fourccs: Vec<[u8; 4]>,
    /// Its sizes, for every format.
    pub sizes: Vec<SizeEntry>,
    /// Times from frame to frame that it lists; it begins with the first.
    pub intervals: Vec<Fraction>,
    /// Bytes that a row has beyond its samples.
    pub row_padding: u32,
    /// `V4L2_BUF_CAP_*`.
    pub buffer_capabilities: u32,
    /// The most buffers that it gives.
    pub most_buffers: u32,
    /// Its controls.
    pub controls: Vec<Control>,
    /// `V4L2_EVENT_*` that it has.
    pub events: Vec<u32>,
    /// The whole sensor; what is cropped is a part of it.
    pub sensor: Rectangle,
}

impl Model {
    /// A camera like `vivid`: raw in three depths, 30 frames a second, memory of its own or imported.
    pub fn raw() -> Self {
        let capabilities =
            bindings::V4L2_CAP_VIDEO_CAPTURE | bindings::V4L2_CAP_STREAMING | bindings::V4L2_CAP_DEVICE_CAPS;
        Self {
            identity: Identity {
                driver: "fake".to_owned(),
                card: "Fake camera".to_owned(),
                bus_info: "platform:fake-000".to_owned(),
                capabilities,
                device_caps: capabilities,
            },
            fourccs: vec![*b"RGGB", *b"BG10", *b"RG12"],
            sizes: vec![SizeEntry::Discrete(64, 48), SizeEntry::Discrete(32, 24)],
            intervals: [30, 10, 60].map(|denominator| Fraction { numerator: 1, denominator }).to_vec(),
            row_padding: 0,
            buffer_capabilities: bindings::V4L2_BUF_CAP_SUPPORTS_MMAP
                | bindings::V4L2_BUF_CAP_SUPPORTS_DMABUF
                | bindings::V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS,
            most_buffers: 32,
            controls: vec![
                control(bindings::V4L2_CID_EXPOSURE_ABSOLUTE, "Exposure Time, Absolute", (1, 10_000, 100)),
                control(bindings::V4L2_CID_ANALOGUE_GAIN, "Analogue Gain", (0, 255, 0)),
            ],
            events: vec![
                bindings::V4L2_EVENT_SOURCE_CHANGE,
                bindings::V4L2_EVENT_EOS,
                bindings::V4L2_EVENT_CTRL,
            ],
            sensor: Rectangle { left: 0, top: 0, width: 64, height: 48 },
        }
    }

    /// A camera like those on USB: YUYV and MJPEG.
    pub fn usb() -> Self {
        Self { fourccs: vec![*b"YUYV", *b"MJPG"], ..Self::raw() }
    }

    /// The same with a multi-planar queue.
    #[must_use]
    pub fn planar(mut self) -> Self {
        for capabilities in [&mut self.identity.capabilities, &mut self.identity.device_caps] {
            *capabilities &= !bindings::V4L2_CAP_VIDEO_CAPTURE;
            *capabilities |= bindings::V4L2_CAP_VIDEO_CAPTURE_MPLANE;
        }
        self
    }
}

fn control(id: u32, name: &str, (min, max, default): (i64, i64, i64)) -> Control {
    Control { id, name: name.to_owned(), kind: ControlKind::Integer, min, max, step: 1, default, flags: 0 }
}

/// A buffer of the queue.
#[derive(Debug)]
pub(super) struct Slot {
    /// Its memory: the driver's own, or what was imported last.
    pub(super) file: Option<OwnedFd>,
    /// Which file that is.
    pub(super) inode: Option<u64>,
    pub(super) queued: bool,
}

#[derive(Debug)]
pub(super) struct Device {
    pub(super) model: Model,
    pub(super) faults: Faults,
    pub(super) format: Format,
    pub(super) values: Vec<(u32, i64)>,
    pub(super) crop: Rectangle,
    pub(super) interval: Fraction,
    pub(super) slots: Vec<Slot>,
    pub(super) memory: Memory,
    /// The open file that made the buffers.
    pub(super) owner: Option<u64>,
    pub(super) subscribed: Vec<u32>,
    pub(super) events: VecDeque<Event>,
    pub(super) filled: VecDeque<Filled>,
    /// Buffers to fill, in the order in which they were queued.
    pub(super) waiting: VecDeque<u32>,
    pub(super) now: Duration,
    /// What all frames hold, instead of pictures of their own.
    pub(super) shown: Option<Vec<u8>>,
    files: u64,
    gone: bool,
    streaming: bool,
    failed: bool,
    stalled: bool,
    ended: bool,
    /// When the next frame is done.
    due: Duration,
    /// Added to the time of frames.
    skew: Duration,
    sequence: u32,
    frames: u64,
    starts: u32,
    pub(super) remaps: u32,
}

impl Device {
    pub(super) fn new(model: Model) -> Self {
        let values = model.controls.iter().map(|control| (control.id, control.default)).collect();
        let crop = model.sensor;
        let interval = model.intervals.first().copied().unwrap_or(Fraction { numerator: 1, denominator: 1 });
        Self {
            model,
            interval,
            faults: Faults::default(),
            format: Format::default(),
            values,
            crop,
            slots: Vec::new(),
            memory: Memory::Driver,
            owner: None,
            subscribed: Vec::new(),
            events: VecDeque::new(),
            filled: VecDeque::new(),
            waiting: VecDeque::new(),
            now: Duration::from_secs(1000),
            shown: None,
            files: 0,
            gone: false,
            streaming: false,
            failed: false,
            stalled: false,
            ended: false,
            due: Duration::ZERO,
            skew: Duration::ZERO,
            sequence: 0,
            frames: 0,
            starts: 0,
            remaps: 0,
        }
    }

    /// Every call begins here.
    pub(super) fn enter(&mut self, call: Call) -> nix::Result<()> {
        if self.gone {
            return Err(Errno::ENODEV);
        }
        self.faults.check(call)
    }

    pub(super) fn next_file(&mut self) -> u64 {
        self.files += 1;
        self.files
    }

    pub(super) fn unplug(&mut self) {
        self.gone = true;
        self.waiting.clear();
        self.filled.clear();
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended && self.filled.is_empty()
    }

    pub(super) fn is_streaming(&self) -> bool {
        self.streaming
    }

    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    pub(super) fn buffers(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn queued(&self) -> usize {
        self.slots.iter().filter(|slot| slot.queued).count()
    }

    pub(super) fn starts(&self) -> u32 {
        self.starts
    }

    pub(super) fn remaps(&self) -> u32 {
        self.remaps
    }

    pub(super) fn switch_on(&mut self) {
        self.streaming = true;
        self.starts += 1;
        self.sequence = 0;
        self.due = self.now + self.interval();
    }

    pub(super) fn switch_off(&mut self) {
        (self.streaming, self.failed, self.stalled, self.ended) = (false, false, false, false);
        self.waiting.clear();
        self.filled.clear();
        for slot in &mut self.slots {
            slot.queued = false;
        }
    }

    /// Lets time pass until a frame or an event is there, or until `end`.
    pub(super) fn run(&mut self, end: Duration) {
        while self.filled.is_empty() && self.events.is_empty() && !self.gone && !self.failed {
            if !self.streaming || self.stalled || self.ended || self.due > end {
                self.now = self.now.max(end);
                return;
            }
            self.frame();
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.streaming && !self.stalled && !self.ended && !self.gone && !self.failed && self.due <= end
        {
            self.frame();
        }
        self.now = self.now.max(end);
    }

    /// The next frame is done, if all goes well.
    fn frame(&mut self) {
        self.now = self.due;
        self.due += self.interval();
        let number = self.frames;
        self.frames += 1;
        let shown = self.shown.as_ref().and_then(|bytes| u32::try_from(bytes.len()).ok());
        let (mut bytes_used, mut flags) = (shown.map_or(self.size(), |len| len.min(self.size())), 0);
        let mut lost = false;
        for fault in self.faults.take(number) {
            match fault {
                Fault::Lost => lost = true,
                Fault::Empty => bytes_used = 0,
                Fault::Short(bytes) => bytes_used = bytes,
                Fault::Bad => flags |= bindings::V4L2_BUF_FLAG_ERROR,
                Fault::Late(delay) => {
                    // It is the same frame that comes then.
                    self.due = self.now + delay;
                    self.frames = number;
                    return;
                }
                Fault::Sequence(sequence) => self.sequence = sequence,
                Fault::Timestamp(time) => self.skew = time.saturating_sub(self.now),
                Fault::Stall => {
                    self.stalled = true;
                    return;
                }
                Fault::Fatal => {
                    self.failed = true;
                    return;
                }
                Fault::Stray(index) => self.filled.push_back(self.describe(index, 0, self.size())),
                Fault::Unplug => return self.unplug(),
                Fault::Tell(event) => self.events.push_back(event),
                Fault::Last => {
                    self.ended = true;
                    bytes_used = 0;
                    flags |= bindings::V4L2_BUF_FLAG_LAST;
                }
            }
        }
        let taken = if lost { None } else { self.waiting.pop_front() };
        if let Some(index) = taken {
            self.fill(index);
            let filled = self.describe(index, flags, bytes_used);
            self.filled.push_back(filled);
        }
        self.sequence = self.sequence.wrapping_add(1);
    }

    fn describe(&self, index: u32, flags: u32, bytes_used: u32) -> Filled {
        let clock = bindings::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        let timestamp = self.now + self.skew;
        Filled { index, sequence: self.sequence, flags: flags | clock, bytes_used, offset: 0, timestamp }
    }

    fn fill(&self, index: u32) {
        let Some(file) = self.slots.get(index as usize).and_then(|slot| slot.file.as_ref()) else { return };
        let plane = self.format.planes.first().copied().unwrap_or_default();
        let Format { fourcc, width, height, .. } = self.format;
        let size = plane.size as usize;
        let bytes = match &self.shown {
            Some(shown) => shown.iter().copied().chain(std::iter::repeat(0)).take(size).collect(),
            None => picture(fourcc, width, height, plane.stride as usize, size, self.sequence),
        };
        // Memory that cannot be mapped stays as it was, which a test sees.
        if let Ok(mut memory) = Mapping::read_write(file, size) {
            memory.bytes_mut().copy_from_slice(&bytes);
        }
    }

    pub(super) fn size(&self) -> u32 {
        self.format.planes.first().map_or(0, |plane| plane.size)
    }

    fn interval(&self) -> Duration {
        let Fraction { numerator, denominator } = self.interval;
        Duration::from_secs(u64::from(numerator)) / denominator.max(1)
    }
}
