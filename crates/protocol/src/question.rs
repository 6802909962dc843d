//! What is asked of the coordinator that conducts a run, and what it answers.

use std::collections::BTreeMap;

use alt::{Priority, TaskIndex};
use serde::{Deserialize, Serialize};

use crate::{Attempt, RunId, RunRecord, Timestamp, WorkerId};

/// A question about a run under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// How does the run stand?
    Snapshot,
    /// Why does a task stand as it does?
    Why {
        /// The author's id of the task.
        task: String,
    },
    /// How many tasks of each job could run, and do not?
    Waiting,
}

/// What the coordinator says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// How the run stands.
    Snapshot(Snapshot),
    /// Why the task stands as it does.
    Why(Why),
    /// The file has no such task.
    NoSuchTask {
        /// The task whose id is nearest, if any is near.
        nearest: Option<String>,
    },
    /// The tasks that could run, by the name that they have for their job; those with none left out.
    Waiting(BTreeMap<String, Waiting>),
}

/// Tasks of a job that need no other task any more, and do not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Waiting {
    /// On their queue.
    pub queued: u32,
    /// For a place in the window of their run.
    pub ready: u32,
    /// For the time of their next attempt.
    pub backoff: u32,
}

/// Where a task stands, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Standing {
    /// Dependencies are missing.
    Waiting {
        /// How many.
        missing: u32,
    },
    /// Nothing is missing but a place in the window.
    Ready,
    /// Between a failed attempt and the next.
    Backoff {
        /// When the next one is due.
        until: Timestamp,
    },
    /// On its queue.
    Offered,
    /// With a worker.
    Running {
        /// Which, where that is known.
        worker: Option<WorkerId>,
        /// Milliseconds since it began, where that is known.
        for_ms: Option<u64>,
    },
    /// Ended well.
    Completed {
        /// When.
        at: Timestamp,
    },
    /// Ended badly.
    Failed {
        /// When.
        at: Timestamp,
    },
    /// Ended by its timeout.
    Timeout {
        /// When.
        at: Timestamp,
    },
    /// Never to run, or stopped.
    Cancelled {
        /// When.
        at: Timestamp,
        /// The task whose failure caused it.
        cause: Option<String>,
    },
}

impl Standing {
    /// The word people see.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Ready => "ready",
            Self::Backoff { .. } => "backoff",
            Self::Offered => "offered",
            Self::Running { .. } => "running",
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Timeout { .. } => "timeout",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}

/// One task of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// The author's id.
    pub id: String,
    /// The newest attempt, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// Where it stands.
    pub standing: Standing,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its record, as of now.
    pub record: RunRecord,
    /// What runs, what went wrong and what waits for its next attempt, at most
    /// [`crate::limits::SNAPSHOT_TASKS`].
    pub tasks: Vec<TaskView>,
}

/// Who holds a seat or a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The worker.
    pub worker: WorkerId,
    /// The run it works for.
    pub run: RunId,
    /// The task of that run.
    pub task: TaskIndex,
    /// Milliseconds since it began.
    pub for_ms: u64,
}

/// One thing that a task waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Reason {
    /// Another task must complete first.
    Dependency {
        /// Its id.
        task: String,
        /// Where it stands.
        standing: Standing,
    },
    /// The run has its most offers outstanding.
    Window {
        /// How many that is.
        size: u32,
        /// How many ready tasks go before this one.
        ahead: u32,
    },
    /// It goes along with the offer of another task: whoever is given that one goes on with it, and it
    /// is for anybody once that one takes long.
    Along {
        /// That task's id.
        task: String,
    },
    /// No worker that was heard of lately takes offers from its queue.
    NoWorker {
        /// The queue.
        queue: String,
    },
    /// As many attempts of the queue run as may.
    Limit {
        /// The queue.
        queue: String,
        /// How many may run at once.
        limit: u32,
        /// Who holds the seats, as far as is known.
        holders: Vec<Holder>,
    },
    /// All slots of the workers of its queue are taken.
    Busy {
        /// The queue.
        queue: String,
        /// How many slots there are.
        slots: u32,
    },
    /// It is on its queue and a worker could take it now.
    Queued {
        /// The queue.
        queue: String,
        /// Its rank there.
        priority: Priority,
    },
}

/// Why a task stands as it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The task.
    pub task: TaskView,
    /// When this was so.
    pub now: Timestamp,
    /// What it waits for; empty when it waits for nothing.
    pub reasons: Vec<Reason>,
}
