//! A text as somebody reads it who undoes its escapes, and where each byte of that came from.

use std::borrow::Cow;
use std::ops::Range;

/// Bytes, and what stands for them in the text that they were read from.
#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// Where each byte begins in the text, and at the end where the text ends; `None` when nothing
    /// was undone.
    origin: Option<Vec<usize>>,
}

impl<'a> View<'a> {
    /// The text as it is.
    pub(super) fn plain(text: &'a str) -> Self {
        Self { bytes: Cow::Borrowed(text.as_bytes()), origin: None }
    }

    /// The part of the text that these bytes were read from.
    pub(super) fn range(&self, bytes: Range<usize>) -> Range<usize> {
        match &self.origin {
            Some(origin) => origin[bytes.start]..origin[bytes.end],
            None => bytes,
        }
    }

    /// With the escapes of JSON undone; `None` when there are none.
    pub(super) fn unescaped(&self) -> Option<View<'static>> {
        self.undone(b'\\', escape)
    }

    /// With the percent-encoding of addresses undone; `None` when there is none.
    pub(super) fn percent_decoded(&self) -> Option<View<'static>> {
        self.undone(b'%', |rest| {
            let value = u8::try_from(hex(rest.get(1..3)?)?).ok()?;
            Some((3, [value, 0, 0, 0], 1))
        })
    }

    fn undone(
        &self,
        mark: u8,
        undo: impl Fn(&[u8]) -> Option<(usize, [u8; 4], usize)>,
    ) -> Option<View<'static>> {
        if !self.bytes.contains(&mark) {
            return None;
        }
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut origin = Vec::with_capacity(self.bytes.len() + 1);
        let mut at = 0;
        let mut any = false;
        while let Some(&byte) = self.bytes.get(at) {
            let from = self.range(at..at).start;
            let undone = (byte == mark).then(|| undo(&self.bytes[at..])).flatten();
            if let Some((length, read, count)) = undone {
                // All bytes of one character come from the whole of its escape.
                bytes.extend_from_slice(&read[..count]);
                origin.extend(std::iter::repeat_n(from, count));
                at += length;
                any = true;
            } else {
                bytes.push(byte);
                origin.push(from);
                at += 1;
            }
        }
        origin.push(self.range(at..at).start);
        any.then_some(View { bytes: Cow::Owned(bytes), origin: Some(origin) })
    }
}

/// What an escape of JSON at the beginning of `text` stands for: its length, and the bytes.
fn escape(text: &[u8]) -> Option<(usize, [u8; 4], usize)> {
    let simple = |byte| Some((2, [byte, 0, 0, 0], 1));
    match text.get(1)? {
        byte @ (b'"' | b'\\' | b'/') => simple(*byte),
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'b' => simple(8),
        b'f' => simple(12),
        b'u' => {
            let first = hex(text.get(2..6)?)?;
            let second = || match text.get(6..12)? {
                [b'\\', b'u', digits @ ..] => hex(digits),
                _ => None,
            };
            let pair = |low: u32| (0xdc00..0xe000).contains(&low).then_some(low);
            let (length, code) = match first {
                0xd800..0xdc00 => {
                    (12, 0x10000 + ((first - 0xd800) << 10) + pair(second()?)? - 0xdc00)
                }
                code => (6, code),
            };
            let mut bytes = [0; 4];
            let count = char::from_u32(code)?.encode_utf8(&mut bytes).len();
            Some((length, bytes, count))
        }
        _ => None,
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read, and what the range of `part` of it is in the text.
    fn shown(view: Option<View<'static>>, text: &str, part: &str) -> (String, String) {
        let view = view.unwrap();
        let read = String::from_utf8_lossy(&view.bytes).into_owned();
        let at = read.find(part).unwrap();
        let range = view.range(at..at + part.len());
        (read, text[range].to_owned())
    }

    #[test]
    fn escapes_are_undone_and_found_again() {
        for (text, read, part, from) in [
            (r#"a\"b"#, "a\"b", "\"", "\\\""),
            (r"x\u00e9\/y", "xé/y", "é/", r"\u00e9\/"),
            (r"\ud83d\ude00.", "😀.", "😀", r"\ud83d\ude00"),
            (r"\ud83d \u12 \q\n", "\\ud83d \\u12 \\q\n", "\n", r"\n"),
        ] {
            let view = View::plain(text).unescaped();
            assert_eq!(shown(view, text, part), (read.to_owned(), from.to_owned()));
        }
        let (text, read) = ("a%2Fb%c3%a9%zz%", "a/bé%zz%");
        let view = View::plain(text).percent_decoded();
        assert_eq!(shown(view, text, "bé"), (read.to_owned(), "b%c3%a9".to_owned()));
        assert!(View::plain("100%").percent_decoded().is_none());
        assert!(View::plain("plain").unescaped().is_none());
    }

    #[test]
    fn escapes_of_escapes_lead_back_to_the_first_text() {
        let text = r#"{"out":"{\"a\":\"k-\\\"q\\\"\"}"}"#;
        let once = View::plain(text).unescaped().unwrap();
        let twice = once.unescaped();
        let (_, from) = shown(twice, text, "k-\"q\"");
        assert_eq!(from, r#"k-\\\"q\\\""#);
    }
}
