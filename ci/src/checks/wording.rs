//! What the tree may not say: paths of one machine, hosts of package registries, and how it was written.

use crate::{Finding, Tree};

/// First folders of paths that only a developer's machine has.
const MACHINE_FOLDERS: [&str; 3] = ["work", "farm", "root"];

/// Parts of the host names of package registries.
const REGISTRIES: [&str; 5] = ["debian", "crates", "pythonhosted", "pypi", "npmjs"];

/// Phrases about the making of the project, each in two parts so that this file does not hold them.
const PHRASES: [(&str, &str); 5] =
    [("this ", "session"), ("work ", "session"), ("sub", "agent"), ("helper ", "agent"), ("the ", "CEO")];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.ends_with(".lock")) {
        for (index, line) in file.text.lines().enumerate() {
            let message = if names_machine_path(line) {
                "a path of one machine: name it relative to the project, or by an option or variable"
            } else if names_registry(line) {
                "a registry's host: let the package manager's own settings say where packages come from"
            } else if speaks_of_its_making(line) {
                "the project speaks of itself alone: say what holds, not how it came about"
            } else {
                continue;
            };
            findings.push(Finding::new(&file.path, index + 1, message));
        }
    }
    findings
}

/// Whether a path such as `/FOLDER/name` stands in the line.
fn names_machine_path(line: &str) -> bool {
    MACHINE_FOLDERS.iter().any(|folder| {
        let path = format!("/{folder}/");
        line.match_indices(&path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + path.len()..].chars().next();
            !before.is_some_and(|sign| sign.is_alphanumeric() || matches!(sign, '_' | '}' | '.'))
                && after.is_some_and(|sign| sign.is_ascii_lowercase() || sign == '.')
        })
    })
}

/// Whether an address's host belongs to a package registry.
fn names_registry(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["http://", "https://"].iter().any(|scheme| {
        line.match_indices(scheme).any(|(at, _)| {
            let host = line[at + scheme.len()..]
                .split(|sign: char| !sign.is_alphanumeric() && sign != '.' && sign != '-')
                .next();
            let host = host.unwrap_or_default();
            (host.ends_with(".org") || host.ends_with(".io"))
                && REGISTRIES.iter().any(|registry| host.contains(registry))
        })
    })
}

fn speaks_of_its_making(line: &str) -> bool {
    let line = line.to_lowercase();
    let phrase =
        PHRASES.iter().any(|(first, second)| line.contains(&format!("{first}{second}").to_lowercase()));
    let numbered = line.match_indices("issue ").any(|(at, word)| {
        let after = line[at + word.len()..].trim_start_matches('#');
        after.starts_with(|sign: char| sign.is_ascii_digit())
    });
    phrase || numbered
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        for folder in MACHINE_FOLDERS {
            assert_eq!(lines("docs/a.md", &format!("x\ncd /{folder}/latent")), [2]);
            assert_eq!(
                lines(
                    "docs/a.md",
                    &format!("$image/{folder} {folder}/a a/{folder}/b ${{x}}/{folder}/c /{folder}/")
                ),
                NONE
            );
        }
    }

    #[test]
    fn hosts_of_registries_are_found() {
        for host in ["deb.debian", "static.crates", "files.pythonhosted", "pypi", "registry.npmjs"] {
            assert_eq!(lines("ci/setup", &format!("\ncurl https://{host}.org/x")), [2], "{host}");
        }
        assert_eq!(lines("README.md", "https://latentphoto.org/latent and docs of crates"), NONE);
        assert_eq!(
            lines(
                "Cargo.lock",
                &format!(
                    "registry+https://github.com/rust-lang/{}.io-index https://x.crates{}",
                    "crates", ".io"
                )
            ),
            NONE
        );
    }

    #[test]
    fn phrases_about_the_making_are_found() {
        for (first, second) in PHRASES {
            assert_eq!(lines("hal/src/a.rs", &format!("\n// by {first}{second}")), [2]);
        }
        assert_eq!(lines("docs/a.md", &format!("see issue {}12", "#")), [1]);
        assert_eq!(lines("docs/a.md", "an issue of storage; a camera session; this photo session"), NONE);
    }
}
