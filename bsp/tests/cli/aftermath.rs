//! What a library looks like after its storage, its database or its visitors did odd things: nothing good is undone.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use latent_pipeline::event::EventSender;
use latent_pipeline::files::Content;
use latent_pipeline::name;
use latent_pipeline::owner::{OnNotice, Owner};
use serde_json::Value;

use crate::program::{CAMERA, Standing, assets, decoded, develop, pending_photo, run};

fn only(library: &Path) -> Value {
    let listed = assets(library);
    assert_eq!(listed.len(), 1, "{listed:#?}");
    listed[0].clone()
}

fn assert_full(library: &Path, path: &Path) {
    assert_eq!(decoded(path), (320, 240));
    let asset = only(library);
    assert_eq!(
        (&asset["quality"], &asset["state"], &asset["generation"]),
        (&"full".into(), &"final".into(), &2.into())
    );
    let inside = latent_pipeline::metadata::identity(&fs::read(path).unwrap()).unwrap();
    assert_eq!((inside.state.as_str(), inside.generation), ("final", 2));
}

fn rows(library: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(library.join(".latent/library.db")).unwrap()
}

/// An unlink that a power cut undid, after the row was committed.
#[test]
fn a_proxy_that_comes_back_under_its_staged_name_does_not_undo_the_full_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    let proxy = fs::read(&path).unwrap();
    develop(folder.path());
    let full = Content::of_file(&path).unwrap().unwrap();
    let asset = only(folder.path())["asset_id"].as_str().unwrap().parse().unwrap();
    let target = path.file_name().unwrap().to_str().unwrap();
    let staged = folder.path().join(name::staged(target, asset, full.len, full.crc));
    fs::write(&staged, proxy).unwrap();
    develop(folder.path());
    assert_full(folder.path(), &path);
    assert!(!staged.exists());
}

#[test]
fn a_full_picture_whose_rows_were_lost_stays_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    develop(folder.path());
    rows(folder.path()).execute_batch("DELETE FROM job; DELETE FROM asset;").unwrap();
    develop(folder.path());
    assert_full(folder.path(), &path);
}

/// Rows that fell behind their file, as when the commit after the swap fails, under an owner that goes on.
#[test]
fn a_delivery_whose_commit_failed_is_completed_and_not_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    let proxy = Content::of_file(&path).unwrap().unwrap();
    let owner = Owner::open(folder.path(), None, Arc::default()).unwrap();
    let (events, _received) = EventSender::channel();
    let silent: OnNotice = Arc::new(|_| {});
    assert_eq!(owner.develop(&events, &silent).unwrap().developed, 1);
    rows(folder.path())
        .execute_batch(&format!(
            "UPDATE asset SET quality = 'low', generation = 1, state = 'pending', tier = NULL, file_len = {},
                              file_crc = {};
             UPDATE job SET state = 'failed', raw = 'secured';",
            proxy.len, proxy.crc
        ))
        .unwrap();
    assert_eq!(owner.develop(&events, &silent).unwrap().developed, 1);
    assert_full(folder.path(), &path);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the picture and our own folder");
}

