//! Reaching a server: who we are to it, how long we wait, and what it tells beside its answers.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr, ServerError};
use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use protocol::Timestamp;
use tracing::{debug, error, info, warn};

use super::connect::{Settings, Shared, without_password};
use crate::Error;

/// How long a request waits for its answer: longer only delays every fail-over.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// How often the server is asked whether it lives: a silent host is noticed after two of these.
const PING: Duration = Duration::from_secs(10);

/// Refusals remembered: as many requests may wait to hear of theirs.
const DENIALS: usize = 32;

/// Messages a subscription may lag behind: more than all that one run has outstanding.
const SUBSCRIPTION: usize = 64 * 1024;

/// What the clock of this machine shows.
pub(super) fn own_clock(_: &Client) -> Timestamp {
    Timestamp::now()
}

/// Connects; if it is to be patient, once there is a server. Being refused is an answer all the same.
pub(super) async fn connect(settings: &Settings, shared: &Arc<Shared>) -> Result<Client, Error> {
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
