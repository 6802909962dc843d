//! The news of one run: what the server repeats as it is stored, and a look at the stream for the rest.
//!
//! What is repeated is a hint that may be lost, above all with the connection. What is told is told
//! in stream order: on a new connection, and every two seconds, the stream itself is read from
//! where the telling stands. Should a message turn up behind that place, it was missed, and the
//! follower says so; who follows then starts again, which is the same as taking over.

use std::time::Duration;

use async_nats::Message;
use futures::{FutureExt, StreamExt};
use protocol::planted::{Bug, is_planted};
use protocol::{
    Attempt, AttemptKey, Cancellation, RunId, Sequence, Stored, Timestamp, codec, subject,
};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

use super::Subscriber;
use super::connect::{Connection, unanswered};
use super::direct::Found;
use super::runs::verdict_in;
use crate::{Error, Follow, Heard, Past};

/// How often the stream is read for what was not repeated.
const SWEEP: Duration = Duration::from_secs(2);

/// Messages taken at once.
const AT_ONCE: usize = 1024;

/// A follower of one run.
#[derive(Debug)]
pub struct NatsFollow {
    connection: Connection,
    run: RunId,
    live: Subscriber,
    sweep: tokio::time::Interval,
    /// The last message told, and what it was, if there was any.
    told: Sequence,
    last: Option<Mark>,
    /// The last message of which it is certain that none before it was missed, and how many were
    /// told since.
    certain: Sequence,
    since: u64,
    /// Whether it is known where the news of the run begin in the stream.
    is_placed: bool,
    /// When something was last told.
    heard: Instant,
    /// The connection that `live` was last read on.
    connects: u64,
    phase: Phase,
}

/// What tells a message from another that took its place.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    subject: String,
    at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was stored before.
    Fresh,
    /// Reading what was stored before.
    Replaying,
    /// Told all of it.
    Live,
    /// The stream is to be read before anything that is repeated counts.
    Behind,
}

impl NatsFollow {
    pub(super) async fn open(
        connection: Connection,
        run: RunId,
        past: Past,
    ) -> Result<Self, Error> {
        let subject = subject::live(&subject::all_of(run));
        let live = connection.client.subscribe(subject.clone()).await;
        let live = live.map_err(|error| unanswered(&subject, error))?;
        // What is asked from now on is answered by a server that has the subscription, so nothing is
        // missed.
        let phase = match past {
            Past::Blank => Self::begin(&connection, run).await?,
            Past::Unknown => Phase::Replaying,
        };
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        sweep.reset();
        let connects = connection.connects();
        Ok(Self {
            connection,
            run,
            live,
            sweep,
            told: Sequence(0),
            last: None,
            certain: Sequence(0),
            since: 0,
            is_placed: false,
            heard: Instant::now(),
            connects,
            phase,
        })
    }

    /// How to begin with a run that nobody conducted. All that can lie there is a request to cancel it,
    /// or its end if somebody did after all; should there be more, it is found by the first sweep.
    async fn begin(connection: &Connection, run: RunId) -> Result<Phase, Error> {
        let end = subject::end(run);
        let there = [end.clone(), subject::cancellation(run)];
        if !connection.has_any("RUN", &there).await? {
            return Ok(Phase::Fresh);
        }
        match connection.certain_last("RUN", &end).await? {
            Some(_) => Err(Error::Ended(run)),
            None => Ok(Phase::Replaying),
        }
    }

    /// What the stream has after the last message told.
    async fn read_on(&mut self) -> Result<Vec<Heard>, Error> {
        self.place().await?;
        let from = Sequence(self.told.0.saturating_add(1));
        let pattern = subject::all_of(self.run);
        // Who was told of everything as it came finds nothing, as a rule.
        if self.phase == Phase::Live && self.connection.next("RUN", &pattern, from).await?.is_none()
        {
            return Ok(Vec::new());
        }
        let mut found = self.connection.some("RUN", &pattern, from).await?;
        // Who believes to be told of everything offers what is left, so that is certain.
        if found.is_empty() && self.phase != Phase::Live && self.connection.is_clustered() {
            let asked = json!({ "seq": from.0, "next_by_subj": pattern });
            found.extend(self.connection.of_leader("RUN", &asked).await?);
        }
        let mut heard = Vec::with_capacity(found.len());
        if !found.is_empty() {
            self.heard = Instant::now();
        }
        for one in found {
            heard.extend(self.tell(one));
        }
        Ok(heard)
    }

