//! A client's end of its connection: what the production road holds in place of a library's client.

use std::pin::Pin;

use async_nats::{HeaderMap, Message, ServerInfo};
use bus::nats::simulated::Link;
use protocol::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::{Network, Say, clock};
use crate::jetstream;

/// The connection of one client.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) network: Network,
    pub(super) number: usize,
}

impl Connected {
    fn say(&self, say: Say) {
        let now = self.network.now();
        self.network.state().say(now, self.number, say);
        self.network.0.sooner.notify_one();
    }
}

impl Link for Connected {
    fn publish(&self, message: Message) {
        self.say(Say::Publish(plain(message)));
    }

    fn subscribe(&self, subject: &str) -> mpsc::UnboundedReceiver<Message> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = self.network.state();
        let client = &mut state.clients[self.number];
        client.numbers += 1;
        let number = client.numbers;
        client.subscriptions.insert(number, (subject.to_owned(), sender));
        drop(state);
        self.say(Say::Subscribe(number, subject.to_owned()));
        receiver
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (heard, waiting) = oneshot::channel();
        self.say(Say::Ping(heard));
        Box::pin(async {
            if waiting.await.is_err() {
                // The connection broke: nobody will say.
                std::future::pending::<()>().await;
            }
        })
    }

    fn inbox(&self) -> String {
        let mut state = self.network.state();
        let client = &mut state.clients[self.number];
        client.numbers += 1;
        format!("_INBOX.{}x{}", self.number, client.numbers)
    }

    fn connects(&self) -> u64 {
        self.network.state().clients[self.number].connects
    }

    fn server(&self) -> ServerInfo {
        self.network.state().clients[self.number].server.clone()
    }

    fn clock(&self) -> Timestamp {
        let now = self.network.now();
        clock(now, self.network.state().clients[self.number].skew_ms)
    }
}

/// A message as the model has it, with its headers in one certain order.
fn plain(message: Message) -> jetstream::Message {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, values) in message.headers.iter().flat_map(HeaderMap::iter) {
        headers.extend(values.iter().map(|value| (name.to_string(), value.as_str().to_owned())));
    }
    headers.sort();
    jetstream::Message {
        subject: message.subject.to_string(),
        reply: message.reply.map(|reply| reply.to_string()),
        headers: headers.into_iter().collect(),
        payload: message.payload,
        status: None,
    }
}
