//! `run` leaves one verifiable result where it was told to, and says by its exit code what came of it.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::door::Door;
use crate::source::root;

const HELLO: &str = include_str!("alt/hello.alt.json");

/// A task of the job `transform` that completes, or that fails.
fn decided(id: &str, completes: bool) -> Value {
    let expression = if completes { "1" } else { "error(\"no\")" };
    json!({"id": id, "description": "x", "job": "transform", "retry_count": 0,
           "parameters": {"expression": expression}})
}

fn one(id: &str) -> Value {
    json!({"id": id, "title": "One", "tasks": [decided("a", true)]})
}

#[test]
fn a_run_leaves_exactly_what_the_readme_lists_and_it_verifies() {
    let door = Door::new();
    door.write("hello.alt.json", HELLO);
    let done = door.call(&["run", "hello.alt.json"]).code(0);
    let last_path = done.last_path();
    let run = done.last(&door)["execution_id"].as_str().unwrap().to_owned();
    assert_eq!(last_path, format!("out/hello/{run}/last.json"));
    let files = door.files("out");
    let folder = format!("hello/{run}");
    let names: Vec<_> =
        files.iter().map(|file| file.strip_prefix(&format!("{folder}/")).unwrap()).collect();
    let (artifacts, beside): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| name.starts_with("artifacts/"));
    let expected = [
        "alt.json",
        "graph.dot",
        "graph.svg",
        "last.json",
        "last.zip",
        "manifest.json",
        "report.html",
        "summary.txt",
    ];
    assert_eq!(beside, expected);
    assert_eq!(artifacts.len(), 1, "{artifacts:?}");
    let text = std::fs::read_to_string(door.path(&format!("out/{folder}/{}", artifacts[0])));
    assert_eq!(text.unwrap(), "Hello, Ada! Hello, Alan!\n23 letters in all.\n");
    for path in [last_path, &format!("out/{folder}")] {
        let verified = door.call(&["verify", path]).code(0);
        assert!(verified.stdout.starts_with("holds: 4 tasks"), "{verified:?}");
    }
}

#[test]
fn the_flag_goes_before_the_variables_and_the_longer_variable_before_the_shorter() {
    let mut door = Door::new();
    door.alt("one.alt.json", &one("one"));
    let out = |door: &Door, more: &[&str]| {
        let done = door.call(&[&["run", "one.alt.json"], more].concat()).code(0);
        done.last_path().split('/').next().unwrap().to_owned()
    };
    assert_eq!(out(&door, &[]), "out");
    door.set("OUTPUT_DIR", "shorter");
    assert_eq!(out(&door, &[]), "shorter");
    door.set("RUNNER_OUTPUT_DIR", "longer");
    assert_eq!(out(&door, &[]), "longer");
    assert_eq!(out(&door, &["--out", "flag"]), "flag");
}

#[test]
fn the_exit_code_says_how_many_tasks_completed() {
    let door = Door::new();
    for (tasks, code, status) in [
        ([true, true], 0, "success"),
        ([true, false], 4, "partial_success"),
        ([false, false], 1, "failure"),
    ] {
        let tasks: Vec<_> =
            ["a", "b"].iter().zip(tasks).map(|(id, completes)| decided(id, completes)).collect();
        door.alt("x.alt.json", &json!({"id": "x", "title": "X", "tasks": tasks}));
        let done = door.call(&["run", "x.alt.json"]).code(code);
        assert_eq!(done.last(&door)["status"], status);
        door.call(&["verify", done.last_path()]).code(0);
    }
}

#[test]
fn a_file_that_is_refused_leaves_nothing() {
    let door = Door::new();
    for (name, text) in [
        ("not.alt.json", "{"),
        ("empty.alt.json", ""),
        (
            "ring.alt.json",
            r#"{"id": "r", "title": "R", "tasks": [{"id": "a", "description": "x", "dependencies": ["a"]}]}"#,
        ),
        ("not.alt.yaml", "a: [1"),
    ] {
        door.write(name, text);
        let done = door.call(&["run", name]).code(3);
        assert_eq!(done.stdout, "", "{name}");
        assert!(
            done.stderr.contains("ALT0") && done.stderr.contains(name),
            "{name}: {}",
            done.stderr
        );
        assert!(!door.path("out").exists(), "{name}");
    }
}

#[test]
fn wrong_usage_names_what_is_wrong_and_what_to_do() {
    let mut door = Door::new();
    door.alt("one.alt.json", &one("one"));
    door.write("file", "in the way");
    for (arguments, needles) in [
        (&["run", "missing.alt.json"][..], ["missing.alt.json", "help: "]),
        (&["run", "."], ["`.`", "help: name the file inside"]),
        (&["run", "one.alt.json", "--out", "file"], ["`file`", "help: name a folder"]),
        (&["run", "one.alt.json", "--out", "file/in"], ["`file/in`", "help: name a folder"]),
        (&["run", "one.alt.json", "--max-concurrent", "0"], ["--max-concurrent", "1..=1024"]),
        (&["run", "one.alt.json", "--mode", "odd"], ["odd", "chaos"]),
        (&["rnu", "one.alt.json"], ["rnu", "run"]),
    ] {
        refused(&door, arguments, &needles);
    }
    for (name, value) in [
        ("RUNNER_MAX_CONCURRENT_TASKS", &b"many"[..]),
        ("MAX_CONCURRENT_TASKS", b"0"),
        ("RUNNER_ALLOW_EXEC", b"perhaps"),
        ("RUNNER_ALLOW_PRIVATE_ADDRESSES", b"2"),
        ("RUNNER_LOG_LEVEL", b"=loud="),
        ("RUNNER_OUTPUT_DIR", b"\xff\xfe"),
    ] {
        door.set(name, value);
        refused(&door, &["run", "one.alt.json"], &[name, "help: "]);
        door.unset(name);
    }
    assert!(!door.path("out").exists());
}

