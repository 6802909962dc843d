//! What a task waited for, as a LAST says it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a task waited for before its last attempt started, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waits {
    /// From the start of the run until all that it depends on had completed.
    pub dependencies_ms: u64,
    /// For a seat: a worker with a free slot held back because of its job's `max_concurrent`.
    pub limit_ms: u64,
    /// For a place in the run's window and for a worker.
    pub queue_ms: u64,
    /// Between an attempt that ended badly and the next.
    pub backoff_ms: u64,
}

impl Waits {
    /// All of it.
    #[must_use]
    pub const fn total_ms(&self) -> u64 {
        self.dependencies_ms
            .saturating_add(self.limit_ms)
            .saturating_add(self.queue_ms)
            .saturating_add(self.backoff_ms)
    }
}
