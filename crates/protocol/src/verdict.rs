//! What became of an attempt: the first verdict stored is the truth, whoever wrote it.

use alt::{Json, TaskIndex};
use serde::{Deserialize, Serialize};

use crate::{Attempt, AttemptKey, RunId, WorkerId};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The job returned an output.
    Ok,
    /// The job returned an error, or panicked.
    Failed,
    /// It ran longer than its timeout and was stopped.
    Timeout,
    /// The run was cancelled.
    Cancelled,
    /// It did not end. Retryable: a worker that had to go handed it back. Not retryable: it cost
    /// [`crate::limits::LOST_WORKERS`] workers their lives.
    Lost,
}

impl Outcome {
    /// The word used on the wire, in logs and as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }
}

/// Why an attempt did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For people; at most [`crate::limits::ERROR_BYTES`].
    pub message: String,
    /// Whether another attempt could end otherwise.
    pub retryable: bool,
}

/// An output: here if small, else in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The value itself, at most [`crate::limits::INLINE_OUTPUT_BYTES`].
    Inline(Json),
    /// Where the value's JSON text is kept.
    Stored {
        /// The attempt-unique key in the store.
        key: String,
        /// Bytes of the JSON text.
        size: u64,
        /// Lower-case hex SHA-256 of the JSON text.
        sha256: String,
    },
}

/// A file an attempt left, as its worker stored it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRecord {
    /// The name the job gave: one safe path component, or several joined by `/`.
    pub name: String,
    /// The attempt-unique key in the store.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex SHA-256.
    pub sha256: String,
}

/// A file that an output names and that could not be kept: reported, never fatal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingFile {
    /// The path as the output names it.
    pub path: String,
    /// Why it was not kept: `not found`, `outside the scratch folder` and so on.
    pub reason: String,
}

/// The end of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskIndex,
    /// The attempt.
    pub attempt: Attempt,
    /// How it ended.
    pub outcome: Outcome,
    /// Present exactly when `outcome` is not ok.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Present exactly when `outcome` is ok.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Body>,
    /// Files it left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ArtifactRecord>,
    /// Files its output names and that are not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingFile>,
    /// Why the job did not do its work, though nothing went wrong; then `outcome` is ok and the output
    /// `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// Who ran it; absent when a coordinator sealed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerId>,
    /// Milliseconds the job ran, on the worker's monotonic clock.
    pub run_ms: u64,
    /// How long its worker had a free slot and no seat for it while its offer waited: at least so
    /// much of its wait was for a limit. Absent when 0, and from workers that do not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seat_wait_ms: u64,
    /// Lines the job logged, for people; at most [`crate::limits::LOG_LINES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// The earlier run that this was taken over from: nothing was executed for it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused_from: Option<RunId>,
    /// What its worker goes on with, in this order: nobody else is to be offered these until a verdict
    /// says otherwise. Each verdict on the way names what is left; the one without ends it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<TaskIndex>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Verdict {
    /// A verdict on `key` that says how it ended and nothing else.
    #[must_use]
    pub const fn bare(key: AttemptKey, outcome: Outcome) -> Self {
        Self {
            run: key.run,
            task: key.task,
            attempt: key.attempt,
            outcome,
            failure: None,
            output: None,
            artifacts: Vec::new(),
            missing: Vec::new(),
            skipped: None,
            worker: None,
            run_ms: 0,
            seat_wait_ms: 0,
            log: Vec::new(),
            reused_from: None,
            then: Vec::new(),
        }
    }

    /// A verdict of somebody who did not run `key`, and why it ended so.
    #[must_use]
    pub fn sealed(key: AttemptKey, outcome: Outcome, failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::bare(key, outcome) }
    }

    /// Whether a worker that had to go handed the attempt back.
    #[must_use]
    pub fn is_handed_back(&self) -> bool {
        let retryable = self.failure.as_ref().is_none_or(|failure| failure.retryable);
        self.outcome == Outcome::Lost && retryable
    }

    /// Which attempt it is about.
    #[must_use]
    pub const fn key(&self) -> AttemptKey {
        AttemptKey { run: self.run, task: self.task, attempt: self.attempt }
    }
}
