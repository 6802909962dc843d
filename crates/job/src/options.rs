//! What a job says of itself; its fleet and its tasks may say otherwise.

use alt::Priority;
use protocol::{Drain, JobPolicy, Misfire, Schedule, limits};

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
    /// The message queue that it drains, at each of its ticks.
    pub queue: Option<&'static str>,
    /// Messages of it that one run takes, 1 to [`limits::QUEUE_BATCH_MAX`].
    pub batch_size: u32,
    /// Whether messages with one key are worked off strictly one after the other.
    pub preserve_order: bool,
    /// Whether a message that failed for good is kept, to be looked at and replayed.
    pub dead_letter: bool,
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
        queue: None,
        batch_size: limits::QUEUE_BATCH,
        preserve_order: false,
        dead_letter: true,
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
            needs_credentials: !self.requires.is_empty(),
            schedule: self.rhythm.map(|rhythm| match rhythm {
                Rhythm::Every(seconds) => Schedule::Every { seconds },
                Rhythm::Cron(fields) => Schedule::Cron { fields: fields.to_owned() },
            }),
            enabled: self.enabled,
            jitter_seconds: self.jitter_seconds,
            misfire: self.misfire,
            priority: self.priority,
            drains: self.queue.map(|queue| Drain {
                queue: queue.to_owned(),
                batch_size: self.batch_size,
                preserve_order: self.preserve_order,
                dead_letter: self.dead_letter,
            }),
            dependencies: self.dependencies.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// The queue that this job has for itself: because its limit is the queue's, or because not every
    /// worker may serve it.
    #[must_use]
    pub fn own_queue(&self, name: &str) -> Option<String> {
        let special = self.max_concurrent.is_some() || !self.requires.is_empty();
        special.then(|| protocol::own_queue(name))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::DEFAULT
    }
}
