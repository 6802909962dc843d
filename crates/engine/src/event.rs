//! The closed list of things that happen to a run, and the closed list of things to do about it.

use alt::TaskIndex;
use protocol::{Attempt, Outcome, Perturbation};

use crate::Verdict;

/// What happened. The moment comes beside it, from the stream that stored it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An offer of whoever conducted the run before is there still, acked by nobody. Told after the
    /// verdicts and before [`Event::Begin`].
    Offered {
        /// The task.
        task: TaskIndex,
        /// The attempt.
        attempt: Attempt,
        /// What goes along with it.
        then: Vec<TaskIndex>,
    },
    /// All that was stored has been told; from here on effects are wanted.
    Begin,
    /// A worker says that it runs an attempt. A hint: losing it changes no outcome.
    Started {
        /// The task.
        task: TaskIndex,
        /// The attempt.
        attempt: Attempt,
        /// Milliseconds it may take.
        timeout_ms: u64,
    },
    /// A verdict was stored: the first for its attempt, so it is the truth.
    Verdict {
        /// The task.
        task: TaskIndex,
        /// The attempt.
        attempt: Attempt,
        /// What the engine needs of it.
        verdict: Verdict,
    },
    /// Somebody asked for the run to stop.
    CancelAsked,
    /// The moment named by [`crate::Run::poll_timeout`] has come.
    TimePassed,
}

/// What to do. Each is safe to do twice: its key is the attempt, and stores are create-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Put an attempt on its queue.
    Dispatch(Dispatch),
    /// Store a verdict in the place of a worker that cannot or should not.
    Seal(Seal),
    /// Tell the worker that runs it to stop.
    Stop {
        /// The task.
        task: TaskIndex,
        /// The attempt.
        attempt: Attempt,
    },
    /// Every task is decided: write the LAST.
    Finish,
}

impl Effect {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dispatch(_) => "dispatch",
            Self::Seal(_) => "seal",
            Self::Stop { .. } => "stop",
            Self::Finish => "finish",
        }
    }
}

/// An attempt to put on its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// The task.
    pub task: TaskIndex,
    /// The attempt.
    pub attempt: Attempt,
    /// What chaos mode does to it.
    pub perturbation: Option<Perturbation>,
    /// First attempts that its worker may go on with, in this order.
    pub then: Vec<TaskIndex>,
}

/// A verdict that the coordinator stores itself, unless a worker was first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// The task.
    pub task: TaskIndex,
    /// The attempt.
    pub attempt: Attempt,
    /// `Timeout` or `Cancelled`.
    pub outcome: Outcome,
}
