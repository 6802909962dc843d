//! Reads a LAST back: nothing missing, nothing unknown, no key twice.

use crate::model::{LastFile, VERSION};

/// Why bytes are not a LAST.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not JSON, or not of the shape.
    #[error("line {line}, column {column}: {message}")]
    Shape {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// It is of another version of the format.
    #[error("version `{0}` is not known; this Runner reads version `{VERSION}`")]
    Version(String),
}

/// Reads `bytes`, the whole of a `last.json`.
///
/// # Errors
/// With line and column when a field is missing, unknown, twice or of the wrong type.
pub fn read(bytes: &[u8]) -> Result<LastFile, ReadError> {
    let last: LastFile = serde_json::from_slice(bytes).map_err(|error| {
        version_of(bytes).filter(|version| version != VERSION).map_or_else(
            || {
                let message = error.to_string();
                let at = format!(" at line {} column {}", error.line(), error.column());
                ReadError::Shape {
                    line: error.line(),
                    column: error.column(),
                    message: message.strip_suffix(&at).unwrap_or(&message).to_owned(),
                }
            },
            ReadError::Version,
        )
    })?;
    if last.version == VERSION { Ok(last) } else { Err(ReadError::Version(last.version)) }
}

/// The version a file claims, whatever else it holds: another version explains other fields.
fn version_of(bytes: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Claim {
        version: String,
    }
    serde_json::from_slice::<Claim>(bytes).ok().map(|claim| claim.version)
}
