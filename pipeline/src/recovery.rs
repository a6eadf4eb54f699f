//! Recovery: what a new owner does before anything else, so that files, rows, jobs and spool agree again.
//!
//! Whatever the last owner died of, each of these steps may find its work half done, and doing any of them twice is the
//! same as doing it once. Removed are only files that carry our own mark, and raw bursts of this very library that no
//! photo needs: everything else that lies in the folder belongs to somebody.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use crate::error::Error;
use crate::files::{self, Content};
use crate::library::{Asset, Ending, Job, Library, NewPhoto, RawState, Shot};
use crate::metadata::Identity;
use crate::name::{self, Marked};
use crate::photo::{Quality, State, Tier};
use crate::spool::{self, SpoolReader};

/// What recovery found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Half-written files of ours that were removed.
    pub temporaries: u32,
    /// Replacements that a crash had interrupted and that were ended.
    pub replacements: u32,
    /// Pictures of ours that had no row and have one now.
    pub adopted: u32,
    /// Photos that were finished but for their rows.
    pub completed: u32,
    /// Raw bursts whose writing was interrupted, with at least one whole frame.
    pub raws_kept: u32,
    /// Photos whose raw burst was lost on the way to storage.
    pub raws_lost: u32,
    /// Raw bursts that nothing needs any more and that were removed.
    pub raws_removed: u32,
}

/// How long a raw burst is kept whose photo ended as a fallback or went away.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// Makes the library whole again.
///
/// # Errors
/// [`Error::File`]; [`Error::Database`]. What was done until then stays done.
pub fn recover(library: &Library) -> Result<Report, Error> {
    let mut report = Report::default();
    let rows: HashMap<Uuid, Asset> =
        library.assets()?.into_iter().map(|asset| (asset.asset_id, asset)).collect();
    for folder in folders_in_use(library, &rows) {
        settle_marked(library, &folder, &rows, &mut report)?;
    }
    adopt_pictures(library, &rows, &mut report)?;
    complete_jobs(library, &mut report)?;
    reconcile_spool(library, &mut report)?;
    Ok(report)
}

/// The library's folder, and those below it that hold pictures of ours.
fn folders_in_use(library: &Library, rows: &HashMap<Uuid, Asset>) -> Vec<PathBuf> {
    let root = library.layout().folder();
    let mut folders: Vec<_> =
        rows.values().filter_map(|asset| root.join(&asset.path).parent().map(Path::to_owned)).collect();
    folders.extend(
        rows.values().filter_map(|asset| Path::new(asset.beside.as_ref()?).parent().map(Path::to_owned)),
    );
    folders.push(root.to_owned());
    folders.sort();
    folders.dedup();
    folders
}

/// The names in a folder; a folder that is gone has none.
fn names_in(folder: &Path) -> Result<Vec<String>, Error> {
    match std::fs::read_dir(folder) {
        // Names that are no UTF-8 are not ours.
        Ok(entries) => {
            Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::file("list", folder, error)),
    }
}

fn settle_marked(
    library: &Library,
    folder: &Path,
    rows: &HashMap<Uuid, Asset>,
    report: &mut Report,
) -> Result<(), Error> {
    for file in names_in(folder)? {
        let path = folder.join(&file);
        match name::marked(&file) {
            Some(Marked::Temporary { .. }) => {
                files::remove(&path)?;
                report.temporaries += 1;
            }
            // What it was to replace cannot be told.
            Some(Marked::Staged { asset, .. }) if intact(library.asset(asset))?.is_none() => {}
            Some(Marked::Staged { target, asset, len, crc }) => {
                let old = rows.get(&asset).map(|row| row.content);
                files::settle_staged(folder, &path, &target, Content { len, crc }, old)?;
                report.replacements += 1;
            }
            None => {}
        }
    }
    files::sync_folder(folder).or_else(|error| if folder.exists() { Err(error) } else { Ok(()) })
}

/// A picture that was published, but whose rows were not committed: it is ours if it says so and bears this library's
/// identity, or if its raw burst lies in this spool. A copy that somebody made of a photo has a row by its id.
fn adopt_pictures(library: &Library, rows: &HashMap<Uuid, Asset>, report: &mut Report) -> Result<(), Error> {
    let folder = library.layout().folder();
    let known: std::collections::HashSet<&str> = rows.values().map(|asset| asset.path.as_str()).collect();
    for file in names_in(folder)? {
        if !name::is_picture(&file) || known.contains(file.as_str()) {
            continue;
        }
        let path = folder.join(&file);
        let Some(identity) = files::identity_of(&path) else { continue };
        let has_raw = library.layout().raw(identity.asset_id).exists();
        let ours = identity.library_id == library.id() || has_raw;
        // A damaged row is a row: its photo is known, and its name taken.
        let is_new = matches!(intact(library.asset(identity.asset_id))?, Some(None));
        if ours
            && is_new
            && !library.has_path(&file)?
            && let Some(content) = Content::of_file(&path)?
        {
            library.accept(&adopted(library, &identity, file, content, has_raw))?;
            if identity.state != State::Pending {
                // It was developed, or given up, before its rows were lost: it stays what it says.
                library.end(identity.asset_id, &ended(&identity))?;
            }
            report.adopted += 1;
        }
    }
    Ok(())
}

/// What the rows of a photo that had ended said.
fn ended(identity: &Identity) -> Ending {
    Ending {
        quality: identity.quality,
        generation: identity.generation,
        state: identity.state,
        tier: (identity.quality == Quality::Full).then_some(Tier::Video),
        reason: (identity.state == State::FinalFallback)
            .then(|| "its full picture could not be made".to_owned()),
        beside: None,
        content: None,
        raw: RawState::Gone,
    }
}

