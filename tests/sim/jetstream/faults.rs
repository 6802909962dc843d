//! What the server says when it refuses, by its own numbers.

use serde_json::{Value, json};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    code: u16,
    number: u16,
    text: String,
}

impl Fault {
    fn new(code: u16, number: u16, text: impl Into<String>) -> Self {
        Self { code, number, text: text.into() }
    }

    pub(super) fn json(&self) -> Value {
        json!({ "code": self.code, "err_code": self.number, "description": self.text })
    }

    pub(super) fn bad_request() -> Self {
        Self::new(400, 10003, "bad request")
    }

    pub(super) fn no_stream() -> Self {
        Self::new(404, 10059, "stream not found")
    }

    pub(super) fn no_consumer() -> Self {
        Self::new(404, 10014, "consumer not found")
    }

    pub(super) fn no_message() -> Self {
        Self::new(404, 10037, "no message found")
    }

    pub(super) fn invalid_json() -> Self {
        Self::new(400, 10025, "invalid JSON")
    }

    pub(super) fn other_name() -> Self {
        Self::new(400, 10056, "stream name in subject does not match request")
    }

    pub(super) fn other_durable() -> Self {
        let text = "consumer name in subject does not match durable name in request";
        Self::new(400, 10017, text)
    }

    pub(super) fn other_config() -> Self {
        Self::new(400, 10058, "stream name already in use with a different configuration")
    }

    pub(super) fn subjects_overlap() -> Self {
        Self::new(400, 10065, "subjects overlap with an existing stream")
    }

    pub(super) fn consumer_exists() -> Self {
        Self::new(400, 10148, "consumer already exists")
    }

    pub(super) fn consumer_not_unique() -> Self {
        Self::new(400, 10100, "filtered consumer not unique on workqueue stream")
    }

    pub(super) fn no_sequence(sequence: u64) -> Self {
        Self::new(400, 10043, format!("sequence {sequence} not found"))
    }

    pub(super) fn not_deleted(why: &str) -> Self {
        Self::new(500, 10057, why)
    }

    pub(super) fn wrong_sequence(last: u64) -> Self {
        Self::new(400, 10071, format!("wrong last sequence: {last}"))
    }

    pub(super) fn sequence_in_doubt() -> Self {
        Self::new(400, 10164, "wrong last sequence")
    }

    pub(super) fn no_expected_sequence() -> Self {
        Self::new(400, 10193, "missing sequence for expected last sequence per subject")
    }

    pub(super) fn ttl_disabled() -> Self {
        Self::new(400, 10166, "per-message TTL is disabled")
    }

    pub(super) fn ttl_invalid() -> Self {
        Self::new(400, 10165, "invalid per-message TTL")
    }

    pub(super) fn rollup(why: impl Into<String>) -> Self {
        Self::new(500, 10111, why)
    }

    pub(super) fn not_stored(why: &str) -> Self {
        Self::new(503, 10077, why)
    }

    pub(super) fn batches_disabled() -> Self {
        Self::new(400, 10174, "atomic publish is disabled")
    }

    pub(super) fn no_batch_sequence() -> Self {
        Self::new(400, 10175, "atomic publish sequence is missing")
    }

    pub(super) fn batch_incomplete() -> Self {
        Self::new(400, 10176, "atomic publish batch is incomplete")
    }

    pub(super) fn batch_name() -> Self {
        Self::new(400, 10179, "atomic publish batch ID is invalid")
    }

    pub(super) fn batch_too_large(most: u64) -> Self {
        Self::new(400, 10199, format!("atomic publish batch is too large: {most}"))
    }

    pub(super) fn batch_commit() -> Self {
        Self::new(400, 10200, "atomic publish batch commit is invalid")
    }

    pub(super) fn batches_in_flight() -> Self {
        Self::new(429, 10210, "atomic publish too many inflight")
    }
}
