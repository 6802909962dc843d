//! Seats in hand: the right to run one attempt of a limited queue, itself a message under lease.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use protocol::planted::{Bug, is_planted};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::{Delivery, Limited, give_back, holds};
use crate::Error;
use crate::lease::Lease;
use crate::nats::claims::SERVER;
use crate::nats::connect::{Connection, Start, unanswered};
use crate::nats::direct::Found;
use crate::starved::Starved;

/// The right to run one attempt of a limited queue. Dropped, it goes back to its desk.
#[derive(Debug)]
pub(crate) struct Seat {
    /// The message, until the seat is given up.
    message: Option<Message>,
    /// Its place in the stream.
    sequence: u64,
    limited: usize,
    lease: Lease,
    standing: Standing,
    /// The start of the server that knows, or was told, who sits here.
    server: Arc<str>,
    /// Whether that one had to be told, because an earlier one handed the seat out.
    is_claimed: bool,
    home: Arc<Home>,
}

/// Where a seat goes back to.
#[derive(Debug)]
struct Home {
    /// What the desk is called where seats are claimed.
    name: String,
    seats: mpsc::UnboundedSender<Seat>,
}

/// Whether a seat may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Another may sit there, handed the seat by a server that was killed since.
    Doubtful,
    /// For as long as the lease.
    Ours,
    /// No more: there are fewer seats now and this is none of them, or another sits there.
    Gone,
}

impl Seat {
    /// Renews its lease, unless it was taken away meanwhile: then who sits there finishes, and
    /// nobody sits there again.
    pub(crate) async fn renew(&mut self, connection: &Connection) -> Result<(), Error> {
        let Some(message) = &self.message else {
            return Ok(());
        };
        if !is_there(connection, &message.subject, self.sequence).await? {
            self.standing = Standing::Gone;
            return Ok(());
        }
        self.claim_again(connection).await?;
        self.confirm(connection).await
    }

    /// Says that it is taken, if the server was started anew since it was last told.
    async fn claim_again(&mut self, connection: &Connection) -> Result<(), Error> {
        let server = connection.server();
        if *server == *self.server {
            return Ok(());
        }
        if self.lease.is_over() {
            return Err(Error::LeaseLost);
        }
        let told = holds::claim(connection, &self.subject(), &server, &self.home.name).await?;
        if !told {
            warn!(seat = self.subject(), "another has it since the server was started anew");
            self.standing = Standing::Gone;
            return Err(Error::LeaseLost);
        }
        (self.server, self.is_claimed) = (server.into(), true);
        Ok(())
    }

    /// Renews its lease with the server that knows who sits here.
    pub(super) async fn confirm(&mut self, connection: &Connection) -> Result<(), Error> {
        let reply = self.reply();
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
        // It may have been another server that answered, which knows of no lease and says so to
        // nobody.
        if *connection.server() != *self.server {
            return Err(Error::Unknown(format!("{reply}: the server was started anew")));
        }
        self.lease = self.lease.renewed(sent);
        Ok(())
    }

    pub(crate) const fn lease(&self) -> Lease {
        self.lease
    }

    /// What its message is called, as long as it has one.
    pub(crate) fn subject(&self) -> String {
        self.message.as_ref().map(|message| message.subject.to_string()).unwrap_or_default()
    }

    fn reply(&self) -> String {
        let reply = self.message.as_ref().and_then(|message| message.reply.as_ref());
        reply.map(ToString::to_string).unwrap_or_default()
    }

    /// Gives it up without a word: its lease is over, or may be.
    fn abandon(mut self) {
        self.message = None;
    }

    fn is_due(&self) -> bool {
        self.lease.since.elapsed() >= self.lease.length / 4
    }

    fn is_fresh(&self) -> bool {
        self.standing == Standing::Ours && !self.lease.is_over()
    }

    /// Whether the next one to sit here has to find out whether somebody does.
    fn is_of_before(&self, start: &Start) -> bool {
        self.is_claimed || *self.server != *start.server
    }
}

/// Whether the seat at `subject` is the one that was handed out with the sequence `own`. Who hears
/// that it is not stays seated beside the next one to sit there, so it is certain.
async fn is_there(connection: &Connection, subject: &str, own: u64) -> Result<bool, Error> {
    let is_own = |found: Option<Found>| found.is_some_and(|found| found.sequence.0 == own);
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
                sequence: self.sequence,
                limited: self.limited,
                lease: self.lease,
                standing: self.standing,
                server: Arc::clone(&self.server),
                is_claimed: self.is_claimed,
                home: Arc::clone(&self.home),
            };
            // A desk that is gone takes nothing back: then the lease runs out.
            if let Err(mut unsent) = self.home.seats.send(seat) {
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
    /// For each list, as many more owners as there are seats whose standing is being found out.
    doubts: Vec<Arc<()>>,
    known: Known,
    starved: Vec<Starved>,
    home: Arc<Home>,
}

