//! The streams and consumers as files, compared with what a server has.
//!
//! The files are the exact JSON of the server's interface: what an operator reads there is what is
//! sent, and what is compared.

use std::time::Duration;

use protocol::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::debug;

use super::NatsBus;
use super::submissions::RANKS;
use crate::Error;

/// Each stream's file: the body of a request to create it.
const STREAMS: [(&str, &str); 12] = [
    ("ALT", include_str!("../../../../nats/streams/ALT.json")),
    ("TASKS", include_str!("../../../../nats/streams/TASKS.json")),
    ("RUN", include_str!("../../../../nats/streams/RUN.json")),
    ("SEATS", include_str!("../../../../nats/streams/SEATS.json")),
    ("HELD", include_str!("../../../../nats/streams/HELD.json")),
    ("MEMORY", include_str!("../../../../nats/streams/MEMORY.json")),
    ("JOBS", include_str!("../../../../nats/streams/JOBS.json")),
    ("SCHEDULES", include_str!("../../../../nats/streams/SCHEDULES.json")),
    ("QUEUES", include_str!("../../../../nats/streams/QUEUES.json")),
    ("DEAD", include_str!("../../../../nats/streams/DEAD.json")),
    ("QUARANTINE", include_str!("../../../../nats/streams/QUARANTINE.json")),
    ("KV_runs", include_str!("../../../../nats/streams/KV_runs.json")),
];

/// The consumer of submissions of the first priority; the others differ by its digit.
const COORDINATOR: &str = include_str!("../../../../nats/consumers/coordinator.json");
/// The consumer of the first priority of the queue `default`; others differ by name and digit.
const QUEUE: &str = include_str!("../../../../nats/consumers/queue.json");
/// The consumer of the seats of a queue `default`; others differ by name.
const SEATS: &str = include_str!("../../../../nats/consumers/seats.json");

/// The consumer of ticks.
const TICKS: &str = include_str!("../../../../nats/consumers/ticks.json");

/// What may differ between servers: how many copies there are, where they lie, and how much room.
const FREE: [&str; 5] = ["num_replicas", "placement", "max_bytes", "storage", "description"];

/// A field that is other than its file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The field.
    pub field: String,
    /// What the file says.
    pub expected: String,
    /// What the server has.
    pub found: String,
}

/// How a stream or consumer stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Found {
    /// As its file says.
    Same,
    /// The server has none.
    Missing,
    /// It was missing, and is made.
    Made,
    /// It is other than its file says; nothing was changed.
    Different {
        /// In what.
        differences: Vec<Difference>,
    },
}

/// A stream or consumer and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `stream ALT`, `consumer ALT/coordinator-p0` and so on.
    pub name: String,
    /// How it stands.
    #[serde(flatten)]
    pub found: Found,
}

#[derive(Debug, Deserialize)]
struct Info {
    config: Value,
    #[serde(default)]
    ts: String,
}

/// A stream or consumer as it must be.
struct Wanted {
    name: String,
    info: String,
    create: String,
    /// The body of a request to create it.
    asked: Value,
    /// The part of it that is compared.
    config: Value,
    /// How many servers must keep it, if that matters.
    copies: Option<u8>,
}

