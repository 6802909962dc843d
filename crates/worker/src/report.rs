//! What a worker says of an attempt, and how that is stored exactly once.

use std::time::Duration;

use alt::Json;
use bus::{Bus, Claim, Recorded};
use protocol::planted::{Bug, is_planted};
use protocol::{
    ArtifactRecord, Body, Failure, MissingFile, Offer, Outcome, Verdict, WorkerId, limits,
};
use tokio::time::sleep;
use tracing::warn;

/// How long to wait before a road that failed is asked again.
pub(crate) const AGAIN: Duration = Duration::from_millis(250);

/// How an attempt ended, seen from its worker.
#[derive(Debug)]
pub(crate) enum Report {
    /// With an output.
    Ok(Kept),
    /// Without doing anything, for this reason.
    Skipped(String),
    /// With an error.
    Failed(Failure),
    /// By its timeout.
    Timeout(Duration),
    /// Because it was told to stop.
    Cancelled,
    /// Not at all: this worker has to go, and another is to do it.
    HandedBack,
    /// Not at all: the verdict of another is there.
    Decided,
    /// Not at all, and not once more: it cost this many workers their lives.
    WorkerLost(u32),
    /// Not again: it may have been carried out in part, and its job must not be repeated.
    NotRepeated,
}

/// An output and its files, where the verdict can point to them.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) output: Body,
    pub(crate) artifacts: Vec<ArtifactRecord>,
    pub(crate) missing: Vec<MissingFile>,
}

impl Kept {
    /// The output of an attempt that did nothing.
    fn nothing() -> Self {
        Self { output: Body::Inline(Json::null()), artifacts: Vec::new(), missing: Vec::new() }
    }
}

impl Report {
    pub(crate) fn failed(message: impl Into<String>, retryable: bool) -> Self {
        Self::Failed(Failure { message: message.into(), retryable })
    }

    pub(crate) const fn outcome(&self) -> Outcome {
        match self {
            Self::Ok(_) | Self::Skipped(_) => Outcome::Ok,
            Self::Failed(_) => Outcome::Failed,
            Self::Timeout(_) => Outcome::Timeout,
            Self::Cancelled => Outcome::Cancelled,
            Self::HandedBack | Self::Decided | Self::WorkerLost(_) | Self::NotRepeated => {
                Outcome::Lost
            }
        }
    }

    /// The verdict on `offer`, bounded.
    pub(crate) fn into_verdict(
        self,
        offer: &Offer,
        worker: &WorkerId,
        ran: Duration,
        log: Vec<String>,
    ) -> Verdict {
        let outcome = self.outcome();
        let mut skipped = None;
        let (failure, kept) = match self {
            Self::Ok(kept) => (None, Some(kept)),
            Self::Skipped(reason) => {
                skipped = Some(cut(reason, limits::ERROR_BYTES));
                (None, Some(Kept::nothing()))
            }
            Self::Failed(failure) => (Some(failure), None),
            Self::Timeout(limit) => {
                let message = format!("timed out after {} s", limit.as_secs_f64());
                (Some(Failure { message, retryable: true }), None)
            }
            Self::Cancelled => {
                (Some(Failure { message: "cancelled".to_owned(), retryable: false }), None)
            }
            Self::HandedBack => {
                let message = format!("handed back by worker `{worker}`, which has to go");
                (Some(Failure { message, retryable: true }), None)
            }
            Self::Decided => {
                let message = "decided by another attempt at it".to_owned();
                (Some(Failure { message, retryable: false }), None)
            }
            Self::NotRepeated => {
                let message = "worker_lost: the worker that ran it is gone, and its job is not \
                               idempotent: look at what it did before you run it again";
                (Some(Failure { message: message.to_owned(), retryable: false }), None)
            }
            Self::WorkerLost(lives) => {
                let message = format!("worker_lost: {lives} workers died while they ran it");
                (Some(Failure { message, retryable: false }), None)
            }
        };
        let failure = failure.map(|failure| Failure {
            message: cut(failure.message, limits::ERROR_BYTES),
            ..failure
        });
        let (output, artifacts, missing) = match kept {
            Some(kept) => (Some(kept.output), kept.artifacts, kept.missing),
            None => (None, Vec::new(), Vec::new()),
        };
        Verdict {
            failure,
            output,
            artifacts,
            missing,
            skipped,
            worker: Some(worker.clone()),
            run_ms: u64::try_from(ran.as_millis()).unwrap_or(u64::MAX),
            log,
            ..Verdict::bare(offer.key(), outcome)
        }
    }
}

/// `text` cut to `most` bytes, with a note of how much is gone.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let note = format!(" … ({} bytes in all)", text.len());
        text.truncate(text.floor_char_boundary(most - note.len()));
        text.push_str(&note);
    }
    text
}

/// Stores the verdict, again and again while the road is down and the lease holds.
///
/// A write that failed may have happened: the same verdict is simply stored again, and the answer
/// then says that one is there. `None` when the lease ran out first: somebody else will report.
pub(crate) async fn store<B: Bus>(bus: &B, claim: &B::Claim, verdict: Verdict) -> Option<Recorded> {
    loop {
        match bus.record(&claim.offer().queue, verdict.clone()).await {
            Ok(recorded) => return Some(recorded),
            Err(_) if is_planted(Bug::UnknownVerdictTakenAsStored) => {
                return Some(Recorded::Stored);
            }
            Err(error) => warn!(error = %error, "verdict not stored; trying again"),
        }
        match claim.extend().await {
            Err(bus::Error::LeaseLost) => return None,
            Err(_) if claim.lease().is_over() => return None,
            Ok(()) | Err(_) => {}
        }
        sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_errors_are_cut_between_characters_and_say_so() {
        let cut = cut("é".repeat(5_000), 100);
        assert!(cut.len() <= 100, "{}", cut.len());
        assert!(cut.ends_with("é … (10000 bytes in all)"), "{cut}");
        assert_eq!(super::cut("short".to_owned(), 100), "short");
    }
}
