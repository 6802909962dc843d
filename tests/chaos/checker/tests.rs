//! Every wrong is planted once in a story that is made up, and must be seen.

use serde_json::json;

use super::*;
use crate::load::{Mode, lasting};

/// Two tasks, one after the other, that ran as they must.
fn story() -> Evidence {
    let mut tasks = vec![lasting("a", 5, Mode::Ok), lasting("b", 5, Mode::Ok)];
    tasks[1].needs = vec![0];
    let submission = Submission { key: "k".into(), run: "run1".into(), tasks, cancelled: false };
    let ledger =
        [("a", 1, "start", 10), ("a", 1, "end", 15), ("b", 2, "start", 16), ("b", 2, "end", 20)];
    Evidence {
        submitted: vec![submission],
        ledger: ledger.map(|(task, pid, word, at)| line("k", task, pid, word, at)).to_vec(),
        lasts: vec![last("chaos/k/run1/last.json", "d1")],
        ..Evidence::default()
    }
}

fn line(run: &str, task: &str, pid: u32, word: &str, at: u64) -> Line {
    Line { run: run.into(), task: task.into(), pid, parent: 99, word: word.into(), at }
}

fn last(key: &str, digest: &str) -> Last {
    let good = json!({"status": "completed", "attempts": [{"outcome": "ok"}]});
    let body = json!({"task_results": {"a": good, "b": good}, "metadata": {"completed": 2}});
    Last { key: key.into(), digest: digest.into(), body }
}

#[track_caller]
fn sees(evidence: &Evidence, expected: &[Kind]) {
    let (_, found) = check(evidence);
    let mut kinds: Vec<Kind> = found.iter().map(|finding| finding.kind).collect();
    kinds.dedup();
    assert_eq!(kinds, expected, "{found:#?}");
}

#[test]
fn a_story_without_wrongs_is_found_to_have_none() {
    sees(&story(), &[]);
    let (counts, _) = check(&story());
    assert_eq!((counts.runs, counts.lasts, counts.tasks, counts.tries), (1, 1, 2, 2));
}

#[test]
fn a_run_without_a_last_is_lost() {
    let mut story = story();
    story.lasts.clear();
    sees(&story, &[Kind::Lost]);
}

#[test]
fn a_completed_task_that_never_ended_is_lost() {
    let mut story = story();
    story.ledger.retain(|line| (line.task.as_str(), line.word.as_str()) != ("b", "end"));
    sees(&story, &[Kind::Lost]);
}

#[test]
fn a_task_that_is_missing_in_the_last_is_lost() {
    let mut story = story();
    story.lasts[0].body["task_results"].as_object_mut().unwrap().remove("b");
    story.lasts[0].body["metadata"]["completed"] = json!(1);
    sees(&story, &[Kind::Lost]);
}

#[test]
fn two_lasts_that_differ_are_doubled() {
    let mut other = story();
    other.lasts.push(last("chaos/k/run1/last.json", "d2"));
    sees(&other, &[Kind::Doubled]);
    let mut elsewhere = story();
    elsewhere.lasts.push(last("chaos/other/run1/last.json", "d1"));
    sees(&elsewhere, &[Kind::Doubled]);
    let mut same = story();
    same.lasts.push(last("chaos/k/run1/last.json", "d1"));
    sees(&same, &[]);
}

#[test]
fn a_task_that_counts_twice_is_doubled() {
    let mut counted = story();
    counted.lasts[0].body["metadata"]["completed"] = json!(3);
    sees(&counted, &[Kind::Doubled]);
    let mut twice = story();
    twice.lasts[0].body["task_results"]["a"]["attempts"] =
        json!([{"outcome": "ok"}, {"outcome": "ok"}]);
    sees(&twice, &[Kind::Doubled]);
}

#[test]
fn what_nobody_asked_for_is_invented() {
    let mut ran = story();
    ran.ledger.push(line("other", "a", 3, "start", 30));
    sees(&ran, &[Kind::Invented]);
    let mut task = story();
    task.ledger.push(line("k", "z", 3, "start", 30));
    sees(&task, &[Kind::Invented]);
    let mut stored = story();
    stored.lasts.push(last("chaos/x/run9/last.json", "d1"));
    sees(&stored, &[Kind::Invented]);
    let mut told = story();
    told.lasts[0].body["task_results"]["z"] = json!({"status": "failed"});
    sees(&told, &[Kind::Invented]);
}

#[test]
fn a_task_that_begins_before_its_need_has_ended_is_too_early() {
    let mut story = story();
    story.ledger.swap(1, 2);
    sees(&story, &[Kind::TooEarly]);
}

#[test]
fn more_at_once_than_may_are_over_the_limit() {
    let mut story = story();
    let tasks: Vec<_> = (0..=LIMIT)
        .map(|number| {
            let mut task = lasting(format!("n{number}"), 5, Mode::Ok);
            task.narrow = true;
            task
        })
        .collect();
    let results = tasks.iter().map(|task| (task.id.clone(), json!({"status": "completed"})));
    story.lasts[0].body = json!({"task_results": results.collect::<serde_json::Map<_, _>>(),
               "metadata": {"completed": tasks.len()}});
    story.submitted[0].tasks = tasks;
    let pid = |number: usize| u32::try_from(number).unwrap();
    let begin = (0..=LIMIT).map(|it| line("k", &format!("n{it}"), pid(it), "start", 10));
    let end = (0..=LIMIT).map(|it| line("k", &format!("n{it}"), pid(it), "end", 20));
    story.ledger = begin.chain(end).collect();
    sees(&story, &[Kind::OverLimit]);

    // One of them was left behind by a worker that was frozen before the last began.
    story.ledger[0].parent = 98;
    story.ledger[LIMIT + 1].parent = 98;
    story.helpless.push(Helpless { worker: 98, from: 5 });
    sees(&story, &[]);
    let (counts, _) = check(&story);
    assert_eq!((counts.narrow, counts.narrow_in_all), (LIMIT, LIMIT + 1));
}

#[test]
fn a_last_that_came_too_late_was_stuck() {
    let mut story = story();
    story.late.insert("run1".to_owned());
    sees(&story, &[Kind::Stuck]);
}

#[test]
fn a_task_that_stands_otherwise_than_its_file_makes_it_is_wrong() {
    let mut story = story();
    story.lasts[0].body["task_results"]["b"] = json!({"status": "failed"});
    story.lasts[0].body["metadata"]["completed"] = json!(1);
    sees(&story, &[Kind::Wrong]);
}

#[test]
fn a_cancelled_run_may_have_cancelled_tasks_and_no_failed_ones() {
    let mut story = story();
    story.submitted[0].cancelled = true;
    story.lasts[0].body["task_results"]["b"] = json!({"status": "cancelled"});
    story.lasts[0].body["metadata"]["completed"] = json!(1);
    sees(&story, &[]);
    story.lasts[0].body["task_results"]["b"] = json!({"status": "failed"});
    sees(&story, &[Kind::Wrong]);
}
