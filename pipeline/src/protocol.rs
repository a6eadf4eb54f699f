//! What an owner of a library and its clients say to each other: one request a connection, one JSON object a line in
//! both directions. The client sends a [`ShootRequest`]; the owner answers with `{"accepted":true}`, then the capture's
//! events as they happen, then `{"done":…}` or `{"error":…}`. A client that hangs up, or closes its writing side, cancels
//! its request. Lines of other names and events that this version does not know are of a newer owner's and are skipped.
//!
//! Owns: the lines, and reading them from a peer that may say anything. Never: sockets, photos.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::developer::Summary;
use crate::error::Error;
use crate::event::Event;
use crate::owner::ShootRequest;

/// The longest request that is read, in bytes: a camera's name and a few numbers.
const REQUEST_BYTES: u64 = 64 * 1024;

/// The longest answer that is read, in bytes.
const ANSWER_BYTES: u64 = 1024 * 1024;

/// A line from owner to client.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    Accepted(bool),
    Event(Event),
    Done(Outcome),
    Error(RemoteError),
}

/// The most reasons that an answer tells: even with names as long as a file system has them, it can be read.
const MOST_REASONS: usize = 16;

/// What became of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Photos that are full now.
    pub developed: u32,
    /// Photos that stay as they are.
    pub fallbacks: u32,
    /// Why photos wait for a later run: of the first of them.
    pub postponed: Vec<String>,
    /// How many more photos wait.
    #[serde(default)]
    pub postponed_more: u32,
}

impl Outcome {
    /// How many photos wait for a later run.
    pub fn waiting(&self) -> u32 {
        self.postponed_more.saturating_add(u32::try_from(self.postponed.len()).unwrap_or(u32::MAX))
    }
}

impl From<Summary> for Outcome {
    fn from(summary: Summary) -> Self {
        let more = summary.postponed.len().saturating_sub(MOST_REASONS);
        let postponed = summary.postponed.into_iter().take(MOST_REASONS).map(|(_, why)| why).collect();
        Self {
            developed: summary.developed,
            fallbacks: summary.fallbacks,
            postponed,
            postponed_more: u32::try_from(more).unwrap_or(u32::MAX),
        }
    }
}

/// A failure on the owner's side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct RemoteError {
    /// The word for its kind.
    pub kind: String,
    /// What failed.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&Error> for RemoteError {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind().as_str().to_owned(),
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
        }
    }
}

/// Reads what a client wants; the inner error is the answer to a request that is none. Reads at most 64 KiB. Blocks as
/// `from` does.
///
/// # Errors
/// What reading failed with.
pub fn read_request(from: impl Read) -> io::Result<Result<ShootRequest, RemoteError>> {
    let mut line = Vec::new();
    BufReader::new(from.take(REQUEST_BYTES)).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line).map_err(|error| RemoteError {
        kind: "bad_input".to_owned(),
        message: format!("the request is none that this version knows: {error}"),
        hint: None,
    }))
}

/// Reads the owner's answers to their end and hands its events on. `None` when the request was not accepted and may be
/// made again. An owner that stops half-way, or says what is no answer, is an error of kind `device`. Blocks as `from`
/// does.
pub fn read_answers(
    from: impl Read,
    mut on_event: impl FnMut(Event),
) -> Option<Result<Outcome, RemoteError>> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    let mut accepted = false;
    loop {
        line.clear();
        let read = from.by_ref().take(ANSWER_BYTES).read_until(b'\n', &mut line);
        match read.ok().filter(|length| *length > 0).and_then(|_| Heard::of(&line)) {
            Some(Heard::Known(Line::Accepted(_))) => accepted = true,
            Some(Heard::Known(Line::Event(event))) => on_event(event),
            Some(Heard::Known(Line::Done(outcome))) => return Some(Ok(outcome)),
            Some(Heard::Known(Line::Error(error))) => return Some(Err(error)),
            Some(Heard::Newer) => {}
            None => break,
        }
    }
    accepted.then(|| {
        Err(RemoteError {
            kind: "device".to_owned(),
            message: "the program that owns the library ended while it worked for us".to_owned(),
            hint: Some(
                "photos that were announced are safe; `latent jobs run --until-empty` develops what is left"
                    .to_owned(),
            ),
        })
    })
}

/// What a line is to a client.
enum Heard {
    Known(Line),
    /// Of a newer owner: nothing that the end of the conversation depends on.
    Newer,
}

impl Heard {
    /// `None` for what is no line of an owner's.
    fn of(line: &[u8]) -> Option<Self> {
        if let Ok(known) = serde_json::from_slice(line) {
            return Some(Self::Known(known));
        }
        let names: BTreeMap<String, IgnoredAny> = serde_json::from_slice(line).ok()?;
        let decides = ["accepted", "done", "error"].iter().any(|name| names.contains_key(*name));
        (!names.is_empty() && !decides).then_some(Self::Newer)
    }
}

