//! The tasks as the page tells them: what failed, one by one, and group by group when they are many.

use std::collections::{BTreeMap, BTreeSet};

use alt::{Alt, TaskIndex};
use protocol::{MissingFile, Outcome};
use serde::Serialize;

use super::outline::{Outline, Row, Try};
use super::text::{Budget, Excerpt, cost, href};
use super::{CARDS, TASKS};
use crate::escape::{cut, visible};
use crate::model::{OutputRef, TaskStatus, Waits};
use crate::picture::{Folding, Picture};
use crate::summary::{bytes, duration};

/// Failures that are told at the top.
const FAILURES: usize = 50;
/// Of more than [`TASKS`] tasks, so many of the slowest are listed.
const SLOWEST: usize = 50;
/// Tasks that one task names as its neighbours, each way.
const NEIGHBOURS: usize = 12;
/// What the parameters of all tasks may cost, bytes of HTML, and those of one.
const PARAMETERS_BYTES: usize = 96 << 10;
const PARAMETER_BYTES: usize = 8 << 10;
/// Columns of a neighbour's id.
const ID_COLUMNS: usize = 60;

/// Knows the run and tells parts of it.
pub(super) struct Teller<'a> {
    pub(super) outline: &'a Outline,
    pub(super) alt: &'a Alt,
    pub(super) folding: Option<&'a Folding>,
    /// Places by id, of the tasks of the critical path.
    path: BTreeMap<&'a str, usize>,
    /// Places of the tasks of the critical path.
    pub(super) critical: BTreeSet<usize>,
    /// Places of the tasks that are listed one by one.
    listed: BTreeSet<usize>,
}

/// A failure at the top of the page.
#[derive(Debug, Serialize)]
pub(super) struct Failed {
    link: Link,
    status: &'static str,
    sign: char,
    job: String,
    error: Excerpt,
    tries: Vec<Tried>,
    /// How many other tasks of the job failed with the same error.
    also: usize,
    also_first: Vec<Link>,
    /// How many tasks were not finished because of it.
    blocked: usize,
    blocked_first: Vec<Link>,
}

#[derive(Debug, Serialize)]
pub(super) struct Link {
    href: String,
    id: String,
}

/// An attempt.
#[derive(Debug, Serialize)]
struct Tried {
    number: u32,
    outcome: &'static str,
    worker: String,
    start: String,
    wait: String,
    limit: Option<String>,
    run: String,
    error: Excerpt,
    perturbation: Option<String>,
}

/// A task with all that is told of it; `…_ms` are what a table is sorted by.
#[derive(Debug, Serialize)]
pub(super) struct Task {
    place: usize,
    id: String,
    job: String,
    description: String,
    status: &'static str,
    sign: char,
    critical: bool,
    attempts: u32,
    start: String,
    start_ms: u64,
    wait: String,
    wait_ms: u64,
    run: String,
    run_ms: u64,
    slack: Option<String>,
    slack_ms: Option<u64>,
    waits: Option<Waited>,
    after: Vec<Link>,
    after_more: usize,
    before: Vec<Link>,
    before_more: usize,
    parameters: Excerpt,
    error: Excerpt,
    output: Excerpt,
    output_file: Option<File>,
    log: Excerpt,
    tries: Vec<Tried>,
    missing: Vec<MissingFile>,
    reused_from: Option<String>,
}

#[derive(Debug, Serialize)]
struct Waited {
    dependencies: String,
    limit: String,
    queue: String,
    backoff: String,
}

#[derive(Debug, Serialize)]
struct File {
    href: Option<String>,
    path: String,
    size: String,
    missing: bool,
}

/// Tasks that stand alike in the graph.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    place: usize,
    name: String,
    tasks: usize,
    counts: Vec<(&'static str, char, u32)>,
    start: String,
    end: String,
    run: String,
    longest: String,
}

impl<'a> Teller<'a> {
    pub(super) fn new(outline: &'a Outline, alt: &'a Alt, picture: Option<&'a Picture>) -> Self {
        let on_path = &outline.head.critical_path.task_ids;
        let on_path: BTreeSet<&str> = on_path.iter().map(String::as_str).collect();
        let ids = alt.file().tasks.iter().map(|task| task.id.as_str()).zip(0..outline.rows.len());
        let path: BTreeMap<&str, usize> = ids.filter(|(id, _)| on_path.contains(id)).collect();
        Self {
            outline,
            alt,
            folding: picture.and_then(Picture::folding),
            critical: path.values().copied().collect(),
            path,
            listed: listed(&outline.rows),
        }
    }

