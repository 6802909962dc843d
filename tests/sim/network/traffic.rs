//! What happens to messages on their way, and at the server.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{Client, Event, MS, Say, State};
use crate::jetstream::{Message, Sent, is_for};
use crate::{notice, oracle, rare};

/// What a server says when nobody is there to answer.
const NO_RESPONDERS: u16 = 503;

impl State {
    fn delay(&mut self) -> u64 {
        let spike = self.lot.chance(self.pace.spikes);
        let us = self.lot.within(self.pace.least_us, self.pace.most_us);
        if spike { self.lot.within(us, 300_000) * 1000 } else { us * 1000 }
    }

    /// Sends what a client says on its way.
    pub(super) fn say(&mut self, now: u64, number: usize, say: Say) {
        let delay = self.delay();
        let client = &mut self.clients[number];
        if client.process.is_dead() {
            return;
        }
        if !client.is_connected {
            client.unsaid.push(say);
            return;
        }
        let arrives = (now.max(client.up_hangs) + delay).max(client.up_free + 1);
        client.up_free = arrives;
        let connection = client.connection;
        self.push(arrives, Event::Up { client: number, connection, say });
        if self.lot.chance(self.pace.breaks) {
            self.hang_up(now, number);
            let back = now + self.lot.within(1, 400) * MS;
            let connection = self.clients[number].connection;
            self.push(back, Event::Reconnect { client: number, connection });
        }
    }

    /// Breaks a connection: of what was under way to the server, some may have arrived.
    pub(super) fn hang_up(&mut self, now: u64, number: usize) {
        oracle::befall(now, now);
        let client = &mut self.clients[number];
        client.connection += 1;
        client.is_connected = false;
        client.known.clear();
        let under_way: Vec<(u64, u64)> = self
            .queue
            .iter()
            .filter(|(_, event)| matches!(event, Event::Up { client, .. } if *client == number))
            .map(|(key, _)| *key)
            .collect();
        let arrived = usize::try_from(self.lot.within(0, under_way.len() as u64)).unwrap();
        for key in under_way.iter().skip(arrived) {
            self.queue.remove(key);
            rare::reach("a word was lost with its connection");
        }
        (self.clients[number].up_free, self.clients[number].down_free) = (now, now);
    }

    pub(super) fn happen(&mut self, now: u64, event: Event) {
        match event {
            Event::Up { client, connection, say } => self.hear(now, client, connection, say),
            Event::Down { client, connection, subscription, message } => {
                let client = &mut self.clients[client];
                if client.connection == connection
                    && let Some((_, sender)) = client.subscriptions.get(&subscription)
                    && sender.send(rich(message)).is_err()
                {
                    client.subscriptions.remove(&subscription);
                    client.known.remove(&subscription);
                }
            }
            Event::Pong { client, connection, heard } => {
                if self.clients[client].connection == connection {
                    // Who waited may have gone.
                    let _ = heard.send(());
                }
            }
            Event::Reconnect { client, connection } => self.reconnect(now, client, connection),
            Event::Doom => {
                if let Some(away) = self.doom.take().filter(|_| self.is_up) {
                    self.kill(now, away, true);
                }
            }
            Event::ServerUp { forgets } => {
                self.starts += 1;
                self.is_up = true;
                let Self { server, lot, starts, .. } = self;
                server.restart(now, super::server_id(*starts), |_, _| !forgets || lot.chance(500));
                // Even what it remembers of a lease, it remembers by the second.
                oracle::forget();
                oracle::befall(now, now);
                if forgets {
                    rare::reach("a server forgot what it had handed out");
                }
                for client in 0..self.clients.len() {
                    let connection = self.clients[client].connection;
                    let back = now + self.lot.within(20, 500) * MS;
                    self.push(back, Event::Reconnect { client, connection });
                }
            }
        }
    }

    /// Ends the server; it is there again after `away`.
    pub(super) fn kill(&mut self, now: u64, away: Duration, forgets: bool) {
        self.is_up = false;
        if forgets {
            self.lose_unconfirmed();
        }
        for client in 0..self.clients.len() {
            self.hang_up(now, client);
        }
        // What reached it and was not read is gone with it.
        self.queue.retain(|_, event| !matches!(event, Event::Up { .. }));
        let back = now + u64::try_from(away.as_nanos()).unwrap();
        self.push(back, Event::ServerUp { forgets });
    }

    /// The server that is killed loses the verdicts that it stored last and had not confirmed yet; it
    /// may have repeated them (seen in 2.15.1, crates/bus/tests/restarts.rs).
    fn lose_unconfirmed(&mut self) {
        let under_way = self.queue.values().filter_map(|event| match event {
            Event::Down { message, .. } => confirmed(message),
            _ => None,
        });
        let unconfirmed: BTreeSet<u64> = under_way.collect();
        let last = self.server.last_sequence("RUN");
        let tail = self.server.since("RUN", 1).rev().zip((1..=last).rev());
        let tail = tail.take_while(|((sequence, stored), place)| {
            let is_verdict = stored.subject.split('.').nth(2) == Some("res");
            sequence == place && is_verdict && unconfirmed.contains(sequence)
        });
        let lost: Vec<String> = tail.map(|((_, stored), _)| stored.subject.clone()).collect();
        if !lost.is_empty() {
            let last = last - lost.len() as u64;
            self.server.lose_tail("RUN", last);
            oracle::lose(last, &lost);
            rare::reach("a server lost verdicts that it had not confirmed");
        }
    }

