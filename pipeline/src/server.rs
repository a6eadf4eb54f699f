//! The owner's socket: other processes take photos through the one that owns the library. What they say to each other
//! is [`crate::protocol`]'s.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::event::{Event, EventSender};
use crate::library::Layout;
use crate::owner::{OnNotice, Owner, ShootRequest};
use crate::protocol::{self, Line, say};

pub use crate::protocol::{Outcome, RemoteError};

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

fn serve(owner: &Owner, stream: &UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = match protocol::read_request(stream)? {
        Ok(request) => request,
        Err(refusal) => return say(stream, &Line::Error(refusal)),
    };
    say(stream, &Line::Accepted(true))?;
    let (events, received) = EventSender::channel();
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut listens = true;
            for event in received {
                // A client that went away, or does not read, does not stop its photos.
                listens = listens && say(stream, &Line::Event(event)).is_ok();
            }
        });
        let silent: OnNotice = Arc::new(|_| {});
        let result = owner.shoot(&request, &events, &silent);
        drop(events);
        result
    });
    match result {
        Ok(summary) => say(stream, &Line::Done(summary.into())),
        Err(error) => say(stream, &Line::Error(RemoteError::from(&error))),
    }
}

/// Asks the owner of a library for photos. `None` when nobody answers there; the request was not accepted then and may be
/// made again.
pub fn request(
    layout: &Layout,
    wish: &ShootRequest,
    on_event: impl FnMut(Event),
) -> Option<Result<Outcome, RemoteError>> {
    let stream = UnixStream::connect(layout.socket()).ok()?;
    say(&stream, wish).ok()?;
    protocol::read_answers(stream, on_event)
}
