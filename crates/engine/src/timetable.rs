//! When a tick of a job becomes a run: pure, so that any coordinator decides the same.

mod cron;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::{
    Drain, JobPolicy, JobRecord, Misfire, PastRun, QueueMessage, RunId, RunStatus, Schedule,
    Sequence, SkippedTick, TickRun, Timestamp, UnderWay, WaitingTick, limits,
};

use self::cron::Cron;

/// What a decision rests on besides the record.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// What the streams' clock shows.
    pub now: Timestamp,
    /// What the job declares.
    pub policy: &'a JobPolicy,
    /// The records of the jobs it depends on, by name; one that is not there never ran.
    pub others: &'a BTreeMap<String, JobRecord>,
    /// Whether a worker was heard of lately that takes offers from its queue.
    pub is_served: bool,
    /// The messages that may be taken from the queue that it drains, in the order in which they may be;
    /// read where the job is on and no run of it is under way.
    pub messages: &'a [QueueMessage],
}

impl Circumstances<'_> {
    /// The policy's schedule, unless somebody set another interval; none while the job is paused or
    /// disabled.
    #[must_use]
    pub fn schedule(policy: &JobPolicy, record: &JobRecord) -> Option<Schedule> {
        let is_on = record.set.enabled.unwrap_or(policy.enabled) && !record.paused;
        let set = record.set.interval_seconds.map(|seconds| Schedule::Every { seconds });
        is_on.then(|| set.or_else(|| policy.schedule.clone())).flatten()
    }

    /// Whether there is nothing to do: the job drains a queue, and nothing lies there.
    const fn is_idle(&self) -> bool {
        self.policy.drains.is_some() && self.messages.is_empty()
    }

    /// Why the job may not begin now; `None` when it may.
    fn obstacle(&self, record: &JobRecord) -> Option<String> {
        let since = record.last.map(|last| last.was.began);
        self.policy.dependencies.iter().find_map(|name| {
            let last = self.others.get(name).and_then(|other| other.last);
            match last {
                None => Some(format!("`{name}` has not run yet")),
                Some(last) if last.status != RunStatus::Success => {
                    Some(format!("the last run of `{name}` did not succeed"))
                }
                Some(last) if since.is_some_and(|since| last.ended <= since) => {
                    Some(format!("`{name}` has not run since the last run"))
                }
                Some(_) => None,
            }
        })
    }
}

/// Why a tick of a job that drains a queue is left out when there is nothing to do.
pub(crate) const EMPTY: &str = "its queue is empty";

/// Why a tick is left out that nobody could run.
pub(crate) fn unserved(policy: &JobPolicy) -> String {
    format!("no worker is ready that serves the queue `{}`", policy.queue)
}

/// Takes a tick in: it waits for its run, or is left out for a reason that is noted. A tick that was
/// taken in before changes nothing.
pub fn take_tick(record: &mut JobRecord, at: Timestamp, around: &Circumstances<'_>) {
    if record.last_tick.is_some_and(|last| at <= last) {
        return;
    }
    let missed = missed(record, at, around);
    record.last_tick = Some(at);
    let misfire = around.policy.misfire;
    let is_on = Circumstances::schedule(around.policy, record).is_some();
    if is_on && misfire == Misfire::CatchUp {
        let most = limits::TICKS_CAUGHT_UP;
        match &mut record.waiting {
            Some(waiting) => waiting.more = (waiting.more + 1 + missed).min(most),
            waiting => {
                *waiting = Some(WaitingTick { at, more: missed.min(most), reason: None });
            }
        }
        return;
    }
    let is_idle = record.under_way.is_none() && around.is_idle();
    let late = around.now.since(at);
    let is_late = late > u64::from(limits::MISFIRE_GRACE_SECONDS) * 1000;
    let reason = if !is_on {
        Some(if record.paused { "paused" } else { "disabled" }.to_owned())
    } else if is_late && misfire == Misfire::Skip {
        Some(format!("it came {} s late", late / 1000))
    } else if record.under_way.is_some() {
        Some("the run of an earlier tick is under way".to_owned())
    } else if let Some(waiting) = &record.waiting {
        let reason = waiting.reason.as_deref().unwrap_or("its turn");
        Some(format!("an earlier tick waits: {reason}"))
    } else if is_idle {
        Some(EMPTY.to_owned())
    } else if around.is_served {
        None
    } else {
        Some(unserved(around.policy))
    };
    match reason {
        Some(reason) => {
            record.skips += u64::from(reason != EMPTY);
            record.skipped = Some(SkippedTick { at, reason });
        }
        None => record.waiting = Some(WaitingTick { at, more: 0, reason: None }),
    }
}

