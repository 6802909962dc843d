//! Which attempts a worker runs now, and which of them somebody wants stopped.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::{AttemptKey, Offer, RunningAttempt};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Requests kept for attempts that are not here yet. A request reaches every worker, and it may
/// overtake the claim it is about; only the newest can still be ahead of theirs.
const EARLY: usize = 1024;

/// The attempts of one worker.
#[derive(Debug, Default)]
pub(crate) struct Running {
    state: Mutex<State>,
    /// Counts what came and went.
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Entry {
    stop: CancellationToken,
    queue: String,
    job: String,
    since: Instant,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<AttemptKey, Entry>,
    early: VecDeque<AttemptKey>,
}

impl Running {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing below panics while it holds the lock, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an attempt runs; the token fires when somebody wants it stopped, at once if
    /// somebody already did.
    pub(crate) fn enter(&self, offer: &Offer) -> CancellationToken {
        let stop = CancellationToken::new();
        let key = offer.key();
        let mut state = self.state();
        if state.early.contains(&key) {
            stop.cancel();
        }
        let (queue, job) = (offer.queue.clone(), offer.job.clone());
        let entry = Entry { stop: stop.clone(), queue, job, since: Instant::now() };
        state.entries.insert(key, entry);
        drop(state);
        self.changes.send_modify(|count| *count += 1);
        stop
    }

    /// Notes that an attempt has ended.
    pub(crate) fn leave(&self, key: AttemptKey) {
        self.state().entries.remove(&key);
        self.changes.send_modify(|count| *count += 1);
    }

    /// What runs now, the longest first.
    pub(crate) fn list(&self) -> Vec<RunningAttempt> {
        let state = self.state();
        let running = state.entries.iter().map(|(&key, entry)| RunningAttempt {
            key,
            queue: entry.queue.clone(),
            job: entry.job.clone(),
            for_ms: u64::try_from(entry.since.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        let mut running: Vec<_> = running.collect();
        running.sort_unstable_by_key(|attempt| (std::cmp::Reverse(attempt.for_ms), attempt.key));
        running
    }

    /// Changes whenever an attempt begins or ends.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Stops an attempt, now or as soon as it comes.
    pub(crate) fn stop(&self, key: AttemptKey) {
        let mut state = self.state();
        if let Some(entry) = state.entries.get(&key) {
            entry.stop.cancel();
            return;
        }
        if state.early.len() == EARLY {
            state.early.pop_front();
        }
        state.early.push_back(key);
    }
}

#[cfg(test)]
mod tests {
    use alt::{Mode, Priority, TaskIndex};
    use protocol::{Attempt, Epoch, RunId};

    use super::*;

    fn offer(task: u32) -> Offer {
        Offer {
            run: RunId::from_bits(1),
            task: TaskIndex(task),
            attempt: Attempt::FIRST,
            epoch: Epoch(1),
            queue: "default".to_owned(),
            priority: Priority::Medium,
            id: "t".to_owned(),
            job: "echo".to_owned(),
            parameters: None,
            timeout_ms: None,
            inputs: Vec::new(),
            dependencies: 0,
            mode: Mode::Normal,
            persona: None,
            perturbation: None,
            again: false,
            then: Vec::new(),
        }
    }

    fn key(task: u32) -> AttemptKey {
        AttemptKey { run: RunId::from_bits(1), task: TaskIndex(task), attempt: Attempt::FIRST }
    }

    #[test]
    fn a_request_stops_the_attempt_it_names_and_no_other() {
        let running = Running::default();
        let (first, second) = (running.enter(&offer(1)), running.enter(&offer(2)));
        running.stop(key(2));
        assert!(!first.is_cancelled() && second.is_cancelled());
    }

    #[test]
    fn a_request_that_overtakes_its_attempt_still_stops_it() {
        let running = Running::default();
        running.stop(key(1));
        assert!(running.enter(&offer(1)).is_cancelled());
        assert!(!running.enter(&offer(2)).is_cancelled());
    }

    #[test]
    fn requests_about_the_attempts_of_others_do_not_pile_up() {
        let running = Running::default();
        (0..5_000).for_each(|task| running.stop(key(task)));
        assert_eq!(running.state().early.len(), EARLY);
        assert!(running.enter(&offer(4_999)).is_cancelled());
    }
}
