//! Timeouts and cancellation: the work really stops, and a LAST is still written.

use std::sync::atomic::Ordering;
use std::time::Duration;

use last::TaskStatus;
use protocol::RunStatus;
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::bench::{STUBBORN, file, fleet, many, play, result, submit, until};

#[tokio::test]
async fn a_timeout_asks_a_polite_job_to_end_and_charges_a_retry() {
    let tasks = json!([{
        "id": "slow", "description": "x", "job": "polite", "timeout_seconds": 1, "retry_count": 1,
    }]);
    let begun = Instant::now();
    let (last, _out) = play(&tasks, 1).await;
    // Two attempts of a second and one wait of half a second; no grace was needed.
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    let task = &last.task_results[0];
    assert_eq!((last.status, task.status), (RunStatus::Failure, TaskStatus::Timeout));
    assert_eq!(task.attempts.len(), 2);
}

#[tokio::test]
async fn a_stubborn_job_is_dropped_when_its_grace_is_over() {
    let tasks = json!([
        {"id": "deaf", "description": "x", "job": "stubborn", "timeout_seconds": 1},
        {"id": "next", "description": "x", "job": "free"},
    ]);
    let (last, _out) = play(&tasks, 1).await;
    assert_eq!(last.task_results[0].status, TaskStatus::Timeout);
    assert_eq!(last.task_results[1].status, TaskStatus::Completed);
    assert_eq!(STUBBORN.load(Ordering::SeqCst), 0, "the job must not run on");
}

#[tokio::test]
async fn a_cancelled_run_stops_what_runs_forgets_the_rest_and_has_a_last() {
    let out = tempfile::tempdir().unwrap();
    let fleet = fleet(out.path(), 2);
    let run = submit(&fleet, file(&many("polite", 5))).await;
    until(&fleet, run, |counts| counts.running == 2).await;
    fleet.client().cancel(run, "enough").await.unwrap();
    let last = timeout(Duration::from_secs(5), result(&fleet, run)).await.unwrap();
    assert_eq!(last.status, RunStatus::Failure);
    assert!(last.task_results.iter().all(|task| task.status == TaskStatus::Cancelled));
    let ran = last.task_results.iter().flat_map(|task| &task.attempts);
    let ran = ran.filter(|attempt| attempt.worker.is_some()).count();
    assert_eq!(ran, 2, "two were running; the others never reached a worker");
    assert_eq!(last.cancelled.as_deref(), Some("enough"));
    fleet.stop().await;
}

#[tokio::test]
async fn cancelling_twice_or_a_run_that_is_over_does_no_harm() {
    let out = tempfile::tempdir().unwrap();
    let fleet = fleet(out.path(), 1);
    let run = submit(&fleet, file(&many("polite", 2))).await;
    until(&fleet, run, |counts| counts.running == 1).await;
    fleet.client().cancel(run, "first").await.unwrap();
    fleet.client().cancel(run, "second").await.unwrap();
    let last = result(&fleet, run).await;
    assert_eq!(last.cancelled.as_deref(), Some("first"));
    let late = fleet.client().cancel(run, "late").await;
    assert!(matches!(late, Err(bus::Error::UnknownRun(_)) | Ok(())), "{late:?}");
}
