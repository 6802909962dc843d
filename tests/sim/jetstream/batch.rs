//! Atomic batches (ADR-50): kept apart until their last message, then all stored or none.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::json;

use super::config::Ttl;
use super::faults::Fault;
use super::message::{Message, Moment, Sent};
use super::publish::{ROLLUP, TTL, expected};
use super::store::size;
use super::stream::Stream;

/// Messages of one batch at most.
const MOST: u64 = 1000;

/// Batches of one stream that are not complete, at most.
const IN_FLIGHT: usize = 50;

/// After how long a batch is given up that gets no further message.
const PATIENCE: u64 = 10_000_000_000;

/// Bytes of a batch's name at most.
const NAME: usize = 64;

/// A batch that is not complete.
#[derive(Debug)]
pub(super) struct Batch {
    messages: Vec<Message>,
    /// When it is given up.
    pub(super) ends: u64,
}

/// What the messages of a batch checked so far would do.
#[derive(Debug, Default)]
struct Staged {
    /// Messages and bytes that go to each subject.
    subjects: BTreeMap<String, (u64, u64)>,
    expected: BTreeMap<String, u64>,
}

impl Stream {
    pub(super) fn publish_in_batch(
        &mut self,
        name: &str,
        message: &Message,
        at: Moment<'_>,
        out: &mut Vec<Sent>,
    ) {
        let answer = match self.take_in_batch(name, message, at.now) {
            Ok(None) => Bytes::new(),
            Ok(Some(batch)) => match self.commit(&batch, at, out) {
                Ok(sequences) => {
                    let last = sequences.last().copied().unwrap_or_default();
                    let answer = json!({
                        "stream": self.name, "seq": last, "batch": name, "count": sequences.len(),
                    });
                    self.answer(message, answer.to_string().into(), out);
                    self.announce(&sequences, at, out);
                    return;
                }
                Err(fault) => self.refusal(&fault).to_string().into(),
            },
            Err(fault) => self.refusal(&fault).to_string().into(),
        };
        self.answer(message, answer, out);
    }

    fn answer(&self, message: &Message, answer: Bytes, out: &mut Vec<Sent>) {
        out.extend(message.reply.as_ref().map(|reply| Sent::answer(reply, answer)));
    }

    /// The whole batch, if this is its last message.
    fn take_in_batch(
        &mut self,
        name: &str,
        message: &Message,
        now: u64,
    ) -> Result<Option<Vec<Message>>, Fault> {
        if !self.rules.atomic {
            return Err(Fault::batches_disabled());
        }
        if name.len() > NAME {
            return Err(Fault::batch_name());
        }
        let place = message.headers.get("Nats-Batch-Sequence").filter(|it| !it.is_empty());
        let place = place.ok_or_else(Fault::no_batch_sequence)?.parse().unwrap_or(u64::MAX);
        let commit = message.headers.get("Nats-Batch-Commit");
        if !self.batches.contains_key(name) {
            if place > MOST {
                return Err(Fault::batch_too_large(MOST));
            }
            if place != 1 {
                return Err(Fault::batch_incomplete());
            }
            if self.batches.len() >= IN_FLIGHT {
                return Err(Fault::batches_in_flight());
            }
        }
        let mut batch =
            self.batches.remove(name).unwrap_or_else(|| Batch { messages: Vec::new(), ends: 0 });
        if commit.is_some_and(|commit| commit != "1") {
            return Err(Fault::batch_commit());
        }
        batch.messages.push(Message { reply: None, ..message.clone() });
        if batch.messages.len() as u64 != place {
            return Err(Fault::batch_incomplete());
        }
        if place > MOST {
            return Err(Fault::batch_too_large(MOST));
        }
        if commit.is_some() {
            return Ok(Some(batch.messages));
        }
        batch.ends = now + PATIENCE;
        self.batches.insert(name.to_owned(), batch);
        Ok(None)
    }

    fn commit(
        &mut self,
        batch: &[Message],
        at: Moment<'_>,
        out: &mut Vec<Sent>,
    ) -> Result<Vec<u64>, Fault> {
        let mut staged = Staged::default();
        for message in batch {
            self.check_staged(message, &mut staged)?;
        }
        batch.iter().map(|message| self.store_one(message, at, out)).collect()
    }

    fn check_staged(&self, message: &Message, staged: &mut Staged) -> Result<(), Fault> {
        let Message { subject, headers, payload, .. } = message;
        match Ttl::read(headers.get(TTL)) {
            Ttl::None => {}
            _ if !self.rules.ttl => return Err(Fault::ttl_disabled()),
            Ttl::Invalid => return Err(Fault::ttl_invalid()),
            Ttl::Never | Ttl::After(_) => {}
        }
        if let Some((sequence, about)) = expected(headers, subject)? {
            if staged.subjects.contains_key(about) {
                return Err(Fault::sequence_in_doubt());
            }
            let last = staged.expected.get(about).copied();
            let last = last.unwrap_or_else(|| self.store.last_of(about).unwrap_or(0));
            if last != sequence {
                return Err(Fault::wrong_sequence(last));
            }
            staged.expected.insert(about.to_owned(), last);
        }
        if let Some(rollup) = headers.get(ROLLUP).filter(|it| !it.is_empty()) {
            self.check_rollup(rollup, subject, staged)?;
        }
        let each = staged.subjects.entry(subject.clone()).or_default();
        each.0 += 1;
        each.1 += size(subject, headers, payload);
        let count = each.0;
        self.check_staged_room(message, count, staged)
    }

    fn check_rollup(&self, rollup: &str, subject: &str, staged: &Staged) -> Result<(), Fault> {
        match rollup {
            _ if !self.rules.rollup => Err(Fault::rollup("rollup not permitted")),
            "sub" if staged.subjects.contains_key(subject) => {
                Err(Fault::rollup("batch rollup sub invalid"))
            }
            "all" if !staged.subjects.is_empty() => Err(Fault::rollup("batch rollup all invalid")),
            "sub" | "all" => Ok(()),
            other => Err(Fault::rollup(format!("rollup value invalid: {other:?}"))),
        }
    }

    fn check_staged_room(
        &self,
        message: &Message,
        count: u64,
        staged: &Staged,
    ) -> Result<(), Fault> {
        let rules = &self.rules;
        if !rules.refuses {
            return Ok(());
        }
        let (messages, bytes) = staged
            .subjects
            .values()
            .fold((self.store.len(), self.store.bytes()), |(messages, bytes), each| {
                (messages + each.0, bytes + each.1)
            });
        if rules.most.is_some_and(|most| messages > most) {
            return Err(Fault::not_stored("maximum messages exceeded"));
        }
        if rules.most_bytes.is_some_and(|most| bytes > most) {
            return Err(Fault::not_stored("maximum bytes exceeded"));
        }
        let there = self.store.count_of(&message.subject) + count;
        let is_full = rules.refuses_per_subject
            && message.headers.get(ROLLUP).is_none_or(str::is_empty)
            && rules.most_per_subject.is_some_and(|most| there > most);
        if is_full {
            return Err(Fault::not_stored("maximum messages per subject exceeded"));
        }
        Ok(())
    }

    /// Gives up batches that got no further message.
    pub(super) fn give_up_batches(&mut self, now: u64) {
        self.batches.retain(|_, batch| batch.ends > now);
    }
}
