//! What the LAST needs to know of each task, from the engine's decisions and the stored verdicts.

use std::collections::VecDeque;

use alt::TaskIndex;
use bus::Bus;
use engine::{Run, TaskState};
use last::{AttemptFacts, TaskEnd, TaskFacts};
use protocol::planted::{Bug, is_planted};
use protocol::{Attempt, AttemptKey, Outcome, Stored, Timestamp, Verdict};

use tokio_util::task::AbortOnDropHandle;

use crate::Error;
use crate::dispatch::insist;
use crate::kept::Kept;

/// Tasks whose verdicts are fetched at once: an output of 64 KiB each, so at most 16 MiB.
const CHUNK: usize = 256;

/// Chunks fetched ahead: what is written hides the way to the server and back.
const AHEAD: usize = 4;

type Fetching = AbortOnDropHandle<Result<Vec<Option<Stored<Verdict>>>, Error>>;

/// Tasks of one chunk, each with what is known of its attempts so far.
type Chunk = Vec<(TaskIndex, Vec<Known>)>;

/// What is known of an attempt.
enum Known {
    Heard(Box<Stored<Verdict>>),
    /// Its verdict, if it has one, is the next of those that are fetched.
    Asked,
}

/// Whether the facts will be told again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// They will: what is kept stays.
    First,
    /// They will not.
    Last,
}

/// The facts of every task in file order, with few verdicts in memory at a time.
pub(crate) struct TaskLedger<'a, B> {
    bus: &'a B,
    engine: &'a Run,
    kept: &'a mut Kept,
    telling: Telling,
    /// The first task whose verdicts were not asked for.
    next: u32,
    /// Tasks whose verdicts are on their way, if they have to be fetched.
    coming: VecDeque<(Chunk, Option<Fetching>)>,
    fetched: VecDeque<TaskFacts>,
}

impl<'a, B: Bus> TaskLedger<'a, B> {
    pub(crate) const fn new(
        bus: &'a B,
        engine: &'a Run,
        kept: &'a mut Kept,
        telling: Telling,
    ) -> Self {
        let coming = VecDeque::new();
        let fetched = VecDeque::new();
        Self { bus, engine, kept, telling, next: 0, coming, fetched }
    }

    /// The facts of the next task; to be asked once for each, in file order.
    pub(crate) async fn next(&mut self) -> Result<TaskFacts, Error> {
        while self.coming.len() < AHEAD && self.ask() {}
        if self.fetched.is_empty()
            && let Some((tasks, coming)) = self.coming.pop_front()
        {
            let found = match coming {
                Some(coming) => coming.await.map_err(|fault| Error::Last(fault.to_string()))??,
                None => Vec::new(),
            };
            self.take(tasks, found);
        }
        // One entry per task, and whoever asks asks once for each.
        let run = self.engine.plan().run();
        Ok(self.fetched.pop_front().ok_or(bus::Error::UnknownRun(run))?)
    }

    /// The facts of every task, for a small run.
    pub(crate) async fn all(mut self) -> Result<Vec<TaskFacts>, Error> {
        let mut all = Vec::new();
        for _ in 0..self.engine.plan().len() {
            all.push(self.next().await?);
        }
        Ok(all)
    }

    /// Asks for the verdicts of the next tasks; `false` when there are no more.
    fn ask(&mut self) -> bool {
        let plan = self.engine.plan();
        let total = u32::try_from(plan.len()).unwrap_or(u32::MAX);
        let (mut tasks, mut keys) = (Vec::new(), Vec::new());
        for task in (self.next..total).map(TaskIndex) {
            if keys.len() >= CHUNK || tasks.len() >= CHUNK {
                break;
            }
            let known = attempts(tried(self.engine.state(task))).map(|attempt| {
                let heard = match self.telling {
                    Telling::First => self.kept.look(task, attempt),
                    Telling::Last => self.kept.take(task, attempt),
                };
                if let Some(heard) = heard {
                    return Known::Heard(heard);
                }
                let key = AttemptKey { run: plan.run(), task, attempt };
                keys.push((plan.queue(task).to_owned(), key));
                Known::Asked
            });
            tasks.push((task, known.collect()));
        }
        let Some(&(last, _)) = tasks.last() else {
            return false;
        };
        self.next = last.0 + 1;
        let fetching = (!keys.is_empty()).then(|| {
            let bus = self.bus.clone();
            let fetching = async move { insist(|| bus.verdicts(keys.clone())).await };
            AbortOnDropHandle::new(bus::task::spawn(fetching))
        });
        self.coming.push_back((tasks, fetching));
        true
    }

