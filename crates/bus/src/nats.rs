//! The road of a fleet: JetStream streams for what must last, core messages for hints.
//!
//! Nothing is known here that the streams do not know. Every write is conditional, so that one made
//! twice counts once, and every conductor is fenced by the sequence of its owner record.

mod api;
mod claims;
mod connect;
mod definition;
mod desk;
#[cfg(not(feature = "sim"))]
mod dial;
mod direct;
mod durability;
mod follow;
mod memory;
mod messages;
mod offers;
mod pace;
mod publish;
mod queues;
mod recorder;
mod runs;
#[cfg(feature = "sim")]
pub mod simulated;
mod soft;
mod submissions;
mod timetable;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alt::Json;
use protocol::{
    Answer, AttemptKey, Cancellation, End, Epoch, Heartbeat, Insights, Offer, Quarantined,
    Question, RunId, RunRecord, Started, Stored, Submission, Timestamp, Verdict, subject,
};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{Instant, sleep};
use tracing::debug;

pub use self::claims::{NatsClaim, NatsRunClaim};
pub use self::connect::{Settings, without_password};
pub use self::definition::{Difference, Found, Part};
pub use self::follow::NatsFollow;
pub use self::soft::{NatsBeats, NatsQuestions, NatsStops};
pub use self::timetable::{NatsTick, NatsTicks};

#[cfg(not(feature = "sim"))]
use self::dial::{connect, own_clock};
#[cfg(not(feature = "sim"))]
use async_nats::{Client, Subscriber};
// The client of a simulated server, with as much of the real one's face as this road looks at.
#[cfg(feature = "sim")]
use self::simulated::{Client, Subscriber, connect, own_clock};

use self::connect::Connection;
use self::desk::Desk;
use self::pace::Pace;
use self::recorder::Recorder;
use crate::{Accepted, Bus, Error, Owned, Past, Recorded};

/// How long a cluster is waited for that is there and does not answer: its servers elect a leader
/// within seconds of losing one (seen in 2.15.1: two to eight).
const ELECTION: Duration = Duration::from_secs(30);

/// How often such a cluster is asked.
const AGAIN: Duration = Duration::from_millis(500);

/// A road over a NATS server.
#[derive(Debug, Clone)]
pub struct NatsBus {
    connection: Connection,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    recorder: Recorder,
    /// How offers go.
    offers: Pace,
    lease: Duration,
    /// One desk for each list of queues that a worker here serves.
    counters: Mutex<Vec<(Vec<String>, Desk)>>,
    submissions: OnceCell<Desk>,
    /// When the stream of submissions was made: with a sequence, it names a raw submission.
    born: OnceCell<String>,
}

