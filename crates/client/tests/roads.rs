//! The same file on both roads: the same LAST but for ids, names and times.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alt::Priority;
use bus::nats::Settings;
use bus::{Bus, LocalBus, NatsBus};
use client::{Client, Request};
use job::{Context, Environment, Error, Permissions, Registry, job};
use protocol::{RunId, WorkerId, limits};
use serde_json::{Value, json};
use store::Store;
use tests::servers::NatsServer;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

#[job("give", description = "Returns its parameters.")]
async fn give(parameters: Value, _: Context) -> Result<Value, Error> {
    Ok(parameters)
}

#[job("break", description = "Fails, and says so.", max_retries = 1)]
async fn fail(_: Value, context: Context) -> Result<Value, Error> {
    context.log("about to break");
    Err(Error::failed("broken"))
}

/// The most attempts of `narrow` at once, and how many there are now.
static MOST: AtomicUsize = AtomicUsize::new(0);
static NOW: AtomicUsize = AtomicUsize::new(0);

#[job("narrow", description = "Two at once.", max_concurrent = 2)]
async fn narrow(_: Value, _: Context) -> Result<(), Error> {
    MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(20)).await;
    NOW.fetch_sub(1, Ordering::SeqCst);
    Ok(())
}

/// Nobody declares its queue before a worker with the credentials is heard of.
#[job("secret", description = "One at once.", max_concurrent = 1, requires_discord = true)]
async fn secret(_: Value, _: Context) -> Result<(), Error> {
    Ok(())
}

#[job("write", description = "Leaves a file.")]
async fn write(_: Value, context: Context) -> Result<Value, Error> {
    let kept = std::fs::write(context.scratch()?.join("a.txt"), "kept");
    kept.map_err(|error| Error::failed(error.to_string()))?;
    Ok(json!({"files": ["a.txt"], "text": "said", "filler": "x".repeat(100_000)}))
}

fn file() -> String {
    let mut tasks = vec![
        json!({"id": "a", "description": "x", "job": "give", "parameters": {"n": 7}}),
        json!({"id": "odd. id/ü", "description": "x", "job": "give", "dependencies": ["a"],
            "parameters": {"n": "${{ tasks.a.output.n }}", "big": 1e300}}),
        json!({"id": "left", "description": "x", "job": "write", "priority": "high"}),
        json!({"id": "fails", "description": "x", "job": "break", "dependencies": ["a"]}),
        json!({"id": "secret", "description": "x", "job": "secret"}),
        json!({"id": "never", "description": "x", "job": "give", "dependencies": ["fails"]}),
    ];
    for index in 0..12 {
        let before = if index % 3 == 0 { json!(["left"]) } else { json!([]) };
        tasks.push(json!({"id": format!("n{index}"), "description": "x", "job": "narrow",
            "dependencies": before}));
    }
    json!({"id": "both", "title": "Both roads", "tasks": tasks}).to_string()
}

/// What came of the file on a road: the LAST, and whether it holds.
async fn run_on<B: Bus>(bus: B, folder: &Path) -> Value {
    let store = Store::folder(&folder.join("out")).unwrap();
    let registry = Arc::new(Registry::discover().unwrap());
    let shutdown = CancellationToken::new();
    let settings = coordinator::Settings {
        catalogue: registry.catalogue(),
        durability: "as a test is".to_owned(),
        scratch: folder.join("scratch"),
        report_every: Duration::from_millis(100),
        window: limits::WINDOW,
        metrics: coordinator::Metrics::default(),
        last: alt::LastOptions::default(),
        signing_key: None,
        adviser: None,
    };
    let coordinating =
        coordinator::coordinate(bus.clone(), store.clone(), settings, shutdown.clone());
    let coordinating = tokio::spawn(coordinating);
    // Both declare the same queues; the workers may come before the coordinator is done with it. Those
    // that need credentials are left to it.
    bus.declare(&registry.catalogue().open_queues()).await.unwrap();
    let webhook = ("DISCORD_WEBHOOK_URL".to_owned(), "https://discord.test/1".to_owned());
    let environment = Arc::new(Environment::new([webhook]));
    let workers: Vec<_> = ["w-1", "w-2"]
        .map(|name| {
            let settings = worker::Settings {
                id: name.parse::<WorkerId>().unwrap(),
                slots: 4,
                uploads: protocol::limits::UPLOADS.into(),
                queues: registry.catalogue().queues().into_keys().collect(),
                permissions: Permissions::default(),
                environment: Arc::clone(&environment),
                scratch: folder.join(name),
                grace: Duration::from_secs(5),
                metrics: worker::Metrics::default(),
            };
            let (bus, store, registry) = (bus.clone(), store.clone(), Arc::clone(&registry));
            tokio::spawn(worker::work(bus, store, registry, settings, shutdown.clone()))
        })
        .into();
    let run = RunId::new();
    let (file, priority) = (file().into(), Priority::Medium);
    let last = alt::LastOptions::default();
    let request = Request { run, file, priority, mode: None, persona: None, reuse: None, last };
    Client::new(bus.clone()).submit(&store, request).await.unwrap();
    let end = timeout(Duration::from_secs(30), bus.ended(run)).await.unwrap().unwrap();
    let path = store.locate(&end.last_key);
    last::verify(Path::new(&path)).unwrap_or_else(|problems| panic!("{problems:?}"));
    shutdown.cancel();
    coordinating.await.unwrap().unwrap();
    for worker in workers {
        worker.await.unwrap().unwrap();
    }
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text.replace(&run.to_string(), "RUN")).unwrap()
}

/// Times, durations, names and what rests on them, made the same.
fn masked(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            // Told only where somebody waited for a seat, which is a matter of time too.
            let fields = fields.into_iter().filter(|(name, _)| name != "limit_ms");
            let masked = fields.map(|(name, value)| {
                let by_time = ["_ms", "_at", "_time"].iter().any(|end| name.ends_with(end));
                let masks = by_time || ["worker", "critical_path", "summary"].contains(&&*name);
                (name, if masks { json!("masked") } else { masked(value) })
            });
            Value::Object(masked.collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(masked).collect()),
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_has_one_last_on_either_road() {
    let folder = tempfile::tempdir().unwrap();
    let local = run_on(LocalBus::default(), &folder.path().join("local")).await;
    assert!(MOST.swap(0, Ordering::SeqCst) <= 2, "the limit of the local road");
    let server = NatsServer::start();
    let settings = Settings::new(server.url(), Duration::from_secs(2));
    NatsBus::open(&settings).await.unwrap().provision(true, None).await.unwrap();
    let bus = NatsBus::connect(&settings).await.unwrap();
    let fleet = run_on(bus, &folder.path().join("fleet")).await;
    assert!(MOST.load(Ordering::SeqCst) <= 2, "the limit of the fleet");
    let (local, fleet) = (masked(local), masked(fleet));
    assert_eq!(local["status"], "partial_success");
    let lines = |last: &Value| {
        let text = serde_json::to_string_pretty(last).unwrap();
        text.lines().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let (local, fleet) = (lines(&local), lines(&fleet));
    for (place, (local, fleet)) in local.iter().zip(&fleet).enumerate() {
        assert_eq!(local, fleet, "line {place}");
    }
    assert_eq!(local.len(), fleet.len());
}
