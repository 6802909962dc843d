//! Each threshold from both sides.

use protocol::{
    LiveOptions, PastRun, RunId, RunStatus, SLOT_MS, SkippedTick, Slot, TickRun, UnderWay,
    WaitingTick,
};

use super::*;

const NOW: Timestamp = Timestamp(1_795_243_650_000);

const HOUR: u64 = 60 * 60;

fn stats(tally: Tally) -> JobStats {
    let recent = vec![Slot { number: NOW.0 / SLOT_MS, tally }];
    JobStats { total: tally, recent, ..JobStats::default() }
}

fn ended(ok: u64, failed: u64) -> Tally {
    Tally { ok, failed, ..Tally::default() }
}

fn health(tallies: &[Tally]) -> Health {
    let stats: Vec<JobStats> = tallies.iter().copied().map(stats).collect();
    let known = stats.iter().map(|stats| Known { job: "j", stats, record: None, policy: None });
    judge(known, NOW)
}

#[test]
fn a_job_is_failing_when_more_than_half_of_more_than_ten_executions_went_wrong() {
    for (tally, failing) in [
        (ended(0, 10), false),
        (ended(0, 11), true),
        (ended(6, 6), false),
        (ended(5, 6), true),
        (ended(6, 5), false),
        (Tally { timed_out: 3, lost: 3, ..ended(5, 0) }, true),
        // None of these says that the job does not work, nor that it does.
        (Tally { cancelled: 50, handed_back: 50, skipped: 50, ..ended(5, 5) }, false),
        (Tally { cancelled: 50, handed_back: 50, skipped: 50, ..ended(5, 6) }, true),
        (ended(0, 0), false),
        (ended(0, u64::MAX), true),
    ] {
        let health = health(&[tally]);
        assert_eq!(health.issues.len(), usize::from(failing), "{tally:?}");
        if failing {
            let (failures, executions) = (tally.failures(), tally.executions());
            assert_eq!(health.issues[0].what, Issue::Failing { failures, executions });
        }
    }
}

#[test]
fn three_issues_make_a_fleet_unhealthy_and_one_makes_it_degraded() {
    for (issues, status) in [
        (0, HealthStatus::Healthy),
        (1, HealthStatus::Degraded),
        (2, HealthStatus::Degraded),
        (3, HealthStatus::Unhealthy),
        (4, HealthStatus::Unhealthy),
    ] {
        let mut tallies = vec![ended(20, 0); 3];
        tallies.extend(vec![ended(8, 12); issues]);
        assert_eq!(health(&tallies).status, status, "{issues}");
    }
}

#[test]
fn alerts_begin_with_the_fifth_execution_each_above_its_threshold() {
    let slow = |timed, average_ms| Tally { timed, total_ms: timed * average_ms, ..ended(timed, 0) };
    let dead = |dead_letters, executions| Tally { dead_letters, ..ended(executions, 0) };
    let failures = |failures, executions| Some(Alert::Failures { failures, executions });
    for (tally, alert) in [
        (ended(0, 4), None),
        (ended(3, 2), failures(2, 5)),
        (ended(7, 3), None),
        (ended(6, 3), failures(3, 9)),
        (slow(4, 400_000), None),
        (slow(5, 300_000), None),
        (slow(5, 300_001), Some(Alert::Slow { average_ms: 300_001 })),
        (dead(4, 4), None),
        (dead(1, 10), None),
        (dead(1, 9), Some(Alert::DeadLetters { dead_letters: 1, executions: 9 })),
    ] {
        let health = health(&[tally]);
        let alerts: Vec<Alert> = health.alerts.iter().map(|alert| alert.what).collect();
        assert_eq!(alerts, Vec::from_iter(alert), "{tally:?}");
        assert_eq!(health.status, HealthStatus::Healthy, "an alert is no issue: {tally:?}");
    }
    let all = Tally { dead_letters: 9, timed: 9, total_ms: 9_000_000, ..ended(0, 9) };
    assert_eq!(health(&[all]).alerts.len(), 3);
}

#[test]
fn what_is_longer_ago_than_an_hour_is_no_longer_held_against_a_job() {
    let stats = stats(ended(0, 20));
    let at = |now| {
        let job = Known { job: "j", stats: &stats, record: None, policy: None };
        judge([job], Timestamp(NOW.0 + now * 1000)).status
    };
    assert_eq!([at(0), at(55 * 60)], [HealthStatus::Degraded; 2]);
    assert_eq!(at(HOUR), HealthStatus::Healthy);
}

fn ran(seconds_ago: u64) -> JobRecord {
    let began = Timestamp(NOW.0 - seconds_ago * 1000);
    let was = TickRun { run: RunId::from_bits(7), tick: began, began };
    let last = PastRun { was, ended: began, status: RunStatus::Success };
    JobRecord { last: Some(last), last_tick: Some(began), ..JobRecord::default() }
}

fn every(seconds: u32) -> JobPolicy {
    JobPolicy { schedule: Some(Schedule::Every { seconds }), ..JobPolicy::default() }
}

