//! Storing what was published, if what its headers expect holds.

use serde_json::{Value, json};

use super::clock::written;
use super::config::Ttl;
use super::faults::Fault;
use super::message::{Headers, Message, Moment, Sent};
use super::stream::Stream;

pub(super) const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";
pub(super) const EXPECTED_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";
pub(super) const ROLLUP: &str = "Nats-Rollup";
pub(super) const TTL: &str = "Nats-TTL";

/// The sequence that a message expects, and the subject it is about.
pub(super) fn expected<'a>(
    headers: &'a Headers,
    subject: &'a str,
) -> Result<Option<(u64, &'a str)>, Fault> {
    let other = headers.get(EXPECTED_SUBJECT).filter(|it| !it.is_empty());
    match headers.get(EXPECTED).filter(|it| !it.is_empty()) {
        // What is no number is the largest there is.
        Some(sequence) => {
            Ok(Some((sequence.parse().unwrap_or(u64::MAX), other.unwrap_or(subject))))
        }
        None if other.is_some() => Err(Fault::no_expected_sequence()),
        None => Ok(None),
    }
}

impl Stream {
    /// A message for one of its subjects.
    pub(super) fn publish(&mut self, message: &Message, at: Moment<'_>, out: &mut Vec<Sent>) {
        if let Some(batch) = message.headers.get("Nats-Batch-Id").filter(|it| !it.is_empty()) {
            self.publish_in_batch(batch, message, at, out);
            return;
        }
        let stored = self.check(message).and_then(|()| self.store_one(message, at, out));
        let answer = match &stored {
            Ok(sequence) => json!({ "stream": self.name, "seq": sequence }),
            Err(fault) => self.refusal(fault),
        };
        if let Some(reply) = &message.reply {
            out.push(Sent::answer(reply, answer.to_string()));
        }
        if let Ok(sequence) = stored {
            self.announce(&[sequence], at, out);
        }
    }

    pub(super) fn refusal(&self, fault: &Fault) -> Value {
        json!({ "error": fault.json(), "stream": self.name, "seq": 0 })
    }

    fn check(&self, message: &Message) -> Result<(), Fault> {
        let headers = &message.headers;
        let ttl = Ttl::read(headers.get(TTL));
        if matches!(ttl, Ttl::After(_) | Ttl::Never) && !self.rules.ttl {
            return Err(Fault::ttl_disabled());
        }
        if let Some((sequence, subject)) = expected(headers, &message.subject)? {
            let last = self.store.last_of(subject).unwrap_or(0);
            if last != sequence {
                return Err(Fault::wrong_sequence(last));
            }
        }
        match headers.get(ROLLUP).filter(|it| !it.is_empty()) {
            Some(_) if !self.rules.rollup => Err(Fault::rollup("rollup not permitted")),
            None | Some("sub" | "all") => Ok(()),
            Some(other) => Err(Fault::rollup(format!("rollup value invalid: {other:?}"))),
        }?;
        if ttl == Ttl::Invalid { Err(Fault::ttl_invalid()) } else { Ok(()) }
    }

    /// Stores and repeats a message that may be stored, if there is room.
    pub(super) fn store_one(
        &mut self,
        message: &Message,
        at: Moment<'_>,
        out: &mut Vec<Sent>,
    ) -> Result<u64, Fault> {
        let Message { subject, headers, payload, .. } = message;
        let before = self.store.last_of(subject).unwrap_or(0);
        let ttl = match Ttl::read(headers.get(TTL)) {
            Ttl::After(ttl) => Some(ttl),
            _ => None,
        };
        let sequence = self.keep(subject, headers.clone(), payload.clone(), ttl, at.now)?;
        match headers.get(ROLLUP) {
            Some("sub") if self.rules.rollup => self.purge(Some(subject), 1, at.now),
            Some("all") if self.rules.rollup => self.purge(Some(">"), 1, at.now),
            _ => 0,
        };
        if let Some(to) = self.rules.repeated(subject) {
            let mut headers = headers.clone();
            headers.add("Nats-Stream", &self.name);
            headers.add("Nats-Subject", subject);
            headers.add("Nats-Sequence", sequence);
            headers.add("Nats-Time-Stamp", written(at.now));
            headers.add("Nats-Last-Sequence", before);
            let payload = payload.clone();
            let message = Message { subject: to.clone(), headers, payload, ..Message::default() };
            out.push(Sent { to, message });
        }
        Ok(sequence)
    }
}
