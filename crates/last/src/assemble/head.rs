//! All of a LAST that is known before its first task is told.

use std::io::{self, Write};

use alt::Json;
use protocol::{Counts, RunStatus, Told};

use super::RunFacts;
use crate::FileDigest;
use crate::model::{
    AltFileRef, Chaos, CriticalPath, ExecutionGraph, Insights, LastFile, Metadata, TaskStatus,
    VERSION, members,
};
use crate::path::ALT_FILE;
use crate::sheet::{Sheet, one_line};
use crate::summary;

/// The LAST without tasks, artifacts, graph and path.
pub(super) fn head(run: &RunFacts<'_>) -> LastFile {
    let file = run.alt.file();
    let id = run.run.to_string();
    let total = run.counts.total();
    let finished = run.finished.max(run.started);
    let execution_time_ms = finished.since(run.started);
    LastFile {
        id: format!("last_{id}"),
        version: VERSION.to_owned(),
        created_at: finished.into(),
        alt_file_id: file.id.clone(),
        alt_file_title: file.title.clone(),
        alt_file: run.alt_file.map(kept),
        execution_id: id,
        status: RunStatus::of(run.counts.completed, total),
        success_rate: success_rate(run.counts.completed, total),
        mode: run.mode,
        persona: run.persona.map(str::to_owned),
        tags: file.tags.clone(),
        priority: file.priority,
        start_time: run.started.into(),
        end_time: finished.into(),
        execution_time_ms,
        durability: run.durability.to_owned(),
        chaos: run.chaos.map(|(seed, level)| Chaos { seed: seed.to_string(), level }),
        cancelled: run.cancelled.map(str::to_owned),
        refused: None,
        refused_more: None,
        summary: summary::sentence(&run.counts, execution_time_ms),
        metadata: metadata(run),
        task_results: Vec::new(),
        reuse: None,
        artifacts: Vec::new(),
        execution_graph: ExecutionGraph::default(),
        critical_path: CriticalPath::default(),
    }
}

/// The ALT file beside the LAST.
pub(super) fn kept(digest: &FileDigest) -> AltFileRef {
    let name = ALT_FILE.to_owned();
    AltFileRef { name, size: digest.size, sha256: digest.sha256.clone() }
}

/// Writes the fields of `head` up to the first task, in the order of the struct.
pub(super) fn write<W: Write>(sheet: &mut Sheet<'_, W>, head: &LastFile) -> io::Result<()> {
    sheet.field("id", &head.id)?;
    sheet.field("version", &head.version)?;
    sheet.field("created_at", &head.created_at)?;
    sheet.field("alt_file_id", &head.alt_file_id)?;
    sheet.field("alt_file_title", &head.alt_file_title)?;
    sheet.option("alt_file", head.alt_file.as_ref())?;
    sheet.field("execution_id", &head.execution_id)?;
    sheet.field("status", &head.status)?;
    sheet.field("success_rate", &head.success_rate)?;
    sheet.field("mode", &head.mode)?;
    sheet.option("persona", head.persona.as_ref())?;
    sheet.field("tags", &head.tags)?;
    sheet.field("priority", &head.priority)?;
    sheet.field("start_time", &head.start_time)?;
    sheet.field("end_time", &head.end_time)?;
    sheet.field("execution_time_ms", &head.execution_time_ms)?;
    sheet.field("durability", &head.durability)?;
    sheet.option("chaos", head.chaos.as_ref())?;
    sheet.option("cancelled", head.cancelled.as_ref())?;
    if let Some(refusals) = &head.refused {
        sheet.open("refused", '[')?;
        for refusal in refusals {
            sheet.element(refusal)?;
        }
        sheet.close(']')?;
    }
    sheet.option("refused_more", head.refused_more.as_ref())?;
    sheet.field("summary", &head.summary)?;
    sheet.open("metadata", '{')?;
    for (key, value) in &head.metadata.0 {
        sheet.field(key, value)?;
    }
    sheet.close('}')
}

/// How many tasks ended so.
pub(crate) const fn count(counts: &Counts, status: TaskStatus) -> u32 {
    match status {
        TaskStatus::Completed => counts.completed,
        TaskStatus::Failed => counts.failed,
        TaskStatus::Timeout => counts.timeout,
        TaskStatus::Cancelled => counts.cancelled,
    }
}

/// Completed by all, 0 to 1; 1 when there is no task.
pub(crate) fn success_rate(completed: u32, total: u32) -> f64 {
    if total == 0 { 1.0 } else { f64::from(completed) / f64::from(total) }
}

fn metadata(run: &RunFacts<'_>) -> Metadata {
    let file = run.alt.file();
    let mut entries = tally(&run.counts);
    if let Some(seconds) = file.expected_completion_time {
        entries.push(("expected_completion_time".to_owned(), number(seconds)));
    }
    entries.extend(run.insights.and_then(insights));
    let own = file.metadata.as_ref().map(members).unwrap_or_default();
    entries.extend(own.into_iter().map(|(key, value)| (format!("alt_{key}"), flat(value))));
    Metadata(entries)
}

/// What a model said of the run, or why there is nothing.
fn insights(told: &Told) -> Option<(String, Json)> {
    let (key, value) = match told.clone() {
        Told::Text { text, model, tokens } => {
            (Metadata::INSIGHTS, Json::from_value(&Insights { text, model, tokens }))
        }
        Told::Nothing { reason } => (Metadata::NO_INSIGHTS, Json::from_value(&reason)),
    };
    Some((key.to_owned(), value.ok()?))
}

/// The entries that count the tasks.
pub(super) fn tally(counts: &Counts) -> Vec<(String, Json)> {
    let by_status = TaskStatus::ALL.map(|status| (status.name(), count(counts, status)));
    let all = [("task_count", counts.total())].into_iter().chain(by_status);
    all.map(|(key, count)| (key.to_owned(), number(count))).collect()
}

fn number(value: u32) -> Json {
    Json::from_text(value.to_string()).unwrap_or_else(|_| Json::null())
}

/// The same value on one line.
pub(super) fn flat(value: Json) -> Json {
    match one_line(value.text()).map(Json::from_text) {
        Some(Ok(flat)) => flat,
        Some(Err(_)) | None => value,
    }
}
