//! A job with its types erased, as a worker runs it: the hooks in their order.

use std::sync::Arc;

use alt::Json;
use tracing::debug;

use crate::declaration::{output, parameters};
use crate::{BoxFuture, Context, Error, Job};

/// One attempt of any job.
pub trait Code: Send + Sync {
    /// The checks, the work, and what handles its error: parameters in, output out, as exact JSON.
    fn run(
        self: Arc<Self>,
        parameters: Json,
        context: Context,
    ) -> BoxFuture<'static, Result<Json, Error>>;

    /// Gives back what the attempt took.
    fn cleanup(self: Arc<Self>, context: Context) -> BoxFuture<'static, ()>;
}

impl<J: Job> Code for J {
    fn run(
        self: Arc<Self>,
        text: Json,
        context: Context,
    ) -> BoxFuture<'static, Result<Json, Error>> {
        Box::pin(async move {
            let parameters = parameters(&text)?;
            check(&*self, &parameters, &context).await?;
            let (key, kind) = (context.key(), context.kind());
            debug!(
                run.id = %key.run, task.id = key.task.0, task.attempt = %key.attempt,
                job.kind = kind, "checks passed, the work begins"
            );
            match Job::run(&*self, parameters, context.clone()).await {
                Ok(done) => output(&done),
                Err(stop @ (Error::Skipped(_) | Error::Cancelled)) => Err(stop),
                Err(error) => match self.on_error(&error, &context).await {
                    Some(done) => output(&done),
                    None if error.retryable() == self.should_retry(&error, &context) => Err(error),
                    None => Err(Error::Failed {
                        message: error.to_string(),
                        retryable: !error.retryable(),
                    }),
                },
            }
        })
    }

    fn cleanup(self: Arc<Self>, context: Context) -> BoxFuture<'static, ()> {
        Box::pin(async move { Job::cleanup(&*self, &context).await })
    }
}

/// The checks in the order of their promise; the first that says so skips the rest.
async fn check<J: Job>(
    job: &J,
    parameters: &J::Parameters,
    context: &Context,
) -> Result<(), Error> {
    job.validate_config(context).await?;
    job.validate_resources(context).await?;
    job.validate_prerequisites(context).await?;
    job.validate_task_specific(parameters, context).await?;
    Ok(())
}
