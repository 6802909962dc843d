//! A fleet with jobs made for the tests, and what came of a file it ran.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alt::Priority;
use client::{LocalFleet, LocalSettings, Request};
use job::{Context, Environment, Error, Permissions, Registry, job};
use last::LastFile;
use protocol::{Catalogue, Counts, RunId, limits};
use serde::Deserialize;

/// How many attempts of one job run now, and the most there ever were.
#[derive(Debug)]
pub(crate) struct Crowd {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Crowd {
    const fn new() -> Self {
        Self { now: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    async fn stay(&self, time: Duration) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(time).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

pub(crate) static FREE: Crowd = Crowd::new();
pub(crate) static NARROW: Crowd = Crowd::new();
/// Raised by `stubborn` while it runs, lowered when it is dropped.
pub(crate) static STUBBORN: AtomicUsize = AtomicUsize::new(0);
/// How often `flaky` was tried.
pub(crate) static TRIES: AtomicUsize = AtomicUsize::new(0);
/// How often `counted` ran.
pub(crate) static RUNS: AtomicUsize = AtomicUsize::new(0);

#[derive(Deserialize)]
struct Nothing {}

#[job("free", description = "Stays for a moment.")]
async fn free(_: Nothing, _: Context) -> Result<(), Error> {
    FREE.stay(Duration::from_millis(5)).await;
    Ok(())
}

#[job("narrow", description = "Stays for a moment, two at once.", max_concurrent = 2)]
async fn narrow(_: Nothing, _: Context) -> Result<(), Error> {
    NARROW.stay(Duration::from_millis(5)).await;
    Ok(())
}

#[job("panics", description = "Panics.")]
async fn panics(_: Nothing, _: Context) -> Result<(), Error> {
    let empty: Vec<u8> = Vec::new();
    assert!(!empty.is_empty(), "this job is broken");
    Ok(())
}

#[job("flaky", description = "Fails twice, then works.", max_retries = 3)]
async fn flaky(_: Nothing, context: Context) -> Result<usize, Error> {
    let before = TRIES.fetch_add(1, Ordering::SeqCst);
    context.log(format!("try {before}"));
    if before < 2 { Err(Error::failed("not yet")) } else { Ok(before) }
}

/// Lowers [`STUBBORN`] when the job is dropped.
struct Flag;

impl Drop for Flag {
    fn drop(&mut self) {
        STUBBORN.fetch_sub(1, Ordering::SeqCst);
    }
}

#[job("stubborn", description = "Never looks at its token.")]
async fn stubborn(_: Nothing, _: Context) -> Result<(), Error> {
    STUBBORN.fetch_add(1, Ordering::SeqCst);
    let _flag = Flag;
    std::future::pending().await
}

#[job("polite", description = "Ends when it is asked to.")]
async fn polite(_: Nothing, context: Context) -> Result<(), Error> {
    context.cancelled().cancelled().await;
    Err(Error::Cancelled)
}

#[job("counted", description = "Counts its runs.", max_retries = 2)]
async fn counted(_: Nothing, _: Context) -> Result<(), Error> {
    RUNS.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

#[derive(Deserialize)]
struct Leave {
    files: Vec<String>,
    #[serde(default)]
    bytes: usize,
}

#[job("leaves", description = "Leaves files in its scratch folder.")]
async fn leaves(parameters: Leave, context: Context) -> Result<serde_json::Value, Error> {
    for name in ["report.md", "data.json"] {
        std::fs::write(context.scratch()?.join(name), name)
            .map_err(|e| Error::failed(e.to_string()))?;
    }
    let filler = "x".repeat(parameters.bytes);
    Ok(serde_json::json!({"files": parameters.files, "text": "said", "filler": filler}))
}

#[job("looks", description = "Returns the output of its first dependency.")]
async fn looks(_: Nothing, context: Context) -> Result<usize, Error> {
    let first = context.dependencies().first().map(|input| input.id.clone()).unwrap_or_default();
    Ok(context.output(&first).await?.text().len())
}

#[derive(Deserialize)]
struct Erase {
    folder: PathBuf,
    names: Vec<String>,
}

#[job("erases", description = "Takes every file of these names out of a folder.")]
async fn erases(parameters: Erase, _: Context) -> Result<usize, Error> {
    let mut folders = vec![parameters.folder];
    let mut erased = 0;
    while let Some(folder) = folders.pop() {
        let entries = folder.read_dir().map_err(|error| Error::failed(error.to_string()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if parameters.names.contains(&name) {
                std::fs::remove_file(path).map_err(|error| Error::failed(error.to_string()))?;
                erased += 1;
            }
        }
    }
    Ok(erased)
}

/// A fleet of `slots` slots that keeps its results in `out`.
pub(crate) fn fleet(out: &Path, slots: usize) -> LocalFleet {
    fleet_in(out, slots, Arc::default())
}

/// The same, whose jobs see these variables.
pub(crate) fn fleet_in(out: &Path, slots: usize, environment: Arc<Environment>) -> LocalFleet {
    let registry = Registry::discover().unwrap();
    let settings = LocalSettings {
        out: out.to_owned(),
        max_concurrent: slots,
        permissions: Permissions::default(),
        environment,
        last: alt::LastOptions::default(),
        signing_key: None,
        adviser: None,
        uploads: limits::UPLOADS.into(),
        queues: BTreeSet::from(["elsewhere".to_owned()]),
    };
    LocalFleet::start(Arc::new(registry), settings).unwrap()
}

/// A file of these tasks.
pub(crate) fn file(tasks: &serde_json::Value) -> String {
    serde_json::json!({"id": "test", "title": "test", "tasks": tasks}).to_string()
}

/// `count` tasks of one job that need nothing.
pub(crate) fn many(job: &str, count: usize) -> serde_json::Value {
    (0..count)
        .map(|index| serde_json::json!({"id": format!("t{index}"), "description": "x", "job": job}))
        .collect()
}

pub(crate) async fn submit(fleet: &LocalFleet, alt: String) -> RunId {
    let run = RunId::new();
    let (file, priority) = (alt.into(), Priority::Medium);
    let last = alt::LastOptions::default();
    let request = Request { run, file, priority, mode: None, persona: None, reuse: None, last };
    fleet.client().submit(fleet.store(), request).await.unwrap();
    run
}

/// The LAST of a run that was submitted, verified.
pub(crate) async fn result(fleet: &LocalFleet, run: RunId) -> LastFile {
    let end = fleet.client().ended(run).await.unwrap();
    let path = fleet.store().locate(&end.last_key);
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(store::sha256(&bytes), end.last_sha256);
    last::verify(Path::new(&path)).unwrap_or_else(|problems| panic!("{problems:?}"));
    last::read(&bytes).unwrap()
}

/// Runs a file to its LAST.
pub(crate) async fn play(tasks: &serde_json::Value, slots: usize) -> (LastFile, tempfile::TempDir) {
    let out = tempfile::tempdir().unwrap();
    let fleet = fleet(out.path(), slots);
    let run = submit(&fleet, file(tasks)).await;
    let last = result(&fleet, run).await;
    fleet.stop().await;
    (last, out)
}

/// Waits until the run's counts are as wanted.
pub(crate) async fn until(fleet: &LocalFleet, run: RunId, wanted: impl Fn(Counts) -> bool) {
    while !fleet.client().record(run).await.unwrap().is_some_and(|record| wanted(record.counts)) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The policies of the jobs above.
pub(crate) fn catalogue() -> Catalogue {
    Registry::discover().unwrap().catalogue()
}
