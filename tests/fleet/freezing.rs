//! Who is frozen past its lease is as good as dead, and does no harm when it is thawed.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rig::{Rig, after, echo, on_one_server_and_on_three, pass, sleep};

/// The shortest lease: who is silent for two seconds has lost what it held.
const SHORT: &[(&str, &str)] = &[("RUNNER_LEASE_SECONDS", "2")];

on_one_server_and_on_three! {
    the_tasks_of_a_frozen_worker_are_done_by_another_once with super::SHORT;
    the_run_of_a_frozen_coordinator_is_taken_over_and_stays_so with super::SHORT;
}

/// Two tasks of so many seconds, and one after them.
fn two_and_one(seconds: u32) -> Value {
    json!([sleep("a", seconds), sleep("b", seconds), after(echo("c"), &["a", "b"])])
}

/// The run has ended well, its LAST holds, and this worker did these tasks, each at the first attempt.
#[track_caller]
fn ended_well(rig: &Rig, run: &str, worker: &str, tasks: &[&str]) {
    let last = rig.last(run);
    assert_eq!(last["status"], "success", "{last:#}");
    for task in tasks {
        let attempts = last["task_results"][task]["attempts"].as_array().unwrap();
        assert_eq!((attempts.len(), &attempts[0]["worker"]), (1, &json!(worker)), "{task}");
    }
    rig.call(&["verify", run]).code(0);
}

fn the_tasks_of_a_frozen_worker_are_done_by_another_once(mut rig: Rig) {
    rig.coordinator();
    rig.worker(&["--id", "cold", "--slots", "2"]);
    let run = rig.submit("w", &two_and_one(6));
    rig.until_why(&run, "a", "running on cold");
    rig.until_why(&run, "b", "running on cold");
    rig.worker(&["--id", "warm"]);
    rig.signal(1, Signal::STOP);
    rig.until_why(&run, "a", "running on warm");
    rig.until_why(&run, "b", "running on warm");
    // It wakes up beside the one who has its tasks now, and with all its timers over.
    rig.signal(1, Signal::CONT);
    // Either may do what comes after.
    ended_well(&rig, &run, "warm", &["a", "b"]);
    rig.stop_all(Signal::TERM);
}

fn the_run_of_a_frozen_coordinator_is_taken_over_and_stays_so(mut rig: Rig) {
    rig.coordinator();
    rig.worker(&["--id", "w"]);
    let run = rig.submit("c", &two_and_one(3));
    rig.until_why(&run, "a", "running on w");
    rig.coordinator();
    rig.signal(0, Signal::STOP);
    ended_well(&rig, &run, "w", &["a", "b", "c"]);
    // Thawed, it finds that the run has another owner, and conducts others.
    rig.signal(0, Signal::CONT);
    rig.signal(2, Signal::STOP);
    let next = rig.submit("d", &json!([echo("a")]));
    ended_well(&rig, &next, "w", &["a"]);
    rig.signal(2, Signal::CONT);
    assert!(!rig.stop_all(Signal::TERM).contains("ERROR"));
}

#[test]
fn a_frozen_server_is_waited_for() {
    let mut rig = Rig::with(SHORT);
    rig.coordinator();
    rig.worker(&[]);
    let run = rig.submit("s", &two_and_one(3));
    rig.until_why(&run, "a", "running on ");
    rig.server().pause();
    pass(Duration::from_secs(4));
    rig.server().resume();
    assert_eq!(rig.last(&run)["status"], "success");
    rig.call(&["verify", &run]).code(0);
    rig.stop_all(Signal::TERM);
}
