//! The roles of a fleet as processes: connected patiently, watched over HTTP, drained when told to go.

mod children;
mod coordinator;
mod health;
mod programs;
mod up;
mod worker;

use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::info;

pub(crate) use self::coordinator::coordinator;
pub(crate) use self::up::up;
pub(crate) use self::worker::worker;

use self::health::Status;
use crate::arguments::{HealthFlag, Verb};
use crate::connection::{self, Fleet};
use crate::exit::{Exit, Failure};
use crate::run::interrupt::Interrupts;
use crate::settings::{self, Health, Settings};

/// How often a role shows that it is not stuck.
const PULSE: Duration = Duration::from_secs(1);

/// How long tasks get to let go when the program leaves: children are killed in it.
const LEAVE: Duration = Duration::from_millis(500);

/// What the log of a role tells when nobody says: where it is to be watched, and how it goes.
const LOG: &str = "warn,runner=info,coordinator::opening=info";

/// The filter of the log for a verb.
pub(crate) fn log<'a>(verb: &Verb, settings: &'a Settings) -> &'a str {
    let is_role = matches!(verb, Verb::Coordinator(_) | Verb::Worker(_));
    if is_role && settings.is_default("log") { LOG } else { &settings.log.filter }
}

/// What every role has beside its work.
#[derive(Debug)]
struct Role<'a> {
    name: &'static str,
    settings: &'a Settings,
    health: Health,
    metrics: Registry,
}

impl<'a> Role<'a> {
    fn new(name: &'static str, settings: &'a Settings, flag: &HealthFlag) -> Result<Self, Failure> {
        let health = flag.health.as_deref();
        let health =
            health.map_or(Ok(settings.health), |text| settings::health("--health", text))?;
        Ok(Self { name, settings, health, metrics: health::registry() })
    }

    /// Does `work` over the fleet until it ends; it is told to go by the token.
    fn play<F>(self, work: impl FnOnce(Fleet, CancellationToken) -> F) -> Result<Exit, Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        let runtime = runtime()?;
        let exit = runtime.block_on(self.go(work));
        runtime.shutdown_timeout(LEAVE);
        exit
    }

    async fn go<F>(self, work: impl FnOnce(Fleet, CancellationToken) -> F) -> Result<Exit, Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        let mut interrupts = listen()?;
        let status = Status::default();
        let _door = health::serve(self.health, self.name, status.clone(), self.metrics).await?;
        let shutdown = CancellationToken::new();
        let working = async {
            let opened = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                opened = connection::open(self.settings, true) => opened,
            };
            let fleet = opened?;
            status.has_connected(fleet.bus.clone());
            work(fleet, shutdown.clone()).await
        };
        tokio::pin!(working);
        let mut pulse = interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                ended = &mut working => return ended.map(|()| Exit::Success),
                () = interrupts.next() => {
                    if shutdown.is_cancelled() {
                        return Ok(Exit::Interrupted);
                    }
                    info!("told to go: draining; told again, leaving at once");
                    status.drains();
                    shutdown.cancel();
                }
                _ = pulse.tick() => status.turns(),
            }
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| Failure::fault(format!("no threads to run on: {error}")))
}

fn listen() -> Result<Interrupts, Failure> {
    Interrupts::listen()
        .map_err(|error| Failure::fault(format!("signals cannot be heard: {error}")))
}

/// Where a role keeps temporary files; emptied when it goes.
fn scratch() -> Result<tempfile::TempDir, Failure> {
    let made = tempfile::Builder::new().prefix("runner-").tempdir();
    made.map_err(|error| Failure::fault(format!("no folder for temporary files: {error}")))
}
