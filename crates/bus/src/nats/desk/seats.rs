//! Seats in hand: the right to run one attempt of a limited queue, itself a message under lease.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::Message;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Delivery, Limited, give_back};
use crate::Error;
use crate::lease::Lease;
use crate::nats::connect::{Connection, unanswered};
use crate::nats::direct::Found;
use crate::starved::Starved;

/// The right to run one attempt of a limited queue. Dropped, it goes back to its desk.
#[derive(Debug)]
pub(crate) struct Seat {
    /// The message, until the seat is given up.
    message: Option<Message>,
    limited: usize,
    lease: Lease,
    /// Whether there are fewer seats now, and this is none of them.
    gone: bool,
    home: mpsc::UnboundedSender<Self>,
}

impl Seat {
    /// Renews its lease, unless it was taken away meanwhile: then who sits there finishes, and
    /// nobody sits there again.
    pub(crate) async fn renew(&mut self, connection: &Connection) -> Result<(), Error> {
        let Some(message) = &self.message else {
            return Ok(());
        };
        let reply = message.reply.as_ref().map(ToString::to_string).unwrap_or_default();
        let own = Delivery::parse(&reply).map(|delivery| delivery.sequence);
        if !is_there(connection, &message.subject, own).await? {
            self.gone = true;
            return Ok(());
        }
        // Said by one whose lease is over, it would renew somebody else's: the server does not ask
        // who says it. Nor is it known, when the answer is late, whose it renewed.
        if self.lease.is_over() {
            return Err(Error::LeaseLost);
        }
        let sent = Instant::now();
        let heard = connection.client.request(reply.clone(), "+WPI".into()).await;
        heard.map_err(|error| unanswered(&reply, error))?;
        if self.lease.is_over() {
            return Err(Error::LeaseLost);
        }
        self.lease = self.lease.renewed(sent);
        Ok(())
    }

    /// Gives it up without a word: its lease is over, or may be.
    fn abandon(mut self) {
        self.message = None;
    }

    fn is_due(&self) -> bool {
        self.lease.since.elapsed() >= self.lease.length / 4
    }

    fn is_fresh(&self) -> bool {
        !self.gone && !self.lease.is_over()
    }
}

/// Whether the seat at `subject` is the one that was handed out with the sequence `own`. Who hears
/// that it is not stays seated beside the next one to sit there, so it is certain.
async fn is_there(connection: &Connection, subject: &str, own: Option<u64>) -> Result<bool, Error> {
    let is_own = |found: Option<Found>| found.map(|found| found.sequence.0) == own;
    if is_own(connection.last("SEATS", subject).await?) {
        return Ok(true);
    }
    let asked = json!({ "last_by_subj": subject });
    Ok(connection.is_clustered() && is_own(connection.of_leader("SEATS", &asked).await?))
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            let seat = Self {
                message: Some(message),
                limited: self.limited,
                lease: self.lease,
                gone: self.gone,
                home: self.home.clone(),
            };
            // A desk that is gone takes nothing back: then the lease runs out.
            if let Err(mut unsent) = self.home.send(seat) {
                unsent.0.message = None;
            }
        }
    }
}

/// The seats that one desk has and that no attempt uses.
#[derive(Debug)]
pub(super) struct Seats {
    connection: Connection,
    limited: Vec<Limited>,
    free: Vec<VecDeque<Seat>>,
    starved: Vec<Starved>,
    home: mpsc::UnboundedSender<Seat>,
}

impl Seats {
    pub(super) fn new(
        connection: Connection,
        limited: Vec<Limited>,
        home: mpsc::UnboundedSender<Seat>,
    ) -> Self {
        let free = limited.iter().map(|_| VecDeque::new()).collect();
        let starved = limited.iter().map(|_| Starved::default()).collect();
        Self { connection, limited, free, starved, home }
    }

    /// How often leases must be looked after.
    pub(super) fn pace(&self) -> Option<Duration> {
        self.limited.iter().map(|limited| limited.lease / 4).min()
    }

    pub(super) fn len(&self) -> usize {
        self.limited.len()
    }

    pub(super) fn of(&self, limited: usize) -> &Limited {
        &self.limited[limited]
    }

    /// Seats that an attempt could take now.
    pub(super) fn free(&self, limited: usize) -> usize {
        self.free[limited].iter().filter(|seat| seat.is_fresh()).count()
    }

    /// Whether another seat is of use: one in hand is enough until it is taken.
    pub(super) fn wants_one(&self, limited: usize, takers: usize) -> bool {
        takers > 0 && self.free(limited) == 0
    }

    /// Takes note of where a seat is missed, when slots are free or none is.
    pub(super) fn look(&mut self, slots: bool) {
        let now = Instant::now();
        for limited in 0..self.len() {
            let missed = slots && self.free(limited) == 0;
            self.starved[limited].note(missed, now);
        }
    }

    /// How long a seat was missed during the last `waited`.
    pub(super) fn missed(&self, limited: usize, waited: Duration) -> Duration {
        let now = Instant::now();
        now.checked_sub(waited)
            .map_or(Duration::ZERO, |from| self.starved[limited].within(from, now))
    }

    /// A seat has come.
    pub(super) fn sit(&mut self, limited: usize, message: Message, lease: Lease) {
        let home = self.home.clone();
        let seat = Seat { message: Some(message), limited, lease, gone: false, home };
        self.free[limited].push_back(seat);
    }

    /// A seat that is free again.
    pub(super) fn put_back(&mut self, seat: Seat) {
        if !seat.is_fresh() {
            seat.abandon();
        } else if seat.is_due() {
            self.renew(seat);
        } else if let Some(free) = self.free.get_mut(seat.limited) {
            free.push_back(seat);
        }
    }

    /// Renews a lease; the seat is away meanwhile, and comes back the way a used one does.
    fn renew(&self, mut seat: Seat) {
        let connection = self.connection.clone();
        crate::task::spawn(async move {
            match seat.renew(&connection).await {
                Ok(()) => drop(seat),
                // Whether it is still ours is not known: nobody may sit there until it is.
                Err(_) => seat.abandon(),
            }
        });
    }

    /// A seat for an attempt.
    pub(super) fn take(&mut self, limited: usize) -> Option<Seat> {
        let free = &mut self.free[limited];
        while let Some(seat) = free.pop_front() {
            if seat.is_fresh() {
                return Some(seat);
            }
            seat.abandon();
        }
        None
    }

    /// Renews the leases of seats in hand, and drops those whose lease may be over.
    pub(super) fn keep(&mut self) {
        let free: Vec<Seat> = self.free.iter_mut().flat_map(std::mem::take).collect();
        free.into_iter().for_each(|seat| self.put_back(seat));
    }

    /// Hands the seats in hand to others: nobody here wants work.
    pub(super) async fn release_free(&mut self) {
        for free in &mut self.free {
            while let Some(mut seat) = free.pop_front() {
                // A seat whose lease may be over is another's: a word about it would be theirs.
                let fresh = seat.is_fresh();
                if let Some(message) = seat.message.take()
                    && fresh
                {
                    give_back(&self.connection, &message).await;
                }
            }
        }
    }
}
