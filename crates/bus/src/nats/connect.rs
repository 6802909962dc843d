//! The connection: credentials, TLS, the server's version and clock, and what it refused us.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::Timestamp;
use protocol::planted::{Bug, is_planted};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::info;

use super::{Client, connect, own_clock};
use crate::Error;

/// The oldest server whose batches, fences and limits behave as this road needs.
const SERVER_FLOOR: (i64, i64, i64) = (2, 15, 1);

/// Characters of a server's id that tell it from others: 60 bits.
const SERVER_CHARS: usize = 12;

/// Where the server is and who we are to it.
#[derive(Clone)]
pub struct Settings {
    /// One or several addresses, separated by commas: `nats://…` or `tls://…`.
    pub url: String,
    /// What the server's lists call this connection.
    pub name: String,
    /// A file with a JWT and its seed.
    pub credentials: Option<PathBuf>,
    /// The seed of an nkey, `S…`.
    pub nkey: Option<String>,
    /// A file with the certificates that vouch for the server, beside those of this system.
    pub ca: Option<PathBuf>,
    /// Where answers come in, if not `_INBOX`: a prefix that only this user may read.
    pub inbox: Option<String>,
    /// How long a lease lasts without a word from its holder, where consumers have yet to be made.
    pub lease: Duration,
    /// Whether to wait for a server that does not answer yet.
    pub patient: bool,
}

impl Settings {
    /// A server that asks nobody who they are, and that is there already.
    #[must_use]
    pub fn new(url: impl Into<String>, lease: Duration) -> Self {
        Self {
            url: url.into(),
            name: "runner".to_owned(),
            credentials: None,
            nkey: None,
            ca: None,
            inbox: None,
            lease,
            patient: false,
        }
    }
}

impl fmt::Debug for Settings {
    /// Without what must not be read by others: an address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.url.split(',').map(without_password).collect();
        f.debug_struct("Settings")
            .field("url", &servers)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// An address as it may be shown.
#[must_use]
pub fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            format!("{}***@{}", &url[..scheme + 3], &url[at + 1..])
        }
        (None, Some(at)) => format!("***@{}", &url[at + 1..]),
        _ => url.to_owned(),
    }
}

/// A connection and what was learnt over it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    shared: Arc<Shared>,
}

/// A start of the server, as this process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    /// The short name of the running server: [`Connection::server`].
    pub(crate) server: String,
    /// When this process saw it first: what is asked later is not answered by an earlier one.
    pub(crate) seen: Instant,
}

#[derive(Debug)]
pub(super) struct Shared {
    /// Counts the connections made: what was outstanding on an earlier one is lost.
    pub(super) generation: watch::Sender<u64>,
    /// What the server's clock showed, and when. Counted on from there by a clock that nobody sets:
    /// that of this machine may jump by an hour, and every retry would wait as long.
    clock: Mutex<(Timestamp, Instant)>,
    /// The last start of the server that was seen.
    start: Mutex<Start>,
    /// The server's clock less ours when we last looked, milliseconds.
    offset: AtomicI64,
    /// Whether a refusal is expected now, and no fault.
    pub(super) quiet: AtomicBool,
    /// What the server refused lately, the latest last; a change is news of another.
    pub(super) denials: watch::Sender<VecDeque<String>>,
}

