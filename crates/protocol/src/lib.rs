//! What is said: ids, messages, subjects, codec, limits.
//!
//! Coordinators, workers and clients share these types and nothing else: one noun, one type.

mod catalogue;
pub mod codec;
mod health;
mod id;
mod job_record;
mod job_stats;
pub mod limits;
mod media;
mod message;
pub mod planted;
mod question;
mod queue_message;
mod schedule;
pub mod subject;
mod time;
mod verdict;

pub use catalogue::{Catalogue, DEFAULT_QUEUE, Drain, JobPolicy, own_queue, seats_of};
pub use health::{Alert, Health, HealthStatus, Issue, OfJob};
pub use id::{Attempt, Epoch, InvalidId, RunId, Sequence, WorkerId};
pub use job_record::{
    JobRecord, LiveOptions, PastRun, SkippedTick, TickRun, UnderWay, WaitingTick,
};
pub use job_stats::{JobStats, SLOT_MS, SLOTS, Slot, Tally};
pub use media::media_type;
pub use message::{
    AttemptKey, Cancellation, Counts, End, Heartbeat, Input, Insights, Next, Offer, Perturbation,
    Quarantined, Reuse, RunRecord, RunStatus, RunningAttempt, Source, Started, Stored, Submission,
    Told,
};
pub use question::{Answer, Holder, Question, Reason, Snapshot, Standing, TaskView, Waiting, Why};
pub use queue_message::{DeadLetter, QueueMessage};
pub use schedule::{Misfire, Schedule};
pub use time::Timestamp;
pub use verdict::{ArtifactRecord, Body, Failure, MissingFile, Outcome, Verdict};