fn overdue_by(record: &JobRecord, policy: &JobPolicy) -> Option<(u64, u64)> {
    let stats = JobStats::default();
    let known = Known { job: "j", stats: &stats, record: Some(record), policy: Some(policy) };
    match judge([known], NOW).issues.first().map(|issue| issue.what) {
        Some(Issue::Overdue { seconds, most }) => Some((seconds, most)),
        _ => None,
    }
}

#[test]
fn a_job_is_overdue_after_two_hours_or_two_intervals_whichever_is_longer() {
    for (ago, interval, expected) in [
        (2 * HOUR, 60, None),
        (2 * HOUR + 1, 60, Some((2 * HOUR + 1, 2 * HOUR))),
        (2 * HOUR + 1, 3600, Some((2 * HOUR + 1, 2 * HOUR))),
        (2 * HOUR + 1, 3601, None),
        (48 * HOUR, 86_400, None),
        (48 * HOUR + 1, 86_400, Some((48 * HOUR + 1, 48 * HOUR))),
    ] {
        assert_eq!(overdue_by(&ran(ago), &every(interval)), expected, "{ago} s, every {interval}");
    }
}

#[test]
fn a_job_with_nothing_to_do_or_without_credentials_is_not_overdue() {
    let policy = JobPolicy { needs_credentials: true, ..every(60) };
    let left_out = |ago: u64, reason: &str| {
        let at = Timestamp(NOW.0 - ago * 1000);
        let skipped = Some(SkippedTick { at, reason: reason.to_owned() });
        JobRecord { last_tick: Some(at), skipped, ..ran(10_000) }
    };
    let unserved = timetable::unserved(&policy);
    assert_eq!(overdue_by(&left_out(60, timetable::EMPTY), &policy), None);
    assert_eq!(overdue_by(&left_out(60, &unserved), &policy), None);
    assert!(overdue_by(&left_out(60, &unserved), &every(60)).is_some(), "a worker is missing");
    assert!(overdue_by(&left_out(60, "paused"), &policy).is_some());
    assert!(overdue_by(&left_out(9_000, timetable::EMPTY), &policy).is_some(), "no tick comes");
}

#[test]
fn only_what_is_to_be_run_by_itself_can_be_overdue() {
    let long_ago = ran(9 * HOUR);
    assert!(overdue_by(&long_ago, &every(60)).is_some());
    assert_eq!(overdue_by(&long_ago, &JobPolicy::default()), None);
    assert_eq!(overdue_by(&long_ago, &JobPolicy { enabled: false, ..every(60) }), None);
    assert_eq!(overdue_by(&JobRecord { paused: true, ..long_ago.clone() }, &every(60)), None);
    let set = LiveOptions { interval_seconds: Some(36_000), ..LiveOptions::default() };
    assert_eq!(overdue_by(&JobRecord { set, ..long_ago.clone() }, &every(60)), None);
    // A run under way counts from its beginning, so one that never ends is noticed.
    let under_way = |ago| {
        let begun = ran(ago).last.map(|it| it.was);
        let under_way = begun.map(|begun| UnderWay { begun, messages: Vec::new() });
        JobRecord { under_way, ..ran(9 * HOUR) }
    };
    assert_eq!(overdue_by(&under_way(HOUR), &every(60)), None);
    assert!(overdue_by(&under_way(3 * HOUR), &every(60)).is_some());
}

#[test]
fn a_job_whose_every_tick_was_left_out_is_overdue_in_time() {
    let never = |skips| JobRecord { skips, ..JobRecord::default() };
    assert_eq!(overdue_by(&never(0), &every(60)), None);
    assert_eq!(overdue_by(&never(120), &every(60)), None);
    assert_eq!(overdue_by(&never(121), &every(60)), Some((121 * 60, 2 * HOUR)));
}

#[test]
fn a_job_by_a_calendar_is_overdue_when_a_tick_came_and_no_run() {
    let fields = "0 0 3 * * *".to_owned();
    let daily = JobPolicy { schedule: Some(Schedule::Cron { fields }), ..JobPolicy::default() };
    assert_eq!(overdue_by(&ran(20 * HOUR), &daily), None, "its next tick has not come");
    let ago = |seconds: u64| Timestamp(NOW.0 - seconds * 1000);
    let skipped = |seconds| {
        let skipped = Some(SkippedTick { at: ago(seconds), reason: "late".to_owned() });
        JobRecord { skipped, ..ran(20 * HOUR) }
    };
    assert_eq!(overdue_by(&skipped(1), &daily), Some((20 * HOUR, 2 * HOUR)));
    assert_eq!(overdue_by(&skipped(21 * HOUR), &daily), None, "it has run since");
    let waiting = |seconds| {
        let waiting = Some(WaitingTick { at: ago(seconds), more: 0, reason: None });
        JobRecord { waiting, ..ran(20 * HOUR) }
    };
    assert_eq!(overdue_by(&waiting(2 * HOUR), &daily), None);
    assert_eq!(overdue_by(&waiting(2 * HOUR + 1), &daily), Some((20 * HOUR, 2 * HOUR)));
    let never = |record| JobRecord { last: None, ..record };
    assert_eq!(overdue_by(&never(skipped(2 * HOUR)), &daily), None);
    assert_eq!(overdue_by(&never(waiting(3 * HOUR)), &daily), Some((3 * HOUR, 2 * HOUR)));
}
