//! Jobs that are run by themselves: how they stand, and what people may change while the fleet runs.

use bus::Bus;
use bus::timetable::Timetable;
use protocol::JobRecord;

use crate::Client;

/// How often a record is read again that another changed in between.
const TRIES: u32 = 10;

impl<B: Bus + Timetable> Client<B> {
    /// The records of all jobs that ever had a tick or were changed, by name.
    ///
    /// # Errors
    /// The bus's.
    pub async fn job_records(&self) -> Result<Vec<(String, JobRecord)>, bus::Error> {
        self.bus.job_records().await
    }

    /// The record of a job; a new one when there is none.
    ///
    /// # Errors
    /// The bus's.
    pub async fn job_record(&self, job: &str) -> Result<JobRecord, bus::Error> {
        self.bus.job_record(job).await.map(|kept| kept.record)
    }

    /// Changes the record of a job; coordinators follow within seconds. Gives back what it is then.
    ///
    /// # Errors
    /// The bus's; [`bus::Error::Unknown`] when others change it all the time.
    pub async fn change_job(
        &self,
        job: &str,
        change: impl Fn(&mut JobRecord) + Send + Sync,
    ) -> Result<JobRecord, bus::Error> {
        for _ in 0..TRIES {
            let mut kept = self.bus.job_record(job).await?;
            let (paused, set) = (kept.record.paused, kept.record.set);
            change(&mut kept.record);
            if kept.record.paused != paused || !kept.record.set.ticks_as(&set) {
                kept.record.since = Some(self.bus.now());
            }
            if self.bus.replace_job_record(job, &kept).await? {
                return Ok(kept.record);
            }
        }
        Err(bus::Error::Unknown(format!("the record of job `{job}` is changed all the time")))
    }
}
