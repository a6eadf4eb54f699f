//! A fake camera: its buffers, its frames and its time.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use v4l2r::bindings;

use super::faults::{Call, Fault, Faults};
use super::model::{Model, nearest};
use super::picture::picture;
use super::request::{Content, Holder, Way};
use crate::kernel::{Event, Fill, Filled, Format, Fraction, MOST_PLANES, Memory, Rectangle};
use crate::memory::Mapping;

/// A buffer of the queue.
#[derive(Debug)]
pub(super) struct Slot {
    /// Its memory planes: the driver's own, or what was imported last, each with the number of its file.
    pub(super) memories: Vec<(OwnedFd, u64)>,
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
    /// Which open file asked for which events, and of which control.
    pub(super) subscribed: Vec<(u64, u32, u32)>,
    /// Events that are there, each for one open file or for whoever asks first.
    pub(super) events: VecDeque<(Option<u64>, Event)>,
    /// The open file that has the recording priority.
    pub(super) recorder: Option<u64>,
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
    /// By the numbers of their files.
    pub(super) requests: HashMap<u64, Content>,
    pub(super) way: Way,
    /// The numbers and controls of the frames that were made last.
    pub(super) made: VecDeque<(u32, Vec<(u32, i64)>)>,
}

impl Device {
    pub(super) fn new(model: Model) -> Self {
        let values = model.controls.iter().map(|control| (control.id, control.default)).collect();
        let crop = model.sensor;
        let interval = model.intervals.first().copied().unwrap_or(Fraction { numerator: 1, denominator: 1 });
        let format = nearest(&model, &Format::default()).unwrap_or_default();
        Self {
            model,
            interval,
            faults: Faults::default(),
            format,
            values,
            crop,
            slots: Vec::new(),
            memory: Memory::Driver,
            owner: None,
            subscribed: Vec::new(),
            events: VecDeque::new(),
            recorder: None,
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
            requests: HashMap::new(),
            way: Way::Unknown,
            made: VecDeque::new(),
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

    pub(super) fn behave(&mut self) {
        self.faults = Faults::default();
        self.skew = Duration::ZERO;
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
        self.way = Way::Unknown;
        for slot in &mut self.slots {
            slot.queued = false;
        }
        for content in self.requests.values_mut() {
            content.buffer = None;
            if content.holder == Holder::Device {
                content.holder = Holder::Done;
            }
        }
    }

    /// Lets time pass until a frame is there or an event for this open file, or until `end`.
    pub(super) fn run(&mut self, end: Duration, file: u64) {
        while self.filled.is_empty() && !self.has_event(file) && !self.gone && !self.failed {
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
        let (mut bytes_used, mut flags) = (self.shown_bytes(), 0);
        let mut lost = false;
        for fault in self.faults.take(number) {
            match fault {
                Fault::Lost => lost = true,
                Fault::Empty => bytes_used = Some(0),
                Fault::Short(bytes) => bytes_used = Some(bytes),
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
                Fault::Stray(index) => self.filled.push_back(self.describe(index, 0, None)),
                Fault::Unplug => return self.unplug(),
                Fault::Tell(event) => self.events.push_back((None, event)),
                Fault::Last => {
                    self.ended = true;
                    bytes_used = Some(0);
                    flags |= bindings::V4L2_BUF_FLAG_LAST;
                }
            }
        }
        let lost = lost || self.waiting.len() <= self.model.kept_buffers as usize;
        let taken = if lost { None } else { self.waiting.pop_front() };
        if let Some(index) = taken {
            self.take_request(index);
            self.fill(index);
            let filled = self.describe(index, flags, bytes_used);
            self.filled.push_back(filled);
        }
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Does what the request of a buffer asks for, and remembers under which controls the frame is made.
    fn take_request(&mut self, index: u32) {
        const REMEMBERED: usize = 64;
        let is_its =
            |content: &&mut Content| content.holder == Holder::Device && content.buffer == Some(index);
        if let Some(content) = self.requests.values_mut().find(is_its) {
            content.holder = Holder::Done;
            for (id, value) in std::mem::take(&mut content.values) {
                if let Some(now) = self.values.iter_mut().find(|known| known.0 == id) {
                    now.1 = value;
                }
            }
        }
        if self.made.len() == REMEMBERED {
            self.made.pop_front();
        }
        self.made.push_back((self.sequence, self.values.clone()));
    }

    /// `bytes_used` is that of the last memory where it is not the whole.
    fn describe(&self, index: u32, flags: u32, bytes_used: Option<u32>) -> Filled {
        let clock = bindings::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        let timestamp = self.now + self.skew;
        let mut planes = [Fill::default(); MOST_PLANES];
        for (fill, plane) in planes.iter_mut().zip(&self.format.planes) {
            *fill = Fill { bytes_used: plane.size, offset: self.model.offset() };
        }
        if let Some(bytes_used) = bytes_used {
            planes[self.format.planes.len().saturating_sub(1)].bytes_used = bytes_used;
        }
        Filled { index, sequence: self.sequence, flags: flags | clock, planes, timestamp }
    }

    /// Bytes of what all frames hold, as many as a buffer takes; `None` for pictures of their own.
    fn shown_bytes(&self) -> Option<u32> {
        let most = self.format.planes.last().map_or(0, |plane| plane.size);
        self.shown.as_ref().map(|bytes| u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(most))
    }

    /// By how much the picture is brighter than at first.
    fn brighter(&self) -> i64 {
        const BRIGHTER: [u32; 2] = [bindings::V4L2_CID_BRIGHTNESS, bindings::V4L2_CID_ANALOGUE_GAIN];
        let by = self.values.iter().filter(|(id, _)| BRIGHTER.contains(id));
        by.map(|(id, value)| value - self.model.default_of(*id)).sum()
    }

    /// The bytes of all memories are one picture after another, each of the number of the frame and its place.
    fn fill(&self, index: u32) {
        let Some(slot) = self.slots.get(index as usize) else { return };
        let Format { fourcc, width, height, .. } = self.format;
        let offset = self.model.offset() as usize;
        for (number, ((file, _), plane)) in (0u32..).zip(slot.memories.iter().zip(&self.format.planes)) {
            let (stride, size) = (plane.stride as usize, plane.size as usize);
            let sequence = if self.model.still { number } else { self.sequence.wrapping_add(number) };
            let shown = self.shown.as_ref().map(|shown| {
                let endless = shown.iter().copied().chain(std::iter::repeat(0));
                endless.take(size - offset).collect()
            });
            let own = || picture(fourcc, width, height, stride, size - offset, sequence);
            let mut bytes: Vec<u8> = shown.unwrap_or_else(own);
            let brighter = self.brighter();
            for byte in bytes.iter_mut().filter(|_| brighter != 0) {
                *byte = (i64::from(*byte) + brighter).clamp(0, 255) as u8;
            }
            // Memory that cannot be mapped stays as it was, which a test sees.
            if let Ok(mut memory) = Mapping::read_write(file, size) {
                memory.bytes_mut()[offset..].copy_from_slice(&bytes);
            }
        }
    }

    fn interval(&self) -> Duration {
        let Fraction { numerator, denominator } = self.interval;
        Duration::from_secs(u64::from(numerator)) / denominator.max(1)
    }
}
