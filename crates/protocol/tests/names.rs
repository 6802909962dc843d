//! Ids, subjects, moments and counts: what they accept, and what they are as text.

use std::time::Duration;

use alt::TaskIndex;
use proptest::prelude::*;
use protocol::{
    Attempt, AttemptKey, Catalogue, Counts, DEFAULT_QUEUE, JobPolicy, Outcome, RunId, Timestamp,
    WorkerId, subject,
};

const HEX: &str = "0123456789ab7cde8f0123456789abcd";

#[test]
fn a_run_id_is_32_hex_digits() {
    let run = RunId::from_bits(0x0123_4567_89ab_7cde_8f01_2345_6789_abcd);
    assert_eq!(run.to_string(), HEX);
    assert_eq!(HEX.parse(), Ok(run));
    assert_eq!(RunId::from_bits(0).to_string(), "0".repeat(32));
    let wrong = [
        "",
        "0123",
        &HEX[1..],
        &format!("{HEX}0"),
        &format!(" {}", &HEX[1..]),
        &format!("{}g", &HEX[1..]),
        &format!("{}é", &HEX[2..]),
        "01234567-89ab-7cde-8f01-23456789abcd",
        "{0123456789ab7cde8f0123456789abc}",
        "urn:uuid:0123456789ab7cde8f01234",
        "0123456789ab7cde.f0123456789abcd",
        "0123456789ab7cde*f0123456789abcd",
    ];
    for text in wrong {
        let error = text.parse::<RunId>().unwrap_err();
        assert_eq!(error.text, text);
        assert!(error.to_string().contains("32 hex digits"), "{error}");
    }
}

#[test]
fn run_ids_made_later_sort_later() {
    let ids: Vec<_> = (0..1_000).map(|_| RunId::new()).collect();
    assert!(ids.is_sorted());
    let texts: Vec<_> = ids.iter().map(RunId::to_string).collect();
    assert!(texts.is_sorted());
    assert_ne!(RunId::new().seed(), RunId::new().seed());
    assert_eq!(ids[0].seed(), ids[0].seed());
}

#[test]
fn a_worker_id_is_a_subject_token_and_a_file_name() {
    for fine in ["a", "local", "worker-1", "0", &"z".repeat(32)] {
        let id: WorkerId = fine.parse().unwrap();
        assert_eq!((id.as_str(), id.to_string().as_str()), (fine, fine));
        assert_eq!(String::from(id.clone()), fine);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{fine}\""));
    }
    assert_eq!(WorkerId::local().as_str(), "local");
    let long = "z".repeat(33);
    let wrong = ["", "A", "a.b", "a b", "a_b", "*", ">", "a/b", "..", "é", "a\n", "a\0", &long];
    for text in wrong {
        let error = text.parse::<WorkerId>().unwrap_err();
        assert_eq!(error.text, text);
        let json = serde_json::to_string(text).unwrap();
        serde_json::from_str::<WorkerId>(&json).unwrap_err();
    }
}

#[test]
fn attempts_count_from_1_and_stop_at_the_end() {
    assert_eq!(Attempt::new(0), None);
    assert_eq!(Attempt::new(1), Some(Attempt::FIRST));
    assert_eq!(Attempt::FIRST.next().get(), 2);
    let last = Attempt::new(u32::MAX).unwrap();
    assert_eq!(last.next(), last);
    assert_eq!(last.to_string(), "4294967295");
    serde_json::from_str::<Attempt>("0").unwrap_err();
    serde_json::from_str::<Attempt>("4294967296").unwrap_err();
}

#[test]
fn a_queue_is_one_token() {
    let long = "q".repeat(64);
    for fine in ["default", "gpu_2-A", "-", "_", "0", &long] {
        assert!(subject::is_queue(fine), "{fine}");
    }
    let longer = "q".repeat(65);
    for wrong in ["", ".", "a.b", "*", ">", "a b", "$JS", "é", "a\r\n", "a\0", "a/b", &longer] {
        assert!(!subject::is_queue(wrong), "{wrong:?}");
    }
    assert!(subject::is_queue(DEFAULT_QUEUE));
}

