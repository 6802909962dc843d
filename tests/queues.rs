//! Message queues: each message is worked off once, in its order, in batches; what fails for good is kept.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wiremock::matchers::body_string_contains;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::rig::{Rig, on_one_server_and_on_three, pass, repeat};

/// Any job may drain a queue, by options from outside.
const LETTERS: &[(&str, &str)] = &[
    ("EXEC_QUEUE", "letters"),
    ("EXEC_INTERVAL_SECONDS", "1"),
    ("EXEC_BATCH_SIZE", "2"),
    ("EXEC_MAX_RETRIES", "1"),
    ("RUNNER_LEASE_SECONDS", "2"),
];

on_one_server_and_on_three! {
    a_message_is_a_task_and_one_that_fails_for_good_is_a_dead_letter with super::LETTERS;
}

/// A message that notes its beginning and its end in the ledger, and lasts a little.
fn letter(rig: &Rig, name: &str) -> String {
    let ledger = rig.door.path("ledger").display().to_string();
    let script = format!("echo begin {name} >> {ledger}; sleep 0.1; echo end {name} >> {ledger}");
    json!({"argv": ["sh", "-c", script]}).to_string()
}

fn ledger(rig: &Rig) -> Vec<String> {
    let text = fs::read_to_string(rig.door.path("ledger")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn row(rig: &Rig, queue: &str) -> Value {
    let rows = rig.call(&["queue", "ls", "--json"]).code(0).json();
    rows.as_array().unwrap().iter().find(|row| row["queue"] == queue).cloned().unwrap_or_default()
}

#[track_caller]
fn until_empty(rig: &Rig, queue: &str) {
    repeat("the queue is empty", || {
        let row = row(rig, queue);
        row["waiting"] == 0 && row["under_way"] == 0
    });
}

/// The LASTs of the runs of a job, by their titles, which begin with the tick.
fn lasts(rig: &Rig, job: &str) -> BTreeMap<String, Value> {
    let runs = rig.call(&["ls", "--limit", "1000", "--json"]).code(0).json();
    let runs = runs.as_array().unwrap().iter().filter(|run| run["alt_id"] == job).cloned();
    runs.map(|run| {
        let last = rig.last(run["run"].as_str().unwrap());
        (run["title"].as_str().unwrap().to_owned(), last)
    })
    .collect()
}

fn a_message_is_a_task_and_one_that_fails_for_good_is_a_dead_letter(mut rig: Rig) {
    rig.coordinator();
    rig.coordinator();
    rig.worker(&["--allow-exec"]);
    let flag = rig.door.path("flag").display().to_string();
    let fussy = json!({"argv": ["test", "-e", flag]}).to_string();
    for name in ["one", "two", "three"] {
        let message = letter(&rig, name);
        assert_eq!(
            rig.call(&["queue", "push", "letters", &message, "--id", name]).code(0).line(),
            name
        );
    }
    rig.call(&["queue", "push", "letters", &fussy, "--id", "fussy"]).code(0);
    repeat("it is given up", || row(&rig, "letters")["dead"] == 1);
    until_empty(&rig, "letters");
    let dead = rig.call(&["queue", "dead", "letters", "--json"]).code(0).json();
    assert_eq!((&dead[0]["id"], &dead[0]["attempts"]), (&json!("fussy"), &json!(2)), "{dead:#}");
    assert_eq!(dead[0]["message"]["argv"][0], "test");
    let shown = rig.call(&["queue", "dead", "letters"]).code(0).stdout;
    assert!(shown.contains("fussy") && shown.contains("exit"), "{shown}");
    // Every message is a task of one run, and no run has more than it may.
    let lasts = lasts(&rig, "exec");
    let mut tasks: Vec<&str> = Vec::new();
    for last in lasts.values() {
        let results = last["task_results"].as_object().unwrap();
        assert!((1..=2).contains(&results.len()), "{last:#}");
        tasks.extend(results.keys().map(String::as_str));
    }
    tasks.sort_unstable();
    assert_eq!(tasks, ["fussy", "one", "three", "two"]);
    // Ticks that find nothing are no runs.
    pass(Duration::from_secs(3));
    assert_eq!(self::lasts(&rig, "exec").len(), lasts.len());
    let counted = || rig.call(&["jobs", "stats", "exec", "--json"]).code(0).stdout;
    repeat("the dead letter is counted", || counted().contains("\"dead_letters\": 1"));
    // What was wrong is mended, and the letter replayed.
    fs::write(rig.door.path("flag"), "").unwrap();
    rig.call(&["queue", "replay", "letters", "7777"]).code(1);
    assert_eq!(rig.call(&["queue", "replay", "letters", "--all"]).code(0).line(), "fussy");
    until_empty(&rig, "letters");
    repeat("no letter is dead", || row(&rig, "letters")["dead"] == 0);
    assert_eq!(ledger(&rig).len(), 6, "nothing else ran again");
    rig.stop_all(Signal::TERM);
}

#[test]
fn messages_of_one_key_are_worked_off_one_after_the_other_by_many_workers() {
    let mut rig = Rig::with(&[LETTERS, &[("EXEC_PRESERVE_ORDER", "true")]].concat());
    rig.coordinator();
    for _ in 0..2 {
        rig.worker(&["--allow-exec", "--slots", "4"]);
    }
    for (at, key) in ["a", "a", "b", "a", "b", "c"].into_iter().enumerate() {
        let message = letter(&rig, &format!("{key} {at}"));
        rig.call(&["queue", "push", "letters", &message, "--key", key]).code(0);
    }
    until_empty(&rig, "letters");
    let ledger = ledger(&rig);
    for (key, expected) in [("a", [0, 1, 3].as_slice()), ("b", &[2, 4]), ("c", &[5])] {
        let of_key: Vec<&String> =
            ledger.iter().filter(|line| line.contains(&format!(" {key} "))).collect();
        let expected: Vec<String> = expected
            .iter()
            .flat_map(|at| [format!("begin {key} {at}"), format!("end {key} {at}")])
            .collect();
        assert_eq!(of_key, expected.iter().collect::<Vec<_>>());
    }
    rig.stop_all(Signal::TERM);
}

#[test]
fn no_message_is_lost_or_worked_off_twice_while_coordinators_and_servers_are_killed() {
    let mut rig = Rig::with(&[LETTERS, &[("EXEC_BATCH_SIZE", "4")]].concat());
    rig.coordinator();
    rig.coordinator();
    rig.worker(&["--allow-exec"]);
    for at in 0..24 {
        let message = letter(&rig, &at.to_string());
        rig.call(&["queue", "push", "letters", &message, "--id", &at.to_string()]).code(0);
    }
    // The third of the roles is the worker.
    for (round, coordinator) in [0, 1, 3, 4].into_iter().enumerate() {
        let so_far = ledger(&rig).len();
        repeat("it goes on", || ledger(&rig).len() >= (so_far + 4).min(48));
        if round == 1 {
            rig.kill_server_for(Duration::from_millis(500));
        }
        rig.signal(coordinator, Signal::KILL);
        rig.coordinator();
    }
    until_empty(&rig, "letters");
    let mut ends: Vec<String> =
        ledger(&rig).into_iter().filter(|line| line.starts_with("end")).collect();
    let all = ends.len();
    ends.sort_unstable();
    ends.dedup();
    assert_eq!(ends.len(), 24, "{ends:?}");
    // A server that dies may hand out again what the living worker runs: its messages alone.
    assert!(all <= 24 + 4, "{all} ends of 24 messages");
    assert_eq!(row(&rig, "letters")["dead"], 0);
}

#[test]
fn a_message_means_what_it_says_and_one_that_can_be_no_task_is_kept() {
    let mut rig = Rig::with(&[("ECHO_QUEUE", "words"), ("ECHO_INTERVAL_SECONDS", "1")]);
    rig.coordinator();
    rig.worker(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let template =
        r#"{"${{ a }}": "costs ${{ 1 + 1 }}, $${{ x }}", "n": 0.10000000000000000000001}"#;
    runtime.block_on(async {
        let client = async_nats::connect(rig.url()).await.unwrap();
        for (subject, body) in [
            ("queue.words", "not JSON"),
            ("queue.words", ""),
            ("queue.words.deep", deep.as_str()),
            ("queue.words.template", template),
            ("queue.words", "[1]"),
            ("queue.words", r#"{"a": 1}"#),
        ] {
            let stored = client.request(subject, body.to_owned().into()).await.unwrap();
            assert!(stored.payload.starts_with(b"{\"stream\":\"QUEUES\""), "{stored:?}");
        }
    });
    until_empty(&rig, "words");
    repeat("four are given up", || row(&rig, "words")["dead"] == 4);
    let dead = rig.call(&["queue", "dead", "words", "--json"]).code(0).json();
    let errors: Vec<&str> =
        dead.as_array().unwrap().iter().map(|one| one["error"].as_str().unwrap()).collect();
    assert!(errors[0].contains("not JSON") && errors[1].contains("not JSON"), "{errors:?}");
    assert!(errors[2].contains("64 deep") && errors[3].contains("an object"), "{errors:?}");
    let results: Vec<Value> = lasts(&rig, "echo")
        .into_values()
        .flat_map(|last| last["task_results"].as_object().unwrap().clone())
        .map(|(id, result)| json!([id, result["output"]]))
        .collect();
    let given: Value = serde_json::from_str(template).unwrap();
    assert!(results.contains(&json!(["template", given])), "{results:?}");
    assert!(results.contains(&json!(["n6", {"a": 1}])), "{results:?}");
    for (wrong, code) in [
        (["queue", "push", "words", "{"].as_slice(), 2),
        (&["queue", "push", "words", "[1]"], 2),
        (&["queue", "push", "no.queue", "{}"], 2),
        (&["queue", "push", "words", "{}", "--id", ""], 2),
        (&["queue", "replay", "words"], 2),
        (&["queue", "drop", "words", "99"], 1),
        (&["queue", "drop", "words", "--all"], 0),
    ] {
        rig.call(wrong).code(code);
    }
    assert_eq!(row(&rig, "words")["dead"], 0);
    let lines = "{\"a\": 1}\n\n{\"a\": 2}\n{\n";
    let fed = rig.door.feed(&["queue", "push", "words", "--lines"], lines).code(2);
    assert!(fed.stdout.lines().count() == 2 && fed.stderr.contains("line 4"), "{fed:?}");
    rig.stop_all(Signal::TERM);
}

#[test]
fn a_job_that_is_paused_or_disabled_leaves_its_queue_alone() {
    let mut rig = Rig::with(&[("ECHO_QUEUE", "words"), ("ECHO_INTERVAL_SECONDS", "1")]);
    rig.coordinator();
    rig.worker(&[]);
    let runtime = Runtime::new().unwrap();
    let publish = |subject: &'static str| {
        let sent = runtime.block_on(async {
            let client = async_nats::connect(rig.url()).await.unwrap();
            client.request(subject, "not JSON".into()).await.unwrap()
        });
        assert!(sent.payload.starts_with(b"{\"stream\":"), "{sent:?}");
    };
    let echo = || {
        let rows = rig.call(&["schedule", "ls", "--json"]).code(0).json();
        rows.as_array().unwrap().iter().find(|row| row["job"] == "echo").cloned()
    };
    repeat("there was a tick", || echo().is_some_and(|echo| echo["last_tick"].is_number()));
    for (round, (stop, start, reason)) in [
        (["schedule", "pause", "echo"], ["schedule", "resume", "echo"], "paused"),
        (["jobs", "disable", "echo"], ["jobs", "enable", "echo"], "disabled"),
    ]
    .into_iter()
    .enumerate()
    {
        rig.call(&stop).code(0);
        publish("queue.words");
        // The server makes none now, but one may have been on its way.
        let before = echo().unwrap()["last_tick"].clone();
        publish("schedule.tick.echo");
        repeat("a tick is left out", || {
            let echo = echo().unwrap();
            echo["last_tick"] != before && echo["skipped"]["reason"] == reason
        });
        let words = row(&rig, "words");
        assert_eq!((&words["waiting"], &words["dead"]), (&json!(1), &json!(round)), "{reason}");
        rig.call(&start).code(0);
        repeat("it is given up", || row(&rig, "words")["dead"] == round + 1);
    }
    rig.stop_all(Signal::TERM);
}

#[test]
fn messages_to_discord_wait_while_it_wants_to_be_left_alone_and_die_when_it_refuses_them() {
    let runtime = Runtime::new().unwrap();
    let discord = runtime.block_on(async {
        let server = MockServer::start().await;
        let said = |text: &'static str, answer: ResponseTemplate| {
            Mock::given(body_string_contains(text)).respond_with(answer)
        };
        let limited = ResponseTemplate::new(429).set_body_json(json!({"retry_after": 12.0}));
        said("first", limited).up_to_n_times(1).mount(&server).await;
        said("wrong", ResponseTemplate::new(400)).mount(&server).await;
        said("broken", ResponseTemplate::new(503)).mount(&server).await;
        Mock::given(wiremock::matchers::any())
            .respond_with(ResponseTemplate::new(204))
            .mount(&server)
            .await;
        server
    });
    let url = format!("{}/webhook", discord.uri());
    let mut rig = Rig::with(&[
        ("DISCORD_WEBHOOK_URL", url.as_str()),
        ("DISCORD_INTERVAL_SECONDS", "1"),
        ("DISCORD_RETRY_DELAY_SECONDS", "1"),
        ("DISCORD_MAX_RETRIES", "1"),
    ]);
    for content in ["first", "second", "third", "wrong", "broken"] {
        let message = json!({"content": content}).to_string();
        rig.call(&["queue", "push", "discord", &message, "--id", content]).code(0);
    }
    rig.coordinator();
    rig.worker(&[]);
    until_empty(&rig, "discord");
    let mut dead: Vec<(String, u64)> = Vec::new();
    repeat("two are dead", || {
        let letters = rig.call(&["queue", "dead", "discord", "--json"]).code(0).json();
        let letters = letters.as_array().unwrap().iter();
        let told = |one: &Value| (one["id"].as_str().unwrap().into(), one["attempts"].as_u64());
        dead = letters.map(told).map(|(id, attempts)| (id, attempts.unwrap())).collect();
        dead.sort_unstable();
        dead.len() == 2
    });
    assert_eq!(dead, [("broken".to_owned(), 2), ("wrong".to_owned(), 1)]);
    let asked = runtime.block_on(discord.received_requests()).unwrap();
    let times = |text: &str| {
        asked.iter().filter(|one| String::from_utf8_lossy(&one.body).contains(text)).count()
    };
    // Once more after the limit was over; what was skipped meanwhile was sent once.
    let times = ["first", "second", "third", "wrong", "broken"].map(times);
    assert_eq!(times, [2, 1, 1, 1, 2]);
    let log = rig.stop_all(Signal::TERM);
    assert!(!log.contains("/webhook"), "the webhook is a secret");
}
