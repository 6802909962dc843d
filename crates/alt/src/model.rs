//! The ALT file as the rest of Runner sees it: names resolved, defaults filled, no status.

use serde::{Deserialize, Serialize};

use crate::{Json, LastOptions};

/// The place of a task in its file, from 0. On the wire a task is this number, never its text id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskIndex(pub u32);

impl TaskIndex {
    /// The number as an index into a slice.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// How imaginative, or how hostile, a run is to be. Case-insensitive in a file; `normal` if absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing is changed.
    #[default]
    Normal,
    /// AI tasks run at a higher sampling temperature, with an imaginative instruction.
    Dream,
    /// AI tasks make several alternatives, all recorded, best first.
    Explore,
    /// The run is disturbed on purpose, from a recorded seed.
    Chaos,
}

/// The order among ready tasks. `critical` first. `normal` is read as `medium`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before all others.
    Critical,
    /// Before medium and low.
    High,
    /// The default.
    #[default]
    #[serde(alias = "normal")]
    Medium,
    /// When nothing else is ready.
    Low,
}

impl Priority {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// A file that passed validation: dependencies are indices, jobs are names, limits hold.
#[derive(Debug, Clone)]
pub struct AltFile {
    /// The author's id, 1-256 bytes, any text without control characters.
    pub id: String,
    /// `1.0` when the file names none.
    pub version: String,
    /// RFC 3339, as written; absent means the time of submission.
    pub created_at: Option<String>,
    /// What a person calls it.
    pub title: String,
    /// What it is for.
    pub description: Option<String>,
    /// Defaults to [`Mode::Normal`].
    pub mode: Mode,
    /// Reaches every AI request of the run.
    pub persona: Option<String>,
    /// 1-10, how hard chaos mode disturbs; 5 if absent; ignored in other modes.
    pub chaos_level: Option<u8>,
    /// The priority of tasks that name none.
    pub priority: Priority,
    /// Copied to the LAST.
    pub tags: Vec<String>,
    /// Seconds the author expects the run to take.
    pub expected_completion_time: Option<u32>,
    /// The author's own object, copied to the LAST.
    pub metadata: Option<Json>,
    /// What its author wants of the LAST.
    pub last: LastOptions,
    /// In file order. [`TaskIndex`] counts here.
    pub tasks: Vec<Task>,
}

/// One node of the graph.
#[derive(Debug, Clone)]
pub struct Task {
    /// The author's id, unique in the file, 1-256 bytes, any text without control characters.
    pub id: String,
    /// What the task does, in the author's words.
    pub description: String,
    /// What must complete first: sorted, each once.
    pub dependencies: Vec<TaskIndex>,
    /// Ancestors named in a `${{ }}` reference that are not in `dependencies`: sorted, each once.
    pub references: Vec<TaskIndex>,
    /// The parameters object, untouched.
    pub parameters: Option<Json>,
    /// The job that runs it.
    pub job: String,
    /// The queue asked for, if any.
    pub queue: Option<String>,
    /// Seconds one attempt may take, 1..=604800; absent means the job's default.
    pub timeout_seconds: Option<u32>,
    /// Extra attempts after a failure or timeout, 0..=255; absent means the job's default.
    pub retry_count: Option<u8>,
    /// The order among ready tasks: the task's own, else the file's.
    pub priority: Priority,
    /// Free words for people and placement.
    pub tags: Vec<String>,
}
