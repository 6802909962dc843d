//! One pull consumer: where it stands, what it leased, and what it delivers next.
//!
//! Its counters are kept the way the server keeps them (consumer.go), not the way they would be
//! right: the number of messages that a delivery says are left is one of those counters, and it may
//! be wrong after a purge.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::kept::Kept;
use super::message::{Message, Moment, Sent};
use super::pulls::Pull;
use super::store::Store;
use super::subjects::covers;

/// By how much later than due the server looks for leases that are over.
pub(super) const LEASE_DELAY: u64 = 1_000_000;

/// A message that was delivered and not acked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    /// The number of its first delivery.
    pub(super) delivery: u64,
    /// Since when it counts, nanoseconds since 1970.
    pub(super) since: u64,
}

#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) stream: String,
    pub(super) name: String,
    pub(super) config: Value,
    pub(super) filters: Vec<String>,
    pub(super) ack_wait: u64,
    pub(super) most_waiting: u64,
    pub(super) created: u64,
    /// The next sequence of the stream to look at, and the next number of a delivery.
    pub(super) next_sequence: u64,
    pub(super) next_delivery: u64,
    /// Up to where all is acked: delivery and sequence.
    pub(super) floor: (u64, u64),
    pub(super) leases: BTreeMap<u64, Lease>,
    /// How often a message was delivered again.
    pub(super) again: BTreeMap<u64, u64>,
    /// What is to be delivered again, in this order.
    pub(super) queue: VecDeque<u64>,
    /// How many messages are left, as counted along; and up to where they were counted.
    pub(super) left: i64,
    pub(super) counted: u64,
    pub(super) waiting: VecDeque<Pull>,
    /// When the leases are looked at next.
    pub(super) check: Option<u64>,
    pub(super) last_delivery: Option<u64>,
    pub(super) last_ack: Option<u64>,
    pub(super) kept: Kept,
    /// What was said of it when the server started: who creates it again is told this, once (seen in
    /// 2.15.1).
    pub(super) at_start: Option<Value>,
}

impl Consumer {
    pub(super) fn new(stream: &str, name: &str, config: Value, store: &Store, now: u64) -> Self {
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let listed = config["filter_subjects"].as_array().into_iter().flatten();
        let filters = listed.chain(config.get("filter_subject")).filter_map(text).collect();
        let start = store.first().max(1);
        let mut consumer = Self {
            stream: stream.to_owned(),
            name: name.to_owned(),
            filters,
            ack_wait: config["ack_wait"].as_u64().unwrap_or(30_000_000_000),
            most_waiting: config["max_waiting"].as_u64().unwrap_or(512),
            config,
            created: now,
            next_sequence: start,
            next_delivery: 1,
            floor: (0, start - 1),
            leases: BTreeMap::new(),
            again: BTreeMap::new(),
            queue: VecDeque::new(),
            left: 0,
            counted: 0,
            waiting: VecDeque::new(),
            check: None,
            last_delivery: None,
            last_ack: None,
            kept: Kept::starting(start - 1),
            at_start: None,
        };
        consumer.recount(store);
        consumer
    }

