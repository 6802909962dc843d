//! The life of one task: its states, and the only table of what a verdict leads to.

use alt::TaskIndex;
use protocol::planted::{Bug, is_planted};
use protocol::{Attempt, Counts, Outcome, Timestamp};

/// Where a task stands. Each variant holds exactly what is true then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// Some dependencies have not completed.
    Waiting {
        /// How many.
        unfinished: u32,
    },
    /// Waits for its place in the window.
    Ready {
        /// The attempt to dispatch.
        attempt: Attempt,
    },
    /// Between a failed attempt and the next.
    Backoff {
        /// The attempt to come.
        attempt: Attempt,
        /// When it is due.
        until: Timestamp,
    },
    /// Behind another attempt in one offer: that one's worker is to go on with it.
    Carried {
        /// The attempt.
        attempt: Attempt,
    },
    /// On its queue, or with a worker that has not said so.
    Offered {
        /// The attempt.
        attempt: Attempt,
    },
    /// With a worker.
    Running {
        /// The attempt.
        attempt: Attempt,
        /// When the coordinator gives it a verdict in the worker's place.
        deadline: Timestamp,
    },
    /// Decided. Never left.
    Completed {
        /// The attempt that ended well.
        attempt: Attempt,
        /// When.
        at: Timestamp,
    },
    /// Decided: retries used up, or not worth another. Never left.
    Failed {
        /// The last attempt.
        attempt: Attempt,
        /// When.
        at: Timestamp,
    },
    /// Decided: ran out of time and of retries. Never left.
    TimedOut {
        /// The last attempt.
        attempt: Attempt,
        /// When.
        at: Timestamp,
    },
    /// Decided without completing. Never left.
    Cancelled {
        /// The task whose failure caused it; `None` when the run was cancelled.
        cause: Option<TaskIndex>,
        /// The last attempt that was dispatched, if any was.
        attempt: Option<Attempt>,
        /// When.
        at: Timestamp,
    },
}

impl TaskState {
    /// Whether the task's end is decided.
    #[must_use]
    pub const fn is_decided(&self) -> bool {
        matches!(
            self,
            Self::Completed { .. }
                | Self::Failed { .. }
                | Self::TimedOut { .. }
                | Self::Cancelled { .. }
        )
    }

    /// Whether `attempt` has yet to come, if it ever does.
    #[must_use]
    pub const fn may_still_try(&self, attempt: Attempt) -> bool {
        match (self, self.open_attempt()) {
            (Self::Waiting { .. }, _) => true,
            (_, Some(open)) => attempt.get() > open.get(),
            (_, None) => false,
        }
    }

    /// The attempt a verdict may still decide.
    #[must_use]
    pub const fn open_attempt(&self) -> Option<Attempt> {
        match *self {
            // Ready and Backoff too: at recovery the verdict is told before the dispatch is known.
            Self::Ready { attempt }
            | Self::Backoff { attempt, .. }
            | Self::Carried { attempt }
            | Self::Offered { attempt }
            | Self::Running { attempt, .. } => Some(attempt),
            Self::Waiting { .. }
            | Self::Completed { .. }
            | Self::Failed { .. }
            | Self::TimedOut { .. }
            | Self::Cancelled { .. } => None,
        }
    }

    /// Whether `next` may follow: the arrows of the diagram in `crates/README.md`.
    #[must_use]
    pub const fn may_become(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::Waiting { .. }, Self::Ready { .. } | Self::Cancelled { .. }) => true,
            // One dependency less.
            (Self::Waiting { .. }, Self::Waiting { .. }) => true,
            (Self::Ready { .. }, Self::Carried { .. }) => true,
            (
                Self::Ready { .. } | Self::Carried { .. } | Self::Running { .. },
                Self::Offered { .. },
            ) => true,
            (Self::Offered { .. }, Self::Running { .. }) => true,
            // Sealed, or given a shorter deadline: nothing that people would call a change.
            (Self::Offered { .. }, Self::Offered { .. }) => true,
            (Self::Running { .. }, Self::Running { .. }) => true,
            (open, end) => {
                open.open_attempt().is_some()
                    && !matches!(
                        end,
                        Self::Waiting { .. }
                            | Self::Carried { .. }
                            | Self::Offered { .. }
                            | Self::Running { .. }
                    )
            }
        }
    }

    /// The word for people and pictures.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Ready { .. } => "ready",
            Self::Backoff { .. } => "backoff",
            Self::Carried { .. } => "carried",
            Self::Offered { .. } => "offered",
            Self::Running { .. } => "running",
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::TimedOut { .. } => "timeout",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}

/// What the engine needs of a stored verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How the attempt ended.
    pub outcome: Outcome,
    /// Whether another attempt could end otherwise.
    pub retryable: bool,
    /// What its worker goes on with, in this order.
    pub then: Vec<TaskIndex>,
}

