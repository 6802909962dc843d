//! Taking messages from consumers: by priority, no more than there are takers, and never lost.
//!
//! A desk serves the slots of one process. A slot asks and waits; the desk pulls for all who wait.
//! Where messages were seen lately it pulls as many as there are takers, at once, the highest
//! priority first; everywhere else one pull of one message lies with the server and waits, so an
//! idle fleet hears of a message without asking for it. What arrives and has no taker any more goes
//! back at once. A queue with a limit needs a seat first: a message of its own, under lease.

mod doubt;
mod holds;
mod pulls;
mod seats;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use async_nats::Message;
use futures::{FutureExt, StreamExt};
use protocol::Timestamp;
use protocol::planted::{Bug, is_planted};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

use self::pulls::{Came, Pulls};
pub(super) use self::seats::Seat;
use self::seats::Seats;
use super::Subscriber;
use super::connect::Connection;
use crate::Error;
use crate::lease::Lease;

/// Every how many pulls the order of priorities is turned round, so that the lowest never starves.
const LOW_SHARE: u64 = 16;

/// How often the desk looks for pulls that were never answered. Not faster: an idle worker sleeps.
const LOOK: Duration = Duration::from_secs(2);

/// Where messages come from: one consumer.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) stream: &'static str,
    pub(super) consumer: String,
    /// How long a message is held without a word.
    pub(super) lease: Duration,
    /// The limited queue whose seat is needed, as a place in the list of those.
    pub(super) seats: Option<usize>,
}

/// A queue with a limit: its seats are messages too.
#[derive(Debug, Clone)]
pub(super) struct Limited {
    pub(super) consumer: String,
    /// How long a seat is held without a word.
    pub(super) lease: Duration,
}

/// A message with its seat.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) message: Message,
    /// What the address of the message says.
    pub(super) delivery: Delivery,
    pub(super) lease: Lease,
    pub(super) seat: Option<Seat>,
    /// How long the message waited for a seat while a slot here was free.
    pub(super) seat_wait: Duration,
}

type Taker = oneshot::Sender<Handed>;

/// A message on its way to a taker. One that went at this moment leaves it to the next: without
/// that, it would lie until its lease is over.
#[derive(Debug)]
struct Handed {
    taken: Option<Taken>,
    unclaimed: mpsc::UnboundedSender<Taken>,
}

impl Drop for Handed {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            let _ = self.unclaimed.send(taken);
        }
    }
}

/// Where slots ask.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    takers: mpsc::UnboundedSender<Taker>,
}

impl Desk {
    /// A desk over `sources`, the most urgent first.
    pub(super) async fn open(
        connection: Connection,
        sources: Vec<Source>,
        limited: Vec<Limited>,
    ) -> Result<Self, Error> {
        let inbox = connection.client.new_inbox();
        let deliveries = connection.client.subscribe(format!("{inbox}.*")).await;
        let deliveries = deliveries.map_err(|error| Error::Unknown(error.to_string()))?;
        let (takers, asked) = mpsc::unbounded_channel();
        let (returned, seats_back) = mpsc::unbounded_channel();
        let (unclaimed, left) = mpsc::unbounded_channel();
        let generations = connection.generations();
        let from_sources = sources
            .iter()
            .zip(0..)
            .map(|(source, place)| (source.consumer.clone(), Place::Source(place)));
        let from_seats = limited
            .iter()
            .zip(0..)
            .map(|(limited, place)| (limited.consumer.clone(), Place::Seats(place)));
        let places = from_sources.chain(from_seats).collect();
        let clerk = Clerk {
            seats: Seats::new(connection.clone(), limited, inbox.clone(), returned),
            pulls: Pulls::new(connection.clone(), inbox),
            connection,
            sources,
            hot: Vec::new(),
            rested: false,
            takers: VecDeque::new(),
            unclaimed,
            places,
            probes: 0,
        };
        let counter = Counter { deliveries, asked, seats_back, left };
        crate::task::spawn(clerk.serve(counter, generations));
        Ok(Self { takers })
    }

