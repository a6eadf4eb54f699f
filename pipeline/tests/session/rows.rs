//! When the library's storage refuses in the middle of a photo.

use latent_hal::fake::Model;
use latent_pipeline::event::EventKind;
use latent_pipeline::library::RawState;

use crate::studio::{Studio, name, options};

/// Has the library's database refuse statements until the trigger is dropped.
fn refuse(studio: &Studio, trigger: &str) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(studio.library.layout().database()).unwrap();
    database
        .execute_batch(&format!("CREATE TRIGGER refusal {trigger} BEGIN SELECT RAISE(FAIL, 'refused'); END"))
        .unwrap();
    database
}

#[test]
fn a_photo_that_was_announced_never_fails_when_the_row_of_its_burst_cannot_be_written() {
    let mut studio = Studio::open(Model::raw(), options(2));
    let database = refuse(&studio, "BEFORE UPDATE OF raw ON job");
    let id = studio.session().capture().unwrap();
    studio.wait(|event| event.capture_id == id && name(event) == "photoAssetAvailable");
    // A later photo's work tries again.
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(!studio.story(id).contains(&"rawSecured".to_owned()));
    database.execute_batch("DROP TRIGGER refusal").unwrap();
    studio.photo();
    let secured = studio.wait(|event| event.capture_id == id && name(event) == "rawSecured");
    assert!(matches!(secured.kind, EventKind::RawSecured { frames: 2, .. }));
    studio.close().unwrap();
    let story = studio.story(id);
    assert!(!story.contains(&"captureFailed".to_owned()), "{story:?}");
    assert_eq!(studio.develop().developed, 2);
}

#[test]
fn a_burst_whose_row_could_not_be_written_to_the_end_is_developed_without_a_restart() {
    let mut studio = Studio::open(Model::raw(), options(2));
    let database = refuse(&studio, "BEFORE UPDATE OF raw ON job");
    let id = studio.session().capture().unwrap();
    studio.wait(|event| event.capture_id == id && name(event) == "photoAssetAvailable");
    studio.close().unwrap();
    assert_eq!(studio.story(id).last().unwrap(), "rawLost", "it is said that its row is missing");
    let asset = studio.library.assets().unwrap()[0].asset_id;
    assert_eq!(studio.library.job(asset).unwrap().unwrap().raw, RawState::Securing);
    assert_eq!(studio.develop().developed, 0, "as long as storage refuses");
    database.execute_batch("DROP TRIGGER refusal").unwrap();
    assert_eq!(studio.develop().developed, 1);
}

#[test]
fn nothing_is_told_of_a_capture_after_it_has_failed_and_the_next_one_is_good() {
    let mut studio = Studio::open(Model::raw(), options(8));
    let database = refuse(&studio, "BEFORE INSERT ON asset");
    studio.shut();
    let id = studio.session().capture().unwrap();
    studio.let_through(1);
    studio.wait(|event| event.capture_id == id && name(event) == "captureFailed");
    database.execute_batch("DROP TRIGGER refusal").unwrap();
    studio.open_gate();
    // The frames that were to come are not waited for.
    studio.photo();
    studio.close().unwrap();
    assert_eq!(studio.story(id), ["captureStart", "frameShutter", "captureFailed"]);
    assert_eq!(studio.develop().developed, 1);
    let spool = studio.folder.path().join(".latent/spool");
    assert_eq!(std::fs::read_dir(spool).unwrap().count(), 0, "nothing is left of it");
}
