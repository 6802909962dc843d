//! The verb `ls`: the runs that are still kept.

use std::time::Duration;

use client::short;
use protocol::{Counts, RunRecord, Timestamp};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::{Fleet, lost};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::{fit, seconds};

/// Columns of a title.
const TITLE: usize = 40;

#[derive(Debug, Serialize)]
struct Row<'a> {
    run: String,
    alt_id: &'a str,
    title: &'a str,
    state: &'a str,
    counts: Counts,
    total: u32,
    /// RFC 3339.
    started: String,
    age_ms: u64,
    /// Until the end, or until now.
    duration_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_key: Option<&'a str>,
}

/// How a run stands, in a word.
pub(super) fn state(record: &RunRecord) -> &'static str {
    record.end.as_ref().map_or("running", |end| end.status.name())
}

pub(super) async fn list(fleet: &Fleet, limit: u32, json: bool) -> Result<Exit, Failure> {
    let mut records = fleet.client.records().await.map_err(|error| lost(&error))?;
    let total = records.len();
    records.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let now = Timestamp::now();
    let rows: Vec<Row<'_>> = records.iter().map(|record| row(record, now)).collect();
    if json {
        output::json(&rows)?;
        return Ok(Exit::Success);
    }
    if rows.is_empty() {
        output::say("no runs; `runner submit FILE` makes one\n");
        return Ok(Exit::Success);
    }
    let cells = records.iter().zip(&rows).map(|(record, row)| {
        let time = |ms| seconds(Duration::from_millis(ms));
        vec![
            short(record.run),
            fit(&alt::visible(row.title), TITLE, true),
            row.state.to_owned(),
            format!("{}/{}", row.counts.completed, row.total),
            time(row.age_ms),
            time(row.duration_ms),
        ]
    });
    let head = ["run", "title", "state", "done", "age", "took"];
    output::result(&table(&head, cells.collect()))?;
    if total > rows.len() {
        output::say(&format!("and {} more; `--limit N` shows them\n", total - rows.len()));
    }
    Ok(Exit::Success)
}

fn row(record: &RunRecord, now: Timestamp) -> Row<'_> {
    let until = if record.end.is_some() { record.updated } else { now };
    Row {
        run: record.run.to_string(),
        alt_id: &record.alt_id,
        title: &record.title,
        state: state(record),
        counts: record.counts,
        total: record.counts.total(),
        started: record.started.to_string(),
        age_ms: now.since(record.started),
        duration_ms: until.since(record.started),
        last_key: record.end.as_ref().map(|end| end.last_key.as_str()),
    }
}

/// Columns as wide as their widest cell, two spaces apart.
pub(super) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let head = head.iter().map(|&word| word.to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(&cell);
            line.push_str(&" ".repeat(width - cell.width() + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_one_another_however_wide_their_signs_are() {
        let rows = [["日本", "x"], ["a", "yy"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&["id", "b"], rows.to_vec()), "id    b\n日本  x\na     yy\n");
    }
}
