//! The thread that libcamera lives in.
//!
//! A process may have one camera manager, whose objects belong to one thread. That thread is started for the first camera
//! and ends with the last; between, it runs the jobs that cameras give it, one after the other. Frames do not come this
//! way: libcamera's own threads send them straight to their camera.

use std::collections::HashMap;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;

use ::libcamera::camera::{ActiveCamera, Camera};
use ::libcamera::camera_manager::CameraManager;
use ::libcamera::logging::{LoggingTarget, log_set_target};
use nix::errno::Errno;

use super::policy::{self, Fault};

type Job = Box<dyn FnOnce(&mut Cameras) + Send>;

/// The thread, while somebody has use for it.
static LIBRARY: Mutex<Weak<Library>> = Mutex::new(Weak::new());

/// Held by the thread for as long as its camera manager lives: a second one ends the process.
static MANAGER: Mutex<()> = Mutex::new(());

/// A camera of libcamera's, and the right to use it once that was acquired.
pub(super) struct Opened {
    /// First, so that it is released before the camera goes.
    pub(super) active: Option<ActiveCamera<'static>>,
    pub(super) camera: Camera<'static>,
}

/// What lives in the thread.
pub(super) struct Cameras {
    /// First, so that all are gone before the manager goes.
    opened: HashMap<u64, Opened>,
    next: u64,
    pub(super) manager: CameraManager,
}

impl Cameras {
    /// Keeps a camera open, under the key that comes back; `None` for an id that no camera has.
    pub(super) fn open(&mut self, id: &str) -> Option<u64> {
        let camera = self.manager.get(id)?;
        self.next += 1;
        self.opened.insert(self.next, Opened { active: None, camera });
        Some(self.next)
    }

    /// The camera of a key; `ENODEV` for one that was closed.
    pub(super) fn get(&mut self, key: u64) -> nix::Result<&mut Opened> {
        self.opened.get_mut(&key).ok_or(Errno::ENODEV)
    }

    /// The acquired camera of a key; `ENODEV` for one that is not.
    pub(super) fn active(&mut self, key: u64) -> nix::Result<&mut ActiveCamera<'static>> {
        self.get(key)?.active.as_mut().ok_or(Errno::ENODEV)
    }

    /// Closes a camera.
    pub(super) fn close(&mut self, key: u64) {
        self.opened.remove(&key);
    }

    /// The ids of all cameras that are there.
    pub(super) fn ids(&self) -> Vec<String> {
        self.manager.cameras().iter().map(|camera| camera.id().to_owned()).collect()
    }

    /// True when the camera of this key is plugged in.
    pub(super) fn is_there(&self, key: u64) -> bool {
        self.opened.get(&key).is_some_and(|opened| self.manager.get(opened.camera.id()).is_some())
    }
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Library {
    /// `None` ends the thread.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Library {
    /// The thread, which is started where it does not run. Waits until libcamera has looked at all devices.
    pub(super) fn get() -> Result<Arc<Self>, Fault> {
        let mut current = lock(&LIBRARY);
        if let Some(library) = current.upgrade() {
            return Ok(library);
        }
        let library = Arc::new(Self::start()?);
        *current = Arc::downgrade(&library);
        Ok(library)
    }

    fn start() -> Result<Self, Fault> {
        let failed =
            |error: &std::io::Error| Fault { operation: "CameraManager::start", errno: policy::errno(error) };
        let (jobs, to_do) = mpsc::channel::<Job>();
        let (started, answer) = mpsc::sync_channel(1);
        let run = move || {
            let _alone = lock(&MANAGER);
            quieten();
            let manager = match CameraManager::new() {
                Ok(manager) => manager,
                Err(error) => return drop(started.send(Err(error))),
            };
            let mut cameras = Cameras { opened: HashMap::new(), next: 0, manager };
            let _ = started.send(Ok(()));
            for job in to_do {
                job(&mut cameras);
            }
        };
        let thread = std::thread::Builder::new().name("latent-libcamera".to_owned()).spawn(run);
        let library = Self { jobs: Some(jobs), thread: Some(thread.map_err(|error| failed(&error))?) };
        match answer.recv() {
            Ok(Ok(())) => Ok(library),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(Fault { operation: "CameraManager::start", errno: Errno::EIO }),
        }
    }

    /// Runs a job in the thread and waits for what it makes; `EIO` when the thread ended, which only a fault of the
    /// bindings does.
    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Cameras) -> T + Send + 'static,
    ) -> nix::Result<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        let job: Job = Box::new(move |cameras| drop(answer.send(job(cameras))));
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or(Errno::EIO)?;
        answered.recv().map_err(|_| Errno::EIO)
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// libcamera writes its log to standard error, where programs have their own say, unless somebody asks for it.
fn quieten() {
    let asked = ["LIBCAMERA_LOG_LEVELS", "LIBCAMERA_LOG_FILE"].map(std::env::var_os);
    if asked.iter().all(Option::is_none) {
        let _ = log_set_target(LoggingTarget::None);
    }
}
