//! A job as it is linked into a program: its name, its options, its function.

use std::pin::Pin;

use alt::Json;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Error};

/// A future on the heap that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs a job: parameters in, output out, both as exact JSON text.
pub type Run = fn(Json, Context) -> BoxFuture<'static, Result<Json, Error>>;

/// What a job says of itself; a task may override the time-out and the retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Seconds an attempt may take, 1 or more; absent means the system's default.
    pub timeout_seconds: Option<u32>,
    /// Extra attempts after a failure or timeout.
    pub max_retries: u8,
    /// Attempts that may run at once in the whole fleet, 1 or more; absent means no limit.
    pub max_concurrent: Option<u32>,
}

/// One job. The [`macro@crate::job`] attribute writes it.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// What tasks call it: letters, digits, `_`, `-` and `.`.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// Its defaults and limits.
    pub options: Options,
    /// The source file of the declaration.
    pub file: &'static str,
    /// The line in it, from 1.
    pub line: u32,
    /// Its code.
    pub run: Run,
}

inventory::collect!(Declaration);

/// Reads the parameters of a task as what its job takes; absent ones are an empty object.
///
/// # Errors
/// [`Error::Parameter`] with the parser's text.
pub fn parameters<P: DeserializeOwned>(text: &Json) -> Result<P, Error> {
    let text = match text.text() {
        "null" => "{}",
        text => text,
    };
    serde_json::from_str(text).map_err(|fault| Error::parameter("", fault.to_string()))
}

/// Writes the output of a job as JSON.
///
/// # Errors
/// [`Error::Failed`], not retryable, when the output cannot be JSON.
pub fn output<R: Serialize>(output: &R) -> Result<Json, Error> {
    Json::from_value(output).map_err(Error::from)
}
