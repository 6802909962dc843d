//! The codec: every message comes back, and anything else is an error.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

use std::fmt::Debug;

use alt::{ArchiveChoice, Json, LastOptions, Mode, Priority, TaskIndex};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use protocol::codec::{Error, VERSION, decode, encode};
use protocol::{
    ArtifactRecord, Attempt, AttemptKey, Body, Cancellation, Catalogue, Counts, End, Epoch,
    Failure, Heartbeat, Input, Insights, JobPolicy, MissingFile, Next, Offer, Outcome,
    Perturbation, Reuse, RunId, RunRecord, RunStatus, RunningAttempt, Schedule, Source, Started,
    Submission, Timestamp, Told, Verdict, WorkerId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

trait Message: Serialize + DeserializeOwned + PartialEq + Debug {}
impl<T: Serialize + DeserializeOwned + PartialEq + Debug> Message for T {}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,20}", "[a-z]{30,70}", "\\PC{250,300}"]
}

fn run() -> impl Strategy<Value = RunId> {
    any::<u128>().prop_map(RunId::from_bits)
}

fn attempt() -> impl Strategy<Value = Attempt> {
    (1_u32..).prop_map(|number| Attempt::new(number).unwrap())
}

fn task() -> impl Strategy<Value = TaskIndex> {
    prop_oneof![0_u32..300, any::<u32>()].prop_map(TaskIndex)
}

fn key() -> impl Strategy<Value = AttemptKey> {
    (run(), task(), attempt()).prop_map(|(run, task, attempt)| AttemptKey { run, task, attempt })
}

fn worker() -> impl Strategy<Value = WorkerId> {
    "[a-z0-9-]{1,32}".prop_map(|text| text.parse().unwrap())
}

fn mode() -> impl Strategy<Value = Mode> {
    select(&[Mode::Normal, Mode::Dream, Mode::Explore, Mode::Chaos][..])
}

