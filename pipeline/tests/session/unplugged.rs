//! A camera that goes away and comes back while photos are taken, and a source that changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use latent_hal::fake::{Call, Fault, Model, Times};
use latent_hal::kernel::{Event as KernelEvent, SizeEntry};
use latent_pipeline::Error;
use latent_pipeline::event::EventKind;
use latent_pipeline::session::SessionOptions;
use nix::errno::Errno;

use crate::studio::{PATH, Studio, name, options, pixels};

#[test]
fn what_has_arrived_before_the_plug_was_pulled_is_a_photo_and_the_camera_comes_back_by_itself() {
    for model in [Model::raw(), Model::usb()] {
        let mut studio = Studio::open(model.clone(), options(6));
        studio.shut();
        let id = studio.session().capture().unwrap();
        studio.let_through(3);
        studio.camera().unplug();
        studio.let_through(1);
        let lost = studio.wait(|event| name(event) == "cameraLost");
        assert_eq!(lost.capture_id, id, "it says whose frames it was about to give");
        let EventKind::CameraLost { kind, camera, .. } = lost.kind else { unreachable!() };
        assert_eq!((kind.as_str(), camera.as_str()), ("device", "v4l2:platform:fake-000"));
        studio.wait(|event| matches!(event.kind, EventKind::RawSecured { frames: 3, .. }));
        let announced = studio.wait(|event| name(event) == "photoAssetAvailable");
        let EventKind::PhotoAssetAvailable { asset, .. } = announced.kind else { unreachable!() };
        let story = studio.story(id);
        let order =
            ["captureStart", "frameShutter", "cameraLost", "frameShutterEnd", "captureReady", "captureEnd"];
        let places: Vec<_> =
            order.iter().map(|wanted| story.iter().position(|name| name == wanted)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{story:?}");

        studio.replug(model);
        studio.open_gate();
        let back = studio.wait(|event| name(event) == "cameraBack");
        assert_eq!(back.capture_id, 0, "it is no photo's business");
        let (next, frames) = studio.photo();
        assert_eq!(frames, 6);
        assert_eq!(studio.develop().developed, 2);
        for photo in [asset, next] {
            assert_eq!(pixels(&photo.path).0, 64);
        }
        studio.close().unwrap();
    }
}

#[test]
fn a_photo_without_a_frame_fails_when_the_plug_is_pulled_and_says_why() {
    let mut studio = Studio::open(Model::raw(), options(4));
    studio.shut();
    let id = studio.session().capture().unwrap();
    studio.camera().unplug();
    studio.let_through(1);
    let failed = studio.wait(|event| name(event) == "captureFailed");
    let EventKind::CaptureFailed { kind, message } = failed.kind else { unreachable!() };
    assert!(kind == "device" && message.contains("gone"), "{kind}: {message}");
    studio.replug(Model::raw());
    studio.open_gate();
    studio.photo();
    assert_eq!(studio.story(id), ["captureStart", "cameraLost", "captureFailed"]);
    studio.close().unwrap();
}

#[test]
fn a_photo_that_is_asked_for_while_the_camera_is_away_is_taken_when_it_is_back() {
    let mut studio = Studio::open(Model::raw(), options(2));
    studio.camera().unplug();
    studio.wait(|event| name(event) == "cameraLost");
    let model = Model { sizes: vec![SizeEntry::Discrete(32, 24)], ..Model::raw() };
    let kernel = studio.kernel.clone();
    let plugging = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        kernel.plug(PATH, model)
    });
    let begun = Instant::now();
    studio.session().capture().unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(250));
    plugging.join().unwrap();
    studio.wait(|event| name(event) == "rawSecured");
    let back = studio.wait(|event| name(event) == "cameraBack");
    let EventKind::CameraBack { width, height, away_ms, .. } = back.kind else { unreachable!() };
    assert_eq!((width, height), (32, 24), "another camera may be plugged in");
    assert!((250..5000).contains(&away_ms), "{away_ms}");
    assert_eq!(studio.develop().developed, 1);
    studio.close().unwrap();
}

