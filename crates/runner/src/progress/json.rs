//! One JSON object for each change, for programs.

use protocol::{Counts, End, RunId, Started, Stored, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::board::{Changed, Finished};
use crate::output;

/// The name of the lines' form; another form gets another name.
const SCHEMA: &str = "runner.progress.v1";

/// One line, in the order that a person reads it.
#[derive(Debug, Serialize)]
struct Line<'a> {
    schema: &'a str,
    /// RFC 3339.
    ts: String,
    run: String,
    /// Rises by one from line to line, from 1.
    seq: u64,
    event: &'a str,
    data: Value,
}

#[derive(Debug)]
pub(super) struct JsonLines {
    run: RunId,
    seq: u64,
}

impl JsonLines {
    pub(super) const fn new(run: RunId) -> Self {
        Self { run, seq: 0 }
    }

    fn say(&mut self, event: &str, at: Timestamp, data: Value) {
        self.seq += 1;
        let (run, ts) = (self.run.to_string(), at.to_string());
        let line = Line { schema: SCHEMA, ts, run, seq: self.seq, event, data };
        // A line of these fields is always JSON; should it ever not be, saying nothing is best.
        if let Ok(line) = serde_json::to_string(&line) {
            output::say(&format!("{line}\n"));
        }
    }

    pub(super) fn started(&mut self, task: &str, stored: &Stored<Started>) {
        let Started { key, worker, .. } = &stored.body;
        let data = json!({
            "task": task,
            "attempt": key.attempt.get(),
            "worker": worker.as_str(),
        });
        self.say("started", stored.at, data);
    }

    pub(super) fn finished(&mut self, it: &Finished) {
        let data = json!({
            "task": it.id,
            "attempt": it.attempt.get(),
            "outcome": it.outcome.name(),
            "run_ms": it.run_ms,
            "error": it.error,
        });
        self.say("verdict", it.at, data);
    }

    /// How a task stands, in a run whose news are not followed.
    pub(super) fn changed(&mut self, it: &Changed, at: Timestamp) {
        let mut data = json!(it.standing);
        if let Some(data) = data.as_object_mut() {
            data.insert("task".to_owned(), json!(it.id));
            data.insert("attempt".to_owned(), json!(it.attempt));
        }
        self.say("task", at, data);
    }

    pub(super) fn counts(&mut self, counts: Counts) {
        self.say("counts", Timestamp::now(), json!(counts));
    }

    pub(super) fn note(&mut self, text: &str) {
        self.say("note", Timestamp::now(), json!(text));
    }

    pub(super) fn end(&mut self, end: &End, counts: Counts) {
        let data = json!({"status": end.status, "counts": counts, "last_sha256": end.last_sha256});
        self.say("end", Timestamp::now(), data);
    }
}
