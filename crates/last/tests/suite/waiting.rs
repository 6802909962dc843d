//! What each task waited for, and how much later it could have ended.

use std::collections::BTreeMap;

use last::{LastFile, TaskResult};

use crate::sample::{assemble, release};
use crate::shapes::{all, file, played};

fn last_of(name: &str, tasks: &[crate::shapes::Named]) -> LastFile {
    let (text, _) = played(&file(name, tasks).1);
    last::read(text.as_bytes()).unwrap()
}

/// When each task that was tried would have ended, had `late` ended so many milliseconds later and
/// all else taken as long as it did.
fn ends(last: &LastFile, late: usize, by: u64) -> Vec<Option<u64>> {
    let nodes = &last.execution_graph.nodes;
    let place: BTreeMap<&str, usize> =
        nodes.iter().enumerate().map(|(place, node)| (node.id.as_str(), place)).collect();
    let mut sources = vec![Vec::new(); nodes.len()];
    for edge in &last.execution_graph.edges {
        sources[place[edge.target.as_str()]].push(place[edge.source.as_str()]);
    }
    let was = |place: usize| nodes[place].end_time.since(last.start_time);
    let mut now: Vec<Option<u64>> = Vec::new();
    // In these files every task comes after all it depends on.
    for (place, node) in nodes.iter().enumerate() {
        let ready = sources[place].iter().map(|source| was(*source)).max().unwrap_or(0);
        let later = sources[place].iter().filter_map(|source| now[*source]).max().unwrap_or(0);
        let own = if place == late { by } else { 0 };
        now.push(node.slack_ms.map(|_| later + (was(place) - ready) + own));
    }
    now
}

#[test]
fn a_task_may_end_later_by_its_slack_and_not_by_a_millisecond_more() {
    for (name, tasks) in all().into_iter().filter(|(_, tasks)| tasks.len() <= 200) {
        let last = last_of(name, &tasks);
        let end = ends(&last, 0, 0).into_iter().flatten().max();
        for (place, node) in last.execution_graph.nodes.iter().enumerate() {
            let Some(slack) = node.slack_ms else { continue };
            assert_eq!(
                ends(&last, place, slack).into_iter().flatten().max(),
                end,
                "{name} {place}"
            );
            let later = ends(&last, place, slack + 1).into_iter().flatten().max();
            assert_eq!(later, end.map(|end| end + 1), "{name} {place}");
        }
        for id in &last.critical_path.task_ids {
            let node = last.execution_graph.nodes.iter().find(|node| node.task_id == *id);
            assert_eq!(node.unwrap().slack_ms, Some(0), "{name}: {id} is on the critical path");
        }
    }
}

#[test]
fn waits_and_run_time_fill_the_time_from_the_start_of_the_run_to_the_end_of_a_task() {
    let sum = |task: &TaskResult| task.waits.map(|waits| waits.total_ms() + task.run_ms);
    for (name, tasks) in all() {
        let last = last_of(name, &tasks);
        let limited: u64 =
            last.task_results.iter().filter_map(|it| it.waits).map(|it| it.limit_ms).sum();
        assert!(name == "diamond" || limited > 0, "{name}");
        for task in &last.task_results {
            let whole = (!task.attempts.is_empty()).then(|| task.end_time.since(last.start_time));
            assert_eq!(sum(task), whole, "{name}: {}", task.task_id);
        }
    }
}

#[test]
fn what_a_run_of_any_shape_tells_of_its_times_holds() {
    for (name, tasks) in all() {
        let (text, _) = played(&file(name, &tasks).1);
        let mut none =
            |path: &str| -> Result<last::FileDigest, String> { panic!("{path} is not named") };
        let verified = last::verify_last(text.as_bytes(), &mut none);
        assert_eq!(verified.map(|it| it.tasks), Ok(tasks.len()), "{name}");
        // One task that could have ended later, in a LAST that says it could not.
        let late = text.replacen("\"slack_ms\":1", "\"slack_ms\":2", 1);
        if late != text {
            assert!(last::verify_last(late.as_bytes(), &mut none).is_err(), "{name}");
        }
    }
}

#[test]
fn a_last_that_does_not_tell_waits_is_read() {
    let (text, _) = assemble(&release());
    let told = last::read(text.as_bytes()).unwrap();
    let mut older = text;
    while let Some(start) = older.find("\"waits\":") {
        let end = start + older[start..].find("},").unwrap() + 2;
        older.replace_range(start..end, "");
    }
    while let Some(start) = older.find(",\"slack_ms\":") {
        let end = start + older[start..].find('}').unwrap();
        older.replace_range(start..end, "");
    }
    let read = last::read(older.as_bytes()).unwrap();
    assert!(read.task_results.iter().all(|task| task.waits.is_none()));
    assert_eq!(read.task_results.len(), told.task_results.len());
    assert!(last::report(&read, Some(&release()), &last::Beside::default()).is_ok());
}
