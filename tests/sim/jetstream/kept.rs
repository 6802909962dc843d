//! What a consumer has on disk: behind what it knows by up to a tenth of a second.

use std::collections::BTreeMap;

use super::consumer::{Consumer, LEASE_DELAY, Lease};
use super::store::Store;

/// How often it is written at most.
const PACE: u64 = 100_000_000;
const SECOND: u64 = 1_000_000_000;

/// How soon leases are looked at after a start: the server draws it, 0.5 to 1.5 s.
const FIRST_LOOK: u64 = 500_000_000;

/// How far a consumer got, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The last delivery and the last sequence delivered.
    pub(super) delivered: (u64, u64),
    pub(super) floor: (u64, u64),
    leases: BTreeMap<u64, Lease>,
    again: BTreeMap<u64, u64>,
}

/// The state that is to be written, and the one that was.
#[derive(Debug, Default)]
pub(super) struct Kept {
    state: State,
    written: State,
    /// Since when there is something to write.
    unwritten: Option<u64>,
}

impl Kept {
    pub(super) fn starting(sequence: u64) -> Self {
        let state = State { delivered: (0, sequence), floor: (0, sequence), ..State::default() };
        Self { written: state.clone(), state, unwritten: None }
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    /// Before a change: what was to be written has been, if it is long enough ago.
    fn change(&mut self, now: u64) {
        match self.unwritten {
            Some(since) if now < since + PACE => {}
            Some(_) => {
                self.written.clone_from(&self.state);
                self.unwritten = Some(now);
            }
            None => self.unwritten = Some(now),
        }
    }

    pub(super) fn delivered(
        &mut self,
        delivery: u64,
        sequence: u64,
        count: u64,
        since: u64,
        now: u64,
    ) {
        if delivery <= self.state.floor.0 {
            return;
        }
        self.change(now);
        let state = &mut self.state;
        if sequence > state.delivered.1 {
            state.leases.insert(sequence, Lease { delivery, since });
        } else if let Some(lease) = state.leases.get_mut(&sequence) {
            lease.since = since;
        }
        state.delivered.0 = state.delivered.0.max(delivery);
        state.delivered.1 = state.delivered.1.max(sequence);
        if count > 1 {
            let again = state.again.entry(sequence).or_default();
            *again = (*again).max(count - 1);
        }
    }

    pub(super) fn acked(&mut self, delivery: u64, sequence: u64, now: u64) {
        self.change(now);
        let state = &mut self.state;
        state.again.remove(&sequence);
        if delivery <= state.floor.0 {
            return;
        }
        let Some(lease) = state.leases.remove(&sequence) else { return };
        let delivery = if lease.delivery > 0 { delivery.min(lease.delivery) } else { delivery };
        if state.leases.is_empty() {
            state.floor = state.delivered;
        } else if delivery == state.floor.0 + 1 {
            state.floor = (delivery, sequence);
            if state.delivered.0 > delivery
                && let Some((sequence, lease)) = state.leases.range(sequence + 1..).next()
            {
                state.floor = (lease.delivery - 1, sequence - 1);
            }
        }
    }

    pub(super) fn forget_before(&mut self, first: u64, now: u64) {
        if self.state.again.range(..first).next().is_some() {
            self.change(now);
            self.state.again = self.state.again.split_off(&first);
        }
    }

    /// Takes a whole state, unless it is behind.
    fn replace(&mut self, state: State, now: u64) {
        let is_bad = state.floor.0 > state.delivered.0
            || state.floor.1 > state.delivered.1
            || state.leases.keys().any(|it| *it <= state.floor.1 || *it > state.delivered.1);
        let is_old =
            state.delivered.0 < self.state.delivered.0 || state.floor.1 < self.state.floor.1;
        if !is_bad && !is_old {
            self.change(now);
            self.state = state;
        }
    }

    /// What a start of the server reads.
    fn read(&mut self, all: bool, now: u64) -> State {
        if all || self.unwritten.is_some_and(|since| now >= since + PACE) {
            self.written.clone_from(&self.state);
        }
        self.unwritten = None;
        // Times are written in whole seconds.
        for lease in self.written.leases.values_mut() {
            lease.since = lease.since / SECOND * SECOND;
        }
        self.state.clone_from(&self.written);
        self.written.clone()
    }
}

impl Consumer {
    /// Writes its whole state.
    pub(super) fn keep(&mut self, now: u64) {
        let state = State {
            delivered: (self.next_delivery - 1, self.next_sequence - 1),
            floor: self.floor,
            leases: self.leases.clone(),
            again: self.again.clone(),
        };
        self.kept.replace(state, now);
    }

    /// A new start of the server: requests are gone, and the rest is as it was written. `all`: the
    /// last tenth of a second was written too.
    pub(super) fn restart(&mut self, all: bool, store: &Store, now: u64) {
        let state = self.kept.read(all, now);
        self.waiting.clear();
        self.queue.clear();
        self.next_delivery = state.delivered.0 + 1;
        self.next_sequence = state.delivered.1 + 1;
        self.floor = state.floor;
        self.leases = state.leases;
        self.again = state.again;
        self.last_delivery = None;
        self.last_ack = None;
        if store.last() < self.next_sequence - 1 {
            self.fall_back(store.last());
            self.keep(now);
        }
        self.check = (!self.leases.is_empty()).then(|| {
            let wait =
                if self.ack_wait < FIRST_LOOK { self.ack_wait + LEASE_DELAY } else { FIRST_LOOK };
            now + wait
        });
        self.recount(store);
        self.at_start = Some(self.shown(now));
    }

    /// The stream lost what this consumer has seen.
    fn fall_back(&mut self, last: u64) {
        if self.floor.1 > last {
            self.floor = (self.next_delivery.saturating_sub(1), last);
            self.leases.clear();
            self.again.clear();
        }
        self.leases.retain(|sequence, _| *sequence <= last);
        self.again.retain(|sequence, _| *sequence <= last);
        let latest = self.leases.last_key_value().map(|(sequence, _)| *sequence);
        let delivery = self.leases.values().map(|lease| lease.delivery).max();
        self.next_sequence = latest.unwrap_or(self.floor.1) + 1;
        self.next_delivery = delivery.unwrap_or(self.floor.0) + 1;
        self.kept = Kept::starting(0);
    }
}
