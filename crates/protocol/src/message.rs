//! The messages between client, coordinator and worker.

use alt::{Json, LastOptions, Mode, Priority, TaskIndex};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Attempt, Epoch, RunId, Sequence, Timestamp, WorkerId, limits};

/// A message with what its stream says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<T> {
    /// Its position.
    pub sequence: Sequence,
    /// When the stream took it.
    pub at: Timestamp,
    /// The message.
    pub body: T,
}

/// One attempt of one task of one run: the name of an offer and of its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptKey {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskIndex,
    /// The attempt.
    pub attempt: Attempt,
}

/// An ALT file: here if it fits a message, else in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The file as written, at most [`crate::limits::INLINE_ALT_BYTES`] on the wire.
    Inline(Bytes),
    /// Where the file is kept.
    Stored {
        /// The key in the store.
        key: String,
        /// Bytes of the file.
        size: u64,
        /// Lower-case hex SHA-256 of the file.
        sha256: String,
    },
}

/// What a run takes over from an earlier run of the same file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reuse {
    /// The earlier run.
    pub run: RunId,
    /// Where its `last.json` is.
    pub last_key: String,
    /// Lower-case hex SHA-256 of what is there.
    pub last_sha256: String,
    /// Tasks that run again with all that needs them, though they completed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<TaskIndex>,
}

/// A request to run an ALT file. Create-only by run id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Chosen by the client.
    pub run: RunId,
    /// The file.
    pub alt: Source,
    /// The order in which coordinators take runs: the file's own priority.
    #[serde(default)]
    pub priority: Priority,
    /// Says what the file would have said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Says what the file would have said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Results that need not be computed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<Reuse>,
    /// What is wanted of the LAST; goes before what the file and the coordinator say.
    #[serde(default, skip_serializing_if = "LastOptions::is_empty")]
    pub last: LastOptions,
}

/// Something stored that could not be used, kept for an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The run it was to be, if it said so.
    pub run: Option<RunId>,
    /// Where it lay.
    pub subject: String,
    /// Its position there: a second find of the same is the same.
    pub sequence: Sequence,
    /// What is wrong with it, at most [`crate::limits::QUARANTINE_REASONS`].
    pub reasons: Vec<String>,
    /// What was stored, at most [`crate::limits::QUARANTINE_BYTES`] of it.
    pub bytes: Bytes,
}

/// A dependency, or an ancestor named by a reference, and where its output is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The task's id in the file.
    pub id: String,
    /// Its index.
    pub task: TaskIndex,
    /// The attempt that completed.
    pub attempt: Attempt,
    /// The queue its verdict is filed under.
    pub queue: String,
}

/// What chaos mode does to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Perturbation {
    /// The attempt fails before its job starts.
    Fail,
    /// The job starts this many milliseconds late.
    DelayMs(u32),
    /// The job runs twice, as after a redelivery; the second verdict is refused.
    Duplicate,
}

/// An attempt waiting on its queue: all that a worker needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskIndex,
    /// The attempt.
    pub attempt: Attempt,
    /// The coordinator's fence.
    pub epoch: Epoch,
    /// The queue it waits on.
    pub queue: String,
    /// The order on the queue.
    pub priority: Priority,
    /// The author's id of the task, for people and for paths after encoding.
    pub id: String,
    /// The job to run.
    pub job: String,
    /// The task's parameters with references not yet resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Json>,
    /// Milliseconds the attempt may take; absent means the job's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Dependencies first, in file order, then referenced ancestors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// How many of `inputs` are dependencies.
    #[serde(default)]
    pub dependencies: u32,
    /// The run's mode.
    #[serde(default)]
    pub mode: Mode,
    /// The run's persona.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// What chaos mode does to this attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perturbation: Option<Perturbation>,
    /// It may have been offered before, and even carried out: a worker looks for a verdict first.
    #[serde(default)]
    pub again: bool,
    /// First attempts of other tasks of this queue and priority that its worker may go on with when
    /// this one ended well, in this order, under the same lease; each needs nothing but what completed
    /// before and those before it in this row. At most [`limits::THEN`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<Next>,
}

/// What an offer says of a task that its worker may go on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// The task.
    pub task: TaskIndex,
    /// The author's id of the task.
    pub id: String,
    /// The job to run.
    pub job: String,
    /// As in [`Offer::parameters`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Json>,
    /// As in [`Offer::timeout_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// As in [`Offer::inputs`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// As in [`Offer::dependencies`].
    #[serde(default)]
    pub dependencies: u32,
}

impl Offer {
    /// Which attempt it is.
    #[must_use]
    pub const fn key(&self) -> AttemptKey {
        AttemptKey { run: self.run, task: self.task, attempt: self.attempt }
    }

    /// The attempt of a task that goes with this one.
    #[must_use]
    pub const fn key_of(&self, next: TaskIndex) -> AttemptKey {
        AttemptKey { run: self.run, task: next, attempt: Attempt::FIRST }
    }

    /// What a worker goes on with, as if it had been offered by itself.
    #[must_use]
    pub fn going_on_with(&self, next: &Next) -> Self {
        let next = next.clone();
        Self {
            run: self.run,
            task: next.task,
            attempt: Attempt::FIRST,
            epoch: self.epoch,
            queue: self.queue.clone(),
            priority: self.priority,
            id: next.id,
            job: next.job,
            parameters: next.parameters,
            timeout_ms: next.timeout_ms,
            inputs: next.inputs,
            dependencies: next.dependencies,
            mode: self.mode,
            persona: self.persona.clone(),
            perturbation: None,
            again: false,
            then: Vec::new(),
        }
    }
}