/// Says something, in one line.
pub(crate) fn say(mut to: impl Write, what: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string(what)?;
    text.push('\n');
    to.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answers(text: &str) -> (usize, Option<Result<Outcome, RemoteError>>) {
        let mut events = 0;
        let outcome = read_answers(text.as_bytes(), |_| events += 1);
        (events, outcome)
    }

    #[test]
    fn a_request_comes_over_as_it_was_meant() {
        let camera = Some("virtual".to_owned());
        let wish = ShootRequest { camera, format: None, size: None, count: 3, burst: 8, develop: true };
        let mut line = Vec::new();
        say(&mut line, &wish).unwrap();
        line.extend(b"what follows is not read");
        assert_eq!(read_request(&*line).unwrap().unwrap(), wish);
    }

    #[test]
    fn what_is_no_request_is_answered_and_not_dropped() {
        for line in [&b""[..], b"\n", b"{}\n", b"{\"count\":-1}\n", b"\xff\xfe\n", &[b' '; 100_000]] {
            let refusal = read_request(line).unwrap().unwrap_err();
            assert_eq!(refusal.kind, "bad_input");
            assert!(refusal.message.contains("none that this version knows"), "{refusal}");
        }
    }

    #[test]
    fn answers_end_with_what_became_of_the_request() {
        let event = r#"{"event":{"event":"captureReady","capture_id":1,"t_us":5}}"#;
        let done = r#"{"done":{"developed":1,"fallbacks":0,"postponed":[]}}"#;
        let outcome = Outcome { developed: 1, ..Outcome::default() };
        let (events, result) = answers(&format!("{{\"accepted\":true}}\n{event}\n{event}\n{done}\n"));
        assert_eq!((events, result), (2, Some(Ok(outcome))));
        let (_, result) = answers("{\"error\":{\"kind\":\"busy\",\"message\":\"no\"}}\n");
        assert_eq!(result.unwrap().unwrap_err().kind, "busy");
    }

    #[test]
    fn events_and_lines_of_a_newer_owner_are_skipped_and_the_conversation_goes_on() {
        let known = r#"{"event":{"event":"captureReady","capture_id":1,"t_us":5}}"#;
        let done = r#"{"done":{"developed":1,"fallbacks":0,"postponed":[],"spared_ms":3}}"#;
        for newer in [
            r#"{"event":{"event":"photoAssetDreamt","capture_id":1,"t_us":7,"dream":{"of":["sheep"]}}}"#,
            r#"{"event":{"event":"captureEnd","capture_id":1,"t_us":7,"frames":{"raw":8}}}"#,
            r#"{"progress":{"asset_id":"x","rows":64}}"#,
        ] {
            let text = format!("{{\"accepted\":true}}\n{known}\n{newer}\n{known}\n{done}\n");
            let (events, result) = answers(&text);
            assert_eq!(events, 2, "{newer}");
            assert_eq!(result.unwrap().unwrap().developed, 1, "{newer}");
        }
        // What decides how it ended must be understood.
        let (_, result) = answers("{\"accepted\":true}\n{\"done\":{\"all\":\"well\"}}\n");
        assert_eq!(result.unwrap().unwrap_err().kind, "device");
    }

    #[test]
    fn an_answer_with_very_many_reasons_can_be_read_and_says_how_many_there_are() {
        let longest = format!("cannot replace {}", "\u{1}".repeat(4096));
        let postponed = vec![(uuid::Uuid::nil(), longest); 50_000];
        let outcome = Outcome::from(Summary { developed: 2, fallbacks: 1, postponed });
        let mut said = Vec::new();
        say(&mut said, &Line::Accepted(true)).unwrap();
        say(&mut said, &Line::Done(outcome.clone())).unwrap();
        assert!((said.len() as u64) < ANSWER_BYTES, "{}", said.len());
        let heard = read_answers(&*said, |_| {}).unwrap().unwrap();
        assert_eq!((&heard, heard.waiting()), (&outcome, 50_000));
    }

    #[test]
    fn an_owner_that_says_nothing_or_nonsense_has_not_accepted() {
        for text in ["", "\n", "nonsense\n", "{\"accepted\":"] {
            assert_eq!(answers(text), (0, None), "{text}");
            let (_, result) = answers(&format!("{{\"accepted\":true}}\n{text}"));
            assert_eq!(result.unwrap().unwrap_err().kind, "device", "{text}");
        }
    }

    #[test]
    fn an_answer_without_an_end_is_given_up() {
        let endless = io::repeat(b' ').take(ANSWER_BYTES * 1000);
        let mut left = endless;
        assert_eq!(read_answers(&mut left, |_| {}), None);
        assert!(left.limit() > ANSWER_BYTES * 990, "{} bytes are left", left.limit());
    }

    proptest! {
        #[test]
        fn no_peer_panics(bytes: Vec<u8>) {
            let _ = read_request(&*bytes);
            let _ = read_answers(&*bytes, |_| {});
        }
    }
}
