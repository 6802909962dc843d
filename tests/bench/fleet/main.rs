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

/// What can be asked for.
const SYSTEMS: [&str; 5] = ["raw", "runner", "forced", "limit", "largest"];

async fn measure(asked: &[String], shapes: &[Shape]) -> Vec<System> {
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|it| it == "all" || it == name);
    let named = |name: &str| asked.iter().any(|it| it == name);
    let mut systems = Vec::new();
    // ext4 is slow at making files for minutes after many were removed: they go at the end.
    let mut folders = Vec::new();
    if wanted("raw") {
        eprintln!("raw");
        let durability = "file storage, forced every second".to_owned();
        systems.push(System { durability, ..raw::measure(EVERY_SECOND, shapes).await });
    }
    if wanted("runner") || named("largest") {
        eprintln!("runner");
        let fleet = Fleet::start(EVERY_SECOND).await;
        folders.push(fleet.folder());
        let shapes = if wanted("runner") { shapes } else { &[] };
        let largest = wanted("largest").then_some(LARGEST);
        let durability = "JetStream, forced every second".to_owned();
        let name = ours::version();
        systems.push(System { name, durability, ..fleet.measure(shapes, largest).await });
    }
    if wanted("forced") {
        eprintln!("runner, each message forced to disk");
        let fleet = Fleet::start(ALWAYS).await;
        folders.push(fleet.folder());
        let durability = "JetStream, each message forced before it counts".to_owned();
        let name = format!("{}, forced", ours::version());
        systems.push(System { name, durability, ..fleet.measure(shapes, None).await });
    }
    if wanted("limit") {
        eprintln!("runner, a limit that is never reached");
        let durability = "JetStream, forced every second".to_owned();
        systems.push(System { durability, ..limit::measure(EVERY_SECOND).await });
    }
    for name in peers::NAMES.into_iter().filter(|name| wanted(name)) {
        eprintln!("{name}");
        match peers::measure(name, shapes) {
            Some(system) => systems.push(system),
            None => eprintln!("  not installed: `just peers` does it"),
        }
    }
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
