use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::super::layout::Answer;
use super::*;
use crate::frame::Frame;
use crate::memory::Buffer;

/// A camera of the test's making: requests are their slots' numbers.
#[derive(Default)]
struct Fake {
    running: Cell<bool>,
    queued: RefCell<VecDeque<u32>>,
    came_back: RefCell<VecDeque<News<u32>>>,
    now: Cell<Duration>,
    frames: Cell<u32>,
    starts: Cell<usize>,
    refuse_start: Cell<Option<Errno>>,
    refuse_queue: Cell<Option<Errno>>,
}

impl Line for Fake {
    type Request = u32;

    fn start(&self) -> nix::Result<()> {
        if let Some(errno) = self.refuse_start.get() {
            return Err(errno);
        }
        assert!(!self.running.replace(true), "started twice");
        self.starts.set(self.starts.get() + 1);
        Ok(())
    }

    fn stop(&self) -> nix::Result<()> {
        self.running.set(false);
        for slot in self.queued.borrow_mut().drain(..) {
            self.came_back.borrow_mut().push_back(News::Done(slot, outcome(slot, Status::Cancelled, 0)));
        }
        Ok(())
    }

    fn queue(&self, request: u32) -> Result<(), (u32, Errno)> {
        assert!(self.running.get(), "queued while off");
        match self.refuse_queue.get() {
            Some(errno) => Err((request, errno)),
            None => {
                self.queued.borrow_mut().push_back(request);
                Ok(())
            }
        }
    }

    fn news(&self, timeout: Duration) -> Option<News<u32>> {
        let news = self.came_back.borrow_mut().pop_front();
        if news.is_none() {
            self.now.set(self.now.get() + timeout);
        }
        news
    }

    fn now(&self) -> Duration {
        self.now.get()
    }
}

impl Fake {
    /// The next queued request comes back like this.
    fn give(&self, status: Status) {
        let slot = self.queued.borrow_mut().pop_front().unwrap();
        let news = News::Done(slot, outcome(slot, status, self.frames.get()));
        self.frames.set(self.frames.get() + 1);
        self.came_back.borrow_mut().push_back(news);
    }
}

fn outcome(slot: u32, status: Status, sequence: u32) -> Outcome {
    Outcome { slot, status, sequence, timestamp: None, used: Vec::new(), exposure: None }
}

const SLOTS: u32 = 4;

fn stream() -> Stream<u32> {
    let name = (u32::from_le_bytes(*b"YUYV"), 0);
    let answer = Answer { name, width: 4, height: 2, stride: 8, size: 16, colorimetry: None, interval: None };
    let layout = Layout::check(&answer).unwrap();
    let buffers = (0..SLOTS).map(|_| Buffer::allocate(16, "test").unwrap()).collect();
    Stream::new(layout, Place { offset: 0, length: 16 }, SlotPool::new(buffers), (0..SLOTS).collect())
}

fn started() -> (Stream<u32>, Fake) {
    let (mut stream, fake) = (stream(), Fake::default());
    stream.start(&fake).unwrap();
    (stream, fake)
}

const SHORT: Duration = Duration::from_millis(100);

fn frame(stream: &mut Stream<u32>, fake: &Fake) -> Frame {
    fake.give(Status::Complete);
    match stream.dequeue(fake, SHORT).unwrap() {
        Dequeued::Frame(frame) => frame,
        other => panic!("no frame but {other:?}"),
    }
}

fn idle(stream: &Stream<u32>) -> usize {
    stream.slots.iter().filter(|slot| matches!(slot, Slot::Idle(_))).count()
}

#[test]
fn frames_are_lent_and_their_slots_come_back() {
    let (mut stream, fake) = started();
    assert_eq!(fake.queued.borrow().len(), 4);
    let first = frame(&mut stream, &fake);
    assert_eq!((first.sequence(), first.slot()), (0, 0));
    assert!(!first.shot().timestamp_is_start, "libcamera told no time");
    let second = frame(&mut stream, &fake);
    assert_eq!(fake.queued.borrow().len(), 2);
    drop((first, second));
    assert!(matches!(stream.dequeue(&fake, SHORT).unwrap(), Dequeued::Timeout));
    assert_eq!(fake.queued.borrow().len(), 4);
}

#[test]
fn a_caller_that_holds_all_slots_starves_and_that_is_no_stall() {
    let (mut stream, fake) = started();
    let mut held: Vec<Frame> = (0..SLOTS).map(|_| frame(&mut stream, &fake)).collect();
    for _ in 0..3 {
        assert!(matches!(stream.dequeue(&fake, SHORT).unwrap(), Dequeued::Starved));
        fake.now.set(fake.now.get() + Duration::from_secs(60));
    }
    held.pop();
    assert!(matches!(stream.dequeue(&fake, SHORT).unwrap(), Dequeued::Timeout));
    assert_eq!(fake.starts.get(), 1);
}

#[test]
fn a_handler_that_keeps_requests_starves_and_does_not_stall() {
    let (mut stream, fake) = started();
    // One more than was promised.
    let mut held: Vec<Frame> = (0..2).map(|_| frame(&mut stream, &fake)).collect();
    assert!(matches!(stream.dequeue(&fake, SHORT).unwrap(), Dequeued::Timeout));
    for _ in 0..3 {
        assert!(matches!(stream.dequeue(&fake, Duration::from_secs(60)).unwrap(), Dequeued::Starved));
    }
    held.pop();
    assert!(matches!(stream.dequeue(&fake, SHORT).unwrap(), Dequeued::Timeout));
    let outcome = stream.dequeue(&fake, Duration::from_secs(60)).unwrap();
    assert!(matches!(outcome, Dequeued::Damaged { .. }), "with one held it is a stall: {outcome:?}");
    assert_eq!(fake.starts.get(), 2);
}

