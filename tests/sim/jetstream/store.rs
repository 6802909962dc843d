//! The messages of one stream, by sequence and by subject.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::message::Headers;
use super::subjects::{covers, is_pattern, literal_start};

/// A message as a stream has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) subject: String,
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
    /// When it was stored, nanoseconds since 1970.
    pub(crate) time: u64,
    /// When it ends by itself, nanoseconds since 1970.
    pub(super) ends: Option<u64>,
}

/// Bytes of a message in a file of the server.
pub(super) fn size(subject: &str, headers: &Headers, payload: &Bytes) -> u64 {
    let head = if headers.is_empty() { 0 } else { 4 + headers.wire().len() };
    (22 + subject.len() + head + payload.len() + 8) as u64
}

impl Stored {
    pub(super) fn size(&self) -> u64 {
        size(&self.subject, &self.headers, &self.payload)
    }
}

#[derive(Debug, Default)]
pub(super) struct Store {
    messages: BTreeMap<u64, Stored>,
    places: BTreeMap<String, BTreeSet<u64>>,
    /// Messages that end by themselves: when, and which.
    ends: BTreeSet<(u64, u64)>,
    last: u64,
    last_time: u64,
    bytes: u64,
    /// Whether it was emptied before it had a message: then its first sequence is 1, not 0.
    emptied: bool,
}

impl Store {
    pub(super) fn messages(&self) -> &BTreeMap<u64, Stored> {
        &self.messages
    }

    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    pub(super) const fn last_time(&self) -> u64 {
        self.last_time
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn len(&self) -> u64 {
        self.messages.len() as u64
    }

    /// The first sequence; of an empty store the next one, and 0 before there was any.
    pub(super) fn first(&self) -> u64 {
        match self.messages.keys().next() {
            Some(first) => *first,
            None if self.last == 0 && !self.emptied => 0,
            None => self.last + 1,
        }
    }

    pub(super) fn subjects(&self) -> usize {
        self.places.len()
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Stored> {
        self.messages.get(&sequence)
    }

    /// The last message of a subject or pattern.
    pub(super) fn last_of(&self, subject: &str) -> Option<u64> {
        if is_pattern(subject) {
            return self.subjects_of(subject).filter_map(|(_, all)| all.last().copied()).max();
        }
        self.places.get(subject)?.last().copied()
    }

    /// How many messages a subject has.
    pub(super) fn count_of(&self, subject: &str) -> u64 {
        self.places.get(subject).map_or(0, |all| all.len() as u64)
    }

    pub(super) fn first_of(&self, subject: &str) -> Option<u64> {
        self.places.get(subject)?.first().copied()
    }

    /// The subjects that match, with their sequences.
    pub(super) fn subjects_of<'a>(
        &'a self,
        pattern: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a BTreeSet<u64>)> {
        let start = literal_start(pattern);
        let near = self.places.range(start.to_owned()..);
        let near = near.take_while(move |(subject, _)| subject.starts_with(start));
        near.filter(|(subject, _)| covers(pattern, subject))
            .map(|(subject, all)| (subject.as_str(), all))
    }

    /// The sequences that match from one on, in order.
    pub(super) fn matching(&self, pattern: &str, from: u64) -> Vec<u64> {
        let found = self.subjects_of(pattern).flat_map(|(_, all)| all.range(from..));
        let mut found: Vec<u64> = found.copied().collect();
        found.sort_unstable();
        found
    }

    /// The first message from a sequence on that matches one of the filters; any, if there are none.
    pub(super) fn next(&self, filters: &[String], from: u64) -> Option<u64> {
        let mut there = self.messages.range(from..);
        let wanted = |stored: &Stored| {
            filters.is_empty() || filters.iter().any(|filter| covers(filter, &stored.subject))
        };
        there.find(|(_, stored)| wanted(stored)).map(|(sequence, _)| *sequence)
    }

    /// How many messages match from a sequence on.
    pub(super) fn count(&self, filters: &[String], from: u64) -> u64 {
        if filters.is_empty() {
            return self.messages.range(from..).count() as u64;
        }
        let all = filters.iter().map(|filter| {
            let each = self.subjects_of(filter).map(|(_, all)| all.range(from..).count() as u64);
            each.sum::<u64>()
        });
        all.sum()
    }

    pub(super) fn put(&mut self, stored: Stored) -> u64 {
        self.last += 1;
        self.last_time = stored.time;
        self.bytes += stored.size();
        self.places.entry(stored.subject.clone()).or_default().insert(self.last);
        if let Some(end) = stored.ends {
            self.ends.insert((end, self.last));
        }
        self.messages.insert(self.last, stored);
        self.last
    }

    pub(super) fn take(&mut self, sequence: u64) -> Option<Stored> {
        let stored = self.messages.remove(&sequence)?;
        self.bytes -= stored.size();
        if let Some(all) = self.places.get_mut(&stored.subject) {
            all.remove(&sequence);
            if all.is_empty() {
                self.places.remove(&stored.subject);
            }
        }
        if let Some(end) = stored.ends {
            self.ends.remove(&(end, sequence));
        }
        Some(stored)
    }

    /// Forgets everything after a sequence, as if it had never been stored.
    pub(super) fn cut(&mut self, last: u64) {
        let late: Vec<u64> =
            self.messages.range(last + 1..).map(|(sequence, _)| *sequence).collect();
        for sequence in late {
            self.take(sequence);
        }
        self.last = self.last.min(last);
        self.last_time = self.messages.values().next_back().map_or(0, |stored| stored.time);
    }

    /// Takes note that everything was removed.
    pub(super) const fn empty(&mut self) {
        self.emptied = true;
    }

    /// The next message to end by itself: when, and which.
    pub(super) fn next_end(&self) -> Option<(u64, u64)> {
        self.ends.first().copied()
    }
}
