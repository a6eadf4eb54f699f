//! A page for people: one file, nothing from the network. It is XML as well, so that any parser reads it.

use std::fmt::Write;

use super::plot::{distribution, human};
use super::text::{line, markup};
use super::{Compared, ComparedVerdict, Comparison, Report};
use crate::conformance::{Finding, Measurement, Verdict};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub(super) fn render(report: &Report) -> String {
    let name = report.camera.as_ref().map_or(report.subject.as_str(), |camera| camera.model.as_str());
    let name = markup(&line(name));
    let mut out = format!(
        "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{name}: Latent conformance</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    head(&mut out, report, &name);
    out.push_str("<div class=\"sides\">\n");
    totals(&mut out, report);
    match &report.comparison {
        Some(comparison) => compared(&mut out, comparison),
        None => out.push_str(
            "<section class=\"side\"><h2>v4l2-compliance</h2><p class=\"dim\">Not run; <code>--v4l2-compliance</code> runs it.</p></section>\n",
        ),
    }
    out.push_str("</div>\n<h2>Checks</h2>\n");
    if report.findings.is_empty() {
        out.push_str("<p>No check was selected.</p>\n");
    }
    for (group, findings) in report.groups() {
        section(&mut out, group, &findings);
    }
    _ = write!(out, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    out
}

fn head(out: &mut String, report: &Report, name: &str) {
    _ = writeln!(out, "<header>\n<h1>{name}</h1>");
    let failed = report.count(Verdict::Fail);
    let (class, text) = match (report.exit_status(), failed) {
        (77, _) => ("skip", "Nothing could be found out".to_owned()),
        (_, 0) => ("pass", "No check failed".to_owned()),
        (_, 1) => ("fail", "One check failed".to_owned()),
        (_, failed) => ("fail", format!("{failed} checks failed")),
    };
    _ = writeln!(out, "<p class=\"outcome {class}\">{text}</p>\n<dl class=\"facts\">");
    let mut fact = |name: &str, value: &str| {
        let value = markup(&line(value));
        _ = writeln!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    };
    fact("Device", &report.subject);
    if let Some(camera) = &report.camera {
        fact("Driver", &camera.driver);
        fact("Id", &camera.id);
    }
    fact("Kernel", &format!("{} {}", report.machine.kernel, report.machine.architecture));
    fact("Latent", &report.machine.latent);
    fact("Began", &report.started_utc());
    fact("Took", &human(report.took));
    out.push_str("</dl>\n</header>\n");
}

/// The totals, as a bar and as buttons that show the checks of one verdict alone.
fn totals(out: &mut String, report: &Report) {
    let all = report.findings.len();
    _ = writeln!(out, "<section class=\"side\"><h2>Latent: {all} checks</h2>");
    out.push_str("<svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" role=\"img\"><title>shares of the verdicts</title>");
    let mut at = 0.0;
    for (verdict, count) in report.counts() {
        let width = count as f64 / all.max(1) as f64 * 100.0;
        _ = write!(
            out,
            "<rect class=\"{verdict}\" x=\"{at:.3}\" y=\"0\" width=\"{width:.3}\" height=\"4\"/>"
        );
        at += width;
    }
    out.push_str("</svg>\n<div class=\"filters\">\n");
    _ = writeln!(
        out,
        "<button type=\"button\" data-show=\"all\" aria-pressed=\"true\">all <b>{all}</b></button>"
    );
    for (verdict, count) in report.counts() {
        _ = writeln!(
            out,
            "<button type=\"button\" class=\"{verdict}\" data-show=\"{verdict}\" aria-pressed=\"false\">{verdict} <b>{count}</b></button>"
        );
    }
    out.push_str("</div></section>\n");
}

fn compared(out: &mut String, comparison: &Comparison) {
    let totals = comparison.totals;
    _ = writeln!(
        out,
        "<section class=\"side\" id=\"v4l2-compliance\"><h2>v4l2-compliance: {} tests</h2>\n\
         <p>{} succeeded ({} of them: not supported), {} failed, {} warnings</p>\n<p class=\"dim\">{}<br/>{}</p>",
        totals.total,
        totals.succeeded,
        comparison.count(ComparedVerdict::NotSupported),
        totals.failed,
        totals.warnings,
        markup(&line(&comparison.device)),
        markup(&line(&comparison.version)),
    );
    for (verdict, title) in [
        (ComparedVerdict::Fail, "Failed"),
        (ComparedVerdict::Ok, "OK"),
        (ComparedVerdict::NotSupported, "OK (Not Supported)"),
    ] {
        let tests: Vec<_> = comparison.tests.iter().filter(|test| test.verdict == verdict).collect();
        if tests.is_empty() {
            continue;
        }
        let open = if verdict == ComparedVerdict::Fail { " open=\"open\"" } else { "" };
        _ = writeln!(
            out,
            "<details{open}><summary>{title} <b>{}</b></summary><ul class=\"tests\">",
            tests.len()
        );
        tests.into_iter().for_each(|test| compared_test(out, test));
        out.push_str("</ul></details>\n");
    }
    out.push_str("</section>\n");
}

fn compared_test(out: &mut String, test: &Compared) {
    let (name, section) = (markup(&line(&test.name)), markup(&line(&test.section)));
    _ = write!(out, "<li><code>{name}</code> <span class=\"dim\">{section}</span>");
    for note in &test.notes {
        _ = write!(out, "<br/><small>{}</small>", markup(&line(note)));
    }
    out.push_str("</li>\n");
}

fn section(out: &mut String, group: &str, findings: &[&Finding]) {
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    let open = if failed { " open=\"open\"" } else { "" };
    let group = markup(&line(group));
    _ = write!(out, "<details class=\"group\"{open}><summary><span class=\"name\">{group}</span>");
    for verdict in Verdict::ALL {
        let count = findings.iter().filter(|finding| finding.verdict == verdict).count();
        if count > 0 {
            _ = write!(out, " <span class=\"badge {verdict}\">{count} {verdict}</span>");
        }
    }
    out.push_str("</summary>\n");
    findings.iter().for_each(|finding| check(out, finding));
    out.push_str("</details>\n");
}

fn check(out: &mut String, finding: &Finding) {
    let (verdict, id) = (finding.verdict, markup(&line(finding.id)));
    _ = writeln!(
        out,
        "<article class=\"check {verdict}\" data-verdict=\"{verdict}\" id=\"{id}\">\n\
         <p class=\"title\"><span class=\"badge {verdict}\">{verdict}</span> <a class=\"id\" href=\"#{id}\">{id}</a> \
         <span class=\"dim time\">{}</span></p>\n<p>{}</p>",
        human(finding.took),
        sentence(finding.requires),
    );
    if !finding.detail.is_empty() {
        _ = writeln!(out, "<pre>{}</pre>", markup(&finding.detail));
    }
    _ = write!(out, "<p class=\"dim\">{}", linked(finding.source));
    if let Some(location) = &finding.location {
        _ = write!(out, " · found by <code>{}</code>", markup(&line(location)));
    }
    out.push_str("</p>\n");
    for measurement in &finding.measurements {
        figure(out, measurement);
    }
    out.push_str("</article>\n");
}

fn figure(out: &mut String, measurement: &Measurement) {
    let name = markup(&line(measurement.name));
    _ = write!(
        out,
        "<figure>{}<figcaption><b>{name}</b>, {} values",
        distribution(measurement),
        measurement.times.len()
    );
    for (name, percent) in super::PERCENTILES {
        if let Some(time) = measurement.percentile(percent) {
            _ = write!(out, ", {name} {}", human(time));
        }
    }
    out.push_str("</figcaption></figure>\n");
}

/// A requirement with a full stop at its end.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{}.", markup(&(first + letters.as_str())))
}

/// Text in which addresses of the web are links.
fn linked(text: &str) -> String {
    let word = |word: &str| {
        let address = word.trim_matches(|c: char| matches!(c, ',' | ';' | '.' | '(' | ')' | '<' | '>'));
        if !address.starts_with("https://") && !address.starts_with("http://") {
            return markup(word);
        }
        let (before, after) = word.split_once(address).unwrap_or_default();
        let safe = markup(address);
        format!("{}<a href=\"{safe}\">{safe}</a>{}", markup(before), markup(after))
    };
    line(text).split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_links_and_nothing_else_does() {
        assert_eq!(
            linked("see https://a.org/b?c=1&d=2."),
            "see <a href=\"https://a.org/b?c=1&amp;d=2\">https://a.org/b?c=1&amp;d=2</a>."
        );
        assert_eq!(linked("javascript:x <b>"), "javascript:x &lt;b&gt;");
        assert_eq!(linked("(http://a)"), "(<a href=\"http://a\">http://a</a>)");
        assert_eq!(
            linked("https://\"onclick"),
            "<a href=\"https://&quot;onclick\">https://&quot;onclick</a>"
        );
    }
}
