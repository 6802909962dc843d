//! What is counted of jobs is what was done, health follows from it, and holders of seats are named.

use std::time::Duration;

use protocol::{JobRecord, PastRun, RunId, RunStatus, TickRun, Timestamp, codec, subject};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rig::{Rig, decided, on_one_server_and_on_three, pass, repeat, sleep};

const SHORT_LEASE: &[(&str, &str)] = &[("RUNNER_LEASE_SECONDS", "2")];

on_one_server_and_on_three! {
    what_is_counted_is_what_was_done with super::SHORT_LEASE;
}

/// A task that starts a program.
fn exec(id: &str, retries: u8, argv: &[&str]) -> Value {
    json!({"id": id, "description": "x", "job": "exec", "retry_count": retries,
           "parameters": {"argv": argv}})
}

/// A task of which every attempt runs out of time.
fn too_long(id: &str, retries: u8) -> Value {
    let mut task = sleep(id, 300);
    task["timeout_seconds"] = json!(1);
    task["retry_count"] = json!(retries);
    task
}

fn named(count: usize, name: &str, task: impl Fn(&str) -> Value) -> Value {
    (0..count).map(|number| task(&format!("{name}{number}"))).collect()
}

fn stats(rig: &Rig, job: &str) -> Value {
    rig.call(&["jobs", "stats", job, "--json"]).code(0).json()
}

