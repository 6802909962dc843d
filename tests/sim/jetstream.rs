//! A model of one nats-server 2.15.1 with JetStream: messages in, messages out, no clock of its own.
//!
//! It covers what the road over NATS uses (crates/bus/src/nats) and is held to the real server by
//! [`comparison`](super::comparison). What it leaves out: clusters, permissions, push consumers,
//! de-duplication by `Nats-Msg-Id`, delayed refusals, heartbeats of pulls, limits of an account.
//!
//! Who is connected and subscribed is not known here. Routing what is sent to subscribers, and word
//! that nobody takes a request, are the caller's: [`JetStream::listens`] says what the server itself
//! takes.

mod api;
mod batch;
mod clock;
mod config;
mod consumer;
mod direct;
mod faults;
mod info;
mod kept;
mod leases;
#[cfg(test)]
mod measured;
mod message;
mod publish;
mod pulls;
mod store;
mod stream;
mod subjects;

use std::collections::BTreeMap;

pub(crate) use self::message::{Headers, Message, Sent};
pub(crate) use self::store::Stored;

use self::message::Moment;
use self::stream::Stream;
use self::subjects::covers;

/// Whether anybody subscribes to a subject now.
pub(crate) type Interest<'a> = &'a dyn Fn(&str) -> bool;

/// A server with its streams and consumers.
#[derive(Debug)]
pub(crate) struct JetStream {
    server_id: String,
    streams: BTreeMap<String, Stream>,
}

/// What is due by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// A message ends.
    End,
    /// Batches are given up.
    Batch,
    /// Leases may be over.
    Leases,
    /// A pull is over.
    Pull,
}

impl JetStream {
    /// A server without streams.
    pub(crate) const fn new(server_id: String) -> Self {
        Self { server_id, streams: BTreeMap::new() }
    }

    /// The name of this start of the server.
    pub(crate) fn server_id(&self) -> &str {
        &self.server_id
    }

    /// Whether the server itself takes messages to a subject: a request to any other needs a
    /// subscriber, else nobody answers it (503).
    pub(crate) fn listens(&self, subject: &str) -> bool {
        let words: Vec<&str> = subject.split('.').collect();
        let has = |stream: &str, consumer: &str| {
            self.streams.get(stream).is_some_and(|it| it.consumers.contains_key(consumer))
        };
        match *words.as_slice() {
            ["$JS", "API", "DIRECT", "GET", stream, ..] => {
                self.streams.get(stream).is_some_and(|it| it.rules.direct)
            }
            ["$JS", "API", "CONSUMER", "MSG", "NEXT", stream, consumer] => has(stream, consumer),
            ["$JS", "ACK", stream, consumer, _, _, _, _, _] => has(stream, consumer),
            ["$JS", "API", ..] => true,
            _ => self.streams.values().any(|stream| stream.takes(subject)),
        }
    }

    /// Takes a message that some client published at `now`, nanoseconds since 1970; what the server
    /// sends because of it, in order. The message itself is not repeated.
    pub(crate) fn handle(
        &mut self,
        now: u64,
        message: &Message,
        interest: Interest<'_>,
    ) -> Vec<Sent> {
        let mut out = self.tick(now, interest);
        let at = Moment { now, interest };
        if let Some(asked) = message.subject.strip_prefix("$JS.API.") {
            self.ask(asked, message, at, &mut out);
        } else if message.subject.starts_with("$JS.ACK.") {
            let words: Vec<&str> = message.subject.split('.').collect();
            if let [_, _, stream, consumer, _, _, _, _, _] = *words.as_slice()
                && let Some(stream) = self.streams.get_mut(stream)
            {
                stream.hear(consumer, message, at, &mut out);
            }
        } else if let Some(stream) =
            self.streams.values_mut().find(|stream| stream.takes(&message.subject))
        {
            stream.publish(message, at, &mut out);
        }
        // Who gave no inbox hears nothing.
        out.retain(|sent| !sent.to.is_empty());
        out
    }

    /// What happens by itself up to and at `now`, each at its own time.
    pub(crate) fn tick(&mut self, now: u64, interest: Interest<'_>) -> Vec<Sent> {
        let mut out = Vec::new();
        while let Some((due, what, stream, consumer)) =
            self.dues().min_by_key(|(due, ..)| *due).filter(|(due, ..)| *due <= now)
        {
            let (stream, consumer) = (stream.to_owned(), consumer.to_owned());
            let at = Moment { now: due, interest };
            if let Some(stream) = self.streams.get_mut(&stream) {
                stream.come_due(what, &consumer, at, &mut out);
            }
        }
        out
    }

