//! The model held against the real server: random scripts, said to both, and what both answer.

mod dice;
mod script;
mod seen;
mod wire;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use futures::StreamExt;
use tests::servers::NatsServer;
use tokio::time::Instant;

use self::script::{Held, Script, Step};
use self::seen::Seen;
use self::wire::Wire;
use crate::jetstream::{Headers, JetStream, Message, Sent, is_for};

const SCRIPTS: u64 = 200;

/// Scripts with kills.
const KILLS: u64 = 4;

/// After how long a consumer's state is on disk for sure.
const FLUSHED: Duration = Duration::from_millis(400);

/// After how long a started server has looked at all leases.
const FIRST_LOOK: Duration = Duration::from_millis(1700);

/// Steps of a script.
const STEPS: usize = 45;

/// Scripts at the same time, and milliseconds of a tick, for each try: a difference that is only the
/// slowness of this machine goes away with fewer and longer ones.
const TRIES: [(usize, u64); 3] = [(20, 1), (5, 4), (2, 10)];

/// Ticks between what happens by itself and what is said.
const MARGIN: u64 = 40;

/// One script, said to the model and to the server.
struct Pair {
    script: Script,
    model: JetStream,
    wire: Wire,
    start: u64,
    began: Instant,
    /// What is subscribed to.
    open: BTreeSet<String>,
    margin: Duration,
    told: String,
    /// Messages that were compared.
    heard: usize,
}

/// The clock of this machine, which the server shares, nanoseconds since 1970.
fn clock() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the server reads this clock, and rounds by it")]
    let now = std::time::SystemTime::now();
    nanos(now.duration_since(std::time::UNIX_EPOCH).unwrap())
}

impl Pair {
    async fn open(url: &str, number: u64, seed: u64, tick_ms: u64) -> Self {
        let script = Script::new(number, seed, tick_ms);
        let model = JetStream::new("model".to_owned());
        let wire = Wire::open(url).await;
        let margin = Duration::from_millis(MARGIN * tick_ms);
        let (start, began) = (clock(), Instant::now());
        let (open, told) = (BTreeSet::new(), String::new());
        let mut pair = Self { script, model, wire, start, began, open, margin, told, heard: 0 };
        for subject in [pair.script.inbox_of_all(), pair.script.live()] {
            pair.subscribe(&subject).await;
        }
        pair
    }

    fn now(&self) -> u64 {
        self.start + nanos(self.began.elapsed())
    }

    async fn subscribe(&mut self, subject: &str) {
        self.open.insert(subject.to_owned());
        self.wire.subscribe(subject).await;
    }

    /// What the first difference is, if there is one.
    async fn run(&mut self, steps: usize) -> Result<(), String> {
        for step in self.script.beginning() {
            self.take(step).await?;
        }
        for _ in 0..steps {
            let step = self.script.next(&self.model);
            self.take(step).await?;
        }
        self.wait(self.margin).await?;
        self.end().await;
        Ok(())
    }

    /// Leaves no streams for the server to carry along.
    async fn end(&mut self) {
        for name in self.script.streams() {
            let subject = format!("$JS.API.STREAM.DELETE.{name}");
            self.wire.say(&Message { subject, ..Message::default() }).await;
        }
    }

    async fn take(&mut self, step: Step) -> Result<(), String> {
        self.keep_clear().await?;
        let _ = writeln!(self.told, "  {step}");
        match step {
            Step::Say(message) => self.say(&message, &message).await,
            Step::Pull(message) => {
                let inbox = message.reply.clone().unwrap_or_default();
                self.subscribe(&inbox).await;
                self.say(&message, &message).await
            }
            Step::Ack { held, word, reply } => {
                let about = |subject: String| Message {
                    subject,
                    reply: reply.clone(),
                    payload: word.into(),
                    ..Message::default()
                };
                self.say(&about(held.model), &about(held.server)).await
            }
            Step::Leave(inbox) => {
                self.open.remove(&inbox);
                self.wire.leave(&inbox).await;
                Ok(())
            }
            Step::Wait(time) => self.wait(time).await,
        }
    }

