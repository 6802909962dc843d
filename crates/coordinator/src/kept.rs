//! Verdicts as they were heard: the LAST needs them once more, and to read them again from the
//! stream costs a server as much as a fifth of the run. As many as there is room for; the others are
//! read again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alt::TaskIndex;
use protocol::{Attempt, Body, Stored, Verdict};

/// What all runs of one coordinator may keep, bytes. In the simulator so few that both happens.
const ROOM: usize = if cfg!(feature = "sim") { 2 * 1024 } else { 128 * 1024 * 1024 };

/// Memory for verdicts that is left.
#[derive(Debug)]
pub(crate) struct Room(AtomicUsize);

impl Default for Room {
    fn default() -> Self {
        Self(AtomicUsize::new(ROOM))
    }
}

impl Room {
    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// Verdicts of one run.
#[derive(Debug)]
pub(crate) struct Kept {
    room: Arc<Room>,
    bytes: usize,
    verdicts: HashMap<(TaskIndex, Attempt), Box<Stored<Verdict>>>,
}

impl Kept {
    pub(crate) fn new(room: Arc<Room>) -> Self {
        Self { room, bytes: 0, verdicts: HashMap::new() }
    }

    /// Keeps a verdict if there is room.
    pub(crate) fn keep(&mut self, verdict: Box<Stored<Verdict>>) {
        let bytes = weight(&verdict);
        if self.room.take(bytes) {
            self.bytes += bytes;
            self.verdicts.insert((verdict.body.task, verdict.body.attempt), verdict);
        }
    }

    /// A copy of the verdict on an attempt, if it was kept.
    pub(crate) fn look(&self, task: TaskIndex, attempt: Attempt) -> Option<Box<Stored<Verdict>>> {
        self.verdicts.get(&(task, attempt)).cloned()
    }

    /// The verdict on an attempt, if it was kept; not a second time.
    pub(crate) fn take(
        &mut self,
        task: TaskIndex,
        attempt: Attempt,
    ) -> Option<Box<Stored<Verdict>>> {
        self.verdicts.remove(&(task, attempt))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.room.0.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// About what a verdict occupies.
fn weight(verdict: &Stored<Verdict>) -> usize {
    // With its places in the table and in the heap.
    const EACH: usize = size_of::<Stored<Verdict>>() + 64;
    let Verdict { output, failure, artifacts, missing, log, .. } = &verdict.body;
    let output = match output {
        Some(Body::Inline(json)) => json.text().len(),
        _ => 0,
    };
    let failure = failure.as_ref().map_or(0, |failure| failure.message.len());
    let log: usize = log.iter().map(|line| line.len() + size_of::<String>()).sum();
    EACH + output + failure + log + (artifacts.len() + missing.len()) * 512
}

#[cfg(test)]
mod tests {
    use protocol::{AttemptKey, Outcome, RunId, Sequence, Timestamp};

    use super::*;

    fn verdict(task: u32) -> Box<Stored<Verdict>> {
        let key = AttemptKey { run: RunId::new(), task: TaskIndex(task), attempt: Attempt::FIRST };
        let body = Verdict::bare(key, Outcome::Ok);
        Box::new(Stored { sequence: Sequence(1), at: Timestamp(1), body })
    }

    #[test]
    fn what_has_no_room_is_not_kept_and_what_goes_leaves_its_room() {
        let room = Arc::new(Room(AtomicUsize::new(weight(&verdict(0)) * 2)));
        let mut kept = Kept::new(Arc::clone(&room));
        (0..3).for_each(|task| kept.keep(verdict(task)));
        assert!(kept.look(TaskIndex(1), Attempt::FIRST).is_some());
        let mut there = |task| kept.take(TaskIndex(task), Attempt::FIRST).is_some();
        assert_eq!([there(0), there(1), there(2), there(0)], [true, true, false, false]);
        drop(kept);
        assert_eq!(room.0.load(Ordering::Relaxed), weight(&verdict(0)) * 2);
    }
}
