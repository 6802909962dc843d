//! What every road must do, written once: the local bus and the fleet's walk the same steps.
//! Here submissions and ownership; [`queues`] and [`news`] walk the rest.
//!
//! Time may be paused: nothing here waits on the wall clock.

use std::collections::BTreeMap;
use std::time::Duration;

use alt::{Json, LastOptions, Priority, TaskIndex};
use protocol::{Attempt, AttemptKey, Epoch, Offer, Outcome, RunId, Source, Submission, Verdict};
use tokio::time::{sleep, timeout};

use crate::{Accepted, Bus, Claim, Error, Owned, Past, RunClaim};

mod news;
mod queues;

/// Long enough for any road to deliver; short enough to fail before a person gives up.
const SOON: Duration = Duration::from_secs(5);
/// How long nothing must happen before we believe that nothing will.
const QUIET: Duration = Duration::from_millis(300);

/// Longer than any road's lease of a submission.
const LEASE_OVER: Duration = Duration::from_secs(90);

/// Walks the whole suite over roads made by `make`, one fresh road a step.
///
/// # Panics
/// When a road breaks its contract; the message names the promise.
pub async fn exercise<B: Bus, F: AsyncFn() -> B>(make: F) {
    a_submission_is_stored_once(&make().await).await;
    a_dropped_submission_returns_after_its_lease(&make().await).await;
    a_released_submission_returns_at_once(&make().await).await;
    who_asked_and_went_holds_nothing_up(&make().await).await;
    an_older_owner_is_fenced(&make().await).await;
    queues::exercise(&make).await;
    news::exercise(&make).await;
}

async fn soon<T>(what: &str, future: impl Future<Output = Result<T, Error>>) -> T {
    match timeout(SOON, future).await {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => panic!("{what}: {error}"),
        Err(_) => panic!("{what}: nothing came within {SOON:?}"),
    }
}

async fn never<T>(what: &str, future: impl Future<Output = T>) {
    assert!(timeout(QUIET, future).await.is_err(), "{what}: it happened");
}

fn submission(run: RunId) -> Submission {
    let alt = Source::Inline("{}".into());
    let (priority, last) = (Priority::Medium, LastOptions::default());
    Submission { run, alt, priority, mode: None, persona: None, reuse: None, last }
}

/// An offer that says nothing in particular: the first attempt of a task.
#[must_use]
pub fn offer(run: RunId, task: u32, epoch: Epoch, queue: &str, priority: Priority) -> Offer {
    Offer {
        run,
        task: TaskIndex(task),
        attempt: Attempt::FIRST,
        epoch,
        queue: queue.to_owned(),
        priority,
        id: format!("task {task}"),
        job: "echo".to_owned(),
        parameters: Json::from_text("{\"big\":1e400}").ok(),
        timeout_ms: None,
        inputs: Vec::new(),
        dependencies: 0,
        mode: alt::Mode::Normal,
        persona: None,
        perturbation: None,
        again: false,
        then: Vec::new(),
    }
}

fn verdict(key: AttemptKey, run_ms: u64) -> Verdict {
    let output = Some(protocol::Body::Inline(Json::null()));
    Verdict { output, run_ms, ..Verdict::bare(key, Outcome::Ok) }
}

async fn begin<B: Bus>(bus: &B, queue: &str, limit: Option<u32>) -> (RunId, Epoch) {
    soon("declare", bus.declare(&BTreeMap::from([(queue.to_owned(), limit)]))).await;
    let run = RunId::new();
    soon("submit", bus.submit(submission(run))).await;
    let owned = soon("own", bus.own(run, Past::Blank)).await;
    assert!(owned.first, "nobody owned it before");
    (run, owned.epoch)
}

async fn a_submission_is_stored_once<B: Bus>(bus: &B) {
    let run = RunId::new();
    assert!(!soon("is submitted", bus.is_submitted(run)).await);
    assert_eq!(soon("submit", bus.submit(submission(run))).await, Accepted::New);
    assert!(soon("is submitted", bus.is_submitted(run)).await);
    assert_eq!(soon("submit again", bus.submit(submission(run))).await, Accepted::Already);
    let other = Submission { persona: Some("x".to_owned()), ..submission(run) };
    let other = bus.submit(other).await;
    assert!(matches!(other, Err(Error::OtherSubmission(_))), "one id, two files: {other:?}");
    let claim = soon("next run", bus.next_run()).await;
    assert_eq!(claim.submission().body, submission(run));
    soon("extend", claim.extend()).await;
    never("a held submission handed out again", bus.next_run()).await;
    soon("ack", claim.ack()).await;
}

async fn a_dropped_submission_returns_after_its_lease<B: Bus>(bus: &B) {
    let run = RunId::new();
    soon("submit", bus.submit(submission(run))).await;
    let claim = soon("first owner", bus.next_run()).await;
    never("a second owner beside the first", bus.next_run()).await;
    drop(claim);
    let again = timeout(LEASE_OVER, bus.next_run()).await;
    let again =
        again.ok().and_then(Result::ok).unwrap_or_else(|| panic!("the submission was lost"));
    assert_eq!(again.submission().body.run, run);
    soon("ack", again.ack()).await;
    never("an acked submission returned", bus.next_run()).await;
}

async fn a_released_submission_returns_at_once<B: Bus>(bus: &B) {
    let run = RunId::new();
    soon("submit", bus.submit(submission(run))).await;
    soon("release", soon("next run", bus.next_run()).await.release()).await;
    let again = soon("next run again", bus.next_run()).await;
    assert_eq!(again.submission().body.run, run);
    soon("ack", again.ack()).await;
}

/// Handed over and not looked at is not taken.
async fn who_asked_and_went_holds_nothing_up<B: Bus>(bus: &B) {
    let mut asked = Box::pin(bus.next_run());
    never("a run nobody submitted", asked.as_mut()).await;
    let (run, epoch) = begin(bus, "q", None).await;
    sleep(QUIET).await;
    drop(asked);
    assert_eq!(soon("next run", bus.next_run()).await.submission().body.run, run);

    let queues = ["q".to_owned()];
    let mut asked = Box::pin(bus.claim(&queues));
    never("a task nobody offered", asked.as_mut()).await;
    soon("dispatch", bus.dispatch(epoch, &[offer(run, 0, epoch, "q", Priority::Medium)])).await;
    sleep(QUIET).await;
    drop(asked);
    assert_eq!(soon("claim", bus.claim(&queues)).await.offer().task, TaskIndex(0));
}

async fn an_older_owner_is_fenced<B: Bus>(bus: &B) {
    let (run, old) = begin(bus, "q", None).await;
    let Owned { epoch: new, first } = soon("own again", bus.own(run, Past::Blank)).await;
    assert!(!first, "it had an owner");
    assert!(new > old, "a later owner has a later epoch");
    let late = bus.dispatch(old, &[offer(run, 0, old, "q", Priority::Medium)]).await;
    assert!(matches!(late, Err(Error::Fenced(_))), "an old owner dispatched: {late:?}");
    soon("dispatch", bus.dispatch(new, &[offer(run, 0, new, "q", Priority::Medium)])).await;
}
