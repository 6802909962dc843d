//! The layout of `last.json`: two spaces a level, yet every task, node, edge and artifact on one line.

use std::io::{self, Write};

use serde::Serialize;
use sha2::Digest as _;

/// A JSON object being written, hashed and measured on the way.
pub(crate) struct Sheet<'a, W> {
    out: &'a mut W,
    hash: sha2::Sha256,
    size: u64,
    line: Vec<u8>,
    depth: usize,
    /// Whether the innermost container has no member yet.
    empty: bool,
}

impl<'a, W: Write> Sheet<'a, W> {
    /// Opens the outermost object.
    pub(crate) fn new(out: &'a mut W) -> Self {
        let hash = sha2::Sha256::default();
        Self { out, hash, size: 0, line: vec![b'{'], depth: 1, empty: true }
    }

    /// A member of the innermost object, on one line.
    pub(crate) fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> io::Result<()> {
        self.key(name)?;
        serde_json::to_writer(&mut self.line, value)?;
        self.flush()
    }

    /// A member that is left out when it is `None`.
    pub(crate) fn option<T: Serialize>(&mut self, name: &str, value: Option<&T>) -> io::Result<()> {
        value.map_or(Ok(()), |value| self.field(name, value))
    }

    /// An element of the innermost array, on one line.
    pub(crate) fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> io::Result<()> {
        self.next();
        serde_json::to_writer(&mut self.line, value)?;
        self.flush()
    }

    /// Opens a container that is a member of the innermost object: `bracket` is `{` or `[`.
    pub(crate) fn open(&mut self, name: &str, bracket: char) -> io::Result<()> {
        self.key(name)?;
        self.line.extend_from_slice(bracket.encode_utf8(&mut [0; 4]).as_bytes());
        self.depth += 1;
        self.empty = true;
        Ok(())
    }

    /// Closes the innermost container: `bracket` is `}` or `]`.
    pub(crate) fn close(&mut self, bracket: char) -> io::Result<()> {
        self.depth -= 1;
        if !self.empty {
            self.indent();
        }
        self.line.extend_from_slice(bracket.encode_utf8(&mut [0; 4]).as_bytes());
        self.empty = false;
        self.flush()
    }

    /// Closes the outermost object; returns the bytes written and their lower-case hex SHA-256.
    pub(crate) fn finish(mut self) -> io::Result<(u64, String)> {
        self.close('}')?;
        self.line.push(b'\n');
        self.flush()?;
        self.out.flush()?;
        Ok((self.size, hex(&self.hash.finalize())))
    }

    fn key(&mut self, name: &str) -> io::Result<()> {
        self.next();
        serde_json::to_writer(&mut self.line, name)?;
        self.line.extend_from_slice(b": ");
        Ok(())
    }

    fn next(&mut self) {
        if !self.empty {
            self.line.push(b',');
        }
        self.empty = false;
        self.indent();
    }

    fn indent(&mut self) {
        self.line.push(b'\n');
        self.line.resize(self.line.len() + 2 * self.depth, b' ');
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hash.update(&self.line);
        self.size += self.line.len() as u64;
        self.out.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }
}

/// `bytes` in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The lower-case hex SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&sha2::Sha256::digest(bytes))
}

/// JSON text on one line: without the white space between its tokens if that breaks it.
pub(crate) fn one_line(text: &str) -> Option<String> {
    text.contains(['\n', '\r']).then(|| compact(text))
}

/// JSON text without the white space between its tokens.
pub(crate) fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        if quoted || !matches!(c, ' ' | '\n' | '\r' | '\t') {
            out.push(c);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_between_tokens_goes() {
        let cases = [
            ("1e400", None),
            ("[1, 2]", None),
            ("[\n  1e400,\r\n\t-0.0 ]", Some("[1e400,-0.0]")),
            ("{\n\"a b\": \"c\\\" \\\\\" }", Some("{\"a b\":\"c\\\" \\\\\"}")),
        ];
        for (text, expected) in cases {
            assert_eq!(one_line(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_layout_is_json_of_one_line_an_element() {
        let mut out = Vec::new();
        let mut sheet = Sheet::new(&mut out);
        sheet.field("a", &1).unwrap();
        sheet.option::<u8>("b", None).unwrap();
        sheet.open("c", '[').unwrap();
        sheet.close(']').unwrap();
        sheet.open("d", '{').unwrap();
        sheet.open("e", '[').unwrap();
        sheet.element(&[1, 2]).unwrap();
        sheet.element("x").unwrap();
        sheet.close(']').unwrap();
        sheet.close('}').unwrap();
        let (size, sha256) = sheet.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        let expected = "{\n  \"a\": 1,\n  \"c\": [],\n  \"d\": {\n    \"e\": [\n      [1,2],\n      \"x\"\n    ]\n  }\n}\n";
        assert_eq!(text, expected);
        assert_eq!(size, text.len() as u64);
        assert_eq!(sha256, hex(&sha2::Sha256::digest(text.as_bytes())));
    }
}
