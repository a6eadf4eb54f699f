//! Every format is read back by something that shares no code with its writer, and the totals are compared.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::conformance::{Measurement, Subject};
use crate::simulated::Options;

const IDS: [&str; 8] = [
    "identity.querycap.works",
    "identity.driver.named",
    "formats.raw.listed",
    "streaming.sequence.first",
    "streaming.latency.distribution",
    "faults.disconnect.told",
    "machine.thermal.read",
    "machine.psi.read",
];

/// What must not reach a reader as it is.
const HOSTILE: &str = "a # TODO b\nok 99 - no\n  ...\nBail out!\nPASS: x\n<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=y RESULT=fail>\n\
    </script><b>&amp;]]>\u{0}\u{1b}[2J\r\u{85}\u{2028}\u{ffff}\u{202e}'\"\\";

fn report(texts: &[String], verdicts: &[Verdict]) -> Report {
    let text = |index: usize| texts.get(index % texts.len().max(1)).cloned().unwrap_or_default();
    // Texts of checks are part of the program, but those who add checks of their own may write anything.
    let leaked = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let findings = IDS.iter().zip(verdicts).enumerate().map(|(index, (id, verdict))| Finding {
        id,
        requires: leaked(text(index + 1)),
        source: leaked(format!("https://docs.kernel.org/{}", text(index + 2))),
        verdict: *verdict,
        detail: if *verdict == Verdict::Pass { String::new() } else { text(index) },
        location: (*verdict == Verdict::Fail).then(|| "checks/a.rs:12".to_owned()),
        took: Duration::from_micros(1500),
        measurements: vec![Measurement {
            name: leaked(text(index + 3)),
            times: (0..index as u64).map(Duration::from_millis).collect(),
        }],
    });
    Report {
        subject: text(4),
        camera: Some(CameraSummary { id: text(5), driver: text(6), model: text(7) }),
        machine: Machine::current(),
        started: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250),
        took: Duration::from_secs(3),
        findings: findings.collect(),
        comparison: Some(Comparison::parse(comparison::tests::SAMPLE).unwrap()),
    }
}

fn every_verdict() -> Vec<Verdict> {
    Verdict::ALL.into_iter().cycle().take(IDS.len()).collect()
}

fn plain() -> Report {
    report(&["a sensor".to_owned()], &every_verdict())
}

/// Verdicts by name, as a reader counted them.
type Counted = HashMap<String, usize>;

fn expected(report: &Report) -> Counted {
    let counts = report.counts().into_iter().filter(|(_, count)| *count > 0);
    counts.map(|(verdict, count)| (verdict.name().to_owned(), count)).collect()
}

/// The verdicts of formats that know three.
fn expected_of_three(report: &Report) -> Counted {
    let mut counted = Counted::new();
    for finding in &report.findings {
        let name = match finding.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            _ => "skip",
        };
        *counted.entry(name.to_owned()).or_default() += 1;
    }
    counted
}

fn count(into: &mut Counted, name: &str) {
    *into.entry(name.to_owned()).or_default() += 1;
}

/// A reader of TAP 14 that takes nothing which the grammar does not have, and YAML blocks of scalars only.
fn read_tap(text: &str) -> Counted {
    assert!(text.ends_with('\n') && !text.contains('\r'));
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("TAP version 14"));
    let plan = lines.next().and_then(|line| line.strip_prefix("1..")).expect("a plan");
    let planned: usize = plan.split(" # ").next().unwrap().parse().unwrap();
    let mut counted = Counted::new();
    let mut points = 0;
    let mut of_line = String::new();
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            continue;
        }
        if line == "  ---" {
            let block: Vec<_> = lines.by_ref().take_while(|line| *line != "  ...").collect();
            let mut verdict = String::new();
            for entry in &block {
                let entry = entry.strip_prefix("  ").expect("indented by two");
                let (key, value) = entry.split_once(':').expect("a key");
                assert!(
                    key.trim_start_matches([' ', '-'])
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
                );
                let value = value.trim();
                let scalar =
                    if value.is_empty() { Value::Null } else { serde_json::from_str(value).unwrap() };
                if key == "verdict" {
                    verdict = scalar.as_str().unwrap().to_owned();
                }
            }
            let agrees = match of_line.as_str() {
                "skip" => ["skip", "not-supported"].contains(&verdict.as_str()),
                other => other == verdict,
            };
            assert!(agrees, "{of_line} on the line, {verdict} in its block");
            count(&mut counted, &verdict);
            continue;
        }
        points += 1;
        let (good, rest) = match line.strip_prefix("not ") {
            Some(rest) => (false, rest),
            None => (true, line),
        };
        let rest =
            rest.strip_prefix(&format!("ok {points} - ")).unwrap_or_else(|| panic!("no point: {line}"));
        let mut halves = rest.split(" # ");
        let description = halves.next().unwrap();
        assert!(IDS.contains(&description), "{description}");
        let directive = halves.next();
        assert_eq!(halves.next(), None, "one directive in: {line}");
        let word = directive.map(|directive| directive.split(' ').next().unwrap());
        of_line = match (good, word) {
            (true, None) => "pass",
            (false, None) => "fail",
            (true, Some("SKIP")) => "skip",
            (false, Some("TODO")) => "expected-fail",
            other => panic!("{other:?} in: {line}"),
        }
        .to_owned();
    }
    assert_eq!(points, planned);
    counted
}

