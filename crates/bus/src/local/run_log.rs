//! The news of one run in the order it was stored, read from the start by any number of followers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use protocol::{AttemptKey, Cancellation, Sequence, Stored, Timestamp, codec};
use tokio::sync::watch;

use crate::{Error, Follow, Heard, Recorded};

/// Most news handed over at once: bounds what a follower holds, not what it hears.
const BATCH: usize = 1024;

#[derive(Debug, Clone)]
enum Body {
    Started(Bytes),
    Verdict { queue: String, bytes: Bytes },
    Cancelled(Bytes),
}

/// One entry as the stream has it. Encoded, so that what has no wire form fails here too.
#[derive(Debug, Clone)]
struct Entry {
    at: Timestamp,
    body: Body,
}

#[derive(Debug, Default)]
struct Entries {
    list: Vec<Entry>,
    verdicts: HashMap<AttemptKey, usize>,
    cancelled: bool,
}

/// The log. Followers keep it alive after its run is forgotten, so the last news reach them.
#[derive(Debug)]
pub(super) struct RunLog {
    entries: Mutex<Entries>,
    length: watch::Sender<usize>,
}

impl RunLog {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { entries: Mutex::default(), length: watch::Sender::new(0) })
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // A panic between two field writes cannot happen here, so a poisoned lock is still whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, mut entries: MutexGuard<'_, Entries>, at: Timestamp, body: Body) {
        entries.list.push(Entry { at, body });
        // Told under the lock: told later, a shorter length could replace a longer one, and the
        // followers would sleep on with news in the list.
        self.length.send_replace(entries.list.len());
    }

    pub(super) fn started(&self, at: Timestamp, bytes: Bytes) {
        self.push(self.entries(), at, Body::Started(bytes));
    }

    pub(super) fn cancelled(&self, at: Timestamp, bytes: Bytes) {
        let mut entries = self.entries();
        if !std::mem::replace(&mut entries.cancelled, true) {
            self.push(entries, at, Body::Cancelled(bytes));
        }
    }

    pub(super) fn verdict(
        &self,
        queue: &str,
        key: AttemptKey,
        at: Timestamp,
        bytes: Bytes,
    ) -> Recorded {
        let mut entries = self.entries();
        if entries.verdicts.contains_key(&key) {
            return Recorded::Refused;
        }
        let place = entries.list.len();
        entries.verdicts.insert(key, place);
        self.push(entries, at, Body::Verdict { queue: queue.to_owned(), bytes });
        Recorded::Stored
    }

    pub(super) fn stored_verdict(
        &self,
        key: AttemptKey,
    ) -> Result<Option<Stored<protocol::Verdict>>, Error> {
        let found = {
            let entries = self.entries();
            entries.verdicts.get(&key).map(|&place| (place, entries.list[place].clone()))
        };
        let Some((place, entry)) = found else {
            return Ok(None);
        };
        match entry.body {
            Body::Verdict { bytes, .. } => stored(place, entry.at, &bytes).map(Some),
            Body::Started(_) | Body::Cancelled(_) => Ok(None),
        }
    }

    pub(super) fn follow(self: &Arc<Self>, now: Timestamp) -> LocalFollow {
        let length = self.length.subscribe();
        let backlog = Some((*length.borrow(), now));
        LocalFollow { length, log: Arc::clone(self), read: 0, backlog }
    }
}

fn stored<T: serde::de::DeserializeOwned>(
    place: usize,
    at: Timestamp,
    bytes: &[u8],
) -> Result<Stored<T>, Error> {
    let sequence = Sequence(u64::try_from(place).unwrap_or(u64::MAX) + 1);
    Ok(Stored { sequence, at, body: codec::decode(bytes)? })
}

/// A reader of one run's log.
#[derive(Debug)]
pub struct LocalFollow {
    log: Arc<RunLog>,
    length: watch::Receiver<usize>,
    read: usize,
    /// How much was there when it came, and when that was; `None` once that has been told.
    backlog: Option<(usize, Timestamp)>,
}

impl Follow for LocalFollow {
    async fn next(&mut self) -> Result<Vec<Heard>, Error> {
        let read = self.read;
        if let Some((_, came)) = self.backlog.take_if(|(stored, _)| *stored <= read) {
            return Ok(vec![Heard::CaughtUp(came)]);
        }
        self.length.wait_for(|length| *length > read).await.map_err(|_| Error::Closed)?;
        let fresh: Vec<Entry> = {
            let entries = self.log.entries();
            entries.list.iter().skip(read).take(BATCH).cloned().collect()
        };
        let news = fresh.iter().zip(read..).map(|(entry, place)| heard(entry, place));
        let news = news.collect::<Result<Vec<_>, Error>>()?;
        self.read += news.len();
        Ok(news)
    }

    async fn confirm(&self) -> Result<(), Error> {
        // It is told from what is kept.
        Ok(())
    }
}

fn heard(entry: &Entry, place: usize) -> Result<Heard, Error> {
    Ok(match &entry.body {
        Body::Started(bytes) => Heard::Started(stored(place, entry.at, bytes)?),
        Body::Verdict { queue, bytes } => Heard::Verdict {
            queue: queue.clone(),
            verdict: Box::new(stored(place, entry.at, bytes)?),
        },
        Body::Cancelled(bytes) => Heard::Cancelled(stored::<Cancellation>(place, entry.at, bytes)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_the_length_never_shrinks() {
        let log = RunLog::new();
        let push_and_look = || {
            let mut most = 0;
            (0..100_000).all(|_| {
                log.started(Timestamp::default(), Bytes::new());
                let told = *log.length.borrow();
                let before = std::mem::replace(&mut most, told);
                before < told
            })
        };
        let grew = std::thread::scope(|scope| {
            let pushers = [(); 4].map(|()| scope.spawn(push_and_look));
            pushers.map(|pusher| pusher.join().unwrap())
        });
        assert_eq!(grew, [true; 4]);
    }
}
