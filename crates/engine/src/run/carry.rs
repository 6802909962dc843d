//! What one worker goes on with from one offer: chosen when the offer is made, kept from all others
//! until a verdict says otherwise.

use std::collections::BTreeSet;

use alt::TaskIndex;
use protocol::planted::{Bug, is_planted};
use protocol::{Attempt, limits};

use super::{Phase, Run};
use crate::TaskState;

const FIRST: TaskState = TaskState::Ready { attempt: Attempt::FIRST };

impl Run {
    /// What is to go along with an offer of `task`: what can be done right after it; where that is
    /// nothing, some of those that would wait for a place in the window.
    ///
    /// Those lose no time by it. If the first of them takes long, its worker says so, and they are
    /// ready again.
    pub(super) fn choose_then(&mut self, task: TaskIndex) -> Vec<TaskIndex> {
        // What is disturbed on purpose is disturbed attempt by attempt.
        if self.plan.chaos().is_some() {
            return Vec::new();
        }
        let sequel = self.plan.sequel(task);
        if sequel.is_empty() { self.take_along(task) } else { sequel }
    }

    fn take_along(&mut self, task: TaskIndex) -> Vec<TaskIndex> {
        let (mut along, mut bytes) = (Vec::new(), 0);
        let would_wait = self.counts.ready.saturating_sub(self.free()) as usize;
        while along.len() < limits::THEN.min(would_wait) {
            let Some((next, attempt)) = self.pop_ready() else { break };
            bytes += self.plan.weight(next);
            let fits = self.plan.goes_with(task, next) && bytes <= limits::THEN_BYTES;
            if !fits || attempt != Attempt::FIRST {
                self.queue_up(next);
                break;
            }
            along.push(next);
        }
        along
    }

    /// The offer of an owner before: what it is about is under way, and what goes along with it.
    pub(super) fn offered(&mut self, task: TaskIndex, attempt: Attempt, then: &[TaskIndex]) {
        if !matches!(self.phase, Phase::Replaying { .. }) {
            return;
        }
        self.found.insert(task);
        self.found.extend(then);
        // Of one that is decided, its worker may be at what it went on with, as that verdict says.
        let open = self.tasks.get(task.get()).and_then(TaskState::open_attempt);
        if open != Some(attempt) {
            return;
        }
        if let TaskState::Backoff { .. } = self.tasks[task.get()] {
            self.set(task, TaskState::Ready { attempt });
        }
        self.set(task, TaskState::Offered { attempt });
        self.carry(task, then);
    }

    /// What a verdict says that its worker goes on with, and no offer is there for it: somebody took
    /// that away, and nobody would ever do it.
    pub(super) fn miss_what_is_gone(&mut self, found: &BTreeSet<TaskIndex>) {
        for task in self.indices().filter(|task| !found.contains(task)) {
            if let TaskState::Offered { attempt } | TaskState::Carried { attempt } =
                self.tasks[task.get()]
            {
                self.rides.remove(&task);
                self.set(task, TaskState::Ready { attempt });
                self.queue_up(task);
            }
        }
    }

    /// The task that `task` goes along with, if it goes along with one.
    #[must_use]
    pub fn carrier(&self, task: TaskIndex) -> Option<TaskIndex> {
        let mut rides = self.rides.iter();
        rides.find(|(_, then)| then.contains(&task)).map(|(carrier, _)| *carrier)
    }

    /// Keeps `then` for whoever is given the offer of `task`.
    pub(super) fn carry(&mut self, task: TaskIndex, then: &[TaskIndex]) {
        self.keep(then);
        if !then.is_empty() {
            self.rides.insert(task, then.to_vec());
        }
    }

    /// Keeps those of `then` that are ready from all others; of the rest, later verdicts speak.
    fn keep(&mut self, then: &[TaskIndex]) {
        for &next in then {
            if self.tasks.get(next.get()) == Some(&FIRST) {
                self.set(next, TaskState::Carried { attempt: Attempt::FIRST });
            }
        }
    }

    /// What a verdict on `task` may name of `then`: nobody decides for a queue but who serves it.
    pub(super) fn named(&self, task: TaskIndex, then: Vec<TaskIndex>) -> Vec<TaskIndex> {
        let is_known = |next: &TaskIndex| next.get() < self.tasks.len();
        then.into_iter().filter(|it| is_known(it) && self.plan.goes_with(task, *it)).collect()
    }

    /// The worker that was at `task` goes on with `then`, and with nothing else that was kept for it.
    pub(super) fn go_on(&mut self, task: TaskIndex, then: &[TaskIndex]) {
        let kept = self.rides.remove(&task).unwrap_or_default();
        self.keep(then);
        // Another may have begun or decided what comes next; then what is behind it is for anybody.
        let mut left: &[TaskIndex] = &[];
        if let Some((&next, rest)) = then.split_first()
            && let TaskState::Carried { attempt } | TaskState::Offered { attempt } =
                self.tasks[next.get()]
        {
            self.set(next, TaskState::Offered { attempt });
            self.rides.insert(next, rest.to_vec());
            left = rest;
        }
        for &next in kept.iter().chain(then) {
            if !left.contains(&next) {
                self.release(next);
            }
        }
    }

    /// A task that no worker goes on with is for anybody.
    fn release(&mut self, task: TaskIndex) {
        if let Some(TaskState::Carried { attempt }) = self.tasks.get(task.get()).copied()
            && !is_planted(Bug::RestForgotten)
        {
            self.set(task, TaskState::Ready { attempt });
            self.queue_up(task);
        }
    }
}
