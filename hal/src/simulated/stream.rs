//! The producer: a thread that takes free slots at the frame rate and gives them back filled.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

use super::exposure::Exposer;
use super::options::Fault;
use crate::error::Error;
use crate::frame::{Exposure, Shot, SlotPool};

/// What a stream needs to know of its camera.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) camera: String,
    pub(super) exposer: Arc<Exposer>,
    pub(super) pool: Arc<SlotPool>,
    pub(super) stride_bytes: usize,
    pub(super) size_bytes: usize,
    pub(super) interval: Duration,
    pub(super) exposure: Exposure,
    pub(super) faults: Vec<Fault>,
}

/// What came of a frame time.
#[derive(Debug)]
pub(super) enum Delivery {
    Frame { slot: u32, shot: Shot },
    Damaged { sequence: u64 },
    Timeout,
    Starved,
    /// Nothing has come for longer than a stream may be silent.
    Stalled,
    Gone,
}

/// Silence for so long is a stall.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
struct State {
    free: VecDeque<u32>,
    ready: VecDeque<Delivery>,
    /// A slot is with the producer.
    exposing: bool,
    /// When the camera fell silent for good.
    silent: Option<Instant>,
    gone: bool,
    failure: Option<Error>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    stop: AtomicBool,
    /// Tells the producer of the stop.
    stopped: Condvar,
    /// Tells the consumer of whatever it may wait for.
    delivered: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running stream; dropping it stops and joins its thread.
#[derive(Debug)]
pub(super) struct Producer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Producer {
    /// Starts the thread with these slots to fill.
    pub(super) fn start(plan: Plan, slots: Vec<u32>) -> Result<Self, Error> {
        let camera = plan.camera.clone();
        let system = |operation, errno| Error::System { camera, operation, errno, detail: String::new() };
        let clock = match Clock::now() {
            Ok(clock) => clock,
            Err(errno) => return Err(system("clock_gettime", errno)),
        };
        let shared = Arc::new(Shared::default());
        shared.lock().free = slots.into();
        let builder = std::thread::Builder::new().name("virtual-camera".to_owned());
        let theirs = Arc::clone(&shared);
        match builder.spawn(move || produce(&plan, &theirs, clock)) {
            Ok(thread) => Ok(Self { shared, thread: Some(thread) }),
            Err(error) => Err(system("pthread_create", Errno::from_raw(error.raw_os_error().unwrap_or(0)))),
        }
    }

    /// Hands a slot to the producer.
    pub(super) fn queue(&self, slot: u32) {
        self.shared.lock().free.push_back(slot);
    }

