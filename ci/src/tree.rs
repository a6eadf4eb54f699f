//! The files that the checks look at, read once.

use std::fs;
use std::io;
use std::path::Path;

use crate::rust_text::{self, Token};

/// Folders that hold no source: build output and caches, by the start of their names.
const SKIPPED: [&str; 3] = ["target", ".git", ".cache"];

/// One text file of the tree.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Relative to the root, with `/` between the names.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl SourceFile {
    /// The first folder of the path: the crate, for files of crates.
    pub(crate) fn top(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the file is part of what users run: in a crate's `src`, and no module of tests.
    pub(crate) fn is_product(&self) -> bool {
        let mut names = self.path.split('/').skip(1);
        let stem = self.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        let tests = |name: &str| name == "tests" || name.ends_with("_tests");
        names.next() == Some("src") && !names.any(tests) && !tests(stem)
    }

    pub(crate) fn tokens(&self) -> Vec<Token> {
        rust_text::tokens(&self.text)
    }

    /// The first line that holds `word`, or 1.
    pub(crate) fn line_of(&self, word: &str) -> usize {
        self.text.lines().position(|line| line.contains(word)).map_or(1, |index| index + 1)
    }
}

/// All text files of the tree, ordered by path.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The files.
    pub files: Vec<SourceFile>,
}

impl Tree {
    /// Reads all files under `root` but build output and caches; files that are not UTF-8 are left out. Blocks.
    ///
    /// # Errors
    /// A folder or file that cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if !SKIPPED
                    .iter()
                    .any(|start| name == *start || (*start == "target" && name.starts_with("target-")))
                {
                    self.read_folder(&entry.path(), &format!("{path}/"))?;
                }
            } else if kind.is_file() {
                match fs::read_to_string(entry.path()) {
                    Ok(text) => self.files.push(SourceFile { path, text }),
                    Err(error)
                        if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.is_rust())
    }

    pub(crate) fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file =
            |(path, text): &(&str, &str)| SourceFile { path: (*path).to_owned(), text: (*text).to_owned() };
        Self { files: files.iter().map(file).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_source_and_skips_build_output() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "hal/src/lib.rs",
            "target/debug/a.rs",
            "target-arm/b.rs",
            ".git/config",
            ".ci/run",
            "isp/targets.rs",
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        fs::write(root.path().join("picture.jpg"), [0xff, 0xd8]).unwrap();
        let tree = Tree::read(root.path()).unwrap();
        let paths: Vec<_> = tree.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, [".ci/run", "hal/src/lib.rs", "isp/targets.rs"]);
    }

    #[test]
    fn product_code_is_in_src_and_not_in_a_module_of_tests() {
        let is_product = |path: &str| SourceFile { path: path.into(), text: String::new() }.is_product();
        assert!(is_product("hal/src/v4l2/node.rs") && is_product("bsp/src/bin/latent.rs"));
        for path in [
            "hal/tests/device.rs",
            "isp/examples/a.rs",
            "hal/src/tests.rs",
            "hal/src/v4l2/stream_tests.rs",
            "hal/src/tests/a.rs",
        ] {
            assert!(!is_product(path), "{path}");
        }
    }
}
