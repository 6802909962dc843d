//! The chain of tasks that the run's end waited for, and how much later the others could have ended.

use std::cmp::Reverse;

use alt::{Graph, TaskIndex};

use super::Span;
use crate::model::CriticalPath;

/// How many ids are listed.
const LISTED: usize = 1000;

/// From the task that ended last, back to the dependency that ended last, to a task without any.
/// `id` names a task.
pub(crate) fn path<'a>(
    graph: &Graph,
    spans: &[Span],
    id: impl Fn(TaskIndex) -> &'a str,
) -> CriticalPath {
    // Milliseconds are coarse: of two that ended together, the deeper one waited for the other.
    let lateness = |task: &TaskIndex| (spans[task.get()].end, graph.level(*task), Reverse(*task));
    let tried = (0_u32..).map(TaskIndex).zip(spans).filter(|(_, span)| span.tried);
    let mut chain: Vec<TaskIndex> = Vec::new();
    let mut next = tried.map(|(task, _)| task).max_by_key(lateness);
    while let Some(task) = next {
        chain.push(task);
        next = graph.dependencies(task).iter().copied().max_by_key(lateness);
    }
    chain.reverse();
    let (Some(first), Some(last)) = (chain.first(), chain.last()) else {
        return CriticalPath::default();
    };
    CriticalPath {
        duration_ms: spans[last.get()].end.since(spans[first.get()].start),
        length: u32::try_from(chain.len()).unwrap_or(u32::MAX),
        task_ids: chain.iter().take(LISTED).map(|task| id(*task).to_owned()).collect(),
    }
}

/// Milliseconds that each tried task could have ended later without the run ending later.
///
/// All else is taken to last as long as it did: a task that waits for another gives way as soon as
/// its other dependencies leave no time.
pub(crate) fn slack(graph: &Graph, spans: &[Span]) -> Vec<Option<u64>> {
    let ended = spans.iter().filter(|span| span.tried).map(|span| span.end).max();
    let free = |span: &Span| ended.filter(|_| span.tried).map(|ended| ended.since(span.end));
    let mut slack: Vec<Option<u64>> = spans.iter().map(free).collect();
    for task in graph.order().iter().rev() {
        // One that was never tried held nobody up.
        let Some(own) = slack[task.get()] else { continue };
        let dependencies = graph.dependencies(*task);
        let ready = dependencies.iter().map(|source| spans[source.get()].end).max();
        for source in dependencies {
            let (Some(left), Some(ready)) = (&mut slack[source.get()], ready) else { continue };
            *left = (*left).min(ready.since(spans[source.get()].end).saturating_add(own));
        }
    }
    slack
}
