//! One run from its submission to its LAST: news in, effects out, until the engine is finished.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use alt::Alt;
use bus::{Bus, Follow, Heard, RunClaim};
use engine::{Effect, Event, Plan, Run, Verdict};
use protocol::{Epoch, RunRecord, Submission, Timestamp};
use tokio::time::{interval, sleep};
use tracing::{debug, info, warn};

use crate::dispatch::{self, Orders};
use crate::{Desk, Error, finish};

/// How often the lease of a submission is renewed.
const RENEW: Duration = Duration::from_secs(3);

/// The record that lists and progress bars read is written at most this often.
const REPORT: Duration = Duration::from_millis(100);

/// Conducts the run of `claim` to its end and forgets the submission.
pub(crate) async fn conduct<B: Bus>(desk: &Desk<B>, claim: B::RunClaim) -> Result<(), Error> {
    let submission = claim.submission().body.clone();
    let started = claim.submission().at;
    let run = submission.run;
    let epoch = desk.bus.own(run).await?;
    info!(run.id = %run, epoch = epoch.0, "run taken");
    let report = read(desk, &submission).await?;
    let Some(alt) = report.alt.clone() else {
        finish::refuse(desk, run, report).await?;
        return Ok(claim.ack().await?);
    };
    let follow = desk.bus.follow(run).await?;
    let plan = Plan::new(run, alt, &desk.settings.catalogue);
    let mut conductor =
        Conductor { desk, epoch, engine: Run::new(plan, started), cancelled: None, stale: true };
    conductor.follow(follow, &claim).await?;
    conductor.report().await?;
    let Conductor { engine, cancelled, .. } = conductor;
    let record = record_of(&engine);
    // The lease is renewed while the LAST is written: that may take longer than a lease.
    let finishing = finish::finish(desk, engine, cancelled);
    tokio::pin!(finishing);
    let mut renew = interval(RENEW);
    let end = loop {
        tokio::select! {
            end = &mut finishing => break end?,
            _ = renew.tick() => hold(&claim).await?,
        }
    };
    dispatch::insist(|| desk.bus.end(end.clone())).await?;
    desk.report(RunRecord { end: Some(end), ..record }).await?;
    claim.ack().await?;
    finish::tidy(desk, run).await;
    Ok(())
}

impl<B: Bus> Desk<B> {
    /// Replaces the record of a run. The next one says the same and more, so one may be missed.
    async fn report(&self, record: RunRecord) -> Result<(), Error> {
        match self.bus.report(record).await {
            Err(bus::Error::Unknown(why)) => warn!(%why, "a record may not be stored"),
            reported => reported?,
        }
        Ok(())
    }
}

/// Renews the lease of a submission. One renewal may be missed: the next is long before its end.
async fn hold(claim: &impl RunClaim) -> Result<(), Error> {
    match claim.extend().await {
        Err(bus::Error::Unknown(why)) => warn!(%why, "the lease of a run may not be renewed"),
        extended => extended?,
    }
    Ok(())
}

/// The file of a submission. A million tasks take seconds, so off the loop that feeds other runs.
async fn read<B: Bus>(desk: &Desk<B>, submission: &Submission) -> Result<alt::Report, Error> {
    let jobs: Vec<String> = desk.settings.catalogue.names().map(ToOwned::to_owned).collect();
    let Submission { alt, mode, persona, .. } = submission.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
        let check = alt::Check {
            jobs: Some(&jobs),
            mode,
            persona: persona.as_deref(),
            ..alt::Check::default()
        };
        alt::read(alt.as_bytes(), &check)
    });
    reading.await.map_err(|fault| Error::Last(format!("reading the file: {fault}")))
}

/// The engine of one run with what is needed to feed it.
struct Conductor<'a, B> {
    desk: &'a Desk<B>,
    epoch: Epoch,
    engine: Run,
    /// Why the run was cancelled: the first reason stands.
    cancelled: Option<String>,
    /// Whether the record no longer tells how things are.
    stale: bool,
}

impl<B: Bus> Conductor<'_, B> {
    async fn follow(&mut self, mut follow: B::Follow, claim: &B::RunClaim) -> Result<(), Error> {
        let mut renew = interval(RENEW);
        let mut report = interval(REPORT);
        while !self.engine.is_finished() {
            tokio::select! {
                heard = follow.next() => {
                    for news in heard? {
                        self.tell(news);
                    }
                }
                at = due(&self.desk.bus, self.engine.poll_timeout()) => {
                    self.engine.handle(at, Event::TimePassed);
                }
                _ = renew.tick() => hold(claim).await?,
                _ = report.tick(), if self.stale => self.report().await?,
            }
            self.perform().await?;
        }
        Ok(())
    }

    /// Tells the engine what the road said.
    fn tell(&mut self, news: Heard) {
        let (at, event) = match news {
            Heard::CaughtUp(at) => (at, Event::Begin),
            Heard::Started(stored) => {
                let started = stored.body;
                let event = Event::Started {
                    task: started.key.task,
                    attempt: started.key.attempt,
                    timeout_ms: started.timeout_ms,
                };
                (stored.at, event)
            }
            Heard::Verdict(stored) => {
                let verdict = stored.body;
                let retryable = verdict.failure.as_ref().is_none_or(|failure| failure.retryable);
                let event = Event::Verdict {
                    task: verdict.task,
                    attempt: verdict.attempt,
                    verdict: Verdict { outcome: verdict.outcome, retryable },
                };
                (stored.at, event)
            }
            Heard::Cancelled(stored) => {
                self.cancelled.get_or_insert(stored.body.reason);
                (stored.at, Event::CancelAsked)
            }
        };
        self.engine.handle(at, event);
        self.stale = true;
    }

    /// Does all that the engine wants done.
    async fn perform(&mut self) -> Result<(), Error> {
        let mut orders = Orders::new(self.desk, self.epoch);
        while let Some(effect) = self.engine.poll_effect() {
            debug!(effect = effect.name(), "effect");
            match effect {
                Effect::Dispatch(it) => {
                    let offer = dispatch::offer(&self.engine, self.epoch, it);
                    orders.dispatch(offer).await?;
                }
                Effect::Seal(seal) => {
                    let (queue, verdict) = dispatch::sealed(&self.engine, seal);
                    orders.flush().await?;
                    orders.seal(queue, verdict).await?;
                }
                Effect::Stop { task, attempt } => {
                    orders.flush().await?;
                    orders.stop(&self.engine, task, attempt).await?;
                }
                // The loop sees it by the engine's own word.
                Effect::Finish => {}
            }
            self.stale = true;
        }
        orders.flush().await
    }

    /// Writes the record.
    async fn report(&mut self) -> Result<(), Error> {
        self.stale = false;
        self.desk.report(record_of(&self.engine)).await
    }
}

fn record_of(engine: &Run) -> RunRecord {
    let alt: &Arc<Alt> = engine.plan().alt();
    RunRecord {
        run: engine.plan().run(),
        alt_id: alt.file().id.clone(),
        title: alt.file().title.clone(),
        started: engine.started_at(),
        counts: engine.counts(),
        end: None,
    }
}

/// Waits for a moment on the road's clock; for ever when there is none.
async fn due<B: Bus>(bus: &B, moment: Option<Timestamp>) -> Timestamp {
    let Some(moment) = moment else {
        return pending().await;
    };
    sleep(Duration::from_millis(moment.since(bus.now()))).await;
    moment.max(bus.now())
}
