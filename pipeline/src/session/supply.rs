//! What keeps frames coming: a stream that ends by itself is set up again, and a camera that went away is opened again
//! when it is back.

use std::sync::Arc;
use std::time::Duration;

use latent_hal::error::ErrorKind;
use latent_hal::{Camera, StreamConfig};

use super::setup::{self, Setup};
use super::{Reopen, Stream, capture};
use crate::clock;
use crate::error::Error;
use crate::event::EventKind;
use crate::fault;

/// How long one wait for a camera takes at most: how soon a closing session is noticed.
const WAIT: Duration = Duration::from_millis(250);

/// How long is waited before the stream is started again: the first times, and then always.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(500)];
const PAUSE: Duration = Duration::from_millis(500);

/// How often a camera that is still there is started again before it is opened anew.
const RESTARTS: usize = PAUSES.len();

/// Between two openings of a camera that did not last.
const SETTLING: Duration = Duration::from_millis(20);

/// Runs the capture thread.
pub(super) fn run(camera: Box<dyn Camera>, reopen: Option<Reopen>, stream: &Stream) {
    let ended = fault::caught(LANE, || keep_streaming(camera, reopen, stream)).unwrap_or_else(Some);
    let mut state = stream.state();
    state.ring.clear();
    if let Some(error) = ended {
        if let Some(active) = state.active.take() {
            active.cut_short(stream, &error);
        }
        state.end(&error);
    }
    stream.changed.notify_all();
}

const LANE: &str = "capture lane";

/// Streams until the session closes; else what ended it.
fn keep_streaming(mut camera: Box<dyn Camera>, mut reopen: Option<Reopen>, stream: &Stream) -> Option<Error> {
    let mut outage: Option<Outage> = None;
    loop {
        let setup = stream.setup();
        let why = match capture::feed(camera.as_mut(), &setup, stream, &mut outage) {
            capture::Ended::Closing => {
                let _ = camera.stop();
                return None;
            }
            capture::Ended::Changed => Why::Changed,
            capture::Ended::Failed(error) => Why::Failed(error),
        };
        let _ = camera.stop();
        let gone = matches!(&why, Why::Failed(error) if kind(error) == Some(ErrorKind::Gone));
        let mut since = Outage::go_on(outage.take(), why, &setup, stream);
        // Closed before it is opened again: many drivers have one user at a time.
        match bring_back((!gone).then_some(camera), reopen.as_mut(), &mut since, stream) {
            Back::Streaming(back) => camera = back,
            Back::Closing => return None,
            Back::Failed(error) => return Some(error),
        }
        outage = Some(since);
    }
}

/// Why a stream was interrupted.
#[derive(Debug)]
enum Why {
    Changed,
    Failed(Error),
}

/// A time without good frames: from a fault until the first good frame after it, however often the stream is started
/// meanwhile. A camera that starts and gives nothing is as far away as one that does not start.
#[derive(Debug)]
pub(super) struct Outage {
    why: Why,
    since: Duration,
    before: Arc<Setup>,
    /// Starts so far.
    starts: usize,
    /// Those of the camera as it is open now.
    starts_of_this: usize,
}

impl Outage {
    /// Begins an outage, or goes on with one in which the stream was started and gave nothing.
    fn go_on(before: Option<Self>, why: Why, setup: &Arc<Setup>, stream: &Stream) -> Self {
        let Some(mut outage) = before else {
            interrupted(stream, setup, &why);
            let (since, before) = (clock::now(), Arc::clone(setup));
            return Self { why, since, before, starts: 0, starts_of_this: 0 };
        };
        match (&outage.why, why) {
            // What was told stays so, but of a camera that fails after its source has changed.
            (Why::Changed, why) => {
                interrupted(stream, setup, &why);
                outage.why = why;
            }
            (Why::Failed(_), Why::Failed(error)) => outage.why = Why::Failed(error),
            (Why::Failed(_), Why::Changed) => {}
        }
        outage
    }

    /// What is left of the session's patience.
    fn left(&self, stream: &Stream) -> Duration {
        (self.since + stream.options.absence).saturating_sub(clock::now())
    }

    /// How long is waited before the next start. One of a camera that was opened anew comes soon, but never at once after
    /// many: what comes and goes must not keep a processor busy.
    fn pause(&self) -> Duration {
        let many = self.starts >= PAUSES.len();
        let start = if many { self.starts_of_this.max(1) } else { self.starts };
        PAUSES.get(start).copied().unwrap_or(PAUSE)
    }

    /// The first good frame is there.
    pub(super) fn end(self, setup: &Setup, stream: &Stream) {
        let away = clock::now().saturating_sub(self.since);
        let StreamConfig { width, height, .. } = setup.config;
        let camera = setup.info.id.clone();
        let event = match self.why {
            Why::Changed => EventKind::StreamChanged {
                camera,
                width,
                height,
                was_width: self.before.config.width,
                was_height: self.before.config.height,
            },
            Why::Failed(_) => EventKind::CameraBack {
                camera,
                width,
                height,
                away_ms: u64::try_from(away.as_millis()).unwrap_or(u64::MAX),
            },
        };
        let mut state = stream.state();
        state.away = false;
        stream.send(state.active.as_ref().map(|active| active.capture()), event);
        stream.changed.notify_all();
    }
}

