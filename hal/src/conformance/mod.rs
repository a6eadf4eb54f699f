//! The conformance suite: what a camera must do to serve photos, checked one property at a time.
//!
//! A [`Subject`] is the device under test and what the suite may ask of it: any implementation of [`Camera`], and where a
//! kernel driver stands behind it, its device node. [`Suite::run`] runs the [`Check`]s and makes a [`Report`], which is
//! written in the formats of the systems that read such things. A check has an id that does not change, says what it
//! requires and where that is written; what it could not find out it says too, so that "not supported" is never taken
//! for "works".
//!
//! ```no_run
//! use latent_hal::conformance::{Subject, Suite};
//!
//! let subject = Subject::camera("my camera", || Ok(Box::new(latent_hal::simulated::VirtualCamera::new(Default::default())?)));
//! let report = Suite::default().run(&subject, &mut |_| {});
//! assert_eq!(report.exit_status(), 0);
//! ```

mod bars;
mod bench;
mod checks;
mod expected;
mod oracle;
mod picture;
mod report;
mod state;
mod subject;
mod suite;
mod vivid;

use std::fmt;
use std::time::Duration;

pub use bench::Bench;
pub use checks::all;
pub use expected::{Expected, ExpectedError};
pub use oracle::{Oracle, Scene};
pub use picture::{TestPicture, UnknownPicture};
pub use report::{
    CameraSummary, Compared, ComparedVerdict, Comparison, ComparisonError, Format, Machine, Report, Totals,
    UnknownFormat,
};
pub use subject::{DeviceFault, FaultSource, Faulty, Roots, Subject};
pub use suite::{Effort, Progress, Suite};

#[cfg(doc)]
use crate::camera::Camera;

/// One property that a device must have.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name, `group.subject.property`; it never changes its meaning.
    pub id: &'static str,
    /// What must hold.
    pub requires: &'static str,
    /// Where that is written.
    pub source: &'static str,
    /// Checks without which this one says nothing: where one of them failed, this one is skipped.
    pub rests_on: &'static [&'static str],
    run: fn(&mut Bench<'_>) -> Checked,
}

impl Check {
    const fn new(
        id: &'static str,
        requires: &'static str,
        source: &'static str,
        run: fn(&mut Bench<'_>) -> Checked,
    ) -> Self {
        Self { id, requires, source, rests_on: &[], run }
    }

    const fn after(self, rests_on: &'static [&'static str]) -> Self {
        Self { rests_on, ..self }
    }

    /// The first word of its id.
    pub fn group(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The property holds.
    Pass,
    /// It does not.
    Fail,
    /// The device does not have what the property is about, and says so as it must.
    NotSupported,
    /// It does not hold, as the board's file says that it would not.
    ExpectedFail,
    /// It could not be found out.
    Skip,
}

impl Verdict {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Pass, Self::Fail, Self::NotSupported, Self::ExpectedFail, Self::Skip];

    /// Its name in reports: `pass`, `fail`, `not-supported`, `expected-fail`, `skip`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotSupported => "not-supported",
            Self::ExpectedFail => "expected-fail",
            Self::Skip => "skip",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a check found out; `Ok` is a pass.
type Checked = Result<(), Stop>;

/// Why a check did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The property does not hold.
    Fail {
        /// What was found, and what was expected.
        found: String,
        /// The line of the suite that found it.
        location: String,
    },
    /// The device has no such thing; how that was found out.
    NotSupported(String),
    /// It could not be found out, for this reason.
    Skip(String),
}

impl Stop {
    #[track_caller]
    fn fail(found: impl Into<String>) -> Self {
        let location = std::panic::Location::caller();
        Self::Fail { found: found.into(), location: format!("{}:{}", location.file(), location.line()) }
    }
}

impl From<crate::error::Error> for Stop {
    #[track_caller]
    fn from(error: crate::error::Error) -> Self {
        Self::fail(error.to_string())
    }
}

/// The property holds where `holds`; else what was found.
#[track_caller]
fn require(holds: bool, found: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Stop::fail(found())) }
}

/// A call of the kernel's that must work.
#[track_caller]
fn works<T>(call: &str, result: nix::Result<T>) -> Result<T, Stop> {
    result.map_err(|errno| Stop::fail(format!("{call} is refused: {errno}")))
}

/// A call of the kernel's that must be refused with one of these.
#[track_caller]
fn refused<T>(call: &str, result: nix::Result<T>, with: &[nix::errno::Errno]) -> Checked {
    let names = || with.iter().map(|errno| format!("{errno:?}")).collect::<Vec<_>>().join(" or ");
    match result.map(drop) {
        Err(errno) if with.contains(&errno) => Ok(()),
        Err(errno) => Err(Stop::fail(format!("{call} is refused with {errno:?}, not {}", names()))),
        Ok(()) => Err(Stop::fail(format!("{call} works, and must be refused with {}", names()))),
    }
}

/// What one check found out, as reports tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub id: &'static str,
    /// What it requires.
    pub requires: &'static str,
    /// Where that is written.
    pub source: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it ended so; empty for a plain pass.
    pub detail: String,
    /// The line of the suite that found a failure.
    pub location: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// What it measured.
    pub measurements: Vec<Measurement>,
}

/// A set of values that a check measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// What was measured.
    pub name: &'static str,
    /// The times, in the order in which they were measured.
    pub times: Vec<Duration>,
}

impl Measurement {
    /// The time below which `percent` of all lie; `None` without any.
    pub fn percentile(&self, percent: u32) -> Option<Duration> {
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent.min(100) as usize).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_well_formed_and_there_are_many() {
        let checks = all();
        assert!(checks.len() >= 150, "{} checks", checks.len());
        let mut ids: Vec<_> = checks.iter().map(|check| check.id).collect();
        for check in &checks {
            let well_formed = |word: &str| {
                !word.is_empty()
                    && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            assert!(check.id.split('.').count() == 3 && check.id.split('.').all(well_formed), "{}", check.id);
            assert!(check.requires.len() > 15 && !check.requires.ends_with('.'), "{}", check.id);
            assert!(!check.source.is_empty(), "{}", check.id);
            let earlier =
                |other: &&str| checks.iter().take_while(|c| c.id != check.id).any(|c| c.id == *other);
            assert!(check.rests_on.iter().all(earlier), "{} rests on what runs later", check.id);
        }
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let times = [5, 1, 4, 2, 3].map(Duration::from_millis).to_vec();
        let measured = Measurement { name: "test", times };
        let at = |percent| measured.percentile(percent).map(|time| time.as_millis());
        assert_eq!([at(0), at(50), at(95), at(100)], [Some(1), Some(3), Some(5), Some(5)]);
        assert_eq!(Measurement { name: "none", times: Vec::new() }.percentile(50), None);
    }
}
