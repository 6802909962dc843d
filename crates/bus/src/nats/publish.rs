//! Several messages at once: all are stored, or none is (ADR-50).

use async_nats::HeaderMap;
use bytes::Bytes;

use super::api::{Fault, Published, parse};
use super::connect::Connection;
use crate::Error;

/// Bytes of one batch: the server keeps it in memory until it is complete.
pub(super) const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// A message on its way into a stream.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Connection {
    /// Stores each of `messages` by itself, all on their way at once; the first fault, if any.
    pub(super) async fn publish_each(
        &self,
        messages: Vec<Message>,
    ) -> Result<Result<Published, Fault>, Error> {
        let sending = messages.into_iter().map(|Message { subject, headers, body }| async move {
            self.publish(&subject, headers, body).await
        });
        let mut stored = Ok(Ok(Published { seq: 0 }));
        for answer in futures::future::join_all(sending).await {
            // A stale fence says most: whoever hears of it stops.
            let worse = match (&stored, &answer) {
                (Ok(Ok(_)), _) => true,
                (_, Ok(Err(fault))) => fault.is_stale(),
                _ => false,
            };
            if worse {
                stored = answer;
            }
        }
        stored
    }

    /// Stores all of `messages` or none: 1 to [`protocol::limits::BATCH`] of them, for one stream.
    ///
    /// Only the last one is answered: what a batch is refused for is told when it is complete.
    pub(super) async fn publish_all(
        &self,
        messages: Vec<Message>,
    ) -> Result<Result<Published, Fault>, Error> {
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
