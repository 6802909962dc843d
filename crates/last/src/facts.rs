//! What a coordinator knows of a finished run, in the shape the assembler asks for it.

use std::collections::BTreeSet;

use crate::model::Refusals;
use alt::{Alt, Mode, TaskIndex};
use protocol::{Counts, Perturbation, RunId, Stored, Timestamp, Told, Verdict};

use crate::FileDigest;

/// What is known of the run as a whole.
#[derive(Debug, Clone, Copy)]
pub struct RunFacts<'a> {
    /// The run.
    pub run: RunId,
    /// What was asked.
    pub alt: &'a Alt,
    /// The mode it ran in: the submission's, else the file's.
    pub mode: Mode,
    /// The persona it ran with: the submission's, else the file's.
    pub persona: Option<&'a str>,
    /// When the submission was stored.
    pub started: Timestamp,
    /// When the last task was decided.
    pub finished: Timestamp,
    /// How the tasks ended; all decided.
    pub counts: Counts,
    /// Why the run was cancelled, if it was.
    pub cancelled: Option<&'a str>,
    /// The seed and the level 1-10 of chaos mode.
    pub chaos: Option<(u64, u8)>,
    /// What the streams and the store promised to survive.
    pub durability: &'a str,
    /// The ALT file as submitted, which the caller keeps beside the LAST as [`crate::ALT_FILE`].
    pub alt_file: Option<&'a FileDigest>,
    /// The earlier run whose results were to be taken over. Which were, the verdicts say.
    pub reuse: Option<RunId>,
    /// Whether the files that tasks left belong to the LAST.
    pub artifacts: bool,
    /// Keys that verdicts name and under which nothing is stored any more.
    pub gone: &'a BTreeSet<String>,
    /// What a model said of the run, if one was to be asked.
    pub insights: Option<&'a Told>,
}

/// What is known of a file that was refused: nothing of it ran.
#[derive(Debug, Clone, Copy)]
pub struct RefusedFacts<'a> {
    /// The run.
    pub run: RunId,
    /// The id of the file, if it could be read.
    pub alt_id: Option<&'a str>,
    /// The title of the file, if it could be read.
    pub title: Option<&'a str>,
    /// When the submission was stored.
    pub at: Timestamp,
    /// What the streams and the store promised to survive.
    pub durability: &'a str,
    /// The file as submitted, which the caller keeps beside the LAST as [`crate::ALT_FILE`].
    pub alt_file: Option<&'a FileDigest>,
    /// Why it was refused.
    pub refusals: &'a Refusals,
}

/// What is known of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFacts {
    /// How it ended.
    pub end: TaskEnd,
    /// When that was decided.
    pub decided_at: Timestamp,
    /// Oldest first; empty when it was never tried.
    pub attempts: Vec<AttemptFacts>,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskEnd {
    /// Its last attempt was ok.
    Completed,
    /// Its last attempt failed or was lost, and no retry was left.
    Failed,
    /// Its last attempt ran out of time, and no retry was left.
    TimedOut,
    /// It was not to run, or was stopped.
    Cancelled {
        /// The task whose end is to blame; `None` when the run itself was cancelled.
        cause: Option<TaskIndex>,
    },
}

/// What is known of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptFacts {
    /// When nothing but a worker was missing.
    pub ready_at: Timestamp,
    /// Its first verdict and when the stream took it.
    pub verdict: Stored<Verdict>,
    /// What chaos mode did to it.
    pub perturbation: Option<Perturbation>,
}

impl AttemptFacts {
    /// When it started: its run time before its verdict, yet never before it was ready.
    pub(crate) fn started_at(&self) -> Timestamp {
        let at = self.verdict.at.0.saturating_sub(self.verdict.body.run_ms);
        Timestamp(at).max(self.ready_at)
    }

    /// When it ended: its verdict, yet never before it started.
    pub(crate) fn ended_at(&self) -> Timestamp {
        self.verdict.at.max(self.started_at())
    }
}
