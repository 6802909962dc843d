//! One run from its submission to its LAST: news in, effects out, until the engine is finished.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use alt::{Alt, TaskIndex};
use bus::{Bus, Follow, Heard, Owned, Past, Questions, Recorded, StoredSubmission};
use bytes::Bytes;
use engine::{Effect, Event, Plan, Run, Verdict};
use last::Refusals;
use protocol::planted::{Bug, is_planted};
use protocol::{Epoch, Offer, Question, RunId, RunRecord, Source, Submission, Timestamp};
use store::Store;
use tokio::time::{Instant, interval_at, sleep};
use tokio::try_join;
use tracing::{debug, error, info, warn};

use crate::aside::aside_if_large;
use crate::bundle::Wanted;
use crate::dispatch::{self, Orders};
use crate::kept::Kept;
use crate::{Desk, Error, answers, finish, make, refuse, reuse};

/// After how long the lists are told of a run that goes on: that it runs, and then that all tasks are
/// decided and the LAST is not stored yet.
const LONG: Duration = Duration::from_millis(100);

/// Conducts the run of `stored` to its end. May be begun anew at any point, here or elsewhere.
pub(crate) async fn conduct<B: Bus>(
    desk: &Desk<B>,
    stored: &StoredSubmission,
    past: Past,
) -> Result<(), Error> {
    let submission = &stored.body;
    let run = submission.run;
    if past == Past::Unknown && is_over(desk, stored).await? {
        return Ok(());
    }
    let mut owned = desk.bus.own(run, past).await?;
    let mut news = match News::open(desk, run, owned.first).await {
        // Who ends a run forgets its owner after that: it has been ended and forgotten meanwhile.
        Err(Error::Bus(bus::Error::Ended(_))) => return is_over(desk, stored).await.map(drop),
        news => news?,
    };
    info!(run.id = %run, epoch = owned.epoch.0, "run taken");
    let file = match file(desk, submission).await {
        Err(Error::Unusable(why)) => {
            return refuse::refuse(desk, stored, None, &Refusals::of_submission(why)).await;
        }
        file => file?,
    };
    let report = read(desk, submission, file.clone()).await?;
    let Some(alt) = report.alt.clone() else {
        return refuse::refuse(desk, stored, Some(&file), &Refusals::of_file(&report)).await;
    };
    if let Some(earlier) = &submission.reuse {
        match reuse::take_over(desk, run, &alt, earlier).await {
            Err(Error::Unusable(why)) => {
                let refusals = Refusals::of_submission(why);
                return refuse::refuse(desk, stored, Some(&file), &refusals).await;
            }
            taken => taken?,
        }
    }
    let conductor = loop {
        match conduct_from_the_start(desk, owned, stored, &alt, news).await {
            // Told again from the start it is the same run, with nothing missed.
            Err(Error::Bus(bus::Error::Missed(run))) => {
                desk.settings.metrics.restart();
                warn!(run.id = %run, "starting again");
                owned.first = false;
                news = News::open(desk, run, owned.first).await?;
            }
            conducted => break conducted?,
        }
    };
    let Conductor { engine, kept, cancelled, .. } = conductor;
    let record = record_of(&engine, desk.bus.now());
    let reused = submission.reuse.as_ref().map(|reuse| reuse.run);
    let wanted = Wanted::of(submission.last, desk.settings.last, alt.file().last);
    let (engine, told, gone) = (Arc::new(engine), None, BTreeSet::new());
    let first = owned.first;
    let story = make::Story { engine, cancelled, reused, file, wanted, told, gone, first };
    let finishing = Box::pin(finish::finish(desk, story, kept));
    let (end, counted) = told_if_long(desk, &record, finishing).await?;
    // The record first: whoever hears of the end finds it there. None comes after this one, so it
    // must be stored.
    let record = RunRecord { end: Some(end.clone()), updated: desk.bus.now(), ..record };
    dispatch::insist(|| desk.bus.report(record.clone())).await?;
    if dispatch::insist(|| desk.bus.end(end.clone())).await? == Recorded::Stored {
        desk.settings.metrics.book.add(counted);
    }
    desk.settings.metrics.end(end.status);
    finish::tidy(desk, run).await;
    Ok(())
}

