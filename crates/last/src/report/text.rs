//! Text from strangers for the report: visible, bounded by what it costs in the page, and links.

use alt::visible;
use serde::Serialize;

/// The beginning of a text, or all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Excerpt {
    /// What is shown; line feeds stay, all else that could steer is written out.
    pub(super) text: String,
    /// Bytes that are not shown.
    pub(super) hidden: usize,
}

impl Excerpt {
    /// As much of `text` as costs at most `most` bytes of HTML.
    pub(super) fn of(text: &str, most: usize) -> Self {
        let mut shown = String::new();
        let mut cost = 0;
        let mut end = 0;
        for (place, c) in text.char_indices() {
            let piece = if c == '\n' { c.to_string() } else { visible(c.encode_utf8(&mut [0; 4])) };
            cost += piece.chars().map(price).sum::<usize>();
            if cost > most {
                break;
            }
            shown.push_str(&piece);
            end = place + c.len_utf8();
        }
        Self { text: shown, hidden: text.len() - end }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.hidden == 0
    }
}

/// Bytes of a character once it is escaped.
const fn price(c: char) -> usize {
    match c {
        '"' | '\'' | '/' => 6,
        '&' => 5,
        '<' | '>' => 4,
        _ => c.len_utf8(),
    }
}

/// What all texts of a page may cost, shared out so that what is short leaves more to the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Budget {
    left: usize,
    shares: usize,
}

impl Budget {
    /// `bytes` of HTML for `shares` takers.
    pub(super) fn new(bytes: usize, shares: usize) -> Self {
        Self { left: bytes, shares: shares.max(1) }
    }

    /// What the next taker may use, at most `most`.
    pub(super) fn share(&self, most: usize) -> usize {
        (self.left / self.shares.max(1)).min(most)
    }

    /// The next taker used so many bytes.
    pub(super) fn take(&mut self, used: usize) {
        self.left = self.left.saturating_sub(used);
        self.shares = self.shares.saturating_sub(1);
    }
}

/// What `excerpts` cost.
pub(super) fn cost(excerpt: &Excerpt) -> usize {
    excerpt.text.chars().map(price).sum()
}

/// A link to a file beside the LAST; `None` when the path would lead out of its folder.
pub(super) fn href(path: &str) -> Option<String> {
    crate::path::stay_inside(path).ok()?;
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        // A colon too: a first component with one would be a scheme.
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_costs_no_more_than_it_may() {
        let all = Excerpt::of("{\"a\": 1}\n\u{1b}[0m", 100);
        assert_eq!((all.text.as_str(), all.hidden), ("{\"a\": 1}\n\\u{1b}[0m", 0));
        let some = Excerpt::of("\"\"\"\"", 13);
        assert_eq!((some.text.as_str(), some.hidden), ("\"\"", 2));
        assert_eq!(cost(&some), 12);
    }

    #[test]
    fn shares_that_are_not_used_go_to_the_others() {
        let mut budget = Budget::new(100, 4);
        assert_eq!(budget.share(1000), 25);
        budget.take(1);
        assert_eq!(budget.share(1000), 33);
        assert_eq!(budget.share(10), 10);
        budget.take(99);
        assert_eq!(budget.share(1000), 0);
    }

    #[test]
    fn a_link_stays_inside_and_is_no_scheme() {
        assert_eq!(href("artifacts/a b#?.png").as_deref(), Some("artifacts/a%20b%23%3F.png"));
        assert_eq!(href("javascript:alert(1)").as_deref(), Some("javascript%3Aalert%281%29"));
        for path in ["//host/x", "/etc/passwd", "../up", "", "a\\b"] {
            assert_eq!(href(path), None, "{path}");
        }
    }
}
