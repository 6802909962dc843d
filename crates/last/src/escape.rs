//! Text from strangers, made safe to show: in a terminal, in SVG, in DOT, in Mermaid.

use std::fmt::Write as _;

pub(crate) use alt::visible;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// [`visible`] text of at most `columns` terminal columns; `…` tells of a cut.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    // An id may be long, and only its first characters can show.
    let start: String = text.chars().take(columns + 1).collect();
    let text = visible(&start);
    if width(&text) <= columns {
        return text;
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// Terminal columns of `text`.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Text or an attribute value in XML.
pub(crate) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// The inside of a quoted string in DOT.
pub(crate) fn dot(text: &str) -> String {
    visible(text).replace('\\', "\\\\").replace('"', "\\\"")
}

/// The inside of a quoted label in Mermaid: whatever has a meaning there becomes a character code.
pub(crate) fn mermaid(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, ' ' | '.' | ',' | '-') {
            // Writing to a string cannot fail.
            let _ = write!(out, "#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_what_it_is_shown_in() {
        let hostile = "a\u{1b}[31m\"<b>&'\\]\u{202e}\n#;`";
        assert_eq!(visible(hostile), "a\\u{1b}[31m\"<b>&'\\]\\u{202e}\\n#;`");
        assert_eq!(xml(hostile), "a\\u{1b}[31m&quot;&lt;b&gt;&amp;&#39;\\]\\u{202e}\\n#;`");
        assert_eq!(dot(hostile), "a\\\\u{1b}[31m\\\"<b>&'\\\\]\\\\u{202e}\\\\n#;`");
        assert_eq!(mermaid("a\"]`"), "a#34;#93;#96;");
    }

    #[test]
    fn a_cut_text_fits() {
        let cases = [
            ("short", 24, "short"),
            ("abcdef", 5, "abcd…"),
            ("日本語", 5, "日本…"),
            ("日本", 4, "日本"),
        ];
        for (text, columns, expected) in cases {
            assert_eq!(cut(text, columns), expected, "{text}");
            assert!(width(expected) <= columns);
        }
    }
}
