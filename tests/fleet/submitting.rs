//! Whatever way a file comes in, it is run once, and the exit code says what came of it.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::door::{Door, LONG};
use crate::rig::{Rig, decided, file, on_one_server_and_on_three, repeat, sleep};

#[test]
fn submit_and_wait_ends_as_run_does() {
    let rig = Rig::working(4);
    for (tasks, code, status) in [
        ([true, true], 0, "success"),
        ([true, false], 4, "partial_success"),
        ([false, false], 1, "failure"),
    ] {
        let [a, b] = tasks;
        rig.door.alt("x.alt.json", &file("x", &json!([decided("a", a), decided("b", b)])));
        let done = rig.call(&["submit", "x.alt.json", "--wait"]).code(code);
        let last: Value = serde_json::from_slice(&std::fs::read(done.line()).unwrap()).unwrap();
        assert_eq!(last["status"], status);
        let run = last["execution_id"].as_str().unwrap();
        assert!(done.stderr.contains(run), "{done:?}");
        let seen = rig.call(&["submit", "x.alt.json", "--watch", "--json"]).code(code);
        assert_eq!(seen.json()["status"], status);
        assert!(seen.stderr.contains(&format!("{status}: ")), "{seen:?}");
    }
}

on_one_server_and_on_three! {
    a_key_makes_one_run_of_one_file with &[];
}

fn a_key_makes_one_run_of_one_file(rig: Rig) {
    let rig = rig.and_work(2);
    rig.door.alt("a.alt.json", &file("a", &json!([decided("t", true)])));
    rig.door.alt("b.alt.json", &file("b", &json!([decided("t", true)])));
    let first = rig.call(&["submit", "a.alt.json", "--key", "nightly"]).code(0);
    let again = rig.call(&["submit", "a.alt.json", "--key", "nightly", "--wait"]).code(0);
    assert!(again.stderr.contains("already submitted"), "{again:?}");
    assert!(again.stdout.contains(&first.line()), "{again:?}");
    // Long over, it is still the same run.
    let late = rig.call(&["submit", "a.alt.json", "--key", "nightly", "--json"]).code(0).json();
    assert_eq!((&late["run"], &late["submitted"]), (&json!(first.line()), &json!("already")));
    let other = rig.call(&["submit", "b.alt.json", "--key", "nightly"]).code(2);
    assert!(other.stderr.contains("choose another key"), "{other:?}");
    let two = rig.call(&["submit", "a.alt.json", "b.alt.json", "--key", "n"]).code(2);
    assert!(two.stderr.contains("several files"), "{two:?}");
    assert_eq!(rig.call(&["ls", "--json"]).json().as_array().unwrap().len(), 1);
}

#[test]
fn standard_input_yaml_and_several_files_come_in_as_well() {
    let rig = Rig::working(4);
    let text = file("in", &json!([decided("t", true)])).to_string();
    let done = rig.door.feed(&["submit", "-", "--wait"], &text).code(0);
    assert!(done.line().contains("/in/"), "{done:?}");
    rig.door.write("y.yaml", "id: y\ntitle: Y\ntasks:\n  - {id: t, description: x, job: echo}\n");
    rig.door.write("x.alt.json", &text);
    let done = rig.call(&["submit", "y.yaml", "x.alt.json", "--wait"]).code(0);
    assert_eq!(done.stdout.lines().count(), 2, "{done:?}");
}

#[test]
fn a_dry_run_sends_nothing_and_needs_no_server() {
    let mut door = Door::new();
    door.set("RUNNER_NATS_URL", "nats://127.0.0.1:9");
    let mut other = sleep("s", 1);
    other["queue"] = json!("elsewhere");
    other["job"] = json!("of_somebody_else");
    door.alt("x.alt.json", &file("x", &json!([decided("t", true), other])));
    let done = door.call(&["submit", "x.alt.json", "--dry-run", "--json"]).code(0);
    assert!(done.stderr.contains("no job `of_somebody_else`"), "{done:?}");
    let told = done.json();
    assert_eq!(told[0]["tasks"], 2);
    assert_eq!(told[0]["queues"], json!(["default", "elsewhere"]));
}

