//! The verbs that change jobs of a running fleet and show when they run.

use std::collections::BTreeMap;

use client::{Request, short};
use job::Registry;
use protocol::{JobRecord, LiveOptions, RunId, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::list::table;
use super::{Fleet, lost};
use crate::arguments::{JobsVerb, ScheduleVerb};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::{catalogue, output};

/// Changes a job of the fleet.
pub(super) async fn change(
    fleet: &Fleet,
    verb: &JobsVerb,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let (job, set): (_, Vec<Set>) = match verb {
        JobsVerb::Enable { job } => (job, vec![Set::Enabled(Some(true))]),
        JobsVerb::Disable { job } => (job, vec![Set::Enabled(Some(false))]),
        JobsVerb::Set { job, options } => {
            (job, options.iter().map(|text| Set::read(text)).collect::<Result<_, _>>()?)
        }
        JobsVerb::Ls { .. } | JobsVerb::Describe { .. } => return Ok(Exit::Success),
    };
    known(fleet, job, settings).await?;
    let record = fleet.client.change_job(job, |record| {
        set.iter().for_each(|one| one.apply(&mut record.set));
    });
    let record = record.await.map_err(|error| lost(&error))?;
    output::result(&format!("{job}: {}\n", shown(&record.set)))?;
    Ok(Exit::Success)
}

/// One option that can be set while a fleet runs; without a value it is as declared.
#[derive(Debug, Clone, Copy)]
enum Set {
    Enabled(Option<bool>),
    Interval(Option<u32>),
    MaxConcurrent(Option<u32>),
}

impl Set {
    fn read(text: &str) -> Result<Self, Failure> {
        let help = "such as max_concurrent=3, interval_seconds=60, enabled=false, or \
                    max_concurrent= for what the job declares";
        let wrong = |problem: String| Failure::usage(format!("`{text}` {problem}"), help);
        let Some((option, value)) = text.split_once('=') else {
            return Err(wrong("is no OPTION=VALUE".to_owned()));
        };
        let number = || match value.parse::<u32>() {
            _ if value.is_empty() => Ok(None),
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(wrong("needs a whole number from 1".to_owned())),
        };
        match option {
            "enabled" => match value {
                "" => Ok(Self::Enabled(None)),
                "true" | "1" | "yes" | "on" => Ok(Self::Enabled(Some(true))),
                "false" | "0" | "no" | "off" => Ok(Self::Enabled(Some(false))),
                _ => Err(wrong("needs true or false".to_owned())),
            },
            "interval_seconds" => Ok(Self::Interval(number()?)),
            "max_concurrent" => Ok(Self::MaxConcurrent(number()?)),
            _ => Err(wrong("names no option that can be set in a running fleet".to_owned())),
        }
    }

    const fn apply(self, set: &mut LiveOptions) {
        match self {
            Self::Enabled(value) => set.enabled = value,
            Self::Interval(value) => set.interval_seconds = value,
            Self::MaxConcurrent(value) => set.max_concurrent = value,
        }
    }
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
        let current = if let Some(under_way) = record.under_way {
            format!("{} since {} s", short(under_way.run), now.since(under_way.began) / 1000)
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
