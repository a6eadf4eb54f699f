//! One JSON object a line: `conformanceStart`, `check` for each finding, `v4l2Compliance` where that ran,
//! `conformanceEnd`. Units are in the names; nothing is rounded away but what lies below a nanosecond.

use serde_json::{Map, Value, json};

use super::comparison::Comparison;
use super::text::json_line;
use super::{Report, micros};
use crate::conformance::{Finding, Measurement};

pub(super) fn render(report: &Report) -> String {
    let machine = &report.machine;
    let mut lines = vec![json!({
        "event": "conformanceStart",
        "subject": report.subject,
        "camera": report.camera.as_ref().map(|camera| json!({
            "id": camera.id, "driver": camera.driver, "model": camera.model,
        })),
        "machine": {
            "kernel": machine.kernel, "architecture": machine.architecture, "latent": machine.latent,
        },
        "started": report.started_utc(),
        "checks": report.findings.len(),
    })];
    lines.extend(report.findings.iter().map(check));
    lines.extend(report.comparison.iter().map(compared));
    let totals: Map<String, Value> = report
        .counts()
        .into_iter()
        .map(|(verdict, count)| (verdict.name().to_owned(), count.into()))
        .collect();
    lines.push(json!({
        "event": "conformanceEnd",
        "took_us": micros(report.took),
        "totals": totals,
        "exit_status": report.exit_status(),
    }));
    lines.into_iter().map(|line| json_line(&line) + "\n").collect()
}

fn check(finding: &Finding) -> Value {
    json!({
        "event": "check",
        "id": finding.id,
        "group": finding.group(),
        "requires": finding.requires,
        "source": finding.source,
        "verdict": finding.verdict.name(),
        "detail": finding.detail,
        "location": finding.location,
        "took_us": micros(finding.took),
        "measurements": finding.measurements.iter().map(measured).collect::<Vec<_>>(),
    })
}

fn measured(measurement: &Measurement) -> Value {
    let mut object = Map::new();
    object.insert("name".to_owned(), measurement.name.into());
    for (name, percent) in super::PERCENTILES {
        object.insert(format!("{name}_us"), measurement.percentile(percent).map(micros).into());
    }
    let values: Vec<f64> = measurement.times.iter().copied().map(micros).collect();
    object.insert("values_us".to_owned(), values.into());
    Value::Object(object)
}

fn compared(comparison: &Comparison) -> Value {
    let totals = comparison.totals;
    json!({
        "event": "v4l2Compliance",
        "version": comparison.version,
        "device": comparison.device,
        "total": totals.total,
        "succeeded": totals.succeeded,
        "failed": totals.failed,
        "warnings": totals.warnings,
        "tests": comparison.tests.iter().map(|test| json!({
            "section": test.section, "name": test.name, "verdict": test.verdict.name(), "notes": test.notes,
        })).collect::<Vec<_>>(),
    })
}
