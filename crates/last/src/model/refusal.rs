//! Why a file was refused, as a LAST says it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One error of a refused file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The kind of fault, such as `ALT0203`.
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
