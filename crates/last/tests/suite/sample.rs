//! A small run with one of everything: success, retry, failure, cancelled dependents, artifacts, files.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use alt::{Alt, Json, Mode, TaskIndex};
use last::{Assembled, AttemptFacts, FileDigest, RunFacts, TaskEnd, TaskFacts};
use protocol::{
    ArtifactRecord, Attempt, Body, Counts, Failure, MissingFile, Outcome, Perturbation, RunId,
    Sequence, Stored, Timestamp, Verdict,
};

/// 2026-11-21T06:40:00Z.
pub(crate) const START: u64 = 1_795_243_200_000;

/// The large output, kept in a file.
pub(crate) const STORED: &[u8] = b"{\"rows\":[1,2,3]}";
/// The artifact of `fetch`.
pub(crate) const PAGE: &[u8] = b"<p>hello</p>";

/// What is gone of a run that kept all.
pub(crate) static NOTHING: BTreeSet<String> = BTreeSet::new();

/// The file of the release.
pub(crate) const RELEASE: &str = r#"{
    "id": "release", "title": "Release the site", "mode": "chaos", "chaos_level": 3,
    "persona": "a careful editor", "tags": ["site"], "priority": "high",
    "expected_completion_time": 60,
    "metadata": { "author": "Ada", "budget": 1e400, "nested": {
        "kept": [1, 2] } },
    "tasks": [
        { "id": "deploy", "description": "d", "job": "shell", "dependencies": ["check", "translate"] },
        { "id": "fetch", "description": "f", "job": "http", "tags": ["net"] },
        { "id": "translate", "description": "t", "job": "ai", "dependencies": ["fetch"] },
        { "id": "check", "description": "c", "job": "shell", "dependencies": ["fetch"], "queue": "big" },
        { "id": "announce", "description": "a", "job": "echo", "dependencies": ["deploy"] },
        { "id": "slow \"<pic>\"", "description": "s", "job": "shell" }
    ]
}"#;

pub(crate) fn alt(text: &str) -> Arc<Alt> {
    let report = alt::read(text.as_bytes(), &alt::Check::default());
    report.alt.unwrap_or_else(|| panic!("{:?}", report.diagnostics))
}

pub(crate) fn release() -> Arc<Alt> {
    alt(RELEASE)
}

pub(crate) fn run(alt: &Alt, counts: Counts) -> RunFacts<'_> {
    RunFacts {
        run: RunId::from_bits(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        alt,
        mode: alt.file().mode,
        persona: alt.file().persona.as_deref(),
        started: Timestamp(START),
        finished: Timestamp(START + 9_000),
        counts,
        cancelled: None,
        chaos: (alt.file().mode == Mode::Chaos).then_some((u64::MAX, 3)),
        durability: "this machine's disk",
        alt_file: None,
        reuse: None,
        artifacts: true,
        gone: &NOTHING,
        insights: None,
    }
}

pub(crate) fn release_counts() -> Counts {
    Counts { completed: 2, failed: 1, timeout: 1, cancelled: 2, ..Counts::default() }
}

pub(crate) fn assemble(alt: &Alt) -> (String, Assembled) {
    let mut out = Vec::new();
    let mut tell = |task| Ok::<_, Infallible>(release_task(task));
    let kept = FileDigest::read(RELEASE.as_bytes()).unwrap();
    let run = RunFacts { alt_file: Some(&kept), ..run(alt, release_counts()) };
    let assembled = last::assemble(&mut out, &run, &mut tell).unwrap();
    (String::from_utf8(out).unwrap(), assembled)
}

pub(crate) fn release_task(task: TaskIndex) -> TaskFacts {
    let cancelled = |at| facts(TaskEnd::Cancelled { cause: Some(TaskIndex(3)) }, at, vec![]);
    match task.0 {
        1 => facts(TaskEnd::Completed, 1_210, vec![fetched(task)]),
        2 => {
            let mut first = attempt(task, 1, (1_210, 1_510, 250), Err("the model was overloaded"));
            first.perturbation = Some(Perturbation::Fail);
            let mut second = attempt(task, 2, (1_700, 3_700, 1_900), Ok(stored()));
            second.perturbation = Some(Perturbation::DelayMs(40));
            facts(TaskEnd::Completed, 3_700, vec![first, second])
        }
        3 => {
            let errors = ["exit status 2", "exit status 2\n\u{1b}[31mline 7: unexpected `fi`"];
            let first = attempt(task, 1, (1_210, 1_300, 60), Err(errors[0]));
            let second = attempt(task, 2, (1_400, 1_500, 100), Err(errors[1]));
            facts(TaskEnd::Failed, 1_500, vec![first, second])
        }
        5 => {
            let mut late = attempt(task, 1, (10, 9_000, 60_000), Err("it ran longer than 9 s"));
            late.verdict.body.outcome = Outcome::Timeout;
            facts(TaskEnd::TimedOut, 9_000, vec![late])
        }
        _ => cancelled(1_501),
    }
}

fn fetched(task: TaskIndex) -> AttemptFacts {
    let output =
        Body::Inline(Json::from_text("{\n  \"status\": 200,\n  \"big\": 1e400 }").unwrap());
    let mut attempt = attempt(task, 1, (10, 1_210, 1_150), Ok(output));
    let record = |name: &str| ArtifactRecord {
        name: name.to_owned(),
        key: format!(".attempts/r/1.1/{name}"),
        size: PAGE.len() as u64,
        sha256: sha256(PAGE),
    };
    attempt.verdict.body.artifacts = vec![record("site/page.html"), record("Site/Page.html")];
    attempt.verdict.body.missing = vec![MissingFile {
        path: "/etc/hosts".into(),
        reason: "outside the scratch folder".into(),
    }];
    attempt.verdict.body.log = vec!["GET /".into(), "200".into()];
    attempt
}

fn stored() -> Body {
    let key = ".attempts/r/2.2/output.json".to_owned();
    Body::Stored { key, size: STORED.len() as u64, sha256: sha256(STORED) }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn facts(end: TaskEnd, decided: u64, attempts: Vec<AttemptFacts>) -> TaskFacts {
    TaskFacts { end, decided_at: Timestamp(START + decided), attempts }
}

/// An attempt whose (ready, verdict, run time) are milliseconds after the start.
pub(crate) fn attempt(
    task: TaskIndex,
    number: u32,
    (ready, at, run_ms): (u64, u64, u64),
    body: Result<Body, &str>,
) -> AttemptFacts {
    let (output, failure) = match body {
        Ok(output) => (Some(output), None),
        Err(message) => (None, Some(Failure { message: message.to_owned(), retryable: true })),
    };
    let verdict = Verdict {
        run: RunId::from_bits(1),
        task,
        attempt: Attempt::new(number).unwrap(),
        outcome: if output.is_some() { Outcome::Ok } else { Outcome::Failed },
        failure,
        output,
        artifacts: vec![],
        missing: vec![],
        worker: Some("worker-1".parse().unwrap()),
        run_ms,
        seat_wait_ms: 0,
        log: vec![],
        skipped: None,
        reused_from: None,
        then: vec![],
    };
    AttemptFacts {
        ready_at: Timestamp(START + ready),
        verdict: Stored { sequence: Sequence(1), at: Timestamp(START + at), body: verdict },
        perturbation: None,
    }
}
