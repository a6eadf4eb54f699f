//! The owner's socket: other processes take photos through the one that owns the library. What they say to each other
//! is [`crate::protocol`]'s.

use std::io::{self, Read};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::event::{Event, EventSender};
use crate::library::Layout;
use crate::owner::{OnNotice, Owner, ShootRequest};
use crate::protocol::{self, Line, say};

pub use crate::protocol::{Outcome, RemoteError};

/// The listening end; dropping it serves what is under way to its end and then stops. For a client that does not say what it
/// wants, or does not read what became of it, that takes no longer than 1 s.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    closing: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
    serving: Arc<Mutex<Vec<Connection>>>,
}

/// A client that is served.
#[derive(Debug)]
struct Connection {
    thread: JoinHandle<()>,
    stream: Arc<UnixStream>,
    phase: Arc<Mutex<Phase>>,
}

/// How far a client is.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// It has not said what it wants.
    Asking,
    /// What it wants is done.
    Working,
    /// It is told what became of it, since then.
    Telling(Instant),
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
                    let mut serving = serving.lock().unwrap_or_else(PoisonError::into_inner);
                    // What has ended is let go: its stack is kept as long as its handle.
                    serving.retain(|connection: &Connection| !connection.thread.is_finished());
                    serving.push(Connection::serve(&owner, stream));
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
        for connection in serving {
            connection.end();
        }
    }
}

/// How long a client may take to say what it wants, or to read a line that it is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the owner's end waits for a client to read the rest.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How soon it is noticed that a client went away, that the owner is told to stop, or that a client has read the rest.
const LOOK: Duration = Duration::from_millis(100);
const LOOK_AT_END: Duration = Duration::from_millis(5);

impl Connection {
    fn serve(owner: &Arc<Owner>, stream: UnixStream) -> Self {
        let (owner, stream) = (Arc::clone(owner), Arc::new(stream));
        let phase = Arc::new(Mutex::new(Phase::Asking));
        let thread = {
            let (stream, phase) = (Arc::clone(&stream), Arc::clone(&phase));
            std::thread::spawn(move || {
                // A client that went away has nobody left to tell.
                let _ = serve(&owner, &stream, &phase);
                let _ = stream.shutdown(Shutdown::Both);
            })
        };
        Self { thread, stream, phase }
    }

    /// Waits until the client is served; not for one that is silent or does not read.
    fn end(self) {
        let begun = Instant::now();
        while !self.thread.is_finished() {
            let idle = match *self.phase.lock().unwrap_or_else(PoisonError::into_inner) {
                // What comes this late it may ask the next owner.
                Phase::Asking => true,
                Phase::Working => false,
                Phase::Telling(since) => since.max(begun).elapsed() > LAST_WORDS,
            };
            if idle {
                let _ = self.stream.shutdown(Shutdown::Both);
            }
            std::thread::sleep(LOOK_AT_END);
        }
        let _ = self.thread.join();
    }
}

fn serve(owner: &Owner, stream: &UnixStream, phase: &Mutex<Phase>) -> io::Result<()> {
    let enter = |next| *phase.lock().unwrap_or_else(PoisonError::into_inner) = next;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = match protocol::read_request(stream)? {
        Ok(request) => request,
        Err(refusal) => {
            enter(Phase::Telling(Instant::now()));
            return say(stream, &Line::Error(refusal));
        }
    };
    say(stream, &Line::Accepted(true))?;
    enter(Phase::Working);
    let cancel = Arc::new(AtomicBool::new(false));
    let done = AtomicBool::new(false);
    let (events, received) = EventSender::channel();
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut listens = true;
            for event in received {
                // A client that does not read does not stop its photos.
                listens = listens && say(stream, &Line::Event(event)).is_ok();
            }
        });
        scope.spawn(|| watch(owner, stream, &cancel, &done));
        let silent: OnNotice = Arc::new(|_| {});
        let result = owner.shoot_unless(&cancel, &request, &events, &silent);
        enter(Phase::Telling(Instant::now()));
        drop(events);
        done.store(true, Ordering::Relaxed);
        // Wakes who watches; the client has nothing more to say.
        let _ = stream.shutdown(Shutdown::Read);
        result
    });
    match result {
        Ok(summary) => say(stream, &Line::Done(summary.into())),
        Err(error) => say(stream, &Line::Error(RemoteError::from(&error))),
    }
}

