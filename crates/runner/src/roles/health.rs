//! How a role is, told over HTTP: alive, ready, and its counts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use bus::NatsBus;
use prometheus_client::encoding::text;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use crate::exit::Failure;
use crate::settings::Health;

/// A role that did not turn for so long is stuck.
const STUCK: Duration = Duration::from_secs(30);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How a role is; every clone tells of the same role.
#[derive(Debug, Clone, Default)]
pub(super) struct Status(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    turned: Mutex<Instant>,
    bus: OnceLock<NatsBus>,
    draining: AtomicBool,
}

impl Default for Inner {
    fn default() -> Self {
        let turned = Mutex::new(Instant::now());
        Self { turned, bus: OnceLock::new(), draining: AtomicBool::new(false) }
    }
}

impl Status {
    /// The role's loop turned.
    pub(super) fn turns(&self) {
        *self.0.turned.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// The role has its way to the fleet.
    pub(super) fn has_connected(&self, bus: NatsBus) {
        // A role connects once.
        let _ = self.0.bus.set(bus);
    }

    /// The role takes no more work.
    pub(super) fn drains(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the role's loop turned lately; a lost server does not stop it.
    fn alive(&self) -> Result<&'static str, &'static str> {
        let turned = *self.0.turned.lock().unwrap_or_else(PoisonError::into_inner);
        if turned.elapsed() < STUCK { Ok("alive") } else { Err("stuck: the loop did not turn") }
    }

    /// Whether the role can take work now.
    fn ready(&self) -> Result<&'static str, &'static str> {
        if self.0.draining.load(Ordering::Relaxed) {
            return Err("draining: no more work is taken");
        }
        match self.0.bus.get().map(NatsBus::is_connected) {
            Some(true) => Ok("ready"),
            Some(false) => Err("not connected: the connection to NATS is lost"),
            None => Err("not connected: no NATS server answered yet"),
        }
    }
}

/// The counts of a role, to be added to.
pub(super) fn registry() -> Registry {
    let mut registry = Registry::with_prefix("runner");
    let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The program that runs here", build);
    registry
}

/// Answers at `health` until the handle is dropped.
pub(super) async fn serve(
    health: Health,
    role: &str,
    status: Status,
    metrics: Registry,
) -> Result<Option<AbortOnDropHandle<()>>, Failure> {
    let Health::At(address) = health else {
        return Ok(None);
    };
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (listener, address) = bound.await.map_err(|error: std::io::Error| {
        let message = format!("no health at {address}: {error}");
        Failure::usage(message, "choose another with --health ADDR:PORT, or use --health off")
    })?;
    info!(role, "health at http://{address}/readyz, counts at http://{address}/metrics");
    let router = Router::new()
        .route("/livez", get(async |State(status): State<Status>| probe(status.alive())))
        .route("/readyz", get(async |State(status): State<Status>| probe(status.ready())))
        .with_state(status)
        .merge(Router::new().route("/metrics", get(counts)).with_state(Arc::new(metrics)));
    Ok(Some(AbortOnDropHandle::new(tokio::spawn(async move {
        // Ends with its handle only: what one connection does is no error of the listener.
        let _ = axum::serve(listener, router).await;
    }))))
}

fn probe(found: Result<&'static str, &'static str>) -> impl IntoResponse {
    let (code, text) = match found {
        Ok(text) => (StatusCode::OK, text),
        Err(text) => (StatusCode::SERVICE_UNAVAILABLE, text),
    };
    (code, format!("{text}\n"))
}

async fn counts(State(metrics): State<Arc<Registry>>) -> impl IntoResponse {
    let mut body = String::new();
    match text::encode(&mut body, &metrics) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, OPEN_METRICS)], body),
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            "the counts cannot be written\n".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_role_is_alive_while_it_turns_and_for_30_seconds_more() {
        let status = Status::default();
        assert!(status.alive().is_ok());
        tokio::time::advance(STUCK + Duration::from_secs(1)).await;
        assert!(status.alive().is_err());
        status.turns();
        assert!(status.alive().is_ok());
    }

    #[tokio::test]
    async fn a_role_without_a_server_is_alive_and_not_ready() {
        let status = Status::default();
        assert!(status.ready().unwrap_err().contains("no NATS server"));
        status.drains();
        assert!(status.ready().unwrap_err().contains("draining"));
        assert!(status.alive().is_ok());
    }
}
