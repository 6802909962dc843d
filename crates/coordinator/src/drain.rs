//! Message queues: which messages may be taken, and what becomes of each when its run has ended.
//!
//! A message stays on its queue until its result is stored, and its job has one run under way: so it is
//! neither lost nor taken twice, whoever dies. Everything here may be done again.

use std::collections::BTreeMap;

use bus::Bus;
use bus::messages::Messages;
use last::{LastFile, TaskResult, TaskStatus};
use protocol::{
    DeadLetter, Drain, End, JobPolicy, JobRecord, QueueMessage, RunId, Sequence, UnderWay,
};
use store::Store;
use tracing::{debug, error, info, warn};

use crate::aside::aside;
use crate::result::read_result;
use crate::{Error, Metrics, scheduled};

/// Messages that are looked at for the first ones of their keys: what lies further behind waits.
const LOOKED_AT: usize = 1000;

/// The messages of one job, and what is needed to deal with them.
pub(crate) struct Drainer<'a, B> {
    pub(crate) bus: &'a B,
    pub(crate) store: &'a Store,
    pub(crate) metrics: &'a Metrics,
    pub(crate) job: &'a str,
    pub(crate) policy: &'a JobPolicy,
}

impl<B: Bus + Messages> Drainer<'_, B> {
    /// The messages that the next run may take, in their order: oldest first where order is kept,
    /// otherwise those behind the last one that was taken first. What can be no task becomes a dead
    /// letter.
    pub(crate) async fn candidates(
        &self,
        drain: &Drain,
        record: &JobRecord,
    ) -> Result<Vec<QueueMessage>, Error> {
        let most = if drain.preserve_order { LOOKED_AT } else { drain.batch_size as usize };
        let last = record.taken.filter(|_| !drain.preserve_order).unwrap_or(Sequence(0));
        let mut found = self.bus.messages(&drain.queue, Sequence(last.0 + 1), most).await?;
        if found.len() < most && last > Sequence(0) {
            let left = most - found.len();
            let earlier = self.bus.messages(&drain.queue, Sequence(1), left).await?;
            found.extend(earlier.into_iter().filter(|message| message.sequence <= last));
        }
        if !found.is_empty() {
            let (queue, messages) = (&drain.queue, found.len());
            debug!(job.kind = self.job, queue, messages, "messages are on the queue");
        }
        let (job, policy) = (self.job.to_owned(), self.policy.clone());
        let checked = aside(move || {
            let check =
                |message: QueueMessage| (scheduled::check(&job, &policy, &message), message);
            found.into_iter().map(check).collect::<Vec<_>>()
        });
        let mut usable = Vec::new();
        for (check, message) in checked.await? {
            match check {
                Ok(()) => usable.push(message),
                Err(problem) => {
                    let death = Death { run: None, attempts: 0, error: problem };
                    self.give_up(message, death).await?;
                }
            }
        }
        Ok(usable)
    }

    /// The messages of a run that are still there.
    pub(crate) async fn taken(&self, under_way: &UnderWay) -> Result<Vec<QueueMessage>, Error> {
        let mut taken = Vec::with_capacity(under_way.messages.len());
        for &place in &under_way.messages {
            taken.extend(self.bus.message(place).await?);
        }
        Ok(taken)
    }

    /// Does with each message of a run that has ended what its result says.
    pub(crate) async fn settle(&self, under_way: &UnderWay, end: &End) -> Result<(), Error> {
        if under_way.messages.is_empty() {
            return Ok(());
        }
        let (run, job) = (end.run, self.job);
        let last = match read_result(self.store, &end.last_key, &end.last_sha256).await {
            Ok(last) => last,
            Err(Error::Unusable(problem)) => {
                error!(job.kind = job, run.id = %run, problem, "its messages stay, and are run again");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let results: BTreeMap<&str, &TaskResult> =
            last.task_results.iter().map(|result| (result.task_id.as_str(), result)).collect();
        let keeps = self.policy.drains.as_ref().is_none_or(|drain| drain.dead_letter);
        for message in self.taken(under_way).await? {
            match fate(&last, results.get(message.id.as_str()).copied(), run) {
                Fate::Stays => {}
                Fate::Done => self.bus.forget_message(message.sequence).await?,
                Fate::Dead(death) if keeps => self.give_up(message, death).await?,
                Fate::Dead(Death { error, .. }) => {
                    warn!(job.kind = job, run.id = %run, message.id = message.id, error, "dropped");
                    self.bus.forget_message(message.sequence).await?;
                }
            }
        }
        let messages = under_way.messages.len();
        info!(job.kind = job, run.id = %run, messages, "a batch has ended");
        Ok(())
    }

    /// Keeps a message as a dead letter; only then it leaves its queue.
    async fn give_up(
        &self,
        message: QueueMessage,
        Death { run, attempts, error }: Death,
    ) -> Result<(), Error> {
        let QueueMessage { queue, sequence, id, key, at, body } = message;
        warn!(job.kind = self.job, queue, message.id = id, error, "a dead letter");
        let died = self.bus.now();
        let letter =
            DeadLetter { queue, sequence, id, key, sent: at, died, run, attempts, error, body };
        if self.bus.bury(&letter).await? {
            self.metrics.book.add_dead_letter(self.job, died);
        }
        Ok(self.bus.forget_message(sequence).await?)
    }
}

/// What becomes of a message.
enum Fate {
    /// It was worked off.
    Done,
    /// It was not its turn after all: it is taken again.
    Stays,
    /// No further try would do better.
    Dead(Death),
}

struct Death {
    run: Option<RunId>,
    attempts: u32,
    error: String,
}

fn fate(last: &LastFile, result: Option<&TaskResult>, run: RunId) -> Fate {
    if let Some(refusals) = &last.refused {
        let first = refusals.first().map_or("for no reason", |first| first.message.as_str());
        let error = format!("its run was refused: {first}");
        return Fate::Dead(Death { run: Some(run), attempts: 0, error });
    }
    // Of those that went before the run was submitted there is no result.
    let Some(result) = result else {
        return Fate::Stays;
    };
    match result.status {
        // A reason says that the job was skipped.
        TaskStatus::Completed if result.reason.is_none() => Fate::Done,
        TaskStatus::Completed | TaskStatus::Cancelled => Fate::Stays,
        TaskStatus::Failed | TaskStatus::Timeout => {
            let error = result.error.clone().unwrap_or_default();
            let attempts = u32::try_from(result.attempts.len()).unwrap_or(u32::MAX);
            Fate::Dead(Death { run: Some(run), attempts, error })
        }
    }
}
