//! What a job says of itself; its fleet and its tasks may say otherwise.

use alt::Priority;
use protocol::{JobPolicy, Misfire, Schedule, limits};

use crate::Credential;

/// When a job is run by itself, as its attribute says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// Every so many seconds, 1 or more.
    Every(u32),
    /// By a cron expression of six fields, seconds first, in UTC.
    Cron(&'static str),
}

/// The options of the attribute, each with its value or its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Older names that tasks may still say.
    pub aliases: &'static [&'static str],
    /// When it is run by itself; absent means when a task names it, and then only.
    pub rhythm: Option<Rhythm>,
    /// Whether it is run by itself at all.
    pub enabled: bool,
    /// Seconds, from 0, by which a tick is put off at most; drawn from the tick, the same everywhere.
    pub jitter_seconds: u32,
    /// What becomes of a tick that comes more than a minute late.
    pub misfire: Misfire,
    /// The priority of runs that it begins by itself.
    pub priority: Priority,
    /// Extra attempts after a failure or timeout.
    pub max_retries: u8,
    /// Seconds until the second attempt, doubled for each further one, an hour at most; absent means
    /// half a second, and a minute at most.
    pub retry_delay_seconds: Option<u32>,
    /// Seconds an attempt may take, 1 or more; absent means the system's default.
    pub timeout_seconds: Option<u32>,
    /// Attempts that may run at once in the whole fleet, 1 or more; absent means no limit.
    pub max_concurrent: Option<u32>,
    /// What its workers must have.
    pub requires: &'static [Credential],
    /// Jobs whose last run must have succeeded since this one's last run began.
    pub dependencies: &'static [&'static str],
    /// Whether an attempt may be carried out again when its worker was lost.
    pub idempotent: bool,
}

impl Options {
    /// What holds where the attribute says nothing.
    pub const DEFAULT: Self = Self {
        aliases: &[],
        rhythm: None,
        enabled: true,
        jitter_seconds: 0,
        misfire: Misfire::Skip,
        priority: Priority::Medium,
        max_retries: 0,
        retry_delay_seconds: None,
        timeout_seconds: None,
        max_concurrent: None,
        requires: &[],
        dependencies: &[],
        idempotent: true,
    };

    /// What a coordinator has to know of the job of this name.
    #[must_use]
    pub fn policy(&self, name: &str) -> JobPolicy {
        JobPolicy {
            queue: self.own_queue(name).unwrap_or_else(|| protocol::DEFAULT_QUEUE.to_owned()),
            max_concurrent: self.max_concurrent,
            retries: self.max_retries,
            retry_delay_seconds: self.retry_delay_seconds,
            timeout_seconds: self.timeout_seconds.unwrap_or(limits::TIMEOUT_SECONDS),
            schedule: self.rhythm.map(|rhythm| match rhythm {
                Rhythm::Every(seconds) => Schedule::Every { seconds },
                Rhythm::Cron(fields) => Schedule::Cron { fields: fields.to_owned() },
            }),
            enabled: self.enabled,
            jitter_seconds: self.jitter_seconds,
            misfire: self.misfire,
            priority: self.priority,
            dependencies: self.dependencies.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// The queue that this job has for itself: because its limit is the queue's, or because not every
    /// worker may serve it. Queue names have no `.`, because it parts subjects.
    #[must_use]
    pub fn own_queue(&self, name: &str) -> Option<String> {
        let special = self.max_concurrent.is_some() || !self.requires.is_empty();
        special.then(|| name.replace('.', "_"))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::DEFAULT
    }
}
