use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Instant;

use proptest::prelude::*;
use v4l2r::bindings;

use super::super::layout::Part;
use super::*;
use crate::format::{CfaPattern, Packing, RawFormat};
use crate::frame::Frame;
use crate::kernel::{ControlRefusal, Event, Fill, Grant, Import, MOST_PLANES};
use crate::memory::Buffer;

const SLOTS: u32 = 4;
const SIZE: u32 = 32;
const SHORT: Duration = Duration::from_millis(20);

/// A kernel that follows a script: it knows which buffers it has and checks that nobody gives it one twice.
#[derive(Default)]
struct Script {
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    queued: VecDeque<u32>,
    on: bool,
    sequence: u32,
    /// What the next DQBUFs answer instead of the truth.
    answers: VecDeque<nix::Result<Filled>>,
    /// What the next calls of these kinds answer instead of doing anything.
    refuse_queue: VecDeque<Errno>,
    refuse_on: VecDeque<Errno>,
    refuse_off: VecDeque<Errno>,
    waits: VecDeque<nix::Result<Ready>>,
    events: VecDeque<nix::Result<Event>>,
    restarts: u32,
}

impl Script {
    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        change(&mut self.inner.borrow_mut());
        self
    }

    fn queued(&self) -> usize {
        self.inner.borrow().queued.len()
    }
}

fn one(bytes_used: u32, offset: u32) -> [Fill; MOST_PLANES] {
    let mut planes = [Fill::default(); MOST_PLANES];
    planes[0] = Fill { bytes_used, offset };
    planes
}

fn filled(index: u32, sequence: u32) -> Filled {
    Filled { index, sequence, flags: 0, planes: one(SIZE, 0), timestamp: Duration::ZERO }
}

impl Queue for Script {
    fn request(&self, count: u32, _: Memory, _: bool) -> nix::Result<Grant> {
        Ok(Grant { count, capabilities: 0 })
    }

    fn remove(&self, _: u32, _: u32) -> nix::Result<()> {
        Err(Errno::ENOTTY)
    }

    fn lengths(&self, _: u32, _: Memory) -> nix::Result<Vec<usize>> {
        Ok(vec![SIZE as usize])
    }

    fn export(&self, _: u32, _: u32) -> nix::Result<OwnedFd> {
        Err(Errno::ENOTTY)
    }