/// A file that is part of this program: a test reads them all.
fn file(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn leased(mut asked: Value, name: &str, filters: Value, lease: Duration) -> Value {
    let config = &mut asked["config"];
    config["name"] = json!(name);
    config["durable_name"] = json!(name);
    config["filter_subjects"] = filters;
    config["ack_wait"] = json!(u64::try_from(lease.as_nanos()).unwrap_or(u64::MAX));
    asked
}

/// The consumer of one queue and one rank of priority.
pub(super) fn queue_consumer(queue: &str, rank: u8, lease: Duration) -> Value {
    let filter = json!([format!("task.{queue}.{rank}.*.*.*")]);
    leased(file(QUEUE), &format!("{queue}-p{rank}"), filter, lease)
}

/// The consumer of the seats of a queue.
pub(super) fn seat_consumer(queue: &str, lease: Duration) -> Value {
    leased(file(SEATS), &format!("seat-{queue}"), json!([format!("seat.{queue}.*")]), lease)
}

fn coordinator_consumer(rank: u8, lease: Duration) -> Value {
    let own = format!("alt.submit.{rank}.*");
    // What comes without a priority has the middle one.
    let filters = if rank == 2 { json!(["alt.submit", own]) } else { json!([own]) };
    leased(file(COORDINATOR), &format!("coordinator-p{rank}"), filters, lease)
}

fn wanted(lease: Duration, copies: Option<u8>) -> Vec<Wanted> {
    let streams = STREAMS.iter().map(|(name, text)| {
        let mut asked = file(text);
        if let Some(copies) = copies {
            asked["num_replicas"] = json!(copies);
        }
        Wanted {
            name: format!("stream {name}"),
            info: format!("STREAM.INFO.{name}"),
            create: format!("STREAM.CREATE.{name}"),
            config: asked.clone(),
            asked,
            copies,
        }
    });
    let coordinators = (0..RANKS)
        .map(|rank| ("ALT", format!("coordinator-p{rank}"), coordinator_consumer(rank, lease)));
    let default = protocol::DEFAULT_QUEUE;
    let queues = (0..RANKS)
        .map(|rank| ("TASKS", format!("{default}-p{rank}"), queue_consumer(default, rank, lease)));
    let ticks = leased(file(TICKS), "ticks", json!(["schedule.tick.*"]), lease);
    let ticks = [("SCHEDULES", "ticks".to_owned(), ticks)];
    let consumers = coordinators.chain(queues).chain(ticks).map(|(stream, name, asked)| Wanted {
        name: format!("consumer {stream}/{name}"),
        info: format!("CONSUMER.INFO.{stream}.{name}"),
        create: format!("CONSUMER.CREATE.{stream}.{name}"),
        config: asked["config"].clone(),
        asked,
        copies: None,
    });
    streams.chain(consumers).collect()
}

impl NatsBus {
    /// How each stream and consumer stands; with `make`, those that are missing are made.
    ///
    /// With `copies`, each stream must be kept by so many servers, 1 to 5; without, those that are
    /// made are kept by one, and those that are there by as many as they are. Consumers follow
    /// their stream.
    ///
    /// One that differs is never changed: what is stored in it may rest on how it is.
    ///
    /// # Errors
    /// The road's, and [`Error::Refused`] when one cannot be made.
    pub async fn provision(&self, make: bool, copies: Option<u8>) -> Result<Vec<Part>, Error> {
        let mut parts = Vec::new();
        for wanted in wanted(self.shared.lease, copies) {
            let found = self.compare(&wanted).await?;
            let found = if make && found == Found::Missing {
                let made = self.connection.api::<Value>(&wanted.create, &wanted.asked).await?;
                match made {
                    Ok(_) => Found::Made,
                    Err(fault) => return Err(fault.into_error(&wanted.create)),
                }
            } else {
                found
            };
            parts.push(Part { name: wanted.name, found });
        }
        Ok(parts)
    }

    /// Makes sure that the streams are there and as they must be, and learns the server's clock.
    pub(super) async fn check(&self) -> Result<(), Error> {
        // Enough to be safe: a role that may not look at the others need not.
        for wanted in wanted(self.shared.lease, None).iter().take(3) {
            match self.compare(wanted).await {
                Ok(Found::Same | Found::Made) => {}
                Ok(Found::Missing) => {
                    let text = format!("{} is missing: run `runner doctor --fix`", wanted.name);
                    return Err(Error::Refused(text));
                }
                Ok(Found::Different { differences }) => {
                    let first = differences.first().map(|difference| {
                        let Difference { field, expected, found } = difference;
                        format!("{field} is {found}, not {expected}")
                    });
                    let text = format!(
                        "{} is other than it must be ({}): run `runner doctor`",
                        wanted.name,
                        first.unwrap_or_default()
                    );
                    return Err(Error::Refused(text));
                }
                Err(Error::Refused(why)) => {
                    debug!(why, "the streams are not looked at");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn compare(&self, wanted: &Wanted) -> Result<Found, Error> {
        let info = match self.connection.api::<Info>(&wanted.info, &json!({})).await? {
            Ok(info) => info,
            Err(fault) if fault.is_missing() => return Ok(Found::Missing),
            Err(fault) => return Err(fault.into_error(&wanted.info)),
        };
        if let Some(now) = Timestamp::from_rfc3339(&info.ts) {
            self.connection.set_clock(now);
        }
        let mut differences = differences(&wanted.config, &info.config);
        differences.extend(wanted.copies.and_then(|copies| miscounted(copies, &info.config)));
        if differences.is_empty() { Ok(Found::Same) } else { Ok(Found::Different { differences }) }
    }
}

/// What a file asks for and a server does not have. Fields that only the server has are its own.
fn differences(expected: &Value, found: &Value) -> Vec<Difference> {
    let Some(fields) = expected.as_object() else {
        return Vec::new();
    };
    let differing = fields.iter().filter(|(field, _)| !FREE.contains(&field.as_str()));
    let differing = differing.filter_map(|(field, expected)| {
        let found = found.get(field).cloned().unwrap_or(Value::Null);
        if same(expected, &found) {
            return None;
        }
        let (expected, found) = (expected.to_string(), found.to_string());
        Some(Difference { field: field.clone(), expected, found })
    });
    differing.collect()
}

/// Another number of copies than was asked for.
fn miscounted(copies: u8, found: &Value) -> Option<Difference> {
    const FIELD: &str = "num_replicas";
    let (expected, found) = (json!(copies), found.get(FIELD).unwrap_or(&Value::Null));
    (expected != *found).then(|| Difference {
        field: FIELD.to_owned(),
        expected: expected.to_string(),
        found: found.to_string(),
    })
}

/// The server leaves out what is false, zero or empty, and says one filter in the singular.
fn same(expected: &Value, found: &Value) -> bool {
    let empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Bool(true) | Value::Object(_) => false,
    };
    match (expected, found) {
        (Value::Object(fields), Value::Object(_)) => {
            fields.iter().all(|(name, value)| same(value, found.get(name).unwrap_or(&Value::Null)))
        }
        _ => expected == found || (empty(expected) && empty(found)),
    }
}

#[cfg(test)]
mod tests {
    use alt::{Priority, TaskIndex};
    use protocol::{Attempt, AttemptKey, RunId, subject};

    use super::*;

    #[test]
    fn every_file_is_json_and_names_what_it_is() {
        for (name, text) in STREAMS {
            let stream: Value = serde_json::from_str(text).unwrap();
            assert_eq!(stream["name"], name);
        }
        for text in [COORDINATOR, QUEUE, SEATS, TICKS] {
            let consumer: Value = serde_json::from_str(text).unwrap();
            assert_eq!(consumer["action"], "create");
            assert_eq!(consumer["config"]["max_deliver"], -1, "a message is never given up");
        }
    }

    fn is_covered(pattern: &str, subject: &str) -> bool {
        let (mut pattern, mut words) = (pattern.split('.'), subject.split('.'));
        loop {
            match (pattern.next(), words.next()) {
                (None, None) | (Some(">"), Some(_)) => return true,
                (Some(wanted), Some(word)) if wanted == "*" || wanted == word => {}
                _ => return false,
            }
        }
    }

    /// What no stream takes is lost without a word, where nobody waits for an answer.
    #[test]
    fn what_is_said_of_a_run_has_its_stream() {
        let run = RunId::new();
        let key = AttemptKey { run, task: TaskIndex(7), attempt: Attempt::FIRST };
        for (stream, subject) in [
            ("ALT", subject::submission(Priority::Low, run)),
            ("TASKS", subject::owner(run)),
            ("TASKS", subject::owner_guard(run)),
            ("TASKS", subject::offer("gpu", Priority::High, &key)),
            ("RUN", subject::verdict(&key, "gpu")),
            ("RUN", subject::begun_again(&key, "gpu", 2)),
            ("RUN", subject::cancellation(run)),
            ("RUN", subject::digest(run)),
            ("RUN", subject::insights(run)),
            ("RUN", subject::end(run)),
            ("SEATS", subject::seat("gpu", 0)),
            ("QUARANTINE", subject::quarantine("ALT", 1)),
            ("KV_runs", subject::record(run)),
        ] {
            let (_, text) = STREAMS.iter().find(|(name, _)| *name == stream).unwrap();
            let patterns = file(text)["subjects"].as_array().unwrap().clone();
            let taken = patterns.iter().any(|it| is_covered(it.as_str().unwrap(), &subject));
            assert!(taken, "{stream} has no place for {subject}");
        }
        for gone in [subject::owner(run), subject::owner_guard(run)] {
            assert!(is_covered(&subject::offers(run), &gone), "{gone} outlives its run");
        }
    }

    #[test]
    fn what_the_server_leaves_out_is_no_difference() {
        let expected = json!({ "a": 1, "b": false, "c": { "d": 2 }, "num_replicas": 1 });
        assert_eq!(differences(&expected, &json!({ "a": 1, "c": { "d": 2, "e": 3 }, "f": 1 })), []);
        let found = differences(&expected, &json!({ "a": 2, "c": { "d": 2 } }));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].field, "a");
    }

    #[test]
    fn copies_are_compared_when_they_are_asked_for() {
        let there = json!({ "num_replicas": 1 });
        assert_eq!(miscounted(1, &there), None);
        let found = miscounted(3, &there).unwrap();
        assert_eq!((found.expected.as_str(), found.found.as_str()), ("3", "1"));
        for wanted in wanted(Duration::from_secs(2), Some(3)) {
            let stream = wanted.name.starts_with("stream ");
            assert_eq!(wanted.asked["num_replicas"] == 3, stream, "{}", wanted.name);
            assert_eq!(wanted.copies.is_some(), stream, "{}", wanted.name);
        }
    }
}
