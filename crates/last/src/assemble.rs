//! Writes a LAST as its tasks are told, one after the other: memory does not grow with outputs.

pub(crate) mod critical;
mod head;
mod refused;
mod task;

use std::io::{self, Write};

use alt::TaskIndex;
use protocol::{RunStatus, Timestamp};

use crate::facts::{RunFacts, TaskFacts};
use crate::model::{
    Artifact, DependencyType, Edge, LastFile, Node, Reused, TaskResult, TaskStatus,
};
use crate::report::Outline;
use crate::sheet::Sheet;
use crate::summary::{self, Highlights};
use crate::{FileDigest, Moment};

pub(crate) use head::success_rate;
pub use refused::refused;

/// What was written, and what is left to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Assembled {
    /// Lower-case hex SHA-256 of `last.json`.
    pub sha256: String,
    /// Bytes of `last.json`.
    pub size: u64,
    /// Whether all, some or none of the tasks completed.
    pub status: RunStatus,
    /// Objects the LAST names, to be copied beside it.
    pub promotions: Vec<Promotion>,
    /// How each task ended, by task: what a picture is painted from.
    pub ends: Vec<TaskStatus>,
    /// The text of `summary.txt`.
    pub summary: String,
    /// What `report.html` is made of.
    pub outline: Outline,
}

/// An object that an attempt left, and where the LAST says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The key in the store.
    pub from: String,
    /// The path from the folder of the LAST.
    pub to: String,
    /// What is there.
    pub digest: FileDigest,
}

/// Why a LAST could not be assembled.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError<E> {
    /// The facts of a task could not be had.
    #[error("the facts of task `{id}` could not be read: {source}")]
    Task {
        /// The task's id.
        id: String,
        /// Why.
        source: E,
    },
    /// The facts of a task contradict each other.
    #[error("the facts of task `{id}` contradict each other: {message}")]
    Contradiction {
        /// The task's id.
        id: String,
        /// How.
        message: &'static str,
    },
    /// The tasks did not end as the counts say.
    #[error("the run counts {said} tasks {status}, its tasks say {found}")]
    Counts {
        /// The status counted.
        status: &'static str,
        /// What the counts say.
        said: u32,
        /// What the tasks say.
        found: u32,
    },
    /// The LAST could not be written.
    #[error("last.json could not be written: {0}")]
    Write(#[from] io::Error),
}

/// What stays in memory of every task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    status: TaskStatus,
    tried: bool,
    start: Timestamp,
    end: Timestamp,
}

/// What stays in memory of the tasks told so far.
#[derive(Debug, Default)]
struct Told {
    spans: Vec<Span>,
    artifacts: Vec<Artifact>,
    promotions: Vec<Promotion>,
    highlights: Highlights,
    reused: u32,
    keeps_artifacts: bool,
}

