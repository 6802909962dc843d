//! Text from strangers, made safe to show: a file must not steer the terminal of who reads it.

use std::fmt::Write as _;

/// `text` with all that could steer a terminal, reorder a line or hide from a reader written as
/// `\u{…}`; a line feed becomes `\n`, a tab a space, so the result is one line.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut out, character);
    }
    out
}

/// [`visible`] text of the first `most` characters; `…` tells of a cut.
pub(crate) fn escape(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == most {
            out.push('…');
            break;
        }
        push(&mut out, character);
    }
    out
}

fn push(out: &mut String, character: char) {
    match character {
        '\n' => out.push_str("\\n"),
        '\t' => out.push(' '),
        _ if is_hidden(character) => {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        }
        _ => out.push(character),
    }
}

/// Control characters, bidirectional controls, line separators, marks of byte order, tags.
///
/// Not the joiners of emoji and of scripts: an id may hold them.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{180e}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{fffe}'..='\u{ffff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        let cases = [
            ("plain é 日 👩‍💻", "plain é 日 👩‍💻"),
            ("a\u{1b}[31m", "a\\u{1b}[31m"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\nb\tc\r", "a\\nb c\\u{d}"),
            ("\u{202e}cod", "\\u{202e}cod"),
            ("\u{feff}\u{e0041}", "\\u{feff}\\u{e0041}"),
        ];
        for (text, expected) in cases {
            assert_eq!(visible(text), expected, "{text:?}");
        }
    }
}