/// Sets `cancel` when the client hangs up or the owner is told to stop, until the request is done.
fn watch(owner: &Owner, mut stream: &UnixStream, cancel: &AtomicBool, done: &AtomicBool) {
    let _ = stream.set_read_timeout(Some(LOOK));
    let mut ignored = [0; 64];
    while !done.load(Ordering::Relaxed) {
        let gone = match stream.read(&mut ignored) {
            Ok(length) => length == 0,
            Err(error) => !is_pause(&error),
        };
        if gone || owner.cancel().load(Ordering::Relaxed) {
            cancel.store(true, Ordering::Relaxed);
        }
        if gone {
            // The owner may still be told to stop, but that is the same.
            return;
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// Asks the owner of a library for photos. `None` when nobody answers there; the request was not accepted then and may be
/// made again. Setting `cancel` cancels the request: the owner's answer, with the photos that were taken, is waited for.
pub fn request(
    layout: &Layout,
    wish: &ShootRequest,
    cancel: &AtomicBool,
    on_event: impl FnMut(Event),
) -> Option<Result<Outcome, RemoteError>> {
    let stream = UnixStream::connect(layout.socket()).ok()?;
    stream.set_read_timeout(Some(LOOK)).ok()?;
    say(&stream, wish).ok()?;
    protocol::read_answers(Answers { stream: &stream, cancel, told: false }, on_event)
}

/// What an owner says, read for as long as it takes; the request is cancelled on the way when that is wished.
struct Answers<'a> {
    stream: &'a UnixStream,
    cancel: &'a AtomicBool,
    told: bool,
}

impl Read for Answers<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Err(error) if is_pause(&error) => {}
                read => return read,
            }
            if !self.told && self.cancel.load(Ordering::Relaxed) {
                self.told = true;
                self.stream.shutdown(Shutdown::Write)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A connection whose thread tells more than anybody reads, and the end that does not read.
    fn telling(phase: Phase) -> (Connection, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_write_timeout(Some(PATIENCE)).unwrap();
        let stream = Arc::new(ours);
        let thread = {
            let stream = Arc::clone(&stream);
            std::thread::spawn(move || while (&*stream).write_all(&[b' '; 1 << 16]).is_ok() {})
        };
        (Connection { thread, stream, phase: Arc::new(Mutex::new(phase)) }, theirs)
    }

    #[test]
    fn the_owner_s_end_waits_a_second_for_a_client_that_does_not_read() {
        let begun = Instant::now();
        let (connection, _theirs) = telling(Phase::Telling(begun));
        connection.end();
        let took = begun.elapsed();
        assert!(took >= LAST_WORDS && took < LAST_WORDS + Duration::from_secs(4), "{took:?}");
        let begun = Instant::now();
        let (connection, _theirs) = telling(Phase::Asking);
        connection.end();
        assert!(begun.elapsed() < LAST_WORDS, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_request_that_is_cancelled_is_cancelled_once_and_its_answer_is_read() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let cancel = AtomicBool::new(true);
        let owner = std::thread::spawn(move || {
            let mut asked = Vec::new();
            theirs.read_to_end(&mut asked).unwrap();
            theirs.write_all(b"done").unwrap();
        });
        let mut answer = String::new();
        Answers { stream: &ours, cancel: &cancel, told: false }.read_to_string(&mut answer).unwrap();
        owner.join().unwrap();
        assert_eq!(answer, "done");
    }
}
