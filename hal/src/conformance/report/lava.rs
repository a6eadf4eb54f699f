//! The signals of LAVA's test shell: <https://docs.lavasoftware.org/lava/writing-tests.html>.
//!
//! Each group is a test set. "Not supported" and "expected to fail" are `skip`, since LAVA knows no more; the line before
//! a signal has the reason. A case carries one measurement, so those of a check are cases of their own, in the test set
//! `measurements`; they are no checks and do not count as such.

use std::fmt::Write;

use super::text::line;
use super::{Report, micros};
use crate::conformance::Verdict;

pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    for (name, value) in report.properties() {
        _ = writeln!(out, "{name}: {}", plain(&value));
    }
    for (group, findings) in report.groups() {
        _ = writeln!(out, "<LAVA_SIGNAL_TESTSET START {}>", word(group));
        for finding in findings {
            let result = match finding.verdict {
                Verdict::Pass => "pass",
                Verdict::Fail => "fail",
                Verdict::NotSupported | Verdict::ExpectedFail | Verdict::Skip => "skip",
            };
            let reason = plain(&finding.reason());
            if !reason.is_empty() {
                _ = writeln!(out, "{}: {reason}", word(finding.id));
            }
            _ = writeln!(
                out,
                "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID={} RESULT={result} UNITS=s MEASUREMENT={:.6}>",
                word(finding.id),
                finding.took.as_secs_f64()
            );
        }
        out.push_str("<LAVA_SIGNAL_TESTSET STOP>\n");
    }
    measurements(&mut out, report);
    out
}

fn measurements(out: &mut String, report: &Report) {
    if report.findings.iter().all(|finding| finding.measurements.is_empty()) {
        return;
    }
    out.push_str("<LAVA_SIGNAL_TESTSET START measurements>\n");
    for finding in &report.findings {
        for measurement in &finding.measurements {
            for (name, percent) in super::PERCENTILES {
                let Some(time) = measurement.percentile(percent) else { continue };
                let case = word(&format!("{}.{}.{name}", finding.id, measurement.name));
                _ = writeln!(
                    out,
                    "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID={case} RESULT=pass UNITS=us MEASUREMENT={:.3}>",
                    micros(time)
                );
            }
        }
    }
    out.push_str("<LAVA_SIGNAL_TESTSET STOP>\n");
}

/// A line in which no signal stands.
fn plain(text: &str) -> String {
    line(text).replace('<', "(").replace('>', ")")
}

/// A word as LAVA's names and parameters may be.
fn word(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars().map(|c| if allowed(c) { c } else { '-' }).collect()
}
