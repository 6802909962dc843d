//! Loops that die in the middle of a run: another of their kind goes on, and nothing is lost.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alt::Priority;
use bus::{Bus, LocalBus};
use client::{Client, Request};
use coordinator::{Advice, Adviser, Silence};
use futures::future::{BoxFuture, FutureExt};
use job::{Context, Error, Permissions, Registry, job};
use last::{LastFile, Prompt};
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

/// Runs until its worker dies, and must not be begun a second time.
#[job("once", idempotent = false)]
async fn once(_: Nothing, _: Context) -> Result<(), Error> {
    BEGUN.fetch_add(1, Ordering::SeqCst);
    std::future::pending().await
}

/// How often `once` began.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

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
        self.advised(None)
    }

    /// A coordinator that asks this one what to think of runs.
    fn advised(&self, adviser: Option<Arc<dyn Adviser>>) -> JoinHandle<Result<(), bus::Error>> {
        let settings = coordinator::Settings {
            catalogue: self.registry.catalogue(),
            durability: "none".to_owned(),
            scratch: self.folder.path().join("scratch"),
            report_every: Duration::from_millis(10),
            window: limits::WINDOW,
            metrics: coordinator::Metrics::default(),
            last: alt::LastOptions {
                ai_insights: Some(adviser.is_some()),
                ..alt::LastOptions::default()
            },
            signing_key: None,
            adviser,
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
        let tasks: Vec<serde_json::Value> = (0..100)
            .map(|index| {
                let before: Vec<_> =
                    (index >= 10).then(|| format!("t{}", index - 10)).into_iter().collect();
                json!({"id": format!("t{index}"), "description": "x", "job": "brief",
                    "dependencies": before})
            })
            .collect();
        self.hand_in(&tasks.into()).await
    }

    async fn hand_in(&self, tasks: &serde_json::Value) -> RunId {
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
    async fn whole(&self, run: RunId) -> LastFile {
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
        last
    }
}

/// Says its name, or nothing for ever, and counts how often it is asked.
#[derive(Debug)]
struct Oracle {
    name: &'static str,
    answers: bool,
    asked: AtomicUsize,
}

impl Oracle {
    fn new(name: &'static str, answers: bool) -> Arc<Self> {
        Arc::new(Self { name, answers, asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Adviser for Oracle {
    fn advise<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Advice, Silence>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        assert!(prompt.data.contains("100 of 100 tasks completed"), "{}", prompt.data);
        assert!(prompt.data.contains("Critical path"), "{}", prompt.data);
        if !self.answers {
            return std::future::pending().boxed();
        }
        let (text, model) = (format!("said by {}", self.name), self.name.to_owned());
        std::future::ready(Ok(Advice { text, model, tokens: None })).boxed()
    }
}

/// Waits until `true`.
async fn until<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    let waiting = async {
        while !is_so().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), waiting).await.unwrap();
}

/// What a model said is stored before it is used: who takes over asks nobody.
#[tokio::test]
async fn a_model_is_asked_once_whoever_writes_the_last() {
    let rig = Rig::new();
    // A file where the folder of this ALT has to be: no LAST can be stored.
    let obstacle = rig.folder.path().join("out/r");
    std::fs::create_dir_all(rig.folder.path().join("out")).unwrap();
    std::fs::write(&obstacle, "").unwrap();
    let run = rig.submit().await;
    let _worker = rig.worker("steady");
    let [mute, first, second] =
        [("mute", false), ("first", true), ("second", true)].map(|it| Oracle::new(it.0, it.1));
    let dies_asking = rig.advised(Some(Arc::clone(&mute) as Arc<dyn Adviser>));
    until(async || mute.asked() == 1).await;
    dies_asking.abort();
    let dies_storing = rig.advised(Some(Arc::clone(&first) as Arc<dyn Adviser>));
    until(async || rig.bus.insights_of(run).await.unwrap().is_some()).await;
    dies_storing.abort();
    let _last = rig.advised(Some(Arc::clone(&second) as Arc<dyn Adviser>));
    std::fs::remove_file(&obstacle).unwrap();
    let last = rig.whole(run).await;
    let said = last.metadata.insights().unwrap().unwrap();
    assert_eq!((said.text.as_str(), said.model.as_str()), ("said by first", "first"));
    assert_eq!((mute.asked(), first.asked(), second.asked()), (1, 1, 0));
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
    let last = rig.whole(run).await;
    assert_eq!(last.metadata.insights(), None, "nobody asked for any");
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

#[tokio::test]
async fn a_job_that_is_not_idempotent_is_not_begun_again_by_itself() {
    let rig = Rig::new();
    let run = rig.hand_in(&json!([{"id": "a", "description": "x", "job": "once"}])).await;
    let _coordinator = rig.coordinator();
    let worker = rig.worker("mortal");
    while BEGUN.load(Ordering::SeqCst) == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    worker.abort();
    let _heir = rig.worker("heir");
    let end = timeout(Duration::from_secs(20), rig.bus.ended(run)).await.unwrap().unwrap();
    assert_eq!(end.status, RunStatus::Failure);
    let last = std::fs::read(rig.store.locate(&end.last_key)).unwrap();
    let last = last::read(&last).unwrap();
    let error = last.task_results[0].error.clone().unwrap();
    assert!(error.contains("its job is not idempotent"), "{error}");
    assert_eq!(BEGUN.load(Ordering::SeqCst), 1);
}