    /// The next message. Waits; cancel-safe: what comes for who has gone goes to another, also when
    /// it was handed over and not yet seen.
    pub(super) async fn take(&self) -> Result<Taken, Error> {
        let (taker, taken) = oneshot::channel();
        self.takers.send(taker).map_err(|_| Error::Closed)?;
        let mut handed = taken.await.map_err(|_| Error::Closed)?;
        handed.taken.take().ok_or(Error::Closed)
    }
}

/// What is put before the clerk.
struct Counter {
    deliveries: Subscriber,
    asked: mpsc::UnboundedReceiver<Taker>,
    seats_back: mpsc::UnboundedReceiver<Seat>,
    /// Messages whose takers went.
    left: mpsc::UnboundedReceiver<Taken>,
}

/// Which consumer a pull is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    /// A source, as a place in their list.
    Source(usize),
    /// The seats of a limited queue, as a place in theirs.
    Seats(usize),
}

/// The one who pulls.
struct Clerk {
    connection: Connection,
    sources: Vec<Source>,
    /// Sources that had something lately or may have by now, as a flag for each.
    hot: Vec<bool>,
    /// Whether nobody asked when pulls were looked after last.
    rested: bool,
    takers: VecDeque<Taker>,
    unclaimed: mpsc::UnboundedSender<Taken>,
    pulls: Pulls,
    seats: Seats,
    /// Where each consumer's messages belong.
    places: HashMap<String, Place>,
    probes: u64,
}

