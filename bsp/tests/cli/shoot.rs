//! Both phases, as a client of the program sees them.

use std::path::Path;
use std::process::Stdio;

use crate::program::{CAMERA, assets, decoded, develop, error, events, latent, lines, pending_photo, run};
use crate::skip::skip;

#[test]
fn one_photo_goes_through_both_phases() {
    let folder = tempfile::tempdir().unwrap();
    let events = events(folder.path(), &["shoot", "--json", "--burst", "3", "--camera", CAMERA]);
    let position = |name: &str| {
        let found: Vec<_> = events.iter().enumerate().filter(|(_, event)| event["event"] == name).collect();
        assert_eq!(found.len(), 1, "{name} in {events:#?}");
        found[0].0
    };
    let order =
        ["captureStart", "frameShutter", "frameShutterEnd", "captureReady", "captureEnd"].map(position);
    assert!(order.is_sorted(), "{events:#?}");
    let (available, secured, last) =
        (position("photoAssetAvailable"), position("rawSecured"), position("photoFinal"));
    assert!(
        order[1] < available && available < secured && secured < last && last == events.len() - 1,
        "{events:#?}"
    );

    for event in &events {
        assert_eq!(event["capture_id"], 1);
        assert!(event["t_us"].is_i64());
    }
    assert_eq!(events[order[4]]["frame_count"], 3);
    assert_eq!(events[secured]["frames"], 3);
    let (low, full) = (&events[available], &events[last]);
    assert_eq!(
        (&low["quality"], &low["generation"], &low["state"]),
        (&"low".into(), &1.into(), &"pending".into())
    );
    assert_eq!(
        (&full["quality"], &full["generation"], &full["state"]),
        (&"full".into(), &2.into(), &"final".into())
    );
    assert_eq!((&low["asset_id"], &low["path"]), (&full["asset_id"], &full["path"]));
    assert!(
        low["stages"]["commit_us"].as_u64().unwrap() > 0 && full["stages"]["isp_us"].as_u64().unwrap() > 0
    );

    assert_eq!(decoded(Path::new(full["path"].as_str().unwrap())), (320, 240));
    assert_eq!(
        std::fs::read_dir(folder.path().join(".latent/spool")).unwrap().count(),
        0,
        "the raw burst is gone"
    );
    let listed = assets(folder.path());
    assert_eq!(
        (listed.len(), &listed[0]["state"], &listed[0]["sync_ok"]),
        (1, &"final".into(), &true.into())
    );
}

#[test]
fn several_photos_come_in_capture_order_and_all_become_final() {
    let folder = tempfile::tempdir().unwrap();
    let events =
        events(folder.path(), &["shoot", "--json", "--count", "4", "--burst", "2", "--camera", CAMERA]);
    let of = |name: &str| -> Vec<u64> {
        events
            .iter()
            .filter(|event| event["event"] == name)
            .map(|event| event["capture_id"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(of("photoAssetAvailable"), [1, 2, 3, 4]);
    assert_eq!(of("photoFinal").len(), 4);
    let mut paths: Vec<_> = assets(folder.path()).iter().map(|asset| asset["path"].to_string()).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 4, "each has a name of its own");
}

#[test]
fn both_phases_carry_the_same_identity_and_say_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    let low = std::fs::read(&path).unwrap();
    let before = latent_pipeline::metadata::identity(&low).unwrap();
    let exif_before = exif_fields(&low);
    develop(folder.path());
    let full = std::fs::read(&path).unwrap();
    let after = latent_pipeline::metadata::identity(&full).unwrap();
    assert_eq!((before.asset_id, before.library_id), (after.asset_id, after.library_id));
    assert_eq!((before.generation, after.generation), (1, 2));
    assert_ne!(before.instance_id, after.instance_id);
    assert_eq!(exif_before, exif_fields(&full), "EXIF identity");
    let marks = latent_pipeline::files::read_marks(&path);
    if let Some(marks) = marks {
        assert_eq!((marks.asset, marks.generation, marks.state.as_str()), (after.asset_id, 2, "final"));
    } else {
        skip("extended attributes: this file system has none");
    }
}

/// All EXIF of a JPEG but its pixel size.
fn exif_fields(jpeg: &[u8]) -> Vec<(String, String)> {
    let exif = exif::Reader::new().read_from_container(&mut std::io::Cursor::new(jpeg)).unwrap();
    exif.fields()
        .filter(|field| ![exif::Tag::PixelXDimension, exif::Tag::PixelYDimension].contains(&field.tag))
        .map(|field| (field.tag.to_string(), field.display_value().to_string()))
        .collect()
}

#[test]
fn two_programs_shoot_into_one_library_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let shoot = ["shoot", "--json", "--count", "3", "--burst", "2", "--camera", CAMERA];
    let mut programs: Vec<_> = (0..3)
        .map(|_| latent(folder.path(), &shoot).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    let outputs: Vec<_> = programs.drain(..).map(|program| program.wait_with_output().unwrap()).collect();
    for output in &outputs {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let finals = lines(output).iter().filter(|event| event["event"] == "photoFinal").count();
        assert_eq!(finals, 3, "each program hears of its own photos: {:#?}", lines(output));
    }
    let listed = assets(folder.path());
    assert_eq!(listed.len(), 9);
    for asset in &listed {
        assert_eq!(asset["state"], "final");
        decoded(Path::new(asset["path"].as_str().unwrap()));
    }
}

#[test]
fn waiting_ends_when_another_program_has_developed() {
    let folder = tempfile::tempdir().unwrap();
    pending_photo(folder.path());
    let nobody = run(folder.path(), &["library", "wait", "--all", "--timeout", "0.2", "--json"]);
    assert_eq!(nobody.status.code(), Some(124));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("nobody is developing"));
    let waiting = latent(folder.path(), &["library", "wait", "--all", "--timeout", "60"]).spawn().unwrap();
    develop(folder.path());
    assert_eq!(waiting.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn a_standing_owner_develops_and_takes_photos_for_others() {
    let folder = tempfile::tempdir().unwrap();
    pending_photo(folder.path());
    let mut owner = latent(folder.path(), &["jobs", "run", "--json"]).stdout(Stdio::null()).spawn().unwrap();
    assert!(run(folder.path(), &["library", "wait", "--all", "--timeout", "60"]).status.success());
    let taken = run(folder.path(), &["shoot", "--json", "--burst", "2", "--camera", CAMERA]);
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    assert_eq!(lines(&taken).last().unwrap()["event"], "photoFinal");
    // A polite stop is no failure.
    let id = owner.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(owner.wait().unwrap().code(), Some(0));
    assert!(assets(folder.path()).iter().all(|asset| asset["state"] == "final"));
}

#[test]
fn a_camera_that_goes_away_costs_no_announced_photo() {
    let folder = tempfile::tempdir().unwrap();
    let camera = format!("{CAMERA},fault=unplug:12");
    let output =
        run(folder.path(), &["shoot", "--json", "--count", "50", "--burst", "2", "--camera", &camera]);
    assert_eq!(output.status.code(), Some(1));
    assert!(error(&output)["message"].as_str().unwrap().contains("gone"), "{:?}", error(&output));
    let listed = assets(folder.path());
    assert!(!listed.is_empty());
    for asset in &listed {
        assert_eq!(asset["state"], "final");
        decoded(Path::new(asset["path"].as_str().unwrap()));
    }
}
