//! The lines of Yocto's package tests, as `oeqa.utils.logparser` reads them:
//! <https://docs.yoctoproject.org/test-manual/ptest.html>.
//!
//! Names are ids alone, so that runs can be compared; the reason of a line follows it, indented. "Not supported" and
//! "expected to fail" are `SKIP`, since that reader knows no more.

use std::fmt::Write;

use super::Report;
use super::text::line;
use crate::conformance::Verdict;

/// What ptest-runner writes round a package's tests.
const PLACE: &str = "/usr/lib/latent-conformance/ptest";

pub(super) fn render(report: &Report) -> String {
    let mut out = format!("BEGIN: {PLACE}\n");
    for (name, value) in report.properties() {
        _ = writeln!(out, "  {name}: {}", line(&value));
    }
    for finding in &report.findings {
        let status = match finding.verdict {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::NotSupported | Verdict::ExpectedFail | Verdict::Skip => "SKIP",
        };
        _ = writeln!(out, "{status}: {}", line(finding.id));
        let reason = line(&finding.reason());
        if !reason.is_empty() {
            _ = writeln!(out, "  {reason}");
        }
        if let Some(location) = &finding.location {
            _ = writeln!(out, "  found by {}", line(location));
        }
    }
    _ = writeln!(out, "DURATION: {}", report.took.as_secs_f64().ceil());
    _ = writeln!(out, "END: {PLACE}");
    out
}
