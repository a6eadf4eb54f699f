//! The owner of a library: takes photos and develops them, for itself and for clients on its socket.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use latent_hal::{Camera, CameraInfo, StreamConfig};
use serde::{Deserialize, Serialize};

use crate::developer::{Developer, Progress, Summary, Turns};
use crate::error::Error;
use crate::event::{EventSender, Listeners};
use crate::library::Library;
use crate::mode::Wish;
use crate::recovery::{self, Report};
use crate::session::{Reopen, Session, SessionOptions};
use crate::source;

/// A wish for photos.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShootRequest {
    /// The camera's name; the first usable one, else the virtual one, if `None`.
    pub camera: Option<String>,
    /// How many photos.
    pub count: u32,
    /// Raw frames of each.
    pub burst: u32,
    /// Whether to develop them before the call returns.
    pub develop: bool,
    /// The format of the frames, as [`crate::mode::Format`] is written; chosen from what the camera has if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Width and height of the frames; chosen from what the camera has if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<(u32, u32)>,
}

impl ShootRequest {
    fn options(&self) -> Result<SessionOptions, Error> {
        let (count, burst) = (1..=100_000, 1..=64);
        if !count.contains(&self.count) {
            return Err(Error::Request { what: "photos", asked: self.count, most: *count.end() });
        }
        if !burst.contains(&self.burst) {
            return Err(Error::Request { what: "raw frames a photo", asked: self.burst, most: *burst.end() });
        }
        let format = self.format.as_deref().map(str::parse).transpose()?;
        let wish = Wish { format, size: self.size };
        Ok(SessionOptions { burst: self.burst, wish, ..SessionOptions::default() })
    }
}

/// What a person may want to see beside the events.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// The camera streams.
    Streaming(&'a CameraInfo, &'a StreamConfig),
    /// A development has come this far.
    Developing(Progress),
}

/// Whom notices are told to; called from the thread that works.
pub type OnNotice = Arc<dyn Fn(Notice<'_>) + Send + Sync>;

/// An owned, recovered library with what it takes to fill it.
#[derive(Debug)]
pub struct Owner {
    library: Arc<Library>,
    listeners: Arc<Listeners>,
    recovered: Report,
    cancel: Arc<AtomicBool>,
    turns: Arc<Turns>,
}

impl Owner {
    /// Takes possession of the library in this folder and recovers it. `boot` is as in [`Library::own_since`]. Setting
    /// `cancel` calls off what is under way.
    ///
    /// # Errors
    /// [`Error::LibraryBusy`] when another process owns it; [`Error::NewerLibrary`]; [`Error::File`];
    /// [`Error::Database`].
    pub fn open(folder: &Path, boot: Option<&str>, cancel: Arc<AtomicBool>) -> Result<Self, Error> {
        let library = Arc::new(Library::own_since(folder, boot)?);
        let recovered = recovery::recover(&library)?;
        let listeners = Arc::new(Listeners::default());
        Ok(Self { library, listeners, recovered, cancel, turns: Arc::default() })
    }

    /// As [`Owner::open`], waiting for at most `patience` while another process owns the library.
    ///
    /// # Errors
    /// As [`Owner::open`].
    pub fn open_waiting(
        folder: &Path,
        boot: Option<&str>,
        cancel: &Arc<AtomicBool>,
        patience: Duration,
    ) -> Result<Self, Error> {
        let start = Instant::now();
        loop {
            match Self::open(folder, boot, Arc::clone(cancel)) {
                Err(Error::LibraryBusy { .. })
                    if start.elapsed() < patience && !cancel.load(Ordering::Relaxed) =>
                {
                    std::thread::sleep(Duration::from_millis(100));
                }
                result => return result,
            }
        }
    }

    /// The library.
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// What calls everything off.
    pub(crate) fn cancel(&self) -> &AtomicBool {
        &self.cancel
    }

    /// What recovery found at the start.
    pub fn recovered(&self) -> &Report {
        &self.recovered
    }

    /// Takes photos and, if wished, develops them and no others. Events go to `events`. Blocks until that is done.
    ///
    /// # Errors
    /// [`Error::Request`]; [`Error::Camera`] and [`Error::Stream`] of the camera; [`Error::Panicked`]; [`Error::Cancelled`];
    /// [`Error::Database`]. What happened to a single capture is in its events.
    pub fn shoot(
        &self,
        request: &ShootRequest,
        events: &EventSender,
        notice: &OnNotice,
    ) -> Result<Summary, Error> {
        self.shoot_unless(&self.cancel, request, events, notice)
    }

    /// As [`Owner::shoot`], called off by a flag of its own: photos that were taken stay, and are developed later.
    ///
    /// # Errors
    /// As [`Owner::shoot`].
    pub fn shoot_unless(
        &self,
        cancel: &Arc<AtomicBool>,
        request: &ShootRequest,
        events: &EventSender,
        notice: &OnNotice,
    ) -> Result<Summary, Error> {
        // A wish that cannot be met opens no camera.
        request.options()?;
        let camera = source::open(request.camera.as_deref())?;
        let reopen = source::reopen(&*camera);
        self.take(cancel, camera, reopen, request, events, notice)
    }

    /// As [`Owner::shoot`], with a camera that is open already, whatever the request names; `reopen` opens it again after it
    /// went away.
    ///
    /// # Errors
    /// As [`Owner::shoot`].
    pub fn shoot_with(
        &self,
        camera: Box<dyn Camera>,
        reopen: Option<Reopen>,
        request: &ShootRequest,
        events: &EventSender,
        notice: &OnNotice,
    ) -> Result<Summary, Error> {
        self.take(&self.cancel, camera, reopen, request, events, notice)
    }

    fn take(
        &self,
        cancel: &Arc<AtomicBool>,
        camera: Box<dyn Camera>,
        reopen: Option<Reopen>,
        request: &ShootRequest,
        events: &EventSender,
        notice: &OnNotice,
    ) -> Result<Summary, Error> {
        let options = request.options()?;
        let (library, listeners) = (Arc::clone(&self.library), Arc::clone(&self.listeners));
        let session = Session::open(library, listeners, camera, reopen, options, events.clone())?;
        notice(Notice::Streaming(&session.camera(), &session.config()));
        let mut taken = Ok(());
        for _ in 0..request.count {
            if cancel.load(Ordering::Relaxed) {
                taken = Err(Error::Cancelled);
                break;
            }
            if let Err(error) = session.capture_unless(cancel) {
                taken = Err(error);
                break;
            }
        }
        // Close first: what was taken becomes safe whatever happened to the rest.
        let photos = session.photos();
        let closed = session.close_unless(cancel);
        let developed = if request.develop {
            self.developer(cancel, events, notice).run_photos(&photos)
        } else {
            Ok(Summary::default())
        };
        self.listeners.forget(events);
        taken.and(closed).and(developed)
    }

    /// Develops all open jobs that can be done now. Blocks; takes turns with other threads of this owner, photo by photo.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::Database`].
    pub fn develop(&self, events: &EventSender, notice: &OnNotice) -> Result<Summary, Error> {
        self.developer(&self.cancel, events, notice).run_until_empty()
    }

    fn developer(&self, cancel: &Arc<AtomicBool>, events: &EventSender, notice: &OnNotice) -> Developer {
        let (library, listeners) = (Arc::clone(&self.library), Arc::clone(&self.listeners));
        let notice = Arc::clone(notice);
        Developer::new(library, listeners, events.clone(), Arc::clone(cancel))
            .with_progress(move |progress| notice(Notice::Developing(progress)))
            .in_turn(Arc::clone(&self.turns))
    }
}
