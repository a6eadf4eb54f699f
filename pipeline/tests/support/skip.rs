//! Tests that a machine cannot run say so, past the harness, which keeps what passing tests print.

use std::io::Write;

/// Says why a test, or a part of it, did not run. With `CI=true` that is a failure: such machines must have what it takes.
#[allow(dead_code)] // some test programs skip hardware alone
pub(crate) fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI=true allows no skipping: {reason}");
    skip_without_hardware(reason);
}

/// The same for what no machine without special hardware can run.
pub(crate) fn skip_without_hardware(reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIP {reason}");
}
