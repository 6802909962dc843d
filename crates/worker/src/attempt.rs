//! One attempt under the lease of its claim: run the job, keep the lease, stop when told.

use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bus::{Bus, Claim, lease};
use job::{Context, ContextParts};
use protocol::planted::{Bug, is_planted};
use protocol::{Offer, Perturbation, Started, limits};
use tokio::time::{Instant, sleep};
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::inputs::Inputs;
use crate::report::{self, Report};
use crate::supervise::{clean_up, supervise};
use crate::{Bench, artifacts};

/// The attempt with an entry in the list of what runs, while it runs; `None` when its lease ran out.
///
/// `offer` is that of the claim, or what the worker goes on with under the same lease.
pub(crate) async fn hold<B: Bus>(
    bench: &Bench<B>,
    claim: &B::Claim,
    offer: &Offer,
    redelivered: bool,
) -> Option<(Report, Duration, Vec<String>)> {
    let key = offer.key();
    let _begun = bench.settings.metrics.begin();
    let stop = bench.running.enter(offer);
    // Pinned where it is made, here and below: to hand on by value what has not begun copies all that
    // it may come to hold.
    let work = pin!(beside_others(bench, claim, offer, redelivered, &stop));
    let ended = lease::keep(claim.lease(), || claim.extend(), work).await;
    bench.running.leave(key);
    // Past its lease nobody wants to hear of it: whoever has the offer now will report.
    if ended.is_none() {
        bench.settings.metrics.lose_lease();
    }
    ended
}

/// Runs the attempt beside others, or alone if it may be what kills workers, or not at all.
async fn beside_others<B: Bus>(
    bench: &Bench<B>,
    claim: &B::Claim,
    offer: &Offer,
    redelivered: bool,
    stop: &CancellationToken,
) -> (Report, Duration, Vec<String>) {
    let not_at_all = |report| (report, Duration::ZERO, Vec::new());
    let lost = if redelivered { insist(|| claim.lost()).await } else { 0 };
    if lost + u32::from(is_planted(Bug::WorkerLostTooSoon)) >= limits::LOST_WORKERS {
        return not_at_all(Report::WorkerLost(lost));
    }
    let alone = lost >= limits::LOST_ALONE;
    let company = &bench.company;
    let turn = async {
        if alone {
            warn!(run.id = %offer.run, task.id = offer.task.0, lost, "runs alone");
            Either::Left(company.write().await)
        } else {
            Either::Right(company.read().await)
        }
    };
    let Some(_turn) = while_wanted(claim, offer, turn).await else {
        return not_at_all(Report::Decided);
    };
    if redelivered && !is_repeatable(bench, &offer.job) {
        // Whoever ran it may live and be about to report: its server forgot the lease, or the lease
        // is just over. It has as long as a lease lasts.
        return match while_wanted(claim, offer, sleep(claim.lease().length)).await {
            Some(()) => not_at_all(Report::NotRepeated),
            None => not_at_all(Report::Decided),
        };
    }
    // Only now: whoever waits in a worker that dies is innocent of that.
    if redelivered {
        insist(|| claim.begin_again()).await;
    }
    timed(bench, offer, stop).await
}

/// Whether a job may be begun again, though it may have been carried out in part.
pub(crate) fn is_repeatable<B>(bench: &Bench<B>, job: &str) -> bool {
    bench.registry.get(job).is_none_or(|job| job.options.idempotent)
}

/// Waits for its turn, which others that run alone may put off for long; `None` when somebody else
/// decided the attempt meanwhile. A server that forgot a lease gives the same to two who live.
async fn while_wanted<C: Claim, T>(
    claim: &C,
    offer: &Offer,
    turn: impl Future<Output = T>,
) -> Option<T> {
    tokio::pin!(turn);
    loop {
        tokio::select! {
            biased;
            turn = &mut turn => return Some(turn),
            () = sleep(LOOK_AGAIN) => if already_decided(claim, offer).await {
                return None;
            },
        }
    }
}

/// How often an attempt that waits for its turn looks whether it is still wanted.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The attempt and how long it ran; that it waited for others to end is no part of that.
async fn timed<B: Bus>(
    bench: &Bench<B>,
    offer: &Offer,
    stop: &CancellationToken,
) -> (Report, Duration, Vec<String>) {
    debug!(
        run.id = %offer.run, task.id = offer.task.0, task.attempt = %offer.attempt,
        job.kind = offer.job, queue = offer.queue, worker.id = %bench.settings.id,
        "attempt began"
    );
    let begun = Instant::now();
    let (report, log) = run(bench, offer, stop).await;
    (report, begun.elapsed(), log)
}

/// Asks until there is an answer, for as long as the lease: an attempt that costs workers must not
/// begin uncounted.
pub(crate) async fn insist<T, F>(mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, bus::Error>>,
{
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => debug!(%error, "asking again"),
        }
        sleep(report::AGAIN).await;
    }
}

/// The scratch folder of one attempt; it goes with whatever is there.
struct Scratch {
    folder: PathBuf,
    context: Context,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Most jobs never asked for it, and to look whether it is there takes a tenth of a short
        // attempt.
        if !self.context.has_scratch() {
            return;
        }
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => warn!(error = %error, "a scratch folder is left behind"),
            Ok(()) => {}
        }
    }
}

