//! A job while it runs: in a task of its own, inside its time, until somebody wants it stopped.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use alt::Json;
use job::{Code, Context};
use protocol::limits;
use tokio::task::JoinError;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::redact::Redactor;
use crate::report::Report;

type Running = AbortOnDropHandle<Result<Json, job::Error>>;

/// Runs the job to its output, or to the report of why there is none.
///
/// Dropping this drops the job: its own guards then end the programs it started.
pub(crate) async fn supervise(
    code: Arc<dyn Code>,
    parameters: Json,
    context: Context,
    stop: &CancellationToken,
    leaving: &CancellationToken,
    limit: Duration,
) -> Result<Json, Report> {
    let cancelled = context.cancelled().clone();
    // Work on threads cannot be dropped; it looks at the token.
    let _guard = cancelled.clone().drop_guard();
    // In a task of its own: a panic there is a failed attempt, not a dead worker.
    let job = bus::task::spawn(code.run(parameters, context));
    let mut job = AbortOnDropHandle::new(job);
    tokio::select! {
        biased;
        ended = &mut job => finished(ended),
        () = sleep(limit) => {
            wind_down(job, &cancelled).await;
            Err(Report::Timeout(limit))
        }
        () = stop.cancelled() => {
            wind_down(job, &cancelled).await;
            Err(Report::Cancelled)
        }
        // The worker's own grace is over: there is no time for another.
        () = leaving.cancelled() => {
            cancelled.cancel();
            job.abort();
            let _ = job.await;
            Err(Report::HandedBack)
        }
    }
}

/// Gives back what an attempt took, however it ended. In a task of its own, as the work was.
pub(crate) async fn clean_up(
    job: &str,
    code: Arc<dyn Code>,
    context: Context,
    redactor: &Redactor,
) {
    let cleaning = AbortOnDropHandle::new(bus::task::spawn(code.cleanup(context)));
    match timeout(Duration::from_millis(limits::CLEANUP_MS), cleaning).await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => {
            let fault = redactor.text(fault.to_string());
            warn!(job.kind = job, fault, "the clean-up died");
        }
        Err(_) => warn!(job.kind = job, "the clean-up takes too long: it is dropped"),
    }
}

/// Asks the job to end, gives it the grace, then drops it: dropping frees what it holds.
async fn wind_down(mut job: Running, cancelled: &CancellationToken) {
    cancelled.cancel();
    let grace = Duration::from_millis(limits::STOP_GRACE_MS);
    if timeout(grace, &mut job).await.is_err() {
        job.abort();
        let _ = job.await;
    }
}

fn finished(ended: Result<Result<Json, job::Error>, JoinError>) -> Result<Json, Report> {
    match ended {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(job::Error::Cancelled)) => Err(Report::Cancelled),
        Ok(Err(job::Error::Skipped(reason))) => Err(Report::Skipped(reason)),
        Ok(Err(error)) => Err(Report::failed(error.to_string(), error.retryable())),
        Err(fault) if fault.is_panic() => {
            let text = panic_text(fault.into_panic().as_ref());
            Err(Report::failed(format!("the job panicked: {text}"), true))
        }
        Err(_) => Err(Report::failed("the job was dropped", true)),
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