    /// Waits for what comes next.
    pub(super) fn next(&self, timeout: Duration) -> Result<Delivery, Error> {
        let begun = Instant::now();
        let mut state = self.shared.lock();
        loop {
            if let Some(delivery) = state.ready.pop_front() {
                return Ok(delivery);
            }
            if state.gone {
                return Ok(Delivery::Gone);
            }
            if let Some(error) = state.failure.take() {
                return Err(error);
            }
            if state.free.is_empty() && !state.exposing {
                return Ok(Delivery::Starved);
            }
            if state.silent.is_some_and(|since| since.elapsed() >= PATIENCE) {
                return Ok(Delivery::Stalled);
            }
            let left = timeout.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(Delivery::Timeout);
            }
            let waited = self.shared.delivered.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Stops the thread, waits for its end and takes the slots back.
    pub(super) fn stop(mut self) -> Vec<u32> {
        self.join();
        let mut state = self.shared.lock();
        let filled: Vec<u32> = state.ready.drain(..).filter_map(|delivery| delivery.slot()).collect();
        state.free.drain(..).chain(filled).collect()
    }

    fn join(&mut self) {
        {
            // Under the lock, so that the producer cannot miss it between its look and its wait.
            let _state = self.shared.lock();
            self.shared.stop.store(true, Ordering::Relaxed);
            self.shared.stopped.notify_all();
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.join();
    }
}

impl Delivery {
    fn slot(&self) -> Option<u32> {
        match self {
            Self::Frame { slot, .. } => Some(*slot),
            _ => None,
        }
    }
}

/// CLOCK_MONOTONIC, which is also what `Instant` counts: asked once, so that only the start can fail.
#[derive(Clone, Copy, Debug)]
struct Clock {
    base: Duration,
    at: Instant,
}

impl Clock {
    fn now() -> nix::Result<Self> {
        let base = clock_gettime(ClockId::CLOCK_MONOTONIC)?.into();
        Ok(Self { base, at: Instant::now() })
    }

    fn time(&self) -> Duration {
        self.base + self.at.elapsed()
    }
}

/// What the faults say of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Good,
    Lost,
    Damaged,
    Silence,
    Gone,
}

fn fate(faults: &[Fault], sequence: u64) -> Fate {
    let every = |count: u64| count != 0 && (sequence + 1).is_multiple_of(count);
    let said: Vec<Fate> = faults
        .iter()
        .filter_map(|fault| match *fault {
            Fault::Unplug(count) if sequence >= count => Some(Fate::Gone),
            Fault::Stall(count) if sequence >= count => Some(Fate::Silence),
            Fault::Drop(count) if every(count) => Some(Fate::Lost),
            Fault::Damage(count) if every(count) => Some(Fate::Damaged),
            _ => None,
        })
        .collect();
    let order = [Fate::Gone, Fate::Silence, Fate::Lost, Fate::Damaged];
    order.into_iter().find(|fate| said.contains(fate)).unwrap_or(Fate::Good)
}

fn produce(plan: &Plan, shared: &Shared, clock: Clock) {
    let mut start = clock.time();
    for sequence in 0.. {
        // The exposure begins now; a frame time that is already past begins as soon as it can.
        if !wait_until(shared, clock, start) {
            return;
        }
        let fate = fate(&plan.faults, sequence);
        match fate {
            Fate::Silence => {
                shared.lock().silent = Some(Instant::now());
                return;
            }
            Fate::Gone => {
                shared.lock().gone = true;
                shared.delivered.notify_all();
                return;
            }
            Fate::Lost => {}
            Fate::Good | Fate::Damaged => {
                // Without a free slot the frame is lost: nothing to write it to.
                if let Some(slot) = take(shared) {
                    let went_well = expose(plan, shared, clock, Job { sequence, slot, start, fate });
                    if !went_well {
                        return;
                    }
                }
            }
        }
        start = (start + plan.interval).max(clock.time());
    }
}

fn take(shared: &Shared) -> Option<u32> {
    let mut state = shared.lock();
    let slot = state.free.pop_front();
    state.exposing = slot.is_some();
    slot
}

/// One exposure.
#[derive(Clone, Copy, Debug)]
struct Job {
    sequence: u64,
    slot: u32,
    start: Duration,
    fate: Fate,
}

/// Fills and delivers the slot; false when the stream is over.
fn expose(plan: &Plan, shared: &Shared, clock: Clock, job: Job) -> bool {
    let Job { sequence, slot, start, fate } = job;
    let written = match (fate, plan.pool.buffer(slot)) {
        (Fate::Good, Some(buffer)) => buffer.write().map(|mut bytes| {
            let picture = bytes.get_mut(..plan.size_bytes).unwrap_or_default();
            plan.exposer.expose(sequence, plan.stride_bytes, picture, &shared.stop);
        }),
        _ => Ok(()),
    };
    let exposed = wait_until(shared, clock, start + plan.exposure.time);
    let mut state = shared.lock();
    state.exposing = false;
    let shot = Shot {
        sequence,
        timestamp: start,
        timestamp_is_start: true,
        offset: 0,
        bytes_used: plan.size_bytes,
        exposure: Some(plan.exposure),
    };
    let goes_on = match written {
        Ok(()) if !exposed => {
            state.free.push_back(slot);
            false
        }
        Ok(()) if fate == Fate::Damaged => {
            state.free.push_back(slot);
            state.ready.push_back(Delivery::Damaged { sequence });
            true
        }
        Ok(()) => {
            state.ready.push_back(Delivery::Frame { slot, shot });
            true
        }
        Err(error) => {
            state.free.push_back(slot);
            state.failure = Some(error);
            false
        }
    };
    shared.delivered.notify_all();
    goes_on
}

/// Sleeps until the time; false when the stream was stopped.
fn wait_until(shared: &Shared, clock: Clock, time: Duration) -> bool {
    let mut state = shared.lock();
    loop {
        if shared.stop.load(Ordering::Relaxed) {
            return false;
        }
        let left = time.saturating_sub(clock.time());
        if left.is_zero() {
            return true;
        }
        state = shared.stopped.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_count_from_one_and_the_worst_rules() {
        let faults = [Fault::Drop(3), Fault::Damage(2), Fault::Stall(9), Fault::Unplug(11)];
        let seen: Vec<Fate> = (0..12).map(|sequence| fate(&faults, sequence)).collect();
        use Fate::{Damaged, Gone, Good, Lost, Silence};
        let expected =
            [Good, Damaged, Lost, Damaged, Good, Lost, Good, Damaged, Lost, Silence, Silence, Gone];
        assert_eq!(seen, expected);
        assert_eq!(fate(&[], u64::MAX - 1), Good);
    }
}
