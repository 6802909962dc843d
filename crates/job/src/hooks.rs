//! The trait an author implements: the work of a job, and the hooks around it.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Error};

/// Why an attempt does not do its work, though nothing went wrong: its task is *skipped*, which is
/// no failure, and its output is `null`.
///
/// Every error turns into one with `?`: what cannot be probed now is not begun now. It is no error
/// itself, as [`Error`] says what went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip(pub(crate) String);

impl Skip {
    /// A skip for this reason, which people read.
    pub fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl<E: std::error::Error> From<E> for Skip {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// What a hook before the work says: go on, or skip.
pub type Check = Result<(), Skip>;

/// A job with hooks; `#[job("name", …)]` stands on the implementation. A plain `async fn` with the
/// attribute is a job without any.
///
/// Every attempt is a new value, made by [`Default`]. Its hooks are called in the order in which they
/// stand here, each once: the checks, the work, what handles its error, the clean-up.
pub trait Job: Default + Send + Sync + 'static {
    /// What a task gives, read from its JSON.
    type Parameters: DeserializeOwned + Send + Sync;
    /// What the task gets back, written as JSON.
    type Output: Serialize + Send;

    /// Whether what the job is told from outside can be worked with.
    fn validate_config(&self, context: &Context) -> impl Future<Output = Check> + Send {
        let _ = context;
        async { Ok(()) }
    }

    /// Whether what the job needs is there: an API that answers, a folder that can be written.
    fn validate_resources(&self, context: &Context) -> impl Future<Output = Check> + Send {
        let _ = context;
        async { Ok(()) }
    }

    /// Whether now is a time for it. Unless an author says otherwise, it is when the job does not
    /// cool down: see [`Context::cool_down`]. That is a look at what the job remembers, which a plain
    /// function does not take.
    fn validate_prerequisites(&self, context: &Context) -> impl Future<Output = Check> + Send {
        context.check_cooled_down()
    }

    /// Whether there is anything to do for these parameters.
    fn validate_task_specific(
        &self,
        parameters: &Self::Parameters,
        context: &Context,
    ) -> impl Future<Output = Check> + Send {
        let _ = (parameters, context);
        async { Ok(()) }
    }

    /// The work.
    ///
    /// # Errors
    /// Why there is no output.
    fn run(
        &self,
        parameters: Self::Parameters,
        context: Context,
    ) -> impl Future<Output = Result<Self::Output, Error>> + Send;

    /// The output after all, although the work ended with `error`. `None` leaves it a failure.
    fn on_error(
        &self,
        error: &Error,
        context: &Context,
    ) -> impl Future<Output = Option<Self::Output>> + Send {
        let _ = (error, context);
        async { None }
    }

    /// Whether another attempt could end otherwise than with `error`.
    fn should_retry(&self, error: &Error, context: &Context) -> bool {
        let _ = context;
        error.retryable()
    }

    /// Gives back what the attempt took. Called once after every beginning: when the work is done, has
    /// failed, took too long, panicked, was cancelled, or its worker goes; it has three seconds. Not
    /// when the worker is killed.
    fn cleanup(&self, context: &Context) -> impl Future<Output = ()> + Send {
        let _ = context;
        async {}
    }
}
