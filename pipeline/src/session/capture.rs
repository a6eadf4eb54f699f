//! The capture thread: frames from the camera into the ring or into the photo that is being taken.

use std::sync::Arc;
use std::time::Duration;

use latent_hal::memory::Buffer;
use latent_hal::{Camera, Dequeued, Frame, SlotPool, StreamConfig};

use super::{Capture, Stream, proxy_lane, spool_lane};
use crate::clock;
use crate::error::Error;
use crate::event::EventKind;

/// A photo whose frames are being taken.
#[derive(Debug)]
pub(super) struct Active {
    capture: Arc<Capture>,
    wanted: u32,
    taken: u32,
}

impl Active {
    pub(super) fn new(capture: Arc<Capture>, wanted: u32) -> Self {
        Self { capture, wanted, taken: 0 }
    }

    pub(super) fn requested(&self) -> Duration {
        self.capture.requested
    }

    pub(super) fn is_complete(&self) -> bool {
        self.taken >= self.wanted
    }

    /// Takes a frame: the first one is the reference, of which the proxy is made.
    pub(super) fn add(&mut self, frame: Frame, stream: &Stream) {
        if self.is_complete() {
            return;
        }
        if self.taken == 0 {
            let sequence = frame.sequence();
            self.capture.send_at(frame.timestamp(), EventKind::FrameShutter { sequence });
            let work = proxy_lane::Work::Proxy(Arc::clone(&self.capture), frame.clone());
            let _ = stream.proxies.send(work);
        }
        self.taken += 1;
        let last = self.is_complete();
        let _ =
            stream.spools.send(spool_lane::Work::Frame { capture: Arc::clone(&self.capture), frame, last });
    }

    /// All frames are there.
    pub(super) fn end(&self) {
        self.capture.send(EventKind::FrameShutterEnd);
        self.capture.send(EventKind::CaptureReady);
        self.capture.send(EventKind::CaptureEnd { frame_count: self.taken });
    }

    /// No more frames will come: the photo keeps those that it has, or fails if it has none.
    fn cut_short(&self, stream: &Stream, error: &Error) {
        if self.taken == 0 {
            self.capture.fail(error);
            return;
        }
        let _ = stream.spools.send(spool_lane::Work::CutShort);
        self.end();
    }
}

/// A camera that is silent for so long has stalled; slow ones get eight of their frame times.
const SILENCE: Duration = Duration::from_secs(5);

/// How long one wait for a frame takes at most: how soon a closing session is noticed.
const WAIT: Duration = Duration::from_millis(100);

pub(super) fn run(mut camera: Box<dyn Camera>, config: &StreamConfig, stream: &Stream) {
    let error = feed(camera.as_mut(), config, stream).err();
    let _ = camera.stop();
    let mut state = stream.state();
    state.ring.clear();
    if let Some(error) = error {
        state.ended = Some(error.to_string());
        if let Some(active) = state.active.take() {
            active.cut_short(stream, &error);
        }
    }
    stream.changed.notify_all();
}

fn feed(camera: &mut dyn Camera, config: &StreamConfig, stream: &Stream) -> Result<(), Error> {
    let patience = SILENCE.max(config.frame_interval.unwrap_or_default() * 8);
    let mut heard = clock::now();
    loop {
        if stream.state().closing {
            return Ok(());
        }
        match camera.dequeue(WAIT)? {
            Dequeued::Frame(frame) => {
                heard = clock::now();
                let frame = if config.held == 0 { copied_out(&frame, config)? } else { frame };
                take(frame, stream);
            }
            Dequeued::Damaged { .. } | Dequeued::Event(_) => heard = clock::now(),
            Dequeued::Timeout => {
                let waited = clock::now().saturating_sub(heard);
                if waited > patience {
                    let camera = camera.info().id.clone();
                    return Err(latent_hal::Error::Stalled { camera, waited }.into());
                }
            }
            Dequeued::Starved => {
                heard = clock::now();
                if !stream.state().ring.drop_oldest() {
                    // The lanes have all of them and give them back as they work.
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
    }
}

fn take(frame: Frame, stream: &Stream) {
    let mut state = stream.state();
    let Some(mut active) = state.active.take() else {
        state.ring.push(frame);
        return;
    };
    active.add(frame, stream);
    if active.is_complete() {
        active.end();
        stream.changed.notify_all();
    } else {
        state.active = Some(active);
    }
}

/// A stream that can spare no slot: the frame moves to memory of our own, so that the slot goes back at once.
fn copied_out(frame: &Frame, config: &StreamConfig) -> Result<Frame, Error> {
    let own = Buffer::allocate(config.size_bytes, "copied frame")?;
    let (offset, bytes_used) = (0, frame.shot().bytes_used.min(config.size_bytes));
    own.write()?[..bytes_used].copy_from_slice(&frame.read()?[..bytes_used]);
    let shot = latent_hal::frame::Shot { offset, bytes_used, ..*frame.shot() };
    let copy = SlotPool::new(vec![own]).lend(0, shot);
    Ok(copy.unwrap_or_else(|| frame.clone()))
}
