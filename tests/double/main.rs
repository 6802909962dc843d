//! The coordinator and the worker as the program plays them, but for one thing: they can be told
//! where to die, and a worker when to stand still (SIGUSR1).
//!
//! `double points` prints where. `CRASH_AT=NAME[:n] double coordinator|worker` ends the process
//! without a word (abort) when it comes to the point of that name for the n-th time. It is a
//! program of its own, so that no environment can make the real one do so.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails loudly")]

mod objects;
mod point;
mod road;

use std::future::ready;
use std::path::PathBuf;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use alt::Json;
use bus::{Bus, NatsBus};
use coordinator::{Advice, Adviser, Silence};
use futures::future::{BoxFuture, FutureExt};
use job::{Context, Error, Permissions, Registry, job};
use last::Prompt;
use protocol::{WorkerId, limits};
use store::Store;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::objects::Objects;
use crate::road::Road;

/// How long a lease lasts where consumers have yet to be made.
const LEASE: Duration = Duration::from_secs(2);

/// How long a worker that was told to go lets what it runs go on.
const GRACE: Duration = Duration::from_millis(500);

#[expect(clippy::disallowed_methods, reason = "it has no settings but these")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::main]
async fn main() {
    let role = std::env::args().nth(1).unwrap_or_default();
    if role == "points" {
        point::names().for_each(|name| println!("{name}"));
        return;
    }
    tracing_subscriber::fmt().with_ansi(false).with_env_filter("info").init();
    if let Some(plan) = variable("CRASH_AT") {
        point::plan(&plan).unwrap();
    }
    jobs::link();
    let settings = bus::nats::Settings::new(variable("RUNNER_NATS_URL").unwrap(), LEASE);
    let bus = Road(NatsBus::connect(&settings).await.unwrap());
    let folder = PathBuf::from(variable("STORE").unwrap());
    let store = Store::folder(&folder).unwrap().wrapped(|objects| Arc::new(Objects(objects)));
    let registry = Arc::new(Registry::discover().unwrap());
    let scratch = folder.with_extension(format!("scratch-{}", std::process::id()));
    let shutdown = CancellationToken::new();
    let told = shutdown.clone();
    tokio::spawn(async move {
        signal(SignalKind::terminate()).unwrap().recv().await;
        told.cancel();
    });
    if role == "coordinator" {
        coordinate(bus, store, &registry, scratch, shutdown).await;
    } else {
        work(bus, store, registry, scratch, shutdown).await;
    }
}

async fn coordinate<B: Bus>(
    bus: B,
    store: Store,
    registry: &Registry,
    scratch: PathBuf,
    shutdown: CancellationToken,
) {
    let settings = coordinator::Settings {
        catalogue: registry.catalogue(),
        durability: "a test".to_owned(),
        scratch,
        report_every: Duration::from_millis(50),
        window: limits::WINDOW,
        metrics: coordinator::Metrics::default(),
        last: alt::LastOptions { ai_insights: Some(true), ..Default::default() },
        signing_key: None,
        adviser: Some(Arc::new(Own)),
    };
    coordinator::coordinate(bus, store, settings, shutdown).await.unwrap();
}

/// A model that says something else in each process, so that a LAST that two of them had a hand in
/// shows which of them was heard.
#[derive(Debug)]
struct Own;

impl Adviser for Own {
    fn advise<'a>(&'a self, _: &'a Prompt) -> BoxFuture<'a, Result<Advice, Silence>> {
        let (text, model) = (format!("process {} says so", std::process::id()), "own".to_owned());
        ready(Ok(Advice { text, model, tokens: None })).boxed()
    }
}

async fn work<B: Bus>(
    bus: B,
    store: Store,
    registry: Arc<Registry>,
    scratch: PathBuf,
    shutdown: CancellationToken,
) {
    let queues = registry.catalogue().queues();
    while bus.declare(&queues).await.is_err() {}
    let id: WorkerId = format!("double-{}", std::process::id()).parse().unwrap();
    let settings = worker::Settings {
        id,
        slots: 2,
        uploads: protocol::limits::UPLOADS.into(),
        queues: queues.into_keys().collect(),
        permissions: Permissions { allow_exec: true, allow_private_addresses: false },
        environment: Arc::default(),
        scratch,
        grace: GRACE,
        metrics: worker::Metrics::default(),
    };
    tokio::spawn(stand_still());
    let working = worker::work(bus, store, registry, settings, shutdown);
    worker::watched(LEASE, working).await.unwrap().unwrap();
}

/// Counts its attempts, across workers.
#[job("counts")]
async fn counts(_parameters: Json, context: Context) -> Result<u64, Error> {
    let times = context.recall::<u64>("times").await?.unwrap_or(0) + 1;
    context.remember("times", &times).await?;
    Ok(times)
}

/// From SIGUSR1 on every thread of the runtime is held, as by jobs that wait without saying so.
async fn stand_still() {
    signal(SignalKind::user_defined1()).unwrap().recv().await;
    let threads = tokio::runtime::Handle::current().metrics().num_workers();
    let held = Arc::new(Barrier::new(threads));
    for _ in 0..threads {
        let held = Arc::clone(&held);
        tokio::spawn(async move {
            // Each on a thread of its own.
            held.wait();
            loop {
                std::thread::park();
            }
        });
    }
}