/// Waits for the LAST; one that is large, or finds no store, is told of meanwhile.
async fn told_if_long<B: Bus, T>(
    desk: &Desk<B>,
    record: &RunRecord,
    mut finishing: impl Future<Output = Result<T, Error>> + Unpin,
) -> Result<T, Error> {
    tokio::select! {
        biased;
        finished = &mut finishing => return finished,
        () = sleep(LONG) => {}
    }
    desk.report(record.clone()).await?;
    finishing.await
}

/// Whether the run has ended; then nothing is left of it afterwards but its end.
async fn is_over<B: Bus>(desk: &Desk<B>, stored: &StoredSubmission) -> Result<bool, Error> {
    let run = stored.body.run;
    match desk.bus.end_of(run).await {
        Ok(None) => Ok(false),
        Ok(Some(end)) => {
            // Its coordinator died between the end and the ack.
            dispatch::insist(|| desk.bus.end(end.clone())).await?;
            Ok(true)
        }
        // Create-only: no other end can take its place, so there is nothing left to do but to tell.
        Err(bus::Error::Damaged(why)) => {
            error!(run.id = %run, %why, "the end of the run cannot be read");
            let reason = format!("the end stored for the run cannot be read: {why}");
            refuse::keep_aside(desk, stored, None, vec![reason]).await?;
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}

/// What is heard of a run that is owned.
struct News<B: Bus> {
    /// Offers of owners before that nobody has acked.
    found: Vec<Offer>,
    follow: B::Follow,
    questions: B::Questions,
}

impl<B: Bus> News<B> {
    async fn open(desk: &Desk<B>, run: RunId, first: bool) -> Result<Self, Error> {
        let past = if first { Past::Blank } else { Past::Unknown };
        // After it is owned, as from then on nobody else adds to them; and before the verdicts are
        // told, so that one that is acked meanwhile is known by its verdict.
        let found = if first { Vec::new() } else { desk.bus.outstanding(run).await? };
        let (follow, questions) =
            try_join!(biased; desk.bus.follow(run, past), desk.bus.questions(run))?;
        Ok(Self { found, follow, questions })
    }
}

async fn conduct_from_the_start<'a, B: Bus>(
    desk: &'a Desk<B>,
    Owned { epoch, first }: Owned,
    stored: &StoredSubmission,
    alt: &Arc<Alt>,
    News { found, follow, questions }: News<B>,
) -> Result<Conductor<'a, B>, Error> {
    let run = stored.body.run;
    let plan = Plan::new(run, Arc::clone(alt), &desk.settings.catalogue);
    let plan = plan.with_window(desk.settings.window);
    let engine = Run::new(plan, stored.at);
    let kept = Kept::new(Arc::clone(&desk.room));
    let mut conductor = Conductor {
        desk,
        epoch,
        engine,
        kept,
        first,
        found,
        cancelled: None,
        stale: true,
        retold: false,
    };
    conductor.follow(follow, questions).await?;
    Ok(conductor)
}

impl<B: Bus> Desk<B> {
    /// Replaces the record of a run that goes on. The next one says the same and more, so one may be
    /// missed.
    pub(crate) async fn report(&self, record: RunRecord) -> Result<(), Error> {
        match self.bus.report(record).await {
            Err(bus::Error::Unknown(why)) => warn!(%why, "a record may not be stored"),
            reported => reported?,
        }
        Ok(())
    }
}

