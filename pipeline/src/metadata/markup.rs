//! As much of XML as it takes to find values in an XMP packet, whoever wrote it.
//!
//! A packet that other tools rewrote may hold our values as attributes or elements, in either kind of quotes, under
//! another prefix. The reader takes a prefix to mean the same in the whole packet; it holds no tree, does not recurse
//! and stops at the first thing that it does not understand.

use std::borrow::Cow;

/// The text with all that XML gives a meaning, and all that XML forbids, made harmless.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", c as u32)),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

/// Undoes [`escape`]; what is no known entity stays as it is.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // The longest entity, `&#1114111;`, ends within ten bytes.
        let end = rest.bytes().take(10).position(|byte| byte == b';');
        let known = end.and_then(|end| Some((entity(&rest[1..end])?, end + 1)));
        let (c, used) = known.unwrap_or(('&', 1));
        out.push(c);
        rest = &rest[used..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

/// The values of one namespace in a packet, by local name.
pub(super) struct Values<'a> {
    pairs: Vec<(&'a str, &'a str)>,
    prefixes: Vec<&'a str>,
}

impl<'a> Values<'a> {
    /// Finds the values of the namespace `uri`. Time and memory grow no faster than the packet.
    pub(super) fn read(packet: &'a str, uri: &str) -> Self {
        let mut values = Self { pairs: Vec::new(), prefixes: Vec::new() };
        let mut names = Vec::new();
        for tag in (Tags { rest: packet }) {
            for (name, value) in tag.attributes() {
                match name.strip_prefix("xmlns:") {
                    Some(prefix) if unescape(value) == uri && !values.prefixes.contains(&prefix) => {
                        // Each new prefix makes every lookup dearer: an honest packet has one.
                        if values.prefixes.len() < 8 {
                            values.prefixes.push(prefix);
                        }
                    }
                    Some(_) => {}
                    None => names.push((name, value)),
                }
            }
            names.push((tag.name, tag.text));
        }
        let ours = |name: &'a str| {
            let (prefix, local) = name.split_once(':')?;
            values.prefixes.contains(&prefix).then_some(local)
        };
        values.pairs = names.into_iter().filter_map(|(name, value)| Some((ours(name)?, value))).collect();
        values
    }

    /// The first value under this local name, white space around it removed.
    pub(super) fn get(&self, local: &str) -> Option<String> {
        let (_, value) = self.pairs.iter().find(|(name, _)| *name == local)?;
        Some(unescape(value).trim().to_owned())
    }
}

/// An opening tag and the text right behind it.
struct Tag<'a> {
    name: &'a str,
    inside: &'a str,
    text: &'a str,
}

impl<'a> Tag<'a> {
    fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let mut rest = self.inside;
        std::iter::from_fn(move || {
            let (name, after) = rest.split_once('=')?;
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (value, behind) = after[1..].split_once(quote)?;
            rest = behind;
            Some((name.trim(), value))
        })
    }
}

/// The opening tags of a packet; comments, instructions and closing tags are passed over.
struct Tags<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        loop {
            let tag = &self.rest[self.rest.find('<')? + 1..];
            let passed_over = [("!--", "-->"), ("?", "?>"), ("![CDATA[", "]]>"), ("!", ">"), ("/", ">")];
            if let Some((_, end)) = passed_over.iter().find(|(start, _)| tag.starts_with(start)) {
                self.rest = &tag[tag.find(end)? + end.len()..];
                continue;
            }
            let end = tag_end(tag)?;
            self.rest = &tag[end + 1..];
            let inside = &tag[..end];
            let name_end = inside.find(|c: char| c.is_ascii_whitespace() || c == '/').unwrap_or(inside.len());
            // Text that nothing ends was cut off.
            let text = match self.rest.find('<') {
                Some(text_end) if !inside.ends_with('/') => &self.rest[..text_end],
                _ => "",
            };
            return Some(Tag { name: &inside[..name_end], inside: &inside[name_end..], text });
        }
    }
}

/// Where the tag's `>` stands: one inside of quotes does not count.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.bytes().position(|byte| {
        match quote {
            None if byte == b'>' => return true,
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            Some(open) if byte == open => quote = None,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn escaped_text_comes_back(text in "[^\\p{Cc}\u{fffe}\u{ffff}]*") {
            let packet = format!("<a xmlns:p='u' p:v='{}'/>", escape(&text));
            prop_assert_eq!(Values::read(&packet, "u").get("v"), Some(text.trim().to_owned()));
        }

        #[test]
        fn no_text_is_too_strange(text in "(<|>|/|\\?|!|--|=|\"|'|&|;|#x|p:|xmlns:p|u| |é|.){0,60}") {
            let _ = Values::read(&text, "u").get("v");
        }
    }

    #[test]
    fn elements_and_attributes_and_late_bindings() {
        let packet = "<?x <p:v>no</p:v> ?><!-- <p:v>no</p:v> --><r q:w = \"a>b\" xmlns:p='u' xmlns:q='u'>\
                      <p:v> 1&#x32;&amp;3&nbsp; </p:v><o:v xmlns:o='other'>4</o:v></r>";
        let values = Values::read(packet, "u");
        assert_eq!(values.get("v").unwrap(), "12&3&nbsp;");
        assert_eq!(values.get("w").unwrap(), "a>b");
        assert_eq!(values.get("o"), None);
    }

    #[test]
    fn a_value_that_was_cut_off_is_none() {
        assert_eq!(Values::read("<r xmlns:p='u'><p:v>12", "u").get("v").as_deref(), Some(""));
        assert_eq!(Values::read("<r xmlns:p='u' p:v='12", "u").get("v"), None);
    }
}