/// Ticks between the last one and this one that never came, because nobody was there to make them; not
/// those of a time in which people did not want them.
fn missed(record: &JobRecord, at: Timestamp, around: &Circumstances<'_>) -> u32 {
    let schedule = Circumstances::schedule(around.policy, record);
    let (Some(last), Some(schedule)) = (record.last_tick, schedule) else {
        return 0;
    };
    let last = record.since.map_or(last, |since| last.max(since));
    match schedule {
        Schedule::Every { seconds } => {
            let every = u64::from(seconds) * 1000;
            // A tick may come late by a part of its interval without another being missed.
            let intervals = (at.since(last) + every / 2) / every;
            u32::try_from(intervals.saturating_sub(1)).unwrap_or(u32::MAX)
        }
        Schedule::Cron { fields } => {
            let most = limits::TICKS_CAUGHT_UP + 1;
            let named = Cron::read(&fields).map_or(0, |cron| cron.count(last, at, most));
            // A tick is made after its moment, however late, so one of them is this one's own.
            named.saturating_sub(1)
        }
    }
}

/// Begins the run of the tick that waits, if its time has come: names it, for the caller to submit. While
/// the job is paused or disabled it waits on.
pub fn begin(
    record: &mut JobRecord,
    run: impl FnOnce(Timestamp) -> RunId,
    around: &Circumstances<'_>,
) -> Option<TickRun> {
    let waiting = record.waiting.clone()?;
    let is_on = Circumstances::schedule(around.policy, record).is_some();
    let is_due = around.now >= put_off(waiting.at, around.policy.jitter_seconds);
    if !is_on || !is_due || record.under_way.is_some() {
        return None;
    }
    let obstacle = around.obstacle(record);
    if obstacle.is_some() {
        if let Some(waiting) = &mut record.waiting {
            waiting.reason = obstacle;
        }
        return None;
    }
    if around.is_idle() {
        record.waiting = None;
        record.skipped = Some(SkippedTick { at: waiting.at, reason: EMPTY.to_owned() });
        return None;
    }
    let batch = around.policy.drains.as_ref().map(|drain| batch(drain, around.messages));
    let messages = batch.unwrap_or_default();
    record.taken = messages.iter().copied().last();
    let begun = TickRun { run: run(around.now), tick: waiting.at, began: around.now };
    record.under_way = Some(UnderWay { begun, messages });
    record.runs += 1;
    let left = waiting.more.checked_sub(1);
    record.waiting = left.map(|more| WaitingTick { at: waiting.at, more, reason: None });
    Some(begun)
}

/// Which of `messages` the next run works off, in their order: as many as it may take, no two with one
/// id, because that is what their tasks are called, and no two with one key where order is kept.
fn batch(drain: &Drain, messages: &[QueueMessage]) -> Vec<Sequence> {
    let (mut ids, mut keys) = (BTreeSet::new(), BTreeSet::new());
    let mut bytes = 0;
    let mut batch = Vec::new();
    for message in messages {
        let is_first = keys.insert(&message.key) || !drain.preserve_order;
        if !is_first || !ids.insert(&message.id) {
            continue;
        }
        // Its task has its id too, of which every byte may be written as six, and words of its own.
        bytes += message.body.len() + 6 * message.id.len() + limits::QUEUE_TASK_BYTES;
        let is_full = batch.len() >= drain.batch_size as usize;
        if is_full || (bytes > limits::QUEUE_BATCH_BYTES && !batch.is_empty()) {
            break;
        }
        batch.push(message.sequence);
    }
    batch
}

/// The moment to which a tick is put off: drawn from the tick, so that all agree on it.
fn put_off(tick: Timestamp, jitter_seconds: u32) -> Timestamp {
    let most = u64::from(jitter_seconds) * 1000;
    // Ticks differ in their last digits, which is all that is needed to spread them.
    let lot = tick.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    tick.after(Duration::from_millis(lot % (most + 1)))
}

/// Notes that the run under way is over.
pub fn end(record: &mut JobRecord, run: RunId, status: RunStatus, now: Timestamp) {
    if let Some(under_way) = record.under_way.take_if(|under_way| under_way.begun.run == run) {
        record.last = Some(PastRun { was: under_way.begun, ended: now, status });
    }
}

#[cfg(test)]
mod tests;
