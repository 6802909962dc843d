//! Several messages at once: all are stored, or none is (ADR-50).

use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use futures::StreamExt;
use tokio::time::timeout;

use super::Subscriber;
use super::api::{Fault, Published, parse};
use super::connect::{Connection, is_about, unanswered};
use super::pace::FEW;
use crate::Error;

/// How long several messages may take from one answer to the next.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of one batch: the server keeps it in memory until it is complete.
pub(super) const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What is known of messages that were to be stored: the outer error is the road's, the inner the
/// server's.
type Answer = Result<Result<Published, Fault>, Error>;

/// A message on its way into a stream.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Connection {
    /// Stores each of `messages` by itself, all on their way at once; the first fault, if any.
    ///
    /// The answers to many come to one inbox: an inbox, a timer and a waker for each would cost as much
    /// again as sending it. For few, a subscription would cost the server more.
    pub(super) async fn publish_each(&self, messages: Vec<Message>) -> Answer {
        if messages.len() < FEW {
            let sending = messages.into_iter().map(|message| async move {
                let Message { subject, headers, body } = message;
                self.publish(&subject, headers, body).await
            });
            let answers = futures::future::join_all(sending).await;
            return answers.into_iter().fold(Ok(Ok(Published { seq: 0 })), worse);
        }
        let inbox = self.client.new_inbox();
        let answers = self.client.subscribe(format!("{inbox}.*")).await;
        let answers = answers.map_err(|error| unanswered(&inbox, error))?;
        let subjects: Vec<_> = messages.iter().map(|message| message.subject.clone()).collect();
        let denied = self.denied(|denial| subjects.iter().any(|it| is_about(denial, it)));
        for (Message { subject, headers, body }, place) in messages.into_iter().zip(0_usize..) {
            self.check_size(&subject, &body)?;
            let (to, reply) = (subject.clone(), format!("{inbox}.{place}"));
            let sent = self.client.publish_with_reply_and_headers(to, reply, headers, body).await;
            sent.map_err(|error| Error::Refused(format!("{subject}: {error}")))?;
        }
        tokio::select! {
            biased;
            stored = all_stored(answers, &subjects) => stored,
            denial = denied => Err(denial),
        }
    }

    /// Stores all of `messages` or none: 1 to [`protocol::limits::BATCH`] of them, for one stream.
    ///
    /// Only the last one is answered: what a batch is refused for is told when it is complete.
    pub(super) async fn publish_all(&self, messages: Vec<Message>) -> Answer {
        let count = messages.len();
        // An inbox is named by a random word, and so is a batch: at most 64 bytes.
        let inbox = self.client.new_inbox();
        let batch = inbox.rsplit('.').next().unwrap_or_default();
        for (mut message, place) in messages.into_iter().zip(1_usize..) {
            message.headers.insert("Nats-Batch-Id", batch);
            message.headers.insert("Nats-Batch-Sequence", place.to_string());
            let Message { subject, mut headers, body } = message;
            if place < count {
                let sent = self.client.publish_with_headers(subject.clone(), headers, body).await;
                sent.map_err(|error| Error::Refused(format!("{subject}: {error}")))?;
                continue;
            }
            headers.insert("Nats-Batch-Commit", "1");
            let request = async_nats::Request::new().payload(body).headers(headers);
            let asking = self.client.send_request(subject.clone(), request);
            let answer = self.answered(&subject, asking).await?;
            return parse(&subject, &answer.payload);
        }
        Ok(Ok(Published { seq: 0 }))
    }
}

/// Hears an answer for each subject.
async fn all_stored(mut answers: Subscriber, subjects: &[String]) -> Answer {
    let mut stored = Ok(Ok(Published { seq: 0 }));
    for heard in 0..subjects.len() {
        let answer = match timeout(PATIENCE, answers.next()).await {
            Ok(Some(answer)) if answer.status.is_none() => answer,
            Ok(None) => return Err(Error::Closed),
            silent => {
                let why = if silent.is_ok() { "no stream takes it" } else { "no answer" };
                let of = format!("{heard} of {} answered", subjects.len());
                stored = worse(stored, Err(unanswered(&subjects[0], format!("{why}, {of}"))));
                break;
            }
        };
        let place = answer.subject.rsplit('.').next().and_then(|place| place.parse().ok());
        let subject = place.and_then(|place: usize| subjects.get(place));
        stored = worse(stored, parse(subject.unwrap_or(&subjects[0]), &answer.payload));
    }
    stored
}

/// What counts of two answers: the first that is not good, but a stale fence says most: whoever hears
/// of it stops.
fn worse(before: Answer, after: Answer) -> Answer {
    match (&before, &after) {
        (Ok(Ok(_)), _) => after,
        (_, Ok(Err(fault))) if fault.is_stale() => after,
        _ => before,
    }
}