#[test]
fn a_camera_that_does_not_come_back_ends_the_session_in_time_and_a_new_one_is_good() {
    let absence = Duration::from_millis(600);
    let mut studio = Studio::open(Model::raw(), SessionOptions { absence, ..options(2) });
    studio.photo();
    let begun = Instant::now();
    // As the kernel does: the file goes with the camera.
    studio.camera().refuse(Call::Open, Errno::ENODEV, Times::Always);
    studio.camera().unplug();
    studio.wait(|event| name(event) == "cameraLost");
    let error = studio.session().capture().unwrap_err();
    let took = begun.elapsed();
    assert!(matches!(error, Error::Stream { .. }), "{error}");
    assert!(error.to_string().contains("/dev/video0"), "{error}");
    assert!(took >= absence && took < absence + Duration::from_secs(5), "{took:?}");
    assert!(matches!(studio.close(), Err(Error::Stream { .. })));
    studio.replug(Model::raw());
    studio.open_session(options(2)).unwrap();
    studio.photo();
    assert_eq!(studio.develop().developed, 2, "the photo of before is safe");
    studio.close().unwrap();
}

#[test]
fn closing_does_not_wait_for_a_camera_that_is_away() {
    let mut studio =
        Studio::open(Model::raw(), SessionOptions { absence: Duration::from_secs(60), ..options(2) });
    studio.camera().unplug();
    studio.wait(|event| name(event) == "cameraLost");
    let begun = Instant::now();
    studio.close().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn waiting_for_a_camera_that_is_away_can_be_called_off() {
    let mut studio =
        Studio::open(Model::raw(), SessionOptions { absence: Duration::from_secs(60), ..options(2) });
    studio.camera().refuse(Call::Open, Errno::ENODEV, Times::Always);
    studio.camera().unplug();
    studio.wait(|event| name(event) == "cameraLost");
    let cancel = Arc::new(AtomicBool::new(false));
    let later = Arc::clone(&cancel);
    let cancelling = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        later.store(true, Ordering::Relaxed);
    });
    assert!(matches!(studio.session().capture_unless(&cancel), Err(Error::Cancelled)));
    cancelling.join().unwrap();
    studio.close().unwrap();
}

#[test]
fn a_source_that_changes_is_set_up_again_and_told() {
    let mut studio = Studio::open(Model::usb(), options(4));
    studio.photo();
    studio.shut();
    let id = studio.session().capture().unwrap();
    studio.let_through(2);
    studio.camera().resize(vec![SizeEntry::Discrete(48, 32)]);
    studio.camera().misbehave(0, Fault::Tell(KernelEvent::SourceChanged { resolution: true }));
    studio.open_gate();
    let changed = studio.wait(|event| name(event) == "streamChanged");
    let EventKind::StreamChanged { width, height, was_width, was_height, .. } = changed.kind else {
        unreachable!()
    };
    assert_eq!((width, height, was_width, was_height), (48, 32, 64, 48));
    studio.wait(|event| {
        event.capture_id == id && matches!(event.kind, EventKind::RawSecured { frames: 2, .. })
    });
    let (photo, frames) = studio.photo();
    assert_eq!((frames, studio.camera().starts()), (4, 2));
    assert_eq!(studio.develop().developed, 3);
    assert_eq!(pixels(&photo.path).0, 48);
    assert!(!studio.seen.iter().any(|event| name(event) == "cameraLost"), "nothing was lost");
    studio.close().unwrap();
}

#[test]
fn a_photo_that_has_no_frame_yet_waits_for_the_new_source() {
    let mut studio = Studio::open(Model::raw(), options(3));
    studio.shut();
    let id = studio.session().capture().unwrap();
    studio.camera().resize(vec![SizeEntry::Discrete(32, 24)]);
    studio.camera().misbehave(0, Fault::Tell(KernelEvent::SourceChanged { resolution: true }));
    studio.open_gate();
    studio.wait(|event| {
        event.capture_id == id && matches!(event.kind, EventKind::RawSecured { frames: 3, .. })
    });
    let changed = studio.wait(|event| name(event) == "streamChanged");
    assert_eq!(changed.capture_id, id);
    assert_eq!(studio.develop().developed, 1);
    studio.close().unwrap();
}

#[test]
fn a_camera_that_fails_while_it_is_set_up_for_another_source_is_lost_and_comes_back() {
    let mut studio = Studio::open(Model::raw(), options(3));
    studio.shut();
    let id = studio.session().capture().unwrap();
    studio.camera().misbehave(0, Fault::Tell(KernelEvent::SourceChanged { resolution: true }));
    studio.camera().refuse(Call::SetFormat, Errno::EBUSY, Times::Next(2));
    studio.open_gate();
    let lost = studio.wait(|event| name(event) == "cameraLost");
    assert_eq!(lost.capture_id, id);
    studio.wait(|event| name(event) == "cameraBack");
    assert_eq!(studio.story(id), ["captureStart", "cameraLost", "captureFailed"]);
    studio.photo();
    studio.close().unwrap();
}
