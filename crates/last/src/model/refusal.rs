//! Why a file was refused, as a LAST says it.

use alt::{Diagnostic, Report};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One error of a refused file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The kind of fault, such as `ALT0203`; `SUBMISSION` when it is not in the file.
    pub code: String,
    /// The JSON pointer of the value, such as `/tasks/3/dependencies/0`.
    pub pointer: String,
    /// The line of the first character, from 1.
    #[schemars(range(min = 1))]
    pub line: u64,
    /// The column of the first character in characters, from 1.
    #[schemars(range(min = 1))]
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// How much of what was found in a refused file is not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unlisted {
    /// Errors beyond those listed.
    pub errors: u64,
    /// Warnings; none is listed, for none refuses a file.
    pub warnings: u64,
}

/// How many errors are listed.
const LISTED: usize = 100;

/// Why nothing of a submission runs: the first errors, and how many more there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusals {
    /// By position in the file.
    pub listed: Vec<Refusal>,
    /// What is not listed.
    pub more: Unlisted,
}

impl Refusals {
    /// What was found in a file.
    #[must_use]
    pub fn of_file(report: &Report) -> Self {
        let found = report.errors().count();
        let listed: Vec<Refusal> = report.errors().take(LISTED).map(Refusal::from).collect();
        let more = Unlisted {
            errors: number(found - listed.len()).saturating_add(number(report.more_errors)),
            warnings: number(report.diagnostics.len() - found)
                .saturating_add(number(report.more_warnings)),
        };
        Self { listed, more }
    }

    /// What keeps a submission from being run, whatever its file says.
    #[must_use]
    pub fn of_submission(message: impl Into<String>) -> Self {
        let refusal = Refusal {
            code: Refusal::SUBMISSION.to_owned(),
            pointer: String::new(),
            line: 1,
            column: 1,
            message: message.into(),
            help: None,
        };
        Self { listed: vec![refusal], more: Unlisted::default() }
    }
}

impl Refusal {
    /// The code of a fault that is not in the file.
    pub const SUBMISSION: &str = "SUBMISSION";
}

impl From<&Diagnostic> for Refusal {
    fn from(found: &Diagnostic) -> Self {
        Self {
            code: found.code.name().to_owned(),
            pointer: found.pointer.clone(),
            line: number(found.line),
            column: number(found.column),
            message: found.message.clone(),
            help: found.help.clone(),
        }
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
