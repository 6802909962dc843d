//! Events a second: a fan-out of 100,000 tasks, each started and completed.
#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use alt::{Alt, Check};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use engine::{Effect, Event, Plan, Run, Verdict};
use protocol::{Catalogue, Outcome, RunId, Timestamp};

const TASKS: u64 = 100_000;

/// One root, then all the others at once.
fn fan_out() -> Arc<Alt> {
    let mut text = String::from(
        r#"{"id": "fan", "title": "fan", "tasks": [{"id": "root", "description": "x"}"#,
    );
    for index in 1..TASKS {
        let _ =
            write!(text, r#",{{"id": "{index}", "description": "x", "dependencies": ["root"]}}"#);
    }
    text.push_str("]}");
    alt::read(text.as_bytes(), &Check::default()).alt.expect("a valid file")
}

/// Every dispatched attempt starts and completes; two events a task.
fn drive(mut run: Run) -> Run {
    let mut at = Timestamp(0);
    run.handle(at, Event::Begin);
    while let Some(effect) = run.poll_effect() {
        if let Effect::Dispatch(it) = effect {
            at = Timestamp(at.0 + 1);
            let (task, attempt) = (it.task, it.attempt);
            run.handle(at, Event::Started { task, attempt, timeout_ms: 1_000 });
            let verdict = Verdict { outcome: Outcome::Ok, retryable: false, then: Vec::new() };
            run.handle(at, Event::Verdict { task, attempt, verdict });
        }
    }
    assert!(run.is_finished());
    run
}

fn bench(c: &mut Criterion) {
    let plan = Plan::new(RunId::from_bits(1), fan_out(), &Catalogue::default());
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(2 * TASKS)).sample_size(20);
    group.bench_function("fan-out events", |bencher| {
        bencher.iter_batched(
            || Run::new(plan.clone(), Timestamp(0)),
            |run| black_box(drive(run)),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
