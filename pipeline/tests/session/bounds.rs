//! Whatever a camera does, photos, sessions and their ends come to an end in time.

use std::time::{Duration, Instant};

use latent_hal::fake::Model;
use latent_pipeline::event::EventKind;
use latent_pipeline::session::SessionOptions;
use latent_pipeline::{Error, ErrorKind};

use crate::studio::{Act, Studio, name, options};

/// Room for a busy machine.
const SLACK: Duration = Duration::from_secs(4);

#[test]
fn a_camera_that_starts_and_gives_no_frames_is_given_up_after_the_absence_and_not_started_without_end() {
    let absence = Duration::from_millis(900);
    let mut studio = Studio::open(Model::raw(), SessionOptions { absence, ..options(2) });
    studio.photo();
    let (begun, starts) = (Instant::now(), studio.camera().starts());
    studio.acts(Act::Fails);
    studio.wait(|event| name(event) == "cameraLost");
    let error = studio.ask().unwrap_err();
    let took = begun.elapsed();
    assert!(matches!(error, Error::Stream { .. }), "{error}");
    assert!(took >= absence && took < absence + SLACK, "{took:?}");
    let starts = studio.camera().starts() - starts;
    assert!((2..=8).contains(&starts), "{starts} starts in {took:?}");
    assert!(matches!(studio.close(), Err(Error::Stream { .. })));
    let says: Vec<_> = studio.seen.iter().map(name).filter(|name| name.starts_with("camera")).collect();
    assert_eq!(says, ["cameraLost"], "it was lost once, and never back");
}

#[test]
fn a_camera_that_fails_often_and_gives_frames_in_between_is_never_given_up() {
    let absence = Duration::from_millis(400);
    let mut studio = Studio::open(Model::raw(), SessionOptions { absence, ..options(2) });
    let begun = Instant::now();
    let mut faults = 0;
    while begun.elapsed() < absence * 2 {
        studio.acts(Act::Fails);
        studio.wait_for_next("cameraLost");
        studio.acts(Act::Streams);
        studio.wait_for_next("cameraBack");
        faults += 1;
    }
    assert!(faults > 5, "each is its own: its first restart comes at once ({faults})");
    studio.photo();
    studio.close().unwrap();
}

#[test]
fn a_photo_whose_source_flaps_before_its_first_frame_fails_after_the_silence() {
    let silence = Duration::from_millis(500);
    let mut studio = Studio::open(Model::raw(), SessionOptions { silence, ..options(2) });
    studio.shut();
    let id = studio.session().capture().unwrap();
    let begun = Instant::now();
    studio.acts(Act::Flaps);
    studio.open_gate();
    let failed = studio.wait(|event| event.capture_id == id && name(event) == "captureFailed");
    let took = begun.elapsed();
    let EventKind::CaptureFailed { kind, message } = failed.kind else { unreachable!() };
    assert!(kind == "device" && message.contains("no frame"), "{kind}: {message}");
    assert!(took < silence + SLACK, "{took:?}");
    studio.acts(Act::Streams);
    studio.wait_for_next("streamChanged");
    studio.photo();
    studio.close().unwrap();
    assert_eq!(studio.story(id), ["captureStart", "captureFailed"]);
}

#[test]
fn a_source_that_flaps_for_longer_than_the_absence_ends_the_session() {
    let absence = Duration::from_millis(400);
    let mut studio = Studio::open(Model::raw(), SessionOptions { absence, ..options(2) });
    studio.photo();
    studio.acts(Act::Flaps);
    std::thread::sleep(Duration::from_millis(50));
    let begun = Instant::now();
    let error = studio.ask().unwrap_err();
    assert!(matches!(&error, Error::Stream { reason } if reason.contains("changes again")), "{error}");
    assert!(begun.elapsed() < absence + SLACK, "{:?}", begun.elapsed());
    assert!(studio.close().is_err());
}

#[test]
fn closing_can_be_called_off_while_a_photo_waits_for_its_frames() {
    let patient = SessionOptions { silence: Duration::from_secs(60), ..options(4) };
    for frames in [0, 2] {
        let mut studio = Studio::open(Model::raw(), patient);
        studio.shut();
        let id = studio.session().capture().unwrap();
        if frames > 0 {
            studio.let_through(frames);
        }
        let begun = Instant::now();
        studio.close_at_once().unwrap();
        assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
        let story = studio.story(id);
        if frames == 0 {
            assert_eq!(story, ["captureStart", "captureFailed"]);
            let EventKind::CaptureFailed { kind, .. } = &studio.seen.last().unwrap().kind else { panic!() };
            assert_eq!(kind, "cancelled");
        } else {
            assert!(story.contains(&"rawSecured".to_owned()), "{story:?}");
            assert_eq!(studio.develop().developed, 1, "it has the frames that had come");
        }
    }
}

#[test]
fn a_panic_in_the_capture_lane_ends_the_session_with_its_name_and_costs_no_photo_that_was_taken() {
    let mut studio = Studio::open(Model::raw(), options(4));
    studio.photo();
    studio.shut();
    let id = studio.session().capture().unwrap();
    studio.let_through(2);
    studio.acts(Act::Panics);
    studio.open_gate();
    let error = studio.ask().unwrap_err();
    assert!(matches!(error, Error::Panicked { lane: "capture lane", .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().contains("the camera's code is wrong"), "{error}");
    let begun = Instant::now();
    assert!(matches!(studio.close(), Err(Error::Panicked { .. })));
    assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
    let story = studio.story(id);
    assert!(
        story.contains(&"captureEnd".to_owned()) && story.contains(&"rawSecured".to_owned()),
        "{story:?}"
    );
    assert_eq!(studio.develop().developed, 2);
}

/// The photo under way fails while the camera is in a call that then fails as well.
#[test]
fn a_camera_that_is_lost_after_its_photo_has_failed_is_told_after_that_and_as_nobody_s() {
    let mut studio = Studio::open(Model::raw(), options(4));
    let database = rusqlite::Connection::open(studio.library.layout().database()).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER refusal BEFORE INSERT ON asset BEGIN SELECT RAISE(FAIL, 'refused'); END",
        )
        .unwrap();
    studio.shut();
    let id = studio.session().capture().unwrap();
    studio.acts(Act::GivesOneAndHangs);
    let failed = studio.wait(|event| name(event) == "captureFailed");
    assert_eq!(failed.capture_id, id);
    studio.acts(Act::Fails);
    let lost = studio.wait(|event| name(event) == "cameraLost");
    assert_eq!(lost.capture_id, 0);
    studio.acts(Act::Streams);
    studio.open_gate();
    studio.wait(|event| name(event) == "cameraBack");
    database.execute_batch("DROP TRIGGER refusal").unwrap();
    studio.photo();
    studio.close().unwrap();
    let order: Vec<_> = studio.seen.iter().map(name).collect();
    let at = |wanted: &str| order.iter().position(|name| name == wanted).unwrap();
    assert!(at("captureFailed") < at("cameraLost") && at("cameraLost") < at("cameraBack"), "{order:?}");
    assert_eq!(studio.story(id), ["captureStart", "frameShutter", "captureFailed"]);
}