/// What was counted of a job, where something was.
fn counts(stats: &Value) -> Value {
    let counts = stats["total"].as_object().unwrap().iter().filter(|(name, value)| {
        value.as_u64().is_some_and(|count| count > 0)
            && *name != "attempts"
            && *name != "executions"
    });
    counts
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn what_is_counted_is_what_was_done(mut rig: Rig) {
    rig.coordinator();
    rig.coordinator();
    rig.worker(&["--slots", "4", "--allow-exec"]);
    rig.worker(&["--slots", "4", "--allow-exec"]);
    // Six runs, on two coordinators.
    let many = named(300, "t", |id| decided(id, true));
    let mut runs: Vec<String> = (0..3).map(|at| rig.submit(&format!("many{at}"), &many)).collect();
    runs.push(rig.submit("fails", &named(7, "f", |id| decided(id, false))));
    // Three attempts each, of which two are retries.
    runs.push(rig.submit("flaky", &named(5, "e", |id| exec(id, 2, &["false"]))));
    runs.push(rig.submit(
        "slow",
        &json!([
            too_long("never", 1),
            too_long("never_again", 0),
            sleep("one", 1),
            sleep("two", 2),
        ]),
    ));
    runs.iter().for_each(|run| drop(rig.last(run)));
    let cancelled = rig.submit("cancelled", &json!([sleep("stopped", 300)]));
    rig.until_why(&cancelled, "stopped", "running on ");
    rig.call(&["cancel", &cancelled]).code(0);
    rig.last(&cancelled);
    // It costs three workers their lives, and the other two go on with what there is.
    let poison = rig.submit("poison", &json!([exec("poison", 5, &["sh", "-c", "kill -9 $PPID"])]));
    for _ in 0..2 {
        rig.worker(&["--slots", "1", "--allow-exec"]);
    }
    rig.last(&poison);
    // What ended a moment ago is counted before the coordinators go.
    rig.stop_all(Signal::TERM);
    for (job, attempts, expected) in [
        ("transform", 907, json!({"ok": 900, "failed": 7})),
        ("exec", 16, json!({"failed": 15, "retried": 10, "lost": 1})),
        ("sleep", 6, json!({"ok": 2, "timed_out": 3, "retried": 1, "cancelled": 1})),
        ("echo", 0, json!({})),
    ] {
        let stats = stats(&rig, job);
        assert_eq!(counts(&stats), expected, "{job}: {stats:#}");
        assert_eq!(stats["total"]["attempts"], attempts, "{job}: {stats:#}");
        assert_eq!(stats["last_hour"], stats["total"], "{job}: {stats:#}");
        assert_eq!(stats["last_execution"].is_string(), attempts > 0, "{job}: {stats:#}");
        assert_eq!(stats["running"], 0, "{job}: {stats:#}");
    }
    durations_and_dates(&rig);
    let table = rig.call(&["jobs", "stats"]).code(0).stdout;
    let line = table.lines().find(|line| line.starts_with("transform")).unwrap();
    assert!(line.contains(" 907 ") && line.contains("99.2 %"), "{table}");
    let shown = rig.call(&["jobs", "stats", "exec"]).code(0).stdout;
    assert!(shown.contains("16 attempts: 0 ok, 15 failed"), "{shown}");
    rig.call(&["jobs", "stats", "ecko"]).code(2);
}

fn durations_and_dates(rig: &Rig) {
    let slept = stats(rig, "sleep");
    let seconds = |name: &str| slept["total"][name].as_f64().unwrap();
    let (min, avg, max) = (seconds("min_seconds"), seconds("avg_seconds"), seconds("max_seconds"));
    // Five had a duration: three of one second at least, one of one and one of two.
    assert!(
        (1.0..=avg).contains(&min) && avg >= 6.0 / 5.0 && max >= 2.0 && avg <= max,
        "{slept:#}"
    );
    assert_eq!(slept["total"]["success_rate"], 0.4, "{slept:#}");
    let failed = stats(rig, "exec");
    assert_eq!(failed["last_success"], Value::Null, "{failed:#}");
    assert_eq!(failed["last_failure"], failed["last_execution"], "{failed:#}");
}

/// The code with which `health` ends, and what it says.
fn health(rig: &Rig) -> (i32, Value) {
    let done = rig.call(&["health", "--json"]);
    (done.status.code().unwrap(), done.json())
}

/// Waits until the health is of this code; what it says then.
#[track_caller]
fn until_health(rig: &Rig, code: i32) -> Value {
    let mut said = Value::Null;
    repeat(&format!("health ends with {code}"), || {
        let (ended, health) = health(rig);
        said = health;
        ended == code
    });
    said
}

fn issues(health: &Value) -> Vec<(&str, &str)> {
    let issues = health["issues"].as_array().unwrap().iter();
    issues.map(|it| (it["job"].as_str().unwrap(), it["issue"].as_str().unwrap())).collect()
}

#[test]
fn forced_failures_degrade_a_fleet_and_three_issues_make_it_unhealthy() {
    let mut rig = Rig::with(&[("ECHO_INTERVAL_SECONDS", "3600")]);
    rig.coordinator();
    rig.worker(&["--slots", "8", "--allow-exec"]);
    let (code, said) = health(&rig);
    assert_eq!((code, &said["status"]), (0, &json!("healthy")), "{said:#}");
    // Ten executions are too few to call it failing, and enough for an alert.
    rig.last(&rig.submit("ten", &named(10, "f", |id| decided(id, false))));
    repeat("an alert is raised", || {
        let (code, said) = health(&rig);
        assert_eq!(code, 0, "{said:#}");
        said["alerts"][0]["alert"] == "failures" && said["alerts"][0]["executions"] == 10
    });
    // Nine of fifteen: sixty of a hundred.
    let tasks: Value = (0..15)
        .map(|at| exec(&format!("e{at}"), 0, &[["true", "false"][usize::from(at < 9)]]))
        .collect();
    rig.last(&rig.submit("sixty", &tasks));
    let said = until_health(&rig, 4);
    assert_eq!((issues(&said), &said["status"]), (vec![("exec", "failing")], &json!("degraded")));
    assert_eq!(
        (&said["issues"][0]["failures"], &said["issues"][0]["executions"]),
        (&json!(9), &json!(15))
    );
    rig.last(&rig.submit("eleventh", &named(1, "f", |id| decided(id, false))));
    repeat("there are two issues", || {
        let (code, said) = health(&rig);
        assert_eq!(code, 4, "{said:#}");
        issues(&said) == [("exec", "failing"), ("transform", "failing")]
    });
    // And a job that is to be run every hour has not been for three.
    let began = Timestamp(Timestamp::now().0 - 3 * 60 * 60 * 1000);
    let was = TickRun { run: RunId::new(), tick: began, began };
    let last = Some(PastRun { was, ended: began, status: RunStatus::Success });
    let record = JobRecord { last, last_tick: Some(began), ..JobRecord::default() };
    store(&rig, subject::job_record("echo"), codec::encode(&record).unwrap());
    let said = until_health(&rig, 1);
    let expected = [("echo", "overdue"), ("exec", "failing"), ("transform", "failing")];
    assert_eq!((issues(&said), &said["status"]), (expected.to_vec(), &json!("unhealthy")));
    let shown = rig.call(&["health"]).code(1).stdout;
    assert!(shown.starts_with("unhealthy: 3 issues"), "{shown}");
    assert!(shown.contains("issue: `exec`: 9 of 15 executions"), "{shown}");
    rig.stop_all(Signal::TERM);
}

/// Has a message stored.
fn store(rig: &Rig, at: String, body: Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(rig.url()).await.unwrap();
        let stored = client.request(at, body.into()).await.unwrap();
        assert!(stored.payload.starts_with(b"{\"stream\""), "{stored:?}");
    });
}

