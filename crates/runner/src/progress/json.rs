//! One JSON object for each change, for programs.

use protocol::{Counts, End, RunId, Timestamp};
use serde_json::{Value, json};

use super::board::Finished;
use crate::output;

/// The name of the lines' form; another form gets another name.
const SCHEMA: &str = "runner.progress.v1";

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
        let line = json!({
            "schema": SCHEMA,
            "ts": at.to_string(),
            "run": self.run.to_string(),
            "seq": self.seq,
            "event": event,
            "data": data,
        });
        output::say(&format!("{line}\n"));
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
