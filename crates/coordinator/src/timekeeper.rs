//! Makes runs of ticks: one run a tick however many coordinators there are, and never two at once.
//!
//! What is decided is written into the job's record by compare-and-set before it is done, so whoever
//! comes next finds the run that was begun and submits it again; a submission is create-only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use bus::messages::Messages;
use bus::timetable::{Kept, Tick, Ticks, Timetable};
use engine::timetable::{self, Circumstances};
use protocol::{
    Catalogue, JobPolicy, JobRecord, QueueMessage, RunId, Schedule, TickRun, Timestamp, UnderWay,
};
use store::Store;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use crate::roster::Roster;
use crate::{Error, Metrics, drain, opening, scheduled};

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
pub async fn keep_time<B: Bus + Timetable + Messages>(
    bus: B,
    store: Store,
    catalogue: Catalogue,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> Result<(), bus::Error> {
    opening::keeps_time(&catalogue);
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
        store,
        catalogue,
        metrics,
        roster,
        scheduled: BTreeMap::new(),
        submitted: BTreeMap::new(),
        limits: BTreeMap::new(),
    };
    let mut ticks = loop {
        match bus.ticks().await {
            Ok(ticks) => break ticks,
            Err(bus::Error::Closed) => return Err(bus::Error::Closed),
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
                Err(error) => Err(error.into()),
            },
        };
        match done {
            Ok(()) => {}
            Err(Error::Bus(bus::Error::Closed)) => return Err(bus::Error::Closed),
            Err(error) => {
                warn!(%error, "jobs are not run by themselves now; trying again");
                sleep(AGAIN).await;
            }
        }
    }
}

struct Timekeeper<B> {
    bus: B,
    store: Store,
    catalogue: Catalogue,
    /// Where dead letters are counted.
    metrics: Metrics,
    roster: Arc<Roster>,
    /// What the road was told last.
    scheduled: BTreeMap<String, Option<Schedule>>,
    /// The last run of each job that was submitted from here.
    submitted: BTreeMap<String, RunId>,
    /// The limits that people set, as they were declared from here.
    limits: BTreeMap<String, Option<u32>>,
}

