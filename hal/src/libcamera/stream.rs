//! A stream's life between configuration and release: which slot's request is with libcamera, which with a caller, which
//! idle.
//!
//! A request is a slot's buffer on its way through libcamera and back. It is never lost: it lies in its slot, or it is
//! queued, and a stop brings it back. Every idle slot is queued again at the next call.

use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

use super::layout::{Layout, Place};
use super::policy::Fault;
use crate::camera::Dequeued;
use crate::frame::{Exposure, Shot, SlotPool};
use crate::v4l2::sequence::Sequence;
use crate::v4l2::slots::reserve;

/// The way to a configured camera and back.
pub(super) trait Line {
    /// A slot's buffer on its way.
    type Request;

    /// Starts the camera.
    fn start(&self) -> nix::Result<()>;

    /// Stops the camera; all requests that are queued come back before it returns.
    fn stop(&self) -> nix::Result<()>;

    /// Queues a request; on a refusal it comes back.
    fn queue(&self, request: Self::Request) -> Result<(), (Self::Request, Errno)>;

    /// What came back, if anything comes within `timeout`.
    fn news(&self, timeout: Duration) -> Option<News<Self::Request>>;

    /// CLOCK_MONOTONIC.
    fn now(&self) -> Duration;
}

/// What libcamera tells.
#[derive(Debug)]
pub(super) enum News<R> {
    /// A request came back.
    Done(R, Outcome),
    /// The camera was unplugged.
    Gone,
}

/// How a request came back.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// The slot that it belongs to.
    pub(super) slot: u32,
    /// What became of it.
    pub(super) status: Status,
    /// The camera's frame number, from wherever it counts.
    pub(super) sequence: u32,
    /// CLOCK_MONOTONIC at the start of the exposure, where libcamera tells.
    pub(super) timestamp: Option<Duration>,
    /// Bytes written in each plane; none where libcamera does not tell.
    pub(super) used: Vec<usize>,
    /// Exposure, where libcamera tells.
    pub(super) exposure: Option<Exposure>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// There is a picture in it.
    Complete,
    /// Its picture is of no use.
    Bad(&'static str),
    /// It was given back without a picture.
    Cancelled,
}

/// Where a slot's request is.
#[derive(Debug)]
enum Slot<R> {
    Idle(R),
    Queued,
    Lent(R),
}

/// Why a stream gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// A call was refused.
    Fault(Fault),
    /// The camera was silent for so long, and a restart did not help.
    Silent(Duration),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Silence for so long, or eight frames where those take longer, is a stall.
const PATIENCE: Duration = Duration::from_secs(2);

/// The slots of one configuration and the frames that come out of them.
#[derive(Debug)]
pub(super) struct Stream<R> {
    layout: Layout,
    place: Place,
    pool: Arc<SlotPool>,
    slots: Vec<Slot<R>>,
    /// With more slots lent than this the camera may have too few to fill one.
    promised: usize,
    sequence: Sequence,
    streaming: bool,
    gone: bool,
    /// The camera was restarted, and no good frame came since.
    restarted: bool,
    /// When the camera last gave anything, or was last found to have nothing to fill.
    heard: Duration,
}

impl<R> Stream<R> {
    /// A stream that is off, over slots that are all idle; `requests[i]` belongs to slot `i`.
    pub(super) fn new(layout: Layout, place: Place, pool: Arc<SlotPool>, requests: Vec<R>) -> Self {
        Self {
            layout,
            place,
            pool,
            promised: requests.len().saturating_sub(reserve(0) as usize),
            slots: requests.into_iter().map(Slot::Idle).collect(),
            sequence: Sequence::default(),
            streaming: false,
            gone: false,
            restarted: false,
            heard: Duration::ZERO,
        }
    }

    pub(super) fn streaming(&self) -> bool {
        self.streaming
    }

    /// How many slots there are.
    #[cfg(feature = "libcamera")]
    pub(super) fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// Starts the camera and queues all slots that are not lent out; on a refusal all is as before.
    pub(super) fn start(&mut self, line: &impl Line<Request = R>) -> Result<(), Fault> {
        self.sequence = Sequence::default();
        self.restarted = false;
        self.switch_on(line)
    }

    /// Stops the camera; all slots but those lent out are idle then. A camera that is gone is off.
    pub(super) fn stop(&mut self, line: &impl Line<Request = R>) -> Result<(), Fault> {
        if self.streaming { self.switch_off(line) } else { Ok(()) }
    }

    /// Waits for the next frame.
    pub(super) fn dequeue(
        &mut self,
        line: &impl Line<Request = R>,
        timeout: Duration,
    ) -> Result<Dequeued, Failure> {
        let deadline = line.now().saturating_add(timeout);
        let (had, lent) = (self.queued(), self.lent());
        self.feed(line)?;
        if had == 0 || (lent > self.promised && self.lent() <= self.promised) {
            // The caller had the slots: whatever time passed, the camera is not at fault.
            self.heard = line.now();
        }
        if self.queued() == 0 {
            return Ok(Dequeued::Starved);
        }
        loop {
            if self.gone {
                return Err(Fault { operation: "stream", errno: Errno::ENODEV }.into());
            }
            let (now, stalled) = (line.now(), self.heard.saturating_add(self.patience()));
            match line.news(deadline.min(stalled).saturating_sub(now)) {
                Some(News::Gone) => self.gone = true,
                Some(News::Done(request, outcome)) => {
                    self.heard = line.now();
                    match outcome.status {
                        Status::Cancelled => {
                            self.lay_down(request, outcome.slot);
                            if !self.gone {
                                let fault = Fault { operation: "request", errno: Errno::EIO };
                                return self.restart(line, "libcamera gave a frame up", fault.into());
                            }
                        }
                        _ => {
                            if let Some(outcome) = self.sort_out(line, request, &outcome) {
                                return Ok(outcome);
                            }
                        }
                    }
                }
                // Handlers keep requests: with more lent than they are known to do without they may have too few.
                None if self.lent() > self.promised && line.now() >= stalled => return Ok(Dequeued::Starved),
                None if line.now() >= stalled => {
                    let silent = Failure::Silent(self.patience());
                    return self.restart(line, "the camera was silent and was restarted", silent);
                }
                None if line.now() >= deadline => return Ok(Dequeued::Timeout),
                None => {}
            }
        }
    }