/// Tells what happened, and ends the photo that is under way: it keeps what it has. One that has no frame yet waits for
/// the new stream where only what comes in has changed, for as long as a camera may be silent; else its moment is over.
fn interrupted(stream: &Stream, setup: &Setup, why: &Why) {
    let mut state = stream.state();
    state.ring.clear();
    state.away = true;
    let active = state.active.take();
    let capture = active.as_ref().map(|active| active.capture());
    match why {
        Why::Changed => match active {
            Some(active) if active.has_frames() => {
                let reason = "what comes in has changed".to_owned();
                active.cut_short(stream, &Error::Stream { reason });
            }
            Some(active) => match active.overdue(stream, setup) {
                Some(error) => active.cut_short(stream, &error),
                None => state.active = Some(active),
            },
            None => {}
        },
        Why::Failed(error) => {
            let (kind, message) = (error.kind().as_str().to_owned(), error.to_string());
            let camera = setup.info.id.clone();
            stream.send(capture, EventKind::CameraLost { camera, kind, message });
            if let Some(active) = active {
                active.cut_short(stream, error);
            }
        }
    }
    stream.changed.notify_all();
}

enum Back {
    Streaming(Box<dyn Camera>),
    Closing,
    Failed(Error),
}

/// Has a camera stream again, for as long as the session has patience; whether it gives frames is seen after that.
fn bring_back(
    mut camera: Option<Box<dyn Camera>>,
    mut reopen: Option<&mut Reopen>,
    outage: &mut Outage,
    stream: &Stream,
) -> Back {
    if outage.starts > 0 && outage.left(stream).is_zero() {
        let reason = match &outage.why {
            Why::Changed => "what comes in changes again and again".to_owned(),
            Why::Failed(error) => error.to_string(),
        };
        return Back::Failed(Error::Stream { reason });
    }
    if outage.starts_of_this >= RESTARTS && reopen.is_some() {
        camera = None;
    }
    loop {
        if stream.state().closing {
            return Back::Closing;
        }
        let left = outage.left(stream);
        let tried = match (&mut camera, &mut reopen) {
            (Some(same), _) => {
                std::thread::sleep(outage.pause().min(left));
                outage.starts += 1;
                outage.starts_of_this += 1;
                setup::start(same.as_mut(), &stream.options)
            }
            (none, Some(reopen)) => match reopen(WAIT.min(left)) {
                Ok(opened) => {
                    *none = Some(opened);
                    outage.starts_of_this = 0;
                    continue;
                }
                Err(error) => Err(error.into()),
            },
            (None, None) => {
                return Back::Failed(
                    latent_hal::Error::Gone { camera: stream.setup().info.id.clone() }.into(),
                );
            }
        };
        let error = match (tried, camera.take()) {
            (Ok(setup), Some(camera)) => {
                stream.state().renew(setup);
                return Back::Streaming(camera);
            }
            (Ok(_), None) => continue,
            (Err(error), None) => error,
            (Err(error), Some(same)) => {
                // One that could not be switched off is in a state that only closing it ends.
                let spoilt = matches!(kind(&error), Some(ErrorKind::Gone | ErrorKind::Usage));
                let anew = reopen.is_some() && (spoilt || outage.starts_of_this >= RESTARTS);
                camera = (!anew).then_some(same);
                if anew && spoilt && !left.is_zero() {
                    // It may come and go for a while, as plugs do that are pushed in.
                    std::thread::sleep(SETTLING.min(left));
                    continue;
                }
                error
            }
        };
        if is_for_good(&error) || left.is_zero() {
            return Back::Failed(error);
        }
        if matches!(outage.why, Why::Changed) {
            // It was more than another source.
            outage.why = Why::Failed(error);
            interrupted(stream, &stream.setup(), &outage.why);
        }
    }
}

fn kind(error: &Error) -> Option<ErrorKind> {
    match error {
        Error::Camera(error) => Some(error.kind()),
        _ => None,
    }
}

/// What waiting does not cure.
fn is_for_good(error: &Error) -> bool {
    let passing =
        [ErrorKind::NotFound, ErrorKind::Busy, ErrorKind::Gone, ErrorKind::Stalled, ErrorKind::System];
    kind(error).is_none_or(|kind| !passing.contains(&kind))
}

impl Stream {
    /// Sends an event of the camera's: with the capture whose frames were being taken, or with none. A capture that has
    /// failed hears nothing more, so what happens after that is nobody's.
    fn send(&self, capture: Option<&super::Capture>, kind: EventKind) {
        if !capture.is_some_and(|capture| capture.send(kind.clone())) {
            self.events.send(0, 0, kind);
        }
    }

    fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.state().setup)
    }
}
