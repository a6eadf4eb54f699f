//! A camera that can spare no buffer: what is copied, and how much of it there may be. The count of memory is one for the
//! process, so this is a program of its own.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use latent_hal::fake::{FakeKernel, Model};
use latent_hal::kernel::SizeEntry;
use latent_hal::memory::{ledger, set_budget};
use latent_hal::v4l2::V4l2Camera;
use latent_pipeline::event::{EventKind, EventSender, Listeners};
use latent_pipeline::library::Library;
use latent_pipeline::session::{Session, SessionOptions};

const FRAME: usize = 1024 * 768;

#[test]
fn only_chosen_frames_are_copied_and_only_as_many_as_there_is_memory_for() {
    let folder = tempfile::tempdir().unwrap();
    let library = Arc::new(Library::own(folder.path()).unwrap());
    let kernel = FakeKernel::default();
    let model = Model {
        fourccs: vec![*b"RGGB"],
        sizes: vec![SizeEntry::Discrete(1024, 768)],
        most_buffers: 3,
        ..Model::raw()
    };
    kernel.plug("/dev/video0", model);
    let camera = V4l2Camera::open_on(&kernel, Path::new("/dev/video0")).unwrap();
    let (sender, events) = EventSender::channel();
    let options =
        SessionOptions { burst: 40, silence: Duration::from_millis(500), ..SessionOptions::default() };
    let session =
        Session::open(library, Arc::<Listeners>::default(), Box::new(camera), None, options, sender).unwrap();
    assert_eq!(session.config().held, 0, "the camera spares no buffer");
    let streaming = ledger();
    assert_eq!(streaming.buffers, 3);
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(ledger(), streaming, "frames that nobody asked for are not copied");
    }

    // Room for two copies: the burst takes longer, and is whole.
    let budget = streaming.bytes + 2 * FRAME;
    set_budget(budget);
    let id = session.capture().unwrap();
    let mut most = 0;
    loop {
        most = most.max(ledger().bytes);
        match events.recv_timeout(Duration::from_micros(500)) {
            Ok(event) => match event.kind {
                EventKind::RawSecured { frames, .. } => {
                    assert_eq!((event.capture_id, frames), (id, 40));
                    break;
                }
                EventKind::CaptureFailed { message, .. } => panic!("{message}"),
                _ => {}
            },
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(most > streaming.bytes && most <= budget, "{most} of {budget}");

    // Room for none: the photo fails with the reason, in time, and the next one is good.
    set_budget(streaming.bytes + FRAME / 2);
    let id = session.capture().unwrap();
    let failed = loop {
        let event = events.recv_timeout(Duration::from_secs(5)).unwrap();
        if let EventKind::CaptureFailed { kind, message } = event.kind {
            assert_eq!(event.capture_id, id);
            break (kind, message);
        }
    };
    assert!(failed.0 == "system" && failed.1.contains("no memory for a frame"), "{failed:?}");
    set_budget(0);
    let id = session.capture().unwrap();
    while !matches!(
        events.recv_timeout(Duration::from_secs(20)).unwrap(),
        latent_pipeline::event::Event { kind: EventKind::RawSecured { frames: 40, .. }, capture_id, .. } if capture_id == id
    ) {}
    session.close().unwrap();
    assert_eq!(ledger().buffers, 0, "all is given back");
}
