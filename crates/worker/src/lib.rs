//! The loop that claims, runs, heartbeats, reports and drains.
//!
//! A worker is stateless: all it needs is in the offer, all it learns is in the verdict. It may die
//! at any line; its leases then run out and others go on.

mod artifacts;
mod attempt;
mod beat;
mod carry;
mod inputs;
mod memory;
mod metrics;
mod redact;
mod report;
mod running;
mod supervise;
mod watchdog;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bus::{Bus, Stops};
use job::{Environment, Memory, Permissions, Registry};
use protocol::WorkerId;
use store::Store;
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::memory::RoadMemory;
pub use crate::metrics::Metrics;
use crate::redact::Redactor;
use crate::running::Running;
pub use crate::watchdog::watched;

/// What a worker is told when it starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name on the road.
    pub id: WorkerId,
    /// Attempts it runs at once, 1 or more.
    pub slots: usize,
    /// Files of one attempt that it stores at once, 1 or more.
    pub uploads: usize,
    /// Queues it takes offers from.
    pub queues: Vec<String>,
    /// What its jobs may do.
    pub permissions: Permissions,
    /// The variables that its jobs see.
    pub environment: Arc<Environment>,
    /// Where attempts get their scratch folders; belongs to this worker alone, made if absent.
    pub scratch: PathBuf,
    /// How long what runs may go on after the worker was told to go; then it is handed back.
    pub grace: Duration,
    /// What it counts.
    pub metrics: Metrics,
}

/// Everything an attempt needs of its worker.
#[derive(Debug)]
struct Bench<B> {
    bus: B,
    store: Store,
    registry: Arc<Registry>,
    permissions: Arc<Permissions>,
    memory: Arc<dyn Memory>,
    redactor: Redactor,
    settings: Settings,
    running: Running,
    /// Held for reading by attempts, for writing by one that must be alone.
    company: RwLock<()>,
    /// Fires when what runs has to be handed back.
    leaving: CancellationToken,
    /// Attempts begun so far: names their scratch folders.
    attempts: AtomicU64,
}

/// What a worker of this environment says instead of a text: the same without secrets.
///
/// For a program that prints the panics of its jobs, which happen outside of every attempt's report.
pub fn without_secrets(
    environment: &Environment,
) -> impl Fn(String) -> String + Send + Sync + 'static {
    let redactor = Redactor::new(environment);
    move |text| redactor.text(text)
}

/// Works until `shutdown` fires: then takes no more, finishes what it runs and returns.
///
/// # Errors
/// The bus's, when the road is gone for good.
pub async fn work<B: Bus>(
    bus: B,
    store: Store,
    registry: Arc<Registry>,
    settings: Settings,
    shutdown: CancellationToken,
) -> Result<(), bus::Error> {
    info!(worker.id = %settings.id, slots = settings.slots, "worker started");
    settings.metrics.has_slots(settings.slots.max(1));
    let permissions = Arc::new(settings.permissions.clone());
    let mut stops = loop {
        match bus.stops().await {
            Ok(stops) => break stops,
            Err(bus::Error::Closed) => return Err(bus::Error::Closed),
            Err(error) => warn!(error = %error, "requests to stop are not heard; trying again"),
        }
        sleep(RETRY_CLAIM).await;
    };
    let memory: Arc<dyn Memory> = Arc::new(RoadMemory(bus.clone()));
    let bench = Arc::new(Bench {
        bus,
        store,
        registry,
        permissions,
        memory,
        redactor: Redactor::new(&settings.environment),
        settings,
        running: Running::default(),
        company: RwLock::new(()),
        leaving: CancellationToken::new(),
        attempts: AtomicU64::new(0),
    });
    let mut slots = JoinSet::new();
    for _ in 0..bench.settings.slots.max(1) {
        slots.spawn(bus::task::here(fill_slot(Arc::clone(&bench), shutdown.clone())));
    }
    let beating = beat::beat(Arc::clone(&bench), shutdown.clone());
    let _beating = AbortOnDropHandle::new(bus::task::spawn(beating));
    let grace = bench.settings.grace;
    let patience = async {
        shutdown.cancelled().await;
        sleep(grace).await;
    };
    tokio::pin!(patience);
    let mut outcome = Ok(());
    loop {
        tokio::select! {
            biased;
            () = &mut patience, if !bench.leaving.is_cancelled() => {
                info!(worker.id = %bench.settings.id, "handing back what still runs");
                bench.leaving.cancel();
            }
            ended = slots.join_next() => match ended {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => outcome = Err(error),
                // A slot has no code of its own that can panic: jobs run in tasks of theirs.
                Some(Err(fault)) => warn!(error = %fault, "slot died"),
            },
            request = stops.next() => bench.running.stop(request?),
        }
    }
    info!(worker.id = %bench.settings.id, "worker drained");
    outcome
}

/// One slot: one attempt after the other.
async fn fill_slot<B: Bus>(
    bench: Arc<Bench<B>>,
    shutdown: CancellationToken,
) -> Result<(), bus::Error> {
    loop {
        let claim = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            claim = bench.bus.claim(&bench.settings.queues) => claim,
        };
        match claim {
            Ok(claim) => carry::carry_out(&bench, claim).await,
            Err(bus::Error::Closed) => return Err(bus::Error::Closed),
            Err(error) => {
                warn!(error = %error, "nothing could be claimed; trying again");
                tokio::time::sleep(RETRY_CLAIM).await;
            }
        }
    }
}

/// How long a slot waits after a road failed it, so that an outage is not a busy loop.
const RETRY_CLAIM: Duration = Duration::from_millis(500);
