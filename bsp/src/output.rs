//! What is printed: text for people, JSON for programs; a closed pipe ends nothing.

use std::io::Write;

use serde::Serialize;
use serde_json::json;

use crate::exit::Failure;

/// Where the program writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// A line of text to standard output.
    pub(crate) fn line(self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    /// A line of text to standard error.
    pub(crate) fn note(self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// One JSON object on one line.
    pub(crate) fn object(self, value: &impl Serialize) {
        if let Ok(text) = serde_json::to_string(value) {
            self.line(&text);
        }
    }

    /// One JSON document, indented.
    pub(crate) fn document(self, value: &impl Serialize) {
        if let Ok(text) = serde_json::to_string_pretty(value) {
            self.line(&text);
        }
    }

    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            let error = json!({"error": {
                "kind": failure.kind, "message": failure.message, "hint": failure.hint,
            }});
            self.note(&error.to_string());
        } else {
            self.note(&format!("latent: {}", failure.message));
            if let Some(hint) = &failure.hint {
                self.note(&format!("        {hint}"));
            }
        }
    }
}
