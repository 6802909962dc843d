//! Who may say what on NATS: every role does its own work under the accounts that we ship.

mod attacks;
mod fleet;
mod refusals;

use std::time::Duration;

use async_nats::jetstream::AckKind;
use serde_json::json;

use fleet::{Fleet, batch_part, create_only};
pub(crate) use fleet::{environment, password, shipped};
use tests::servers::NatsServer;

#[tokio::test]
async fn a_client_submits_cancels_asks_and_watches() {
    let fleet = Fleet::start().await;
    let client = fleet.connect("client").await;
    for (subject, sequence) in [("alt.submit.2.r1", 1), ("alt.submit", 2), ("alt.submit", 3)] {
        assert_eq!(client.store(subject, &[], "{}").await["seq"], sequence);
    }
    let again = client.store("alt.submit.2.r1", &create_only(), "{}").await;
    assert_eq!(again["error"]["err_code"], 10071);
    for subject in ["run.r1.alt", "run.r1.ctl"] {
        assert!(client.store(subject, &create_only(), "said").await["seq"].is_u64());
        let again = client.store(subject, &create_only(), "said").await;
        assert_eq!(again["error"]["err_code"], 10071, "{subject}");
    }

    let coordinator = fleet.connect("coordinator").await;
    coordinator.store("$KV.runs.r1", &[], "one").await;
    coordinator.store("$KV.runs.r2", &[], "two").await;
    let records = client
        .answers("$JS.API.DIRECT.GET.KV_runs", &json!({"multi_last": ["$KV.runs.>"]}).to_string())
        .await;
    assert_eq!(records, ["one", "two", "204"]);
    coordinator.store("stats.echo", &[], "counted").await;
    let asked = json!({"batch": 9, "seq": 1, "next_by_subj": "stats.*"}).to_string();
    let counted = client.answers("$JS.API.DIRECT.GET.JOBS", &asked).await;
    assert_eq!(counted, ["counted", "204"]);
    for (subject, answer) in [
        ("$JS.API.DIRECT.GET.KV_runs.$KV.runs.r2", "two"),
        ("$JS.API.DIRECT.GET.KV_runs.$KV.runs.r3", "404"),
        ("$JS.API.DIRECT.GET.RUN.run.r1.alt", "said"),
        ("$JS.API.DIRECT.GET.RUN.run.r1.end", "404"),
        ("ask.r1", "503"),
    ] {
        assert_eq!(client.answer(subject).await, answer, "{subject}");
    }
    let led = json!({"last_by_subj": "$KV.runs.r2"}).to_string();
    let led = client.store("$JS.API.STREAM.MSG.GET.KV_runs", &[], &led).await;
    assert_eq!(led["message"]["subject"], "$KV.runs.r2", "{led}");
    let mut asked = coordinator.listen("ask.*").await;
    let question = client.answer("ask.r1");
    let answer = async {
        let reply = asked.next().await.reply.unwrap();
        coordinator.tell(&reply, "because").await;
    };
    assert_eq!(tokio::join!(question, answer).0, "because");
    client.was_never_refused();
    coordinator.was_never_refused();
}

#[tokio::test]
async fn what_is_said_to_everybody_is_heard_across_the_accounts() {
    let fleet = Fleet::start().await;
    let client = fleet.connect("client").await;
    let worker = fleet.connect("worker").await;
    let coordinator = fleet.connect("coordinator").await;
    for (speaker, listener, filter, subject) in [
        (&worker, &client, "hb.*", "hb.w1"),
        (&worker, &coordinator, "hb.*", "hb.w1"),
        (&worker, &client, "live.*.started.>", "live.r1.started.0.1"),
        (&worker, &coordinator, "live.>", "live.r1.started.0.1"),
        (&coordinator, &worker, "stop.>", "stop.r1.0.1"),
        (&coordinator, &client, "event.*", "event.r1"),
    ] {
        let mut heard = listener.listen(filter).await;
        speaker.tell(subject, "said").await;
        assert_eq!(heard.next().await.subject.as_str(), subject);
    }
    // These the stream itself repeats, for whatever it stored.
    for (speaker, listener, filter, subject) in [
        (&worker, &client, "live.*.res.>", "res.default.0.1"),
        (&worker, &coordinator, "live.>", "res.default.1.1"),
        (&coordinator, &client, "live.*.end", "end"),
    ] {
        let mut heard = listener.listen(filter).await;
        speaker.store(&format!("run.r1.{subject}"), &create_only(), "said").await;
        assert_eq!(heard.next().await.subject.as_str(), format!("live.r1.{subject}"));
    }
    for speaker in [client, worker, coordinator] {
        speaker.was_never_refused();
    }
}

