//! What a run found out, and how it is told to those who read it.

mod comparison;
mod html;
mod jsonl;
mod junit;
mod lava;
mod plot;
mod ptest;
mod tap;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use super::subject::Subject;
use super::{Finding, Verdict};

pub use comparison::{Compared, ComparedVerdict, Comparison, ComparisonError, Totals};

/// The percentiles of measurements that reports tell.
const PERCENTILES: [(&str, u32); 4] = [("p50", 50), ("p95", 95), ("p99", 99), ("max", 100)];

/// The camera that was looked at, as it calls itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraSummary {
    /// The same whichever number its device file got.
    pub id: String,
    /// The kernel driver, or what stands in its place.
    pub driver: String,
    /// The product.
    pub model: String,
}

/// The machine that the run took place on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The kernel's release, as in `6.12.0-1-arm64`; empty where the kernel does not tell.
    pub kernel: String,
    /// As in `aarch64`.
    pub architecture: String,
    /// The version of this suite.
    pub latent: String,
}

impl Machine {
    /// This machine, as `uname` tells it.
    pub fn current() -> Self {
        let name = nix::sys::utsname::uname().ok();
        let field = |text: Option<&std::ffi::OsStr>| {
            text.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
        };
        Self {
            kernel: field(name.as_ref().map(|name| name.release())),
            architecture: field(name.as_ref().map(|name| name.machine())),
            latent: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// A run of the suite.
#[derive(Clone, Debug)]
pub struct Report {
    /// The device under test, as it was named.
    pub subject: String,
    /// The camera; `None` where it could not be opened behind the run.
    pub camera: Option<CameraSummary>,
    /// The machine.
    pub machine: Machine,
    /// When the run began.
    pub started: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What each check found, in the order in which they ran.
    pub findings: Vec<Finding>,
    /// What `v4l2-compliance` says of the same device, where it was asked.
    pub comparison: Option<Comparison>,
}

impl Report {
    /// A report of these findings. Opens the camera once, to tell what it is.
    pub fn new(subject: &Subject, started: SystemTime, took: Duration, findings: Vec<Finding>) -> Self {
        let camera = (subject.open)().ok().map(|camera| {
            let info = camera.info();
            CameraSummary { id: info.id.clone(), driver: info.driver.clone(), model: info.model.clone() }
        });
        Self {
            subject: subject.name().to_owned(),
            camera,
            machine: Machine::current(),
            started,
            took,
            findings,
            comparison: None,
        }
    }

    /// How many checks ended in a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// How many checks ended in each verdict, in the order of [`Verdict::ALL`].
    pub fn counts(&self) -> [(Verdict, usize); 5] {
        Verdict::ALL.map(|verdict| (verdict, self.count(verdict)))
    }

    /// The findings of each group, the groups in the order in which they began.
    pub fn groups(&self) -> Vec<(&'static str, Vec<&Finding>)> {
        let mut groups: Vec<(&'static str, Vec<&Finding>)> = Vec::new();
        for finding in &self.findings {
            match groups.iter_mut().find(|(name, _)| *name == finding.group()) {
                Some((_, members)) => members.push(finding),
                None => groups.push((finding.group(), vec![finding])),
            }
        }
        groups
    }

    /// The exit status of a program that ran the suite: 1 when a check failed; 77 when nothing was found out, because
    /// all checks were skipped or there was none; else 0. "Not supported" and "expected to fail" are found out.
    pub fn exit_status(&self) -> u8 {
        if self.count(Verdict::Fail) > 0 {
            1
        } else if self.count(Verdict::Skip) == self.findings.len() {
            77
        } else {
            0
        }
    }

    /// The report in a format: whole, with a line feed at its end.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Tap => tap::render(self),
            Format::Junit => junit::render(self),
            Format::Jsonl => jsonl::render(self),
            Format::Ptest => ptest::render(self),
            Format::Lava => lava::render(self),
            Format::Html => html::render(self),
        }
    }

    /// Writes the report into a folder in every format, and makes the folder where there is none. Each file is there
    /// whole or not at all; one of an earlier run is replaced. Blocks until all are on storage.
    ///
    /// # Errors
    /// Those of the file system, with the file's name.
    pub fn write(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        fs::create_dir_all(folder).map_err(|error| named("make", folder, &error))?;
        let write = |format: Format| {
            let path = folder.join(format.file_name());
            replace(&path, self.render(format).as_bytes()).map_err(|error| named("write", &path, &error))?;
            Ok(path)
        };
        Format::ALL.into_iter().map(write).collect()
    }

    /// When the run began, in Coordinated Universal Time as of RFC 3339.
    fn started_utc(&self) -> String {
        let second = jiff::Timestamp::try_from(self.started).ok();
        let second = second.and_then(|time| jiff::Timestamp::from_second(time.as_second()).ok());
        second.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
    }

    /// What is known of the run beside its findings, by name.
    fn properties(&self) -> Vec<(&'static str, String)> {
        let mut properties = vec![("subject", self.subject.clone())];
        if let Some(camera) = &self.camera {
            properties.push(("camera.id", camera.id.clone()));
            properties.push(("camera.driver", camera.driver.clone()));
            properties.push(("camera.model", camera.model.clone()));
        }
        properties.push(("machine.kernel", self.machine.kernel.clone()));
        properties.push(("machine.architecture", self.machine.architecture.clone()));
        properties.push(("latent.version", self.machine.latent.clone()));
        if let Some(comparison) = &self.comparison {
            properties.push(("v4l2-compliance", comparison.summary()));
        }
        properties
    }
}

impl Finding {
    /// The first word of the check's id.
    pub fn group(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }

    /// Why a format that knows only "pass", "fail" and "skip" says "skip".
    fn reason(&self) -> String {
        match self.verdict {
            Verdict::NotSupported => format!("not supported: {}", self.detail),
            Verdict::ExpectedFail => format!("expected fail: {}", self.detail),
            _ => self.detail.clone(),
        }
    }
}

fn named(verb: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {verb} {}: {error}", path.display()))
}

/// Writes a file beside its place and gives it its name when it is on storage.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let done = written.and_then(|()| fs::rename(&new, path));
    if done.is_err() {
        let _ = fs::remove_file(&new);
    }
    done
}

/// A duration in microseconds.
fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// A form of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// The Test Anything Protocol, version 14: <https://testanything.org/tap-version-14-specification.html>.
    Tap,
    /// JUnit's XML as Jenkins and GitLab read it.
    Junit,
    /// One JSON object a line.
    Jsonl,
    /// The lines of Yocto's package tests: <https://docs.yoctoproject.org/test-manual/ptest.html>.
    Ptest,
    /// The signals of LAVA's test shell: <https://docs.lavasoftware.org/lava/writing-tests.html>.
    Lava,
    /// A page for people, which needs no other file.
    Html,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Tap, Self::Junit, Self::Jsonl, Self::Ptest, Self::Lava, Self::Html];

    /// Its name: `tap`, `junit`, `jsonl`, `ptest`, `lava`, `html`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tap => "tap",
            Self::Junit => "junit",
            Self::Jsonl => "jsonl",
            Self::Ptest => "ptest",
            Self::Lava => "lava",
            Self::Html => "html",
        }
    }

    /// The file that [`Report::write`] gives it.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Tap => "conformance.tap",
            Self::Junit => "conformance.xml",
            Self::Jsonl => "conformance.jsonl",
            Self::Ptest => "conformance.ptest",
            Self::Lava => "conformance.lava",
            Self::Html => "conformance.html",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no format has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no format of reports: tap, junit, jsonl, ptest, lava and html are")]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    /// # Errors
    /// [`UnknownFormat`] for any other name.
    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}
