//! One run: what happened goes in, what to do comes out, and nothing else is done.

mod carry;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use alt::TaskIndex;
use protocol::planted::{Bug, is_planted};
use protocol::{Attempt, Counts, Outcome, Timestamp, limits};

use crate::plan::Order;
use crate::task::{Spent, count_of, decide, timer_of};
use crate::{Decision, Dispatch, Effect, Event, Plan, Seal, TaskState, Verdict};

/// The state of one execution of an ALT.
///
/// Use: tell it all that is stored ([`Run::handle`] in stream order), then the offers that are there
/// ([`Event::Offered`]), then [`Event::Begin`]; after every event take effects until
/// [`Run::poll_effect`] has none. A run that is told the same again decides the same again: that is
/// all there is to recovery. Cost per event is constant, but for the logarithm of the ready queue.
#[derive(Debug)]
pub struct Run {
    plan: Plan,
    phase: Phase,
    tasks: Vec<TaskState>,
    spent: Vec<Spent>,
    ready_at: Vec<Timestamp>,
    ready: BinaryHeap<Reverse<Order>>,
    /// Exactly the moments in `Backoff::until` and `Running::deadline`.
    timers: BTreeSet<(Timestamp, TaskIndex)>,
    effects: VecDeque<Effect>,
    /// Verdicts on attempts that have yet to come. The first one stored is the truth even so: it
    /// keeps every other out, and nobody would be heard of again.
    early: BTreeMap<(TaskIndex, Attempt), Verdict>,
    /// Those of `early` whose attempt has come.
    due: Vec<(TaskIndex, Attempt)>,
    counts: Counts,
    /// Those of `counts.offered` that are carried: they take no place in the window.
    carried: u32,
    /// What a worker is to go on with, by the attempt that it is at.
    rides: BTreeMap<TaskIndex, Vec<TaskIndex>>,
    /// What the offers are about that were found when the run was taken over; empty once it has begun.
    found: BTreeSet<TaskIndex>,
    started: Timestamp,
    /// The newest time of what is stored: the only time that decisions are dated with, so that a
    /// coordinator that is told the same later dates them the same.
    stored: Timestamp,
    /// The newest time of anything: what timers are held against.
    clock: Timestamp,
}

/// A window that tasks wait for is refilled when one part in so many of it is free.
const REFILL: u32 = 4;

/// Where the run as a whole stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Being told what is stored, verdicts first and then the offers that nobody has acked; when the
    /// run was cancelled, that is only remembered.
    Replaying { cancelled_at: Option<Timestamp> },
    /// Tasks run.
    Running,
    /// Somebody asked for an end: nothing new is dispatched.
    Cancelling,
    /// All tasks are decided and the finish was asked for.
    Finished,
}

impl Run {
    /// A run whose submission was stored at `started`. Silent until [`Event::Begin`].
    #[must_use]
    pub fn new(plan: Plan, started: Timestamp) -> Self {
        let count = plan.len();
        let total = u32::try_from(count).unwrap_or(u32::MAX);
        let mut run = Self {
            phase: Phase::Replaying { cancelled_at: None },
            tasks: Vec::with_capacity(count),
            spent: vec![Spent::default(); count],
            ready_at: vec![started; count],
            ready: BinaryHeap::new(),
            timers: BTreeSet::new(),
            effects: VecDeque::new(),
            early: BTreeMap::new(),
            due: Vec::new(),
            counts: Counts { waiting: total, ..Counts::default() },
            carried: 0,
            rides: BTreeMap::new(),
            found: BTreeSet::new(),
            started,
            stored: started,
            clock: started,
            plan,
        };
        for index in 0..total {
            let unfinished = run.plan.alt().graph().dependencies(TaskIndex(index)).len();
            let unfinished = u32::try_from(unfinished).unwrap_or(u32::MAX);
            run.tasks.push(TaskState::Waiting { unfinished });
        }
        for index in (0..total).map(TaskIndex) {
            if run.tasks[index.get()] == (TaskState::Waiting { unfinished: 0 }) {
                run.make_ready(index, Attempt::FIRST);
            }
        }
        run
    }

