//! Storing verdicts: what comes while others are on their way goes with the next, all at once.
//!
//! One alone is stored at once and alone; a busy worker's go in batches of whatever came meanwhile.
//! So nobody waits for company, and a disk that is forced at every write is forced once for many.

use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::api::EXPECTED_SEQUENCE;
use super::connect::Connection;
use super::publish::{BATCH_BYTES, Message};
use crate::{Error, Recorded};

/// Verdicts that go together at most: a larger batch only makes its first one wait.
const TOGETHER: usize = 256;

/// Batches on their way at once.
const UNDER_WAY: usize = 4;

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
        let waiting = std::sync::Arc::new(tokio::sync::Mutex::new(waiting));
        for _ in 0..UNDER_WAY {
            tokio::spawn(record(connection.clone(), std::sync::Arc::clone(&waiting)));
        }
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

type Waiting = std::sync::Arc<tokio::sync::Mutex<mpsc::Receiver<Entry>>>;

/// Takes what waits and stores it, until nobody can hand in any more.
async fn record(connection: Connection, waiting: Waiting) {
    loop {
        let mut entries = Vec::new();
        {
            let mut waiting = waiting.lock().await;
            let Some(first) = waiting.recv().await else {
                return;
            };
            let mut bytes = first.body.len();
            entries.push(first);
            while entries.len() < TOGETHER && bytes < BATCH_BYTES {
                let Ok(entry) = waiting.try_recv() else { break };
                bytes += entry.body.len();
                entries.push(entry);
            }
        }
        store(&connection, entries).await;
    }
}

async fn store(connection: &Connection, entries: Vec<Entry>) {
    if entries.len() > 1 {
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
