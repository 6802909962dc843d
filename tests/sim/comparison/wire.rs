//! A connection to the real server that says where each message went.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::jetstream::{Headers, Message, Sent};

pub(super) struct Wire {
    client: async_nats::Client,
    heard: mpsc::UnboundedReceiver<Sent>,
    hears: mpsc::UnboundedSender<Sent>,
    /// Subscriptions by their subjects.
    open: BTreeMap<String, JoinHandle<()>>,
}

impl Wire {
    pub(super) async fn open(url: &str) -> Self {
        let client = async_nats::connect(url).await.unwrap();
        let (hears, heard) = mpsc::unbounded_channel();
        Self { client, heard, hears, open: BTreeMap::new() }
    }

    /// Subscribes; returns once the server knows.
    pub(super) async fn subscribe(&mut self, subject: &str) {
        let mut messages = self.client.subscribe(subject.to_owned()).await.unwrap();
        self.client.flush().await.unwrap();
        let (hears, own) = (self.hears.clone(), subject.to_owned());
        let listening = tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                // A delivery keeps its own subject: where it went, the subscription says.
                let is_literal = !own.ends_with('>');
                let to = if is_literal { own.clone() } else { message.subject.to_string() };
                if hears.send(Sent { to, message: heard(message) }).is_err() {
                    break;
                }
            }
        });
        self.open.insert(subject.to_owned(), listening);
    }

    /// Which start of the server this is connected to.
    pub(super) fn server(&self) -> String {
        self.client.server_info().server_id
    }

    /// Waits until it is connected to another start, which then knows its subscriptions.
    pub(super) async fn leaves(&self, server: &str) {
        while self.server() == server {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.client.flush().await.unwrap();
    }

    /// Unsubscribes; returns once the server knows.
    pub(super) async fn leave(&mut self, subject: &str) {
        if let Some(listening) = self.open.remove(subject) {
            listening.abort();
            // The subscription ends with the task that held it.
            let _ = listening.await;
            self.client.flush().await.unwrap();
        }
    }

    pub(super) async fn say(&self, message: &Message) {
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in message.headers.iter() {
            headers.append(name, value);
        }
        let (subject, payload) = (message.subject.clone(), message.payload.clone());
        let sent = match &message.reply {
            Some(reply) => {
                let reply = reply.clone();
                self.client.publish_with_reply_and_headers(subject, reply, headers, payload).await
            }
            None => self.client.publish_with_headers(subject, headers, payload).await,
        };
        sent.unwrap();
        self.client.flush().await.unwrap();
    }

    /// The next message, if it comes soon enough.
    pub(super) async fn next(&mut self, patience: Duration) -> Option<Sent> {
        timeout(patience, self.heard.recv()).await.ok().flatten()
    }
}

fn heard(message: async_nats::Message) -> Message {
    let mut headers = Headers::default();
    for (name, values) in message.headers.iter().flat_map(async_nats::HeaderMap::iter) {
        for value in values {
            headers.add(name.as_ref(), value.as_str());
        }
    }
    let text = message.description.unwrap_or_default();
    Message {
        subject: message.subject.to_string(),
        reply: message.reply.map(|reply| reply.to_string()),
        headers,
        payload: message.payload,
        status: message.status.map(|status| (status.as_u16(), text)),
    }
}