    fn reconnect(&mut self, now: u64, number: usize, connection: u64) {
        let server = self.describe();
        let is_up = self.is_up;
        let client = &mut self.clients[number];
        let stale = client.connection != connection || client.is_connected;
        if stale || client.process.is_dead() || !is_up {
            return;
        }
        client.is_connected = true;
        client.connects += 1;
        client.server = server;
        let again: Vec<_> = client
            .subscriptions
            .iter()
            .filter(|(_, (_, sender))| !sender.is_closed())
            .map(|(number, (subject, _))| Say::Subscribe(*number, subject.clone()))
            .collect();
        // The library sends what waited, subscriptions first.
        let unsaid = std::mem::take(&mut client.unsaid);
        let pending = unsaid.into_iter().filter(|say| !matches!(say, Say::Subscribe(..)));
        for say in again.into_iter().chain(pending) {
            self.say(now, number, say);
        }
        (self.clients[number].connected)();
        rare::reach("a connection came back");
    }

    /// The server takes what a client said.
    fn hear(&mut self, now: u64, number: usize, connection: u64, say: Say) {
        let current = self.clients[number].connection == connection;
        match say {
            Say::Subscribe(subscription, subject) => {
                if current {
                    self.clients[number].known.insert(subscription, subject);
                }
            }
            Say::Ping(heard) => {
                let arrives = self.arrival(now, number);
                self.push(arrives, Event::Pong { client: number, connection, heard });
            }
            Say::Publish(message) => self.publish(now, message),
        }
    }

    fn publish(&mut self, now: u64, message: Message) {
        oracle::step(now, &message);
        let reply = message.reply.clone();
        let heard = self.route(now, &message.subject.clone(), &message);
        let served = self.server.listens(&message.subject);
        notice::before(now, &self.server, &message);
        let Self { server, clients, .. } = self;
        let sent = server.handle(now, &message, &|subject| is_heard(clients, subject));
        notice::handed(now, &sent);
        notice::after(&message, &sent);
        oracle::look(now, &self.server);
        self.dispatch(now, sent);
        if self.doom.is_some() && message.subject.split('.').nth(2) == Some("res") {
            // Some of those who are told of it have heard by then.
            let soon = now + self.lot.within(0, self.pace.most_us) * 1000;
            self.push(soon, Event::Doom);
        }
        if let Some(reply) = reply
            && heard == 0
            && !served
        {
            let status = Some((NO_RESPONDERS, "No Responders".to_owned()));
            let word = Message { subject: reply.clone(), status, ..Message::default() };
            self.route(now, &reply, &word);
        }
    }

    /// The server does what is due.
    pub(super) fn tick(&mut self, now: u64) {
        let Self { server, clients, .. } = self;
        let sent = server.tick(now, &|subject| is_heard(clients, subject));
        notice::handed(now, &sent);
        oracle::look(now, &self.server);
        self.dispatch(now, sent);
    }

    /// Sends what the server has to say.
    pub(super) fn dispatch(&mut self, now: u64, sent: Vec<Sent>) {
        for Sent { to, message } in sent {
            self.route(now, &to, &message);
        }
    }

    /// To all who subscribe to `to`: how many they are.
    fn route(&mut self, now: u64, to: &str, message: &Message) -> usize {
        let mut heard = 0;
        for number in 0..self.clients.len() {
            let known = self.clients[number].known.iter();
            let ears: Vec<u64> =
                known.filter(|(_, it)| is_for(it, to)).map(|(ear, _)| *ear).collect();
            for subscription in ears {
                heard += 1;
                let connection = self.clients[number].connection;
                let arrives = self.arrival(now, number);
                let message = message.clone();
                let down = Event::Down { client: number, connection, subscription, message };
                self.push(arrives, down);
            }
        }
        heard
    }

    fn arrival(&mut self, now: u64, number: usize) -> u64 {
        let delay = self.delay();
        let client = &mut self.clients[number];
        let arrives = (now.max(client.down_hangs) + delay).max(client.down_free + 1);
        client.down_free = arrives;
        arrives
    }
}

/// The message of `RUN` that the server confirms with this one, if it does; not of a batch.
fn confirmed(message: &Message) -> Option<u64> {
    let said: Value = serde_json::from_slice(&message.payload).ok()?;
    (said["stream"] == "RUN" && said["count"].is_null()).then(|| said["seq"].as_u64())?
}

/// Whether anybody subscribes to what is sent to `subject`.
fn is_heard(clients: &[Client], subject: &str) -> bool {
    clients.iter().any(|client| client.known.values().any(|pattern| is_for(pattern, subject)))
}

/// A message as the library has it.
fn rich(message: Message) -> async_nats::Message {
    let mut headers = HeaderMap::new();
    message.headers.iter().for_each(|(name, value)| headers.append(name, value));
    let (status, description) = match message.status {
        Some((code, text)) => (StatusCode::from_u16(code).ok(), Some(text)),
        None => (None, None),
    };
    async_nats::Message {
        length: message.payload.len(),
        subject: message.subject.into(),
        reply: message.reply.map(Into::into),
        payload: message.payload,
        headers: (!headers.is_empty()).then_some(headers),
        status,
        description,
    }
}
