//! A stream's life between configuration and release: which slot is with the device, which with a caller, which idle.
//!
//! A buffer is never lost: whatever a driver reports, a slot is in one of the three states, and every idle slot is
//! offered to the device again at the next call.

use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use v4l2r::bindings;

use super::buffers::with_imports;
use super::layout::Layout;
use super::policy::{Fault, Operation, Verdict};
use super::sequence::{Rhythm, Sequence};
use super::settings::{Load, Settings};
use super::slots::reserve;
use crate::camera::Dequeued;
use crate::frame::SlotPool;
use crate::kernel::{Event, Filled, Memory, Queue, Ready, Request};
use crate::memory::{Access, Buffer};

/// Where a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Idle,
    Queued,
    Lent,
}

/// The slots of one configuration and the frames that come out of them.
#[derive(Debug)]
pub(super) struct Stream {
    layout: Layout,
    pool: Arc<SlotPool>,
    slots: Vec<Slot>,
    /// With fewer queued slots than this the device fills none.
    fewest: usize,
    /// With more slots lent than this the device may have too few to fill one, whatever it tells that it needs.
    promised: usize,
    sequence: Sequence,
    streaming: bool,
    memory: Memory,
    /// The queue was restarted, and no good frame came since.
    restarted: bool,
    /// Frames to leave out after each start.
    skipped: u32,
    /// Those of this start that are still to be left out.
    to_skip: u32,
    /// Frames that the device lost one by one since the last good one.
    passing: u32,
    rhythm: Rhythm,
    /// One for each slot, where buffers go to the device in requests; else none.
    requests: Vec<Box<dyn Request>>,
    settings: Settings,
    /// What went to the device with each slot.
    loads: Vec<Load>,
    /// When the device last gave anything, or was last found to have nothing to fill.
    heard: Duration,
}

/// Silence for so long, or eight frames where those take longer, is a stall.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many frames may be lost one by one before the queue counts as failed.
const PASSING: u32 = 3;

impl Stream {
    /// A stream that is off, over slots that are all idle.
    pub(super) fn new(layout: Layout, pool: Arc<SlotPool>, memory: Memory, fewest: u32) -> Self {
        let slots = vec![Slot::Idle; pool.len()];
        let promised = slots.len().saturating_sub(reserve(fewest) as usize);
        let fewest = (fewest as usize).clamp(1, slots.len().max(1));
        Self {
            layout,
            pool,
            slots,
            fewest,
            promised,
            sequence: Sequence::default(),
            streaming: false,
            memory,
            restarted: false,
            skipped: 0,
            to_skip: 0,
            passing: 0,
            rhythm: Rhythm::default(),
            requests: Vec::new(),
            settings: Settings::default(),
            loads: Vec::new(),
            heard: Duration::ZERO,
        }
    }

    /// Leaves out so many frames after each start.
    pub(super) fn skip_first(&mut self, frames: u32) {
        self.skipped = frames;
    }

    /// Lets buffers go to the device in these requests, one for each slot, from the next start on.
    pub(super) fn use_requests(&mut self, requests: Vec<Box<dyn Request>>) {
        self.loads = vec![Load::default(); requests.len()];
        self.requests = requests;
    }

    /// The settings of the next frames; `None` for a stream without requests.
    pub(super) fn settings(&mut self) -> Option<&mut Settings> {
        (!self.requests.is_empty()).then_some(&mut self.settings)
    }

    pub(super) fn pool(&self) -> &SlotPool {
        &self.pool
    }

    pub(super) fn streaming(&self) -> bool {
        self.streaming
    }

    /// Queues all slots that are not lent out and switches the stream on; on a refusal all is as before.
    pub(super) fn start(&mut self, queue: &dyn Queue) -> Result<(), Fault> {
        self.sequence = Sequence::default();
        self.rhythm = Rhythm::default();
        self.restarted = false;
        self.switch_on(queue)
    }

    /// Switches the stream off; all slots but those lent out are idle then. A device that is gone is off.
    pub(super) fn stop(&mut self, queue: &dyn Queue) -> Result<(), Fault> {
        if !self.streaming {
            return Ok(());
        }
        self.switch_off(queue)
    }

