//! What a holder of a submission or an offer has in hand: a lease, and its own clock of it.
//!
//! The server takes heartbeats and acks by the message, never by who holds it (nats-server: the
//! reply subject names a sequence, not a delivery). So a holder must know by itself when its lease
//! is over, and say nothing afterwards: a late word would be about somebody else's lease.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::Message;
use protocol::{AttemptKey, Offer, Sequence, Timestamp, subject};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::connect::{Connection, unanswered};
use super::desk::{Delivery, Seat, Taken};
use crate::lease::Lease;
use crate::{Claim, Error, Past, RunClaim, StoredSubmission};

/// The header of an offer that says which server took it.
pub(super) const SERVER: &str = "Runner-Server";

/// How many of those who began an attempt died of it: each is named by the server that gave it the
/// attempt, oldest first, and `now` is the server that hands it out once more.
///
/// A lease ends by itself only where it began. A server that was started anew since then may have
/// forgotten it, and its holder may be alive and well (tested with 2.15.1: kill -9).
fn deaths<'a>(begun: impl Iterator<Item = &'a [u8]> + Clone, now: &'a [u8]) -> u32 {
    let next = begun.clone().skip(1).chain(std::iter::once(now));
    let died = begun.zip(next).filter(|(server, next)| server == next);
    u32::try_from(died.count()).unwrap_or(u32::MAX)
}

/// A message under lease.
#[derive(Debug)]
struct Held {
    connection: Connection,
    message: Message,
    lease: Mutex<Lease>,
}

impl Held {
    fn new(connection: Connection, message: Message, lease: Lease) -> Self {
        Self { connection, message, lease: Mutex::new(lease) }
    }

    fn lease(&self) -> Lease {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self) -> String {
        self.message.reply.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// A heartbeat that the server confirms.
    async fn extend(&self) -> Result<(), Error> {
        let lease = self.lease();
        if lease.is_over() {
            return Err(Error::LeaseLost);
        }
        let sent = Instant::now();
        self.say("+WPI").await?;
        // The server takes a heartbeat from whoever once held the message. So one that may have come
        // there when the lease was over renewed somebody else's.
        if lease.is_over() {
            return Err(Error::LeaseLost);
        }
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = lease.renewed(sent);
        Ok(())
    }

    /// Says something and waits until the server has heard it.
    async fn say(&self, word: &'static str) -> Result<(), Error> {
        let reply = self.reply();
        let heard = self.connection.client.request(reply.clone(), word.into()).await;
        heard.map(drop).map_err(|error| unanswered(&reply, error))
    }

    /// Says something that may be lost: then the lease runs out, which comes to the same.
    async fn mention(&self, word: &'static str) {
        if let Err(error) = self.connection.client.publish(self.reply(), word.into()).await {
            warn!(%error, word, "not said; the lease runs out");
        }
    }
}

/// A submission under lease.
#[derive(Debug)]
pub struct NatsRunClaim {
    held: Held,
    submission: StoredSubmission,
    past: Past,
}

impl NatsRunClaim {
    pub(super) fn new(
        connection: Connection,
        message: Message,
        submission: StoredSubmission,
        past: Past,
        lease: Lease,
    ) -> Self {
        Self { held: Held::new(connection, message, lease), submission, past }
    }
}

impl RunClaim for NatsRunClaim {
    fn submission(&self) -> &StoredSubmission {
        &self.submission
    }

    fn past(&self) -> Past {
        self.past
    }

    fn lease(&self) -> Lease {
        self.held.lease()
    }

    async fn extend(&self) -> Result<(), Error> {
        self.held.extend().await
    }

    async fn ack(self) -> Result<(), Error> {
        self.held.say("+ACK").await
    }

    async fn release(self) -> Result<(), Error> {
        if !self.held.lease().is_over() {
            self.held.mention("-NAK").await;
        }
        Ok(())
    }
}

/// An offer under lease, with the seat of its queue if that is limited.
#[derive(Debug)]
pub struct NatsClaim {
    held: Held,
    offer: Offer,
    delivery: Delivery,
    /// The server that handed the offer out again; empty the first time, when nobody asks.
    server: String,
    seat: tokio::sync::Mutex<Option<Seat>>,
    seat_wait: Duration,
}

impl NatsClaim {
    pub(super) fn new(connection: Connection, taken: Taken, offer: Offer) -> Self {
        let Taken { message, delivery, lease, seat, seat_wait } = taken;
        let server = if delivery.count > 1 { connection.server() } else { String::new() };
        if let Some(seat) = &seat {
            tell(&offer, seat, "taken");
        }
        // The seat may have been in hand for a while.
        let lease = seat.as_ref().map_or(lease, |seat| lease.sooner(seat.lease()));
        let seat = tokio::sync::Mutex::new(seat);
        let held = Held::new(connection, message, lease);
        Self { held, offer, delivery, server, seat, seat_wait }
    }