fn read_junit(text: &str) -> Counted {
    let document = roxmltree::Document::parse(text).unwrap();
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    let number = |node: roxmltree::Node<'_, '_>, name: &str| -> usize {
        node.attribute(name).unwrap().parse().unwrap()
    };
    let mut counted = Counted::new();
    let mut tests = 0;
    for suite in root.children().filter(roxmltree::Node::is_element) {
        let cases: Vec<_> = suite.children().filter(|node| node.has_tag_name("testcase")).collect();
        let having = |tag: &str| {
            cases.iter().filter(|case| case.children().any(|node| node.has_tag_name(tag))).count()
        };
        assert_eq!(number(suite, "tests"), cases.len());
        assert_eq!(number(suite, "failures"), having("failure"));
        assert_eq!(number(suite, "skipped"), having("skipped"));
        tests += cases.len();
        for case in cases {
            assert!(IDS.contains(&case.attribute("name").unwrap()));
            assert!(case.attribute("time").unwrap().parse::<f64>().unwrap() > 0.0);
            let result =
                case.children().find(|node| node.has_tag_name("failure") || node.has_tag_name("skipped"));
            count(&mut counted, result.map_or("pass", |node| node.attribute("type").unwrap()));
            if let Some(failure) = result.filter(|node| node.has_tag_name("failure")) {
                assert!(failure.text().unwrap().contains("checks/a.rs:12"));
            }
        }
    }
    assert_eq!(number(root, "tests"), tests);
    assert_eq!(number(root, "failures"), counted.get("fail").copied().unwrap_or_default());
    counted
}

fn read_jsonl(text: &str) -> Counted {
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.first().unwrap()["event"], "conformanceStart");
    let mut counted = Counted::new();
    for line in lines.iter().filter(|line| line["event"] == "check") {
        count(&mut counted, line["verdict"].as_str().unwrap());
        assert!(line["measurements"].as_array().unwrap().iter().all(|m| m["values_us"].is_array()));
    }
    let last = lines.last().unwrap();
    assert_eq!(last["event"], "conformanceEnd");
    for (verdict, total) in last["totals"].as_object().unwrap() {
        assert_eq!(
            total.as_u64().unwrap(),
            counted.get(verdict).copied().unwrap_or_default() as u64,
            "{verdict}"
        );
    }
    assert_eq!(lines[0]["checks"].as_u64().unwrap() as usize, counted.values().sum::<usize>());
    counted
}

/// The rules of `oeqa.utils.logparser.PtestParser`: marks at the start of a line, the name behind them, of failures as
/// far as the first parenthesis; sections by their folder.
fn read_ptest(text: &str) -> Counted {
    let mut counted = Counted::new();
    let mut names = HashSet::new();
    let (mut section, mut ended, mut duration) = (None, false, None);
    let folder = |rest: &str| {
        rest.trim().strip_suffix("/ptest").and_then(|path| path.rsplit('/').next()).map(str::to_owned)
    };
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("BEGIN: ") {
            section = folder(rest);
        } else if let Some(rest) = line.strip_prefix("END: ") {
            ended = section.is_some() && folder(rest) == section;
        } else if let Some(rest) = line.strip_prefix("DURATION: ") {
            duration = rest.parse::<u64>().ok();
        }
        for (mark, verdict) in [("PASS:", "pass"), ("FAIL:", "fail"), ("SKIP:", "skip")] {
            let Some(name) = line.strip_prefix(mark) else { continue };
            let name = if mark == "FAIL:" { name.split('(').next().unwrap() } else { name };
            assert!(IDS.contains(&name.trim()) && names.insert(name.trim().to_owned()), "{line}");
            count(&mut counted, verdict);
        }
    }
    assert_eq!((section.as_deref(), ended, duration), (Some("latent-conformance"), true, Some(3)));
    counted
}