    /// When [`tick`](Self::tick) has something to do next.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.due_after(0)
    }

    /// The same after a time, as far as it is known now.
    pub(crate) fn due_after(&self, time: u64) -> Option<u64> {
        self.dues().map(|(due, ..)| due).filter(|due| *due > time).min()
    }

    /// Everything that is due by itself some time: when, what, in which stream, at which consumer.
    fn dues(&self) -> impl Iterator<Item = (u64, Due, &str, &str)> {
        self.streams.iter().flat_map(|(name, stream)| {
            let end = stream.store.next_end().map(|(end, _)| (end, Due::End, &**name, ""));
            let batch = stream.batches.values().map(|batch| batch.ends).min();
            let batch = batch.map(|end| (end, Due::Batch, &**name, ""));
            let consumers = stream.consumers.iter().flat_map(move |(own, consumer)| {
                let leases = consumer.check.map(|at| (at, Due::Leases, &**name, &**own));
                let pulls = consumer.next_time_out();
                let pulls = pulls.map(|at| (at, Due::Pull, &**name, &**own));
                leases.into_iter().chain(pulls)
            });
            end.into_iter().chain(batch).chain(consumers)
        })
    }

    /// Kill -9 and a new start at `now`: what is stored stays, pulls and unfinished batches are gone.
    ///
    /// What a consumer knows is on disk up to a tenth of a second late, so leases may be forgotten
    /// and counts of deliveries go back. `remembers` is asked of each stream and consumer whether
    /// that last bit was written too.
    pub(crate) fn restart(
        &mut self,
        now: u64,
        server_id: String,
        mut remembers: impl FnMut(&str, &str) -> bool,
    ) {
        self.server_id = server_id;
        for (name, stream) in &mut self.streams {
            stream.batches.clear();
            for (own, consumer) in &mut stream.consumers {
                consumer.restart(remembers(name, own), &stream.store, now);
            }
        }
    }

    /// A kill takes what was stored last and not written, a power cut what was not forced to disk:
    /// everything after `last`. To be followed by [`restart`](Self::restart).
    pub(crate) fn lose_tail(&mut self, stream: &str, last: u64) {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.store.cut(last);
        }
    }

    /// The messages of a stream by their sequences.
    pub(crate) fn messages(&self, stream: &str) -> impl Iterator<Item = (u64, &Stored)> {
        let stored = self.streams.get(stream).map(|stream| stream.store.messages());
        stored.into_iter().flatten().map(|(sequence, stored)| (*sequence, stored))
    }

    /// Those from a sequence on.
    #[cfg(feature = "sim")]
    pub(crate) fn since(
        &self,
        stream: &str,
        first: u64,
    ) -> impl DoubleEndedIterator<Item = (u64, &Stored)> {
        let stored = self.streams.get(stream).map(|stream| stream.store.messages().range(first..));
        stored.into_iter().flatten().map(|(sequence, stored)| (*sequence, stored))
    }

    /// The last sequence that a stream gave away.
    pub(crate) fn last_sequence(&self, stream: &str) -> u64 {
        self.streams.get(stream).map_or(0, |stream| stream.store.last())
    }

    /// The sequences that a consumer delivered and waits for, with how often each was delivered.
    pub(crate) fn leased(&self, stream: &str, consumer: &str) -> Vec<(u64, u64)> {
        let consumer = self.streams.get(stream).and_then(|stream| stream.consumers.get(consumer));
        let leased = consumer.into_iter().flat_map(|consumer| {
            let again = |sequence| consumer.again.get(sequence).copied().unwrap_or(0);
            consumer.leases.keys().map(move |sequence| (*sequence, again(sequence) + 1))
        });
        leased.collect()
    }
}

/// Whether a subscription to `pattern` is given what is sent to `subject`.
pub(crate) fn is_for(pattern: &str, subject: &str) -> bool {
    covers(pattern, subject)
}

impl Stream {
    fn come_due(&mut self, what: Due, consumer: &str, at: Moment<'_>, out: &mut Vec<Sent>) {
        let Self { store, consumers, .. } = self;
        match (what, consumers.get_mut(consumer)) {
            (Due::End, _) => {
                if let Some((_, sequence)) = store.next_end() {
                    self.remove(sequence, at.now);
                }
            }
            (Due::Batch, _) => self.give_up_batches(at.now),
            (Due::Leases, Some(consumer)) => consumer.check_leases(store, at, out),
            (Due::Pull, Some(consumer)) => {
                consumer.look_at_waiting(true, at, out);
                // Then it looks for more, and passes over what is not its own.
                consumer.deliver(store, at, out);
            }
            (Due::Leases | Due::Pull, None) => {}
        }
    }
}
