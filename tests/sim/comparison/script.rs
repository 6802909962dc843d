//! What a random script says next, in a world so small that much of it collides.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::dice::Dice;
use crate::jetstream::{Headers, JetStream, Message};

const STREAMS: [&str; 6] = [
    include_str!("../../../nats/streams/ALT.json"),
    include_str!("../../../nats/streams/TASKS.json"),
    include_str!("../../../nats/streams/RUN.json"),
    include_str!("../../../nats/streams/SEATS.json"),
    include_str!("../../../nats/streams/QUARANTINE.json"),
    include_str!("../../../nats/streams/KV_runs.json"),
];
const QUEUE: &str = include_str!("../../../nats/consumers/queue.json");

const NAMES: [&str; 6] = ["ALT", "TASKS", "RUN", "SEATS", "QUARANTINE", "KV_runs"];

/// The lease of every consumer here, in ticks.
const LEASE: u64 = 400;

/// How often a script publishes, sends batches, pulls, acks, purges, deletes, reads, makes consumers
/// and leaves pulls: out of a hundred, each with those before it. The rest it waits.
const ALL: [u64; 9] = [30, 40, 58, 72, 77, 81, 92, 96, 98];
const LEASES: [u64; 9] = [20, 23, 45, 78, 83, 84, 86, 89, 91];

/// A delivery: how the model and how the server addressed it.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) model: String,
    pub(super) server: String,
}

/// What a script does next.
#[derive(Debug)]
pub(super) enum Step {
    /// Says something; whoever is to answer has an inbox.
    Say(Message),
    /// Pulls, with an inbox that only this pull has.
    Pull(Message),
    /// Says something about a delivery, with an inbox or none.
    Ack { held: Held, word: &'static str, reply: Option<String> },
    /// Takes no more of what goes to the inbox of a pull.
    Leave(String),
    /// Lets time pass.
    Wait(Duration),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Say(message) | Self::Pull(message) => {
                let Message { subject, reply, headers, payload, .. } = message;
                write!(f, "{subject} for {}", reply.as_deref().unwrap_or("nobody"))?;
                for (name, value) in headers.iter() {
                    write!(f, ", {name}: {value}")?;
                }
                write!(f, " {}", String::from_utf8_lossy(payload))
            }
            Self::Ack { held, word, reply } => {
                write!(f, "{word} {} for {}", held.model, reply.as_deref().unwrap_or("nobody"))
            }
            Self::Leave(inbox) => write!(f, "nobody listens at {inbox}"),
            Self::Wait(time) => write!(f, "{time:?} later"),
        }
    }
}

/// A script: the names that are its own, and what it remembers.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) number: u64,
    /// Milliseconds of a tick: the more, the slower a machine may be.
    tick_ms: u64,
    /// Whether it is about leases above all.
    leases: bool,
    dice: Dice,
    inboxes: u64,
    batches: u64,
    /// Steps of a batch that are still to come.
    planned: Vec<Step>,
    /// Inboxes of pulls.
    pulls: Vec<String>,
    pub(super) held: Vec<Held>,
}

impl Script {
    pub(super) fn new(number: u64, seed: u64, tick_ms: u64) -> Self {
        Self {
            number,
            tick_ms,
            leases: seed % 2 == 1,
            dice: Dice::new(seed),
            inboxes: 0,
            batches: 0,
            planned: Vec::new(),
            pulls: Vec::new(),
            held: Vec::new(),
        }
    }

    /// All that is repeated or answered, but for pulls.
    pub(super) fn inbox_of_all(&self) -> String {
        format!("in{}.>", self.number)
    }

    pub(super) fn live(&self) -> String {
        format!("s{}.live.>", self.number)
    }

    /// Nanoseconds of so many ticks.
    const fn ticks(&self, ticks: u64) -> u64 {
        ticks * self.tick_ms * 1_000_000
    }

    fn own(&self, subject: &str) -> String {
        format!("s{}.{subject}", self.number)
    }

    fn stream(&self, name: &str) -> String {
        format!("{name}_{}", self.number)
    }

