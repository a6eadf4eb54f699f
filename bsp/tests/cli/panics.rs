//! A panic in a lane of a session: the program ends, with the lane's name, and no photo is lost that can be kept.
//!
//! Needs the cargo feature `crash-points`.
#![cfg(feature = "crash-points")]

use std::path::Path;
use std::time::Duration;

use crate::program::{CAMERA, assets, decoded, develop, error, latent, lines, output_within};

/// A point in the second photo's way, and the lane that comes there; the photos that are full in the end, at least.
const PANICS: &[(&str, &str, usize)] = &[
    ("proxy-encoded:2", "proxy lane", 1),
    ("photo-committed:2", "proxy lane", 2),
    ("raw-committed:2", "proxy lane", 2),
    ("spool-created:2", "spool lane", 1),
    ("spool-frame-written:4", "spool lane", 1),
    ("spool-synced:2", "spool lane", 1),
];

#[test]
fn a_panic_in_a_lane_ends_the_session_with_its_name_and_queued_photos_are_safe() {
    for &(point, lane, full) in PANICS {
        let folder = tempfile::tempdir().unwrap();
        let args = ["shoot", "--json", "--no-wait", "--count", "3", "--burst", "2", "--camera", CAMERA];
        let mut program = latent(folder.path(), &args);
        program.env("LATENT_PANIC_AT", point).env("RUST_BACKTRACE", "0");
        let output = output_within(program, Duration::from_secs(30));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{point}: {said}");
        let error = error(&output);
        assert_eq!(error["kind"], "internal", "{point}: {error}");
        assert!(error["message"].as_str().unwrap().contains(lane), "{point}: {error}");
        let told = lines(&output);
        let of = |name: &str| told.iter().filter(|event| event["event"] == name).count();
        assert!(
            of("captureStart") <= of("photoAssetAvailable") + of("captureFailed") + 1,
            "{point}: {told:#?}"
        );
        for event in told.iter().filter(|event| event["event"] == "photoAssetAvailable") {
            decoded(Path::new(event["path"].as_str().unwrap()));
        }
        develop(folder.path());
        let listed = assets(folder.path());
        assert!(listed.len() >= of("photoAssetAvailable"), "{point}: {listed:#?}");
        assert!(listed.iter().all(|asset| asset["state"] != "pending"), "{point}: {listed:#?}");
        let is_full = listed.iter().filter(|asset| asset["quality"] == "full").count();
        assert!(is_full >= full, "{point}: {listed:#?}");
    }
}
