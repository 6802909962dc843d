//! The hooks of a job: their order, what a skip is, who handles an error, who cleans up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use job::testing::Bench;
use job::{Check, Context, Error, Job, Registry, Skip, job};
use serde::{Deserialize, Serialize};

/// What one attempt is to do, by the names of hooks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Plan {
    fail: bool,
    cool_down: bool,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Done {
    mended: bool,
}

/// Says each hook it passes.
///
/// A second paragraph that nobody lists.
#[derive(Default)]
struct Hooked;

impl Hooked {
    fn pass(name: &str, context: &Context) -> Check {
        context.log(name);
        match context.variable("SKIP_AT") {
            Some(at) if at == name => Err(Skip::because(format!("at {name}"))),
            _ => Ok(()),
        }
    }
}

/// Has every hook.
#[job("hooked.job", requires_ai = true, interval_seconds = 30)]
impl Job for Hooked {
    type Parameters = Plan;
    type Output = Done;

    async fn validate_config(&self, context: &Context) -> Check {
        Self::pass("config", context)
    }

    async fn validate_resources(&self, context: &Context) -> Check {
        Self::pass("resources", context)?;
        if context.variable("PROBE").is_some() {
            // Any error will do: what cannot be probed is not begun.
            "no number".parse::<u8>()?;
        }
        Ok(())
    }

    async fn validate_prerequisites(&self, context: &Context) -> Check {
        Self::pass("prerequisites", context)?;
        context.check_cooled_down().await
    }

    async fn validate_task_specific(&self, _plan: &Plan, context: &Context) -> Check {
        Self::pass("task_specific", context)
    }

    async fn run(&self, plan: Plan, context: Context) -> Result<Done, Error> {
        context.log("run");
        if plan.cool_down {
            context.cool_down(Duration::from_secs(900), "too many requests").await?;
        }
        if plan.fail { Err(Error::failed("broken")) } else { Ok(Done { mended: false }) }
    }

    async fn on_error(&self, error: &Error, context: &Context) -> Option<Done> {
        context.log(format!("on_error {error}"));
        context.variable("MEND").map(|_| Done { mended: true })
    }

    fn should_retry(&self, _error: &Error, context: &Context) -> bool {
        context.log("should_retry");
        context.variable("GIVE_UP").is_none()
    }

    async fn cleanup(&self, context: &Context) {
        context.log("cleanup");
    }
}

/// The code of the job and what it logs.
async fn attempt(bench: &Bench, plan: &str) -> (Result<String, Error>, Vec<String>) {
    let registry = Registry::discover().unwrap();
    let code = (registry.get("hooked.job").unwrap().begin)();
    let context = bench.context();
    let plan = alt::Json::from_text(plan).unwrap();
    let ended = std::sync::Arc::clone(&code).run(plan, context.clone()).await;
    code.cleanup(context.clone()).await;
    (ended.map(|output| output.text().to_owned()), context.log_handle().take())
}

#[tokio::test]
async fn hooks_are_called_in_their_order_and_the_clean_up_always() {
    let bench = Bench::new().unwrap();
    let (ended, said) = attempt(&bench, "{}").await;
    assert_eq!(ended.unwrap(), r#"{"mended":false}"#);
    let order = ["config", "resources", "prerequisites", "task_specific", "run", "cleanup"];
    assert_eq!(said, order);
    for (place, name) in order.iter().take(4).enumerate() {
        let bench = Bench::new().unwrap().with_variable("SKIP_AT", name);
        let (ended, said) = attempt(&bench, "{}").await;
        assert_eq!(ended.unwrap_err(), Error::Skipped(format!("at {name}")));
        let passed: Vec<_> = order[..=place].iter().chain(&["cleanup"]).collect();
        assert_eq!(said.iter().collect::<Vec<_>>(), passed);
    }
}

#[tokio::test]
async fn a_probe_that_fails_skips() {
    let bench = Bench::new().unwrap().with_variable("PROBE", "1");
    let (ended, _) = attempt(&bench, "{}").await;
    assert_eq!(ended.unwrap_err(), Error::Skipped("invalid digit found in string".to_owned()));
}

#[tokio::test]
async fn an_error_is_handled_by_the_job_or_by_the_retries_or_by_nobody() {
    let fail = r#"{"fail": true}"#;
    let (ended, said) = attempt(&Bench::new().unwrap(), fail).await;
    assert!(ended.unwrap_err().retryable());
    assert_eq!(said[4..], ["run", "on_error broken", "should_retry", "cleanup"]);
    let (ended, _) = attempt(&Bench::new().unwrap().with_variable("GIVE_UP", "1"), fail).await;
    let error = ended.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.retryable()), ("broken", false));
    let (ended, said) = attempt(&Bench::new().unwrap().with_variable("MEND", "1"), fail).await;
    assert_eq!(ended.unwrap(), r#"{"mended":true}"#);
    assert!(!said.contains(&"should_retry".to_owned()), "{said:?}");
}

#[tokio::test]
async fn a_job_that_cools_down_is_skipped_until_then() {
    let bench = Bench::new().unwrap();
    let (ended, _) = attempt(&bench, r#"{"cool_down": true}"#).await;
    ended.unwrap();
    let (ended, said) = attempt(&bench, "{}").await;
    let reason = ended.unwrap_err().to_string();
    assert!(reason.starts_with("skipped: cools down until 2"), "{reason}");
    assert!(reason.ends_with("Z: too many requests"), "{reason}");
    assert_eq!(said.last().map(String::as_str), Some("cleanup"));
}

#[tokio::test]
async fn what_is_remembered_is_read_back_and_bounded() {
    let context = Bench::new().unwrap().context();
    assert_eq!(context.recall::<u64>("block").await.unwrap(), None);
    context.remember("block", &7_u64).await.unwrap();
    assert_eq!(context.recall::<u64>("block").await.unwrap(), Some(7));
    let other = context.recall::<String>("block").await.unwrap_err();
    assert!(other.to_string().contains("`block` is no such value"), "{other}");
    let long = context.remember("block", &"x".repeat(70_000)).await.unwrap_err();
    assert!(long.to_string().contains("70002 bytes, at most 65536"), "{long}");
    let key = context.remember("", &1).await.unwrap_err();
    assert!(key.to_string().contains("1 to 100 bytes"), "{key}");
}

#[test]
fn a_declaration_says_what_it_can_of_itself() {
    let registry = Registry::discover().unwrap();
    let job = registry.get("hooked.job").unwrap();
    assert_eq!((job.title, job.description), ("hooked job", "Has every hook."));
    let schemas = (job.schemas)();
    assert_eq!(schemas.parameters, true, "a type that does not describe itself is anything");
    assert_eq!(schemas.output["properties"]["mended"]["type"], "boolean");
    let policy = job.options.policy(job.name);
    assert_eq!(policy.queue, "hooked_job", "not every worker may run it");
    assert_eq!(policy.schedule.unwrap().to_string(), "@every 30s");
}
