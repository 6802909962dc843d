//! The workers that were heard of lately: soft state, for answers to people only.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bus::{Beats, Bus};
use protocol::{AttemptKey, Heartbeat, RunningAttempt, WorkerId};
use tokio::time::Instant;
use tracing::warn;

/// How long a worker counts as alive without a word: a few heartbeats may be lost.
const LATELY: Duration = Duration::from_secs(10);

/// Workers remembered at most; whoever beats oftener than that many is no fleet of ours.
const WORKERS: usize = 10_000;

/// How long to wait before listening again to a road that failed.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Seen {
    at: Instant,
    beat: Heartbeat,
}

/// Who is there and what they do.
#[derive(Debug, Default)]
pub(crate) struct Roster(Mutex<HashMap<WorkerId, Seen>>);

impl Roster {
    fn seen(&self) -> MutexGuard<'_, HashMap<WorkerId, Seen>> {
        // Nothing below panics while it holds the lock, so the map is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, beat: Heartbeat) {
        let mut seen = self.seen();
        if seen.len() >= WORKERS {
            seen.retain(|_, worker| worker.at.elapsed() < LATELY);
        }
        if seen.len() < WORKERS {
            seen.insert(beat.worker.clone(), Seen { at: Instant::now(), beat });
        }
    }

    /// The workers that take offers from `queue`, sorted by name.
    pub(crate) fn of_queue(&self, queue: &str) -> Vec<Heartbeat> {
        let seen = self.seen();
        let serving = seen.values().filter(|worker| {
            worker.at.elapsed() < LATELY && worker.beat.queues.iter().any(|name| name == queue)
        });
        let mut serving: Vec<_> = serving.map(|worker| worker.beat.clone()).collect();
        serving.sort_unstable_by(|a, b| a.worker.cmp(&b.worker));
        serving
    }

    /// Who runs an attempt.
    pub(crate) fn who_runs(&self, key: AttemptKey) -> Option<(WorkerId, RunningAttempt)> {
        let seen = self.seen();
        let lately = seen.values().filter(|worker| worker.at.elapsed() < LATELY);
        lately.into_iter().find_map(|worker| {
            let running = worker.beat.running.iter().find(|running| running.key == key)?;
            Some((worker.beat.worker.clone(), running.clone()))
        })
    }

    /// Listens for ever.
    pub(crate) async fn listen<B: Bus>(&self, bus: &B) {
        loop {
            match bus.beats().await {
                Ok(mut beats) => {
                    while let Ok(beat) = beats.next().await {
                        self.note(beat);
                    }
                }
                Err(bus::Error::Closed) => return,
                Err(error) => warn!(%error, "workers are not heard; trying again"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}
