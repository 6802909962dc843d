//! Why a job did not return an output.

use crate::Skip;

/// The error of a job. Its text is shown to people as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parameter is missing or wrong; the same task would fail again.
    #[error("{}: {problem}", place(name))]
    Parameter {
        /// The parameter, with the path to it if it is nested; empty for all of them together.
        name: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The worker does not allow it.
    #[error("refused: {0}")]
    Refused(String),
    /// Something the job needs is not there now, and may be later.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The work itself failed.
    #[error("{message}")]
    Failed {
        /// What happened.
        message: String,
        /// Whether another attempt could end otherwise.
        retryable: bool,
    },
    /// There is nothing to do, or now is not the time: no failure, and no output.
    #[error("skipped: {0}")]
    Skipped(String),
    /// The job stopped because it was told to.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// A parameter is wrong; `name` may be a path such as `headers.Accept`.
    pub fn parameter(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Parameter { name: name.into(), problem: problem.into() }
    }

    /// The work failed and another attempt may succeed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), retryable: true }
    }

    /// The work failed and would fail again.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), retryable: false }
    }

    /// Whether another attempt could end otherwise.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Parameter { .. } | Self::Refused(_) | Self::Skipped(_) | Self::Cancelled => false,
            Self::Unavailable(_) => true,
            Self::Failed { retryable, .. } => *retryable,
        }
    }
}

impl From<Skip> for Error {
    fn from(skip: Skip) -> Self {
        Self::Skipped(skip.0)
    }
}

/// An output that is not JSON: the job's own fault, and every attempt would repeat it.
impl From<serde_json::Error> for Error {
    fn from(fault: serde_json::Error) -> Self {
        Self::fatal(format!("the output cannot be written as JSON: {fault}"))
    }
}

fn place(name: &str) -> String {
    if name.is_empty() { "parameters".to_owned() } else { format!("parameter `{name}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_text_and_says_whether_to_retry() {
        let table = [
            (Error::parameter("url", "is missing"), "parameter `url`: is missing", false),
            (Error::parameter("", "missing field `url`"), "parameters: missing field `url`", false),
            (Error::Refused("no exec".into()), "refused: no exec", false),
            (Error::Unavailable("store".into()), "unavailable: store", true),
            (Error::failed("status 503"), "status 503", true),
            (Error::fatal("status 404"), "status 404", false),
            (Error::Skipped("no news".into()), "skipped: no news", false),
            (Error::Cancelled, "cancelled", false),
        ];
        for (error, text, retryable) in table {
            assert_eq!(error.to_string(), text);
            assert_eq!(error.retryable(), retryable, "{text}");
        }
    }
}
