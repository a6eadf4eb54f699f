//! The conformance suite on devices that are as they must be, and on devices that are not: each check must pass on the
//! first and fail on the one that lacks just its property.
// The helpers of the tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod camera_mutants;
mod node_mutants;
mod other_mutants;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use latent_hal::conformance::{self, Effort, Finding, Progress, Report, Subject, Suite, Verdict};
use latent_hal::fake::{self, CameraCalls, FakeKernel, Model, MutantCamera, MutantKernel, NodeCalls};
use latent_hal::kernel::{
    Control, ControlKind, Entity, Fraction, Interface, Kernel, Link, Pad, SizeEntry, Topology,
};
use latent_hal::v4l2::V4l2Camera;
use latent_hal::{Camera, CameraInfo, CameraName, Error};

use camera_mutants::pictures;

const PATH: &str = "/dev/video0";

/// What no device of these tests can lack, with the reason.
const NOT_HERE: [(&str, &str); 1] = [(
    "leaks.copies.none",
    "counts page faults in memory of /dev/udmabuf; tests/v4l2_device has its mutant, on a kernel with cameras",
)];

/// Files, mappings and memory of the process are counted: one suite at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

static RUNNING: Mutex<&str> = Mutex::new("");

/// Whether this check is the one that runs now.
fn is_running(check: &str) -> bool {
    *RUNNING.lock().unwrap() == check
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

/// A fake camera with its media device, seen through a kernel.
fn device(model: &Model, kernel: impl FnOnce(FakeKernel) -> Arc<dyn Kernel>) -> Subject {
    let fake = FakeKernel::default();
    fake.plug(PATH, model.clone());
    fake.plug_media("/dev/media0", graph());
    let seen = kernel(fake.clone());
    let subject = fake::subject(&fake, Arc::clone(&seen), Path::new(PATH), model).unwrap();
    subject.with_media(seen, "/dev/media0")
}

fn run(subject: &Subject) -> Report {
    let report = suite().run(subject, &mut |progress| {
        if let Progress::Began(check, ..) = progress {
            *RUNNING.lock().unwrap() = check.id;
        }
    });
    *RUNNING.lock().unwrap() = "";
    report
}

fn of(report: &Report, verdict: Verdict) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.verdict == verdict).collect()
}

/// A device that lacks just what a check requires.
struct Mutant {
    check: &'static str,
    subject: Box<dyn FnOnce() -> Subject>,
}

impl Mutant {
    /// One whose kernel answers some calls wrongly.
    fn node(check: &'static str, model: Model, set: impl Fn(&mut NodeCalls) + 'static) -> Self {
        let subject = move || {
            let mut calls = NodeCalls::default();
            set(&mut calls);
            let mut armed = None;
            let subject = device(&model, |fake| {
                let kernel = MutantKernel::new(Arc::new(fake), calls);
                armed = Some(kernel.clone());
                Arc::new(kernel)
            });
            armed.unwrap().arm();
            subject
        };
        Self { check, subject: Box::new(subject) }
    }

    /// One whose camera is another one.
    fn camera(
        check: &'static str,
        model: Model,
        change: impl Fn(Box<dyn Camera>) -> Result<Box<dyn Camera>, Error> + Send + Sync + 'static,
    ) -> Self {
        let subject = move || {
            let mut kernel = None;
            let subject = device(&model, |fake| {
                kernel = Some(fake.clone());
                Arc::new(fake)
            });
            let kernel = kernel.unwrap();
            subject.with_camera(move || change(Box::new(V4l2Camera::open_on(&kernel, Path::new(PATH))?)))
        };
        Self { check, subject: Box::new(subject) }
    }

    /// One of which more is wrong than its calls.
    fn subject(check: &'static str, model: Model, change: impl FnOnce(Subject) -> Subject + 'static) -> Self {
        Self { check, subject: Box::new(move || change(device(&model, |fake| Arc::new(fake)))) }
    }

