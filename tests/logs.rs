//! The log tells how a role begins, each step of a message and both ends of an attempt, in the order in
//! which they happen: a line each, which programs can read.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rig::{Rig, echo, log_lines, repeat};

const JSON: (&str, &str) = ("RUNNER_LOG_FORMAT", "json");

/// Every step of every task.
const STEPS: (&str, &str) =
    ("RUNNER_LOG_LEVEL", "warn,bus=debug,coordinator=debug,job=debug,runner=debug,worker=debug");

/// What is to be said, and with which fields.
type Step<'a> = (&'a str, &'a [(&'a str, Value)]);

fn is(line: &Value, (message, fields): Step<'_>) -> bool {
    line["message"] == message && fields.iter().all(|(name, value)| line[name] == *value)
}

/// Where each of these is said, if they are said in this order.
#[track_caller]
fn in_order(lines: &[Value], steps: &[Step<'_>]) -> Vec<usize> {
    let mut from = 0;
    let place = |&step: &Step<'_>| {
        let Some(more) = lines[from..].iter().position(|line| is(line, step)) else {
            panic!("{step:?} is not said behind line {from} of {lines:#?}");
        };
        from += more + 1;
        from - 1
    };
    steps.iter().map(place).collect()
}

fn all<'a>(lines: &'a [Value], message: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["message"] == message).collect()
}

/// Those of one role, by the part of the program that says them.
fn of(lines: &[Value], role: &str) -> Vec<Value> {
    let is_its = |line: &&Value| {
        let target = line["target"].as_str().unwrap();
        target.starts_with(role) || target == format!("runner::roles::{role}")
    };
    lines.iter().filter(is_its).cloned().collect()
}