    /// Waits for the next frame or event. A device that is silent while more slots are lent than its driver was known
    /// to do without is no stall: it starves.
    pub(super) fn dequeue(&mut self, queue: &dyn Queue, timeout: Duration) -> Result<Dequeued, Fault> {
        let deadline = queue.now().saturating_add(timeout);
        let (had, lent) = (self.queued(), self.lent());
        if let Err(fault) = self.feed(queue) {
            return self.cure(queue, fault);
        }
        let has_slots = had.min(self.queued()) >= self.fewest;
        if !has_slots || (lent > self.promised && self.lent() <= self.promised) {
            // The caller has the slots, or had them until now: whatever time passed, the device is not at fault.
            self.heard = queue.now();
        }
        if self.queued() == 0 {
            return Ok(Dequeued::Starved);
        }
        loop {
            let left = deadline.saturating_sub(queue.now());
            match queue.wait(left) {
                Ok(Ready::SILENT) if self.queued() < self.fewest => return Ok(Dequeued::Starved),
                // Drivers keep buffers: the one that is shown till the next is there, those of a pipeline.
                Ok(Ready::SILENT) if self.lent() > self.promised && self.is_stalled(queue.now()) => {
                    return Ok(Dequeued::Starved);
                }
                Ok(Ready::SILENT) if self.is_stalled(queue.now()) => {
                    return self.cure(queue, Fault { operation: Operation::Wait, errno: Errno::ETIMEDOUT });
                }
                Ok(Ready::SILENT) => return Ok(Dequeued::Timeout),
                Ok(ready) => {
                    if let Some(outcome) = self.take(queue, ready)? {
                        return Ok(outcome);
                    }
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Fault { operation: Operation::Wait, errno }),
            }
            // Wake-ups without a frame must not make the wait longer than was asked.
            if left.is_zero() {
                return Ok(Dequeued::Timeout);
            }
        }
    }

    /// Takes what the device has ready, an event before a frame; `None` for nothing.
    fn take(&mut self, queue: &dyn Queue, ready: Ready) -> Result<Option<Dequeued>, Fault> {
        if ready.event {
            // Left where it is, an event would end every later wait at once.
            match queue.event() {
                Ok(event) => return Ok(Some(Dequeued::Event(event))),
                Err(Errno::ENOENT) => {}
                Err(errno) => return Err(Fault { operation: Operation::DequeueEvent, errno }),
            }
        }
        let errno = match queue.dequeue(self.memory) {
            Ok(filled) => {
                self.heard = queue.now();
                return Ok(self.sort_out(queue, &filled));
            }
            Err(errno) => errno,
        };
        let fault = Fault { operation: Operation::DequeueBuffer, errno };
        match fault.verdict() {
            // The queue is in error and says nothing more: asking again would never end.
            Verdict::Again if ready.fault && !ready.filled => {
                self.cure(queue, Fault { operation: Operation::DequeueBuffer, errno: Errno::EIO }).map(Some)
            }
            Verdict::Again => Ok(None),
            // Old drivers say so of one lost frame; a queue that failed says so in its poll as well.
            Verdict::Restart if errno == Errno::EIO && !ready.fault && self.passing < PASSING => {
                self.passing += 1;
                self.heard = queue.now();
                let reason = "the device lost it (EIO)";
                Ok(Some(Dequeued::Damaged { sequence: self.sequence.lost(), reason }))
            }
            _ => self.cure(queue, fault).map(Some),
        }
    }

    /// A frame, a loss, or `None` for a buffer that the device cannot have had.
    fn sort_out(&mut self, queue: &dyn Queue, filled: &Filled) -> Option<Dequeued> {
        let slot = self.slots.get_mut(filled.index as usize).filter(|slot| **slot == Slot::Queued)?;
        *slot = Slot::Idle;
        if filled.flags & bindings::V4L2_BUF_FLAG_LAST != 0 && filled.planes[0].bytes_used == 0 {
            // No frame, and no loss either. What comes after it is for the caller to ask.
            return Some(Dequeued::Event(Event::EndOfStream));
        }
        let settings = self.loads.get(filled.index as usize).and_then(|load| load.number);
        if self.to_skip > 0 && settings.is_none() {
            self.to_skip -= 1;
            let _ = self.feed(queue);
            return None;
        }
        let sequence = self.sequence.next(filled.sequence);
        let lengths = self.pool.memories(filled.index).iter().map(Buffer::len);
        let frame = self.layout.judge(filled, lengths, sequence, queue.now()).and_then(|(shot, later)| {
            let lent = self.pool.lend_memories(filled.index, shot, later);
            lent.ok_or("the picture lies outside of its buffer")
        });
        match frame {
            Ok(frame) => {
                let missing = self.rhythm.missing(sequence, frame.timestamp(), self.layout.interval);
                let frame = frame.of_device(filled.sequence, settings, missing);
                self.passing = 0;
                self.slots[filled.index as usize] = Slot::Lent;
                self.restarted = false;
                Some(Dequeued::Frame(frame))
            }
            Err(reason) => {
                // A slot that cannot be queued now stays idle and is offered again with the next call.
                let _ = self.feed(queue);
                Some(Dequeued::Damaged { sequence, reason })
            }
        }
    }

    /// Restarts the stream once for a fault that this cures; gives any other fault back.
    fn cure(&mut self, queue: &dyn Queue, fault: Fault) -> Result<Dequeued, Fault> {
        if !matches!(fault.verdict(), Verdict::Restart | Verdict::Silent) || self.restarted {
            return Err(fault);
        }
        self.restarted = true;
        self.switch_off(queue)?;
        self.switch_on(queue)?;
        let sequence = self.sequence.broke();
        let reason = match fault.operation {
            Operation::Wait => "the device was silent and was restarted",
            _ if fault.errno == Errno::EPIPE => "the device's stream had ended and was restarted",
            _ => "the device's queue failed and was restarted",
        };
        Ok(Dequeued::Damaged { sequence, reason })
    }

