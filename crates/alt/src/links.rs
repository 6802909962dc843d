//! From the ids that tasks name to the tasks they mean.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use crate::diagnostic::{Diagnostic, Findings, quote};
use crate::graph::Links;
use crate::model::TaskIndex;
use crate::shape::{Shape, nearest};
use crate::value::{Kind, items, span_in, string};
use crate::{Code, limits};

/// Tasks shown of one ring.
const RING_SHOWN: usize = 20;

/// Ids compared for a suggestion: in a larger file the comparison would outlast the patience.
const IDS_COMPARED: usize = 20_000;

/// Fills the dependencies of every task. `None` when there are too many to go on.
pub(crate) fn resolve(text: &str, shape: &mut Shape<'_>, findings: &mut Findings) -> Option<Links> {
    findings.phase();
    let ids = index(text, shape, findings);
    findings.phase();
    let mut lists: Vec<Vec<TaskIndex>> = Vec::with_capacity(ids.tasks);
    let mut edges = 0;
    for task in 0..ids.tasks {
        let list = dependencies(text, shape, &ids, task, findings);
        edges += list.len();
        if edges > limits::EDGES {
            findings.error(|| {
                Diagnostic::error(Code::EdgeCount, 0..1, "/tasks")
                    .message(format!("more than {} dependencies in all", limits::EDGES))
                    .help("join tasks in groups: a tree needs far fewer edges than a full mesh")
            });
            return None;
        }
        lists.push(list);
    }
    drop(ids);
    for (task, list) in shape.file.tasks.iter_mut().zip(lists) {
        task.dependencies = list;
    }
    let lists: Vec<&[TaskIndex]> =
        shape.file.tasks.iter().map(|task| task.dependencies.as_slice()).collect();
    Some(Links::new(&lists))
}

/// Task ids to tasks. Only looked up in, never walked: its order is not ours.
#[derive(Debug)]
pub(crate) struct Ids {
    by_id: HashMap<String, TaskIndex>,
    tasks: usize,
}

impl Ids {
    pub(crate) fn of(tasks: &[crate::Task]) -> Self {
        let mut by_id = HashMap::with_capacity(tasks.len());
        for (index, task) in (0..).map(TaskIndex).zip(tasks) {
            by_id.entry(task.id.clone()).or_insert(index);
        }
        Self { by_id, tasks: tasks.len() }
    }

    pub(crate) fn get(&self, id: &str) -> Option<TaskIndex> {
        self.by_id.get(id).copied()
    }
}

fn index(text: &str, shape: &Shape<'_>, findings: &mut Findings) -> Ids {
    let mut by_id = HashMap::with_capacity(shape.file.tasks.len());
    for (task, index) in shape.file.tasks.iter().zip((0..).map(TaskIndex)) {
        if task.id.is_empty() {
            continue; // reported when it was read
        }
        match by_id.entry(task.id.clone()) {
            Entry::Vacant(free) => {
                free.insert(index);
            }
            Entry::Occupied(taken) => {
                let first = span_in(text, shape.origins[taken.get().get()].id);
                let again = span_in(text, shape.origins[index.get()].id);
                findings.error(|| {
                    Diagnostic::error(Code::DuplicateId, again, format!("/tasks/{}/id", index.0))
                        .message(format!("two tasks have the id {}", quote(&task.id)))
                        .label("again here")
                        .related(first, "first here")
                        .help("give one of them another id")
                });
            }
        }
    }
    Ids { by_id, tasks: shape.file.tasks.len() }
}