    /// Takes note of what happened at `at`. Late and repeated news change nothing.
    pub fn handle(&mut self, at: Timestamp, event: Event) {
        // One stream's times never run backwards for us, even where two servers' clocks differ.
        if let Event::Verdict { .. } | Event::CancelAsked = event {
            self.stored = self.stored.max(at);
        }
        self.clock = self.clock.max(at);
        self.fire_timers();
        match event {
            Event::Offered { task, attempt, then } => self.offered(task, attempt, &then),
            Event::Begin => self.begin(),
            Event::Started { task, attempt, timeout_ms } => self.started(task, attempt, timeout_ms),
            Event::Verdict { task, attempt, verdict } => self.verdict(task, attempt, verdict),
            Event::CancelAsked => self.cancel(),
            Event::TimePassed => {}
        }
        while let Some((task, attempt)) = self.due.pop() {
            if let Some(verdict) = self.early.remove(&(task, attempt)) {
                self.verdict(task, attempt, verdict);
            }
        }
        self.dispatch_ready();
        self.finish_if_decided();
    }

    /// When [`Event::TimePassed`] is due if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.first().map(|&(at, _)| at)
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn begin(&mut self) {
        let Phase::Replaying { cancelled_at } = self.phase else { return };
        let found = std::mem::take(&mut self.found);
        if let Some(at) = cancelled_at {
            self.phase = Phase::Cancelling;
            self.sweep(at);
            return;
        }
        self.phase = Phase::Running;
        self.miss_what_is_gone(&found);
    }

    fn started(&mut self, task: TaskIndex, attempt: Attempt, timeout_ms: u64) {
        let Some(&state) = self.tasks.get(task.get()) else {
            return;
        };
        if state != (TaskState::Offered { attempt }) {
            return;
        }
        let grace = if self.is_cancelling() {
            limits::STOP_GRACE_MS
        } else {
            timeout_ms.saturating_add(limits::SEAL_GRACE_MS)
        };
        let deadline = self.clock.after(Duration::from_millis(grace));
        self.set(task, TaskState::Running { attempt, deadline });
        // Whoever says so goes on with nothing after it.
        self.go_on(task, &[]);
    }

    fn verdict(&mut self, task: TaskIndex, attempt: Attempt, verdict: Verdict) {
        let Some(state) = self.tasks.get(task.get()) else {
            return;
        };
        if state.may_still_try(attempt) {
            self.early.entry((task, attempt)).or_insert(verdict);
            return;
        }
        if state.open_attempt() != Some(attempt) {
            return;
        }
        let spent = &mut self.spent[task.get()];
        match verdict.outcome {
            Outcome::Failed | Outcome::Timeout => spent.failures += 1,
            Outcome::Lost | Outcome::Ok | Outcome::Cancelled => {}
        }
        let (spent, at) = (*spent, self.stored);
        let mut then = Vec::new();
        match decide(&verdict, spent, self.plan.retries(task), self.is_cancelling()) {
            Decision::Complete => {
                self.set(task, TaskState::Completed { attempt, at });
                self.release_dependents(task);
                then = self.named(task, verdict.then);
            }
            Decision::RetryLater => {
                let until = at.after(self.plan.delay_after(task, attempt));
                self.set(task, TaskState::Backoff { attempt: attempt.next(), until });
            }
            Decision::RetryNow => self.make_ready(task, attempt.next()),
            Decision::Fail => self.end_badly(task, TaskState::Failed { attempt, at }),
            Decision::TimeOut => self.end_badly(task, TaskState::TimedOut { attempt, at }),
            Decision::Cancel => {
                let attempt = Some(attempt);
                self.end_badly(task, TaskState::Cancelled { cause: None, attempt, at });
            }
        }
        self.go_on(task, &then);
    }

    fn release_dependents(&mut self, task: TaskIndex) {
        let alt = self.plan.alt().clone();
        for &dependent in alt.graph().dependents(task) {
            // A dependent that another failure cancelled stays cancelled.
            if let TaskState::Waiting { unfinished } = self.tasks[dependent.get()] {
                if is_planted(Bug::DependentForgotten) && unfinished > 2 {
                    continue;
                }
                if unfinished == 1 || (unfinished == 2 && is_planted(Bug::DependentTooEarly)) {
                    self.make_ready(dependent, Attempt::FIRST);
                } else {
                    self.set(dependent, TaskState::Waiting { unfinished: unfinished - 1 });
                }
            }
        }
    }