#[test]
fn photos_do_not_take_names_of_pictures_that_were_moved_away() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    // Several, so that some fall into one second.
    for n in 0..6 {
        let path = pending_photo(folder.path());
        fs::rename(&path, elsewhere.path().join(n.to_string())).unwrap();
    }
    let paths: std::collections::HashSet<_> =
        assets(folder.path()).iter().map(|asset| asset["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(paths.len(), 6);
}

#[test]
fn a_raw_burst_that_somebody_removed_ends_the_wait() {
    let folder = tempfile::tempdir().unwrap();
    pending_photo(folder.path());
    for raw in fs::read_dir(folder.path().join(".latent/spool")).unwrap() {
        fs::remove_file(raw.unwrap().path()).unwrap();
    }
    let output = run(folder.path(), &["jobs", "run", "--until-empty", "--json"]);
    assert!(output.status.code().is_some(), "{output:?}");
    let asset = only(folder.path());
    assert_eq!((&asset["state"], &asset["quality"]), (&"final-fallback".into(), &"low".into()), "{asset:#?}");
}

/// The proxy's name is as long as names may be: the names that a replacement needs are longer.
#[test]
fn a_picture_that_can_never_be_replaced_ends_as_a_fallback_with_the_reason_and_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    let name = format!("{}.jpg", "x".repeat(251));
    let long = folder.path().join(&name);
    fs::rename(&path, &long).unwrap();
    rows(folder.path()).execute("UPDATE asset SET path = ?1", [&name]).unwrap();
    let proxy = fs::read(&long).unwrap();
    let develop = || run(folder.path(), &["jobs", "run", "--until-empty", "--json"]);
    for attempt in 1..latent_pipeline::developer::ATTEMPTS {
        let output = develop();
        assert_eq!(output.status.code(), Some(1), "attempt {attempt}: it is told, and tried again");
        assert_eq!(only(folder.path())["state"], "pending");
    }
    assert_eq!(develop().status.code(), Some(0));
    let asset = only(folder.path());
    assert_eq!((&asset["state"], &asset["quality"]), (&"final-fallback".into(), &"low".into()), "{asset:#?}");
    let reason = asset["reason"].as_str().unwrap();
    assert!(reason.contains("3 attempts") && reason.contains("too long"), "{reason}");
    assert_eq!(fs::read(&long).unwrap(), proxy, "the proxy is what it was");
    assert_eq!(decoded(&long), (160, 120));
    assert_eq!(fs::read_dir(folder.path().join(".latent/spool")).unwrap().count(), 1, "its burst is kept");
    assert_eq!(develop().status.code(), Some(0), "nothing is left to do");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no half file is left");
}

#[test]
fn pipes_and_links_among_the_pictures_hold_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    let pipe = folder.path().join("IMG_20200101_000000.jpg");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("IMG_20200101_000001.jpg")).unwrap();
    develop(folder.path());
    assert_eq!(decoded(&path), (320, 240));
    assert!(pipe.exists());
}

#[test]
fn the_socket_takes_no_wish_that_the_command_line_would_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let (_owner, mut stream) = Standing::start(folder.path());
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let wish = format!("{{\"camera\":\"{CAMERA}\",\"count\":1,\"burst\":4294967295,\"develop\":false}}\n");
    stream.write_all(wish.as_bytes()).unwrap();
    let lines: Vec<String> = BufReader::new(stream).lines().map(Result::unwrap).collect();
    assert!(lines.last().unwrap().contains("bad_input") && lines.len() == 2, "{lines:?}");
    assert_eq!(assets(folder.path()), Vec::<Value>::new());
}

#[test]
fn a_wait_longer_than_the_clock_can_tell_is_no_crash() {
    let folder = tempfile::tempdir().unwrap();
    pending_photo(folder.path());
    develop(folder.path());
    let output = run(folder.path(), &["library", "wait", "--timeout", "1e19"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_folder_that_is_no_utf_8_is_told_as_well_as_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    let output = run(&library, &["shoot", "--json", "--burst", "1", "--camera", CAMERA]);
    assert!(output.status.success(), "{output:?}");
    let told = crate::program::lines(&output);
    let final_event = told.iter().find(|event| event["event"] == "photoFinal").unwrap();
    assert!(final_event["path"].as_str().unwrap().contains("caf\u{fffd}"), "{final_event}");
    assert_eq!(assets(&library).len(), 1);
}

#[test]
fn a_photo_of_an_earlier_run_that_falls_back_does_not_fail_this_one() {
    let folder = tempfile::tempdir().unwrap();
    pending_photo(folder.path());
    for raw in fs::read_dir(folder.path().join(".latent/spool")).unwrap() {
        fs::remove_file(raw.unwrap().path()).unwrap();
    }
    let output = run(folder.path(), &["shoot", "--json", "--burst", "1", "--camera", CAMERA]);
    assert!(output.status.success(), "{output:?}");
    let states: Vec<_> = assets(folder.path()).iter().map(|asset| asset["state"].clone()).collect();
    assert_eq!(states, ["final-fallback", "final"]);
}
