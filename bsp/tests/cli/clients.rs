//! Clients of a library's owner: each has its own photos, and none holds up others or the owner.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use latent_pipeline::event::EventSender;
use latent_pipeline::owner::{OnNotice, Owner, ShootRequest};

use crate::program::{
    CAMERA, Standing, assets, ended_within, error, latent, lines, output_within, pending_photo, run, signal,
};

/// Room for a busy machine.
const SLACK: Duration = Duration::from_secs(20);

const ENDLESS: [&str; 8] = ["shoot", "--json", "--count", "100000", "--burst", "1", "--camera", CAMERA];

fn pending(library: &Path) -> usize {
    assets(library).iter().filter(|asset| asset["state"] == "pending").count()
}

/// Waits until no more photos are taken, and says how many there are.
fn at_rest(library: &Path) -> usize {
    let begun = Instant::now();
    let mut before = usize::MAX;
    loop {
        let now = assets(library).len();
        if now == before {
            return now;
        }
        assert!(begun.elapsed() < SLACK, "photos are taken without end: {now}");
        before = now;
        std::thread::sleep(Duration::from_millis(400));
    }
}

#[test]
fn a_request_develops_its_own_photos_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    pending_photo(folder.path());
    let owner = Owner::open(folder.path(), None, Arc::default()).unwrap();
    let request = ShootRequest {
        camera: Some(CAMERA.to_owned()),
        count: 2,
        burst: 1,
        develop: true,
        format: None,
        size: None,
    };
    let (events, received) = EventSender::channel();
    let silent: OnNotice = Arc::new(|_| {});
    let summary = owner.shoot(&request, &events, &silent).unwrap();
    assert_eq!((summary.developed, summary.fallbacks, summary.postponed.len()), (2, 0, 0));
    drop(events);
    let finals = received.iter().filter(|event| {
        serde_json::to_value(event).unwrap()["event"] == "photoFinal" && event.capture_id > 0
    });
    assert_eq!(finals.count(), 2);
    assert_eq!(pending(folder.path()), 1, "the photo of before is somebody else's");
}

#[test]
fn ctrl_c_in_a_client_cancels_its_request_and_loses_no_photo() {
    let folder = tempfile::tempdir().unwrap();
    let (_owner, _) = Standing::start(folder.path());
    let mut client = latent(folder.path(), &ENDLESS);
    let mut client = client.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(client.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.any(|line| line.contains("photoAssetAvailable")));
    let rest = std::thread::spawn(move || told.collect::<Vec<_>>());
    signal(&client, "INT");
    assert_eq!(ended_within(&mut client, SLACK).code(), Some(1));
    let rest = rest.join().unwrap();
    let output = client.wait_with_output().unwrap();
    let message = error(&output)["message"].as_str().unwrap().to_owned();
    assert!(message.contains("interrupted") && message.contains("safe"), "{message}");
    let announced = 1 + rest.iter().filter(|line| line.contains("photoAssetAvailable")).count();
    assert!(message.contains(&format!("{announced} of 100000")), "{message}");
    assert_eq!(at_rest(folder.path()), announced, "no photo is taken after that");
    assert!(run(folder.path(), &["library", "wait", "--all", "--timeout", "60"]).status.success());
}

#[test]
fn a_client_that_dies_takes_its_request_with_it_and_the_next_one_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let (_owner, _) = Standing::start(folder.path());
    let mut client = latent(folder.path(), &ENDLESS).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(client.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.any(|line| line.contains("photoAssetAvailable")));
    client.kill().unwrap();
    client.wait().unwrap();
    at_rest(folder.path());
    let next = latent(folder.path(), &["shoot", "--json", "--burst", "1", "--camera", CAMERA]);
    let output = output_within(next, SLACK);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lines(&output).last().unwrap()["event"], "photoFinal");
    assert!(run(folder.path(), &["library", "wait", "--all", "--timeout", "60"]).status.success());
}

#[test]
fn a_client_that_says_nothing_does_not_hold_up_the_owner_s_end() {
    let folder = tempfile::tempdir().unwrap();
    let (mut owner, silent) = Standing::start(folder.path());
    // It has been taken in when the next one is served.
    let served = run(folder.path(), &["shoot", "--json", "--burst", "1", "--camera", CAMERA]);
    assert!(served.status.success(), "{}", String::from_utf8_lossy(&served.stderr));
    let begun = Instant::now();
    signal(&owner.0, "TERM");
    assert_eq!(ended_within(&mut owner.0, SLACK).code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(silent);
}
