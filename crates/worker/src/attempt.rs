//! One attempt from claim to verdict: run the job, keep the lease, stop when told, report once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bus::{Bus, Claim, Recorded};
use job::{Context, ContextParts};
use protocol::{Offer, Outcome, Perturbation, Started, limits};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::inputs::Inputs;
use crate::report::{self, Report};
use crate::supervise::supervise;
use crate::{Bench, artifacts, lease};

/// Carries out a claimed offer and acks it once its verdict is stored.
pub(crate) async fn carry_out<B: Bus>(bench: &Arc<Bench<B>>, claim: B::Claim) {
    let key = claim.offer().key();
    // A second delivery may mean that the first one's worker died after its verdict was stored.
    if claim.deliveries() > 1 && already_decided(bench, claim.offer()).await {
        let _ = claim.ack().await;
        return;
    }
    let Some((report, ran, log)) = hold(bench, &claim).await else {
        return;
    };
    let outcome = report.outcome();
    let verdict = report.into_verdict(claim.offer(), &bench.settings.id, ran, log);
    info!(
        run.id = %key.run, task.id = key.task.0, task.attempt = %key.attempt,
        job.kind = %claim.offer().job, outcome = outcome.name(), elapsed_ms = verdict.run_ms,
        "attempt ended"
    );
    match report::store(&bench.bus, &claim, verdict).await {
        Some(Recorded::Refused) => {
            warn!(run.id = %key.run, task.id = key.task.0, "another verdict was first");
        }
        Some(_) => {}
        // Not acked: the offer goes to somebody else, who will look for a verdict first.
        None => return,
    }
    if claim.offer().perturbation == Some(Perturbation::Duplicate) && outcome == Outcome::Ok {
        run_again(bench, &claim).await;
    }
    let _ = claim.ack().await;
}

/// The attempt with its scratch folder and an entry in the list of what runs, while it runs.
async fn hold<B: Bus>(
    bench: &Arc<Bench<B>>,
    claim: &B::Claim,
) -> Option<(Report, Duration, Vec<String>)> {
    let key = claim.offer().key();
    let stop = bench.running.enter(key);
    let scratch = Scratch::new(bench);
    let begun = Instant::now();
    let ended = lease::keep(claim, run(bench, claim.offer(), &scratch.0, &stop)).await;
    bench.running.leave(key);
    // Past its lease nobody wants to hear of it: whoever has the offer now will report.
    let (report, log) = ended?;
    Some((report, begun.elapsed(), log))
}

/// Where one attempt may have a folder; whatever is there goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new<B>(bench: &Bench<B>) -> Self {
        let number = bench.attempts.fetch_add(1, Ordering::Relaxed);
        Self(bench.settings.scratch.join(format!("attempt-{number}")))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        match std::fs::remove_dir_all(&self.0) {
            // Most jobs never asked for it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => warn!(error = %error, "a scratch folder is left behind"),
            Ok(()) => {}
        }
    }
}

async fn already_decided<B: Bus>(bench: &Bench<B>, offer: &Offer) -> bool {
    let stored = bench.bus.verdicts(vec![(offer.queue.clone(), offer.key())]).await;
    stored.is_ok_and(|found| found.iter().any(Option::is_some))
}

/// The report of the attempt and what its job said.
async fn run<B: Bus>(
    bench: &Bench<B>,
    offer: &Offer,
    scratch: &Path,
    stop: &CancellationToken,
) -> (Report, Vec<String>) {
    let silent = |report| (report, Vec::new());
    match offer.perturbation {
        Some(Perturbation::Fail) => {
            return silent(Report::failed("injected by chaos mode", true));
        }
        Some(Perturbation::DelayMs(wait)) => {
            let wait = sleep(Duration::from_millis(wait.into()));
            tokio::select! { () = wait => {} () = stop.cancelled() => {} }
        }
        Some(Perturbation::Duplicate) | None => {}
    }
    let Some(declaration) = bench.registry.get(&offer.job) else {
        let message = format!("no job `{}` on worker `{}`", offer.job, bench.settings.id);
        return silent(Report::failed(message, false));
    };
    let default_s = declaration.options.timeout_seconds.unwrap_or(limits::TIMEOUT_SECONDS);
    let timeout_ms = offer.timeout_ms.unwrap_or(u64::from(default_s) * 1000);
    let started = Started { key: offer.key(), worker: bench.settings.id.clone(), timeout_ms };
    bench.bus.started(started).await;
    let inputs = Arc::new(Inputs::new(bench.bus.clone(), bench.store.clone(), offer.run));
    let parameters = match inputs.resolve(offer).await {
        Ok(parameters) => parameters,
        Err(failure) => return silent(Report::Failed(failure)),
    };
    if stop.is_cancelled() {
        return silent(Report::Cancelled);
    }
    let context = context(bench, offer, scratch, inputs);
    let log = context.log_handle();
    let limit = Duration::from_millis(timeout_ms);
    let report = match supervise(declaration, parameters, context, stop, limit).await {
        Ok(output) => artifacts::keep(&bench.store, offer, scratch, output).await,
        Err(report) => report,
    };
    (report, log.take())
}

fn context<B: Bus>(
    bench: &Bench<B>,
    offer: &Offer,
    scratch: &Path,
    inputs: Arc<Inputs<B>>,
) -> Context {
    Context::new(ContextParts {
        key: offer.key(),
        task: offer.id.clone(),
        scratch: scratch.to_owned(),
        cancelled: CancellationToken::new(),
        inputs: offer.inputs.clone(),
        dependencies: offer.dependencies as usize,
        outputs: inputs,
        permissions: Arc::clone(&bench.permissions),
        mode: offer.mode,
        persona: offer.persona.clone(),
    })
}

/// Chaos mode's redelivery: the job runs once more and its verdict meets the first one.
async fn run_again<B: Bus>(bench: &Arc<Bench<B>>, claim: &B::Claim) {
    let offer = claim.offer();
    if let Some((report, ran, log)) = Box::pin(hold(bench, claim)).await {
        let verdict = report.into_verdict(offer, &bench.settings.id, ran, log);
        // Refused, by the contract of the road; the conformance suite holds it to that.
        let _ = bench.bus.record(&offer.queue, verdict).await;
    }
}
