//! `latent conformance`: whether a camera does what photos need of it.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use latent_hal::conformance::{
    Check, Effort, Expected, Finding, Format, Progress, Report, Subject, Suite, Verdict,
};
use latent_hal::discovery::{self, SYSFS};
use latent_hal::kernel::Linux;
use latent_hal::media::Pipeline;
use latent_hal::{Camera, CameraName};
use latent_pipeline::{Error, source};
use serde_json::json;

use crate::board::BoardCamera;
use crate::cli::ConformanceArgs;
use crate::exit::{self, Failure};
use crate::output::Output;
use crate::{board, compliance};

pub(crate) fn run(args: &ConformanceArgs, output: Output, cancel: &Arc<AtomicBool>) -> Result<u8, Failure> {
    let board = args.board.as_deref().map(board::read).transpose()?.unwrap_or_default();
    let suite = suite(args, board.expected, cancel)?;
    if args.list {
        list(&suite.selected(), output);
        return Ok(exit::DONE);
    }
    let mut device = Device::find(args.camera.as_deref(), &board.cameras)?;
    if let Some(picture) = board.scene {
        device.subject = device.subject.with_scene(Arc::new(picture));
    }
    let comparison = match (&args.v4l2_compliance, &device.path) {
        (None, _) => None,
        // First, so that nobody waits for the checks to learn that it is missing.
        (Some(program), Some(path)) => compliance::run(program, path, cancel)?,
        (Some(_), None) => {
            let name = device.subject.name();
            return Err(Failure::usage(format!("{name} is no V4L2 device: v4l2-compliance cannot test it")));
        }
    };
    let format = if output.is_json() { Some(Format::Jsonl) } else { args.format };
    let screen = Screen::new(output, format.is_none());
    let mut report = suite.run(&device.subject, &mut |progress| screen.tell(progress));
    screen.end();
    report.comparison = comparison;
    let written = args.report.as_deref().map(|folder| write(&report, folder)).transpose()?;
    match format {
        Some(format) => print(&report.render(format)),
        None => summary(&report, written.as_deref(), output),
    }
    if cancel.load(Ordering::Relaxed) {
        output.note("latent: interrupted; the checks that were left are told as skipped");
        return Ok(exit::INTERRUPTED);
    }
    Ok(report.exit_status())
}

fn suite(
    args: &ConformanceArgs,
    expected: Vec<Expected>,
    cancel: &Arc<AtomicBool>,
) -> Result<Suite, Failure> {
    for filter in &args.filter {
        let alone = Suite { filters: vec![filter.clone()], ..Suite::default() };
        if alone.selected().is_empty() {
            return Err(Failure::usage(format!(
                "no check is called `{filter}`; `latent conformance --list` has them all, and * stands for anything"
            )));
        }
    }
    let effort =
        Effort { frames: args.frames, restarts: args.restarts, patience: Duration::from_secs(args.patience) };
    Ok(Suite { effort, filters: args.filter.clone(), expected, stop: Arc::clone(cancel) })
}

/// Where the kernel's device files are.
const DEV: &str = "/dev";

/// The device under test, and its file where it has one.
struct Device {
    subject: Subject,
    path: Option<PathBuf>,
}

impl Device {
    fn find(name: Option<&str>, of_board: &[BoardCamera]) -> Result<Self, Failure> {
        let Some(name) = name else {
            return of_board.first().map_or_else(Self::first, Self::of_board);
        };
        if let Some(camera) = of_board.iter().find(|camera| camera.id == name) {
            return Self::of_board(camera);
        }
        if name.starts_with("replay:") {
            source::open(Some(name)).map_err(unusable)?;
            let owned = name.to_owned();
            let open = move || {
                source::open(Some(&owned)).map_err(|error| match error {
                    Error::Camera(error) => error,
                    error => latent_hal::Error::NotFound { camera: owned.clone(), reason: error.to_string() },
                })
            };
            return Ok(Self { subject: Subject::camera(name, open), path: None });
        }
        Self::named(&name.parse().map_err(unusable)?)
    }

    /// A camera of several parts, wherever its nodes got their numbers.
    fn of_board(camera: &BoardCamera) -> Result<Self, Failure> {
        let BoardCamera { id, driver, wish } = camera;
        let found = Pipeline::of_driver(&Linux, Path::new(DEV), driver, wish).map_err(unusable)?;
        let path = found.capture().to_owned();
        drop(found);
        let mut subject = Subject::device(&path, wish).map_err(unusable)?;
        subject.rename(id);
        Ok(Self { subject, path: Some(path) })
    }

