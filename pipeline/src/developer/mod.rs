//! The developer: takes pending jobs, makes full pictures of their bursts, and delivers them.
//!
//! A job ends in one of three ways: full picture in place; fallback, when the picture cannot be made, the file is not
//! ours any more, or [`ATTEMPTS`] attempts failed; or later, when storage refuses for now or somebody called the work off.

mod delivery;
mod render;
mod turns;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use latent_isp::yuv::YuvView;
use latent_isp::{Picture, RawView};
use nix::errno::Errno;
use uuid::Uuid;

use crate::camera_jpeg::{self, Shape};
use crate::caption::{self, Rendition};
use crate::clock::{self, Laps};
use crate::crash;
use crate::encode;
use crate::error::{Error, ErrorKind};
use crate::event::{EventKind, EventSender, FullStages, Listeners};
use crate::library::{Asset, Job, JobState, Library, RawState};
use crate::metadata::PhotoMetadata;
use crate::photo::{Quality, State};
use crate::pixels::Pixels;
use crate::{files, recovery};

pub(crate) use render::Look;
pub use render::develop_raw;
pub(crate) use turns::Turns;

/// Attempts after which a photo is given up. An attempt is a start of a development that ended this program, or that ended
/// with a failure which waiting does not cure. None are: work that was called off, refusals that pass, and
/// starts that a restart of the machine cut off.
pub const ATTEMPTS: u32 = 3;

/// How far a development is, for progress displays.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The photo.
    pub asset_id: Uuid,
    /// Rows developed.
    pub done: u32,
    /// Rows in all.
    pub total: u32,
}

/// Makes full pictures.
pub struct Developer {
    library: Arc<Library>,
    listeners: Arc<Listeners>,
    events: EventSender,
    threads: NonZeroUsize,
    turns: Arc<Turns>,
    /// Setting it calls the work off: it ends within one strip, and the photo waits for a later run.
    cancel: Arc<AtomicBool>,
    progress: Box<dyn Fn(Progress) + Send + Sync>,
}

impl std::fmt::Debug for Developer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Developer").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// What a run of the developer did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Photos that are full now.
    pub developed: u32,
    /// Photos that stay as they are.
    pub fallbacks: u32,
    /// Photos that wait for a later run, each with the reason.
    pub postponed: Vec<(Uuid, String)>,
}

#[derive(Clone, Copy)]
enum Ended {
    Full,
    Fallback,
}

impl Summary {
    fn count(&mut self, ended: Ended) {
        match ended {
            Ended::Full => self.developed += 1,
            Ended::Fallback => self.fallbacks += 1,
        }
    }
}

/// Whether a failure may pass by itself, or by what somebody does about it without knowing of this photo: space, memory,
/// files that others have open, a network that is away, a newer program. Everything else is an attempt.
fn passes(error: &Error) -> bool {
    use std::io::ErrorKind as Io;
    let passing = [
        Io::OutOfMemory,
        Io::WouldBlock,
        Io::Interrupted,
        Io::TimedOut,
        Io::ResourceBusy,
        Io::StaleNetworkFileHandle,
        Io::NetworkDown,
        Io::NetworkUnreachable,
        Io::HostUnreachable,
        Io::NotConnected,
    ];
    let too_many_files = [Errno::EMFILE, Errno::ENFILE].map(|errno| Some(errno as i32));
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::Busy | ErrorKind::NewerVersion | ErrorKind::Cancelled
    ) || error.io_source().is_some_and(|source| {
        passing.contains(&source.kind()) || too_many_files.contains(&source.raw_os_error())
    })
}

/// Why a photo gets no attempt more.
fn given_up(job: &Job) -> String {
    match (job.state, &job.last_error) {
        (JobState::Failed, Some(why)) => format!("it could not be finished in {ATTEMPTS} attempts: {why}"),
        _ => "developing it ended this program three times".to_owned(),
    }
}

