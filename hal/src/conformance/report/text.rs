//! Text of devices and drivers, made safe to stand in a report.

/// True for what a reader sees as it is: no control, no line separator, nothing that turns the direction of writing, and
/// nothing that XML 1.0 cannot hold.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Lines of text: all but plain characters and line feeds are written as escapes, such as `\u{1b}`.
pub(super) fn block(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => safe.push('\n'),
            '\t' => safe.push(' '),
            c if is_plain(c) => safe.push(c),
            c => safe.extend(c.escape_unicode()),
        }
    }
    safe
}

/// The same on one line.
pub(super) fn line(text: &str) -> String {
    block(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text or an attribute's value in XML and HTML.
pub(super) fn markup(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in block(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A string in double quotes that both JSON and YAML read.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(block(text)).to_string()
}

/// JSON on one line for readers that also end lines at U+0085 and U+2028: in its strings these are escapes.
pub(super) fn json_line(value: &serde_json::Value) -> String {
    let mut safe = String::new();
    for c in value.to_string().chars() {
        if is_plain(c) { safe.push(c) } else { safe.push_str(&format!("\\u{:04x}", u32::from(c))) }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(line("a\x1b[31m\tb\r\nc\u{0}\u{85}"), r"a\u{1b}[31m b\u{d} c\u{0}\u{85}");
        assert_eq!(block("a\n b\u{202e}"), "a\n b\\u{202e}");
        assert_eq!(markup("<a href='x'>&\"\u{ffff}"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\\u{ffff}");
        assert_eq!(quoted("a \"b\"\n\\"), r#""a \"b\"\n\\""#);
        let value = serde_json::Value::from("a\u{85}\u{2028}\n\u{ffff}");
        assert_eq!(json_line(&value), r#""a\u0085\u2028\n\uffff""#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json_line(&value)).unwrap(), value);
        assert_eq!(line("Größe 4 µs → gut"), "Größe 4 µs → gut");
    }
}
