//! Where `unsafe` may stand: a few named modules, which say so at their top.

use crate::rust_text::Token;
use crate::{Finding, SourceFile, Tree};

/// The files that may use `unsafe`; a name that ends in `/` stands for a folder.
const MODULES: [&str; 3] = ["hal/src/memory/mapping.rs", "hal/src/uapi/", "isp/src/simd/"];

/// The crates whose roots must forbid it altogether.
const FORBIDDEN: [&str; 4] = ["pipeline", "bsp", "benches", "ci"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(file).collect()
}

fn file(file: &SourceFile) -> Vec<Finding> {
    let tokens = file.tokens();
    let named = MODULES
        .iter()
        .any(|module| file.path == *module || (module.ends_with('/') && file.path.starts_with(module)));
    let first_unsafe = tokens.iter().find(|token| token.is_word("unsafe"));
    let allow =
        tokens.windows(3).find(|window| window[0].is_word("allow") && window[2].is_word("unsafe_code"));
    let mut findings = Vec::new();
    if let (false, Some(token)) = (named, first_unsafe) {
        let message = format!(
            "unsafe code outside of its modules ({}): move it there behind a safe function",
            MODULES.join(", ")
        );
        findings.push(Finding::new(&file.path, token.line, message));
    }
    if let (false, Some(window)) = (named, allow) {
        findings.push(Finding::new(
            &file.path,
            window[0].line,
            "allow(unsafe_code) outside of the modules for unsafe code: remove it",
        ));
    }
    if let (true, Some(token), false) = (named, first_unsafe, inner_attribute(&tokens, "allow")) {
        findings.push(Finding::new(
            &file.path,
            token.line,
            "a module with unsafe code says so at its top: write #![allow(unsafe_code)]",
        ));
    }
    if FORBIDDEN.contains(&file.top()) && is_crate_root(&file.path) && !inner_attribute(&tokens, "forbid") {
        findings.push(Finding::new(
            &file.path,
            1,
            "this crate has no unsafe code: write #![forbid(unsafe_code)] at its top",
        ));
    }
    findings
}

/// Whether `#![LEVEL(unsafe_code)]` stands in the file.
fn inner_attribute(tokens: &[Token], level: &str) -> bool {
    let signs = [(0, '#'), (1, '!'), (2, '['), (4, '('), (6, ')'), (7, ']')];
    tokens.windows(8).any(|window| {
        signs.iter().all(|(index, sign)| window[*index].is_sign(*sign))
            && window[3].is_word(level)
            && window[5].is_word("unsafe_code")
    })
}

fn is_crate_root(path: &str) -> bool {
    let inside = path.split_once('/').map_or("", |(_, inside)| inside);
    matches!(inside, "src/lib.rs" | "src/main.rs" | "build.rs") || inside.starts_with("src/bin/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn named_modules_may_use_it_when_they_say_so() {
        assert_eq!(lines("hal/src/uapi/mod.rs", "//! x\n#![allow(unsafe_code)]\nunsafe fn a() {}"), NONE);
        assert_eq!(lines("isp/src/simd/avx2.rs", "#![allow(unsafe_code)]\nunsafe {}"), NONE);
        assert_eq!(lines("hal/src/uapi/mod.rs", "\nunsafe fn a() {}"), [2]);
        assert_eq!(lines("hal/src/uapi/mod.rs", "// #![allow(unsafe_code)]\nunsafe fn a() {}"), [2]);
    }

    #[test]
    fn other_modules_may_not() {
        assert_eq!(lines("hal/src/camera.rs", "fn a() {\n    unsafe { b() }\n}"), [2]);
        assert_eq!(lines("hal/src/uapi_more.rs", "unsafe {}"), [1]);
        assert_eq!(lines("isp/tests/simd/a.rs", "unsafe {}"), [1]);
        assert_eq!(lines("hal/src/camera.rs", "\n#[allow(unsafe_code)]\nmod a {}"), [2]);
        assert_eq!(lines("hal/src/camera.rs", "#[unsafe(no_mangle)] fn a() {}"), [1]);
    }

    #[test]
    fn words_in_comments_and_strings_do_not_count() {
        assert_eq!(
            lines(
                "hal/src/camera.rs",
                "// unsafe\n/* unsafe */ const A: &str = \"unsafe\"; // SAFETY: unsafe"
            ),
            NONE
        );
        assert_eq!(lines("hal/src/lib.rs", "#![deny(unsafe_code)]"), NONE);
    }

    #[test]
    fn the_other_crates_forbid_it_in_every_root() {
        for path in [
            "pipeline/src/lib.rs",
            "bsp/src/lib.rs",
            "bsp/src/bin/latent.rs",
            "ci/src/main.rs",
            "benches/src/lib.rs",
        ] {
            assert_eq!(lines(path, "//! x"), [1], "{path}");
            assert_eq!(lines(path, "#![deny(unsafe_code)]"), [1], "{path}");
            assert_eq!(lines(path, "//! x\n#![forbid(unsafe_code)]"), NONE, "{path}");
        }
        assert_eq!(lines("pipeline/src/photo.rs", "//! x"), NONE);
    }
}
