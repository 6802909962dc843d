//! What a coordinator knows of the jobs its workers run, without having their code.

use std::collections::BTreeMap;

use alt::Priority;
use serde::{Deserialize, Serialize};

use crate::{Misfire, Schedule, limits};

/// The queue of every job that has no limit and names none.
pub const DEFAULT_QUEUE: &str = "default";

/// The queue that a job has for itself. Queue names have no `.`, because it parts subjects.
#[must_use]
pub fn own_queue(job: &str) -> String {
    job.replace('.', "_")
}

/// What a job declares; a task may say otherwise where a file has a field for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobPolicy {
    /// Where its offers wait.
    pub queue: String,
    /// Attempts that may run at once, fleet-wide; a job with a limit has a queue of its own.
    pub max_concurrent: Option<u32>,
    /// Extra attempts after a failure or timeout.
    pub retries: u8,
    /// Seconds until the second attempt, doubled for each further one; absent means the engine's.
    #[serde(default)]
    pub retry_delay_seconds: Option<u32>,
    /// Seconds an attempt may take.
    pub timeout_seconds: u32,
    /// Whether only workers with certain credentials run it.
    #[serde(default)]
    pub needs_credentials: bool,
    /// When it is run by itself.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// Whether it is run by itself at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Seconds by which a tick is put off at most.
    #[serde(default)]
    pub jitter_seconds: u32,
    /// What becomes of a tick that comes late.
    #[serde(default)]
    pub misfire: Misfire,
    /// The priority of runs that it begins by itself.
    #[serde(default)]
    pub priority: Priority,
    /// What of which message queue it takes at each tick.
    #[serde(default)]
    pub drains: Option<Drain>,
    /// Jobs whose last run must have succeeded since this one's last run began.
    #[serde(default)]
    pub dependencies: Vec<String>,
}

/// What a job takes of a message queue. A queue is drained by one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// The message queue.
    pub queue: String,
    /// Messages that one run takes, 1 to [`limits::QUEUE_BATCH_MAX`].
    pub batch_size: u32,
    /// Whether messages with one key are worked off strictly one after the other.
    pub preserve_order: bool,
    /// Whether a message that failed for good is kept.
    pub dead_letter: bool,
}

const fn yes() -> bool {
    true
}

impl Default for JobPolicy {
    fn default() -> Self {
        Self {
            queue: DEFAULT_QUEUE.to_owned(),
            max_concurrent: None,
            retries: 0,
            retry_delay_seconds: None,
            timeout_seconds: limits::TIMEOUT_SECONDS,
            needs_credentials: false,
            schedule: None,
            enabled: true,
            jitter_seconds: 0,
            misfire: Misfire::default(),
            priority: Priority::default(),
            drains: None,
            dependencies: Vec::new(),
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

    /// Those of them that any worker can serve: with a job that needs no credentials.
    #[must_use]
    pub fn open_queues(&self) -> BTreeMap<String, Option<u32>> {
        let mut queues = self.queues();
        let is_open = |queue: &String| {
            let mut jobs = self.0.values().filter(|policy| policy.queue == *queue).peekable();
            jobs.peek().is_none() || jobs.any(|policy| !policy.needs_credentials)
        };
        queues.retain(|queue, _| is_open(queue));
        queues
    }
}

/// The seats of the queues that are limited, as people read them: `sleep: 2, tweet: 1`.
#[must_use]
pub fn seats_of(queues: &BTreeMap<String, Option<u32>>) -> String {
    let limited = queues.iter().filter_map(|(queue, limit)| Some((queue, limit.as_ref()?)));
    let limited: Vec<_> = limited.map(|(queue, limit)| format!("{queue}: {limit}")).collect();
    limited.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_open_unless_all_its_jobs_need_credentials() {
        let job = |name: &str, queue: &str, needs_credentials| {
            let queue = queue.to_owned();
            let policy = JobPolicy { queue, needs_credentials, ..JobPolicy::default() };
            (name.to_owned(), policy)
        };
        let jobs = [
            job("echo", "mixed", false),
            job("post", "mixed", true),
            job("tweet", "tweet", true),
            job("sleep", "sleep", false),
        ];
        let catalogue = Catalogue(jobs.into_iter().collect());
        let names = |queues: BTreeMap<String, _>| queues.into_keys().collect::<Vec<_>>();
        assert_eq!(names(catalogue.open_queues()), [DEFAULT_QUEUE, "mixed", "sleep"]);
        assert_eq!(names(catalogue.queues()), [DEFAULT_QUEUE, "mixed", "sleep", "tweet"]);
    }
}
