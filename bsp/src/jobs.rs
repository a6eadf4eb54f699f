//! `latent jobs`: the photos that wait for their full picture.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use latent_pipeline::ErrorKind;
use latent_pipeline::developer::Summary;
use latent_pipeline::event::EventSender;
use latent_pipeline::owner::{Notice, Owner};
use latent_pipeline::server::Server;

use crate::cli::RunArgs;
use crate::exit::{self, Failure};
use crate::library::{boot, folder};
use crate::output::Output;
use crate::timeline::Timeline;

/// How long another process may own the library before we say so.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often an owner without work looks for some, and photos that could not be developed are tried again.
const LOOK: Duration = Duration::from_millis(250);
const AGAIN: Duration = Duration::from_secs(30);

pub(crate) fn run(args: &RunArgs, output: Output, cancel: &Arc<AtomicBool>) -> Result<u8, Failure> {
    let owner = Arc::new(Owner::open_waiting(&folder(&args.place)?, boot().as_deref(), cancel, PATIENCE)?);
    let _server = if args.until_empty { None } else { Server::start(&owner) };
    let timeline = Arc::new(Timeline::new(output));
    let (events, received) = EventSender::channel();
    let result = std::thread::scope(|scope| {
        let lines = Arc::clone(&timeline);
        scope.spawn(move || received.iter().for_each(|event| lines.event(&event)));
        let notices = Arc::clone(&timeline);
        let notice = Arc::new(move |notice: Notice<'_>| notices.notice(&notice)) as _;
        let result = loop {
            let done = owner.develop(&events, &notice);
            if args.until_empty || done.is_err() || cancel.load(Ordering::Relaxed) {
                break done;
            }
            rest(&owner, done.as_ref().is_ok_and(|summary| !summary.postponed.is_empty()), cancel);
        };
        drop(events);
        result
    });
    timeline.end();
    match result {
        Ok(_) if !args.until_empty => Ok(exit::DONE),
        Ok(summary) => conclude(&summary, output),
        // Being told to stop is how a standing owner ends.
        Err(error) if error.kind() == ErrorKind::Cancelled && !args.until_empty => Ok(exit::DONE),
        Err(error) => Err(error.into()),
    }
}

/// Sleeps until there may be work, or the program is to end.
fn rest(owner: &Owner, postponed: bool, cancel: &AtomicBool) {
    let mut slept = Duration::ZERO;
    loop {
        std::thread::sleep(LOOK);
        slept += LOOK;
        let new = !postponed && owner.library().open_jobs().is_ok_and(|jobs| !jobs.is_empty());
        if new || slept >= AGAIN || cancel.load(Ordering::Relaxed) {
            return;
        }
    }
}

fn conclude(summary: &Summary, output: Output) -> Result<u8, Failure> {
    if let Some((_, why)) = summary.postponed.first() {
        return Err(Failure::failed(
            "postponed",
            format!("{} photos keep their quick picture for now: {why}", summary.postponed.len()),
            Some("`latent jobs run --until-empty` tries again; nothing is lost"),
        ));
    }
    if !output.is_json() {
        let (full, low) = (summary.developed, summary.fallbacks);
        output.note(&format!("{full} photos developed, {low} stay in low quality, none left to do"));
    }
    Ok(exit::DONE)
}
