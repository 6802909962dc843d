//! The verbs that look and run nothing: validate, explain, graph, schema, jobs, show, verify, gen.

use std::path::Path;

use serde_json::{Value, json};

use crate::door::Door;
use crate::source::root;

const HELLO: &str = include_str!("alt/hello.alt.json");

/// Four faults in one file: a slip in a job, one in a dependency, a ring, a blank description.
const FAULTY: &str = r#"{
  "id": "faulty", "title": "Faulty",
  "tasks": [
    { "id": "load", "description": "x", "job": "ecko" },
    { "id": "count", "description": "x", "dependencies": ["laod"] },
    { "id": "a", "description": "x", "dependencies": ["b"] },
    { "id": "b", "description": " ", "dependencies": ["a"] }
  ]
}
"#;

#[test]
fn validate_shows_every_fault_at_once_with_line_arrow_and_help() {
    let door = Door::new();
    door.write("faulty.alt.json", FAULTY);
    door.write("hello.alt.json", HELLO);
    let done = door.call(&["validate", "hello.alt.json", "faulty.alt.json"]).code(3);
    assert_eq!(
        done.stdout,
        "hello.alt.json: valid, 4 tasks, 5 dependencies\nfaulty.alt.json: invalid, 4 errors\n"
    );
    for needle in [
        "ALT0115",
        "ALT0203",
        "ALT0204",
        "ALT0112",
        "faulty.alt.json:4:",
        "━━━━",
        "help: ",
        "`echo`",
        "`load`",
    ] {
        assert!(done.stderr.contains(needle), "{needle}: {}", done.stderr);
    }
}

#[test]
fn validate_tells_programs_the_same_as_json() {
    let door = Door::new();
    door.write("faulty.alt.json", FAULTY);
    door.write("hello.alt.json", HELLO);
    let done = door.call(&["validate", "--json", "hello.alt.json", "faulty.alt.json"]).code(3);
    assert_eq!(done.stderr, "");
    let told = done.json();
    assert_eq!((&told[0]["valid"], &told[0]["tasks"]), (&json!(true), &json!(4)));
    assert_eq!(told[1]["valid"], false);
    let mut codes: Vec<_> = told[1]["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|found| found["severity"] == "error")
        .map(|found| found["code"].as_str().unwrap())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, ["ALT0112", "ALT0115", "ALT0203", "ALT0204"], "{told:#}");
}

#[test]
fn strict_refuses_what_is_only_warned_of_otherwise() {
    let door = Door::new();
    let odd = json!({"id": "odd", "title": "Odd", "surprise": 1,
                     "tasks": [{"id": "a", "description": "x"}]});
    door.alt("odd.alt.json", &odd);
    for verb in ["validate", "run"] {
        let warned = door.call(&[verb, "odd.alt.json"]).code(0);
        assert!(warned.stderr.contains("ALT0106"), "{warned:?}");
        let refused = door.call(&[verb, "--strict", "odd.alt.json"]).code(3);
        assert!(refused.stderr.contains("ALT0106"), "{refused:?}");
    }
    let piped = door.feed(&["validate", "-"], &odd.to_string()).code(0);
    assert!(piped.stdout.starts_with("standard input: valid"), "{piped:?}");
}

#[test]
fn explain_knows_every_code_and_says_so_of_another() {
    let door = Door::new();
    let mut known = 0;
    for entry in root().join("crates/alt/codes").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let code = path.file_stem().unwrap().to_str().unwrap();
        let done = door.call(&["explain", code]).code(0);
        assert_eq!(done.stdout, std::fs::read_to_string(&path).unwrap());
        assert!(done.stdout.contains("Wrong:") && done.stdout.contains("Right:"), "{code}");
        known += 1;
    }
    assert!(known > 30, "{known}");
    for code in ["ALT9999", "203", ""] {
        let done = door.call(&["explain", code]).code(2);
        assert!(done.stderr.contains("help: the codes go from ALT0101"), "{done:?}");
    }
}

