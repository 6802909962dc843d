//! How the jobs of a fleet do: a word for all of them, and what is wrong with which.

use serde::{Deserialize, Serialize};

/// How a fleet does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// There is no issue.
    Healthy,
    /// There is one, or there are two.
    Degraded,
    /// There are three or more.
    Unhealthy,
}

impl HealthStatus {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// What makes a fleet less than healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "issue")]
pub enum Issue {
    /// Most of what the job did in the last hour went wrong.
    Failing {
        /// Attempts that went wrong by themselves.
        failures: u64,
        /// Of so many.
        executions: u64,
    },
    /// A job that is to be run by itself has not been for too long.
    Overdue {
        /// Seconds since its last run began, or since it was first to be run.
        seconds: u64,
        /// Seconds that it may be without a run.
        most: u64,
    },
}

/// What somebody ought to look at before it becomes an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "alert")]
pub enum Alert {
    /// Much of what the job did in the last hour went wrong.
    Failures {
        /// Attempts that went wrong by themselves.
        failures: u64,
        /// Of so many.
        executions: u64,
    },
    /// Its attempts of the last hour were slow.
    Slow {
        /// The mean of how long they ran, milliseconds.
        average_ms: u64,
    },
    /// Many of its tasks of the last hour were given up.
    DeadLetters {
        /// How many.
        dead_letters: u64,
        /// To so many attempts.
        executions: u64,
    },
}

/// Something about a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfJob<T> {
    /// The job.
    pub job: String,
    /// What.
    #[serde(flatten)]
    pub what: T,
}

/// How the jobs of a fleet do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// In a word.
    pub status: HealthStatus,
    /// Why it is less than healthy, by job.
    pub issues: Vec<OfJob<Issue>>,
    /// What else ought to be looked at, by job.
    pub alerts: Vec<OfJob<Alert>>,
}
