//! What a coordinator knows of the jobs its workers run, without having their code.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits;

/// The queue of every job that has no limit and names none.
pub const DEFAULT_QUEUE: &str = "default";

/// The defaults a job declares; a task may say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobPolicy {
    /// Where its offers wait.
    pub queue: String,
    /// Attempts that may run at once, fleet-wide; a job with a limit has a queue of its own.
    pub max_concurrent: Option<u32>,
    /// Extra attempts after a failure or timeout.
    pub retries: u8,
    /// Seconds an attempt may take.
    pub timeout_seconds: u32,
}

impl Default for JobPolicy {
    fn default() -> Self {
        Self {
            queue: DEFAULT_QUEUE.to_owned(),
            max_concurrent: None,
            retries: 0,
            timeout_seconds: limits::TIMEOUT_SECONDS,
        }
    }
}

/// The jobs of a fleet, by name. A job not listed has the default policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Catalogue(pub BTreeMap<String, JobPolicy>);

impl Catalogue {
    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Every queue that a worker must poll to serve all jobs, each with its limit; sorted.
    #[must_use]
    pub fn queues(&self) -> BTreeMap<String, Option<u32>> {
        let mut queues = BTreeMap::from([(DEFAULT_QUEUE.to_owned(), None)]);
        for policy in self.0.values() {
            queues.insert(policy.queue.clone(), policy.max_concurrent);
        }
        queues
    }
}
