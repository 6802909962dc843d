//! What lies on message queues: messages that nobody has worked off, and those that failed for good.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{RunId, Sequence, Timestamp};

/// A message of a message queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMessage {
    /// The queue.
    pub queue: String,
    /// Its place; no two messages ever have the same.
    pub sequence: Sequence,
    /// What its sender calls it; the decimal `sequence` with a `n` before it where it has no name. The
    /// id of its task.
    pub id: String,
    /// What it belongs to, for jobs that preserve the order of what belongs together; may be empty.
    pub key: String,
    /// When it was stored.
    pub at: Timestamp,
    /// The parameters of its task, as they were sent: to be JSON, and not checked yet.
    pub body: Bytes,
}

/// A message that failed for good, kept until somebody replays or drops it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The queue it lay on.
    pub queue: String,
    /// Its place there, which names it among the dead letters too.
    pub sequence: Sequence,
    /// The message's id.
    pub id: String,
    /// Its key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it was given up.
    pub died: Timestamp,
    /// The run that did not succeed with it; absent when it could be no task at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// What went wrong.
    pub error: String,
    /// What was sent.
    pub body: Bytes,
}
