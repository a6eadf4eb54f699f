//! JUnit's XML, in the form that Jenkins's schema allows and GitLab reads:
//! <https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd>.
//!
//! Each group is a suite. "Not supported" and "expected to fail" are skipped; the attribute `type` has the verdict.

use std::fmt::Write;
use std::time::Duration;

use super::text::{line, markup};
use super::{Report, micros};
use crate::conformance::{Finding, Verdict};

pub(super) fn render(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    _ = writeln!(
        out,
        "<testsuites name=\"latent conformance\" tests=\"{}\" failures=\"{}\" errors=\"0\" time=\"{}\">",
        report.findings.len(),
        report.count(Verdict::Fail),
        seconds(report.took),
    );
    for (index, (group, findings)) in report.groups().into_iter().enumerate() {
        let of = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
        let skipped = of(Verdict::NotSupported) + of(Verdict::ExpectedFail) + of(Verdict::Skip);
        _ = writeln!(
            out,
            "  <testsuite name=\"{}\" id=\"{index}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{skipped}\" time=\"{}\" timestamp=\"{}\">",
            attribute(group),
            findings.len(),
            of(Verdict::Fail),
            seconds(findings.iter().map(|finding| finding.took).sum()),
            report.started_utc().trim_end_matches('Z'),
        );
        out.push_str("    <properties>\n");
        for (name, value) in report.properties() {
            _ = writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", attribute(&value));
        }
        out.push_str("    </properties>\n");
        for finding in findings {
            case(&mut out, group, finding);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(out: &mut String, group: &str, finding: &Finding) {
    _ = writeln!(
        out,
        "    <testcase classname=\"conformance.{}\" name=\"{}\" time=\"{}\">",
        attribute(group),
        attribute(finding.id),
        seconds(finding.took)
    );
    let (kind, message) = (finding.verdict.name(), attribute(&finding.reason()));
    match finding.verdict {
        Verdict::Pass => {}
        Verdict::Fail => {
            let location = finding.location.as_deref().unwrap_or("unknown");
            _ = writeln!(
                out,
                "      <failure type=\"{kind}\" message=\"{message}\">{}\nrequired: {}\nsource: {}\nfound by: {}</failure>",
                markup(&finding.detail),
                markup(finding.requires),
                markup(finding.source),
                markup(location),
            );
        }
        Verdict::NotSupported | Verdict::ExpectedFail | Verdict::Skip => {
            _ = writeln!(out, "      <skipped type=\"{kind}\" message=\"{message}\"/>");
        }
    }
    if !finding.measurements.is_empty() {
        out.push_str("      <system-out>");
        for measurement in &finding.measurements {
            _ = write!(out, "{}: {} values", markup(measurement.name), measurement.times.len());
            for (name, percent) in super::PERCENTILES {
                if let Some(time) = measurement.percentile(percent) {
                    _ = write!(out, ", {name} {:.3} us", micros(time));
                }
            }
            out.push('\n');
        }
        out.push_str("</system-out>\n");
    }
    out.push_str("    </testcase>\n");
}

fn attribute(text: &str) -> String {
    markup(&line(text))
}

fn seconds(time: Duration) -> String {
    format!("{:.6}", time.as_secs_f64())
}
