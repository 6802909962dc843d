//! The workers that were heard of lately: soft state, for answers to people only.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bus::{Beats, Bus};
use protocol::{AttemptKey, Heartbeat, RunId, RunningAttempt, WorkerId};
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

    /// Who runs an attempt: of several who said so, the one heard of last, for the others are gone
    /// and the attempt was handed out again.
    pub(crate) fn who_runs(&self, key: AttemptKey) -> Option<(WorkerId, RunningAttempt)> {
        let seen = self.seen();
        let lately = seen.values().filter(|worker| worker.at.elapsed() < LATELY);
        let saying = lately.filter_map(|worker| {
            let running = worker.beat.running.iter().find(|running| running.key == key)?;
            Some((worker, running))
        });
        let (worker, running) = saying.max_by_key(|(worker, _)| worker.at)?;
        Some((worker.beat.worker.clone(), running.clone()))
    }

    /// The attempts of a run that somebody runs.
    pub(crate) fn of_run(&self, run: RunId) -> BTreeSet<AttemptKey> {
        let seen = self.seen();
        let lately = seen.values().filter(|worker| worker.at.elapsed() < LATELY);
        let running = lately.flat_map(|worker| &worker.beat.running);
        running.map(|running| running.key).filter(|key| key.run == run).collect()
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

#[cfg(test)]
mod tests {
    use alt::TaskIndex;
    use protocol::Attempt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_two_who_run_an_attempt_the_one_heard_of_last_is_named() {
        let key =
            AttemptKey { run: RunId::from_bits(7), task: TaskIndex(0), attempt: Attempt::FIRST };
        let running =
            RunningAttempt { key, job: "sleep".to_owned(), queue: "default".to_owned(), for_ms: 1 };
        // More than two, so that no order of the map hides a wrong choice.
        for last in 0..8 {
            let roster = Roster::default();
            for name in (0..8).filter(|&name| name != last).chain([last]) {
                roster.note(Heartbeat {
                    worker: format!("worker-{name}").parse().unwrap(),
                    slots: 1,
                    queues: vec!["default".to_owned()],
                    running: vec![running.clone()],
                    draining: false,
                });
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            let (worker, _) = roster.who_runs(key).unwrap();
            assert_eq!(worker.to_string(), format!("worker-{last}"));
        }
    }
}