impl Connection {
    /// Connects, and makes sure that the server can do what this road needs.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            generation: watch::Sender::new(0),
            clock: Mutex::new((Timestamp(0), Instant::now())),
            start: Mutex::new(Start { server: String::new(), seen: Instant::now() }),
            offset: AtomicI64::new(0),
            quiet: AtomicBool::new(false),
            denials: watch::Sender::default(),
        });
        let client = connect(settings, &shared).await?;
        // As good as any until the server's is seen, which who may not look at streams never does.
        *shared.clock.lock().unwrap_or_else(PoisonError::into_inner) =
            (own_clock(&client), Instant::now());
        let info = client.server_info();
        let (major, minor, patch) = SERVER_FLOOR;
        if !client.is_server_compatible(major, minor, patch) {
            return Err(Error::Refused(format!(
                "nats-server {} at {} is too old: {major}.{minor}.{patch} or later is needed \
                 (atomic batches and fences behave otherwise before it)",
                info.version, info.host
            )));
        }
        info!(server = info.server_name, version = info.version, "connected");
        let connection = Self { client, shared };
        connection.start();
        Ok(connection)
    }

    /// Changes whenever a connection was made anew.
    pub(crate) fn generations(&self) -> watch::Receiver<u64> {
        self.shared.generation.subscribe()
    }

    /// Whether the server is one of several: then who answers a direct get may lag behind what was
    /// confirmed.
    pub(crate) fn is_clustered(&self) -> bool {
        self.client.server_info().cluster.is_some()
    }

    /// A short name of the running server, another one after each of its starts; empty in a cluster,
    /// where leases outlive a server.
    pub(crate) fn server(&self) -> String {
        if self.is_clustered() {
            return String::new();
        }
        let info = self.client.server_info();
        // The end: a server's id is a public key, and keys of one kind begin alike.
        let start = info.server_id.len().saturating_sub(SERVER_CHARS);
        info.server_id.get(start..).unwrap_or_default().to_owned()
    }

    /// The start of the server that this process is connected to, or was last.
    pub(crate) fn start(&self) -> Start {
        let mut last = self.shared.start.lock().unwrap_or_else(PoisonError::into_inner);
        let server = self.server();
        if last.server != server {
            *last = Start { server, seen: Instant::now() };
        }
        last.clone()
    }

    /// How many connections were made so far, as the reader of messages counts them.
    pub(crate) fn connects(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// Asks for what we may do without: that the server refuses it is no fault to be logged.
    pub(crate) async fn quietly<T>(&self, ask: impl Future<Output = T>) -> T {
        self.shared.quiet.store(true, Ordering::Relaxed);
        let answer = ask.await;
        self.shared.quiet.store(false, Ordering::Relaxed);
        answer
    }

    /// What the server's clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        if is_planted(Bug::ClockOfTheMachine) {
            return Timestamp(own_clock(&self.client).0.saturating_add_signed(self.clock_offset()));
        }
        let (at, when) = *self.clock();
        at.after(when.elapsed())
    }

    /// Takes note of what the server's clock showed just now.
    pub(crate) fn set_clock(&self, server: Timestamp) {
        *self.clock() = (server, Instant::now());
        let difference = i128::from(server.0) - i128::from(own_clock(&self.client).0);
        self.shared.offset.store(i64::try_from(difference).unwrap_or(0), Ordering::Relaxed);
    }

    /// Takes note that the server stored something at `at`: its clock shows no less. So one that went
    /// wrong here while this machine slept is put right.
    pub(crate) fn heard_of(&self, at: Timestamp) {
        if at > self.now() {
            *self.clock() = (at, Instant::now());
        }
    }

    fn clock(&self) -> MutexGuard<'_, (Timestamp, Instant)> {
        // Nothing panics while it holds the lock, so a poisoned clock is still right.
        self.shared.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the server's clock is ahead of ours, milliseconds.
    pub(crate) fn clock_offset(&self) -> i64 {
        self.shared.offset.load(Ordering::Relaxed)
    }

    /// Waits for an answer from `subject`, or for word that we may not ask.
    ///
    /// A publish that is refused gets no answer at all: the server says so beside it (tested with
    /// 2.15.1), and waiting for the time-out would only hide why.
    pub(crate) async fn answered<T, E: fmt::Display>(
        &self,
        subject: &str,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        let denied = self.denied(|denial| is_about(denial, subject));
        tokio::select! {
            biased;
            answer = answer => answer.map_err(|error| unanswered(subject, error)),
            denial = denied => Err(denial),
        }
    }

    /// Waits for word, from this call on, that the server refused what is ours.
    pub(crate) fn denied(&self, is_ours: impl Fn(&str) -> bool) -> impl Future<Output = Error> {
        let mut denials = self.shared.denials.subscribe();
        async move {
            loop {
                if denials.changed().await.is_err() {
                    return std::future::pending().await;
                }
                if let Some(denial) = denials.borrow_and_update().iter().find(|it| is_ours(it)) {
                    return Error::Refused(format!("the server refused: {denial}"));
                }
            }
        }
    }
}

/// Whether what the server refused is about `subject`.
pub(crate) fn is_about(denial: &str, subject: &str) -> bool {
    denial.split('"').any(|named| named == subject)
}

/// What it means that a request to `subject` got no answer: nobody knows what became of it.
pub(crate) fn unanswered(subject: &str, error: impl fmt::Display) -> Error {
    Error::Unknown(format!("{subject}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_never_shown() {
        let cases = [
            ("nats://host:4222", "nats://host:4222"),
            ("nats://user:secret@host:4222", "nats://***@host:4222"),
            ("tls://token@host", "tls://***@host"),
            ("user:secret@host", "***@host"),
        ];
        for (url, shown) in cases {
            assert_eq!(without_password(url), shown);
        }
    }
}
