//! A session: a streaming camera, a ring of its latest frames, and the photos that are taken from them.
//!
//! Three threads: the capture thread takes frames from the camera, and brings the camera back when it went away; the proxy
//! lane makes and announces proxies, in capture order, and commits rows; the spool lane writes bursts. Frames travel as
//! leases: nothing copies a pixel, except where a camera can spare no buffer.
//!
//! What can go wrong with a camera, and how long it takes at most to be told. "Silence" and "absence" are
//! [`SessionOptions::silence`] and [`SessionOptions::absence`].
//!
//! | fault                                   | what the session tells                  | within                     |
//! |-----------------------------------------|-----------------------------------------|----------------------------|
//! | frames lost, damaged, or no picture     | nothing; the burst takes the next ones  |                            |
//! | all frames damaged, or none after a start | `cameraLost` (`device`), then restarts | silence                  |
//! | unplugged                               | `cameraLost` (`device`), then opens anew | at once                   |
//! | silent, or its queue fails again        | `cameraLost` (`device`), then restarts  | the HAL's patience, twice  |
//! | what comes in has changed               | `streamChanged`                         | a new setup, and its frame |
//! | it changes again before a frame came    | `captureFailed` of a photo that waits   | silence, and a new setup   |
//! | a call refused on the way back          | nothing; tried again                    | absence                    |
//! | gives no good frame, started or not     | [`Error::Stream`] from then on          | absence, and silence       |
//! | a thread of the session panics          | [`Error::Panicked`] from then on        | at once                    |
//!
//! In all cases the photo under way keeps the frames that it has; without any it fails. The next photo is taken when the
//! camera is back: it is with the first good frame, which `cameraBack` and `streamChanged` tell; until then restarts are
//! counted together, and their pauses grow. While the lanes have all frames of a slow library, nobody waits for the camera:
//! that time is no silence. A panic costs the photo that it happened to; those that were taken before and behind it are
//! announced and stored.

mod capture;
mod proxy_lane;
mod ring;
mod setup;
mod spool_lane;
mod supply;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use latent_hal::{Camera, CameraInfo, StreamConfig};
use uuid::Uuid;

use crate::clock;
use crate::error::Error;
use crate::event::{EventKind, EventSender, Listeners};
use crate::library::Library;
use crate::mode::Wish;
use crate::photo::Tier;
use capture::Active;
use ring::Ring;
use setup::Setup;

/// Opens the camera of a session again: waits until it is there, at most the time given.
pub type Reopen = Box<dyn FnMut(Duration) -> Result<Box<dyn Camera>, latent_hal::Error> + Send>;

/// What a session is to do.
#[derive(Clone, Copy, Debug)]
pub struct SessionOptions {
    /// Raw frames of a photo, 1 or more.
    pub burst: u32,
    /// The tier at which photos are developed.
    pub tier: Tier,
    /// Which of the camera's modes.
    pub wish: Wish,
    /// A camera that gives no good frame for so long has stalled; slow ones get eight of their frame times.
    pub silence: Duration,
    /// For how long the session tries to bring a camera back that went away.
    pub absence: Duration,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            burst: 8,
            tier: Tier::Video,
            wish: Wish::default(),
            silence: Duration::from_secs(5),
            absence: Duration::from_secs(60),
        }
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
    /// Nothing is told of a capture that failed.
    pub(crate) failed: Mutex<bool>,
}

impl Capture {
    /// False when the capture has failed, of which nothing more is told.
    pub(crate) fn send(&self, kind: EventKind) -> bool {
        self.send_at(clock::now(), kind)
    }

    pub(crate) fn send_at(&self, at: Duration, kind: EventKind) -> bool {
        let failed = self.failed();
        if !*failed {
            self.events.send(self.id, clock::micros_between(self.requested, at), kind);
        }
        !*failed
    }

    /// Ends the capture: this is its last event.
    pub(crate) fn fail(&self, error: &Error) {
        let message = match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        };
        let mut failed = self.failed();
        if !std::mem::replace(&mut *failed, true) {
            let kind = EventKind::CaptureFailed { kind: error.kind().as_str().to_owned(), message };
            self.events.send(self.id, clock::micros_between(self.requested, clock::now()), kind);
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        *self.failed()
    }

