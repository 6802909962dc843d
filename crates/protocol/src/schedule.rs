//! When a job is run by itself.

use std::fmt;

use serde::{Deserialize, Serialize};

/// When a job is run by itself. Shown and sent in the words of the server's message schedules
/// (ADR-51): `@every 30s`, or a cron expression of six fields, seconds first, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Every so many seconds, 1 or more: what the server can do.
    Every {
        /// How many.
        seconds: u32,
    },
    /// By a cron expression.
    Cron {
        /// Second, minute, hour, day of the month, month, day of the week.
        fields: String,
    },
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every { seconds } => write!(f, "@every {seconds}s"),
            Self::Cron { fields } => f.write_str(fields),
        }
    }
}

/// What becomes of a tick that comes more than [`crate::limits::MISFIRE_GRACE_SECONDS`] late, because
/// nobody was there to take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// It is left out.
    #[default]
    Skip,
    /// It is run, once for all that were missed.
    RunOnce,
    /// Every tick that was missed is run, one after the other.
    CatchUp,
}

impl Misfire {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Skip, Self::RunOnce, Self::CatchUp];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::RunOnce => "run_once",
            Self::CatchUp => "catch_up",
        }
    }
}
