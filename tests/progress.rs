//! What is shown during a run fits where it is shown, and nothing in a file steers a terminal.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::door::{Door, program};
use crate::source::root;

const HELLO: &str = include_str!("alt/hello.alt.json");

/// Colours, a title, a cleared screen, a moved cursor, a bell, an eight-bit escape.
const HOSTILE: &str = "\u{1b}[31mred\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[5A\u{9b}33m\r\u{8}end";

fn hello() -> Door {
    let door = Door::new();
    door.write("hello.alt.json", HELLO);
    door
}

#[test]
fn plain_says_one_line_for_each_task_and_auto_is_plain_without_a_terminal() {
    let door = hello();
    for mode in ["plain", "auto"] {
        let done = door.call(&["run", "hello.alt.json", "--progress", mode]).code(0);
        for id in ["greet_ada", "greet_alan", "count", "write_down"] {
            let told = |line: &&str| line.starts_with("completed") && line.contains(id);
            assert_eq!(done.stderr.lines().filter(told).count(), 1, "{done:?}");
        }
        let end = done.stderr.lines().last().unwrap();
        assert!(end.starts_with("success: 4 of 4 tasks completed"), "{end}");
        assert!(!done.stderr.contains('\u{1b}'), "{done:?}");
    }
}

#[test]
fn quiet_says_nothing() {
    let door = hello();
    let done = door.call(&["run", "hello.alt.json", "--progress", "quiet"]).code(0);
    assert_eq!(done.stderr, "");
}