    /// A server that is started again knows leases without a heartbeat by when their messages were
    /// stored (seen in 2.15.1): one that waited for long would be handed out again at once.
    pub(super) async fn outlive_a_restart(&self) {
        let Lease { length, .. } = self.held.lease();
        let waited = self.held.connection.now().since(Timestamp(self.delivery.stored_ms));
        if Duration::from_millis(waited) > length / 2 {
            self.held.mention("+WPI").await;
        }
    }

    async fn extend_seat(&self) -> Result<(), Error> {
        match self.seat.lock().await.as_mut() {
            Some(seat) => seat.renew(&self.held.connection).await,
            None => Ok(()),
        }
    }
}

/// Says what becomes of a seat.
fn tell(offer: &Offer, seat: &Seat, what: &'static str) {
    debug!(
        run.id = %offer.run, task.id = offer.task.0, task.attempt = %offer.attempt,
        job.kind = offer.job, queue = offer.queue, seat = seat.subject(), "seat {what}"
    );
}

/// However the attempt ended, and whether its verdict was stored or not.
impl Drop for NatsClaim {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.get_mut().take() {
            tell(&self.offer, &seat, "freed");
        }
    }
}

impl Claim for NatsClaim {
    fn offer(&self) -> &Offer {
        &self.offer
    }

    fn deliveries(&self) -> u32 {
        self.delivery.count
    }

    fn lease(&self) -> Lease {
        self.held.lease()
    }

    fn seat_wait(&self) -> Duration {
        self.seat_wait
    }

    async fn is_decided(&self, key: AttemptKey) -> Result<bool, Error> {
        // The end of a run forgets its verdicts.
        let verdict = subject::verdict(&key, &self.offer.queue);
        let places = [verdict, subject::end(self.offer.run)];
        Ok(!self.held.connection.last_of_each("RUN", &places).await?.is_empty())
    }

    async fn lost(&self) -> Result<u32, Error> {
        // The latest note is a lease old at least. Where it is not seen, the attempt costs one
        // worker more.
        let pattern = subject::all_begun_again(&self.offer.key(), &self.offer.queue);
        let notes = self.held.connection.all("RUN", &pattern, Sequence(1)).await?;
        let offered = self.held.message.headers.as_ref().and_then(|it| it.get(SERVER));
        let offered = offered.map_or("", async_nats::HeaderValue::as_str);
        let begun = std::iter::once(offered.as_bytes()).chain(notes.iter().map(|it| &*it.body));
        Ok(deaths(begun, self.server.as_bytes()))
    }

    async fn begin_again(&self) -> Result<(), Error> {
        // Each delivery has a number of its own, unless a server forgot it with the lease.
        for nth in self.delivery.count.. {
            let note = subject::begun_again(&self.offer.key(), &self.offer.queue, nth);
            let body = self.server.clone().into();
            if self.held.connection.add(&note, body).await? {
                break;
            }
        }
        Ok(())
    }

    async fn extend(&self) -> Result<(), Error> {
        // Both must hold: without its seat an attempt is one too many.
        let (offer, seat) = tokio::join!(self.held.extend(), self.extend_seat());
        offer.and(seat)
    }

    async fn ack(self) -> Result<(), Error> {
        // Unconfirmed: if it is lost, whoever is given the offer next finds its verdict.
        self.held.mention("+ACK").await;
        Ok(())
    }

    async fn release(self) -> Result<(), Error> {
        if !self.held.lease().is_over() {
            self.held.mention("-NAK").await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lease_that_ran_out_where_it_began_is_a_death() {
        let count = |begun: &[&str], now: &str| {
            deaths(begun.iter().map(|it| it.as_bytes()), now.as_bytes())
        };
        assert_eq!(count(&["a"], "a"), 1);
        assert_eq!(count(&["a"], "b"), 0, "the server was another in between");
        assert_eq!(count(&["a", "b", "b"], "b"), 2);
        assert_eq!(count(&["a", "a", "b"], "c"), 1);
        assert_eq!(count(&["", "", ""], ""), 3, "a cluster keeps its leases");
    }
}
