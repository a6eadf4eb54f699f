//! Failures that a board's file expects, each with its reason.
//!
//! ```toml
//! [[expected-fail]]
//! check = "streaming.sequence.first"
//! reason = "the receiver counts from the moment it is powered"
//! link = "https://example.org/bug/1"
//! ```

use super::checks;

/// A failure that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The check's id.
    pub check: String,
    /// Why it fails.
    pub reason: String,
    /// Where that is followed up.
    pub link: Option<String>,
}

/// A failure that cannot be expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpectedError {
    /// There is no such check.
    #[error("no check is called `{0}`; `latent conformance --list` has them all")]
    Unknown(String),
    /// A failure is expected without saying why.
    #[error("the failure of `{0}` is expected without a reason")]
    NoReason(String),
    /// It is expected twice.
    #[error("the failure of `{0}` is expected twice")]
    Twice(String),
}

impl Expected {
    /// Checks a list of them.
    ///
    /// # Errors
    /// The first that cannot stand.
    pub fn check_all(list: &[Self]) -> Result<(), ExpectedError> {
        let known = checks::all();
        for (index, expected) in list.iter().enumerate() {
            let name = || expected.check.clone();
            if !known.iter().any(|check| check.id == expected.check) {
                return Err(ExpectedError::Unknown(name()));
            }
            if expected.reason.trim().is_empty() {
                return Err(ExpectedError::NoReason(name()));
            }
            if list[..index].iter().any(|earlier| earlier.check == expected.check) {
                return Err(ExpectedError::Twice(name()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_expected_is_refused_by_name() {
        let good = Expected { check: checks::all()[0].id.to_owned(), reason: "known".to_owned(), link: None };
        assert_eq!(Expected::check_all(std::slice::from_ref(&good)), Ok(()));
        let unknown = Expected { check: "no.such.check".to_owned(), ..good.clone() };
        assert_eq!(Expected::check_all(&[unknown]), Err(ExpectedError::Unknown("no.such.check".to_owned())));
        let silent = Expected { reason: " ".to_owned(), ..good.clone() };
        assert!(matches!(Expected::check_all(&[silent]), Err(ExpectedError::NoReason(_))));
        assert!(matches!(Expected::check_all(&[good.clone(), good]), Err(ExpectedError::Twice(_))));
    }
}
