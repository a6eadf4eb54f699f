//! A board's file: what is known of the cameras of a board. So far, which test picture they show, and which conformance
//! checks fail there, and why.

use std::ops::Range;
use std::path::Path;

use latent_hal::conformance::{Expected, TestPicture};
use serde::Deserialize;
use toml::Spanned;

use crate::exit::Failure;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BoardFile {
    scene: Option<Spanned<String>>,
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

/// What a board's file says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Board {
    /// The picture that its camera shows while it is tested.
    pub(crate) scene: Option<TestPicture>,
    /// The failures that it expects.
    pub(crate) expected: Vec<Expected>,
}

/// Reads a board's file.
pub(crate) fn read(path: &Path) -> Result<Board, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    parse(&text).map_err(|(place, message)| {
        let (line, column) = position(&text, place.start);
        Failure::usage(format!("{}:{line}:{column}: {message}", path.display()))
    })
}

fn parse(text: &str) -> Result<Board, (Range<usize>, String)> {
    let file: BoardFile = toml::from_str(text)
        .map_err(|error| (error.span().unwrap_or_default(), error.message().to_owned()))?;
    let scene =
        file.scene.map(|scene| scene.get_ref().parse().map_err(|error| (scene.span(), format!("{error}"))));
    let scene = scene.transpose()?;
    let mut expected = Vec::with_capacity(file.expected_fail.len());
    for ExpectedFail { check, reason, link } in file.expected_fail {
        let place = check.span();
        expected.push(Expected { check: check.into_inner(), reason, link });
        Expected::check_all(&expected).map_err(|error| (place, error.to_string()))?;
    }
    Ok(Board { scene, expected })
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
            parse(&text).unwrap().expected,
            vec![Expected { check: id.to_owned(), reason: "known".to_owned(), link }]
        );
        assert_eq!(parse(""), Ok(Board::default()));
    }

    #[test]
    fn the_picture_that_a_camera_shows_is_read_and_others_are_refused_with_those_that_there_are() {
        assert_eq!(parse("scene = \"bars-and-ramp\"\n").unwrap().scene, Some(TestPicture::BarsAndRamp));
        let (line, column, message) = refused("# a chart\nscene = \"chart\"\n");
        assert_eq!((line, column), (2, 9));
        assert!(message.contains("chart") && message.contains("bars-and-ramp"), "{message}");
    }

    #[test]
    fn the_boards_of_this_project_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        assert!(files.map(|file| read(&file).unwrap()).any(|board| board.scene.is_some()));
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
