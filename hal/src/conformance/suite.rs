//! Runs checks one after the other and keeps what each found.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::bench::Bench;
use super::expected::Expected;
use super::report::Report;
use super::state::Saved;
use super::subject::Subject;
use super::{Check, Finding, Stop, Verdict, checks};

/// How much a run takes on itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Frames of checks that look at many; 2 at least.
    pub frames: u32,
    /// Starts and stops of checks that repeat them; 1 at least.
    pub restarts: u32,
    /// How long a device may take for a frame, and for coming back.
    pub patience: Duration,
}

impl Default for Effort {
    fn default() -> Self {
        Self { frames: 60, restarts: 20, patience: Duration::from_secs(10) }
    }
}

/// What a run tells while it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A check begins; so many were done before, of so many.
    Began(&'a Check, usize, usize),
    /// It ended.
    Ended(&'a Finding),
}

/// Which checks run, and what is known of the board.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    /// How much.
    pub effort: Effort,
    /// Only checks whose id matches one of these (`*` stands for anything); all where there is none.
    pub filters: Vec<String>,
    /// Failures that the board's file expects.
    pub expected: Vec<Expected>,
    /// Set while it runs, it ends the run behind the check that runs now: those behind that one are skipped.
    pub stop: Arc<AtomicBool>,
}

impl Suite {
    /// The checks that it runs, in their order. What they rest on comes along.
    pub fn selected(&self) -> Vec<Check> {
        let all = checks::all();
        if self.filters.is_empty() {
            return all;
        }
        let mut wanted: Vec<&str> = all
            .iter()
            .filter(|check| self.filters.iter().any(|f| matches(f, check.id)))
            .map(|c| c.id)
            .collect();
        // Backwards, since a check rests on earlier ones only.
        for check in all.iter().rev() {
            if wanted.contains(&check.id) {
                wanted.extend(check.rests_on);
            }
        }
        all.into_iter().filter(|check| wanted.contains(&check.id)).collect()
    }

    /// Runs them. Blocks for as long as the device takes; the device's settings are then what they were before. A
    /// check that panics has failed.
    pub fn run(&self, subject: &Subject, progress: &mut dyn FnMut(Progress<'_>)) -> Report {
        let selected = self.selected();
        let (started, begun) = (SystemTime::now(), Instant::now());
        let node = || Bench::new(subject, self.effort).node().ok();
        let saved = node().map(|node| Saved::read(&*node));
        let mut verdicts: HashMap<&str, Verdict> = HashMap::new();
        let mut findings = Vec::with_capacity(selected.len());
        for (done, check) in selected.iter().enumerate() {
            progress(Progress::Began(check, done, selected.len()));
            let broken = check.rests_on.iter().find(|id| {
                matches!(verdicts.get(*id), Some(Verdict::Fail | Verdict::ExpectedFail | Verdict::Skip))
            });
            let finding = match broken {
                _ if self.stop.load(Ordering::Relaxed) => {
                    let stop = Stop::Skip("the run was interrupted before this check".to_owned());
                    self.judge(check, Err(stop), Duration::ZERO, Vec::new())
                }
                Some(id) => {
                    let stop = Stop::Skip(format!("it rests on {id}, which did not pass"));
                    self.judge(check, Err(stop), Duration::ZERO, Vec::new())
                }
                None => self.run_one(check, subject),
            };
            verdicts.insert(check.id, finding.verdict);
            progress(Progress::Ended(&finding));
            findings.push(finding);
        }
        if let (Some(saved), Some(node)) = (saved, node()) {
            saved.restore(&*node);
        }
        Report::new(subject, started, begun.elapsed(), findings)
    }

    fn run_one(&self, check: &Check, subject: &Subject) -> Finding {
        let begun = Instant::now();
        let mut bench = Bench::new(subject, self.effort);
        let found = catch_unwind(AssertUnwindSafe(|| (check.run)(&mut bench)));
        let found = found.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(Stop::fail(format!("the device's software panicked: {text}")))
        });
        self.judge(check, found, begun.elapsed(), bench.into_measurements())
    }

    fn judge(
        &self,
        check: &Check,
        found: Result<(), Stop>,
        took: Duration,
        measurements: Vec<super::Measurement>,
    ) -> Finding {
        let expected = self.expected.iter().find(|expected| expected.check == check.id);
        let (verdict, detail, location) = match (found, expected) {
            (Ok(()), None) => (Verdict::Pass, String::new(), None),
            (Ok(()), Some(_)) => {
                let note = "it passes, though the board's file expects it to fail: take it out there";
                (Verdict::Pass, note.to_owned(), None)
            }
            (Err(Stop::Fail { found, location }), None) => (Verdict::Fail, found, Some(location)),
            (Err(Stop::Fail { found, location }), Some(expected)) => {
                let link = expected.link.as_ref().map_or(String::new(), |link| format!(" ({link})"));
                let detail = format!("{}{link}; found: {found}", expected.reason);
                (Verdict::ExpectedFail, detail, Some(location))
            }
            (Err(Stop::NotSupported(how)), _) => (Verdict::NotSupported, how, None),
            (Err(Stop::Skip(reason)), _) => (Verdict::Skip, reason, None),
        };
        let Check { id, requires, source, .. } = *check;
        Finding { id, requires, source, verdict, detail, location, took, measurements }
    }
}