    /// Says the same to both; the addresses of deliveries differ by their times.
    async fn say(&mut self, to_model: &Message, to_server: &Message) -> Result<(), String> {
        let now = self.now();
        let sent = if self.model.listens(&to_model.subject) {
            let open = &self.open;
            self.model.handle(now, to_model, &|subject| open.iter().any(|it| is_for(it, subject)))
        } else {
            nobody(to_model)
        };
        self.wire.say(to_server).await;
        let patience = if sent.is_empty() { self.margin / 4 } else { self.margin / 16 };
        self.compare(sent, patience).await
    }

    /// Lets time pass for both.
    async fn wait(&mut self, time: Duration) -> Result<(), String> {
        tokio::time::sleep(time).await;
        self.keep_clear().await
    }

    /// Waits until nothing is about to happen by itself: the order of that and of what is said next
    /// would be chance. Then compares what happened until now.
    async fn keep_clear(&mut self) -> Result<(), String> {
        let mut sent = Vec::new();
        let margin = nanos(self.margin);
        loop {
            let now = self.now();
            let near = self.model.next_due().filter(|due| *due < now + margin);
            let Some(mut last) = near else { break };
            while let Some(due) = self.model.due_after(last).filter(|due| *due < last + margin) {
                last = due;
            }
            let until = (last + margin / 2).saturating_sub(now);
            tokio::time::sleep(Duration::from_nanos(until)).await;
            let (now, open) = (self.now(), &self.open);
            // What happens next may be known only when this has.
            sent.extend(self.model.tick(now, &|it| open.iter().any(|own| is_for(own, it))));
        }
        self.compare(sent, Duration::ZERO).await
    }

    /// Holds what the model sent against what came.
    async fn compare(&mut self, sent: Vec<Sent>, patience: Duration) -> Result<(), String> {
        let open = &self.open;
        let model = sent.into_iter().filter(|sent| open.iter().any(|it| is_for(it, &sent.to)));
        let mut model: Vec<Sent> = model.collect();
        let mut server = Vec::new();
        while server.len() < model.len()
            && let Some(sent) = self.wire.next(Duration::from_secs(5)).await
        {
            server.push(sent);
        }
        // What comes beside it, and what the server does behind its answers, or without one.
        while let Some(sent) = self.wire.next(patience).await {
            server.push(sent);
        }
        for list in [&mut model, &mut server] {
            list.sort_by(|one, other| one.to.cmp(&other.to));
        }
        let (ours, theirs) = (seen(&model), seen(&server));
        if ours != theirs {
            return Err(self.difference(&ours, &theirs));
        }
        self.heard += model.len();
        for (model, server) in model.into_iter().zip(server) {
            let addresses = model.message.reply.zip(server.message.reply);
            if let Some((model, server)) = addresses.filter(|(it, _)| it.starts_with("$JS.ACK.")) {
                self.script.held.push(Held { model, server });
            }
        }
        Ok(())
    }

    fn difference(&self, ours: &[Seen], theirs: &[Seen]) -> String {
        let list =
            |seen: &[Seen]| seen.iter().map(|one| format!("    {one}\n")).collect::<String>();
        let told: Vec<&str> = self.told.lines().collect();
        let (last, before) = told.split_last().unwrap();
        let (model, server) = (list(ours), list(theirs));
        format!("{}\n<<<\n{last}\nthe model:\n{model}the server:\n{server}", before.join("\n"))
    }
}

