//! `${{ … }}`: how a task's parameters take in what its ancestors returned.
//!
//! The marks are found here; only the inside goes to minijinja, so `{% … %}` and `{# … #}` in a
//! prompt stay text. `$${{` writes a literal `${{`. A string that is one expression becomes its
//! value, with its type; a plain path such as `tasks.a.output.items[0]` is spliced byte for byte,
//! so no digit of a number is lost. A string without the mark is never touched.

mod literal;
mod path;
mod reference;
mod resolve;

use std::ops::Range;

pub use literal::literal;
pub(crate) use reference::{Fault, inspect};
pub use resolve::{ResolveError, has_any, references, resolve};

/// What opens an expression.
pub(crate) const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// A piece of a string, as byte ranges of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it stands.
    Text(Range<usize>),
    /// The inside of an expression, marks left out.
    Expression(Range<usize>),
    /// `${{` with no end.
    Unclosed(Range<usize>),
}

/// Cuts a decoded string into text and expressions.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut from = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find(OPEN) {
        let open = at + found;
        if text[..open].ends_with('$') && open > from {
            // `$${{`: the first dollar goes, the mark stays as text.
            pieces.push(Piece::Text(from..open - 1));
            from = open;
            at = open + OPEN.len();
            continue;
        }
        pieces.push(Piece::Text(from..open));
        let inside = open + OPEN.len();
        let Some(end) = close(&text[inside..]) else {
            pieces.push(Piece::Unclosed(open..text.len()));
            return kept(pieces);
        };
        pieces.push(Piece::Expression(inside..inside + end));
        at = inside + end + CLOSE.len();
        from = at;
    }
    pieces.push(Piece::Text(from..text.len()));
    kept(pieces)
}

fn kept(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.retain(|piece| !matches!(piece, Piece::Text(range) if range.is_empty()));
    pieces
}

/// Where the closing mark is: not inside a string, and not the end of a map literal.
fn close(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut braces) = (0, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => at = after_string(bytes, at)?,
            b'{' => {
                braces += 1;
                at += 1;
            }
            b'}' if braces > 0 => {
                braces -= 1;
                at += 1;
            }
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// Just past the string literal that opens at `at`.
fn after_string(bytes: &[u8], at: usize) -> Option<usize> {
    let quote = bytes[at];
    let mut at = at + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_cut_at_the_marks() {
        let cut = |text: &str| -> Vec<String> {
            pieces(text)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(range) => format!("t:{}", &text[range]),
                    Piece::Expression(range) => format!("e:{}", &text[range]),
                    Piece::Unclosed(range) => format!("u:{}", &text[range]),
                })
                .collect()
        };
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("plain {{ x }} {% y %} {# z #}", &["t:plain {{ x }} {% y %} {# z #}"]),
            ("${{ a }}", &["e: a "]),
            ("x ${{a}} y", &["t:x ", "e:a", "t: y"]),
            ("${{ '}}' }}", &["e: '}}' "]),
            ("${{ {'a': {}} }}", &["e: {'a': {}} "]),
            ("$${{ a }}", &["t:${{ a }}"]),
            ("cost $$${{ a }}", &["t:cost $", "t:${{ a }}"]),
            ("${{ a", &["u:${{ a"]),
            ("${{ a }}${{ b }}", &["e: a ", "e: b "]),
        ];
        for (text, expected) in cases {
            assert_eq!(cut(text), *expected, "{text}");
        }
    }
}
