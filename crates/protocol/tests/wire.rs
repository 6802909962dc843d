//! The bytes of each message, pinned: other builds and other versions read them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

use std::fmt::{Debug, Write};

use alt::{ArchiveChoice, Json, LastOptions, Mode, Priority, TaskIndex};
use protocol::codec::{decode, encode};
use protocol::{
    Answer, ArtifactRecord, Attempt, AttemptKey, Body, Cancellation, Catalogue, Counts, DeadLetter,
    Drain, End, Epoch, Failure, Heartbeat, Holder, Input, Insights, JobPolicy, JobRecord, JobStats,
    Misfire, MissingFile, Next, Offer, Outcome, Perturbation, Question, Reason, Reuse, RunId,
    RunRecord, RunStatus, RunningAttempt, Schedule, Sequence, Slot, Source, Standing, Started,
    Submission, Tally, TaskView, TickRun, Timestamp, Told, UnderWay, Verdict, Waiting, Why,
    WorkerId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn run() -> RunId {
    RunId::from_bits(0x0123_4567_89ab_7cde_8f01_2345_6789_abcd)
}

fn key() -> AttemptKey {
    AttemptKey { run: run(), task: TaskIndex(300), attempt: Attempt::FIRST.next() }
}

fn worker() -> WorkerId {
    "worker-1".parse().unwrap()
}

/// The bytes as lines of 16, in hex and as text; they are read back on the way.
fn dump<T: Serialize + DeserializeOwned + PartialEq + Debug>(message: &T) -> String {
    let bytes = encode(message).unwrap();
    assert_eq!(decode::<T>(&bytes).unwrap(), *message);
    let mut out = String::new();
    for line in bytes.chunks(16) {
        let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = line.iter().map(|&byte| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '.',
        });
        writeln!(out, "{:<47}  |{}|", hex.join(" "), text.collect::<String>()).unwrap();
    }
    out
}

