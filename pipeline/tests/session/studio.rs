//! A session with a fake camera, whose frames a test may let through one by one.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use latent_hal::fake::{FakeCamera, FakeKernel, Model};
use latent_hal::kernel::Event as KernelEvent;
use latent_hal::v4l2::V4l2Camera;
use latent_hal::{Camera, CameraInfo, Dequeued, Mode, StreamConfig, StreamRequest};
use latent_pipeline::Error;
use latent_pipeline::developer::{Developer, Summary};
use latent_pipeline::event::{AssetView, Event, EventKind, EventSender, Listeners};
use latent_pipeline::library::Library;
use latent_pipeline::session::{Reopen, Session, SessionOptions};

pub(crate) const PATH: &str = "/dev/video0";

/// All waiting of the tests ends here at the latest.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Calls to the camera that are let through; `u64::MAX` for all.
type Gate = Arc<AtomicU64>;

/// What a camera does instead of giving frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    /// It gives frames.
    Streams,
    /// It starts, and then fails.
    Fails,
    /// It starts, and then tells of another source.
    Flaps,
    /// It gives one frame more and then hangs.
    GivesOneAndHangs,
    /// It does not come back from the call until it does something else.
    Hangs,
    /// Its code panics.
    Panics,
}

/// A camera whose frames wait at a gate.
struct Gated {
    camera: V4l2Camera,
    gate: Gate,
    act: Arc<Mutex<Act>>,
}

impl Gated {
    fn act(&self) -> Act {
        *self.act.lock().unwrap()
    }
}

impl Camera for Gated {
    fn info(&self) -> &CameraInfo {
        self.camera.info()
    }

    fn modes(&self) -> Result<Vec<Mode>, latent_hal::Error> {
        self.camera.modes()
    }

    fn configure(&mut self, request: &StreamRequest) -> Result<StreamConfig, latent_hal::Error> {
        self.camera.configure(request)
    }

    fn start(&mut self) -> Result<(), latent_hal::Error> {
        self.camera.start()
    }

    fn dequeue(&mut self, timeout: Duration) -> Result<Dequeued, latent_hal::Error> {
        while self.act() == Act::Hangs {
            std::thread::sleep(Duration::from_millis(1));
        }
        match self.act() {
            Act::Streams | Act::Hangs => {}
            Act::GivesOneAndHangs => {
                let outcome = self.camera.dequeue(timeout);
                if matches!(outcome, Ok(Dequeued::Frame(_))) {
                    *self.act.lock().unwrap() = Act::Hangs;
                }
                return outcome;
            }
            Act::Fails => {
                let camera = self.info().id.clone();
                return Err(latent_hal::Error::Stalled { camera, waited: Duration::ZERO });
            }
            Act::Flaps => return Ok(Dequeued::Event(KernelEvent::SourceChanged { resolution: true })),
            Act::Panics => panic!("the camera's code is wrong"),
        }
        match self.gate.load(Ordering::SeqCst) {
            0 => {
                std::thread::sleep(Duration::from_millis(1));
                Ok(Dequeued::Timeout)
            }
            u64::MAX => {
                // The fake kernel's time costs none: without a pause the thread would do nothing else.
                std::thread::sleep(Duration::from_micros(200));
                self.camera.dequeue(timeout)
            }
            _ => {
                let outcome = self.camera.dequeue(timeout);
                // A wait that brings nothing lets nothing through.
                if !matches!(outcome, Ok(Dequeued::Timeout | Dequeued::Starved)) {
                    self.gate.fetch_sub(1, Ordering::SeqCst);
                }
                outcome
            }
        }
    }

    fn stop(&mut self) -> Result<(), latent_hal::Error> {
        self.camera.stop()
    }
}