fn json() -> impl Strategy<Value = Json> {
    let odd = [
        "1e400",
        "-0.0",
        "123456789012345678901234567890",
        "[ 1 ,2 ]",
        "\"\\ud83d\\ude00\"",
        "null",
    ];
    prop_oneof![
        select(odd.to_vec()).prop_map(|text| Json::from_text(text).unwrap()),
        text().prop_map(|text| Json::from_value(&text).unwrap()),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    let fields = (text(), task(), attempt(), text());
    fields.prop_map(|(id, task, attempt, queue)| Input { id, task, attempt, queue })
}

fn priority() -> impl Strategy<Value = Priority> {
    select(&[Priority::Critical, Priority::High, Priority::Medium, Priority::Low][..])
}

fn submission() -> impl Strategy<Value = Submission> {
    let stored = (text(), any::<u64>(), text()).prop_map(|(key, size, sha256)| Source::Stored {
        key,
        size,
        sha256,
    });
    let inline = vec(any::<u8>(), 0..100).prop_map(|bytes| Source::Inline(bytes.into()));
    let source = prop_oneof![inline, stored];
    let reuse = (run(), text(), text(), vec(task(), 0..3)).prop_map(
        |(run, last_key, last_sha256, again)| Reuse { run, last_key, last_sha256, again },
    );
    let fields = (run(), source, priority(), of(mode()), of(text()), of(reuse), options());
    fields.prop_map(|(run, alt, priority, mode, persona, reuse, last)| Submission {
        run,
        alt,
        priority,
        mode,
        persona,
        reuse,
        last,
    })
}

fn options() -> impl Strategy<Value = LastOptions> {
    let archive = select(ArchiveChoice::WORDS).prop_map(|(_, choice)| choice);
    let switch = || of(any::<bool>());
    (switch(), switch(), switch(), of(archive), switch(), switch()).prop_map(
        |(html, graph, artifacts, archive, compression, ai_insights)| LastOptions {
            html,
            graph,
            artifacts,
            archive,
            compression,
            ai_insights,
        },
    )
}

fn offer() -> impl Strategy<Value = Offer> {
    let perturbation = prop_oneof![
        Just(Perturbation::Fail),
        Just(Perturbation::Duplicate),
        any::<u32>().prop_map(Perturbation::DelayMs),
    ];
    let who = (key(), any::<u64>().prop_map(Epoch), text(), priority(), text(), text());
    let what = (of(json()), of(any::<u64>()), vec(input(), 0..4), any::<u32>());
    let how = (mode(), of(text()), of(perturbation), any::<bool>(), vec(next(), 0..3));
    (who, what, how).prop_map(|(who, what, how)| {
        let (key, epoch, queue, priority, id, job) = who;
        let (parameters, timeout_ms, inputs, dependencies) = what;
        let (mode, persona, perturbation, again, then) = how;
        Offer {
            run: key.run,
            task: key.task,
            attempt: key.attempt,
            epoch,
            queue,
            priority,
            id,
            job,
            parameters,
            timeout_ms,
            inputs,
            dependencies,
            mode,
            persona,
            perturbation,
            again,
            then,
        }
    })
}

fn next() -> impl Strategy<Value = Next> {
    let what = (of(json()), of(any::<u64>()), vec(input(), 0..4), any::<u32>());
    (task(), text(), text(), what).prop_map(|(task, id, job, what)| {
        let (parameters, timeout_ms, inputs, dependencies) = what;
        Next { task, id, job, parameters, timeout_ms, inputs, dependencies }
    })
}

fn started() -> impl Strategy<Value = Started> {
    let fields = (key(), worker(), any::<u64>());
    fields.prop_map(|(key, worker, timeout_ms)| Started { key, worker, timeout_ms })
}

fn cancellation() -> impl Strategy<Value = Cancellation> {
    (run(), text()).prop_map(|(run, reason)| Cancellation { run, reason })
}

fn insights() -> impl Strategy<Value = Insights> {
    let words = (text(), text(), of(any::<u64>()));
    let words = words.prop_map(|(text, model, tokens)| Told::Text { text, model, tokens });
    let told = prop_oneof![words, text().prop_map(|reason| Told::Nothing { reason })];
    (run(), told).prop_map(|(run, told)| Insights { run, told })
}

fn end() -> impl Strategy<Value = End> {
    let status = prop::sample::select(vec![
        RunStatus::Success,
        RunStatus::PartialSuccess,
        RunStatus::Failure,
        RunStatus::Refused,
    ]);
    let fields = (run(), text(), text(), status);
    fields.prop_map(|(run, last_key, last_sha256, status)| End {
        run,
        last_key,
        last_sha256,
        status,
    })
}

fn record() -> impl Strategy<Value = RunRecord> {
    let counts = any::<[u32; 9]>().prop_map(|counts| Counts {
        waiting: counts[0],
        ready: counts[1],
        backoff: counts[2],
        offered: counts[3],
        running: counts[4],
        completed: counts[5],
        failed: counts[6],
        timeout: counts[7],
        cancelled: counts[8],
    });
    let time = || any::<u64>().prop_map(Timestamp);
    let fields = (run(), text(), text(), time(), time(), counts, of(end()));
    fields.prop_map(|(run, alt_id, title, started, updated, counts, end)| RunRecord {
        run,
        alt_id,
        title,
        started,
        updated,
        counts,
        end,
    })
}

fn heartbeat() -> impl Strategy<Value = Heartbeat> {
    let running = (key(), text(), text(), any::<u64>())
        .prop_map(|(key, queue, job, for_ms)| RunningAttempt { key, queue, job, for_ms });
    let fields = (worker(), any::<u32>(), vec(text(), 0..4), vec(running, 0..20), any::<bool>());
    fields.prop_map(|(worker, slots, queues, running, draining)| Heartbeat {
        worker,
        slots,
        queues,
        running,
        draining,
    })
}

fn verdict() -> impl Strategy<Value = Verdict> {
    let outcomes =
        &[Outcome::Ok, Outcome::Failed, Outcome::Timeout, Outcome::Cancelled, Outcome::Lost];
    let failure =
        (text(), any::<bool>()).prop_map(|(message, retryable)| Failure { message, retryable });
    let stored = (text(), any::<u64>(), text()).prop_map(|(key, size, sha256)| Body::Stored {
        key,
        size,
        sha256,
    });
    let body = prop_oneof![json().prop_map(Body::Inline), stored];
    let artifact = (text(), text(), any::<u64>(), text())
        .prop_map(|(name, key, size, sha256)| ArtifactRecord { name, key, size, sha256 });
    let missing = (text(), text()).prop_map(|(path, reason)| MissingFile { path, reason });
    let told = (key(), select(&outcomes[..]), of(failure), of(body), of(worker()), any::<u64>());
    let seat_wait_ms = prop_oneof![Just(0), any::<u64>()];
    let files = (vec(artifact, 0..3), vec(missing, 0..3), of(text()));
    let then = vec(task(), 0..3);
    let left = (files, seat_wait_ms, vec(text(), 0..3), of(run()), then);
    (told, left).prop_map(|(told, (files, seat_wait_ms, log, reused_from, then))| {
        let (artifacts, missing, skipped) = files;
        let (key, outcome, failure, output, worker, run_ms) = told;
        Verdict {
            run: key.run,
            task: key.task,
            attempt: key.attempt,
            outcome,
            failure,
            output,
            artifacts,
            missing,
            skipped,
            worker,
            run_ms,
            seat_wait_ms,
            log,
            reused_from,
            then,
        }
    })
}

fn catalogue() -> impl Strategy<Value = Catalogue> {
    let schedule = prop_oneof![
        any::<u32>().prop_map(|seconds| Schedule::Every { seconds }),
        text().prop_map(|fields| Schedule::Cron { fields }),
    ];
    let limits = (of(any::<u32>()), any::<u8>(), any::<u32>());
    let rest = (of(schedule), of(any::<u32>()), prop::collection::vec(text(), 0..3));
    let policy =
        (text(), limits, any::<bool>(), rest).prop_map(|(queue, limits, enabled, rest)| {
            let (max_concurrent, retries, timeout_seconds) = limits;
            let (schedule, retry_delay_seconds, dependencies) = rest;
            JobPolicy {
                queue,
                max_concurrent,
                retries,
                retry_delay_seconds,
                timeout_seconds,
                schedule,
                enabled,
                dependencies,
                ..JobPolicy::default()
            }
        });
    prop::collection::btree_map(text(), policy, 0..5).prop_map(Catalogue)
}

/// The message comes back; nothing shorter, longer or of another version is one.
fn comes_back<T: Message>(
    message: &T,
    cut: &Index,
    more: u8,
    version: u8,
) -> Result<(), TestCaseError> {
    let bytes = encode(message).unwrap();
    prop_assert_eq!(bytes[0], VERSION);
    prop_assert_eq!(&decode::<T>(&bytes).unwrap(), message);
    let short = &bytes[..cut.index(bytes.len())];
    prop_assert!(decode::<T>(short).is_err(), "cut to {}", short.len());
    let long = [&bytes[..], &[more]].concat();
    prop_assert!(matches!(decode::<T>(&long), Err(Error::Trailing(1))));
    if version != VERSION {
        let other = [&[version], &bytes[1..]].concat();
        prop_assert!(matches!(decode::<T>(&other), Err(Error::Version(found)) if found == version));
    }
    Ok(())
}

/// Decodes bytes as every message; what decodes is the same the next time.
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    fn one<T: Message>(bytes: &[u8]) -> Result<(), TestCaseError> {
        if let Ok(message) = decode::<T>(bytes) {
            let again: T = decode(&encode(&message).unwrap()).unwrap();
            prop_assert_eq!(again, message);
        }
        Ok(())
    }
    one::<Submission>(bytes)?;
    one::<Offer>(bytes)?;
    one::<Started>(bytes)?;
    one::<Cancellation>(bytes)?;
    one::<End>(bytes)?;
    one::<Insights>(bytes)?;
    one::<RunRecord>(bytes)?;
    one::<Heartbeat>(bytes)?;
    one::<Verdict>(bytes)?;
    one::<Catalogue>(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_comes_back(
        messages in (submission(), offer(), started(), cancellation(), end(), record(), heartbeat(), verdict(), catalogue(), insights()),
        cut in any::<Index>(),
        more in any::<u8>(),
        version in any::<u8>(),
    ) {
        comes_back(&messages.0, &cut, more, version)?;
        comes_back(&messages.1, &cut, more, version)?;
        comes_back(&messages.2, &cut, more, version)?;
        comes_back(&messages.3, &cut, more, version)?;
        comes_back(&messages.4, &cut, more, version)?;
        comes_back(&messages.5, &cut, more, version)?;
        comes_back(&messages.6, &cut, more, version)?;
        comes_back(&messages.7, &cut, more, version)?;
        comes_back(&messages.8, &cut, more, version)?;
        comes_back(&messages.9, &cut, more, version)?;
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in vec(any::<u8>(), 0..300)) {
        survives(&bytes)?;
        survives(&[&[VERSION], &bytes[..]].concat())?;
    }

    #[test]
    fn a_changed_message_is_a_message_or_an_error(
        offer in offer(),
        verdict in verdict(),
        changes in vec((any::<Index>(), any::<u8>()), 1..5),
    ) {
        for mut bytes in [encode(&offer).unwrap(), encode(&verdict).unwrap()] {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            survives(&bytes)?;
        }
    }
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    assert!(matches!(decode::<End>(&[]), Err(Error::Empty)));
    for version in (0..=u8::MAX).filter(|&version| version != VERSION) {
        let error = decode::<End>(&[version, 0x80]).unwrap_err();
        assert!(matches!(error, Error::Version(found) if found == version));
        assert!(error.to_string().contains(&version.to_string()), "{error}");
    }
    let hostile: &[(&str, &[u8])] = &[
        ("nothing", &[]),
        ("nil", &[0xc0]),
        ("an unused byte", &[0xc1]),
        ("an empty map", &[0x80]),
        ("an empty list", &[0x90]),
        ("a map of 4 billion", &[0xdf, 0xff, 0xff, 0xff, 0xff]),
        ("a list of 4 billion", &[0xdd, 0xff, 0xff, 0xff, 0xff]),
        ("a string of 4 billion bytes", &[0xdb, 0xff, 0xff, 0xff, 0xff, b'a']),
        ("bytes of 4 billion", &[0xc6, 0xff, 0xff, 0xff, 0xff, 0]),
        ("an extension of 4 billion bytes", &[0xc9, 0xff, 0xff, 0xff, 0xff, 0, 0]),
        ("JSON", br#"{"run": "x"}"#),
    ];
    for (what, body) in hostile {
        let bytes = [&[VERSION], *body].concat();
        assert!(matches!(decode::<Offer>(&bytes), Err(Error::Decode(_))), "{what}");
        assert!(matches!(decode::<Verdict>(&bytes), Err(Error::Decode(_))), "{what}");
        assert!(matches!(decode::<Heartbeat>(&bytes), Err(Error::Decode(_))), "{what}");
    }
}

#[test]
fn nesting_without_end_is_refused() {
    for byte in [0x91, 0x81] {
        let bytes = [vec![VERSION], vec![byte; 1_000_000]].concat();
        assert!(decode::<Offer>(&bytes).is_err());
        // As the value of a field that nobody knows.
        let unknown = [vec![VERSION, 0x81, 0xa1, b'x'], vec![byte; 1_000_000]].concat();
        assert!(decode::<Offer>(&unknown).is_err());
    }
}

/// A message of a later build: the same and one field more.
#[derive(Serialize)]
struct Later {
    run: RunId,
    reason: String,
    since: Vec<Option<u64>>,
}

#[test]
fn a_field_of_a_later_build_is_skipped_and_a_missing_one_is_named() {
    let run = RunId::from_bits(7);
    let later = Later { run, reason: "asked".to_owned(), since: vec![None, Some(1)] };
    let found: Cancellation = decode(&encode(&later).unwrap()).unwrap();
    assert_eq!((found.run, found.reason.as_str()), (run, "asked"));
    let error = decode::<End>(&encode(&later).unwrap()).unwrap_err();
    let Error::Decode(cause) = error else {
        panic!("{error}");
    };
    assert!(cause.to_string().contains("last_key"), "{cause}");
}

#[test]
fn an_id_on_the_wire_is_checked_as_one_in_a_text() {
    #[derive(Serialize)]
    struct Forged<'a> {
        worker: &'a str,
        slots: u32,
        queues: Vec<String>,
        running: Vec<AttemptKey>,
        draining: bool,
    }
    let forged = |worker: &str| {
        let (queues, running) = (Vec::new(), Vec::new());
        let message = Forged { worker, slots: 1, queues, running, draining: false };
        decode::<Heartbeat>(&encode(&message).unwrap())
    };
    assert!(forged("worker-1").is_ok());
    for worker in ["", "a.b", "*", ">", "A", "a\r\nb"] {
        assert!(forged(worker).is_err(), "{worker:?}");
    }
    // An attempt counts from 1.
    let zero = encode(&(RunId::from_bits(7), 0_u32, 0_u32)).unwrap();
    assert!(decode::<AttemptKey>(&zero).is_err());
    let one = encode(&(RunId::from_bits(7), 0_u32, 1_u32)).unwrap();
    assert!(decode::<AttemptKey>(&one).is_ok());
}

#[test]
fn an_output_that_is_not_json_is_refused() {
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Forged {
        Inline(String),
    }
    for text in ["", "{", "1 2", "nan", "\u{feff}1", "[1,]"] {
        let bytes = encode(&Forged::Inline(text.to_owned())).unwrap();
        assert!(decode::<Body>(&bytes).is_err(), "{text:?}");
    }
    let deep = "[".repeat(100_000);
    assert!(decode::<Body>(&encode(&Forged::Inline(deep)).unwrap()).is_err());
}
