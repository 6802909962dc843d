//! Answers to people: how a run stands, and why a task waits.

use std::collections::BTreeMap;

use alt::TaskIndex;
use engine::{Run, TaskState};
use protocol::{
    Answer, Attempt, AttemptKey, Holder, Question, Reason, RunRecord, Snapshot, Standing, TaskView,
    Timestamp, Waiting, Why, limits,
};

use crate::roster::Roster;

/// What is known where a question is answered.
pub(crate) struct Desk<'a> {
    pub(crate) engine: &'a Run,
    pub(crate) roster: &'a Roster,
    pub(crate) limits: &'a BTreeMap<String, Option<u32>>,
    pub(crate) now: Timestamp,
}

impl Desk<'_> {
    pub(crate) fn answer(&self, question: &Question, record: RunRecord) -> Answer {
        match question {
            Question::Snapshot => Answer::Snapshot(Snapshot { record, tasks: self.notable() }),
            Question::Why { task } => self.why(task),
            Question::Waiting => Answer::Waiting(self.waiting()),
        }
    }

    fn id(&self, task: TaskIndex) -> &str {
        &self.engine.plan().alt().file().tasks[task.get()].id
    }

    fn tasks(&self) -> impl Iterator<Item = TaskIndex> {
        (0..u32::try_from(self.engine.plan().len()).unwrap_or(u32::MAX)).map(TaskIndex)
    }

    /// What went wrong first, then what runs, then what waits for its next attempt.
    fn notable(&self) -> Vec<TaskView> {
        let rank = |task: &TaskIndex| match self.engine.state(*task) {
            TaskState::Failed { .. } | TaskState::TimedOut { .. } => Some(0_u8),
            TaskState::Running { .. } => Some(1),
            TaskState::Backoff { .. } => Some(2),
            _ => None,
        };
        let mut notable: Vec<_> =
            self.tasks().filter_map(|task| rank(&task).map(|rank| (rank, task))).collect();
        notable.sort_unstable();
        notable.truncate(limits::SNAPSHOT_TASKS);
        notable.into_iter().map(|(_, task)| self.view(task)).collect()
    }

    fn view(&self, task: TaskIndex) -> TaskView {
        let state = self.engine.state(task);
        let (attempt, standing) = match state {
            TaskState::Waiting { unfinished } => (None, Standing::Waiting { missing: unfinished }),
            TaskState::Ready { attempt } => (Some(attempt), Standing::Ready),
            TaskState::Backoff { attempt, until } => (Some(attempt), Standing::Backoff { until }),
            TaskState::Carried { attempt }
            | TaskState::Offered { attempt }
            | TaskState::Running { attempt, .. } => (Some(attempt), self.under_way(task, attempt)),
            TaskState::Completed { attempt, at } => (Some(attempt), Standing::Completed { at }),
            TaskState::Failed { attempt, at } => (Some(attempt), Standing::Failed { at }),
            TaskState::TimedOut { attempt, at } => (Some(attempt), Standing::Timeout { at }),
            TaskState::Cancelled { attempt, at, cause } => {
                let cause = cause.map(|cause| self.id(cause).to_owned());
                (attempt, Standing::Cancelled { at, cause })
            }
        };
        TaskView { id: self.id(task).to_owned(), attempt, standing }
    }

    /// A worker's heartbeat says more than its first word, which may be lost.
    fn under_way(&self, task: TaskIndex, attempt: Attempt) -> Standing {
        let key = AttemptKey { run: self.engine.plan().run(), task, attempt };
        match (self.roster.who_runs(key), self.engine.state(task)) {
            (Some((worker, running)), _) => {
                Standing::Running { worker: Some(worker), for_ms: Some(running.for_ms) }
            }
            (None, TaskState::Running { .. }) => Standing::Running { worker: None, for_ms: None },
            (None, _) => Standing::Offered,
        }
    }

    fn why(&self, id: &str) -> Answer {
        let Some(task) = self.tasks().find(|task| self.id(*task) == id) else {
            let ids = self.engine.plan().alt().file().tasks.iter().map(|task| task.id.as_str());
            return Answer::NoSuchTask { nearest: alt::nearest(id, ids).map(ToOwned::to_owned) };
        };
        let view = self.view(task);
        let reasons = match self.engine.state(task) {
            TaskState::Waiting { .. } => self.missing(task),
            TaskState::Ready { .. } => {
                let size = self.engine.plan().window();
                vec![Reason::Window { size, ahead: self.engine.ready_before(task) }]
            }
            TaskState::Carried { .. } if view.standing == Standing::Offered => {
                let along = self.engine.carrier(task);
                let along = along.map(|it| Reason::Along { task: self.id(it).to_owned() });
                along.into_iter().chain([self.why_offered(task)]).collect()
            }
            TaskState::Offered { .. } if view.standing == Standing::Offered => {
                vec![self.why_offered(task)]
            }
            _ => Vec::new(),
        };
        Answer::Why(Why { task: view, now: self.now, reasons })
    }

    fn missing(&self, task: TaskIndex) -> Vec<Reason> {
        let needed = self.engine.plan().alt().graph().dependencies(task);
        let missing = needed
            .iter()
            .filter(|&&needed| !matches!(self.engine.state(needed), TaskState::Completed { .. }));
        let reasons = missing.take(limits::WHY_REASONS).map(|&needed| {
            let TaskView { id, standing, .. } = self.view(needed);
            Reason::Dependency { task: id, standing }
        });
        reasons.collect()
    }

    fn waiting(&self) -> BTreeMap<String, Waiting> {
        let plan = self.engine.plan();
        let (run, tasks) = (plan.run(), &plan.alt().file().tasks);
        let running = self.roster.of_run(run);
        let mut waiting: BTreeMap<&str, Waiting> = BTreeMap::new();
        for task in self.tasks() {
            let place: fn(&mut Waiting) -> &mut u32 = match self.engine.state(task) {
                TaskState::Ready { .. } => |it| &mut it.ready,
                TaskState::Backoff { .. } => |it| &mut it.backoff,
                TaskState::Carried { attempt } | TaskState::Offered { attempt }
                    if !running.contains(&AttemptKey { run, task, attempt }) =>
                {
                    |it| &mut it.queued
                }
                _ => continue,
            };
            *place(waiting.entry(&tasks[task.get()].job).or_default()) += 1;
        }
        waiting.into_iter().map(|(job, waiting)| (job.to_owned(), waiting)).collect()
    }

    fn why_offered(&self, task: TaskIndex) -> Reason {
        let plan = self.engine.plan();
        let queue = plan.queue(task).to_owned();
        let workers = self.roster.of_queue(&queue);
        if workers.is_empty() {
            return Reason::NoWorker { queue };
        }
        let running = workers.iter().flat_map(|worker| {
            let here = worker.running.iter().filter(|running| running.queue == queue);
            here.map(|running| Holder {
                worker: worker.worker.clone(),
                run: running.key.run,
                task: running.key.task,
                for_ms: running.for_ms,
            })
        });
        let mut holders: Vec<Holder> = running.collect();
        if let Some(Some(limit)) = self.limits.get(&queue).copied()
            && holders.len() >= usize::try_from(limit).unwrap_or(usize::MAX)
        {
            holders.truncate(limits::WHY_REASONS);
            return Reason::Limit { queue, limit, holders };
        }
        let slots: u32 = workers.iter().map(|worker| worker.slots).sum();
        let taken: usize = workers.iter().map(|worker| worker.running.len()).sum();
        if taken >= usize::try_from(slots).unwrap_or(usize::MAX) {
            return Reason::Busy { queue, slots };
        }
        Reason::Queued { queue, priority: plan.alt().file().tasks[task.get()].priority }
    }
}
