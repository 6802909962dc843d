//! The only place that joins words with dots: subjects of streams and of core messages.
//!
//! User text never enters a subject: a task is its index, a run its hex id, a queue a checked word.

use crate::{AttemptKey, RunId};

/// Whether `name` can be a queue: 1-64 of a-z, A-Z, 0-9, `-` and `_`.
#[must_use]
pub fn is_queue(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Where the verdict of an attempt is stored: `run.<run>.res.<queue>.<task>.<attempt>`.
#[must_use]
pub fn verdict(key: &AttemptKey, queue: &str) -> String {
    debug_assert!(is_queue(queue), "queue names are checked before they get here");
    format!("run.{}.res.{queue}.{}.{}", key.run, key.task.0, key.attempt)
}

/// Where the request to cancel a run is stored: `run.<run>.ctl`.
#[must_use]
pub fn cancellation(run: RunId) -> String {
    format!("run.{run}.ctl")
}

/// Where the end of a run is stored: `run.<run>.end`.
#[must_use]
pub fn end(run: RunId) -> String {
    format!("run.{run}.end")
}