impl<B: Bus + Timetable + Messages> Timekeeper<B> {
    /// Looks after every job that runs by itself or has a limit that people may set. What is wrong with
    /// one holds up no other.
    async fn sweep(&mut self) -> Result<(), Error> {
        let is_ours =
            |policy: &JobPolicy| policy.schedule.is_some() || policy.max_concurrent.is_some();
        let jobs = self.catalogue.0.iter().filter(|(_, policy)| is_ours(policy));
        let jobs: Vec<String> = jobs.map(|(name, _)| name.clone()).collect();
        for job in jobs {
            match self.refresh(&job, None).await {
                Err(error @ Error::Bus(bus::Error::Closed)) => return Err(error),
                Err(error) => {
                    warn!(job.kind = job, %error, "a job is not run by itself now; trying again");
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    async fn take(&mut self, tick: impl Tick) -> Result<(), Error> {
        if !self.catalogue.0.contains_key(tick.job()) {
            // Another coordinator may know it: it is handed out again when its lease is over.
            warn!(job.kind = tick.job(), "a tick of a job that this coordinator does not know");
            return Ok(());
        }
        self.refresh(tick.job(), Some(tick.at())).await?;
        Ok(tick.ack().await?)
    }

    /// Brings the record of a job up to date, with a tick if there is one, and does what it says.
    async fn refresh(&mut self, job: &str, tick: Option<Timestamp>) -> Result<(), Error> {
        let Some(policy) = self.catalogue.0.get(job).cloned() else {
            return Ok(());
        };
        for _ in 0..TRIES {
            let Kept { position, record: before } = self.bus.job_record(job).await?;
            let mut record = before.clone();
            self.note_end(job, &policy, &mut record).await?;
            let others = self.others(&policy).await?;
            // A job that is not to run leaves its queue alone, also what on it can be no task.
            let is_on = Circumstances::schedule(&policy, &record).is_some();
            let is_due = is_on && (tick.is_some() || record.waiting.is_some());
            let messages = match &policy.drains {
                Some(drain) if is_due && record.under_way.is_none() => {
                    self.messages(job, &policy).candidates(drain, &record).await?
                }
                _ => Vec::new(),
            };
            let around = Circumstances {
                now: self.bus.now(),
                policy: &policy,
                others: &others,
                is_served: self.is_served(&policy.queue),
                messages: &messages,
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
        let problem = format!("the record of job `{job}` is changed all the time");
        Err(bus::Error::Unknown(problem).into())
    }

    fn messages<'a>(&'a self, job: &'a str, policy: &'a JobPolicy) -> drain::Drainer<'a, B> {
        drain::Drainer { bus: &self.bus, store: &self.store, metrics: &self.metrics, job, policy }
    }

    /// What is to be done about an end is done before it is noted: who dies in between leaves it to the
    /// next.
    async fn note_end(
        &self,
        job: &str,
        policy: &JobPolicy,
        record: &mut JobRecord,
    ) -> Result<(), Error> {
        let Some(under_way) = record.under_way.clone() else {
            return Ok(());
        };
        if let Some(end) = self.bus.end_of(under_way.begun.run).await? {
            self.messages(job, policy).settle(&under_way, &end).await?;
            timetable::end(record, end.run, end.status, self.bus.now());
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
        if let Some(under_way) = &record.under_way
            && self.submitted.get(job) != Some(&under_way.begun.run)
        {
            self.submit(job, policy, under_way).await?;
            self.submitted.insert(job.to_owned(), under_way.begun.run);
        }
        // What nobody set is declared by whoever serves the queue.
        let set = record.set.max_concurrent;
        if policy.max_concurrent.is_some() && self.limits.get(job).copied().flatten() != set {
            let queue = BTreeMap::from([(policy.queue.clone(), policy.max_concurrent)]);
            self.bus.declare(&queue).await?;
            self.limits.insert(job.to_owned(), set);
        }
        let schedule = Circumstances::schedule(policy, record);
        match (self.scheduled.get(job), &schedule) {
            (Some(Some(told)), Some(schedule)) if told == schedule => {
                self.bus.mend_schedule(job, schedule).await?;
            }
            (Some(None), None) => {}
            _ => {
                if self.bus.schedule(job, schedule.as_ref()).await? {
                    opening::schedules(job, schedule.as_ref());
                    self.scheduled.insert(job.to_owned(), schedule);
                }
            }
        }
        Ok(())
    }

    async fn submit(
        &self,
        job: &str,
        policy: &JobPolicy,
        under_way: &UnderWay,
    ) -> Result<(), Error> {
        let drains = policy.drains.is_some() || !under_way.messages.is_empty();
        let messages: Option<Vec<QueueMessage>> = match drains {
            true => Some(self.messages(job, policy).taken(under_way).await?),
            false => None,
        };
        for (message, task) in messages.iter().flatten().zip(0_u32..) {
            debug!(
                job.kind = job, queue = message.queue, message.id = message.id,
                run.id = %under_way.begun.run, task.id = task, "a message becomes a task"
            );
        }
        let submission = scheduled::submission(job, policy, under_way.begun, messages.as_deref())?;
        match self.bus.submit(submission).await {
            // It was submitted before somebody took one of its messages away.
            Err(bus::Error::OtherSubmission(_)) if drains => Ok(()),
            submitted => submitted.map(drop).map_err(Error::from),
        }
    }
}

fn tell(job: &str, begun: Option<TickRun>, before: &JobRecord, after: &JobRecord) {
    if let Some(TickRun { run, tick, .. }) = begun {
        info!(job.kind = job, run.id = %run, %tick, "a tick becomes a run");
    }
    // A reason that lasts is told once.
    let reason = |record: &JobRecord| record.skipped.as_ref().map(|skipped| skipped.reason.clone());
    if after.skips > before.skips
        && reason(after) != reason(before)
        && let Some(skipped) = &after.skipped
    {
        info!(job.kind = job, tick = %skipped.at, reason = skipped.reason, "a tick is left out");
    }
}
