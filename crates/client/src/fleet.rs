//! The fleet in this process: one coordinator and one worker over the local road.
//!
//! The same loops as in a real fleet; only what lies below the trait `Bus` differs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alt::LastOptions;
use bus::Bus;
use bus::local::LocalBus;
use coordinator::Adviser;
use job::{Environment, Permissions, Registry};
use last::SigningKey;
use protocol::{WorkerId, limits};
use store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Client;

/// What a local run says of what it would survive.
const DURABILITY: &str = "none: a local run lives and dies with its process";

/// How often the record of a run is written: it costs nothing here, and progress bars read it.
const REPORT: Duration = Duration::from_millis(100);

/// What a local fleet is told when it starts.
#[derive(Debug, Clone)]
pub struct LocalSettings {
    /// Where LASTs and artifacts go; made if absent.
    pub out: PathBuf,
    /// Attempts that run at once, 1 or more.
    pub max_concurrent: usize,
    /// Files of one attempt that are stored at once, 1 or more.
    pub uploads: usize,
    /// What jobs may do.
    pub permissions: Permissions,
    /// The variables that jobs see.
    pub environment: Arc<Environment>,
    /// Queues that the files to come may name, beside those of the jobs: the one worker serves all.
    pub queues: BTreeSet<String>,
    /// What bundles hold; goes before what the file says.
    pub last: LastOptions,
    /// Signs the manifest of each bundle, if there is one.
    pub signing_key: Option<SigningKey>,
    /// Who is asked what to think of a run, where that is wanted.
    pub adviser: Option<Arc<dyn Adviser>>,
}

/// Why a local fleet could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The output folder cannot be used.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There is no room for the files of attempts.
    #[error("no folder for temporary files: {0}")]
    Scratch(#[from] std::io::Error),
}

/// A running fleet. Dropping it stops everything at once.
#[derive(Debug)]
pub struct LocalFleet {
    client: Client<LocalBus>,
    store: Store,
    shutdown: CancellationToken,
    loops: Vec<JoinHandle<Result<(), bus::Error>>>,
    /// Emptied when the fleet goes.
    _scratch: tempfile::TempDir,
}

impl LocalFleet {
    /// Starts the loops. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn start(registry: Arc<Registry>, settings: LocalSettings) -> Result<Self, StartError> {
        let store = Store::folder(&settings.out)?;
        let scratch = tempfile::Builder::new().prefix("runner-").tempdir()?;
        let bus = LocalBus::default();
        let shutdown = CancellationToken::new();
        let catalogue = registry.catalogue();
        let all = catalogue.queues();
        let mut queues = settings.queues;
        queues.extend(all.keys().cloned());
        let coordinate = coordinator::coordinate(
            bus.clone(),
            store.clone(),
            coordinator::Settings {
                catalogue,
                durability: DURABILITY.to_owned(),
                scratch: scratch.path().to_owned(),
                report_every: REPORT,
                window: limits::WINDOW,
                metrics: coordinator::Metrics::default(),
                last: settings.last,
                signing_key: settings.signing_key,
                adviser: settings.adviser,
            },
            shutdown.clone(),
        );
        let road = bus.clone();
        let coordinating = async move {
            // The worker here has all queues, and finds them with their limits.
            road.declare(&all).await?;
            coordinate.await
        };
        let working = worker::work(
            bus.clone(),
            store.clone(),
            registry,
            worker::Settings {
                id: WorkerId::local(),
                slots: settings.max_concurrent,
                uploads: settings.uploads,
                queues: queues.into_iter().collect(),
                permissions: settings.permissions,
                environment: settings.environment,
                scratch: scratch.path().to_owned(),
                grace: Duration::MAX,
                metrics: worker::Metrics::default(),
            },
            shutdown.clone(),
        );
        let loops = vec![tokio::spawn(coordinating), tokio::spawn(working)];
        Ok(Self { client: Client::new(bus), store, shutdown, loops, _scratch: scratch })
    }

    /// The client of this fleet.
    #[must_use]
    pub const fn client(&self) -> &Client<LocalBus> {
        &self.client
    }

    /// Where its results are.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Takes no more work, lets what runs end, and returns when all loops have.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        for running in self.loops.drain(..) {
            let _ = running.await;
        }
    }
}

impl Drop for LocalFleet {
    fn drop(&mut self) {
        self.shutdown.cancel();
        for running in &self.loops {
            running.abort();
        }
    }
}
