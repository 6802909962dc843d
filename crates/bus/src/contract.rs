//! The contract of a road: what each call promises, in words and types.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use alt::Json;
use protocol::{
    Answer, AttemptKey, Cancellation, End, Epoch, Heartbeat, Insights, Offer, Quarantined,
    Question, RunId, RunRecord, Started, Stored, Submission, Timestamp, Verdict,
};

use crate::lease::Lease;

/// What went wrong, as a decision for the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody answered in time: the write may or may not have happened. Read before deciding.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    /// Another coordinator owns the run now: stop, publish nothing more.
    #[error("run {0} has another owner")]
    Fenced(RunId),
    /// The lease is over: another may hold the message.
    #[error("the lease has expired")]
    LeaseLost,
    /// The run is not known here, or long over.
    #[error("run {0} is not known")]
    UnknownRun(RunId),
    /// Another submission was stored under this run id: choose another key.
    #[error("run {0} was submitted before with another file or other settings")]
    OtherSubmission(RunId),
    /// The run has its end: there is nothing to conduct.
    #[error("run {0} has ended")]
    Ended(RunId),
    /// News of a run were missed: follow it again from the start.
    #[error("news of run {0} were missed")]
    Missed(RunId),
    /// The road will not do it, and will not do it next time either.
    #[error("{0}")]
    Refused(String),
    /// A stored message does not decode.
    #[error("a stored message is damaged")]
    Damaged(#[from] protocol::codec::Error),
    /// The road is being taken down.
    #[error("the bus is closed")]
    Closed,
}

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is stored: exactly one LAST will come.
    New,
    /// A submission with this run id was stored before.
    Already,
}

/// The right to conduct a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owned {
    /// What fences every older owner.
    pub epoch: Epoch,
    /// Whether no owner was there before: then nothing of the run was ever offered, unless it has
    /// ended meanwhile, which forgets its owners; [`Bus::follow`] looks for that.
    pub first: bool,
}

/// What was said of a run before, as far as whoever takes it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// Nobody conducted it: nothing of it was offered, so no attempt has a verdict.
    Blank,
    /// Anything.
    Unknown,
}

/// What became of a verdict, of what a model said, or of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is the first for its attempt or its run, and so the truth.
    Stored,
    /// Another was first; this one changes nothing.
    Refused,
}

/// A submission as its stream has it.
pub type StoredSubmission = Stored<Submission>;

/// News of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A worker says that it began an attempt. May be lost, never repeated.
    Started(Stored<Started>),
    /// A verdict was stored. Never lost: each arrives at least once, in stream order.
    Verdict {
        /// The queue it was stored for, which need not be that of its task.
        queue: String,
        /// What was stored.
        verdict: Box<Stored<Verdict>>,
    },
    /// A cancellation was stored. Never lost.
    Cancelled(Stored<Cancellation>),
    /// All that was stored before the follower came has been told. Comes once.
    CaughtUp(Timestamp),
}

