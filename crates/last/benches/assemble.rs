//! How long the LAST and the picture of 100,000 tasks take.

#![expect(clippy::expect_used, reason = "a bench that cannot run should say so")]

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io;

use alt::{Json, TaskIndex};
use criterion::{Criterion, criterion_group, criterion_main};
use last::{AttemptFacts, Picture, RunFacts, TaskEnd, TaskFacts};
use protocol::{
    Attempt, AttemptKey, Body, Counts, Outcome, RunId, Sequence, Stored, Timestamp, Verdict,
};

const TASKS: u32 = 100_000;

fn text() -> String {
    let mut text = String::from("{\"id\":\"b\",\"title\":\"B\",\"tasks\":[");
    for index in 0..TASKS {
        let comma = if index == 0 { "" } else { "," };
        let before = if index < 1000 { String::new() } else { format!("\"t{}\"", index - 1000) };
        let _ = write!(
            text,
            "{comma}{{\"id\":\"t{index}\",\"description\":\"d\",\"dependencies\":[{before}]}}"
        );
    }
    text.push_str("]}");
    text
}

fn told(task: TaskIndex) -> TaskFacts {
    let at = Timestamp(1_795_243_200_000 + u64::from(task.0));
    let key = AttemptKey { run: RunId::from_bits(1), task, attempt: Attempt::FIRST };
    let verdict = Verdict {
        output: Some(Body::Inline(Json::null())),
        run_ms: 1,
        ..Verdict::bare(key, Outcome::Ok)
    };
    let verdict = Stored { sequence: Sequence(1), at, body: verdict };
    let attempts = vec![AttemptFacts { ready_at: at, verdict, perturbation: None }];
    TaskFacts { end: TaskEnd::Completed, decided_at: at, attempts }
}

fn benchmarks(criterion: &mut Criterion) {
    let report = alt::read(text().as_bytes(), &alt::Check::default());
    let alt = report.alt.expect("the file is valid");
    let run = RunFacts {
        run: RunId::from_bits(1),
        alt: &alt,
        mode: alt.file().mode,
        persona: None,
        started: Timestamp(1_795_243_200_000),
        finished: Timestamp(1_795_243_400_000),
        counts: Counts { completed: TASKS, ..Counts::default() },
        cancelled: None,
        chaos: None,
        durability: "none",
        alt_file: None,
        reuse: None,
        artifacts: true,
        gone: &BTreeSet::new(),
        insights: None,
    };
    let mut group = criterion.benchmark_group("100,000 tasks");
    group.sample_size(10);
    group.bench_function("assemble", |bencher| {
        bencher.iter(|| {
            let mut tell = |task| Ok::<_, Infallible>(told(task));
            last::assemble(&mut io::sink(), &run, &mut tell).expect("the facts agree")
        });
    });
    group.bench_function("picture", |bencher| {
        bencher.iter(|| black_box(Picture::new(&alt, None).svg()));
    });
    group.finish();
}

criterion_group!(benches, benchmarks);
criterion_main!(benches);
