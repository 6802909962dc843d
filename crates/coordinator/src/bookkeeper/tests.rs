//! What is added comes to its record once, whatever the road does to the writes.

use alt::TaskIndex;
use protocol::{Attempt, AttemptKey, Failure, Outcome, RunId, Stored, Timestamp, Verdict};

use super::*;

/// What a road does with a write.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It is stored, and that is said.
    Stored,
    /// It is stored, and nothing is said.
    Unanswered,
    /// It is not stored, and nothing is said.
    Gone,
    /// Another writes first.
    Beaten,
    /// It is not stored, nothing is said, and another writes right after it.
    GoneAndBeaten,
    /// It is refused.
    Refused,
}

#[derive(Debug, Default)]
struct Shelf {
    /// The next one last; when they are over everything is stored.
    fates: Vec<Fate>,
    position: u64,
    record: JobStats,
}

/// A road with one record.
#[derive(Debug, Clone, Default)]
struct Road(Arc<Mutex<Shelf>>);

impl Road {
    fn of(fates: &[Fate]) -> Self {
        let fates = fates.iter().rev().copied().collect();
        Self(Arc::new(Mutex::new(Shelf { fates, ..Shelf::default() })))
    }

    fn attempts(&self) -> u64 {
        self.0.lock().unwrap().record.total.attempts()
    }
}

impl Shelf {
    fn put(&mut self, record: JobStats) {
        self.position += 1;
        self.record = record;
    }

    /// Another coordinator adds to it.
    fn beat(&mut self) {
        let mut record = self.record.clone();
        record.merge(&JobStats::default());
        self.put(record);
    }
}

impl Books for Road {
    async fn job_stats(&self, _job: &str) -> Result<Kept<JobStats>, Error> {
        let shelf = self.0.lock().unwrap();
        Ok(Kept { position: Sequence(shelf.position), record: shelf.record.clone() })
    }

    async fn all_job_stats(&self) -> Result<Vec<(String, JobStats)>, Error> {
        Ok(Vec::new())
    }

    async fn replace_job_stats(&self, _job: &str, kept: &Kept<JobStats>) -> Result<bool, Error> {
        let mut shelf = self.0.lock().unwrap();
        let fate = shelf.fates.pop().unwrap_or(Fate::Stored);
        if matches!(fate, Fate::Beaten) {
            shelf.beat();
        }
        let is_there = Sequence(shelf.position) == kept.position;
        if is_there && matches!(fate, Fate::Stored | Fate::Unanswered) {
            shelf.put(kept.record.clone());
        }
        if matches!(fate, Fate::GoneAndBeaten) {
            shelf.beat();
        }
        match fate {
            Fate::Stored | Fate::Beaten => Ok(is_there),
            Fate::Refused => Err(Error::Refused("no".to_owned())),
            _ => Err(Error::Unknown("no answer".to_owned())),
        }
    }
}

fn verdict(attempt: Attempt, outcome: Outcome, retryable: bool) -> AttemptFacts {
    let key = AttemptKey { run: RunId::from_bits(7), task: TaskIndex(0), attempt };
    let failure = Failure { message: String::new(), retryable };
    let body = Verdict { failure: Some(failure), ..Verdict::bare(key, outcome) };
    let verdict = Stored { sequence: Sequence(1), at: Timestamp(1), body };
    AttemptFacts { ready_at: Timestamp(0), verdict, perturbation: None }
}

fn counted(attempts: usize) -> BTreeMap<String, JobStats> {
    let mut counted = Counted::default();
    (0..attempts).for_each(|_| counted.count("j", &[verdict(Attempt::FIRST, Outcome::Ok, true)]));
    counted.by_job()
}

/// What comes of so many attempts on a road of such fates, while a coordinator is told to go.
async fn kept(fates: &[Fate], attempts: usize) -> u64 {
    let (road, metrics, done) = (Road::of(fates), Metrics::default(), CancellationToken::new());
    metrics.book.add(counted(attempts));
    done.cancel();
    keep_books(road.clone(), metrics, done).await;
    road.attempts()
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_not_answered_counts_once() {
    use Fate::{Beaten, Gone, GoneAndBeaten, Stored, Unanswered};
    for (fates, expected) in [
        (&[][..], 7),
        (&[Unanswered], 7),
        (&[Gone], 7),
        (&[Gone, Unanswered], 7),
        (&[Unanswered, Stored], 7),
        (&[Beaten, Beaten, Stored], 7),
        (&[Beaten, Unanswered], 7),
        // Whose write it was that the record moved by is not known: rather nothing than twice.
        (&[GoneAndBeaten], 0),
        (&[Gone, Beaten], 0),
    ] {
        assert_eq!(kept(fates, 7).await, expected, "{fates:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_kept_and_what_is_counted_meanwhile_is_added_to_it() {
    let (road, metrics, done) =
        (Road::of(&[Fate::Refused]), Metrics::default(), CancellationToken::new());
    let keeping = tokio::spawn(keep_books(road.clone(), metrics.clone(), done.clone()));
    metrics.book.add(counted(2));
    sleep(EVERY + AGAIN).await;
    assert_eq!(road.attempts(), 0);
    metrics.book.add(counted(3));
    sleep(EVERY * 2).await;
    assert_eq!(road.attempts(), 5);
    metrics.book.add(counted(1));
    done.cancel();
    keeping.await.unwrap();
    assert_eq!(road.attempts(), 6, "what was counted last is added before it goes");
}

#[tokio::test(start_paused = true)]
async fn a_road_that_is_gone_keeps_no_coordinator_for_ever() {
    assert_eq!(kept(&[Fate::Gone; 1000], 1).await, 0);
}

#[test]
fn a_retry_is_what_comes_after_a_failure_and_not_what_is_handed_on() {
    let second = Attempt::FIRST.next();
    let mut counted = Counted::default();
    counted.count("a", &[]);
    counted.count(
        "b",
        &[verdict(Attempt::FIRST, Outcome::Failed, true), verdict(second, Outcome::Ok, true)],
    );
    counted.count(
        "c",
        &[verdict(Attempt::FIRST, Outcome::Lost, true), verdict(second, Outcome::Ok, true)],
    );
    let by_job = counted.by_job();
    assert_eq!(by_job.keys().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!((by_job["b"].total.retried, by_job["b"].total.failed), (1, 1));
    assert_eq!((by_job["c"].total.retried, by_job["c"].total.handed_back), (0, 1));
}
