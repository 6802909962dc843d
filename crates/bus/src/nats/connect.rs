//! The connection: credentials, TLS, the server's version and clock, and what it refused us.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr, ServerError};
use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use protocol::Timestamp;
use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use crate::Error;

/// The oldest server whose batches, fences and limits behave as this road needs.
const SERVER_FLOOR: (i64, i64, i64) = (2, 15, 1);

/// How long a request waits for its answer: longer only delays every fail-over.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// How often the server is asked whether it lives: a silent host is noticed after two of these.
const PING: Duration = Duration::from_secs(10);

/// Refusals remembered: as many requests may wait to hear of theirs.
const DENIALS: usize = 32;

/// Characters of a server's id that tell it from others: 60 bits.
const SERVER_CHARS: usize = 12;

/// Messages a subscription may lag behind: more than all that one run has outstanding.
const SUBSCRIPTION: usize = 64 * 1024;

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

#[derive(Debug)]
struct Shared {
    /// Counts the connections made: what was outstanding on an earlier one is lost.
    generation: watch::Sender<u64>,
    /// The server's clock less ours, milliseconds.
    offset: AtomicI64,
    /// Whether a refusal is expected now, and no fault.
    quiet: AtomicBool,
    /// What the server refused lately, the latest last; a change is news of another.
    denials: watch::Sender<VecDeque<String>>,
}

impl Connection {
    /// Connects, and makes sure that the server can do what this road needs.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            generation: watch::Sender::new(0),
            offset: AtomicI64::new(0),
            quiet: AtomicBool::new(false),
            denials: watch::Sender::default(),
        });
        let client = connect(settings, &shared).await?;
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
        Ok(Self { client, shared })
    }

    /// Changes whenever a connection was made anew.
    pub(crate) fn generations(&self) -> watch::Receiver<u64> {
        self.shared.generation.subscribe()
    }

    /// A short name of the running server, another one after each of its starts; empty in a cluster,
    /// where leases outlive a server.
    pub(crate) fn server(&self) -> String {
        let info = self.client.server_info();
        if info.cluster.is_some() {
            return String::new();
        }
        // The end: a server's id is a public key, and keys of one kind begin alike.
        let start = info.server_id.len().saturating_sub(SERVER_CHARS);
        info.server_id.get(start..).unwrap_or_default().to_owned()
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
        let offset = self.shared.offset.load(Ordering::Relaxed);
        Timestamp(Timestamp::now().0.saturating_add_signed(offset))
    }

    /// Takes note of what the server's clock showed just now.
    pub(crate) fn set_clock(&self, server: Timestamp) {
        let difference = i128::from(server.0) - i128::from(Timestamp::now().0);
        self.shared.offset.store(i64::try_from(difference).unwrap_or(0), Ordering::Relaxed);
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
        let mut denials = self.shared.denials.subscribe();
        denials.mark_unchanged();
        let named = format!("\"{subject}\"");
        let denied = async {
            loop {
                if denials.changed().await.is_err() {
                    return std::future::pending().await;
                }
                if let Some(denial) =
                    denials.borrow_and_update().iter().find(|it| it.contains(&named))
                {
                    return denial.clone();
                }
            }
        };
        tokio::select! {
            answer = answer => answer.map_err(|error| unanswered(subject, error)),
            denial = denied => Err(Error::Refused(format!("the server refused: {denial}"))),
        }
    }
}

/// What it means that a request to `subject` got no answer: nobody knows what became of it.
pub(crate) fn unanswered(subject: &str, error: impl fmt::Display) -> Error {
    Error::Unknown(format!("{subject}: {error}"))
}

/// Connects; if it is to be patient, once there is a server. Being refused is an answer all the same.
async fn connect(settings: &Settings, shared: &Arc<Shared>) -> Result<Client, Error> {
    use async_nats::ConnectErrorKind as Kind;
    let servers: Vec<&str> = settings.url.split(',').map(str::trim).collect();
    let shown: Vec<_> = servers.iter().map(|url| without_password(url)).collect();
    let shown = shown.join(", ");
    let delay = delays();
    let mut attempt = 0;
    loop {
        let parsed: Result<Vec<ServerAddr>, _> = servers.iter().map(|url| url.parse()).collect();
        let parsed = parsed.map_err(|error| {
            Error::Refused(format!("`{shown}` is no address of a NATS server: {error}"))
        })?;
        let mut options = options(settings, shared)?;
        // The library reads the way to a server from its address, and not who we are.
        let named = parsed.iter().find(|address| address.has_user_pass());
        if let Some((user, password)) = named.and_then(|it| Some((it.username()?, it.password()?)))
        {
            options = options.user_and_password(user.to_owned(), password.to_owned());
        }
        match options.connect(parsed).await {
            Ok(client) => return Ok(client),
            Err(error) => match error.kind() {
                Kind::Io | Kind::TimedOut | Kind::Dns if settings.patient && !is_tls(&error) => {
                    if attempt == 0 {
                        warn!(servers = shown, %error, "no NATS server answers yet; waiting");
                    }
                    attempt += 1;
                    tokio::time::sleep(delay(attempt)).await;
                }
                _ => return Err(Error::Refused(explain(&shown, &error))),
            },
        }
    }
}