/// Fails unless the call ends with 2, says all needles, and prints nothing as a result.
#[track_caller]
fn refused(door: &Door, arguments: &[&str], needles: &[&str]) {
    let done = door.call(arguments).code(2);
    assert_eq!(done.stdout, "", "{arguments:?}");
    for needle in needles {
        assert!(done.stderr.contains(needle), "{arguments:?} without {needle:?}: {}", done.stderr);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_wrong_usage() {
    let door = Door::new();
    door.alt("one.alt.json", &one("one"));
    let locked = door.path("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(locked.join("probe"), "").is_ok() {
        return; // this user may write anywhere; the file in the way is tested above
    }
    refused(
        &door,
        &["run", "one.alt.json", "--out", "locked"],
        &["`locked`", "--out or RUNNER_OUTPUT_DIR"],
    );
}

#[test]
fn an_odd_id_stays_inside_the_output_folder() {
    let door = Door::new();
    let long = "x".repeat(256);
    let ids = [
        "../../etc",
        "a/b",
        "..",
        ".",
        "a\\b",
        "/abs",
        "🦀",
        "CON",
        "nul.txt",
        "a:b",
        "-rf",
        "~",
        "é",
        " a b ",
        "a%2Fb",
        &long,
    ];
    for id in ids {
        door.alt("odd.alt.json", &one(id));
        let done = door.call(&["run", "odd.alt.json", "--progress", "quiet"]);
        if done.status.code() == Some(3) {
            assert_eq!(done.stdout, "", "{id:?}");
            continue;
        }
        let done = done.code(0);
        let parts: Vec<_> = done.last_path().split('/').collect();
        let ["out", folder, _, "last.json"] = parts[..] else {
            panic!("{id:?}: {parts:?}");
        };
        assert!(!["", ".", ".."].contains(&folder), "{id:?}: {folder}");
        assert_eq!(done.last(&door)["alt_file_id"], id);
        door.call(&["verify", done.last_path()]).code(0);
    }
    let mut left: Vec<_> =
        door.path("").read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["odd.alt.json", "out"]);
}

#[test]
fn the_result_is_json_when_asked_for() {
    let door = Door::new();
    door.write("hello.alt.json", HELLO);
    let done = door.call(&["run", "hello.alt.json", "--json"]).code(0);
    let told = done.json();
    assert_eq!(told["status"], "success");
    assert_eq!(told["counts"]["completed"], 4);
    let run = told["run"].as_str().unwrap();
    let path = told["last"].as_str().unwrap();
    let expected = format!("out/hello/{run}/last.json");
    assert_eq!(path, door.path(&expected).to_str().unwrap());
    assert_eq!(told["sha256"].as_str().unwrap().len(), 64);
    door.call(&["verify", path]).code(0);
}

#[test]
fn a_file_may_come_on_standard_input() {
    let door = Door::new();
    let done = door.feed(&["run", "-"], HELLO).code(0);
    assert_eq!(done.last(&door)["alt_file_id"], "hello");
    let refused = door.feed(&["run", "-"], "{").code(3);
    assert!(refused.stderr.contains("standard input"), "{refused:?}");
}

#[test]
fn the_files_of_older_producers_run() {
    let door = Door::new();
    for (name, tasks) in [("older.alt.json", 3), ("older.alt.yaml", 2)] {
        std::fs::copy(root().join("tests/alt").join(name), door.path(name)).unwrap();
        let done = door.call(&["run", name]).code(0);
        let last = done.last(&door);
        assert_eq!(last["metadata"]["completed"], tasks, "{name}");
        door.call(&["verify", done.last_path()]).code(0);
    }
}

#[test]
fn mode_and_persona_of_the_command_line_replace_those_of_the_file() {
    let door = Door::new();
    door.alt("one.alt.json", &one("one"));
    let done = door.call(&["run", "one.alt.json", "--mode", "dream", "--persona", "ada"]).code(0);
    let last = done.last(&door);
    assert_eq!((&last["mode"], &last["persona"]), (&json!("dream"), &json!("ada")));
}

#[test]
fn no_more_attempts_run_at_once_than_was_said() {
    let mut door = Door::new();
    let tasks: Vec<_> = (0..6)
        .map(|index| {
            json!({"id": format!("t{index}"), "description": "x", "job": "sleep",
                   "parameters": {"ms": 50}})
        })
        .collect();
    door.alt("x.alt.json", &json!({"id": "x", "title": "X", "tasks": tasks}));
    let most = |door: &Door, more: &[&str]| {
        let arguments = [&["run", "x.alt.json", "--progress", "json"], more].concat();
        let done = door.call(&arguments).code(0);
        let running = done.stderr.lines().filter_map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["data"]["running"].as_u64()
        });
        running.max().unwrap()
    };
    door.set("MAX_CONCURRENT_TASKS", "1");
    assert_eq!(most(&door, &[]), 1);
    door.set("RUNNER_MAX_CONCURRENT_TASKS", "2");
    assert!(most(&door, &[]) <= 2);
    assert_eq!(most(&door, &["--max-concurrent", "1"]), 1);
}

#[test]
fn chaos_keeps_the_seed_it_was_run_with() {
    let door = Door::new();
    door.alt("one.alt.json", &one("one"));
    let done = door.call(&["run", "one.alt.json", "--mode", "chaos"]);
    let last = done.last(&door);
    assert_eq!(last["mode"], "chaos");
    assert!(!last["chaos"]["seed"].is_null(), "{last:#}");
    door.call(&["verify", done.last_path()]).code(0);
}
