//! Reading a stream by direct get: one message, a list of subjects, or all of a pattern in order.
//!
//! In a cluster any server that keeps the stream answers, and one that lags says that there is
//! nothing where another has confirmed a message. So what rests on nothing being there is asked of
//! the stream's leader as well. A leader that was deposed and has not heard of it may still lag; what
//! is written on such an answer is refused, for a write needs a majority.

use std::collections::HashSet;
use std::time::Duration;

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures::StreamExt;
use protocol::{Sequence, Stored, Timestamp, codec};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::connect::{Connection, unanswered};
use crate::Error;

/// Subjects in one list: the server refuses more than 1024 (ADR-31).
pub(super) const SUBJECTS: usize = 1000;

/// Messages asked for at once while a pattern is read in order.
const PAGE: usize = 1000;

/// How long a page may take from one message to the next.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often, and after how long, what must be there is looked for again.
const LOOKS: usize = 5;
const LAG: Duration = Duration::from_millis(100);

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

/// A message as the interface wraps it.
#[derive(Debug, Deserialize)]
struct Wrapped {
    message: Raw,
}

#[derive(Debug, Deserialize)]
struct Raw {
    subject: String,
    seq: u64,
    time: String,
    /// In base64; absent when it is empty.
    #[serde(default)]
    data: String,
}

impl Raw {
    fn unwrap(self) -> Option<Found> {
        use base64::Engine as _;
        let body = base64::engine::general_purpose::STANDARD.decode(self.data).ok()?;
        let at = Timestamp::from_rfc3339(&self.time)?;
        let Self { subject, seq, .. } = self;
        Some(Found { subject, sequence: Sequence(seq), at, body: body.into() })
    }
}

/// Some of what was asked for.
struct Page {
    found: Vec<Found>,
    /// Whether there is more.
    more: bool,
}

impl Connection {
    /// One message as the leader of the stream has it: `asked` is `{"last_by_subj": …}`, or
    /// `{"seq": …, "next_by_subj": …}` for the first that matches from a place on.
    pub(super) async fn of_leader(
        &self,
        stream: &str,
        asked: &Value,
    ) -> Result<Option<Found>, Error> {
        let at = format!("STREAM.MSG.GET.{stream}");
        match self.api::<Wrapped>(&at, asked).await? {
            Ok(wrapped) => match wrapped.message.unwrap() {
                Some(found) => Ok(Some(found)),
                None => Err(Error::Unknown(format!("{at}: no message in the answer"))),
            },
            Err(fault) if fault.is_missing() => Ok(None),
            Err(fault) => Err(fault.into_error(&at)),
        }
    }