    /// A camera whose id another one has, which is opened by it.
    fn reopened(check: &'static str) -> Self {
        let subject = || {
            let fake = FakeKernel::default();
            fake.plug(PATH, Model::complete());
            Subject::camera("a camera with an id of another", move || {
                let camera: Box<dyn Camera> = Box::new(V4l2Camera::open_on(&fake, Path::new(PATH))?);
                let another: CameraName = "virtual:size=16x16,seed=1".parse().unwrap();
                let id = latent_hal::open(&another)?.info().id.clone();
                let info = Some(CameraInfo { id, ..camera.info().clone() });
                Ok(Box::new(MutantCamera::new(camera, CameraCalls { info, ..CameraCalls::default() })))
            })
        };
        Self { check, subject: Box::new(subject) }
    }
}

#[test]
fn devices_that_are_as_they_must_be_fail_nothing() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let roots = other_mutants::machine(root.path());
    let still = Model { still: true, ..Model::complete() };
    let mut passed = BTreeSet::new();
    for model in
        [Model::complete(), still, Model::complete().planar(), Model::usb(), Model::raw(), Model::separate()]
    {
        let subject = device(&model, |fake| Arc::new(fake)).with_roots(roots.clone());
        let report = run(&subject);
        assert_eq!(of(&report, Verdict::Fail), Vec::<&Finding>::new());
        passed.extend(of(&report, Verdict::Pass).iter().map(|finding| finding.id));
    }
    let report = run(&pictures::subject(&pictures::bars()));
    assert_eq!(of(&report, Verdict::Fail), Vec::<&Finding>::new());
    passed.extend(of(&report, Verdict::Pass).iter().map(|finding| finding.id));
    let simulated = Subject::simulated("size=32x24,fps=200".parse().unwrap()).unwrap();
    // What it has that the others have not; its time is the machine's, which tests do not depend on.
    let suite = Suite { filters: vec!["camera".to_owned(), "contract".to_owned()], ..suite() };
    let report = suite.run(&simulated, &mut |_| {});
    assert_eq!(of(&report, Verdict::Fail), Vec::<&Finding>::new());
    passed.extend(of(&report, Verdict::Pass).iter().map(|finding| finding.id));
    let never: Vec<_> =
        conformance::all().iter().map(|check| check.id).filter(|id| !passed.contains(id)).collect();
    assert_eq!(never, NOT_HERE.map(|(id, _)| id), "a check that passes on no device says nothing");
}

#[test]
fn what_a_device_does_not_have_is_told_as_not_supported_and_never_as_a_pass() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let roots = other_mutants::machine(root.path());
    for zone in ["thermal_zone0", "thermal_zone1"] {
        let folder = root.path().join("sys/class/thermal").join(zone);
        std::fs::write(folder.join("mode"), "disabled\n").unwrap();
        for trip in std::fs::read_dir(&folder).unwrap().flatten() {
            if trip.file_name().to_str().unwrap().starts_with("trip_point") {
                std::fs::remove_file(trip.path()).unwrap();
            }
        }
    }
    let mask = Control { kind: ControlKind::Bitmask, ..Model::raw().controls[1].clone() };
    let bare = Model {
        fourccs: vec![*b"MJPG"],
        sizes: vec![SizeEntry::Discrete(64, 48)],
        intervals: Vec::new(),
        controls: vec![mask],
        most_buffers: 4,
        ..Model::raw()
    };
    let fake = FakeKernel::default();
    fake.plug(PATH, bare.clone());
    fake.plug_media("/dev/media0", Topology { entities: graph().entities, ..Topology::default() });
    let subject = fake::subject(&fake, Arc::new(fake.clone()), Path::new(PATH), &bare).unwrap();
    let subject = subject.with_media(Arc::new(fake.clone()), "/dev/media0").with_roots(roots);
    let looked_at_nothing = [
        "formats.intervals.sane",
        "formats.rate.read-back",
        "formats.set.rows-fit",
        "media.pads.of-entities",
        "media.pads.directed",
        "media.links.of-pads",
        "media.links.directed",
        "media.links.immutable-on",
        "media.interfaces.of-entities",
        "streaming.frames.whole",
        "camera.modes.sorted",
        "camera.configure.layout",
        "camera.configure.rate",
        "contract.slots.held-alone",
        "controls.range.default-on-step",
        "controls.get.in-range",
        "controls.get.together",
        "controls.set.reads-back",
        "controls.set.out-of-range",
        "machine.thermal.temperatures",
        "machine.thermal.trips",
    ];
    let filters = looked_at_nothing.map(str::to_owned).to_vec();
    let report = Suite { filters, ..suite() }.run(&subject, &mut |_| {});
    let told =
        |id: &&str| report.findings.iter().find(|finding| finding.id == *id).map(|found| found.verdict);
    let wrong: Vec<_> = looked_at_nothing
        .iter()
        .map(|id| (id, told(id)))
        .filter(|(_, verdict)| *verdict != Some(Verdict::NotSupported))
        .collect();
    assert_eq!(wrong, []);
    assert_eq!(of(&report, Verdict::Fail), Vec::<&Finding>::new());
}