fn options(settings: &Settings, shared: &Arc<Shared>) -> Result<ConnectOptions, Error> {
    // One provider for all of TLS: with two linked in, rustls would refuse to choose.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut options = ConnectOptions::new()
        .name(&settings.name)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .connection_timeout(Duration::from_secs(5))
        .ping_interval(PING)
        .subscription_capacity(SUBSCRIPTION)
        .reconnect_delay_callback(delays());
    if let Some(path) = &settings.credentials {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::Refused(format!("credentials `{}` cannot be read: {error}", path.display()))
        })?;
        options = options.credentials(&text).map_err(|error| {
            Error::Refused(format!("`{}` holds no credentials: {error}", path.display()))
        })?;
    }
    if let Some(seed) = &settings.nkey {
        options = options.nkey(seed.clone());
    }
    if let Some(path) = &settings.ca {
        options = options.add_root_certificates(path.clone());
    }
    if let Some(prefix) = &settings.inbox {
        options = options.custom_inbox_prefix(prefix);
    }
    let shared = Arc::clone(shared);
    Ok(options.event_callback(move |event| {
        note(&shared, event);
        std::future::ready(())
    }))
}

/// Takes note of what happened to the connection.
fn note(shared: &Shared, event: Event) {
    match event {
        Event::Connected => shared.generation.send_modify(|count| *count += 1),
        Event::Disconnected => warn!("the connection to NATS is lost; connecting again"),
        // The only word there is about a refused publish: the request itself times out.
        Event::ServerError(ServerError::Other(text))
            if text.to_lowercase().contains("permissions") =>
        {
            if shared.quiet.load(Ordering::Relaxed) {
                debug!(reason = text, "the server refused, as it may");
            } else {
                error!(reason = text, "the server refused");
            }
            shared.denials.send_modify(|denials| {
                if denials.len() == DENIALS {
                    denials.pop_front();
                }
                denials.push_back(text);
            });
        }
        other => info!(event = %other, "connection"),
    }
}

/// Waits between two attempts to connect: short at first, so that a restart is hardly noticed.
fn delays() -> impl Fn(usize) -> Duration + Send + Sync + 'static {
    let delays = Mutex::new(ExponentialBackoff {
        initial_interval: Duration::from_millis(50),
        current_interval: Duration::from_millis(50),
        max_interval: Duration::from_secs(2),
        multiplier: 1.5,
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    });
    move |attempt| {
        let mut delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
        if attempt <= 1 {
            delays.reset();
        }
        delays.next_backoff().unwrap_or(Duration::from_secs(2))
    }
}

/// Whether a handshake failed: that is told as a failure to read or write.
fn is_tls(error: &async_nats::ConnectError) -> bool {
    let text = error.to_string();
    ["certificate", "corrupt message", "handshake"].iter().any(|word| text.contains(word))
}

/// Why there is no connection, and what to do.
fn explain(servers: &str, error: &async_nats::ConnectError) -> String {
    use async_nats::ConnectErrorKind as Kind;
    let help = match error.kind() {
        _ if is_tls(error) => {
            "check the certificate: RUNNER_NATS_CA names the file that vouches for it"
        }
        Kind::Authentication | Kind::AuthorizationViolation => {
            "check RUNNER_NATS_CREDS, RUNNER_NATS_NKEY or the user in the address"
        }
        Kind::Tls => "check the certificate: RUNNER_NATS_CA names the file that vouches for it",
        Kind::Dns | Kind::ServerParse => "check the address",
        _ => "start a server with `runner up`, or run without one: `runner run FILE`",
    };
    format!("no connection to NATS at {servers}: {error} ({help})")
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