#[test]
fn the_count_begins_at_0_at_each_start_and_keeps_gaps() {
    let (mut stream, fake) = started();
    fake.frames.set(17);
    assert_eq!(frame(&mut stream, &fake).sequence(), 0);
    fake.frames.set(20);
    assert_eq!(frame(&mut stream, &fake).sequence(), 3);
    stream.stop(&fake).unwrap();
    stream.stop(&fake).unwrap();
    stream.start(&fake).unwrap();
    assert_eq!(frame(&mut stream, &fake).sequence(), 0);
}

#[test]
fn a_stop_brings_all_requests_back_but_those_that_are_lent() {
    let (mut stream, fake) = started();
    let kept = frame(&mut stream, &fake);
    fake.give(Status::Complete); // came back, and nobody asked for it
    stream.stop(&fake).unwrap();
    assert_eq!(idle(&stream), 3);
    assert!(fake.came_back.borrow().is_empty());
    drop(kept);
    stream.start(&fake).unwrap();
    assert_eq!(fake.queued.borrow().len(), 4);
}

#[test]
fn bad_frames_are_losses_and_their_slots_are_queued_again() {
    let (mut stream, fake) = started();
    fake.give(Status::Bad("bad"));
    let outcome = stream.dequeue(&fake, SHORT).unwrap();
    assert!(matches!(outcome, Dequeued::Damaged { sequence: 0, reason: "bad" }), "{outcome:?}");
    assert_eq!(fake.queued.borrow().len(), 4);
    assert_eq!(frame(&mut stream, &fake).sequence(), 1);
}

#[test]
fn requests_given_up_restart_the_camera_once_and_then_fail() {
    let (mut stream, fake) = started();
    frame(&mut stream, &fake);
    fake.give(Status::Cancelled);
    assert!(matches!(stream.dequeue(&fake, SHORT).unwrap(), Dequeued::Damaged { sequence: 1, .. }));
    assert_eq!((fake.starts.get(), fake.queued.borrow().len()), (2, 4));
    fake.give(Status::Cancelled);
    let failure = stream.dequeue(&fake, SHORT).unwrap_err();
    assert_eq!(failure, Fault { operation: "request", errno: Errno::EIO }.into());
    // A good frame makes all well again.
    assert_eq!(frame(&mut stream, &fake).sequence(), 2);
    fake.give(Status::Cancelled);
    assert!(stream.dequeue(&fake, SHORT).is_ok());
}

#[test]
fn silence_restarts_the_camera_once_and_then_is_a_stall() {
    let (mut stream, fake) = started();
    // A long wait ends when patience does, a short one earlier.
    assert!(matches!(stream.dequeue(&fake, SHORT).unwrap(), Dequeued::Timeout));
    let outcome = stream.dequeue(&fake, Duration::from_secs(3600)).unwrap();
    assert!(matches!(outcome, Dequeued::Damaged { sequence: 0, .. }), "{outcome:?}");
    assert!(fake.now() < Duration::from_secs(3));
    assert_eq!(fake.starts.get(), 2);
    assert_eq!(stream.dequeue(&fake, Duration::from_secs(9)).unwrap_err(), Failure::Silent(PATIENCE));
}

#[test]
fn an_unplugged_camera_is_gone_and_can_be_stopped() {
    let (mut stream, fake) = started();
    let kept = frame(&mut stream, &fake);
    fake.came_back.borrow_mut().push_back(News::Gone);
    fake.give(Status::Cancelled);
    for _ in 0..2 {
        let Failure::Fault(fault) = stream.dequeue(&fake, SHORT).unwrap_err() else { panic!("no fault") };
        assert!(fault.is_gone());
    }
    stream.stop(&fake).unwrap();
    assert!(!stream.streaming());
    assert_eq!(kept.read().unwrap().len(), 16);
}

#[test]
fn refusals_lose_no_request() {
    let (mut stream, fake) = (stream(), Fake::default());
    fake.refuse_start.set(Some(Errno::EINVAL));
    assert_eq!(stream.start(&fake).unwrap_err().operation, "start");
    fake.refuse_start.set(None);
    fake.refuse_queue.set(Some(Errno::EINVAL));
    assert_eq!(stream.start(&fake).unwrap_err().operation, "queue a request");
    assert!(!stream.streaming() && !fake.running.get());
    assert_eq!(idle(&stream), 4);
    fake.refuse_queue.set(None);
    stream.start(&fake).unwrap();
    // One slot that is refused does not end the stream while others are queued.
    drop(frame(&mut stream, &fake));
    fake.refuse_queue.set(Some(Errno::EINVAL));
    assert!(matches!(stream.dequeue(&fake, SHORT).unwrap(), Dequeued::Timeout));
    fake.refuse_queue.set(Some(Errno::ENODEV));
    assert!(stream.dequeue(&fake, SHORT).is_err());
}

#[test]
fn requests_of_no_slot_are_ignored() {
    let (mut stream, fake) = started();
    let lent = frame(&mut stream, &fake);
    for slot in [lent.slot(), 99] {
        for status in [Status::Complete, Status::Bad("bad")] {
            fake.came_back.borrow_mut().push_back(News::Done(slot, outcome(slot, status, 1)));
        }
    }
    assert!(matches!(stream.dequeue(&fake, SHORT).unwrap(), Dequeued::Timeout));
    drop(lent);
    assert!(matches!(stream.dequeue(&fake, SHORT).unwrap(), Dequeued::Timeout));
    assert_eq!(fake.queued.borrow().len(), 4);
}
