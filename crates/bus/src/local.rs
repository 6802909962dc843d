//! The road inside one process: the same promises as the fleet's, for as long as the process lives.

mod claims;
mod questions;
mod queues;
mod run_log;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alt::Json;
use bytes::Bytes;
use protocol::{
    Answer, AttemptKey, Cancellation, End, Epoch, Heartbeat, Insights, Offer, Quarantined,
    Question, RunId, RunRecord, Sequence, Started, Stored, Submission, Timestamp, Verdict, codec,
    subject,
};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tracing::warn;

pub use claims::{LocalClaim, LocalRunClaim, LocalStops};
pub use questions::{LocalBeats, LocalQuestions};
pub use run_log::LocalFollow;

use crate::{Accepted, Bus, Error, Owned, Past, Recorded};
use queues::Queues;
use run_log::RunLog;

/// How long a claim lasts without a word from its holder.
pub const LEASE: Duration = Duration::from_secs(10);
/// Stop requests a slow listener may lag behind before it is told that it missed some.
const STOPS: usize = 4096;
/// Heartbeats that a slow listener may lag behind.
const BEATS: usize = 256;

/// A road for coordinators, workers and clients of one process.
///
/// Messages are encoded and decoded as on the wire, so what cannot travel fails here as well.
#[derive(Debug, Clone)]
pub struct LocalBus {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Counts changes that a waiting claim may care about.
    changes: watch::Sender<u64>,
    stops: broadcast::Sender<AttemptKey>,
    beats: broadcast::Sender<Heartbeat>,
    /// Wall clock at `born`; from there on time is tokio's, so that tests can pause it.
    epoch: Timestamp,
    born: Instant,
}

#[derive(Debug)]
struct State {
    queues: Queues,
    runs: HashMap<RunId, Running>,
    /// Submissions that nobody holds, each with the moment from which it may be taken.
    unclaimed: VecDeque<(Instant, RunId)>,
    submitted: u64,
    /// What jobs remember, for as long as this process lives.
    memory: HashMap<String, Json>,
}

#[derive(Debug)]
struct Running {
    submission: Bytes,
    sequence: Sequence,
    at: Timestamp,
    epoch: Epoch,
    /// `None` once the run has ended.
    log: Option<Arc<RunLog>>,
    record: Option<RunRecord>,
    /// Where the conductor takes questions, while there is one.
    desk: Option<questions::Desk>,
    insights: Option<Bytes>,
    end: watch::Sender<Option<End>>,
}

impl Default for LocalBus {
    fn default() -> Self {
        Self::new(LEASE)
    }
}

impl LocalBus {
    /// An empty road whose leases last `lease`.
    #[must_use]
    pub fn new(lease: Duration) -> Self {
        let state = State {
            queues: Queues::new(lease),
            runs: HashMap::new(),
            unclaimed: VecDeque::new(),
            submitted: 0,
            memory: HashMap::new(),
        };
        let shared = Shared {
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
            stops: broadcast::Sender::new(STOPS),
            beats: broadcast::Sender::new(BEATS),
            epoch: Timestamp::now(),
            born: Instant::now(),
        };
        Self { shared: Arc::new(shared) }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code below panics while it holds the lock, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.epoch.after(self.born.elapsed())
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn log(&self, run: RunId) -> Result<Arc<RunLog>, Error> {
        let state = self.state();
        let running = state.runs.get(&run).ok_or(Error::UnknownRun(run))?;
        running.log.clone().ok_or(Error::UnknownRun(run))
    }
}

impl Bus for LocalBus {
    type RunClaim = LocalRunClaim;
    type Claim = LocalClaim;
    type Follow = LocalFollow;
    type Stops = LocalStops;
    type Questions = LocalQuestions;
    type Beats = LocalBeats;

    fn now(&self) -> Timestamp {
        self.shared.now()
    }

    async fn declare(&self, queues: &BTreeMap<String, Option<u32>>) -> Result<(), Error> {
        let mut state = self.shared.state();
        for (name, limit) in queues {
            state.queues.declare(name, *limit);
        }
        drop(state);
        self.shared.changed();
        Ok(())
    }

    async fn mend(&self, _: &BTreeMap<String, Option<u32>>) -> Result<(), Error> {
        // Nobody can take anything away here.
        Ok(())
    }

