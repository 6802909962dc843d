//! What a fleet knows of a job that is run by itself: one small record, replaced by compare-and-set.

use serde::{Deserialize, Serialize};

use crate::{RunId, RunStatus, Sequence, Timestamp};

/// What people set of a job while its fleet runs; goes before files and environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LiveOptions {
    /// Whether it is run by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Seconds between two ticks, 1 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u32>,
    /// Attempts that may run at once, 1 or more; of a job that has a limit anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
}

impl LiveOptions {
    /// Whether `self` and `other` run the job by itself at the same times.
    #[must_use]
    pub fn ticks_as(&self, other: &Self) -> bool {
        (self.enabled, self.interval_seconds) == (other.enabled, other.interval_seconds)
    }
}

/// A tick that was taken in and has no run yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingTick {
    /// When it came.
    pub at: Timestamp,
    /// Ticks that are to be caught up on after it.
    #[serde(default)]
    pub more: u32,
    /// What it waits for, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The run of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickRun {
    /// The run.
    pub run: RunId,
    /// The tick it was begun for.
    pub tick: Timestamp,
    /// When it was begun.
    pub began: Timestamp,
}

/// The run that a job has under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Which.
    #[serde(flatten)]
    pub begun: TickRun,
    /// The messages of its queue that it works off, by their places. They stay where they are until it
    /// has ended, and nobody else takes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Sequence>,
}

/// A run of a tick that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// Which.
    #[serde(flatten)]
    pub was: TickRun,
    /// When its end was noticed.
    pub ended: Timestamp,
    /// How it ended.
    pub status: RunStatus,
}

/// A tick that got no run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedTick {
    /// When it came.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// What a fleet knows of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobRecord {
    /// What people set.
    #[serde(default)]
    pub set: LiveOptions,
    /// Whether people asked that no tick becomes a run for now.
    #[serde(default)]
    pub paused: bool,
    /// The last tick that was taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_tick: Option<Timestamp>,
    /// When people last changed whether or how often it is run: no tick was missed before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// A tick without a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingTick>,
    /// The run under way; there is one at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_way: Option<UnderWay>,
    /// The last message of its queue that was taken: the next run goes on behind it, so that messages
    /// whose tasks are skipped hold up no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Sequence>,
    /// The last run that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<PastRun>,
    /// The last tick that was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<SkippedTick>,
    /// Runs begun so far.
    #[serde(default)]
    pub runs: u64,
    /// Ticks left out so far; not those that found their queue empty.
    #[serde(default)]
    pub skips: u64,
}
