//! Bugs on purpose, one line each, to prove that the simulator (tests/sim) finds such.
//!
//! None exists outside of it: without the feature `sim` the question is answered when this is
//! compiled, and the line is gone.

/// A bug, named for what the code then does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Bug {
    OfferUnfenced,
    UnknownVerdictTakenAsStored,
    UnknownOffersTakenAsMade,
    FailedWriteTakenAsDone,
    RetryOnceTooOften,
    DependentForgotten,
    DependentTooEarly,
    CancellationForgotten,
    SealForgotten,
    LeaseCountsFromReceipt,
    LeaseNeverEnds,
    SeatsDeclaredLate,
    SeatSkipped,
    ClockOfTheMachine,
    WorkerLostTooSoon,
    EndLeavesOwner,
    AttemptUntold,
    DoubtStandsStill,
    SeatTakenOnTrust,
    ToldTakenAsKept,
    RestForgotten,
    PromiseForgotten,
    GoesOnTooLate,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::OfferUnfenced,
        Self::UnknownVerdictTakenAsStored,
        Self::UnknownOffersTakenAsMade,
        Self::FailedWriteTakenAsDone,
        Self::RetryOnceTooOften,
        Self::DependentForgotten,
        Self::DependentTooEarly,
        Self::CancellationForgotten,
        Self::SealForgotten,
        Self::LeaseCountsFromReceipt,
        Self::LeaseNeverEnds,
        Self::SeatsDeclaredLate,
        Self::SeatSkipped,
        Self::ClockOfTheMachine,
        Self::WorkerLostTooSoon,
        Self::EndLeavesOwner,
        Self::AttemptUntold,
        Self::DoubtStandsStill,
        Self::SeatTakenOnTrust,
        Self::ToldTakenAsKept,
        Self::RestForgotten,
        Self::PromiseForgotten,
        Self::GoesOnTooLate,
    ];
}

#[cfg(feature = "sim")]
mod chosen {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static CHOSEN: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a bug in what this thread runs, or none.
    pub fn plant(bug: Option<Bug>) {
        CHOSEN.set(bug);
    }

    /// Whether that bug is planted.
    #[must_use]
    pub fn is_planted(bug: Bug) -> bool {
        CHOSEN.get() == Some(bug)
    }
}

#[cfg(feature = "sim")]
pub use chosen::{is_planted, plant};

/// Whether that bug is planted: never.
#[cfg(not(feature = "sim"))]
#[must_use]
pub const fn is_planted(_: Bug) -> bool {
    false
}