    pub(super) fn id(&self, place: usize) -> String {
        self.alt.file().tasks.get(place).map_or_else(String::new, |task| visible(&task.id))
    }

    /// Where on the page the task is told of.
    pub(super) fn link(&self, place: usize) -> String {
        match self.folding {
            Some(folding) if !self.listed.contains(&place) => {
                format!("#group-{}", folding.of(place))
            }
            _ => format!("#task-{place}"),
        }
    }

    /// The place of a task of the critical path.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.path.get(id).copied()
    }

    fn to(&self, place: usize) -> Link {
        Link { href: self.link(place), id: cut(&self.alt.file().tasks[place].id, ID_COLUMNS) }
    }

    /// The first failures, those of one job with one error together, and how many tasks that failed
    /// are not told of.
    pub(super) fn failures(&self) -> (Vec<Failed>, usize) {
        let mut causes: Vec<Vec<usize>> = Vec::new();
        let mut known: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut untold = 0;
        for (place, row) in self.outline.rows.iter().enumerate() {
            if !matches!(row.status, TaskStatus::Failed | TaskStatus::Timeout) {
                continue;
            }
            let job = self.alt.file().tasks[place].job.as_str();
            let Some(card) = self.outline.cards.get(&place) else {
                untold += 1;
                continue;
            };
            match known.get(&(job, card.error.text.as_str())) {
                Some(cause) => causes[*cause].push(place),
                None if causes.len() < FAILURES => {
                    known.insert((job, &card.error.text), causes.len());
                    causes.push(vec![place]);
                }
                None => untold += 1,
            }
        }
        (causes.iter().filter_map(|places| self.failed(places)).collect(), untold)
    }

    /// Tasks that failed of one cause.
    fn failed(&self, places: &[usize]) -> Option<Failed> {
        let (&first, others) = places.split_first()?;
        let (row, card) = (self.outline.rows[first], self.outline.cards.get(&first)?);
        let blocked = self.blocked(places);
        let links = |places: &mut dyn Iterator<Item = usize>| {
            places.take(NEIGHBOURS).map(|place| self.to(place)).collect::<Vec<_>>()
        };
        Some(Failed {
            link: self.to(first),
            status: row.status.name(),
            sign: row.status.sign(),
            job: visible(&self.alt.file().tasks[first].job),
            error: card.error.clone(),
            tries: card.attempts.iter().map(tried).collect(),
            also: others.len(),
            also_first: links(&mut others.iter().copied()),
            blocked: blocked.len(),
            blocked_first: links(&mut blocked.into_iter()),
        })
    }

    /// The tasks below `places` that did not complete.
    fn blocked(&self, places: &[usize]) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let index = |place: &usize| u32::try_from(*place).ok().map(TaskIndex);
        let mut open: Vec<TaskIndex> = places.iter().filter_map(index).collect();
        while let Some(task) = open.pop() {
            for below in self.alt.graph().dependents(task) {
                let row = self.outline.rows.get(below.get());
                let stopped = row.is_some_and(|row| row.status == TaskStatus::Cancelled);
                if stopped && seen.insert(below.get()) {
                    open.push(*below);
                }
            }
        }
        seen
    }

    /// The tasks that are told one by one, in the order of the file.
    pub(super) fn tasks(&self) -> Vec<Task> {
        let mut budget = Budget::new(PARAMETERS_BYTES, self.listed.len());
        self.listed.iter().map(|place| self.task(*place, &mut budget)).collect()
    }

    fn task(&self, place: usize, budget: &mut Budget) -> Task {
        let (task, row) = (&self.alt.file().tasks[place], self.outline.rows[place]);
        let card = self.outline.cards.get(&place).cloned().unwrap_or_default();
        let parameters = task.parameters.as_ref().map_or("", |json| json.text());
        let parameters = Excerpt::of(parameters, budget.share(PARAMETER_BYTES));
        budget.take(cost(&parameters));
        let index = TaskIndex(u32::try_from(place).unwrap_or(u32::MAX));
        let graph = self.alt.graph();
        let (after, after_more) = self.named(graph.dependencies(index));
        let (before, before_more) = self.named(graph.dependents(index));
        let wait_ms = row.waits.as_ref().map_or(0, Waits::total_ms);
        Task {
            place,
            id: visible(&task.id),
            job: visible(&task.job),
            description: cut(&task.description, 400),
            status: row.status.name(),
            sign: row.status.sign(),
            critical: self.critical.contains(&place),
            attempts: row.attempts,
            start: duration(row.start),
            start_ms: row.start,
            wait: duration(wait_ms),
            wait_ms,
            run: duration(row.run_ms),
            run_ms: row.run_ms,
            slack: row.slack_ms.map(duration),
            slack_ms: row.slack_ms,
            waits: row.waits.map(waited),
            after,
            after_more,
            before,
            before_more,
            parameters,
            tries: card.attempts.iter().map(tried).collect(),
            error: card.error,
            output: card.output,
            output_file: card.output_ref.map(file),
            log: card.log,
            missing: card.missing.into_iter().map(missing).collect(),
            reused_from: card.reused_from,
        }
    }

    fn named(&self, tasks: &[TaskIndex]) -> (Vec<Link>, usize) {
        let named: Vec<Link> =
            tasks.iter().take(NEIGHBOURS).map(|task| self.to(task.get())).collect();
        let more = tasks.len() - named.len();
        (named, more)
    }

    /// The groups of the picture; none when it shows every task.
    pub(super) fn groups(&self) -> Vec<Group> {
        let Some(folding) = self.folding else { return Vec::new() };
        let mut sums = vec![(u64::MAX, 0, 0_u64, 0); folding.len()];
        for (place, row) in self.outline.rows.iter().enumerate() {
            let (start, end, run, longest) = &mut sums[folding.of(place)];
            *start = row.start.min(*start);
            *end = row.end.max(*end);
            *run = run.saturating_add(row.run_ms);
            *longest = row.run_ms.max(*longest);
        }
        let group = |(place, (start, end, run, longest)): (usize, (u64, u64, u64, u64))| Group {
            place,
            name: folding.name(place),
            tasks: folding.tasks(place),
            counts: folding.counts(place),
            start: duration(start),
            end: duration(end),
            run: duration(run),
            longest: duration(longest),
        };
        sums.into_iter().enumerate().map(group).collect()
    }
}

