//! The pulls that lie with the server, each with an address of its own.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::Message;
use serde_json::json;
use tokio::time::Instant;
use tracing::debug;

use super::Place;
use super::doubt::Doubt;
use crate::nats::connect::Connection;

/// How long a pull of one message waits at the server at most. Not longer than a quarter of a lease
/// either: a message does not say when it was handed out, so its lease counts from its pull.
const LIES: Duration = Duration::from_secs(10);

/// How long the server has for a pull of what is there.
const PROBES: Duration = Duration::from_secs(2);

/// How often the server of a cluster says that a pull still lies: the server that has the pulls of a
/// consumer may die while the one that we are connected to lives.
const BEATS: Duration = Duration::from_secs(1);

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
    sent: Instant,
    due: Instant,
}

/// A message that came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Came {
    /// Whether it is the last that its pull asked for.
    pub(super) is_last: bool,
    /// When it was asked for, or earlier: it was not handed out before.
    pub(super) since: Instant,
}

/// All pulls of one desk: one for each place at most, for a message does not say which pull it is
/// the answer to.
#[derive(Debug)]
pub(super) struct Pulls {
    connection: Connection,
    inbox: String,
    count: u64,
    open: HashMap<Place, Pull>,
    /// Pulls that were given up may have been answered, and the answers may be still to come.
    doubts: HashMap<Place, Doubt>,
}

impl Pulls {
    pub(super) fn new(connection: Connection, inbox: String) -> Self {
        let (open, doubts) = (HashMap::new(), HashMap::new());
        Self { connection, inbox, count: 0, open, doubts }
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
    pub(super) async fn lay(
        &mut self,
        place: Place,
        stream: &str,
        consumer: &str,
        lease: Duration,
    ) {
        self.send(place, stream, consumer, 1, Some(LIES.min(lease / 4))).await;
    }

    /// Asks for up to `count` messages that are there now.
    pub(super) async fn probe(&mut self, place: Place, stream: &str, consumer: &str, count: usize) {
        self.send(place, stream, consumer, count, None).await;
    }

    async fn send(
        &mut self,
        place: Place,
        stream: &str,
        consumer: &str,
        count: usize,
        lies: Option<Duration>,
    ) {
        self.count += 1;
        // A pull that is over soon anyhow needs no word in between.
        let beats = lies.is_some_and(|lies| lies > BEATS * 2) && self.connection.is_clustered();
        // With `expires` as well it would wait when there is nothing. (Without, it would lie for ever
        // at a consumer's limit of unacked messages; ours have none.)
        let asked = match lies.map(nanoseconds) {
            None => json!({ "batch": count, "no_wait": true }),
            Some(expires) if beats => {
                json!({ "batch": 1, "expires": expires, "idle_heartbeat": nanoseconds(BEATS) })
            }
            Some(expires) => json!({ "batch": 1, "expires": expires }),
        };
        let sent_at = Instant::now();
        let to = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let reply = format!("{}.{}", self.inbox, self.count);
        let sent =
            self.connection.client.publish_with_reply(to, reply, asked.to_string().into()).await;
        if let Err(error) = sent {
            debug!(%error, "a pull is not sent");
            return;
        }
        let silence = if beats { BEATS } else { lies.unwrap_or(PROBES) };
        let due = Instant::now() + silence + LATE;
        let (number, probes) = (self.count, lies.is_none());
        self.open.insert(place, Pull { number, left: count, probes, sent: sent_at, due });
    }

    /// Takes note of a message from `place`.
    pub(super) fn came(&mut self, place: Place) -> Came {
        let sent = self.open.get(&place).map(|pull| pull.sent);
        let doubted = self.doubts.get_mut(&place).and_then(|doubt| doubt.resolve(sent));
        let Some(pull) = self.open.get_mut(&place) else {
            // Nothing is asked for there: it is the answer to what was given up.
            return Came { is_last: true, since: doubted.unwrap_or_else(Instant::now) };
        };
        pull.left = pull.left.saturating_sub(1);
        let came = Came { is_last: pull.left == 0, since: doubted.unwrap_or(pull.sent) };
        if came.is_last {
            self.open.remove(&place);
        }
        came
    }

    /// Takes note of word that there is nothing, or no more: from where.
    pub(super) fn ended(&mut self, word: &Message) -> Option<Place> {
        let number: u64 = word.subject.rsplit('.').next()?.parse().ok()?;
        let (&place, pull) = self.open.iter_mut().find(|(_, pull)| pull.number == number)?;
        match word.status.map(|status| status.as_u16()) {
            // The pull still lies.
            Some(100) => {
                pull.due = Instant::now() + BEATS + LATE;
                None
            }
            // The consumer has no leader now. To ask again at once would be to ask without end.
            Some(503) => {
                pull.due = Instant::now();
                None
            }
            _ => {
                self.open.remove(&place);
                // What comes from here on was asked for later.
                self.doubts.remove(&place);
                Some(place)
            }
        }
    }

    /// Gives up pulls that the server must have forgotten.
    pub(super) fn forget_overdue(&mut self) {
        let now = Instant::now();
        self.give_up(|pull| pull.due <= now);
    }

    /// Gives up all pulls: they were of another connection.
    pub(super) fn forget_all(&mut self) {
        self.give_up(|_| true);
    }

    fn give_up(&mut self, whether: impl Fn(&Pull) -> bool) {
        for (place, pull) in self.open.extract_if(|_, pull| whether(pull)) {
            self.doubts.entry(place).or_default().add(pull.sent, pull.left);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
