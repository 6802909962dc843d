//! What is counted, when it is forgotten, and that the order of adding does not matter.

use alt::TaskIndex;

use super::*;
use crate::{Attempt, AttemptKey, Failure, RunId, WorkerId};

/// The middle of a part of an hour.
const NOW: Timestamp = Timestamp(1_795_243_650_000);

fn verdict(outcome: Outcome, run_ms: u64) -> Verdict {
    let key = AttemptKey { run: RunId::from_bits(7), task: TaskIndex(0), attempt: Attempt::FIRST };
    Verdict { worker: Some(WorkerId::local()), run_ms, ..Verdict::bare(key, outcome) }
}

fn lost(retryable: bool) -> Verdict {
    let failure = Failure { message: "gone".to_owned(), retryable };
    Verdict { failure: Some(failure), worker: None, ..verdict(Outcome::Lost, 0) }
}

fn later(minutes: u64) -> Timestamp {
    Timestamp(NOW.0 + minutes * 60_000)
}

#[test]
fn each_end_of_an_attempt_is_counted_as_what_it_was() {
    let mut stats = JobStats::default();
    let skipped = Verdict { skipped: Some("nothing".to_owned()), ..verdict(Outcome::Ok, 900) };
    let sealed = Verdict { worker: None, ..verdict(Outcome::Timeout, 0) };
    let reused = Verdict { reused_from: Some(RunId::from_bits(8)), ..verdict(Outcome::Ok, 0) };
    for (minute, (verdict, is_retry)) in [
        (verdict(Outcome::Ok, 30), false),
        (verdict(Outcome::Ok, 10), true),
        (verdict(Outcome::Failed, 50), false),
        (verdict(Outcome::Timeout, 70), true),
        (sealed, false),
        (lost(false), false),
        (lost(true), false),
        (skipped, false),
        (verdict(Outcome::Cancelled, 5), false),
        (reused, false),
    ]
    .into_iter()
    .enumerate()
    {
        stats.count(later(minute as u64), &verdict, is_retry);
    }
    let expected = Tally {
        ok: 2,
        skipped: 1,
        failed: 1,
        timed_out: 2,
        lost: 1,
        cancelled: 1,
        handed_back: 1,
        retried: 2,
        dead_letters: 0,
        timed: 4,
        total_ms: 160,
        min_ms: 10,
        max_ms: 70,
    };
    assert_eq!(stats.total, expected);
    assert_eq!((expected.attempts(), expected.executions(), expected.failures()), (9, 6, 4));
    assert_eq!(expected.average_ms(), Some(40));
    assert_eq!(expected.success_rate(), Some(2.0 / 6.0));
    assert_eq!((Tally::default().average_ms(), Tally::default().success_rate()), (None, None));
    let whens = [stats.last_execution, stats.last_success, stats.last_failure];
    assert_eq!(whens, [Some(later(5)), Some(later(1)), Some(later(5))]);
    assert_eq!(stats.last_hour(later(9)), expected);
    stats.count_dead_letter(later(9));
    assert_eq!(stats.total, Tally { dead_letters: 1, ..expected });
}

#[test]
fn what_is_an_hour_old_is_no_longer_recent_and_counts_all_the_same() {
    let mut stats = JobStats::default();
    stats.count(NOW, &verdict(Outcome::Failed, 1), false);
    // The twelfth part is the last one, and each has five minutes.
    assert_eq!(stats.last_hour(later(55)).failed, 1);
    assert_eq!(stats.last_hour(later(60)).failed, 0);
    // A clock that is behind loses nothing.
    assert_eq!(stats.last_hour(Timestamp(NOW.0 - 60 * 60_000)).failed, 1);
    stats.count(later(55), &verdict(Outcome::Ok, 1), false);
    assert_eq!(stats.recent.len(), 2);
    stats.count(later(60), &verdict(Outcome::Ok, 1), false);
    assert_eq!(stats.recent.len(), 2, "the first part is forgotten");
    // What comes late is no longer recent either.
    stats.count(NOW, &verdict(Outcome::Failed, 1), false);
    assert_eq!(stats.last_hour(later(60)), Tally { ok: 2, timed: 2, ..sum(2, 1) });
    assert_eq!((stats.total.failed, stats.total.ok), (2, 2));
    (0..100).for_each(|part| stats.count(later(part * 5), &verdict(Outcome::Ok, 1), false));
    assert_eq!(stats.recent.len() as u64, SLOTS);
}

fn sum(total_ms: u64, each: u64) -> Tally {
    Tally { total_ms, min_ms: each, max_ms: each, ..Tally::default() }
}

#[test]
fn however_it_is_added_up_it_comes_to_the_same() {
    let outcomes = [Outcome::Ok, Outcome::Failed, Outcome::Timeout, Outcome::Cancelled];
    let seen: Vec<(Timestamp, Verdict)> = (0..400_u64)
        .map(|number| {
            let lot = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            let outcome = outcomes[usize::try_from(lot % 4).unwrap_or(0)];
            (later(lot / 4 % 120), verdict(outcome, lot % 1000))
        })
        .collect();
    let fold = |seen: &[(Timestamp, Verdict)]| {
        let mut stats = JobStats::default();
        seen.iter().for_each(|(at, verdict)| stats.count(*at, verdict, false));
        stats
    };
    let whole = fold(&seen);
    assert_eq!(whole.total.attempts(), 400);
    for size in [1, 7, 100] {
        let parts: Vec<JobStats> = seen.chunks(size).map(fold).collect();
        let mut forwards = JobStats::default();
        parts.iter().for_each(|part| forwards.merge(part));
        let mut backwards = JobStats::default();
        parts.iter().rev().for_each(|part| backwards.merge(part));
        assert_eq!(forwards, whole, "by {size}");
        assert_eq!(backwards, whole, "by {size}");
    }
}

#[test]
fn sums_that_are_full_stay_so() {
    let full = Tally { ok: u64::MAX, timed: 1, total_ms: u64::MAX, ..Tally::default() };
    let mut stats = JobStats { total: full, ..JobStats::default() };
    stats.count(Timestamp(u64::MAX), &verdict(Outcome::Ok, 1), false);
    assert_eq!((stats.total.ok, stats.total.attempts()), (u64::MAX, u64::MAX));
    assert_eq!(stats.last_hour(Timestamp(u64::MAX)).ok, 1);
}