/// The bytes of a submission's file.
async fn file<B: Bus>(desk: &Desk<B>, submission: &Submission) -> Result<Bytes, Error> {
    match &submission.alt {
        Source::Inline(bytes) => Ok(bytes.clone()),
        Source::Stored { key, sha256, .. } => {
            // Looked at before it is fetched: whoever submits may name what no memory holds.
            let most = alt::limits::FILE_BYTES as u64;
            if desk.store.head(key).await.is_ok_and(|size| size.is_some_and(|size| size > most)) {
                let why = format!("the file at `{key}` has more than {most} bytes");
                return Err(Error::Unusable(why));
            }
            let bytes = get(&desk.store, key).await?;
            if store::sha256(&bytes) == *sha256 {
                Ok(bytes)
            } else {
                let why = format!("the file at `{key}` is not the one that was submitted");
                Err(Error::Unusable(why))
            }
        }
    }
}

/// What a submission says is stored. A store that answers that it is not there will not find it
/// later either: it is stored before it is named.
pub(crate) async fn get(store: &Store, key: &str) -> Result<Bytes, Error> {
    store.get(key).await.map_err(|error| match error {
        store::Error::Missing(_) | store::Error::Key(_) => Error::Unusable(error.to_string()),
        error => error.into(),
    })
}

/// What the file says.
async fn read<B: Bus>(
    desk: &Desk<B>,
    submission: &Submission,
    file: Bytes,
) -> Result<alt::Report, Error> {
    let jobs: Vec<String> = desk.settings.catalogue.names().map(ToOwned::to_owned).collect();
    let (mode, persona) = (submission.mode, submission.persona.clone());
    aside_if_large(file.len(), move || {
        let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
        let check = alt::Check {
            jobs: Some(&jobs),
            mode,
            persona: persona.as_deref(),
            ..alt::Check::default()
        };
        alt::read(&file, &check)
    })
    .await
}

/// The engine of one run with what is needed to feed it.
struct Conductor<'a, B> {
    desk: &'a Desk<B>,
    epoch: Epoch,
    engine: Run,
    kept: Kept,
    /// Whether nothing of the run can have been offered before this conductor.
    first: bool,
    /// Offers of owners before that nobody has acked, until the engine is told.
    found: Vec<Offer>,
    /// Why the run was cancelled: the first reason stands.
    cancelled: Option<String>,
    /// Whether the record no longer tells how things are.
    stale: bool,
    /// Whether offers to come may have been made before: this is not the run's first conductor, and
    /// it has just been told the past.
    retold: bool,
}