impl Developer {
    /// A developer for this library with as many threads as the machine has processors. Events of photos that nobody in
    /// `listeners` waits for go to `events`.
    pub fn new(
        library: Arc<Library>,
        listeners: Arc<Listeners>,
        events: EventSender,
        cancel: Arc<AtomicBool>,
    ) -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let turns = Arc::default();
        Self { library, listeners, events, threads, turns, cancel, progress: Box::new(|_| {}) }
    }

    /// Reports progress to `progress`, from the thread that develops.
    #[must_use]
    pub fn with_progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Takes turns with other developers of the same library.
    #[must_use]
    pub(crate) fn in_turn(mut self, turns: Arc<Turns>) -> Self {
        self.turns = turns;
        self
    }

    /// Develops all open jobs, oldest first, until none is left that can be done now. Blocks.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::Database`]. What a single photo fails with is in the summary.
    pub fn run_until_empty(&self) -> Result<Summary, Error> {
        // A row that could not be written then may be written now.
        self.library.settle_raws();
        let mut summary = Summary::default();
        let mut tried = HashSet::new();
        loop {
            let jobs = self.library.open_jobs()?;
            let Some(job) =
                jobs.into_iter().find(|job| job.raw != RawState::Securing && !tried.contains(&job.asset_id))
            else {
                return Ok(summary);
            };
            tried.insert(job.asset_id);
            let _turn = self.turns.take(&self.cancel)?;
            // Somebody else may have done it meanwhile.
            if let Some(job) = self.library.job(job.asset_id)?.filter(Job::is_open) {
                self.try_job(&job, &mut summary)?;
            }
        }
    }

    /// Develops these photos and no others, or waits until another developer has: one turn for each. Those that are no
    /// photos of the library (their capture failed) are left out. Blocks.
    ///
    /// # Errors
    /// As [`Developer::run_until_empty`].
    pub fn run_photos(&self, photos: &[Uuid]) -> Result<Summary, Error> {
        self.library.settle_raws();
        let mut summary = Summary::default();
        for &photo in photos {
            let _turn = self.turns.take(&self.cancel)?;
            let Some(job) = self.library.job(photo)? else { continue };
            if job.is_open() {
                if job.raw != RawState::Securing {
                    self.try_job(&job, &mut summary)?;
                }
            } else if let Some(asset) = self.library.asset(photo)? {
                summary.count(if asset.quality == Quality::Full { Ended::Full } else { Ended::Fallback });
            }
        }
        Ok(summary)
    }

    /// Tries a job, in our turn. A failure that waiting does not cure counts as an attempt, and the last attempt ends the
    /// photo as a fallback; other failures postpone it.
    fn try_job(&self, job: &Job, summary: &mut Summary) -> Result<(), Error> {
        let error = match self.run(job) {
            Ok(ended) => {
                summary.count(ended);
                return Ok(());
            }
            Err(error) => error,
        };
        let id = job.asset_id;
        if matches!(error, Error::Cancelled) {
            self.library.end_attempt(id, JobState::Pending, false, None)?;
            return Err(error);
        }
        let counts = !passes(&error);
        let mut why = error.to_string();
        let attempts = self.library.end_attempt(id, JobState::Failed, counts, Some(&why))?;
        // A row that makes no sense has no photo to end: it is told each time, and left as it is.
        if counts && attempts >= ATTEMPTS && !matches!(error, Error::DamagedEntry { .. }) {
            let reason = format!("it could not be finished in {ATTEMPTS} attempts: {error}");
            let ended = match self.library.asset(id)? {
                Some(asset) => self.fall_back(&asset, job, &reason),
                None => Err(error),
            };
            match ended {
                Ok(ended) => {
                    summary.count(ended);
                    return Ok(());
                }
                Err(error) => why = error.to_string(),
            }
        }
        summary.postponed.push((id, why));
        Ok(())
    }

    fn run(&self, job: &Job) -> Result<Ended, Error> {
        let asset = self.library.asset(job.asset_id)?.ok_or_else(|| Error::UnknownPhoto {
            name: job.asset_id.to_string(),
            library: self.library.layout().folder().to_owned(),
        })?;
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        if job.attempts >= ATTEMPTS {
            return self.fall_back(&asset, job, &given_up(job));
        }
        self.library.begin_attempt(asset.asset_id)?;
        crash::point("attempt-committed");
        if recovery::complete(&self.library, job)? {
            // Delivered, but its rows could not be committed then: it is not done again.
            let after = self.library.asset(job.asset_id)?.unwrap_or_else(|| asset.clone());
            if after.quality == Quality::Full {
                files::remove(&self.library.layout().raw(asset.asset_id))?;
            }
            return Ok(self.announce(&asset, &after, FullStages::default()));
        }
        if job.raw == RawState::Gone {
            return self.fall_back(
                &asset,
                job,
                "its raw burst was not safe when the power went or storage failed",
            );
        }
        match self.develop(&asset, job) {
            Ok(ended) => Ok(ended),
            Err(Error::Spool(ref error))
                if error.io_source().is_some_and(|source| source.kind() == std::io::ErrorKind::NotFound) =>
            {
                let gone = Job { raw: RawState::Gone, ..job.clone() };
                self.fall_back(&asset, &gone, "another program removed its raw burst")
            }
            // The raw burst itself is bad: trying again cannot help. Everything else may pass.
            Err(error)
                if matches!(error, Error::CameraPicture { .. })
                    || error.kind() == ErrorKind::BadInput
                        && !matches!(
                            error,
                            Error::DamagedEntry { .. } | Error::Database { .. } | Error::File { .. }
                        ) =>
            {
                self.fall_back(&asset, job, &format!("its raw burst cannot be developed: {error}"))
            }
            Err(error) => Err(error),
        }
    }

    fn develop(&self, asset: &Asset, job: &Job) -> Result<Ended, Error> {
        let mut laps = Laps::start();
        let mut stages = FullStages::default();
        let burst = render::read_burst(&self.library.layout().raw(asset.asset_id))?;
        stages.read_us = laps.lap_us();
        let progress = |done, total| (self.progress)(Progress { asset_id: asset.asset_id, done, total });
        let effort = render::Effort { threads: self.threads, cancel: &self.cancel, progress: &progress };
        let encode = |picture: &Picture, quality, stages: &mut FullStages, laps: &mut Laps| {
            stages.isp_us = laps.lap_us();
            let caption = self.caption(asset, job, picture.width, picture.height);
            encode::jpeg(picture, quality, Some(&caption))
        };
        let jpeg = match burst.pixels {
            Pixels::Raw(geometry) => {
                let view = RawView::new(geometry, &burst.bytes)?;
                let stored = job.rendering.as_deref().and_then(Look::parse);
                let rendering = stored.unwrap_or_else(|| burst.automatic(&view));
                let picture = render::develop(&view, &rendering, job.tier, &effort)?;
                encode(&picture, encode::JpegQuality::FULL, &mut stages, &mut laps)?
            }
            Pixels::Yuv(geometry) => {
                let picture = render::convert(&YuvView::new(geometry, &burst.bytes)?, &effort)?;
                encode(&picture, encode::JpegQuality::CONVERTED, &mut stages, &mut laps)?
            }
            Pixels::Jpeg(frames) => {
                let refused = |reason| Error::CameraPicture { camera: asset.shot.model.clone(), reason };
                let shape = Shape::of(&burst.bytes, frames.width, frames.height).map_err(refused)?;
                let caption = self.caption(asset, job, shape.width, shape.height);
                match camera_jpeg::with_metadata(&burst.bytes, &shape, &caption) {
                    Some(kept) => kept,
                    None => {
                        let picture = camera_jpeg::decode(&burst.bytes, &shape).map_err(refused)?;
                        encode(&picture, encode::JpegQuality::CONVERTED, &mut stages, &mut laps)?
                    }
                }
            }
        };
        drop(burst);
        stages.jpeg_us = laps.lap_us();
        crash::point("developed");
        let delivered = delivery::deliver(&self.library, asset, job.tier, &jpeg, &mut stages)?;
        Ok(self.announce(asset, &delivered, stages))
    }

    fn caption(&self, asset: &Asset, job: &Job, width: u32, height: u32) -> PhotoMetadata {
        let rendition = Rendition {
            generation: asset.generation + 1,
            quality: Quality::Full,
            tier: Some(job.tier),
            state: State::Final,
            reason: None,
            width,
            height,
        };
        caption::of(self.library.id(), asset.asset_id, &asset.captured_at, &asset.shot, rendition)
    }

    fn fall_back(&self, asset: &Asset, job: &Job, reason: &str) -> Result<Ended, Error> {
        let mut stages = FullStages::default();
        let ended = delivery::fall_back(&self.library, asset, job.raw, reason, &mut stages)?;
        Ok(self.announce(asset, &ended, stages))
    }

    fn announce(&self, before: &Asset, after: &Asset, stages: FullStages) -> Ended {
        let listener = self.listeners.take(after.asset_id);
        listener.as_ref().unwrap_or(&self.events).send(
            after.capture_id,
            since_request(before),
            EventKind::PhotoFinal { asset: self.library.view_of(after), stages },
        );
        if after.quality == Quality::Full { Ended::Full } else { Ended::Fallback }
    }
}

/// Microseconds since the request: by the monotonic clock while the machine runs, by the calendar after a reboot.
fn since_request(asset: &Asset) -> i64 {
    let calendar = asset.captured_at.duration_until(&jiff::Zoned::now());
    let calendar_us = i64::try_from(calendar.as_micros()).unwrap_or(i64::MAX);
    let origin = std::time::Duration::from_micros(asset.shot.requested_us);
    let monotonic_us = clock::micros_between(origin, clock::now());
    // The two agree to within a clock step unless the machine was restarted in between.
    if monotonic_us > 0 && (monotonic_us - calendar_us).abs() < 5_000_000 {
        monotonic_us
    } else {
        calendar_us.max(0)
    }
}

#[cfg(test)]
mod tests;