    /// The streams that are its own.
    pub(super) fn streams(&self) -> Vec<String> {
        NAMES.iter().map(|name| self.stream(name)).collect()
    }

    fn any_stream(&mut self) -> String {
        let name = self.dice.one(&NAMES);
        self.stream(name)
    }

    fn inbox(&mut self) -> String {
        self.inboxes += 1;
        format!("in{}.{}", self.number, self.inboxes)
    }

    fn message(&mut self, subject: String, body: impl ToString) -> Message {
        let reply = Some(self.inbox());
        let payload = body.to_string().into();
        Message { subject, reply, payload, ..Message::default() }
    }

    fn api(&mut self, asked: String, body: impl ToString) -> Step {
        Step::Say(self.message(format!("$JS.API.{asked}"), body))
    }

    /// The steps that make its streams and consumers.
    pub(super) fn beginning(&mut self) -> Vec<Step> {
        let mut steps: Vec<Step> = STREAMS.iter().map(|text| self.make_stream(text)).collect();
        for (stream, name) in [("TASKS", "q-p0"), ("TASKS", "q-p1"), ("SEATS", "seat-q")] {
            steps.push(self.make_consumer(stream, name, LEASE));
        }
        steps.push(self.make_consumer("ALT", "c-p2", LEASE));
        steps
    }

    fn make_stream(&mut self, text: &str) -> Step {
        let mut config: Value = serde_json::from_str(text).unwrap();
        let name = self.stream(config["name"].as_str().unwrap());
        config["name"] = json!(name);
        let own = config["subjects"].as_array().unwrap().iter();
        config["subjects"] = own.map(|subject| self.own(subject.as_str().unwrap())).collect();
        if config.get("republish").is_some() {
            config["republish"] = json!({ "src": self.own("run.>"), "dest": self.own("live.>") });
        }
        // Limits that are met; or are not, and leave room on the server for other scripts.
        if config["max_bytes"] != -1 {
            config["max_bytes"] = json!(100_000);
        }
        match self.dice.below(6) {
            0 => config["max_bytes"] = json!(700),
            1 => config["max_msgs"] = json!(4),
            _ => {}
        }
        self.api(format!("STREAM.CREATE.{name}"), config)
    }

    fn make_consumer(&mut self, stream: &str, name: &str, lease: u64) -> Step {
        let filters = match name {
            "q-p0" => vec!["task.q.0.*.*.*"],
            "q-p1" => vec!["task.q.1.*.*.*"],
            "seat-q" => vec!["seat.q.*"],
            "c-p2" => vec!["alt.submit", "alt.submit.2.*"],
            _ => vec!["task.q.0.r0.*.*"],
        };
        let filters: Vec<String> = filters.into_iter().map(|filter| self.own(filter)).collect();
        let stream = self.stream(stream);
        let mut asked: Value = serde_json::from_str(QUEUE).unwrap();
        asked["stream_name"] = json!(stream);
        asked["config"]["name"] = json!(name);
        asked["config"]["durable_name"] = json!(name);
        asked["config"]["ack_wait"] = json!(self.ticks(lease));
        asked["config"]["filter_subjects"] = json!(filters);
        self.api(format!("CONSUMER.CREATE.{stream}.{name}"), asked)
    }

    pub(super) fn next(&mut self, model: &JetStream) -> Step {
        if let Some(step) = self.planned.pop() {
            return step;
        }
        // Every other script is about leases: what they need at the right moment is rare elsewhere.
        let [publish, batch, pull, ack, purge, remove, read, consumers, leave] =
            if self.leases { LEASES } else { ALL };
        match self.dice.below(100) {
            roll if roll < publish => self.publish(model),
            roll if roll < batch => self.batch(model),
            roll if roll < pull => self.pull(),
            roll if roll < ack => self.ack(),
            roll if roll < purge => self.purge(),
            roll if roll < remove => self.remove(model),
            roll if roll < read => self.read(model),
            roll if roll < consumers => self.consumers(),
            roll if roll < leave && !self.pulls.is_empty() => {
                let place = self.dice.below(self.pulls.len() as u64);
                Step::Leave(self.pulls.swap_remove(usize::try_from(place).unwrap()))
            }
            _ => {
                let ticks = self.dice.one(&[&250, &250, &450, &1000]);
                Step::Wait(Duration::from_nanos(self.ticks(*ticks)))
            }
        }
    }

