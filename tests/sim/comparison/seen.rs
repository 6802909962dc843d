//! What was heard, without what no two runs have in common: times and names of servers.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::jetstream::Sent;

/// One message as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) to: String,
    subject: String,
    reply: Option<String>,
    status: Option<(u16, String)>,
    headers: Vec<(String, String)>,
    payload: String,
}

impl Seen {
    pub(super) fn new(sent: &Sent) -> Self {
        let message = &sent.message;
        let mut headers: Vec<(String, String)> = message
            .headers
            .iter()
            .map(|(name, value)| {
                let value = match name {
                    "Nats-Time-Stamp" => "when".to_owned(),
                    // The address of a delivery that nobody takes acks of any more.
                    "Nats-Subject" if value.starts_with("$JS.ACK.") => without_time(value),
                    _ => value.to_owned(),
                };
                (name.to_owned(), value)
            })
            .collect();
        headers.sort();
        let payload = String::from_utf8_lossy(&message.payload).into_owned();
        let payload = match serde_json::from_str::<Value>(&payload) {
            Ok(mut value @ Value::Object(_)) => {
                blur(&mut value);
                value.to_string()
            }
            _ => payload,
        };
        Self {
            to: sent.to.clone(),
            subject: message.subject.clone(),
            reply: message.reply.as_deref().map(|reply| {
                // Seen in 2.15.1: whether the rest of a batch is counted before its first message
                // is delivered is chance.
                let counts = message.headers.get("Nats-Batch-Id").is_none();
                let (address, left) = reply.rsplit_once('.').unwrap_or((reply, ""));
                let left = if counts { left } else { "some" };
                without_time(&format!("{address}.{left}"))
            }),
            status: message.status.clone(),
            headers,
            payload,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { to, subject, reply, status, headers, payload } = self;
        write!(f, "to {to}: {subject}")?;
        if let Some(reply) = reply {
            write!(f, " reply {reply}")?;
        }
        if let Some((code, text)) = status {
            write!(f, " {code} {text}")?;
        }
        // What a stream or consumer is set to says least, and takes most of the room.
        let shown = match serde_json::from_str::<Value>(payload) {
            Ok(Value::Object(mut fields)) if fields.len() > 5 => {
                fields.remove("config");
                Value::Object(fields).to_string()
            }
            _ => payload.clone(),
        };
        write!(f, " {headers:?} {shown}")
    }
}

/// The address of a delivery without the time of its message.
fn without_time(reply: &str) -> String {
    let words = reply.split('.').enumerate();
    let words = words.map(|(place, word)| if place == 7 { "when" } else { word });
    words.collect::<Vec<_>>().join(".")
}

fn blur(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), &*value) {
                    ("ts" | "created" | "time" | "last_active" | "leader", Value::String(_)) => {
                        *value = "some".into();
                    }
                    ("first_ts" | "last_ts", Value::String(when)) if !when.starts_with("0001") => {
                        *value = "some".into();
                    }
                    ("hdrs", Value::String(text)) => {
                        // The order of headers is the client's, and its own.
                        let text = String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
                        let mut lines: Vec<&str> = text.lines().collect();
                        lines.sort_unstable();
                        *value = lines.join("|").into();
                    }
                    _ => blur(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(blur),
        _ => {}
    }
}
