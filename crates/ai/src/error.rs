//! Why a model said nothing, as a decision for the caller.

use std::time::Duration;

/// Why there is no answer. None of it names the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It has too much to do, or is broken at the moment: another try may do better.
    #[error("the model service answered {status}{}", told(.said))]
    Busy {
        /// The HTTP status: 408, 425, 429 or from 500 on.
        status: u16,
        /// How long to wait before another try, if it says so.
        retry_after: Option<Duration>,
        /// What it said, at most 300 characters.
        said: String,
    },
    /// It will not do it, now or later: not this request, not with this key, not with this model.
    #[error("the model service answered {status}{}", told(.said))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said, at most 300 characters.
        said: String,
    },
    /// It was not reached, or went away in the middle: another try may do better.
    #[error("no answer from the model service: {0}")]
    Unreachable(String),
    /// There was no whole answer in this time.
    #[error("no answer from the model service within {} s", .0.as_secs())]
    Late(Duration),
    /// It answered something else than what was asked for.
    #[error("the answer of the model service cannot be used: {0}")]
    Garbled(String),
}

impl Error {
    /// Whether the same request may be answered at another try.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Unreachable(_) | Self::Late(_))
    }

    /// How long to wait before another try, if the service says so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            Self::Refused { .. } | Self::Unreachable(_) | Self::Late(_) | Self::Garbled(_) => None,
        }
    }
}

fn told(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}
