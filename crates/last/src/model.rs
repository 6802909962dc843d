//! The LAST file as it is written: one struct per JSON object, fields in the order of the file.

mod map;
mod refusal;
mod reused;
mod waits;

use alt::{Json, Mode, Priority};
use protocol::{MissingFile, Outcome, Perturbation, RunId, RunStatus, WorkerId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Moment;
pub use map::{Insights, Metadata};
pub(crate) use map::{members, tasks};
pub use refusal::{Refusal, Refusals, Unlisted};
pub use reused::Reused;
pub(crate) use reused::{optional_run, run_schema};
pub use waits::Waits;

/// The version of the format.
pub const VERSION: &str = "1.0";

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LastFile {
    /// `last_` and the run's id.
    pub id: String,
    /// The version of the format: `1.0`.
    pub version: String,
    /// When the run ended.
    pub created_at: Moment,
    /// The id of the ALT file; empty when a refused file had none.
    pub alt_file_id: String,
    /// The title of the ALT file; empty when a refused file had none.
    pub alt_file_title: String,
    /// The ALT file as it was submitted, kept beside the LAST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_file: Option<AltFileRef>,
    /// The run's id: 32 lower-case hex digits.
    pub execution_id: String,
    /// Whether all, some or none of the tasks completed.
    #[schemars(schema_with = "status_schema")]
    pub status: RunStatus,
    /// Completed tasks by all tasks, 0 to 1; 1 when there is no task, 0 when the file was refused.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub success_rate: f64,
    /// The mode it ran in.
    #[schemars(schema_with = "mode_schema")]
    pub mode: Mode,
    /// The persona it ran with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The ALT file's tags.
    pub tags: Vec<String>,
    /// The ALT file's priority.
    #[schemars(schema_with = "priority_schema")]
    pub priority: Priority,
    /// When the submission was stored.
    pub start_time: Moment,
    /// When the last task was decided.
    pub end_time: Moment,
    /// Milliseconds of wall clock from `start_time` to `end_time`.
    pub execution_time_ms: u64,
    /// What the streams and the store promised to survive.
    pub durability: String,
    /// How chaos mode was seeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chaos: Option<Chaos>,
    /// Why the run was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<String>,
    /// Why the file was refused: its errors by position, at most 100; then nothing ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Vec<Refusal>>,
    /// What was found in a refused file and is not listed; absent when everything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_more: Option<Unlisted>,
    /// The outcome in one sentence.
    pub summary: String,
    /// Counts by status, what a model said of the run if one was asked (`ai_insights`, or
    /// `ai_insights_error` with why there is nothing), and the ALT file's own metadata with `alt_`
    /// before each key.
    pub metadata: Metadata,
    /// Each task's result by the task's id, in the order of the ALT file.
    #[serde(with = "tasks")]
    #[schemars(with = "std::collections::BTreeMap<String, TaskResult>")]
    pub task_results: Vec<TaskResult>,
    /// What the run took over from an earlier run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<Reused>,
    /// The files that completed tasks left.
    pub artifacts: Vec<Artifact>,
    /// What depended on what.
    pub execution_graph: ExecutionGraph,
    /// The chain of tasks that the run's end waited for.
    pub critical_path: CriticalPath,
}

/// How a task ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// It ended well.
    Completed,
    /// It ended badly.
    Failed,
    /// It ran out of time.
    Timeout,
    /// It was not to run, or was stopped.
    Cancelled,
}

impl TaskStatus {
    /// All of them, in the order people read them.
    pub const ALL: [Self; 4] = [Self::Completed, Self::Failed, Self::Timeout, Self::Cancelled];

    /// The word in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }

    /// One character that tells it apart without colour.
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Completed => '✓',
            Self::Failed => '✗',
            Self::Timeout => '◷',
            Self::Cancelled => '⊘',
        }
    }
}

/// How chaos mode was seeded: the same seed disturbs the same run in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chaos {
    /// The seed, decimal; text because a JSON reader may round numbers of this size.
    pub seed: String,
    /// How hard, 1-10.
    #[schemars(range(min = 1, max = 10))]
    pub level: u8,
}

/// What came of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskResult {
    /// The author's id of the task.
    pub task_id: String,
    /// The run's id.
    pub execution_id: String,
    /// How it ended.
    pub status: TaskStatus,
    /// How its last attempt ended; absent when it was never tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "outcome_schema")]
    pub outcome: Option<Outcome>,
    /// The run that executed it, when its result was taken over from an earlier run.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_run")]
    #[schemars(schema_with = "run_schema")]
    pub reused_from: Option<RunId>,
    /// When its first attempt started; when it was decided if it was never tried.
    pub start_time: Moment,
    /// When it was decided.
    pub end_time: Moment,
    /// Milliseconds from `start_time` to `end_time`.
    pub duration_ms: u64,
    /// Milliseconds its attempts were ready and not running, together.
    pub wait_ms: u64,
    /// Milliseconds its attempts ran, together.
    pub run_ms: u64,
    /// What it waited for before its last attempt started; absent when it was never tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waits>,
    /// What the job returned; a completed task has this or `output_ref`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schemars(with = "serde_json::Value")]
    pub output: Option<Json>,
    /// Where what the job returned is kept, when it is too large to be here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_ref: Option<OutputRef>,
    /// What the last attempt complained of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why it was cancelled, naming the task to blame if there is one, or why its job was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its attempts, oldest first.
    pub attempts: Vec<AttemptResult>,
    /// Files that its output names and that could not be kept, or were kept and are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "missing_schema")]
    pub missing_files: Vec<MissingFile>,
    /// What the ALT file said of it.
    pub metadata: TaskMetadata,
}

