//! What goes wrong ends in one clear sentence, a status that tells, and nothing lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::program::{CAMERA, assets, decoded, develop, error, latent, lines, pending_photo, run};
use crate::skip::skip;

fn shoot(library: &Path, camera: &str) -> std::process::Output {
    run(library, &["shoot", "--json", "--burst", "1", "--camera", camera])
}

#[test]
fn a_camera_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = shoot(folder.path(), "/dev/video99");
    assert_eq!(output.status.code(), Some(1));
    let error = error(&output);
    assert_eq!(error["kind"], "not_found");
    assert!(error["message"].as_str().unwrap().contains("/dev/video99"), "{error}");
}

#[test]
fn a_file_that_is_no_camera_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = shoot(folder.path(), "/dev/null");
    assert_eq!(output.status.code(), Some(1));
    assert!(error(&output)["message"].as_str().unwrap().contains("/dev/null"));
}

#[test]
fn a_camera_name_that_means_nothing_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["webcam", "virtual:size=0x0", "virtual:colour=blue", "v4l2:"] {
        let output = shoot(folder.path(), name);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{name}");
        assert!(!error(&output)["message"].as_str().unwrap().is_empty(), "{name}");
    }
    assert_eq!(shoot(folder.path(), "webcam").status.code(), Some(2));
}

#[test]
fn a_busy_camera_says_try_later() {
    let folder = tempfile::tempdir().unwrap();
    let output = shoot(folder.path(), &format!("{CAMERA},fault=busy"));
    assert_eq!((output.status.code(), error(&output)["kind"].as_str()), (Some(75), Some("busy")));
}

#[test]
fn a_silent_camera_does_not_hang_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let output = shoot(folder.path(), &format!("{CAMERA},fault=stall:0"));
    assert_eq!(output.status.code(), Some(1));
    assert!(error(&output)["message"].as_str().unwrap().contains("no frame"), "{}", error(&output));
}

#[test]
fn a_database_from_a_newer_version_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    let database = folder.path().join(".latent/library.db");
    let newer = rusqlite::Connection::open(&database).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let before = fs::read(&database).unwrap();
    for args in [&["library", "ls", "--json"][..], &["jobs", "run", "--until-empty", "--json"]] {
        let output = run(folder.path(), args);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(error(&output)["kind"], "newer_version");
        assert!(error(&output)["hint"].as_str().unwrap().contains("update"));
    }
    assert_eq!(shoot(folder.path(), CAMERA).status.code(), Some(1));
    assert_eq!(fs::read(&database).unwrap(), before);
    assert_eq!(decoded(&path), (160, 120));
}

#[test]
fn a_file_that_is_no_database_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".latent")).unwrap();
    let database = folder.path().join(".latent/library.db");
    let text =
        "this is no database at all, but it is long enough to be taken for one by a careless program\n"
            .repeat(20);
    fs::write(&database, &text).unwrap();
    let output = shoot(folder.path(), CAMERA);
    assert_eq!(output.status.code(), Some(1));
    assert!(error(&output)["hint"].as_str().unwrap().contains("aside"), "{}", error(&output));
    assert_eq!(fs::read_to_string(&database).unwrap(), text);
}

#[test]
fn a_library_that_is_not_there_is_not_made_by_looking() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nothing");
    let output = run(&missing, &["library", "ls", "--json"]);
    assert_eq!((output.status.code(), error(&output)["kind"].as_str()), (Some(1), Some("not_found")));
    assert!(!missing.exists());
}

