//! Checks that hold Latent's architecture: which crate may know which, where `unsafe` and kernel paths may stand, how
//! files are named, what the tree may say, and under which licences its dependencies come.
//!
//! Every check is a pure function from a [`Tree`] to [`Finding`]s; reading the tree and asking cargo are the only effects.
//! Beside them, the test bed's USB camera ([`uvc_camera`]).
#![forbid(unsafe_code)]

pub mod checks;
mod rust_text;
mod tree;
pub mod uvc_camera;

pub use tree::{SourceFile, Tree};

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the tree's root.
    pub path: String,
    /// Its line, counted from 1; 1 where the whole file is meant.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}
