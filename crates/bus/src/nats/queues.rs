//! Queues: four consumers each, one a priority, and seats where no more than so many may run.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::{HeaderMap, Message};
use protocol::planted::{Bug, is_planted};
use protocol::{Failure, Offer, Outcome, Sequence, Verdict, codec, own_queue, subject};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tracing::info;

use super::NatsBus;
use super::claims::{NatsClaim, SERVER};
use super::definition;
use super::desk::{Desk, Limited, Source};
use super::submissions::RANKS;
use crate::Error;
use crate::timetable::Timetable;

#[derive(Debug, Deserialize)]
struct ConsumerInfo {
    config: ConsumerConfig,
}

#[derive(Debug, Deserialize)]
struct ConsumerConfig {
    ack_wait: u64,
}

impl NatsBus {
    /// The limits that people set while the fleet runs, by queue. They go before what jobs declare,
    /// whoever declares it: else a role that starts would take them back.
    pub(super) async fn set_limits(&self) -> Result<BTreeMap<String, u32>, Error> {
        let records = self.job_records().await?;
        let set = records.into_iter().filter_map(|(job, record)| {
            record.set.max_concurrent.map(|limit| (own_queue(&job), limit))
        });
        Ok(set.collect())
    }

    /// Makes sure that a queue has its consumers and, if it is limited, so many seats.
    pub(super) async fn declare_queue(&self, queue: &str, limit: Option<u32>) -> Result<(), Error> {
        if !subject::is_queue(queue) {
            return Err(Error::Refused(format!("`{queue}` cannot name a queue")));
        }
        // The seats first: a worker that finds the queue without them takes it for unlimited.
        if !is_planted(Bug::SeatsDeclaredLate) {
            self.declare_seats(queue, limit).await?;
        }
        self.ensure_queue(queue).await?;
        if is_planted(Bug::SeatsDeclaredLate) {
            self.declare_seats(queue, limit).await?;
        }
        Ok(())
    }

    /// Makes a queue's consumers again if they are gone, and neither adds a limit nor lifts one.
    pub(super) async fn mend_queue(&self, queue: &str, limit: Option<u32>) -> Result<(), Error> {
        // Whoever lifts a limit takes the seats away too; those that have lost their consumer were
        // not meant to.
        let seats = subject::seat_of_any(queue);
        if limit.is_some() && !self.connection.all("SEATS", &seats, Sequence(1)).await?.is_empty() {
            self.ensure_seats(queue).await?;
        }
        self.ensure_queue(queue).await
    }

    async fn ensure_seats(&self, queue: &str) -> Result<(), Error> {
        let asked = definition::seat_consumer(queue, self.shared.lease);
        self.ensure_consumer("SEATS", &format!("seat-{queue}"), &asked).await
    }

    async fn ensure_queue(&self, queue: &str) -> Result<(), Error> {
        for rank in 0..RANKS {
            let asked = definition::queue_consumer(queue, rank, self.shared.lease);
            self.ensure_consumer("TASKS", &format!("{queue}-p{rank}"), &asked).await?;
        }
        Ok(())
    }

    async fn declare_seats(&self, queue: &str, limit: Option<u32>) -> Result<(), Error> {
        if let Some(limit) = limit {
            self.ensure_seats(queue).await?;
            return self.place_seats(queue, limit).await;
        }
        let at = format!("CONSUMER.INFO.SEATS.seat-{queue}");
        if self.connection.api::<Value>(&at, &json!({})).await?.is_ok() {
            let at = format!("CONSUMER.DELETE.SEATS.seat-{queue}");
            let gone = self.connection.api::<Value>(&at, &json!({})).await?;
            gone.map_err(|fault| fault.into_error(&at))?;
            self.place_seats(queue, 0).await?;
            info!(queue, "no longer limited");
        }
        Ok(())
    }

    /// Creates a consumer unless it is there. One that is there stays as it is: its lease is the
    /// fleet's, whatever this process was told.
    pub(super) async fn ensure_consumer(
        &self,
        stream: &str,
        name: &str,
        asked: &Value,
    ) -> Result<(), Error> {
        let at = format!("CONSUMER.INFO.{stream}.{name}");
        match self.connection.api::<Value>(&at, &json!({})).await? {
            Ok(_) => return Ok(()),
            Err(fault) if fault.is_missing() => {}
            Err(fault) => return Err(fault.into_error(&at)),
        }
        let at = format!("CONSUMER.CREATE.{stream}.{name}");
        match self.connection.api::<Value>(&at, asked).await? {
            Ok(_) => Ok(()),
            // Another made it in the same moment, with another lease.
            Err(fault) if fault.err_code == 10148 => Ok(()),
            Err(fault) => Err(fault.into_error(&at)),
        }
    }