/// Writes the LAST of `run` to `out`, asking `task` once for each task, in file order.
///
/// The same facts make the same bytes. Memory: a small record a task, one per artifact, and the
/// task at hand.
///
/// # Errors
/// When `task` fails, the facts contradict each other, or `out` fails; `out` then holds a part.
pub fn assemble<E>(
    out: &mut impl Write,
    run: &RunFacts<'_>,
    task: &mut dyn FnMut(TaskIndex) -> Result<TaskFacts, E>,
) -> Result<Assembled, AssembleError<E>> {
    let file = run.alt.file();
    let mut told = Told {
        spans: Vec::with_capacity(file.tasks.len()),
        keeps_artifacts: run.artifacts,
        ..Told::default()
    };
    let mut head = head::head(run);
    let mut outline = Outline::new(&head, file.tasks.len());
    let mut sheet = Sheet::new(out);
    head::write(&mut sheet, &head)?;

    sheet.open("task_results", '{')?;
    for (index, entry) in (0_u32..).map(TaskIndex).zip(&file.tasks) {
        let facts =
            task(index).map_err(|source| AssembleError::Task { id: entry.id.clone(), source })?;
        let result = task::result(run, index, facts, &mut told)
            .map_err(|message| AssembleError::Contradiction { id: entry.id.clone(), message })?;
        sheet.field(&result.task_id, &result)?;
        told.highlights.task(&result);
        outline.task(&result);
        told.spans.push(Span::of(&result));
    }
    sheet.close('}')?;
    check_counts(run, &told.spans)?;
    head.reuse = run.reuse.map(|run| Reused { run, tasks: told.reused });
    sheet.option("reuse", head.reuse.as_ref())?;

    sheet.open("artifacts", '[')?;
    for artifact in &told.artifacts {
        sheet.element(artifact)?;
        told.highlights.artifact(artifact);
    }
    sheet.close(']')?;
    let slack = critical::slack(run.alt.graph(), &told.spans);
    write_graph(&mut sheet, run, &told.spans, &slack)?;
    let path = critical::path(run.alt.graph(), &told.spans, |task| &file.tasks[task.get()].id);
    sheet.field("critical_path", &path)?;
    outline.close(&slack, told.artifacts, path, head.reuse);
    let (size, sha256) = sheet.finish()?;
    Ok(Assembled {
        sha256,
        size,
        status: head.status,
        promotions: told.promotions,
        ends: told.spans.iter().map(|span| span.status).collect(),
        summary: summary::text(&head, &told.highlights),
        outline,
    })
}

impl Span {
    /// What a result says of its task.
    pub(crate) const fn of(result: &TaskResult) -> Self {
        let (start, end) = (result.start_time.0, result.end_time.0);
        Self { status: result.status, tried: !result.attempts.is_empty(), start, end }
    }
}

/// Holds the counts, which were written first, against what the tasks turned out to be.
fn check_counts<E>(run: &RunFacts<'_>, spans: &[Span]) -> Result<(), AssembleError<E>> {
    for status in TaskStatus::ALL {
        let said = head::count(&run.counts, status);
        let found = spans.iter().filter(|span| span.status == status).count();
        let found = u32::try_from(found).unwrap_or(u32::MAX);
        if said != found {
            return Err(AssembleError::Counts { status: status.name(), said, found });
        }
    }
    Ok(())
}

fn write_graph<W: Write>(
    sheet: &mut Sheet<'_, W>,
    run: &RunFacts<'_>,
    spans: &[Span],
    slack: &[Option<u64>],
) -> io::Result<()> {
    sheet.open("execution_graph", '{')?;
    sheet.open("nodes", '[')?;
    let tasks = &run.alt.file().tasks;
    for (((index, task), span), slack_ms) in
        (0_u32..).map(TaskIndex).zip(tasks).zip(spans).zip(slack)
    {
        sheet.element(&Node {
            id: node_id(index),
            task_id: task.id.clone(),
            status: span.status,
            duration_ms: span.end.since(span.start),
            start_time: Moment(span.start),
            end_time: Moment(span.end),
            slack_ms: *slack_ms,
        })?;
    }
    sheet.close(']')?;
    sheet.open("edges", '[')?;
    for (index, _) in (0_u32..).map(TaskIndex).zip(tasks) {
        for source in run.alt.graph().dependencies(index) {
            sheet.element(&Edge {
                source: node_id(*source),
                target: node_id(index),
                dependency_type: DependencyType::Required,
            })?;
        }
    }
    sheet.close(']')?;
    sheet.close('}')
}

/// The id of a task's node in the execution graph.
pub(crate) fn node_id(task: TaskIndex) -> String {
    format!("node_{}", task.0)
}

/// The text of `summary.txt` from a LAST that was read.
pub(crate) fn highlights(last: &LastFile) -> Highlights {
    let mut highlights = Highlights::default();
    last.task_results.iter().for_each(|task| highlights.task(task));
    last.artifacts.iter().for_each(|artifact| highlights.artifact(artifact));
    highlights
}
