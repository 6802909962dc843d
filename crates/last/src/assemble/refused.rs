//! The LAST of a file that was refused: nothing ran, and here is why.

use std::io::{self, Write};

use alt::{Mode, Priority, limits};
use protocol::{Counts, RunStatus};

use super::{Assembled, head};
use crate::facts::RefusedFacts;
use crate::model::{CriticalPath, ExecutionGraph, LastFile, Metadata, Refusals, Unlisted, VERSION};
use crate::report::Outline;
use crate::sheet::Sheet;
use crate::summary::{self, Highlights};

/// Writes the LAST of a refused file to `out`: status `failure`, no task, and the errors.
///
/// The same facts make the same bytes. There is nothing to copy beside it, and nothing to draw.
///
/// # Errors
/// When `out` fails; it then holds a part.
pub fn refused(out: &mut impl Write, facts: &RefusedFacts<'_>) -> io::Result<Assembled> {
    let last = last_of(facts);
    let mut sheet = Sheet::new(out);
    head::write(&mut sheet, &last)?;
    sheet.open("task_results", '{')?;
    sheet.close('}')?;
    sheet.field("artifacts", &last.artifacts)?;
    sheet.field("execution_graph", &last.execution_graph)?;
    sheet.field("critical_path", &last.critical_path)?;
    let (size, sha256) = sheet.finish()?;
    Ok(Assembled {
        sha256,
        size,
        status: last.status,
        promotions: Vec::new(),
        ends: Vec::new(),
        summary: summary::text(&last, &Highlights::default()),
        outline: Outline::of(&last),
    })
}

fn last_of(facts: &RefusedFacts<'_>) -> LastFile {
    let Refusals { listed, more } = facts.refusals;
    let id = facts.run.to_string();
    let errors = more.errors.saturating_add(listed.len() as u64);
    LastFile {
        id: format!("last_{id}"),
        version: VERSION.to_owned(),
        created_at: facts.at.into(),
        alt_file_id: start_of(facts.alt_id, limits::ID_BYTES),
        alt_file_title: start_of(facts.title, limits::STRING_BYTES),
        alt_file: facts.alt_file.map(head::kept),
        execution_id: id,
        status: RunStatus::Failure,
        success_rate: 0.0,
        mode: Mode::default(),
        persona: None,
        tags: Vec::new(),
        priority: Priority::default(),
        start_time: facts.at.into(),
        end_time: facts.at.into(),
        execution_time_ms: 0,
        durability: facts.durability.to_owned(),
        chaos: None,
        cancelled: None,
        refused: Some(listed.clone()),
        refused_more: (*more != Unlisted::default()).then_some(*more),
        summary: summary::refusal_sentence(errors),
        metadata: Metadata(head::tally(&Counts::default())),
        task_results: Vec::new(),
        reuse: None,
        artifacts: Vec::new(),
        execution_graph: ExecutionGraph::default(),
        critical_path: CriticalPath::default(),
    }
}

/// `text` or its start: what a refused file says may be of any length.
fn start_of(text: Option<&str>, bytes: usize) -> String {
    let text = text.unwrap_or_default();
    text[..text.floor_char_boundary(bytes)].to_owned()
}