    fn failed(&self) -> MutexGuard<'_, bool> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the threads share about the stream.
#[derive(Debug)]
pub(crate) struct Stream {
    state: Mutex<State>,
    changed: Condvar,
    options: SessionOptions,
    events: EventSender,
    listeners: Arc<Listeners>,
    proxies: mpsc::Sender<proxy_lane::Work>,
    spools: mpsc::Sender<spool_lane::Work>,
}

#[derive(Debug)]
struct State {
    setup: Arc<Setup>,
    ring: Ring,
    active: Option<Active>,
    /// No frames come at the moment; the capture thread works on it.
    away: bool,
    /// Why the session ended, once it has.
    ended: Option<Ended>,
    closing: bool,
}

/// What ended a session by itself.
#[derive(Clone, Debug)]
enum Ended {
    Stream(String),
    Panicked(&'static str, String),
}

impl Ended {
    fn error(self) -> Error {
        match self {
            Self::Stream(reason) => Error::Stream { reason },
            Self::Panicked(lane, message) => Error::Panicked { lane, message },
        }
    }
}

impl State {
    /// Notes what ended the session; the first stands.
    fn end(&mut self, error: &Error) {
        self.ended.get_or_insert_with(|| match error {
            Error::Panicked { lane, message } => Ended::Panicked(lane, message.clone()),
            Error::Stream { reason } => Ended::Stream(reason.clone()),
            error => Ended::Stream(error.to_string()),
        });
    }

    /// Frames come of another setup from now on.
    fn renew(&mut self, setup: Setup) {
        self.ring = Ring::new(setup.config.held);
        self.setup = Arc::new(setup);
    }
}

impl Stream {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long there may be no good frame.
    fn patience(&self, setup: &Setup) -> Duration {
        self.options.silence.max(setup.config.frame_interval.unwrap_or_default() * 8)
    }

    /// A lane panicked: nothing new is begun.
    fn fault(&self, error: &Error) {
        self.state().end(error);
        self.changed.notify_all();
    }
}

/// A camera that streams, and takes photos when asked to.
#[derive(Debug)]
pub struct Session {
    stream: Arc<Stream>,
    library: Arc<Library>,
    /// Milliseconds from request to proxy, as last seen or first guessed.
    estimate_ms: Arc<AtomicU64>,
    /// The photos that were asked for.
    photos: Mutex<Vec<Uuid>>,
    threads: Vec<JoinHandle<()>>,
}

impl Session {
    /// Configures and starts the camera. Blocks until it streams. Events go to `events`; `listeners` lets those of the
    /// development find their way there too. With `reopen` the camera is opened again after it went away.
    ///
    /// # Errors
    /// [`Error::Camera`]; [`Error::Develop`] for a camera whose frames are no pictures.
    pub fn open(
        library: Arc<Library>,
        listeners: Arc<Listeners>,
        mut camera: Box<dyn Camera>,
        reopen: Option<Reopen>,
        options: SessionOptions,
        events: EventSender,
    ) -> Result<Self, Error> {
        let options = SessionOptions { burst: options.burst.max(1), ..options };
        let setup = setup::start(camera.as_mut(), &options)?;
        let config = setup.config;
        let megapixels = u64::from(config.width) * u64::from(config.height) / 1_000_000;
        let estimate_ms = Arc::new(AtomicU64::new(10 + 10 * megapixels));

        let lane = proxy_lane::Lane::new(
            Arc::clone(&library),
            Arc::clone(&listeners),
            options.tier,
            Arc::clone(&estimate_ms),
        );
        let (proxies, proxy_work) = mpsc::channel();
        let (spools, spool_work) = mpsc::channel();
        let stream = Arc::new(Stream {
            state: Mutex::new(State {
                setup: Arc::new(setup),
                ring: Ring::new(config.held),
                active: None,
                away: false,
                ended: None,
                closing: false,
            }),
            changed: Condvar::new(),
            options,
            events,
            listeners,
            proxies: proxies.clone(),
            spools,
        });
        let spool = spool_lane::Lane { library: Arc::clone(&library), burst: options.burst, proxies };
        let threads = vec![
            spawn("latent-capture", {
                let stream = Arc::clone(&stream);
                move || supply::run(camera, reopen, &stream)
            })?,
            spawn("latent-proxy", {
                let stream = Arc::clone(&stream);
                move || lane.run(&proxy_work, &|error| stream.fault(error))
            })?,
            spawn("latent-spool", {
                let stream = Arc::clone(&stream);
                move || spool.run(&spool_work, &|error| stream.fault(error))
            })?,
        ];
        Ok(Self { stream, library, estimate_ms, photos: Mutex::default(), threads })
    }

