//! The capture thread: frames from the camera into the ring or into the photo that is being taken.

use std::sync::Arc;
use std::time::Duration;

use latent_hal::frame::{Shot, Span};
use latent_hal::kernel::Event;
use latent_hal::memory::{self, Buffer};
use latent_hal::{Camera, Dequeued, Frame, SlotPool};

use super::setup::Setup;
use super::supply::Outage;
use super::{Capture, Stream, proxy_lane, spool_lane};
use crate::camera_jpeg::Shape;
use crate::clock;
use crate::error::Error;
use crate::event::EventKind;
use crate::pixels::Pixels;

/// A photo whose frames are being taken.
#[derive(Debug)]
pub(super) struct Active {
    capture: Arc<Capture>,
    wanted: u32,
    taken: u32,
    /// When the last frame was taken, or the photo was asked for.
    moved: Duration,
}

impl Active {
    pub(super) fn new(capture: Arc<Capture>, wanted: u32) -> Self {
        let moved = capture.requested;
        Self { capture, wanted, taken: 0, moved }
    }

    pub(super) fn capture(&self) -> &Capture {
        &self.capture
    }

    pub(super) fn is_complete(&self) -> bool {
        self.taken >= self.wanted
    }

    pub(super) fn has_frames(&self) -> bool {
        self.taken > 0
    }

    /// Why a photo that has no frame yet is waited for no longer.
    pub(super) fn overdue(&self, stream: &Stream, setup: &Setup) -> Option<Error> {
        let waited = clock::now().saturating_sub(self.moved);
        (!self.has_frames() && waited > stream.patience(setup)).then(|| {
            let camera = setup.info.id.clone();
            latent_hal::Error::Stalled { camera, waited }.into()
        })
    }

    /// Takes a frame: the first one is the reference, of which the proxy is made.
    pub(super) fn add(&mut self, frame: Frame, stream: &Stream, setup: &Arc<Setup>) {
        if self.is_complete() {
            return;
        }
        if self.taken == 0 {
            let sequence = frame.sequence();
            self.capture.send_at(frame.timestamp(), EventKind::FrameShutter { sequence });
        }
        // A JPEG may still turn out to be none: then the next one is the reference.
        if self.taken == 0 || matches!(setup.pixels, Pixels::Jpeg(_)) {
            let work = proxy_lane::Work::Proxy(Arc::clone(&self.capture), frame.clone(), Arc::clone(setup));
            let _ = stream.proxies.send(work);
        }
        self.taken += 1;
        self.moved = clock::now();
        let last = self.is_complete();
        let (capture, setup) = (Arc::clone(&self.capture), Arc::clone(setup));
        let _ = stream.spools.send(spool_lane::Work::Frame { capture, frame, setup, last });
    }

    /// All frames are there.
    pub(super) fn end(&self) {
        self.capture.send(EventKind::FrameShutterEnd);
        self.capture.send(EventKind::CaptureReady);
        self.capture.send(EventKind::CaptureEnd { frame_count: self.taken });
    }

    /// No more frames will come: the photo keeps those that it has, or fails if it has none.
    pub(super) fn cut_short(&self, stream: &Stream, error: &Error) {
        if self.taken == 0 {
            stream.listeners.take(self.capture.asset_id);
            self.capture.fail(error);
            return;
        }
        let _ = stream.spools.send(spool_lane::Work::CutShort);
        self.end();
    }
}

/// How long one wait for a frame takes at most: how soon a closing session is noticed.
const WAIT: Duration = Duration::from_millis(100);

/// Why no more frames are taken from a stream.
#[derive(Debug)]
pub(super) enum Ended {
    /// The session closes.
    Closing,
    /// What comes in has changed: the stream must be set up again.
    Changed,
    /// The camera failed.
    Failed(Error),
}

