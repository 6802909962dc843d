//! Ctrl-C, timeouts and sudden death: what stops, what stays, and what is never left behind.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, test_kill_process};
use serde_json::{Value, json};

use crate::door::{Door, LONG, until};

/// Well below the ten seconds that a first Ctrl-C grants.
const SOON: Duration = Duration::from_secs(3);

/// A program that ignores requests to end, with a child that does too; both write down who they are.
fn stubborn(door: &Door, more: &Value) -> Value {
    let (own, child) = (door.path("own.pid"), door.path("child.pid"));
    let script = r#"trap "" TERM; sleep 300 & echo $! > "$2"; echo $$ > "$1"; wait; sleep 300"#;
    let mut task = json!({
        "id": "stubborn", "description": "x", "job": "exec", "retry_count": 0,
        "parameters": {"command": "sh", "args": ["-c", script, "sh", own, child]},
    });
    let fields = more.as_object().unwrap().clone();
    task.as_object_mut().unwrap().extend(fields);
    json!({"id": "s", "title": "S", "tasks": [task]})
}

/// The number that a program wrote down; nothing until it has.
fn pid(file: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(file).ok()?;
    let number = text.strip_suffix('\n')?.parse().ok()?;
    Pid::from_raw(number)
}

/// Whether a process is gone; one that only waits to be counted by its parent is.
fn gone(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let state = stat.ok().and_then(|stat| {
        let (_, fields) = stat.rsplit_once(") ")?;
        fields.chars().next()
    });
    matches!(state, Some('Z' | 'X')) || test_kill_process(pid).is_err()
}

#[track_caller]
fn both_run(door: &Door) -> [Pid; 2] {
    let files = ["own.pid", "child.pid"].map(|name| door.path(name));
    until(LONG, "the program and its child run", || files.iter().all(|file| pid(file).is_some()));
    // What began a moment ago is not known to run, and is cancelled without its grace.
    std::thread::park_timeout(Duration::from_millis(100));
    files.map(|file| pid(&file).unwrap())
}

#[test]
fn one_request_to_stop_cancels_and_still_writes_a_last() {
    let sleep = |id: &str, after: &str| {
        json!({"id": id, "description": "x", "job": "sleep", "dependencies": [after],
               "parameters": {"seconds": 300}})
    };
    let tasks = json!([
        {"id": "quick", "description": "x", "job": "echo"},
        sleep("a", "quick"),
        sleep("b", "quick"),
        sleep("later", "a"),
    ]);
    for signal in [Signal::INT, Signal::TERM] {
        let door = Door::new();
        door.alt("x.alt.json", &json!({"id": "x", "title": "X", "tasks": tasks}));
        let mut running = door.start(&["run", "x.alt.json", "--progress", "json"]);
        running.hear(r#""running":2"#);
        running.send(signal);
        let done = running.end(LONG).code(130);
        let last = done.last(&door);
        let statuses = ["quick", "a", "b", "later"].map(|id| &last["task_results"][id]["status"]);
        let expected = ["completed", "cancelled", "cancelled", "cancelled"];
        assert_eq!(statuses, expected, "{last:#}");
        assert_eq!(last["status"], "partial_success");
        assert!(last["cancelled"].is_string(), "{last:#}");
        door.call(&["verify", done.last_path()]).code(0);
    }
}

#[test]
fn a_second_ctrl_c_leaves_at_once_and_takes_programs_along() {
    let door = Door::new();
    door.alt("s.alt.json", &stubborn(&door, &json!({})));
    let mut running = door.start(&["run", "s.alt.json", "--allow-exec", "--progress", "plain"]);
    let pids = both_run(&door);
    running.send(Signal::INT);
    running.hear("Ctrl-C again");
    running.send(Signal::INT);
    let done = running.end(SOON).code(130);
    assert_eq!(done.stdout, "");
    assert!(done.stderr.contains("no LAST was written"), "{done:?}");
    assert_eq!(door.files("out"), Vec::<String>::new());
    until(SOON, "the program and its child are gone", || pids.iter().all(|pid| gone(*pid)));
}

#[test]
fn a_program_out_of_time_is_ended_with_its_children() {
    let door = Door::new();
    door.alt("s.alt.json", &stubborn(&door, &json!({"timeout_seconds": 1})));
    let running = door.start(&["run", "s.alt.json", "--allow-exec"]);
    let pids = both_run(&door);
    let done = running.end(LONG).code(1);
    let last = done.last(&door);
    assert_eq!(last["task_results"]["stubborn"]["status"], "timeout", "{last:#}");
    door.call(&["verify", done.last_path()]).code(0);
    until(SOON, "the program and its child are gone", || pids.iter().all(|pid| gone(*pid)));
}

#[test]
fn a_program_that_ends_takes_its_children_along() {
    let door = Door::new();
    let child = door.path("child.pid");
    let script = r#"sleep 300 & echo $! > "$1""#;
    let alt = json!({"id": "s", "title": "S", "tasks": [{
        "id": "a", "description": "x", "job": "exec",
        "parameters": {"command": "sh", "args": ["-c", script, "sh", child]},
    }]});
    door.alt("s.alt.json", &alt);
    door.call(&["run", "s.alt.json", "--allow-exec"]).code(0);
    let pid = pid(&child).unwrap();
    until(SOON, "the child is gone", || gone(pid));
}

#[test]
fn sudden_death_leaves_no_half_of_a_last() {
    let door = Door::new();
    door.call(&["gen", "--shape", "fan", "--tasks", "3000", "-o", "fan.alt.json"]).code(0);
    let mut whole = 0;
    for files in 0..5 {
        let out = format!("out{files}");
        let running = door.start(&["run", "fan.alt.json", "--out", &out, "--progress", "quiet"]);
        // From the first moment on to that at which results appear one by one.
        until(LONG, "results appear", || door.files(&out).len() >= files);
        running.send(Signal::KILL);
        let done = running.end(LONG);
        assert_eq!(done.status.code().unwrap_or(0), 0, "{done:?}");
        for file in door.files(&out) {
            if file.ends_with("/last.json") {
                whole += 1;
                let folder = door.path(&out).join(&file);
                door.call(&["verify", folder.to_str().unwrap()]).code(0);
            }
        }
    }
    assert!(whole < 5, "each run ended before it was killed");
}