impl Clerk {
    async fn serve(mut self, counter: Counter, mut generations: watch::Receiver<u64>) {
        let Counter { mut deliveries, mut asked, mut seats_back, mut left } = counter;
        // What lies there already is found by the first look, the most urgent first.
        self.hot = vec![true; self.sources.len()];
        let mut look = interval(self.seats.pace().map_or(LOOK, |pace| pace.min(LOOK)));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // What comes by the clock first; no more comes of the rest than was asked for.
                biased;
                Ok(()) = generations.changed() => {
                    self.pulls.forget_all();
                    // Seats wait from when a server is first seen: the sooner, the better.
                    self.connection.start();
                }
                _ = look.tick() => {
                    self.pulls.forget_overdue();
                    self.seats.keep();
                }
                Some(seat) = seats_back.recv() => self.seats.put_back(seat),
                message = deliveries.next() => match message {
                    Some(message) => self.receive(message).await,
                    None => break,
                },
                taker = asked.recv() => match taker {
                    Some(taker) => self.takers.push_back(taker),
                    None => break,
                },
                // After those who ask: whoever went may have come back to ask again.
                Some(taken) = left.recv() => drop(self.pass_on(taken).await),
            }
            // All that is there before the next pulls: they are then for many, and so fewer.
            while let Some(Some(message)) = deliveries.next().now_or_never() {
                self.receive(message).await;
            }
            while let Ok(taker) = asked.try_recv() {
                self.takers.push_back(taker);
            }
            // Whoever waits no longer needs nothing pulled for it.
            self.takers.retain(|taker| !taker.is_closed());
            self.seats.look(!self.takers.is_empty());
            self.pull().await;
        }
        debug!("a desk closes");
    }

    /// Sends what pulls are worth sending now.
    async fn pull(&mut self) {
        if self.takers.is_empty() {
            self.rested = true;
            self.seats.release_free().await;
            return;
        }
        if std::mem::take(&mut self.rested) {
            self.look_everywhere();
        }
        for limited in 0..self.seats.len() {
            let here = Place::Seats(limited);
            if self.seats.wants_one(limited, self.takers.len()) && !self.pulls.is_open(here) {
                let Limited { consumer, lease } = self.seats.of(limited).clone();
                self.pulls.lay(here, "SEATS", &consumer, lease).await;
            }
        }
        // Takers for whom nothing is under way.
        let mut free = self.takers.len().saturating_sub(self.pulls.asked());
        self.probes += u64::from(free > 0);
        let turned = self.probes.is_multiple_of(LOW_SHARE);
        for step in 0..self.sources.len() {
            let place = if turned { self.sources.len() - 1 - step } else { step };
            let Some(source) = self.sources.get(place) else { continue };
            let seats = source.seats.map_or(usize::MAX, |limited| self.seats.free(limited));
            let here = Place::Source(place);
            if seats == 0 || self.pulls.is_open(here) {
                continue;
            }
            if !self.hot[place] {
                self.pulls.lay(here, source.stream, &source.consumer, source.lease).await;
            } else if free > 0 {
                let count = free.min(seats);
                self.pulls.probe(here, source.stream, &source.consumer, count).await;
                free -= count;
            }
        }
    }

    /// Has the sources asked one after the other of which nothing was heard while nobody asked: pulls
    /// that lie at all of them are answered in any order, and the most urgent message is to be first.
    fn look_everywhere(&mut self) {
        for (place, hot) in self.hot.iter_mut().enumerate() {
            *hot |= !self.pulls.is_open(Place::Source(place));
        }
    }

    /// A message, or word that there is none.
    async fn receive(&mut self, message: Message) {
        if message.status.is_some() {
            if let Some(Place::Source(place)) = self.pulls.ended(&message) {
                self.hot[place] = false;
            }
            return;
        }
        let delivery = Delivery::of(&message);
        let here = self.places.get(consumer(reply(&message))).copied();
        let (Some(here), Some(delivery)) = (here, delivery) else {
            return give_back(&self.connection, &message).await;
        };
        let Came { is_last, since } = self.pulls.came(here);
        let length = match here {
            Place::Seats(limited) => self.seats.of(limited).lease,
            Place::Source(place) => self.sources[place].lease,
        };
        let fresh = is_planted(Bug::LeaseCountsFromReceipt);
        let lease = if fresh { Lease::new(length) } else { Lease { length, since } };
        // It was on its way for as long as that, or lay here while this process was frozen: another
        // may have it, and a word about it would be about that one's lease.
        if lease.is_over() {
            debug!(subject = %message.subject, "it came too late");
            return;
        }
        match here {
            Place::Seats(limited) => self.seats.sit(limited, message, delivery, lease),
            Place::Source(place) => {
                let is_taken = self.hand_out(place, message, delivery, lease).await;
                // What went back is there still, and to be asked for before all that is less urgent.
                self.hot[place] = delivery.pending > 0 || !is_last || !is_taken;
            }
        }
    }

    /// How long a message waited for a seat while a slot here was free.
    fn seat_wait(&self, place: usize, delivery: Delivery) -> Duration {
        let limited = self.sources.get(place).and_then(|source| source.seats);
        // One that comes again was with another meanwhile, for a part that nobody here knows.
        match limited {
            Some(limited) if delivery.count == 1 => {
                let waited = self.connection.now().since(Timestamp(delivery.stored_ms));
                self.seats.missed(limited, Duration::from_millis(waited))
            }
            _ => Duration::ZERO,
        }
    }

    /// Hands a message out, or back; whether somebody has it now.
    async fn hand_out(
        &mut self,
        place: usize,
        message: Message,
        delivery: Delivery,
        lease: Lease,
    ) -> bool {
        let seat = match self.sources.get(place).and_then(|source| source.seats) {
            None => None,
            Some(limited) => match self.seats.take(limited) {
                Some(seat) => Some(seat),
                None if is_planted(Bug::SeatSkipped) => None,
                None => {
                    give_back(&self.connection, &message).await;
                    return false;
                }
            },
        };
        let seat_wait = self.seat_wait(place, delivery);
        self.pass_on(Taken { message, delivery, lease, seat, seat_wait }).await
    }

    /// Hands a message to the first who still waits, or back; whether somebody has it now.
    async fn pass_on(&mut self, taken: Taken) -> bool {
        let mut handed = Handed { taken: Some(taken), unclaimed: self.unclaimed.clone() };
        while let Some(taker) = self.takers.pop_front() {
            match taker.send(handed) {
                Ok(()) => return true,
                Err(unwanted) => handed = unwanted,
            }
        }
        let Some(taken) = handed.taken.take() else { return true };
        // Past its lease a word about it would be about that of another.
        if !taken.lease.is_over() {
            give_back(&self.connection, &taken.message).await;
        }
        if let Some(seat) = taken.seat {
            self.seats.put_back(seat);
        }
        false
    }
}

