//! The folder in which a target puts its input where what is under test reads files.

use std::path::Path;
use std::sync::OnceLock;

use tempfile::TempDir;

/// This program's folder; it is removed by ci/fuzz, since libFuzzer ends the program without its destructors.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| TempDir::with_prefix("latent-fuzz-").expect("a folder for the inputs")).path()
}

/// Writes a file of that folder.
pub(crate) fn write(name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder().join(name);
    std::fs::write(&path, bytes).expect("room for the input");
    path
}
