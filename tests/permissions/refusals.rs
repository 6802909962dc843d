//! What each role is refused, and that a refusal leaves no trace.

use super::fleet::{Fleet, Speaker};

/// Who may not publish to what, with a body that would have an effect.
const UNSAYABLE: &[(&str, &[(&str, &str)])] = &[
    (
        "client",
        &[
            ("task.default.0.r1.0.1", "offer"),
            ("task.-.owner.r1.0.0", "me"),
            ("run.r1.res.default.0.1", "verdict"),
            ("run.r1.try.default.0.1.2", "again"),
            ("run.r1.end", "over"),
            ("run.r1.insights", "a word"),
            ("memory.echo.key", "1"),
            ("dead.words.1", "letter"),
            ("$JS.API.STREAM.MSG.DELETE.QUEUES", r#"{"seq":1}"#),
            ("schedule.def.echo", "@every 1s"),
            ("schedule.tick.echo", ""),
            ("seat.limited.9", ""),
            ("held.limited.0", "me"),
            ("quarantine.alt.1", ""),
            ("$KV.runs.r1", "record"),
            ("stats.echo", "counts"),
            ("alt.submit.0.r1.more", ""),
            ("live.r1.end", ""),
            ("live.r1.res.default.0.1", ""),
            ("stop.r1.0.1", ""),
            ("hb.w1", ""),
            ("event.r1", ""),
            ("$JS.API.CONSUMER.MSG.NEXT.TASKS.default-p0", "1"),
            ("$JS.API.CONSUMER.MSG.NEXT.ALT.coordinator-p0", "1"),
            ("$JS.ACK.ALT.coordinator-p0.1.1.1.1.0", "+ACK"),
            ("$JS.API.CONSUMER.CREATE.ALT", r#"{"stream_name":"ALT","config":{}}"#),
            ("$JS.API.DIRECT.GET.RUN", r#"{"multi_last":["run.>"]}"#),
            ("$JS.API.DIRECT.GET.RUN.run.r1.res.default.7.1", ""),
            ("$JS.API.STREAM.MSG.GET.RUN", r#"{"seq":1}"#),
            ("$JS.API.STREAM.INFO.RUN", ""),
            ("$JS.API.STREAM.PURGE.KV_runs", ""),
            ("$JS.API.STREAM.DELETE.ALT", ""),
        ],
    ),
    (
        "worker",
        &[
            ("alt.submit", "{}"),
            ("alt.submit.0.r9", "{}"),
            ("task.default.0.r1.0.1", "offer"),
            ("task.-.owner.r1.0.0", "me"),
            ("run.r1.ctl", "cancel"),
            ("run.r1.alt", "digest"),
            ("run.r1.end", "over"),
            ("run.r1.insights", "a word"),
            ("job.echo", "record"),
            ("queue.words.more", "{}"),
            ("dead.words.1", "letter"),
            ("stats.echo", "counts"),
            ("schedule.def.echo", "@every 1s"),
            ("schedule.tick.echo", ""),
            ("seat.limited.9", ""),
            ("quarantine.alt.1", ""),
            ("$KV.runs.r1", "record"),
            ("live.r1.end", ""),
            ("stop.r1.0.1", ""),
            ("event.r1", ""),
            ("ask.r1", ""),
            ("$JS.API.CONSUMER.MSG.NEXT.ALT.coordinator-p0", "1"),
            ("$JS.ACK.ALT.coordinator-p0.1.1.1.1.0", "+ACK"),
            ("$JS.API.CONSUMER.CREATE.TASKS", r#"{"stream_name":"TASKS","config":{}}"#),
            ("$JS.API.CONSUMER.DELETE.TASKS.default-p0", ""),
            ("$JS.API.DIRECT.GET.KV_runs.$KV.runs.r1", ""),
            ("$JS.API.STREAM.MSG.GET.KV_runs", r#"{"seq":1}"#),
            ("$JS.API.STREAM.MSG.GET.TASKS", r#"{"seq":1}"#),
            ("$JS.API.STREAM.MSG.DELETE.HELD", r#"{"seq":1}"#),
            ("$JS.API.STREAM.INFO.TASKS", ""),
            ("$JS.API.STREAM.UPDATE.TASKS", r#"{"name":"TASKS","max_msgs":1}"#),
            ("$JS.API.STREAM.MSG.DELETE.TASKS", r#"{"seq":1}"#),
            ("$JS.API.STREAM.PURGE.TASKS", ""),
            ("$JS.API.STREAM.PURGE.RUN", ""),
            ("$JS.API.STREAM.DELETE.TASKS", ""),
            // The name that the cover of `$JS.API.>` has inside CORE.
            ("void.STREAM.DELETE.TASKS", ""),
        ],
    ),
    (
        "coordinator",
        &[
            ("alt.submit", "{}"),
            ("held.limited.0", "me"),
            ("hb.w1", ""),
            ("live.r1.end", ""),
            ("$JS.API.CONSUMER.MSG.NEXT.TASKS.default-p0", "1"),
            ("$JS.ACK.TASKS.default-p0.1.1.1.1.0", "+ACK"),
            ("$JS.API.CONSUMER.CREATE.ALT", r#"{"stream_name":"ALT","config":{}}"#),
            ("$JS.API.CONSUMER.DELETE.TASKS.default-p0", ""),
            ("$JS.API.STREAM.CREATE.MORE", r#"{"name":"MORE","subjects":["more"]}"#),
            ("$JS.API.STREAM.UPDATE.TASKS", r#"{"name":"TASKS","max_msgs":1}"#),
            ("$JS.API.STREAM.MSG.DELETE.TASKS", r#"{"seq":1}"#),
            ("$JS.API.STREAM.PURGE.ALT", ""),
            ("$JS.API.STREAM.PURGE.KV_runs", ""),
            ("$JS.API.STREAM.DELETE.TASKS", ""),
            ("$JS.API.STREAM.DELETE.RUN", ""),
        ],
    ),
    (
        "operator",
        &[
            ("alt.submit", "{}"),
            ("task.default.0.r1.0.1", "offer"),
            ("run.r1.res.default.0.1", "verdict"),
            ("$KV.runs.r1", "record"),
            ("$JS.ACK.TASKS.default-p0.1.1.1.1.0", "+ACK"),
            ("$SYS.REQ.SERVER.PING", ""),
        ],
    ),
];

/// Who may not subscribe to what.
const UNHEARABLE: &[(&str, &[&str])] = &[
    (
        "client",
        &[
            ">",
            "alt.>",
            "task.>",
            "run.>",
            "live.>",
            "stop.>",
            "ask.*",
            "_R_.>",
            "$JS.ACK.>",
            "$SYS.>",
        ],
    ),
    (
        "worker",
        &[
            ">",
            "alt.>",
            "task.>",
            "run.>",
            "live.>",
            "hb.*",
            "ask.*",
            "event.*",
            "_R_.>",
            "$JS.ACK.>",
            "$SYS.>",
        ],
    ),
    ("coordinator", &[">", "alt.>", "task.>", "run.>", "_R_.>", "$JS.API.>", "$SYS.>"]),
    ("operator", &[">", "live.>", "task.>", "$JS.API.>", "$SYS.>"]),
];

/// Something in every stream that a role could remove or change.
async fn furnish(fleet: &Fleet, everybody: &[Speaker]) {
    let [client, worker, coordinator, _] = everybody else { panic!("four roles") };
    client.store("alt.submit.0.r1", &[], "{}").await;
    for subject in ["task.-.owner.r7.0.0", "task.default.0.r7.0.1", "seat.limited.0", "$KV.runs.r7"]
    {
        coordinator.store(subject, &[], "there").await;
    }
    worker.store("run.r1.res.default.7.1", &[], "there").await;
    assert_eq!(fleet.messages("RUN").await, 1);
}

#[tokio::test]
async fn what_a_role_may_not_publish_changes_nothing_and_is_refused_by_name() {
    let fleet = Fleet::start().await;
    let everybody = fleet.everybody().await;
    furnish(&fleet, &everybody).await;
    let before = fleet.state().await;
    let mut tried = 0;
    for (role, subjects) in UNSAYABLE {
        let speaker = everybody.iter().find(|speaker| speaker.role == *role).unwrap();
        for (subject, body) in *subjects {
            speaker.aim(subject, "_INBOX.nobody", body).await;
            let refusals = speaker.refusals();
            // A mapped subject is refused by the name that it has behind the mapping.
            let (_, rest) = subject.split_once('.').unwrap();
            let names = [format!("\"{subject}\""), format!("\"nowhere.{rest}\"")];
            let named = |text: &&String| names.iter().any(|name| text.contains(name));
            assert_eq!(
                refusals.iter().filter(named).count(),
                1,
                "{role} said {subject}: {refusals:?}"
            );
            tried += 1;
        }
    }
    assert!(tried >= 60, "{tried}");
    assert_eq!(fleet.state().await, before);
    for speaker in everybody {
        speaker.was_never_refused();
    }
}

#[tokio::test]
async fn what_a_role_may_not_hear_is_refused_by_name() {
    let fleet = Fleet::start().await;
    let everybody = fleet.everybody().await;
    for (role, filters) in UNHEARABLE {
        let speaker = everybody.iter().find(|speaker| speaker.role == *role).unwrap();
        for filter in *filters {
            let _heard = speaker.listen(filter).await;
            let refusals = speaker.refusals();
            let named = refusals.iter().filter(|text| text.contains(&format!("\"{filter}\"")));
            assert_eq!(named.count(), 1, "{role} listened to {filter}: {refusals:?}");
        }
    }
}

#[tokio::test]
async fn an_inbox_is_heard_in_its_own_account_only() {
    let fleet = Fleet::start().await;
    let everybody = fleet.everybody().await;
    let [client, worker, coordinator, _] = everybody.as_slice() else { panic!("four roles") };
    let mut spied = Vec::new();
    for spy in [client, worker] {
        spied.push(spy.listen("_INBOX.>").await);
    }
    coordinator.store("task.-.owner.r1.0.0", &[], "me").await;
    for spied in &mut spied {
        assert!(spied.soon().await.is_none());
    }
}
