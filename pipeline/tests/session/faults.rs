//! The table of what a camera can do wrong: what is told of it, how soon, and that the next photo is good.

use std::time::{Duration, Instant};

use latent_hal::fake::{Call, FakeCamera, Fault, Model, Times};
use latent_hal::kernel::Event as KernelEvent;
use latent_pipeline::event::{Event, EventKind};
use nix::errno::Errno;

use crate::studio::{Studio, name, options, pixels};

/// What the session says of a fault.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    /// Nothing: the burst takes the next frames and is whole.
    Nothing,
    /// `cameraLost` with this kind, then `cameraBack`.
    Lost(&'static str),
    /// `streamChanged`.
    Changed,
}

struct Case {
    fault: &'static str,
    inject: fn(&FakeCamera),
    told: Told,
}

const fn case(fault: &'static str, told: Told, inject: fn(&FakeCamera)) -> Case {
    Case { fault, inject, told }
}

/// Faults are those of the third frame of a burst of six.
const CASES: &[Case] = &[
    case("a frame is lost", Told::Nothing, |camera| camera.misbehave(0, Fault::Lost)),
    case("a frame is empty", Told::Nothing, |camera| camera.misbehave(0, Fault::Empty)),
    case("a frame is cut short", Told::Nothing, |camera| camera.misbehave(0, Fault::Short(100))),
    case("a frame is marked as bad", Told::Nothing, |camera| camera.misbehave(0, Fault::Bad)),
    case("many frames are bad", Told::Nothing, |camera| {
        (0..40).for_each(|frame| camera.misbehave(frame, Fault::Bad));
    }),
    case("a frame is late", Told::Nothing, |camera| {
        camera.misbehave(0, Fault::Late(Duration::from_millis(900)));
    }),
    case("numbers begin anew", Told::Nothing, |camera| camera.misbehave(0, Fault::Sequence(0))),
    case("numbers wrap", Told::Nothing, |camera| camera.misbehave(0, Fault::Sequence(u32::MAX))),
    case("time jumps", Told::Nothing, |camera| {
        camera.misbehave(0, Fault::Timestamp(Duration::from_secs(9_999_999)));
    }),
    case("a buffer comes back that was not given", Told::Nothing, |camera| {
        camera.misbehave(0, Fault::Stray(77));
    }),
    case("another event comes", Told::Nothing, |camera| {
        camera.misbehave(0, Fault::Tell(KernelEvent::Other { kind: 99 }));
    }),
    case("the camera is silent once", Told::Nothing, |camera| camera.misbehave(0, Fault::Stall)),
    case("the queue fails once", Told::Nothing, |camera| camera.misbehave(0, Fault::Fatal)),
    case("the stream ends", Told::Nothing, |camera| camera.misbehave(0, Fault::Last)),
    case("a buffer is refused", Told::Nothing, |camera| {
        camera.refuse(Call::QueueBuffer, Errno::EINVAL, Times::Next(1));
    }),
    case("the source changes", Told::Changed, |camera| {
        camera.misbehave(0, Fault::Tell(KernelEvent::SourceChanged { resolution: true }));
    }),
    case("the camera is silent again and again", Told::Lost("device"), |camera| {
        (0..2).for_each(|frame| camera.misbehave(frame, Fault::Stall));
    }),
    case("the queue fails again and again", Told::Lost("device"), |camera| {
        (0..2).for_each(|frame| camera.misbehave(frame, Fault::Fatal));
    }),
    case("frames cannot be taken", Told::Lost("device"), |camera| {
        camera.refuse(Call::DequeueBuffer, Errno::EINVAL, Times::Next(1));
    }),
    case("nothing can be waited for", Told::Lost("device"), |camera| {
        camera.refuse(Call::Wait, Errno::EIO, Times::Next(1));
    }),
    case("the queue fails and does not start for a while", Told::Lost("device"), |camera| {
        camera.misbehave(0, Fault::Fatal);
        camera.refuse(Call::StreamOn, Errno::EIO, Times::Next(3));
    }),
    case("the queue fails and others have the camera for a while", Told::Lost("busy"), |camera| {
        camera.misbehave(0, Fault::Fatal);
        camera.refuse(Call::StreamOn, Errno::EBUSY, Times::Next(6));
    }),
    case("it fails and cannot be set up for a while", Told::Lost("device"), |camera| {
        camera.refuse(Call::Wait, Errno::EIO, Times::Next(1));
        camera.refuse(Call::SetFormat, Errno::EBUSY, Times::Next(2));
        camera.refuse(Call::RequestBuffers, Errno::ENOMEM, Times::Next(1));
    }),
    case("it fails and cannot be opened for a while", Told::Lost("device"), |camera| {
        camera.refuse(Call::Wait, Errno::EIO, Times::Next(1));
        camera.refuse(Call::StreamOn, Errno::EIO, Times::Next(6));
        camera.refuse(Call::Open, Errno::EBUSY, Times::Next(3));
    }),
    case("its events cannot be read", Told::Lost("device"), |camera| {
        camera.misbehave(0, Fault::Tell(KernelEvent::EndOfStream));
        camera.refuse(Call::DequeueEvent, Errno::EIO, Times::Next(1));
    }),
    case("it cannot be switched off either", Told::Lost("device"), |camera| {
        camera.misbehave(0, Fault::Fatal);
        camera.refuse(Call::StreamOff, Errno::EIO, Times::Next(3));
    }),
];

