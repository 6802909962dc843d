//! Offers on their queues: priorities, leases that run out, and seats that no death can leak.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use alt::Priority;
use bytes::Bytes;
use protocol::{AttemptKey, RunId};
use tokio::time::Instant;

use crate::starved::Starved;

/// Every how many claims the lowest priority goes first, so that it never starves.
const LOW_SHARE: u64 = 16;

/// Which holder of an offer speaks: a new number for every claim, so a late one is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token(u64);

#[derive(Debug)]
struct Waiting {
    bytes: Bytes,
    since: Instant,
    queue: String,
    place: (Priority, u64),
    deliveries: u32,
    /// Whether the holder began: the first is taken to have, the others say so.
    begun: bool,
    /// Holders that began and were never heard of again.
    lost: u32,
    held: Option<(Instant, Token)>,
}

#[derive(Debug, Default)]
struct Queue {
    limit: Option<u32>,
    held: u32,
    waiting: BTreeMap<(Priority, u64), AttemptKey>,
    /// Slots that are free for its offers.
    wanting: usize,
    starved: Starved,
}

impl Queue {
    fn has_seat(&self) -> bool {
        self.limit.is_none_or(|limit| self.held < limit)
    }

    /// Takes note of whether a seat is missed; to be called when that may have changed.
    fn look(&mut self, now: Instant) {
        let missed = self.wanting > 0 && !self.has_seat();
        self.starved.note(missed, now);
    }
}

/// All offers of a road.
#[derive(Debug)]
pub(super) struct Queues {
    lease: Duration,
    counter: u64,
    claims: u64,
    offers: HashMap<AttemptKey, Waiting>,
    queues: BTreeMap<String, Queue>,
    leases: BTreeSet<(Instant, AttemptKey)>,
}

/// An offer handed out.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) bytes: Bytes,
    pub(super) deliveries: u32,
    pub(super) token: Token,
    pub(super) seat_wait: Duration,
}

impl Queues {
    pub(super) fn new(lease: Duration) -> Self {
        Self {
            lease,
            counter: 0,
            claims: 0,
            offers: HashMap::new(),
            queues: BTreeMap::new(),
            leases: BTreeSet::new(),
        }
    }

    pub(super) const fn lease(&self) -> Duration {
        self.lease
    }

    pub(super) fn declare(&mut self, name: &str, limit: Option<u32>) {
        let queue = self.queues.entry(name.to_owned()).or_default();
        queue.limit = limit;
        queue.look(Instant::now());
    }

    /// A slot is free for offers of these queues.
    pub(super) fn want(&mut self, names: &[String], now: Instant) {
        for name in names {
            if let Some(queue) = self.queues.get_mut(name) {
                queue.wanting += 1;
                queue.look(now);
            }
        }
    }

    /// A slot is not free any more.
    pub(super) fn want_no_more(&mut self, names: &[String], now: Instant) {
        for name in names {
            if let Some(queue) = self.queues.get_mut(name) {
                // A queue may have come after the slot began to wait.
                queue.wanting = queue.wanting.saturating_sub(1);
                queue.look(now);
            }
        }
    }

    /// The offers of a run, waiting and held.
    pub(super) fn of_run(&self, run: RunId) -> Vec<Bytes> {
        let offers = self.offers.iter().filter(|(key, _)| key.run == run);
        offers.map(|(_, offer)| offer.bytes.clone()).collect()
    }

    /// Adds an offer; one that is there already stays as it is.
    pub(super) fn put(&mut self, key: AttemptKey, queue: &str, priority: Priority, bytes: Bytes) {
        if self.offers.contains_key(&key) {
            return;
        }
        self.counter += 1;
        let place = (priority, self.counter);
        self.queues.entry(queue.to_owned()).or_default().waiting.insert(place, key);
        let (queue, begun) = (queue.to_owned(), false);
        self.offers.insert(
            key,
            Waiting {
                bytes,
                since: Instant::now(),
                queue,
                place,
                deliveries: 0,
                begun,
                lost: 0,
                held: None,
            },
        );
    }

