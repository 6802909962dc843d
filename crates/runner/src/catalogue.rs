//! The jobs of this program: what they are, how they are set here, and by whom.

use std::fmt::Write as _;
use std::fs;

use job::knobs::{self, KNOBS, Setting};
use job::{Declaration, Environment, Registry};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::arguments::JobsVerb;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::{fleet, output};

/// The variable that names a file with options of jobs.
const FILE: &str = "RUNNER_JOBS_FILE";

pub(crate) fn perform(verb: JobsVerb, settings: &Settings) -> Result<Exit, Failure> {
    match verb {
        JobsVerb::Ls { json } => list(settings, json),
        JobsVerb::Describe { job, json } => describe(&job, settings, json),
        JobsVerb::Stats { job, json } => fleet::job_stats(job.as_deref(), json, settings),
        JobsVerb::Change(change) => fleet::change_job(&change, settings),
    }
}

/// The jobs linked into this program, each with the options that the file and the environment say.
pub(crate) fn registry(settings: &Settings) -> Result<Registry, Failure> {
    let registry = Registry::discover().map_err(|error| Failure::fault(error.to_string()))?;
    let environment = &settings.environment;
    let mut said = match environment.own(FILE) {
        Some(path) => from_file(path)?,
        None => Vec::new(),
    };
    said.extend(knobs::settings_of(&registry, environment));
    let help = "`runner jobs ls` shows what can be set, and `runner jobs describe JOB` how it is";
    registry.with(said).map_err(|error| Failure::usage(error.to_string(), help))
}

/// The options of a file: an object of jobs, each an object of options.
fn from_file(path: &str) -> Result<Vec<Setting>, Failure> {
    let help = r#"it holds {"JOB": {"OPTION": VALUE}}, such as {"tweet": {"enabled": false}}"#;
    let wrong = |problem: String| Failure::usage(format!("{FILE}: `{path}` {problem}"), help);
    let text =
        fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let jobs: Map<String, Value> = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("cannot be understood: {error}")))?;
    let mut settings = Vec::new();
    for (job, options) in jobs {
        let Value::Object(options) = options else {
            return Err(wrong(format!("has no object of options for `{job}`")));
        };
        for (option, value) in options {
            let value = match value {
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                _ => return Err(wrong(format!("has no plain value for `{option}` of `{job}`"))),
            };
            let source = format!("{path}: {job}.{option}");
            settings.push(Setting { job: job.clone(), option, value, source });
        }
    }
    Ok(settings)
}

/// Names variables that set nothing and look as if they were to.
pub(crate) fn point_out_slips(registry: &Registry, environment: &Environment) {
    for (name, meant) in knobs::slips(registry, environment) {
        output::say(&format!("warning: {name} sets nothing; {meant} would\n"));
    }
}

/// What `jobs --json` says of one job.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    name: &'a str,
    title: &'a str,
    description: &'a str,
    queue: String,
    schedule: Option<String>,
    enabled: bool,
    priority: &'static str,
    timeout_seconds: u32,
    max_retries: u8,
    max_concurrent: Option<u32>,
    requires: Vec<&'static str>,
    ready: bool,
    /// The variable that keeps it from being ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
    /// What was set from outside.
    set: Vec<Set>,
}

/// An option and where it was set.
#[derive(Debug, Serialize)]
struct Set {
    option: &'static str,
    value: String,
    source: String,
}

fn listed<'a>(job: &'a Declaration, registry: &Registry, environment: &Environment) -> Listed<'a> {
    let policy = job.options.policy(job.name);
    let missing = environment.missing(job.options.requires);
    let set = KNOBS.into_iter().filter_map(|option| {
        let source = registry.source(job.name, option)?.to_owned();
        Some(Set { option, value: job.options.get(option)?, source })
    });
    Listed {
        name: job.name,
        title: job.title,
        description: job.description,
        queue: policy.queue,
        schedule: policy.schedule.map(|schedule| schedule.to_string()),
        enabled: policy.enabled,
        priority: policy.priority.name(),
        timeout_seconds: policy.timeout_seconds,
        max_retries: policy.retries,
        max_concurrent: policy.max_concurrent,
        requires: job.options.requires.iter().map(|credential| credential.name()).collect(),
        ready: missing.is_none(),
        missing,
        set: set.collect(),
    }
}

