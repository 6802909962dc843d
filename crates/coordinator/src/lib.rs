//! The loop that feeds the engine and performs its effects.
//!
//! A coordinator holds nothing that another cannot rebuild: it takes a submission under lease,
//! becomes the owner of the run, is told everything that is stored, and goes on from there. It may
//! die at any line; whoever takes the submission next does the same again, and whatever was done
//! twice was create-only.

mod advice;
mod answers;
mod aside;
mod bookkeeper;
mod bundle;
mod conduct;
mod dispatch;
mod drain;
mod facts;
mod finish;
mod kept;
mod make;
mod metrics;
mod opening;
mod refuse;
mod result;
mod reuse;
mod roster;
mod scheduled;
mod spool;
mod timekeeper;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alt::LastOptions;
use bus::{Bus, RunClaim};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use last::SigningKey;
use protocol::{Catalogue, RunId, limits};
use store::Store;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

pub use crate::advice::{Advice, Adviser, Silence};
pub use crate::bookkeeper::keep_books;
pub use crate::metrics::Metrics;
use crate::roster::Roster;
pub use crate::timekeeper::keep_time;

/// What a coordinator is told when it starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The jobs of the fleet.
    pub catalogue: Catalogue,
    /// What a LAST says of what its run would have survived.
    pub durability: String,
    /// Where a LAST grows before it is stored; made if absent.
    pub scratch: PathBuf,
    /// The record that lists and progress bars read is written at most this often.
    pub report_every: Duration,
    /// Offers that a run may have outstanding, 1 or more.
    pub window: u32,
    /// What it counts.
    pub metrics: Metrics,
    /// What bundles hold where the submission does not say; goes before what the file says. All
    /// coordinators of a fleet are to be told the same: a run may end with any of them.
    pub last: LastOptions,
    /// Signs the manifest of each bundle, if there is one; the same for all coordinators.
    pub signing_key: Option<SigningKey>,
    /// Who is asked what to think of a run, where that is wanted.
    pub adviser: Option<Arc<dyn Adviser>>,
}

/// Why a run could not be conducted to its end here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Bus(#[from] bus::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the LAST could not be made: {0}")]
    Last(String),
    /// No try can mend it, here or elsewhere.
    #[error("what was submitted cannot be run: {0}")]
    Unusable(String),
}

/// What all runs of one coordinator share.
#[derive(Debug)]
struct Desk<B> {
    bus: B,
    store: Store,
    settings: Settings,
    roster: Arc<Roster>,
    /// For the verdicts of all runs.
    room: Arc<kept::Room>,
}

/// How long a run rests after a failure that another try may mend.
const AGAIN: Duration = Duration::from_millis(500);

/// How often the queues are looked after: workers would wait for ever at one that somebody deleted.
const QUEUES: Duration = Duration::from_secs(5);

/// How often it is looked whether a worker has come that serves a queue nobody served before.
const NEWCOMERS: Duration = Duration::from_secs(1);

/// Queues, each with the most attempts that may run from it at once.
type Queues = BTreeMap<String, Option<u32>>;

/// How many submissions are asked for at once: many small runs would come one round trip each.
const ASKED: usize = 16;

/// How long a coordinator that was told to go waits for runs that are about to end.
const DRAIN: Duration = Duration::from_secs(2);