pub(crate) struct Studio {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) kernel: FakeKernel,
    pub(crate) library: Arc<Library>,
    listeners: Arc<Listeners>,
    camera: Mutex<FakeCamera>,
    gate: Gate,
    act: Arc<Mutex<Act>>,
    session: Option<Session>,
    sender: EventSender,
    events: Receiver<Event>,
    /// Events that came so far.
    pub(crate) seen: Vec<Event>,
}

/// Quick to give up, so that tests are.
pub(crate) fn options(burst: u32) -> SessionOptions {
    SessionOptions {
        burst,
        silence: Duration::from_millis(1500),
        absence: Duration::from_secs(5),
        ..SessionOptions::default()
    }
}

impl Studio {
    /// A session that streams with all frames let through.
    pub(crate) fn open(model: Model, options: SessionOptions) -> Self {
        let mut studio = Self::without_session(model);
        studio.open_session(options).unwrap();
        studio
    }

    pub(crate) fn without_session(model: Model) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kernel = FakeKernel::default();
        let camera = kernel.plug(PATH, model);
        let library = Arc::new(Library::own(folder.path()).unwrap());
        let (sender, events) = EventSender::channel();
        Self {
            folder,
            kernel,
            library,
            listeners: Arc::new(Listeners::default()),
            camera: Mutex::new(camera),
            gate: Arc::new(AtomicU64::new(u64::MAX)),
            act: Arc::new(Mutex::new(Act::Streams)),
            session: None,
            sender,
            events,
            seen: Vec::new(),
        }
    }

    pub(crate) fn open_session(&mut self, options: SessionOptions) -> Result<(), Error> {
        let mut reopen = self.reopen();
        let camera = reopen(Duration::ZERO)?;
        let (library, listeners) = (Arc::clone(&self.library), Arc::clone(&self.listeners));
        self.session =
            Some(Session::open(library, listeners, camera, Some(reopen), options, self.sender.clone())?);
        Ok(())
    }

    /// What opens the camera, and opens it again when it comes back.
    pub(crate) fn reopen(&self) -> Reopen {
        let (kernel, gate, act) = (self.kernel.clone(), Arc::clone(&self.gate), Arc::clone(&self.act));
        Box::new(move |timeout| {
            let begun = Instant::now();
            loop {
                match V4l2Camera::open_on(&kernel, Path::new(PATH)) {
                    Ok(camera) => {
                        let (gate, act) = (Arc::clone(&gate), Arc::clone(&act));
                        return Ok(Box::new(Gated { camera, gate, act }));
                    }
                    Err(error) if begun.elapsed() >= timeout => return Err(error),
                    Err(_) => std::thread::sleep(Duration::from_millis(2)),
                }
            }
        })
    }

    pub(crate) fn session(&self) -> &Session {
        self.session.as_ref().unwrap()
    }

    /// The camera does this from its next call on.
    pub(crate) fn acts(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    /// Asks for a photo, and gives up after all patience: what the session answers.
    pub(crate) fn ask(&self) -> Result<u64, Error> {
        let cancel = Arc::new(AtomicBool::new(false));
        let (done, over) = mpsc::channel::<()>();
        let later = Arc::clone(&cancel);
        let watch = std::thread::spawn(move || {
            if over.recv_timeout(PATIENCE / 2) == Err(RecvTimeoutError::Timeout) {
                later.store(true, Ordering::Relaxed);
            }
        });
        let answer = self.session().capture_unless(&cancel);
        drop(done);
        watch.join().unwrap();
        answer
    }

    pub(crate) fn camera(&self) -> FakeCamera {
        self.camera.lock().unwrap().clone()
    }

    /// Plugs a camera in where the other one was.
    pub(crate) fn replug(&self, model: Model) {
        *self.camera.lock().unwrap() = self.kernel.plug(PATH, model);
    }

    /// No frame is let through from now on.
    pub(crate) fn shut(&self) {
        self.gate.store(0, Ordering::SeqCst);
        // What passed the gate before is on its way.
        std::thread::sleep(Duration::from_millis(20));
    }

    pub(crate) fn open_gate(&self) {
        self.gate.store(u64::MAX, Ordering::SeqCst);
    }

    /// Lets so many frames or other outcomes through, and waits until they are.
    pub(crate) fn let_through(&self, outcomes: u64) {
        self.gate.store(outcomes, Ordering::SeqCst);
        let begun = Instant::now();
        while self.gate.load(Ordering::SeqCst) > 0 {
            assert!(begun.elapsed() < PATIENCE, "the camera gives nothing");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(20));
    }

    /// Waits for an event.
    pub(crate) fn wait(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let begun = Instant::now();
        if let Some(event) = self.seen.iter().find(|event| wanted(event)) {
            return event.clone();
        }
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let Ok(event) = self.events.recv_timeout(left) else {
                panic!("the event did not come; these did: {:#?}", self.seen);
            };
            self.seen.push(event.clone());
            if wanted(&event) {
                return event;
            }
        }
    }

    /// Waits for an event that has not come so far.
    pub(crate) fn wait_for_next(&mut self, wanted: &str) {
        let begun = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let Ok(event) = self.events.recv_timeout(left) else {
                panic!("no {wanted} came; these did: {:#?}", self.seen);
            };
            let is_it = name(&event) == wanted;
            self.seen.push(event);
            if is_it {
                return;
            }
        }
    }

    /// Takes a photo and waits until it is announced and its burst is safe: the photo, and the frames of its burst.
    pub(crate) fn photo(&mut self) -> (AssetView, u32) {
        let id = self.session().capture().unwrap();
        let secured = self.wait(|event| event.capture_id == id && is_end(&event.kind));
        let EventKind::RawSecured { frames, .. } = secured.kind else {
            panic!("photo {id} was not taken: {:#?}", self.seen)
        };
        let announced = self.wait(|event| {
            event.capture_id == id && matches!(event.kind, EventKind::PhotoAssetAvailable { .. })
        });
        let EventKind::PhotoAssetAvailable { asset, .. } = announced.kind else { unreachable!() };
        (asset, frames)
    }

    /// Develops all that waits.
    pub(crate) fn develop(&self) -> Summary {
        let (library, listeners) = (Arc::clone(&self.library), Arc::clone(&self.listeners));
        Developer::new(library, listeners, self.sender.clone(), Arc::default()).run_until_empty().unwrap()
    }

    pub(crate) fn close(&mut self) -> Result<(), Error> {
        let closed = self.session.take().unwrap().close();
        self.seen.extend(self.events.try_iter());
        closed
    }

    /// Closes the session, and lets the photo under way go.
    pub(crate) fn close_at_once(&mut self) -> Result<(), Error> {
        let closed = self.session.take().unwrap().close_unless(&AtomicBool::new(true));
        self.seen.extend(self.events.try_iter());
        closed
    }

    /// The names of a capture's events, in order.
    pub(crate) fn story(&mut self, id: u64) -> Vec<String> {
        self.seen.extend(self.events.try_iter());
        self.seen.iter().filter(|event| event.capture_id == id).map(name).collect()
    }
}

fn is_end(kind: &EventKind) -> bool {
    matches!(kind, EventKind::RawSecured { .. } | EventKind::CaptureFailed { .. } | EventKind::RawLost { .. })
}

pub(crate) fn name(event: &Event) -> String {
    serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned()
}

/// The pixels of a photo's file, which must decode to its end.
pub(crate) fn pixels(path: &Path) -> (usize, usize, Vec<u8>) {
    let bytes = std::fs::read(path).unwrap();
    assert!(latent_pipeline::metadata::jpeg::complete(&bytes), "{} is no whole JPEG", path.display());
    let mut decoder = zune_jpeg::JpegDecoder::new(std::io::Cursor::new(bytes));
    let pixels = decoder.decode().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    (width, height, pixels)
}
