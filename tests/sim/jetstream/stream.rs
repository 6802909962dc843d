//! One stream: its messages, its consumers, and what a change of one means for the other.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::batch::Batch;
use super::config::Rules;
use super::consumer::Consumer;
use super::faults::Fault;
use super::leases::Named;
use super::message::{Headers, Message, Moment, Sent};
use super::store::{Store, Stored, size};
use super::subjects::{covers, hears};

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) name: String,
    pub(super) config: Value,
    pub(super) rules: Rules,
    pub(super) created: u64,
    pub(super) store: Store,
    pub(super) consumers: BTreeMap<String, Consumer>,
    /// Atomic batches that are not complete.
    pub(super) batches: BTreeMap<String, Batch>,
}

impl Stream {
    pub(super) fn new(name: &str, config: Value, now: u64) -> Self {
        Self {
            name: name.to_owned(),
            rules: Rules::read(&config),
            config,
            created: now,
            store: Store::default(),
            consumers: BTreeMap::new(),
            batches: BTreeMap::new(),
        }
    }

    /// Whether a subject is one of its own.
    pub(super) fn takes(&self, subject: &str) -> bool {
        self.rules.subjects.iter().any(|own| covers(own, subject))
    }

    /// Stores a message, and removes what there is no room for any more.
    pub(super) fn keep(
        &mut self,
        subject: &str,
        headers: Headers,
        payload: Bytes,
        ttl: Option<u64>,
        now: u64,
    ) -> Result<u64, Fault> {
        self.has_room(subject, &headers, &payload)?;
        let age = self.rules.most_age.map(|age| now + age);
        let ends = age.into_iter().chain(ttl.map(|ttl| now + ttl)).min();
        let subject = subject.to_owned();
        let sequence =
            self.store.put(Stored { subject: subject.clone(), headers, payload, time: now, ends });
        if let Some(most) = self.rules.most_per_subject {
            while self.store.count_of(&subject) > most
                && let Some(first) = self.store.first_of(&subject)
            {
                self.remove(first, now);
            }
        }
        while self.rules.most.is_some_and(|most| self.store.len() > most)
            || self.rules.most_bytes.is_some_and(|most| self.store.bytes() > most)
        {
            self.remove(self.store.first(), now);
        }
        Ok(sequence)
    }

    fn has_room(&self, subject: &str, headers: &Headers, payload: &Bytes) -> Result<(), Fault> {
        let rules = &self.rules;
        if !rules.refuses {
            return Ok(());
        }
        // A message that replaces another needs no more room than that one leaves.
        let mut replaces = None;
        if rules.most_per_subject.is_some_and(|most| self.store.count_of(subject) >= most) {
            if rules.refuses_per_subject && headers.get("Nats-Rollup").is_none() {
                return Err(Fault::not_stored("maximum messages per subject exceeded"));
            }
            replaces = self.store.first_of(subject);
        }
        if replaces.is_none() && rules.most.is_some_and(|most| self.store.len() >= most) {
            return Err(Fault::not_stored("maximum messages exceeded"));
        }
        let size = size(subject, headers, payload);
        let leaves = replaces.and_then(|it| self.store.get(it)).map_or(0, Stored::size);
        if rules.most_bytes.is_some_and(|most| self.store.bytes() + size > most) && leaves < size {
            return Err(Fault::not_stored("maximum bytes exceeded"));
        }
        Ok(())
    }

    /// Tells the consumers of stored messages.
    pub(super) fn announce(&mut self, stored: &[u64], at: Moment<'_>, out: &mut Vec<Sent>) {
        let Self { store, consumers, .. } = self;
        for consumer in consumers.values_mut() {
            let subjects = stored.iter().filter_map(|it| Some((*it, &*store.get(*it)?.subject)));
            let own = subjects.filter(|(_, subject)| consumer.takes(subject));
            let own: Vec<u64> = own.map(|(sequence, _)| sequence).collect();
            consumer.stored(&own, store, at, out);
        }
    }

