//! What is known of a run while it goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use alt::{Alt, TaskIndex, visible};
use bus::Heard;
use protocol::{Attempt, Counts, Outcome, RunRecord, Snapshot, Standing, TaskView, Timestamp};
use tokio::time::Instant;

/// The state that every form of view shows a part of.
#[derive(Debug)]
pub(super) struct Board {
    /// Unknown for a run that another program submitted.
    alt: Option<Arc<Alt>>,
    title: String,
    pub(super) counts: Counts,
    /// Attempts that a worker said it began, by the task's id.
    pub(super) running: BTreeMap<String, Running>,
    /// How the tasks of the last snapshot stood.
    stood: BTreeMap<String, (&'static str, Option<Attempt>)>,
    /// The stream's newest time, and when it was heard here.
    pub(super) now: Timestamp,
    pub(super) heard: Instant,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Running {
    /// Absent where a snapshot does not say.
    pub(super) attempt: Option<Attempt>,
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

/// A task that stands otherwise than in the snapshot before.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) id: String,
    pub(super) attempt: Option<Attempt>,
    pub(super) standing: Standing,
}

impl Board {
    fn new(alt: Option<Arc<Alt>>, title: &str, counts: Counts) -> Self {
        Self {
            alt,
            title: visible(title),
            counts,
            running: BTreeMap::new(),
            stood: BTreeMap::new(),
            now: Timestamp::now(),
            heard: Instant::now(),
        }
    }

    /// Of a run whose file is at hand.
    pub(super) fn of_file(alt: Arc<Alt>) -> Self {
        let total = u32::try_from(alt.graph().len()).unwrap_or(u32::MAX);
        let title = alt.file().title.clone();
        Self::new(Some(alt), &title, Counts { waiting: total, ..Counts::default() })
    }

    /// Of a run that is known from its record.
    pub(super) fn of_record(record: &RunRecord) -> Self {
        Self::new(None, &record.title, record.counts)
    }

    /// Whether news, which name tasks by their places, can be understood.
    pub(super) const fn knows_the_file(&self) -> bool {
        self.alt.is_some()
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

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// The task's id without anything that steers a terminal.
    pub(super) fn id(&self, task: TaskIndex) -> String {
        let tasks = self.alt.as_ref().map(|alt| &alt.file().tasks);
        let task = tasks.and_then(|tasks| tasks.get(task.get()));
        task.map_or_else(String::new, |task| visible(&task.id))
    }

    /// Takes note of news; an attempt that ended is handed back.
    pub(super) fn hear(&mut self, heard: &Heard) -> Option<Finished> {
        match heard {
            Heard::Started(stored) => {
                self.heard_at(stored.at);
                let key = stored.body.key;
                let running = Running { attempt: Some(key.attempt), since: stored.at };
                self.running.insert(self.id(key.task), running);
                None
            }
            Heard::Verdict { verdict: stored, .. } => {
                self.heard_at(stored.at);
                let verdict = &stored.body;
                let id = self.id(verdict.task);
                self.running.remove(&id);
                Some(Finished {
                    id,
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

    /// Takes note of how tasks stand; those that stood otherwise before are handed back.
    pub(super) fn see(&mut self, snapshot: &Snapshot) -> Vec<Changed> {
        let at = snapshot.record.updated;
        self.heard_at(at);
        let mut stood = BTreeMap::new();
        let (mut changed, mut running) = (Vec::new(), BTreeMap::new());
        for TaskView { id, attempt, standing } in &snapshot.tasks {
            let (id, attempt) = (visible(id), *attempt);
            if let Standing::Running { for_ms, .. } = standing {
                let since = Timestamp(at.0.saturating_sub(for_ms.unwrap_or(0)));
                // What was seen first stands: a worker's word may be older than the snapshot.
                let known = self.running.get(&id).filter(|known| known.attempt == attempt);
                running.insert(id.clone(), known.copied().unwrap_or(Running { attempt, since }));
            }
            let stands = (standing.name(), attempt);
            if self.stood.get(&id) != Some(&stands) {
                changed.push(Changed { id: id.clone(), attempt, standing: standing.clone() });
            }
            stood.insert(id, stands);
        }
        (self.stood, self.running) = (stood, running);
        changed
    }
}
