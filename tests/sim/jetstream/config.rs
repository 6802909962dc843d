//! The configuration of a stream or consumer: what was asked for, with what the server adds.

use serde_json::{Map, Value, json};

use super::clock::duration;

/// What of a stream's configuration decides what it does.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the server's own")]
pub(super) struct Rules {
    pub(super) subjects: Vec<String>,
    /// Whether what is acked is removed.
    pub(super) is_queue: bool,
    /// Whether what does not fit is refused; else the oldest goes.
    pub(super) refuses: bool,
    pub(super) refuses_per_subject: bool,
    pub(super) most_per_subject: Option<u64>,
    pub(super) most: Option<u64>,
    pub(super) most_bytes: Option<u64>,
    /// Nanoseconds.
    pub(super) most_age: Option<u64>,
    pub(super) rollup: bool,
    pub(super) atomic: bool,
    pub(super) ttl: bool,
    pub(super) direct: bool,
    pub(super) keeps_messages: bool,
    /// From which pattern to which what is stored is repeated.
    pub(super) repeats: Option<(String, String)>,
}

impl Rules {
    pub(super) fn read(config: &Value) -> Self {
        let flag = |name: &str| config[name].as_bool().unwrap_or_default();
        let limit = |name: &str| config[name].as_u64().filter(|limit| *limit > 0);
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let repeated = &config["republish"];
        Self {
            subjects: config["subjects"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(text)
                .collect(),
            is_queue: config["retention"] == "workqueue",
            refuses: config["discard"] == "new",
            refuses_per_subject: flag("discard_new_per_subject"),
            most_per_subject: limit("max_msgs_per_subject"),
            most: limit("max_msgs"),
            most_bytes: limit("max_bytes"),
            most_age: limit("max_age"),
            rollup: flag("allow_rollup_hdrs") && !flag("deny_purge"),
            atomic: flag("allow_atomic"),
            ttl: flag("allow_msg_ttl"),
            direct: flag("allow_direct"),
            keeps_messages: flag("deny_delete"),
            repeats: text(&repeated["src"]).zip(text(&repeated["dest"])),
        }
    }

    /// Where a stored message is repeated.
    pub(super) fn repeated(&self, subject: &str) -> Option<String> {
        let (from, to) = self.repeats.as_ref()?;
        if !super::subjects::covers(from, subject) {
            return None;
        }
        match (from.strip_suffix('>'), to.strip_suffix('>')) {
            (Some(from), Some(to)) => Some(format!("{to}{}", subject.strip_prefix(from)?)),
            _ => Some(to.clone()),
        }
    }
}

/// The configuration of a stream as the server shows it.
pub(super) fn of_stream(asked: &Value) -> Value {
    let mut config = json!({
        "name": "", "retention": "limits", "max_consumers": -1, "max_msgs": -1, "max_bytes": -1,
        "max_age": 0, "max_msgs_per_subject": -1, "max_msg_size": -1, "discard": "old",
        "storage": "file", "num_replicas": 1, "duplicate_window": 120_000_000_000_u64,
        "compression": "none", "allow_direct": false, "mirror_direct": false, "sealed": false,
        "deny_delete": false, "deny_purge": false, "allow_rollup_hdrs": false,
        "consumer_limits": {}, "allow_msg_ttl": false,
    });
    let level = match (asked["allow_atomic"] == true, asked["allow_msg_ttl"] == true) {
        (true, _) => "2",
        (_, true) => "1",
        _ => "0",
    };
    overlay(&mut config, asked);
    config["metadata"] = metadata(level);
    config
}

/// The configuration of a consumer as the server shows it.
pub(super) fn of_consumer(asked: &Value) -> Value {
    let mut config = json!({
        "deliver_policy": "all", "ack_policy": "none", "ack_wait": 30_000_000_000_u64,
        "max_deliver": -1, "replay_policy": "instant", "max_waiting": 512,
        "max_ack_pending": 1000, "num_replicas": 0,
    });
    overlay(&mut config, asked);
    config["metadata"] = metadata("0");
    config
}

fn overlay(config: &mut Value, asked: &Value) {
    let Some(fields) = config.as_object_mut() else { return };
    for (name, value) in asked.as_object().into_iter().flatten() {
        // What says nothing is left out, or leaves what is there by itself.
        let is_empty = [json!(false), json!(""), json!([]), json!(0), Value::Null].contains(value);
        if !is_empty {
            fields.insert(name.clone(), value.clone());
        }
    }
}

fn metadata(level: &str) -> Value {
    let fields = [("_nats.level", "5"), ("_nats.req.level", level), ("_nats.ver", "2.15.1")];
    Value::Object(
        fields
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .into_iter()
            .collect::<Map<_, _>>(),
    )
}

/// A message's own time to live: none, for ever or no sensible one count apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ttl {
    None,
    Never,
    /// Nanoseconds, of whole seconds.
    After(u64),
    Invalid,
}

impl Ttl {
    pub(super) fn read(text: Option<&str>) -> Self {
        const SECOND: u64 = 1_000_000_000;
        match text {
            None | Some("" | "0") => Self::None,
            Some(text) if text.eq_ignore_ascii_case("never") => Self::Never,
            Some(text) => match duration(text) {
                Some(after) if after >= SECOND => Self::After(after),
                _ => Self::Invalid,
            },
        }
    }
}
