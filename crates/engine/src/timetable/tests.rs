//! Ticks by the rules: overlap, lateness, catching up, dependencies, jitter.

use super::*;

static NONE: BTreeMap<String, JobRecord> = BTreeMap::new();

fn every(seconds: u32) -> JobPolicy {
    JobPolicy { schedule: Some(Schedule::Every { seconds }), ..JobPolicy::default() }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp(1_700_000_000_000 + seconds * 1000)
}

fn around<'a>(
    now: u64,
    policy: &'a JobPolicy,
    others: &'a BTreeMap<String, JobRecord>,
) -> Circumstances<'a> {
    Circumstances { now: at(now), policy, others, is_served: true, messages: &[] }
}

/// A tick at `tick`, heard of at `now`; whether its run begins.
fn tick(record: &mut JobRecord, tick: u64, now: u64, policy: &JobPolicy) -> bool {
    let around = around(now, policy, &NONE);
    take_tick(record, at(tick), &around);
    go(record, &around)
}

fn go(record: &mut JobRecord, around: &Circumstances<'_>) -> bool {
    begin(record, |now| RunId::from_parts(now, [7; 10]), around).is_some()
}

fn over(record: &mut JobRecord, now: u64, status: RunStatus) {
    let run = record.under_way.as_ref().unwrap().begun.run;
    end(record, run, status, at(now));
}

fn skipped(record: &JobRecord) -> &str {
    &record.skipped.as_ref().unwrap().reason
}

#[test]
fn a_tick_begins_one_run_however_often_it_is_heard_of() {
    let (mut record, policy) = (JobRecord::default(), every(30));
    assert!(tick(&mut record, 30, 30, &policy));
    over(&mut record, 31, RunStatus::Success);
    assert!(!tick(&mut record, 30, 32, &policy));
    assert_eq!((record.runs, record.skips), (1, 0));
    assert!(tick(&mut record, 60, 60, &policy));
}

#[test]
fn no_run_overlaps_the_one_before() {
    let (mut record, policy) = (JobRecord::default(), every(30));
    assert!(tick(&mut record, 30, 30, &policy));
    assert!(!tick(&mut record, 60, 60, &policy));
    assert_eq!(skipped(&record), "the run of an earlier tick is under way");
    over(&mut record, 70, RunStatus::Failure);
    assert!(!go(&mut record, &around(71, &policy, &NONE)), "what was left out stays so");
    assert!(tick(&mut record, 90, 90, &policy));
}

#[test]
fn a_tick_may_be_a_minute_late_and_no_more() {
    let policy = every(3600);
    assert!(tick(&mut JobRecord::default(), 0, 59, &policy));
    let mut record = JobRecord::default();
    assert!(!tick(&mut record, 0, 61, &policy));
    assert_eq!(skipped(&record), "it came 61 s late");
    let policy = JobPolicy { misfire: Misfire::RunOnce, ..every(3600) };
    assert!(tick(&mut JobRecord::default(), 0, 7000, &policy));
}

#[test]
fn missed_ticks_are_caught_up_on_one_after_the_other_where_that_is_wanted() {
    let policy = JobPolicy { misfire: Misfire::CatchUp, ..every(30) };
    let mut record = JobRecord::default();
    assert!(tick(&mut record, 30, 30, &policy));
    over(&mut record, 31, RunStatus::Success);
    // The server was away for three ticks.
    assert!(tick(&mut record, 151, 151, &policy));
    let mut runs = 1;
    loop {
        assert!(!go(&mut record, &around(160, &policy, &NONE)), "one at a time");
        over(&mut record, 160, RunStatus::Success);
        if !go(&mut record, &around(161, &policy, &NONE)) {
            break;
        }
        runs += 1;
    }
    assert_eq!(runs, 4);
    assert!(tick(&mut record, 180, 180, &policy), "and then it goes on as ever");
}

#[test]
fn ticks_that_people_did_not_want_are_not_caught_up_on() {
    let policy = JobPolicy { misfire: Misfire::CatchUp, ..every(30) };
    let mut record = JobRecord::default();
    assert!(tick(&mut record, 30, 30, &policy));
    over(&mut record, 31, RunStatus::Success);
    // Paused for an hour, resumed, and then the server was away for two ticks.
    record.since = Some(at(3600));
    assert!(tick(&mut record, 3690, 3690, &policy));
    assert_eq!(record.waiting.map(|waiting| waiting.more), Some(1));
}

fn cron(fields: &str) -> JobPolicy {
    let schedule = Some(Schedule::Cron { fields: fields.to_owned() });
    JobPolicy { schedule, misfire: Misfire::CatchUp, ..JobPolicy::default() }
}

/// How many ticks are caught up on at each of `ticks`, of which the first one is the first ever.
fn caught_up(fields: &str, ticks: &[&str]) -> Vec<u32> {
    let (mut record, policy) = (JobRecord::default(), cron(fields));
    let ticks = ticks.iter().map(|text| Timestamp::from_rfc3339(text).unwrap());
    ticks
        .map(|tick| {
            let around = Circumstances { now: tick, ..around(0, &policy, &NONE) };
            take_tick(&mut record, tick, &around);
            record.waiting.take().unwrap().more
        })
        .collect()
}

