//! That every kind of tampering with a stored LAST is seen.

use std::fs;
use std::path::Path;

use last::FileDigest;

use crate::sample::{PAGE, RELEASE, STORED, assemble, release};

/// A folder as a coordinator leaves it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (text, assembled) = assemble(&release());
    fs::write(folder.path().join("last.json"), text).unwrap();
    fs::write(folder.path().join(last::ALT_FILE), RELEASE).unwrap();
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
    let beside = 2 * PAGE.len() + STORED.len() + RELEASE.len();
    assert_eq!(verified.bytes, size + beside as u64);
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
    ("\"run_ms\":1150,\"waits", "\"run_ms\":1151,\"waits", "/task_results/fetch/run_ms"),
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
    ("\"name\":\"alt.json\"", "\"name\":\"../alt.json\"", "/alt_file: `../alt.json` is not a"),
    ("\"name\":\"alt.json\"", "\"name\":\"old.json\"", "/alt_file: `old.json` is missing"),
    ("\"summary\":", "\"refused\": [], \"summary\":", "/refused: "),
    ("\"summary\":", "\"refused\": [], \"summary\":", "/task_results: "),
    ("\"summary\":", "\"refused\": [], \"summary\":", "yet the file was refused"),
    (
        "\"summary\":",
        "\"refused_more\": {\"errors\":1,\"warnings\":0}, \"summary\":",
        "/refused_more: ",
    ),
    (
        "\"outcome\":\"ok\",\"start_time\"",
        "\"outcome\":\"ok\",\"reused_from\":\"00000000000000000000000000000001\",\"start_time\"",
        "/reuse: is missing",
    ),
    (
        "\"outcome\":\"failed\",\"start_time\"",
        "\"outcome\":\"failed\",\"reused_from\":\"0123456789abcdef0123456789abcdef\",\"start_time\"",
        "/task_results/check/reused_from: only a completed task",
    ),
    (
        "\"outcome\":\"failed\",\"start_time\"",
        "\"outcome\":\"failed\",\"reused_from\":\"0123456789abcdef0123456789abcdef\",\"start_time\"",
        "/task_results/check/reused_from: is this run itself",
    ),
    (
        "\"critical_path\":",
        "\"reuse\": {\"run\":\"0123456789abcdef0123456789abcdef\",\"tasks\":1}, \"critical_path\":",
        "/reuse/tasks: must be 0",
    ),
    (
        "\"critical_path\":",
        "\"reuse\": {\"run\":\"0123456789abcdef0123456789abcdef\",\"tasks\":0}, \"critical_path\":",
        "/reuse/run: is this run itself",
    ),
    ("\"size_bytes\":12", "\"size_bytes\":13", "has 12 bytes, not 13"),
];

/// The same for what rests on times.
const TIMES: &[(&str, &str, &str)] = &[
    (
        "\"dependencies_ms\":10,",
        "\"dependencies_ms\":11,",
        "/task_results/fetch/waits/dependencies_ms: ",
    ),
    ("\"queue_ms\":50", "\"queue_ms\":49", "/task_results/fetch/waits/queue_ms: "),
    (
        "\"limit_ms\":0,\"queue_ms\":50",
        "\"limit_ms\":1,\"queue_ms\":49",
        "/task_results/fetch/waits/limit_ms: ",
    ),
    ("\"backoff_ms\":0", "\"backoff_ms\":7", "/task_results/fetch/waits/backoff_ms: "),
    (
        "\"waits\":{\"dependencies_ms\":10,\"limit_ms\":0,\"queue_ms\":50,\"backoff_ms\":0},",
        "",
        "/task_results/fetch/waits: is missing",
    ),
    (
        "\"wait_ms\":50,\"run_ms\":1150,\"worker\"",
        "\"wait_ms\":51,\"run_ms\":1150,\"worker\"",
        "/task_results/fetch/attempts/0: its wait_ms",
    ),
    (
        "\"run_ms\":1150,\"worker\"",
        "\"run_ms\":1149,\"worker\"",
        "/task_results/fetch/attempts/0: its run_ms",
    ),
    ("\"slack_ms\":5300", "\"slack_ms\":5299", "/execution_graph/nodes/1/slack_ms: must be 5300"),
    ("\"slack_ms\":5300", "\"slack_ms\":-1", "invalid value: integer `-1`"),
    ("\"slack_ms\":0", "\"slack_ms\":1", "/execution_graph/nodes/5/slack_ms: must be 0"),
    (
        "\"end_time\":\"2026-11-21T06:40:01.501Z\"}",
        "\"end_time\":\"2026-11-21T06:40:01.501Z\",\"slack_ms\":0}",
        "/execution_graph/nodes/0/slack_ms: is there, yet",
    ),
    (
        "\"task_ids\":[\"slow ",
        "\"task_ids\":[\"fetch\", \"slow ",
        "/critical_path/length: must be 1",
    ),
    (
        "\"task_ids\":[\"slow \\\"<pic>\\\"\"]",
        "\"task_ids\":[\"fetch\"]",
        "/critical_path/task_ids/0: must be `slow",
    ),
    (
        "\"length\":1,\"duration_ms\":8990",
        "\"length\":1,\"duration_ms\":8991",
        "/critical_path/duration_ms: must be 8990",
    ),
    (
        "\"edges\": [",
        "\"edges\": [{\"source\":\"node_2\",\"target\":\"node_1\",\"dependency_type\":\"required\"},",
        "some tasks wait for each other",
    ),
];

