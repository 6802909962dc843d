//! What is known of a run while it goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use alt::{Alt, TaskIndex, visible};
use bus::Heard;
use protocol::{Attempt, Counts, Outcome, Timestamp};
use tokio::time::Instant;

/// The state that every form of view shows a part of.
#[derive(Debug)]
pub(super) struct Board {
    alt: Arc<Alt>,
    pub(super) counts: Counts,
    /// Attempts that a worker said it began.
    pub(super) running: BTreeMap<TaskIndex, Running>,
    /// The stream's newest time, and when it was heard here.
    pub(super) now: Timestamp,
    pub(super) heard: Instant,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Running {
    pub(super) attempt: Attempt,
    pub(super) since: Timestamp,
}

/// An attempt that ended.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) id: String,
    pub(super) attempt: Attempt,
    pub(super) outcome: Outcome,
    pub(super) run_ms: u64,
    pub(super) error: Option<String>,
    pub(super) at: Timestamp,
}

impl Board {
    pub(super) fn new(alt: Arc<Alt>) -> Self {
        let total = u32::try_from(alt.graph().len()).unwrap_or(u32::MAX);
        let counts = Counts { waiting: total, ..Counts::default() };
        Self { alt, counts, running: BTreeMap::new(), now: Timestamp::now(), heard: Instant::now() }
    }

    /// What the stream's clock shows now, as well as it is known here.
    pub(super) fn time(&self) -> Timestamp {
        self.now.after(self.heard.elapsed())
    }

    fn heard_at(&mut self, at: Timestamp) {
        if at > self.now {
            self.now = at;
            self.heard = Instant::now();
        }
    }

    pub(super) fn title(&self) -> String {
        visible(&self.alt.file().title)
    }

    /// The task's id without anything that steers a terminal.
    pub(super) fn id(&self, task: TaskIndex) -> String {
        self.alt.file().tasks.get(task.get()).map_or_else(String::new, |task| visible(&task.id))
    }

    /// Takes note of news; an attempt that ended is handed back.
    pub(super) fn hear(&mut self, heard: &Heard) -> Option<Finished> {
        match heard {
            Heard::Started(stored) => {
                self.heard_at(stored.at);
                let key = stored.body.key;
                self.running.insert(key.task, Running { attempt: key.attempt, since: stored.at });
                None
            }
            Heard::Verdict(stored) => {
                self.heard_at(stored.at);
                let verdict = &stored.body;
                self.running.remove(&verdict.task);
                Some(Finished {
                    id: self.id(verdict.task),
                    attempt: verdict.attempt,
                    outcome: verdict.outcome,
                    run_ms: verdict.run_ms,
                    error: verdict.failure.as_ref().map(|failure| visible(&failure.message)),
                    at: stored.at,
                })
            }
            Heard::Cancelled(_) | Heard::CaughtUp(_) => None,
        }
    }
}
