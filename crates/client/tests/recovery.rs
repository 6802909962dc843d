//! Loops that die in the middle of a run: another of their kind goes on, and nothing is lost.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alt::Priority;
use bus::{Bus, LocalBus};
use client::{Client, Request};
use job::{Context, Error, Permissions, Registry, job};
use protocol::{RunId, RunStatus, WorkerId, limits};
use serde::Deserialize;
use serde_json::json;
use store::Store;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const LEASE: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
struct Nothing {}

#[job("brief", description = "Takes a few milliseconds.")]
async fn brief(_: Nothing, _: Context) -> Result<(), Error> {
    sleep(Duration::from_millis(5)).await;
    Ok(())
}

/// A road, a store, and loops over them that can be killed.
struct Rig {
    bus: LocalBus,
    store: Store,
    registry: Arc<Registry>,
    folder: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            bus: LocalBus::new(LEASE),
            store: Store::folder(&folder.path().join("out")).unwrap(),
            registry: Arc::new(Registry::discover().unwrap()),
            folder,
        }
    }

    fn coordinator(&self) -> JoinHandle<Result<(), bus::Error>> {
        let settings = coordinator::Settings {
            catalogue: self.registry.catalogue(),
            durability: "none".to_owned(),
            scratch: self.folder.path().join("scratch"),
            report_every: Duration::from_millis(10),
            window: limits::WINDOW,
            metrics: coordinator::Metrics::default(),
            last: alt::LastOptions::default(),
            signing_key: None,
        };
        let (bus, store) = (self.bus.clone(), self.store.clone());
        tokio::spawn(coordinator::coordinate(bus, store, settings, CancellationToken::new()))
    }

    fn worker(&self, name: &str) -> JoinHandle<Result<(), bus::Error>> {
        let settings = worker::Settings {
            id: name.parse::<WorkerId>().unwrap(),
            slots: 3,
            uploads: protocol::limits::UPLOADS.into(),
            queues: self.registry.catalogue().queues().into_keys().collect(),
            permissions: Permissions::default(),
            environment: Arc::default(),
            scratch: self.folder.path().join(name),
            grace: Duration::MAX,
            metrics: worker::Metrics::default(),
        };
        let (bus, store, registry) =
            (self.bus.clone(), self.store.clone(), Arc::clone(&self.registry));
        tokio::spawn(worker::work(bus, store, registry, settings, CancellationToken::new()))
    }

    /// Submits ten chains of ten tasks.
    async fn submit(&self) -> RunId {
        let tasks: Vec<_> = (0..100)
            .map(|index| {
                let before: Vec<_> =
                    (index >= 10).then(|| format!("t{}", index - 10)).into_iter().collect();
                json!({"id": format!("t{index}"), "description": "x", "job": "brief",
                    "dependencies": before})
            })
            .collect();
        let alt = json!({"id": "r", "title": "r", "tasks": tasks}).to_string();
        let run = RunId::new();
        let (file, priority) = (alt.into(), Priority::Medium);
        let last = alt::LastOptions::default();
        let request = Request { run, file, priority, mode: None, persona: None, reuse: None, last };
        Client::new(self.bus.clone()).submit(&self.store, request).await.unwrap();
        run
    }

    async fn until_completed(&self, run: RunId, count: u32) {
        let client = Client::new(self.bus.clone());
        while client.record(run).await.unwrap().is_none_or(|it| it.counts.completed < count) {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// The LAST: complete, verified, every task completed by its first attempt.
    async fn whole(&self, run: RunId) {
        let ended = timeout(Duration::from_secs(20), self.bus.ended(run)).await.unwrap();
        let end = ended.unwrap();
        assert_eq!(end.status, RunStatus::Success);
        let path = self.store.locate(&end.last_key);
        last::verify(Path::new(&path)).unwrap_or_else(|problems| panic!("{problems:?}"));
        let last = last::read(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(last.task_results.len(), 100);
        for task in &last.task_results {
            assert_eq!(task.attempts.len(), 1, "{}", task.task_id);
        }
    }
}

#[tokio::test]
async fn another_coordinator_goes_on_where_one_died() {
    let rig = Rig::new();
    let run = rig.submit().await;
    let _worker = rig.worker("steady");
    for dies_after in [5, 30, 60] {
        let coordinator = rig.coordinator();
        rig.until_completed(run, dies_after).await;
        coordinator.abort();
    }
    let _last = rig.coordinator();
    rig.whole(run).await;
}

#[tokio::test]
async fn another_worker_takes_over_what_one_held_when_it_died() {
    let rig = Rig::new();
    let run = rig.submit().await;
    let _coordinator = rig.coordinator();
    for dies_after in [5, 30, 60] {
        let worker = rig.worker("mortal");
        rig.until_completed(run, dies_after).await;
        worker.abort();
    }
    let _last = rig.worker("heir");
    rig.whole(run).await;
}