#[test]
fn graph_draws_in_four_formats() {
    let door = Door::new();
    door.write("hello.alt.json", HELLO);
    for (format, start, edge) in [
        ("svg", "<svg", "<path"),
        ("dot", "digraph", "->"),
        ("mermaid", "---\ntitle", "flowchart LR"),
        ("text", "", "count"),
    ] {
        let done = door.call(&["graph", "hello.alt.json", "--format", format]).code(0);
        assert!(done.stdout.starts_with(start), "{format}: {}", done.stdout);
        assert!(done.stdout.contains(edge), "{format}: {}", done.stdout);
        // Mermaid has its own way of writing an underscore.
        for word in ["ada", "alan", "count", "down"] {
            assert!(done.stdout.contains(word), "{format} without {word}");
        }
    }
    let text = door.call(&["graph", "hello.alt.json", "--format", "text"]);
    assert_eq!(door.call(&["graph", "hello.alt.json"]).stdout, text.stdout);
    door.write("faulty.alt.json", FAULTY);
    let done = door.call(&["graph", "faulty.alt.json"]).code(3);
    assert_eq!(done.stdout, "");
}

#[test]
fn the_schemas_are_the_committed_ones() {
    let door = Door::new();
    for of in ["alt", "last"] {
        let done = door.call(&["schema", of]).code(0);
        let path = root().join(format!("crates/{of}/{of}.schema.json"));
        assert_eq!(done.stdout, std::fs::read_to_string(&path).unwrap(), "{of}");
    }
}

#[test]
fn jobs_ls_lists_what_the_readme_does() {
    let door = Door::new();
    let table = door.call(&["jobs", "ls"]).code(0).stdout;
    let mut lines = table.lines();
    assert!(lines.next().unwrap().starts_with("JOB"), "{table}");
    // What is indented says more of the job above.
    let names = lines.filter(|line| !line.starts_with(' '));
    let names: Vec<_> = names.map(|line| line.split_whitespace().next().unwrap()).collect();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rows) = readme.split_once("\n| jobs | |\n|---|---|\n").unwrap();
    let rows = rows.lines().take_while(|line| line.starts_with('|'));
    let mut told: Vec<_> =
        rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect();
    told.sort_unstable();
    assert_eq!(names, told);
    assert!(names.contains(&"echo"), "{names:?}");
    let listed = door.call(&["jobs", "ls", "--json"]).code(0).json();
    for (name, job) in names.iter().zip(listed.as_array().unwrap()) {
        assert_eq!(job["name"], *name);
        assert!(!job["description"].as_str().unwrap().is_empty());
        assert!(job["timeout_seconds"].as_u64().unwrap() > 0);
    }
}

/// A door in which hello has run, and the folder of its result.
fn greeted() -> (Door, String) {
    let door = Door::new();
    door.write("hello.alt.json", HELLO);
    let done = door.call(&["run", "hello.alt.json"]).code(0);
    let folder = done.last_path().strip_suffix("/last.json").unwrap().to_owned();
    (door, folder)
}

#[test]
fn show_tells_people_and_programs_what_came_of_a_run() {
    let (door, folder) = greeted();
    let shown = door.call(&["show", &folder]).code(0).stdout;
    for needle in ["Hello from Runner", "greet_ada", "write_down", "completed"] {
        assert!(shown.contains(needle), "{needle}: {shown}");
    }
    let last = std::fs::read_to_string(door.path(&format!("{folder}/last.json"))).unwrap();
    let json = door.call(&["show", &folder, "--json"]).code(0);
    assert_eq!(json.stdout, last);
    for path in ["nowhere", "hello.alt.json"] {
        let done = door.call(&["show", path]).code(2);
        assert!(done.stderr.contains("help: ") && done.stderr.contains(path), "{done:?}");
    }
}

