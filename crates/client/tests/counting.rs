//! What is counted of jobs over a real server: skips, retries, what is handed back, what is taken over.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alt::Priority;
use bus::nats::Settings;
use bus::{Bus, NatsBus};
use client::{Client, Request};
use job::{Check, Context, Error, Job, Permissions, Registry, Skip, job};
use protocol::{HealthStatus, Reuse, RunId, Tally, WorkerId, limits};
use serde_json::{Value, json};
use store::Store;
use tests::servers::NatsServer;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Finds nothing to do when it is given nothing.
#[derive(Default)]
struct Picky;

#[job("picky", aliases = ["choosy"])]
impl Job for Picky {
    type Parameters = Value;
    type Output = Value;

    async fn validate_task_specific(&self, given: &Value, _: &Context) -> Check {
        match given.get("n") {
            None => Err(Skip::because("nothing to do")),
            Some(_) => Ok(()),
        }
    }

    async fn run(&self, given: Value, _: Context) -> Result<Value, Error> {
        Ok(given)
    }
}

#[job("broken", description = "Fails.")]
async fn broken(_: Value, _: Context) -> Result<(), Error> {
    Err(Error::failed("broken"))
}

#[job("endless", description = "Waits for ever on the first worker.")]
async fn endless(_: Value, context: Context) -> Result<(), Error> {
    match context.recall::<bool>("was here").await? {
        Some(_) => Ok(()),
        None => {
            context.remember("was here", &true).await?;
            std::future::pending().await
        }
    }
}

/// A fleet in this process, over a server.
struct Fleet {
    bus: NatsBus,
    store: Store,
    registry: Arc<Registry>,
    shutdown: CancellationToken,
    coordinating: JoinHandle<()>,
}

impl Fleet {
    async fn start(url: String, folder: &Path) -> Self {
        let settings = Settings::new(url, Duration::from_secs(10));
        let bus = NatsBus::open(&settings).await.unwrap();
        bus.provision(true, None).await.unwrap();
        let bus = NatsBus::connect(&settings).await.unwrap();
        let store = Store::folder(&folder.join("out")).unwrap();
        let registry = Arc::new(Registry::discover().unwrap());
        let (shutdown, metrics) = (CancellationToken::new(), coordinator::Metrics::default());
        let settings = coordinator::Settings {
            catalogue: registry.catalogue(),
            durability: "as a test is".to_owned(),
            scratch: folder.join("scratch"),
            report_every: Duration::from_millis(100),
            window: limits::WINDOW,
            metrics: metrics.clone(),
            last: alt::LastOptions::default(),
            signing_key: None,
            adviser: None,
        };
        let conducting =
            coordinator::coordinate(bus.clone(), store.clone(), settings, shutdown.clone());
        let done = CancellationToken::new();
        let counting = coordinator::keep_books(bus.clone(), metrics, done.clone());
        let coordinating = tokio::spawn(async move {
            let conducting = async {
                conducting.await.unwrap();
                done.cancel();
            };
            tokio::join!(conducting, counting);
        });
        Self { bus, store, registry, shutdown, coordinating }
    }

    fn worker(&self, name: &str, folder: &Path) -> (CancellationToken, JoinHandle<()>) {
        let leave = CancellationToken::new();
        let settings = worker::Settings {
            id: name.parse::<WorkerId>().unwrap(),
            slots: 4,
            uploads: limits::UPLOADS.into(),
            queues: self.registry.catalogue().queues().into_keys().collect(),
            permissions: Permissions::default(),
            environment: Arc::default(),
            scratch: folder.join(name),
            grace: Duration::ZERO,
            metrics: worker::Metrics::default(),
        };
        let (bus, store, registry) =
            (self.bus.clone(), self.store.clone(), Arc::clone(&self.registry));
        let working = worker::work(bus, store, registry, settings, leave.clone());
        (leave, tokio::spawn(async move { working.await.unwrap() }))
    }

    async fn submit(&self, tasks: Value, reuse: Option<Reuse>) -> RunId {
        let run = RunId::new();
        let file = json!({"id": "c", "title": "Counted", "tasks": tasks}).to_string().into();
        let (priority, last) = (Priority::Medium, alt::LastOptions::default());
        let request = Request { run, file, priority, mode: None, persona: None, reuse, last };
        Client::new(self.bus.clone()).submit(&self.store, request).await.unwrap();
        run
    }

    async fn end(&self, run: RunId) -> protocol::End {
        timeout(Duration::from_secs(60), self.bus.ended(run)).await.unwrap().unwrap()
    }

    /// Ends the coordinator, which adds what it has.
    async fn stop(self) -> (Client<NatsBus>, Arc<Registry>) {
        self.shutdown.cancel();
        self.coordinating.await.unwrap();
        (Client::new(self.bus), self.registry)
    }
}

fn task(id: &str, job: &str, parameters: &Value, retries: u8) -> Value {
    json!({"id": id, "description": "x", "job": job, "parameters": parameters,
           "retry_count": retries})
}

/// What was counted, without how long it took.
fn timeless(tally: Tally) -> Tally {
    Tally { timed: 0, total_ms: 0, min_ms: 0, max_ms: 0, ..tally }
}

#[tokio::test(flavor = "multi_thread")]
async fn skips_retries_and_hand_backs_are_told_apart_and_what_is_taken_over_is_not_counted() {
    let (server, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let fleet = Fleet::start(server.url(), folder.path()).await;
    fleet.bus.declare(&fleet.registry.catalogue().queues()).await.unwrap();
    let (leave, first) = fleet.worker("w-1", folder.path());
    let tasks = json!([
        task("a", "picky", &json!({"n": 1}), 0),
        task("b", "choosy", &json!({"n": 2}), 0),
        task("c", "picky", &json!({}), 0),
        task("d", "choosy", &json!({}), 0),
        task("e", "choosy", &json!({}), 0),
        task("f", "broken", &json!({}), 1),
        task("g", "broken", &json!({}), 0),
    ]);
    let run = fleet.submit(tasks.clone(), None).await;
    let end = fleet.end(run).await;
    // What completed there is taken over, and what failed is tried again.
    let (last_key, last_sha256) = (end.last_key, end.last_sha256);
    let reuse = Reuse { run, last_key, last_sha256, again: Vec::new() };
    let again = fleet.submit(tasks, Some(reuse)).await;
    fleet.end(again).await;
    // The first worker goes while it has an attempt, and hands it to the second.
    let handed = fleet.submit(json!([task("h", "endless", &json!({}), 0)]), None).await;
    let began = async {
        while fleet.bus.recall("endless", "was here").await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), began).await.unwrap();
    leave.cancel();
    first.await.unwrap();
    let (_leave, _second) = fleet.worker("w-2", folder.path());
    fleet.end(handed).await;
    let (client, registry) = fleet.stop().await;
    let stats = client.job_stats(&registry).await.unwrap();
    let counted = |job: &str| timeless(stats[job].total);
    assert_eq!(counted("picky"), Tally { ok: 2, skipped: 3, ..Tally::default() });
    assert_eq!(counted("broken"), Tally { failed: 6, retried: 2, ..Tally::default() });
    assert_eq!(counted("endless"), Tally { ok: 1, handed_back: 1, ..Tally::default() });
    assert_eq!(stats.len(), 3, "an alias is its job");
    assert_eq!(stats["picky"].total.timed, 2, "a skip has no duration");
    let health = client.fleet_health(&registry).await.unwrap();
    assert_eq!(health.status, HealthStatus::Healthy);
    assert_eq!(health.alerts.len(), 1, "{:?}", health.alerts);
    assert_eq!(health.alerts[0].job, "broken");
}