/// What the ALT file said of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskMetadata {
    /// The job that ran it.
    pub job: String,
    /// The queue it asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttemptResult {
    /// Counted from 1.
    #[schemars(range(min = 1))]
    pub attempt: u32,
    /// How it ended.
    #[schemars(schema_with = "outcome_schema")]
    pub outcome: Outcome,
    /// Why it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether another attempt could have ended otherwise; absent when it ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// When nothing but a worker was missing.
    pub ready_time: Moment,
    /// When it started.
    pub start_time: Moment,
    /// When its verdict was stored.
    pub end_time: Moment,
    /// Milliseconds from `ready_time` to `start_time`.
    pub wait_ms: u64,
    /// How much of `wait_ms` its worker had a free slot and no seat; absent when there was none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub limit_ms: u64,
    /// Milliseconds it ran, on its worker's monotonic clock.
    pub run_ms: u64,
    /// Who ran it; absent when a coordinator ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub worker: Option<WorkerId>,
    /// What chaos mode did to it: `"fail"`, `{"delay_ms": 250}` or `"duplicate"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "perturbation_schema")]
    pub perturbation: Option<Perturbation>,
    /// Lines the job logged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

/// The ALT file kept beside the LAST.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AltFileRef {
    /// The file, from the folder of the LAST.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex SHA-256.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}

/// An output kept in a file beside the LAST.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputRef {
    /// The file, from the folder of the LAST.
    pub path: String,
    /// Bytes.
    pub size_bytes: u64,
    /// Lower-case hex SHA-256.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Whether it is missing: its worker stored it, and when the run ended it was gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
}

/// A file that a completed task left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// `artifact_<task's place in the ALT file>_<place among the task's artifacts>`, from 0.
    pub id: String,
    /// The name the job gave it.
    pub name: String,
    /// What it is, told from its name.
    pub artifact_type: ArtifactType,
    /// The task that left it.
    pub task_id: String,
    /// The file, from the folder of the LAST.
    pub path: String,
    /// When the attempt that left it ended.
    pub created_at: Moment,
    /// Bytes.
    pub size_bytes: u64,
    /// The media type, told from its name.
    pub mime_type: String,
    /// Lower-case hex SHA-256.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}

/// What an artifact is, told from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactType {
    /// Nothing more is known.
    File,
    /// A picture.
    Image,
    /// Text for people, or source code.
    Text,
    /// JSON.
    Json,
    /// A log.
    Log,
    /// An archive, a program, sound, moving pictures, a database.
    Binary,
}

/// What depended on what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecutionGraph {
    /// One per task, in the order of the ALT file.
    pub nodes: Vec<Node>,
    /// One per dependency, by target, then by source.
    pub edges: Vec<Edge>,
}

/// A task in the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// `node_<task's place in the ALT file>`, from 0.
    pub id: String,
    /// The author's id of the task.
    pub task_id: String,
    /// How it ended.
    pub status: TaskStatus,
    /// Milliseconds from `start_time` to `end_time`.
    pub duration_ms: u64,
    /// As in the task's result.
    pub start_time: Moment,
    /// As in the task's result.
    pub end_time: Moment,
    /// Milliseconds that it could have ended later without the run ending later, all else taking as
    /// long as it did; absent when it was never tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack_ms: Option<u64>,
}

/// A dependency in the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The id of the node that had to complete.
    pub source: String,
    /// The id of the node that waited for it.
    pub target: String,
    /// What the target asked of the source.
    pub dependency_type: DependencyType,
}

/// What a dependency asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DependencyType {
    /// The source must complete.
    Required,
}

/// The chain of tasks that the run's end waited for: from the task that ended last, back to the
/// dependency that ended last, and so on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CriticalPath {
    /// Ids in the order they ran; the first 1000 of them.
    pub task_ids: Vec<String>,
    /// How many tasks the chain has.
    pub length: u32,
    /// Milliseconds from the start of its first task to the end of its last.
    pub duration_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Reads a field that is there, so that `null` is a value and not an absence.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

fn mode_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["normal", "dream", "explore", "chaos"] })
}

fn priority_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["critical", "high", "medium", "low"] })
}

fn status_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["success", "partial_success", "failure"] })
}

fn outcome_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["ok", "failed", "timeout", "cancelled", "lost"] })
}

fn perturbation_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "oneOf": [
        { "enum": ["fail", "duplicate"] },
        {
            "type": "object",
            "properties": { "delay_ms": { "type": "integer", "minimum": 0 } },
            "required": ["delay_ms"],
            "additionalProperties": false,
        },
    ] })
}

fn missing_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": {
        "type": "object",
        "properties": {
            "path": { "type": "string", "description": "The path as the output names it." },
            "reason": { "type": "string", "description": "Why it was not kept." },
        },
        "required": ["path", "reason"],
    } })
}
