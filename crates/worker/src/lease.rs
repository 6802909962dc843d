//! The right to an attempt, kept by heartbeats for as long as work on it goes on.

use bus::Claim;
use tokio::time::{Instant, interval_at, sleep_until};

/// Does `work` under the lease of `claim`; `None` when the lease ran out first.
///
/// The deadline moves only with a *confirmed* heartbeat, counted from when it was sent, and a tenth
/// of the lease is kept back: work is dropped before anybody else can be given the same.
pub(crate) async fn keep<C: Claim, T>(claim: &C, work: impl Future<Output = T>) -> Option<T> {
    let lease = claim.lease();
    let safe = lease - lease / 10;
    let mut end = Instant::now() + safe;
    // The claim was the first word. (An `interval` would tick at once, which takes a millisecond.)
    let mut heartbeat = interval_at(Instant::now() + lease / 3, lease / 3);
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            () = sleep_until(end) => return None,
            _ = heartbeat.tick() => {
                let sent = Instant::now();
                tokio::select! {
                    extended = claim.extend() => if extended.is_ok() {
                        end = sent + safe;
                    },
                    // A heartbeat that hangs must not hold the work, or its end, up.
                    done = &mut work => return Some(done),
                    () = sleep_until(end) => return None,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use alt::{Mode, Priority, TaskIndex};
    use bus::Error;
    use protocol::{Attempt, Epoch, Offer, RunId};
    use tokio::time::sleep;

    use super::*;

    /// A claim whose road answers, refuses or hangs.
    struct Fake {
        offer: Offer,
        road: Road,
    }

    #[derive(Clone, Copy)]
    enum Road {
        Answers,
        Refuses,
        Hangs,
    }

    impl Claim for Fake {
        fn offer(&self) -> &Offer {
            &self.offer
        }

        fn deliveries(&self) -> u32 {
            1
        }

        fn lease(&self) -> Duration {
            Duration::from_secs(10)
        }

        async fn extend(&self) -> Result<(), Error> {
            match self.road {
                Road::Answers => Ok(()),
                Road::Refuses => Err(Error::Unknown("no answer".to_owned())),
                Road::Hangs => std::future::pending().await,
            }
        }

        async fn ack(self) -> Result<(), Error> {
            Ok(())
        }

        async fn release(self) -> Result<(), Error> {
            Ok(())
        }
    }

    fn claim(road: Road) -> Fake {
        let offer = Offer {
            run: RunId::from_bits(1),
            task: TaskIndex(0),
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
        };
        Fake { offer, road }
    }

    /// Raises its flag when it is dropped.
    struct Flag(Arc<AtomicBool>);

    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn heartbeats_keep_long_work_going() {
        let work = async {
            sleep(Duration::from_secs(600)).await;
            7
        };
        assert_eq!(keep(&claim(Road::Answers), work).await, Some(7));
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
            assert_eq!(keep(&claim(road), work).await, None);
            assert!(dropped.load(Ordering::SeqCst));
            assert_eq!(begun.elapsed().as_secs(), 9, "of a lease of ten");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_ends_while_a_heartbeat_hangs_has_ended() {
        let work = sleep(Duration::from_secs(5));
        assert_eq!(keep(&claim(Road::Hangs), work).await, Some(()));
    }
}
