//! The JSON interface at `$JS.API.`: what is asked of streams and consumers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::JetStream;
use super::clock::written;
use super::config::{of_consumer, of_stream};
use super::consumer::Consumer;
use super::faults::Fault;
use super::message::{Message, Moment, Sent};
use super::stream::Stream;
use super::subjects::collide;

/// Subjects that an answer lists at most.
const SUBJECTS: usize = 100_000;

/// What is asked: what kind of answer it has, and the answer.
type Answer = (&'static str, Result<Value, Fault>);

impl JetStream {
    /// The answer to a request to `$JS.API.<asked>`; none if nobody takes such requests here.
    pub(super) fn ask(
        &mut self,
        asked: &str,
        message: &Message,
        at: Moment<'_>,
        out: &mut Vec<Sent>,
    ) -> Option<()> {
        let words: Vec<&str> = asked.split('.').collect();
        let body = &message.payload;
        let inbox = message.reply.as_deref().unwrap_or_default();
        let (kind, answer): Answer = match *words.as_slice() {
            ["DIRECT", "GET", stream] => {
                self.readable(stream)?.read_asked(body, inbox, out);
                return Some(());
            }
            ["DIRECT", "GET", stream, ..] => {
                let (_, subject) = asked.split_once(&format!("GET.{stream}."))?;
                self.readable(stream)?.read_last(subject, inbox, out);
                return Some(());
            }
            ["CONSUMER", "MSG", "NEXT", stream, consumer] => {
                let Stream { store, consumers, .. } = self.streams.get_mut(stream)?;
                consumers.get_mut(consumer)?.pull(inbox, body, store, at, out);
                return Some(());
            }
            ["STREAM", "CREATE", name] => ("stream_create", self.create_stream(name, body, at.now)),
            ["STREAM", "INFO", name] => ("stream_info", self.stream_info(name, body, at.now)),
            ["STREAM", "DELETE", name] => ("stream_delete", self.delete_stream(name)),
            ["STREAM", "PURGE", name] => ("stream_purge", self.purge(name, body, at.now)),
            ["STREAM", "MSG", "GET", name] => ("stream_msg_get", self.get(name, body)),
            ["STREAM", "MSG", "DELETE", name] => {
                ("stream_msg_delete", self.delete(name, body, at.now))
            }
            ["CONSUMER", "CREATE", stream, name, ..] => {
                ("consumer_create", self.create_consumer(stream, name, body, at, out))
            }
            ["CONSUMER", "INFO", stream, name] => {
                ("consumer_info", self.consumer_info(stream, name, at, out))
            }
            ["CONSUMER", "DELETE", stream, name] => {
                ("consumer_delete", self.delete_consumer(stream, name, out))
            }
            _ => return None,
        };
        let mut said = match (kind, &answer) {
            // These say how many, also when they refuse.
            ("stream_info", Err(_)) => json!({ "total": 0, "offset": 0, "limit": 0 }),
            ("stream_purge", Err(_)) => json!({ "purged": 0 }),
            _ => json!({}),
        };
        match answer {
            Ok(answer) => said = answer,
            Err(fault) => said["error"] = fault.json(),
        }
        said["type"] = json!(format!("io.nats.jetstream.api.v1.{kind}_response"));
        out.push(Sent::answer(inbox, said.to_string()));
        Some(())
    }

    fn readable(&self, stream: &str) -> Option<&Stream> {
        self.streams.get(stream).filter(|stream| stream.rules.direct)
    }

    fn stream(&mut self, name: &str) -> Result<&mut Stream, Fault> {
        self.streams.get_mut(name).ok_or_else(Fault::no_stream)
    }

    fn create_stream(&mut self, name: &str, body: &[u8], now: u64) -> Result<Value, Fault> {
        let config = of_stream(&read(body)?);
        if config["name"] != name {
            return Err(Fault::other_name());
        }
        if let Some(there) = self.streams.get(name) {
            if there.config != config {
                return Err(Fault::other_config());
            }
        } else {
            let stream = Stream::new(name, config, now);
            let taken = self.streams.values().flat_map(|it| &it.rules.subjects);
            let overlaps = taken
                .into_iter()
                .any(|one| stream.rules.subjects.iter().any(|other| collide(one, other)));
            if overlaps {
                return Err(Fault::subjects_overlap());
            }
            self.streams.insert(name.to_owned(), stream);
        }
        let mut info = self.stream(name)?.info(now);
        info["did_create"] = json!(true);
        Ok(info)
    }

    fn stream_info(&mut self, name: &str, body: &[u8], now: u64) -> Result<Value, Fault> {
        let asked = if body.is_empty() { json!({}) } else { read(body)? };
        let leader = self.server_id.clone();
        let stream = self.stream(name)?;
        let mut info = stream.info(now);
        (info["total"], info["offset"], info["limit"]) = (json!(0), json!(0), json!(0));
        info["cluster"] = json!({ "leader": leader });
        if let Some(pattern) = asked["subjects_filter"].as_str().filter(|it| !it.is_empty()) {
            let found = stream.store.subjects_of(pattern);
            let found: Vec<_> = found.map(|(name, all)| (name.to_owned(), all.len())).collect();
            if !found.is_empty() {
                (info["total"], info["limit"]) = (json!(found.len()), json!(SUBJECTS));
                let offset = asked["offset"].as_u64().unwrap_or(0);
                let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                info["offset"] = json!(offset);
                let page = found.into_iter().skip(offset).take(SUBJECTS);
                info["state"]["subjects"] =
                    page.map(|(name, count)| (name, json!(count))).collect();
            }
        }
        Ok(info)
    }

    fn delete_stream(&mut self, name: &str) -> Result<Value, Fault> {
        self.streams.remove(name).ok_or_else(Fault::no_stream)?;
        Ok(json!({ "success": true }))
    }

    fn purge(&mut self, name: &str, body: &[u8], now: u64) -> Result<Value, Fault> {
        let asked = if body.is_empty() { json!({}) } else { read(body)? };
        let stream = self.stream(name)?;
        let pattern = asked["filter"].as_str().filter(|it| !it.is_empty());
        Ok(json!({ "success": true, "purged": stream.purge(pattern, 0, now) }))
    }

    fn get(&mut self, name: &str, body: &[u8]) -> Result<Value, Fault> {
        let asked = read(body)?;
        let sequence = asked["seq"].as_u64().filter(|it| *it > 0);
        let last = asked["last_by_subj"].as_str().filter(|it| !it.is_empty());
        if sequence.is_some() == last.is_some() {
            return Err(Fault::bad_request());
        }
        let store = &self.stream(name)?.store;
        let sequence = sequence.or_else(|| store.last_of(last?));
        let found = sequence.and_then(|it| Some((it, store.get(it)?)));
        let (sequence, stored) = found.ok_or_else(Fault::no_message)?;
        let mut message = json!({
            "subject": stored.subject, "seq": sequence, "time": written(stored.time),
        });
        if !stored.payload.is_empty() {
            message["data"] = json!(STANDARD.encode(&stored.payload));
        }
        if !stored.headers.is_empty() {
            message["hdrs"] = json!(STANDARD.encode(stored.headers.wire()));
        }
        Ok(json!({ "message": message }))
    }

    fn delete(&mut self, name: &str, body: &[u8], now: u64) -> Result<Value, Fault> {
        let sequence = read(body)?["seq"].as_u64().unwrap_or(0);
        let stream = self.stream(name)?;
        if stream.rules.keeps_messages {
            return Err(Fault::not_deleted("message delete not permitted"));
        }
        if sequence > stream.store.last() {
            return Err(Fault::not_deleted("stream store EOF"));
        }
        if sequence < stream.store.first().max(1) {
            return Err(Fault::not_deleted("no message found"));
        }
        if !stream.remove(sequence, now) {
            return Err(Fault::no_sequence(sequence));
        }
        Ok(json!({ "success": true }))
    }

    fn create_consumer(
        &mut self,
        stream: &str,
        name: &str,
        body: &[u8],
        at: Moment<'_>,
        out: &mut Vec<Sent>,
    ) -> Result<Value, Fault> {
        let asked = read(body)?;
        if asked["stream_name"] != stream {
            return Err(Fault::other_name());
        }
        if asked["config"]["durable_name"].as_str().is_some_and(|durable| durable != name) {
            return Err(Fault::other_durable());
        }
        let mut config = of_consumer(&asked["config"]);
        config["name"] = json!(name);
        let found = self.stream(stream)?;
        if let Some(there) = found.consumers.get_mut(name) {
            if there.config != config {
                return Err(Fault::consumer_exists());
            }
            if let Some(info) = there.at_start.take() {
                return Ok(info);
            }
            return Ok(there.info(&found.store, at, out));
        }
        let mut consumer = Consumer::new(stream, name, config, &found.store, at.now);
        let mut taken = found.consumers.values().flat_map(|it| &it.filters);
        let clashes = taken.any(|one| consumer.filters.iter().any(|other| collide(one, other)));
        if found.rules.is_queue && clashes {
            return Err(Fault::consumer_not_unique());
        }
        let info = consumer.info(&found.store, at, out);
        found.consumers.insert(name.to_owned(), consumer);
        Ok(info)
    }

    fn consumer_info(
        &mut self,
        stream: &str,
        name: &str,
        at: Moment<'_>,
        out: &mut Vec<Sent>,
    ) -> Result<Value, Fault> {
        let Stream { store, consumers, .. } = self.stream(stream)?;
        let consumer = consumers.get_mut(name).ok_or_else(Fault::no_consumer)?;
        Ok(consumer.info(store, at, out))
    }

    fn delete_consumer(
        &mut self,
        stream: &str,
        name: &str,
        out: &mut Vec<Sent>,
    ) -> Result<Value, Fault> {
        let consumers = &mut self.stream(stream)?.consumers;
        consumers.remove(name).ok_or_else(Fault::no_consumer)?.dismiss(out);
        Ok(json!({ "success": true }))
    }
}

fn read(body: &[u8]) -> Result<Value, Fault> {
    if body.is_empty() {
        return Err(Fault::bad_request());
    }
    serde_json::from_slice(body).map_err(|_| Fault::invalid_json())
}
