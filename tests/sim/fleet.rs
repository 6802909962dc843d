//! The processes of a simulated fleet: the production loops, started again when they end.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bus::nats::Settings;
use bus::task::Process;
use bus::{Bus, NatsBus};
use coordinator::{Advice, Adviser, Silence};
use futures::future::{BoxFuture, FutureExt};
use job::{Permissions, Registry};
use last::Prompt;
use store::Store;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::bucket::Bucket;
use crate::network::Network;
use crate::plan::Plan;
use crate::rare;

/// How long a process is away that nobody meant to end.
const AWAY: Duration = Duration::from_millis(300);

/// How long a worker that is told to go lets what runs go on.
const GRACE: Duration = Duration::from_secs(3);

/// What every process of a fleet shares.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) network: Network,
    pub(crate) bucket: Bucket,
    pub(crate) lease: Duration,
    /// Offers that a run may have outstanding.
    pub(crate) window: u32,
    pub(crate) scratch: Arc<Path>,
}

impl Site {
    /// A road, once the server can be reached.
    pub(crate) async fn road(&self, name: &str) -> NatsBus {
        let settings = Settings { name: name.to_owned(), ..Settings::new("simulated", self.lease) };
        loop {
            match NatsBus::connect(&settings).await {
                Ok(bus) => return bus,
                Err(_) => sleep(AWAY).await,
            }
        }
    }

    pub(crate) fn store(&self) -> Store {
        Store::memory().wrapped(|_| Arc::new(self.bucket.clone()))
    }
}

/// A process that is started again and again.
#[derive(Debug, Clone)]
pub(crate) struct Slot(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    process: Process,
    shutdown: CancellationToken,
    /// How long it is away the next time.
    away: Duration,
    /// Whether it is never to come back.
    is_over: bool,
}

/// What a process does.
#[derive(Debug, Clone)]
enum Role {
    Coordinator { asks_a_model: bool },
    Worker { slots: usize },
}

impl Slot {
    fn start(site: Site, name: String, role: Role) -> Self {
        let state = State {
            process: Process::new(&name),
            shutdown: CancellationToken::new(),
            away: AWAY,
            is_over: false,
        };
        let slot = Self(Arc::new(Mutex::new(state)));
        tokio::spawn(slot.clone().keep(site, name, role));
        slot
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process that runs there now.
    pub(crate) fn process(&self) -> Process {
        self.state().process.clone()
    }

    /// How long it is to be away once it ends.
    pub(crate) fn set_away(&self, away: Duration) {
        self.state().away = away;
    }

    /// Tells it to go (SIGTERM).
    pub(crate) fn drain(&self) {
        self.state().shutdown.cancel();
    }

    /// It does not come back any more.
    pub(crate) fn end(&self) {
        self.state().is_over = true;
    }

    async fn keep(self, site: Site, name: String, role: Role) {
        loop {
            let (process, shutdown) = {
                let mut state = self.state();
                if state.is_over {
                    return;
                }
                (state.process, state.shutdown) = (Process::new(&name), CancellationToken::new());
                (state.process.clone(), state.shutdown.clone())
            };
            let work = carry_out(site.clone(), name.clone(), role.clone(), shutdown);
            // Ended, or killed.
            let _ = process.spawn(work).await;
            site.network.kill(&process);
            let away = std::mem::replace(&mut self.state().away, AWAY);
            sleep(away).await;
        }
    }
}

async fn carry_out(site: Site, name: String, role: Role, shutdown: CancellationToken) {
    let bus = site.road(&name).await;
    let registry = Arc::new(Registry::discover().unwrap());
    match role {
        Role::Coordinator { asks_a_model } => {
            let settings = coordinator::Settings {
                catalogue: registry.catalogue(),
                durability: "simulated".to_owned(),
                scratch: site.scratch.to_path_buf(),
                report_every: Duration::from_secs(1),
                window: site.window,
                metrics: coordinator::Metrics::default(),
                last: alt::LastOptions { ai_insights: Some(asks_a_model), ..Default::default() },
                signing_key: None,
                adviser: Some(Arc::new(Model { name, clock: bus.clone() })),
            };
            let _ = coordinator::coordinate(bus, site.store(), settings, shutdown).await;
        }
        Role::Worker { slots } => {
            let settings = worker::Settings {
                id: name.parse().unwrap(),
                slots,
                uploads: protocol::limits::UPLOADS.into(),
                queues: registry.catalogue().queues().into_keys().collect(),
                permissions: Permissions::default(),
                environment: Arc::default(),
                scratch: site.scratch.join(&name),
                grace: GRACE,
                metrics: worker::Metrics::default(),
            };
            let _ = worker::work(bus, site.store(), registry, settings, shutdown).await;
        }
    }
}

/// A model that never says the same twice, and now and then nothing: a LAST that is written a second
/// time is the same only if it was not asked again.
#[derive(Debug)]
struct Model {
    name: String,
    clock: NatsBus,
}

impl Adviser for Model {
    fn advise<'a>(&'a self, _: &'a Prompt) -> BoxFuture<'a, Result<Advice, Silence>> {
        async {
            let asked = self.clock.now().0;
            sleep(Duration::from_millis(asked % 1500)).await;
            if asked.is_multiple_of(5) {
                let reason = format!("asked at {asked}");
                return Err(Silence { detail: reason.clone(), reason });
            }
            let text = format!("{} was asked at {asked}", self.name);
            Ok(Advice { text, model: "simulated".to_owned(), tokens: Some(asked % 100) })
        }
        .boxed()
    }
}

/// The fleet of a plan, coordinators first.
pub(crate) fn start(site: &Site, plan: &Plan) -> Vec<Slot> {
    let role = Role::Coordinator { asks_a_model: plan.asks_a_model() };
    let coordinators = (0..plan.coordinators).map(|it| (format!("coordinator-{it}"), role.clone()));
    let workers = plan.workers.iter().enumerate();
    let workers =
        workers.map(|(it, slots)| (format!("worker-{it}"), Role::Worker { slots: *slots }));
    let all = coordinators.chain(workers);
    all.map(|(name, role)| Slot::start(site.clone(), name, role)).collect()
}

/// A job takes its worker with it.
pub(crate) fn die(process: &Process) {
    rare::reach("a worker was killed while it ran an attempt");
    process.kill();
}
