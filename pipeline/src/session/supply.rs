//! What keeps frames coming: a stream that ends by itself is set up again, and a camera that went away is opened again
//! when it is back.

use std::sync::Arc;
use std::time::Duration;

use latent_hal::Camera;
use latent_hal::error::ErrorKind;

use super::capture::{self, Ended};
use super::setup::{self, Setup};
use super::{Reopen, Stream};
use crate::clock;
use crate::error::Error;
use crate::event::EventKind;

/// How long one wait for a camera takes at most: how soon a closing session is noticed.
const WAIT: Duration = Duration::from_millis(250);

/// How often a camera that is still there is started again before it is opened anew, and how long is waited before.
const RESTARTS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(500)];

/// Between two openings of a camera that did not last.
const SETTLING: Duration = Duration::from_millis(20);

/// Runs the capture thread.
pub(super) fn run(mut camera: Box<dyn Camera>, mut reopen: Option<Reopen>, stream: &Stream) {
    let ended = loop {
        let setup = stream.setup();
        let mut why = match capture::feed(camera.as_mut(), &setup, stream) {
            Ended::Closing => {
                let _ = camera.stop();
                break None;
            }
            Ended::Changed => Why::Changed,
            Ended::Failed(error) => Why::Failed(error),
        };
        let since = clock::now();
        let _ = camera.stop();
        interrupted(stream, &setup, &why);
        match bring_back(camera, reopen.as_mut(), &mut why, since, stream) {
            Back::Streaming(back, new) => {
                camera = back;
                resumed(stream, &setup, *new, &why, since);
            }
            Back::Closing => break None,
            Back::Failed(error) => break Some(error),
        }
    };
    let mut state = stream.state();
    state.ring.clear();
    if let Some(error) = ended {
        state.ended = Some(error.to_string());
        if let Some(active) = state.active.take() {
            active.cut_short(stream, &error);
        }
    }
    stream.changed.notify_all();
}

/// Why a stream was interrupted.
#[derive(Debug)]
enum Why {
    Changed,
    Failed(Error),
}

/// Tells what happened, and ends the photo that is under way: it keeps what it has. One that has no frame yet waits for
/// the new stream where only what comes in has changed, which takes no time; else its moment is over.
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
            active => state.active = active,
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

/// Frames come again.
fn resumed(stream: &Stream, before: &Setup, new: Setup, why: &Why, since: Duration) {
    let away = clock::now().saturating_sub(since);
    let event = match why {
        Why::Changed => EventKind::StreamChanged {
            camera: new.info.id.clone(),
            width: new.config.width,
            height: new.config.height,
            was_width: before.config.width,
            was_height: before.config.height,
        },
        Why::Failed(_) => EventKind::CameraBack {
            camera: new.info.id.clone(),
            width: new.config.width,
            height: new.config.height,
            away_ms: u64::try_from(away.as_millis()).unwrap_or(u64::MAX),
        },
    };
    let mut state = stream.state();
    state.renew(new);
    state.away = false;
    stream.send(state.active.as_ref().map(|active| active.capture()), event);
    stream.changed.notify_all();
}

enum Back {
    Streaming(Box<dyn Camera>, Box<Setup>),
    Closing,
    Failed(Error),
}

/// Brings the stream back, for as long as the session has patience.
fn bring_back(
    camera: Box<dyn Camera>,
    mut reopen: Option<&mut Reopen>,
    why: &mut Why,
    since: Duration,
    stream: &Stream,
) -> Back {
    let gone = matches!(why, Why::Failed(error) if kind(error) == Some(ErrorKind::Gone));
    // Closed before it is opened again: many drivers have one user at a time.
    let mut camera = (!gone).then_some(camera);
    let mut restarts = RESTARTS.iter();
    loop {
        if stream.state().closing {
            return Back::Closing;
        }
        let left = (since + stream.options.absence).saturating_sub(clock::now());
        let tried = match (&mut camera, &mut reopen) {
            (Some(same), _) => {
                std::thread::sleep(restarts.next().copied().unwrap_or(WAIT).min(left));
                setup::start(same.as_mut(), &stream.options)
            }
            (none, Some(reopen)) => match reopen(WAIT.min(left)) {
                Ok(opened) => {
                    let opened = none.insert(opened);
                    restarts = RESTARTS.iter();
                    setup::start(opened.as_mut(), &stream.options)
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
            (Ok(setup), Some(camera)) => return Back::Streaming(camera, Box::new(setup)),
            (Ok(_), None) => continue,
            (Err(error), None) => error,
            (Err(error), Some(same)) => {
                // One that could not be switched off is in a state that only closing it ends.
                let spoilt = matches!(kind(&error), Some(ErrorKind::Gone | ErrorKind::Usage));
                let anew = reopen.is_some() && (spoilt || restarts.len() == 0);
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
        if matches!(why, Why::Changed) {
            // It was more than another source.
            *why = Why::Failed(error);
            interrupted(stream, &stream.setup(), why);
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
    /// Sends an event of a capture, or of none.
    fn send(&self, capture: Option<&super::Capture>, kind: EventKind) {
        match capture {
            Some(capture) => capture.send(kind),
            None => self.events.send(0, 0, kind),
        }
    }

    fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.state().setup)
    }
}