    fn prepare(&self, _: u32, _: &[Import<'_>]) -> nix::Result<()> {
        Ok(())
    }

    fn queue(&self, index: u32, _: &[Import<'_>]) -> nix::Result<()> {
        let mut inner = self.inner.borrow_mut();
        if let Some(errno) = inner.refuse_queue.pop_front() {
            return Err(errno);
        }
        assert!(!inner.queued.contains(&index), "slot {index} was queued twice");
        inner.queued.push_back(index);
        Ok(())
    }

    fn queue_in(&self, _: BorrowedFd<'_>, _: u32, _: &[Import<'_>]) -> nix::Result<()> {
        Err(Errno::EINVAL)
    }

    fn set_controls_in(&self, _: BorrowedFd<'_>, _: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        Err(ControlRefusal { errno: Errno::EINVAL, index: None })
    }

    fn contents(&self, _: u32, _: usize) -> nix::Result<Vec<u8>> {
        Err(Errno::EINVAL)
    }

    fn dequeue(&self, _: Memory) -> nix::Result<Filled> {
        let mut inner = self.inner.borrow_mut();
        if let Some(answer) = inner.answers.pop_front() {
            if let Ok(filled) = &answer {
                inner.queued.retain(|index| *index != filled.index);
            }
            return answer;
        }
        let index = inner.queued.pop_front().ok_or(Errno::EAGAIN)?;
        inner.sequence += 1;
        Ok(filled(index, inner.sequence - 1))
    }

    fn wait(&self, timeout: Duration) -> nix::Result<Ready> {
        let mut inner = self.inner.borrow_mut();
        let ready = inner.waits.pop_front().unwrap_or(Ok(Ready::FILLED));
        if ready == Ok(Ready::SILENT) {
            std::thread::sleep(timeout);
        }
        ready
    }

    fn event(&self) -> nix::Result<Event> {
        self.inner.borrow_mut().events.pop_front().unwrap_or(Err(Errno::ENOENT))
    }

    fn now(&self) -> Duration {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn pause(&self, _: Duration) {}

    fn stream_on(&self) -> nix::Result<()> {
        let mut inner = self.inner.borrow_mut();
        if let Some(errno) = inner.refuse_on.pop_front() {
            return Err(errno);
        }
        assert!(!inner.on, "switched on twice");
        inner.on = true;
        inner.sequence = 0;
        inner.restarts += 1;
        Ok(())
    }

    fn stream_off(&self) -> nix::Result<()> {
        let mut inner = self.inner.borrow_mut();
        if let Some(errno) = inner.refuse_off.pop_front() {
            return Err(errno);
        }
        inner.on = false;
        inner.queued.clear();
        Ok(())
    }
}

fn stream() -> Stream {
    let buffers = (0..SLOTS).map(|_| Buffer::allocate(SIZE as usize, "test").unwrap()).collect();
    let format = RawFormat { pattern: CfaPattern::Rggb, bits: 8, packing: Packing::Bytes }.into();
    let size = SIZE as usize;
    let layout = Layout {
        format,
        width: 8,
        height: 4,
        parts: vec![Part { stride: 8, size, needed: size }],
        separate: None,
        colorimetry: None,
        interval: None,
    };
    Stream::new(layout, SlotPool::new(buffers), Memory::Driver, 0)
}

fn started(script: &Script) -> Stream {
    let mut stream = stream();
    stream.start(script).unwrap();
    stream
}

fn frame(stream: &mut Stream, script: &Script) -> Frame {
    match stream.dequeue(script, SHORT).unwrap() {
        Dequeued::Frame(frame) => frame,
        other => panic!("no frame but {other:?}"),
    }
}

fn damage(stream: &mut Stream, script: &Script) -> (u64, &'static str) {
    match stream.dequeue(script, SHORT).unwrap() {
        Dequeued::Damaged { sequence, reason } => (sequence, reason),
        other => panic!("no damage but {other:?}"),
    }
}

#[test]
fn frames_come_in_order_and_slots_go_round() {
    let script = Script::default();
    let mut stream = started(&script);
    for sequence in 0..20 {
        assert_eq!(frame(&mut stream, &script).sequence(), sequence);
    }
}

#[test]
fn a_caller_that_holds_all_starves_until_it_drops_one() {
    let script = Script::default();
    let mut stream = started(&script);
    let mut held: Vec<Frame> = (0..SLOTS).map(|_| frame(&mut stream, &script)).collect();
    assert!(matches!(stream.dequeue(&script, SHORT), Ok(Dequeued::Starved)));
    held.pop();
    assert_eq!(frame(&mut stream, &script).sequence(), u64::from(SLOTS));
}

#[test]
fn a_device_that_needs_more_buffers_than_it_has_starves() {
    let script = Script::default();
    let mut stream = started(&script);
    stream.fewest = 2;
    let _held: Vec<Frame> = (1..SLOTS).map(|_| frame(&mut stream, &script)).collect();
    script.inner.borrow_mut().waits.push_back(Ok(Ready::SILENT));
    assert!(matches!(stream.dequeue(&script, SHORT), Ok(Dequeued::Starved)));
}

#[test]
fn silence_is_a_time_out_not_before_its_time() {
    let script = Script::default().with(|inner| inner.waits.extend([Err(Errno::EINTR), Ok(Ready::SILENT)]));
    let mut stream = started(&script);
    let begin = Instant::now();
    assert!(matches!(stream.dequeue(&script, SHORT), Ok(Dequeued::Timeout)));
    assert!(begin.elapsed() >= SHORT - Duration::from_millis(1));
}

#[test]
fn wake_ups_without_a_frame_do_not_wait_for_ever() {
    let script =
        Script::default().with(|inner| inner.answers.extend(std::iter::repeat_n(Err(Errno::EAGAIN), 10_000)));
    let mut stream = started(&script);
    assert!(matches!(stream.dequeue(&script, Duration::ZERO), Ok(Dequeued::Timeout)));
}

#[test]
fn a_time_out_longer_than_time_itself_is_no_overflow() {
    let script = Script::default();
    let mut stream = started(&script);
    assert!(matches!(stream.dequeue(&script, Duration::MAX), Ok(Dequeued::Frame(_))));
}

#[test]
fn a_bad_buffer_goes_back_at_once() {
    let bad = [
        Filled { flags: bindings::V4L2_BUF_FLAG_ERROR, ..filled(0, 0) },
        Filled { planes: one(0, 0), ..filled(1, 1) },
        Filled { planes: one(SIZE - 1, 0), ..filled(2, 2) },
        Filled { planes: one(u32::MAX, 0), ..filled(3, 3) },
        Filled { planes: one(SIZE, u32::MAX), ..filled(0, 4) },
    ];
    let script = Script::default().with(|inner| inner.answers.extend(bad.map(Ok)));
    let mut stream = started(&script);
    for sequence in 0..5 {
        assert_eq!(damage(&mut stream, &script).0, sequence);
        assert_eq!(script.queued(), SLOTS as usize);
    }
}

#[test]
fn a_buffer_that_the_device_cannot_have_is_ignored() {
    let script = Script::default();
    let mut stream = started(&script);
    let held = frame(&mut stream, &script);
    {
        let mut inner = script.inner.borrow_mut();
        inner.answers.extend([Ok(filled(SLOTS, 9)), Ok(filled(u32::MAX, 9)), Ok(filled(held.slot(), 9))]);
    }
    let next = frame(&mut stream, &script);
    assert_ne!(next.slot(), held.slot());
    assert_eq!(next.sequence(), 1);
    drop(held);
    drop(next);
    frame(&mut stream, &script);
    assert_eq!(script.queued(), SLOTS as usize - 1);
}

#[test]
fn a_slot_refused_once_is_offered_again() {
    let script = Script::default();
    let mut stream = started(&script);
    drop(frame(&mut stream, &script));
    script.inner.borrow_mut().refuse_queue.push_back(Errno::EINVAL);
    drop(frame(&mut stream, &script));
    frame(&mut stream, &script);
    assert_eq!(script.queued(), SLOTS as usize - 1);
}

#[test]
fn a_device_that_takes_no_buffer_at_all_is_an_error() {
    let script = Script::default();
    let mut stream = started(&script);
    let held: Vec<Frame> = (0..SLOTS).map(|_| frame(&mut stream, &script)).collect();
    drop(held);
    script.inner.borrow_mut().refuse_queue.extend([Errno::EINVAL; SLOTS as usize]);
    let fault = stream.dequeue(&script, SHORT).unwrap_err();
    assert_eq!(fault, Fault { operation: Operation::QueueBuffer, errno: Errno::EINVAL });
    frame(&mut stream, &script);
}

#[test]
fn a_failed_queue_is_restarted_once() {
    let script = Script::default();
    let fail = || {
        let mut inner = script.inner.borrow_mut();
        inner.waits.push_back(Ok(Ready::FAULT));
        inner.answers.push_back(Err(Errno::EIO));
    };
    let mut stream = started(&script);
    fail();
    assert_eq!(damage(&mut stream, &script), (0, "the device's queue failed and was restarted"));
    assert_eq!(frame(&mut stream, &script).sequence(), 1);
    fail();
    assert_eq!(damage(&mut stream, &script).0, 2);
    fail();
    let fault = stream.dequeue(&script, SHORT).unwrap_err();
    assert_eq!(fault, Fault { operation: Operation::DequeueBuffer, errno: Errno::EIO });
    assert_eq!(script.inner.borrow().restarts, 3);
}

#[test]
fn an_eio_that_poll_knows_nothing_of_is_one_lost_frame_and_several_are_a_failed_queue() {
    let script = Script::default().with(|inner| inner.answers.push_back(Err(Errno::EIO)));
    let mut stream = started(&script);
    assert_eq!(damage(&mut stream, &script), (0, "the device lost it (EIO)"));
    assert_eq!(frame(&mut stream, &script).sequence(), 1);
    assert_eq!(script.inner.borrow().restarts, 1, "the stream was not broken for it");
    script.inner.borrow_mut().answers.extend([Err(Errno::EIO); 4]);
    for sequence in 2..5 {
        assert_eq!(damage(&mut stream, &script), (sequence, "the device lost it (EIO)"));
    }
    assert_eq!(damage(&mut stream, &script), (5, "the device's queue failed and was restarted"));
    assert_eq!(script.inner.borrow().restarts, 2);
    assert_eq!(frame(&mut stream, &script).sequence(), 6);
}

#[test]
fn the_last_buffer_of_a_stream_is_its_end_and_no_damage_unless_it_holds_a_frame() {
    let last = bindings::V4L2_BUF_FLAG_LAST;
    let script = Script::default().with(|inner| {
        inner.answers.push_back(Ok(Filled { flags: last, ..filled(0, 0) }));
        inner.answers.push_back(Ok(Filled { flags: last, planes: one(0, 0), ..filled(1, 1) }));
        inner.answers.push_back(Err(Errno::EPIPE));
    });
    let mut stream = started(&script);
    assert_eq!(frame(&mut stream, &script).sequence(), 0);
    let end = stream.dequeue(&script, SHORT).unwrap();
    assert!(matches!(end, Dequeued::Event(Event::EndOfStream)), "{end:?}");
    assert_eq!(damage(&mut stream, &script).1, "the device's stream had ended and was restarted");
    frame(&mut stream, &script);
}

#[test]
fn a_queue_that_fails_at_queueing_is_restarted_too() {
    let script = Script::default();
    let mut stream = started(&script);
    drop(frame(&mut stream, &script));
    script.inner.borrow_mut().refuse_queue.push_back(Errno::EIO);
    assert_eq!(damage(&mut stream, &script).0, 1);
    assert_eq!(frame(&mut stream, &script).sequence(), 2);
}

#[test]
fn an_error_in_poll_without_a_reason_is_restarted_and_then_told() {
    let script = Script::default().with(|inner| {
        inner.waits.extend([Ok(Ready::FAULT); 2]);
        inner.answers.extend([Err(Errno::EAGAIN); 2]);
    });
    let mut stream = started(&script);
    damage(&mut stream, &script);
    let fault = stream.dequeue(&script, SHORT).unwrap_err();
    assert_eq!(fault.verdict(), Verdict::Restart);
}

#[test]
fn held_frames_survive_a_restart_and_are_not_queued() {
    let script = Script::default();
    let mut stream = started(&script);
    let held = frame(&mut stream, &script);
    script.inner.borrow_mut().waits.push_back(Ok(Ready::FAULT));
    script.inner.borrow_mut().answers.push_back(Err(Errno::EIO));
    damage(&mut stream, &script);
    assert_eq!(script.queued(), SLOTS as usize - 1);
    drop(held);
    frame(&mut stream, &script);
    assert_eq!(script.queued(), SLOTS as usize - 1);
}

#[test]
fn an_unplugged_camera_is_gone_at_every_call() {
    let script = Script::default().with(|inner| inner.answers.push_back(Err(Errno::ENODEV)));
    let mut stream = started(&script);
    assert_eq!(stream.dequeue(&script, SHORT).unwrap_err().verdict(), Verdict::Gone);
    script.inner.borrow_mut().refuse_off.push_back(Errno::ENODEV);
    assert_eq!(stream.stop(&script), Ok(()));
    script.inner.borrow_mut().refuse_queue.extend([Errno::ENODEV; SLOTS as usize]);
    assert_eq!(stream.start(&script).unwrap_err().verdict(), Verdict::Gone);
    assert!(!stream.streaming());
}

#[test]
fn a_start_that_is_refused_leaves_no_trace() {
    let script = Script::default().with(|inner| inner.refuse_on.push_back(Errno::EPIPE));
    let mut stream = stream();
    assert_eq!(stream.start(&script), Err(Fault { operation: Operation::StreamOn, errno: Errno::EPIPE }));
    assert_eq!((stream.streaming(), script.queued()), (false, 0));
    script.inner.borrow_mut().refuse_queue.push_back(Errno::EINVAL);
    assert!(stream.start(&script).is_err());
    assert_eq!(script.queued(), 0);
    stream.start(&script).unwrap();
    frame(&mut stream, &script);
}

#[test]
fn a_refused_stop_can_be_tried_again() {
    let script = Script::default();
    let mut stream = started(&script);
    script.inner.borrow_mut().refuse_off.push_back(Errno::EIO);
    assert!(stream.stop(&script).is_err());
    assert!(stream.streaming());
    stream.stop(&script).unwrap();
    stream.stop(&script).unwrap();
    assert!(!stream.streaming());
}

#[test]
fn frames_held_over_stop_and_start_stay_out_and_counting_begins_again() {
    let script = Script::default();
    let mut stream = started(&script);
    let held = frame(&mut stream, &script);
    stream.stop(&script).unwrap();
    stream.start(&script).unwrap();
    let first = frame(&mut stream, &script);
    assert_eq!(first.sequence(), 0);
    assert_ne!(first.slot(), held.slot());
    assert_eq!(script.queued(), SLOTS as usize - 2);
}

#[test]
fn an_event_comes_before_the_frame_that_waits_and_ends_no_later_wait() {
    let both = Ready { filled: true, event: true, fault: false };
    let script = Script::default().with(|inner| {
        inner.waits.extend([Ok(both), Ok(both)]);
        inner.events.push_back(Ok(Event::EndOfStream));
    });
    let mut stream = started(&script);
    let first = stream.dequeue(&script, SHORT).unwrap();
    assert!(matches!(first, Dequeued::Event(Event::EndOfStream)), "{first:?}");
    assert_eq!(frame(&mut stream, &script).sequence(), 0);
}

#[test]
fn a_camera_unplugged_while_an_event_waits_is_gone() {
    let script = Script::default().with(|inner| {
        inner.waits.push_back(Ok(Ready { filled: false, event: true, fault: true }));
        inner.events.push_back(Err(Errno::ENODEV));
    });
    let mut stream = started(&script);
    assert_eq!(stream.dequeue(&script, SHORT).unwrap_err().verdict(), Verdict::Gone);
}

proptest! {
    /// Whatever a driver answers: no panic, no slot queued twice (the script checks), none lost.
    #[test]
    fn no_answer_loses_a_buffer(
        answers in proptest::collection::vec((0u32..6, any::<u32>(), any::<u32>(), any::<u32>(), 0u32..4), 0..60),
        keep in 0usize..5,
    ) {
        let script = Script::default();
        let mut stream = started(&script);
        let mut held = VecDeque::new();
        for (index, sequence, bytes_used, offset, kind) in answers {
            let answer = match kind {
                0 => Ok(filled(index, sequence)),
                1 => Ok(Filled { planes: one(bytes_used, offset), flags: sequence, ..filled(index, sequence) }),
                2 => Err(Errno::EIO),
                _ => Err(Errno::EAGAIN),
            };
            script.inner.borrow_mut().answers.push_back(answer);
            if let Ok(Dequeued::Frame(frame)) = stream.dequeue(&script, Duration::ZERO) {
                held.push_back(frame);
            }
            while held.len() > keep {
                held.pop_front();
            }
            if !stream.streaming() {
                stream.start(&script).unwrap();
            }
        }
        script.inner.borrow_mut().answers.clear();
        held.clear();
        let _ = stream.stop(&script);
        stream.start(&script).unwrap();
        prop_assert_eq!(script.queued(), SLOTS as usize);
    }
}
