//! How fast a fleet is, beside what its server can do at most and beside its peers, in one run.
//!
//! Everything is real: servers with their stores on disk, workers as processes of their own.
//! Prints a Markdown table and draws a chart; both are kept under `target/bench/`.
//! `just bench "raw runner bullmq"` measures only those, `just bench "runner small"` only that shape;
//! what is not installed is left out and told.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement prints, and fails loudly"
)]

mod chart;
mod figures;
mod limit;
mod ours;
mod peers;
mod raw;
mod shape;
mod table;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use figures::System;
use ours::{Fleet, Spent};
use peers::Peer;
use shape::Shape;
use tempfile::TempDir;

/// The store of the server is forced to disk as often as the peers force theirs.
const EVERY_SECOND: &str = "jetstream { store_dir: js, sync_interval: 1s }";
const ALWAYS: &str = "jetstream { store_dir: js, sync_interval: always }";

/// Tasks of the largest graph, which only Runner is given.
const LARGEST: usize = 1_000_000;

/// The fastest peer that keeps what it was given, so the one that most goals are about.
const FASTEST: &str = "bullmq";

/// How often each system runs a shape; a figure is of the middle one.
const REPETITIONS: usize = 3;

/// The longest that the fastest peer may take for all shapes, and that any other may.
const PATIENCE: Duration = Duration::from_secs(300);
const PATIENCE_ALONE: Duration = Duration::from_secs(90);

/// What can be asked for.
const SYSTEMS: [&str; 5] = ["raw", "runner", "forced", "limit", "largest"];

/// What the goals compare: the raw server, Runner, and the fastest peer.
struct Compared {
    raw: Option<System>,
    runner: Option<System>,
    peer: Option<System>,
    /// Where the LASTs are.
    folder: Option<Arc<TempDir>>,
}

/// Measures them in turns: a machine may be a third slower a minute later, and the goals are ratios.
async fn compare(asked: &Asked<'_>, shapes: &[Shape]) -> Compared {
    let mut raw = asked.wants("raw").then(raw::system);
    let mut runner = None;
    if asked.wants("runner") || asked.wants("largest") {
        let fleet = Fleet::start(EVERY_SECOND).await;
        let system = fleet.begin("JetStream, forced every second").await;
        runner = Some((fleet, system));
    }
    let mut peer = asked.wants(FASTEST).then(|| Peer::start(FASTEST, PATIENCE)).flatten();
    for &shape in shapes {
        eprintln!("{shape}");
        let mut spent = Spent::default();
        for _ in 0..REPETITIONS {
            if let Some(system) = &mut raw
                && let Some(times) = raw::measure(EVERY_SECOND, shape).await
            {
                system.time(shape, times);
            }
            if let Some((fleet, system)) = &mut runner
                && asked.wants("runner")
            {
                fleet.measure(system, shape, &mut spent).await;
            }
            if let Some(peer) = &mut peer {
                peer.measure(shape);
            }
        }
        if let Some((fleet, system)) = &mut runner
            && asked.wants("runner")
        {
            fleet.tell(system, shape, &spent).await;
        }
        let systems = raw.iter().chain(runner.as_ref().map(|it| &it.1));
        systems.chain(peer.as_ref().map(Peer::system)).for_each(|system| system.say(shape));
    }
    let peer = peer.map(Peer::end);
    let mut folder = None;
    if let Some((fleet, system)) = &mut runner {
        fleet.end(system, asked.wants("largest").then_some(LARGEST)).await;
        folder = Some(fleet.folder());
    }
    // Without its fleet: what comes next has the machine for itself.
    Compared { raw, runner: runner.map(|(_, system)| system), peer, folder }
}

/// A fleet that forces each message to disk.
async fn forced(shapes: &[Shape]) -> (System, Arc<TempDir>) {
    eprintln!("runner, each message forced to disk");
    let fleet = Fleet::start(ALWAYS).await;
    let mut system = fleet.begin("JetStream, each message forced before it counts").await;
    system.name.push_str(", forced");
    for &shape in shapes {
        let mut spent = Spent::default();
        for _ in 0..REPETITIONS {
            fleet.measure(&mut system, shape, &mut spent).await;
        }
        fleet.tell(&mut system, shape, &spent).await;
        system.say(shape);
    }
    fleet.end(&mut system, None).await;
    (system, fleet.folder())
}

/// A peer by itself. One that needs more than its time has told of the other shapes by then.
fn alone(name: &str, shapes: &[Shape]) -> Option<System> {
    eprintln!("{name}");
    let mut peer = Peer::start(name, PATIENCE_ALONE)?;
    let is_long = |shape: &Shape| matches!(shape, Shape::Fan(100_000));
    let (long, short): (Vec<Shape>, Vec<Shape>) = shapes.iter().partition(|shape| is_long(shape));
    for shape in short {
        for _ in 0..REPETITIONS {
            peer.measure(shape);
        }
        peer.system().say(shape);
    }
    for shape in long {
        peer.measure(shape);
        peer.system().say(shape);
    }
    Some(peer.end())
}

async fn measure(asked: &Asked<'_>, shapes: &[Shape]) -> Vec<System> {
    // ext4 is slow at making files for minutes after many were removed: they go at the end.
    let mut folders = Vec::new();
    let Compared { raw, runner, peer, folder } = compare(asked, shapes).await;
    folders.extend(folder);
    let mut systems: Vec<System> = raw.into_iter().chain(runner).collect();
    if asked.wants("forced") {
        let (system, folder) = forced(shapes).await;
        systems.push(system);
        folders.push(folder);
    }
    if asked.wants("limit") {
        eprintln!("runner, a limit that is never reached");
        let durability = "JetStream, forced every second".to_owned();
        systems.push(System { durability, ..limit::measure(EVERY_SECOND).await });
    }
    systems.extend(peer);
    let others = peers::NAMES.into_iter().filter(|name| *name != FASTEST && asked.wants(name));
    systems.extend(others.filter_map(|name| alone(name, shapes)));
    systems
}

/// What is to be measured.
struct Asked<'a>(&'a [String]);

impl Asked<'_> {
    /// Whether it is, by its name or because all are.
    fn wants(&self, name: &str) -> bool {
        self.0.is_empty() || self.names("all") || self.names(name)
    }

    fn names(&self, name: &str) -> bool {
        self.0.iter().any(|it| it == name)
    }
}

fn main() {
    // `cargo test --benches` and clippy's own runs only want to know that it builds.
    let words = std::env::args().skip(1).filter(|word| word != "--bench");
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let (shapes, asked): (Vec<_>, Vec<_>) = words.partition(|word| word.parse::<Shape>().is_ok());
    let mut shapes: Vec<Shape> = shapes.iter().filter_map(|word| word.parse().ok()).collect();
    if shapes.is_empty() {
        shapes.extend(Shape::ALL);
    }
    if let Some(unknown) = asked.iter().find(|it| !known(it)) {
        eprintln!(
            "`{unknown}` cannot be measured: {}, {}",
            SYSTEMS.join(", "),
            peers::NAMES.join(", ")
        );
        std::process::exit(2);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let systems = runtime.block_on(measure(&Asked(&asked), &shapes));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/bench");
    std::fs::create_dir_all(&folder).unwrap();
    let table = table::table(&systems);
    print!("{table}");
    std::fs::write(folder.join("RESULTS.md"), table).unwrap();
    std::fs::write(folder.join("RESULTS.svg"), chart::chart(&systems)).unwrap();
}

fn known(word: &str) -> bool {
    word == "all" || SYSTEMS.contains(&word) || peers::NAMES.contains(&word)
}