/// What a lost row said, from the raw burst's header; without one there is nothing to develop and the name's time will do.
fn adopted(
    library: &Library,
    identity: &Identity,
    file: String,
    content: Content,
    has_raw: bool,
) -> NewPhoto {
    let header = SpoolReader::open(library.layout().raw(identity.asset_id)).ok();
    let header = header.as_ref().map(SpoolReader::header);
    NewPhoto {
        asset_id: identity.asset_id,
        capture_id: 0,
        captured_at: header
            .map(|header| header.captured_at.clone())
            .or_else(|| name::picture_time(&file))
            .unwrap_or_else(crate::clock::local_now),
        path: file,
        shot: header.map_or_else(Shot::default, |header| header.shot.clone()),
        content,
        tier: Tier::Video,
        rendering: None,
        raw: if has_raw { RawState::Securing } else { RawState::Gone },
        frames: 0,
    }
}

/// Photos whose files say more than their rows: the crash came between the swap and the commit.
fn complete_jobs(library: &Library, report: &mut Report) -> Result<(), Error> {
    for job in library.open_jobs()? {
        report.completed += u32::from(complete(library, &job)?);
    }
    Ok(())
}

/// Ends a job whose photo was delivered, but whose rows could not be committed; false for one that is still to do.
///
/// # Errors
/// [`Error::File`]; [`Error::Database`].
pub(crate) fn complete(library: &Library, job: &Job) -> Result<bool, Error> {
    let Some(Some(asset)) = intact(library.asset(job.asset_id))? else { return Ok(false) };
    let path = library.layout().folder().join(&asset.path);
    let Some(identity) = files::identity_of(&path).filter(|found| found.asset_id == asset.asset_id) else {
        return Ok(false);
    };
    if identity.state == State::Pending || identity.generation < asset.generation {
        return Ok(false);
    }
    let Some(content) = Content::of_file(&path)?.filter(|content| *content != asset.content) else {
        return Ok(false);
    };
    let full = identity.quality == Quality::Full && identity.generation > asset.generation;
    library.end(
        asset.asset_id,
        &Ending {
            quality: identity.quality,
            generation: identity.generation,
            state: identity.state,
            tier: full.then_some(job.tier),
            reason: (!full).then(|| "its full picture could not be made".to_owned()),
            beside: None,
            content: Some(content),
            raw: if full { RawState::Gone } else { job.raw },
        },
    )?;
    Ok(true)
}

/// Raw bursts: those whose writing was interrupted are kept as far as they verify; those that nothing needs go.
fn reconcile_spool(library: &Library, report: &mut Report) -> Result<(), Error> {
    for job in library.open_jobs()?.into_iter().filter(|job| job.raw == RawState::Securing) {
        let path = library.layout().raw(job.asset_id);
        let Some(frames) = whole_frames(&path) else { continue };
        if frames == 0 {
            library.note_raw(job.asset_id, RawState::Gone, 0)?;
            files::remove(&path)?;
            report.raws_lost += 1;
        } else {
            // It may never have been synchronised: the process died, not the machine.
            std::fs::File::open(&path)
                .and_then(|file| file.sync_all())
                .map_err(|error| Error::file("synchronise", &path, error))?;
            files::sync_folder(&library.layout().spool())?;
            library.note_raw(job.asset_id, RawState::Secured, frames)?;
            report.raws_kept += 1;
        }
    }
    for file in names_in(&library.layout().spool())? {
        let path = library.layout().spool().join(&file);
        let Some(asset) = file.strip_suffix(".raw").and_then(|id| Uuid::try_parse(id).ok()) else { continue };
        let needed = match intact(library.job(asset))? {
            // A damaged row does not say that it is not.
            None => true,
            Some(Some(job)) => job.raw != RawState::Gone && !(is_closed(library, asset)? && is_old(&path)),
            // Of a capture that was never announced; but a raw burst of another library (a lost database, a copied
            // folder) is not ours to remove.
            Some(None) => match SpoolReader::open(&path) {
                Ok(raw) => raw.header().library_id != library.id(),
                Err(error) => cannot_tell(&error),
            },
        };
        if !needed {
            files::remove(&path)?;
            report.raws_removed += 1;
        }
    }
    Ok(())
}

/// `None` for a row that is damaged: it is left alone, and so is all that it may be of.
fn intact<T>(row: Result<T, Error>) -> Result<Option<T>, Error> {
    match row {
        Err(Error::DamagedEntry { .. }) => Ok(None),
        row => row.map(Some),
    }
}

/// Frames that verify; `None` where storage or a newer format keeps that from being told.
fn whole_frames(path: &Path) -> Option<u32> {
    let reader = match SpoolReader::open(path) {
        Ok(reader) => reader,
        Err(error) if cannot_tell(&error) => return None,
        Err(_) => return Some(0),
    };
    let whole = (0..reader.frames().len())
        .filter(|&position| reader.read_frame(position).is_ok_and(|frame| frame.bad_strips.is_empty()))
        .count();
    Some(u32::try_from(whole).unwrap_or(u32::MAX))
}

/// A raw burst is removed for what it is, never because it could not be read now.
fn cannot_tell(error: &spool::Error) -> bool {
    matches!(error, spool::Error::Newer { .. })
        || error.io_source().is_some_and(|source| source.kind() != std::io::ErrorKind::NotFound)
}

fn is_closed(library: &Library, asset: Uuid) -> Result<bool, Error> {
    Ok(intact(library.asset(asset))?.is_some_and(|row| row.is_none_or(|asset| asset.state != State::Pending)))
}

fn is_old(path: &Path) -> bool {
    path.metadata()
        .and_then(|data| data.modified())
        .ok()
        .and_then(|at| at.elapsed().ok())
        .is_some_and(|age| age > RETENTION)
}
