//! From the engine's effects to messages on the road.

use std::future::Future;
use std::time::Duration;

use alt::TaskIndex;
use bus::Bus;
use engine::{Dispatch, Run, Seal, TaskState};
use protocol::planted::{Bug, is_planted};
use protocol::{Attempt, AttemptKey, Epoch, Failure, Input, Next, Offer, Outcome, Verdict, limits};
use tracing::{debug, warn};

use crate::{Desk, Error};

/// How long to wait before a write of unknown outcome is made again.
pub(crate) const AGAIN: Duration = Duration::from_millis(250);

/// The offer of an attempt: all that a worker needs to know, and no more.
pub(crate) fn offer(engine: &Run, epoch: Epoch, dispatch: &Dispatch) -> Offer {
    let plan = engine.plan();
    let file = plan.alt().file();
    let then = dispatch.then.iter().map(|&task| next(engine, dispatch, task)).collect();
    let Next { task, id, job, parameters, timeout_ms, inputs, dependencies } =
        next(engine, dispatch, dispatch.task);
    Offer {
        run: plan.run(),
        task,
        attempt: dispatch.attempt,
        epoch,
        queue: plan.queue(task).to_owned(),
        priority: file.tasks[task.get()].priority,
        id,
        job,
        parameters,
        timeout_ms,
        inputs,
        dependencies,
        mode: file.mode,
        persona: file.persona.clone(),
        perturbation: dispatch.perturbation,
        again: false,
        then,
    }
}

/// What an offer says of each task that it is about.
fn next(engine: &Run, dispatch: &Dispatch, task: TaskIndex) -> Next {
    let plan = engine.plan();
    let dependencies = plan.alt().graph().dependencies(task);
    let it = &plan.alt().file().tasks[task.get()];
    let named = dependencies.iter().chain(&it.references);
    Next {
        task,
        id: it.id.clone(),
        job: it.job.clone(),
        parameters: it.parameters.clone(),
        timeout_ms: it.timeout_seconds.map(|seconds| u64::from(seconds) * 1000),
        inputs: named.map(|&named| input(engine, dispatch, named)).collect(),
        dependencies: u32::try_from(dependencies.len()).unwrap_or(u32::MAX),
    }
}

/// Where a task finds the output of another: that has completed, or goes before it in the same offer.
fn input(engine: &Run, dispatch: &Dispatch, task: TaskIndex) -> Input {
    let plan = engine.plan();
    let attempt = match engine.state(task) {
        TaskState::Completed { attempt, .. } => attempt,
        _ if task == dispatch.task => dispatch.attempt,
        _ => {
            let goes_before = dispatch.then.contains(&task);
            debug_assert!(goes_before, "a task is offered after all it needs, or behind it");
            Attempt::FIRST
        }
    };
    Input {
        id: plan.alt().file().tasks[task.get()].id.clone(),
        task,
        attempt,
        queue: plan.queue(task).to_owned(),
    }
}

/// The verdict a coordinator stores where a worker cannot or should not, and its queue.
pub(crate) fn sealed(engine: &Run, seal: Seal) -> (String, Verdict) {
    let (message, retryable) = match seal.outcome {
        Outcome::Timeout => ("the worker did not report in time", true),
        _ => ("cancelled", false),
    };
    let key = AttemptKey { run: engine.plan().run(), task: seal.task, attempt: seal.attempt };
    let failure = Failure { message: message.to_owned(), retryable };
    let verdict = Verdict::sealed(key, seal.outcome, failure);
    (engine.plan().queue(seal.task).to_owned(), verdict)
}

/// Messages on their way; offers go out together, everything else in the order asked.
pub(crate) struct Orders<'a, B> {
    desk: &'a Desk<B>,
    epoch: Epoch,
    /// Whether these may have been offered before: workers then look for a verdict first.
    again: bool,
    offers: Vec<Offer>,
}

impl<'a, B: Bus> Orders<'a, B> {
    pub(crate) const fn new(desk: &'a Desk<B>, epoch: Epoch, again: bool) -> Self {
        Self { desk, epoch, again, offers: Vec::new() }
    }

    pub(crate) async fn dispatch(&mut self, offer: Offer) -> Result<(), Error> {
        self.offers.push(offer);
        if self.offers.len() == limits::BATCH { self.flush().await } else { Ok(()) }
    }

    /// Sends the offers that wait.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        if self.offers.is_empty() {
            return Ok(());
        }
        let mut offers = std::mem::take(&mut self.offers);
        let count = offers.iter().map(|offer| 1 + offer.then.len()).sum();
        let mut again = self.again;
        while !offers.is_empty() {
            offers.iter_mut().for_each(|offer| offer.again = again);
            // Before they go: a worker may have one before the answer is here.
            offers.iter().for_each(tell);
            match self.desk.bus.dispatch(self.epoch, &offers).await {
                Ok(()) => break,
                Err(_) if is_planted(Bug::UnknownOffersTakenAsMade) => break,
                // Perhaps they are there, and some of them done already.
                Err(bus::Error::Unknown(why)) => {
                    warn!(%why, "offering again");
                    again = true;
                }
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(AGAIN).await;
            self.forget_decided(&mut offers).await;
        }
        self.desk.settings.metrics.offer(count);
        Ok(())
    }

    /// Takes away the offers that are done by now: where there is room for some only, those would
    /// fill it again and again, and none of the others would ever find any.
    async fn forget_decided(&self, offers: &mut Vec<Offer>) {
        let keys = offers.iter().map(|offer| (offer.queue.clone(), offer.key())).collect();
        // Unheard, they are offered once more, which is harmless.
        if let Ok(verdicts) = self.desk.bus.verdicts(keys).await {
            let mut verdicts = verdicts.into_iter();
            offers.retain(|_| verdicts.next().flatten().is_none());
        }
    }

    pub(crate) async fn seal(&self, queue: String, verdict: Verdict) -> Result<(), Error> {
        // Refused is as good: then the worker's own verdict stands, and is heard in its place.
        insist(|| self.desk.bus.record(&queue, verdict.clone())).await.map(drop)
    }

    pub(crate) async fn stop(
        &self,
        engine: &Run,
        task: TaskIndex,
        attempt: Attempt,
    ) -> Result<(), Error> {
        let key = AttemptKey { run: engine.plan().run(), task, attempt };
        insist(|| self.desk.bus.stop(engine.plan().queue(task), key)).await
    }
}

fn tell(offer: &Offer) {
    debug!(
        run.id = %offer.run, task.id = offer.task.0, task.attempt = %offer.attempt,
        job.kind = offer.job, queue = offer.queue, priority = offer.priority.name(),
        again = offer.again, "offered"
    );
}

/// Asks until there is an answer: every write here may be made twice, and every read.
pub(crate) async fn insist<T, F>(mut ask: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, bus::Error>>,
{
    loop {
        match ask().await {
            Ok(done) => return Ok(done),
            Err(bus::Error::Unknown(why)) => warn!(%why, "asking again"),
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(AGAIN).await;
    }
}