impl NatsBus {
    /// Connects to a server that has its streams: see [`NatsBus::provision`]. A cluster that elects
    /// a leader is waited for, half a minute or, if the settings are patient, as long as it takes.
    ///
    /// # Errors
    /// [`Error::Refused`] when the server is out of reach, too old or will not have us, and when a
    /// stream is missing or other than it must be.
    pub async fn connect(settings: &Settings) -> Result<Self, Error> {
        let bus = Self::open(settings).await?;
        let late = Instant::now() + ELECTION;
        loop {
            // Clients and workers need not be allowed to look.
            match bus.connection.quietly(bus.check()).await {
                Ok(()) => return Ok(bus),
                Err(Error::Unknown(why))
                    if bus.connection.is_clustered()
                        && (settings.patient || Instant::now() < late) =>
                {
                    debug!(why, "the cluster has no leader yet; looking again");
                    sleep(AGAIN).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Connects and looks at nothing: for who makes the streams.
    ///
    /// # Errors
    /// [`Error::Refused`] when the server is out of reach, too old or will not have us.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let connection = Connection::open(settings).await?;
        let recorder = Recorder::open(connection.clone());
        let shared = Shared {
            recorder,
            offers: Pace::default(),
            lease: settings.lease,
            counters: Mutex::default(),
            submissions: OnceCell::new(),
            born: OnceCell::new(),
        };
        Ok(Self { connection, shared: Arc::new(shared) })
    }

    /// How far the server's clock is ahead of this machine's, milliseconds.
    #[must_use]
    pub fn clock_offset_ms(&self) -> i64 {
        self.connection.clock_offset()
    }

    /// The version of the server.
    #[must_use]
    pub fn server_version(&self) -> String {
        self.connection.client.server_info().version
    }

    /// Whether there is a connection now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection.client.connection_state() == async_nats::connection::State::Connected
    }
}

impl Bus for NatsBus {
    type RunClaim = NatsRunClaim;
    type Claim = NatsClaim;
    type Follow = NatsFollow;
    type Stops = NatsStops;
    type Questions = NatsQuestions;
    type Beats = NatsBeats;

    fn now(&self) -> Timestamp {
        self.connection.now()
    }

    async fn declare(&self, queues: &BTreeMap<String, Option<u32>>) -> Result<(), Error> {
        let set = self.set_limits().await?;
        for (queue, limit) in queues {
            let limit = limit.map(|declared| set.get(queue).copied().unwrap_or(declared));
            self.declare_queue(queue, limit).await?;
        }
        Ok(())
    }

    async fn mend(&self, queues: &BTreeMap<String, Option<u32>>) -> Result<(), Error> {
        for (queue, limit) in queues {
            self.mend_queue(queue, *limit).await?;
        }
        Ok(())
    }

    async fn submit(&self, submission: Submission) -> Result<Accepted, Error> {
        self.store_submission(&submission).await
    }

    async fn is_submitted(&self, run: RunId) -> Result<bool, Error> {
        Ok(self.connection.expected_last("RUN", &subject::digest(run)).await?.is_some())
    }

    async fn next_run(&self) -> Result<NatsRunClaim, Error> {
        self.take_submission().await
    }

    async fn own(&self, run: RunId, past: Past) -> Result<Owned, Error> {
        self.take_over(run, past).await
    }

    async fn dispatch(&self, epoch: Epoch, offers: &[Offer]) -> Result<(), Error> {
        self.store_offers(epoch, offers).await
    }

    async fn outstanding(&self, run: RunId) -> Result<Vec<Offer>, Error> {
        self.outstanding_offers(run).await
    }

    async fn stop(&self, queue: &str, key: AttemptKey) -> Result<(), Error> {
        self.withdraw_offer(queue, key).await
    }

    async fn record(&self, queue: &str, verdict: Verdict) -> Result<Recorded, Error> {
        self.store_verdict(queue, &verdict).await
    }

    async fn verdicts(
        &self,
        keys: Vec<(String, AttemptKey)>,
    ) -> Result<Vec<Option<Stored<Verdict>>>, Error> {
        self.stored_verdicts(keys).await
    }

    async fn follow(&self, run: RunId, past: Past) -> Result<NatsFollow, Error> {
        NatsFollow::open(self.connection.clone(), run, past).await
    }

    async fn claim(&self, queues: &[String]) -> Result<NatsClaim, Error> {
        self.take_offer(queues).await
    }

    async fn stops(&self) -> Result<NatsStops, Error> {
        NatsStops::open(&self.connection).await
    }

    async fn started(&self, started: Started) {
        self.say_started(&started).await;
    }

    async fn cancel(&self, cancellation: Cancellation) -> Result<(), Error> {
        self.store_cancellation(&cancellation).await
    }

    async fn report(&self, record: RunRecord) -> Result<(), Error> {
        self.store_record(&record).await
    }

    async fn records(&self) -> Result<Vec<RunRecord>, Error> {
        self.stored_records().await
    }

    async fn ask(&self, run: RunId, question: Question) -> Result<Option<Answer>, Error> {
        self.put_question(run, &question).await
    }

    async fn questions(&self, run: RunId) -> Result<NatsQuestions, Error> {
        NatsQuestions::open(&self.connection, run).await
    }

    async fn beat(&self, beat: Heartbeat) {
        self.say_beat(&beat).await;
    }

    async fn beats(&self) -> Result<NatsBeats, Error> {
        NatsBeats::open(&self.connection).await
    }

    async fn recall(&self, job: &str, key: &str) -> Result<Option<Json>, Error> {
        self.remembered(job, key).await
    }

    async fn remember(&self, job: &str, key: &str, value: Json) -> Result<(), Error> {
        self.store_memory(job, key, &value).await
    }

    async fn quarantine(&self, item: Quarantined) -> Result<(), Error> {
        self.store_quarantined(item).await
    }

    async fn record_of(&self, run: RunId) -> Result<Option<RunRecord>, Error> {
        self.stored_record(run).await
    }

    async fn advise(&self, insights: Insights) -> Result<Recorded, Error> {
        self.store_insights(&insights).await
    }

    async fn insights_of(&self, run: RunId) -> Result<Option<Insights>, Error> {
        self.stored_insights(run).await
    }

    async fn end(&self, end: End) -> Result<Recorded, Error> {
        self.store_end(&end).await
    }

    async fn end_of(&self, run: RunId) -> Result<Option<End>, Error> {
        self.certain_end(run).await
    }

    async fn ended(&self, run: RunId) -> Result<End, Error> {
        self.wait_for_end(run).await
    }
}
