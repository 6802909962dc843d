//! How many attempts run at once, and what one of them can do to the others.

use std::sync::atomic::Ordering;

use last::TaskStatus;
use protocol::RunStatus;
use serde_json::json;

use crate::bench::{FREE, NARROW, TRIES, catalogue, many, play};

#[tokio::test]
async fn no_more_attempts_run_at_once_than_there_are_slots() {
    let (last, _out) = play(&many("free", 60), 3).await;
    assert_eq!(last.status, RunStatus::Success);
    assert_eq!(FREE.most(), 3);
}

#[tokio::test]
async fn a_job_with_a_limit_keeps_it_whatever_the_slots_and_the_queue_asked_for() {
    assert_eq!(catalogue().0["narrow"].max_concurrent, Some(2));
    let mut tasks = many("narrow", 40);
    tasks[7]["queue"] = json!("elsewhere");
    let (last, _out) = play(&tasks, 16).await;
    assert_eq!(last.status, RunStatus::Success);
    assert_eq!(NARROW.most(), 2);
}

#[tokio::test]
async fn a_task_is_served_on_the_queue_it_asks_for() {
    let tasks = json!([{"id": "t", "description": "x", "job": "counted", "queue": "elsewhere"}]);
    let (last, _out) = play(&tasks, 1).await;
    assert_eq!(last.status, RunStatus::Success);
    assert_eq!(last.task_results[0].metadata.queue.as_deref(), Some("elsewhere"));
}

#[tokio::test]
async fn a_panic_is_a_failed_attempt_and_the_others_go_on() {
    let tasks = json!([
        {"id": "bad", "description": "x", "job": "panics", "retry_count": 1},
        {"id": "needs_bad", "description": "x", "job": "polite", "dependencies": ["bad"]},
        {"id": "good", "description": "x", "job": "counted"},
    ]);
    let (last, _out) = play(&tasks, 2).await;
    assert_eq!(last.status, RunStatus::PartialSuccess);
    let bad = &last.task_results[0];
    assert_eq!((bad.status, bad.attempts.len()), (TaskStatus::Failed, 2));
    let error = bad.error.as_deref().unwrap();
    assert!(error.contains("panicked") && error.contains("this job is broken"), "{error}");
    assert_eq!(last.task_results[1].status, TaskStatus::Cancelled);
    assert!(last.task_results[1].reason.as_deref().unwrap().contains("bad"));
    assert_eq!(last.task_results[2].status, TaskStatus::Completed);
}

#[tokio::test]
async fn a_failure_is_tried_again_and_every_try_is_told() {
    let (last, _out) = play(&many("flaky", 1), 1).await;
    assert_eq!(TRIES.load(Ordering::SeqCst), 3);
    let task = &last.task_results[0];
    assert_eq!(task.status, TaskStatus::Completed);
    let outcomes: Vec<_> = task.attempts.iter().map(|it| it.outcome.name()).collect();
    assert_eq!(outcomes, ["failed", "failed", "ok"]);
    assert_eq!(task.attempts[1].log, ["try 1"]);
    assert!(task.attempts[1].start_time >= task.attempts[0].end_time);
}

#[tokio::test]
async fn a_job_that_nobody_has_is_refused_and_says_where() {
    let out = tempfile::tempdir().unwrap();
    let fleet = crate::bench::fleet(out.path(), 1);
    let run = crate::bench::submit(&fleet, crate::bench::file(&many("absent", 1))).await;
    let end = fleet.client().ended(run).await.unwrap();
    assert_eq!(end.status, RunStatus::Refused);
    let told = std::fs::read_to_string(fleet.store().locate(&end.last_key)).unwrap();
    assert!(told.contains("ALT0115") && told.contains("/tasks/0/job"), "{told}");
}
