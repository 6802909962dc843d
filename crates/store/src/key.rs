//! The only place that joins words with slashes: where each object of a run is kept.
//!
//! A run's LAST is at `<alt id>/<run>/…`, what its attempts left on the way at
//! `.attempts/<run>/<task>.<attempt>/…`. User text enters only percent-encoded.

use std::fmt::Write as _;

/// The longest component this module makes, bytes: common file systems allow 255.
const COMPONENT_BYTES: usize = 200;

/// `text` as one component of a key: letters, digits, `.`, `_` and `-` stay, the rest becomes `%XX`.
///
/// A text too long for a file name is cut and ends in a digest, so that two never meet.
#[must_use]
pub fn component(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => out.push(char::from(byte)),
            // A leading dot would make `.`, `..` or a hidden folder.
            b'.' if !out.is_empty() => out.push('.'),
            other => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    if out.len() > COMPONENT_BYTES {
        let digest = crate::sha256(text.as_bytes());
        // A cut inside `%XX` is harmless: the name is never decoded.
        out.truncate(COMPONENT_BYTES - 17);
        out.push('-');
        out.push_str(&digest[..16]);
    }
    out
}

/// The folder of a run's LAST.
#[must_use]
pub fn last_folder(alt_id: &str, run: &str) -> String {
    format!("{}/{run}", component(alt_id))
}

/// The folder of what a run's attempts left, before its LAST is written.
#[must_use]
pub fn attempts_folder(run: &str) -> String {
    format!(".attempts/{run}")
}

/// The folder of what one attempt left: unique, so a late attempt overwrites nothing.
#[must_use]
pub fn attempt_folder(run: &str, task: u32, attempt: u32) -> String {
    format!(".attempts/{run}/{task}.{attempt}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn odd_ids_become_one_safe_component() {
        let cases = [
            ("hello", "hello"),
            ("a.b", "a.b"),
            ("..", "%2E."),
            ("../../etc", "%2E.%2F..%2Fetc"),
            ("é x", "%C3%A9%20x"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(component(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn two_ids_never_share_a_folder(a in "\\PC{1,300}", b in "\\PC{1,300}") {
            prop_assert!(a == b || component(&a) != component(&b));
            prop_assert!(component(&a).len() <= 200);
            prop_assert!(!component(&a).contains(['/', '\\', '\0']) && !component(&a).starts_with('.'));
        }
    }
}