#[test]
fn ticks_of_a_cron_expression_that_were_missed_are_caught_up_on_too() {
    // The server was away from 12:00:30 to 12:06:17, and then made the one of 12:01.
    let minutes = ["2026-11-22T12:00:00.2Z", "2026-11-22T12:06:17.1Z", "2026-11-22T12:07:00Z"];
    assert_eq!(caught_up("0 * * * * *", &minutes), [0, 5, 0]);
    // Nobody took those between, and the last one is left.
    let minutes = ["2026-11-22T12:00:00.9Z", "2026-11-22T12:06:00.1Z"];
    assert_eq!(caught_up("0 * * * * *", &minutes), [0, 5]);
    // No working day lies between Friday and Monday.
    let days = ["2026-11-20T09:00:00Z", "2026-11-23T09:00:00.2Z", "2026-11-26T09:00:00.2Z"];
    assert_eq!(caught_up("0 0 9 * * mon-fri", &days), [0, 0, 2]);
    let days = ["2027-01-31T00:00:00.1Z", "2027-03-31T00:00:00.1Z", "2027-08-31T00:00:00.1Z"];
    assert_eq!(caught_up("0 0 0 31 * *", &days), [0, 0, 2]);
    let seconds = ["2026-11-22T12:00:00Z", "2026-11-22T12:00:02Z", "2026-11-22T12:00:04.9Z"];
    assert_eq!(caught_up("*/2 * * * * *", &seconds), [0, 0, 0]);
    let long = ["2026-11-22T12:00:00Z", "2026-11-29T12:00:00Z"];
    assert_eq!(caught_up("* * * * * *", &long), [0, limits::TICKS_CAUGHT_UP]);
    assert_eq!(caught_up("99 * * * * *", &long), [0, 0], "the server refuses it");
    // A clock that was set back makes none.
    let back = ["2026-11-22T12:00:00.1Z", "2026-11-22T12:00:59.9Z"];
    assert_eq!(caught_up("0 * * * * *", &back), [0, 0]);
}

#[test]
fn what_nobody_can_run_is_left_out_and_says_why() {
    let policy = every(30);
    let nobody = Circumstances { is_served: false, ..around(30, &policy, &NONE) };
    let mut record = JobRecord::default();
    take_tick(&mut record, at(30), &nobody);
    assert_eq!(skipped(&record), "no worker is ready that serves the queue `default`");
    let mut record = JobRecord { paused: true, ..JobRecord::default() };
    assert!(!tick(&mut record, 30, 30, &policy));
    assert_eq!(skipped(&record), "paused");
    let policy = JobPolicy { enabled: false, ..every(30) };
    let mut record = JobRecord::default();
    assert!(!tick(&mut record, 30, 30, &policy));
    assert_eq!(skipped(&record), "disabled");
    record.set.enabled = Some(true);
    assert!(tick(&mut record, 60, 60, &policy));
}

#[test]
fn a_job_that_is_paused_or_disabled_begins_nothing_until_it_goes_on() {
    for policy in [every(30), drains(9, false)] {
        let one = [message(1, "a", "", 1)];
        let full = Circumstances { messages: &one, ..around(30, &policy, &NONE) };
        let mut record = JobRecord::default();
        take_tick(&mut record, at(30), &full);
        // Nobody looked at its queue.
        let unread = around(31, &policy, &NONE);
        let waiting = record.waiting.clone();
        record.paused = true;
        assert!(!go(&mut record, &unread));
        record.paused = false;
        record.set.enabled = Some(false);
        assert!(!go(&mut record, &unread));
        assert_eq!((&record.waiting, &record.skipped), (&waiting, &None));
        record.set.enabled = None;
        assert!(go(&mut record, &full));
    }
}

#[test]
fn a_job_waits_for_those_it_depends_on() {
    let policy = JobPolicy { dependencies: vec!["first".to_owned()], ..every(30) };
    let mut others = BTreeMap::new();
    let mut record = JobRecord::default();
    take_tick(&mut record, at(30), &around(30, &policy, &others));
    let reason = |record: &JobRecord| record.waiting.as_ref().unwrap().reason.clone().unwrap();
    assert!(!go(&mut record, &around(30, &policy, &others)));
    assert_eq!(reason(&record), "`first` has not run yet");
    let was = TickRun { run: RunId::from_bits(1), tick: at(5), began: at(5) };
    let ended = |seconds, status| JobRecord {
        last: Some(PastRun { was, ended: at(seconds), status }),
        ..JobRecord::default()
    };
    others.insert("first".to_owned(), ended(35, RunStatus::PartialSuccess));
    assert!(!go(&mut record, &around(36, &policy, &others)));
    assert_eq!(reason(&record), "the last run of `first` did not succeed");
    others.insert("first".to_owned(), ended(40, RunStatus::Success));
    assert!(go(&mut record, &around(41, &policy, &others)));
    over(&mut record, 45, RunStatus::Success);
    take_tick(&mut record, at(60), &around(60, &policy, &others));
    assert!(!go(&mut record, &around(60, &policy, &others)));
    assert_eq!(reason(&record), "`first` has not run since the last run");
    others.insert("first".to_owned(), ended(70, RunStatus::Success));
    assert!(go(&mut record, &around(71, &policy, &others)));
}