/// What a verdict leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The task completed.
    Complete,
    /// Another attempt, after the usual wait.
    RetryLater,
    /// Another attempt at once: the worker was at fault, not the task.
    RetryNow,
    /// The task failed.
    Fail,
    /// The task ran out of time.
    TimeOut,
    /// The task was stopped.
    Cancel,
}

/// Attempts a task has used, by who was to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Spent {
    /// Failures and timeouts: charged to the task's retries.
    pub(crate) failures: u16,
}

/// The one table: (verdict, budgets, whether the run is being cancelled) to decision.
pub(crate) fn decide(verdict: &Verdict, spent: Spent, retries: u8, cancelling: bool) -> Decision {
    let retries = u16::from(retries) + u16::from(is_planted(Bug::RetryOnceTooOften));
    let may_retry = !cancelling && spent.failures <= retries;
    match verdict.outcome {
        Outcome::Ok => Decision::Complete,
        Outcome::Cancelled => Decision::Cancel,
        Outcome::Failed if verdict.retryable && may_retry => Decision::RetryLater,
        Outcome::Failed => Decision::Fail,
        Outcome::Timeout if may_retry => Decision::RetryLater,
        Outcome::Timeout => Decision::TimeOut,
        Outcome::Lost if cancelling => Decision::Cancel,
        // Handed back: nobody is to blame. The deaths of workers are counted where they are seen, by
        // whoever is given the offer next.
        Outcome::Lost if verdict.retryable => Decision::RetryNow,
        Outcome::Lost => Decision::Fail,
    }
}

/// The moment a state waits for.
pub(crate) const fn timer_of(state: &TaskState) -> Option<Timestamp> {
    match *state {
        TaskState::Backoff { until, .. } => Some(until),
        TaskState::Running { deadline, .. } => Some(deadline),
        _ => None,
    }
}

/// The count a state belongs to.
pub(crate) const fn count_of<'a>(counts: &'a mut Counts, state: &TaskState) -> &'a mut u32 {
    match state {
        TaskState::Waiting { .. } => &mut counts.waiting,
        TaskState::Ready { .. } => &mut counts.ready,
        TaskState::Backoff { .. } => &mut counts.backoff,
        // For people it is with a worker, or waits for one.
        TaskState::Carried { .. } | TaskState::Offered { .. } => &mut counts.offered,
        TaskState::Running { .. } => &mut counts.running,
        TaskState::Completed { .. } => &mut counts.completed,
        TaskState::Failed { .. } => &mut counts.failed,
        TaskState::TimedOut { .. } => &mut counts.timeout,
        TaskState::Cancelled { .. } => &mut counts.cancelled,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// One of each, in the order of the diagram.
    fn states() -> Vec<(&'static str, TaskState)> {
        let (attempt, at) = (Attempt::FIRST, Timestamp(0));
        vec![
            ("Waiting", TaskState::Waiting { unfinished: 1 }),
            ("Ready", TaskState::Ready { attempt }),
            ("Backoff", TaskState::Backoff { attempt, until: at }),
            ("Carried", TaskState::Carried { attempt }),
            ("Offered", TaskState::Offered { attempt }),
            ("Running", TaskState::Running { attempt, deadline: at }),
            ("Completed", TaskState::Completed { attempt, at }),
            ("Failed", TaskState::Failed { attempt, at }),
            ("TimedOut", TaskState::TimedOut { attempt, at }),
            ("Cancelled", TaskState::Cancelled { cause: None, attempt: None, at }),
        ]
    }

    #[test]
    fn the_diagram_shows_every_change_that_the_code_allows_and_no_other() {
        const OPEN: &[&str] = &["Ready", "Backoff", "Carried", "Offered", "Running"];
        let map = include_str!("../../README.md");
        let mut drawn = BTreeSet::new();
        for line in map.lines().filter(|line| line.contains(" --> ")) {
            let (from, to) = line.trim().split_once(" --> ").unwrap();
            let to = to.split(':').next().unwrap();
            let from = if from == "Open" { OPEN } else { &[from] };
            drawn.extend(from.iter().map(|from| ((*from).to_owned(), to.to_owned())));
        }
        drawn.retain(|(from, to)| from != "[*]" && to != "[*]");
        let mut allowed = BTreeSet::new();
        for (from, state) in states() {
            for (to, next) in states() {
                if state.may_become(&next) {
                    allowed.insert((from.to_owned(), to.to_owned()));
                }
            }
        }
        // A state that stays what it is, is no arrow, except where an attempt gives way to the next.
        for same in ["Waiting", "Offered", "Running"] {
            allowed.remove(&(same.to_owned(), same.to_owned()));
        }
        assert_eq!(drawn, allowed);
    }

    #[test]
    fn what_is_decided_is_never_left() {
        for (name, state) in states() {
            let leaves = states().iter().any(|(_, next)| state.may_become(next));
            assert_eq!(leaves, !state.is_decided(), "{name}");
        }
    }
}