/// Whether it is known that nobody needs the attempt any more.
pub(crate) async fn already_decided<C: Claim>(claim: &C, offer: &Offer) -> bool {
    claim.is_decided(offer.key()).await.unwrap_or(false)
}

/// The report of the attempt and what its job said.
async fn run<B: Bus>(
    bench: &Bench<B>,
    offer: &Offer,
    stop: &CancellationToken,
) -> (Report, Vec<String>) {
    let silent = |report| (report, Vec::new());
    match offer.perturbation {
        Some(Perturbation::Fail) => {
            return silent(Report::failed("injected by chaos mode", true));
        }
        Some(Perturbation::DelayMs(wait)) => {
            let wait = sleep(Duration::from_millis(wait.into()));
            tokio::select! { biased; () = wait => {} () = stop.cancelled() => {} }
        }
        Some(Perturbation::Duplicate) | None => {}
    }
    let Some(declaration) = bench.registry.get(&offer.job) else {
        let message = format!("no job `{}` on worker `{}`", offer.job, bench.settings.id);
        return silent(Report::failed(message, false));
    };
    if let Some(missing) = bench.settings.environment.missing(declaration.options.requires) {
        let message = format!("job `{}` is not ready: {missing} is not set", offer.job);
        return silent(Report::failed(message, false));
    }
    let default_s = declaration.options.timeout_seconds.unwrap_or(limits::TIMEOUT_SECONDS);
    let timeout_ms = offer.timeout_ms.unwrap_or(u64::from(default_s) * 1000);
    let started = Started { key: offer.key(), worker: bench.settings.id.clone(), timeout_ms };
    let limit = Duration::from_millis(timeout_ms);
    let job = pin!(run_job(bench, offer, declaration, stop, limit));
    told_if_it_lasts(&bench.bus, started, job).await
}

/// Says that an attempt runs, once it has for a while: of one that is over sooner, its verdict is
/// the first word. That saves two messages in ten for each short task.
async fn told_if_it_lasts<B: Bus, T>(
    bus: &B,
    started: Started,
    mut job: Pin<&mut impl Future<Output = T>>,
) -> T {
    tokio::select! {
        biased;
        done = &mut job => return done,
        () = sleep(SHORT) => {}
    }
    bus.started(started).await;
    job.await
}

/// How long an attempt runs before anybody is told: less than people see. Whoever hears of it gives
/// to others what its worker was to go on with, so nothing is gone on with that late.
pub(crate) const SHORT: Duration = Duration::from_millis(limits::GOES_ON_MS);

/// The job with its inputs.
async fn run_job<B: Bus>(
    bench: &Bench<B>,
    offer: &Offer,
    declaration: &job::Declaration,
    stop: &CancellationToken,
    limit: Duration,
) -> (Report, Vec<String>) {
    let silent = |report| (report, Vec::new());
    let inputs = Arc::new(Inputs::new(bench.bus.clone(), bench.store.clone(), offer.run));
    let parameters = match inputs.resolve(offer).await {
        Ok(parameters) => parameters,
        Err(failure) => return silent(Report::Failed(failure)),
    };
    if stop.is_cancelled() {
        return silent(Report::Cancelled);
    }
    if bench.leaving.is_cancelled() {
        return silent(Report::HandedBack);
    }
    let number = bench.attempts.fetch_add(1, Ordering::Relaxed);
    let folder = bench.settings.scratch.join(format!("attempt-{number}"));
    let context = context(bench, offer, folder.clone(), inputs);
    let scratch = Scratch { folder, context: context.clone() };
    let log = context.log_handle();
    let (code, lent) = ((declaration.begin)(), context.clone());
    let leaving = &bench.leaving;
    let ended = supervise(Arc::clone(&code), parameters, lent, stop, leaving, limit).await;
    // Not under a lease that is over: then this is dropped, and another begins.
    let redactor = &bench.redactor;
    clean_up(declaration.name, code, context, redactor).await;
    let report = match ended.and_then(|output| redactor.output(output)) {
        Ok(output) => {
            let uploads = bench.settings.uploads;
            artifacts::keep(&bench.store, uploads, offer, &scratch.folder, output).await
        }
        // What was begun and must not be repeated is not handed to another as if it were new.
        Err(Report::HandedBack) if !declaration.options.idempotent => Report::NotRepeated,
        Err(report) => redactor.report(report),
    };
    (report, redactor.lines(log.take()))
}

fn context<B: Bus>(
    bench: &Bench<B>,
    offer: &Offer,
    scratch: PathBuf,
    inputs: Arc<Inputs<B>>,
) -> Context {
    Context::new(ContextParts {
        key: offer.key(),
        task: offer.id.clone(),
        job: offer.job.clone(),
        scratch,
        cancelled: CancellationToken::new(),
        inputs: offer.inputs.clone(),
        dependencies: offer.dependencies as usize,
        outputs: inputs,
        permissions: Arc::clone(&bench.permissions),
        environment: Arc::clone(&bench.settings.environment),
        memory: Arc::clone(&bench.memory),
        mode: offer.mode,
        persona: offer.persona.clone(),
    })
}
