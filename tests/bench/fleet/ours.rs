//! Runner itself: a server, a coordinator and two workers as processes, results in a folder.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alt::{ArchiveChoice, LastOptions, Priority};
use bus::NatsBus;
use bytes::Bytes;
use client::{Client, Request};
use futures::future::join_all;
use futures::{StreamExt, stream};
use protocol::RunId;
use store::Store;
use tempfile::TempDir;
use tests::servers::NatsServer;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::figures::{System, Times, count};
use crate::shape::Shape;

/// No report, picture and archive: no peer makes any.
const LAST_ALONE: LastOptions = LastOptions {
    html: Some(false),
    graph: Some(false),
    archive: Some(ArchiveChoice::Off),
    artifacts: None,
    compression: None,
    ai_insights: Some(false),
};

/// Files that are made to see what one costs.
const FILES: u32 = 1_000;

/// Attempts that each of the two workers runs at once.
const SLOTS: &str = "128";
/// The longest that one run may take.
const PATIENCE: Duration = Duration::from_secs(900);
/// How long a lease lies; the workers have the product's own.
const LEASE: Duration = Duration::from_secs(30);

/// Runs that somebody waits for.
type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>;

/// The program that is measured: built beside this one.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join("runner")
}

/// What this system is called, with its version.
pub(crate) fn version() -> String {
    let told = Command::new(program()).arg("--version").output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    format!("Runner {}", told.split_whitespace().nth(1).unwrap_or_default())
}

/// What the repetitions of a shape cost.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    /// Processor time of the server, the coordinator, the workers.
    seconds: [f64; 3],
    times: usize,
}

impl Spent {
    /// What each of so many, done in each repetition, cost each of them.
    fn shown(&self, what: &str, shape: Shape, many: usize) -> String {
        let each = self.seconds.map(|seconds| seconds * 1e6 / count(many * self.times));
        let [server, coordinator, workers] = each;
        format!(
            "Processor time a {what}, {}: server {server:.0} µs, coordinator {coordinator:.0} µs, \
             workers {workers:.0} µs",
            shape.heading()
        )
    }
}

/// A server with its fleet.
pub(crate) struct Fleet {
    client: Client<NatsBus>,
    store: Store,
    waiting: Waiting,
    coordinator: Child,
    workers: Vec<Child>,
    folder: Arc<TempDir>,
    server: NatsServer,
}

impl Fleet {
    pub(crate) async fn start(conf: &str) -> Self {
        Self::with(conf, SLOTS, &[]).await
    }

    /// With workers of so many slots, and variables for all its parts.
    pub(crate) async fn with(conf: &str, slots: &str, variables: &[(&str, &str)]) -> Self {
        let server = NatsServer::start_with(conf);
        let folder = Arc::new(TempDir::new().unwrap());
        let command = |words: &[&str]| {
            let mut command = Command::new(program());
            command
                .args(words)
                .env("RUNNER_NATS_URL", server.url())
                .env("RUNNER_STORE_URL", format!("file://{}", folder.path().display()))
                .env("RUNNER_LOG_LEVEL", "warn")
                .envs(variables.iter().copied())
                .stdout(Stdio::null());
            command
        };
        assert!(command(&["doctor", "--fix"]).status().unwrap().success());
        let coordinator = command(&["coordinator", "--health", "off"]).spawn().unwrap();
        let worker = || command(&["worker", "--slots", slots, "--health", "off"]).spawn().unwrap();
        let workers = vec![worker(), worker()];
        let how = bus::nats::Settings::new(server.url(), LEASE);
        let client = Client::new(NatsBus::connect(&how).await.unwrap());
        let waiting = Waiting::default();
        hear(&server, Arc::clone(&waiting)).await;
        sleep(Duration::from_secs(2)).await;
        let store = Store::folder(folder.path()).unwrap();
        Self { client, store, waiting, coordinator, workers, folder, server }
    }

    /// Where the LASTs are; gone when nobody holds it any more.
    pub(crate) fn folder(&self) -> Arc<TempDir> {
        Arc::clone(&self.folder)
    }

    /// Submits a file and waits for its end: its LAST is stored by then.
    pub(crate) async fn run(&self, file: Bytes) -> Duration {
        self.run_for(file, LAST_ALONE).await
    }

    /// The same with more or less beside the LAST.
    async fn run_for(&self, file: Bytes, last: LastOptions) -> Duration {
        let run = RunId::new();
        let (told, end) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(run.to_string(), told);
        let begun = Instant::now();
        let request = Request {
            run,
            file,
            priority: Priority::Medium,
            mode: None,
            persona: None,
            reuse: None,
            last,
        };
        self.client.submit(&self.store, request).await.unwrap();
        timeout(PATIENCE, end).await.unwrap().unwrap();
        begun.elapsed()
    }

