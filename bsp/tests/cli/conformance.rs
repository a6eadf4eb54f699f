//! `latent conformance`, on cameras that are there on every machine.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::skip::skip_without_hardware;

use crate::program::{CAMERA, lines};

/// Little of everything.
const QUICK: [&str; 6] = ["--frames", "8", "--restarts", "2", "--patience", "5"];

fn conformance(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latent"));
    command.arg("conformance").args(args);
    command
}

fn run(args: &[&str]) -> Output {
    conformance(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn totals(events: &[Value]) -> HashMap<String, u64> {
    let totals = events.last().unwrap()["totals"].as_object().unwrap();
    totals.iter().map(|(name, count)| (name.clone(), count.as_u64().unwrap())).collect()
}

/// The error object of a run that must end with status 2.
fn refused(args: &[&str]) -> Value {
    let output = run(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    error["error"].clone()
}

#[test]
fn every_check_is_listed_with_reason_and_source_without_a_camera() {
    let output = run(&["--list", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = document["checks"].as_array().unwrap();
    assert!(checks.len() >= 150, "{} checks", checks.len());
    for check in checks {
        assert!(
            ["id", "requires", "source"].iter().all(|key| !check[*key].as_str().unwrap().is_empty()),
            "{check}"
        );
        assert!(check["rests_on"].is_array());
    }
    let people = text(&run(&["--list"]).stdout);
    assert!(checks.iter().all(|check| people.contains(check["id"].as_str().unwrap())));
    let group = checks[0]["group"].as_str().unwrap();
    let part = text(&run(&["--list", "--filter", group]).stdout);
    assert!(part.len() < people.len() && people.starts_with(&part[..20]));
}

#[test]
fn all_formats_are_written_and_their_totals_agree() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("report");
    let mut args = vec!["--camera", CAMERA, "--json", "--report", place.to_str().unwrap()];
    args.extend(QUICK);
    let output = run(&args);
    let events = lines(&output);
    let totals = totals(&events);
    let checks = events.iter().filter(|event| event["event"] == "check").count();
    let failed: Vec<_> = events.iter().filter(|event| event["verdict"] == "fail").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(totals.values().sum::<u64>() as usize, checks);
    assert!(totals["pass"] > 10, "{totals:?}");

    let read = |name: &str| std::fs::read_to_string(place.join(name)).unwrap();
    assert_eq!(read("conformance.jsonl"), text(&output.stdout));
    let (pass, fail) = (totals["pass"] as usize, totals["fail"] as usize);
    let skip = checks - pass - fail;
    let starting = |text: &str, mark: &str| text.lines().filter(|line| line.starts_with(mark)).count();

    let tap = read("conformance.tap");
    assert!(tap.starts_with(&format!("TAP version 14\n1..{checks}\n")));
    let points = |mark: &str, directive: &str| {
        tap.lines().filter(|line| line.starts_with(mark) && line.contains(directive)).count()
    };
    assert_eq!(points("ok ", ""), pass + points("ok ", " # SKIP "));
    assert_eq!(points("not ok ", ""), fail + points("not ok ", " # TODO "));

    let xml = read("conformance.xml");
    let document = roxmltree::Document::parse(&xml).unwrap();
    let tagged = |tag: &str| document.descendants().filter(|node| node.has_tag_name(tag)).count();
    assert_eq!((tagged("testcase"), tagged("failure"), tagged("skipped")), (checks, fail, skip));

    let ptest = read("conformance.ptest");
    assert_eq!(["PASS: ", "FAIL: ", "SKIP: "].map(|mark| starting(&ptest, mark)), [pass, fail, skip]);

    let lava = read("conformance.lava");
    let lava = lava.split("<LAVA_SIGNAL_TESTSET START measurements>").next().unwrap();
    let results = ["pass", "fail", "skip"].map(|result| lava.matches(&format!(" RESULT={result} ")).count());
    assert_eq!(results, [pass, fail, skip]);

    let html = read("conformance.html");
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let page = roxmltree::Document::parse_with_options(&html, options).unwrap();
    assert_eq!(page.descendants().filter(|node| node.tag_name().name() == "article").count(), checks);
}

#[test]
fn a_filter_runs_its_checks_and_what_they_rest_on() {
    let id = latent_hal::conformance::all()[0].id;
    let output = run(&["--camera", CAMERA, "--json", "--filter", id]);
    let ids: Vec<_> =
        lines(&output).iter().filter_map(|event| event["id"].as_str().map(str::to_owned)).collect();
    assert_eq!(ids, [id]);
    let error = refused(&["--camera", CAMERA, "--json", "--filter", "no.such.check"]);
    assert!(error["message"].as_str().unwrap().contains("no.such.check"));
}

#[test]
fn each_format_can_be_printed() {
    let id = latent_hal::conformance::all()[0].id;
    for (format, start) in [
        ("tap", "TAP version 14\n"),
        ("junit", "<?xml "),
        ("jsonl", "{"),
        ("ptest", "BEGIN: "),
        ("lava", "subject: "),
        ("html", "<!DOCTYPE html>"),
    ] {
        let output = run(&["--camera", CAMERA, "--filter", id, "--format", format]);
        assert!(text(&output.stdout).starts_with(start), "{format}");
        assert!(text(&output.stdout).contains(id), "{format}");
    }
    assert_eq!(run(&["--format", "xml"]).status.code(), Some(2));
    assert_eq!(run(&["--format", "tap", "--json"]).status.code(), Some(2));
}

#[test]
fn what_cannot_be_tested_is_no_verdict() {
    for camera in ["/dev/nothing", "nonsense", "replay:/no/such/file.raw", "virtual:size=0x0"] {
        let error = refused(&["--json", "--camera", camera]);
        assert!(error["message"].is_string() && error["kind"].is_string(), "{error}");
    }
    let error = refused(&["--json", "--camera", CAMERA, "--v4l2-compliance"]);
    assert!(error["message"].as_str().unwrap().contains("no V4L2 device"), "{error}");
    let folder = tempfile::NamedTempFile::new().unwrap();
    let id = latent_hal::conformance::all()[0].id;
    let place = folder.path().to_str().unwrap();
    assert_eq!(refused(&["--json", "--camera", CAMERA, "--filter", id, "--report", place])["kind"], "report");
}

#[test]
fn a_board_s_file_is_refused_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.toml");
    let with = |text: &str| {
        std::fs::write(&path, text).unwrap();
        refused(&["--list", "--json", "--board", path.to_str().unwrap()])["message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(
        with("[[expected-fail]]\ncheck = \"no.such.check\"\nreason = \"x\"\n").contains("board.toml:2:9: ")
    );
    assert!(with("[sensor]\n").contains("board.toml:1:"));
    assert!(with("[[expected-fail]]\nchek = 1\n").contains("board.toml:2:1: "));
    std::fs::remove_file(&path).unwrap();
    assert!(refused(&["--list", "--json", "--board", path.to_str().unwrap()])["message"].is_string());
}

/// Two raw frames beside each other, as `replay:` reads them.
fn raw_files(folder: &Path) -> PathBuf {
    let path = folder.join("frame.raw");
    let samples: Vec<u8> = (0..64u32 * 48).flat_map(|i| ((i % 1000) as u16).to_le_bytes()).collect();
    std::fs::write(&path, samples).unwrap();
    let sidecar = "width = 64\nheight = 48\nbits = 10\npattern = \"RGGB\"\nblack = 64\n";
    std::fs::write(folder.join("frame.raw.toml"), sidecar).unwrap();
    path
}

#[test]
fn a_replay_is_a_camera_too() {
    let folder = tempfile::tempdir().unwrap();
    let camera = format!("replay:{}", raw_files(folder.path()).display());
    let mut args = vec!["--json", "--camera", &camera];
    args.extend(QUICK);
    let output = run(&args);
    let events = lines(&output);
    assert_eq!(events[0]["subject"], camera.as_str());
    assert!(totals(&events)["pass"] > 0);
    let status = if totals(&events)["fail"] > 0 { 1 } else { 0 };
    assert_eq!(output.status.code(), Some(status));
    println!("{:?}", totals(&events));
}

#[test]
fn people_see_groups_and_totals() {
    let id = latent_hal::conformance::all()[0].id;
    let output = run(&["--camera", CAMERA, "--filter", id]);
    let shown = text(&output.stdout);
    let group = id.split('.').next().unwrap();
    assert!(
        shown.contains(group) && shown.contains("not-supported") && shown.contains("no check failed"),
        "{shown}"
    );
}

#[test]
fn an_interrupted_run_reports_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("report");
    let child =
        conformance(&["--camera", "virtual:size=320x240,fps=10", "--report", place.to_str().unwrap()])
            .args(["--frames", "200"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let begun = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(begun.elapsed() < Duration::from_secs(60) && text(&output.stderr).contains("interrupted"));
    let report = std::fs::read_to_string(place.join("conformance.tap")).unwrap();
    assert!(report.contains("# SKIP the run was interrupted"));
}

/// A program that prints what `v4l2-compliance` prints, to show that its verdict gets into the report.
fn stand_in(folder: &Path, prints: &str) -> PathBuf {
    let path = folder.join("compliance");
    std::fs::write(&path, format!("#!/bin/sh\ncat <<'END'\n{prints}\nEND\nexit 1\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn the_verdict_of_v4l2_compliance_stands_beside_ours() {
    if !Path::new("/dev/video0").exists() {
        return skip_without_hardware("v4l2-compliance beside ours: this machine has no /dev/video0");
    }
    let folder = tempfile::tempdir().unwrap();
    let totals = "\ttest VIDIOC_QUERYCAP: FAIL\nTotal for x device /dev/video0: 1, Succeeded: 0, Failed: 1, Warnings: 0";
    let program = stand_in(folder.path(), totals);
    let flag = format!("--v4l2-compliance={}", program.display());
    let id = latent_hal::conformance::all()[0].id;
    let output = run(&["--camera", "/dev/video0", "--filter", id, &flag, "--format", "html"]);
    assert!(text(&output.stdout).contains("v4l2-compliance: 1 tests"), "{}", text(&output.stderr));
    let broken = format!("--v4l2-compliance={}", stand_in(folder.path(), "nothing").display());
    assert_eq!(refused(&["--json", "--camera", "/dev/video0", &broken])["kind"], "v4l2_compliance");
}