#[tokio::test]
async fn a_worker_pulls_in_batches_waits_and_settles() {
    let fleet = Fleet::start().await;
    let worker = fleet.connect("worker").await;
    let coordinator = fleet.connect("coordinator").await;
    let mut consumer = worker.consumer("TASKS", "default-p2").await;
    assert_eq!(consumer.info().await.unwrap().num_pending, 0);
    assert!(worker.pull(&consumer, 5, None).await.is_empty());

    for task in 0..4 {
        coordinator.store(&format!("task.default.2.r1.{task}.1"), &[], "offer").await;
    }
    let offers = worker.pull(&consumer, 3, None).await;
    let subjects = offers.iter().map(|offer| offer.subject.as_str()).collect::<Vec<_>>();
    assert_eq!(subjects, [0, 1, 2].map(|task| format!("task.default.2.r1.{task}.1")));
    offers[0].double_ack().await.unwrap();
    assert_eq!(worker.settle(&offers[1], "+WPI").await, "");
    assert_eq!(worker.settle(&offers[2], "-NAK").await, "");
    let again = worker.pull(&consumer, 1, Some(Duration::from_secs(10))).await;
    assert_eq!(again[0].subject, offers[2].subject);
    assert_eq!(again[0].info().unwrap().delivered, 2);
    assert_eq!(worker.pull(&consumer, 9, None).await.len(), 1);

    // A pull that waits gets what comes later, and ends by itself.
    let wait = worker.pull(&consumer, 3, Some(Duration::from_secs(2)));
    let come = async {
        for task in 4..6 {
            coordinator.store(&format!("task.default.2.r1.{task}.1"), &[], "offer").await;
        }
    };
    assert_eq!(tokio::join!(wait, come).0.len(), 2);

    coordinator.store("seat.limited.0", &[], "").await;
    let seats = worker.consumer("SEATS", "seat-limited").await;
    let seat = worker.pull(&seats, 1, None).await;
    assert_eq!(worker.settle(&seat[0], "+WPI").await, "");
    let asked = json!({"last_by_subj": "seat.limited.0"}).to_string();
    let led = worker.store("$JS.API.STREAM.MSG.GET.SEATS", &[], &asked).await;
    assert_eq!(led["message"]["subject"], "seat.limited.0", "{led}");
    let said = "$JS.API.DIRECT.GET.HELD.held.limited.0";
    assert_eq!(worker.answer(said).await, "404");
    let first = worker.store("held.limited.0", &create_only(), "one").await["seq"].to_string();
    let refused = worker.store("held.limited.0", &create_only(), "two").await;
    assert_eq!(refused["error"]["err_code"], 10071, "{refused}");
    let then = vec![("Nats-Expected-Last-Subject-Sequence", first)];
    assert!(worker.store("held.limited.0", &then, "three").await["seq"].is_u64());
    assert_eq!(worker.answer(said).await, "three");
    seat[0].ack_with(AckKind::Nak(None)).await.unwrap();
    let wait = Some(Duration::from_secs(10));
    assert_eq!(worker.pull(&seats, 1, wait).await[0].subject.as_str(), "seat.limited.0");
    worker.was_never_refused();
}

#[tokio::test]
async fn a_worker_stores_verdicts_once_alone_and_in_batches() {
    let fleet = Fleet::start().await;
    let worker = fleet.connect("worker").await;
    let verdict = |task: u32| format!("run.r1.res.default.{task}.1");
    assert!(worker.store(&verdict(0), &create_only(), "v0").await["seq"].is_u64());
    assert!(worker.store("run.r1.try.default.0.1.2", &[], "").await["seq"].is_u64());
    for (batch, tasks, outcome) in [
        ("good", [1, 2, 3], ("count", json!(3))),
        // One that is there already stops the whole batch.
        ("late", [4, 5, 1], ("error", json!(10071))),
    ] {
        let mut last = serde_json::Value::Null;
        for (position, task) in (1..).zip(tasks) {
            let headers = batch_part(batch, position, position == tasks.len());
            last = worker.store(&verdict(task), &headers, &format!("v{task}")).await;
        }
        let (field, value) = outcome;
        let told = if field == "error" { &last["error"]["err_code"] } else { &last[field] };
        assert_eq!(told, &value, "{last}");
    }
    let known = worker
        .answers(
            "$JS.API.DIRECT.GET.RUN",
            &json!({"multi_last": [verdict(0), verdict(3), verdict(4)]}).to_string(),
        )
        .await;
    assert_eq!(known, ["v0", "v3", "204"]);
    let asked = json!({"last_by_subj": verdict(3)}).to_string();
    let led = worker.store("$JS.API.STREAM.MSG.GET.RUN", &[], &asked).await;
    assert_eq!(led["message"]["subject"], verdict(3), "{led}");
    worker.was_never_refused();
}

