//! `latent shoot`: photos, by this process as the library's owner, or through the process that owns it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use latent_pipeline::event::{Event, EventKind, EventSender};
use latent_pipeline::library::Layout;
use latent_pipeline::owner::{Notice, Owner, ShootRequest};
use latent_pipeline::photo::State;
use latent_pipeline::server::{self, Outcome, Server};
use latent_pipeline::{Error, ErrorKind};

use crate::cli::ShootArgs;
use crate::exit::{self, Failure};
use crate::library::{boot, folder};
use crate::output::Output;
use crate::timeline::Timeline;

/// How long another process may own the library without taking our request.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &ShootArgs, output: Output, cancel: &Arc<AtomicBool>) -> Result<u8, Failure> {
    let folder = folder(&args.place)?;
    let request = ShootRequest {
        camera: args.camera.clone(),
        count: args.count,
        burst: args.burst,
        develop: !args.no_wait,
        format: args.format.map(|format| format.to_string()),
        size: args.size,
    };
    let start = Instant::now();
    loop {
        match Owner::open(&folder, boot().as_deref(), Arc::clone(cancel)) {
            Ok(owner) => return as_owner(&Arc::new(owner), &request, output),
            Err(error @ Error::LibraryBusy { .. }) => {
                if let Some(result) = as_client(&folder, &request, cancel, output)? {
                    return Ok(result);
                }
                if start.elapsed() >= PATIENCE || cancel.load(Ordering::Relaxed) {
                    return Err(error.into());
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn as_owner(owner: &Arc<Owner>, request: &ShootRequest, output: Output) -> Result<u8, Failure> {
    let server = Server::start(owner);
    let timeline = Arc::new(Timeline::new(output));
    let (events, received) = EventSender::channel();
    let (result, tally) = std::thread::scope(|scope| {
        let printing = scope.spawn(|| {
            let mut tally = Tally::default();
            for event in received {
                tally.count(&event);
                timeline.event(&event);
            }
            tally
        });
        let notices = Arc::clone(&timeline);
        let notice = Arc::new(move |notice: Notice<'_>| notices.notice(&notice)) as _;
        let result = owner.shoot(request, &events, &notice);
        // Photos of earlier runs come after our own, and what becomes of them does not fail this run.
        if request.develop
            && result.is_ok()
            && let Ok(others) = owner.develop(&events, &notice)
            && let Some((_, why)) = others.postponed.first()
            && !output.is_json()
        {
            output.note(&format!(
                "{} earlier photos keep their quick picture for now: {why}",
                others.postponed.len()
            ));
        }
        drop(events);
        (result, printing.join().unwrap_or_default())
    });
    timeline.end();
    // Clients that were taken in meanwhile are served to their end.
    drop(server);
    conclude(&tally, result.map(Outcome::from).map_err(Failure::from), request, output)
}

/// `None` when the owner does not answer.
fn as_client(
    folder: &Path,
    request: &ShootRequest,
    cancel: &AtomicBool,
    output: Output,
) -> Result<Option<u8>, Failure> {
    let timeline = Timeline::new(output);
    let mut tally = Tally::default();
    // The owner's current folder is another one: what names a file must name it for everybody.
    let mut request = request.clone();
    if let Some(path) = request.camera.as_deref().and_then(|camera| camera.strip_prefix("replay:")) {
        let path = std::path::absolute(path).map_err(|error| Error::file("find", path, error))?;
        request.camera = Some(format!("replay:{}", path.display()));
    }
    let answer = server::request(&Layout::new(folder)?, &request, cancel, |event| {
        tally.count(&event);
        timeline.event(&event);
    });
    timeline.end();
    let Some(answer) = answer else { return Ok(None) };
    conclude(&tally, answer.map_err(Failure::from), &request, output).map(Some)
}

/// What the events of a run add up to; what becomes of photos of earlier runs is not its business.
#[derive(Debug, Default)]
struct Tally {
    photos: HashSet<PathBuf>,
    announced: u32,
    secured: u32,
    fallbacks: u32,
    finals: u32,
    failure: Option<(String, String)>,
    last_path: Option<PathBuf>,
}

impl Tally {
    fn count(&mut self, event: &Event) {
        match &event.kind {
            EventKind::PhotoAssetAvailable { asset, .. } => {
                self.photos.insert(asset.path.clone());
                self.announced += 1;
                self.last_path = Some(asset.path.clone());
            }
            EventKind::RawSecured { .. } => self.secured += 1,
            EventKind::PhotoFinal { asset, .. } if self.photos.contains(&asset.path) => match asset.state {
                State::FinalFallback => self.fallbacks += 1,
                _ => self.finals += 1,
            },
            EventKind::CaptureFailed { kind, message } => {
                self.failure = Some((kind.clone(), message.clone()));
            }
            _ => {}
        }
    }
}

fn conclude(
    tally: &Tally,
    result: Result<Outcome, Failure>,
    request: &ShootRequest,
    output: Output,
) -> Result<u8, Failure> {
    if let (Some(path), false) = (&tally.last_path, output.is_json()) {
        output.line(&path.display().to_string());
    }
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(failure) if failure.kind == ErrorKind::Cancelled.as_str() => {
            return Err(Failure::failed(
                &failure.kind,
                format!(
                    "interrupted; {} of {} photos were taken and are safe",
                    tally.announced, request.count
                ),
                Some("`latent jobs run --until-empty` develops what is left"),
            ));
        }
        Err(failure) => return Err(failure),
    };
    if let Some((kind, message)) = &tally.failure {
        return Err(Failure::failed(kind, message.clone(), None));
    }
    // A burst whose row was late may have been developed all the same.
    let safe = tally.secured.max(tally.finals);
    if safe < tally.announced {
        return Err(Failure::failed(
            "raw_lost",
            format!(
                "{} of {} photos have no raw burst and stay in low quality",
                tally.announced - safe,
                tally.announced
            ),
            Some("free some space in the library's folder before the next photo"),
        ));
    }
    if let Some(why) = outcome.postponed.first() {
        return Err(Failure::failed(
            "postponed",
            format!("{} photos keep their quick picture for now: {why}", outcome.waiting()),
            Some("`latent jobs run --until-empty` tries again; nothing is lost"),
        ));
    }
    if tally.fallbacks > 0 {
        return Err(Failure::failed(
            "fallback",
            format!("{} of {} photos stay in low quality", tally.fallbacks, tally.announced),
            Some("`latent library show PHOTO` says why"),
        ));
    }
    if !request.develop && !output.is_json() {
        output.note(&format!(
            "{} photos wait for `latent jobs run --until-empty`",
            tally.announced - tally.finals
        ));
    }
    Ok(exit::DONE)
}
