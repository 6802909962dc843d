//! Names of what is remembered: a SHA-256 of any texts fits any key.

use std::fmt::Write as _;

use ring::digest::{Context, SHA256};

/// `word` and the digest of `texts`, in which other texts have no share: each is told by its length.
pub(crate) fn fingerprint(word: &str, texts: &[&str]) -> String {
    let mut digest = Context::new(&SHA256);
    for text in texts {
        digest.update(&(text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    digest.finish().as_ref().iter().fold(format!("{word}-"), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_read_alike_have_different_names() {
        let names = [
            fingerprint("a", &["b", "c"]),
            fingerprint("a", &["bc"]),
            fingerprint("a", &["bc", ""]),
            fingerprint("d", &["bc"]),
        ];
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{name}");
        }
        assert_eq!(names[0], fingerprint("a", &["b", "c"]));
        assert_eq!(names[0].len(), 66);
    }
}
