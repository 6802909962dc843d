//! A LAST for a terminal: plain text, bounded, with nothing in it that steers the terminal.

use std::fmt::Write as _;

use crate::escape::{cut, visible, width};
use crate::model::{CriticalPath, LastFile, TaskResult, TaskStatus};
use crate::summary::{bytes, complaint, duration, heading, list, refusals};

/// How many tasks the table has.
const ROWS: usize = 200;
/// How many other lines each list has.
const LISTED: usize = 20;
/// Columns of a task's id.
const ID_COLUMNS: usize = 32;
/// Columns of an output or an error.
const TEXT_COLUMNS: usize = 72;

/// `last` as text: the outcome, why the file was refused, a table of the tasks, the failures, the
/// artifacts, the critical path.
///
/// A run of more than 200 tasks shows those that did not complete first.
#[must_use]
pub fn show(last: &LastFile) -> String {
    let mut out = heading(last);
    refusals(&mut out, last, ROWS);
    table(&mut out, &last.task_results);
    let failed: Vec<&TaskResult> = last.task_results.iter().filter(|task| failed(task)).collect();
    let lines: Vec<String> = failed.iter().take(LISTED).map(|task| complaint(task)).collect();
    list(&mut out, "Failures", &lines, failed.len());
    let artifacts: Vec<String> = last
        .artifacts
        .iter()
        .take(LISTED)
        .map(|artifact| format!("{}  {}", cut(&artifact.path, 160), bytes(artifact.size_bytes)))
        .collect();
    list(&mut out, "Artifacts", &artifacts, last.artifacts.len());
    let missing: Vec<String> = last
        .task_results
        .iter()
        .flat_map(|task| task.missing_files.iter().map(move |file| (task, file)))
        .take(LISTED)
        .map(|(task, file)| {
            let (id, path) = (cut(&task.task_id, ID_COLUMNS), cut(&file.path, TEXT_COLUMNS));
            format!("{id}: {path}: {}", cut(&file.reason, TEXT_COLUMNS))
        })
        .collect();
    let all = last.task_results.iter().map(|task| task.missing_files.len()).sum();
    list(&mut out, "Files that were named and could not be kept", &missing, all);
    critical(&mut out, &last.critical_path);
    insights(&mut out, last);
    out
}

const fn failed(task: &TaskResult) -> bool {
    matches!(task.status, TaskStatus::Failed | TaskStatus::Timeout)
}

fn table(out: &mut String, tasks: &[TaskResult]) {
    if tasks.is_empty() {
        return;
    }
    let mut rows: Vec<&TaskResult> = tasks.iter().collect();
    if rows.len() > ROWS {
        // Stable: within a status the order of the file stays.
        rows.sort_by_key(|task| task.status == TaskStatus::Completed);
        rows.truncate(ROWS);
    }
    let ids: Vec<String> = rows.iter().map(|task| cut(&task.task_id, ID_COLUMNS)).collect();
    let column = ids.iter().map(|id| width(id)).max().unwrap_or_default();
    let _ = writeln!(out, "\nTasks");
    for (task, id) in rows.iter().zip(&ids) {
        let gap = " ".repeat(column - width(id));
        let (sign, status) = (task.status.sign(), task.status.name());
        let tries = match task.attempts.len() {
            0 | 1 => String::new(),
            tries => format!("{tries} attempts  "),
        };
        let line = format!(
            "  {sign} {status:<9}  {id}{gap}  {:>10}  {tries}{}",
            duration(task.duration_ms),
            outcome(task)
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if tasks.len() > rows.len() {
        let _ = writeln!(out, "  … and {} more", tasks.len() - rows.len());
    }
}

/// What a task returned, or what stood in its way.
fn outcome(task: &TaskResult) -> String {
    if let Some(output) = &task.output {
        return cut(output.text(), TEXT_COLUMNS);
    }
    if let Some(output) = &task.output_ref {
        let (size, path) = (bytes(output.size_bytes), cut(&output.path, TEXT_COLUMNS));
        let missing = if output.missing { ", missing" } else { "" };
        return format!("{size} in {path}{missing}");
    }
    cut(task.error.as_deref().or(task.reason.as_deref()).unwrap_or_default(), TEXT_COLUMNS)
}

/// Adds what a model said of the run, or why it said nothing.
fn insights(out: &mut String, last: &LastFile) {
    match last.metadata.insights() {
        Some(Ok(said)) => {
            let _ = writeln!(out, "\nWhat {} says of it", cut(&said.model, ID_COLUMNS));
            for line in said.text.lines() {
                let _ = writeln!(out, "  {}", visible(line));
            }
        }
        Some(Err(why)) => {
            let _ = writeln!(out, "\nNo model says anything of it: {}", visible(&why));
        }
        None => {}
    }
}

/// Adds the critical path.
pub(crate) fn critical(out: &mut String, path: &CriticalPath) {
    let ids: Vec<String> =
        path.task_ids.iter().take(LISTED).map(|id| cut(id, ID_COLUMNS)).collect();
    if ids.is_empty() {
        return;
    }
    let _ = write!(out, "\nCritical path ({})\n  {}", duration(path.duration_ms), ids.join(" → "));
    let hidden = (path.length as usize).saturating_sub(ids.len());
    if hidden > 0 {
        let _ = write!(out, " → … and {hidden} more");
    }
    out.push('\n');
}
