//! What a run has done once need not be done again: retry and rerun take it over.

use serde_json::{Value, json};

use crate::rig::{Rig, after, decided, on_one_server_and_on_three, sleep};

/// A task that completes once the file `flag` is there.
fn flagged(rig: &Rig, id: &str) -> Value {
    json!({"id": id, "description": "x", "job": "exec", "retry_count": 0,
           "parameters": {"argv": ["test", "-f", rig.door.path("flag")]}})
}

fn reused(last: &Value, task: &str) -> bool {
    last["task_results"][task]["reused_from"].is_string()
}

on_one_server_and_on_three! {
    a_retry_runs_what_failed_and_takes_over_the_rest with &[];
}

fn a_retry_runs_what_failed_and_takes_over_the_rest(mut rig: Rig) {
    rig.coordinator();
    rig.worker(&["--allow-exec"]);
    let tasks = json!([
        decided("good", true),
        after(flagged(&rig, "bad"), &["good"]),
        after(decided("end", true), &["bad"]),
    ]);
    let run = rig.submit("r", &tasks);
    rig.until(&run, "partial_success");
    rig.door.write("flag", "");
    let done = rig.call(&["retry", &run, "--wait", "--json"]).code(0);
    assert!(
        done.stderr.contains(&format!("1 of 3 tasks are taken over from run {run}")),
        "{done:?}"
    );
    let told = done.json();
    let again = told["run"].as_str().unwrap();
    let last = rig.last(again);
    assert_eq!(last["reuse"], json!({"run": run, "tasks": 1}));
    assert_eq!(["good", "bad", "end"].map(|task| reused(&last, task)), [true, false, false]);
    rig.call(&["verify", again]).code(0);
    let whole = rig.call(&["retry", again]).code(1);
    assert!(whole.stderr.contains("completed") && whole.stderr.contains("rerun"), "{whole:?}");
}

#[test]
fn a_rerun_begins_where_it_is_told_to() {
    let rig = Rig::working(4);
    let tasks = json!([
        decided("a", true),
        after(decided("b", true), &["a"]),
        after(decided("c", true), &["b"]),
        decided("d", true),
    ]);
    let run = rig.submit("r", &tasks);
    rig.until(&run, "success");
    let wrong = rig.call(&["rerun", &run, "--from", "bb"]).code(1);
    assert!(wrong.stderr.contains("no task `bb`") && wrong.stderr.contains("`b`?"), "{wrong:?}");
    let told = rig.call(&["rerun", &run, "--from", "b", "--json"]).code(0).json();
    assert_eq!((&told["of"], &told["tasks"], &told["reused"]), (&json!(run), &json!(4), &json!(2)));
    let last = rig.last(told["run"].as_str().unwrap());
    assert_eq!(last["status"], "success");
    let taken = ["a", "b", "c", "d"].map(|task| reused(&last, task));
    assert_eq!(taken, [true, false, false, true]);
    let early = rig.submit("s", &json!([sleep("t", 300)]));
    rig.until(&early, "running");
    let early = rig.call(&["retry", &early]).code(1);
    assert!(early.stderr.contains("has not ended"), "{early:?}");
}

#[test]
fn what_a_run_left_is_brought_here_and_verified() {
    let rig = Rig::working(2);
    rig.door.write("hello.alt.json", include_str!("../alt/hello.alt.json"));
    let done = rig.call(&["submit", "hello.alt.json", "--wait", "--json"]).code(0).json();
    let run = done["run"].as_str().unwrap();
    let got = rig.call(&["get", run, "--json"]).code(0).json();
    assert_eq!(got["folder"], format!("out/hello/{run}"));
    let mut stored = rig.door.files(&format!("store/hello/{run}"));
    // An archive holds the same once more.
    stored.retain(|name| name != "last.zip");
    assert_eq!(rig.door.files(&format!("out/hello/{run}")), stored);
    assert_eq!(got["files"], stored.len());
    assert_eq!(rig.call(&["get", run, "-o", "here"]).code(0).line(), "here");
    for what in ["here", run, &run[24..]] {
        let verified = rig.call(&["verify", what]).code(0);
        assert!(verified.stdout.starts_with("holds: 4 tasks"), "{verified:?}");
    }
    assert_eq!(rig.call(&["show", "here"]).stdout, rig.call(&["show", run]).code(0).stdout);
    let opened = rig.call(&["open", run]).code(0);
    assert!(opened.line().ends_with("/report.html"), "{opened:?}");
    // What was changed behind its back is told, by place.
    let artifact = stored.iter().find(|path| path.starts_with("artifacts/")).unwrap();
    rig.door.write(&format!("store/hello/{run}/{artifact}"), "changed");
    let broken = rig.call(&["verify", run]).code(1);
    assert!(broken.stdout.contains("/artifacts/0"), "{broken:?}");
    rig.call(&["get", run, "-o", "broken"]).code(1);
    std::fs::remove_file(rig.door.path(&format!("store/hello/{run}/last.json"))).unwrap();
    let gone = rig.call(&["show", run]).code(1);
    assert!(gone.stderr.contains("RUNNER_STORE_URL"), "{gone:?}");
}