    /// The last message of `subject`; that there is none is certain.
    pub(super) async fn certain_last(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<Found>, Error> {
        match self.last(stream, subject).await? {
            None if self.is_clustered() => {
                self.of_leader(stream, &json!({ "last_by_subj": subject })).await
            }
            found => Ok(found),
        }
    }

    /// The last message of `subject`, looked for a few times: for who may not ask the leader. A
    /// server that keeps up lags by milliseconds.
    pub(super) async fn expected_last(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<Found>, Error> {
        let mut found = self.last(stream, subject).await?;
        for _ in 0..LOOKS {
            if found.is_some() || !self.is_clustered() {
                break;
            }
            sleep(LAG).await;
            found = self.last(stream, subject).await?;
        }
        Ok(found)
    }

    /// The last message of `subject` as the leader of its stream has it, where one replaces another:
    /// what is decided by it must not lag.
    pub(super) async fn newest(&self, stream: &str, subject: &str) -> Result<Option<Found>, Error> {
        if self.is_clustered() {
            self.of_leader(stream, &json!({ "last_by_subj": subject })).await
        } else {
            self.last(stream, subject).await
        }
    }

    /// The last message of `subject`, if there is one; a newer one may be there.
    pub(super) async fn last(&self, stream: &str, subject: &str) -> Result<Option<Found>, Error> {
        self.one(format!("$JS.API.DIRECT.GET.{stream}.{subject}"), Bytes::new()).await
    }

    /// What is answered by one message, or by none.
    async fn one(&self, at: String, asked: Bytes) -> Result<Option<Found>, Error> {
        let answer = self.answered(&at, self.client.request(at.clone(), asked)).await?;
        match answer.status.map(|status| status.as_u16()) {
            None => Found::new(answer).map(Some),
            Some(404) => Ok(None),
            Some(status) => {
                let said = answer.description.unwrap_or_default();
                Err(Error::Unknown(format!("{at}: {status} {said}")))
            }
        }
    }

    /// Whether any of `subjects`, at most [`SUBJECTS`], has a message; that none has is certain.
    pub(super) async fn has_any(&self, stream: &str, subjects: &[String]) -> Result<bool, Error> {
        let asked = json!({ "multi_last": subjects, "batch": 1 });
        // The first answer tells, and what comes behind it goes to nobody.
        let first = self.one(format!("$JS.API.DIRECT.GET.{stream}"), asked.to_string().into());
        if first.await?.is_some() {
            return Ok(true);
        }
        if self.is_clustered() {
            for subject in subjects {
                if self.of_leader(stream, &json!({ "last_by_subj": subject })).await?.is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The last message of each of `subjects`, at most [`SUBJECTS`]; those without one are left out,
    /// and it is certain that they have none.
    pub(super) async fn last_of_each(
        &self,
        stream: &str,
        subjects: &[String],
    ) -> Result<Vec<Found>, Error> {
        let mut found = self.found_of_each(stream, subjects.to_vec()).await?;
        if found.len() < subjects.len() && self.is_clustered() {
            let have: HashSet<_> = found.iter().map(|one| one.subject.clone()).collect();
            for subject in subjects.iter().filter(|subject| !have.contains(*subject)) {
                let asked = json!({ "last_by_subj": subject });
                found.extend(self.of_leader(stream, &asked).await?);
            }
        }
        Ok(found)
    }

    async fn found_of_each(
        &self,
        stream: &str,
        mut left: Vec<String>,
    ) -> Result<Vec<Found>, Error> {
        let mut found = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let asked = json!({ "multi_last": left, "batch": left.len() });
            let page = self.page(stream, &asked).await?;
            let more = page.more && !page.found.is_empty();
            found.extend(page.found);
            if !more {
                break;
            }
            // The answer was cut at the server's limit of bytes: ask for the rest.
            let have: HashSet<&str> =
                found.iter().map(|one: &Found| one.subject.as_str()).collect();
            left.retain(|subject| !have.contains(subject.as_str()));
        }
        Ok(found)
    }

    /// All messages that match `pattern` from `from` on, in stream order; newer ones may be there.
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

    /// The first messages that match `pattern` from `from` on; none when there are no more, or when
    /// they are new.
    pub(super) async fn some(
        &self,
        stream: &str,
        pattern: &str,
        from: Sequence,
    ) -> Result<Vec<Found>, Error> {
        self.first(stream, pattern, from, PAGE).await
    }

    /// The same, at most `most` of them.
    pub(super) async fn first(
        &self,
        stream: &str,
        pattern: &str,
        from: Sequence,
        most: usize,
    ) -> Result<Vec<Found>, Error> {
        let asked = json!({ "batch": most, "seq": from.0.max(1), "next_by_subj": pattern });
        Ok(self.page(stream, &asked).await?.found)
    }

    /// The first message that matches `pattern` from `from` on, if there is one; a newer one may be
    /// there. Where none is to be expected: to look for several, the server counts first how many
    /// there are, for which it reads all that lies behind `from`.
    pub(super) async fn next(
        &self,
        stream: &str,
        pattern: &str,
        from: Sequence,
    ) -> Result<Option<Found>, Error> {
        let asked = json!({ "seq": from.0.max(1), "next_by_subj": pattern });
        self.one(format!("$JS.API.DIRECT.GET.{stream}"), asked.to_string().into()).await
    }

    /// The message at a place, as the leader of the stream has it in a cluster.
    pub(super) async fn at(
        &self,
        stream: &str,
        sequence: Sequence,
    ) -> Result<Option<Found>, Error> {
        if self.is_clustered() {
            return self.of_leader(stream, &json!({ "seq": sequence.0 })).await;
        }
        let asked = json!({ "seq": sequence.0 });
        self.one(format!("$JS.API.DIRECT.GET.{stream}"), asked.to_string().into()).await
    }

    /// Deletes the message at a place; one that is gone already is no error.
    pub(super) async fn delete(&self, stream: &str, sequence: Sequence) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Deleted {}
        let at = format!("STREAM.MSG.DELETE.{stream}");
        let asked = json!({ "seq": sequence.0, "no_erase": true });
        match self.api::<Deleted>(&at, &asked).await? {
            Ok(Deleted {}) => Ok(()),
            Err(fault) if fault.is_missing() => Ok(()),
            Err(fault) => Err(fault.into_error(&at)),
        }
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
