//! `doctor` before and after it mends, on what it may not touch, and on settings that cannot be.

use serde_json::{Value, json};

use super::place::{Place, free_port};
use crate::door::Door;

#[track_caller]
fn verdict(text: &str) -> &str {
    text.trim_end().lines().last().unwrap()
}

#[test]
fn doctor_names_what_is_missing_and_makes_it_when_asked() {
    let place = Place::bare();
    let before = place.door.call(&["doctor"]).code(1);
    for expected in [
        "NATS server: nats://127.0.0.1:",
        "(RUNNER_NATS_URL)",
        "slots of a worker: 5 (default)",
        "wrong: stream ALT is missing",
        "wrong: consumer TASKS/default-p0 is missing",
        "conditional writes: honoured",
    ] {
        assert!(before.stdout.contains(expected), "{expected}: {}", before.stdout);
    }
    let said = verdict(&before.stdout);
    assert!(said.starts_with("Not ready: ") && said.contains("doctor --fix"), "{said}");

    let fixed = place.door.call(&["doctor", "--fix"]).code(0);
    assert!(fixed.stdout.contains("stream ALT was missing and is made"), "{}", fixed.stdout);
    let queues = fixed.stdout.split("queues of this program's jobs are there: ").nth(1).unwrap();
    // The others need credentials, and wait for a worker that has them.
    assert_eq!(queues.lines().next(), Some("default"));
    assert_eq!(verdict(&fixed.stdout), "Ready.");

    let after = place.door.call(&["doctor"]).code(0);
    assert!(after.stdout.contains("as they must be: 12 streams"), "{}", after.stdout);
    let json = place.door.call(&["doctor", "--json"]).code(0).json();
    assert_eq!((&json["ready"], &json["verdict"]), (&json!(true), &json!("Ready.")));
    assert!(json["streams"].as_array().unwrap().iter().all(|part| part["state"] == "same"));
}

#[test]
fn doctor_shows_what_was_changed_by_hand_and_leaves_it_so() {
    let place = Place::new();
    change_stream(&place.server.url(), "RUN", "max_msgs", 12_345);
    for arguments in [&["doctor"][..], &["doctor", "--fix"]] {
        let done = place.door.call(arguments).code(1);
        let expected = "stream RUN is other than it must be: max_msgs is 12345 and must be -1";
        assert!(done.stdout.contains(expected), "{}", done.stdout);
        assert_eq!(verdict(&done.stdout), "Not ready: 1 thing is wrong.");
    }
}

#[test]
fn doctor_makes_as_many_copies_as_it_is_told_and_says_when_there_are_fewer() {
    let place = Place::new();
    for arguments in [&["doctor", "--replicas", "3"][..], &["doctor", "--fix", "--replicas", "3"]] {
        let done = place.door.call(arguments).code(1);
        let expected = "stream RUN is other than it must be: num_replicas is 1 and must be 3";
        assert!(done.stdout.contains(expected), "{}", done.stdout);
    }
    place.door.call(&["doctor", "--replicas", "1"]).code(0);
    let even = place.door.call(&["doctor", "--replicas", "2"]).code(2);
    assert!(even.stderr.contains("1, 3, 5"), "{}", even.stderr);
    // One server cannot keep three.
    let bare = Place::bare();
    let done = bare.door.call(&["doctor", "--fix", "--replicas", "3"]).code(1);
    assert!(done.stdout.contains("replicas > 1 not supported"), "{}", done.stdout);
}

fn change_stream(url: &str, stream: &str, field: &str, value: i64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(url).await.unwrap();
        let ask = async |at: String, body: Value| -> Value {
            let answer = client.request(at, body.to_string().into()).await.unwrap();
            serde_json::from_slice(&answer.payload).unwrap()
        };
        let mut info = ask(format!("$JS.API.STREAM.INFO.{stream}"), json!({})).await;
        info["config"][field] = json!(value);
        let at = format!("$JS.API.STREAM.UPDATE.{stream}");
        let changed = ask(at, info["config"].clone()).await;
        assert_eq!(changed["config"][field], value, "{changed}");
    });
}

#[test]
fn doctor_without_a_server_still_looks_at_the_store() {
    let mut door = Door::new();
    door.set("RUNNER_NATS_URL", format!("nats://user:hush@127.0.0.1:{}", free_port()));
    let done = door.call(&["doctor"]).code(1);
    assert!(done.stdout.contains("wrong: no connection to NATS at nats://***@127.0.0.1:"));
    assert!(done.stdout.contains("ok: write: 5 bytes"), "{}", done.stdout);
    assert!(!done.stdout.contains("hush") && !done.stderr.contains("hush"), "{done:?}");
    assert_eq!(verdict(&done.stdout), "Not ready: 1 thing is wrong.");
}

#[test]
fn a_flag_goes_before_the_variable() {
    let mut door = Door::new();
    door.set("NATS_URL", "nats://127.0.0.1:1");
    let url = format!("nats://127.0.0.1:{}", free_port());
    let done = door.call(&["doctor", "--nats-url", &url]).code(1);
    let expected = format!("NATS server: {url} (flag --nats-url)");
    assert!(done.stdout.contains(&expected), "{}", done.stdout);
}

#[test]
fn settings_that_cannot_be_are_named_and_nothing_starts() {
    for (name, value) in [
        ("RUNNER_NATS_URL", "http://host"),
        ("RUNNER_LEASE_SECONDS", "soon"),
        ("RUNNER_SLOTS", "0"),
        ("RUNNER_HEALTH_ADDRESS", "here"),
        ("RUNNER_STORE_URL", "ftp://host/x"),
        ("RUNNER_NATS_NKEY_FILE", "no-such-file"),
    ] {
        let mut door = Door::new();
        door.set(name, value);
        for role in ["coordinator", "worker"] {
            let done = door.call(&[role, "--health", "off"]).code(2);
            assert!(done.stderr.contains(name), "{name}: {}", done.stderr);
        }
    }
    let door = Door::new();
    for (flags, expected) in [
        (["worker", "--jobs", "ecko"], "no job `ecko`"),
        (["worker", "--queues", "a.b"], "`a.b` cannot name a queue"),
        (["worker", "--health", "here"], "--health cannot be `here`"),
        (["worker", "--id", "Not/An/Id"], "worker id"),
    ] {
        let done = door.call(&flags).code(2);
        assert!(done.stderr.contains(expected), "{flags:?}: {}", done.stderr);
    }
}