    fn switch_on(&mut self, queue: &dyn Queue) -> Result<(), Fault> {
        self.take_back();
        let started = self.queue_idle(queue).and_then(|()| {
            queue.stream_on().map_err(|errno| Fault { operation: Operation::StreamOn, errno })
        });
        if started.is_err() {
            // Off gives all buffers back, of a stream that never ran as well.
            let _ = queue.stream_off();
            self.unqueue();
        }
        self.streaming = started.is_ok();
        (self.to_skip, self.passing) = (self.skipped, 0);
        self.heard = queue.now();
        started
    }

    fn switch_off(&mut self, queue: &dyn Queue) -> Result<(), Fault> {
        if let Err(errno) = queue.stream_off() {
            let fault = Fault { operation: Operation::StreamOff, errno };
            if fault.verdict() != Verdict::Gone {
                return Err(fault);
            }
        }
        self.streaming = false;
        self.unqueue();
        Ok(())
    }

    /// Queues every slot that came back; fails only when the device is left without any.
    fn feed(&mut self, queue: &dyn Queue) -> Result<(), Fault> {
        self.take_back();
        match self.queue_idle(queue) {
            Err(fault)
                if matches!(fault.verdict(), Verdict::Gone | Verdict::Restart) || self.queued() == 0 =>
            {
                Err(fault)
            }
            _ => Ok(()),
        }
    }

    fn is_stalled(&self, now: Duration) -> bool {
        now.saturating_sub(self.heard) >= self.patience()
    }

    /// How long a device may be silent.
    pub(super) fn patience(&self) -> Duration {
        PATIENCE.max(self.layout.interval.unwrap_or_default().saturating_mul(8))
    }

    /// Queues every idle slot it can; the last refusal, if there was one.
    fn queue_idle(&mut self, queue: &dyn Queue) -> Result<(), Fault> {
        let mut result = Ok(());
        for index in 0..self.slots.len() {
            if self.slots[index] == Slot::Idle {
                match self.queue_slot(queue, index) {
                    // Somebody still reads or writes it; it is offered again with the next call.
                    Ok(false) => {}
                    Ok(true) => self.slots[index] = Slot::Queued,
                    Err(fault) => result = Err(fault),
                }
            }
        }
        result
    }

    /// Gives a slot to the device; false when others are not done with its memory. V4L2 knows no fences.
    fn queue_slot(&mut self, queue: &dyn Queue, slot: usize) -> Result<bool, Fault> {
        let index = u32::try_from(slot).unwrap_or(u32::MAX);
        let memories = self.pool.memories(index);
        if self.memory == Memory::Imported && memories.iter().any(is_busy) {
            return Ok(false);
        }
        let imported = memories.iter().filter(|_| self.memory == Memory::Imported);
        let Some(request) = self.requests.get(slot) else {
            return with_imports(imported, |imports| queue.queue(index, imports))
                .map(|()| true)
                .map_err(|errno| Fault { operation: Operation::QueueBuffer, errno });
        };
        match request.reinit() {
            Ok(()) => {}
            // The buffer came back and the request is about to.
            Err(Errno::EBUSY) => return Ok(false),
            Err(errno) => return Err(Fault { operation: Operation::QueueRequest, errno }),
        }
        let load = self.settings.next();
        let mut values = load.values();
        if !values.is_empty() {
            // Refused values are those of a control that became inactive or went: the frame is made without.
            let _ = queue.set_controls_in(request.file(), &mut values);
        }
        let queued = with_imports(imported, |imports| queue.queue_in(request.file(), index, imports))
            .map_err(|errno| Fault { operation: Operation::QueueBuffer, errno })
            .and_then(|()| {
                request.queue().map_err(|errno| Fault { operation: Operation::QueueRequest, errno })
            });
        if queued.is_err() {
            // Emptied, it lets the buffer go.
            let _ = request.reinit();
        } else {
            self.settings.sent(&load);
            self.loads[slot] = load;
        }
        queued.map(|()| true)
    }

    fn take_back(&mut self) {
        while let Some(index) = self.pool.take_returned() {
            if let Some(slot) = self.slots.get_mut(index as usize) {
                *slot = Slot::Idle;
            }
        }
    }

    fn unqueue(&mut self) {
        let mut unfilled = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| **slot == Slot::Queued) {
            *slot = Slot::Idle;
            unfilled.extend(self.loads.get_mut(index).map(std::mem::take));
        }
        self.settings.interrupted(unfilled);
    }

    fn queued(&self) -> usize {
        self.slots.iter().filter(|slot| **slot == Slot::Queued).count()
    }

    fn lent(&self) -> usize {
        self.slots.iter().filter(|slot| **slot == Slot::Lent).count()
    }
}

/// Whether others are not done with a memory.
fn is_busy(buffer: &Buffer) -> bool {
    let fence = buffer.fence(Access::Write).unwrap_or(None);
    fence.is_some_and(|fence| !fence.wait(Duration::ZERO))
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