#[test]
fn every_fault_is_told_in_time_and_the_next_photo_is_good() {
    for model in [Model::raw(), Model::usb()] {
        for Case { fault, inject, told } in CASES {
            let mut studio = Studio::open(model.clone(), options(6));
            studio.shut();
            let id = studio.session().capture().unwrap();
            studio.let_through(2);
            inject(&studio.camera());
            let begun = Instant::now();
            studio.open_gate();
            let ended = studio.wait(|event| event.capture_id == id && is_end(event));
            let EventKind::RawSecured { frames, .. } = ended.kind else {
                panic!("{fault}: announced photos are safe: {:#?}", studio.seen)
            };
            let (_, next) = studio.photo();
            let took = begun.elapsed();
            assert_eq!(next, 6, "{fault}");
            assert_eq!(studio.develop().developed, 2, "{fault}");
            studio.close().unwrap_or_else(|error| panic!("{fault}: {error}"));
            let says: Vec<_> = studio.seen.iter().filter_map(of_camera).collect();
            let expected: Vec<_> = match told {
                Told::Nothing => vec![],
                Told::Changed => vec!["streamChanged".to_owned()],
                Told::Lost(kind) => vec![format!("cameraLost {kind}"), "cameraBack".to_owned()],
            };
            assert_eq!(says, expected, "{fault}");
            let whole = if *told == Told::Nothing { 6 } else { 2 };
            assert_eq!(frames, whole, "{fault}: the burst");
            // Silence is of the fake kernel's own time; all else is a few restarts.
            assert!(took < Duration::from_secs(10), "{fault}: {took:?}");
        }
    }
}

#[test]
fn a_camera_that_gives_nothing_but_bad_frames_is_told_within_the_silence_and_its_photo_fails() {
    let mut studio = Studio::open(Model::raw(), options(3));
    studio.shut();
    let camera = studio.camera();
    (0..50_000).for_each(|frame| camera.misbehave(frame, Fault::Bad));
    let id = studio.session().capture().unwrap();
    let begun = Instant::now();
    studio.open_gate();
    let failed = studio.wait(|event| event.capture_id == id && is_end(event));
    let took = begun.elapsed();
    let EventKind::CaptureFailed { kind, message } = failed.kind else { panic!("{failed:?}") };
    assert!(kind == "device" && message.contains("no frame"), "{kind}: {message}");
    assert!((Duration::from_millis(1400)..Duration::from_secs(8)).contains(&took), "{took:?}");
    // It is started again, but only another one is better.
    studio.replug(Model::raw());
    studio.wait_for_next("cameraBack");
    let (photo, _) = studio.photo();
    assert_eq!(pixels(&photo.path).0, 32, "the proxy");
    studio.close().unwrap();
}

#[test]
fn a_refusal_for_good_ends_the_session_at_once_and_a_new_one_is_good() {
    let mut studio = Studio::open(Model::raw(), options(2));
    studio.photo();
    let camera = studio.camera();
    camera.refuse(Call::ExportBuffer, Errno::ENOTTY, Times::Always);
    let begun = Instant::now();
    camera.refuse(Call::Wait, Errno::EIO, Times::Next(1));
    studio.wait(|event| name(event) == "cameraLost");
    let error = studio.session().capture().unwrap_err();
    assert!(error.to_string().contains("VIDIOC_EXPBUF"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(2), "waiting cures nothing");
    assert!(studio.close().is_err());
    camera.relent(Call::ExportBuffer);
    studio.open_session(options(2)).unwrap();
    studio.photo();
    studio.close().unwrap();
}

fn is_end(event: &Event) -> bool {
    matches!(name(event).as_str(), "rawSecured" | "captureFailed" | "rawLost")
}

fn of_camera(event: &Event) -> Option<String> {
    match &event.kind {
        EventKind::CameraLost { kind, .. } => Some(format!("cameraLost {kind}")),
        EventKind::CameraBack { .. } | EventKind::StreamChanged { .. } => Some(name(event)),
        _ => None,
    }
}