fn list(settings: &Settings, json: bool) -> Result<Exit, Failure> {
    let registry = registry(settings)?;
    let environment = &settings.environment;
    point_out_slips(&registry, environment);
    let listed: Vec<_> = registry.iter().map(|job| listed(job, &registry, environment)).collect();
    if json {
        output::json(&listed)?;
    } else {
        output::result(&table(&listed))?;
    }
    Ok(Exit::Success)
}

/// A line for each job, and below it what is particular about it here.
fn table(listed: &[Listed<'_>]) -> String {
    let width = listed.iter().map(|job| job.name.len()).max().unwrap_or(0).max("JOB".len());
    let schedules = listed.iter().map(|job| job.schedule().len()).max().unwrap_or(0);
    let middle = schedules.max("SCHEDULE".len());
    let mut table = format!(
        "{:width$}  {:middle$}  TIMEOUT  RETRIES  AT ONCE  DESCRIPTION\n",
        "JOB", "SCHEDULE"
    );
    for job in listed {
        let at_once = job.max_concurrent.map_or_else(|| "any".to_owned(), |most| most.to_string());
        let timeout = format!("{} s", job.timeout_seconds);
        let Listed { name, description, max_retries, .. } = job;
        let schedule = job.schedule();
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "{name:width$}  {schedule:middle$}  {timeout:>7}  {max_retries:>7}  {at_once:>7}  \
             {description}"
        );
        if let Some(missing) = job.missing {
            let _ = writeln!(table, "{:width$}  not ready: {missing} is not set", "");
        }
        for Set { option, value, source } in &job.set {
            let _ = writeln!(table, "{:width$}  {option} = {value}, by {source}", "");
        }
    }
    table
}

impl Listed<'_> {
    fn schedule(&self) -> &str {
        match &self.schedule {
            None => "when named",
            Some(_) if !self.enabled => "disabled",
            Some(schedule) => schedule,
        }
    }
}

/// What `jobs describe --json` says.
#[derive(Debug, Serialize)]
struct Described<'a> {
    #[serde(flatten)]
    listed: Listed<'a>,
    /// Every option with its value and where it comes from.
    options: Vec<Set>,
    dependencies: &'a [&'static str],
    declared_at: String,
    #[serde(flatten)]
    schemas: job::Schemas,
}

fn describe(name: &str, settings: &Settings, json: bool) -> Result<Exit, Failure> {
    let registry = registry(settings)?;
    let Some(job) = registry.get(name) else {
        let known: Vec<_> = registry.names().collect();
        let help = format!("this program has {}", known.join(", "));
        return Err(Failure::usage(format!("there is no job `{name}`"), help));
    };
    let options = KNOBS.into_iter().filter_map(|option| {
        let source = registry.source(name, option).unwrap_or("the code").to_owned();
        Some(Set { option, value: job.options.get(option)?, source })
    });
    let described = Described {
        listed: listed(job, &registry, &settings.environment),
        options: options.collect(),
        dependencies: job.options.dependencies,
        declared_at: format!("{}:{}", job.file, job.line),
        schemas: (job.schemas)(),
    };
    if json {
        output::json(&described)?;
        return Ok(Exit::Success);
    }
    output::result(&page(&described))?;
    Ok(Exit::Success)
}

fn page(it: &Described<'_>) -> String {
    let Listed { name, title, description, queue, requires, missing, .. } = &it.listed;
    let mut page = format!("{name}: {title}\n{description}\n\ndeclared at  {}\n", it.declared_at);
    // Writing to a string cannot fail.
    let _ = writeln!(page, "queue        {queue}");
    if !requires.is_empty() {
        let ready = missing.map_or_else(|| "ready".to_owned(), |name| format!("{name} is not set"));
        let _ = writeln!(page, "requires     {} ({ready})", requires.join(", "));
    }
    if !it.dependencies.is_empty() {
        let _ = writeln!(page, "waits for    {}", it.dependencies.join(", "));
    }
    let _ = writeln!(page, "\nOPTION               VALUE           FROM");
    for Set { option, value, source } in &it.options {
        let _ = writeln!(page, "{option:19}  {value:14}  {source}");
    }
    for (what, schema) in [("takes", &it.schemas.parameters), ("gives back", &it.schemas.output)] {
        let schema = serde_json::to_string_pretty(schema).unwrap_or_default();
        let _ = writeln!(page, "\n{what}\n{schema}");
    }
    page
}
