//! Core messages: hints, questions and heartbeats. Any of them may be lost.

use async_nats::RequestErrorKind;
use futures::StreamExt;
use protocol::{Answer, AttemptKey, Heartbeat, Question, RunId, Started, codec, subject};
use serde::Serialize;
use tracing::{debug, warn};

use super::connect::{Connection, unanswered};
use super::{NatsBus, Subscriber};
use crate::{Beats, Error, Questions, Stops};

impl NatsBus {
    pub(super) async fn say_started(&self, started: &Started) {
        self.say(subject::started(&started.key), started).await;
    }

    pub(super) async fn say_beat(&self, beat: &Heartbeat) {
        self.say(subject::beat(&beat.worker), beat).await;
    }

    async fn say<T: Serialize>(&self, to: String, message: &T) {
        let Ok(bytes) = codec::encode(message) else {
            debug_assert!(false, "a hint that has no wire form");
            return;
        };
        if let Err(error) = self.connection.client.publish(to, bytes.into()).await {
            debug!(%error, "a hint is not sent");
        }
    }

    /// Tells whoever listens, as JSON. Best effort.
    pub(super) async fn tell<T: Serialize>(&self, run: RunId, what: &str, data: &T) {
        let event = serde_json::json!({
            "type": what,
            "run": run.to_string(),
            "time": self.connection.now().to_string(),
            "data": data,
        });
        let to = subject::event(run);
        if let Err(error) = self.connection.client.publish(to, event.to_string().into()).await {
            debug!(%error, "an event is not sent");
        }
    }

    pub(super) async fn put_question(
        &self,
        run: RunId,
        question: &Question,
    ) -> Result<Option<Answer>, Error> {
        let to = subject::ask(run);
        let body = codec::encode(question)?;
        match self.connection.client.request(to.clone(), body.into()).await {
            Ok(answer) => Ok(Some(codec::decode(&answer.payload)?)),
            Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(None),
            Err(error) => Err(unanswered(&to, error)),
        }
    }
}

async fn subscribe(connection: &Connection, to: String) -> Result<Subscriber, Error> {
    let subscriber = connection.client.subscribe(to.clone()).await;
    let subscriber = subscriber.map_err(|error| unanswered(&to, error))?;
    // What is said after this returns will be heard.
    connection.client.flush().await.map_err(|error| unanswered(&to, error))?;
    Ok(subscriber)
}

/// Requests to stop attempts.
#[derive(Debug)]
pub struct NatsStops(Subscriber);

impl NatsStops {
    pub(super) async fn open(connection: &Connection) -> Result<Self, Error> {
        subscribe(connection, subject::ALL_STOPS.to_owned()).await.map(Self)
    }
}

impl Stops for NatsStops {
    async fn next(&mut self) -> Result<AttemptKey, Error> {
        loop {
            let message = self.0.next().await.ok_or(Error::Closed)?;
            match subject::stopped(&message.subject) {
                Some(key) => return Ok(key),
                None => warn!(subject = %message.subject, "no attempt is named so"),
            }
        }
    }
}

/// The heartbeats of all workers.
#[derive(Debug)]
pub struct NatsBeats(Subscriber);

impl NatsBeats {
    pub(super) async fn open(connection: &Connection) -> Result<Self, Error> {
        subscribe(connection, subject::ALL_BEATS.to_owned()).await.map(Self)
    }
}

impl Beats for NatsBeats {
    async fn next(&mut self) -> Result<Heartbeat, Error> {
        loop {
            let message = self.0.next().await.ok_or(Error::Closed)?;
            match codec::decode::<Heartbeat>(&message.payload) {
                // Nobody speaks for another.
                Ok(beat) if subject::beat(&beat.worker) == message.subject.as_str() => {
                    return Ok(beat);
                }
                Ok(_) => debug!(subject = %message.subject, "a heartbeat of somebody else"),
                Err(error) => debug!(%error, "no heartbeat"),
            }
        }
    }
}

/// Questions to the conductor of one run.
#[derive(Debug)]
pub struct NatsQuestions {
    connection: Connection,
    asked: Subscriber,
    reply: Option<async_nats::Subject>,
}

impl NatsQuestions {
    pub(super) async fn open(connection: &Connection, run: RunId) -> Result<Self, Error> {
        let asked = subscribe(connection, subject::ask(run)).await?;
        Ok(Self { connection: connection.clone(), asked, reply: None })
    }
}

impl Questions for NatsQuestions {
    async fn next(&mut self) -> Result<Question, Error> {
        loop {
            let message = self.asked.next().await.ok_or(Error::Closed)?;
            match codec::decode(&message.payload) {
                Ok(question) if message.reply.is_some() => {
                    self.reply = message.reply;
                    return Ok(question);
                }
                Ok(_) => debug!("a question that wants no answer"),
                Err(error) => debug!(%error, "no question"),
            }
        }
    }

    async fn answer(&mut self, answer: Answer) {
        let Some(reply) = self.reply.take() else {
            return;
        };
        match codec::encode(&answer) {
            Ok(bytes) => {
                // Who asked may have gone.
                let _ = self.connection.client.publish(reply, bytes.into()).await;
            }
            Err(error) => warn!(%error, "an answer that cannot be sent"),
        }
    }
}
