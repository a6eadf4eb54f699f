//! Delivery: the full picture takes the proxy's place, or goes beside what others made of it, or the photo stays low.

use std::path::{Path, PathBuf};

use crate::clock::Laps;
use crate::crash;
use crate::error::Error;
use crate::event::FullStages;
use crate::files::{self, Content, Marks, Outcome};
use crate::library::{Asset, Ending, Library, RawState};
use crate::metadata;
use crate::photo::{Quality, State, Tier};
use crate::{caption, name};

/// Puts the full picture where it belongs, and commits that.
pub(super) fn deliver(
    library: &Library,
    asset: &Asset,
    tier: Tier,
    jpeg: &[u8],
    stages: &mut FullStages,
) -> Result<Asset, Error> {
    let mut laps = Laps::start();
    let path = library.layout().folder().join(&asset.path);
    let marks = Marks { asset: asset.asset_id, state: State::Final, generation: asset.generation + 1 };
    let outcome = files::replace(&path, asset.content, &marks, jpeg)?;
    stages.replace_us = laps.lap_us();
    let ending = match outcome {
        Outcome::Replaced(content) => Ending {
            quality: Quality::Full,
            generation: asset.generation + 1,
            state: State::Final,
            tier: Some(tier),
            reason: None,
            beside: None,
            content: Some(content),
            raw: RawState::Gone,
        },
        Outcome::Changed => beside(asset, &path, "changed", &marks, jpeg)?,
        Outcome::Gone => match find_moved(library, asset) {
            Some(moved) => beside(asset, &moved, "moved", &marks, jpeg)?,
            None => Ending {
                // The raw burst stays: the picture may have been moved elsewhere for good.
                raw: RawState::Secured,
                ..untouched(
                    asset,
                    "another program removed the picture or moved it out of the library".to_owned(),
                )
            },
        },
    };
    stages.replace_us += laps.lap_us();
    commit(library, asset, &ending, stages)
}

/// Declares that the photo stays what it is: its file, its attributes and its rows say so and why.
pub(super) fn fall_back(
    library: &Library,
    asset: &Asset,
    raw: RawState,
    reason: &str,
    stages: &mut FullStages,
) -> Result<Asset, Error> {
    let mut laps = Laps::start();
    let path = library.layout().folder().join(&asset.path);
    let marks = Marks { asset: asset.asset_id, state: State::FinalFallback, generation: asset.generation };
    let caption = caption::of_fallback(library.id(), asset, reason);
    // Changed or gone: others' hands, nothing of ours to write there.
    let rewritten =
        files::read_expected(&path, asset.content).and_then(|low| metadata::rewrite_state(&low, &caption));
    let content = match rewritten.map(|low| files::replace(&path, asset.content, &marks, &low)) {
        Some(Ok(Outcome::Replaced(content))) => Some(content),
        Some(Err(error)) if super::passes(&error) => return Err(error),
        // What refused the full picture for good refuses this too: the low one stands as it is, and the rows say why.
        None | Some(Ok(Outcome::Changed | Outcome::Gone) | Err(_)) => None,
    };
    stages.replace_us = laps.lap_us();
    // A raw burst outlives the fallback: it may be all that is left to look into.
    let ending = Ending { content, raw, ..untouched(asset, reason.to_owned()) };
    commit(library, asset, &ending, stages)
}

fn untouched(asset: &Asset, reason: String) -> Ending {
    Ending {
        quality: asset.quality,
        generation: asset.generation,
        state: State::FinalFallback,
        tier: asset.tier,
        reason: Some(reason),
        beside: None,
        content: None,
        raw: RawState::Gone,
    }
}

fn beside(asset: &Asset, theirs: &Path, what: &str, marks: &Marks, jpeg: &[u8]) -> Result<Ending, Error> {
    let full = files::publish_beside(theirs, marks, jpeg)?;
    let reason = format!("another program {what} the picture; the full one is beside it: {}", full.display());
    let beside = Some(full.to_string_lossy().into_owned());
    Ok(Ending { beside, ..untouched(asset, reason) })
}

fn commit(
    library: &Library,
    asset: &Asset,
    ending: &Ending,
    stages: &mut FullStages,
) -> Result<Asset, Error> {
    let mut laps = Laps::start();
    library.end(asset.asset_id, ending)?;
    stages.commit_us = laps.lap_us();
    crash::point(if ending.state == State::Final { "final-committed" } else { "fallback-committed" });
    if ending.raw == RawState::Gone {
        // One that cannot be removed now is at the next start: the photo is done.
        let _ = files::remove(&library.layout().raw(asset.asset_id));
        crash::point("spool-removed");
    }
    Ok(library.asset(asset.asset_id)?.unwrap_or_else(|| asset.clone()))
}

/// Looks for the photo's file under another name in the library, as deep as people sort pictures.
fn find_moved(library: &Library, asset: &Asset) -> Option<PathBuf> {
    const DEPTH: u32 = 4;
    let mut folders = vec![(library.layout().folder().to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, hidden) = (entry.path(), entry.file_name().to_string_lossy().starts_with('.'));
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && !hidden && depth < DEPTH {
                folders.push((path, depth + 1));
            } else if kind.is_file() && !hidden && is_proxy_of(&path, asset) {
                return Some(path);
            }
        }
    }
    None
}

/// A moved proxy is the very file that we wrote; a copy that others made of an older one, or our own full picture, is
/// not it.
fn is_proxy_of(path: &Path, asset: &Asset) -> bool {
    let plausible = path.metadata().is_ok_and(|data| data.len() == asset.content.len)
        && path.file_name().is_some_and(|file| name::marked(&file.to_string_lossy()).is_none());
    plausible && matches!(Content::of_file(path), Ok(Some(found)) if found == asset.content)
}
