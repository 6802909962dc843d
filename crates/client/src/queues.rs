//! Message queues: putting messages on them, seeing what lies there, dealing with what failed for good.

use std::collections::BTreeMap;
use std::fmt;

use alt::Json;
use bus::Bus;
use bus::messages::{Backlog, Messages};
use bytes::Bytes;
use protocol::{DeadLetter, QueueMessage, Sequence, limits, subject};

use crate::Client;

/// Why a message was not put on a queue.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No name of a queue.
    #[error("`{0}` is no queue: 1-64 letters, digits, `_` and `-`")]
    Queue(String),
    /// An id or a key that is too long, or an id that is empty.
    #[error("an id has 1 to {most} bytes, a key {most} at most", most = limits::QUEUE_ID_BYTES)]
    Name,
    /// The message becomes the parameters of a task.
    #[error("the message is no JSON object: {0}")]
    Object(String),
    /// It would not be taken.
    #[error("the message has {0} bytes; {most} may be", most = limits::QUEUE_MESSAGE_BYTES)]
    Large(usize),
    /// The road's.
    #[error(transparent)]
    Bus(#[from] bus::Error),
}

impl<B: Bus + Messages> Client<B> {
    /// Puts a message on a queue. False, and nothing is put, when one with this id and key waits there:
    /// so a push of unknown outcome may be made again.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn push(
        &self,
        queue: &str,
        id: &str,
        key: &str,
        message: Bytes,
    ) -> Result<bool, PushError> {
        if !subject::is_queue(queue) {
            return Err(PushError::Queue(queue.to_owned()));
        }
        let most = limits::QUEUE_ID_BYTES;
        if id.is_empty() || id.len() > most || key.len() > most {
            return Err(PushError::Name);
        }
        if message.len() > limits::QUEUE_MESSAGE_BYTES {
            return Err(PushError::Large(message.len()));
        }
        let wrong = |error: &dyn fmt::Display| PushError::Object(error.to_string());
        let text = str::from_utf8(&message).map_err(|error| wrong(&error))?;
        let json = Json::from_text(text).map_err(|error| wrong(&error))?;
        if !json.text().starts_with('{') {
            return Err(wrong(&"it does not begin with `{`"));
        }
        Ok(self.bus.push(queue, id, key, message).await?)
    }

    /// What lies on every queue that is not empty.
    ///
    /// # Errors
    /// The bus's.
    pub async fn backlogs(&self) -> Result<BTreeMap<String, Backlog>, bus::Error> {
        self.bus.backlogs().await
    }

    /// The oldest `most` messages of a queue, those that a run works off among them.
    ///
    /// # Errors
    /// The bus's.
    pub async fn messages(
        &self,
        queue: &str,
        most: usize,
    ) -> Result<Vec<QueueMessage>, bus::Error> {
        self.bus.messages(queue, Sequence(1), most).await
    }

    /// The messages of a queue that failed for good, oldest first.
    ///
    /// # Errors
    /// The bus's.
    pub async fn dead_letters(&self, queue: &str) -> Result<Vec<DeadLetter>, bus::Error> {
        self.bus.dead_letters(queue).await
    }

    /// Puts a dead letter on its queue again, and forgets it. False, and it stays, when a message with
    /// its id and key waits there. Who dies in between leaves both.
    ///
    /// # Errors
    /// The bus's.
    pub async fn replay(&self, letter: &DeadLetter) -> Result<bool, bus::Error> {
        let body = letter.body.clone();
        let is_put = self.bus.push(&letter.queue, &letter.id, &letter.key, body).await?;
        if is_put {
            self.bus.forget_dead_letter(letter).await?;
        }
        Ok(is_put)
    }

    /// Forgets a dead letter.
    ///
    /// # Errors
    /// The bus's.
    pub async fn drop_dead_letter(&self, letter: &DeadLetter) -> Result<(), bus::Error> {
        self.bus.forget_dead_letter(letter).await
    }
}