    /// Takes the next offer that a seat is free for.
    pub(super) fn take(&mut self, names: &[String], now: Instant) -> Option<Handed> {
        self.expire(now);
        self.claims += 1;
        let from_below = self.claims.is_multiple_of(LOW_SHARE);
        let open = names.iter().filter_map(|name| {
            let queue = self.queues.get(name).filter(|queue| queue.has_seat())?;
            let ends = &queue.waiting;
            let (place, key) =
                if from_below { ends.last_key_value() } else { ends.first_key_value() }?;
            Some((*place, *key))
        });
        let (_, key) = if from_below { open.max() } else { open.min() }?;
        self.counter += 1;
        let token = Token(self.counter);
        let until = now + self.lease;
        let offer = self.offers.get_mut(&key)?;
        offer.deliveries += 1;
        offer.begun = offer.deliveries == 1;
        offer.held = Some((until, token));
        self.leases.insert((until, key));
        let mut seat_wait = Duration::ZERO;
        if let Some(queue) = self.queues.get_mut(&offer.queue) {
            if offer.deliveries == 1 {
                seat_wait = queue.starved.within(offer.since, now);
            }
            queue.waiting.remove(&offer.place);
            queue.held += 1;
            queue.look(now);
        }
        Some(Handed { bytes: offer.bytes.clone(), deliveries: offer.deliveries, token, seat_wait })
    }

    /// Renews a lease; false once it is over or another's.
    pub(super) fn extend(&mut self, key: AttemptKey, token: Token, now: Instant) -> bool {
        self.expire(now);
        let until = now + self.lease;
        let Some(offer) = self.offers.get_mut(&key) else {
            return false;
        };
        match &mut offer.held {
            Some((old, holder)) if *holder == token => {
                self.leases.remove(&(*old, key));
                *old = until;
                self.leases.insert((until, key));
                true
            }
            _ => false,
        }
    }

    /// How many holders of an offer began and were never heard of again.
    pub(super) fn lost(&self, key: AttemptKey) -> u32 {
        self.offers.get(&key).map_or(0, |offer| offer.lost)
    }

    /// Takes note that the holder of an offer begins.
    pub(super) fn begin(&mut self, key: AttemptKey, token: Token) {
        let offer = self.offers.get_mut(&key);
        if let Some(offer) = offer.filter(|o| o.held.is_some_and(|(_, t)| t == token)) {
            offer.begun = true;
        }
    }

    /// Puts an offer back for others; a late holder changes nothing.
    pub(super) fn release(&mut self, key: AttemptKey, token: Token) {
        if self.offers.get(&key).is_some_and(|o| o.held.is_some_and(|(_, t)| t == token)) {
            self.put_back(key);
        }
    }

    /// Forgets an offer, whoever holds it, and frees its seat.
    pub(super) fn remove(&mut self, key: AttemptKey) {
        let Some(offer) = self.offers.remove(&key) else {
            return;
        };
        if let Some(queue) = self.queues.get_mut(&offer.queue) {
            match offer.held {
                Some((until, _)) => {
                    self.leases.remove(&(until, key));
                    queue.held -= 1;
                    queue.look(Instant::now());
                }
                None => {
                    queue.waiting.remove(&offer.place);
                }
            }
        }
    }

    /// Forgets an offer that nobody holds.
    pub(super) fn withdraw(&mut self, key: AttemptKey) {
        if self.offers.get(&key).is_some_and(|offer| offer.held.is_none()) {
            self.remove(key);
        }
    }

    /// When the next lease runs out.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.leases.first().map(|(until, _)| *until)
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(until, key)) = self.leases.first() {
            if until > now {
                return;
            }
            if let Some(offer) = self.offers.get_mut(&key) {
                offer.lost += u32::from(offer.begun);
            }
            self.put_back(key);
        }
    }

    fn put_back(&mut self, key: AttemptKey) {
        let Some(offer) = self.offers.get_mut(&key) else {
            return;
        };
        if let Some((until, _)) = offer.held.take() {
            self.leases.remove(&(until, key));
            if let Some(queue) = self.queues.get_mut(&offer.queue) {
                queue.held -= 1;
                queue.look(Instant::now());
                queue.waiting.insert(offer.place, key);
            }
        }
    }
}
