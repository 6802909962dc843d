//! `count-items`: works on each item that it is given.

use job::{Check, Context, Error, Job, Skip, job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a task gives.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// What to work on.
    items: Vec<String>,
}

/// What the task gets back.
#[derive(Serialize, JsonSchema)]
struct Output {
    /// How many items were worked on.
    items: usize,
}

/// One attempt; what its hooks tell each other goes in here.
#[derive(Default)]
struct Attempt;

#[job("count-items", description = "Works on each item.", timeout_seconds = 60, max_retries = 2)]
impl Job for Attempt {
    type Parameters = Parameters;
    type Output = Output;

    /// That there is nothing to do is no failure: the task is skipped.
    async fn validate_task_specific(&self, parameters: &Parameters, _: &Context) -> Check {
        if parameters.items.is_empty() {
            return Err(Skip::because("there are no items"));
        }
        Ok(())
    }

    /// The work. It may be done twice, as a worker can die after it: make it safe to repeat.
    async fn run(&self, parameters: Parameters, context: Context) -> Result<Output, Error> {
        for item in &parameters.items {
            if context.cancelled().is_cancelled() {
                return Err(Error::Cancelled);
            }
            context.log(format!("works on {item}"));
        }
        Ok(Output { items: parameters.items.len() })
    }

    /// Gives back what the attempt took, however it ended.
    async fn cleanup(&self, context: &Context) {
        context.log("cleaned up");
    }
}

#[cfg(test)]
mod tests {
    use job::Error;
    use job::testing::Bench;

    #[tokio::test]
    async fn it_works_on_each_item_and_skips_when_there_is_none() {
        let bench = Bench::new().unwrap();
        let output = bench.run("count-items", r#"{"items": ["a", "b"]}"#).await.unwrap();
        assert_eq!(output.text(), r#"{"items":2}"#);
        let skipped = bench.run("count-items", r#"{"items": []}"#).await.unwrap_err();
        assert_eq!(skipped, Error::Skipped("there are no items".to_owned()));
    }
}
