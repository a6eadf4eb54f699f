//! Rust source as tokens, as far as the checks need it: words, string literals and single signs with their lines;
//! comments, characters and lifetimes are left out.

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, keyword or number.
    Word(String),
    /// A string literal of any form, without its quotes and with escapes as written.
    Text(String),
    /// Any other sign.
    Sign(char),
}

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Counted from 1.
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(own) if own == word)
    }

    pub(crate) fn is_sign(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }
}

/// Splits source into tokens. Any text gives tokens; what is not Rust gives meaningless ones.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut scan = Scan { rest: text, line: 1 };
    let mut tokens = Vec::new();
    while let Some(first) = scan.rest.chars().next() {
        let line = scan.line;
        let kind = match first {
            _ if first.is_whitespace() => {
                scan.skip(first.len_utf8());
                continue;
            }
            '/' if scan.rest.starts_with("//") => {
                scan.skip(scan.rest.find('\n').unwrap_or(scan.rest.len()));
                continue;
            }
            '/' if scan.rest.starts_with("/*") => {
                scan.skip_block_comment();
                continue;
            }
            '"' => scan.quoted(1),
            '\'' => {
                scan.skip_character_or_lifetime();
                continue;
            }
            _ if first.is_alphanumeric() || first == '_' => scan.word_or_prefixed_text(),
            _ => {
                scan.skip(first.len_utf8());
                Kind::Sign(first)
            }
        };
        tokens.push(Token { kind, line });
    }
    tokens
}

/// The tokens without the modules and functions that exist only in tests: what follows `#[cfg(test)]` or `#[test]` up to
/// the end of its braces.
pub(crate) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if let Some(after) = test_attribute(&tokens[at..]) {
            at = end_of_item(tokens, at + after);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The length of a `#[cfg(test)]` or `#[test]` at the start.
fn test_attribute(tokens: &[Token]) -> Option<usize> {
    let is = |index: usize, text: &str| {
        tokens.get(index).is_some_and(|token| match &token.kind {
            Kind::Word(word) => word == text,
            Kind::Sign(sign) => text.chars().eq([*sign]),
            Kind::Text(_) => false,
        })
    };
    let matches = |pattern: &[&str]| {
        pattern.iter().enumerate().all(|(index, text)| is(index, text)).then_some(pattern.len())
    };
    matches(&["#", "[", "cfg", "(", "test", ")", "]"]).or_else(|| matches(&["#", "[", "test", "]"]))
}

/// The index after the item that begins at `at`: after its braces, or its semicolon if that comes first.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.kind {
            Kind::Sign('{') => depth += 1,
            Kind::Sign('}') if depth <= 1 => return at,
            Kind::Sign('}') => depth -= 1,
            Kind::Sign(';') if depth == 0 => return at,
            _ => {}
        }
    }
    at
}

struct Scan<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Scan<'a> {
    /// Passes over `len` bytes, which end at a character's border.
    fn skip(&mut self, len: usize) -> &'a str {
        let (passed, rest) = self.rest.split_at(len);
        self.line += passed.matches('\n').count();
        self.rest = rest;
        passed
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        while !self.rest.is_empty() {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.skip(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.skip(2);
                if depth == 0 {
                    return;
                }
            } else {
                self.skip(self.rest.chars().next().map_or(0, char::len_utf8));
            }
        }
    }

    /// A string with escapes, its opening quote being the last of the next `start` bytes.
    fn quoted(&mut self, start: usize) -> Kind {
        self.skip(start);
        let mut escaped = false;
        let end = self.rest.find(|sign| {
            let is_end = sign == '"' && !escaped;
            escaped = sign == '\\' && !escaped;
            is_end
        });
        let text = self.skip(end.unwrap_or(self.rest.len())).to_owned();
        self.skip(self.rest.len().min(1));
        Kind::Text(text)
    }

    /// A raw string, from its first `#` or quote.
    fn raw(&mut self) -> Kind {
        let hashes = self.rest.bytes().take_while(|byte| *byte == b'#').count();
        self.skip(hashes + 1);
        let close = format!("\"{}", "#".repeat(hashes));
        let end = self.rest.find(&close);
        let text = self.skip(end.unwrap_or(self.rest.len())).to_owned();
        self.skip(self.rest.len().min(close.len()));
        Kind::Text(text)
    }

    fn skip_character_or_lifetime(&mut self) {
        let mut after = self.rest.char_indices().skip(1);
        let first = after.next();
        let len = match first {
            // '\n', '\u{7f}', '\''
            Some((_, '\\')) => {
                after.next();
                after.find(|(_, sign)| *sign == '\'').map_or(self.rest.len(), |(at, _)| at + 1)
            }
            // 'a' is a character; 'a without a second quote begins a lifetime
            Some(_) => after.next().filter(|(_, sign)| *sign == '\'').map_or(1, |(at, _)| at + 1),
            None => 1,
        };
        self.skip(len);
    }

    fn word_or_prefixed_text(&mut self) -> Kind {
        let len =
            self.rest.find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(len);
        let raw_follows = after.trim_start_matches('#').starts_with('"');
        match word {
            "r" | "br" | "cr" if raw_follows => {
                self.skip(len);
                self.raw()
            }
            "b" | "c" if after.starts_with('"') => self.quoted(len + 1),
            _ => Kind::Word(self.skip(len).to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let word = |token: Token| match token.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        };
        tokens(text).into_iter().filter_map(word).collect()
    }

    fn texts(text: &str) -> Vec<String> {
        let text_of = |token: Token| match token.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        };
        tokens(text).into_iter().filter_map(text_of).collect()
    }

    #[test]
    fn comments_strings_and_characters_hide_words() {
        let source = r##"
            // unsafe
            /* unsafe /* unsafe */ unsafe */
            let a = "unsafe \" unsafe"; let b = r#"unsafe " unsafe"#; let c = b"unsafe";
            let d = '"'; let e = '\''; let f: &'unsafe str = "x"; let g = '/';
            seen
        "##;
        assert_eq!(
            words(source),
            [
                "let", "a", "let", "b", "let", "c", "let", "d", "let", "e", "let", "f", "unsafe", "str",
                "let", "g", "seen"
            ]
        );
        assert_eq!(texts(source), ["unsafe \\\" unsafe", "unsafe \" unsafe", "unsafe", "x"]);
    }

    #[test]
    fn lines_count_from_one_through_comments_and_strings() {
        let found = tokens("/*\n\n*/ a\n\"x\ny\" b");
        let lines: Vec<_> = found.iter().map(|token| token.line).collect();
        assert_eq!(lines, [3, 4, 5]);
    }

    #[test]
    fn code_of_tests_is_left_out() {
        let source = "a #[cfg(test)] mod tests { fn x() { b } } c #[cfg(test)] mod others; d #[test] #[ignore] fn y() { e } f";
        let kept: Vec<_> = without_tests(&tokens(source)).into_iter().map(|token| token.kind).collect();
        let word = |text: &str| Kind::Word(text.to_owned());
        assert_eq!(kept, [word("a"), word("c"), word("d"), word("f")]);
    }

    #[test]
    fn code_for_all_but_tests_stays() {
        assert_eq!(without_tests(&tokens("#[cfg(not(test))] mod a {}")).len(), 14);
    }

    #[test]
    fn unfinished_text_ends_without_harm() {
        for source in ["\"", "r#\"", "'", "'\\", "/*", "b\"", "r", "\"\\", "é'é", "/* */ '\\u{"] {
            tokens(source);
        }
    }
}
