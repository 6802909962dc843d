//! What a LAST says twice must be said the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{Problems, pointer, timing};
use crate::assemble::success_rate;
use crate::model::{LastFile, TaskResult, TaskStatus};
use protocol::RunStatus;

/// How far the success rate may be off: readers and writers may round the last digit otherwise.
const RATE_ERROR: f64 = 1e-9;

/// Checks all but the files.
pub(super) fn check(last: &LastFile, problems: &mut Problems) {
    run(last, problems);
    counts(last, problems);
    refused(last, problems);
    reuse(last, problems);
    for task in &last.task_results {
        check_task(last, task, problems);
    }
    graph(last, problems);
    references(last, problems);
    timing::check(last, problems);
}

fn run(last: &LastFile, problems: &mut Problems) {
    if last.id != format!("last_{}", last.execution_id) {
        problems.add("/id", format!("`{}` is not `last_` and the execution_id", last.id));
    }
    if last.execution_time_ms != last.end_time.since(last.start_time) {
        problems.add("/execution_time_ms", "is not the time from start_time to end_time");
    }
    if last.end_time < last.start_time {
        problems.add("/end_time", "is before start_time");
    }
}

fn counts(last: &LastFile, problems: &mut Problems) {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let found =
        |status| number(last.task_results.iter().filter(|task| task.status == status).count());
    let total = number(last.task_results.len());
    let words = TaskStatus::ALL.map(|status| (status.name(), found(status)));
    for (key, found) in [("task_count", total)].into_iter().chain(words) {
        if last.metadata.count(key) != Some(found) {
            let message = format!("must be {found}: task_results have so many");
            problems.add(format!("/metadata/{key}"), message);
        }
    }
    let completed = found(TaskStatus::Completed);
    let whole = format!("{completed} of {total} tasks completed");
    let (status, rate, why) = match &last.refused {
        Some(_) => (RunStatus::Failure, 0.0, "the file was refused".to_owned()),
        None => (RunStatus::of(completed, total), success_rate(completed, total), whole),
    };
    if last.status != status {
        let (is, must) = (last.status.name(), status.name());
        let message = format!("is {is}, yet {why}: it must be {must}");
        problems.add("/status", message);
    }
    if (last.success_rate - rate).abs() > RATE_ERROR {
        problems.add("/success_rate", format!("is {}, must be {rate}", last.success_rate));
    }
}

fn refused(last: &LastFile, problems: &mut Problems) {
    let Some(refusals) = &last.refused else {
        if last.refused_more.is_some() {
            problems.add("/refused_more", "is there, yet the file was not refused");
        }
        return;
    };
    if refusals.is_empty() {
        problems.add("/refused", "the file was refused, yet no error is listed");
    }
    if !last.task_results.is_empty() {
        problems.add("/task_results", "the file was refused, yet it has task_results");
    }
}

fn reuse(last: &LastFile, problems: &mut Problems) {
    let mut taken = 0_u32;
    for task in last.task_results.iter() {
        let Some(run) = task.reused_from else { continue };
        taken = taken.saturating_add(1);
        let place = || format!("/task_results/{}/reused_from", pointer(&task.task_id));
        if task.status != TaskStatus::Completed {
            problems.add(place(), "only a completed task can be taken over");
        }
        if run.to_string() == last.execution_id {
            problems.add(place(), "is this run itself");
        }
    }
    match last.reuse {
        None if taken > 0 => {
            problems.add("/reuse", format!("is missing, yet {taken} tasks have reused_from"));
        }
        Some(reuse) if reuse.tasks != taken => {
            problems.add("/reuse/tasks", format!("must be {taken}: so many have reused_from"));
        }
        _ => {}
    }
    if last.reuse.is_some_and(|reuse| reuse.run.to_string() == last.execution_id) {
        problems.add("/reuse/run", "is this run itself");
    }
}

