//! A board's file: what is known of the cameras of a board. So far, which conformance checks fail there, and why.

use std::ops::Range;
use std::path::Path;

use latent_hal::conformance::Expected;
use serde::Deserialize;
use toml::Spanned;

use crate::exit::Failure;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BoardFile {
    #[serde(default)]
    expected_fail: Vec<ExpectedFail>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedFail {
    check: Spanned<String>,
    reason: String,
    link: Option<String>,
}

/// The failures that a board's file expects.
pub(crate) fn expected(path: &Path) -> Result<Vec<Expected>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    parse(&text).map_err(|(place, message)| {
        let (line, column) = position(&text, place.start);
        Failure::usage(format!("{}:{line}:{column}: {message}", path.display()))
    })
}

fn parse(text: &str) -> Result<Vec<Expected>, (Range<usize>, String)> {
    let file: BoardFile = toml::from_str(text)
        .map_err(|error| (error.span().unwrap_or_default(), error.message().to_owned()))?;
    let mut expected = Vec::with_capacity(file.expected_fail.len());
    for ExpectedFail { check, reason, link } in file.expected_fail {
        let place = check.span();
        expected.push(Expected { check: check.into_inner(), reason, link });
        Expected::check_all(&expected).map_err(|error| (place, error.to_string()))?;
    }
    Ok(expected)
}

/// Line and column of a byte, both from 1; columns count characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (usize, usize, String) {
        let (place, message) = parse(text).unwrap_err();
        let (line, column) = position(text, place.start);
        (line, column, message)
    }

    #[test]
    fn failures_are_read_with_reason_and_link() {
        let id = latent_hal::conformance::all()[0].id;
        let text =
            format!("[[expected-fail]]\ncheck = \"{id}\"\nreason = \"known\"\nlink = \"https://a.org\"\n");
        let link = Some("https://a.org".to_owned());
        assert_eq!(
            parse(&text),
            Ok(vec![Expected { check: id.to_owned(), reason: "known".to_owned(), link }])
        );
        assert_eq!(parse(""), Ok(Vec::new()));
    }

    #[test]
    fn what_cannot_stand_is_refused_where_it_stands() {
        let (line, column, message) =
            refused("\n[[expected-fail]]\ncheck = \"no.such.check\"\nreason = \"x\"\n");
        assert_eq!((line, column), (3, 9));
        assert!(message.contains("no.such.check"), "{message}");
        let (line, _, message) = refused("[[expected-fail]]\ncheck = \"a\"\nwhy = \"x\"\n");
        assert_eq!(line, 3);
        assert!(message.contains("why"), "{message}");
        assert_eq!(refused("[sensor]\n").0, 1);
        assert_eq!(refused("# é\n[[expected-fail]\n").0, 2);
        assert!(refused("[[expected-fail]]\ncheck = \"a.b.c\"\n").2.contains("reason"));
    }
}
