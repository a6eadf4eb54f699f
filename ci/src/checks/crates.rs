//! Which crate may know which, and the oldest Rust that all of them build with.

use toml::{Table, Value};

use crate::rust_text::Kind;
use crate::{Finding, SourceFile, Tree};

/// Each crate's folder and the crates that it may know; nothing may know `bsp` and `ci`. The fuzz targets stand in a
/// workspace of their own.
const ARROWS: [(&str, &[&str]); 7] = [
    ("hal", &[]),
    ("isp", &[]),
    ("pipeline", &["hal", "isp"]),
    ("benches", &["hal", "isp", "pipeline"]),
    ("bsp", &["hal", "isp", "pipeline", "benches"]),
    ("ci", &[]),
    ("ci/fuzz_targets", &["hal", "isp", "pipeline"]),
];

/// The oldest Rust of the board systems that Latent is built in.
const OLDEST_RUST: &str = "1.88";

const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = oldest_rust(tree);
    for (folder, allowed) in ARROWS {
        match tree.get(&format!("{folder}/Cargo.toml")) {
            Some(file) => findings.extend(manifest(file, folder, allowed)),
            None => findings.push(Finding::new(
                &format!("{folder}/Cargo.toml"),
                1,
                "there is no such crate; the crates are fixed",
            )),
        }
        for file in tree.rust().filter(|file| crate_of(&file.path) == Some(folder)) {
            findings.extend(source(file, folder, allowed));
        }
    }
    findings
}

/// The folder of the crate that a file belongs to: the innermost.
fn crate_of(path: &str) -> Option<&'static str> {
    let holds = |folder: &&str| path.strip_prefix(*folder).is_some_and(|inside| inside.starts_with('/'));
    ARROWS.iter().map(|(folder, _)| *folder).filter(holds).max_by_key(|folder| folder.len())
}

fn manifest(file: &SourceFile, folder: &str, allowed: &[&str]) -> Vec<Finding> {
    let manifest = match file.text.parse::<Table>() {
        Ok(manifest) => manifest,
        Err(error) => {
            return vec![Finding::new(&file.path, 1, format!("not a manifest: {}", error.message()))];
        }
    };
    let mut findings = Vec::new();
    if text_at(&manifest, &["package", "rust-version", "workspace"]).is_none() {
        let message =
            format!("the crate names its own Rust; write rust-version.workspace = true ({OLDEST_RUST})");
        findings.push(Finding::new(&file.path, file.line_of("rust-version"), message));
    }
    for (name, value) in dependencies(&manifest) {
        let package = value.get("package").and_then(Value::as_str).unwrap_or(name);
        let Some(target) = package.strip_prefix("latent-") else { continue };
        if target != folder && !allowed.contains(&target) {
            findings.push(Finding::new(&file.path, file.line_of(name), arrow(folder, target)));
        }
    }
    findings
}

/// Every dependency of the manifest: normal, of tests, of builds, and those of single targets.
fn dependencies(manifest: &Table) -> impl Iterator<Item = (&str, &Value)> {
    let targets =
        manifest.get("target").and_then(Value::as_table).into_iter().flat_map(|targets| targets.values());
    let tables = targets.filter_map(Value::as_table).chain([manifest]);
    tables
        .flat_map(|table| {
            DEPENDENCIES.into_iter().filter_map(|kind| table.get(kind).and_then(Value::as_table))
        })
        .flat_map(|table| table.iter().map(|(name, value)| (name.as_str(), value)))
}

fn source(file: &SourceFile, folder: &str, allowed: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for token in file.tokens() {
        let Kind::Word(word) = &token.kind else { continue };
        let Some(target) = word.strip_prefix("latent_") else { continue };
        let known = ARROWS.iter().any(|(name, _)| *name == target);
        if known && target != folder && !allowed.contains(&target) {
            findings.push(Finding::new(&file.path, token.line, arrow(folder, target)));
        }
    }
    findings
}

fn arrow(from: &str, to: &str) -> String {
    format!(
        "{from} must not know {to}; the arrows are isp <- pipeline -> hal, and nothing but bsp above them: move the code, or hand the value in"
    )
}

fn oldest_rust(tree: &Tree) -> Vec<Finding> {
    let places: [(&str, &[&str]); 2] =
        [("Cargo.toml", &["workspace", "package", "rust-version"]), ("clippy.toml", &["msrv"])];
    let mut findings = Vec::new();
    for (path, keys) in places {
        let file = tree.get(path);
        let found =
            file.and_then(|file| file.text.parse::<Table>().ok()).and_then(|table| text_at(&table, keys));
        if found.as_deref() != Some(OLDEST_RUST) {
            let line = file.map_or(1, |file| file.line_of(keys[keys.len() - 1]));
            let found = found.as_deref().unwrap_or("nothing");
            let message = format!(
                "{} is {found}; it stays {OLDEST_RUST}, the oldest Rust of the board systems",
                keys.join(".")
            );
            findings.push(Finding::new(path, line, message));
        }
    }
    findings
}

