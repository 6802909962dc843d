//! The pulls that lie with the server, each with an address of its own.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::Message;
use serde_json::json;
use tokio::time::Instant;
use tracing::debug;

use super::Place;
use crate::nats::connect::Connection;

/// How long a pull of one message waits at the server.
const LIES: Duration = Duration::from_secs(10);

/// How long the server has for a pull of what is there.
const PROBES: Duration = Duration::from_secs(2);

/// How much longer an answer may take than the server was given.
const LATE: Duration = Duration::from_secs(2);

/// One pull that is not answered yet.
#[derive(Debug)]
struct Pull {
    /// Its own address ends in this; only word that there is nothing comes back to it.
    number: u64,
    /// Messages still to come; a pull that lies asks for one.
    left: usize,
    /// Whether it asks for what is there, now.
    probes: bool,
    due: Instant,
}

/// All pulls of one desk: one for each place at most, for a message does not say which pull it is
/// the answer to.
#[derive(Debug)]
pub(super) struct Pulls {
    connection: Connection,
    inbox: String,
    count: u64,
    open: HashMap<Place, Pull>,
}

impl Pulls {
    pub(super) fn new(connection: Connection, inbox: String) -> Self {
        Self { connection, inbox, count: 0, open: HashMap::new() }
    }

    /// Messages that were asked for and are not here: for so many takers something is under way.
    pub(super) fn asked(&self) -> usize {
        self.open.values().filter(|pull| pull.probes).map(|pull| pull.left).sum()
    }

    /// Whether something is under way from `place`.
    pub(super) fn is_open(&self, place: Place) -> bool {
        self.open.contains_key(&place)
    }

    /// Leaves a pull for the next message, whenever it comes.
    pub(super) async fn lay(&mut self, place: Place, stream: &str, consumer: &str) {
        self.send(place, stream, consumer, 1, false).await;
    }

    /// Asks for up to `count` messages that are there now.
    pub(super) async fn probe(&mut self, place: Place, stream: &str, consumer: &str, count: usize) {
        self.send(place, stream, consumer, count, true).await;
    }

    async fn send(
        &mut self,
        place: Place,
        stream: &str,
        consumer: &str,
        count: usize,
        probes: bool,
    ) {
        self.count += 1;
        let expires = if probes { PROBES } else { LIES };
        // With `expires` as well it would wait when there is nothing. (Without, it would lie for ever
        // at a consumer's limit of unacked messages; ours have none.)
        let asked = if probes {
            json!({ "batch": count, "no_wait": true })
        } else {
            json!({ "batch": 1, "expires": nanoseconds(expires) })
        };
        let to = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let reply = format!("{}.{}", self.inbox, self.count);
        let sent =
            self.connection.client.publish_with_reply(to, reply, asked.to_string().into()).await;
        if let Err(error) = sent {
            debug!(%error, "a pull is not sent");
            return;
        }
        let due = Instant::now() + expires + LATE;
        self.open.insert(place, Pull { number: self.count, left: count, probes, due });
    }

    /// Takes note of a message from `place`: whether its pull is over with it.
    pub(super) fn came(&mut self, place: Place) -> bool {
        let Some(pull) = self.open.get_mut(&place) else {
            return true;
        };
        pull.left = pull.left.saturating_sub(1);
        let over = pull.left == 0;
        if over {
            self.open.remove(&place);
        }
        over
    }

    /// Takes note of word that there is nothing, or no more: from where.
    pub(super) fn ended(&mut self, word: &Message) -> Option<Place> {
        // A word that the server lives; the pull still lies.
        if word.status.is_some_and(|status| status.as_u16() == 100) {
            return None;
        }
        let number: u64 = word.subject.rsplit('.').next()?.parse().ok()?;
        let place = *self.open.iter().find(|(_, pull)| pull.number == number)?.0;
        self.open.remove(&place);
        Some(place)
    }

    /// Gives up pulls that the server must have forgotten.
    pub(super) fn forget_overdue(&mut self) {
        let now = Instant::now();
        self.open.retain(|_, pull| pull.due > now);
    }

    /// Gives up all pulls: they were of another connection.
    pub(super) fn forget_all(&mut self) {
        self.open.clear();
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