/// Takes frames from a camera that streams until that has an end. The first good one ends an outage.
pub(super) fn feed(
    camera: &mut dyn Camera,
    setup: &Arc<Setup>,
    stream: &Stream,
    outage: &mut Option<Outage>,
) -> Ended {
    let patience = stream.patience(setup);
    let mut heard = clock::now();
    loop {
        if stream.state().closing {
            return Ended::Closing;
        }
        match camera.dequeue(WAIT) {
            Ok(Dequeued::Frame(frame)) => {
                // Frames that are no picture are as good as none.
                if is_picture(&frame, setup) {
                    heard = clock::now();
                    if let Some(outage) = outage.take() {
                        outage.end(setup, stream);
                    }
                    take(frame, stream, setup);
                }
            }
            Ok(Dequeued::Event(Event::SourceChanged { resolution: true })) => return Ended::Changed,
            Ok(Dequeued::Damaged { .. } | Dequeued::Event(_) | Dequeued::Timeout) => {}
            Ok(Dequeued::Starved) => {
                heard = clock::now();
                let mut state = stream.state();
                if let Some(active) = &mut state.active {
                    active.moved = heard;
                }
                let dropped = state.ring.drop_oldest();
                drop(state);
                if !dropped {
                    // The lanes have all of them and give them back as they work.
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
            Err(error) => return Ended::Failed(error.into()),
        }
        let waited = clock::now().saturating_sub(heard);
        if waited > patience {
            let camera = camera.info().id.clone();
            return Ended::Failed(latent_hal::Error::Stalled { camera, waited }.into());
        }
        look_after_active(stream, setup, patience, outage.is_some());
    }
}

/// A photo that failed takes no more frames, nor one for which there has been no memory for too long, nor one that waits
/// for a source that changes again and again.
fn look_after_active(stream: &Stream, setup: &Setup, patience: Duration, in_outage: bool) {
    let mut state = stream.state();
    let Some(active) = &state.active else { return };
    if active.capture.has_failed() {
        let _ = stream.spools.send(spool_lane::Work::CutShort);
    } else if setup.config.held == 0 && clock::now().saturating_sub(active.moved) > patience {
        let (needed, left) = (setup.config.size_bytes, memory::budget_left());
        active.cut_short(stream, &Error::FrameMemory { needed, left });
    } else if let Some(error) = active.overdue(stream, setup).filter(|_| in_outage) {
        active.cut_short(stream, &error);
    } else {
        return;
    }
    state.active = None;
    stream.changed.notify_all();
}

/// False for a JPEG that is cut off or something else; whether its data is good as well is looked at once it is chosen.
fn is_picture(frame: &Frame, setup: &Setup) -> bool {
    let Pixels::Jpeg(frames) = setup.pixels else { return true };
    frame.read().is_ok_and(|bytes| Shape::of(&bytes, frames.width, frames.height).is_ok())
}

fn take(frame: Frame, stream: &Stream, setup: &Arc<Setup>) {
    let spares_none = setup.config.held == 0;
    if spares_none && stream.state().active.is_none() {
        return;
    }
    let frame = if spares_none { copied_out(&frame, setup) } else { Some(frame) };
    let Some(frame) = frame else { return };
    let mut state = stream.state();
    let Some(mut active) = state.active.take() else {
        state.ring.push(frame);
        return;
    };
    active.add(frame, stream, setup);
    if active.is_complete() {
        active.end();
        stream.changed.notify_all();
    } else {
        state.active = Some(active);
    }
}

/// A stream that can spare no slot: a frame that is chosen moves to memory of our own, so that the slot goes back at once.
/// `None` while there is no memory for it: the lanes give back what they have, and a later frame is taken.
fn copied_out(frame: &Frame, setup: &Setup) -> Option<Frame> {
    let bytes = frame.read().ok()?;
    let parts: Vec<&[u8]> = (0..bytes.memories()).map(|memory| bytes.memory(memory)).collect();
    if memory::budget_left() < parts.iter().map(|part| part.len()).sum() {
        return None;
    }
    let copy = |part: &&[u8]| {
        let own = Buffer::allocate(part.len(), "copied frame").ok()?;
        own.write().ok()?.copy_from_slice(part);
        Some(own)
    };
    let own = parts.iter().map(copy).collect::<Option<Vec<Buffer>>>()?;
    let whole = |part: &&[u8]| Span { offset: 0, bytes_used: part.len() };
    let later = parts.iter().skip(1).map(whole).collect();
    let shot = Shot { offset: 0, bytes_used: bytes.len(), ..*frame.shot() };
    debug_assert!(bytes.len() <= setup.config.size_bytes, "a frame fits its slot");
    // The lease outlives its pool; nobody waits for this slot.
    SlotPool::with_memories(vec![own]).lend_memories(0, shot, later)
}