    /// How long a camera may be silent.
    fn patience(&self) -> Duration {
        PATIENCE.max(self.layout.interval.unwrap_or_default().saturating_mul(8))
    }

    /// A frame, a loss, or `None` for a request of no slot.
    fn sort_out(&mut self, line: &impl Line<Request = R>, request: R, outcome: &Outcome) -> Option<Dequeued> {
        if !matches!(self.slots.get(outcome.slot as usize), Some(Slot::Queued)) {
            return None;
        }
        let judged = match outcome.status {
            Status::Bad(reason) => Err(reason),
            _ => self.layout.judge(self.place.length, &outcome.used),
        };
        let sequence = self.sequence.next(outcome.sequence);
        let frame = judged.and_then(|bytes_used| {
            let shot = Shot {
                sequence,
                timestamp: outcome.timestamp.unwrap_or_else(|| line.now()),
                timestamp_is_start: outcome.timestamp.is_some(),
                offset: self.place.offset,
                bytes_used,
                exposure: outcome.exposure,
            };
            self.pool.lend(outcome.slot, shot).ok_or("the picture lies outside of its buffer")
        });
        match frame {
            Ok(frame) => {
                self.slots[outcome.slot as usize] = Slot::Lent(request);
                self.restarted = false;
                Some(Dequeued::Frame(frame))
            }
            Err(reason) => {
                self.lay_down(request, outcome.slot);
                // A slot that cannot be queued now stays idle and is offered again with the next call.
                let _ = self.feed(line);
                Some(Dequeued::Damaged { sequence, reason })
            }
        }
    }

    /// Restarts the camera once; the second time it is of no use, and the failure stands.
    fn restart(
        &mut self,
        line: &impl Line<Request = R>,
        reason: &'static str,
        failure: Failure,
    ) -> Result<Dequeued, Failure> {
        if self.restarted {
            return Err(failure);
        }
        self.restarted = true;
        self.switch_off(line)?;
        self.switch_on(line)?;
        Ok(Dequeued::Damaged { sequence: self.sequence.broke(), reason })
    }

    fn switch_on(&mut self, line: &impl Line<Request = R>) -> Result<(), Fault> {
        line.start().map_err(|errno| Fault { operation: "start", errno })?;
        self.streaming = true;
        self.take_back();
        let queued = self.queue_idle(line);
        if queued.is_err() {
            // What could be queued comes back.
            let _ = self.switch_off(line);
            self.streaming = false;
        }
        self.heard = line.now();
        queued
    }

    fn switch_off(&mut self, line: &impl Line<Request = R>) -> Result<(), Fault> {
        if let Err(errno) = line.stop() {
            let fault = Fault { operation: "stop", errno };
            if !fault.is_gone() {
                return Err(fault);
            }
        }
        self.streaming = false;
        while let Some(news) = line.news(Duration::ZERO) {
            match news {
                News::Done(request, outcome) => self.lay_down(request, outcome.slot),
                News::Gone if self.gone => break,
                News::Gone => self.gone = true,
            }
        }
        Ok(())
    }

    /// Queues every slot that came back; fails only when the camera is gone or left without any.
    fn feed(&mut self, line: &impl Line<Request = R>) -> Result<(), Fault> {
        self.take_back();
        match self.queue_idle(line) {
            Err(fault) if fault.is_gone() || self.queued() == 0 => Err(fault),
            _ => Ok(()),
        }
    }

    /// Queues every idle slot it can; the last refusal, if there was one.
    fn queue_idle(&mut self, line: &impl Line<Request = R>) -> Result<(), Fault> {
        let mut result = Ok(());
        for slot in &mut self.slots {
            match std::mem::replace(slot, Slot::Queued) {
                Slot::Idle(request) => {
                    if let Err((request, errno)) = line.queue(request) {
                        *slot = Slot::Idle(request);
                        result = Err(Fault { operation: "queue a request", errno });
                    }
                }
                other => *slot = other,
            }
        }
        result
    }

    /// Makes the slots idle whose frames were dropped.
    fn take_back(&mut self) {
        while let Some(index) = self.pool.take_returned() {
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            *slot = match std::mem::replace(slot, Slot::Queued) {
                Slot::Lent(request) => Slot::Idle(request),
                other => other,
            };
        }
    }

    /// Makes a slot idle whose request came back without a picture.
    fn lay_down(&mut self, request: R, slot: u32) {
        if let Some(slot @ Slot::Queued) = self.slots.get_mut(slot as usize) {
            *slot = Slot::Idle(request);
        }
    }

    fn lent(&self) -> usize {
        self.slots.iter().filter(|slot| matches!(slot, Slot::Lent(_))).count()
    }

    fn queued(&self) -> usize {
        self.slots.iter().filter(|slot| matches!(slot, Slot::Queued)).count()
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
