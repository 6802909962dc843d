//! `why` names what a task waits for, whatever that is.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rig::{Rig, after, decided, on_one_server_and_on_three, sleep};

#[test]
fn why_names_the_worker_the_dependency_and_the_slots_that_are_missing() {
    let mut rig = Rig::new();
    rig.coordinator();
    let tasks = json!([sleep("one", 300), sleep("two", 300), after(sleep("next", 1), &["one"])]);
    let run = rig.submit("w", &tasks);
    rig.until_why(&run, "one", "no worker serves queue `default`");
    rig.until_why(&run, "next", "it needs `one`, which is on its queue");
    rig.worker(&["--slots", "1", "--id", "w-1"]);
    rig.until_why(&run, "one", "`one` is running on w-1 for ");
    rig.until_why(&run, "two", "all 1 slots of the workers of queue `default` are taken");
    rig.until_why(&run, "next", "it needs `one`, which is running on w-1 for ");
    let answer = rig.call(&["why", &run, "next", "--json"]).code(0).json();
    assert_eq!(answer["reasons"][0]["reason"], "dependency");
    let wrong = rig.call(&["why", &run, "nexd"]).code(1);
    assert!(wrong.stderr.contains("did you mean `next`?"), "{wrong:?}");
}

#[test]
fn why_tells_a_wait_between_attempts_and_a_full_window() {
    let mut rig = Rig::new();
    rig.coordinator();
    rig.worker(&["--slots", "1", "--allow-exec"]);
    let flaky = json!({"id": "flaky", "description": "x", "job": "exec", "retry_count": 20,
                       "parameters": {"argv": ["false"]}});
    let run = rig.submit("flaky", &json!([flaky]));
    rig.until_why(&run, "flaky", "between two attempts: the next one is due in ");
    let many: Vec<Value> = (0..1100).map(|index| sleep(&format!("t{index}"), 300)).collect();
    let run = rig.submit("many", &json!(many));
    // What would not fit goes along with others, until the first of those takes long.
    rig.until_why(&run, "t1", "the run has its most offers outstanding (1024)");
    rig.until_why(&run, "t18", "it goes along with `t17`: whoever does that one goes on with it");
}

#[test]
fn why_tells_what_became_of_a_task_when_the_run_is_over() {
    let rig = Rig::working(2);
    let tasks = json!([decided("a", true), decided("b", false), after(sleep("c", 1), &["b"])]);
    let run = rig.submit("over", &tasks);
    rig.until(&run, "partial_success");
    for (task, expected) in [
        ("a", "`a` completed; the run has ended: partial_success"),
        ("b", "attempt 1: failed after "),
        ("c", "`c` was cancelled"),
    ] {
        let done = rig.call(&["why", &run, task]).code(0);
        assert!(done.stdout.contains(expected), "{done:?}");
    }
    let because = rig.call(&["why", &run, "c"]).stdout;
    assert!(because.lines().nth(1).unwrap().contains('b'), "{because}");
    assert_eq!(rig.call(&["why", &run, "b", "--json"]).json()["result"]["status"], "failed");
    let wrong = rig.call(&["why", &run, "bb"]).code(1);
    assert!(wrong.stderr.contains("did you mean `b`?"), "{wrong:?}");
}

on_one_server_and_on_three! {
    a_run_that_is_cancelled_stops_and_leaves_a_last_that_says_why with &[];
}

fn a_run_that_is_cancelled_stops_and_leaves_a_last_that_says_why(rig: Rig) {
    let rig = rig.and_work(2);
    let run = rig.submit("c", &json!([sleep("t", 300), after(sleep("u", 1), &["t"])]));
    rig.until_why(&run, "t", "running on ");
    let short = &run[24..];
    let done = rig.call(&["cancel", short, "--reason", "enough of it"]).code(0);
    assert_eq!(done.line(), run);
    let last = rig.last(&run);
    assert_eq!((&last["status"], &last["cancelled"]), (&json!("failure"), &json!("enough of it")));
    let twice = rig.call(&["cancel", &run]).code(1);
    assert!(twice.stderr.contains("is over"), "{twice:?}");
}

#[test]
fn a_run_that_nobody_conducts_is_shown_as_it_was_and_nobody_knows_why() {
    let mut rig = Rig::working(1);
    let run = rig.submit("n", &json!([sleep("t", 300)]));
    rig.until_why(&run, "t", "running on ");
    rig.stop_all(Signal::KILL);
    let why = rig.call(&["why", &run, "t"]).code(1);
    assert!(why.stderr.contains("nobody conducts run"), "{why:?}");
    let shown = rig.call(&["show", &run]).code(0);
    assert!(
        shown.stdout.contains("The n") && shown.stderr.contains("nobody conducts"),
        "{shown:?}"
    );
}