/// Seats, by their places in the stream, of which one start of the server knows who sits there.
#[derive(Debug, Default)]
struct Known {
    server: String,
    seats: HashSet<u64>,
}

impl Known {
    fn holds(&self, start: &Start, sequence: u64) -> bool {
        self.server == start.server && self.seats.contains(&sequence)
    }

    fn note(&mut self, seat: &Seat) {
        if *self.server != *seat.server {
            *self = Self { server: seat.server.to_string(), seats: HashSet::new() };
        }
        self.seats.insert(seat.sequence);
    }
}

impl Seats {
    pub(super) fn new(
        connection: Connection,
        limited: Vec<Limited>,
        name: String,
        seats: mpsc::UnboundedSender<Seat>,
    ) -> Self {
        let free = limited.iter().map(|_| VecDeque::new()).collect();
        let doubts = limited.iter().map(|_| Arc::default()).collect();
        let starved = limited.iter().map(|_| Starved::default()).collect();
        let (known, home) = (Known::default(), Arc::new(Home { name, seats }));
        Self { connection, limited, free, doubts, known, starved, home }
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
        let is_in_doubt = Arc::strong_count(&self.doubts[limited]) > 1;
        takers > 0 && self.free(limited) == 0 && !is_in_doubt
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
    pub(super) fn sit(
        &mut self,
        limited: usize,
        message: Message,
        delivery: Delivery,
        lease: Lease,
    ) {
        let start = self.connection.start();
        let sequence = delivery.sequence;
        let made = message.headers.as_ref().and_then(|headers| headers.get(SERVER));
        let is_trusted = start.server.is_empty()
            || made.is_some_and(|made| made.as_str() == start.server)
            || self.known.holds(&start, sequence)
            || is_planted(Bug::SeatTakenOnTrust);
        // An earlier server may have handed it out, and this one then hands it to others.
        if !start.server.is_empty() && lease.since < start.seen {
            return;
        }
        let seat = Seat {
            message: Some(message),
            sequence,
            limited,
            lease,
            standing: if is_trusted { Standing::Ours } else { Standing::Doubtful },
            server: start.server.as_str().into(),
            is_claimed: false,
            home: Arc::clone(&self.home),
        };
        if is_trusted {
            self.free[limited].push_back(seat);
        } else {
            self.find_out(seat, start);
        }
    }

    /// Finds out whether another sits there; the seat is away meanwhile, and comes back the way a
    /// used one does.
    fn find_out(&self, mut seat: Seat, start: Start) {
        let connection = self.connection.clone();
        let doubt = Arc::clone(&self.doubts[seat.limited]);
        crate::task::spawn(async move {
            match holds::try_out(&connection, &mut seat, &start).await {
                Ok(true) => seat.standing = Standing::Ours,
                Ok(false) => debug!(seat = seat.subject(), "another sits there"),
                Err(error) => {
                    let seat = seat.subject();
                    warn!(seat, %error, "nobody knows whether another sits there; it is left");
                }
            }
            // Before the desk hears of it, and looks whether it needs another.
            drop(doubt);
            drop(seat);
        });
    }

    /// A seat that is free again.
    pub(super) fn put_back(&mut self, seat: Seat) {
        if seat.standing == Standing::Ours && !seat.is_claimed {
            self.known.note(&seat);
        }
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
        if self.free.iter().all(VecDeque::is_empty) {
            return;
        }
        let start = self.connection.start();
        for (free, limited) in self.free.iter_mut().zip(&self.limited) {
            let is_young = start.seen.elapsed() < limited.lease;
            for mut seat in std::mem::take(free) {
                // A seat whose lease may be over is another's: a word about it would be theirs.
                let fresh = seat.is_fresh();
                // Others would only wait with it; here it can be used.
                if fresh && is_young && seat.is_of_before(&start) {
                    free.push_back(seat);
                    continue;
                }
                if let Some(message) = seat.message.take()
                    && fresh
                {
                    give_back(&self.connection, &message).await;
                }
            }
        }
    }
}
