//! How fast large files are read and checked: links, parameters with references, length.

use std::fmt::{Display, Write};
use std::hint::black_box;

use alt::Check;
use criterion::{Criterion, SamplingMode, Throughput};

/// Tasks of one layer of the layered file.
const WIDTH: usize = 1_000;

/// A file whose tasks have these fields beside id and description.
fn file<T: Display>(tasks: usize, fields: impl Fn(usize) -> T) -> String {
    let mut text = String::from("{\"id\": \"bench\", \"title\": \"Bench\", \"tasks\": [\n");
    for task in 0..tasks {
        let comma = if task == 0 { "" } else { ",\n" };
        let fields = fields(task);
        let written = write!(
            text,
            "{comma}{{\"id\": \"task-{task}\", \"description\": \"Do part {task}\"{fields}}}"
        );
        assert!(written.is_ok(), "a string takes all text");
    }
    text.push_str("\n]}\n");
    text
}

/// 251 layers of 1,000 tasks, each after four of the layer before: 1,000,000 dependencies.
fn layered() -> String {
    file(251 * WIDTH, |task| {
        let Some(layer) = (task / WIDTH).checked_sub(1) else {
            return String::new();
        };
        let before = |step: usize| layer * WIDTH + (task * 7 + step * 251) % WIDTH;
        let [a, b, c, d] = [0, 1, 2, 3].map(before);
        format!(", \"dependencies\": [\"task-{a}\", \"task-{b}\", \"task-{c}\", \"task-{d}\"]")
    })
}

/// Tasks with parameters of several kinds, each with two references to the task before.
fn with_parameters() -> String {
    file(100_000, |task| {
        let Some(before) = task.checked_sub(1) else {
            return ", \"parameters\": {\"rows\": [1, 2, 3]}".to_owned();
        };
        format!(
            ", \"job\": \"http\", \"timeout_seconds\": 30, \"dependencies\": [\"task-{before}\"], \
             \"parameters\": {{\"url\": \"https://example.com/items/{task}\", \"method\": \"POST\", \
             \"headers\": {{\"accept\": \"application/json\"}}, \"limit\": 12.50, \
             \"body\": {{\"rows\": \"${{{{ tasks['task-{before}'].output.rows }}}}\", \
             \"note\": \"after ${{{{ tasks['task-{before}'].output.rows[0] }}}}\"}}}}"
        )
    })
}

/// As many tasks as a file may have, each after the one before.
fn chain() -> String {
    file(alt::limits::TASKS, |task| match task.checked_sub(1) {
        Some(before) => format!(", \"dependencies\": [\"task-{before}\"]"),
        None => String::new(),
    })
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("read");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let files = [
        ("1,000,000 dependencies", layered as fn() -> String),
        ("100,000 tasks with parameters and references", with_parameters),
        ("a chain of 1,000,000 tasks", chain),
    ];
    for (name, make) in files {
        let text = make();
        let check = Check::default();
        assert!(alt::read(text.as_bytes(), &check).alt.is_some(), "{name}");
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| alt::read(black_box(text.as_bytes()), &check));
        });
    }
    group.finish();
    criterion.final_summary();
}
