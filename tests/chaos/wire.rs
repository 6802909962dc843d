//! The rig's own words to the NATS server, past the product.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, HeaderMap};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::load::{LIMIT, NARROW};
use crate::world::password;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(3);

/// A connection of one user that comes back by itself.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    runtime: Handle,
    client: Client,
}

impl Wire {
    pub(crate) fn connect(runtime: &Handle, role: &str, port: u16) -> Self {
        let options = ConnectOptions::with_user_and_password(role.to_owned(), password(role));
        let options = options.reconnect_delay_callback(|_| Duration::from_millis(100));
        let client = runtime.block_on(options.connect(format!("127.0.0.1:{port}"))).unwrap();
        Self { runtime: runtime.clone(), client }
    }

    /// Asks the server, which answers in JSON; `None` when it does not in time.
    pub(crate) fn ask(&self, subject: &str, body: &Value) -> Option<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let asked = self.client.request(subject.to_owned(), body.into());
        let heard = self.runtime.block_on(async { timeout(ANSWER, asked).await });
        let message = heard.ok()?.ok()?;
        serde_json::from_slice(&message.payload).ok()
    }

    /// Stores a message; whether the server took it, `None` when it does not say.
    pub(crate) fn store(&self, subject: &str, headers: HeaderMap, body: &[u8]) -> Option<bool> {
        let body = body.to_vec().into();
        let asked = self.client.request_with_headers(subject.to_owned(), headers, body);
        let heard = self.runtime.block_on(async { timeout(ANSWER, asked).await });
        let message = heard.ok()?.ok()?;
        let told: Value = serde_json::from_slice(&message.payload).ok()?;
        Some(told["error"].is_null())
    }

    /// How many messages a stream holds, and the last sequence it gave.
    pub(crate) fn stream(&self, name: &str) -> Option<(u64, u64)> {
        let told = self.ask(&format!("$JS.API.STREAM.INFO.{name}"), &Value::Null)?;
        Some((told["state"]["messages"].as_u64()?, told["state"]["last_seq"].as_u64()?))
    }

    /// Makes the limited queue, as a coordinator that knows a job with a limit would.
    pub(crate) fn limit_queue(&self, lease_seconds: u64) {
        let lease = lease_seconds * 1_000_000_000;
        for rank in 0..4 {
            let mut asked: Value =
                serde_json::from_str(include_str!("../../nats/consumers/queue.json")).unwrap();
            let name = format!("{NARROW}-p{rank}");
            asked["config"]["name"] = json!(name);
            asked["config"]["durable_name"] = json!(name);
            asked["config"]["ack_wait"] = json!(lease);
            asked["config"]["filter_subjects"] = json!([format!("task.{NARROW}.{rank}.*.*.*")]);
            self.make("TASKS", &name, &asked);
        }
        let mut asked: Value =
            serde_json::from_str(include_str!("../../nats/consumers/seats.json")).unwrap();
        let name = format!("seat-{NARROW}");
        asked["config"]["name"] = json!(name);
        asked["config"]["durable_name"] = json!(name);
        asked["config"]["ack_wait"] = json!(lease);
        asked["config"]["filter_subjects"] = json!([format!("seat.{NARROW}.*")]);
        self.make("SEATS", &name, &asked);
        for seat in 0..LIMIT {
            let stored = self.store(&format!("seat.{NARROW}.{seat}"), HeaderMap::new(), b"");
            assert_eq!(stored, Some(true), "seat {seat}");
        }
    }

    fn make(&self, stream: &str, name: &str, asked: &Value) {
        let told = self.ask(&format!("$JS.API.CONSUMER.CREATE.{stream}.{name}"), asked);
        let told = told.unwrap_or_else(|| panic!("no answer about {name}"));
        assert!(told["error"].is_null(), "{name}: {told}");
    }
}
