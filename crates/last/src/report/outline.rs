//! What is kept of a run for its report: a small record a task, and a bounded amount of text.

use std::collections::BTreeMap;

use protocol::{MissingFile, Outcome};

use super::text::{Budget, Excerpt, cost};
use super::usage::Usage;
use super::{CARDS, TASKS, TEXT_BYTES};
use crate::model::{
    Artifact, CriticalPath, ExecutionGraph, LastFile, OutputRef, Reused, TaskResult, TaskStatus,
    Waits,
};

/// The most that one task's texts cost, bytes of HTML.
const CARD_BYTES: usize = 64 << 10;
/// The most that one message costs.
const MESSAGE_BYTES: usize = 4 << 10;
/// Attempts of a task that are listed: the last ones.
const ATTEMPTS: usize = 20;
/// Files of a task that could not be kept and are listed.
const MISSING: usize = 20;

/// What is kept of a run for its report. Does not grow with outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// The LAST without its tasks and its graph.
    pub(super) head: LastFile,
    pub(super) rows: Vec<Row>,
    pub(super) bars: Vec<Bar>,
    /// Names of workers, as bars count them.
    pub(super) workers: Vec<String>,
    pub(super) cards: BTreeMap<usize, Card>,
    pub(super) usage: Usage,
    numbers: BTreeMap<String, u32>,
    budget: Budget,
    tasks: usize,
}

/// A task in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) status: TaskStatus,
    pub(super) attempts: u32,
    /// Milliseconds from the start of the run.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) run_ms: u64,
    pub(super) waits: Option<Waits>,
    pub(super) slack_ms: Option<u64>,
}

/// An attempt in a timeline; times in milliseconds from the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) task: u32,
    /// Who ran it, as a place in the workers' list.
    pub(super) worker: Option<u32>,
    pub(super) ready: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) limit_ms: u64,
    pub(super) outcome: Outcome,
}

/// What is told of a task beside its row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Card {
    pub(super) error: Excerpt,
    pub(super) output: Excerpt,
    pub(super) output_ref: Option<OutputRef>,
    pub(super) log: Excerpt,
    pub(super) attempts: Vec<Try>,
    pub(super) missing: Vec<MissingFile>,
    pub(super) reused_from: Option<String>,
}

/// An attempt in the history of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Try {
    pub(super) number: u32,
    pub(super) outcome: Outcome,
    pub(super) worker: Option<String>,
    pub(super) start: u64,
    pub(super) wait_ms: u64,
    pub(super) limit_ms: u64,
    pub(super) run_ms: u64,
    pub(super) error: Excerpt,
    pub(super) perturbation: Option<String>,
}

impl Outline {
    /// The outline of a run that has `tasks` tasks, none of them told yet.
    pub(crate) fn new(head: &LastFile, tasks: usize) -> Self {
        let head = LastFile {
            task_results: Vec::new(),
            artifacts: Vec::new(),
            execution_graph: ExecutionGraph::default(),
            ..head.clone()
        };
        Self {
            head,
            rows: Vec::with_capacity(tasks),
            bars: Vec::with_capacity(tasks),
            workers: Vec::new(),
            cards: BTreeMap::new(),
            usage: Usage::default(),
            numbers: BTreeMap::new(),
            budget: Budget::new(TEXT_BYTES, tasks.min(if tasks > TASKS { CARDS } else { TASKS })),
            tasks,
        }
    }

    /// The outline of a whole LAST.
    #[must_use]
    pub fn of(last: &LastFile) -> Self {
        let mut outline = Self::new(last, last.task_results.len());
        last.task_results.iter().for_each(|task| outline.task(task));
        let slack: Vec<_> = last.execution_graph.nodes.iter().map(|node| node.slack_ms).collect();
        outline.close(&slack, last.artifacts.clone(), last.critical_path.clone(), last.reuse);
        outline
    }

    /// The chain that the end of the run waited for.
    pub(crate) const fn critical_path(&self) -> &CriticalPath {
        &self.head.critical_path
    }

