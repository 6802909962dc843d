//! A right kept by heartbeats for as long as work goes on under it.

use std::time::Duration;

use protocol::planted::{Bug, is_planted};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use crate::Error;

/// The right to hold something for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// How long it lasts from when it began or was renewed.
    pub length: Duration,
    /// When that was, or earlier: nobody may hold what may be another's.
    pub since: Instant,
}

impl Lease {
    /// A lease that begins now.
    #[must_use]
    pub fn new(length: Duration) -> Self {
        Self { length, since: Instant::now() }
    }

    /// The same, renewed at `since`.
    #[must_use]
    pub const fn renewed(self, since: Instant) -> Self {
        Self { since, ..self }
    }

    /// The one of both that is over first.
    #[must_use]
    pub fn sooner(self, other: Self) -> Self {
        if other.end() < self.end() { other } else { self }
    }

    /// When whoever holds it lets go: a tenth before another may have it.
    #[must_use]
    pub fn end(&self) -> Instant {
        let length = self.length * if is_planted(Bug::LeaseNeverEnds) { 100 } else { 1 };
        self.since + (length - length / 10)
    }

    /// Whether another may have it, now or any moment.
    #[must_use]
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.end()
    }
}

/// Does `work` under a lease that `extend` renews; `None` when the lease ran out first.
///
/// The deadline moves only with a *confirmed* heartbeat, counted from when it was sent, and a tenth
/// of the lease is kept back: work is dropped before anybody else can be given the same.
pub async fn keep<T, F>(
    lease: Lease,
    extend: impl Fn() -> F,
    work: impl Future<Output = T>,
) -> Option<T>
where
    F: Future<Output = Result<(), Error>>,
{
    let mut end = lease.end();
    // The claim was the first word. (An `interval` would tick at once, which takes a millisecond.)
    let mut heartbeat = interval_at(lease.since + lease.length / 3, lease.length / 3);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            // Before the work: whoever was frozen past its lease must not go on by one more step.
            () = sleep_until(end) => return None,
            done = &mut work => return Some(done),
            _ = heartbeat.tick() => {
                let sent = Instant::now();
                tokio::select! {
                    biased;
                    () = sleep_until(end) => return None,
                    // A heartbeat that hangs must not hold the work, or its end, up.
                    done = &mut work => return Some(done),
                    extended = extend() => match extended {
                        Ok(()) => end = lease.renewed(sent).end(),
                        Err(Error::LeaseLost) => return None,
                        // The next heartbeat may come through before the end.
                        Err(_) => {}
                    },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::time::sleep;

    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    #[derive(Clone, Copy)]
    enum Road {
        Answers,
        Refuses,
        Hangs,
    }

    async fn extend(road: Road) -> Result<(), Error> {
        match road {
            Road::Answers => Ok(()),
            Road::Refuses => Err(Error::Unknown("no answer".to_owned())),
            Road::Hangs => std::future::pending().await,
        }
    }

    /// Raises its flag when it is dropped.
    struct Flag(Arc<AtomicBool>);

    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_leases_the_one_that_ends_first_counts() {
        let early = Lease::new(LEASE);
        sleep(Duration::from_secs(4)).await;
        let late = Lease::new(LEASE);
        let short = Lease::new(LEASE / 5);
        assert_eq!((late.sooner(early), early.sooner(late)), (early, early));
        assert_eq!((early.sooner(short), short.sooner(early)), (short, short));
    }

    #[tokio::test(start_paused = true)]
    async fn heartbeats_keep_long_work_going() {
        let work = async {
            sleep(Duration::from_secs(600)).await;
            7
        };
        assert_eq!(keep(Lease::new(LEASE), || extend(Road::Answers), work).await, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_dropped_before_the_lease_is_over() {
        for road in [Road::Refuses, Road::Hangs] {
            let dropped = Arc::new(AtomicBool::new(false));
            let flag = Flag(Arc::clone(&dropped));
            let work = async move {
                let _flag = flag;
                std::future::pending::<()>().await;
            };
            let begun = Instant::now();
            assert_eq!(keep(Lease::new(LEASE), || extend(road), work).await, None);
            assert!(dropped.load(Ordering::SeqCst));
            assert_eq!(begun.elapsed().as_secs(), 9, "of a lease of ten");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_old_when_it_comes_ends_all_the_sooner() {
        let lease = Lease::new(LEASE);
        sleep(Duration::from_secs(6)).await;
        let begun = Instant::now();
        let work = std::future::pending::<()>();
        assert_eq!(keep(lease, || extend(Road::Refuses), work).await, None);
        assert_eq!(begun.elapsed().as_secs(), 3, "of a lease of ten that is six old");
        assert!(lease.is_over());
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_ends_while_a_heartbeat_hangs_has_ended() {
        let work = sleep(Duration::from_secs(5));
        assert_eq!(keep(Lease::new(LEASE), || extend(Road::Hangs), work).await, Some(()));
    }
}