    fn take(&mut self, tasks: Chunk, found: Vec<Option<Stored<Verdict>>>) {
        let mut found = found.into_iter();
        for (task, known) in tasks {
            let untold = usize::from(is_planted(Bug::AttemptUntold) && known.len() > 1);
            let verdicts = known.into_iter().filter_map(|known| match known {
                Known::Heard(verdict) => Some(*verdict),
                Known::Asked => found.next().flatten(),
            });
            let stored: Vec<_> = verdicts.skip(untold).collect();
            self.fetched.push_back(self.facts(task, stored));
        }
    }

    fn facts(&self, task: TaskIndex, verdicts: Vec<Stored<Verdict>>) -> TaskFacts {
        let (end, decided_at) = end_of(self.engine.state(task), self.engine.started_at());
        let plan = self.engine.plan();
        let mut ready_at = self.engine.ready_at(task);
        let mut attempts = Vec::with_capacity(verdicts.len());
        for verdict in verdicts {
            let attempt = verdict.body.attempt;
            let next_at = match verdict.body.outcome {
                Outcome::Lost => verdict.at,
                _ => verdict.at.after(plan.delay_after(task, attempt)),
            };
            let perturbation = plan
                .chaos()
                .and_then(|chaos| chaos.perturbation(task, attempt, plan.retries(task)));
            attempts.push(AttemptFacts { ready_at, verdict, perturbation });
            ready_at = next_at;
        }
        TaskFacts { end, decided_at, attempts }
    }
}

/// The last attempt of a task that may have a verdict.
const fn tried(state: TaskState) -> Option<Attempt> {
    match state {
        TaskState::Completed { attempt, .. }
        | TaskState::Failed { attempt, .. }
        | TaskState::TimedOut { attempt, .. } => Some(attempt),
        TaskState::Cancelled { attempt, .. } => attempt,
        TaskState::Waiting { .. }
        | TaskState::Ready { .. }
        | TaskState::Backoff { .. }
        | TaskState::Carried { .. }
        | TaskState::Offered { .. }
        | TaskState::Running { .. } => None,
    }
}

fn attempts(last: Option<Attempt>) -> impl Iterator<Item = Attempt> {
    (1..=last.map_or(0, Attempt::get)).filter_map(Attempt::new)
}

/// How a task of a finished run ended, and when.
fn end_of(state: TaskState, started: Timestamp) -> (TaskEnd, Timestamp) {
    match state {
        TaskState::Completed { at, .. } => (TaskEnd::Completed, at),
        TaskState::Failed { at, .. } => (TaskEnd::Failed, at),
        TaskState::TimedOut { at, .. } => (TaskEnd::TimedOut, at),
        TaskState::Cancelled { cause, at, .. } => (TaskEnd::Cancelled { cause }, at),
        undecided => {
            debug_assert!(false, "a finished run has a task that is {}", undecided.name());
            (TaskEnd::Cancelled { cause: None }, started)
        }
    }
}

/// When the last task of a finished run was decided; its start if it had none.
pub(crate) fn finished_at(engine: &Run) -> Timestamp {
    let total = u32::try_from(engine.plan().len()).unwrap_or(u32::MAX);
    let ends = (0..total).map(|task| end_of(engine.state(TaskIndex(task)), engine.started_at()).1);
    ends.max().unwrap_or(engine.started_at())
}