    /// The camera, as it was opened last.
    pub fn camera(&self) -> CameraInfo {
        self.stream.state().setup.info.clone()
    }

    /// The stream, as it was set up last.
    pub fn config(&self) -> StreamConfig {
        self.stream.state().setup.config
    }

    /// The photos that were asked for so far, in order; those whose capture failed are in no library.
    pub fn photos(&self) -> Vec<Uuid> {
        self.photos.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for a photo; returns its capture id. Waits until the capture before it has all its frames, and while the camera is
    /// away: at most [`SessionOptions::absence`] and [`SessionOptions::silence`].
    ///
    /// # Errors
    /// [`Error::Stream`] when the stream has ended; [`Error::Panicked`] when a thread of the session has.
    pub fn capture(&self) -> Result<u64, Error> {
        self.capture_unless(&AtomicBool::new(false))
    }

    /// As [`Session::capture`]; setting `cancel` ends the waiting.
    ///
    /// # Errors
    /// [`Error::Stream`] when the stream has ended; [`Error::Panicked`]; [`Error::Cancelled`].
    pub fn capture_unless(&self, cancel: &AtomicBool) -> Result<u64, Error> {
        let mut state = self.stream.state();
        while (state.active.is_some() || state.away) && state.ended.is_none() {
            if cancel.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let waited = self.stream.changed.wait_timeout(state, PAUSE);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some(ended) = &state.ended {
            return Err(ended.clone().error());
        }
        let capture = Arc::new(Capture {
            id: self.library.next_capture_id(),
            asset_id: Uuid::now_v7(),
            requested: clock::now(),
            captured_at: clock::local_now(),
            events: self.stream.events.clone(),
            failed: Mutex::new(false),
        });
        let id = capture.id;
        self.photos.lock().unwrap_or_else(PoisonError::into_inner).push(capture.asset_id);
        self.stream.listeners.register(capture.asset_id, self.stream.events.clone());
        capture.send(EventKind::CaptureStart { estimated_ms: self.estimate_ms.load(Ordering::Relaxed) });
        let (setup, requested) = (Arc::clone(&state.setup), capture.requested);
        let mut active = Active::new(capture, self.stream.options.burst);
        for frame in state.ring.take_from_nearest(requested, setup.config.frame_interval) {
            active.add(frame, &self.stream, &setup);
        }
        if active.is_complete() {
            active.end();
        } else {
            state.active = Some(active);
        }
        Ok(id)
    }

    /// Waits until the photo under way has its frames, stops the camera, and waits until every photo is announced and every
    /// raw burst is safe.
    ///
    /// # Errors
    /// [`Error::Stream`] or [`Error::Panicked`] when the session had ended by itself before.
    pub fn close(self) -> Result<(), Error> {
        self.close_unless(&AtomicBool::new(false))
    }

    /// As [`Session::close`]; setting `cancel` ends the photo under way: it keeps the frames that it has, and fails with
    /// [`Error::Cancelled`] without any. What was taken before is brought to storage all the same.
    ///
    /// # Errors
    /// As [`Session::close`].
    pub fn close_unless(mut self, cancel: &AtomicBool) -> Result<(), Error> {
        self.finish(cancel);
        match self.stream.state().ended.clone() {
            Some(ended) => Err(ended.error()),
            None => Ok(()),
        }
    }

    fn finish(&mut self, cancel: &AtomicBool) {
        {
            let mut state = self.stream.state();
            while state.active.is_some() && state.ended.is_none() && !cancel.load(Ordering::Relaxed) {
                let waited = self.stream.changed.wait_timeout(state, PAUSE);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            if let Some(active) = state.active.take() {
                let why = state.ended.clone().map_or(Error::Cancelled, Ended::error);
                active.cut_short(&self.stream, &why);
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
            self.finish(&AtomicBool::new(false));
        }
    }
}

/// How soon it is noticed that waiting was called off.
const PAUSE: Duration = Duration::from_millis(100);

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| Error::file("start a thread for", name, error))
}