#[test]
fn verify_finds_what_was_changed_after_the_run() {
    type Change = fn(&Path);
    fn edit(folder: &Path, change: impl FnOnce(&mut Value)) {
        let path = folder.join("last.json");
        let mut last = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut last);
        std::fs::write(path, last.to_string()).unwrap();
    }
    fn artifact(folder: &Path) -> std::path::PathBuf {
        let last = std::fs::read(folder.join("last.json")).unwrap();
        let last: Value = serde_json::from_slice(&last).unwrap();
        folder.join(last["artifacts"][0]["path"].as_str().unwrap())
    }
    let changes: &[(&str, Change)] = &[
        ("artifact: same length, other bytes", |folder| {
            let path = artifact(folder);
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(path, text.replace("23", "32")).unwrap();
        }),
        ("artifact: longer", |folder| {
            let path = artifact(folder);
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(path, text + "more").unwrap();
        }),
        ("artifact: gone", |folder| std::fs::remove_file(artifact(folder)).unwrap()),
        ("artifact: a link to what it was", |folder| {
            let path = artifact(folder);
            let aside = folder.parent().unwrap().join("aside");
            std::fs::rename(&path, &aside).unwrap();
            std::os::unix::fs::symlink(aside, path).unwrap();
        }),
        ("status", |folder| edit(folder, |last| last["status"] = json!("failure"))),
        ("a count", |folder| {
            edit(folder, |last| last["metadata"]["completed"] = json!(3));
        }),
        ("a path that leads out", |folder| {
            edit(folder, |last| last["artifacts"][0]["path"] = json!("../../../hello.alt.json"));
        }),
        ("an unknown field", |folder| edit(folder, |last| last["surprise"] = json!(1))),
        ("half of the file", |folder| {
            let path = folder.join("last.json");
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(path, &text[..text.len() / 2]).unwrap();
        }),
    ];
    let (door, folder) = greeted();
    for (what, change) in changes {
        let copy = door.path("copy");
        copy_folder(&door.path(&folder), &copy);
        door.call(&["verify", "copy"]).code(0);
        change(&copy);
        let done = door.call(&["verify", "copy"]);
        assert_eq!(done.status.code(), Some(1), "{what}: {done:?}");
        assert!(!done.stdout.is_empty(), "{what}");
        let told = door.call(&["verify", "copy", "--json"]).code(1).json();
        assert_eq!(told["valid"], false, "{what}");
        assert!(!told["problems"].as_array().unwrap().is_empty(), "{what}");
        std::fs::remove_dir_all(&copy).unwrap();
    }
    let told = door.call(&["verify", &folder, "--json"]).code(0).json();
    assert_eq!((&told["valid"], &told["tasks"]), (&json!(true), &json!(4)));
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn gen_makes_valid_files_and_the_same_bytes_from_the_same_seed() {
    let door = Door::new();
    for (shape, dependencies) in [("fan", Some(249)), ("chain", Some(249)), ("layered", None)] {
        let make = |seed: &str| {
            let done = door.call(&["gen", "--shape", shape, "--tasks", "250", "--seed", seed]);
            done.code(0).stdout
        };
        let first = make("7");
        assert_eq!(first, make("7"), "{shape}");
        assert_ne!(first, make("8"), "{shape}");
        let file = ["gen", "--shape", shape, "--tasks", "250", "--seed", "7", "-o", "x.alt.json"];
        assert_eq!(door.call(&file).code(0).stdout, "");
        assert_eq!(std::fs::read_to_string(door.path("x.alt.json")).unwrap(), first);
        let told = door.call(&["validate", "--strict", "--json", "x.alt.json"]).code(0).json();
        assert_eq!(told[0]["tasks"], 250);
        assert!(dependencies.is_none_or(|count| told[0]["dependencies"] == count), "{told:#}");
        assert_eq!(told[0]["diagnostics"], json!([]), "{shape}");
    }
    let done = door.call(&["gen", "--shape", "fan", "--tasks", "0"]).code(2);
    assert!(done.stderr.contains("--tasks"), "{done:?}");
    let done =
        door.call(&["gen", "--shape", "fan", "--tasks", "1", "-o", "no/such/folder.json"]).code(2);
    assert!(done.stderr.contains("no/such/folder.json"), "{done:?}");
}

#[test]
fn the_help_of_every_verb_is_as_reviewed() {
    let door = Door::new();
    for (name, verb) in [
        ("runner", &[][..]),
        ("run", &["run"]),
        ("validate", &["validate"]),
        ("explain", &["explain"]),
        ("graph", &["graph"]),
        ("schema", &["schema"]),
        ("jobs", &["jobs"]),
        ("jobs-ls", &["jobs", "ls"]),
        ("jobs-stats", &["jobs", "stats"]),
        ("health", &["health"]),
        ("show", &["show"]),
        ("verify", &["verify"]),
        ("gen", &["gen"]),
        ("init", &["init"]),
    ] {
        let done = door.call(&[verb, &["--help"]].concat()).code(0);
        assert_eq!(done.stderr, "");
        insta::assert_snapshot!(format!("help-{name}"), done.stdout);
    }
    let version = door.call(&["--version"]).code(0);
    assert!(version.stdout.starts_with("runner "), "{version:?}");
}