#[test]
fn a_changed_last_is_seen() {
    let folder = folder();
    let path = folder.path().join("last.json");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, expected) in CHANGES.iter().chain(TIMES) {
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
    let cases: [(&str, Change, &str); 6] = [
        (last::ALT_FILE, |path| fs::write(path, b"{}").unwrap(), "has 2 bytes, not "),
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
fn a_last_whose_files_are_elsewhere_is_held_against_what_is_fetched() {
    let (text, assembled) = assemble(&release());
    let mut asked = Vec::new();
    let mut fetch = |path: &str| {
        asked.push(path.to_owned());
        let content = match path {
            last::ALT_FILE => RELEASE.as_bytes(),
            output if output.starts_with("outputs/") => STORED,
            _ => PAGE,
        };
        FileDigest::read(content).map_err(|error| error.to_string())
    };
    let verified = last::verify_last(text.as_bytes(), &mut fetch).unwrap();
    assert_eq!(Ok(verified), last::verify(folder().path()));
    let mut named: Vec<_> = assembled.promotions.into_iter().map(|one| one.to).collect();
    named.push(last::ALT_FILE.to_owned());
    named.sort();
    asked.sort();
    assert_eq!(asked, named, "each file is asked for once");
}

#[test]
fn what_cannot_be_fetched_is_told_with_its_path() {
    let (text, _) = assemble(&release());
    let text = text.replace("/site/page.html\",\"created", "/../../x\",\"created");
    let mut fetch = |path: &str| match path {
        "alt.json" => Err("is missing".to_owned()),
        outside if outside.contains("..") => panic!("{outside} leads out of the folder"),
        _ => Err("is held back: the store said 403".to_owned()),
    };
    let problems = last::verify_last(text.as_bytes(), &mut fetch).unwrap_err();
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "/alt_file: `alt.json` is missing",
            "/task_results/translate/output_ref: `outputs/000002-translate.json` is held back: \
             the store said 403",
            "/artifacts/0: `artifacts/000001-fetch/../../x` is not a relative path inside the folder",
            "/artifacts/1: `artifacts/000001-fetch/2~Site/Page.html` is held back: the store said 403",
        ]
    );
    let problems = last::verify_last(b"{", &mut fetch).unwrap_err();
    assert!(problems[0].to_string().starts_with("last.json: line 1, column 1"));
}

#[test]
fn a_last_of_an_older_build_names_no_alt_file_and_is_in_order() {
    let folder = folder();
    let path = folder.path().join("last.json");
    let text = fs::read_to_string(&path).unwrap();
    let older: Vec<_> = text.lines().filter(|line| !line.contains("\"alt_file\"")).collect();
    assert_eq!(older.len() + 1, text.lines().count());
    fs::write(&path, older.join("\n")).unwrap();
    last::verify(folder.path()).unwrap();
}

#[test]
fn what_is_no_last_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    assert!(problems(folder.path()).contains("cannot be read"));
    fs::write(folder.path().join("last.json"), "{").unwrap();
    assert!(problems(folder.path()).contains("line 1, column 1"));
}