/// A submission under lease. Dropping it without a word lets the lease run out.
pub trait RunClaim: Send + Sync + 'static {
    /// What was asked.
    fn submission(&self) -> &StoredSubmission;
    /// Whether it was handed out for the first time. A hint: a restarted server may have forgotten.
    fn past(&self) -> Past;
    /// Renews the lease.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] once it ran out.
    fn extend(&self) -> impl Future<Output = Result<(), Error>> + Send;
    /// The lease as it was last confirmed, by the claim or by [`RunClaim::extend`].
    fn lease(&self) -> Lease;
    /// The run is over: forget the submission.
    fn ack(self) -> impl Future<Output = Result<(), Error>> + Send;
    /// Hands the submission back, at once available to others.
    fn release(self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// An offer under lease. Dropping it without a word lets the lease run out: that is how a worker
/// dies, and the offer then goes to another.
pub trait Claim: Send + Sync + 'static {
    /// What is to be run.
    fn offer(&self) -> &Offer;
    /// How often this offer was handed out, from 1; above 1 a verdict may already be stored.
    fn deliveries(&self) -> u32;
    /// The lease as it was last confirmed, by the claim or by [`Claim::extend`].
    fn lease(&self) -> Lease;
    /// How long, while the offer waited, this process had a free slot and no seat for it: at least so
    /// much of its wait was for a limit. 0 for an offer that was handed out before.
    fn seat_wait(&self) -> Duration;
    /// Whether nobody needs an attempt any more, that of the offer or one that goes along with it: it has
    /// a verdict, or its run has ended.
    fn is_decided(&self, key: AttemptKey) -> impl Future<Output = Result<bool, Error>> + Send;
    /// How many workers began what the claim is at and were never heard of again. The first one who was
    /// given the offer is taken to have begun; the others said so by [`Claim::begin_again`].
    fn lost(&self) -> impl Future<Output = Result<u32, Error>> + Send;
    /// Says that a redelivered attempt begins here; to be called right before it does, and not
    /// while it may still wait: whoever waits in a process that dies did not kill it.
    fn begin_again(&self) -> impl Future<Output = Result<(), Error>> + Send;
    /// Renews the lease.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] once it ran out.
    fn extend(&self) -> impl Future<Output = Result<(), Error>> + Send;
    /// The attempt has its verdict: forget the offer and free its seat.
    fn ack(self) -> impl Future<Output = Result<(), Error>> + Send;
    /// Hands the offer back, at once available to others; charges nobody.
    fn release(self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// The ordered news of one run.
pub trait Follow: Send + Sync + 'static {
    /// The next news, several at once when several are there. Waits; cancel-safe.
    fn next(&mut self) -> impl Future<Output = Result<Vec<Heard>, Error>> + Send;
    /// Holds what was told against what is stored: to be called before anything lasting is made of it.
    /// A server that is killed may have told of a message that it had not kept yet.
    ///
    /// # Errors
    /// [`Error::Missed`] when some of it is not stored any more; it may come again with another date.
    fn confirm(&self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Requests to stop attempts.
pub trait Stops: Send + 'static {
    /// The next attempt to stop. Waits; cancel-safe. May name attempts this worker never had.
    fn next(&mut self) -> impl Future<Output = Result<AttemptKey, Error>> + Send;
}

/// Questions to the conductor of one run.
pub trait Questions: Send + 'static {
    /// The next question. Waits; cancel-safe. It is to be answered before the next is taken.
    fn next(&mut self) -> impl Future<Output = Result<Question, Error>> + Send;
    /// Answers the question that came last. Best effort: who asked may have gone.
    fn answer(&mut self, answer: Answer) -> impl Future<Output = ()> + Send;
}

/// The heartbeats of all workers.
pub trait Beats: Send + 'static {
    /// The next one. Waits; cancel-safe. Some may be lost.
    fn next(&mut self) -> impl Future<Output = Result<Heartbeat, Error>> + Send;
}

