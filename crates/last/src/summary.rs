//! `summary.txt`: what a person wants to know first, of bounded length.

use std::fmt::Write as _;

use protocol::Counts;

use crate::escape::{cut, visible};
use crate::model::{Artifact, LastFile, Refusal, TaskResult, TaskStatus};

/// How many tasks or artifacts each list names.
const LISTED: usize = 10;
/// Columns of an id.
const ID_COLUMNS: usize = 40;
/// Columns of an error or a reason.
const ERROR_COLUMNS: usize = 200;

/// What of the tasks a summary names: small, whatever the size of the run.
#[derive(Debug, Default)]
pub(crate) struct Highlights {
    /// Longest first; of equals the earlier in the file.
    slowest: Vec<(u64, String)>,
    failures: Vec<String>,
    failed: usize,
    cancelled: Vec<String>,
    not_run: usize,
    artifacts: Vec<String>,
    kept: usize,
    bytes: u64,
}

impl Highlights {
    /// Takes note of a task's result.
    pub(crate) fn task(&mut self, task: &TaskResult) {
        let longer = self.slowest.iter().position(|(ms, _)| *ms < task.duration_ms);
        let place = longer.unwrap_or(self.slowest.len());
        if place < LISTED && !task.attempts.is_empty() {
            self.slowest.insert(place, (task.duration_ms, cut(&task.task_id, ID_COLUMNS)));
            self.slowest.truncate(LISTED);
        }
        match task.status {
            TaskStatus::Completed => {}
            TaskStatus::Failed | TaskStatus::Timeout => {
                self.failed += 1;
                if self.failures.len() < LISTED {
                    self.failures.push(complaint(task));
                }
            }
            TaskStatus::Cancelled => {
                self.not_run += 1;
                if self.cancelled.len() < LISTED {
                    self.cancelled.push(complaint(task));
                }
            }
        }
    }

    /// Takes note of an artifact.
    pub(crate) fn artifact(&mut self, artifact: &Artifact) {
        self.kept += 1;
        self.bytes = self.bytes.saturating_add(artifact.size_bytes);
        if self.artifacts.len() < LISTED {
            let (path, size) = (cut(&artifact.path, 160), bytes(artifact.size_bytes));
            self.artifacts.push(format!("{path}  {size}  {}", visible(&artifact.mime_type)));
        }
    }
}

/// The text of `summary.txt`: title, outcome, why the file was refused, failures, slowest tasks,
/// artifacts.
///
/// At most some ten lines of each, however large the run.
#[must_use]
pub fn summary_text(last: &LastFile) -> String {
    text(last, &crate::assemble::highlights(last))
}

/// [`summary_text`] of a LAST of which only `highlights` are kept.
pub(crate) fn text(last: &LastFile, highlights: &Highlights) -> String {
    let mut out = heading(last);
    refusals(&mut out, last, LISTED);
    list(&mut out, "Failures", &highlights.failures, highlights.failed);
    list(&mut out, "Cancelled", &highlights.cancelled, highlights.not_run);
    let slowest: Vec<String> =
        highlights.slowest.iter().map(|(ms, id)| format!("{}  {id}", duration(*ms))).collect();
    list(&mut out, "Slowest", &slowest, slowest.len());
    let title = format!("Artifacts ({}, {})", highlights.kept, bytes(highlights.bytes));
    list(&mut out, &title, &highlights.artifacts, highlights.kept);
    out
}

/// Title, outcome and the run's own data.
pub(crate) fn heading(last: &LastFile) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", named(&last.alt_file_title, "(a file without a title)"));
    let _ = writeln!(out, "{}: {}", last.status.name().replace('_', " "), visible(&last.summary));
    let _ = writeln!(out);
    let _ = writeln!(out, "  file        {}", named(&last.alt_file_id, "(a file without an id)"));
    let _ = writeln!(out, "  run         {}", cut(&last.execution_id, 64));
    let _ = writeln!(out, "  started     {}", last.start_time);
    let _ = writeln!(out, "  ended       {}", last.end_time);
    if last.refused.is_none() {
        let _ = writeln!(out, "  mode        {}", mode(last));
    }
    if let Some(persona) = &last.persona {
        let _ = writeln!(out, "  persona     {}", cut(persona, ERROR_COLUMNS));
    }
    if let Some(why) = &last.cancelled {
        let _ = writeln!(out, "  cancelled   {}", cut(why, ERROR_COLUMNS));
    }
    if let Some(reuse) = &last.reuse {
        let tasks = counted(reuse.tasks.into(), "task");
        let _ = writeln!(out, "  reused      {tasks} of run {}", reuse.run);
    }
    let _ = writeln!(out, "  durability  {}", cut(&last.durability, ERROR_COLUMNS));
    out
}

fn named(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { cut(text, 200) }
}

pub(crate) fn mode(last: &LastFile) -> String {
    let name = match last.mode {
        alt::Mode::Normal => "normal",
        alt::Mode::Dream => "dream",
        alt::Mode::Explore => "explore",
        alt::Mode::Chaos => "chaos",
    };
    last.chaos.as_ref().map_or_else(
        || name.to_owned(),
        |chaos| format!("{name}, level {}, seed {}", chaos.level, visible(&chaos.seed)),
    )
}

