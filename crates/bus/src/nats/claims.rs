//! What a holder of a submission or an offer has in hand: a lease, and its own clock of it.
//!
//! The server takes heartbeats and acks by the message, never by who holds it (nats-server: the
//! reply subject names a sequence, not a delivery). So a holder must know by itself when its lease
//! is over, and say nothing afterwards: a late word would be about somebody else's lease.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::{HeaderMap, Message};
use protocol::{Offer, Sequence, subject};
use tokio::time::Instant;
use tracing::warn;

use super::connect::Connection;
use super::desk::{Delivery, Seat};
use crate::{Claim, Error, RunClaim, StoredSubmission};

/// A message under lease.
#[derive(Debug)]
struct Held {
    connection: Connection,
    message: Message,
    lease: Duration,
    /// When the lease was last known to be renewed.
    since: Mutex<Instant>,
}

impl Held {
    fn new(connection: Connection, message: Message, lease: Duration) -> Self {
        Self { connection, message, lease, since: Mutex::new(Instant::now()) }
    }

    fn reply(&self) -> String {
        self.message.reply.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    fn is_over(&self) -> bool {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= self.lease
    }

    /// A heartbeat that the server confirms.
    async fn extend(&self) -> Result<(), Error> {
        if self.is_over() {
            return Err(Error::LeaseLost);
        }
        let sent = Instant::now();
        self.say("+WPI").await?;
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = sent;
        Ok(())
    }

    /// Says something and waits until the server has heard it.
    async fn say(&self, word: &'static str) -> Result<(), Error> {
        let reply = self.reply();
        let heard = self.connection.client.request(reply.clone(), word.into()).await;
        heard.map(drop).map_err(|error| self.connection.unanswered(&reply, error))
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
}

impl NatsRunClaim {
    pub(super) fn new(
        connection: Connection,
        message: Message,
        submission: StoredSubmission,
        lease: Duration,
    ) -> Self {
        Self { held: Held::new(connection, message, lease), submission }
    }
}

impl RunClaim for NatsRunClaim {
    fn submission(&self) -> &StoredSubmission {
        &self.submission
    }

    fn lease(&self) -> Duration {
        self.held.lease
    }

    async fn extend(&self) -> Result<(), Error> {
        self.held.extend().await
    }

    async fn ack(self) -> Result<(), Error> {
        self.held.say("+ACK").await
    }

    async fn release(self) -> Result<(), Error> {
        if !self.held.is_over() {
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
    deliveries: u32,
    seat: tokio::sync::Mutex<Option<Seat>>,
}

impl NatsClaim {
    pub(super) fn new(
        connection: Connection,
        message: Message,
        offer: Offer,
        seat: Option<Seat>,
        lease: Duration,
    ) -> Self {
        let reply = message.reply.as_ref().map(|reply| reply.as_str()).unwrap_or_default();
        let deliveries = Delivery::parse(reply).map_or(1, |delivery| delivery.count);
        let seat = tokio::sync::Mutex::new(seat);
        Self { held: Held::new(connection, message, lease), offer, deliveries, seat }
    }

    async fn extend_seat(&self) -> Result<(), Error> {
        match self.seat.lock().await.as_mut() {
            Some(seat) => seat.renew(&self.held.connection).await,
            None => Ok(()),
        }
    }
}

impl Claim for NatsClaim {
    fn offer(&self) -> &Offer {
        &self.offer
    }

    fn deliveries(&self) -> u32 {
        self.deliveries
    }

    fn lease(&self) -> Duration {
        self.held.lease
    }

    async fn begin_again(&self) -> Result<u32, Error> {
        let (key, queue) = (self.offer.key(), &self.offer.queue);
        let pattern = subject::all_begun_again(&key, queue);
        let begun = self.held.connection.all("RUN", &pattern, Sequence(1)).await?;
        let mut nth = u32::try_from(begun.len()).unwrap_or(u32::MAX);
        // Two may begin at once when a server forgot a lease: each has a number of its own.
        loop {
            let note = subject::begun_again(&key, queue, nth);
            let headers = HeaderMap::new();
            if self.held.connection.create(&note, headers, "".into()).await? {
                // The first delivery left no note.
                return Ok(nth + 1);
            }
            nth += 1;
        }
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
        if !self.held.is_over() {
            self.held.mention("-NAK").await;
        }
        Ok(())
    }
}