#[test]
fn json_is_one_object_a_line_with_numbers_without_gaps() {
    let door = hello();
    let done = door.call(&["run", "hello.alt.json", "--progress", "json"]).code(0);
    let last = done.last(&door);
    let lines: Vec<Value> =
        done.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (number, line) in (1_u64..).zip(&lines) {
        assert_eq!(line["schema"], "runner.progress.v1");
        assert_eq!(line["run"], last["execution_id"]);
        assert_eq!(line["seq"], number);
        assert!(line["ts"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(line["event"].is_string() && !line["data"].is_null(), "{line}");
    }
    let verdicts = lines.iter().filter(|line| line["event"] == "verdict");
    assert_eq!(verdicts.count(), 4);
    let end = lines.last().unwrap();
    assert_eq!((&end["event"], &end["data"]["status"]), (&json!("end"), &json!("success")));
}

/// What a call writes to a terminal of so many rows and columns.
fn on_terminal(
    door: &Door,
    size: (usize, usize),
    variables: &[&str],
    arguments: &[&str],
) -> String {
    let mut command = Command::new("python3");
    command
        .arg(root().join("tests/terminal.py"))
        .args([size.0.to_string(), size.1.to_string()])
        .args(["TERM=xterm-256color", "LANG=C.UTF-8"])
        .args(variables)
        .arg("--")
        .arg(program())
        .args(arguments)
        .current_dir(door.path(""))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

/// What a terminal was told: the text of each line, and how it was steered.
#[derive(Debug, Default)]
struct Told {
    lines: Vec<String>,
    /// Select graphic rendition: `31`, `0` and so on.
    colors: Vec<String>,
    /// How far each frame went up over the one before.
    ups: Vec<usize>,
}

/// Takes the text of a terminal apart.
///
/// # Panics
/// When it holds any control but the few that the live view is made of.
#[track_caller]
fn told(text: &str) -> Told {
    let mut told = Told::default();
    let mut rest = text;
    let mut line = String::new();
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '\n' => told.lines.push(std::mem::take(&mut line)),
            '\r' => {}
            '\u{1b}' => {
                let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                let (sequence, after) = rest.split_at(end + 1);
                rest = after;
                let (parameter, kind) = sequence.split_at(end);
                match (parameter, kind) {
                    ("[?2026", "h" | "l") | ("[", "J") => {}
                    (up, "A") => told.ups.push(up[1..].parse().unwrap()),
                    (color, "m") if color.starts_with('[') => {
                        told.colors.push(color[1..].to_owned());
                    }
                    _ => panic!("the terminal was steered with {sequence:?}: {text:?}"),
                }
            }
            character if character.is_control() => panic!("{character:?} in {text:?}"),
            character => line.push(character),
        }
    }
    told.lines.push(line);
    told
}

/// More attempts at once than a small terminal has rows, wide signs, and one that fails.
fn crowd() -> Value {
    let mut tasks: Vec<Value> = (0..30)
        .map(|index| {
            json!({"id": format!("Aufgabe_日本語_with_a_long_name_{index}"), "description": "x",
                   "job": "sleep", "parameters": {"ms": 250}})
        })
        .collect();
    tasks.push(json!({"id": "fails", "description": "x", "job": "transform", "retry_count": 0,
                      "parameters": {"expression": "error(\"a long reason why this did not do\")"}}));
    json!({"id": "crowd", "title": "Viele kleine Aufgaben 日本語 in a row", "tasks": tasks})
}

#[test]
fn the_live_view_never_exceeds_the_terminal() {
    let door = Door::new();
    door.alt("crowd.alt.json", &crowd());
    for (columns, rows) in [(80, 10), (20, 5)] {
        for locale in ["LANG=C.UTF-8", "LANG=C"] {
            let arguments = ["run", "crowd.alt.json", "--max-concurrent", "16"];
            let told = told(&on_terminal(&door, (rows, columns), &[locale], &arguments));
            assert!(told.ups.len() > 3, "no frames: {told:?}");
            assert!(told.ups.iter().all(|up| *up < rows), "{rows}: {:?}", told.ups);
            // What is drawn over again; the outcome below may be folded as any text is.
            let outcome = told
                .lines
                .iter()
                .position(|line| line.starts_with("partial_success: 30 of 31"))
                .unwrap();
            for line in &told.lines[..outcome] {
                assert!(line.width() <= columns, "{columns}: {line:?}");
                assert!(locale.contains("UTF-8") || !line.contains(['●', '█', '…']), "{line:?}");
            }
            assert!(told.colors.iter().any(|color| color == "31"), "{told:?}");
        }
    }
}

#[test]
fn no_color_means_none() {
    let door = Door::new();
    door.alt("crowd.alt.json", &crowd());
    door.write("not.alt.json", "{");
    for arguments in [
        &["run", "crowd.alt.json", "--max-concurrent", "31"][..],
        &["run", "crowd.alt.json", "--max-concurrent", "31", "--progress", "plain"],
        &["validate", "not.alt.json"],
        &["run", "missing.alt.json"],
        &["--help"],
    ] {
        let told = told(&on_terminal(&door, (24, 80), &["NO_COLOR=1"], arguments));
        assert_eq!(told.colors, Vec::<String>::new(), "{arguments:?}");
    }
}

#[test]
fn nothing_in_a_file_steers_the_terminal() {
    let door = Door::new();
    let task = |id: &str, after: Vec<&str>| {
        json!({"id": id, "description": HOSTILE, "job": "transform", "dependencies": after,
               "retry_count": 0, "tags": [HOSTILE],
               "parameters": {"expression": format!("error({})", json!(HOSTILE))}})
    };
    let tasks = json!([task("a", vec![]), task("b", vec!["a"])]);
    let alt = json!({"id": "h", "title": HOSTILE, "description": HOSTILE, "persona": HOSTILE,
                     "tags": [HOSTILE], "tasks": tasks, "metadata": {"x": HOSTILE}});
    door.alt("hostile.alt.json", &alt);
    door.alt(
        "id.alt.json",
        &json!({"id": HOSTILE, "title": "x", "tasks": [task(HOSTILE, vec![HOSTILE])]}),
    );
    door.alt(
        "job.alt.json",
        &json!({"id": "x", HOSTILE: 1, "title": "x", "tasks": [
        {"id": "a", "description": "x", "job": HOSTILE, "dependencies": [HOSTILE],
         "parameters": {"x": format!("${{{{ {HOSTILE} }}}}")}}]}),
    );
    door.write("raw.alt.json", format!("{{\"id\": \"{HOSTILE}\", {HOSTILE}"));
    door.write("raw.alt.yaml", format!("id: {HOSTILE}\n{HOSTILE}: ["));
    let run = ["run", "hostile.alt.json"];
    for mode in ["tty", "plain", "json"] {
        let arguments = [&run[..], &["--progress", mode]].concat();
        let told = told(&on_terminal(&door, (24, 80), &["RUNNER_LOG_LEVEL=debug"], &arguments));
        assert!(told.lines.iter().any(|line| line.contains("red")), "{told:?}");
    }
    for name in ["id.alt.json", "job.alt.json", "raw.alt.json", "raw.alt.yaml", HOSTILE] {
        for verb in ["validate", "run", "graph", "show", "verify"] {
            told(&on_terminal(&door, (24, 80), &[], &[verb, name]));
        }
    }
    told(&on_terminal(&door, (24, 80), &[], &["explain", HOSTILE]));
    // What a result says goes to a terminal as often as not.
    let done = door.call(&run).code(1);
    told(&done.stdout);
    told(&done.stderr);
    for format in ["text", "mermaid", "dot", "svg"] {
        told(&door.call(&["graph", "hostile.alt.json", "--format", format]).stdout);
    }
    told(&door.call(&["show", done.last_path()]).stdout);
    let summary = done.last_path().replace("last.json", "summary.txt");
    told(&std::fs::read_to_string(door.path(&summary)).unwrap());
    told(&door.call(&["validate", "id.alt.json", "--json"]).stdout);
}
