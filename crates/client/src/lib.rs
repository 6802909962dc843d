//! What a door may call: submit, find, watch, cancel, fetch, retry; and the whole fleet in this process.

mod again;
mod download;
mod fetch;
mod find;
mod fleet;
mod health;
mod jobs;
mod model;
mod queues;
mod submit;
mod watch;

use std::collections::BTreeMap;

use bus::{Beats, Bus};
use protocol::{Answer, Cancellation, End, Heartbeat, Question, RunId, RunRecord, WorkerId};
use tokio::time::{Duration, timeout_at};

pub use again::{Again, AgainError, Selection};
pub use download::{DownloadError, download};
pub use fetch::{FetchError, Fetched, fetch_all, fetch_last, folder_of, verify_stored};
pub use find::{FindError, short};
pub use fleet::{LocalFleet, LocalSettings, StartError};
pub use health::JobLoad;
pub use model::{Model, SettingError};
pub use queues::PushError;
pub use submit::{Request, SubmitError, run_of_key};
pub use watch::{Seen, Watch};

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

    /// The records of all runs that are still kept, the latest run first.
    ///
    /// # Errors
    /// The bus's.
    pub async fn records(&self) -> Result<Vec<RunRecord>, bus::Error> {
        self.bus.records().await
    }

    /// Asks whoever conducts a run; `None` when nobody does.
    ///
    /// # Errors
    /// The bus's.
    pub async fn ask(&self, run: RunId, question: Question) -> Result<Option<Answer>, bus::Error> {
        self.bus.ask(run, question).await
    }

    /// The news of a run from its beginning.
    ///
    /// # Errors
    /// The bus's; [`bus::Error::UnknownRun`] when the run is over.
    pub async fn follow(&self, run: RunId) -> Result<B::Follow, bus::Error> {
        self.bus.follow(run, bus::Past::Unknown).await
    }

    /// The workers that are heard of within `listening`, by name, each with its latest word.
    ///
    /// # Errors
    /// The bus's.
    pub async fn workers(&self, listening: Duration) -> Result<Vec<Heartbeat>, bus::Error> {
        let until = tokio::time::Instant::now() + listening;
        let mut beats = self.bus.beats().await?;
        let mut heard: BTreeMap<WorkerId, Heartbeat> = BTreeMap::new();
        while let Ok(beat) = timeout_at(until, beats.next()).await {
            let beat = beat?;
            heard.insert(beat.worker.clone(), beat);
        }
        Ok(heard.into_values().collect())
    }
}
