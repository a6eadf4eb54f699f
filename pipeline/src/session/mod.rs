//! A session: a streaming camera, a ring of its latest frames, and the photos that are taken from them.
//!
//! Three threads: the capture thread takes frames from the camera; the proxy lane makes and announces proxies, in capture
//! order, and commits rows; the spool lane writes raw bursts. Frames travel as leases: nothing copies a pixel.

mod capture;
mod proxy_lane;
mod ring;
mod spool_lane;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use latent_hal::{Camera, CameraInfo, Mode, StreamConfig, StreamRequest};
use uuid::Uuid;

use crate::clock;
use crate::error::Error;
use crate::event::{EventKind, EventSender, Listeners};
use crate::library::Library;
use crate::photo::Tier;
use crate::sensor;
use capture::Active;
use ring::Ring;

/// What a session is to do.
#[derive(Clone, Copy, Debug)]
pub struct SessionOptions {
    /// Raw frames of a photo, 1 or more.
    pub burst: u32,
    /// The tier at which photos are developed.
    pub tier: Tier,
    /// The camera's mode; the largest one if `None`.
    pub mode: Option<Mode>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { burst: 8, tier: Tier::Video, mode: None }
    }
}

/// One capture, as all threads know it.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) id: u64,
    pub(crate) asset_id: Uuid,
    /// CLOCK_MONOTONIC of the request.
    pub(crate) requested: Duration,
    pub(crate) captured_at: jiff::Zoned,
    pub(crate) events: EventSender,
}

impl Capture {
    pub(crate) fn send(&self, kind: EventKind) {
        self.send_at(clock::now(), kind);
    }

    pub(crate) fn send_at(&self, at: Duration, kind: EventKind) {
        self.events.send(self.id, clock::micros_between(self.requested, at), kind);
    }

    pub(crate) fn fail(&self, error: &Error) {
        let message = match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        };
        self.send(EventKind::CaptureFailed { kind: error.kind().as_str().to_owned(), message });
    }
}

/// What the threads share about the stream.
#[derive(Debug)]
pub(crate) struct Stream {
    state: Mutex<State>,
    changed: Condvar,
    proxies: mpsc::Sender<proxy_lane::Work>,
    spools: mpsc::Sender<spool_lane::Work>,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    active: Option<Active>,
    /// Why the stream ended, once it has.
    ended: Option<String>,
    closing: bool,
}

impl Stream {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A camera that streams, and takes photos when asked to.
#[derive(Debug)]
pub struct Session {
    stream: Arc<Stream>,
    library: Arc<Library>,
    listeners: Arc<Listeners>,
    events: EventSender,
    info: CameraInfo,
    config: StreamConfig,
    options: SessionOptions,
    /// Milliseconds from request to proxy, as last seen or first guessed.
    estimate_ms: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Session {
    /// Configures and starts the camera. Blocks until it streams. Events go to `events`; `listeners` lets those of the
    /// development find their way there too.
    ///
    /// # Errors
    /// [`Error::Camera`].
    pub fn open(
        library: Arc<Library>,
        listeners: Arc<Listeners>,
        mut camera: Box<dyn Camera>,
        options: SessionOptions,
        events: EventSender,
    ) -> Result<Self, Error> {
        let options = SessionOptions { burst: options.burst.max(1), ..options };
        let not_raw = |camera: &dyn Camera| latent_hal::Error::Unsupported {
            camera: camera.info().id.clone(),
            reason: "it offers no raw format".to_owned(),
        };
        let mode = match options.mode {
            Some(mode) => mode,
            None => camera.modes()?.into_iter().next().ok_or_else(|| not_raw(&*camera))?,
        };
        let config = camera.configure(&StreamRequest { mode, held: options.burst + ring::DEPTH })?;
        let info = camera.info().clone();
        let geometry = sensor::geometry(&config, &info.sensor).ok_or_else(|| not_raw(&*camera))?;
        camera.start()?;
        let megapixels = u64::from(config.width) * u64::from(config.height) / 1_000_000;
        let estimate_ms = Arc::new(AtomicU64::new(10 + 10 * megapixels));

        let (proxies, proxy_work) = mpsc::channel();
        let (spools, spool_work) = mpsc::channel();
        let stream = Arc::new(Stream {
            state: Mutex::new(State {
                ring: Ring::new(config.held),
                active: None,
                ended: None,
                closing: false,
            }),
            changed: Condvar::new(),
            proxies: proxies.clone(),
            spools,
        });
        let lane = proxy_lane::Lane {
            library: Arc::clone(&library),
            listeners: Arc::clone(&listeners),
            config,
            geometry,
            info: info.clone(),
            tier: options.tier,
            estimate_ms: Arc::clone(&estimate_ms),
        };
        let spool = spool_lane::Lane {
            library: Arc::clone(&library),
            config,
            geometry,
            info: info.clone(),
            burst: options.burst,
            proxies,
        };
        let threads = vec![
            spawn("latent-capture", {
                let stream = Arc::clone(&stream);
                move || capture::run(camera, &config, &stream)
            })?,
            spawn("latent-proxy", move || lane.run(&proxy_work))?,
            spawn("latent-spool", move || spool.run(&spool_work))?,
        ];
        Ok(Self { stream, library, listeners, events, info, config, options, estimate_ms, threads })
    }

    /// The camera.
    pub fn camera(&self) -> &CameraInfo {
        &self.info
    }

    /// The stream.
    pub fn config(&self) -> &StreamConfig {
        &self.config
    }

    /// Asks for a photo; returns its capture id. Waits until the capture before it has all its frames.
    ///
    /// # Errors
    /// [`Error::Stream`] when the stream has ended.
    pub fn capture(&self) -> Result<u64, Error> {
        let mut state = self.stream.state();
        while state.active.is_some() && state.ended.is_none() {
            state = self.stream.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(reason) = &state.ended {
            return Err(Error::Stream { reason: reason.clone() });
        }
        let capture = Arc::new(Capture {
            id: self.library.next_capture_id(),
            asset_id: Uuid::now_v7(),
            requested: clock::now(),
            captured_at: clock::local_now(),
            events: self.events.clone(),
        });
        let id = capture.id;
        self.listeners.register(capture.asset_id, self.events.clone());
        capture.send(EventKind::CaptureStart { estimated_ms: self.estimate_ms.load(Ordering::Relaxed) });
        let mut active = Active::new(capture, self.options.burst);
        for frame in state.ring.take_from_nearest(active.requested(), self.config.frame_interval) {
            active.add(frame, &self.stream);
        }
        if active.is_complete() {
            active.end();
        } else {
            state.active = Some(active);
        }
        Ok(id)
    }

    /// Stops the camera and waits until every photo is announced and every raw burst is safe.
    ///
    /// # Errors
    /// [`Error::Stream`] when the stream had ended by itself before.
    pub fn close(mut self) -> Result<(), Error> {
        self.finish();
        match self.stream.state().ended.clone() {
            Some(reason) => Err(Error::Stream { reason }),
            None => Ok(()),
        }
    }

    fn finish(&mut self) {
        {
            let mut state = self.stream.state();
            while state.active.is_some() && state.ended.is_none() {
                state = self.stream.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.closing = true;
            state.ring.clear();
        }
        let mut threads = self.threads.drain(..);
        if let Some(capture) = threads.next() {
            let _ = capture.join();
        }
        let _ = self.stream.spools.send(spool_lane::Work::Stop);
        for thread in threads.rev() {
            let _ = thread.join();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.finish();
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| Error::file("start a thread for", name, error))
}