/// Adds at most `most` of the errors that a file was refused for.
pub(crate) fn refusals(out: &mut String, last: &LastFile, most: usize) {
    let refusals = last.refused.as_deref().unwrap_or_default();
    let lines: Vec<String> = refusals.iter().take(most).map(refusal).collect();
    let more = last.refused_more.unwrap_or_default();
    let unlisted = usize::try_from(more.errors).unwrap_or(usize::MAX);
    list(out, "Refused", &lines, refusals.len().saturating_add(unlisted));
    if more.warnings > 0 {
        let _ = writeln!(out, "  … and {}", counted(more.warnings, "warning"));
    }
}

/// `line 3, column 12: ALT0203 at /tasks/0/id: the id is blank`, and what to do about it.
fn refusal(refusal: &Refusal) -> String {
    let Refusal { code, pointer, line, column, message, help } = refusal;
    let place = if pointer.is_empty() {
        String::new()
    } else {
        format!(" at {}", cut(pointer, ERROR_COLUMNS))
    };
    let (code, message) = (cut(code, ID_COLUMNS), cut(message, ERROR_COLUMNS));
    let mut out = match code.as_str() {
        Refusal::SUBMISSION => message,
        code => format!("line {line}, column {column}: {code}{place}: {message}"),
    };
    if let Some(help) = help {
        let _ = write!(out, "\n    help: {}", cut(help, ERROR_COLUMNS));
    }
    out
}

/// `the file was refused: 3 errors`.
pub(crate) fn refusal_sentence(errors: u64) -> String {
    format!("the file was refused: {}", counted(errors, "error"))
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Adds a titled list of the first of `all` lines; nothing if there are none.
pub(crate) fn list(out: &mut String, title: &str, lines: &[String], all: usize) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
    if all > lines.len() {
        let _ = writeln!(out, "  … and {} more", all - lines.len());
    }
}

/// `fetch: failed after 3 attempts: no route to host`.
pub(crate) fn complaint(task: &TaskResult) -> String {
    let id = cut(&task.task_id, ID_COLUMNS);
    let why = task.error.as_deref().or(task.reason.as_deref()).unwrap_or_default();
    let why = cut(why, ERROR_COLUMNS);
    match (task.status, task.attempts.len()) {
        (TaskStatus::Completed | TaskStatus::Cancelled, _) => format!("{id}: {why}"),
        (status, 0) => format!("{id}: {}: {why}", status.name()),
        (status, 1) => format!("{id}: {} at the first attempt: {why}", status.name()),
        (status, tries) => format!("{id}: {} after {tries} attempts: {why}", status.name()),
    }
}

/// `3 of 5 tasks completed, 1 failed, 1 cancelled, in 4.2 s`.
pub(crate) fn sentence(counts: &Counts, ms: u64) -> String {
    if counts.total() == 0 {
        return format!("no tasks, in {}", duration(ms));
    }
    let (total, noun) = (counts.total(), if counts.total() == 1 { "task" } else { "tasks" });
    let mut out = format!("{} of {total} {noun} completed", counts.completed);
    for (count, word) in
        [(counts.failed, "failed"), (counts.timeout, "timed out"), (counts.cancelled, "cancelled")]
    {
        if count > 0 {
            let _ = write!(out, ", {count} {word}");
        }
    }
    let _ = write!(out, ", in {}", duration(ms));
    out
}

/// Milliseconds in the unit a person would choose.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Bytes in the unit a person would choose.
pub(crate) fn bytes(size: u64) -> String {
    let mut unit = 1_u64;
    for name in ["B", "kB", "MB", "GB"] {
        if size < unit.saturating_mul(1000) {
            let tenths = size % unit * 10 / unit;
            return if unit == 1 {
                format!("{size} B")
            } else {
                format!("{}.{tenths} {name}", size / unit)
            };
        }
        unit *= 1000;
    }
    format!("{}.{} TB", size / unit, size % unit / (unit / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_well() {
        let cases = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_050, "1.0 s"),
            (59_999, "59.9 s"),
            (61_000, "1 min 1 s"),
            (7_260_000, "2 h 1 min"),
        ];
        for (ms, expected) in cases {
            assert_eq!(duration(ms), expected);
        }
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_960, "1.9 kB"),
            (52_000_000, "52.0 MB"),
            (999_999_999_999, "999.9 GB"),
            (u64::MAX, "18446744.0 TB"),
        ];
        for (size, expected) in cases {
            assert_eq!(bytes(size), expected);
        }
    }

    #[test]
    fn the_sentence_names_what_there_is() {
        let counts = |completed, failed, timeout, cancelled| Counts {
            completed,
            failed,
            timeout,
            cancelled,
            ..Counts::default()
        };
        let cases = [
            (counts(0, 0, 0, 0), "no tasks, in 5 ms"),
            (counts(1, 0, 0, 0), "1 of 1 task completed, in 5 ms"),
            (
                counts(1, 2, 3, 4),
                "1 of 10 tasks completed, 2 failed, 3 timed out, 4 cancelled, in 5 ms",
            ),
        ];
        for (counts, expected) in cases {
            assert_eq!(sentence(&counts, 5), expected);
        }
    }
}
