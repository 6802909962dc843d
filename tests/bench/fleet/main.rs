//! How fast a fleet is, beside what the server and its stock client can do at most, in one run.
//!
//! Prints a Markdown table. Everything is real: a nats-server with its store on disk, a coordinator
//! and two workers as processes of their own, results in a folder.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement prints, and fails loudly"
)]

mod raw;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::Client;
use futures::StreamExt;
use tests::servers::NatsServer;
use tokio::time::{Instant, sleep, timeout};

/// Attempts that each of the two workers runs at once.
const SLOTS: &str = "128";

/// Tasks of the raw baseline, and of the smaller fan.
const TASKS: usize = 10_000;

/// The program that is measured: built beside this one.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join("runner")
}

/// A server with its fleet.
struct Fleet {
    client: Client,
    coordinator: Child,
    workers: Vec<Child>,
    folder: tempfile::TempDir,
    server: NatsServer,
}

impl Fleet {
    async fn start(conf: &str) -> Self {
        let server = NatsServer::start_with(conf);
        let folder = tempfile::tempdir().unwrap();
        let command = |words: &[&str]| {
            let mut command = Command::new(program());
            command
                .args(words)
                .env("RUNNER_NATS_URL", server.url())
                .env("RUNNER_STORE_URL", format!("file://{}", folder.path().display()))
                .env("RUNNER_LOG_LEVEL", "warn")
                .stdout(Stdio::null());
            command
        };
        assert!(command(&["doctor", "--fix"]).status().unwrap().success());
        let coordinator = command(&["coordinator", "--health", "off"]).spawn().unwrap();
        let worker = || command(&["worker", "--slots", SLOTS, "--health", "off"]).spawn().unwrap();
        let workers = vec![worker(), worker()];
        let client = async_nats::connect(server.url()).await.unwrap();
        sleep(Duration::from_secs(2)).await;
        Self { client, coordinator, workers, folder, server }
    }

    /// Submits a file and waits for its end.
    async fn run(&self, file: &Path) -> Took {
        let bytes = std::fs::read(file).unwrap();
        let mut ends = self.client.subscribe("live.*.end").await.unwrap();
        self.client.flush().await.unwrap();
        let begun = Instant::now();
        if bytes.len() < 700_000 {
            self.client.request("alt.submit", bytes.into()).await.unwrap();
        } else {
            let submitted = Command::new(program())
                .arg("submit")
                .arg(file)
                .env("RUNNER_NATS_URL", self.server.url())
                .env("RUNNER_STORE_URL", format!("file://{}", self.folder.path().display()))
                .stdout(Stdio::null())
                .status();
            assert!(submitted.unwrap().success());
        }
        timeout(Duration::from_secs(300), ends.next()).await.unwrap().unwrap();
        let whole = begun.elapsed();
        Took { whole, tasks: self.last_execution() }
    }

    /// From the submission to the last verdict, as the newest LAST says.
    fn last_execution(&self) -> Duration {
        let runs = self.folder.path().read_dir().unwrap().flat_map(|alt| {
            let runs = alt.unwrap().path().read_dir().into_iter().flatten();
            runs.map(|run| run.unwrap().path().join("last.json"))
        });
        let written = |path: &PathBuf| path.metadata().and_then(|it| it.modified()).ok();
        let newest = runs.filter(|path| written(path).is_some()).max_by_key(written).unwrap();
        let mut head = vec![0; 4096];
        let length = File::open(newest).unwrap().read(&mut head).unwrap();
        let head = String::from_utf8_lossy(&head[..length]);
        let (_, rest) = head.split_once("\"execution_time_ms\":").unwrap();
        let (number, _) = rest.split_once(',').unwrap();
        Duration::from_millis(number.trim().parse().unwrap())
    }

    /// The time from each verdict of a chain to the next, the middle one.
    async fn hop(&self, file: &Path) -> Duration {
        let mut verdicts = self.client.subscribe("live.*.res.>").await.unwrap();
        let mut ends = self.client.subscribe("live.*.end").await.unwrap();
        self.client.flush().await.unwrap();
        let bytes = std::fs::read(file).unwrap();
        self.client.request("alt.submit", bytes.into()).await.unwrap();
        let mut moments = Vec::new();
        loop {
            tokio::select! {
                biased;
                _ = verdicts.next() => moments.push(Instant::now()),
                _ = ends.next() => break,
            }
        }
        let hops = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
        median(hops)
    }
}