    /// Whether a subject, or every subject of a pattern, is one of its own.
    pub(super) fn takes(&self, subject: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| covers(filter, subject))
    }

    /// Counts what is left.
    pub(super) fn recount(&mut self, store: &Store) {
        self.left = store.count(&self.filters, self.next_sequence).cast_signed();
        self.counted = store.last();
    }

    pub(super) fn left(&self) -> u64 {
        u64::try_from(self.left).unwrap_or(0)
    }

    /// Messages of its own were stored, all at once.
    pub(super) fn stored(
        &mut self,
        sequences: &[u64],
        store: &Store,
        at: Moment<'_>,
        out: &mut Vec<Sent>,
    ) {
        // Those of a batch are mostly counted before the first of them is delivered (seen in 2.15.1:
        // it is chance).
        let new = sequences.iter().filter(|sequence| **sequence > self.counted);
        self.left += i64::try_from(new.count()).unwrap_or(i64::MAX);
        let is_ahead = sequences.iter().any(|sequence| *sequence >= self.next_sequence);
        if is_ahead && !self.waiting.is_empty() {
            self.deliver(store, at, out);
        }
    }

    /// A single message was removed, by its subject or by the pattern of a purge.
    pub(super) fn removed(&mut self, sequence: u64, subject: &str, now: u64) {
        if sequence >= self.next_sequence && self.takes(subject) {
            self.left -= 1;
        }
        if let Some(lease) = self.leases.get(&sequence) {
            let delivery = lease.delivery;
            self.settle(delivery, sequence, now);
        } else if self.again.remove(&sequence).is_some() {
            self.kept.acked(0, sequence, now);
        }
    }

    /// Delivers while somebody waits and there is something.
    pub(super) fn deliver(&mut self, store: &Store, at: Moment<'_>, out: &mut Vec<Sent>) {
        while !self.waiting.is_empty() {
            let Some((sequence, count)) = self.next(store, at.now) else {
                if self.next_sequence > store.last() {
                    (self.left, self.counted) = (0, store.last());
                }
                break;
            };
            if count == 1 {
                self.left -= 1;
            }
            let left = self.left();
            match self.next_waiting(at, out) {
                Some(inbox) => self.send(sequence, count, left, &inbox, store, at, out),
                None => {
                    self.put_back(sequence, count);
                    break;
                }
            }
        }
        self.look_at_waiting(true, at, out);
    }

    /// The next message and how often it is delivered with this time.
    fn next(&mut self, store: &Store, now: u64) -> Option<(u64, u64)> {
        while let Some(sequence) = self.queue.pop_front() {
            let again = self.again.entry(sequence).or_default();
            *again += 1;
            let count = *again + 1;
            if store.get(sequence).is_some() {
                return Some((sequence, count));
            }
            *again -= 1;
            if let Some(lease) = self.leases.get(&sequence) {
                let delivery = lease.delivery;
                self.settle(delivery, sequence, now);
            }
        }
        let found = store.next(&self.filters, self.next_sequence);
        let passed = found.unwrap_or_else(|| store.last());
        self.next_sequence = self.next_sequence.max(passed + 1);
        found.map(|sequence| (sequence, 1))
    }

    /// Nobody takes a message after all.
    fn put_back(&mut self, sequence: u64, count: u64) {
        if count == 1 && sequence + 1 == self.next_sequence {
            self.next_sequence -= 1;
            self.left += 1;
        } else if !self.queue.contains(&sequence) {
            let again = self.again.entry(sequence).or_default();
            *again = again.saturating_sub(1);
            self.queue.push_back(sequence);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a delivery is all of this")]
    fn send(
        &mut self,
        sequence: u64,
        count: u64,
        left: u64,
        inbox: &str,
        store: &Store,
        at: Moment<'_>,
        out: &mut Vec<Sent>,
    ) {
        let Some(stored) = store.get(sequence) else { return };
        let delivery = self.next_delivery;
        self.next_delivery += 1;
        // Seen in 2.15.1: the kept lease dates from when the message was stored, not from its delivery.
        self.kept.delivered(delivery, sequence, count, stored.time, at.now);
        self.last_delivery = Some(at.now);
        self.leases
            .entry(sequence)
            .and_modify(|lease| lease.since = at.now)
            .or_insert(Lease { delivery, since: at.now });
        let due = at.now + self.ack_wait + LEASE_DELAY;
        self.check = Some(self.check.map_or(due, |check| check.min(due)));
        let Self { stream, name, .. } = self;
        let time = stored.time;
        let reply = format!("$JS.ACK.{stream}.{name}.{count}.{sequence}.{delivery}.{time}.{left}");
        let message = Message {
            subject: stored.subject.clone(),
            reply: Some(reply),
            headers: stored.headers.clone(),
            payload: stored.payload.clone(),
            status: None,
        };
        out.push(Sent { to: inbox.to_owned(), message });
    }

    /// Messages up to somewhere were purged. `wider`: it has more subjects than were purged.
    pub(super) fn purged(&mut self, start: u64, store: &Store, wider: bool, now: u64) {
        let start = if start == 0 && !wider { store.last() + 1 } else { start };
        self.next_sequence = self.next_sequence.max(start);
        if self.floor.1 < start {
            self.floor.1 = start - 1;
            let over = self.leases.iter().filter(|(sequence, _)| {
                **sequence < start || (wider && store.get(**sequence).is_none())
            });
            let over: Vec<(u64, Lease)> =
                over.map(|(sequence, lease)| (*sequence, *lease)).collect();
            for (sequence, lease) in over {
                if lease.delivery > self.floor.0 {
                    self.floor.0 = lease.delivery;
                    self.next_delivery = self.next_delivery.max(self.floor.0);
                }
                self.leases.remove(&sequence);
                self.again.remove(&sequence);
                self.last_ack = Some(now);
            }
        }
        if self.leases.is_empty() {
            self.again.clear();
            self.floor = (self.next_delivery - 1, self.next_sequence - 1);
        }
        // Seen in 2.15.1: what waited to be delivered again is forgotten until its lease ends anew.
        self.queue.retain(|sequence| *sequence >= self.next_sequence);
        self.keep(now);
    }

    /// Forgets repeated deliveries of what is gone.
    pub(super) fn forget_before(&mut self, first: u64, now: u64) {
        let gone: Vec<u64> = self.again.range(..first).map(|(sequence, _)| *sequence).collect();
        for sequence in gone {
            self.again.remove(&sequence);
            self.queue.retain(|queued| *queued != sequence);
        }
        self.kept.forget_before(first, now);
    }

    /// Whether a message must stay because of this consumer.
    pub(super) fn needs(&self, sequence: u64, subject: &str) -> bool {
        if !self.takes(subject) {
            return false;
        }
        let open = sequence >= self.next_sequence || self.leases.contains_key(&sequence);
        (sequence > self.floor.1 && open) || self.again.contains_key(&sequence)
    }
}