/// The text (or yes or no) under a path of keys.
fn text_at(table: &Table, keys: &[&str]) -> Option<String> {
    let (last, path) = keys.split_last()?;
    let table = path.iter().try_fold(table, |table, key| table.get(*key)?.as_table())?;
    match table.get(*last)? {
        Value::String(text) => Some(text.clone()),
        Value::Boolean(true) => Some("true".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[package]\nrust-version.workspace = true\n";
    const ROOT: &str = "[workspace.package]\nrust-version = \"1.88\"\n";

    /// A tree that keeps every rule, with some files replaced or added.
    fn tree(changed: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::of(&[("Cargo.toml", ROOT), ("clippy.toml", "msrv = \"1.88\"\n")]);
        for (folder, _) in ARROWS {
            tree.files.extend(Tree::of(&[(&format!("{folder}/Cargo.toml"), MANIFEST)]).files);
        }
        for (path, _) in changed {
            tree.files.retain(|file| file.path != *path);
        }
        tree.files.extend(Tree::of(changed).files);
        tree
    }

    fn places(findings: &[Finding]) -> Vec<(&str, usize)> {
        findings.iter().map(|finding| (finding.path.as_str(), finding.line)).collect()
    }

    #[test]
    fn allowed_arrows_pass() {
        let pipeline =
            format!("{MANIFEST}[dependencies]\nlatent-hal.workspace = true\nlatent-isp.workspace = true\n");
        let tree = tree(&[
            ("pipeline/Cargo.toml", &pipeline),
            ("pipeline/src/lib.rs", "use latent_isp::Plan; // latent_bsp\n"),
        ]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_forbidden_dependency_of_any_kind_is_found() {
        for table in
            ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
        {
            let isp = format!("{MANIFEST}[{table}]\nlatent-hal.workspace = true\n");
            assert_eq!(
                places(&check(&tree(&[("isp/Cargo.toml", &isp)]))),
                [("isp/Cargo.toml", 4)],
                "{table}"
            );
        }
    }

    #[test]
    fn fuzz_targets_know_what_they_feed_and_the_crate_around_them_does_not() {
        let manifest = format!("{MANIFEST}[dependencies]\nlatent-hal = {{ path = \"../../hal\" }}\n");
        let use_it = "use latent_hal::hotplug::Change;";
        assert_eq!(
            check(&tree(&[("ci/fuzz_targets/Cargo.toml", &manifest), ("ci/fuzz_targets/src/a.rs", use_it)])),
            []
        );
        assert_eq!(places(&check(&tree(&[("ci/src/a.rs", use_it)]))), [("ci/src/a.rs", 1)]);
        let more = "\nuse latent_bsp::run;";
        let changed = tree(&[("ci/fuzz_targets/src/a.rs", more)]);
        assert_eq!(places(&check(&changed)), [("ci/fuzz_targets/src/a.rs", 2)]);
        let bsp = format!("{MANIFEST}[dependencies]\nlatent-fuzz = {{ path = \"../ci/fuzz_targets\" }}\n");
        assert_eq!(places(&check(&tree(&[("bsp/Cargo.toml", &bsp)]))), [("bsp/Cargo.toml", 4)]);
    }

    #[test]
    fn a_renamed_dependency_is_found() {
        let hal =
            format!("{MANIFEST}[dependencies]\npixels = {{ package = \"latent-isp\", path = \"../isp\" }}\n");
        assert_eq!(places(&check(&tree(&[("hal/Cargo.toml", &hal)]))), [("hal/Cargo.toml", 4)]);
    }

    #[test]
    fn a_forbidden_use_is_found_on_its_line() {
        let changed = tree(&[("hal/tests/a.rs", "//! latent_isp\n\nuse latent_isp::Plan;\n")]);
        assert_eq!(places(&check(&changed)), [("hal/tests/a.rs", 3)]);
        let changed = tree(&[("pipeline/src/a.rs", "fn a() { latent_bsp::run(); }")]);
        assert_eq!(places(&check(&changed)), [("pipeline/src/a.rs", 1)]);
    }

    #[test]
    fn another_rust_is_found_wherever_it_is_named() {
        let root = ROOT.replace("1.88", "1.90");
        assert_eq!(places(&check(&tree(&[("Cargo.toml", &root)]))), [("Cargo.toml", 2)]);
        assert_eq!(
            places(&check(&tree(&[("clippy.toml", "a = 1\nmsrv = \"1.85\"\n")]))),
            [("clippy.toml", 2)]
        );
        let isp = "[package]\nrust-version = \"1.90\"\n";
        assert_eq!(places(&check(&tree(&[("isp/Cargo.toml", isp)]))), [("isp/Cargo.toml", 2)]);
    }

    #[test]
    fn a_missing_or_broken_manifest_is_found() {
        let mut missing = tree(&[]);
        missing.files.retain(|file| file.path != "isp/Cargo.toml");
        assert_eq!(places(&check(&missing)), [("isp/Cargo.toml", 1)]);
        assert_eq!(places(&check(&tree(&[("isp/Cargo.toml", "[package")]))), [("isp/Cargo.toml", 1)]);
    }
}
