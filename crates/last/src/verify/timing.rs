//! What each task waited for, its slack and the critical path, held against the times they rest on.

use std::collections::BTreeMap;

use alt::{Graph, TaskIndex, limits};

use super::{Problems, pointer};
use crate::assemble::{Span, critical};
use crate::model::{AttemptResult, LastFile, TaskResult};

/// Checks them all, unless the LAST is of a build that told none of them.
pub(super) fn check(last: &LastFile, problems: &mut Problems) {
    let nodes = &last.execution_graph.nodes;
    let tells_waits = last.task_results.iter().any(|task| task.waits.is_some());
    if !tells_waits && nodes.iter().all(|node| node.slack_ms.is_none()) {
        return;
    }
    for task in &last.task_results {
        times(last, task, problems);
    }
    // A graph that is not whole has been told.
    if let Some(graph) = graph(last, problems) {
        chain(last, &graph, problems);
    }
}

/// Times, waits and run time of one task: together they fill the time from the start of the run to
/// the task's end, to the millisecond in which they are recorded.
fn times(last: &LastFile, task: &TaskResult, problems: &mut Problems) {
    let mut add = |field: &str, message: &str| {
        problems.add(format!("/task_results/{}/{field}", pointer(&task.task_id)), message);
    };
    for (index, attempt) in task.attempts.iter().enumerate() {
        if let Some(message) = misfit(attempt) {
            add(&format!("attempts/{index}"), message);
        }
    }
    let (Some(first), Some(end)) = (task.attempts.first(), task.attempts.last()) else {
        if task.waits.is_some() {
            add("waits", "is there, yet it was never tried");
        }
        return;
    };
    if task.start_time != first.start_time {
        add("start_time", "is not that of its first attempt");
    }
    if task.end_time < end.end_time {
        add("end_time", "is before that of its last attempt");
    }
    let Some(waits) = task.waits else {
        return add("waits", "is missing");
    };
    if waits.dependencies_ms != first.ready_time.since(last.start_time) {
        add("waits/dependencies_ms", "is not the time until its first attempt was ready");
    }
    let limit_ms = sum(task.attempts.iter().map(|attempt| attempt.limit_ms));
    if waits.limit_ms != limit_ms {
        add("waits/limit_ms", "is not the sum over the attempts");
    }
    let wait_ms = sum(task.attempts.iter().map(|attempt| attempt.wait_ms));
    if waits.queue_ms != wait_ms.saturating_sub(limit_ms) {
        add("waits/queue_ms", "is not what is left of wait_ms without limit_ms");
    }
    let pauses = task.attempts.windows(2).map(|it| it[1].ready_time.since(it[0].end_time));
    if waits.backoff_ms != sum(pauses) {
        add("waits/backoff_ms", "is not the time between the attempts");
    }
}

fn sum(parts: impl Iterator<Item = u64>) -> u64 {
    parts.fold(0, u64::saturating_add)
}

/// What is wrong with the times of an attempt, if anything is.
fn misfit(attempt: &AttemptResult) -> Option<&'static str> {
    let AttemptResult { ready_time, start_time, end_time, wait_ms, limit_ms, run_ms, .. } = attempt;
    let lasted = end_time.since(*start_time);
    if start_time < ready_time || end_time < start_time {
        return Some("is not ready, started and ended in this order");
    }
    if *wait_ms != start_time.since(*ready_time) {
        return Some("its wait_ms is not the time from ready_time to start_time");
    }
    if limit_ms > wait_ms {
        return Some("its limit_ms is more than its wait_ms");
    }
    // Its worker counts how long it ran, and the stream when it ended: one that ran for longer than
    // it was ready is taken to have started when it was ready.
    let fits = lasted == *run_ms || (lasted < *run_ms && start_time == ready_time);
    (!fits).then_some("its run_ms is not the time from start_time to end_time")
}

/// The graph as its edges tell it.
fn graph(last: &LastFile, problems: &mut Problems) -> Option<Graph> {
    let told = &last.execution_graph;
    let count = told.nodes.len();
    if count != last.task_results.len() || told.edges.len() > limits::EDGES {
        return None;
    }
    let places = (0_u32..).map(TaskIndex).zip(&told.nodes).map(|(it, node)| (node.id.as_str(), it));
    let places: BTreeMap<&str, TaskIndex> = places.collect();
    let mut lists = vec![Vec::new(); count];
    for edge in &told.edges {
        let source = places.get(edge.source.as_str())?;
        lists[places.get(edge.target.as_str())?.get()].push(*source);
    }
    let lists: Vec<&[TaskIndex]> = lists.iter().map(Vec::as_slice).collect();
    let graph = Graph::of(&lists);
    if graph.is_none() {
        problems.add("/execution_graph/edges", "some tasks wait for each other");
    }
    graph
}

/// Slack and critical path, which follow from the graph and from when each task ended.
fn chain(last: &LastFile, graph: &Graph, problems: &mut Problems) {
    let spans: Vec<Span> = last.task_results.iter().map(Span::of).collect();
    let slack = critical::slack(graph, &spans);
    for (index, (node, slack)) in last.execution_graph.nodes.iter().zip(slack).enumerate() {
        if node.slack_ms == slack {
            continue;
        }
        let place = format!("/execution_graph/nodes/{index}/slack_ms");
        problems.add(
            place,
            match slack {
                Some(slack) => format!("must be {slack}: so much later it could have ended"),
                None => "is there, yet it was never tried".to_owned(),
            },
        );
    }
    let (told, tasks) = (&last.critical_path, &last.task_results);
    let path = critical::path(graph, &spans, |task| &tasks[task.get()].task_id);
    let pairs = told.task_ids.iter().zip(&path.task_ids);
    if let Some((index, (_, must))) = pairs.enumerate().find(|(_, (is, must))| is != must) {
        let place = format!("/critical_path/task_ids/{index}");
        problems.add(place, format!("must be `{must}`: the end of the run waited for it"));
    }
    if told.length != path.length || told.task_ids.len() != path.task_ids.len() {
        let message = format!("must be {}: the end of the run waited for so many", path.length);
        problems.add("/critical_path/length", message);
    }
    if told.duration_ms != path.duration_ms {
        let message = format!("must be {}: from its first start to its last end", path.duration_ms);
        problems.add("/critical_path/duration_ms", message);
    }
}