    /// Finds where the news begin: all that is said of a run comes after its submission's digest, if
    /// it has one.
    async fn place(&mut self) -> Result<(), Error> {
        if !self.is_placed {
            let digest = self.connection.last("RUN", &subject::digest(self.run)).await?;
            self.certain = digest.map_or(Sequence(0), |digest| digest.sequence);
            self.told = self.told.max(self.certain);
            self.is_placed = true;
        }
        Ok(())
    }

    /// Goes on to the next message.
    fn tell(&mut self, found: Found) -> Option<Heard> {
        self.told = found.sequence;
        self.since += 1;
        self.connection.heard_of(found.at);
        let heard = self.understand(&found);
        self.last = Some(Mark { subject: found.subject, at: found.at });
        heard
    }

    /// What a stored message says. Nobody can store another in its place, so one that cannot be read
    /// counts as well: a verdict as a failed attempt, a request to cancel as such a request.
    fn understand(&self, found: &Found) -> Option<Heard> {
        let rest = found.subject.strip_prefix("run.")?.split_once('.')?.1;
        if rest == "ctl" {
            let asked = found.decode().unwrap_or_else(|error| {
                warn!(subject = found.subject, %error, "a request to cancel that cannot be read");
                let reason = "a request that could not be read".to_owned();
                let body = Cancellation { run: self.run, reason };
                Stored { sequence: found.sequence, at: found.at, body }
            });
            return Some(Heard::Cancelled(asked));
        }
        let (queue, key) = self.decided(rest.strip_prefix("res.")?, &found.subject)?;
        Some(Heard::Verdict { queue, verdict: Box::new(verdict_in(found, key)) })
    }

    /// The queue and attempt that `<queue>.<task>.<attempt>` names, if `said_at`, which ends so, is how
    /// we write it: `+5` and `05` are not task 5.
    fn decided(&self, place: &str, said_at: &str) -> Option<(String, AttemptKey)> {
        let mut words = place.split('.');
        let queue = words.next().filter(|queue| subject::is_queue(queue))?;
        let task = alt::TaskIndex(words.next()?.parse().ok()?);
        let attempt = Attempt::new(words.next()?.parse().ok()?)?;
        let key = AttemptKey { run: self.run, task, attempt };
        (subject::verdict(&key, queue) == said_at).then(|| (queue.to_owned(), key))
    }

    /// What was repeated, in so far as it is the next.
    fn listen(&mut self, messages: Vec<Message>) -> Vec<Heard> {
        // Read after the messages were: a new connection is counted before its messages arrive.
        let connects = self.connection.connects();
        if connects != self.connects {
            self.connects = connects;
            self.phase = Phase::Behind;
            return Vec::new();
        }
        let mut heard = Vec::with_capacity(messages.len());
        for message in messages {
            if message.subject.split('.').nth(2) == Some("started") {
                heard.extend(self.begun(&message));
                continue;
            }
            let Some(found) = repeated(message).filter(|found| found.sequence > self.told) else {
                continue;
            };
            heard.extend(self.tell(found));
        }
        self.heard = Instant::now();
        heard
    }

    /// A word of a worker, straight from it: no stream has it.
    fn begun(&self, message: &Message) -> Option<Heard> {
        let started: protocol::Started = codec::decode(&message.payload).ok()?;
        (subject::started(&started.key) == message.subject.as_str()).then(|| {
            Heard::Started(Stored {
                sequence: Sequence(0),
                at: self.connection.now(),
                body: started,
            })
        })
    }