#[test]
fn a_file_that_any_client_published_is_run() {
    let rig = Rig::working(2);
    publish(&rig, file("raw", &json!([decided("t", true)])).to_string().into_bytes());
    let mut run = String::new();
    repeat("it is listed", || {
        let listed = rig.call(&["ls", "--json"]).code(0).json();
        run = listed[0]["run"].as_str().unwrap_or_default().to_owned();
        !run.is_empty()
    });
    let last = rig.last(&run);
    assert_eq!((&last["status"], &last["alt_file_id"]), (&json!("success"), &json!("raw")));
}

#[test]
fn what_is_no_file_is_refused_here_or_by_the_fleet() {
    let rig = Rig::working(2);
    let ring = r#"{"id": "r", "title": "R", "tasks": [
        {"id": "a", "description": "x", "dependencies": ["a"]}]}"#;
    for (name, text, code) in [("ring.json", ring, "ALT0"), ("not.json", "{", "ALT0")] {
        rig.door.write(name, text);
        let here = rig.call(&["submit", name]).code(3);
        assert!(here.stderr.contains(code) && here.stdout.is_empty(), "{here:?}");
        let there = rig.call(&["submit", name, "--no-check", "--wait", "--json"]).code(3);
        let told = there.json();
        assert_eq!(told["status"], "refused", "{there:?}");
        let run = told["run"].as_str().unwrap();
        let shown = rig.call(&["show", run]).code(0);
        assert!(shown.stdout.contains(code), "{shown:?}");
        rig.call(&["verify", run]).code(0);
        let retried = rig.call(&["retry", run]).code(1);
        assert!(retried.stderr.contains("was refused"), "{retried:?}");
    }
    assert_eq!(rig.call(&["ls", "--json"]).json().as_array().unwrap().len(), 2);
}

#[test]
fn a_file_too_large_for_a_message_goes_through_the_store() {
    let rig = Rig::working(2);
    let tasks: Vec<Value> = (0..40)
        .map(|index| {
            json!({"id": format!("t{index}"), "description": "x", "job": "transform",
                   "parameters": {"input": "x".repeat(40_000), "expression": "1"}})
        })
        .collect();
    rig.door.alt("large.alt.json", &file("large", &json!(tasks)));
    let done = rig.call(&["submit", "large.alt.json", "--wait"]).code(0);
    assert!(done.line().contains("/large/"), "{done:?}");
    let kept = rig.door.files("store/.submitted");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(kept[0].len(), 64 + ".json".len());
}

#[test]
fn leaving_a_run_does_not_stop_it() {
    let rig = Rig::working(2);
    rig.door.alt("s.alt.json", &file("s", &json!([sleep("t", 300)])));
    let mut waiting = rig.door.start(&["submit", "s.alt.json", "--wait"]);
    waiting.hear("submitted: ");
    repeat("it is listed", || rig.call(&["ls", "--json"]).json()[0]["run"].is_string());
    waiting.send(Signal::INT);
    let left = waiting.end(LONG).code(130);
    assert!(left.stderr.contains("the run goes on; `runner cancel"), "{left:?}");
    let row = rig.call(&["ls", "--json"]).json()[0].clone();
    assert_eq!(row["state"], "running");
}

#[test]
fn without_a_server_every_verb_says_so_soon() {
    let mut door = Door::new();
    door.set("RUNNER_NATS_URL", "nats://127.0.0.1:9");
    door.alt("x.alt.json", &file("x", &json!([decided("t", true)])));
    for verb in [&["ls"][..], &["submit", "x.alt.json"], &["watch", "abcd"], &["workers", "ls"]] {
        let done = door.start(verb).end(Duration::from_secs(6)).code(1);
        assert!(done.stderr.contains("127.0.0.1:9") && done.stdout.is_empty(), "{done:?}");
    }
}

/// Publishes bytes as any NATS client may.
#[track_caller]
fn publish(rig: &Rig, bytes: Vec<u8>) {
    let url = rig.url();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(url).await.unwrap();
        client.publish("alt.submit", bytes.into()).await.unwrap();
        client.flush().await.unwrap();
    });
}