/// A road for messages. Cheap to clone; every clone is the same road.
///
/// Every call may be cancelled by dropping its future; a write is then unknown, not undone.
pub trait Bus: Clone + Debug + Send + Sync + 'static {
    /// A submission under lease.
    type RunClaim: RunClaim;
    /// An offer under lease.
    type Claim: Claim;
    /// The news of one run.
    type Follow: Follow;
    /// Requests to stop attempts.
    type Stops: Stops;
    /// Questions to the conductor of one run.
    type Questions: Questions;
    /// The heartbeats of all workers.
    type Beats: Beats;

    /// What the streams' clock shows, as well as this side knows it.
    fn now(&self) -> Timestamp;

    /// Makes sure the queues exist, each with the most attempts that may run from it at once: what people
    /// set of its job while the fleet runs, or else what is given here.
    fn declare(
        &self,
        queues: &BTreeMap<String, Option<u32>>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Makes anew what is missing of queues that were declared. What is there stays as it is: another
    /// may have changed it since, and for good reason.
    fn mend(
        &self,
        queues: &BTreeMap<String, Option<u32>>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Stores a submission; create-only by run id.
    ///
    /// # Errors
    /// [`Error::OtherSubmission`] when the id was used for something else.
    fn submit(
        &self,
        submission: Submission,
    ) -> impl Future<Output = Result<Accepted, Error>> + Send;

    /// Whether a client chose this id for a submission, taken by a coordinator or not yet.
    fn is_submitted(&self, run: RunId) -> impl Future<Output = Result<bool, Error>> + Send;

    /// The next submission nobody holds. Waits; cancel-safe.
    fn next_run(&self) -> impl Future<Output = Result<Self::RunClaim, Error>> + Send;

    /// Becomes the owner of a run: every older epoch is refused from here on. Whom it had before is
    /// looked for either way; where `past` is right, one time less.
    fn own(&self, run: RunId, past: Past) -> impl Future<Output = Result<Owned, Error>> + Send;

    /// Puts offers of one run on their queues; one that is there already stays as it is.
    ///
    /// # Errors
    /// [`Error::Fenced`] when `epoch` is not the run's newest. After any error some of the offers may
    /// be there all the same: whoever owns the run dispatches them again.
    fn dispatch(
        &self,
        epoch: Epoch,
        offers: &[Offer],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The offers of a run that nobody has acked, in any order: what a new owner finds under way. One
    /// that was acked just now may be among them still; its verdict is stored by then.
    fn outstanding(&self, run: RunId) -> impl Future<Output = Result<Vec<Offer>, Error>> + Send;

    /// Asks whoever runs the attempt to stop, and takes it off its queue if nobody does.
    fn stop(&self, queue: &str, key: AttemptKey) -> impl Future<Output = Result<(), Error>> + Send;

    /// Stores a verdict, create-only by attempt: the first one stored is the truth.
    fn record(
        &self,
        queue: &str,
        verdict: Verdict,
    ) -> impl Future<Output = Result<Recorded, Error>> + Send;

    /// The stored verdicts of these attempts, in the same order; `None` where none is stored.
    fn verdicts(
        &self,
        keys: Vec<(String, AttemptKey)>,
    ) -> impl Future<Output = Result<Vec<Option<Stored<Verdict>>>, Error>> + Send;

    /// The news of a run from its first verdict on. Where `past` is blank it need not be certain that
    /// a verdict is told before [`Heard::CaughtUp`]; it is told all the same.
    ///
    /// # Errors
    /// [`Error::Ended`] when `past` is blank and the run has ended: then its owners before were
    /// forgotten with it.
    fn follow(
        &self,
        run: RunId,
        past: Past,
    ) -> impl Future<Output = Result<Self::Follow, Error>> + Send;

    /// The next offer of these queues, by priority, that a seat is free for. Waits; cancel-safe.
    fn claim(&self, queues: &[String]) -> impl Future<Output = Result<Self::Claim, Error>> + Send;

    /// Requests to stop attempts, from now on.
    fn stops(&self) -> impl Future<Output = Result<Self::Stops, Error>> + Send;

    /// Says that an attempt began. Best effort.
    fn started(&self, started: Started) -> impl Future<Output = ()> + Send;

    /// Stores a request to cancel a run; the first one stands.
    fn cancel(&self, cancellation: Cancellation) -> impl Future<Output = Result<(), Error>> + Send;

    /// Replaces the record that lists and progress bars read; one without an end leaves one that has
    /// an end as it is, for whoever lost a run may still speak of it.
    fn report(&self, record: RunRecord) -> impl Future<Output = Result<(), Error>> + Send;

    /// The records of all runs that are still kept, the latest run first.
    fn records(&self) -> impl Future<Output = Result<Vec<RunRecord>, Error>> + Send;

    /// Asks the conductor of a run; `None` when nobody conducts it.
    fn ask(
        &self,
        run: RunId,
        question: Question,
    ) -> impl Future<Output = Result<Option<Answer>, Error>> + Send;

    /// Questions to the conductor of a run, from now on.
    fn questions(&self, run: RunId) -> impl Future<Output = Result<Self::Questions, Error>> + Send;

    /// Says that a worker lives and what it does. Best effort.
    fn beat(&self, beat: Heartbeat) -> impl Future<Output = ()> + Send;

    /// The heartbeats of all workers, from now on.
    fn beats(&self) -> impl Future<Output = Result<Self::Beats, Error>> + Send;

    /// What a job remembers under a key, if anything.
    fn recall(
        &self,
        job: &str,
        key: &str,
    ) -> impl Future<Output = Result<Option<Json>, Error>> + Send;

    /// Replaces what a job remembers under a key; the last one written stands.
    fn remember(
        &self,
        job: &str,
        key: &str,
        value: Json,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Keeps what could not be used, once, for an operator.
    fn quarantine(&self, item: Quarantined) -> impl Future<Output = Result<(), Error>> + Send;

    /// The record of a run, if it has one.
    fn record_of(
        &self,
        run: RunId,
    ) -> impl Future<Output = Result<Option<RunRecord>, Error>> + Send;

    /// Stores what a model said of a run, create-only: the first one stored stands, also once the run
    /// has ended.
    fn advise(&self, insights: Insights) -> impl Future<Output = Result<Recorded, Error>> + Send;

    /// What is stored of what a model said of a run, if anything is; that there is nothing is certain.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it cannot be read; nothing can be stored in its place.
    fn insights_of(
        &self,
        run: RunId,
    ) -> impl Future<Output = Result<Option<Insights>, Error>> + Send;

    /// Stores the end of a run, create-only, and forgets its offers and verdicts.
    fn end(&self, end: End) -> impl Future<Output = Result<Recorded, Error>> + Send;

    /// The end of a run, if it has one.
    fn end_of(&self, run: RunId) -> impl Future<Output = Result<Option<End>, Error>> + Send;

    /// Waits until the run has its end. Cancel-safe.
    fn ended(&self, run: RunId) -> impl Future<Output = Result<End, Error>> + Send;
}