/// A worker began an attempt. A hint: it may be lost, and nothing that must be right rests on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The attempt.
    pub key: AttemptKey,
    /// Who runs it.
    pub worker: WorkerId,
    /// Milliseconds the attempt may take: the task's, else the job's default.
    pub timeout_ms: u64,
}

/// A request to stop a run. Stored once; later ones change nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// The run.
    pub run: RunId,
    /// Who asked, or why.
    pub reason: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// All tasks completed, or there was none.
    Success,
    /// Some tasks completed.
    PartialSuccess,
    /// No task completed.
    Failure,
    /// The file was not valid: nothing ran, and there is no LAST.
    Refused,
}

impl RunStatus {
    /// The status of a run of which `completed` tasks of `total` completed.
    #[must_use]
    pub const fn of(completed: u32, total: u32) -> Self {
        if completed == total {
            Self::Success
        } else if completed > 0 {
            Self::PartialSuccess
        } else {
            Self::Failure
        }
    }

    /// The word used on the wire, in files and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::PartialSuccess => "partial_success",
            Self::Failure => "failure",
            Self::Refused => "refused",
        }
    }
}

/// The run is over and what came of it is stored. Create-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The run.
    pub run: RunId,
    /// Where `last.json` is; the diagnostics, if the file was refused.
    pub last_key: String,
    /// Lower-case hex SHA-256 of what is there.
    pub last_sha256: String,
    /// How it ended.
    pub status: RunStatus,
}

/// What a model said of a finished run, or why there is nothing. Create-only: the first one stands,
/// so that the LAST says the same whoever writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insights {
    /// The run.
    pub run: RunId,
    /// What it said.
    pub told: Told,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// This.
    Text {
        /// Its words, at most [`crate::limits::INSIGHTS_BYTES`].
        text: String,
        /// The model, at most [`crate::limits::MODEL_BYTES`] of its name.
        model: String,
        /// The tokens that it took, if the service counts them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tokens: Option<u64>,
    },
    /// Nothing.
    Nothing {
        /// Why, in words for the LAST, at most [`crate::limits::REASON_BYTES`].
        reason: String,
    },
}

impl Told {
    /// The same, within its bounds.
    #[must_use]
    pub fn bounded(self) -> Self {
        let cut = |mut text: String, most: usize| {
            text.truncate(text.floor_char_boundary(most));
            text
        };
        match self {
            Self::Text { text, model, tokens } => Self::Text {
                text: cut(text, limits::INSIGHTS_BYTES),
                model: cut(model, limits::MODEL_BYTES),
                tokens,
            },
            Self::Nothing { reason } => Self::Nothing { reason: cut(reason, limits::REASON_BYTES) },
        }
    }
}

/// How many tasks of a run are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Dependencies are missing.
    pub waiting: u32,
    /// Nothing is missing but a place in the window.
    pub ready: u32,
    /// Between a failed attempt and the next.
    pub backoff: u32,
    /// On a queue, or with a worker that has not said so.
    pub offered: u32,
    /// With a worker.
    pub running: u32,
    /// Ended well.
    pub completed: u32,
    /// Ended badly, retries used up.
    pub failed: u32,
    /// Ended by their timeout, retries used up.
    pub timeout: u32,
    /// Never to run, or stopped.
    pub cancelled: u32,
}

impl Counts {
    /// Tasks whose end is decided.
    #[must_use]
    pub const fn decided(&self) -> u32 {
        self.completed + self.failed + self.timeout + self.cancelled
    }

    /// All tasks.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.waiting + self.ready + self.backoff + self.offered + self.running + self.decided()
    }
}

/// The small record of a run that lists and progress bars read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The run.
    pub run: RunId,
    /// The file's id.
    pub alt_id: String,
    /// The file's title.
    pub title: String,
    /// When the submission was stored.
    pub started: Timestamp,
    /// When this record was written.
    pub updated: Timestamp,
    /// How its tasks stand.
    pub counts: Counts,
    /// Present once the LAST is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

impl RunRecord {
    /// What is known at `now` of a run that no coordinator has taken.
    #[must_use]
    pub fn blank(run: RunId, now: Timestamp) -> Self {
        let (alt_id, title, counts) = (String::new(), String::new(), Counts::default());
        Self { run, alt_id, title, started: now, updated: now, counts, end: None }
    }
}

/// An attempt that a worker runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningAttempt {
    /// The attempt.
    pub key: AttemptKey,
    /// The queue it came from.
    pub queue: String,
    /// The job.
    pub job: String,
    /// Milliseconds since it began.
    pub for_ms: u64,
}

/// A worker lives, and this is what it does. Soft state: nothing that must be right rests on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Who.
    pub worker: WorkerId,
    /// How many attempts it can run at once.
    pub slots: u32,
    /// The queues it takes offers from.
    pub queues: Vec<String>,
    /// What it runs, at most [`crate::limits::SLOTS_MAX`].
    pub running: Vec<RunningAttempt>,
    /// Whether it takes no more.
    pub draining: bool,
}
