//! Which attempts a worker runs now, and which of them somebody wants stopped.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::AttemptKey;
use tokio_util::sync::CancellationToken;

/// Requests kept for attempts that are not here yet. A request reaches every worker, and it may
/// overtake the claim it is about; only the newest can still be ahead of theirs.
const EARLY: usize = 1024;

/// The attempts of one worker.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    tokens: HashMap<AttemptKey, CancellationToken>,
    early: VecDeque<AttemptKey>,
}

impl Running {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing below panics while it holds the lock, so a poisoned state is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an attempt runs; the token fires when somebody wants it stopped, at once if
    /// somebody already did.
    pub(crate) fn enter(&self, key: AttemptKey) -> CancellationToken {
        let token = CancellationToken::new();
        let mut state = self.state();
        if state.early.contains(&key) {
            token.cancel();
        }
        state.tokens.insert(key, token.clone());
        token
    }

    /// Notes that an attempt has ended.
    pub(crate) fn leave(&self, key: AttemptKey) {
        self.state().tokens.remove(&key);
    }

    /// Stops an attempt, now or as soon as it comes.
    pub(crate) fn stop(&self, key: AttemptKey) {
        let mut state = self.state();
        if let Some(token) = state.tokens.get(&key) {
            token.cancel();
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
    use alt::TaskIndex;
    use protocol::{Attempt, RunId};

    use super::*;

    fn key(task: u32) -> AttemptKey {
        AttemptKey { run: RunId::from_bits(1), task: TaskIndex(task), attempt: Attempt::FIRST }
    }

    #[test]
    fn a_request_stops_the_attempt_it_names_and_no_other() {
        let running = Running::default();
        let (first, second) = (running.enter(key(1)), running.enter(key(2)));
        running.stop(key(2));
        assert!(!first.is_cancelled() && second.is_cancelled());
    }

    #[test]
    fn a_request_that_overtakes_its_attempt_still_stops_it() {
        let running = Running::default();
        running.stop(key(1));
        assert!(running.enter(key(1)).is_cancelled());
        assert!(!running.enter(key(2)).is_cancelled());
    }

    #[test]
    fn requests_about_the_attempts_of_others_do_not_pile_up() {
        let running = Running::default();
        (0..5_000).for_each(|task| running.stop(key(task)));
        assert_eq!(running.state().early.len(), EARLY);
        assert!(running.enter(key(4_999)).is_cancelled());
    }
}
