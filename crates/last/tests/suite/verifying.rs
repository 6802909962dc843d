//! That every kind of tampering with a stored LAST is seen.

use std::fs;
use std::path::Path;

use crate::sample::{PAGE, STORED, assemble, release};

/// A folder as a coordinator leaves it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (text, assembled) = assemble(&release());
    fs::write(folder.path().join("last.json"), text).unwrap();
    for promotion in assembled.promotions {
        let path = folder.path().join(&promotion.to);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let content = if promotion.to.starts_with("outputs/") { STORED } else { PAGE };
        fs::write(path, content).unwrap();
    }
    folder
}

fn problems(path: &Path) -> String {
    let problems = last::verify(path).unwrap_err();
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn an_untouched_folder_is_in_order() {
    let folder = folder();
    let verified = last::verify(folder.path()).unwrap();
    assert_eq!((verified.tasks, verified.artifacts, verified.outputs), (6, 2, 1));
    let size = fs::metadata(folder.path().join("last.json")).unwrap().len();
    assert_eq!(verified.bytes, size + 2 * PAGE.len() as u64 + STORED.len() as u64);
    assert_eq!(last::verify(&folder.path().join("last.json")).unwrap(), verified);
}

/// What is replaced, by what, and what must be said of it.
const CHANGES: &[(&str, &str, &str)] = &[
    ("\"id\": \"last_0", "\"id\": \"last_1", "/id"),
    ("\"status\": \"partial_success\"", "\"status\": \"success\"", "/status"),
    ("\"success_rate\": 0.3", "\"success_rate\": 0.4", "/success_rate"),
    ("\"execution_time_ms\": 9000", "\"execution_time_ms\": 9001", "/execution_time_ms"),
    ("\"completed\": 2", "\"completed\": 3", "/metadata/completed"),
    ("\"task_count\": 6", "\"task_count\": 7", "/metadata/task_count"),
    (
        "\"task_id\":\"fetch\",\"execution_id\":\"0",
        "\"task_id\":\"fetch\",\"execution_id\":\"1",
        "/task_results/fetch/execution_id",
    ),
    (
        "\"status\":\"failed\",\"outcome\":\"failed\"",
        "\"status\":\"failed\",\"outcome\":\"lost\"",
        "/task_results/check/outcome",
    ),
    ("\"duration_ms\":1150,\"wait", "\"duration_ms\":1,\"wait", "/task_results/fetch/duration_ms"),
    ("\"run_ms\":1150,\"output", "\"run_ms\":1151,\"output", "/task_results/fetch/run_ms"),
    ("\"output\":{\"status\":200,\"big\":1e400},", "", "/task_results/fetch/output"),
    ("\"id\":\"node_1\"", "\"id\":\"node_2\"", "/execution_graph/nodes/2"),
    (
        "\"task_id\":\"check\",\"status\":\"failed\",\"duration",
        "\"task_id\":\"check\",\"status\":\"timeout\",\"duration",
        "/execution_graph/nodes/3",
    ),
    (
        "\"source\":\"node_1\",\"target\":\"node_2\"",
        "\"source\":\"node_9\",\"target\":\"node_2\"",
        "/execution_graph/edges/",
    ),
    (
        "\"source\":\"node_1\",\"target\":\"node_2\"",
        "\"source\":\"node_4\",\"target\":\"node_2\"",
        "its source did not complete",
    ),
    (
        "\"source\":\"node_1\",\"target\":\"node_3\"",
        "\"source\":\"node_1\",\"target\":\"node_2\"",
        "comes twice",
    ),
    ("\"task_ids\":[\"slow", "\"task_ids\":[\"slower", "/critical_path/task_ids/0"),
    ("\"length\":1", "\"length\":2", "/critical_path/length"),
    ("\"task_id\":\"fetch\",\"path\"", "\"task_id\":\"check\",\"path\"", "/artifacts/0/task_id"),
    ("/site/page.html\",\"created", "/../../x\",\"created", "not a relative path"),
    ("\"path\":\"artifacts", "\"path\":\"/artifacts", "not a relative path"),
    ("2~Site/Page.html\",\"created", "site/page.html\",\"created", "is named twice"),
    ("\"size_bytes\":12", "\"size_bytes\":13", "has 12 bytes, not 13"),
];

#[test]
fn a_changed_last_is_seen() {
    let folder = folder();
    let path = folder.path().join("last.json");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, expected) in CHANGES {
        assert!(text.contains(from), "{from}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let found = problems(folder.path());
        assert!(found.contains(expected), "{from} → {to}: {found}");
    }
}

/// Does something to a file.
type Change = fn(&Path);

#[test]
fn a_changed_file_is_seen() {
    let page = "artifacts/000001-fetch/site/page.html";
    let cases: [(&str, Change, &str); 5] = [
        (page, |path| fs::write(path, b"<p>HELLO</p>").unwrap(), "has the SHA-256"),
        (page, |path| fs::write(path, b"").unwrap(), "has 0 bytes, not 12"),
        (page, |path| fs::remove_file(path).unwrap(), "is missing"),
        ("outputs/000002-translate.json", |path| fs::remove_file(path).unwrap(), "output_ref"),
        (
            "outputs/000002-translate.json",
            |path| {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
            },
            "is not a file",
        ),
    ];
    for (file, change, expected) in cases {
        let folder = folder();
        change(&folder.path().join(file));
        let found = problems(folder.path());
        assert!(found.contains(expected), "{file}: {found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_seen() {
    let (folder, outside) = (folder(), tempfile::tempdir().unwrap());
    let (target, path) =
        (outside.path().join("x"), folder.path().join("outputs/000002-translate.json"));
    fs::write(&target, STORED).unwrap();
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    assert!(problems(folder.path()).contains("symbolic link"));
}

#[test]
fn what_is_no_last_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    assert!(problems(folder.path()).contains("cannot be read"));
    fs::write(folder.path().join("last.json"), "{").unwrap();
    assert!(problems(folder.path()).contains("line 1, column 1"));
}
