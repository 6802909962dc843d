//! What is said about deliveries: acks, refusals, heartbeats, and leases that end by themselves.
//!
//! All of it is about a message of the stream, by its sequence. Who says it, and about which of its
//! deliveries, the server does not ask.

use super::consumer::{Consumer, LEASE_DELAY};
use super::message::{Moment, Sent};
use super::store::Store;

/// What an ack's address names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    pub(super) sequence: u64,
    pub(super) delivery: u64,
}

impl Named {
    /// Reads `$JS.ACK.<stream>.<consumer>.<count>.<sequence>.<delivery>.<time>.<left>`.
    pub(super) fn parse(subject: &str) -> Self {
        let mut words = subject.split('.').skip(5);
        let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        Self { sequence: number(), delivery: number() }
    }
}

impl Consumer {
    /// Whether an ack counts; one of what was never delivered does not, and gets no answer.
    pub(super) fn acks(&mut self, named: Named, now: u64) -> bool {
        if named.sequence >= self.next_sequence {
            return false;
        }
        self.settle(named.delivery, named.sequence, now);
        true
    }

    /// Ends a lease for good.
    pub(super) fn settle(&mut self, delivery: u64, sequence: u64, now: u64) {
        let mut delivery = delivery;
        if let Some(lease) = self.leases.remove(&sequence) {
            delivery = lease.delivery;
            self.raise_floor(delivery, sequence);
        }
        self.again.remove(&sequence);
        self.queue.retain(|queued| *queued != sequence);
        self.kept.acked(delivery, sequence, now);
        self.last_ack = Some(now);
    }

    fn raise_floor(&mut self, delivery: u64, sequence: u64) {
        if self.leases.is_empty() {
            self.floor = (self.next_delivery - 1, self.next_sequence - 1);
        } else if delivery == self.floor.0 + 1 {
            self.floor = (delivery, sequence);
            let after = self.leases.range(sequence + 1..self.next_sequence).next();
            if let Some((sequence, lease)) = after {
                self.floor = (lease.delivery - 1, sequence - 1);
            }
        }
    }

    /// A message is handed back: it is delivered again at once.
    pub(super) fn hands_back(
        &mut self,
        named: Named,
        store: &Store,
        at: Moment<'_>,
        out: &mut Vec<Sent>,
    ) {
        let Named { sequence, delivery } = named;
        if delivery <= self.floor.0 || delivery > self.next_delivery {
            return;
        }
        if !self.leases.contains_key(&sequence) {
            return;
        }
        if !self.queue.contains(&sequence) {
            self.queue.push_back(sequence);
        }
        self.deliver(store, at, out);
    }

    /// A heartbeat: the lease counts from now, whoever holds it.
    pub(super) fn renews(&mut self, sequence: u64, now: u64) {
        if let Some(lease) = self.leases.get_mut(&sequence) {
            lease.since = now;
            self.kept.delivered(lease.delivery, sequence, 1, now, now);
        }
    }

    /// Looks for leases that are over.
    pub(super) fn check_leases(&mut self, store: &Store, at: Moment<'_>, out: &mut Vec<Sent>) {
        let first = store.first();
        let mut next = self.ack_wait + LEASE_DELAY;
        let mut over = Vec::new();
        let mut gone = Vec::new();
        for (&sequence, lease) in &self.leases {
            let elapsed = at.now.saturating_sub(lease.since);
            if sequence < first || sequence <= self.floor.1 {
                gone.push((sequence, lease.delivery));
            } else if elapsed < self.ack_wait {
                next = next.min(self.ack_wait - elapsed);
            } else if !self.queue.contains(&sequence) {
                over.push(sequence);
            }
        }
        for (sequence, delivery) in &gone {
            self.leases.remove(sequence);
            self.again.remove(sequence);
            self.queue.retain(|queued| queued != sequence);
            self.floor = (self.floor.0.max(*delivery), self.floor.1.max(*sequence));
        }
        let ended = over.first().and_then(|sequence| self.leases.get(sequence));
        let late = ended.map_or(0, |lease| at.now - lease.since);
        for sequence in &over {
            if let Some(lease) = self.leases.get_mut(sequence) {
                lease.since += late;
            }
        }
        self.queue.extend(&over);
        if self.leases.is_empty() {
            self.queue.clear();
            self.floor = (self.next_delivery - 1, self.next_sequence - 1);
            self.check = None;
        } else {
            self.check = Some(at.now + next);
        }
        if !gone.is_empty() {
            self.keep(at.now);
        }
        if !over.is_empty() {
            self.deliver(store, at, out);
        }
    }
}