impl<B: Bus> Conductor<'_, B> {
    async fn follow(
        &mut self,
        mut follow: B::Follow,
        mut questions: B::Questions,
    ) -> Result<(), Error> {
        // Of a run that is over by then the lists are told once.
        let mut report = interval_at(Instant::now() + LONG, self.desk.settings.report_every);
        // After an answer, whatever else is there goes first: neither many questions nor much news
        // keeps the other waiting.
        let mut answered = false;
        while !self.engine.is_finished() {
            tokio::select! {
                biased;
                at = due(&self.desk.bus, self.engine.poll_timeout()) => {
                    self.engine.handle(at, Event::TimePassed);
                }
                _ = report.tick(), if self.stale => {
                    self.stale = false;
                    self.report().await?;
                }
                question = questions.next(), if !answered => {
                    let answer = self.answer(&question?);
                    questions.answer(answer).await;
                    answered = true;
                    continue;
                }
                heard = follow.next() => match heard {
                    Ok(heard) => heard.into_iter().for_each(|news| self.tell(news)),
                    // The road is down: what it had to say is still there when it is back.
                    Err(bus::Error::Unknown(why)) => {
                        warn!(%why, "listening again");
                        sleep(dispatch::AGAIN).await;
                    }
                    Err(error) => return Err(error.into()),
                },
                () = std::future::ready(()), if answered => {}
            }
            answered = false;
            self.perform().await?;
        }
        dispatch::insist(|| follow.confirm()).await
    }

    /// Tells the engine what the road said.
    fn tell(&mut self, news: Heard) {
        let (at, event) = match news {
            Heard::CaughtUp(at) => {
                self.retold = !self.first;
                for Offer { task, attempt, then, .. } in std::mem::take(&mut self.found) {
                    let then = then.into_iter().map(|next| next.task).collect();
                    self.engine.handle(at, Event::Offered { task, attempt, then });
                }
                (at, Event::Begin)
            }
            Heard::Started(stored) => {
                let started = stored.body;
                let event = Event::Started {
                    task: started.key.task,
                    attempt: started.key.attempt,
                    timeout_ms: started.timeout_ms,
                };
                (stored.at, event)
            }
            Heard::Verdict { queue, verdict: mut stored } => {
                self.desk.settings.metrics.hear_verdict();
                let verdict = &stored.body;
                if !self.has_on(verdict.task, &queue) {
                    warn!(run.id = %verdict.run, task.id = verdict.task.0, queue, "not its queue");
                    return;
                }
                debug!(
                    run.id = %verdict.run, task.id = verdict.task.0,
                    task.attempt = %verdict.attempt, outcome = verdict.outcome.name(),
                    "verdict heard"
                );
                let retryable = verdict.failure.as_ref().is_none_or(|failure| failure.retryable);
                let (task, attempt, outcome) = (verdict.task, verdict.attempt, verdict.outcome);
                // What is kept is for the LAST, which does not tell of this.
                let then = std::mem::take(&mut stored.body.then);
                let verdict = Verdict { outcome, retryable, then };
                let event = Event::Verdict { task, attempt, verdict };
                let at = stored.at;
                self.kept.keep(stored);
                (at, event)
            }
            Heard::Cancelled(stored) => {
                // When nothing is left to cancel it changes nothing, not even a summary: whoever
                // conducted the run to that point did not hear of it.
                let counts = self.engine.counts();
                if counts.decided() < counts.total() {
                    self.cancelled.get_or_insert(stored.body.reason);
                }
                (stored.at, Event::CancelAsked)
            }
        };
        self.engine.handle(at, event);
        self.stale = true;
    }

    /// Whether there is such a task, and its attempts go to that queue: whoever serves a queue may
    /// decide its attempts and no others, and the LAST looks for them there.
    fn has_on(&self, task: TaskIndex, queue: &str) -> bool {
        let plan = self.engine.plan();
        task.get() < plan.alt().file().tasks.len() && plan.queue(task) == queue
    }

    /// Does all that the engine wants done.
    async fn perform(&mut self) -> Result<(), Error> {
        let mut orders = Orders::new(self.desk, self.epoch, std::mem::take(&mut self.retold));
        while let Some(effect) = self.engine.poll_effect() {
            debug!(effect = effect.name(), "effect");
            match effect {
                Effect::Dispatch(it) => {
                    let offer = dispatch::offer(&self.engine, self.epoch, &it);
                    orders.dispatch(offer).await?;
                }
                Effect::Seal(_) if is_planted(Bug::SealForgotten) => {}
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

    fn answer(&self, question: &Question) -> protocol::Answer {
        let limits: BTreeMap<_, _> = self.desk.settings.catalogue.queues();
        let now = self.desk.bus.now();
        let desk =
            answers::Desk { engine: &self.engine, roster: &self.desk.roster, limits: &limits, now };
        desk.answer(question, record_of(&self.engine, now))
    }

    /// Writes the record.
    async fn report(&self) -> Result<(), Error> {
        self.desk.report(record_of(&self.engine, self.desk.bus.now())).await
    }
}

fn record_of(engine: &Run, updated: Timestamp) -> RunRecord {
    let alt: &Arc<Alt> = engine.plan().alt();
    RunRecord {
        run: engine.plan().run(),
        alt_id: alt.file().id.clone(),
        title: alt.file().title.clone(),
        started: engine.started_at(),
        updated,
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
