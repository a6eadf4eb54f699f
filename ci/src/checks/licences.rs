//! Under which licences the dependencies come that end up in Latent's programs.

use serde::Deserialize;
use std::collections::{HashMap, HashSet};

use crate::{Finding, Tree};

const LIST: &str = "deny.toml";

/// What is asked of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

/// Compares the licences of all packages that a build needs (not those of tests alone) with the list `licenses.allow` in
/// `deny.toml`. `metadata` is the JSON that `cargo metadata --format-version 1` prints.
pub fn licences(tree: &Tree, metadata: &str) -> Vec<Finding> {
    let list = match list(tree) {
        Ok(list) => list,
        Err(message) => return vec![Finding::new(LIST, 1, message)],
    };
    let metadata: Metadata = match serde_json::from_str(metadata) {
        Ok(metadata) => metadata,
        Err(error) => {
            return vec![Finding::new(
                "Cargo.lock",
                1,
                format!("cargo's metadata is not what is expected: {error}"),
            )];
        }
    };
    let needed = needed(&metadata);
    let mut findings = Vec::new();
    for package in metadata.packages.iter().filter(|package| needed.contains(package.id.as_str())) {
        let clarified = || {
            list.clarify
                .iter()
                .find(|known| known.name == package.name)
                .map(|known| known.expression.as_str())
        };
        let licence = package.license.as_deref().or_else(clarified).unwrap_or("none");
        if !permits(licence, &list.allow) {
            let line = tree
                .get("Cargo.lock")
                .map_or(1, |file| file.line_of(&format!("name = \"{}\"", package.name)));
            let message = format!(
                "{} {} has the licence {licence:?}, which {LIST} does not allow: use another crate",
                package.name, package.version
            );
            findings.push(Finding::new("Cargo.lock", line, message));
        }
    }
    findings
}

/// What `deny.toml` says about licences.
#[derive(Deserialize)]
struct List {
    licenses: Licences,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    clarify: Vec<Clarification>,
}

/// The licence of a package whose manifest does not name it.
#[derive(Deserialize)]
struct Clarification {
    #[serde(rename = "crate")]
    name: String,
    expression: String,
}

fn list(tree: &Tree) -> Result<Licences, String> {
    let file = tree.get(LIST).ok_or("there is no such file; it holds the allowed licences")?;
    let list: List = toml::from_str(&file.text).map_err(|error| error.message().to_owned())?;
    Ok(list.licenses)
}

/// The packages that building the workspace's own needs, those included.
fn needed(metadata: &Metadata) -> HashSet<&str> {
    let nodes: HashMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut needed = HashSet::new();
    let mut open: Vec<&str> = metadata.workspace_members.iter().map(String::as_str).collect();
    while let Some(id) = open.pop() {
        if needed.insert(id) {
            let used = |dependency: &&Dependency| {
                dependency.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
            };
            open.extend(
                nodes
                    .get(id)
                    .into_iter()
                    .flat_map(|node| node.deps.iter().filter(used).map(|dependency| dependency.pkg.as_str())),
            );
        }
    }
    needed
}

/// Whether an SPDX expression can be met with the allowed licences: OR (also written `/`) offers a choice, AND wants both,
/// an exception after WITH gives more freedom than its licence.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    choice(&mut words, allowed) == Some(true) && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

/// Whether the alternatives that follow can be met; nothing if they are not whole. So do the next two.
fn choice(words: &mut Words<'_>, allowed: &[String]) -> Option<bool> {
    let mut met = all_of(words, allowed)?;
    while words.next_if_eq(&"OR").is_some() {
        met |= all_of(words, allowed)?;
    }
    Some(met)
}

fn all_of(words: &mut Words<'_>, allowed: &[String]) -> Option<bool> {
    let mut met = one(words, allowed)?;
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed)?;
    }
    Some(met)
}

fn one(words: &mut Words<'_>, allowed: &[String]) -> Option<bool> {
    let word = words.next()?;
    if word == "(" {
        let met = choice(words, allowed)?;
        words.next_if_eq(&")")?;
        return Some(met);
    }
    if words.next_if_eq(&"WITH").is_some() {
        words.next()?;
    }
    Some(allowed.iter().any(|licence| licence == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        Tree::of(&[
            ("deny.toml", "[licenses]\nallow = [\"MIT\", \"Apache-2.0\"]\n"),
            ("Cargo.lock", "[[package]]\nname = \"ours\"\n\n[[package]]\nname = \"theirs\"\n"),
        ])
    }

    /// Metadata of a workspace of one crate with one dependency.
    fn metadata(licence: &str, kind: &str) -> String {
        format!(
            r#"{{"packages": [
                {{"id": "1", "name": "ours", "version": "1.0.0", "license": "MIT"}},
                {{"id": "2", "name": "theirs", "version": "2.0.0", "license": {licence}}}],
              "workspace_members": ["1"],
              "resolve": {{"nodes": [{{"id": "1", "deps": [{{"pkg": "2", "dep_kinds": [{{"kind": {kind}}}]}}]}}, {{"id": "2", "deps": []}}]}}}}"#
        )
    }

    #[test]
    fn a_licence_that_is_not_allowed_is_found_where_the_lock_names_it() {
        for licence in ["\"GPL-3.0-only\"", "\"MIT AND GPL-3.0-only\"", "null"] {
            for kind in ["null", "\"build\""] {
                let found = licences(&tree(), &metadata(licence, kind));
                assert_eq!(found.len(), 1, "{licence} {kind}");
                assert_eq!((found[0].path.as_str(), found[0].line), ("Cargo.lock", 5));
            }
        }
    }

    #[test]
    fn allowed_licences_and_those_of_tests_pass() {
        assert_eq!(licences(&tree(), &metadata("\"MIT OR GPL-3.0-only\"", "null")), []);
        assert_eq!(licences(&tree(), &metadata("\"GPL-3.0-only\"", "\"dev\"")), []);
    }

    #[test]
    fn a_package_without_a_licence_passes_only_when_the_list_knows_it() {
        let mut tree = tree();
        tree.files[0].text.push_str("[[licenses.clarify]]\ncrate = \"theirs\"\nexpression = \"MIT\"\n");
        assert_eq!(licences(&tree, &metadata("null", "null")), []);
        assert_eq!(licences(&tree, &metadata("\"GPL-3.0-only\"", "null")).len(), 1);
    }

    #[test]
    fn a_missing_list_and_strange_metadata_are_found() {
        assert_eq!(licences(&Tree::default(), &metadata("\"MIT\"", "null")).len(), 1);
        assert_eq!(
            licences(&Tree::of(&[("deny.toml", "[licenses]")]), &metadata("\"MIT\"", "null")).len(),
            1
        );
        assert_eq!(licences(&tree(), "{}").len(), 1);
    }

    #[test]
    fn expressions() {
        let allowed = ["MIT".to_owned(), "Apache-2.0".to_owned(), "Unicode-3.0".to_owned()];
        for yes in [
            "MIT",
            "MIT/GPL-2.0",
            "GPL-2.0 OR MIT",
            "(MIT OR GPL-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-2.0 AND X OR MIT",
        ] {
            assert!(permits(yes, &allowed), "{yes}");
        }
        for no in [
            "",
            "GPL-2.0",
            "MIT AND GPL-2.0",
            "(MIT OR X) AND GPL-2.0",
            "(MIT",
            "MIT)",
            "MIT OR",
            "MIT X",
            "mit",
            "WITH MIT",
        ] {
            assert!(!permits(no, &allowed), "{no}");
        }
    }
}