    /// Removes one message; whether it was there.
    pub(super) fn remove(&mut self, sequence: u64, now: u64) -> bool {
        let Some(stored) = self.store.take(sequence) else { return false };
        self.removed(sequence, &stored.subject, now);
        true
    }

    fn removed(&mut self, sequence: u64, subject: &str, now: u64) {
        for consumer in self.consumers.values_mut() {
            if consumer.filters.is_empty() || consumer.filters.iter().any(|it| hears(it, subject)) {
                consumer.removed(sequence, subject, now);
            }
        }
    }

    /// Removes what matches, but for the last `keep`; how many it were.
    pub(super) fn purge(&mut self, pattern: Option<&str>, keep: usize, now: u64) -> u64 {
        let subject = pattern.filter(|pattern| *pattern != ">" || keep > 0);
        let mut gone = match subject {
            Some(pattern) => self.store.matching(pattern, 1),
            None => self.store.messages().keys().copied().collect(),
        };
        gone.truncate(gone.len().saturating_sub(keep));
        for sequence in &gone {
            self.store.take(*sequence);
        }
        if subject.is_none() {
            self.store.empty();
        }
        match (gone.as_slice(), subject) {
            ([], _) => {}
            // Seen in 2.15.1: of a single message consumers are told by the pattern, which theirs
            // need not match as a subject; then they count it on.
            ([single], Some(pattern)) => self.removed(*single, pattern, now),
            _ => self.recount(now),
        }
        self.tell_purged(pattern, now);
        gone.len() as u64
    }

    fn recount(&mut self, now: u64) {
        let Self { store, consumers, .. } = self;
        for consumer in consumers.values_mut() {
            consumer.recount(store);
            consumer.forget_before(store.first(), now);
        }
    }

    fn tell_purged(&mut self, pattern: Option<&str>, now: u64) {
        let Self { store, consumers, .. } = self;
        let first = store.first();
        let left = match pattern {
            Some(pattern) => store.matching(pattern, first).first().copied().unwrap_or(0),
            None => first,
        };
        for consumer in consumers.values_mut() {
            let inside = pattern.is_none_or(|pattern| {
                consumer.filters.iter().any(|filter| covers(pattern, filter))
            });
            if inside {
                consumer.purged(left, store, false, now);
            } else if pattern.is_some_and(|pattern| consumer.takes(pattern)) {
                consumer.purged(first, store, true, now);
            }
        }
    }

    /// Takes what is said about a delivery.
    pub(super) fn hear(
        &mut self,
        name: &str,
        message: &Message,
        at: Moment<'_>,
        out: &mut Vec<Sent>,
    ) {
        let Self { store, consumers, .. } = self;
        let Some(consumer) = consumers.get_mut(name) else { return };
        let named = Named::parse(&message.subject);
        let mut answers = named.sequence > 0;
        match &*message.payload {
            b"" | b"+ACK" | b"+OK" => {
                // Seen in 2.15.1: where acks remove nothing, even one of sequence 0 is answered.
                answers |= !self.rules.is_queue;
                answers &= self.acked(name, named, at.now);
            }
            word if word.starts_with(b"+TERM") => {
                answers |= !self.rules.is_queue;
                answers &= self.acked(name, named, at.now);
            }
            word if word.starts_with(b"-NAK") => consumer.hands_back(named, store, at, out),
            b"+WPI" => consumer.renews(named.sequence, at.now),
            _ => {}
        }
        if let Some(reply) = message.reply.as_deref().filter(|_| answers) {
            out.push(Sent::answer(reply, Bytes::new()));
        }
    }

    /// Whether an ack counts. What no consumer needs any more leaves a queue.
    fn acked(&mut self, name: &str, named: Named, now: u64) -> bool {
        let Self { store, consumers, .. } = self;
        let Some(consumer) = consumers.get_mut(name) else { return false };
        if !consumer.acks(named, now) {
            return false;
        }
        let stored = store.get(named.sequence).filter(|_| self.rules.is_queue);
        let unneeded = stored.is_some_and(|stored| {
            !consumers.values().any(|it| it.needs(named.sequence, &stored.subject))
        });
        if unneeded {
            self.remove(named.sequence, now);
        }
        true
    }
}
