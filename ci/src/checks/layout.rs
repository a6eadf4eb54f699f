//! How source files are named and how long they get.

use crate::rust_text::Kind;
use crate::{Finding, SourceFile, Tree};

/// Words that say nothing about what a module owns.
const EMPTY_NAMES: [&str; 9] =
    ["util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "stuff"];

/// Longer files hold two subjects.
const MOST_LINES: usize = 700;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(file).collect()
}

fn file(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let names = file.path.trim_end_matches(".rs").split('/');
    let in_path = names.filter(|name| is_empty_name(name)).map(|name| (1, name.to_owned()));
    let tokens = file.tokens();
    let inline = tokens.windows(3).filter_map(|window| match (&window[0], &window[1].kind, &window[2]) {
        (first, Kind::Word(name), third)
            if first.is_word("mod") && third.is_sign('{') && is_empty_name(name) =>
        {
            Some((window[1].line, name.clone()))
        }
        _ => None,
    });
    for (line, name) in in_path.chain(inline) {
        findings.push(Finding::new(
            &file.path,
            line,
            format!("a module named {name}: name what it owns, with a noun of the field"),
        ));
    }
    let lines = file.text.lines().count();
    if lines > MOST_LINES {
        let message = format!("{lines} lines, more than {MOST_LINES}: split the file by subject");
        findings.push(Finding::new(&file.path, MOST_LINES + 1, message));
    }
    findings
}

fn is_empty_name(name: &str) -> bool {
    name.split('_').any(|word| EMPTY_NAMES.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn empty_names_are_found_in_paths_and_inline_modules() {
        for path in [
            "hal/src/utils.rs",
            "isp/src/common/mod.rs",
            "pipeline/src/job_manager.rs",
            "bsp/tests/helpers/mod.rs",
        ] {
            assert_eq!(lines(path, ""), [1], "{path}");
        }
        assert_eq!(lines("hal/src/a.rs", "\nmod helpers { }"), [2]);
        assert_eq!(lines("hal/src/commonality.rs", "// mod utils {\nfn utils() {}"), NONE);
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(lines("hal/src/a.rs", &"x\n".repeat(MOST_LINES)), NONE);
        assert_eq!(lines("hal/src/a.rs", &"x\n".repeat(MOST_LINES + 1)), [MOST_LINES + 1]);
    }
}