/// True for an id that a pattern with `*` matches; a pattern without one also matches a group or a subject as a whole.
fn matches(pattern: &str, id: &str) -> bool {
    if !pattern.contains('*') {
        return id == pattern || id.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('.'));
    }
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = id.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_people_expect() {
        for pattern in ["a.b.c", "a", "a.b", "*", "a.*", "*.c", "a.*.c", "*b*"] {
            assert!(matches(pattern, "a.b.c"), "{pattern}");
        }
        for pattern in ["a.b.cd", "b", "a.b.", "", "*.d", "b*", "a.*.d", "*c.*"] {
            assert!(!matches(pattern, "a.b.c"), "{pattern}");
        }
    }

    #[test]
    fn a_filter_brings_what_its_checks_rest_on() {
        let all = checks::all();
        let resting = all.iter().find(|check| !check.rests_on.is_empty()).unwrap();
        let suite = Suite { filters: vec![resting.id.to_owned()], ..Suite::default() };
        let selected: Vec<_> = suite.selected().iter().map(|check| check.id).collect();
        assert!(selected.contains(&resting.rests_on[0]) && selected.contains(&resting.id));
        assert!(selected.len() < all.len());
        let none = Suite { filters: vec!["nothing".to_owned()], ..Suite::default() };
        assert!(none.selected().is_empty());
    }

    #[test]
    fn what_is_expected_to_fail_says_so_and_what_then_passes_too() {
        fn passes(_: &mut Bench<'_>) -> super::super::Checked {
            Ok(())
        }
        fn fails(_: &mut Bench<'_>) -> super::super::Checked {
            Err(Stop::fail("broken"))
        }
        fn panics(_: &mut Bench<'_>) -> super::super::Checked {
            panic!("a driver's library gave up")
        }
        let subject = Subject::camera("none", || Err(crate::Error::Gone { camera: "none".to_owned() }));
        let expected = Expected { check: "a.b.c".to_owned(), reason: "known".to_owned(), link: None };
        let suite = Suite { expected: vec![expected], ..Suite::default() };
        let verdict = |id, run| {
            let check = Check::new(id, "something must hold here", "a page", run);
            let finding = suite.run_one(&check, &subject);
            (finding.verdict, finding.detail)
        };
        assert_eq!(verdict("a.b.d", passes).0, Verdict::Pass);
        assert!(verdict("a.b.c", passes).1.contains("take it out"));
        assert_eq!(verdict("a.b.d", fails), (Verdict::Fail, "broken".to_owned()));
        assert_eq!(verdict("a.b.c", fails), (Verdict::ExpectedFail, "known; found: broken".to_owned()));
        let (panicked, detail) = verdict("a.b.d", panics);
        assert!(panicked == Verdict::Fail && detail.contains("gave up"), "{detail}");
    }
}