    /// Holds what was told against the stream, once it has gone quiet.
    async fn check(&mut self) -> Result<(), Error> {
        if self.since == 0 || self.heard.elapsed() < SWEEP {
            return Ok(());
        }
        self.place().await?;
        let pattern = subject::all_of(self.run);
        let (mut next, mut latest, mut count) = (Sequence(self.certain.0 + 1), self.certain, 0);
        while next <= self.told {
            let found = self.connection.some("RUN", &pattern, next).await?;
            let Some(last) = found.last() else { break };
            next = Sequence(last.sequence.0 + 1);
            let told = found.iter().filter(|one| one.sequence <= self.told);
            let places = told.map(|one| one.sequence).collect::<Vec<_>>();
            count += places.len() as u64;
            latest = places.last().copied().unwrap_or(latest);
        }
        // Fewer, or none at that place: somebody repeated what the stream does not have. Or who
        // answers lags by more than we were quiet for; to start again is no harm then.
        if count != self.since || latest != self.told {
            return Err(Error::Missed(self.run));
        }
        (self.certain, self.since) = (self.told, 0);
        Ok(())
    }
}

/// The next message, and what else is there. Cancel-safe: it waits for the first one alone. Room is
/// made as it is needed: a small run has a few messages, and it has many such runs at once.
async fn arrived(live: &mut Subscriber) -> Option<Vec<Message>> {
    let mut messages = vec![live.next().await?];
    while messages.len() < AT_ONCE
        && let Some(Some(message)) = live.next().now_or_never()
    {
        messages.push(message);
    }
    Some(messages)
}

/// A message of the stream as the server repeats it; nothing if somebody else said it.
fn repeated(message: Message) -> Option<Found> {
    let said_at = message.subject.clone();
    let found = Found::new(message);
    let found =
        found.inspect_err(|error| warn!(subject = %said_at, %error, "not repeated")).ok()?;
    (subject::live(&found.subject) == said_at.as_str()).then_some(found)
}

impl Follow for NatsFollow {
    async fn next(&mut self) -> Result<Vec<Heard>, Error> {
        loop {
            match self.phase {
                Phase::Fresh => {
                    self.phase = Phase::Live;
                    return Ok(vec![Heard::CaughtUp(self.connection.now())]);
                }
                Phase::Replaying | Phase::Behind => {
                    if self.phase == Phase::Behind {
                        self.confirm().await?;
                    }
                    let before = self.told;
                    let heard = self.read_on().await?;
                    if self.told > before {
                        if heard.is_empty() {
                            continue;
                        }
                        return Ok(heard);
                    }
                    let first = self.phase == Phase::Replaying;
                    self.phase = Phase::Live;
                    if first {
                        return Ok(vec![Heard::CaughtUp(self.connection.now())]);
                    }
                }
                Phase::Live => tokio::select! {
                    biased;
                    _ = self.sweep.tick() => {
                        let heard = self.read_on().await?;
                        if !heard.is_empty() {
                            return Ok(heard);
                        }
                        self.check().await?;
                    }
                    messages = arrived(&mut self.live) => {
                        let heard = self.listen(messages.ok_or(Error::Closed)?);
                        if !heard.is_empty() {
                            return Ok(heard);
                        }
                    }
                },
            }
        }
    }

    /// One look: a server that is killed loses the end of a stream and nothing before it, so what was
    /// told last vouches for the rest. What is stored after that takes its place in the stream.
    async fn confirm(&self) -> Result<(), Error> {
        let Some(last) = &self.last else {
            return Ok(());
        };
        let found = self.connection.at("RUN", self.told).await?;
        let is_there =
            found.is_some_and(|found| found.subject == last.subject && found.at == last.at);
        if is_there || is_planted(Bug::ToldTakenAsKept) {
            Ok(())
        } else {
            Err(Error::Missed(self.run))
        }
    }
}
