//! Storing verdicts: each by whoever has it, or several at once where this server does that faster.
//!
//! Where batches are faster (see [`super::pace`]) and many are on their way already, those that come
//! meanwhile wait and go together. So nobody waits for company, and nobody waits for a slow disk alone.

use std::sync::Arc;

use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::connect::Connection;
use super::pace::{Pace, Way};
use super::publish::{BATCH_BYTES, Message};
use crate::{Error, Recorded};

/// Batches on their way before verdicts wait for them: the fewer at once, the larger they are.
const SENDS: usize = 4;

/// Verdicts that go at once at most: more only make the first one wait.
const TOGETHER: usize = 512;

type Answer = Result<Recorded, Error>;

#[derive(Debug)]
struct Entry {
    subject: String,
    body: Bytes,
    answer: oneshot::Sender<Answer>,
}

/// Where verdicts are handed in.
#[derive(Debug)]
pub(super) struct Recorder {
    connection: Connection,
    pace: Arc<Pace>,
    entries: mpsc::Sender<Entry>,
}

impl Recorder {
    pub(super) fn open(connection: Connection) -> Self {
        let (entries, waiting) = mpsc::channel(TOGETHER);
        let pace = Arc::new(Pace::default());
        crate::task::spawn(record(connection.clone(), Arc::clone(&pace), waiting));
        Self { connection, pace, entries }
    }

    /// Stores `body` at `subject` unless something is there.
    pub(super) async fn record(&self, subject: String, body: Bytes) -> Answer {
        if self.pace.way() == Way::Apart {
            // Whoever has it stores it: to wake another for that costs more than the sending.
            let _turn = self.pace.begin(1);
            return create(&self.connection, &subject, body).await;
        }
        let (answer, answered) = oneshot::channel();
        let entry = Entry { subject, body, answer };
        self.entries.send(entry).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }
}

async fn create(connection: &Connection, subject: &str, body: Bytes) -> Answer {
    Ok(if connection.add(subject, body).await? { Recorded::Stored } else { Recorded::Refused })
}

/// Takes what waits and sends it, until nobody can hand in any more.
async fn record(connection: Connection, pace: Arc<Pace>, mut waiting: mpsc::Receiver<Entry>) {
    let sends = Arc::new(Semaphore::new(SENDS));
    while let Some(first) = waiting.recv().await {
        // While this waits for a place, others come in behind the first one.
        let Ok(place) = Arc::clone(&sends).acquire_owned().await else {
            return;
        };
        let mut bytes = first.body.len();
        let mut entries = vec![first];
        if sends.available_permits() == 0 {
            while entries.len() < TOGETHER && bytes < BATCH_BYTES {
                let Ok(entry) = waiting.try_recv() else { break };
                bytes += entry.body.len();
                entries.push(entry);
            }
        }
        let (connection, pace) = (connection.clone(), Arc::clone(&pace));
        crate::task::spawn(async move {
            store(&connection, &pace, entries).await;
            drop(place);
        });
    }
}

async fn store(connection: &Connection, pace: &Pace, entries: Vec<Entry>) {
    let turn = pace.begin(entries.len());
    if turn.way == Way::Together {
        let messages = entries.iter().map(|entry| Message {
            subject: entry.subject.clone(),
            headers: HeaderMap::new(),
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
        let recorded = create(connection, &entry.subject, entry.body.clone()).await;
        answer(entry, recorded);
    });
    futures::future::join_all(singles).await;
}

fn answer(entry: Entry, recorded: Answer) {
    // Who asked may have gone; the verdict stands all the same.
    let _ = entry.answer.send(recorded);
}
