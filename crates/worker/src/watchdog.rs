//! Ends a process whose runtime stands still: it cannot keep its leases, and its tasks run elsewhere.
//!
//! It looks on from a thread of its own, as nothing that the runtime does can be relied on then.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::error;

/// Looks in a lease.
const LOOKS_A_LEASE: u32 = 4;

/// Looks in a row that see nothing move before the process ends: two leases.
const PATIENCE: u32 = 2 * LOOKS_A_LEASE;

/// How long the last word may take: who reads it may be what everything waits for.
const LAST_WORD: Duration = Duration::from_millis(200);

/// What the looks have seen.
///
/// Looks are counted, not time: a process that was frozen as a whole looks once when it goes on.
#[derive(Debug, Default)]
struct Watch {
    turns: u64,
    still: u32,
}

impl Watch {
    /// Takes a look at how often the runtime has turned; whether it has stood still for too long.
    const fn looks(&mut self, turns: u64) -> bool {
        if turns == self.turns {
            self.still += 1;
        } else {
            (self.turns, self.still) = (turns, 0);
        }
        self.still >= PATIENCE
    }
}

/// Works, and has the process end (abort) when its runtime stands still for two leases.
///
/// It stands still when all of its threads are held: jobs that wait without saying so, or a log that
/// nobody reads. What the tasks of such a worker do counts no longer, for others have begun them.
///
/// # Errors
/// When there is no thread to look on from.
pub async fn watched<T>(lease: Duration, working: impl Future<Output = T>) -> std::io::Result<T> {
    let turns = Arc::new(AtomicU64::new(0));
    let pause = lease / LOOKS_A_LEASE;
    let _looking = look_on(pause, Arc::clone(&turns))?;
    // As often again as it is looked at, so that every look sees it move.
    let mut pulse = interval(pause / 2);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(working);
    loop {
        tokio::select! {
            biased;
            _ = pulse.tick() => {
                turns.fetch_add(1, Ordering::Relaxed);
            }
            done = &mut working => return Ok(done),
        }
    }
}

/// Looks every `pause` until what is given back is dropped.
fn look_on(pause: Duration, turns: Arc<AtomicU64>) -> std::io::Result<SyncSender<()>> {
    let (watched, gone) = sync_channel(0);
    thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        let mut watch = Watch::default();
        while gone.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            if watch.looks(turns.load(Ordering::Relaxed)) {
                end();
            }
        }
    })?;
    Ok(watched)
}

fn end() -> ! {
    let (said, heard) = sync_channel(1);
    let saying = thread::Builder::new().spawn(move || {
        error!("nothing has moved here for two leases: this process ends");
        // Nobody listens when it took too long.
        let _ = said.send(());
    });
    if saying.is_ok() {
        let _ = heard.recv_timeout(LAST_WORD);
    }
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn it_ends_what_stands_still_for_two_leases_and_nothing_else() {
        let mut watch = Watch::default();
        assert!((1..1000).all(|turns| !watch.looks(turns)));
        // Frozen and thawed again and again, it stands still for one look each time.
        assert!((0..1000).all(|look| !watch.looks(1000 + look / 2)));
        let still: Vec<bool> = (0..9).map(|_| watch.looks(7)).collect();
        assert_eq!(still, [false, false, false, false, false, false, false, false, true]);
    }

    const LEASE: Duration = Duration::from_millis(400);

    #[tokio::test]
    async fn what_works_is_let_work() {
        let worked = watched(LEASE, async {
            tokio::time::sleep(LEASE * 5).await;
            7
        });
        assert_eq!(worked.await.unwrap(), 7);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    #[ignore = "it ends its process, and is run by the next one"]
    async fn whoever_holds_every_thread() {
        let holding = tokio::spawn(async { thread::park_timeout(LEASE * 50) });
        let _ = watched(LEASE, holding).await;
    }

    #[test]
    fn a_process_whose_threads_are_all_held_ends() {
        let own = std::env::current_exe().unwrap();
        let name = "watchdog::tests::whoever_holds_every_thread";
        let ended = Command::new(own).args(["--exact", name, "--ignored"]).output().unwrap();
        assert_eq!(ended.status.signal(), Some(6), "{ended:?}");
    }
}
