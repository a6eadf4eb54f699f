//! Exit statuses, and failures that carry one.

use latent_pipeline::server::RemoteError;
use latent_pipeline::{Error, ErrorKind};

pub(crate) const DONE: u8 = 0;
pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const BUSY: u8 = 75;
pub(crate) const TIMEOUT: u8 = 124;
pub(crate) const INTERRUPTED: u8 = 130;

/// A failure as it is shown.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    status: u8,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: "usage".to_owned(), message: message.into(), hint: None, status: USAGE }
    }

    pub(crate) fn failed(kind: &str, message: impl Into<String>, hint: Option<&str>) -> Self {
        Self { kind: kind.to_owned(), message: message.into(), hint: hint.map(str::to_owned), status: FAILED }
    }

    /// What is needed is not there or does not work.
    pub(crate) fn infrastructure(kind: &str, message: impl Into<String>, hint: Option<&str>) -> Self {
        Self::failed(kind, message, hint).into_infrastructure()
    }

    pub(crate) fn into_infrastructure(self) -> Self {
        Self { status: USAGE, ..self }
    }

    pub(crate) fn timeout(message: impl Into<String>) -> Self {
        Self { kind: "timeout".to_owned(), message: message.into(), hint: None, status: TIMEOUT }
    }

    pub(crate) fn status(&self) -> u8 {
        self.status
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = error.kind();
        let status = match &error {
            Error::Camera(camera) if camera.kind() == latent_hal::error::ErrorKind::Usage => USAGE,
            _ if kind == ErrorKind::Busy => BUSY,
            _ => FAILED,
        };
        Self {
            kind: kind.as_str().to_owned(),
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
            status,
        }
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let status = if error.kind == ErrorKind::Busy.as_str() { BUSY } else { FAILED };
        Self { kind: error.kind, message: error.message, hint: error.hint, status }
    }
}