    fn run(&mut self) -> &'static str {
        self.dice.one(&["r0", "r1"])
    }

    fn subject(&mut self) -> (&'static str, String) {
        let run = self.run();
        let task = self.dice.below(3);
        let rank = if self.leases && !self.dice.once_in(4) { 0 } else { self.dice.below(2) };
        let kinds = if self.leases && !self.dice.once_in(4) { 3..8 } else { 0..16 };
        let kind = kinds.start + self.dice.below(kinds.end - kinds.start);
        let (stream, subject) = match kind {
            0..2 => ("TASKS", format!("task.-.owner.{run}.0.0")),
            2 => ("TASKS", format!("task.-.guard.{run}.0.0")),
            3..8 => ("TASKS", format!("task.q.{rank}.{run}.{task}.1")),
            8..10 => ("RUN", format!("run.{run}.res.q.{task}.1")),
            10 => ("RUN", format!("run.{run}.ctl")),
            11 => ("RUN", format!("run.{run}.end")),
            12 => ("KV_runs", format!("$KV.runs.{run}")),
            13 => ("SEATS", format!("seat.q.{task}")),
            14 => {
                ("ALT", self.dice.one(&["alt.submit", "alt.submit.2.r0", "alt.submit.2.r1"]).into())
            }
            _ => ("QUARANTINE", format!("quarantine.ALT.{task}")),
        };
        (stream, self.own(&subject))
    }

    /// The last sequence of a subject, or a wrong one.
    fn sequence(&mut self, stream: &str, subject: &str, model: &JetStream) -> u64 {
        let stream = self.stream(stream);
        let stored = model.messages(&stream);
        let last =
            stored.filter(|(_, stored)| stored.subject == subject).map(|(seq, _)| seq).last();
        match self.dice.below(6) {
            0 => 0,
            1 => self.dice.below(12),
            _ => last.unwrap_or(0),
        }
    }

    fn publish(&mut self, model: &JetStream) -> Step {
        let (stream, subject) = self.subject();
        let body = "x".repeat(usize::try_from(self.dice.below(40)).unwrap());
        let mut message = self.message(subject.clone(), body);
        message.headers = self.headers(stream, &subject, model);
        if self.dice.once_in(8) {
            message.reply = None;
        }
        Step::Say(message)
    }

    fn headers(&mut self, stream: &str, subject: &str, model: &JetStream) -> Headers {
        let mut headers = Headers::default();
        match self.dice.below(4) {
            0 => {}
            1 => {
                let run = self.run();
                let owner = self.own(&format!("task.-.owner.{run}.0.0"));
                let fence = if self.dice.once_in(4) { subject.to_owned() } else { owner };
                if !self.dice.once_in(10) {
                    let sequence = self.sequence("TASKS", &fence, model);
                    headers.add("Nats-Expected-Last-Subject-Sequence", sequence);
                }
                headers.add("Nats-Expected-Last-Subject-Sequence-Subject", fence);
            }
            _ => {
                let sequence = self.sequence(stream, subject, model);
                headers.add("Nats-Expected-Last-Subject-Sequence", sequence);
            }
        }
        // Seen in 2.15.1: where a consumer leased what is rolled up, the server sets the floor of its
        // acks by the purge and the lease at the same time, as it comes. No road does that.
        let is_leased = [".task.", ".seat.", ".alt."].iter().any(|it| subject.contains(it));
        let may_roll = !is_leased && (subject.contains(".own.") || self.dice.once_in(10));
        if may_roll && !self.dice.once_in(4) {
            headers.add("Nats-Rollup", self.dice.one(&["sub", "sub", "sub", "sub", "odd"]));
        }
        if subject.ends_with(".ctl") || self.dice.once_in(20) {
            headers.add(
                "Nats-TTL",
                self.dice.one(&["24h", "24h", "1h30m", "5000", "never", "x", "1ms"]),
            );
        }
        if self.dice.once_in(3) {
            headers.add("Runner-Server", "abc");
        }
        headers
    }

    /// Several messages as one: mostly as it should be, sometimes not.
    fn batch(&mut self, model: &JetStream) -> Step {
        self.batches += 1;
        let name = format!("b{}", self.batches);
        let stream = if self.dice.once_in(3) { "RUN" } else { "TASKS" };
        let count = 1 + self.dice.below(4);
        let gap = self.dice.once_in(8).then(|| self.dice.below(count) + 1);
        let commits = !self.dice.once_in(6);
        let mut used = Vec::new();
        for place in 1..=count {
            let subject = loop {
                let (other, subject) = self.subject();
                // Seen in 2.15.1: a stream with a limit of bytes or messages counts wrongly what a
                // batch has for a subject twice. By chance it then stores a part of the batch, and
                // refuses the rest.
                if other == stream && !used.contains(&subject) {
                    break subject;
                }
            };
            used.push(subject.clone());
            let mut message = self.message(subject.clone(), "batched");
            if place == 1 || self.dice.once_in(3) {
                message.headers = self.headers(stream, &subject, model);
            }
            message.headers.add("Nats-Batch-Id", &name);
            let told = if gap == Some(place) { place + 1 } else { place };
            message.headers.add("Nats-Batch-Sequence", told);
            if place == count && commits {
                message
                    .headers
                    .add("Nats-Batch-Commit", self.dice.one(&["1", "1", "1", "1", "1", "0"]));
            } else if !self.dice.once_in(4) {
                message.reply = None;
            }
            self.planned.insert(0, Step::Say(message));
        }
        self.planned.pop().unwrap()
    }

    fn consumer(&mut self) -> (String, &'static str) {
        if self.leases && !self.dice.once_in(3) {
            return (self.stream("TASKS"), self.dice.one(&["q-p0", "q-p0", "q-p0", "q-p1"]));
        }
        let (stream, name) = *self.dice.one(&[
            &("TASKS", "q-p0"),
            &("TASKS", "q-p0"),
            &("TASKS", "q-p1"),
            &("SEATS", "seat-q"),
            &("ALT", "c-p2"),
        ]);
        (self.stream(stream), name)
    }

    fn pull(&mut self) -> Step {
        let (stream, name) = self.consumer();
        let batch = 1 + self.dice.below(3);
        let body = match self.dice.below(8) {
            0 => json!({ "batch": batch, "expires": self.ticks(250) }).to_string(),
            1..3 => json!({ "batch": batch, "expires": self.ticks(4000) }).to_string(),
            3 => json!({ "batch": batch, "no_wait": true, "expires": self.ticks(300) }).to_string(),
            4 => String::new(),
            _ => json!({ "batch": batch, "no_wait": true }).to_string(),
        };
        let mut message = self.message(format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"), body);
        let inbox = format!("pull{}.{}", self.number, self.inboxes);
        self.pulls.push(inbox.clone());
        message.reply = Some(inbox);
        Step::Pull(message)
    }

    fn ack(&mut self) -> Step {
        let words = ["+ACK", "+ACK", "+ACK", "-NAK", "-NAK", "+WPI", "+WPI", "+TERM", "", "odd"];
        let word = self.dice.one(&words);
        let reply = (!self.dice.once_in(3)).then(|| self.inbox());
        let held = if self.held.is_empty() || self.dice.once_in(8) {
            // Of a delivery that perhaps there never was.
            let (stream, name) = self.consumer();
            let (count, sequence) = (1 + self.dice.below(2), self.dice.below(8));
            let delivery = self.dice.below(8);
            let named = format!("$JS.ACK.{stream}.{name}.{count}.{sequence}.{delivery}.0.0");
            Held { model: named.clone(), server: named }
        } else {
            let recent = self.held.len().saturating_sub(6) as u64;
            let place = recent + self.dice.below(self.held.len() as u64 - recent);
            self.held[usize::try_from(place).unwrap()].clone()
        };
        Step::Ack { held, word, reply }
    }

    fn purge(&mut self) -> Step {
        let run = self.run();
        let task = self.dice.below(3);
        // Seen in 2.15.1: no pattern here is one that a consumer's filter covers, and roads have none
        // either. Of a message that is leased then, the lease and the purge set the floor of acks as it
        // comes, perhaps above an older lease, whose message is never delivered again.
        let (stream, pattern) = match self.dice.below(8) {
            0 => ("TASKS", format!("task.-.owner.{run}.0.0")),
            1..3 => ("TASKS", format!("task.*.*.{run}.>")),
            3..6 => ("TASKS", format!("task.q.*.{run}.{task}.1")),
            6 => ("RUN", format!("run.{run}.res.>")),
            _ => ("RUN", format!("run.{run}.ctl")),
        };
        let pattern = self.own(&pattern);
        let (stream, asked) = match self.dice.below(12) {
            0 => (self.any_stream(), json!({})),
            1 => (self.any_stream(), json!({ "filter": pattern })),
            _ => (self.stream(stream), json!({ "filter": pattern })),
        };
        self.api(format!("STREAM.PURGE.{stream}"), asked)
    }

    fn remove(&mut self, model: &JetStream) -> Step {
        let name = self.dice.one(&["SEATS", "SEATS", "TASKS", "KV_runs", "NONE"]);
        let stream = self.stream(name);
        let sequence = self.dice.below(model.last_sequence(&stream) + 2);
        self.api(format!("STREAM.MSG.DELETE.{stream}"), json!({ "seq": sequence }))
    }

    fn read(&mut self, model: &JetStream) -> Step {
        let (stream, subject) = self.subject();
        let run = self.run();
        let (stream, all) = (self.stream(stream), self.own("run."));
        match self.dice.below(9) {
            0 => self.api(format!("STREAM.MSG.GET.{stream}"), json!({ "last_by_subj": subject })),
            1 => {
                let sequence = self.dice.below(model.last_sequence(&stream) + 2);
                self.api(format!("STREAM.MSG.GET.{stream}"), json!({ "seq": sequence }))
            }
            2 => {
                let pattern = self.own(&format!("task.*.*.{run}.>"));
                let asked = json!({ "subjects_filter": pattern });
                self.api(format!("STREAM.INFO.{}", self.stream("TASKS")), asked)
            }
            3 => self.api(format!("STREAM.INFO.{stream}"), json!({})),
            4..6 => self.api(format!("DIRECT.GET.{stream}.{subject}"), ""),
            6..8 => {
                let (batch, sequence) = (1 + self.dice.below(4), self.dice.below(6));
                let pattern = format!("{all}{run}.>");
                let asked = json!({ "batch": batch, "seq": sequence, "next_by_subj": pattern });
                self.api(format!("DIRECT.GET.{}", self.stream("RUN")), asked)
            }
            _ => {
                let each = ["res.q.0.1", "res.q.1.1", "end", "ctl", "none"];
                let each: Vec<String> = each.iter().map(|it| format!("{all}{run}.{it}")).collect();
                let batch = self.dice.below(6);
                let asked = json!({ "batch": batch, "multi_last": each });
                self.api(format!("DIRECT.GET.{}", self.stream("RUN")), asked)
            }
        }
    }

    fn consumers(&mut self) -> Step {
        let (stream, name) = self.consumer();
        match self.dice.below(8) {
            0..3 => self.api(format!("CONSUMER.INFO.{stream}.{name}"), json!({})),
            3 => self.api(format!("CONSUMER.DELETE.{stream}.{name}"), json!({})),
            4 => self.make_consumer("TASKS", "other", LEASE),
            5 => self.make_consumer("TASKS", "q-p0", LEASE + 100),
            6 => self.make_consumer("TASKS", "q-p0", LEASE),
            _ => self.make_consumer("TASKS", "q-p1", LEASE),
        }
    }
}
