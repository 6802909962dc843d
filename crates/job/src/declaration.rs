//! A job as it is linked into a program: its name, its options, its function.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use alt::Json;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Code, Error, Options, Schemas};

/// A future on the heap that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One job. The [`macro@crate::job`] attribute writes it.
#[derive(Clone, Copy)]
pub struct Declaration {
    /// What tasks call it: letters, digits, `_`, `-` and `.`.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// Its defaults and limits.
    pub options: Options,
    /// The source file of the declaration.
    pub file: &'static str,
    /// The line in it, from 1.
    pub line: u32,
    /// Its code, anew for each attempt.
    pub begin: fn() -> Arc<dyn Code>,
    /// The shapes of what it takes and gives.
    pub schemas: fn() -> Schemas,
}

impl fmt::Debug for Declaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job `{}` at {}:{}", self.name, self.file, self.line)
    }
}

inventory::collect!(Declaration);

/// Reads the parameters of a task as what its job takes; absent ones are an empty object.
///
/// # Errors
/// [`Error::Parameter`] with the parser's text.
pub(crate) fn parameters<P: DeserializeOwned>(text: &Json) -> Result<P, Error> {
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
pub(crate) fn output<R: Serialize>(output: &R) -> Result<Json, Error> {
    Json::from_value(output).map_err(Error::from)
}