    /// Adds the seats that are missing and takes away those too many: whoever sits there finishes.
    async fn place_seats(&self, queue: &str, limit: u32) -> Result<(), Error> {
        let there = self.connection.all("SEATS", &subject::seat_of_any(queue), Sequence(1)).await?;
        let numbered = there.iter().filter_map(|seat| {
            let number: u32 = seat.subject.rsplit('.').next()?.parse().ok()?;
            Some((number, seat.sequence))
        });
        let there: BTreeMap<u32, Sequence> = numbered.collect();
        for number in 0..limit {
            if !there.contains_key(&number) {
                let to = subject::seat(queue, number);
                // A server that was there before the seat has handed it out to nobody else.
                let mut headers = HeaderMap::new();
                headers.insert(SERVER, self.connection.server());
                self.connection.create(&to, headers, "".into()).await?;
            }
        }
        for (_, sequence) in there.iter().filter(|(number, _)| **number >= limit) {
            self.connection.delete("SEATS", *sequence).await?;
        }
        Ok(())
    }

    /// How long a lease of a consumer lasts.
    pub(super) async fn consumer_lease(&self, stream: &str, name: &str) -> Result<Duration, Error> {
        let at = format!("CONSUMER.INFO.{stream}.{name}");
        match self.connection.api::<ConsumerInfo>(&at, &json!({})).await? {
            Ok(info) => Ok(Duration::from_nanos(info.config.ack_wait)),
            Err(fault) => Err(fault.into_error(&at)),
        }
    }

    pub(super) async fn take_offer(&self, queues: &[String]) -> Result<NatsClaim, Error> {
        let desk = self.counter(queues).await?;
        loop {
            let taken = desk.take().await?;
            match read_offer(&taken.message) {
                Ok(offer) => {
                    let claim = NatsClaim::new(self.connection.clone(), taken, offer);
                    claim.outlive_a_restart().await;
                    return Ok(claim);
                }
                Err(error) => self.refuse_offer(&taken.message, &error.to_string()).await?,
            }
        }
    }

    async fn counter(&self, queues: &[String]) -> Result<Desk, Error> {
        let mut counters: tokio::sync::MutexGuard<'_, Vec<(Vec<String>, Desk)>> =
            Mutex::lock(&self.shared.counters).await;
        if let Some((_, counter)) = counters.iter().find(|(served, _)| served == queues) {
            return Ok(counter.clone());
        }
        let (mut leases, mut limited, mut seats) = (Vec::new(), Vec::new(), Vec::new());
        for queue in queues {
            let lease = self.consumer_lease("TASKS", &format!("{queue}-p0")).await?;
            leases.push(lease);
            let consumer = format!("seat-{queue}");
            let at = format!("CONSUMER.INFO.SEATS.{consumer}");
            seats.push(match self.connection.api::<ConsumerInfo>(&at, &json!({})).await? {
                Ok(info) => {
                    let lease = Duration::from_nanos(info.config.ack_wait);
                    limited.push(Limited { consumer, lease });
                    Some(limited.len() - 1)
                }
                Err(fault) if fault.is_missing() => None,
                Err(fault) => return Err(fault.into_error(&at)),
            });
        }
        // The highest priority of every queue before the next priority of any.
        let ranked =
            (0..RANKS).flat_map(|rank| {
                queues.iter().zip(&leases).zip(&seats).map(move |((queue, &lease), &seats)| {
                    Source { stream: "TASKS", consumer: format!("{queue}-p{rank}"), lease, seats }
                })
            });
        let desk = Desk::open(self.connection.clone(), ranked.collect(), limited).await?;
        counters.push((queues.to_vec(), desk.clone()));
        Ok(desk)
    }

    /// Ends an attempt whose offer cannot be read, as far as its subject says which it was.
    async fn refuse_offer(&self, message: &Message, reason: &str) -> Result<(), Error> {
        if let Some((queue, key)) = subject::offered(&message.subject) {
            let failure = Failure { message: reason.to_owned(), retryable: false };
            let verdict = Verdict::sealed(key, Outcome::Failed, failure);
            self.store_verdict(&queue, &verdict).await?;
        }
        self.set_aside("TASKS", message, reason).await
    }
}

fn read_offer(message: &Message) -> Result<Offer, codec::Error> {
    let offer: Offer = codec::decode(&message.payload)?;
    let place = subject::offer(&offer.queue, offer.priority, &offer.key());
    if place == message.subject.as_str() {
        Ok(offer)
    } else {
        Err(codec::Error::Elsewhere(message.subject.to_string()))
    }
}