    fn named(name: &CameraName) -> Result<Self, Failure> {
        let path = latent_hal::open(name).map_err(unusable)?.info().path.clone();
        Ok(Self { subject: Subject::named(name).map_err(unusable)?, path })
    }

    /// The first usable one of the machine. A virtual camera in its place would tell nothing of the machine.
    fn first() -> Result<Self, Failure> {
        let found = discovery::list(Path::new(SYSFS));
        let path = discovery::usable(&found).find_map(|camera| camera.info().path.clone());
        match path {
            Some(path) => Self::named(&CameraName::Device(path)),
            None => Err(Failure::infrastructure(
                "not_found",
                "this machine has no raw camera that this user may open",
                Some("name one with --camera; `latent devices` lists them, and `virtual` is always there"),
            )),
        }
    }
}

/// The device cannot be tested at all, which is no verdict on it.
fn unusable(error: impl Into<Error>) -> Failure {
    Failure::from(error.into()).into_infrastructure()
}

fn list(checks: &[Check], output: Output) {
    if output.is_json() {
        let checks: Vec<_> = checks
            .iter()
            .map(|check| {
                json!({
                    "id": check.id, "group": check.group(), "requires": check.requires, "source": check.source,
                    "rests_on": check.rests_on,
                })
            })
            .collect();
        return output.document(&json!({ "checks": checks }));
    }
    for check in checks {
        output.line(&format!("{}\n    {}\n    {}", check.id, check.requires, check.source));
        if !check.rests_on.is_empty() {
            output.line(&format!("    rests on {}", check.rests_on.join(", ")));
        }
    }
}

/// What people see while it runs: a bar, and each failure when it is found.
struct Screen {
    output: Output,
    failures: bool,
    bar: ProgressBar,
}

impl Screen {
    fn new(output: Output, failures: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{pos:>4}/{len} {bar:24} {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { output, failures, bar }
    }

    fn tell(&self, progress: Progress<'_>) {
        match progress {
            Progress::Began(check, done, all) => {
                self.bar.set_length(all as u64);
                self.bar.set_position(done as u64);
                self.bar.set_message(check.id);
                self.bar.tick();
            }
            Progress::Ended(finding) if self.failures && finding.verdict == Verdict::Fail => {
                self.bar.suspend(|| self.output.line(&failure(finding)));
            }
            Progress::Ended(_) => {}
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn failure(finding: &Finding) -> String {
    let location = finding.location.as_deref().unwrap_or_default();
    format!(
        "fail {}\n     required: {}\n     found: {}\n     {}\n     {location}",
        finding.id,
        finding.requires,
        visible(&finding.detail),
        finding.source,
    )
}

/// Text of a device, on one line and without what a terminal obeys.
fn visible(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn write(report: &Report, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let hint = "choose a folder that this user may write with --report";
    report.write(folder).map_err(|error| Failure::infrastructure("report", error.to_string(), Some(hint)))
}

/// A closed pipe ends nothing.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn summary(report: &Report, written: Option<&[PathBuf]>, output: Output) {
    let row = |name: &str, cells: [String; 5]| {
        let cells: Vec<_> = Verdict::ALL
            .iter()
            .zip(cells)
            .map(|(v, cell)| format!("{cell:>w$}", w = v.name().len()))
            .collect();
        output.line(format!("{name:<12}  {}", cells.join("  ")).trim_end());
    };
    row("", Verdict::ALL.map(|verdict| verdict.to_string()));
    for (group, findings) in report.groups() {
        row(
            group,
            Verdict::ALL.map(|verdict| {
                let count = findings.iter().filter(|finding| finding.verdict == verdict).count();
                if count > 0 { count.to_string() } else { "-".to_owned() }
            }),
        );
    }
    row("all", report.counts().map(|(_, count)| count.to_string()));
    if let Some(comparison) = &report.comparison {
        output.line(&format!("v4l2-compliance says: {}", comparison.summary()));
    }
    for path in written.into_iter().flatten() {
        output.line(&path.display().to_string());
    }
    let camera = report.camera.as_ref().map_or(report.subject.clone(), |camera| {
        format!("{} ({})", visible(&camera.model), visible(&camera.id))
    });
    output.line(&match (report.exit_status(), report.count(Verdict::Fail)) {
        (77, _) => format!("{camera}: nothing could be found out"),
        (_, 0) => format!("{camera}: no check failed"),
        (_, failed) => format!("{camera}: {failed} of {} checks failed", report.findings.len()),
    });
}
