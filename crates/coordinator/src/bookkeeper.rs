//! Adds what became of the attempts of each job to the job's record, run by run.
//!
//! An end is create-only, so one coordinator stores it, and that one counts the run: never two. It
//! adds what it has every few seconds; one that is killed takes with it what it had not added yet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bus::Error;
use bus::books::Books;
use bus::timetable::Kept;
use last::AttemptFacts;
use protocol::{JobStats, Sequence, Timestamp};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::Metrics;

/// How often what was counted is added to the records.
const EVERY: Duration = Duration::from_secs(2);

/// How long to wait after a road that failed; doubles up to [`AGAIN_MOST`].
const AGAIN: Duration = Duration::from_millis(500);
const AGAIN_MOST: Duration = Duration::from_secs(30);

/// How long a coordinator that goes tries to add what it still has.
const LAST: Duration = Duration::from_secs(5);

/// What is counted and not yet added, by job. Every clone is the same book.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book(Arc<Mutex<BTreeMap<String, JobStats>>>);

impl Book {
    fn open(&self) -> MutexGuard<'_, BTreeMap<String, JobStats>> {
        // Nothing below panics while it holds the lock, so the map is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message of a job that failed for good.
    pub(crate) fn add_dead_letter(&self, job: &str, at: Timestamp) {
        self.open().entry(job.to_owned()).or_default().count_dead_letter(at);
    }

    /// Adds what was counted of a run.
    pub(crate) fn add(&self, counted: BTreeMap<String, JobStats>) {
        let mut book = self.open();
        for (job, stats) in counted {
            book.entry(job).or_default().merge(&stats);
        }
    }
}

/// What is counted of one run, by the names that its tasks have for their jobs.
#[derive(Debug, Default)]
pub(crate) struct Counted<'a>(BTreeMap<&'a str, JobStats>);

impl<'a> Counted<'a> {
    /// Counts the attempts of a task, the oldest first.
    pub(crate) fn count(&mut self, job: &'a str, attempts: &[AttemptFacts]) {
        if attempts.is_empty() {
            return;
        }
        let stats = self.0.entry(job).or_default();
        let mut is_retry = false;
        for attempt in attempts {
            let verdict = &attempt.verdict;
            stats.count(verdict.at, &verdict.body, is_retry);
            // What was handed back is begun again through no fault of its own.
            is_retry = !verdict.body.is_handed_back();
        }
    }

    pub(crate) fn by_job(self) -> BTreeMap<String, JobStats> {
        self.0.into_iter().map(|(job, stats)| (job.to_owned(), stats)).collect()
    }
}

/// Adds what is counted in `metrics` to the records of the jobs until `done` fires, which is to be
/// when no run ends here any more; then once more.
pub async fn keep_books<B: Books>(bus: B, metrics: Metrics, done: CancellationToken) {
    let keeping = async {
        loop {
            let is_done = timeout(EVERY, done.cancelled()).await.is_ok();
            balance(&bus, &metrics.book).await;
            if is_done {
                return;
            }
        }
    };
    let late = async {
        done.cancelled().await;
        sleep(LAST).await;
    };
    tokio::select! {
        biased;
        () = keeping => {}
        () = late => warn!("what was counted of jobs in the end is lost"),
    }
}

/// Adds all that the book has.
async fn balance<B: Books>(bus: &B, book: &Book) {
    let counted = std::mem::take(&mut *book.open());
    for (job, stats) in counted {
        if let Err(error) = add(bus, &job, &stats).await {
            warn!(job.kind = job, %error, "what was counted of a job is kept for later");
            book.add(BTreeMap::from([(job, stats)]));
        }
    }
}

/// Adds to the record of a job, once.
///
/// # Errors
/// When it was not added, and it makes no sense to try again at once.
async fn add<B: Books>(bus: &B, job: &str, stats: &JobStats) -> Result<(), Error> {
    let mut wait = AGAIN;
    let mut doubtful = None;
    loop {
        match try_to_add(bus, job, stats, &mut doubtful).await {
            Ok(true) => return Ok(()),
            Ok(false) => continue,
            Err(Error::Unknown(why)) => warn!(job.kind = job, why, "counting again"),
            Err(error) if doubtful.is_some() => {
                warn!(job.kind = job, %error, "what was counted of a job may be lost");
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        sleep(wait).await;
        wait = AGAIN_MOST.min(wait * 2);
    }
}

/// Whether it was added. `doubtful` is where a write found the record that was never answered.
async fn try_to_add<B: Books>(
    bus: &B,
    job: &str,
    stats: &JobStats,
    doubtful: &mut Option<Sequence>,
) -> Result<bool, Error> {
    let Kept { position, mut record } = bus.job_stats(job).await?;
    // The record has moved: by that write or by another's. Rather nothing than twice.
    if doubtful.is_some_and(|found| found != position) {
        return Ok(true);
    }
    record.merge(stats);
    let replaced = bus.replace_job_stats(job, &Kept { position, record }).await;
    match replaced {
        Err(Error::Unknown(_)) => *doubtful = Some(position),
        // It moved this moment.
        Ok(false) if doubtful.is_some() => return Ok(true),
        _ => {}
    }
    replaced
}

#[cfg(test)]
mod tests;
