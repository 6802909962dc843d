//! Names of files beside a LAST, and what a name tells of its file.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use alt::TaskIndex;
use protocol::media_type;

use crate::ArtifactType;

/// The name of the ALT file beside the LAST.
pub const ALT_FILE: &str = "alt.json";

/// The longest slug, bytes: what is left of the id is cut.
const SLUG_BYTES: usize = 60;

/// The longest path component, bytes: common file systems allow 255.
const COMPONENT_BYTES: usize = 200;

/// A short safe name for a task: its place in the file, then what its id has of `a-z`, `0-9`, `_`.
///
/// At most 60 bytes. Two tasks of one file never share one, on file systems blind to case either:
/// the place alone tells them apart.
#[must_use]
pub fn slug(task: TaskIndex, id: &str) -> String {
    let mut out = format!("{:06}", task.0);
    let mut gap = true;
    for c in id.chars() {
        if out.len() + 2 > SLUG_BYTES {
            break;
        }
        let c = c.to_ascii_lowercase();
        if matches!(c, 'a'..='z' | '0'..='9' | '_') {
            if gap {
                out.push('-');
            }
            out.push(c);
        }
        gap = !matches!(c, 'a'..='z' | '0'..='9' | '_');
    }
    out
}

/// The path of each artifact of a task, from the folder of the LAST.
///
/// A name that is no safe path is made one; names that differ only in case are numbered.
pub(crate) fn artifact_paths<'a>(slug: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = BTreeSet::new();
    names
        .map(|name| {
            let safe: Vec<String> = name.split('/').filter_map(safe_component).collect();
            let base = if safe.is_empty() { "file".to_owned() } else { safe.join("/") };
            let mut path = format!("artifacts/{slug}/{base}");
            let mut number = 1_u32;
            while !taken.insert(path.to_lowercase()) {
                number += 1;
                path = format!("artifacts/{slug}/{number}~{base}");
            }
            path
        })
        .collect()
}

/// The path of an output that is kept in a file, from the folder of the LAST.
pub(crate) fn output_path(slug: &str) -> String {
    format!("outputs/{slug}.json")
}

/// Whether `path` stays inside the folder it starts from, on every system.
///
/// # Errors
/// A sentence that says it does not.
pub(crate) fn stay_inside(path: &str) -> Result<(), String> {
    let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if path.is_empty() || !plain || path.contains('\\') {
        return Err(format!("`{path}` is not a relative path inside the folder"));
    }
    Ok(())
}

/// `text` as one path component that no file system refuses or misreads; `None` when nothing is left.
fn safe_component(text: &str) -> Option<String> {
    if matches!(text, "" | "." | "..") {
        return None;
    }
    let hostile =
        |c: char| c.is_control() || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let mut out = String::with_capacity(text.len());
    for c in text.chars().map(|c| if hostile(c) { '_' } else { c }) {
        if out.len() + c.len_utf8() > COMPONENT_BYTES {
            break;
        }
        out.push(c);
    }
    Some(out)
}

/// What kind of file a name promises, and its media type.
#[must_use]
pub fn artifact_kind(name: &str) -> (ArtifactType, &'static str) {
    let media = media_type(name);
    let kind = match media.split_once('/').unwrap_or_default() {
        ("image", _) => ArtifactType::Image,
        (_, "json" | "x-ndjson") => ArtifactType::Json,
        ("text", "plain") if name.to_ascii_lowercase().ends_with(".log") => ArtifactType::Log,
        ("text", _) | (_, "xml" | "yaml") => ArtifactType::Text,
        (_, "pdf" | "octet-stream") => ArtifactType::File,
        _ => ArtifactType::Binary,
    };
    (kind, media)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slug_is_the_place_and_the_safe_part_of_the_id() {
        let cases = [
            (0, "build", "000000-build"),
            (7, "Fetch The/Data!", "000007-fetch-the-data"),
            (12, "", "000012"),
            (12, "日本", "000012"),
            (3, "../../etc/passwd", "000003-etc-passwd"),
            (1_000_000, "a", "1000000-a"),
        ];
        for (task, id, expected) in cases {
            assert_eq!(slug(TaskIndex(task), id), expected, "{id:?}");
        }
    }

    #[test]
    fn an_odd_artifact_name_becomes_a_safe_path() {
        let names = ["a.txt", "A.TXT", "a.txt", "x/y.png", "../../up", "c:\\d\u{7}", "", "/"];
        let paths = artifact_paths("000001-t", names.into_iter());
        let expected = ["a.txt", "2~A.TXT", "3~a.txt", "x/y.png", "up", "c__d_", "file", "2~file"];
        let expected: Vec<_> =
            expected.iter().map(|name| format!("artifacts/000001-t/{name}")).collect();
        assert_eq!(paths, expected);
    }

    #[test]
    fn the_extension_tells_the_kind() {
        let cases = [
            ("a.PNG", ArtifactType::Image, "image/png"),
            ("x.y/report", ArtifactType::File, "application/octet-stream"),
            ("run.log", ArtifactType::Log, "text/plain"),
            ("d/e.json", ArtifactType::Json, "application/json"),
            ("a.tar.gz", ArtifactType::Binary, "application/gzip"),
            ("page.html", ArtifactType::Text, "text/html"),
        ];
        for (name, kind, mime) in cases {
            assert_eq!(artifact_kind(name), (kind, mime), "{name}");
        }
    }

    proptest! {
        #[test]
        fn two_tasks_never_share_a_slug_whatever_the_case(
            a in "\\PC{0,80}", b in "\\PC{0,80}", i in 0_u32..2_000_000, j in 0_u32..2_000_000,
        ) {
            let (one, two) = (slug(TaskIndex(i), &a), slug(TaskIndex(j), &b));
            prop_assert_eq!(one.to_lowercase() == two.to_lowercase(), i == j && one == two);
            prop_assert_eq!(i == j || one != two, true);
            prop_assert!(one.len() <= SLUG_BYTES);
            prop_assert!(one.bytes().all(|b| b"abcdefghijklmnopqrstuvwxyz0123456789_-".contains(&b)));
        }

        #[test]
        fn artifacts_of_one_task_never_share_a_path(names in prop::collection::vec("[aA./~2]{0,4}", 0..12)) {
            let paths = artifact_paths("s", names.iter().map(String::as_str));
            let distinct: BTreeSet<_> = paths.iter().map(|path| path.to_lowercase()).collect();
            prop_assert_eq!(distinct.len(), names.len());
            prop_assert!(paths.iter().all(|path| path.split('/').all(|part| !matches!(part, "" | "." | ".."))));
        }
    }
}