    /// Decides `task` as `end` and cancels all that needed it, with `task` as the cause.
    fn end_badly(&mut self, task: TaskIndex, end: TaskState) {
        self.set(task, end);
        if self.is_cancelling() {
            return; // the sweep takes the rest, and no task is to blame
        }
        let at = self.stored;
        let alt = self.plan.alt().clone();
        let mut open = vec![task];
        while let Some(failed) = open.pop() {
            for &dependent in alt.graph().dependents(failed) {
                if matches!(self.tasks[dependent.get()], TaskState::Waiting { .. }) {
                    let cause = Some(task);
                    self.set(dependent, TaskState::Cancelled { cause, attempt: None, at });
                    open.push(dependent);
                }
            }
        }
    }

    fn cancel(&mut self) {
        let at = self.stored;
        match &mut self.phase {
            // Verdicts that are still to be told decide what was outstanding; the rest is swept
            // when all is known.
            Phase::Replaying { .. } if is_planted(Bug::CancellationForgotten) => {}
            Phase::Replaying { cancelled_at } => *cancelled_at = cancelled_at.or(Some(at)),
            Phase::Running => {
                self.phase = Phase::Cancelling;
                self.sweep(at);
            }
            Phase::Cancelling | Phase::Finished => {}
        }
    }

    /// Ends every task that has no attempt outstanding, dated `at`, and asks the others to stop.
    fn sweep(&mut self, at: Timestamp) {
        for task in self.indices() {
            match self.tasks[task.get()] {
                TaskState::Offered { attempt } | TaskState::Carried { attempt } => {
                    self.seal(task, attempt, Outcome::Cancelled);
                }
                TaskState::Running { attempt, .. } => {
                    let deadline = self.clock.after(Duration::from_millis(limits::STOP_GRACE_MS));
                    self.set(task, TaskState::Running { attempt, deadline });
                    self.want(Effect::Stop { task, attempt });
                }
                TaskState::Waiting { .. } => {
                    self.set(task, TaskState::Cancelled { cause: None, attempt: None, at });
                }
                TaskState::Ready { attempt } | TaskState::Backoff { attempt, .. } => {
                    // The attempt to come never will; the one before it, if any, was the last.
                    let attempt = Attempt::new(attempt.get() - 1);
                    self.set(task, TaskState::Cancelled { cause: None, attempt, at });
                }
                TaskState::Completed { .. }
                | TaskState::Failed { .. }
                | TaskState::TimedOut { .. }
                | TaskState::Cancelled { .. } => {}
            }
        }
        self.ready.clear();
    }

    /// Asks for a verdict in the worker's place. It returns through the stream; until then the
    /// task is as good as offered, and another `Started` cannot re-arm a deadline that has passed.
    fn seal(&mut self, task: TaskIndex, attempt: Attempt, outcome: Outcome) {
        self.set(task, TaskState::Offered { attempt });
        self.want(Effect::Seal(Seal { task, attempt, outcome }));
        self.want(Effect::Stop { task, attempt });
    }

    fn fire_timers(&mut self) {
        while let Some(&(due, task)) = self.timers.first().filter(|(due, _)| *due <= self.clock) {
            self.timers.remove(&(due, task));
            match self.tasks[task.get()] {
                TaskState::Backoff { attempt, .. } => self.make_ready(task, attempt),
                TaskState::Running { attempt, .. } => {
                    let cancelling = self.is_cancelling();
                    let outcome = if cancelling { Outcome::Cancelled } else { Outcome::Timeout };
                    self.seal(task, attempt, outcome);
                }
                _ => debug_assert!(false, "a timer belongs to a task that waits for it"),
            }
        }
    }

    fn make_ready(&mut self, task: TaskIndex, attempt: Attempt) {
        self.set(task, TaskState::Ready { attempt });
        self.ready_at[task.get()] =
            if attempt == Attempt::FIRST { self.stored } else { self.ready_at[task.get()] };
        self.queue_up(task);
    }

    /// Gives a task that is ready its place among those that are.
    fn queue_up(&mut self, task: TaskIndex) {
        self.ready.push(Reverse(self.plan.order(task)));
    }

    fn dispatch_ready(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        // A full window is refilled in blocks: many offers together cost little more than one.
        let free = self.free();
        if free < self.plan.window() / REFILL && free < self.counts.ready {
            return;
        }
        while self.free() > 0 {
            let Some((task, attempt)) = self.pop_ready() else {
                return;
            };
            self.set(task, TaskState::Offered { attempt });
            let then = self.choose_then(task);
            self.carry(task, &then);
            self.want_dispatch(task, attempt, then);
        }
    }

    /// Offers that nobody has answered.
    pub(crate) const fn outstanding(&self) -> u32 {
        self.counts.offered + self.counts.running - self.carried
    }

