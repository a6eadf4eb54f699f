//! `latent-ci check [ROOT]`: holds the tree against the project's rules, prints each place that breaks one, and exits 1
//! if there are any, 2 if it could not look.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)] // it is a program for terminals and logs

use std::path::Path;
use std::process::{Command, ExitCode};

use latent_ci::{Finding, Tree, checks};

/// The systems that Latent is built for.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = match arguments[..] {
        ["check"] => ".",
        ["check", root] => root,
        _ => {
            eprintln!("usage: latent-ci check [ROOT]");
            return ExitCode::from(2);
        }
    };
    match check(Path::new(root)) {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            for finding in &findings {
                println!("{finding}");
            }
            println!("places that break the rules of this tree: {}", findings.len());
            ExitCode::FAILURE
        }
        Err(message) => {
            eprintln!("latent-ci: {message}");
            ExitCode::from(2)
        }
    }
}

fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let tree =
        Tree::read(root).map_err(|error| format!("cannot read the tree at {}: {error}", root.display()))?;
    let metadata = metadata(root)?;
    let mut findings = checks::all(&tree);
    findings.extend(checks::licences(&tree, &metadata));
    Ok(findings)
}

fn metadata(root: &Path) -> Result<String, String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["metadata", "--format-version", "1", "--locked"]);
    for target in TARGETS {
        cargo.args(["--filter-platform", target]);
    }
    let output = cargo.output().map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("cargo's metadata is no text: {error}"))
}