    /// Runs a shape once; a latency is of some hundred graphs.
    async fn times(&self, shape: Shape) -> Times {
        let file = Bytes::from(shape.alt());
        match shape {
            Shape::Small => {
                let runs = (0..300).map(|_| self.run(file.clone()));
                Times::Each(stream::iter(runs).buffer_unordered(10).collect().await)
            }
            Shape::One => {
                let mut each = Vec::new();
                for _ in 0..200 {
                    each.push(self.run(file.clone()).await);
                    sleep(Duration::from_millis(5)).await;
                }
                Times::Each(each)
            }
            Shape::Fan(_) | Shape::Chain(_) | Shape::Layered | Shape::Burst(_) => {
                let graphs = if let Shape::Burst(graphs) = shape { graphs } else { 1 };
                let begun = Instant::now();
                join_all((0..graphs).map(|_| self.run(file.clone()))).await;
                Times::Whole(vec![begun.elapsed()])
            }
        }
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

    /// What is known of it before anything is measured.
    pub(crate) async fn begin(&self, durability: &str) -> System {
        self.run(Shape::Fan(100).alt().into()).await;
        let mut system =
            System { name: version(), durability: durability.to_owned(), ..System::default() };
        let idle = self.workers.iter().map(|worker| memory(worker.id(), "VmRSS")).max().unwrap();
        system.weigh("worker, idle".to_owned(), idle);
        system
    }

    /// Runs a shape once, and adds what it cost to what it cost before.
    pub(crate) async fn measure(&self, system: &mut System, shape: Shape, spent: &mut Spent) {
        let before = self.cpu();
        system.time(shape, self.times(shape).await);
        let each = spent.seconds.iter_mut().zip(before).zip(self.cpu());
        each.for_each(|((spent, before), now)| *spent += now - before);
        spent.times += 1;
    }

    /// Tells what a shape cost, and what else is to be told of it.
    pub(crate) async fn tell(&self, system: &mut System, shape: Shape, spent: &Spent) {
        match shape {
            Shape::Fan(tasks) => {
                let rate = count(tasks) / self.last_execution().as_secs_f64();
                let alone = "submission to last verdict";
                system.note(format!("fan of {tasks}, {alone}: {rate:.0} tasks/s"));
                if tasks >= 10_000 {
                    system.note(spent.shown("task", shape, tasks));
                }
            }
            Shape::Burst(graphs) => {
                system.note(spent.shown("graph", shape, graphs));
                let each = self.small_file().as_micros();
                system.note(format!("a small file is made in {each} µs, {FILES} one by one"));
                let file = Bytes::from(shape.alt());
                let all = LastOptions::default();
                let begun = Instant::now();
                join_all((0..graphs).map(|_| self.run_for(file.clone(), all))).await;
                let rate = count(graphs) / begun.elapsed().as_secs_f64();
                let with = "with report, picture and archive";
                system.note(format!("{graphs} graphs of five at once {with}: {rate:.0} graphs/s"));
            }
            Shape::Chain(_) | Shape::Layered | Shape::Small | Shape::One => {}
        }
    }

    /// Runs a fan of so many once, and tells what all of it occupied.
    pub(crate) async fn end(&self, system: &mut System, largest: Option<usize>) {
        self.weigh(system, "at most");
        if let Some(tasks) = largest {
            let took = self.run(Shape::Fan(tasks).alt().into()).await;
            let rate = count(tasks) / took.as_secs_f64();
            let note = format!("fan of {tasks}: {:.0} s, {rate:.0} tasks/s", took.as_secs_f64());
            eprintln!("  {note}");
            system.note(note);
            self.weigh(system, &format!("at most, fan of {tasks}"));
        }
    }

    /// What a small file costs on this disk at this moment: ext4 gives out no inode again for minutes
    /// after its file was removed, and looks at all of those for each new file. A small graph makes
    /// four.
    fn small_file(&self) -> Duration {
        let folder = self.folder.path().join("small");
        std::fs::create_dir(&folder).unwrap();
        let begun = Instant::now();
        for name in 0..FILES {
            std::fs::write(folder.join(name.to_string()), "a small file").unwrap();
        }
        begun.elapsed() / FILES
    }

    /// Seconds of processor time so far: of the server, the coordinator, the workers.
    fn cpu(&self) -> [f64; 3] {
        let workers = self.workers.iter().map(|worker| cpu(worker.id())).sum();
        [cpu(self.server.pid()), cpu(self.coordinator.id()), workers]
    }

    /// Notes the most memory that each process had so far.
    fn weigh(&self, system: &mut System, when: &str) {
        let workers = self.workers.iter().map(|worker| memory(worker.id(), "VmHWM")).max().unwrap();
        for (name, mib) in [
            ("coordinator", memory(self.coordinator.id(), "VmHWM")),
            ("worker", workers),
            ("nats-server", memory(self.server.pid(), "VmHWM")),
        ] {
            system.weigh(format!("{name}, {when}"), mib);
        }
    }
}

/// Tells those who wait that their run has ended.
async fn hear(server: &NatsServer, waiting: Waiting) {
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut ends = client.subscribe("live.*.end").await.unwrap();
    client.flush().await.unwrap();
    tokio::spawn(async move {
        // The subscription ends with its client.
        let _client = client;
        while let Some(end) = ends.next().await {
            let run = end.subject.split('.').nth(1).unwrap_or_default();
            let told = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
            if let Some(told) = told {
                let _ = told.send(());
            }
        }
    });
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in self.workers.iter_mut().chain([&mut self.coordinator]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Seconds of processor time of a process; the kernel counts them in hundredths.
fn cpu(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

/// A line of a process's own account of itself, in MiB.
fn memory(process: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let found = status.lines().find(|found| found.starts_with(line)).unwrap();
    found.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
