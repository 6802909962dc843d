//! What a role can do with what it may say, when it means harm: less than a test of subjects shows.

use std::time::Duration;

use super::fleet::{Fleet, batch_part};

/// Where a worker or a client would like an answer of the server to be delivered.
const TARGETS: &[&str] = &[
    "alt.submit",
    "alt.submit.0.r9",
    "task.default.0.r9.0.1",
    "task.default.3.r9.0.1",
    "task.-.owner.r1.0.0",
    "seat.limited.7",
    "quarantine.alt.1",
    "$KV.runs.r1",
    "run.r1.end",
    "run.r1.insights",
    "$JS.API.STREAM.PURGE.RUN",
    "$JS.API.STREAM.PURGE.TASKS",
    "$JS.API.STREAM.DELETE.TASKS",
    "$JS.API.STREAM.MSG.DELETE.TASKS",
    "$JS.API.CONSUMER.DELETE.TASKS.default-p1",
    "void.STREAM.DELETE.TASKS",
    "event.r1",
    "ask.r1",
];

/// Only these are missing from what the other one may say itself.
const WORKER_TARGETS: &[&str] = &["run.r1.ctl", "run.r1.alt", "$JS.API.DIRECT.GET.KV_runs"];
const CLIENT_TARGETS: &[&str] =
    &["run.r1.res.default.0.1", "run.r1.try.default.0.1.2", "stop.r1.0.1"];

/// Streams act on a message a moment after the server has read it.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}