#[test]
fn submission() {
    insta::assert_snapshot!(dump(&Submission {
        run: run(),
        alt: Source::Inline(r#"{"id": "f", "title": "é", "tasks": []}"#.into()),
        priority: Priority::High,
        mode: Some(Mode::Dream),
        persona: Some("a poet".to_owned()),
        reuse: Some(Reuse {
            run: RunId::from_bits(7),
            last_key: "f/07/last.json".to_owned(),
            last_sha256: "00ff".repeat(16),
            again: vec![TaskIndex(3)],
        }),
        last: LastOptions { archive: Some(ArchiveChoice::TarZst), ..LastOptions::default() },
    }));
}

#[test]
fn submission_that_says_little() {
    insta::assert_snapshot!(dump(&Submission {
        run: run(),
        alt: Source::Inline("{}".into()),
        priority: Priority::Medium,
        mode: None,
        persona: None,
        reuse: None,
        last: LastOptions::default(),
    }));
}

#[test]
fn submission_of_a_file_in_the_store() {
    insta::assert_snapshot!(dump(&Submission {
        run: run(),
        alt: Source::Stored {
            key: ".submitted/00ff.json".to_owned(),
            size: 70_000_000,
            sha256: "00ff".repeat(16),
        },
        priority: Priority::Medium,
        mode: None,
        persona: None,
        reuse: None,
        last: LastOptions::default(),
    }));
}

fn why() -> Why {
    let holder = Holder { worker: worker(), run: run(), task: TaskIndex(1), for_ms: 60_000 };
    let standing = Standing::Running { worker: Some(worker()), for_ms: Some(5) };
    Why {
        task: TaskView { id: "b".to_owned(), attempt: None, standing: Standing::Offered },
        now: Timestamp(1_795_243_590_123),
        reasons: vec![
            Reason::Dependency { task: "a".to_owned(), standing },
            Reason::Along { task: "a".to_owned() },
            Reason::Limit { queue: "gpu".to_owned(), limit: 1, holders: vec![holder] },
        ],
    }
}

#[test]
fn question_and_answer() {
    insta::assert_snapshot!(dump(&Question::Why { task: "b".to_owned() }));
    insta::assert_snapshot!(dump(&Answer::Why(why())));
}

#[test]
fn what_waits_of_a_run() {
    let waiting = Waiting { queued: 1, ready: 70_000, backoff: 0 };
    let answer = Answer::Waiting([("echo".to_owned(), waiting)].into());
    insta::assert_snapshot!([dump(&Question::Waiting), dump(&answer)].join("\n"));
}

fn offer() -> Offer {
    Offer {
        run: run(),
        task: TaskIndex(300),
        attempt: Attempt::FIRST,
        epoch: Epoch(7),
        queue: "gpu".to_owned(),
        priority: Priority::Critical,
        id: "count.é".to_owned(),
        job: "http".to_owned(),
        parameters: Some(Json::from_text(r#"{"n": 1e400, "s": "${{ tasks.a.output }}"}"#).unwrap()),
        timeout_ms: Some(30_000),
        inputs: vec![Input {
            id: "a".to_owned(),
            task: TaskIndex(0),
            attempt: Attempt::FIRST.next(),
            queue: "default".to_owned(),
        }],
        dependencies: 1,
        mode: Mode::Chaos,
        persona: Some("a poet".to_owned()),
        perturbation: Some(Perturbation::DelayMs(1_500)),
        again: true,
        then: vec![Next {
            task: TaskIndex(301),
            id: "tell".to_owned(),
            job: "echo".to_owned(),
            parameters: Some(Json::from_text(r#"{"n": 2}"#).unwrap()),
            timeout_ms: Some(10_000),
            inputs: vec![Input {
                id: "count.é".to_owned(),
                task: TaskIndex(300),
                attempt: Attempt::FIRST,
                queue: "gpu".to_owned(),
            }],
            dependencies: 1,
        }],
    }
}

#[test]
fn offer_that_says_all() {
    insta::assert_snapshot!(dump(&offer()));
}

#[test]
fn offer_that_says_little() {
    insta::assert_snapshot!(dump(&Offer {
        parameters: None,
        timeout_ms: None,
        inputs: Vec::new(),
        dependencies: 0,
        mode: Mode::Normal,
        persona: None,
        perturbation: None,
        then: Vec::new(),
        ..offer()
    }));
}

#[test]
fn words_of_the_wire() {
    let words = [
        dump(
            &[Outcome::Ok, Outcome::Failed, Outcome::Timeout, Outcome::Cancelled, Outcome::Lost]
                .to_vec(),
        ),
        dump(&[Mode::Normal, Mode::Dream, Mode::Explore, Mode::Chaos].to_vec()),
        dump(&[Priority::Critical, Priority::High, Priority::Medium, Priority::Low].to_vec()),
        dump(&[Perturbation::Fail, Perturbation::DelayMs(0), Perturbation::Duplicate].to_vec()),
    ];
    insta::assert_snapshot!(words.join("\n"));
}

#[test]
fn started() {
    insta::assert_snapshot!(dump(&Started { key: key(), worker: worker(), timeout_ms: 300_000 }));
}

#[test]
fn cancellation() {
    insta::assert_snapshot!(dump(&Cancellation {
        run: run(),
        reason: "asked by a person".to_owned(),
    }));
}

#[test]
fn insights() {
    let (text, model) = ("All went well.".to_owned(), "small-1".to_owned());
    let told = Told::Text { text, model, tokens: Some(300) };
    let nothing = Told::Nothing { reason: "nobody answered".to_owned() };
    let both = [told, nothing].map(|told| dump(&Insights { run: run(), told }));
    insta::assert_snapshot!(both.join("\n"));
}

fn end() -> End {
    End {
        run: run(),
        last_key: "last/0123.json".to_owned(),
        last_sha256: "00ff".repeat(16),
        status: RunStatus::PartialSuccess,
    }
}

#[test]
fn end_of_a_run() {
    insta::assert_snapshot!(dump(&end()));
}

#[test]
fn run_record() {
    let counts = Counts {
        waiting: 1,
        ready: 2,
        backoff: 3,
        offered: 4,
        running: 5,
        completed: 6,
        failed: 7,
        timeout: 8,
        cancelled: 1_000_000,
    };
    insta::assert_snapshot!(dump(&RunRecord {
        run: run(),
        alt_id: "nightly".to_owned(),
        title: "Nightly report".to_owned(),
        started: Timestamp(1_795_243_590_123),
        updated: Timestamp(1_795_243_591_000),
        counts,
        end: Some(end()),
    }));
}

#[test]
fn heartbeat() {
    insta::assert_snapshot!(dump(&Heartbeat {
        worker: worker(),
        slots: 4,
        queues: vec!["default".to_owned()],
        running: vec![RunningAttempt {
            key: key(),
            queue: "default".to_owned(),
            job: "echo".to_owned(),
            for_ms: 70,
        }],
        draining: true,
    }));
}

fn verdict(outcome: Outcome) -> Verdict {
    Verdict {
        run: run(),
        task: TaskIndex(300),
        attempt: Attempt::FIRST,
        outcome,
        failure: None,
        output: None,
        artifacts: Vec::new(),
        missing: Vec::new(),
        worker: Some(worker()),
        run_ms: 1_234,
        seat_wait_ms: 0,
        log: Vec::new(),
        skipped: None,
        reused_from: None,
        then: Vec::new(),
    }
}

#[test]
fn verdict_with_an_output() {
    insta::assert_snapshot!(dump(&Verdict {
        output: Some(Body::Inline(
            Json::from_text(r#"{"rows": 12345678901234567890123}"#).unwrap()
        )),
        artifacts: vec![ArtifactRecord {
            name: "rows.csv".to_owned(),
            key: "run/0123/rows.csv".to_owned(),
            size: 5_000_000_000,
            sha256: "00ff".repeat(16),
        }],
        missing: vec![MissingFile { path: "gone.csv".to_owned(), reason: "not found".to_owned() }],
        seat_wait_ms: 250,
        log: vec!["one".to_owned(), "two".to_owned()],
        then: vec![TaskIndex(301)],
        ..verdict(Outcome::Ok)
    }));
}

#[test]
fn verdict_with_a_stored_output() {
    insta::assert_snapshot!(dump(&Verdict {
        output: Some(Body::Stored {
            key: "run/0123/output".to_owned(),
            size: 70_000,
            sha256: "00ff".repeat(16),
        }),
        ..verdict(Outcome::Ok)
    }));
}

#[test]
fn verdict_taken_over_from_an_earlier_run() {
    insta::assert_snapshot!(dump(&Verdict {
        worker: None,
        run_ms: 0,
        skipped: None,
        reused_from: Some(RunId::from_bits(7)),
        ..verdict(Outcome::Ok)
    }));
}

#[test]
fn verdict_of_a_failure_sealed_by_a_coordinator() {
    insta::assert_snapshot!(dump(&Verdict {
        failure: Some(Failure { message: "worker lost".to_owned(), retryable: true }),
        worker: None,
        run_ms: 0,
        ..verdict(Outcome::Lost)
    }));
}

#[test]
fn dead_letter() {
    insta::assert_snapshot!(dump(&DeadLetter {
        queue: "letters".to_owned(),
        sequence: Sequence(7),
        id: "first".to_owned(),
        key: "anna".to_owned(),
        sent: Timestamp(1_700_000_000_000),
        died: Timestamp(1_700_000_009_000),
        run: Some(RunId::from_parts(Timestamp(1_700_000_000_000), [7; 10])),
        attempts: 3,
        error: "exit code 1".to_owned(),
        body: b"{}".as_slice().into(),
    }));
}

#[test]
fn job_record() {
    let run = RunId::from_parts(Timestamp(1_700_000_000_000), [7; 10]);
    let at = Timestamp(1_700_000_000_000);
    let begun = TickRun { run, tick: at, began: at };
    let messages = vec![Sequence(3), Sequence(9)];
    insta::assert_snapshot!(dump(&JobRecord {
        under_way: Some(UnderWay { begun, messages }),
        taken: Some(Sequence(9)),
        runs: 4,
        ..JobRecord::default()
    }));
}

#[test]
fn catalogue() {
    let policy = JobPolicy {
        queue: "http".to_owned(),
        max_concurrent: Some(8),
        retries: 2,
        retry_delay_seconds: Some(30),
        timeout_seconds: 60,
        needs_credentials: true,
        schedule: Some(Schedule::Cron { fields: "0 */5 * * * *".to_owned() }),
        enabled: false,
        jitter_seconds: 5,
        misfire: Misfire::CatchUp,
        priority: Priority::Critical,
        drains: Some(Drain {
            queue: "letters".to_owned(),
            batch_size: 25,
            preserve_order: true,
            dead_letter: false,
        }),
        dependencies: vec!["echo".to_owned()],
    };
    let jobs = [("echo".to_owned(), JobPolicy::default()), ("http".to_owned(), policy)];
    insta::assert_snapshot!(dump(&Catalogue(jobs.into())));
}

#[test]
fn what_is_counted_of_a_job() {
    let tally = Tally {
        ok: 1,
        skipped: 2,
        failed: 3,
        timed_out: 4,
        lost: 5,
        cancelled: 6,
        handed_back: 7,
        retried: 8,
        dead_letters: 9,
        timed: 10,
        total_ms: 300_000,
        min_ms: 11,
        max_ms: 70_000,
    };
    insta::assert_snapshot!(dump(&JobStats {
        total: tally,
        recent: vec![Slot { number: 5_984_145, tally }],
        last_execution: Some(Timestamp(1_795_243_590_123)),
        last_success: None,
        last_failure: Some(Timestamp(1_795_243_590_123)),
    }));
}
