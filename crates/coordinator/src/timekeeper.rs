//! Makes runs of ticks: one run a tick however many coordinators there are, and never two at once.
//!
//! What is decided is written into the job's record by compare-and-set before it is done, so whoever
//! comes next finds the run that was begun and submits it again; a submission is create-only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bus::timetable::{Kept, Tick, Ticks, Timetable};
use bus::{Bus, Error};
use bytes::Bytes;
use engine::timetable::{self, Circumstances};
use protocol::{
    Catalogue, JobPolicy, JobRecord, RunId, Schedule, Source, Submission, TickRun, Timestamp,
};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::roster::Roster;

/// How often records are looked after: for runs that have ended, for what waits, for what people set.
const SWEEP: Duration = Duration::from_secs(2);

/// How long it is listened at first: an idle worker says every three seconds that it lives.
const LISTEN: Duration = Duration::from_secs(4);

/// How long to wait after a road that failed.
const AGAIN: Duration = Duration::from_secs(1);

/// How often a record is read again that another changed in between.
const TRIES: u32 = 5;

/// Runs the jobs of `catalogue` that have a schedule, until `shutdown` fires.
///
/// # Errors
/// The bus's, when the road is gone for good.
pub async fn keep_time<B: Bus + Timetable>(
    bus: B,
    catalogue: Catalogue,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let roster = Arc::new(Roster::default());
    let (listener, ear) = (Arc::clone(&roster), bus.clone());
    let _listening =
        AbortOnDropHandle::new(bus::task::spawn(async move { listener.listen(&ear).await }));
    // A tick that nobody can run is left out, so who is there must be known first.
    tokio::select! {
        biased;
        () = shutdown.cancelled() => return Ok(()),
        () = sleep(LISTEN) => {}
    }
    let mut keeper = Timekeeper {
        bus: bus.clone(),
        catalogue,
        roster,
        scheduled: BTreeMap::new(),
        limits: BTreeMap::new(),
        submitted: BTreeSet::new(),
    };
    let mut ticks = loop {
        match bus.ticks().await {
            Ok(ticks) => break ticks,
            Err(Error::Closed) => return Err(Error::Closed),
            Err(error) => warn!(%error, "ticks are not heard; trying again"),
        }
        sleep(AGAIN).await;
    };
    let mut sweeps = interval(SWEEP);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let done = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            _ = sweeps.tick() => keeper.sweep().await,
            tick = ticks.next() => match tick {
                Ok(tick) => keeper.take(tick).await,
                Err(error) => Err(error),
            },
        };
        match done {
            Ok(()) => {}
            Err(Error::Closed) => return Err(Error::Closed),
            Err(error) => {
                warn!(%error, "jobs are not run by themselves now; trying again");
                sleep(AGAIN).await;
            }
        }
    }
}

struct Timekeeper<B> {
    bus: B,
    catalogue: Catalogue,
    roster: Arc<Roster>,
    /// What the road was told last.
    scheduled: BTreeMap<String, Option<Schedule>>,
    limits: BTreeMap<String, u32>,
    /// Runs under way that were submitted from here.
    submitted: BTreeSet<RunId>,
}

impl<B: Bus + Timetable> Timekeeper<B> {
    /// Looks after every job that people can change or that runs by itself.
    async fn sweep(&mut self) -> Result<(), Error> {
        let is_ours =
            |policy: &JobPolicy| policy.schedule.is_some() || policy.max_concurrent.is_some();
        let jobs = self.catalogue.0.iter().filter(|(_, policy)| is_ours(policy));
        let jobs: Vec<String> = jobs.map(|(name, _)| name.clone()).collect();
        for job in jobs {
            self.refresh(&job, None).await?;
        }
        Ok(())
    }

    async fn take(&mut self, tick: impl Tick) -> Result<(), Error> {
        if self.catalogue.0.contains_key(tick.job()) {
            self.refresh(tick.job(), Some(tick.at())).await?;
        } else {
            warn!(job.kind = tick.job(), "a tick of a job that this coordinator does not know");
        }
        tick.ack().await
    }

