//! The conformance suite on devices that are as they must be, and on devices that are not: each check must pass on the
//! first and fail on the one that lacks just its property.
// The helpers of the tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use latent_hal::conformance::{Effort, Finding, Report, Subject, Suite, Verdict};
use latent_hal::fake::{self, FakeKernel, Model};
use latent_hal::kernel::{Entity, Interface, Kernel, Link, Pad, Topology};

const PATH: &str = "/dev/video0";

/// Files, mappings and memory of the process are counted: one suite at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn suite() -> Suite {
    let effort = Effort { frames: 20, restarts: 4, patience: Duration::from_secs(2) };
    Suite { effort, ..Suite::default() }
}

fn graph() -> Topology {
    let entity = |id, name: &str| Entity { id, name: name.to_owned(), function: 0 };
    Topology {
        entities: vec![entity(1, "sensor"), entity(2, "capture")],
        interfaces: vec![Interface { entity: 2, kind: 0x200, major: 81, minor: 0 }],
        pads: vec![Pad { entity: 1, index: 0, flags: 2 }, Pad { entity: 2, index: 0, flags: 1 }],
        links: vec![Link { source: (1, 0), sink: (2, 0), flags: 3 }],
    }
}

/// A complete fake camera with its media device, seen through `kernel`.
fn device(model: &Model, kernel: impl Fn(FakeKernel) -> Arc<dyn Kernel>) -> (FakeKernel, Subject) {
    let fake = FakeKernel::default();
    fake.plug(PATH, model.clone());
    fake.plug_media("/dev/media0", graph());
    let seen = kernel(fake.clone());
    let subject = fake::subject(&fake, Arc::clone(&seen), Path::new(PATH), model).unwrap();
    (fake, subject.with_media(seen, "/dev/media0"))
}

fn run(subject: &Subject) -> Report {
    suite().run(subject, &mut |_| {})
}

fn of<'a>(report: &'a Report, verdict: Verdict) -> Vec<&'a Finding> {
    report.findings.iter().filter(|finding| finding.verdict == verdict).collect()
}

fn print(report: &Report) {
    for finding in report.findings.iter().filter(|finding| finding.verdict != Verdict::Pass) {
        println!("{} {}: {} {:?}", finding.verdict, finding.id, finding.detail, finding.location);
    }
}

#[test]
fn devices_that_are_as_they_must_be_fail_nothing() {
    let _turn = turn();
    for model in
        [Model::complete(), Model::complete().planar(), Model::usb(), Model::raw(), Model::separate()]
    {
        let (_fake, subject) = device(&model, |fake| Arc::new(fake));
        let begun = std::time::Instant::now();
        let report = run(&subject);
        print(&report);
        println!("{:?}", begun.elapsed());
        assert_eq!(of(&report, Verdict::Fail), Vec::<&Finding>::new());
    }
}
