//! Who may name the kernel's files: `hal`, `bsp` for its users, and the test bed's camera; and `hal` finds `/sys` and `/proc` under a root that
//! its callers hand in, so that tests can hand in another.

use crate::rust_text::{self, Kind};
use crate::{Finding, Tree};

/// The folders that may.
const KNOWING: [&str; 3] = ["hal/", "bsp/", "ci/src/uvc_camera/"];

/// Without their first slash, so that this file does not name them itself.
const FOLDERS: [&str; 3] = ["dev", "sys", "proc"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut roots: Vec<String> = Vec::new();
    for file in tree.rust().filter(|file| file.is_product()) {
        for token in rust_text::without_tests(&file.tokens()) {
            let Kind::Text(text) = &token.kind else { continue };
            let Some(folder) = FOLDERS.into_iter().find(|folder| names(text, folder)) else { continue };
            if !KNOWING.iter().any(|folder| file.path.starts_with(folder)) {
                let message = format!(
                    "{} names {text:?}: only hal and bsp name the kernel's files; ask hal for what is needed",
                    file.top()
                );
                findings.push(Finding::new(&file.path, token.line, message));
            } else if file.top() == "hal" && folder != "dev" {
                let is_root = text.strip_prefix('/') == Some(folder);
                if !is_root || roots.contains(text) {
                    let message = format!(
                        "{text:?} in hal: a reader of /{folder} takes its root as an argument; the root itself is named once"
                    );
                    findings.push(Finding::new(&file.path, token.line, message));
                }
                roots.push(text.clone());
            }
        }
    }
    findings
}

/// Whether the text names this folder of the root, or something in it.
fn names(text: &str, folder: &str) -> bool {
    let name = format!("/{folder}");
    text.match_indices(&name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(|sign| sign.is_alphanumeric() || matches!(sign, '.' | '_' | '-' | '}'))
            && !after.is_some_and(|sign| sign.is_alphanumeric() || matches!(sign, '_' | '-' | '.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn other_crates_name_no_kernel_file() {
        for (path, text) in [
            ("pipeline/src/a.rs", "\nopen(\"/dev/video0\")"),
            ("isp/src/a.rs", "\nopen(r\"/proc/cpuinfo\")"),
            ("benches/src/a.rs", "\nopen(\"/sys\")"),
            ("pipeline/src/a.rs", "\nformat!(\"see /proc/{pid}\")"),
            ("ci/src/a.rs", "\nopen(\"/sys\")"),
        ] {
            assert_eq!(lines(path, text), [2], "{text}");
        }
    }

    #[test]
    fn tests_comments_and_other_folders_do_not_count() {
        assert_eq!(
            lines(
                "pipeline/src/a.rs",
                "// \"/dev/null\"\n#[cfg(test)]\nmod tests { const A: &str = \"/dev/null\"; }"
            ),
            NONE
        );
        assert_eq!(lines("pipeline/tests/a.rs", "open(\"/dev/full\")"), NONE);
        assert_eq!(
            lines(
                "pipeline/src/a.rs",
                "f(\"/system\", \"a/dev/b\", \"/process\", \"library/sys\", \"{root}/proc\")"
            ),
            NONE
        );
    }

    #[test]
    fn hal_names_devices_freely_but_each_root_once() {
        assert_eq!(
            lines("hal/src/a.rs", "const A: &str = \"/dev/udmabuf\"; const B: &str = \"/dev/dma_heap\";"),
            NONE
        );
        assert_eq!(
            lines(
                "hal/src/a.rs",
                "const A: &str = \"/sys\";\nconst B: &str = \"/proc\";\nconst C: &str = \"/sys\";"
            ),
            [3]
        );
        assert_eq!(lines("hal/src/a.rs", "\nread(\"/proc/pressure/cpu\")"), [2]);
        assert_eq!(lines("hal/src/a.rs", "\nread(\"/sys/class/thermal\")"), [2]);
        assert_eq!(lines("bsp/src/a.rs", "say(\"/sys/class/thermal\")"), NONE);
        assert_eq!(lines("ci/src/uvc_camera/port.rs", "read(\"/sys/class/video4linux\")"), NONE);
    }

    #[test]
    fn a_root_named_in_two_files_is_found() {
        let tree = Tree::of(&[("hal/src/a.rs", "\"/sys\""), ("hal/src/b.rs", "\"/sys\"")]);
        assert_eq!(check(&tree).len(), 1);
    }
}