    /// Brings the record of a job up to date, with a tick if there is one, and does what it says.
    async fn refresh(&mut self, job: &str, tick: Option<Timestamp>) -> Result<(), Error> {
        let Some(policy) = self.catalogue.0.get(job).cloned() else {
            return Ok(());
        };
        for _ in 0..TRIES {
            let Kept { position, record: before } = self.bus.job_record(job).await?;
            let mut record = before.clone();
            self.note_end(&mut record).await?;
            let others = self.others(&policy).await?;
            let around = Circumstances {
                now: self.bus.now(),
                policy: &policy,
                others: &others,
                is_served: self.is_served(&policy.queue),
            };
            if let Some(at) = tick {
                timetable::take_tick(&mut record, at, &around);
            }
            let begun = timetable::begin(&mut record, |_| RunId::new(), &around);
            let kept = Kept { position, record };
            if kept.record != before && !self.bus.replace_job_record(job, &kept).await? {
                continue;
            }
            tell(job, begun, &before, &kept.record);
            return self.follow(job, &policy, &kept.record).await;
        }
        Err(Error::Unknown(format!("the record of job `{job}` is changed all the time")))
    }

    async fn note_end(&mut self, record: &mut JobRecord) -> Result<(), Error> {
        if let Some(under_way) = record.under_way
            && let Some(end) = self.bus.end_of(under_way.run).await?
        {
            timetable::end(record, under_way.run, end.status, self.bus.now());
            self.submitted.remove(&under_way.run);
        }
        Ok(())
    }

    async fn others(&self, policy: &JobPolicy) -> Result<BTreeMap<String, JobRecord>, Error> {
        let mut others = BTreeMap::new();
        for name in &policy.dependencies {
            others.insert(name.clone(), self.bus.job_record(name).await?.record);
        }
        Ok(others)
    }

    fn is_served(&self, queue: &str) -> bool {
        !self.roster.of_queue(queue).is_empty()
    }

    /// Does what the record says: the run under way is submitted, the schedule and the limit are those
    /// that people set.
    async fn follow(
        &mut self,
        job: &str,
        policy: &JobPolicy,
        record: &JobRecord,
    ) -> Result<(), Error> {
        if let Some(under_way) = record.under_way
            && !self.submitted.contains(&under_way.run)
        {
            self.bus.submit(submission(job, policy, under_way)).await?;
            self.submitted.insert(under_way.run);
        }
        if policy.schedule.is_some() {
            let schedule = Circumstances::schedule(policy, record);
            if self.scheduled.get(job) != Some(&schedule) {
                self.bus.schedule(job, schedule.as_ref()).await?;
                self.scheduled.insert(job.to_owned(), schedule);
            }
        }
        if let Some(limit) = record.set.max_concurrent
            && self.limits.get(job) != Some(&limit)
        {
            self.bus.declare(&BTreeMap::from([(policy.queue.clone(), Some(limit))])).await?;
            self.limits.insert(job.to_owned(), limit);
        }
        Ok(())
    }
}

fn tell(job: &str, begun: Option<TickRun>, before: &JobRecord, after: &JobRecord) {
    if let Some(TickRun { run, tick, .. }) = begun {
        info!(job.kind = job, run.id = %run, %tick, "a tick becomes a run");
    }
    if let Some(skipped) = after.skipped.as_ref().filter(|_| after.skips > before.skips) {
        info!(job.kind = job, tick = %skipped.at, reason = skipped.reason, "a tick is left out");
    }
}

/// A file of one task: the job, without parameters. The same for the same tick, whoever submits it.
fn submission(job: &str, policy: &JobPolicy, TickRun { run, tick, .. }: TickRun) -> Submission {
    let file = json!({
        "id": job,
        "title": format!("{job} at {tick}"),
        "priority": policy.priority.name(),
        "tags": ["scheduled"],
        "tasks": [{
            "id": job,
            "description": format!("The tick of {tick}."),
            "job": job,
            "priority": policy.priority.name(),
        }],
    });
    Submission {
        run,
        alt: Source::Inline(Bytes::from(file.to_string())),
        priority: policy.priority,
        mode: None,
        persona: None,
        reuse: None,
        last: alt::LastOptions::default(),
    }
}
