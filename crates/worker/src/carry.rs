//! One claim from its hand-out to its ack: its attempt, what its worker goes on with, and how that is
//! left so that nobody waits for it.
//!
//! Each verdict names what its worker goes on with, and others keep away from that. So a claim is
//! acked only when the last verdict names nothing: whoever is handed it after a death does what was
//! to come next, as a first attempt that may have been begun, and leaves the rest to others.

use std::time::Duration;

use bus::{Bus, Claim, Recorded, lease};
use protocol::planted::{Bug, is_planted};
use protocol::{Next, Offer, Outcome, Perturbation, Verdict};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::Bench;
use crate::attempt::{SHORT, already_decided, hold, insist, is_repeatable};
use crate::report::{self, Report};

/// How an attempt left its claim.
enum Left {
    /// Its verdict is stored and names what comes next.
    GoesOn,
    /// Its verdict is stored, and is the last.
    Done,
    /// Somebody else decided it.
    Decided,
    /// Somebody else may hold the claim by now, and sees to the rest.
    LeaseLost,
}

/// Carries out a claimed offer, goes on with what it carries while that is quickly done, and acks it.
pub(crate) async fn carry_out<B: Bus>(bench: &Bench<B>, claim: B::Claim) {
    let key = claim.offer().key();
    debug!(
        run.id = %key.run, task.id = key.task.0, task.attempt = %key.attempt,
        job.kind = claim.offer().job, queue = claim.offer().queue,
        worker.id = %bench.settings.id, delivery = claim.deliveries(), "claimed"
    );
    let since = Instant::now();
    // Another delivery may mean that the first one's worker died after its verdict was stored.
    let redelivered = claim.deliveries() > 1;
    if redelivered {
        bench.settings.metrics.see_again();
    }
    let is_new = !redelivered && !claim.offer().again;
    // What went along with an offer that was there before may have been given to others since.
    let mut rest = if is_new { claim.offer().then.as_slice() } else { &[] };
    let mut left = if !is_new && already_decided(&claim, claim.offer()).await {
        Left::Decided
    } else {
        attempt(bench, &claim, claim.offer(), redelivered, rest, since).await
    };
    loop {
        let (next, is_doubtful) = match left {
            Left::GoesOn => (rest.split_off_first(), false),
            Left::Decided => {
                rest = &[];
                let asking = promised(bench, &claim);
                let asked = lease::keep(claim.lease(), || claim.extend(), asking).await;
                let Some(next) = asked else { return };
                (next, true)
            }
            Left::Done => (None, false),
            // Not acked: the offer goes to somebody else, who will look for a verdict first.
            Left::LeaseLost => return,
        };
        let Some(next) = next else { break };
        let offer = claim.offer().going_on_with(next);
        left = attempt(bench, &claim, &offer, is_doubtful, rest, since).await;
    }
    let _ = claim.ack().await;
}

/// One attempt and its verdict, with what comes after it, if its worker goes on with that.
async fn attempt<B: Bus>(
    bench: &Bench<B>,
    claim: &B::Claim,
    offer: &Offer,
    redelivered: bool,
    rest: &[Next],
    since: Instant,
) -> Left {
    let Some((report, ran, log)) = hold(bench, claim, offer, redelivered).await else {
        return Left::LeaseLost;
    };
    if matches!(report, Report::Decided) {
        return Left::Decided;
    }
    let outcome = report.outcome();
    // A worker that dies may have begun the next one.
    let is_early = since.elapsed() < SHORT || is_planted(Bug::GoesOnTooLate);
    let may_go_on = |next: &Next| is_early && is_repeatable(bench, &next.job);
    let goes_on = outcome == Outcome::Ok && rest.first().is_some_and(may_go_on);
    let is_first = offer.key() == claim.offer().key();
    let seat_wait = if is_first { claim.seat_wait() } else { Duration::ZERO };
    let verdict = Verdict {
        seat_wait_ms: u64::try_from(seat_wait.as_millis()).unwrap_or(u64::MAX),
        then: rest.iter().filter(|_| goes_on).map(|next| next.task).collect(),
        ..report.into_verdict(offer, &bench.settings.id, ran, log)
    };
    info!(
        run.id = %offer.run, task.id = offer.task.0, task.attempt = %offer.attempt,
        job.kind = offer.job, queue = offer.queue, worker.id = %bench.settings.id,
        outcome = outcome.name(), skipped = verdict.skipped.is_some(),
        elapsed_ms = verdict.run_ms, "attempt ended"
    );
    let metrics = &bench.settings.metrics;
    match report::store(&bench.bus, claim, verdict).await {
        Some(Recorded::Stored) => {
            let job = bench.registry.get(&offer.job);
            metrics.end(job.map(|job| job.name), outcome, ran);
        }
        Some(Recorded::Refused) => {
            metrics.be_refused();
            warn!(run.id = %offer.run, task.id = offer.task.0, "another verdict was first");
            return Left::Decided;
        }
        None => {
            metrics.lose_lease();
            return Left::LeaseLost;
        }
    }
    if offer.perturbation == Some(Perturbation::Duplicate) && outcome == Outcome::Ok {
        run_again(bench, claim).await;
    }
    if goes_on { Left::GoesOn } else { Left::Done }
}

/// What the last verdict says that its worker goes on with: that may be a dead one's, or our own, of
/// which we did not hear that it was stored.
async fn promised<'a, B: Bus>(bench: &Bench<B>, claim: &'a B::Claim) -> Option<&'a Next> {
    let offer = claim.offer();
    if offer.then.is_empty() || is_planted(Bug::PromiseForgotten) {
        return None;
    }
    let others = offer.then.iter().map(|next| offer.key_of(next.task));
    let keys = std::iter::once(offer.key()).chain(others).map(|key| (offer.queue.clone(), key));
    let keys: Vec<_> = keys.collect();
    let stored = insist(|| bench.bus.verdicts(keys.clone())).await;
    let mut said = stored.first()?.as_ref()?;
    // Each names only what comes after it in the row, so this ends.
    for (next, stored) in offer.then.iter().zip(stored.iter().skip(1)) {
        if said.body.then.first() != Some(&next.task) {
            continue;
        }
        match stored {
            Some(verdict) => said = verdict,
            None => return Some(next),
        }
    }
    None
}

/// Chaos mode's redelivery: the job runs once more and its verdict meets the first one.
async fn run_again<B: Bus>(bench: &Bench<B>, claim: &B::Claim) {
    let offer = claim.offer();
    if let Some((report, ran, log)) = Box::pin(hold(bench, claim, offer, false)).await {
        let verdict = report.into_verdict(offer, &bench.settings.id, ran, log);
        // Refused, by the contract of the road; the conformance suite holds it to that.
        let _ = bench.bus.record(&offer.queue, verdict).await;
    }
}
