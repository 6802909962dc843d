//! Message queues: a stream of messages that wait, and one of dead letters.
//!
//! They are two, because a dead letter is written before its message goes, and must find room where
//! the queue is full.

use std::collections::BTreeMap;

use async_nats::HeaderMap;
use bytes::Bytes;
use protocol::{DeadLetter, QueueMessage, Sequence, codec, subject};
use serde::Deserialize;
use serde_json::json;
use tracing::warn;

use super::NatsBus;
use super::connect::Connection;
use super::direct::Found;
use crate::Error;
use crate::messages::{Backlog, Messages};

const QUEUES: &str = "QUEUES";
const DEAD: &str = "DEAD";

/// A part of what the server says of a stream.
#[derive(Debug, Deserialize)]
struct Info {
    #[serde(default)]
    total: u64,
    state: State,
}

#[derive(Debug, Deserialize)]
struct State {
    #[serde(default)]
    subjects: BTreeMap<String, u64>,
}

impl Connection {
    /// How many messages lie at each subject of a stream.
    async fn subjects(&self, stream: &str) -> Result<BTreeMap<String, u64>, Error> {
        let at = format!("STREAM.INFO.{stream}");
        let mut subjects = BTreeMap::new();
        loop {
            // A page has 100,000 subjects.
            let asked = json!({ "subjects_filter": ">", "offset": subjects.len() });
            let info = self.api::<Info>(&at, &asked).await?;
            let Info { total, state } = info.map_err(|fault| fault.into_error(&at))?;
            let is_last = state.subjects.is_empty();
            subjects.extend(state.subjects);
            if is_last || subjects.len() as u64 >= total {
                return Ok(subjects);
            }
        }
    }
}

fn read(found: Found) -> Option<QueueMessage> {
    let Found { subject: at, sequence, at: sent, body } = found;
    let (queue, id, key) = subject::queued(&at)?;
    let id = if id.is_empty() { format!("n{}", sequence.0) } else { id };
    Some(QueueMessage { queue: queue.to_owned(), sequence, id, key, at: sent, body })
}

impl Messages for NatsBus {
    async fn push(&self, queue: &str, id: &str, key: &str, body: Bytes) -> Result<bool, Error> {
        let to = subject::queue_message(queue, id, key);
        self.connection.create(&to, HeaderMap::new(), body).await
    }

    async fn messages(
        &self,
        queue: &str,
        from: Sequence,
        most: usize,
    ) -> Result<Vec<QueueMessage>, Error> {
        let mut messages = Vec::new();
        for pattern in subject::queue_messages(queue) {
            let found = self.connection.first(QUEUES, &pattern, from, most).await?;
            messages.extend(found.into_iter().filter_map(read));
        }
        messages.sort_unstable_by_key(|message| message.sequence);
        messages.truncate(most);
        Ok(messages)
    }

    async fn message(&self, place: Sequence) -> Result<Option<QueueMessage>, Error> {
        Ok(self.connection.at(QUEUES, place).await?.and_then(read))
    }

    async fn forget_message(&self, place: Sequence) -> Result<(), Error> {
        self.connection.delete(QUEUES, place).await
    }

    async fn bury(&self, letter: &DeadLetter) -> Result<bool, Error> {
        let to = subject::dead_letter(&letter.queue, letter.sequence);
        let body = codec::encode(letter)?;
        self.connection.create(&to, HeaderMap::new(), body.into()).await
    }

    async fn dead_letters(&self, queue: &str) -> Result<Vec<DeadLetter>, Error> {
        let found = self.connection.all(DEAD, &subject::dead_letters(queue), Sequence(1)).await?;
        let mut letters = Vec::with_capacity(found.len());
        for one in found {
            match codec::decode(&one.body) {
                Ok(letter) => letters.push(letter),
                // One that cannot be read hides no other.
                Err(error) => warn!(subject = one.subject, %error, "no dead letter"),
            }
        }
        Ok(letters)
    }

    async fn forget_dead_letter(&self, letter: &DeadLetter) -> Result<(), Error> {
        let at = subject::dead_letter(&letter.queue, letter.sequence);
        match self.connection.last(DEAD, &at).await? {
            Some(found) => self.connection.delete(DEAD, found.sequence).await,
            None => Ok(()),
        }
    }

    async fn backlogs(&self) -> Result<BTreeMap<String, Backlog>, Error> {
        let mut backlogs: BTreeMap<String, Backlog> = BTreeMap::new();
        for (at, count) in self.connection.subjects(QUEUES).await? {
            if let Some((queue, ..)) = subject::queued(&at) {
                backlogs.entry(queue.to_owned()).or_default().messages += count;
            }
        }
        for (at, count) in self.connection.subjects(DEAD).await? {
            if let Some(queue) = subject::buried(&at) {
                backlogs.entry(queue.to_owned()).or_default().dead += count;
            }
        }
        Ok(backlogs)
    }
}
