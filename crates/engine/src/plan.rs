//! A validated ALT turned into what the run needs: budgets, queues and order, by task index.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alt::{Alt, Mode, Priority, TaskIndex};
use protocol::{Attempt, Catalogue, JobPolicy, RunId, limits};

use crate::Chaos;
use crate::retry::{Pause, delay_after};

/// About what one input takes in an offer.
const INPUT_BYTES: usize = 64;

/// What one task may spend and where it waits.
#[derive(Debug, Clone, Copy)]
struct Budget {
    retries: u8,
    /// Index into [`Plan::queues`].
    queue: u32,
    /// Seconds to the first retry; 0 when the job does not say.
    retry_delay: u32,
}

/// All that is fixed about a run before it starts.
#[derive(Debug, Clone)]
pub struct Plan {
    run: RunId,
    alt: Arc<Alt>,
    chaos: Option<Chaos>,
    window: u32,
    budgets: Vec<Budget>,
    queues: Vec<String>,
}

impl Plan {
    /// Plans one run of `alt` on a fleet that has the jobs of `catalogue`.
    ///
    /// A file in chaos mode draws from the run id unless [`Plan::with_chaos`] says otherwise.
    #[must_use]
    pub fn new(run: RunId, alt: Arc<Alt>, catalogue: &Catalogue) -> Self {
        let plain = JobPolicy::default();
        let mut queues = Vec::new();
        let mut known = BTreeMap::new();
        let mut budgets = Vec::with_capacity(alt.file().tasks.len());
        for task in &alt.file().tasks {
            let policy = catalogue.0.get(&task.job).unwrap_or(&plain);
            // A job with a limit keeps its own queue, whatever the task asks: the limit must hold.
            let asked = task.queue.as_ref().filter(|_| policy.max_concurrent.is_none());
            let name = asked.unwrap_or(&policy.queue);
            let queue = *known.entry(name.clone()).or_insert_with(|| {
                queues.push(name.clone());
                u32::try_from(queues.len() - 1).unwrap_or(u32::MAX)
            });
            let retries = task.retry_count.unwrap_or(policy.retries);
            let retry_delay = policy.retry_delay_seconds.unwrap_or(0);
            budgets.push(Budget { retries, queue, retry_delay });
        }
        let file = alt.file();
        let chaos = (file.mode == Mode::Chaos)
            .then(|| Chaos { seed: run.seed(), level: file.chaos_level.unwrap_or(5) });
        Self { run, alt, chaos, window: limits::WINDOW, budgets, queues }
    }

    /// The same plan with at most `window` attempts outstanding; 1 or more.
    #[must_use]
    pub fn with_window(mut self, window: u32) -> Self {
        self.window = window.max(1);
        self
    }

    /// The same plan, disturbed from this seed.
    #[must_use]
    pub const fn with_chaos(mut self, chaos: Chaos) -> Self {
        self.chaos = Some(chaos);
        self
    }

    /// The run.
    #[must_use]
    pub const fn run(&self) -> RunId {
        self.run
    }

    /// The file.
    #[must_use]
    pub const fn alt(&self) -> &Arc<Alt> {
        &self.alt
    }

    /// Whether and how the run is disturbed.
    #[must_use]
    pub const fn chaos(&self) -> Option<Chaos> {
        self.chaos
    }

    /// Tasks in the file.
    #[must_use]
    pub fn len(&self) -> usize {
        self.budgets.len()
    }

    /// Whether the file has no task.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.budgets.is_empty()
    }

    /// Extra attempts the task may have after a failure or timeout.
    #[must_use]
    pub fn retries(&self, task: TaskIndex) -> u8 {
        self.budgets[task.get()].retries
    }

    /// How long the task waits after this attempt failed.
    #[must_use]
    pub fn delay_after(&self, task: TaskIndex, attempt: Attempt) -> Duration {
        let pause = match self.budgets[task.get()].retry_delay {
            0 => Pause::USUAL,
            seconds => Pause::from_seconds(seconds),
        };
        delay_after(self.run, task, attempt, pause)
    }

    /// The queue the task's attempts wait on.
    #[must_use]
    pub fn queue(&self, task: TaskIndex) -> &str {
        &self.queues[self.budgets[task.get()].queue as usize]
    }

    /// Attempts that may be outstanding at once.
    #[must_use]
    pub const fn window(&self) -> u32 {
        self.window
    }

    /// Whether one worker may go on from `task` with `next`: whoever serves its queue serves the
    /// other's, and nothing that is more or less urgent is held up or put first.
    pub(crate) fn goes_with(&self, task: TaskIndex, next: TaskIndex) -> bool {
        let tasks = &self.alt.file().tasks;
        let queue = |task: TaskIndex| self.budgets[task.get()].queue;
        queue(task) == queue(next) && tasks[task.get()].priority == tasks[next.get()].priority
    }

    /// About how many bytes the task adds to an offer that it goes along with.
    pub(crate) fn weight(&self, task: TaskIndex) -> usize {
        let it = &self.alt.file().tasks[task.get()];
        let inputs = self.alt.graph().dependencies(task).len() + it.references.len();
        it.parameters.as_ref().map_or(0, |text| text.text().len()) + inputs * INPUT_BYTES
    }

    /// What can be done right after `task`, in this order: each needs nothing but it and those before.
    /// At most [`limits::THEN`], and none that was looked for too long.
    pub(crate) fn sequel(&self, task: TaskIndex) -> Vec<TaskIndex> {
        let graph = self.alt.graph();
        let (mut row, mut looks, mut bytes) = (vec![task], 0, 0);
        let mut place = 0;
        while let Some(&done) = row.get(place) {
            place += 1;
            for &next in graph.dependents(done) {
                looks += 1;
                if looks > limits::THEN_LOOKS || row.len() > limits::THEN {
                    return row.split_off(1);
                }
                let needs = graph.dependencies(next);
                let is_next = !row.contains(&next)
                    && needs.len() <= row.len()
                    && needs.iter().all(|needed| row.contains(needed))
                    && self.goes_with(task, next);
                if is_next && bytes + self.weight(next) <= limits::THEN_BYTES {
                    bytes += self.weight(next);
                    row.push(next);
                }
            }
        }
        row.split_off(1)
    }

    /// Where the task stands among ready ones: priority, then critical path, then file order.
    pub(crate) fn order(&self, task: TaskIndex) -> Order {
        let among_equals = match self.chaos {
            Some(chaos) => chaos.order(task),
            None => u32::MAX - self.alt.graph().rank(task),
        };
        Order { priority: self.alt.file().tasks[task.get()].priority, among_equals, task }
    }
}

/// The key of the ready queue: least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Order {
    priority: Priority,
    among_equals: u32,
    pub(crate) task: TaskIndex,
}
