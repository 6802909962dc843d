//! The contract of message queues: messages that wait for a job, and those that failed for good.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;

use bytes::Bytes;
use protocol::{DeadLetter, QueueMessage, Sequence};

use crate::Error;

/// How much lies on a message queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Messages that nobody has worked off.
    pub messages: u64,
    /// Dead letters.
    pub dead: u64,
}

/// Message queues. A message stays until it is forgotten, and its place is never another's.
pub trait Messages: Clone + Debug + Send + Sync + 'static {
    /// Puts a message on a queue. False, and nothing is put, when one with this id and key waits there.
    fn push(
        &self,
        queue: &str,
        id: &str,
        key: &str,
        body: Bytes,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// The first `most` messages of a queue from a place on, oldest first; newer ones may be there.
    fn messages(
        &self,
        queue: &str,
        from: Sequence,
        most: usize,
    ) -> impl Future<Output = Result<Vec<QueueMessage>, Error>> + Send;

    /// The message at a place; that there is none is certain.
    fn message(
        &self,
        place: Sequence,
    ) -> impl Future<Output = Result<Option<QueueMessage>, Error>> + Send;

    /// Forgets a message; one that is gone already is no error.
    fn forget_message(&self, place: Sequence) -> impl Future<Output = Result<(), Error>> + Send;

    /// Keeps a message that failed for good, once; whether it was not kept before.
    fn bury(&self, letter: &DeadLetter) -> impl Future<Output = Result<bool, Error>> + Send;

    /// The dead letters of a queue, oldest first.
    fn dead_letters(
        &self,
        queue: &str,
    ) -> impl Future<Output = Result<Vec<DeadLetter>, Error>> + Send;

    /// Forgets a dead letter; one that is gone already is no error.
    fn forget_dead_letter(
        &self,
        letter: &DeadLetter,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// What lies on every queue that is not empty.
    fn backlogs(&self) -> impl Future<Output = Result<BTreeMap<String, Backlog>, Error>> + Send;
}