#[test]
fn a_tick_is_put_off_within_its_jitter_and_by_all_to_the_same_moment() {
    let policy = JobPolicy { jitter_seconds: 10, ..every(60) };
    let mut moments = std::collections::BTreeSet::new();
    for number in 1..=50 {
        let mut record = JobRecord::default();
        take_tick(&mut record, at(number * 60), &around(number * 60, &policy, &NONE));
        let until = (0..=10)
            .find(|wait| go(&mut record.clone(), &around(number * 60 + wait, &policy, &NONE)));
        moments.insert(until.expect("within its jitter"));
    }
    assert!(moments.len() > 5, "{moments:?}");
}

fn drains(batch_size: u32, preserve_order: bool) -> JobPolicy {
    let queue = "letters".to_owned();
    let drain = Drain { queue, batch_size, preserve_order, dead_letter: true };
    JobPolicy { drains: Some(drain), ..every(30) }
}

fn message(sequence: u64, id: &str, key: &str, bytes: usize) -> QueueMessage {
    QueueMessage {
        queue: "letters".into(),
        sequence: Sequence(sequence),
        id: id.into(),
        key: key.into(),
        at: at(0),
        body: vec![b' '; bytes].into(),
    }
}

fn taken(policy: &JobPolicy, messages: &[QueueMessage]) -> Vec<u64> {
    let mut record = JobRecord::default();
    let around = Circumstances { messages, ..around(30, policy, &NONE) };
    take_tick(&mut record, at(30), &around);
    go(&mut record, &around);
    let under_way = record.under_way.map(|under_way| under_way.messages).unwrap_or_default();
    assert_eq!(record.taken, under_way.last().copied());
    under_way.into_iter().map(|place| place.0).collect()
}

#[test]
fn a_run_takes_as_many_messages_as_it_may() {
    let three = [message(4, "a", "", 9), message(5, "b", "", 9), message(9, "c", "", 9)];
    assert_eq!(taken(&drains(2, false), &three), [4, 5]);
    assert_eq!(taken(&drains(3, false), &three), [4, 5, 9]);
    assert_eq!(taken(&every(30), &[]), [0; 0], "a job without a queue takes none");
}

#[test]
fn a_run_has_no_two_messages_of_one_id_or_where_order_is_kept_of_one_key() {
    let keys = [("a", "x"), ("b", "x"), ("c", "y"), ("a", "z"), ("d", "y")];
    let messages: Vec<_> =
        keys.iter().zip(1..).map(|((id, key), at)| message(at, id, key, 1)).collect();
    assert_eq!(taken(&drains(9, false), &messages), [1, 2, 3, 5]);
    assert_eq!(taken(&drains(9, true), &messages), [1, 3]);
}

#[test]
fn a_run_has_as_many_bytes_as_fit_and_one_message_at_least() {
    // Each with its task, whose id is one byte.
    let half = limits::QUEUE_BATCH_BYTES / 2 - limits::QUEUE_TASK_BYTES - 6;
    let large = [message(1, "a", "", half), message(2, "b", "", half), message(3, "c", "", 1)];
    assert_eq!(taken(&drains(9, false), &large), [1, 2]);
    let long = "i".repeat(limits::QUEUE_ID_BYTES);
    let named: Vec<_> =
        (0..1000).map(|at| message(at + 1, &format!("{long}{at}"), "", 1)).collect();
    let most = limits::QUEUE_BATCH_BYTES / (6 * long.len() + limits::QUEUE_TASK_BYTES);
    assert!((1..most).contains(&taken(&drains(1000, false), &named).len()), "ids count");
    let huge = [message(1, "a", "", 2 * limits::QUEUE_BATCH_BYTES), message(2, "b", "", 1)];
    assert_eq!(taken(&drains(9, false), &huge), [1]);
}

#[test]
fn a_tick_that_finds_its_queue_empty_is_left_out_and_not_counted() {
    let policy = drains(9, false);
    let mut record = JobRecord::default();
    assert!(!tick(&mut record, 30, 30, &policy));
    assert_eq!((skipped(&record), record.skips, record.runs), ("its queue is empty", 0, 0));
    // Another emptied it while the tick waited.
    let one = [message(1, "a", "", 1)];
    let full = Circumstances { messages: &one, ..around(60, &policy, &NONE) };
    take_tick(&mut record, at(60), &full);
    assert!(!go(&mut record, &around(61, &policy, &NONE)));
    assert_eq!((record.waiting, record.under_way), (None, None));
}
