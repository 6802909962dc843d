//! What lies on message queues, and what is put there: `queue push`, `ls`, `dead`, `replay`, `drop`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Read, stdin};

use client::{PushError, short};
use protocol::{DeadLetter, JobRecord, QueueMessage, RunId, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;

use super::list::table;
use super::{Fleet, lost};
use crate::arguments::{LetterArguments, PushArguments, QueueVerb};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::{catalogue, output};

pub(super) async fn perform(
    fleet: &Fleet,
    verb: QueueVerb,
    settings: &Settings,
) -> Result<Exit, Failure> {
    match verb {
        QueueVerb::Push(it) => push(fleet, it, settings).await,
        QueueVerb::Ls { queue: None, json, .. } => queues(fleet, json, settings).await,
        QueueVerb::Ls { queue: Some(queue), limit, json } => {
            messages(fleet, &queue, limit, json).await
        }
        QueueVerb::Dead { queue, json } => dead(fleet, &queue, json).await,
        QueueVerb::Replay(it) => replay(fleet, &it).await,
        QueueVerb::Drop(it) => drop_letters(fleet, &it).await,
    }
}

/// Which job of this program drains each queue.
fn drains(settings: &Settings) -> Result<BTreeMap<String, String>, Failure> {
    let registry = catalogue::registry(settings)?;
    let drains = registry.iter().filter_map(|job| {
        let queue = job.options.queue?;
        Some((queue.to_owned(), job.name.to_owned()))
    });
    Ok(drains.collect())
}

async fn push(fleet: &Fleet, it: PushArguments, settings: &Settings) -> Result<Exit, Failure> {
    if !drains(settings)?.contains_key(&it.queue) {
        let queue = &it.queue;
        output::say(&format!("no job of this program drains `{queue}`; another may\n"));
    }
    let unread = |error: std::io::Error| {
        Failure::usage(format!("the standard input cannot be read: {error}"), "pipe JSON into it")
    };
    if it.lines {
        for (number, line) in stdin().lock().lines().enumerate() {
            let line = line.map_err(unread)?;
            if !line.trim().is_empty() {
                let place = format!("line {}: ", number + 1);
                put(fleet, &it, None, line, &place).await?;
            }
        }
        return Ok(Exit::Success);
    }
    let message = match it.message.as_deref() {
        Some("-") | None => {
            let mut text = String::new();
            stdin().lock().read_to_string(&mut text).map_err(unread)?;
            text
        }
        Some(text) => text.to_owned(),
    };
    put(fleet, &it, it.id.as_deref(), message, "").await?;
    Ok(Exit::Success)
}

/// Puts one message, and prints its id.
async fn put(
    fleet: &Fleet,
    it: &PushArguments,
    id: Option<&str>,
    message: String,
    place: &str,
) -> Result<(), Failure> {
    let id = id.map_or_else(|| RunId::new().to_string(), str::to_owned);
    let pushed = fleet.client.push(&it.queue, &id, &it.key, message.into()).await;
    let is_put = pushed.map_err(|error| match error {
        PushError::Bus(error) => lost(&error),
        error => Failure::usage(format!("{place}{error}"), "such as '{\"content\": \"Hello\"}'"),
    })?;
    if !is_put {
        output::say(&format!("`{id}` waits on `{}` already\n", it.queue));
    }
    output::result(&format!("{id}\n"))
}

/// What `queue ls --json` says of one queue.
#[derive(Debug, Serialize)]
struct QueueRow {
    queue: String,
    /// The job of this program that drains it.
    job: Option<String>,
    waiting: u64,
    under_way: u64,
    dead: u64,
}

async fn queues(fleet: &Fleet, json: bool, settings: &Settings) -> Result<Exit, Failure> {
    let drains = drains(settings)?;
    let backlogs = fleet.client.backlogs().await.map_err(|error| lost(&error))?;
    let records = fleet.client.job_records().await.map_err(|error| lost(&error))?;
    let records: BTreeMap<String, JobRecord> = records.into_iter().collect();
    let names: BTreeSet<&String> = drains.keys().chain(backlogs.keys()).collect();
    let rows = names.into_iter().map(|queue| {
        let job = drains.get(queue).cloned();
        let record = job.as_ref().and_then(|job| records.get(job));
        let under_way = record.and_then(|record| record.under_way.as_ref());
        let under_way = under_way.map_or(0, |under_way| under_way.messages.len() as u64);
        let backlog = backlogs.get(queue).copied().unwrap_or_default();
        let waiting = backlog.messages.saturating_sub(under_way);
        QueueRow { queue: queue.clone(), job, waiting, under_way, dead: backlog.dead }
    });
    let rows: Vec<QueueRow> = rows.collect();
    if json {
        output::json(&rows)?;
        return Ok(Exit::Success);
    }
    if rows.is_empty() {
        output::say("no job of this program drains a queue, and no queue has messages\n");
        return Ok(Exit::Success);
    }
    let cells = rows.into_iter().map(|row| {
        let job = row.job.unwrap_or_else(|| "none of this program".to_owned());
        let counts = [row.waiting, row.under_way, row.dead].map(|count| count.to_string());
        [[row.queue, job].to_vec(), counts.to_vec()].concat()
    });
    let head = ["queue", "drained by", "waiting", "under way", "dead"];
    output::result(&table(&head, cells.collect()))?;
    Ok(Exit::Success)
}

/// What `queue ls QUEUE --json` says of one message.
#[derive(Debug, Serialize)]
struct MessageRow {
    place: u64,
    id: String,
    key: String,
    sent: Timestamp,
    /// The run that works it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunId>,
    message: Sent,
}

/// What was sent: as JSON where it is, otherwise as text.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Sent {
    Json(Box<RawValue>),
    Text(String),
}

