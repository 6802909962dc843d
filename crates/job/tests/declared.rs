//! Jobs declared with the attribute, found at link time and run.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use alt::Json;
use job::testing::Bench;
use job::{Context, Error, Permissions, Registry, job};
use protocol::{Misfire, Schedule};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default)]
    of: String,
}

#[derive(Serialize)]
struct Output {
    text: String,
}

#[job(
    "sum.of",
    description = "Reads another output.",
    timeout_seconds = 7,
    max_retries = 2,
    max_concurrent = 3
)]
async fn read_other(parameters: Parameters, context: Context) -> Result<Output, Error> {
    let output = context.output(&parameters.of).await?;
    context.log("read");
    Ok(Output { text: output.text().to_owned() })
}

#[job(description = "Gives back what it gets.")]
async fn same(parameters: Json, _context: Context) -> Result<Json, Error> {
    Ok(parameters)
}

#[job(
    description = "Has an output that is not JSON.",
    cron = "0 30 9 * * mon-fri",
    misfire = "catch_up"
)]
async fn unwritable(
    _parameters: Json,
    _context: Context,
) -> Result<std::collections::BTreeMap<Vec<u8>, u8>, Error> {
    Ok([(vec![1], 1)].into())
}

fn bench() -> Bench {
    Bench::new().unwrap().with_output("a", Json::from_text("1e400").unwrap())
}

#[test]
fn the_declaration_holds_what_the_attribute_says() {
    let registry = Registry::discover().unwrap();
    assert_eq!(registry.names().collect::<Vec<_>>(), ["same", "sum.of", "unwritable"]);
    let policy = &registry.catalogue().0["unwritable"];
    let weekdays = Schedule::Cron { fields: "0 30 9 * * mon-fri".to_owned() };
    assert_eq!((&policy.schedule, policy.misfire), (&Some(weekdays), Misfire::CatchUp));
    let job = registry.get("sum.of").unwrap();
    assert_eq!(job.description, "Reads another output.");
    assert_eq!(job.options.timeout_seconds, Some(7));
    assert_eq!(job.options.max_retries, 2);
    assert_eq!(job.options.max_concurrent, Some(3));
    assert!(job.file.ends_with("declared.rs"), "{}", job.file);
    assert!(job.line > 1);
    assert_eq!(registry.get("same").unwrap().options, job::Options::default());
}

#[tokio::test]
async fn a_job_reads_the_output_of_a_dependency() {
    let output = bench().run("sum.of", r#"{"of": "a"}"#).await.unwrap();
    assert_eq!(output.text(), r#"{"text":"1e400"}"#);
}

#[tokio::test]
async fn bytes_pass_unchanged_and_absent_parameters_are_an_empty_object() {
    let exact = r#"{"b" : 1e400,"a":[-0.0, 10000000000000000000000000000000000000000]}"#;
    for (given, expected) in [(exact, exact), ("null", "{}"), ("[1]", "[1]")] {
        assert_eq!(bench().run("same", given).await.unwrap().text(), expected);
    }
}

#[tokio::test]
async fn faults_are_named_and_not_retried() {
    let table = [
        ("sum.of", r#"{"off": 1}"#, "unknown field `off`"),
        ("sum.of", r#"{"of": 1}"#, "invalid type: integer `1`, expected a string"),
        ("sum.of", r#"{"of": "b"}"#, "no output of `b`: it is not a dependency; there are `a`"),
        ("unwritable", "null", "the output cannot be written as JSON: key must be a string"),
        ("absent", "null", "no job `absent`; there are `same`, `sum.of`, `unwritable`"),
    ];
    for (job, parameters, expected) in table {
        let error = bench().run(job, parameters).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.retryable(), "{error}");
    }
}

#[test]
fn a_context_says_what_the_worker_and_the_run_say() {
    let permissions = Permissions { allow_exec: true, allow_private_addresses: false };
    let bench = bench()
        .with_permissions(permissions.clone())
        .with_mode(alt::Mode::Dream, Some("poet".to_owned()));
    let context = bench.context();
    assert_eq!(*context.permissions(), permissions);
    assert_eq!(context.mode(), alt::Mode::Dream);
    assert_eq!(context.persona(), Some("poet"));
    assert_eq!(context.task_id(), "task");
    assert_eq!(context.scratch().unwrap(), bench.scratch());
    assert_eq!(context.dependencies().len(), 1);
    context.log("one\ntwo");
    assert_eq!(context.log_handle().take(), ["one", "two"]);
    bench.cancelled().cancel();
    assert!(context.cancelled().is_cancelled());
}
