//! The contract of what is counted of jobs: one record a job, replaced by whoever adds to it.

use std::future::Future;

use protocol::JobStats;

use crate::Error;
use crate::timetable::Kept;

/// Where it is kept what was counted of each job.
pub trait Books: Clone + Send + Sync + 'static {
    /// What was counted of a job; nothing yet when there is no record.
    fn job_stats(&self, job: &str) -> impl Future<Output = Result<Kept<JobStats>, Error>> + Send;

    /// What was counted of all jobs of which something was, by name.
    fn all_job_stats(&self) -> impl Future<Output = Result<Vec<(String, JobStats)>, Error>> + Send;

    /// Replaces what was counted of a job if it is still what lies at `kept.position`; whether it was.
    fn replace_job_stats(
        &self,
        job: &str,
        kept: &Kept<JobStats>,
    ) -> impl Future<Output = Result<bool, Error>> + Send;
}