/// Which tasks are told one by one: all, or what did not complete first and what ran longest.
fn listed(rows: &[Row]) -> BTreeSet<usize> {
    if rows.len() <= TASKS {
        return (0..rows.len()).collect();
    }
    let bad = rows.iter().enumerate().filter(|(_, row)| row.status != TaskStatus::Completed);
    let mut listed: BTreeSet<usize> = bad.map(|(place, _)| place).take(CARDS).collect();
    let mut slowest: Vec<usize> =
        (0..rows.len()).filter(|place| rows[*place].attempts > 0).collect();
    slowest.sort_by_key(|place| (std::cmp::Reverse(rows[*place].run_ms), *place));
    listed.extend(slowest.into_iter().take(SLOWEST));
    listed
}

fn tried(one: &Try) -> Tried {
    Tried {
        number: one.number,
        outcome: one.outcome.name(),
        worker: one.worker.as_deref().map_or_else(|| "–".to_owned(), visible),
        start: duration(one.start),
        wait: duration(one.wait_ms),
        limit: (one.limit_ms > 0).then(|| duration(one.limit_ms)),
        run: duration(one.run_ms),
        error: if one.outcome == Outcome::Ok { Excerpt::default() } else { one.error.clone() },
        perturbation: one.perturbation.clone(),
    }
}

fn waited(waits: Waits) -> Waited {
    Waited {
        dependencies: duration(waits.dependencies_ms),
        limit: duration(waits.limit_ms),
        queue: duration(waits.queue_ms),
        backoff: duration(waits.backoff_ms),
    }
}

fn file(output: OutputRef) -> File {
    let OutputRef { path, size_bytes, missing, .. } = output;
    let href = href(&path).filter(|_| !missing);
    File { href, path: visible(&path), size: bytes(size_bytes), missing }
}

fn missing(file: MissingFile) -> MissingFile {
    MissingFile { path: visible(&file.path), reason: visible(&file.reason) }
}