#[test]
fn a_message_is_followed_from_its_queue_to_the_seat_that_it_leaves() {
    let mut rig = Rig::with(&[
        JSON,
        STEPS,
        ("EXEC_QUEUE", "letters"),
        ("EXEC_INTERVAL_SECONDS", "1"),
        ("EXEC_MAX_CONCURRENT", "1"),
    ]);
    rig.call(&["queue", "push", "letters", r#"{"argv": ["true"]}"#, "--id", "one"]).code(0);
    rig.call(&["queue", "push", "letters", r#"{"argv": ["true"]}"#, "--id", "two"]).code(0);
    rig.coordinator();
    rig.worker(&["--allow-exec", "--id", "w-1"]);
    rig.hear(0, "a batch has ended");
    let lines = log_lines(&rig.stop_all(Signal::TERM));
    for message in ["one", "two"] {
        let becomes = all(&lines, "a message becomes a task");
        let task = becomes.into_iter().find(|line| line["message.id"] == message).unwrap();
        let (run, place) = (task["run.id"].clone(), task["task.id"].clone());
        let begins = [("job.kind", json!("exec")), ("run.id", run.clone())];
        let of_run = [("run.id", run.clone())];
        let attempt = [
            ("run.id", run),
            ("task.id", place),
            ("task.attempt", json!("1")),
            ("job.kind", json!("exec")),
            ("queue", json!("exec")),
        ];
        let on_worker = [attempt.as_slice(), &[("worker.id", json!("w-1"))]].concat();
        let well = [on_worker.as_slice(), &[("outcome", json!("ok"))]].concat();
        let there = [("queue", json!("letters")), ("messages", json!(2))];
        let heard = [&attempt[..3], &[("outcome", json!("ok"))]].concat();
        let before: &[Step<'_>] = &[
            ("messages are on the queue", &there),
            ("a tick becomes a run", &begins),
            ("a message becomes a task", &[("message.id", json!(message))]),
            ("run taken", &of_run),
            ("offered", &attempt),
            ("seat taken", &attempt),
            ("claimed", &on_worker),
            ("attempt began", &on_worker),
            ("checks passed, the work begins", &attempt[..4]),
            ("attempt ended", &well),
        ];
        in_order(&lines, &[before, &[("seat freed", &attempt)]].concat());
        let told: &[Step<'_>] = &[("verdict heard", &heard), ("run ended", &of_run)];
        let end: &[Step<'_>] = &[("a batch has ended", &begins)];
        in_order(&lines, &[before, told, end].concat());
    }
    // A run may have a million tasks: but for debugging, each is one line.
    let loud = lines.iter().filter(|line| line["level"] == "INFO" && !line["task.id"].is_null());
    let loud: Vec<&Value> = loud.map(|line| &line["message"]).collect();
    assert_eq!(loud, ["attempt ended"; 2]);
}

#[test]
fn a_seat_is_freed_when_its_job_panics_and_the_next_attempt_has_it() {
    // A seat that is not freed is nobody's for ten minutes.
    let mut rig = Rig::of_an_author(&[
        JSON,
        STEPS,
        ("RUNNER_LEASE_SECONDS", "600"),
        ("TELLTALE_MAX_CONCURRENT", "1"),
        ("TELLTALE_RETRY_DELAY_SECONDS", "1"),
    ]);
    rig.coordinator();
    rig.worker(&["--slots", "4"]);
    let task = |id: &str, way: &str| {
        json!({"id": id, "description": "x", "job": "telltale", "retry_count": 1,
               "parameters": {"way": way, "names": []}})
    };
    let tasks = json!([task("work", "panic"), task("tidying", "clean_up"), task("well", "output")]);
    let last = rig.last(&rig.submit("panics", &tasks));
    let outcomes = |id: &str| -> Vec<&Value> {
        let attempts = last["task_results"][id]["attempts"].as_array().unwrap();
        attempts.iter().map(|attempt| &attempt["outcome"]).collect()
    };
    assert_eq!(outcomes("work"), ["failed", "failed"]);
    assert_eq!((outcomes("tidying"), outcomes("well")), (vec![&json!("ok")], vec![&json!("ok")]));
    let lines = log_lines(&rig.stop_all(Signal::TERM));
    let seats: Vec<_> = lines
        .iter()
        .filter(|line| ["seat taken", "seat freed"].map(Value::from).contains(&line["message"]))
        .collect();
    assert_eq!(seats.len(), 8, "{seats:#?}");
    for pair in seats.chunks(2) {
        assert_eq!([&pair[0]["message"], &pair[1]["message"]], ["seat taken", "seat freed"]);
        for name in ["run.id", "task.id", "task.attempt", "seat"] {
            assert_eq!(pair[0][name], pair[1][name], "one at a time: {seats:#?}");
        }
    }
    assert_eq!(all(&lines, "a panic").len(), 3, "each is told, and as a line like any other");
}

#[test]
fn both_ends_of_an_attempt_are_a_line_each_that_says_whose_it_is_and_how_it_went() {
    let mut rig = Rig::with(&[JSON, ("RUNNER_LOG_LEVEL", "worker=debug")]);
    rig.coordinator();
    rig.worker(&["--allow-exec", "--id", "w-1"]);
    let task = |id: &str, argv: &[&str]| {
        json!({"id": id, "description": "x", "job": "exec", "retry_count": 0,
               "timeout_seconds": 1, "parameters": {"argv": argv}})
    };
    let tasks = json!([task("a", &["true"]), task("b", &["false"]), task("c", &["sleep", "60"])]);
    let run = rig.submit("ends", &tasks);
    rig.last(&run);
    let lines = log_lines(&rig.stop_all(Signal::TERM));
    for (task, outcome) in ["ok", "failed", "timeout"].into_iter().enumerate() {
        let of_task = |message: &str| -> Vec<Value> {
            let lines = all(&lines, message).into_iter();
            lines.filter(|line| line["task.id"] == task).cloned().collect()
        };
        let (began, ended) = (of_task("attempt began"), of_task("attempt ended"));
        assert_eq!((began.len(), ended.len()), (1, 1), "{lines:#?}");
        for line in [&began[0], &ended[0]] {
            let whose = ["run.id", "task.attempt", "job.kind", "worker.id"].map(|it| &line[it]);
            assert_eq!(whose, [run.as_str(), "1", "exec", "w-1"], "{line:#}");
        }
        assert_eq!(ended[0]["outcome"], outcome);
        let took = ended[0]["elapsed_ms"].as_u64().unwrap();
        assert!(if outcome == "timeout" { took >= 1000 } else { took < 1000 }, "{ended:#?}");
    }
}

#[test]
fn a_role_tells_by_itself_how_it_begins() {
    let mut rig = Rig::with(&[
        JSON,
        ("ECHO_INTERVAL_SECONDS", "1"),
        ("SLEEP_MAX_CONCURRENT", "2"),
        ("WALLET_MNEMONIC", "hush"),
    ]);
    rig.coordinator();
    rig.worker(&[]);
    rig.last(&rig.submit("first", &json!([echo("e")])));
    repeat("the job runs by itself", || {
        let rows = rig.call(&["schedule", "ls", "--json"]).code(0).json();
        let echo = rows.as_array().unwrap().iter().find(|row| row["job"] == "echo").cloned();
        echo.is_some_and(|row| row["runs"].as_u64() >= Some(1))
    });
    let lines = log_lines(&rig.stop_all(Signal::TERM));
    let jobs = rig.call(&["jobs", "ls", "--json"]).code(0).json().as_array().unwrap().len();
    let found: Step<'_> = ("jobs found", &[("jobs", json!(jobs))]);
    let of_coordinator = of(&lines, "coordinator");
    let declared = [("job.kind", json!("echo")), ("schedule", json!("@every 1s"))];
    let places = in_order(
        &of_coordinator,
        &[
            found,
            ("timekeeping started", &[]),
            ("queues declared", &[]),
            ("conducting", &[]),
            ("schedule declared", &declared),
        ],
    );
    let says = |line: &Value, field: &str, text: &str| {
        assert!(line[field].as_str().unwrap().contains(text), "{line:#}");
    };
    says(&of_coordinator[places[1]], "schedules", "echo @every 1s");
    says(&of_coordinator[places[2]], "seats", "sleep: 2");
    let of_worker = of(&lines, "worker");
    let unready = "jobs are not ready, as a variable is not set here";
    let places = in_order(
        &of_worker,
        &[found, (unready, &[]), ("queues declared", &[]), ("working", &[("slots", json!(5))])],
    );
    let missed = &of_worker[places[1]];
    says(missed, "jobs", "discord (DISCORD_WEBHOOK_URL)");
    assert!(!missed["jobs"].as_str().unwrap().contains("WALLET"), "{missed:#}");
    says(&of_worker[places[2]], "seats", "sleep: 2");
    // And that is all: nothing of any task.
    assert!(lines.iter().all(|line| line["task.id"].is_null()), "{lines:#?}");
}
