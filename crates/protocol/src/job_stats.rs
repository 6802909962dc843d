//! What became of the attempts of a job, counted: sums of all time and of the last hour.
//!
//! Sums of sums are sums: whoever counted what, added in any order, it comes to the same. So each
//! coordinator adds what it saw to one record a job.

use serde::{Deserialize, Serialize};

use crate::{Outcome, Timestamp, Verdict};

/// Milliseconds of one part of the last hour.
pub const SLOT_MS: u64 = 5 * 60 * 1000;

/// Parts of the last hour, the one that has just begun included.
pub const SLOTS: u64 = 12;

/// Attempts, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Did their work.
    pub ok: u64,
    /// Found nothing to do.
    pub skipped: u64,
    /// Ended with an error.
    pub failed: u64,
    /// Ran out of time.
    pub timed_out: u64,
    /// Cost as many workers their lives as an attempt may.
    pub lost: u64,
    /// Were stopped with their run.
    pub cancelled: u64,
    /// Were handed back by a worker that had to go.
    pub handed_back: u64,
    /// Those among them that came because the one before had failed, timed out or was lost.
    pub retried: u64,
    /// Tasks that were given up and put aside.
    pub dead_letters: u64,
    /// Those whose duration is known: done, failed or timed out in the hands of a worker.
    pub timed: u64,
    /// How long they ran together, milliseconds.
    pub total_ms: u64,
    /// The shortest of them, milliseconds; 0 if there is none.
    pub min_ms: u64,
    /// The longest of them, milliseconds.
    pub max_ms: u64,
}

impl Tally {
    /// One attempt.
    fn of(verdict: &Verdict, is_retry: bool) -> Self {
        let mut tally = Self { retried: u64::from(is_retry), ..Self::default() };
        *match verdict.outcome {
            Outcome::Ok if verdict.skipped.is_some() => &mut tally.skipped,
            Outcome::Ok => &mut tally.ok,
            Outcome::Failed => &mut tally.failed,
            Outcome::Timeout => &mut tally.timed_out,
            Outcome::Cancelled => &mut tally.cancelled,
            Outcome::Lost if verdict.is_handed_back() => &mut tally.handed_back,
            Outcome::Lost => &mut tally.lost,
        } = 1;
        // Who seals an attempt does not know how long it ran.
        if tally.ok + tally.failed + tally.timed_out > 0 && verdict.worker.is_some() {
            let ms = verdict.run_ms;
            (tally.timed, tally.total_ms, tally.min_ms, tally.max_ms) = (1, ms, ms, ms);
        }
        tally
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Self) {
        self.min_ms = match (self.timed, other.timed) {
            (0, _) => other.min_ms,
            (_, 0) => self.min_ms,
            _ => self.min_ms.min(other.min_ms),
        };
        self.max_ms = self.max_ms.max(other.max_ms);
        for (sum, more) in [
            (&mut self.ok, other.ok),
            (&mut self.skipped, other.skipped),
            (&mut self.failed, other.failed),
            (&mut self.timed_out, other.timed_out),
            (&mut self.lost, other.lost),
            (&mut self.cancelled, other.cancelled),
            (&mut self.handed_back, other.handed_back),
            (&mut self.retried, other.retried),
            (&mut self.dead_letters, other.dead_letters),
            (&mut self.timed, other.timed),
            (&mut self.total_ms, other.total_ms),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// Attempts that went wrong by themselves.
    #[must_use]
    pub const fn failures(&self) -> u64 {
        self.failed.saturating_add(self.timed_out).saturating_add(self.lost)
    }

    /// Attempts that say whether the job works: those that were done or went wrong by themselves.
    #[must_use]
    pub const fn executions(&self) -> u64 {
        self.ok.saturating_add(self.failures())
    }

    /// All attempts.
    #[must_use]
    pub const fn attempts(&self) -> u64 {
        let undecided = self.skipped.saturating_add(self.cancelled);
        self.executions().saturating_add(undecided).saturating_add(self.handed_back)
    }

    /// Of the executions, those that were done: 0 to 1; `None` if there was none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "no job comes to 2^53 attempts")]
    pub fn success_rate(&self) -> Option<f64> {
        let executions = self.executions();
        (executions > 0).then(|| self.ok as f64 / executions as f64)
    }

    /// The mean duration of those whose duration is known, milliseconds.
    #[must_use]
    pub const fn average_ms(&self) -> Option<u64> {
        self.total_ms.checked_div(self.timed)
    }
}

/// What was counted within one part of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Which: its number since 1970.
    pub number: u64,
    /// What.
    pub tally: Tally,
}

/// What is known of the attempts of one job, as of the runs that have ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobStats {
    /// All of them.
    pub total: Tally,
    /// The last hour before the newest, in parts that have something, oldest first.
    pub recent: Vec<Slot>,
    /// When an attempt last was done or went wrong by itself.
    pub last_execution: Option<Timestamp>,
    /// When one last was done.
    pub last_success: Option<Timestamp>,
    /// When one last went wrong by itself.
    pub last_failure: Option<Timestamp>,
}

impl JobStats {
    /// Counts an attempt whose verdict was stored at `at`; `is_retry` if the one before it failed,
    /// timed out or was lost. What was taken over from an earlier run was no attempt.
    pub fn count(&mut self, at: Timestamp, verdict: &Verdict, is_retry: bool) {
        if verdict.reused_from.is_some() {
            return;
        }
        let tally = Tally::of(verdict, is_retry);
        let when = |is: bool| is.then_some(at);
        self.last_execution = self.last_execution.max(when(tally.executions() > 0));
        self.last_success = self.last_success.max(when(tally.ok > 0));
        self.last_failure = self.last_failure.max(when(tally.failures() > 0));
        self.add(at, &tally);
    }

    /// Counts a task that was given up and put aside at `at`.
    pub fn count_dead_letter(&mut self, at: Timestamp) {
        self.add(at, &Tally { dead_letters: 1, ..Tally::default() });
    }

    fn add(&mut self, at: Timestamp, tally: &Tally) {
        self.total.merge(tally);
        self.add_recent(&Slot { number: at.0 / SLOT_MS, tally: *tally });
        self.forget();
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Self) {
        self.total.merge(&other.total);
        other.recent.iter().for_each(|slot| self.add_recent(slot));
        self.forget();
        self.last_execution = self.last_execution.max(other.last_execution);
        self.last_success = self.last_success.max(other.last_success);
        self.last_failure = self.last_failure.max(other.last_failure);
    }

    fn add_recent(&mut self, slot: &Slot) {
        match self.recent.binary_search_by_key(&slot.number, |slot| slot.number) {
            Ok(at) => self.recent[at].tally.merge(&slot.tally),
            Err(at) => self.recent.insert(at, *slot),
        }
    }

    /// Forgets what is older than the newest by an hour.
    fn forget(&mut self) {
        if let Some(newest) = self.recent.last().map(|slot| slot.number) {
            self.recent.retain(|slot| slot.number.saturating_add(SLOTS) > newest);
        }
    }

    /// What was counted in the hour before `now`, to five minutes.
    #[must_use]
    pub fn last_hour(&self, now: Timestamp) -> Tally {
        let number = now.0 / SLOT_MS;
        let mut sum = Tally::default();
        // One that is ahead of this clock has just been.
        let recent = self.recent.iter().filter(|slot| slot.number.saturating_add(SLOTS) > number);
        recent.for_each(|slot| sum.merge(&slot.tally));
        sum
    }
}

#[cfg(test)]
mod tests;
