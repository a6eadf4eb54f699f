//! `kill -9` at every durable step, then a restart: nothing announced is lost, torn, or made twice.
//!
//! Needs the cargo feature `crash-points`.
#![cfg(feature = "crash-points")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use latent_pipeline::crash::POINTS;
use serde_json::Value;

use crate::program::{CAMERA, assets, decoded, develop, latent, lines, pending_photo, run};

/// Points that an undisturbed photo never meets.
const DISTURBED: &[&str] = &["beside-published", "fallback-committed"];

/// Runs the program until it is killed at `point`; the photos that it announced before.
fn killed_at(library: &Path, args: &[&str], point: &str) -> BTreeSet<String> {
    let output = latent(library, args).env("LATENT_CRASH_AT", point).output().unwrap();
    assert_eq!(
        output.status.signal(),
        Some(9),
        "{point} was not reached: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let announced = lines(&output).into_iter().filter(|event| event["event"] == "photoAssetAvailable");
    announced.map(|event| event["path"].as_str().unwrap().to_owned()).collect()
}

/// Nothing of ours lies about: no half file, no raw burst that nobody needs.
fn assert_tidy(library: &Path, point: &str, raws: usize) {
    let marked: Vec<_> = fs::read_dir(library)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".latent-tmp") || name.ends_with(".latent-swap"))
        .collect();
    assert_eq!(marked, Vec::<String>::new(), "{point}");
    assert_eq!(fs::read_dir(library.join(".latent/spool")).unwrap().count(), raws, "{point}");
}

/// After a restart: every announced photo is there, whole, and developed once.
fn assert_recovered(library: &Path, announced: &BTreeSet<String>, point: &str) {
    let again = develop(library);
    let listed = assets(library);
    let by_path = |path: &str| listed.iter().find(|asset| asset["path"] == path);
    for path in announced {
        let asset = by_path(path).unwrap_or_else(|| panic!("{point}: {path} is lost: {listed:#?}"));
        assert_ne!(asset["state"], "pending", "{point}: {asset:#?}");
    }
    for asset in &listed {
        let path = Path::new(asset["path"].as_str().unwrap());
        let size = decoded(path);
        let full = asset["quality"] == "full";
        assert_eq!(size, if full { (320, 240) } else { (160, 120) }, "{point}: {asset:#?}");
        assert_eq!(asset["generation"], if full { 2 } else { 1 }, "{point}: {asset:#?}");
        let inside = latent_pipeline::metadata::identity(&fs::read(path).unwrap()).unwrap();
        assert_eq!(inside.state.as_str(), asset["state"], "{point}: the file says what the row says");
        let finals = again.iter().filter(|event| event["asset_id"] == asset["asset_id"]).count();
        assert!(finals <= 1, "{point}: {again:#?}");
    }
    let files = fs::read_dir(library).unwrap().count();
    assert_eq!(files, listed.len() + 1, "{point}: as many pictures as rows, and our own folder");
    assert_tidy(library, point, 0);
    assert_eq!(develop(library), Vec::<Value>::new(), "{point}: nothing is left to do");
}

#[test]
fn a_kill_at_any_step_of_a_photo_loses_nothing() {
    for point in POINTS.iter().filter(|point| !DISTURBED.contains(point)) {
        let folder = tempfile::tempdir().unwrap();
        let shoot = ["shoot", "--json", "--burst", "2", "--camera", CAMERA];
        let announced = killed_at(folder.path(), &shoot, point);
        for path in &announced {
            decoded(Path::new(path));
        }
        assert_recovered(folder.path(), &announced, point);
    }
}

#[test]
fn a_kill_in_the_second_of_three_photos_loses_nothing() {
    for point in POINTS.iter().filter(|point| !DISTURBED.contains(point)) {
        let folder = tempfile::tempdir().unwrap();
        let nth = if *point == "spool-frame-written" { 4 } else { 2 };
        let shoot = ["shoot", "--json", "--burst", "2", "--count", "3", "--camera", CAMERA];
        let announced = killed_at(folder.path(), &shoot, &format!("{point}:{nth}"));
        assert_recovered(folder.path(), &announced, point);
    }
}

#[test]
fn a_raw_burst_that_was_safe_is_always_developed() {
    for point in
        ["raw-committed", "attempt-committed", "developed", "full-staged", "full-swapped", "old-removed"]
    {
        let folder = tempfile::tempdir().unwrap();
        let shoot = ["shoot", "--json", "--burst", "2", "--camera", CAMERA];
        let announced = killed_at(folder.path(), &shoot, point);
        assert_recovered(folder.path(), &announced, point);
        assert!(assets(folder.path()).iter().all(|asset| asset["quality"] == "full"), "{point}");
    }
}

#[test]
fn a_kill_while_an_edited_photo_is_put_beside_makes_one_copy() {
    for point in
        ["full-temp-written", "full-temp-synced", "beside-published", "fallback-committed", "spool-removed"]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = pending_photo(folder.path());
        let mut edited = fs::read(&path).unwrap();
        edited.extend_from_slice(b"edited");
        fs::write(&path, &edited).unwrap();
        killed_at(folder.path(), &["jobs", "run", "--until-empty", "--json"], point);
        develop(folder.path());
        assert_eq!(fs::read(&path).unwrap(), edited, "{point}");
        let listed = assets(folder.path());
        assert_eq!(decoded(Path::new(listed[0]["beside"].as_str().unwrap())), (320, 240), "{point}");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            3,
            "{point}: theirs, the full one, our folder"
        );
        assert_tidy(folder.path(), point, 0);
    }
}

#[test]
fn an_edit_between_a_kill_and_the_restart_stands() {
    for point in ["full-temp-synced", "full-staged", "full-swapped", "old-removed"] {
        let folder = tempfile::tempdir().unwrap();
        let path = pending_photo(folder.path());
        killed_at(folder.path(), &["jobs", "run", "--until-empty", "--json"], point);
        let mut edited = fs::read(&path).unwrap();
        edited.extend_from_slice(b"edited");
        fs::write(&path, &edited).unwrap();
        develop(folder.path());
        assert_eq!(fs::read(&path).unwrap(), edited, "{point}");
        assert_tidy(folder.path(), point, 0);
    }
}

#[test]
fn a_photo_that_kills_the_developer_three_times_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    for _ in 0..3 {
        killed_at(folder.path(), &["jobs", "run", "--until-empty", "--json"], "developed");
    }
    develop(folder.path());
    let listed = assets(folder.path());
    assert_eq!(listed[0]["state"], "final-fallback");
    assert!(listed[0]["reason"].as_str().unwrap().contains("three times"));
    assert_eq!(decoded(&path), (160, 120));
    assert_tidy(folder.path(), "given up", 1);
    let waited = run(folder.path(), &["library", "wait", path.to_str().unwrap()]);
    assert_eq!(waited.status.code(), Some(1), "a fallback, for who waits");
}
