//! What changed between two runs, and what did not.

use last::{Diff, Side};

use crate::sample::{RELEASE, assemble, release};

fn side() -> Side {
    let (text, _) = assemble(&release());
    Side { last: last::read(text.as_bytes()).unwrap(), alt: Some(RELEASE.into()) }
}

fn told(diff: &Diff) -> Vec<String> {
    let all = [&diff.head, &diff.alt, &diff.tasks, &diff.artifacts].into_iter().flatten();
    all.map(|change| {
        let shown = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
        format!("{}: {} → {}", change.what, shown(&change.before), shown(&change.after))
    })
    .collect()
}

#[test]
fn a_run_is_the_same_as_itself() {
    let diff = Diff::of(&side(), &side());
    assert!(diff.is_same() && diff.timings.is_empty(), "{diff:?}");
}

#[test]
fn each_kind_of_change_is_told() {
    let (before, mut after) = (side(), side());
    let last = &mut after.last;
    last.mode = alt::Mode::Normal;
    let task = &mut last.task_results[1];
    let id = task.task_id.clone();
    task.output = Some(alt::Json::from_text("[1, 2]").unwrap());
    task.attempts.clear();
    let gone = last.artifacts.remove(0);
    last.artifacts[0].size_bytes += 1;
    let diff = Diff::of(&before, &after);
    let told = told(&diff);
    for needle in [
        "mode: chaos → normal".to_owned(),
        format!("{id}: output: "),
        format!("{id}: attempts: 1 → 0"),
        format!("{}: {}: {} bytes", gone.task_id, gone.name, gone.size_bytes),
    ] {
        assert!(told.iter().any(|line| line.starts_with(&needle)), "{needle}: {told:#?}");
    }
    assert_eq!(told.len(), 5, "{told:#?}");
    assert!(!diff.is_same());
}

#[test]
fn what_was_asked_otherwise_is_told_by_the_files_or_without_them() {
    let (mut before, mut after) = (side(), side());
    after.alt = Some(RELEASE.replace("\"chaos_level\": 3", "\"chaos_level\": 4").into());
    assert_eq!(told(&Diff::of(&before, &after)), ["chaos_level: 3 → 4"]);
    before.alt = None;
    after.last.task_results[1].metadata.job = "another".to_owned();
    let edge = after.last.execution_graph.edges.pop().unwrap();
    let lines = told(&Diff::of(&before, &after));
    assert_eq!(lines.len(), 2, "{edge:?}: {lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with("→ another")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains(": dependencies: ")), "{lines:#?}");
    let lost = after.last.task_results.pop().unwrap();
    let lines = told(&Diff::of(&before, &after));
    assert!(lines.contains(&format!("{}: there → -", lost.task_id)), "{lines:#?}");
}

#[test]
fn times_are_told_and_are_no_difference() {
    let (before, mut after) = (side(), side());
    after.last.execution_time_ms += 5_000;
    after.last.task_results[1].run_ms += 4_000;
    after.last.task_results[2].run_ms += 50;
    let diff = Diff::of(&before, &after);
    assert!(diff.is_same());
    let ids: Vec<_> = diff.timings.iter().map(|timing| timing.task.as_deref()).collect();
    assert_eq!(ids, [None, Some(after.last.task_results[1].task_id.as_str())]);
}
