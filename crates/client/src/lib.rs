//! What a door may call: submit, watch, cancel, wait; and the whole fleet in this process.

mod fleet;

use bus::{Accepted, Bus};
use protocol::{Cancellation, Counts, End, RunId, RunRecord, Submission};
use tokio::time::{Duration, sleep};

pub use fleet::{LocalFleet, LocalSettings, StartError};

/// How often a watcher looks at a run's record.
const LOOK: Duration = Duration::from_millis(100);

/// What a watcher sees of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The counts changed, or the run has just begun.
    Progress(RunRecord),
    /// The LAST is stored.
    Ended(End),
}

/// A client of one road.
#[derive(Debug, Clone)]
pub struct Client<B> {
    bus: B,
}

impl<B: Bus> Client<B> {
    /// A client that talks over `bus`.
    pub const fn new(bus: B) -> Self {
        Self { bus }
    }

    /// Submits a file; from the answer on, exactly one LAST will come.
    ///
    /// # Errors
    /// The bus's. After [`bus::Error::Unknown`] submit the same again: it is create-only by run.
    pub async fn submit(&self, submission: Submission) -> Result<Accepted, bus::Error> {
        self.bus.submit(submission).await
    }

    /// Asks for a run to stop. What runs is given its grace, and a LAST is still written.
    ///
    /// # Errors
    /// The bus's; [`bus::Error::UnknownRun`] when the run is over.
    pub async fn cancel(&self, run: RunId, reason: &str) -> Result<(), bus::Error> {
        self.bus.cancel(Cancellation { run, reason: reason.to_owned() }).await
    }

    /// Waits for the end of a run.
    ///
    /// # Errors
    /// The bus's.
    pub async fn ended(&self, run: RunId) -> Result<End, bus::Error> {
        self.bus.ended(run).await
    }

    /// The record of a run, if it has one.
    ///
    /// # Errors
    /// The bus's.
    pub async fn record(&self, run: RunId) -> Result<Option<RunRecord>, bus::Error> {
        self.bus.record_of(run).await
    }

    /// The news of a run from its beginning.
    ///
    /// # Errors
    /// The bus's; [`bus::Error::UnknownRun`] when the run is over.
    pub async fn follow(&self, run: RunId) -> Result<B::Follow, bus::Error> {
        self.bus.follow(run).await
    }

    /// Waits for something new: other counts than `last`, or the end. Cancel-safe.
    ///
    /// # Errors
    /// The bus's.
    pub async fn watch(&self, run: RunId, last: Option<Counts>) -> Result<Seen, bus::Error> {
        let changed = async {
            loop {
                match self.bus.record_of(run).await? {
                    Some(record) if Some(record.counts) != last => return Ok(record),
                    _ => sleep(LOOK).await,
                }
            }
        };
        tokio::select! {
            biased;
            end = self.bus.ended(run) => end.map(Seen::Ended),
            record = changed => record.map(Seen::Progress),
        }
    }
}