fn seen(sent: &[Sent]) -> Vec<Seen> {
    sent.iter().map(Seen::new).collect()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

/// What the server says of a request that nobody takes.
fn nobody(message: &Message) -> Vec<Sent> {
    let Some(reply) = message.reply.clone() else { return Vec::new() };
    let mut headers = Headers::default();
    headers.add("Nats-Subject", &message.subject);
    let status = Some((503, String::new()));
    let message = Message { subject: reply.clone(), headers, status, ..Message::default() };
    vec![Sent { to: reply, message }]
}

/// A number that who runs the tests may set.
fn setting(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a setting of the test, not of the program")]
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_answers_as_the_server_does() {
    let server = NatsServer::start();
    let first = setting("SIM_SEED").unwrap_or(0);
    let mut seeds: Vec<u64> = (first..first + setting("SIM_SCRIPTS").unwrap_or(SCRIPTS)).collect();
    let mut failed = Vec::new();
    for (at_once, tick_ms) in TRIES {
        println!("{} scripts, a tick has {tick_ms} ms", seeds.len());
        let server = &server;
        let scripts = futures::stream::iter(seeds).map(|seed| async move {
            let number = seed * 100 + tick_ms;
            let mut pair = Pair::open(&server.url(), number, seed, tick_ms).await;
            let told = pair.run(STEPS).await.map(|()| pair.heard);
            (seed, told)
        });
        let told: Vec<(u64, Result<usize, String>)> =
            scripts.buffer_unordered(at_once).collect().await;
        // A script in which nothing happens would hold the model to nothing.
        assert!(told.iter().all(|(_, told)| told.as_ref().map_or(true, |heard| *heard > 20)));
        for (seed, why) in told.iter().filter_map(|(seed, told)| Some((seed, told.as_ref().err()?)))
        {
            println!(
                "SIM_SEED={seed} tick {tick_ms}: {}",
                why.split("<<<").nth(1).unwrap_or_default()
            );
        }
        failed = told.into_iter().filter_map(|(seed, told)| Some((seed, told.err()?))).collect();
        seeds = failed.iter().map(|(seed, _)| *seed).collect();
        if seeds.is_empty() {
            return;
        }
    }
    let (seed, story) = failed.first().unwrap();
    panic!("{} scripts differ, such as SIM_SEED={seed} SIM_SCRIPTS=1:\n{story}", failed.len());
}

/// Killed and started again, the server goes on as the model does: what was stored and acked stays,
/// leases are as old as their messages, and nobody's pull is left.
#[tokio::test(flavor = "multi_thread")]
async fn the_model_is_killed_as_the_server_is() {
    let seeds = futures::stream::iter(0..setting("SIM_KILLS").unwrap_or(KILLS));
    let told = seeds.map(killed).buffer_unordered(4).collect::<Vec<_>>().await;
    let failed: Vec<String> = told.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{} differ, such as {}", failed.len(), failed[0]);
}

async fn killed(seed: u64) -> Result<(), String> {
    let mut story = String::new();
    for tick_ms in [4, 8, 12] {
        let mut server = NatsServer::start();
        let mut pair = Pair::open(&server.url(), 0, seed, tick_ms).await;
        match pair.run_with_kills(&mut server).await {
            Ok(()) => return Ok(()),
            Err(why) => story = why,
        }
    }
    Err(format!("seed {seed}:\n{story}"))
}

impl Pair {
    async fn run_with_kills(&mut self, server: &mut NatsServer) -> Result<(), String> {
        for step in self.script.beginning() {
            self.take(step).await?;
        }
        for round in 0..3 {
            for _ in 0..18 {
                let step = self.script.next(&self.model);
                self.take(step).await?;
            }
            if round < 2 {
                self.kill(server).await?;
            }
        }
        Ok(())
    }

    async fn kill(&mut self, server: &mut NatsServer) -> Result<(), String> {
        let _ = writeln!(self.told, "  the server is killed and started again");
        // What a consumer knows is on disk by then.
        tokio::time::sleep(FLUSHED).await;
        self.keep_clear().await?;
        let before = self.wire.server();
        server.kill();
        server.restart();
        self.wire.leaves(&before).await;
        let now = self.now();
        self.model.restart(now, format!("start at {now}"), |_, _| true);
        // The server draws when it looks at leases first: up to 1.5 s after its start.
        self.wait(FIRST_LOOK).await
    }
}
