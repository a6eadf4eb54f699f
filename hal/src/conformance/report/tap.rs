//! The Test Anything Protocol, version 14: <https://testanything.org/tap-version-14-specification.html>.
//!
//! "Not supported" is `ok … # SKIP not supported: …`, as it must not count as working; "expected to fail" is
//! `not ok … # TODO …`, which readers must not take for a failure. The verdict itself is in each YAML block.

use std::fmt::Write;

use super::text::{line, quoted};
use super::{Report, micros};
use crate::conformance::{Finding, Verdict};

pub(super) fn render(report: &Report) -> String {
    let mut out = String::from("TAP version 14\n");
    match report.findings.len() {
        0 => out.push_str("1..0 # no check was selected\n"),
        count => _ = writeln!(out, "1..{count}"),
    }
    for (name, value) in report.properties() {
        _ = writeln!(out, "# {name}: {}", line(&value));
    }
    for (index, finding) in report.findings.iter().enumerate() {
        point(&mut out, index + 1, finding);
    }
    let counts = report.counts().map(|(verdict, count)| format!("{count} {verdict}"));
    _ = writeln!(out, "# {}", counts.join(", "));
    out
}

fn point(out: &mut String, number: usize, finding: &Finding) {
    // A second `#` must not look like a directive.
    let reason = |text: &str| line(text).replace('#', "\\#");
    let (status, directive) = match finding.verdict {
        Verdict::Pass => ("ok", String::new()),
        Verdict::Fail => ("not ok", String::new()),
        Verdict::ExpectedFail => ("not ok", format!(" # TODO {}", reason(&finding.detail))),
        Verdict::NotSupported | Verdict::Skip => ("ok", format!(" # SKIP {}", reason(&finding.reason()))),
    };
    _ = writeln!(out, "{status} {number} - {}{}", line(finding.id), directive.trim_end());
    out.push_str("  ---\n");
    let mut field = |name: &str, text: &str| _ = writeln!(out, "  {name}: {}", quoted(text));
    field("verdict", finding.verdict.name());
    field("requires", finding.requires);
    field("source", finding.source);
    if !finding.detail.is_empty() {
        field("message", &finding.detail);
    }
    if let Some(location) = &finding.location {
        field("at", location);
    }
    _ = writeln!(out, "  duration_us: {:.0}", micros(finding.took));
    if !finding.measurements.is_empty() {
        out.push_str("  measurements:\n");
    }
    for measurement in &finding.measurements {
        _ = writeln!(out, "    - name: {}", quoted(measurement.name));
        _ = writeln!(out, "      count: {}", measurement.times.len());
        for (name, percent) in super::PERCENTILES {
            if let Some(time) = measurement.percentile(percent) {
                _ = writeln!(out, "      {name}_us: {:.3}", micros(time));
            }
        }
    }
    out.push_str("  ...\n");
}