    async fn submit(&self, submission: Submission) -> Result<Accepted, Error> {
        let run = submission.run;
        let bytes = Bytes::from(codec::encode(&submission)?);
        let at = self.shared.now();
        let mut state = self.shared.state();
        if let Some(known) = state.runs.get(&run) {
            let same = known.submission == bytes;
            return if same { Ok(Accepted::Already) } else { Err(Error::OtherSubmission(run)) };
        }
        state.submitted += 1;
        let running = Running {
            submission: bytes,
            sequence: Sequence(state.submitted),
            at,
            epoch: Epoch(0),
            log: Some(RunLog::new()),
            record: None,
            desk: None,
            insights: None,
            end: watch::Sender::new(None),
        };
        state.runs.insert(run, running);
        state.unclaimed.push_back((Instant::now(), run));
        drop(state);
        self.shared.changed();
        Ok(Accepted::New)
    }

    async fn is_submitted(&self, run: RunId) -> Result<bool, Error> {
        Ok(self.shared.state().runs.contains_key(&run))
    }

    async fn next_run(&self) -> Result<LocalRunClaim, Error> {
        let mut changes = self.shared.changes.subscribe();
        loop {
            changes.borrow_and_update();
            let free_at = match claims::take_run(&self.shared)? {
                Ok(claim) => return Ok(claim),
                Err(free_at) => free_at,
            };
            tokio::select! {
                changed = changes.changed() => changed.map_err(|_| Error::Closed)?,
                () = reached(free_at) => {}
            }
        }
    }

    async fn own(&self, run: RunId, _: Past) -> Result<Owned, Error> {
        let mut state = self.shared.state();
        let running = state.runs.get_mut(&run).ok_or(Error::UnknownRun(run))?;
        let first = running.epoch == Epoch::default();
        running.epoch = Epoch(running.epoch.0 + 1);
        Ok(Owned { epoch: running.epoch, first })
    }

    async fn dispatch(&self, epoch: Epoch, offers: &[Offer]) -> Result<(), Error> {
        let encoded =
            offers.iter().map(|offer| codec::encode(offer).map(Bytes::from)).collect::<Vec<_>>();
        let mut state = self.shared.state();
        for offer in offers {
            let running = state.runs.get(&offer.run).ok_or(Error::UnknownRun(offer.run))?;
            if running.epoch != epoch {
                return Err(Error::Fenced(offer.run));
            }
        }
        let encoded = encoded.into_iter().collect::<Result<Vec<_>, _>>()?;
        for (offer, bytes) in offers.iter().zip(encoded) {
            state.queues.put(offer.key(), &offer.queue, offer.priority, bytes);
        }
        drop(state);
        self.shared.changed();
        Ok(())
    }

    async fn outstanding(&self, run: RunId) -> Result<Vec<Offer>, Error> {
        let offers = self.shared.state().queues.of_run(run);
        offers.iter().map(|bytes| codec::decode(bytes).map_err(Error::from)).collect()
    }

    async fn stop(&self, _queue: &str, key: AttemptKey) -> Result<(), Error> {
        self.shared.state().queues.withdraw(key);
        // Nobody listening is no fault: then nobody runs it either.
        let _ = self.shared.stops.send(key);
        self.shared.changed();
        Ok(())
    }

    async fn record(&self, queue: &str, verdict: Verdict) -> Result<Recorded, Error> {
        let bytes = Bytes::from(codec::encode(&verdict)?);
        let log = match self.shared.log(verdict.run) {
            Ok(log) => log,
            // The run is over: whatever it needed is stored, so this verdict is late.
            Err(Error::UnknownRun(_)) => return Ok(Recorded::Refused),
            Err(error) => return Err(error),
        };
        Ok(log.verdict(queue, verdict.key(), self.shared.now(), bytes))
    }

    async fn verdicts(
        &self,
        keys: Vec<(String, AttemptKey)>,
    ) -> Result<Vec<Option<Stored<Verdict>>>, Error> {
        let Some((_, first)) = keys.first() else {
            return Ok(Vec::new());
        };
        let log = self.shared.log(first.run)?;
        keys.iter().map(|(_, key)| log.stored_verdict(*key)).collect()
    }

    async fn follow(&self, run: RunId, past: Past) -> Result<LocalFollow, Error> {
        if past == Past::Blank && self.end_of(run).await?.is_some() {
            return Err(Error::Ended(run));
        }
        Ok(self.shared.log(run)?.follow(self.shared.now()))
    }

    async fn claim(&self, queues: &[String]) -> Result<LocalClaim, Error> {
        let _wanting = claims::Wanting::new(&self.shared, queues);
        let mut changes = self.shared.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(claim) = claims::take(&self.shared, queues)? {
                return Ok(claim);
            }
            let expiry = self.shared.state().queues.next_expiry();
            tokio::select! {
                changed = changes.changed() => changed.map_err(|_| Error::Closed)?,
                () = reached(expiry) => {}
            }
        }
    }

    async fn stops(&self) -> Result<LocalStops, Error> {
        Ok(LocalStops::new(self.shared.stops.subscribe()))
    }

