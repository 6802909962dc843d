//! The verb `diff`: what changed between two runs.

use std::fmt::Write as _;

use last::{Change, Diff, Side, Timing};

use crate::exit::{Exit, Failure};
use crate::output;

/// Timings that people are shown.
const TIMINGS: usize = 20;

/// Prints what changed.
pub(crate) fn tell(before: &Side, after: &Side, json: bool) -> Result<Exit, Failure> {
    let diff = Diff::of(before, after);
    let exit = if diff.is_same() { Exit::Success } else { Exit::Failure };
    if json {
        output::json(&diff)?;
    } else {
        output::result(&text(&diff))?;
    }
    Ok(exit)
}

fn text(diff: &Diff) -> String {
    let mut text = String::new();
    let [before, after] = &diff.runs;
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{before} → {after}");
    section(&mut text, "run", &diff.head);
    section(&mut text, "ALT", &diff.alt);
    section(&mut text, "tasks", &diff.tasks);
    section(&mut text, "artifacts", &diff.artifacts);
    if !diff.timings.is_empty() {
        text.push_str("timings\n");
    }
    for Timing { task, before_ms, after_ms } in diff.timings.iter().take(TIMINGS) {
        let task = task.as_deref().map_or_else(|| "the run".to_owned(), alt::visible);
        let _ = writeln!(text, "  {task}: {before_ms} ms → {after_ms} ms");
    }
    if diff.timings.len() > TIMINGS {
        let _ = writeln!(text, "  and {} more", diff.timings.len() - TIMINGS);
    }
    if diff.is_same() {
        text.push_str("the same but for times\n");
    }
    text
}

fn section(text: &mut String, name: &str, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    let _ = writeln!(text, "{name}");
    for Change { what, before, after } in changes {
        let what = alt::visible(what);
        let _ = match (before, after) {
            (Some(before), Some(after)) => {
                writeln!(text, "  {what}: {} → {}", alt::visible(before), alt::visible(after))
            }
            (Some(before), None) => writeln!(text, "  - {what}: {}", alt::visible(before)),
            (None, Some(after)) => writeln!(text, "  + {what}: {}", alt::visible(after)),
            (None, None) => Ok(()),
        };
    }
}