    /// Takes note of the next task's result.
    pub(crate) fn task(&mut self, task: &TaskResult) {
        let place = self.rows.len();
        let started = self.head.start_time;
        let since = |moment: crate::Moment| moment.since(started);
        self.rows.push(Row {
            status: task.status,
            attempts: u32::try_from(task.attempts.len()).unwrap_or(u32::MAX),
            start: since(task.start_time),
            end: since(task.end_time),
            run_ms: task.run_ms,
            waits: task.waits,
            slack_ms: None,
        });
        for attempt in &task.attempts {
            // Whoever wrote the file, nothing is drawn from its end to its start.
            let start = since(attempt.start_time);
            let bar = Bar {
                task: u32::try_from(place).unwrap_or(u32::MAX),
                worker: None,
                ready: since(attempt.ready_time).min(start),
                start,
                end: since(attempt.end_time).max(start),
                limit_ms: attempt.limit_ms,
                outcome: attempt.outcome,
            };
            let worker = attempt.worker.as_ref().map(|worker| self.number(&worker.to_string()));
            self.bars.push(Bar { worker, ..bar });
        }
        self.usage.note(task);
        let bad = task.status != TaskStatus::Completed;
        if self.tasks <= TASKS || (bad && self.cards.len() < CARDS) {
            let card = self.card(task);
            self.cards.insert(place, card);
        }
    }

    /// Takes note of what is known once all tasks were told.
    pub(crate) fn close(
        &mut self,
        slack: &[Option<u64>],
        artifacts: Vec<Artifact>,
        critical_path: CriticalPath,
        reuse: Option<Reused>,
    ) {
        for (row, slack) in self.rows.iter_mut().zip(slack) {
            row.slack_ms = *slack;
        }
        self.head.artifacts = artifacts;
        self.head.critical_path = critical_path;
        self.head.reuse = reuse;
    }

    /// The number of a worker.
    fn number(&mut self, worker: &str) -> u32 {
        if let Some(number) = self.numbers.get(worker) {
            return *number;
        }
        let number = u32::try_from(self.workers.len()).unwrap_or(u32::MAX);
        self.workers.push(worker.to_owned());
        self.numbers.insert(worker.to_owned(), number);
        number
    }

    fn card(&mut self, task: &TaskResult) -> Card {
        let mut left = self.budget.share(CARD_BYTES);
        let whole = left;
        let mut excerpt = |text: &str, most: usize| {
            let excerpt = Excerpt::of(text, left.min(most));
            left -= cost(&excerpt);
            excerpt
        };
        let why = task.error.as_deref().or(task.reason.as_deref()).unwrap_or_default();
        let error = excerpt(why, MESSAGE_BYTES);
        let from = task.attempts.len().saturating_sub(ATTEMPTS);
        let attempts = task.attempts[from..].iter().map(|attempt| Try {
            number: attempt.attempt,
            outcome: attempt.outcome,
            worker: attempt.worker.as_ref().map(ToString::to_string),
            start: attempt.start_time.since(self.head.start_time),
            wait_ms: attempt.wait_ms,
            limit_ms: attempt.limit_ms,
            run_ms: attempt.run_ms,
            error: excerpt(attempt.error.as_deref().unwrap_or_default(), MESSAGE_BYTES),
            perturbation: attempt.perturbation.map(disturbed),
        });
        let attempts = attempts.collect();
        let output = task.output.as_ref().map_or("", |output| output.text());
        let output = excerpt(output, CARD_BYTES);
        let lines = task.attempts.last().map_or_else(String::new, |last| last.log.join("\n"));
        let card = Card {
            error,
            attempts,
            output,
            log: excerpt(&lines, CARD_BYTES),
            output_ref: task.output_ref.clone(),
            missing: task.missing_files.iter().take(MISSING).cloned().collect(),
            reused_from: task.reused_from.map(|run| run.to_string()),
        };
        self.budget.take(whole - left);
        card
    }
}

fn disturbed(perturbation: protocol::Perturbation) -> String {
    match perturbation {
        protocol::Perturbation::Fail => "made to fail".to_owned(),
        protocol::Perturbation::DelayMs(ms) => format!("delayed by {ms} ms"),
        protocol::Perturbation::Duplicate => "delivered twice".to_owned(),
    }
}