/// How long a run took.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Took {
    /// From the file to its LAST.
    whole: Duration,
    /// From the submission to the last verdict: what the baseline does as well.
    tasks: Duration,
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in self.workers.iter_mut().chain([&mut self.coordinator]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn median<T: Ord + Copy>(mut runs: Vec<T>) -> T {
    runs.sort_unstable();
    runs[runs.len() / 2]
}

/// A line of a process's own account of itself, in MiB.
fn memory(child: &Child, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let found = status.lines().find(|found| found.starts_with(line)).unwrap();
    found.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn file(folder: &Path, shape: &str, tasks: usize) -> PathBuf {
    let path = folder.join(format!("{shape}-{tasks}.alt.json"));
    let tasks = tasks.to_string();
    let made = Command::new(program())
        .args(["gen", "--shape", shape, "--tasks", &tasks, "-o"])
        .arg(&path)
        .stdout(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    path
}

fn rate(tasks: usize, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a count of tasks is far below 2^52")]
    let tasks = tasks as f64;
    tasks / took.as_secs_f64()
}

/// The two lines of a fan.
fn fan_rows(tasks: usize, took: Took, raw: f64) {
    let (fanned, whole) = (rate(tasks, took.tasks), rate(tasks, took.whole));
    row(
        &format!("fan of {tasks}, two workers, submission to last verdict"),
        &format!("{fanned:.0} tasks/s = {:.2} of raw", fanned / raw),
        "≥ 0.30 of raw",
    );
    let what = format!("fan of {tasks}, file checked, stored and submitted, to LAST");
    row(&what, &format!("{whole:.0} tasks/s = {:.2} of raw", whole / raw), "");
}

fn row(what: &str, figure: &str, goal: &str) {
    println!("| {what} | {figure} | {goal} |");
}

async fn measure() {
    let files = tempfile::tempdir().unwrap();
    let fan = file(files.path(), "fan", TASKS);
    let large = file(files.path(), "fan", 10 * TASKS);
    let chain = file(files.path(), "chain", 500);
    println!("| what | figure | goal |\n|---|---|---|");

    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(raw::throughput(TASKS).await);
    }
    let raw = rate(TASKS, median(runs));
    let trip = raw::round_trip(500).await;
    row("raw: publish, pull, ack, result, pipelined", &format!("{raw:.0} tasks/s"), "");
    row("raw: publish to result, p50", &format!("{} µs", trip.as_micros()), "");

    let fleet = Fleet::start("").await;
    let idle = fleet.workers.iter().map(|worker| memory(worker, "VmRSS")).max().unwrap();
    row("idle worker, resident", &format!("{idle} MiB"), "≤ 40 MiB");
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(fleet.run(&fan).await);
    }
    fan_rows(TASKS, median(runs), raw);
    let hop = fleet.hop(&chain).await;
    row(
        "chain of 500, hop, p50",
        &format!("{} µs = {:.2} × raw", hop.as_micros(), hop.as_secs_f64() / trip.as_secs_f64()),
        "≤ 2.5 × raw",
    );
    fan_rows(10 * TASKS, fleet.run(&large).await, raw);
    let peak = memory(&fleet.coordinator, "VmHWM");
    row("coordinator, peak resident", &format!("{peak} MiB"), "≤ 400 MiB");
    drop(fleet);

    let forced = Fleet::start("jetstream { store_dir: js, sync_interval: always }").await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(forced.run(&fan).await);
    }
    let forced = rate(TASKS, median(runs).whole);
    row(
        "fan of 10000 with sync_interval: always, file to LAST",
        &format!("{forced:.0} tasks/s"),
        "≥ 5,000 tasks/s",
    );
}

fn main() {
    // `cargo test --benches` and clippy's own runs only want to know that it builds.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}