#[test]
fn subjects_are_spelled_once() {
    let run: RunId = HEX.parse().unwrap();
    let key = AttemptKey { run, task: TaskIndex(42), attempt: Attempt::FIRST.next() };
    let cases = [
        (subject::verdict(&key, "default"), format!("run.{HEX}.res.default.42.2")),
        (subject::cancellation(run), format!("run.{HEX}.ctl")),
        (subject::end(run), format!("run.{HEX}.end")),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn an_attempt_has_one_subject_and_no_other_is_read_as_it() {
    let key = AttemptKey { run: HEX.parse().unwrap(), task: TaskIndex(5), attempt: Attempt::FIRST };
    let offer = format!("task.gpu.1.{HEX}.5.1");
    assert_eq!(subject::offered(&offer), Some(("gpu".to_owned(), key)));
    assert_eq!(subject::stopped(&format!("stop.{HEX}.5.1")), Some(key));
    for tail in ["+5.1", "05.1", "5.01", "5.0", "5.1.1", "5", "4294967296.1", "-1.1", "*.1"] {
        assert_eq!(subject::offered(&format!("task.gpu.1.{HEX}.{tail}")), None, "{tail}");
        assert_eq!(subject::stopped(&format!("stop.{HEX}.{tail}")), None, "{tail}");
    }
    for head in ["task.a/b.1", "task..1", "task.gpu.4", "task.gpu.", "task.gpu.01", "TASK.gpu.1"] {
        assert_eq!(subject::offered(&format!("{head}.{HEX}.5.1")), None, "{head}");
    }
    assert_eq!(subject::offered(&offer.to_ascii_uppercase().replace("TASK.GPU", "task.gpu")), None);
}

#[test]
fn a_moment_is_rfc_3339_in_utc_with_milliseconds() {
    let cases = [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_795_243_590_123, "2026-11-21T06:46:30.123Z"),
        (253_402_207_200_000, "9999-12-30T22:00:00.000Z"),
        (253_402_300_800_000, "253402300800000 ms after 1970"),
        (i64::MAX.unsigned_abs(), "9223372036854775807 ms after 1970"),
        (u64::MAX, "18446744073709551615 ms after 1970"),
    ];
    for (milliseconds, expected) in cases {
        assert_eq!(Timestamp(milliseconds).to_string(), expected);
    }
}

#[test]
fn moments_neither_wrap_nor_run_backwards() {
    let cases = [
        (0, Duration::ZERO, 0),
        (5, Duration::from_millis(7), 12),
        (5, Duration::from_micros(999), 5),
        (u64::MAX - 1, Duration::from_millis(2), u64::MAX),
        (1, Duration::MAX, u64::MAX),
    ];
    for (start, wait, expected) in cases {
        assert_eq!(Timestamp(start).after(wait), Timestamp(expected));
    }
    assert_eq!(Timestamp(12).since(Timestamp(5)), 7);
    assert_eq!(Timestamp(5).since(Timestamp(12)), 0);
    assert!(Timestamp::now() > Timestamp(1_700_000_000_000));
}

#[test]
fn counts_add_up() {
    let counts = Counts {
        waiting: 1,
        ready: 10,
        backoff: 100,
        offered: 1_000,
        running: 10_000,
        completed: 100_000,
        failed: 200_000,
        timeout: 300_000,
        cancelled: 50_000,
    };
    assert_eq!((counts.decided(), counts.total()), (650_000, 661_111));
    assert_eq!(Counts::default().total(), 0);
}

#[test]
fn a_catalogue_names_each_queue_with_its_limit() {
    let policy = |queue: &str, max_concurrent| JobPolicy {
        queue: queue.to_owned(),
        max_concurrent,
        ..JobPolicy::default()
    };
    let jobs = [
        ("http".to_owned(), policy("http", Some(8))),
        ("echo".to_owned(), JobPolicy::default()),
        ("gpu".to_owned(), policy("gpu", None)),
    ];
    let catalogue = Catalogue(jobs.into());
    assert_eq!(catalogue.names().collect::<Vec<_>>(), ["echo", "gpu", "http"]);
    let queues: Vec<_> = catalogue.queues().into_iter().collect();
    let expected = [("default", None), ("gpu", None), ("http", Some(8))];
    assert_eq!(queues, expected.map(|(queue, limit)| (queue.to_owned(), limit)));
    assert_eq!(Catalogue::default().queues().len(), 1);
}

#[test]
fn the_word_of_an_outcome_is_the_same_everywhere() {
    for outcome in
        [Outcome::Ok, Outcome::Failed, Outcome::Timeout, Outcome::Cancelled, Outcome::Lost]
    {
        let json = serde_json::to_string(&outcome).unwrap();
        assert_eq!(json, format!("\"{}\"", outcome.name()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_id_is_read_back(bits in any::<u128>()) {
        let run = RunId::from_bits(bits);
        let text = run.to_string();
        prop_assert!(text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        prop_assert_eq!(text.parse(), Ok(run));
    }

    #[test]
    fn any_text_is_an_id_or_an_error(text in "\\PC{0,40}") {
        prop_assert_eq!(text.parse::<WorkerId>().is_ok(), text.parse::<WorkerId>().is_ok_and(|id| id.as_str() == text));
        if let Ok(run) = text.parse::<RunId>() {
            prop_assert_eq!(run.to_string(), text.to_ascii_lowercase());
        }
    }

    #[test]
    fn a_subject_has_as_many_tokens_as_its_pattern(bits in any::<u128>(), task in any::<u32>(), attempt in 1_u32.., queue in "[a-zA-Z0-9_-]{1,64}") {
        let run = RunId::from_bits(bits);
        let key = AttemptKey { run, task: TaskIndex(task), attempt: Attempt::new(attempt).unwrap() };
        let verdict = subject::verdict(&key, &queue);
        prop_assert_eq!(verdict.split('.').count(), 6);
        prop_assert!(verdict.split('.').all(|token| !token.is_empty()));
        prop_assert!(!verdict.contains(['*', '>', ' ']));
    }

    #[test]
    fn any_moment_is_shown_and_they_sort_as_their_texts(one in 0_u64..253_402_207_200_000, other in 0_u64..253_402_207_200_000) {
        let (one, other) = (Timestamp(one), Timestamp(other));
        prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
    }
}