#[test]
fn who_holds_the_seats_of_a_limited_job_is_named_and_what_waits_is_counted() {
    let mut rig = Rig::with(&[("SLEEP_MAX_CONCURRENT", "2")]);
    rig.coordinator();
    rig.worker(&["--slots", "4", "--id", "w-1"]);
    rig.worker(&["--slots", "4", "--id", "w-2"]);
    let one = rig.submit("one", &named(4, "s", |id| sleep(id, 300)));
    let other = rig.submit("other", &named(3, "s", |id| sleep(id, 300)));
    let mut said = Value::Null;
    repeat("two run and five wait", || {
        said = stats(&rig, "sleep");
        said["running"] == 2 && said["waiting"]["queued"] == 5
    });
    assert_eq!((&said["limit"], &said["waiting"]["ready"]), (&json!(2), &json!(0)), "{said:#}");
    for holder in said["holders"].as_array().unwrap() {
        assert!(["w-1", "w-2"].contains(&holder["worker"].as_str().unwrap()), "{said:#}");
        assert!([&one, &other].contains(&&holder["run"].as_str().unwrap().to_owned()), "{said:#}");
        assert!(holder["for_ms"].is_u64() && holder["task"].is_u64(), "{said:#}");
    }
    let shown = rig.call(&["jobs", "stats", "sleep"]).code(0).stdout;
    assert!(shown.contains("running: 2 of 2") && shown.contains(" on w-"), "{shown}");
    assert!(shown.contains("waiting: 5 on the queue"), "{shown}");
    rig.call(&["cancel", &one]).code(0);
    rig.call(&["cancel", &other]).code(0);
    repeat("nobody runs and nothing waits", || {
        said = stats(&rig, "sleep");
        said["running"] == 0 && said["waiting"]["queued"] == 0
    });
    rig.stop_all(Signal::TERM);
}

#[test]
fn a_coordinator_that_is_killed_loses_seconds_and_doubles_nothing() {
    let mut rig = Rig::with(SHORT_LEASE);
    rig.worker(&["--slots", "8"]);
    let mut submitted = 0;
    for round in 0..4 {
        rig.coordinator();
        // The coordinator of each round is killed while it ends runs and counts them.
        for number in 0..6 {
            rig.submit(&format!("r{round}n{number}"), &named(20, "t", |id| decided(id, true)));
            submitted += 20;
        }
        pass(Duration::from_secs(round));
        rig.signal(1 + usize::try_from(round).unwrap(), Signal::KILL);
    }
    rig.coordinator();
    repeat("all runs are over", || {
        let runs = rig.call(&["ls", "--limit", "100", "--json"]).code(0).json();
        let runs = runs.as_array().unwrap();
        runs.len() == 24 && runs.iter().all(|run| run["state"] == "success")
    });
    // What the last one ends is counted when it goes.
    rig.last(&rig.submit("last", &named(20, "t", |id| decided(id, true))));
    submitted += 20;
    rig.stop_all(Signal::TERM);
    let stats = stats(&rig, "transform");
    let ok = stats["total"]["ok"].as_u64().unwrap();
    assert!(
        (20..=submitted).contains(&ok) && ok.is_multiple_of(20),
        "{ok} of {submitted}: {stats:#}"
    );
}
