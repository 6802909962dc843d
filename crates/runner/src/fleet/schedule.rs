//! The verbs that change jobs of a running fleet and show when they run.

use std::collections::BTreeMap;

use client::{Request, short};
use job::{Options, Registry, Rhythm};
use protocol::{JobRecord, LiveOptions, RunId, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::list::table;
use super::{Fleet, lost};
use crate::arguments::{JobChange, ScheduleVerb};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::{catalogue, output};

/// Changes a job of the fleet.
pub(super) async fn change(
    fleet: &Fleet,
    verb: &JobChange,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let (job, said) = match verb {
        JobChange::Enable { job } => (job, vec![("enabled", "true")]),
        JobChange::Disable { job } => (job, vec![("enabled", "false")]),
        JobChange::Set { job, options } => {
            (job, options.iter().map(|text| pair(text)).collect::<Result<_, _>>()?)
        }
    };
    let checked = set(&mut LiveOptions::default(), &said);
    checked.map_err(|problem| Failure::usage(problem, SETTABLE))?;
    known(fleet, job, settings).await?;
    // The limit of a job is that of its queue.
    let registry = catalogue::registry(settings)?;
    let shares = registry.get(job).is_some_and(|job| job.options.max_concurrent.is_none());
    if shares && said.iter().any(|(option, _)| *option == "max_concurrent") {
        let problem = format!("`{job}` has no limit to change: it declares no `max_concurrent`");
        return Err(Failure::usage(problem, "declare one, and start the roles again"));
    }
    let record = fleet.client.change_job(job, |record| {
        // Checked above.
        let _ = set(&mut record.set, &said);
    });
    let record = record.await.map_err(|error| lost(&error))?;
    output::result(&format!("{job}: {}\n", shown(&record.set)))?;
    Ok(Exit::Success)
}

const SETTABLE: &str = "such as interval_seconds=60, enabled=false, or interval_seconds= for what the \
                        job declares";

fn pair(text: &str) -> Result<(&str, &str), Failure> {
    let wrong = || Failure::usage(format!("`{text}` is no OPTION=VALUE"), SETTABLE);
    text.split_once('=').ok_or_else(wrong)
}

/// Sets each option, by the words of the attribute; one without a value is as declared.
fn set(live: &mut LiveOptions, said: &[(&str, &str)]) -> Result<(), String> {
    for &(option, value) in said {
        let mut options = Options::DEFAULT;
        if !value.is_empty() {
            options.set(option, value)?;
        }
        match (option, options.rhythm) {
            ("enabled", _) => live.enabled = (!value.is_empty()).then_some(options.enabled),
            ("interval_seconds", Some(Rhythm::Every(seconds))) => {
                live.interval_seconds = Some(seconds);
            }
            ("interval_seconds", _) => live.interval_seconds = None,
            ("max_concurrent", _) => live.max_concurrent = options.max_concurrent,
            _ => return Err(format!("`{option}` cannot be set in a running fleet")),
        }
    }
    Ok(())
}

fn shown(set: &LiveOptions) -> String {
    let pairs = [
        ("enabled", set.enabled.map(|value| value.to_string())),
        ("interval_seconds", set.interval_seconds.map(|value| value.to_string())),
        ("max_concurrent", set.max_concurrent.map(|value| value.to_string())),
    ];
    let pairs = pairs.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { "as declared".to_owned() } else { pairs.join(" ") }
}

/// Refuses a job that nobody knows: neither this program nor the fleet.
async fn known(fleet: &Fleet, job: &str, settings: &Settings) -> Result<(), Failure> {
    let registry = catalogue::registry(settings)?;
    if registry.get(job).is_some_and(|found| found.name == job) {
        return Ok(());
    }
    let records = fleet.client.job_records().await.map_err(|error| lost(&error))?;
    if records.iter().any(|(name, _)| name == job) {
        return Ok(());
    }
    let known: Vec<_> = registry.names().collect();
    let help = format!("this program has {}", known.join(", "));
    Err(Failure::usage(format!("there is no job `{job}`"), help))
}

pub(super) async fn perform(
    fleet: &Fleet,
    verb: &ScheduleVerb,
    settings: &Settings,
) -> Result<Exit, Failure> {
    match verb {
        ScheduleVerb::Ls { json } => list(fleet, *json, settings).await,
        ScheduleVerb::Trigger { job, parameters } => {
            known(fleet, job, settings).await?;
            trigger(fleet, job, parameters).await
        }
        ScheduleVerb::Pause { job } => pause(fleet, job, true, settings).await,
        ScheduleVerb::Resume { job } => pause(fleet, job, false, settings).await,
    }
}

async fn pause(
    fleet: &Fleet,
    job: &str,
    paused: bool,
    settings: &Settings,
) -> Result<Exit, Failure> {
    known(fleet, job, settings).await?;
    let changed = fleet.client.change_job(job, |record| record.paused = paused).await;
    changed.map_err(|error| lost(&error))?;
    output::result(&format!("{job}: {}\n", if paused { "paused" } else { "resumed" }))?;
    Ok(Exit::Success)
}

/// Submits a file of one task, as a tick does.
async fn trigger(fleet: &Fleet, job: &str, parameters: &str) -> Result<Exit, Failure> {
    let parameters: Value = serde_json::from_str(parameters).map_err(|error| {
        Failure::usage(format!("--parameters is no JSON: {error}"), "such as '{\"limit\": 3}'")
    })?;
    let file = json!({
        "id": job,
        "title": format!("{job}, by hand"),
        "tags": ["triggered"],
        "tasks": [{ "id": job, "description": "By hand.", "job": job, "parameters": parameters }],
    });
    let run = RunId::new();
    let request = Request {
        run,
        file: file.to_string().into(),
        priority: alt::Priority::default(),
        mode: None,
        persona: None,
        reuse: None,
        last: alt::LastOptions::default(),
    };
    let submitted = fleet.client.submit(&fleet.store, request).await;
    submitted.map_err(|error| super::submit::refused(&error, None))?;
    output::result(&format!("{run}\n"))?;
    Ok(Exit::Success)
}

/// What `schedule ls --json` says of one job.
#[derive(Debug, Serialize)]
struct Row {
    job: String,
    schedule: Option<String>,
    /// `on`, `off` or `paused`.
    state: &'static str,
    #[serde(flatten)]
    record: JobRecord,
}

async fn list(fleet: &Fleet, json: bool, settings: &Settings) -> Result<Exit, Failure> {
    let registry = catalogue::registry(settings)?;
    let records = fleet.client.job_records().await.map_err(|error| lost(&error))?;
    let rows = rows(&registry, records.into_iter().collect());
    if json {
        output::json(&rows)?;
        return Ok(Exit::Success);
    }
    if rows.is_empty() {
        output::say("no job is run by itself: none declares interval_seconds or cron\n");
        return Ok(Exit::Success);
    }
    let now = Timestamp::now();
    let head = ["job", "schedule", "state", "last tick", "last run", "now"];
    output::result(&table(&head, rows.iter().map(|row| row.cells(now)).collect()))?;
    Ok(Exit::Success)
}

fn rows(registry: &Registry, mut records: BTreeMap<String, JobRecord>) -> Vec<Row> {
    let declared = registry.iter().map(|job| (job.name, job.options.policy(job.name)));
    let declared = declared.filter(|(_, policy)| policy.schedule.is_some());
    let mut rows: Vec<Row> = declared
        .map(|(job, policy)| {
            let record = records.remove(job).unwrap_or_default();
            let set = record.set.interval_seconds.map(|seconds| format!("@every {seconds}s"));
            let schedule = set.or_else(|| policy.schedule.map(|schedule| schedule.to_string()));
            let state = state(&record, policy.enabled);
            Row { job: job.to_owned(), schedule, state, record }
        })
        .collect();
    // Jobs of the fleet that this program has not.
    rows.extend(
        records
            .into_iter()
            .filter(|(_, record)| record.last_tick.is_some())
            .map(|(job, record)| Row { job, schedule: None, state: state(&record, true), record }),
    );
    rows
}

fn state(record: &JobRecord, declared: bool) -> &'static str {
    if !record.set.enabled.unwrap_or(declared) {
        "off"
    } else if record.paused {
        "paused"
    } else {
        "on"
    }
}

impl Row {
    fn cells(&self, now: Timestamp) -> Vec<String> {
        let ago = |at: Timestamp| format!("{} s ago", now.since(at) / 1000);
        let record = &self.record;
        let last = record.last.map(|last| {
            format!("{} {}, {}", short(last.was.run), last.status.name(), ago(last.ended))
        });
        let current = if let Some(under_way) = &record.under_way {
            let begun = under_way.begun;
            format!("{} since {} s", short(begun.run), now.since(begun.began) / 1000)
        } else if let Some(waiting) = &record.waiting {
            format!("waits: {}", waiting.reason.as_deref().unwrap_or("its turn"))
        } else if let Some(skipped) = record
            .skipped
            .as_ref()
            .filter(|skipped| record.last_tick.is_some_and(|tick| tick == skipped.at))
        {
            format!("left out: {}", skipped.reason)
        } else {
            "-".to_owned()
        };
        vec![
            self.job.clone(),
            self.schedule.clone().unwrap_or_else(|| "?".to_owned()),
            self.state.to_owned(),
            record.last_tick.map_or_else(|| "-".to_owned(), ago),
            last.unwrap_or_else(|| "-".to_owned()),
            alt::visible(&current),
        ]
    }
}