#[tokio::test]
async fn a_coordinator_does_everything_but_change_streams() {
    let fleet = Fleet::start().await;
    let coordinator = fleet.connect("coordinator").await;
    fleet.connect("client").await.store("alt.submit.1.r1", &create_only(), "{}").await;
    let submissions = coordinator.consumer("ALT", "coordinator-p1").await;
    let submitted = coordinator.pull(&submissions, 1, Some(Duration::from_secs(10))).await;
    assert_eq!(coordinator.settle(&submitted[0], "+WPI").await, "");

    let own = coordinator
        .store(
            "task.-.owner.r1.0.0",
            &[create_only(), vec![("Nats-Rollup", "sub".into())]].concat(),
            "me",
        )
        .await;
    let epoch = own["seq"].as_u64().unwrap();
    for position in 1..=3 {
        let mut headers = batch_part("offers", position, position == 3);
        headers.pop();
        headers.push(("Nats-Msg-Id", format!("r1.{position}")));
        if position == 1 {
            headers.push(("Nats-Expected-Last-Subject-Sequence", epoch.to_string()));
            headers.push((
                "Nats-Expected-Last-Subject-Sequence-Subject",
                "task.-.owner.r1.0.0".into(),
            ));
        }
        let subject = format!("task.limited.0.r1.{position}.1");
        let told = coordinator.store(&subject, &headers, "offer").await;
        assert!(told["error"].is_null(), "{told}");
    }
    assert_eq!(fleet.messages("TASKS").await, 4);

    for (stream, name, filter) in
        [("TASKS", "limited-p0", "task.limited.0.>"), ("SEATS", "seat-more", "seat.more.*")]
    {
        let created = coordinator.create_consumer(stream, name, filter).await;
        assert_eq!(created["name"], name, "{created}");
    }
    for (subject, headers) in [
        ("seat.more.0", create_only()),
        ("run.r1.res.default.0.1", create_only()),
        ("run.r1.end", create_only()),
        ("run.r1.insights", create_only()),
        ("quarantine.alt.1", vec![]),
        ("stats.echo", vec![]),
        ("$KV.runs.r1", vec![]),
    ] {
        let told = coordinator.store(subject, &headers, "said").await;
        assert!(told["seq"].is_u64(), "{subject}: {told}");
    }
    for (subject, body) in [
        ("$JS.API.INFO", json!({})),
        ("$JS.API.STREAM.INFO.TASKS", json!({"subjects_filter": "task.*.*.r1.>"})),
        ("$JS.API.STREAM.MSG.GET.TASKS", json!({"last_by_subj": "task.-.owner.r1.0.0"})),
        ("$JS.API.CONSUMER.INFO.TASKS.limited-p0", json!({})),
        ("$JS.API.STREAM.MSG.DELETE.SEATS", json!({"seq": 1})),
        ("$JS.API.CONSUMER.DELETE.SEATS.seat-more", json!({})),
        ("$JS.API.STREAM.PURGE.TASKS", json!({"filter": "task.*.*.r1.>"})),
        ("$JS.API.STREAM.PURGE.RUN", json!({"filter": "run.r1.res.>"})),
    ] {
        let told = coordinator.store(subject, &[], &body.to_string()).await;
        assert!(told.is_object() && told["error"].is_null(), "{subject}: {told}");
    }
    assert_eq!(fleet.messages("TASKS").await, 0, "the owner record goes with the offers");
    submitted[0].double_ack().await.unwrap();
    assert_eq!(fleet.messages("ALT").await, 0);
    coordinator.was_never_refused();
}

#[tokio::test]
async fn an_operator_makes_changes_and_removes_streams() {
    let fleet = Fleet::start().await;
    let operator = fleet.connect("operator").await;
    let stream = |age: u64| json!({"name": "MORE", "subjects": ["more"], "max_age": age});
    for (subject, body) in [
        ("$JS.API.STREAM.CREATE.MORE", stream(0)),
        ("$JS.API.STREAM.UPDATE.MORE", stream(1_000_000_000)),
        ("$JS.API.STREAM.PURGE.MORE", json!({})),
        ("$JS.API.STREAM.DELETE.MORE", json!(null)),
    ] {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let told = operator.store(subject, &[], &body).await;
        assert!(told.is_object() && told["error"].is_null(), "{subject}: {told}");
    }
    assert!(operator.store("seat.limited.0", &create_only(), "").await["error"].is_null());
    operator.was_never_refused();
}

#[test]
#[should_panic(expected = "RUNNER_WORKER_PASSWORD")]
fn a_server_does_not_start_while_a_password_is_missing() {
    let variables = fleet::environment();
    let variables = variables.iter().filter(|(name, _)| *name != "RUNNER_WORKER_PASSWORD");
    let variables = variables.map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>();
    let _ = NatsServer::start_with_environment(&fleet::shipped(), &variables);
}

#[tokio::test]
async fn nobody_comes_in_without_the_password_of_a_role() {
    let fleet = Fleet::start().await;
    for (user, password) in [
        ("client", fleet::password("worker")),
        ("worker", String::new()),
        ("admin", fleet::password("operator")),
        ("sys", fleet::password("operator")),
    ] {
        let options = async_nats::ConnectOptions::with_user_and_password(user.into(), password);
        let error = options.connect(fleet.url()).await.unwrap_err();
        assert!(error.to_string().contains("authorization violation"), "{user}: {error}");
    }
    assert!(async_nats::connect(fleet.url()).await.is_err());
}
