//! `latent library`: looks at a library without owning it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use latent_pipeline::library::{Asset, View};
use latent_pipeline::photo::State;
use serde_json::{Value, json};

use crate::cli::{ListArgs, Place, ShowArgs, WaitArgs};
use crate::exit::{self, Failure};
use crate::output::Output;

/// The library's folder: as given, else by the environment, else where people keep pictures.
pub(crate) fn folder(place: &Place) -> Result<PathBuf, Failure> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    place
        .library
        .clone()
        .or_else(|| set("LATENT_LIBRARY"))
        .or_else(|| set("HOME").map(|home| home.join("Pictures/Latent")))
        .ok_or_else(|| Failure::usage("which library? Name its folder with --library or $LATENT_LIBRARY"))
}

/// What tells this start of the machine from others.
pub(crate) fn boot() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}

fn value(view: &View, asset: &Asset) -> Value {
    let mut value = serde_json::to_value(view.view_of(asset)).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("sync_ok".to_owned(), json!(asset.state != State::Pending));
        fields.insert(
            "captured_at".to_owned(),
            json!(asset.captured_at.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()),
        );
        if let Some(beside) = &asset.beside {
            fields.insert("beside".to_owned(), json!(beside));
        }
    }
    value
}

pub(crate) fn ls(args: &ListArgs, output: Output) -> Result<u8, Failure> {
    let view = View::open(&folder(&args.place)?)?;
    let (assets, damaged) = (view.assets()?, view.damaged()?);
    if output.is_json() {
        let list: Vec<_> = assets.iter().map(|asset| value(&view, asset)).collect();
        let damaged: Vec<_> = damaged
            .iter()
            .map(|row| json!({ "table": row.table, "entry": row.entry, "what": row.what }))
            .collect();
        output.document(&json!({
            "library": view.layout().folder().to_string_lossy(), "assets": list, "damaged": damaged,
        }));
        return Ok(exit::DONE);
    }
    if assets.is_empty() && damaged.is_empty() {
        output.note("no photos yet; take one with `latent shoot`");
    }
    for asset in &assets {
        output.line(&format!(
            "{:<14}  {:<4}  {}  {}",
            asset.state.as_str(),
            asset.quality.as_str(),
            asset.captured_at.strftime("%Y-%m-%d %H:%M:%S"),
            view.view_of(asset).path.display(),
        ));
    }
    for row in &damaged {
        output.line(&format!("{:<14}  {:<4}  {row}", "damaged", "-"));
    }
    if !damaged.is_empty() {
        output.note(&format!(
            "{} damaged entries of {} are left as they are; their pictures and raw bursts are untouched",
            damaged.len(),
            view.layout().database().display()
        ));
    }
    Ok(exit::DONE)
}

pub(crate) fn show(args: &ShowArgs, output: Output) -> Result<u8, Failure> {
    let view = View::open(&folder(&args.place)?)?;
    let asset = view.find(&args.photo)?;
    let mut shown = value(&view, &asset);
    if let (Value::Object(fields), Some(job)) = (&mut shown, view.job(asset.asset_id)?) {
        fields.insert(
            "job".to_owned(),
            json!({
                "state": job.state.as_str(), "tier": job.tier, "attempts": job.attempts,
                "raw": job.raw.as_str(), "frames": job.frames, "last_error": job.last_error,
            }),
        );
    }
    if output.is_json() {
        output.document(&shown);
    } else if let Value::Object(fields) = &shown {
        for (name, value) in fields {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            output.line(&format!("{name:<12}  {text}"));
        }
    }
    Ok(exit::DONE)
}

/// How often a waiting program looks.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) fn wait(args: &WaitArgs, output: Output) -> Result<u8, Failure> {
    let deadline = match args.timeout.map(Duration::try_from_secs_f64) {
        None => None,
        // Longer than the clock can tell is for ever.
        Some(Ok(timeout)) => Instant::now().checked_add(timeout),
        Some(Err(_)) => return Err(Failure::usage("--timeout wants a number of seconds, 0 or more")),
    };
    let view = View::open(&folder(&args.place)?)?;
    let named = args.photos.iter().map(|photo| view.find(photo)).collect::<Result<Vec<_>, _>>()?;
    let mut waiting: HashSet<_> = if args.photos.is_empty() {
        view.assets()?
            .iter()
            .filter(|asset| asset.state == State::Pending)
            .map(|asset| asset.asset_id)
            .collect()
    } else {
        named.iter().map(|asset| asset.asset_id).collect()
    };
    let mut fallbacks = 0;
    let mut told = false;
    loop {
        for asset in view.assets()? {
            if asset.state == State::Pending || !waiting.remove(&asset.asset_id) {
                continue;
            }
            if asset.state == State::FinalFallback {
                fallbacks += 1;
            }
            if output.is_json() {
                output.object(&value(&view, &asset));
            } else {
                let reason = asset.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
                let path = view.view_of(&asset).path;
                output.line(&format!(
                    "{:<14}  {:<4}  {}{reason}",
                    asset.state,
                    asset.quality,
                    path.display()
                ));
            }
        }
        if waiting.is_empty() {
            return Ok(if fallbacks > 0 { exit::FAILED } else { exit::DONE });
        }
        if !told && !view.is_owned() {
            told = true;
            output.note(&format!(
                "nobody is developing this library: {} photos wait until `latent jobs run` or the service does",
                waiting.len()
            ));
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Failure::timeout(format!("{} photos are still pending", waiting.len())));
        }
        std::thread::sleep(LOOK);
    }
}