/// Hands a message back to its consumer, which gives it to another at once.
async fn give_back(connection: &Connection, message: &Message) {
    if let Some(reply) = &message.reply {
        let sent = connection.client.publish(reply.clone(), "-NAK".into()).await;
        if let Err(error) = sent {
            warn!(%error, "a message is not handed back; its lease runs out");
        }
    }
}

/// The address of a delivery.
fn reply(message: &Message) -> &str {
    message.reply.as_ref().map(|reply| reply.as_str()).unwrap_or_default()
}

/// Who delivered, from the delivery's own address:
/// `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>`.
fn consumer(reply: &str) -> &str {
    let at = if reply.split('.').count() > 9 { 5 } else { 3 };
    reply.split('.').nth(at).unwrap_or_default()
}

/// What the address of a delivery says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delivery {
    /// How often the message was delivered, this time included.
    pub(super) count: u32,
    /// Its place in the stream.
    pub(super) sequence: u64,
    /// When it was stored, milliseconds since 1970.
    pub(super) stored_ms: u64,
    /// How many more the consumer has.
    pub(super) pending: u64,
}

impl Delivery {
    /// What the address of a message says; nothing if no consumer delivered it.
    pub(super) fn of(message: &Message) -> Option<Self> {
        Self::parse(reply(message))
    }

    /// Reads the reply subject of a delivery: the short form, or the long one with domain and
    /// account.
    fn parse(reply: &str) -> Option<Self> {
        // $JS.ACK.<domain>.<account hash>.<stream>… has eleven words or twelve.
        let mut words = [""; 12];
        let mut count = 0;
        for word in reply.split('.') {
            *words.get_mut(count)? = word;
            count += 1;
        }
        let at = match count {
            9 => 4,
            11 | 12 => 6,
            _ => return None,
        };
        let number = |place: usize| words.get(place)?.parse::<u64>().ok();
        Some(Self {
            count: u32::try_from(number(at)?).unwrap_or(u32::MAX),
            sequence: number(at + 1)?,
            stored_ms: number(at + 3)? / 1_000_000,
            pending: number(at + 4)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_delivery_says_what_it_is() {
        let parsed = Delivery { count: 2, sequence: 41, stored_ms: 1_700_000_000_123, pending: 7 };
        let short = "$JS.ACK.TASKS.default-p2.2.41.9.1700000000123456789.7";
        assert_eq!(Delivery::parse(short), Some(parsed));
        let long = "$JS.ACK.hub.ABCDEF.TASKS.default-p2.2.41.9.1700000000123456789.7";
        assert_eq!(Delivery::parse(long), Some(parsed));
        let token = "$JS.ACK.hub.ABCDEF.TASKS.default-p2.2.41.9.1700000000123456789.7.x7";
        assert_eq!(Delivery::parse(token), Some(parsed));
        for reply in [short, long, token] {
            assert_eq!(consumer(reply), "default-p2");
        }
        for odd in ["", "$JS.ACK.TASKS.c.x.41.9.1.7", "_R_.abc", "a.b.c.d.e.f.g.h.i"] {
            assert_eq!(Delivery::parse(odd), None, "{odd}");
        }
    }
}