/// Takes submissions and conducts each to its LAST, until `shutdown` fires.
///
/// # Errors
/// The bus's, when the road is gone for good.
pub async fn coordinate<B: Bus>(
    bus: B,
    store: Store,
    settings: Settings,
    shutdown: CancellationToken,
) -> Result<(), bus::Error> {
    // Queues first: a worker that polls one that does not exist would wait for nothing.
    let queues = settings.catalogue.open_queues();
    opening::declare(&bus, &queues).await?;
    let roster = Arc::new(Roster::default());
    let (listener, ear) = (Arc::clone(&roster), bus.clone());
    let _listening =
        AbortOnDropHandle::new(bus::task::spawn(async move { listener.listen(&ear).await }));
    let keeping =
        keep_queues(bus.clone(), Arc::clone(&roster), settings.catalogue.queues(), queues);
    let _keeping = AbortOnDropHandle::new(bus::task::spawn(keeping));
    let desk = Arc::new(Desk { bus, store, settings, roster, room: Arc::default() });
    let mut runs = JoinSet::new();
    let mut claims = FuturesUnordered::new();
    let leaving = CancellationToken::new();
    opening::conducts();
    loop {
        while claims.len() < ASKED && runs.len() + claims.len() < limits::RUNS {
            claims.push(desk.bus.next_run());
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = runs.join_next(), if !runs.is_empty() => {
                if let Err(fault) = ended {
                    error!(error = %fault, "a conductor died; its lease runs out");
                }
            }
            Some(claim) = claims.next(), if !claims.is_empty() => match claim {
                Ok(claim) => {
                    let conducting = see_through(Arc::clone(&desk), claim, leaving.clone());
                    runs.spawn(bus::task::here(conducting));
                }
                Err(bus::Error::Closed) => return Err(bus::Error::Closed),
                Err(error) => {
                    warn!(error = %error, "no submission could be taken; trying again");
                    // The others fail for the same reason, and each would be waited for.
                    claims.clear();
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
    drop(claims);
    // What is about to end may; the others are handed to another coordinator.
    if tokio::time::timeout(DRAIN, async { while runs.join_next().await.is_some() {} })
        .await
        .is_err()
    {
        leaving.cancel();
        let _ = tokio::time::timeout(DRAIN, runs.join_all()).await;
    }
    Ok(())
}

/// Makes again what is gone of the queues that were `declared`, and declares the others when somebody
/// comes who serves them; says so when it cannot.
///
/// Every queue costs the server something at each ack, so those that need credentials, which most
/// fleets do not have, wait for a worker that has them. What is offered there waits in the stream.
async fn keep_queues<B: Bus>(bus: B, roster: Arc<Roster>, all: Queues, mut declared: Queues) {
    let mut mended = Instant::now();
    loop {
        tokio::time::sleep(NEWCOMERS).await;
        let is_new =
            |queue: &String| !declared.contains_key(queue) && !roster.of_queue(queue).is_empty();
        let new: Queues = all.clone().into_iter().filter(|(queue, _)| is_new(queue)).collect();
        if !new.is_empty() {
            match bus.declare(&new).await {
                Ok(()) => declared.extend(new),
                Err(error) => warn!(error = %error, "queues not declared; trying again"),
            }
        }
        if mended.elapsed() < QUEUES {
            continue;
        }
        mended = Instant::now();
        if let Err(error) = bus.mend(&declared).await {
            warn!(error = %error, "the queues are not as they must be; trying again");
        }
    }
}

/// Has a run that has ended forgotten once more: what was written for it here may have been on its
/// way for longer than its lease, and arrived when its new owner had ended it already. What asks for
/// the end goes the same way behind it.
async fn forget_if_over<B: Bus>(desk: &Desk<B>, run: RunId) {
    let forgotten = async {
        if let Some(end) = dispatch::insist(|| desk.bus.end_of(run)).await? {
            dispatch::insist(|| desk.bus.end(end.clone())).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = forgotten.await {
        warn!(run.id = %run, error = %error, "the run's owner record may be left behind");
    }
}

/// Conducts a run and says how that went. A run that failed here stays on the road for another.
async fn see_through<B: Bus>(desk: Arc<Desk<B>>, claim: B::RunClaim, leaving: CancellationToken) {
    let run = claim.submission().body.run;
    let _begun = desk.settings.metrics.begin();
    let conducted = {
        // Boxed: whoever holds it by value holds its room several times, and moves all of it.
        let conducting = Box::pin(conduct::conduct(&desk, claim.submission(), claim.past()));
        let held = bus::lease::keep(claim.lease(), || claim.extend(), conducting);
        tokio::select! {
            biased;
            conducted = held => Some(conducted.unwrap_or(Err(bus::Error::LeaseLost.into()))),
            () = leaving.cancelled() => None,
        }
    };
    match conducted {
        Some(Ok(())) => {
            // Unheard, it comes again, and is found to have ended.
            if let Err(error) = claim.ack().await {
                warn!(run.id = %run, error = %error, "the submission may come again");
            }
            info!(run.id = %run, "run ended");
        }
        Some(Err(Error::Bus(bus::Error::Fenced(_) | bus::Error::LeaseLost))) => {
            desk.settings.metrics.be_fenced();
            info!(run.id = %run, "run has another owner");
            forget_if_over(&desk, run).await;
        }
        Some(Err(error)) => error!(run.id = %run, error = %error, "run left to another"),
        None => {
            info!(run.id = %run, "run handed to another coordinator");
            let _ = claim.release().await;
        }
    }
}
