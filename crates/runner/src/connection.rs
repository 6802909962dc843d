//! The way to a fleet: its server and its store, as the settings name them.

use std::path::Path;
use std::time::Duration;

use bus::NatsBus;
use store::Store;
use tokio::time::sleep;
use tracing::warn;

use crate::exit::Failure;
use crate::settings::{Nkey, Settings};

/// How long to wait for a server that is up but not ready.
const AGAIN: Duration = Duration::from_millis(250);

/// The two roads of a fleet: messages and bytes.
#[derive(Debug, Clone)]
pub(crate) struct Fleet {
    pub(crate) bus: NatsBus,
    pub(crate) store: Store,
}

/// Opens both; `patient` waits for a server that does not answer yet.
///
/// # Errors
/// Exit 2 when a setting cannot be used, exit 1 when the server is out of reach or refuses.
pub(crate) async fn open(settings: &Settings, patient: bool) -> Result<Fleet, Failure> {
    let store = store(settings)?;
    let how = how(settings, patient)?;
    loop {
        match NatsBus::connect(&how).await {
            Ok(bus) => return Ok(Fleet { bus, store }),
            // Up, but its streams are not yet.
            Err(bus::Error::Unknown(why)) if patient => warn!(why, "waiting for the streams"),
            Err(error) => return Err(lost(&error)),
        }
        sleep(AGAIN).await;
    }
}

/// What the bus is told of the server.
///
/// # Errors
/// Exit 2 when the file of a seed cannot be read.
pub(crate) fn how(settings: &Settings, patient: bool) -> Result<bus::nats::Settings, Failure> {
    let nats = &settings.nats;
    let nkey = match &nats.nkey {
        None => None,
        Some(Nkey::Seed(seed)) => Some(seed.clone()),
        Some(Nkey::File(path)) => Some(seed_in(path)?),
    };
    Ok(bus::nats::Settings {
        credentials: nats.credentials.clone(),
        nkey,
        ca: nats.ca.clone(),
        inbox: nats.inbox.clone(),
        patient,
        ..bus::nats::Settings::new(nats.url.clone(), nats.lease)
    })
}

/// What a LAST of a fleet says of what its run would have survived.
///
/// # Errors
/// Exit 1 when the server does not tell.
pub(crate) async fn durability(bus: &NatsBus) -> Result<String, Failure> {
    loop {
        match bus.durability().await {
            Err(bus::Error::Unknown(why)) => warn!(why, "asking again what is promised"),
            told => return told.map_err(|error| lost(&error)),
        }
        sleep(AGAIN).await;
    }
}

fn seed_in(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let path = path.display();
        let message = format!("RUNNER_NATS_NKEY_FILE: `{path}` cannot be read: {error}");
        Failure::usage(message, "name a file with the seed of a user's nkey")
    })?;
    let seed = text.lines().map(str::trim).find(|line| line.starts_with("SU"));
    seed.map(ToOwned::to_owned).ok_or_else(|| {
        let message = format!("RUNNER_NATS_NKEY_FILE: `{}` holds no seed", path.display());
        Failure::usage(message, "a seed is a line that begins with SU")
    })
}

/// Opens the store alone.
///
/// # Errors
/// Exit 2 when its address or options cannot be used.
pub(crate) fn store(settings: &Settings) -> Result<Store, Failure> {
    let (opened, help) = match &settings.store_url {
        Some(url) => (
            Store::open(url, &settings.access),
            "RUNNER_STORE_URL or --store-url: file:///folder, or s3://bucket/prefix with AWS_… options",
        ),
        None => (
            Store::folder(&settings.out),
            "RUNNER_STORE_URL names a store, RUNNER_OUTPUT_DIR a folder that can be written",
        ),
    };
    opened.map_err(|error| Failure::usage(format!("no store: {error}"), help))
}

/// What is said when the server cannot be used.
pub(crate) fn lost(error: &bus::Error) -> Failure {
    Failure::fault(error.to_string())
}
