//! What a holder of a local submission or offer has in hand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::{AttemptKey, Offer, Stored, codec};
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::Shared;
use super::queues::Token;
use crate::lease::Lease;
use crate::{Claim, Error, Past, RunClaim, Stops, StoredSubmission};

/// A submission. Held for as long as it is not dropped: in one process nothing else can end it.
#[derive(Debug)]
pub struct LocalRunClaim {
    shared: Arc<Shared>,
    submission: StoredSubmission,
    acked: bool,
}

/// The next submission that is free, or when the next one will be.
pub(super) fn take_run(
    shared: &Arc<Shared>,
) -> Result<Result<LocalRunClaim, Option<Instant>>, Error> {
    let mut state = shared.state();
    let now = Instant::now();
    let Some(place) = state.unclaimed.iter().position(|(free_at, _)| *free_at <= now) else {
        return Ok(Err(state.unclaimed.iter().map(|(free_at, _)| *free_at).min()));
    };
    let Some((_, run)) = state.unclaimed.remove(place) else {
        return Ok(Err(None));
    };
    let running = state.runs.get(&run).ok_or(Error::UnknownRun(run))?;
    let body = codec::decode(&running.submission)?;
    let submission = Stored { sequence: running.sequence, at: running.at, body };
    Ok(Ok(LocalRunClaim { shared: Arc::clone(shared), submission, acked: false }))
}

impl RunClaim for LocalRunClaim {
    fn submission(&self) -> &StoredSubmission {
        &self.submission
    }

    fn past(&self) -> Past {
        Past::Unknown
    }

    fn lease(&self) -> Lease {
        Lease::new(self.shared.state().queues.lease())
    }

    async fn extend(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn ack(mut self) -> Result<(), Error> {
        self.acked = true;
        Ok(())
    }

    async fn release(mut self) -> Result<(), Error> {
        self.acked = true;
        self.shared.state().unclaimed.push_back((Instant::now(), self.submission.body.run));
        self.shared.changed();
        Ok(())
    }
}

impl Drop for LocalRunClaim {
    /// Whoever held it failed or panicked: another may have it once a lease would be over.
    fn drop(&mut self) {
        if !self.acked {
            let mut state = self.shared.state();
            let free_at = Instant::now() + state.queues.lease();
            state.unclaimed.push_back((free_at, self.submission.body.run));
            drop(state);
            self.shared.changed();
        }
    }
}

/// An offer under lease.
#[derive(Debug)]
pub struct LocalClaim {
    shared: Arc<Shared>,
    offer: Offer,
    deliveries: u32,
    token: Token,
    seat_wait: Duration,
    lease: Mutex<Lease>,
}

/// A slot that waits for an offer of some queues, until it is dropped.
pub(super) struct Wanting<'a> {
    shared: &'a Arc<Shared>,
    queues: &'a [String],
}

impl<'a> Wanting<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, queues: &'a [String]) -> Self {
        shared.state().queues.want(queues, Instant::now());
        Self { shared, queues }
    }
}

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        self.shared.state().queues.want_no_more(self.queues, Instant::now());
    }
}

pub(super) fn take(shared: &Arc<Shared>, queues: &[String]) -> Result<Option<LocalClaim>, Error> {
    let (handed, lease) = {
        let mut state = shared.state();
        let handed = state.queues.take(queues, Instant::now());
        (handed, state.queues.lease())
    };
    let Some(handed) = handed else {
        return Ok(None);
    };
    let offer = codec::decode(&handed.bytes)?;
    Ok(Some(LocalClaim {
        shared: Arc::clone(shared),
        offer,
        deliveries: handed.deliveries,
        token: handed.token,
        seat_wait: handed.seat_wait,
        lease: Mutex::new(Lease::new(lease)),
    }))
}

impl Claim for LocalClaim {
    fn offer(&self) -> &Offer {
        &self.offer
    }

    fn deliveries(&self) -> u32 {
        self.deliveries
    }

    fn lease(&self) -> Lease {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seat_wait(&self) -> Duration {
        self.seat_wait
    }

    async fn is_decided(&self, key: AttemptKey) -> Result<bool, Error> {
        // A run that has ended has no log.
        let Ok(log) = self.shared.log(self.offer.run) else {
            return Ok(true);
        };
        Ok(log.stored_verdict(key)?.is_some())
    }

    async fn lost(&self) -> Result<u32, Error> {
        Ok(self.shared.state().queues.lost(self.offer.key()))
    }

    async fn begin_again(&self) -> Result<(), Error> {
        self.shared.state().queues.begin(self.offer.key(), self.token);
        Ok(())
    }

    async fn extend(&self) -> Result<(), Error> {
        let held = self.shared.state().queues.extend(self.offer.key(), self.token, Instant::now());
        if !held {
            return Err(Error::LeaseLost);
        }
        let renewed = self.lease().renewed(Instant::now());
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }

    async fn ack(self) -> Result<(), Error> {
        // As on JetStream, an ack is not fenced: it is given only once a verdict is stored, and
        // then nobody needs the offer any more.
        self.shared.state().queues.remove(self.offer.key());
        self.shared.changed();
        Ok(())
    }

    async fn release(self) -> Result<(), Error> {
        self.shared.state().queues.release(self.offer.key(), self.token);
        self.shared.changed();
        Ok(())
    }
}

/// Requests to stop attempts.
#[derive(Debug)]
pub struct LocalStops {
    requests: broadcast::Receiver<AttemptKey>,
}

impl LocalStops {
    pub(super) const fn new(requests: broadcast::Receiver<AttemptKey>) -> Self {
        Self { requests }
    }
}

impl Stops for LocalStops {
    async fn next(&mut self) -> Result<AttemptKey, Error> {
        loop {
            match self.requests.recv().await {
                Ok(key) => return Ok(key),
                // What was missed is sealed by its coordinator after the grace.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return Err(Error::Closed),
            }
        }
    }
}