    /// Places in the window; what an owner before offered may have filled more than there are.
    fn free(&self) -> u32 {
        self.plan.window().saturating_sub(self.outstanding())
    }

    /// Takes the first of the ready tasks from its place.
    fn pop_ready(&mut self) -> Option<(TaskIndex, Attempt)> {
        while let Some(order) = self.ready.pop() {
            // One that went along and was let go again may have two places, one behind the other.
            while self.ready.peek() == Some(&order) {
                self.ready.pop();
            }
            let Reverse(Order { task, .. }) = order;
            // Places of tasks that went along with others, or were decided meanwhile, are stale.
            if let TaskState::Ready { attempt } = self.tasks[task.get()] {
                return Some((task, attempt));
            }
        }
        None
    }

    fn want_dispatch(&mut self, task: TaskIndex, attempt: Attempt, then: Vec<TaskIndex>) {
        let retries = self.plan.retries(task);
        let perturbation =
            self.plan.chaos().and_then(|chaos| chaos.perturbation(task, attempt, retries));
        self.want(Effect::Dispatch(Dispatch { task, attempt, perturbation, then }));
    }

    /// What is wanted while the past is being told was done, or will be wanted again.
    fn want(&mut self, effect: Effect) {
        if !matches!(self.phase, Phase::Replaying { .. }) {
            self.effects.push_back(effect);
        }
    }

    fn finish_if_decided(&mut self) {
        let active = matches!(self.phase, Phase::Running | Phase::Cancelling);
        if active && self.counts.decided() == self.counts.total() {
            self.phase = Phase::Finished;
            self.want(Effect::Finish);
        }
    }

    /// The one place where a task's state changes: counts and timers follow here.
    fn set(&mut self, task: TaskIndex, next: TaskState) {
        let state = &mut self.tasks[task.get()];
        debug_assert!(state.may_become(&next), "{state:?} cannot become {next:?}");
        if let Some(at) = timer_of(state) {
            self.timers.remove(&(at, task));
        }
        *count_of(&mut self.counts, state) -= 1;
        self.carried -= u32::from(matches!(state, TaskState::Carried { .. }));
        *state = next;
        *count_of(&mut self.counts, state) += 1;
        self.carried += u32::from(matches!(state, TaskState::Carried { .. }));
        if let Some(at) = timer_of(state) {
            self.timers.insert((at, task));
        }
        if let Some(attempt) = state.open_attempt()
            && self.early.contains_key(&(task, attempt))
        {
            self.due.push((task, attempt));
        }
    }

    const fn is_cancelling(&self) -> bool {
        matches!(self.phase, Phase::Cancelling | Phase::Replaying { cancelled_at: Some(_) })
    }

    /// What is fixed about the run.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where a task stands.
    #[must_use]
    pub fn state(&self, task: TaskIndex) -> TaskState {
        self.tasks[task.get()]
    }

    /// How many ready tasks go before `task`.
    #[must_use]
    pub fn ready_before(&self, task: TaskIndex) -> u32 {
        let own = self.plan.order(task);
        // Not by their places in the queue: one that went along and was let go again has two.
        let is_ready = |task: &TaskIndex| matches!(self.tasks[task.get()], TaskState::Ready { .. });
        let ready = self.indices().filter(is_ready);
        let ahead = ready.filter(|task| self.plan.order(*task) < own).count();
        u32::try_from(ahead).unwrap_or(u32::MAX)
    }

    /// When the task's dependencies had all completed; the run's start until then.
    #[must_use]
    pub fn ready_at(&self, task: TaskIndex) -> Timestamp {
        self.ready_at[task.get()]
    }

    /// How many tasks are in each state.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// When the submission was stored.
    #[must_use]
    pub const fn started_at(&self) -> Timestamp {
        self.started
    }

    /// Whether all tasks are decided.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished)
    }

    fn indices(&self) -> impl Iterator<Item = TaskIndex> + use<> {
        (0..u32::try_from(self.tasks.len()).unwrap_or(u32::MAX)).map(TaskIndex)
    }

    pub(crate) fn states(&self) -> &[TaskState] {
        &self.tasks
    }

    /// What workers are to go on with, by the attempt that they are at.
    pub(crate) const fn rides(&self) -> &BTreeMap<TaskIndex, Vec<TaskIndex>> {
        &self.rides
    }

    pub(crate) const fn timers(&self) -> &BTreeSet<(Timestamp, TaskIndex)> {
        &self.timers
    }
}
