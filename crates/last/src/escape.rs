//! Text from strangers, made safe to show: in a terminal, in SVG, in DOT, in Mermaid.

use std::fmt::Write as _;

/// `text` with all that could steer a terminal or hide from a reader written as `\u{…}`.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push(' '),
            _ if c.is_control() || hidden(c) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out
}

/// Characters that turn the reading direction, take no room or are no characters at all.
const fn hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

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
        used += char_width(c);
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
    text.chars().map(char_width).sum()
}

/// Columns of `c`: two for East Asian scripts and pictures.
const fn char_width(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
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
        assert_eq!(
            xml(hostile),
            "a\\u{1b}[31m&quot;&lt;b&gt;&amp;&#39;\\]\\u{202e}\\n#;`"
        );
        assert_eq!(
            dot(hostile),
            "a\\\\u{1b}[31m\\\"<b>&'\\\\]\\\\u{202e}\\\\n#;`"
        );
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
