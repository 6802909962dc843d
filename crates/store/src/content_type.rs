//! Which media type an object is served with, by the ending of its key.

use object_store::{Attribute, Attributes};

/// The media type of what is stored at `key`.
pub(crate) fn of(key: &str) -> &'static str {
    match key.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some("dot") => "text/vnd.graphviz; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("zip") => "application/zip",
        Some("zst") => "application/zstd",
        Some("gz") => "application/gzip",
        _ => "application/octet-stream",
    }
}

/// A media type, as the store wants it.
pub(crate) fn attributes(media: &'static str) -> Attributes {
    Attributes::from_iter([(Attribute::ContentType, media)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides() {
        let cases = [
            ("a/b/last.json", "application/json"),
            ("graph.svg", "image/svg+xml"),
            ("summary.txt", "text/plain; charset=utf-8"),
            ("graph.dot", "text/vnd.graphviz; charset=utf-8"),
            ("report.html", "text/html; charset=utf-8"),
            ("last.json.gz", "application/gzip"),
            ("last.zip", "application/zip"),
            ("last.tar.zst", "application/zstd"),
            ("data", "application/octet-stream"),
            ("json", "application/octet-stream"),
            ("", "application/octet-stream"),
        ];
        for (key, expected) in cases {
            assert_eq!(of(key), expected, "{key}");
        }
    }
}
