//! Whether jobs do well, by what was counted of them in the last hour and by their schedules: pure,
//! so that whoever asks is told the same.

use protocol::{
    Alert, Health, HealthStatus, Issue, JobPolicy, JobRecord, JobStats, OfJob, Schedule, Tally,
    Timestamp,
};

use crate::timetable::{self, Circumstances};

/// Executions of an hour that are too few to call a job failing, however they ended.
const FEW: u64 = 10;

/// More failures than so many of a hundred executions are an issue.
const FAILING: u64 = 50;

/// Seconds that a job may be without a run that has ticks more often than twice in that time.
const OVERDUE: u64 = 2 * 60 * 60;

/// Ticks that a job may go without a run.
const TICKS: u64 = 2;

/// Executions of an hour from which on alerts are raised.
const ENOUGH: u64 = 5;

/// More failures than so many of a hundred executions raise an alert.
const FAILURES: u64 = 30;

/// A mean duration above so many milliseconds raises an alert.
const SLOW_MS: u64 = 300_000;

/// More dead letters than so many to a hundred executions raise an alert.
const DEAD_LETTERS: u64 = 10;

/// Issues from which on a fleet is unhealthy.
const MANY: usize = 3;

/// What is known of a job.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Its name.
    pub job: &'a str,
    /// What was counted of it.
    pub stats: &'a JobStats,
    /// What is known of its ticks, if it ever had one.
    pub record: Option<&'a JobRecord>,
    /// What it declares; `None` where this is not known.
    pub policy: Option<&'a JobPolicy>,
}

/// How a fleet of these jobs does at `now`.
#[must_use]
pub fn judge<'a>(jobs: impl IntoIterator<Item = Known<'a>>, now: Timestamp) -> Health {
    let (mut issues, mut alerts) = (Vec::new(), Vec::new());
    for job in jobs {
        let hour = job.stats.last_hour(now);
        let found = failing(&hour).into_iter().chain(overdue(&job, now));
        issues.extend(found.map(|what| OfJob { job: job.job.to_owned(), what }));
        alerts.extend(alarms(&hour).map(|what| OfJob { job: job.job.to_owned(), what }));
    }
    let status = match issues.len() {
        0 => HealthStatus::Healthy,
        1..MANY => HealthStatus::Degraded,
        _ => HealthStatus::Unhealthy,
    };
    Health { status, issues, alerts }
}

/// Whether `part` is more than so many of a hundred of `whole`.
const fn exceeds(part: u64, whole: u64, percent: u64) -> bool {
    part as u128 * 100 > whole as u128 * percent as u128
}

fn failing(hour: &Tally) -> Option<Issue> {
    let (failures, executions) = (hour.failures(), hour.executions());
    let is_failing = executions > FEW && exceeds(failures, executions, FAILING);
    is_failing.then_some(Issue::Failing { failures, executions })
}

fn alarms(hour: &Tally) -> impl Iterator<Item = Alert> {
    let (failures, executions) = (hour.failures(), hour.executions());
    let dead_letters = hour.dead_letters;
    let failing = exceeds(failures, executions, FAILURES);
    let average_ms = hour.average_ms().filter(|&average_ms| average_ms > SLOW_MS);
    let given_up = exceeds(dead_letters, executions, DEAD_LETTERS);
    let alarms = [
        failing.then_some(Alert::Failures { failures, executions }),
        average_ms.map(|average_ms| Alert::Slow { average_ms }),
        given_up.then_some(Alert::DeadLetters { dead_letters, executions }),
    ];
    alarms.into_iter().flatten().filter(move |_| executions >= ENOUGH)
}

/// Whether its last tick was left out for a reason that is no fault: there was nothing to do, or there is
/// no worker with the credentials that it needs, which most fleets do without.
fn rests(record: &JobRecord, policy: &JobPolicy, schedule: &Schedule, now: Timestamp) -> bool {
    let lately = |tick: Timestamp| match schedule {
        Schedule::Every { seconds } => now.since(tick) <= most(*seconds) * 1000,
        // Its ticks may be any time apart.
        Schedule::Cron { .. } => true,
    };
    record.skipped.as_ref().is_some_and(|skipped| {
        let unserved = policy.needs_credentials && skipped.reason == timetable::unserved(policy);
        record.last_tick == Some(skipped.at)
            && lately(skipped.at)
            && (skipped.reason == timetable::EMPTY || unserved)
    })
}

/// Whether a job that is to be run by itself has been without a run for too long.
fn overdue(job: &Known<'_>, now: Timestamp) -> Option<Issue> {
    let (record, policy) = (job.record?, job.policy?);
    let schedule = Circumstances::schedule(policy, record)?;
    if rests(record, policy, &schedule, now) {
        return None;
    }
    let ran = match (&record.under_way, record.last) {
        (Some(under_way), _) => Some(under_way.begun.began),
        (None, last) => last.map(|last| last.was.began),
    };
    let (millis, longest) = match schedule {
        Schedule::Every { seconds } => {
            let millis = match ran {
                Some(ran) => now.since(ran),
                // Every tick so far was left out.
                None => record.skips.saturating_mul(u64::from(seconds) * 1000),
            };
            (millis, most(seconds))
        }
        // There must be one that came after the last run and got none.
        Schedule::Cron { .. } => {
            let skipped = record.skipped.as_ref().map(|skipped| skipped.at);
            let waits = record.waiting.as_ref().map(|waiting| waiting.at);
            // One that has just come may be about to begin.
            let waits = waits.filter(|&tick| now.since(tick) > OVERDUE * 1000);
            let missed = skipped.max(waits).filter(|&tick| ran.is_none_or(|ran| tick > ran))?;
            (now.since(ran.unwrap_or(missed)), OVERDUE)
        }
    };
    let seconds = millis / 1000;
    (millis > longest * 1000).then_some(Issue::Overdue { seconds, most: longest })
}

/// Seconds that a job of this interval may be without a run.
fn most(interval: u32) -> u64 {
    OVERDUE.max(u64::from(interval) * TICKS)
}

#[cfg(test)]
mod tests;