impl From<&[u8]> for Sent {
    fn from(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(json) => Self::Json(json),
            Err(_) => Self::Text(String::from_utf8_lossy(body).into_owned()),
        }
    }
}

impl Sent {
    /// In one line of a table.
    fn brief(&self) -> String {
        let text = match self {
            Self::Json(json) => json.get(),
            Self::Text(text) => text,
        };
        let mut brief: String = text.chars().take(60).collect();
        if brief.len() < text.len() {
            brief.push('…');
        }
        alt::visible(&brief)
    }
}

async fn messages(fleet: &Fleet, queue: &str, limit: usize, json: bool) -> Result<Exit, Failure> {
    let found = fleet.client.messages(queue, limit).await.map_err(|error| lost(&error))?;
    let records = fleet.client.job_records().await.map_err(|error| lost(&error))?;
    let under_way = records.into_iter().filter_map(|(_, record)| record.under_way);
    let runs = under_way.flat_map(|under_way| {
        under_way.messages.into_iter().map(move |place| (place, under_way.begun.run))
    });
    let runs: BTreeMap<_, _> = runs.collect();
    let rows = found.into_iter().map(|QueueMessage { sequence, id, key, at, body, .. }| {
        let (run, message) = (runs.get(&sequence).copied(), Sent::from(&*body));
        MessageRow { place: sequence.0, id, key, sent: at, run, message }
    });
    let rows: Vec<MessageRow> = rows.collect();
    if json {
        output::json(&rows)?;
        return Ok(Exit::Success);
    }
    if rows.is_empty() {
        output::say(&format!("nothing lies on `{queue}`\n"));
        return Ok(Exit::Success);
    }
    let now = Timestamp::now();
    let cells = rows.into_iter().map(|row| {
        let state = row.run.map_or_else(|| "waits".to_owned(), |run| format!("in {}", short(run)));
        let ago = format!("{} s ago", now.since(row.sent) / 1000);
        let message = row.message.brief();
        vec![
            row.place.to_string(),
            alt::visible(&row.id),
            alt::visible(&row.key),
            ago,
            state,
            message,
        ]
    });
    let head = ["place", "id", "key", "sent", "state", "message"];
    output::result(&table(&head, cells.collect()))?;
    Ok(Exit::Success)
}

/// What `queue dead --json` says of one letter.
#[derive(Debug, Serialize)]
struct LetterRow {
    place: u64,
    id: String,
    key: String,
    sent: Timestamp,
    died: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunId>,
    attempts: u32,
    error: String,
    message: Sent,
}

async fn dead(fleet: &Fleet, queue: &str, json: bool) -> Result<Exit, Failure> {
    let letters = fleet.client.dead_letters(queue).await.map_err(|error| lost(&error))?;
    let rows = letters.into_iter().map(|letter| LetterRow {
        place: letter.sequence.0,
        message: Sent::from(&*letter.body),
        id: letter.id,
        key: letter.key,
        sent: letter.sent,
        died: letter.died,
        run: letter.run,
        attempts: letter.attempts,
        error: letter.error,
    });
    let rows: Vec<LetterRow> = rows.collect();
    if json {
        output::json(&rows)?;
        return Ok(Exit::Success);
    }
    if rows.is_empty() {
        output::say(&format!("`{queue}` has no dead letters\n"));
        return Ok(Exit::Success);
    }
    let now = Timestamp::now();
    let cells = rows.into_iter().map(|row| {
        let run = row.run.map_or_else(|| "-".to_owned(), short);
        let ago = format!("{} s ago", now.since(row.died) / 1000);
        let (id, error) = (alt::visible(&row.id), alt::visible(&row.error));
        vec![row.place.to_string(), id, ago, run, row.attempts.to_string(), error]
    });
    let head = ["place", "id", "died", "run", "attempts", "error"];
    output::result(&table(&head, cells.collect()))?;
    Ok(Exit::Success)
}

/// The letters that are meant; all of them are there.
async fn chosen(fleet: &Fleet, it: &LetterArguments) -> Result<Vec<DeadLetter>, Failure> {
    let mut letters = fleet.client.dead_letters(&it.queue).await.map_err(|error| lost(&error))?;
    if !it.all {
        let there: BTreeSet<u64> = letters.iter().map(|letter| letter.sequence.0).collect();
        if let Some(place) = it.places.iter().find(|place| !there.contains(place)) {
            let problem = format!("`{}` has no dead letter at {place}", it.queue);
            let help = format!("`runner queue dead {}` lists them", it.queue);
            return Err(Failure { exit: Exit::Failure, message: problem, help: Some(help) });
        }
        letters.retain(|letter| it.places.contains(&letter.sequence.0));
    }
    Ok(letters)
}

async fn replay(fleet: &Fleet, it: &LetterArguments) -> Result<Exit, Failure> {
    let mut exit = Exit::Success;
    for letter in chosen(fleet, it).await? {
        if fleet.client.replay(&letter).await.map_err(|error| lost(&error))? {
            output::result(&format!("{}\n", letter.id))?;
        } else {
            let DeadLetter { id, queue, .. } = letter;
            output::say(&format!("`{id}` waits on `{queue}` already; the letter stays\n"));
            exit = Exit::Failure;
        }
    }
    Ok(exit)
}

async fn drop_letters(fleet: &Fleet, it: &LetterArguments) -> Result<Exit, Failure> {
    for letter in chosen(fleet, it).await? {
        fleet.client.drop_dead_letter(&letter).await.map_err(|error| lost(&error))?;
        output::result(&format!("{}\n", letter.id))?;
    }
    Ok(Exit::Success)
}