#[tokio::test]
async fn no_answer_to_a_worker_can_be_aimed_out_of_its_account() {
    let fleet = Fleet::start().await;
    let coordinator = fleet.connect("coordinator").await;
    let worker = fleet.connect("worker").await;
    // What is delivered is what a thief would want to see in the other streams.
    worker.store("run.r1.res.default.1.1", &[], "{}").await;
    let targets = || TARGETS.iter().chain(WORKER_TARGETS);
    for number in 0..targets().count() * 2 {
        coordinator.store(&format!("task.default.0.r1.{number}.1"), &[], "").await;
    }
    let mut events = fleet.connect("client").await.listen("event.*").await;
    let mut asked = coordinator.listen("ask.*").await;
    let before = fleet.stored().await;
    let mut verdicts = 0;
    for target in targets() {
        for (subject, body) in [
            ("$JS.API.CONSUMER.MSG.NEXT.TASKS.default-p0", "1"),
            ("$JS.API.CONSUMER.MSG.NEXT.TASKS.default-p0", r#"{"batch":1,"no_wait":true}"#),
            ("$JS.API.CONSUMER.INFO.TASKS.default-p0", ""),
            ("$JS.API.DIRECT.GET.RUN", r#"{"multi_last":["run.r1.res.>"]}"#),
            ("$JS.ACK.TASKS.default-p0.1.1.1.1.0", "+WPI"),
        ] {
            worker.aim(subject, target, body).await;
        }
        verdicts += 1;
        worker.aim(&format!("run.r1.res.default.2.{verdicts}"), target, "{}").await;
    }
    a_moment().await;
    let expected = before.into_iter().map(|(stream, last)| match stream.as_str() {
        "RUN" => (stream, last + verdicts),
        _ => (stream, last),
    });
    assert_eq!(fleet.stored().await, expected.collect::<Vec<_>>());
    assert!(events.soon().await.is_none());
    assert!(asked.soon().await.is_none());
    worker.was_never_refused();
    // Nothing was purged either, and every offer can still be had.
    assert_eq!(fleet.messages("TASKS").await, u64::try_from(targets().count() * 2).unwrap());
}

/// The same permissions for a worker as we ship, but everybody in one account.
const ONE_ACCOUNT: &str = r#"
accounts: { ALL: { jetstream: enabled, users: [
  { user: operator, password: $RUNNER_OPERATOR_PASSWORD }
  { user: coordinator, password: $RUNNER_COORDINATOR_PASSWORD }
  { user: worker, password: $RUNNER_WORKER_PASSWORD, permissions: {
      publish: { allow: ["$JS.API.CONSUMER.MSG.NEXT.TASKS.*", "run.*.res.>"] }
      subscribe: { allow: ["_INBOX.>"] }
  } }
] } }
"#;

#[tokio::test]
async fn inside_one_account_the_same_attack_gets_through() {
    let fleet = Fleet::start_on(ONE_ACCOUNT).await;
    fleet.connect("coordinator").await.store("task.default.0.r1.0.1", &[], "offer").await;
    let worker = fleet.connect("worker").await;
    worker.aim("$JS.API.CONSUMER.MSG.NEXT.TASKS.default-p0", "alt.submit", "1").await;
    worker.aim("run.r1.res.default.0.1", "alt.submit", "verdict").await;
    a_moment().await;
    assert_eq!(fleet.messages("ALT").await, 2);
    worker.was_never_refused();
}

#[tokio::test]
async fn no_answer_to_a_client_can_be_aimed_out_of_its_account() {
    let fleet = Fleet::start().await;
    let client = fleet.connect("client").await;
    let coordinator = fleet.connect("coordinator").await;
    coordinator.store("$KV.runs.r1", &[], "{}").await;
    client.store("run.r1.alt", &[], "{}").await;
    let mut stops = fleet.connect("worker").await.listen("stop.>").await;
    let before = fleet.stored().await;
    let targets = || TARGETS.iter().chain(CLIENT_TARGETS);
    let mut submissions = 0;
    // What it may submit itself, it may also have submitted for it.
    for target in targets().filter(|target| !target.starts_with("alt.") && **target != "ask.r1") {
        for (subject, body) in [
            ("$JS.API.DIRECT.GET.RUN.run.r1.alt", ""),
            ("$JS.API.DIRECT.GET.KV_runs", r#"{"multi_last":["$KV.runs.>"]}"#),
            ("$JS.API.DIRECT.GET.KV_runs.$KV.runs.r1", ""),
        ] {
            client.aim(subject, target, body).await;
        }
        submissions += 1;
        client.aim("alt.submit", target, "{}").await;
    }
    a_moment().await;
    let expected = before.into_iter().map(|(stream, last)| match stream.as_str() {
        "ALT" => (stream, last + submissions),
        _ => (stream, last),
    });
    assert_eq!(fleet.stored().await, expected.collect::<Vec<_>>());
    assert!(stops.soon().await.is_none());
    client.was_never_refused();
}

#[tokio::test]
async fn an_answer_aimed_at_an_acknowledgement_is_refused_by_the_server() {
    let fleet = Fleet::start().await;
    for (role, subject) in [("worker", "run.r1.res.default.0.1"), ("client", "alt.submit")] {
        let speaker = fleet.connect(role).await;
        for target in ["$JS.ACK.ALT.coordinator-p0.1.1.1.1.0", "$JS.ACK.TASKS.default-p0.1.1.1.1.0"]
        {
            let before = fleet.stored().await;
            speaker.aim(subject, target, "{}").await;
            let refusals = speaker.refusals();
            assert!(refusals.len() == 1 && refusals[0].contains(target), "{role}: {refusals:?}");
            assert_eq!(fleet.stored().await, before);
        }
    }
}

#[tokio::test]
async fn no_answer_to_a_worker_stops_the_work_of_its_neighbours() {
    let fleet = Fleet::start().await;
    let (worker, coordinator) = (fleet.connect("worker").await, fleet.connect("coordinator").await);
    let mut stops = fleet.connect("worker").await.listen("stop.>").await;
    worker.store("run.r1.res.default.0.1", &[], "verdict").await;
    coordinator.store("task.default.0.r1.1.1", &[], "offer").await;
    let (first, commit) = (batch_part("b", 1, false), batch_part("b", 2, true));
    for (subject, headers, body) in [
        ("run.r1.res.default.1.1", &vec![], "verdict"),
        ("run.r1.res.default.2.1", &first, "verdict"),
        ("run.r1.res.default.3.1", &commit, "verdict"),
        ("$JS.API.CONSUMER.INFO.TASKS.default-p0", &vec![], ""),
        ("$JS.API.CONSUMER.MSG.NEXT.TASKS.default-p0", &vec![], r#"{"batch":2,"no_wait":true}"#),
        ("$JS.ACK.TASKS.default-p0.1.1.1.1.0", &vec![], "+WPI"),
        ("$JS.API.DIRECT.GET.RUN", &vec![], r#"{"multi_last":["run.r1.res.>"]}"#),
    ] {
        worker.aim_with(subject, "stop.r2.0.1", headers, body).await;
    }
    assert_eq!(stops.soon().await.map(|message| message.subject), None);
    worker.was_never_refused();
    coordinator.tell("stop.r2.0.1", "").await;
    assert_eq!(stops.next().await.subject.as_str(), "stop.r2.0.1");
}

#[tokio::test]
async fn no_answer_to_a_client_deceives_its_neighbours() {
    let fleet = Fleet::start().await;
    let client = fleet.connect("client").await;
    let neighbour = fleet.connect("client").await;
    client.store("run.r1.alt", &[], "{}").await;
    for (filter, target) in [
        ("live.*.end", "live.r2.end"),
        ("live.*.res.>", "live.r2.res.default.0.1"),
        ("live.*.started.>", "live.r2.started.0.1"),
        ("event.*", "event.r2"),
        ("hb.*", "hb.w1"),
    ] {
        let mut heard = neighbour.listen(filter).await;
        for subject in ["alt.submit", "$JS.API.DIRECT.GET.RUN.run.r1.alt"] {
            client.aim(subject, target, "").await;
        }
        assert_eq!(heard.soon().await.map(|message| message.subject), None, "{target}");
    }
    client.was_never_refused();
}

#[tokio::test]
async fn an_acknowledgement_of_what_was_never_received_loses_no_run() {
    let fleet = Fleet::start().await;
    let coordinator = fleet.connect("coordinator").await;
    let (honest, liar) = (fleet.connect("worker").await, fleet.connect("worker").await);
    coordinator.store("task.-.owner.r1.0.0", &[], "me").await;
    let offer = "task.default.0.r1.0.1";
    coordinator.store(offer, &[], "offer").await;

    // Never delivered to anybody.
    for kind in ["+ACK", "+TERM", "-NAK"] {
        liar.aim("$JS.ACK.TASKS.default-p0.1.2.1.1.0", "_INBOX.liar", kind).await;
    }
    a_moment().await;
    assert_eq!(fleet.messages("TASKS").await, 2, "the server knows to whom it delivered what");
    let consumer = honest.consumer("TASKS", "default-p0").await;
    let wait = Some(Duration::from_secs(10));
    let delivered = honest.pull(&consumer, 1, wait).await;
    assert_eq!(delivered[0].subject.as_str(), offer);

    // Delivered to somebody else: the offer is gone, which the log does not say, so it is made
    // again.
    liar.aim(delivered[0].reply.as_ref().unwrap(), "_INBOX.liar", "+ACK").await;
    a_moment().await;
    assert_eq!(fleet.messages("TASKS").await, 1, "only the owner record");
    assert_eq!(fleet.messages("RUN").await, 0);
    assert!(coordinator.store(offer, &[], "offer").await["seq"].is_u64());
    assert_eq!(honest.pull(&consumer, 1, wait).await[0].subject.as_str(), offer);
    // And whoever got it first may still say how it went.
    assert!(honest.store("run.r1.res.default.0.1", &[], "ok").await["seq"].is_u64());
    assert_eq!(delivered[0].double_ack().await.err().map(|error| error.to_string()), None);
}
