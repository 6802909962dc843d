//! Reading a stream by direct get: one message, a list of subjects, or all of a pattern in order.

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures::StreamExt;
use protocol::{Sequence, Stored, Timestamp, codec};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::connect::{Connection, unanswered};
use crate::Error;

/// Subjects in one list: the server refuses more than 1024 (ADR-31).
pub(super) const SUBJECTS: usize = 1000;

/// Messages asked for at once while a pattern is read in order.
const PAGE: usize = 1000;

/// How long a page may take from one message to the next.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// A message as a stream has it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) subject: String,
    pub(super) sequence: Sequence,
    pub(super) at: Timestamp,
    pub(super) body: Bytes,
}

impl Found {
    /// From a message that the server sent with its place in the stream.
    pub(super) fn new(message: Message) -> Result<Self, Error> {
        let headers = message.headers.as_ref();
        let said = |name| headers.and_then(|headers: &HeaderMap| headers.get(name));
        let place = said("Nats-Sequence").and_then(|text| text.as_str().parse().ok());
        let at = said("Nats-Time-Stamp").and_then(|text| Timestamp::from_rfc3339(text.as_str()));
        let subject = said("Nats-Subject").map(|text| text.as_str().to_owned());
        match (place, at, subject) {
            (Some(place), Some(at), Some(subject)) => {
                Ok(Self { subject, sequence: Sequence(place), at, body: message.payload })
            }
            _ => Err(Error::Unknown(format!("{}: no place in a stream", message.subject))),
        }
    }

    /// With its body read.
    pub(super) fn decode<T: DeserializeOwned>(&self) -> Result<Stored<T>, Error> {
        let body = codec::decode(&self.body)?;
        Ok(Stored { sequence: self.sequence, at: self.at, body })
    }
}

/// Some of what was asked for.
struct Page {
    found: Vec<Found>,
    /// Whether there is more.
    more: bool,
}

impl Connection {
    /// The last message of `subject`, if there is one.
    pub(super) async fn last(&self, stream: &str, subject: &str) -> Result<Option<Found>, Error> {
        let at = format!("$JS.API.DIRECT.GET.{stream}.{subject}");
        let answer = self.answered(&at, self.client.request(at.clone(), Bytes::new())).await?;
        match answer.status.map(|status| status.as_u16()) {
            None => Found::new(answer).map(Some),
            Some(404) => Ok(None),
            Some(status) => {
                let said = answer.description.unwrap_or_default();
                Err(Error::Unknown(format!("{at}: {status} {said}")))
            }
        }
    }

    /// The last message of each of `subjects`, at most [`SUBJECTS`]; those without one are left out.
    pub(super) async fn last_of_each(
        &self,
        stream: &str,
        subjects: &[String],
    ) -> Result<Vec<Found>, Error> {
        let mut found = Vec::with_capacity(subjects.len());
        let mut left = subjects.to_vec();
        while !left.is_empty() {
            let asked = json!({ "multi_last": left, "batch": left.len() });
            let page = self.page(stream, &asked).await?;
            let more = page.more && !page.found.is_empty();
            found.extend(page.found);
            if !more {
                break;
            }
            // The answer was cut at the server's limit of bytes: ask for the rest.
            let have: std::collections::HashSet<&str> =
                found.iter().map(|one: &Found| one.subject.as_str()).collect();
            left.retain(|subject| !have.contains(subject.as_str()));
        }
        Ok(found)
    }

    /// All messages that match `pattern` from `from` on, in stream order.
    pub(super) async fn all(
        &self,
        stream: &str,
        pattern: &str,
        from: Sequence,
    ) -> Result<Vec<Found>, Error> {
        let mut found: Vec<Found> = Vec::new();
        let mut next = from;
        loop {
            // A short page may have been cut by bytes, so only an empty one is the last.
            let page = self.some(stream, pattern, next).await?;
            let Some(last) = page.last() else {
                return Ok(found);
            };
            next = Sequence(last.sequence.0 + 1);
            found.extend(page);
        }
    }

    /// The first messages that match `pattern` from `from` on; none when there are no more.
    pub(super) async fn some(
        &self,
        stream: &str,
        pattern: &str,
        from: Sequence,
    ) -> Result<Vec<Found>, Error> {
        let asked = json!({ "batch": PAGE, "seq": from.0.max(1), "next_by_subj": pattern });
        Ok(self.page(stream, &asked).await?.found)
    }

    async fn page(&self, stream: &str, asked: &Value) -> Result<Page, Error> {
        let at = format!("$JS.API.DIRECT.GET.{stream}");
        let lost = |why: String| unanswered(&at, why);
        let inbox = self.client.new_inbox();
        let mut answers =
            self.client.subscribe(inbox.clone()).await.map_err(|error| lost(error.to_string()))?;
        let body = Bytes::from(asked.to_string());
        let sent = self.client.publish_with_reply(at.clone(), inbox, body).await;
        sent.map_err(|error| lost(error.to_string()))?;
        let mut found = Vec::new();
        loop {
            let answer = self.answered(&at, timeout(PATIENCE, answers.next())).await?;
            let answer = answer.ok_or(Error::Closed)?;
            match answer.status.map(|status| status.as_u16()) {
                None => found.push(Found::new(answer)?),
                // The end of the batch, with how many are left.
                Some(204) => {
                    let headers = answer.headers.as_ref();
                    let left = headers.and_then(|headers| headers.get("Nats-Num-Pending"));
                    let more = left.is_some_and(|left| left.as_str() != "0");
                    return Ok(Page { found, more });
                }
                Some(404) => return Ok(Page { found, more: false }),
                Some(status) => {
                    let said = answer.description.unwrap_or_default();
                    return Err(lost(format!("{status} {said}")));
                }
            }
        }
    }
}
