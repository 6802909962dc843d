//! The contract of what makes ticks: schedules kept by the road, ticks under lease, a record a job.

use std::fmt::Debug;
use std::future::Future;

use protocol::{JobRecord, Schedule, Sequence, Timestamp};

use crate::Error;

/// A record and its position: the one that a replacement must find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<T> {
    /// 0 when there was none.
    pub position: Sequence,
    /// The record; a new one when there was none.
    pub record: T,
}

/// A tick under lease. Dropping it without a word hands it to another when the lease is over.
pub trait Tick: Send + Sync + 'static {
    /// The job.
    fn job(&self) -> &str;
    /// When the road made it.
    fn at(&self) -> Timestamp;
    /// It was taken in: forget it.
    fn ack(self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// The ticks that nobody holds.
pub trait Ticks: Send + 'static {
    /// A tick under lease.
    type Tick: Tick;

    /// The next one. Waits; cancel-safe.
    fn next(&mut self) -> impl Future<Output = Result<Self::Tick, Error>> + Send;
}

/// What makes ticks. Every tick is made once, and handed to one taker at a time; of several that
/// nobody took, the last one is left.
pub trait Timetable: Clone + Debug + Send + Sync + 'static {
    /// The ticks that nobody holds.
    type Ticks: Ticks;

    /// Has ticks of `job` made by `schedule` from now on, or none. One that is as it must be goes on
    /// in its rhythm. False when another changed it at the same moment: to be asked again.
    ///
    /// # Errors
    /// [`Error::Refused`] when the road cannot make ticks so.
    fn schedule(
        &self,
        job: &str,
        schedule: Option<&Schedule>,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Makes the schedule of `job` anew if it is gone. What is there stays as it is: another may have
    /// changed it since, and for good reason.
    fn mend_schedule(
        &self,
        job: &str,
        schedule: &Schedule,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Ticks, from now on.
    fn ticks(&self) -> impl Future<Output = Result<Self::Ticks, Error>> + Send;

    /// The record of a job.
    fn job_record(&self, job: &str) -> impl Future<Output = Result<Kept<JobRecord>, Error>> + Send;

    /// The records of all jobs that have one, by name.
    fn job_records(&self) -> impl Future<Output = Result<Vec<(String, JobRecord)>, Error>> + Send;

    /// Replaces the record of a job if it is still the one at `kept.position`; whether it was.
    fn replace_job_record(
        &self,
        job: &str,
        kept: &Kept<JobRecord>,
    ) -> impl Future<Output = Result<bool, Error>> + Send;
}