/// The rules of LAVA's dispatcher: `<LAVA_SIGNAL_(\S+) ([^>]+)>` anywhere, parameters `KEY=VALUE` with spaces between.
fn read_lava(text: &str) -> Counted {
    let mut counted = Counted::new();
    let mut set: Option<String> = None;
    let mut names = HashSet::new();
    for signal in text.split("<LAVA_").skip(1) {
        let (kind, rest) = signal.strip_prefix("SIGNAL_").and_then(|signal| signal.split_once(' ')).unwrap();
        let parameters: Vec<_> = rest.split_once('>').unwrap().0.split_whitespace().collect();
        match (kind, parameters.as_slice()) {
            ("TESTSET", ["START", name]) => {
                assert_eq!(set.replace((*name).to_owned()), None);
            }
            ("TESTSET", ["STOP"]) => assert!(set.take().is_some()),
            ("TESTCASE", parameters) => {
                let values: HashMap<_, _> =
                    parameters.iter().map(|pair| pair.split_once('=').unwrap()).collect();
                assert_eq!(values.len(), parameters.len());
                assert!(values["MEASUREMENT"].parse::<f64>().is_ok() && !values["UNITS"].is_empty());
                assert!(
                    names.insert((set.clone(), values["TEST_CASE_ID"]))
                        || set.as_deref() == Some("measurements")
                );
                match set.as_deref().unwrap() {
                    "measurements" => assert_eq!(values["RESULT"], "pass"),
                    set => {
                        assert_eq!(values["TEST_CASE_ID"].split('.').next(), Some(set));
                        count(&mut counted, values["RESULT"]);
                    }
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(set, None);
    counted
}

fn read_html(text: &str) -> Counted {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(text, options).unwrap();
    let mut counted = Counted::new();
    let mut told = HashMap::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        for attribute in node.attributes() {
            let loads = ["src", "action", "data", "style", "srcset"].contains(&attribute.name());
            assert!(!loads && !attribute.name().starts_with("on"), "{}", attribute.name());
        }
        assert!(!["link", "img", "iframe", "object", "base"].contains(&node.tag_name().name()));
        match node.tag_name().name() {
            "article" => {
                count(&mut counted, node.attribute("data-verdict").unwrap());
                assert!(IDS.contains(&node.attribute("id").unwrap()));
            }
            "button" => {
                let total =
                    node.children().find(|node| node.has_tag_name(("http://www.w3.org/1999/xhtml", "b")));
                let total: usize = total.unwrap().text().unwrap().parse().unwrap();
                told.insert(node.attribute("data-show").unwrap().to_owned(), total);
            }
            "a" => {
                let target = node.attribute("href").unwrap();
                assert!(
                    target.starts_with("https://")
                        || target.starts_with("http://")
                        || target.starts_with('#')
                );
            }
            _ => {}
        }
    }
    assert_eq!(told.remove("all"), Some(counted.values().sum()));
    told.retain(|_, count| *count > 0);
    assert_eq!(told, counted);
    counted
}

fn all_agree(report: &Report) {
    let (all, three) = (expected(report), expected_of_three(report));
    assert_eq!(read_tap(&report.render(Format::Tap)), all, "tap");
    assert_eq!(read_junit(&report.render(Format::Junit)), all, "junit");
    assert_eq!(read_jsonl(&report.render(Format::Jsonl)), all, "jsonl");
    assert_eq!(read_ptest(&report.render(Format::Ptest)), three, "ptest");
    assert_eq!(read_lava(&report.render(Format::Lava)), three, "lava");
    assert_eq!(read_html(&report.render(Format::Html)), all, "html");
}

#[test]
fn every_format_is_read_by_another_reader_and_the_totals_agree() {
    all_agree(&plain());
    all_agree(&report(&["nothing".to_owned()], &[]));
    all_agree(&report(&[HOSTILE.to_owned()], &every_verdict()));
    all_agree(&Report { camera: None, comparison: None, ..plain() });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_of_a_device_breaks_a_report(
        texts in proptest::collection::vec("(?s).{0,40}|[<>&#'\"\\\\\\x00-\\x1f\u{80}-\u{9f}]{0,20}", 1..8),
        verdicts in proptest::collection::vec(0usize..5, 0..=IDS.len()),
    ) {
        let verdicts: Vec<_> = verdicts.into_iter().map(|index| Verdict::ALL[index]).collect();
        all_agree(&report(&texts, &verdicts));
    }
}

#[test]
fn a_failure_tells_what_where_and_why_in_every_format() {
    let mut report = plain();
    report.findings[1].detail = "the driver says <b> & \"c\"".to_owned();
    for format in Format::ALL {
        let text = report.render(format);
        assert!(text.contains("identity.driver.named"), "{format}");
        assert!(text.contains("the driver says"), "{format}");
        assert!(format == Format::Lava || text.contains("checks/a.rs:12"), "{format}");
        assert!(text.contains(&report.machine.architecture), "{format}");
    }
    let text = report.render(Format::Html);
    assert!(text.contains("https://docs.kernel.org/") && text.contains("v4l2-compliance: 6 tests"));
}

#[test]
fn json_keeps_every_value_that_was_measured() {
    let text = plain().render(Format::Jsonl);
    let line: Value = serde_json::from_str(text.lines().nth(5).unwrap()).unwrap();
    let measured = &line["measurements"][0];
    assert_eq!(measured["values_us"], serde_json::json!([0.0, 1000.0, 2000.0, 3000.0]));
    assert_eq!((&measured["p50_us"], &measured["max_us"]), (&1000.0.into(), &3000.0.into()));
    let start: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(start["started"], "2023-11-14T22:13:20Z");
}

#[test]
fn exit_statuses_are_those_of_the_verdicts() {
    let status = |verdicts: &[Verdict]| report(&[String::new()], verdicts).exit_status();
    assert_eq!(status(&[Verdict::Pass, Verdict::Skip, Verdict::ExpectedFail]), 0);
    assert_eq!(status(&[Verdict::NotSupported]), 0);
    assert_eq!(status(&[Verdict::ExpectedFail]), 0);
    assert_eq!(status(&[Verdict::Pass, Verdict::Fail, Verdict::Skip]), 1);
    assert_eq!(status(&[Verdict::Skip, Verdict::Skip]), 77);
    assert_eq!(status(&[]), 77);
}

#[test]
fn all_files_are_written_whole_and_replace_those_of_an_earlier_run() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("a/b");
    let report = plain();
    let first = report.write(&place).unwrap();
    assert_eq!(report.write(&place).unwrap(), first);
    assert_eq!(fs::read_dir(&place).unwrap().count(), Format::ALL.len(), "nothing else stays there");
    for (path, format) in first.iter().zip(Format::ALL) {
        assert_eq!(path, &place.join(format.file_name()));
        assert_eq!(fs::read_to_string(path).unwrap(), report.render(format));
    }
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(report.write(&file).unwrap_err().to_string().contains("file"));
}

#[test]
fn formats_are_found_by_name() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
    }
    assert_eq!("xml".parse::<Format>(), Err(UnknownFormat("xml".to_owned())));
}

#[test]
fn the_camera_is_described_and_one_that_is_gone_is_not() {
    let subject = Subject::simulated(Options::default()).unwrap();
    let report = Report::new(&subject, SystemTime::now(), Duration::ZERO, Vec::new());
    assert_eq!(report.camera.unwrap().driver, "virtual");
    let gone = Subject::camera("gone", || Err(crate::Error::Gone { camera: "gone".to_owned() }));
    let report = Report::new(&gone, SystemTime::now(), Duration::ZERO, Vec::new());
    assert_eq!((report.camera, report.subject.as_str()), (None, "gone"));
}

#[test]
fn json_lines_stay_whole_for_readers_that_end_lines_elsewhere_too() {
    let text = report(&[HOSTILE.to_owned()], &every_verdict()).render(Format::Jsonl);
    assert!(!text.contains(['\u{85}', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}']));
    let start: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(start["subject"], HOSTILE);
}
