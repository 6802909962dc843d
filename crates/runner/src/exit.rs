//! How the program ends: its exit codes, and the one shape of its own errors.

use std::process::ExitCode;

/// Why the program ended, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Success,
    /// A run in which no task completed; or a LAST that does not hold.
    Failure,
    /// Flags, environment or paths that cannot be used.
    Usage,
    /// An ALT file that is refused.
    Invalid,
    /// A run in which some tasks completed.
    Partial,
    /// Ctrl-C.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0_u8,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Invalid => 3,
            Exit::Partial => 4,
            Exit::Interrupted => 130,
        })
    }
}

/// An error of the program itself: what, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Failure {
    /// Something the caller can mend.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), help: Some(help.into()) }
    }

    /// Something that went wrong here.
    pub(crate) fn fault(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failure, message: message.into(), help: None }
    }
}
