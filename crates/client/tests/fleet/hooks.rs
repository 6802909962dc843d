//! What hooks and options of a job come to in a run: skips, clean-ups, secrets, credentials, waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use job::{Check, Context, Environment, Error, Job, Skip, job};
use last::{LastFile, TaskStatus};
use protocol::RunStatus;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use crate::bench::{file, fleet, fleet_in, play, result, submit, until};

/// How often `tidy` began and cleaned up.
static BEGUN: AtomicUsize = AtomicUsize::new(0);
static TIDIED: AtomicUsize = AtomicUsize::new(0);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    Well,
    Badly,
    Panicking,
    Never,
    Not,
}

#[derive(Deserialize)]
struct Plan {
    how: How,
}

/// Ends as it is told, and cleans up.
#[derive(Default)]
struct Tidy;

#[job("tidy")]
impl Job for Tidy {
    type Parameters = Plan;
    type Output = &'static str;

    async fn validate_task_specific(&self, plan: &Plan, _: &Context) -> Check {
        BEGUN.fetch_add(1, Ordering::SeqCst);
        match plan.how {
            How::Not => Err(Skip::because("nothing to tidy")),
            _ => Ok(()),
        }
    }

    async fn run(&self, plan: Plan, _: Context) -> Result<&'static str, Error> {
        match plan.how {
            How::Well | How::Not => Ok("tidied"),
            How::Badly => Err(Error::fatal("badly")),
            How::Panicking => panic!("this job is broken"),
            How::Never => std::future::pending().await,
        }
    }

    async fn cleanup(&self, _: &Context) {
        tokio::task::yield_now().await;
        TIDIED.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Deserialize)]
struct Blab {
    fail: bool,
}

/// Says what it should keep to itself.
#[job("blabs")]
async fn blabs(Blab { fail }: Blab, context: Context) -> Result<String, Error> {
    let secret = context.variable("MY_TOKEN").unwrap_or_default().to_owned();
    context.log(format!("the token is {secret}"));
    if fail { Err(Error::fatal(format!("refused: {secret}"))) } else { Ok(secret) }
}

/// Needs what this worker has not.
#[job("demands", requires_discord = true)]
async fn demands(_: serde_json::Value, _: Context) -> Result<(), Error> {
    Ok(())
}

/// Fails once a second later than usual.
#[job("patient", max_retries = 1, retry_delay_seconds = 2)]
async fn patient(_: serde_json::Value, _: Context) -> Result<(), Error> {
    Err(Error::failed("not yet"))
}

fn tidy(id: &str, how: &str) -> serde_json::Value {
    json!({"id": id, "description": "x", "job": "tidy", "timeout_seconds": 1,
        "parameters": {"how": how}})
}

fn task<'a>(last: &'a LastFile, id: &str) -> &'a last::TaskResult {
    last.task_results.iter().find(|task| task.task_id == id).unwrap()
}

#[tokio::test]
async fn every_beginning_is_cleaned_up_after_and_a_skip_is_no_failure() {
    let tasks = json!([
        tidy("well", "well"), tidy("badly", "badly"), tidy("panics", "panicking"),
        tidy("never", "never"), tidy("skipped", "not"),
        {"id": "next", "description": "x", "job": "free", "dependencies": ["skipped"]},
    ]);
    let (last, _out) = play(&tasks, 2).await;
    assert_eq!(task(&last, "badly").status, TaskStatus::Failed);
    assert_eq!(task(&last, "never").status, TaskStatus::Timeout);
    let skipped = task(&last, "skipped");
    assert_eq!(skipped.status, TaskStatus::Completed);
    assert_eq!(skipped.reason.as_deref(), Some("skipped: nothing to tidy"));
    assert_eq!(skipped.output.as_ref().map(alt::Json::text), Some("null"));
    assert_eq!(task(&last, "next").status, TaskStatus::Completed);
    assert_eq!(BEGUN.load(Ordering::SeqCst), 5);
    assert_eq!(TIDIED.load(Ordering::SeqCst), 5);
    // What is cancelled, as when its worker goes, is cleaned up after as well.
    let out = tempfile::tempdir().unwrap();
    let fleet = fleet(out.path(), 1);
    let run = submit(
        &fleet,
        file(&json!([{"id": "a", "description": "x", "job": "tidy",
        "parameters": {"how": "never"}}])),
    )
    .await;
    until(&fleet, run, |counts| counts.running == 1).await;
    fleet.client().cancel(run, "enough").await.unwrap();
    timeout(Duration::from_secs(20), result(&fleet, run)).await.unwrap();
    assert_eq!(TIDIED.load(Ordering::SeqCst), 6);
    fleet.stop().await;
}

#[tokio::test]
async fn no_secret_of_the_worker_comes_into_a_last() {
    let out = tempfile::tempdir().unwrap();
    let variables = [("MY_TOKEN".to_owned(), "t0p-s3cret".to_owned())];
    let fleet = fleet_in(out.path(), 1, Arc::new(Environment::new(variables)));
    let task = |id, fail| json!({"id": id, "description": "x", "job": "blabs", "parameters": {"fail": fail}});
    let run = submit(&fleet, file(&json!([task("tells", false), task("fails", true)]))).await;
    let last = result(&fleet, run).await;
    assert_eq!(last.status, RunStatus::PartialSuccess);
    let told = serde_json::to_string(&last).unwrap();
    assert!(!told.contains("t0p-s3cret"), "{told}");
    assert_eq!(told.matches("[secret]").count(), 5, "{told}");
    fleet.stop().await;
}

#[tokio::test]
async fn a_job_without_its_credentials_does_not_start_and_names_the_variable() {
    let tasks = json!([{"id": "a", "description": "x", "job": "demands", "retry_count": 3}]);
    let (last, _out) = play(&tasks, 1).await;
    let task = task(&last, "a");
    assert_eq!(task.attempts.len(), 1);
    let expected = "job `demands` is not ready: DISCORD_WEBHOOK_URL is not set";
    assert_eq!(task.error.as_deref(), Some(expected));
}

#[tokio::test]
async fn a_job_says_how_long_its_retries_wait() {
    let tasks = json!([{"id": "a", "description": "x", "job": "patient"}]);
    let (last, _out) = play(&tasks, 1).await;
    let attempts = &task(&last, "a").attempts;
    assert_eq!(attempts.len(), 2);
    let pause = attempts[1].ready_time.since(attempts[0].end_time);
    assert!((1500..=2000).contains(&pause), "{pause} ms");
}
