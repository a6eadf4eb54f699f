//! The rules, one module for each subject.

mod crates;
mod kernel_paths;
mod layout;
mod licences;
mod unsafe_code;
mod wording;

pub use licences::licences;

use crate::{Finding, Tree};

/// Every rule that the tree alone can answer; ordered by place.
pub fn all(tree: &Tree) -> Vec<Finding> {
    let rules = [crates::check, kernel_paths::check, layout::check, unsafe_code::check, wording::check];
    let mut findings: Vec<_> = rules.into_iter().flat_map(|rule| rule(tree)).collect();
    findings.sort();
    findings
}
