//! How the jobs of a fleet do: what was counted of each, who runs it now and what waits, and whether
//! all is well.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bus::Bus;
use bus::books::Books;
use bus::timetable::Timetable;
use engine::health::{Known, judge};
use futures::StreamExt;
use futures::stream;
use job::Registry;
use protocol::{Answer, Health, Holder, JobStats, Question, Waiting};
use tracing::debug;

use crate::Client;

/// Runs that are asked at once.
const AT_ONCE: usize = 16;

/// What a job does now.
#[derive(Debug, Clone, Default)]
pub struct JobLoad {
    /// Who runs it: for a job with a limit, who holds its seats.
    pub holders: Vec<Holder>,
    /// What waits for its turn.
    pub waiting: Waiting,
}

/// The name of a job, whatever it is called.
fn name_of(jobs: &Registry, called: &str) -> String {
    jobs.get(called).map_or(called, |job| job.name).to_owned()
}

impl<B: Bus> Client<B> {
    /// What each job does now, by name; one that does nothing is left out. Workers are listened to
    /// for so long, and whoever conducts a run is asked what of it waits.
    ///
    /// # Errors
    /// The bus's.
    pub async fn job_loads(
        &self,
        jobs: &Registry,
        listening: Duration,
    ) -> Result<BTreeMap<String, JobLoad>, bus::Error> {
        let mut loads: BTreeMap<String, JobLoad> = BTreeMap::new();
        for beat in self.workers(listening).await? {
            for it in beat.running {
                let (worker, run, task) = (beat.worker.clone(), it.key.run, it.key.task);
                let holder = Holder { worker, run, task, for_ms: it.for_ms };
                loads.entry(name_of(jobs, &it.job)).or_default().holders.push(holder);
            }
        }
        let records = self.bus.records().await?;
        let under_way = records.into_iter().filter(|record| record.end.is_none());
        let asking = under_way.map(|record| self.bus.ask(record.run, Question::Waiting));
        let mut answers = stream::iter(asking).buffer_unordered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(Some(Answer::Waiting(waiting))) => {
                    for (job, more) in waiting {
                        let sum = &mut loads.entry(name_of(jobs, &job)).or_default().waiting;
                        sum.queued = sum.queued.saturating_add(more.queued);
                        sum.ready = sum.ready.saturating_add(more.ready);
                        sum.backoff = sum.backoff.saturating_add(more.backoff);
                    }
                }
                // Nobody conducts it, or it has just ended.
                Ok(_) => {}
                Err(bus::Error::Closed) => return Err(bus::Error::Closed),
                Err(error) => debug!(%error, "a run does not say what waits"),
            }
        }
        Ok(loads)
    }
}

impl<B: Bus + Books> Client<B> {
    /// What was counted of each job, by name, as of the runs that have ended; some seconds late.
    ///
    /// # Errors
    /// The bus's.
    pub async fn job_stats(
        &self,
        jobs: &Registry,
    ) -> Result<BTreeMap<String, JobStats>, bus::Error> {
        let mut stats: BTreeMap<String, JobStats> = BTreeMap::new();
        for (called, counted) in self.bus.all_job_stats().await? {
            stats.entry(name_of(jobs, &called)).or_default().merge(&counted);
        }
        Ok(stats)
    }
}

impl<B: Bus + Books + Timetable> Client<B> {
    /// How the jobs of the fleet do: by what was counted of them in the last hour, and by the
    /// schedules that they have in this program.
    ///
    /// # Errors
    /// The bus's.
    pub async fn fleet_health(&self, jobs: &Registry) -> Result<Health, bus::Error> {
        let stats = self.job_stats(jobs).await?;
        let records: BTreeMap<_, _> = self.bus.job_records().await?.into_iter().collect();
        let policies = jobs.catalogue().0;
        let names: BTreeSet<&String> = stats.keys().chain(records.keys()).collect();
        let none = JobStats::default();
        let known = names.into_iter().map(|job| Known {
            job,
            stats: stats.get(job).unwrap_or(&none),
            record: records.get(job),
            policy: policies.get(job),
        });
        Ok(judge(known, self.bus.now()))
    }
}
