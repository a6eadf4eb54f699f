//! The owner's socket: other processes take photos through the one that owns the library.
//!
//! One request a connection, one JSON object a line in both directions. The client sends a [`ShootRequest`]; the owner
//! answers with `{"accepted":true}`, then the capture's events as they happen, then `{"done":…}` or `{"error":…}`.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

use crate::developer::Summary;
use crate::error::Error;
use crate::event::{Event, EventSender};
use crate::library::Layout;
use crate::owner::{OnNotice, Owner, ShootRequest};

/// A line from owner to client.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Accepted(bool),
    Event(Event),
    Done(Outcome),
    Error(RemoteError),
}

/// What became of a request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Photos that are full now.
    pub developed: u32,
    /// Photos that stay as they are.
    pub fallbacks: u32,
    /// Why photos wait for a later run.
    pub postponed: Vec<String>,
}

impl From<Summary> for Outcome {
    fn from(summary: Summary) -> Self {
        let postponed = summary.postponed.into_iter().map(|(_, why)| why).collect();
        Self { developed: summary.developed, fallbacks: summary.fallbacks, postponed }
    }
}

/// A failure on the owner's side.
#[derive(Clone, Debug, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct RemoteError {
    /// The word for its kind.
    pub kind: String,
    /// What failed.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&Error> for RemoteError {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind().as_str().to_owned(),
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
        }
    }
}

/// The listening end; dropping it serves what is under way to its end and then stops.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    closing: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
    serving: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Server {
    /// Listens on the library's socket. `None` where there can be none (the path is too long for a socket, or the file
    /// system has none): clients then wait for the lock instead.
    pub fn start(owner: &Arc<Owner>) -> Option<Self> {
        let path = owner.library().layout().socket();
        // The lock is ours, so whatever lies there is of a dead owner.
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).ok()?;
        let closing = Arc::new(AtomicBool::new(false));
        let serving = Arc::new(Mutex::new(Vec::new()));
        let accepting = {
            let (owner, closing, serving) = (Arc::clone(owner), Arc::clone(&closing), Arc::clone(&serving));
            let accept = move || {
                for stream in listener.incoming().flatten() {
                    if closing.load(Ordering::SeqCst) {
                        return;
                    }
                    let owner = Arc::clone(&owner);
                    let thread = std::thread::spawn(move || {
                        // A client that went away has nobody left to tell.
                        let _ = serve(&owner, &stream);
                    });
                    let mut serving = serving.lock().unwrap_or_else(PoisonError::into_inner);
                    // What has ended is let go: its stack is kept as long as its handle.
                    serving.retain(|thread: &JoinHandle<()>| !thread.is_finished());
                    serving.push(thread);
                }
            };
            std::thread::Builder::new().name("latent-socket".to_owned()).spawn(accept).ok()?
        };
        Some(Self { path, closing, accepting: Some(accepting), serving })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        let woken = UnixStream::connect(&self.path).is_ok();
        let _ = std::fs::remove_file(&self.path);
        if let (true, Some(accepting)) = (woken, self.accepting.take()) {
            let _ = accepting.join();
        }
        let serving = std::mem::take(&mut *self.serving.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in serving {
            let _ = thread.join();
        }
    }
}

/// How long a client may take to say what it wants, or to read what it is told.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The longest request that is read: a camera's name and a few numbers.
const REQUEST_BYTES: u64 = 64 * 1024;

fn serve(owner: &Owner, stream: &UnixStream) -> io::Result<()> {
    let mut text = String::new();
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    BufReader::new(io::Read::take(stream, REQUEST_BYTES)).read_line(&mut text)?;
    let request: ShootRequest = match serde_json::from_str(&text) {
        Ok(request) => request,
        Err(error) => {
            let message = format!("the request is none that this version knows: {error}");
            return write(
                stream,
                &Line::Error(RemoteError { kind: "bad_input".into(), message, hint: None }),
            );
        }
    };
    write(stream, &Line::Accepted(true))?;
    let (events, received) = EventSender::channel();
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut listens = true;
            for event in received {
                // A client that went away, or does not read, does not stop its photos.
                listens = listens && write(stream, &Line::Event(event)).is_ok();
            }
        });
        let silent: OnNotice = Arc::new(|_| {});
        let result = owner.shoot(&request, &events, &silent);
        drop(events);
        result
    });
    match result {
        Ok(summary) => write(stream, &Line::Done(summary.into())),
        Err(error) => write(stream, &Line::Error(RemoteError::from(&error))),
    }
}

fn write(mut stream: &UnixStream, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    stream.write_all(text.as_bytes())
}

/// Asks the owner of a library for photos. `None` when nobody answers there; the request was not accepted then and may be
/// made again.
pub fn request(
    layout: &Layout,
    wish: &ShootRequest,
    mut on_event: impl FnMut(Event),
) -> Option<Result<Outcome, RemoteError>> {
    let mut stream = UnixStream::connect(layout.socket()).ok()?;
    let mut text = serde_json::to_string(wish).ok()?;
    text.push('\n');
    stream.write_all(text.as_bytes()).ok()?;
    let mut accepted = false;
    for line in BufReader::new(stream).lines() {
        match line.ok().and_then(|line| serde_json::from_str(&line).ok()) {
            Some(Line::Accepted(_)) => accepted = true,
            Some(Line::Event(event)) => on_event(event),
            Some(Line::Done(outcome)) => return Some(Ok(outcome)),
            Some(Line::Error(error)) => return Some(Err(error)),
            None => break,
        }
    }
    accepted.then(|| {
        Err(RemoteError {
            kind: "device".to_owned(),
            message: "the program that owns the library ended while it worked for us".to_owned(),
            hint: Some(
                "photos that were announced are safe; `latent jobs run --until-empty` develops what is left"
                    .to_owned(),
            ),
        })
    })
}
