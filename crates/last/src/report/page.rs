//! All that the page says, as its template asks for it.

use alt::{Alt, Json};
use protocol::RunStatus;
use serde::Serialize;

use super::files::{self, Kept};
use super::outline::Outline;
use super::tasks::{self, Failed, Group, Task};
use super::text::{Excerpt, href};
use super::timeline::{self, Chart};
use super::usage::Used;
use super::{Beside, SOURCE_BYTES};
use crate::escape::visible;
use crate::model::{Insights, LastFile, Metadata, Refusal, TaskStatus};
use crate::picture::Picture;
use crate::summary::{duration, mode};

/// What the words of a model about the run may cost, bytes of HTML.
const INSIGHTS_BYTES: usize = 64 << 10;

/// Tasks of the critical path that are named.
const PATH: usize = 200;

/// The page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    title: String,
    status: &'static str,
    sign: char,
    word: &'static str,
    verdict: String,
    head: Vec<(&'static str, String)>,
    counts: Vec<Count>,
    refused: Vec<Refusal>,
    failures: Vec<Failed>,
    failures_more: usize,
    tasks: Vec<Task>,
    groups: Vec<Group>,
    total: usize,
    path: Vec<Step>,
    path_more: usize,
    path_ms: String,
    chart: Option<Chart>,
    artifacts: Vec<Kept>,
    artifacts_more: usize,
    artifacts_sum: String,
    usage: Vec<Model>,
    insights: Option<Said>,
    no_insights: Option<String>,
    parameters: Vec<(String, String)>,
    source: Option<Excerpt>,
    source_link: Option<String>,
    provenance: Vec<(&'static str, String)>,
    workers: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Count {
    word: &'static str,
    sign: char,
    count: u32,
}

#[derive(Debug, Serialize)]
struct Step {
    href: String,
    id: String,
    ran: String,
}

/// What a model said of the run.
#[derive(Debug, Serialize)]
struct Said {
    text: Excerpt,
    model: String,
    tokens: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Model {
    name: String,
    used: Used,
    cost: Option<String>,
}

impl Page {
    pub(super) fn new(
        outline: &Outline,
        alt: Option<&Alt>,
        beside: &Beside,
        picture: Option<&Picture>,
    ) -> Self {
        let last = &outline.head;
        let teller = alt.map(|alt| tasks::Teller::new(outline, alt, picture));
        let (failures, failures_more) =
            teller.as_ref().map(tasks::Teller::failures).unwrap_or_default();
        let (kept, more) = files::artifacts(last, alt, beside);
        let told = teller.as_ref();
        let path = told.map(|teller| steps(teller, last)).unwrap_or_default();
        let insights = last.metadata.insights();
        Self {
            title: named(&last.alt_file_title, "a file without a title"),
            status: last.status.name(),
            sign: sign(last.status),
            word: word(last),
            verdict: verdict(last),
            head: head(last),
            counts: counts(outline),
            refused: last.refused.iter().flatten().map(shown).collect(),
            failures,
            failures_more,
            tasks: told.map(tasks::Teller::tasks).unwrap_or_default(),
            groups: told.map(tasks::Teller::groups).unwrap_or_default(),
            total: outline.rows.len(),
            path_more: (last.critical_path.length as usize).saturating_sub(path.len()),
            path,
            path_ms: duration(last.critical_path.duration_ms),
            chart: told.and_then(timeline::chart),
            artifacts_sum: files::sum(last),
            artifacts: kept,
            artifacts_more: more,
            usage: outline.usage.models().map(model).collect(),
            no_insights: insights.clone().and_then(Result::err).map(|why| visible(&why)),
            insights: insights.and_then(Result::ok).map(said),
            parameters: parameters(last, alt),
            source: beside.alt.as_deref().map(|text| Excerpt::of(text, SOURCE_BYTES)),
            source_link: last.alt_file.as_ref().and_then(|file| href(&file.name)),
            provenance: provenance(last),
            workers: outline.workers.iter().take(100).map(|worker| visible(worker)).collect(),
        }
    }
}

fn named(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { visible(text) }
}

const fn sign(status: RunStatus) -> char {
    match status {
        RunStatus::Success => TaskStatus::Completed.sign(),
        RunStatus::PartialSuccess => '◑',
        RunStatus::Failure | RunStatus::Refused => TaskStatus::Failed.sign(),
    }
}

const fn word(last: &LastFile) -> &'static str {
    match last.status {
        _ if last.refused.is_some() => "refused",
        RunStatus::Success => "success",
        RunStatus::PartialSuccess => "partial success",
        RunStatus::Failure | RunStatus::Refused => "failure",
    }
}

/// `28 of 31 tasks completed in 42 s; 1 failed, 2 did not run because of that`.
fn verdict(last: &LastFile) -> String {
    let count = |status: TaskStatus| last.metadata.count(status.name()).unwrap_or(0);
    let total = last.metadata.count("task_count").unwrap_or(0);
    if last.refused.is_some() || total == 0 {
        return visible(&last.summary);
    }
    let (completed, took) = (count(TaskStatus::Completed), duration(last.execution_time_ms));
    let noun = if total == 1 { "task" } else { "tasks" };
    let (failed, late) = (count(TaskStatus::Failed), count(TaskStatus::Timeout));
    let stopped = count(TaskStatus::Cancelled);
    let because = match &last.cancelled {
        Some(_) => "not finished because the run was cancelled",
        None => "not finished because of that",
    };
    let parts: Vec<String> = [(failed, "failed"), (late, "timed out"), (stopped, because)]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let whole = format!("{completed} of {total} {noun} completed in {took}");
    if parts.is_empty() { whole } else { format!("{whole}; {}", parts.join(", ")) }
}

fn head(last: &LastFile) -> Vec<(&'static str, String)> {
    let mut head = vec![
        ("File", named(&last.alt_file_id, "without an id")),
        ("Run", visible(&last.execution_id)),
        ("Started", last.start_time.to_string()),
        ("Ended", last.end_time.to_string()),
    ];
    if last.refused.is_none() {
        head.push(("Mode", mode(last)));
    }
    let list = |words: &[String]| visible(&words.join(", "));
    let persona = last.persona.as_deref().map(|text| ("Persona", visible(text)));
    let why = last.cancelled.as_deref().map(|text| ("Cancelled", visible(text)));
    let tags = (!last.tags.is_empty()).then(|| ("Tags", list(&last.tags)));
    let reuse = last.reuse.map(|it| ("Reused", format!("{} tasks of run {}", it.tasks, it.run)));
    head.extend([persona, why, tags, reuse].into_iter().flatten());
    head
}

fn counts(outline: &Outline) -> Vec<Count> {
    let count = |status| outline.rows.iter().filter(|row| row.status == status).count();
    TaskStatus::ALL
        .into_iter()
        .map(|status| Count {
            word: status.name(),
            sign: status.sign(),
            count: u32::try_from(count(status)).unwrap_or(u32::MAX),
        })
        .filter(|count| count.count > 0)
        .collect()
}

fn shown(refusal: &Refusal) -> Refusal {
    Refusal {
        code: visible(&refusal.code),
        pointer: visible(&refusal.pointer),
        message: visible(&refusal.message),
        help: refusal.help.as_deref().map(visible),
        ..refusal.clone()
    }
}

fn steps(teller: &tasks::Teller<'_>, last: &LastFile) -> Vec<Step> {
    let step = |place: usize| Step {
        href: teller.link(place),
        id: teller.id(place),
        ran: duration(teller.outline.rows[place].run_ms),
    };
    let named = last.critical_path.task_ids.iter().take(PATH);
    named.filter_map(|id| teller.place(id)).map(step).collect()
}

fn said(Insights { text, model, tokens }: Insights) -> Said {
    Said { text: Excerpt::of(&text, INSIGHTS_BYTES), model: visible(&model), tokens }
}

fn model((name, used): (&str, Used)) -> Model {
    let cost = (used.cost_usd > 0.0).then(|| format!("${:.4}", used.cost_usd));
    Model { name: name.to_owned(), used, cost }
}

/// What the author and the submission set for the run as a whole.
fn parameters(last: &LastFile, alt: Option<&Alt>) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    if let Some(file) = alt.map(Alt::file) {
        all.extend(file.description.iter().map(|text| ("description".to_owned(), visible(text))));
        let version = ("version".to_owned(), visible(&file.version));
        all.push(version);
        let created = file.created_at.iter();
        all.extend(created.map(|text| ("created_at".to_owned(), visible(text))));
    }
    let priority = Json::from_value(&last.priority).map(|json| json.text().replace('"', ""));
    all.extend(priority.into_iter().map(|text| ("priority".to_owned(), text)));
    let extra = last.metadata.0.iter().filter(|(key, _)| {
        let ours = ["task_count", Metadata::INSIGHTS, Metadata::NO_INSIGHTS];
        !ours.contains(&key.as_str()) && !TaskStatus::ALL.iter().any(|status| status.name() == key)
    });
    let cut = |value: &Json| crate::escape::cut(value.text(), 2000);
    all.extend(extra.map(|(key, value)| (visible(key), cut(value))));
    all
}

fn provenance(last: &LastFile) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("Result", visible(&last.id)),
        ("Format", format!("LAST {}", visible(&last.version))),
        ("Durability", visible(&last.durability)),
    ];
    if let Some(file) = &last.alt_file {
        all.push(("ALT file", format!("{} bytes, SHA-256 {}", file.size, visible(&file.sha256))));
    }
    if let Some(chaos) = &last.chaos {
        all.push(("Chaos", format!("level {}, seed {}", chaos.level, visible(&chaos.seed))));
    }
    all
}