    async fn started(&self, started: Started) {
        let (Ok(bytes), Ok(log)) = (codec::encode(&started), self.shared.log(started.key.run))
        else {
            return;
        };
        log.started(self.shared.now(), Bytes::from(bytes));
    }

    async fn cancel(&self, cancellation: Cancellation) -> Result<(), Error> {
        let bytes = Bytes::from(codec::encode(&cancellation)?);
        self.shared.log(cancellation.run)?.cancelled(self.shared.now(), bytes);
        Ok(())
    }

    async fn report(&self, record: RunRecord) -> Result<(), Error> {
        let mut state = self.shared.state();
        let running = state.runs.get_mut(&record.run).ok_or(Error::UnknownRun(record.run))?;
        let ended = running.record.as_ref().is_some_and(|there| there.end.is_some());
        if record.end.is_some() || !ended {
            running.record = Some(record);
        }
        Ok(())
    }

    async fn record_of(&self, run: RunId) -> Result<Option<RunRecord>, Error> {
        Ok(self.shared.state().runs.get(&run).and_then(|running| running.record.clone()))
    }

    async fn records(&self) -> Result<Vec<RunRecord>, Error> {
        let state = self.shared.state();
        let mut records: Vec<_> =
            state.runs.values().filter_map(|run| run.record.clone()).collect();
        records.sort_unstable_by_key(|record| std::cmp::Reverse((record.started, record.run)));
        Ok(records)
    }

    async fn ask(&self, run: RunId, question: Question) -> Result<Option<Answer>, Error> {
        let desk = self.shared.state().runs.get(&run).and_then(|running| running.desk.clone());
        match desk {
            Some(desk) => Ok(desk.ask(question).await),
            None => Ok(None),
        }
    }

    async fn questions(&self, run: RunId) -> Result<LocalQuestions, Error> {
        let (desk, questions) = questions::open();
        let mut state = self.shared.state();
        state.runs.get_mut(&run).ok_or(Error::UnknownRun(run))?.desk = Some(desk);
        Ok(questions)
    }

    async fn beat(&self, beat: Heartbeat) {
        // Nobody listening is no fault.
        let _ = self.shared.beats.send(beat);
    }

    async fn beats(&self) -> Result<LocalBeats, Error> {
        Ok(LocalBeats::new(self.shared.beats.subscribe()))
    }

    async fn recall(&self, job: &str, key: &str) -> Result<Option<Json>, Error> {
        Ok(self.shared.state().memory.get(&subject::memory(job, key)).cloned())
    }

    async fn remember(&self, job: &str, key: &str, value: Json) -> Result<(), Error> {
        self.shared.state().memory.insert(subject::memory(job, key), value);
        Ok(())
    }

    async fn quarantine(&self, item: Quarantined) -> Result<(), Error> {
        // Whoever submitted it lives in this process and has the reasons from the run's end.
        warn!(subject = item.subject, reasons = item.reasons.len(), "put into quarantine");
        Ok(())
    }

    async fn advise(&self, insights: Insights) -> Result<Recorded, Error> {
        let bytes = Bytes::from(codec::encode(&insights)?);
        let mut state = self.shared.state();
        let running = state.runs.get_mut(&insights.run).ok_or(Error::UnknownRun(insights.run))?;
        if running.insights.is_some() {
            return Ok(Recorded::Refused);
        }
        running.insights = Some(bytes);
        Ok(Recorded::Stored)
    }

    async fn insights_of(&self, run: RunId) -> Result<Option<Insights>, Error> {
        let stored = self.shared.state().runs.get(&run).and_then(|run| run.insights.clone());
        Ok(stored.map(|bytes| codec::decode(&bytes)).transpose()?)
    }

    async fn end_of(&self, run: RunId) -> Result<Option<End>, Error> {
        Ok(self.shared.state().runs.get(&run).and_then(|running| running.end.borrow().clone()))
    }

    async fn end(&self, end: End) -> Result<Recorded, Error> {
        let mut state = self.shared.state();
        let running = state.runs.get_mut(&end.run).ok_or(Error::UnknownRun(end.run))?;
        running.log = None;
        let first = running.end.send_if_modified(|slot| {
            let first = slot.is_none();
            slot.get_or_insert(end);
            first
        });
        Ok(if first { Recorded::Stored } else { Recorded::Refused })
    }

    async fn ended(&self, run: RunId) -> Result<End, Error> {
        let mut end = {
            let state = self.shared.state();
            state.runs.get(&run).ok_or(Error::UnknownRun(run))?.end.subscribe()
        };
        let found = end.wait_for(Option::is_some).await.map_err(|_| Error::Closed)?;
        found.clone().ok_or(Error::Closed)
    }
}

async fn reached(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
