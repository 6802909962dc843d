//! Storing verdicts: each by itself while the server keeps up, together when it does not.
//!
//! A verdict is sent as it comes. When many are on their way already, because the disk is forced at
//! every write or the server is busy, those that come meanwhile wait and go as one batch: forced once
//! for all. So nobody waits for company, and nobody waits for a slow disk alone.

use std::sync::Arc;

use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::api::EXPECTED_SEQUENCE;
use super::connect::Connection;
use super::publish::{BATCH_BYTES, Message};
use crate::{Error, Recorded};

/// Verdicts on their way by themselves before others wait for them.
const SINGLES: usize = 48;

/// Verdicts that go together at most: a larger batch only makes its first one wait.
const TOGETHER: usize = 512;

/// Fewer than this go by themselves all the same: a batch costs the server more than a few messages.
const WORTHWHILE: usize = 16;

type Answer = Result<Recorded, Error>;

#[derive(Debug)]
struct Entry {
    subject: String,
    body: Bytes,
    answer: oneshot::Sender<Answer>,
}

/// Where verdicts are handed in.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    entries: mpsc::Sender<Entry>,
}

impl Recorder {
    pub(super) fn open(connection: Connection) -> Self {
        let (entries, waiting) = mpsc::channel(TOGETHER);
        tokio::spawn(record(connection, waiting));
        Self { entries }
    }

    /// Stores `body` at `subject` unless something is there.
    pub(super) async fn record(&self, subject: String, body: Bytes) -> Answer {
        let (answer, answered) = oneshot::channel();
        let entry = Entry { subject, body, answer };
        self.entries.send(entry).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }
}

/// Takes what waits and sends it, until nobody can hand in any more.
async fn record(connection: Connection, mut waiting: mpsc::Receiver<Entry>) {
    let singles = Arc::new(Semaphore::new(SINGLES));
    while let Some(first) = waiting.recv().await {
        // While this waits for a place, others come in behind the first one.
        let Ok(place) = Arc::clone(&singles).acquire_owned().await else {
            return;
        };
        let mut bytes = first.body.len();
        let mut entries = vec![first];
        if singles.available_permits() == 0 {
            while entries.len() < TOGETHER && bytes < BATCH_BYTES {
                let Ok(entry) = waiting.try_recv() else { break };
                bytes += entry.body.len();
                entries.push(entry);
            }
        }
        let connection = connection.clone();
        tokio::spawn(async move {
            store(&connection, entries).await;
            drop(place);
        });
    }
}

async fn store(connection: &Connection, entries: Vec<Entry>) {
    if entries.len() >= WORTHWHILE {
        let messages = entries.iter().map(|entry| Message {
            subject: entry.subject.clone(),
            headers: expected_none(),
            body: entry.body.clone(),
        });
        match connection.publish_all(messages.collect()).await {
            Ok(Ok(_)) => {
                entries.into_iter().for_each(|entry| answer(entry, Ok(Recorded::Stored)));
                return;
            }
            // One of them is there already, or the batch was cut off: each by itself then.
            Ok(Err(_)) | Err(Error::Unknown(_)) => {}
            Err(error) => {
                let text = error.to_string();
                entries
                    .into_iter()
                    .for_each(|entry| answer(entry, Err(Error::Refused(text.clone()))));
                return;
            }
        }
    }
    let singles = entries.into_iter().map(|entry| async move {
        let created = connection.create(&entry.subject, HeaderMap::new(), entry.body.clone()).await;
        let recorded =
            created.map(|created| if created { Recorded::Stored } else { Recorded::Refused });
        answer(entry, recorded);
    });
    futures::future::join_all(singles).await;
}

fn expected_none() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(EXPECTED_SEQUENCE, "0");
    headers
}

fn answer(entry: Entry, recorded: Answer) {
    // Who asked may have gone; the verdict stands all the same.
    let _ = entry.answer.send(recorded);
}