fn check_task(last: &LastFile, task: &TaskResult, problems: &mut Problems) {
    let mut add = |field: &str, message: &str| {
        problems.add(format!("/task_results/{}/{field}", pointer(&task.task_id)), message);
    };
    if task.execution_id != last.execution_id {
        add("execution_id", "is not that of the run");
    }
    if task.end_time < task.start_time {
        add("end_time", "is before start_time");
    }
    if task.duration_ms != task.end_time.since(task.start_time) {
        add("duration_ms", "is not the time from start_time to end_time");
    }
    if task.outcome != task.attempts.last().map(|last| last.outcome) {
        add("outcome", "is not that of the last attempt");
    }
    let outputs = usize::from(task.output.is_some()) + usize::from(task.output_ref.is_some());
    if outputs != usize::from(task.status == TaskStatus::Completed) {
        add("output", "a completed task has either output or output_ref, any other has neither");
    }
    if task.attempts.windows(2).any(|pair| pair[0].attempt >= pair[1].attempt) {
        add("attempts", "are not in the order of their numbers");
    }
    for (name, said, parts) in [
        ("wait_ms", task.wait_ms, task.attempts.iter().map(|one| one.wait_ms).collect::<Vec<_>>()),
        ("run_ms", task.run_ms, task.attempts.iter().map(|one| one.run_ms).collect()),
    ] {
        if said != parts.into_iter().fold(0, u64::saturating_add) {
            add(name, "is not the sum over the attempts");
        }
    }
}

fn graph(last: &LastFile, problems: &mut Problems) {
    let graph = &last.execution_graph;
    if graph.nodes.len() != last.task_results.len() {
        let (nodes, tasks) = (graph.nodes.len(), last.task_results.len());
        let message = format!("there are {nodes} nodes for {tasks} task_results");
        problems.add("/execution_graph/nodes", message);
    }
    let mut places = BTreeMap::new();
    for (index, (node, task)) in graph.nodes.iter().zip(&last.task_results).enumerate() {
        let place = format!("/execution_graph/nodes/{index}");
        if node.task_id != task.task_id {
            problems.add(&place, format!("is not task `{}`", task.task_id));
        }
        if node.status != task.status {
            problems.add(&place, format!("its status is not {}", task.status.name()));
        }
        let times = (node.start_time, node.end_time, node.duration_ms);
        if times != (task.start_time, task.end_time, task.duration_ms) {
            problems.add(&place, "its times are not those of its task");
        }
        if places.insert(node.id.as_str(), task).is_some() {
            problems.add(&place, format!("the id `{}` comes twice", node.id));
        }
    }
    let mut seen = BTreeSet::new();
    for (index, edge) in graph.edges.iter().enumerate() {
        let place = format!("/execution_graph/edges/{index}");
        let ends = (places.get(edge.source.as_str()), places.get(edge.target.as_str()));
        let (Some(source), Some(target)) = ends else {
            problems.add(&place, "names a node that is not there");
            continue;
        };
        if edge.source == edge.target || !seen.insert((&edge.source, &edge.target)) {
            problems.add(&place, "leads to itself, or comes twice");
        }
        if !target.attempts.is_empty() && source.status != TaskStatus::Completed {
            problems.add(&place, "its target ran, yet its source did not complete");
        }
    }
}

fn references(last: &LastFile, problems: &mut Problems) {
    let ids: BTreeMap<&str, TaskStatus> =
        last.task_results.iter().map(|task| (task.task_id.as_str(), task.status)).collect();
    for (index, artifact) in last.artifacts.iter().enumerate() {
        if ids.get(artifact.task_id.as_str()) != Some(&TaskStatus::Completed) {
            let message = format!("`{}` is not a completed task", artifact.task_id);
            problems.add(format!("/artifacts/{index}/task_id"), message);
        }
    }
    let path = &last.critical_path;
    for (index, id) in path.task_ids.iter().enumerate() {
        if !ids.contains_key(id.as_str()) {
            let place = format!("/critical_path/task_ids/{index}");
            problems.add(place, format!("there is no task `{id}`"));
        }
    }
    let (listed, length) = (path.task_ids.len(), path.length as usize);
    if listed > length || (listed < length && listed < 1000) || length > ids.len() {
        let message = format!("is {length}, yet {listed} of {} tasks are listed", ids.len());
        problems.add("/critical_path/length", message);
    }
}