fn dependencies(
    text: &str,
    shape: &Shape<'_>,
    ids: &Ids,
    task: usize,
    findings: &mut Findings,
) -> Vec<TaskIndex> {
    let Some(raw) = shape.origins[task].dependencies else {
        return Vec::new();
    };
    let mut list = Vec::new();
    for (place, item) in items(raw).unwrap_or_default().into_iter().enumerate() {
        let span = span_in(text, item.get());
        let pointer = || format!("/tasks/{task}/dependencies/{place}");
        let Some(id) = string(item) else {
            let found = Kind::of(item).name();
            findings.error(|| {
                Diagnostic::error(Code::WrongType, span, pointer())
                    .message(format!("a dependency is the id of a task, not {found}"))
                    .label(found)
            });
            continue;
        };
        match ids.get(&id) {
            None => findings.error(|| missing(text, shape, task, (&id, span, pointer()))),
            Some(found) if found.get() == task => findings.error(|| {
                Diagnostic::error(Code::SelfDependency, span, pointer())
                    .message(format!("task {} depends on itself", quote(&id)))
                    .label("its own id")
                    .help("remove this dependency")
            }),
            Some(found) => list.push((found, span, place)),
        }
    }
    list.sort_unstable_by_key(|(found, _, place)| (*found, *place));
    list.dedup_by(|again, first| {
        let repeated = again.0 == first.0;
        if repeated {
            let pointer = format!("/tasks/{task}/dependencies/{}", again.2);
            findings.warning(|| {
                Diagnostic::warning(Code::RepeatedDependency, again.1.clone(), pointer)
                    .message("a dependency is named twice")
                    .label("again here")
                    .related(first.1.clone(), "first here")
            });
        }
        repeated
    });
    list.into_iter().map(|(found, _, _)| found).collect()
}

fn missing(
    text: &str,
    shape: &Shape<'_>,
    task: usize,
    (id, span, pointer): (&str, Range<usize>, String),
) -> Diagnostic {
    let tasks = &shape.file.tasks;
    let fault = Diagnostic::error(Code::MissingDependency, span.clone(), pointer)
        .message(format!(
            "task {} depends on {}, which is not in this file",
            quote(&tasks[task].id),
            quote(id)
        ))
        .label("no task has this id");
    let near = nearest(id, tasks.iter().take(IDS_COMPARED).map(|task| task.id.as_str()));
    let near = near.and_then(|near| tasks.iter().position(|task| task.id == near));
    match near.filter(|&near| near != task) {
        Some(near) => {
            let suggestion = shape.origins[near].id;
            fault
                .related(span_in(text, suggestion), "did you mean this one?")
                .help(format!(
                    "change it to {}, or run `runner explain {}`",
                    quote(&tasks[near].id),
                    Code::MissingDependency
                ))
                .fix(span, suggestion)
        }
        None => fault.help("add the task, or remove the dependency"),
    }
}

/// One diagnostic for each ring of tasks that wait for each other.
pub(crate) fn report_rings(
    text: &str,
    shape: &Shape<'_>,
    rings: &[Vec<TaskIndex>],
    findings: &mut Findings,
) {
    findings.phase();
    for ring in rings {
        findings.error(|| {
            let id = |task: &TaskIndex| quote(&shape.file.tasks[task.get()].id);
            let mut names: Vec<String> = ring.iter().take(RING_SHOWN).map(id).collect();
            if ring.len() > RING_SHOWN {
                names.push(format!("… ({} more)", ring.len() - RING_SHOWN));
            }
            names.push(id(&ring[0]));
            let edges: Vec<_> = (0..ring.len().min(RING_SHOWN))
                .filter_map(|at| edge(text, shape, ring[at], ring[(at + 1) % ring.len()]))
                .collect();
            let first = edges.first().cloned().unwrap_or(0..1);
            let pointer = format!("/tasks/{}/dependencies", ring[0].0);
            let fault = Diagnostic::error(Code::Cycle, first, pointer)
                .message(format!("tasks wait for each other: {}", names.join(" → ")))
                .label("this one waits")
                .help("remove one of these dependencies");
            edges.into_iter().skip(1).fold(fault, |fault, span| fault.related(span, "and this one"))
        });
    }
}

/// Where `from` names `to` as its dependency.
fn edge(text: &str, shape: &Shape<'_>, from: TaskIndex, to: TaskIndex) -> Option<Range<usize>> {
    let wanted = &shape.file.tasks[to.get()].id;
    let list = items(shape.origins[from.get()].dependencies?)?;
    let item = list.into_iter().find(|item| string(item).is_some_and(|id| id == *wanted))?;
    Some(span_in(text, item.get()))
}