#[test]
fn a_library_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    let output = shoot(&file, CAMERA);
    assert_eq!(output.status.code(), Some(1));
    assert!(error(&output)["message"].as_str().unwrap().contains("file"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

/// Runs `test` on a file system of its own with `size`; false when this user may not mount.
fn on_a_file_system(size: &str, test: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let mount = |args: &[&str]| Command::new("mount").args(args).arg(folder.path()).output();
    let options = format!("size={size}");
    match mount(&["-t", "tmpfs", "-o", &options, "latent-test"]) {
        Ok(output) if output.status.success() => {}
        _ => return skip("a file system of its own: mounting needs root"),
    }
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(folder.path())));
    let _ = Command::new("umount").arg("-l").arg(folder.path()).output();
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_read_only_folder_is_said_to_be_one_and_its_photos_can_be_listed() {
    on_a_file_system("64m", |folder| {
        let path = pending_photo(folder);
        let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(folder).output().unwrap();
        assert!(remount.status.success(), "{}", String::from_utf8_lossy(&remount.stderr));
        let output = shoot(folder, CAMERA);
        assert_eq!((output.status.code(), error(&output)["kind"].as_str()), (Some(1), Some("permission")));
        assert!(error(&output)["hint"].as_str().unwrap().contains("--library"));
        assert_eq!(decoded(&path), (160, 120));
        assert_eq!(assets(folder).len(), 1);
    });
}

#[test]
fn a_folder_without_permission_is_refused_clearly() {
    const NOBODY: u32 = 65_534;
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("library");
    fs::create_dir(&library).unwrap();
    fs::set_permissions(&library, fs::Permissions::from_mode(0o555)).unwrap();
    let args = ["shoot", "--json", "--burst", "1", "--camera", CAMERA];
    let mut program = latent(&library, &args);
    if fs::write(library.join("probe"), "").is_ok() {
        // This user may write everywhere: another one takes the photo, with a program that lies where it can go.
        let own = folder.path().join("latent");
        fs::copy(env!("CARGO_BIN_EXE_latent"), &own).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        program = Command::new(&own);
        program.args(args).arg("--library").arg(&library).env_remove("LATENT_LIBRARY");
        program.uid(NOBODY).gid(NOBODY);
    }
    let output = program.output().unwrap();
    assert_eq!((output.status.code(), error(&output)["kind"].as_str()), (Some(1), Some("permission")));
}

#[test]
fn a_usage_error_is_json_where_json_is_asked_for() {
    for args in [
        &["shoot", "--json", "--count", "none"][..],
        &["shoot", "--format", "h264", "--json"],
        &["library", "show", "--json"],
        &["--json"],
        &["shoot", "--json", "--no-such-option"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_latent")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!((text.lines().count(), output.stdout.len()), (1, 0), "{args:?}: {text}");
        let error = error(&output);
        assert_eq!(error["kind"], "usage", "{args:?}");
        assert!(!error["message"].as_str().unwrap().is_empty(), "{args:?}: {error}");
    }
    let formats = run(Path::new("nowhere"), &["shoot", "--json", "--format", "h264"]);
    assert!(error(&formats)["message"].as_str().unwrap().contains("yuyv"), "{}", error(&formats));
    // For people it stays text, and what stands behind `--` is no option.
    for args in [&["shoot", "--count", "none"][..], &["shoot", "--count", "none", "--", "--json"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_latent")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("error:"), "{args:?}");
    }
    let help =
        Command::new(env!("CARGO_BIN_EXE_latent")).args(["shoot", "--json", "--help"]).output().unwrap();
    assert!(help.status.success() && help.stdout.starts_with(b"Take photos"));
}

#[test]
fn a_full_disk_loses_nothing_that_was_announced() {
    on_a_file_system("3m", |folder| {
        let first = pending_photo(folder);
        // Fill the rest.
        let filler = folder.join("filler");
        let _ = fs::write(&filler, vec![0; 4 << 20]);
        let output = shoot(folder, "virtual:size=1024x768,fps=60");
        assert_eq!(output.status.code(), Some(1));
        let said = format!("{:?}", error(&output));
        assert!(said.contains("space") || said.contains("full"), "{said}");
        for event in lines(&output).iter().filter(|event| event["event"] == "photoAssetAvailable") {
            decoded(Path::new(event["path"].as_str().unwrap()));
        }
        assert_eq!(decoded(&first), (160, 120));
        // With space again, all that was announced is developed.
        fs::remove_file(&filler).unwrap();
        develop(folder);
        for asset in assets(folder) {
            assert_ne!(asset["state"], "pending");
            decoded(Path::new(asset["path"].as_str().unwrap()));
        }
        assert_eq!(decoded(&first), (320, 240));
        let left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), assets(folder).len() + 1, "{left:?}");
    });
}

#[test]
fn a_disk_that_fills_up_in_phase_two_postpones_the_photo() {
    on_a_file_system("3m", |folder| {
        let path = pending_photo(folder);
        let filler = folder.join("filler");
        let _ = fs::write(&filler, vec![0; 4 << 20]);
        let output = run(folder, &["jobs", "run", "--until-empty", "--json"]);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(decoded(&path), (160, 120));
        // However often it is tried: space is what people make.
        for _ in 0..latent_pipeline::developer::ATTEMPTS {
            run(folder, &["jobs", "run", "--until-empty"]);
        }
        fs::remove_file(&filler).unwrap();
        assert_eq!(assets(folder)[0]["state"], "pending");
        develop(folder);
        assert_eq!(decoded(&path), (320, 240));
    });
}

#[test]
fn a_damaged_raw_burst_ends_as_a_declared_fallback() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    let spool = fs::read_dir(folder.path().join(".latent/spool")).unwrap().next().unwrap().unwrap().path();
    let half = spool.metadata().unwrap().len() / 5;
    fs::OpenOptions::new().write(true).open(&spool).unwrap().set_len(half).unwrap();
    develop(folder.path());
    let listed = assets(folder.path());
    assert_eq!(listed[0]["state"], "final-fallback");
    assert_eq!(decoded(&path), (160, 120));
    let inside = latent_pipeline::metadata::identity(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(inside.state.as_str(), "final-fallback", "the file says so too");
}

#[test]
fn interrupting_a_shoot_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["shoot", "--json", "--count", "1000", "--burst", "2", "--camera", CAMERA];
    let program = latent(folder.path(), &args).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(800));
    let id = program.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = program.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let announced = lines(&output).iter().filter(|event| event["event"] == "photoAssetAvailable").count();
    assert!(announced > 0);
    develop(folder.path());
    let listed = assets(folder.path());
    assert_eq!(listed.len(), announced);
    assert!(listed.iter().all(|asset| asset["quality"] == "full"), "{listed:#?}");
}

#[test]
fn a_format_or_size_that_the_camera_lacks_is_told_with_where_to_look() {
    let folder = tempfile::tempdir().unwrap();
    for (options, text) in [
        (["--format", "nv12"], "the format nv12"),
        (["--format", "jpeg"], "the format jpeg"),
        (["--size", "11x7"], "a mode at 11x7"),
    ] {
        let shoot = ["shoot", "--json", "--camera", CAMERA];
        let output = run(folder.path(), &[&shoot[..], &options[..]].concat());
        assert_eq!(output.status.code(), Some(1));
        let message = error(&output)["message"].to_string();
        assert!(message.contains(text) && message.contains("latent devices"), "{message}");
    }
    let output = run(folder.path(), &["shoot", "--camera", CAMERA, "--format", "h264"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("yuyv"), "formats are listed");
}
