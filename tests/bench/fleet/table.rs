//! The figures as Markdown: what was measured on, one row a system, and the goals.

use std::fmt::Write as _;

use crate::figures::System;
use crate::ours;
use crate::shape::Shape;

/// What every page begins with.
const HEAD: &str = "# Runner beside its server and its peers

Written by `just bench`: all on one machine in one run. What the goals compare is measured in turns, each repetition
of a shape right after the others'; the rest one after the other. Each figure is the middle one of three repetitions
unless it says how many there were; a latency is the middle one and the 99th of a hundred. Tasks do nothing. Time counts from the submission until
all results are known to who asked; for Runner, until the LAST is stored, without report, picture and archive, which no
peer makes. `NATS alone` is a stock client that publishes, pulls, acks and stores a result a task, decides nothing, and
reads and writes no file.

![](RESULTS.svg)

";

/// The whole page.
pub(crate) fn table(systems: &[System]) -> String {
    let mut text = HEAD.to_owned();
    writeln!(text, "{}\n", machine()).unwrap();
    write!(text, "| |").unwrap();
    for shape in Shape::ALL {
        write!(text, " {}, {} |", shape.heading(), unit(shape)).unwrap();
    }
    writeln!(text, "\n|---|{}", "--:|".repeat(Shape::ALL.len())).unwrap();
    for system in systems {
        write!(text, "| {} |", system.name).unwrap();
        for shape in Shape::ALL {
            write!(text, " {} |", system.shown(shape)).unwrap();
        }
        text.push('\n');
    }
    text.push('\n');
    for system in systems {
        write!(text, "- **{}**: {}.", system.name, system.durability).unwrap();
        for (process, mib) in &system.memory {
            write!(text, " {process}: {mib} MiB.").unwrap();
        }
        for note in &system.notes {
            write!(text, " {note}.").unwrap();
        }
        text.push('\n');
    }
    goals(&mut text, systems);
    text
}

fn unit(shape: Shape) -> String {
    match shape {
        Shape::Small | Shape::One => "ms, p50 / p99".to_owned(),
        _ => shape.unit().to_owned(),
    }
}

/// What Runner is to reach, beside what it does.
fn goals(text: &mut String, systems: &[System]) {
    let own = ours::version();
    let Some(runner) = systems.iter().find(|system| system.name == own) else { return };
    text.push_str("\n| goal | here |\n|---|---|\n");
    let raw = systems.first().filter(|system| system.name == "NATS alone");
    if let Some(raw) = raw {
        for shape in [Shape::Fan(10_000), Shape::Fan(100_000)] {
            goal(text, runner, raw, shape, "≥ 0.5 of the raw server");
        }
        goal(text, runner, raw, Shape::Chain(500), "≤ 1.5 × the raw server");
    }
    let peers: Vec<_> = systems
        .iter()
        .filter(|it| !it.name.starts_with("Runner") && it.name != "NATS alone")
        .collect();
    let durable: Vec<_> =
        peers.iter().copied().filter(|it| !it.durability.starts_with("none")).collect();
    for (shape, against, wish) in [
        (Shape::Fan(10_000), &durable, "≥ 3 × the fastest durable peer"),
        (Shape::Fan(100_000), &durable, "≥ 3 × the fastest durable peer"),
        (Shape::Chain(500), &peers, "≤ 0.5 × the best peer"),
        (Shape::Burst(1_000), &peers, "≥ 1.5 × the best peer"),
    ] {
        let told = against.iter().filter_map(|it| Some((it.figure(shape)?, *it)));
        let best = if shape.more_is_better() {
            told.max_by(|one, other| one.0.total_cmp(&other.0))
        } else {
            told.min_by(|one, other| one.0.total_cmp(&other.0))
        };
        if let Some((_, best)) = best {
            goal(text, runner, best, shape, wish);
        }
    }
}

fn goal(text: &mut String, runner: &System, other: &System, shape: Shape, wish: &str) {
    if let (Some(ours), Some(theirs)) = (runner.figure(shape), other.figure(shape)) {
        let times = ours / theirs;
        let heading = shape.heading();
        writeln!(text, "| {heading}: {wish} | {times:.2} × {} |", other.name).unwrap();
    }
}

/// What it ran on, in one line.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let model = field(&read("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().unwrap();
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let kib: u64 = memory.split_whitespace().next().and_then(|it| it.parse().ok()).unwrap_or(0);
    let kernel = read("/proc/sys/kernel/osrelease");
    let gib = kib / (1024 * 1024);
    format!("{cores} × {model}, {gib} GiB, Linux {}.", kernel.trim())
}