#[test]
fn a_run_leaves_the_device_as_it_found_it() {
    let _turn = turn();
    let model = Model::complete();
    let fake = FakeKernel::default();
    fake.plug(PATH, model.clone());
    let node = fake.video(Path::new(PATH)).unwrap();
    let ten_a_second = Fraction { numerator: 1, denominator: 10 };
    node.set_interval(Some(ten_a_second)).unwrap();
    node.set_controls(&mut [(0x0098_0900, 77)]).unwrap();
    let format = node.format().unwrap();
    let subject = fake::subject(&fake, Arc::new(fake.clone()), Path::new(PATH), &model).unwrap();
    let filters =
        ["formats.rate", "formats.set", "camera.configure", "controls.set"].map(str::to_owned).to_vec();
    let report = Suite { filters, ..suite() }.run(&subject, &mut |_| {});
    assert!(of(&report, Verdict::Pass).iter().any(|finding| finding.id == "formats.rate.read-back"));
    let mut brightness = [(0x0098_0900, 0)];
    node.controls(&mut brightness).unwrap();
    assert_eq!((node.set_interval(None).unwrap(), brightness[0].1), (Some(ten_a_second), 77));
    assert_eq!(node.format().unwrap(), format);
}

#[test]
fn each_check_fails_on_the_device_that_lacks_its_property_and_no_other_check_does() {
    let _turn = turn();
    let mut mutants = node_mutants::all();
    mutants.extend(camera_mutants::all());
    mutants.extend(other_mutants::all());
    let only = std::env::var("LATENT_TEST_MUTANT").ok();
    let checks: Vec<&str> = conformance::all().iter().map(|check| check.id).collect();
    let have: Vec<&str> = mutants.iter().map(|mutant| mutant.check).collect();
    let mut wrong = Vec::new();
    for id in checks.iter().filter(|id| !have.contains(id) && !NOT_HERE.iter().any(|(other, _)| other == *id))
    {
        wrong.push(format!("{id} has no mutant"));
    }
    for Mutant { check, subject } in mutants {
        if only.as_ref().is_some_and(|only| !check.starts_with(only)) {
            continue;
        }
        let report = run(&subject());
        let failing = of(&report, Verdict::Fail);
        let failed: Vec<String> =
            failing.iter().map(|finding| format!("{} ({})", finding.id, finding.detail)).collect();
        if failing.len() != 1 || failing[0].id != check {
            let verdict = report.findings.iter().find(|finding| finding.id == check);
            let own = verdict.map(|finding| format!("{} {}", finding.verdict, finding.detail));
            wrong.push(format!("the mutant of {check} ({own:?}) fails {failed:?}"));
        }
    }
    for folder in other_mutants::KEPT.lock().unwrap().drain(..) {
        std::fs::remove_dir_all(folder).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
