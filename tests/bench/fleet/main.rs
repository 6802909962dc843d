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

use figures::System;
use ours::Fleet;
use shape::Shape;

/// The store of the server is forced to disk as often as the peers force theirs.
const EVERY_SECOND: &str = "jetstream { store_dir: js, sync_interval: 1s }";
const ALWAYS: &str = "jetstream { store_dir: js, sync_interval: always }";

/// Tasks of the largest graph, which only Runner is given.
const LARGEST: usize = 1_000_000;

/// The fastest peer that keeps what it was given, so the one that most goals are about.
const FASTEST: &str = "bullmq";

/// What can be asked for.
const SYSTEMS: [&str; 5] = ["raw", "runner", "forced", "limit", "largest"];

async fn measure(asked: &[String], shapes: &[Shape]) -> Vec<System> {
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|it| it == "all" || it == name);
    let named = |name: &str| asked.iter().any(|it| it == name);
    // ext4 is slow at making files for minutes after many were removed: they go at the end.
    let mut folders = Vec::new();
    let (mut raw, mut runner, mut peer) = (None, None, None);
    if wanted("runner") || named("largest") {
        let fleet = Fleet::start(EVERY_SECOND).await;
        folders.push(fleet.folder());
        let system = fleet.begin("JetStream, forced every second").await;
        runner = Some((fleet, system));
    }
    // One shape after the other: a machine may be a third slower a minute later, and the goals are
    // ratios.
    for &shape in shapes {
        eprintln!("{shape}");
        if wanted("raw")
            && let Some(times) = raw::measure(EVERY_SECOND, shape).await
        {
            raw.get_or_insert_with(raw::system).time(shape, times);
        }
        if wanted("runner")
            && let Some((fleet, system)) = &mut runner
        {
            fleet.measure(system, shape).await;
        }
        if wanted(FASTEST) {
            peer = peers::measure(FASTEST, &[shape], peer);
        }
    }
    if let Some((fleet, system)) = &mut runner {
        fleet.end(system, wanted("largest").then_some(LARGEST)).await;
    }
    // With its fleet: what comes now has the machine for itself.
    let runner = runner.map(|(_, system)| system);
    let mut systems: Vec<System> = raw.into_iter().chain(runner).collect();
    if wanted("forced") {
        eprintln!("runner, each message forced to disk");
        let fleet = Fleet::start(ALWAYS).await;
        folders.push(fleet.folder());
        let mut forced = fleet.begin("JetStream, each message forced before it counts").await;
        forced.name.push_str(", forced");
        for &shape in shapes {
            fleet.measure(&mut forced, shape).await;
        }
        fleet.end(&mut forced, None).await;
        systems.push(forced);
    }
    if wanted("limit") {
        eprintln!("runner, a limit that is never reached");
        let durability = "JetStream, forced every second".to_owned();
        systems.push(System { durability, ..limit::measure(EVERY_SECOND).await });
    }
    systems.extend(peer);
    let others = peers::NAMES.into_iter().filter(|name| *name != FASTEST && wanted(name));
    systems.extend(others.filter_map(|name| {
        eprintln!("{name}");
        peers::measure(name, shapes, None)
    }));
    systems
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
    let systems = runtime.block_on(measure(&asked, &shapes));
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
