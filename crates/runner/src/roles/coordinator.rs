//! The role that conducts runs.

use std::time::Duration;

use protocol::limits;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::arguments::CoordinatorArguments;
use crate::connection;
use crate::exit::{Exit, Failure};
use crate::roles::{Role, scratch};
use crate::settings::Settings;
use crate::{catalogue, model, signing};

/// How often the record of a run is written at most.
const REPORT: Duration = Duration::from_secs(1);

pub(crate) fn coordinator(
    arguments: &CoordinatorArguments,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let registry = catalogue::registry(settings)?;
    info!(jobs = registry.names().count(), "jobs found");
    let catalogue = registry.catalogue();
    let mut role = Role::new("coordinator", settings, &arguments.health)?;
    let metrics = coordinator::Metrics::default();
    metrics.register(&mut role.metrics);
    let scratch = scratch()?;
    let last = arguments.bundle.options().or(settings.last);
    let signing_key = signing::key(&arguments.sign, settings)?;
    let adviser = model::adviser(settings)?;
    role.play(async |fleet, shutdown| {
        let settings = coordinator::Settings {
            catalogue,
            durability: connection::durability(&fleet.bus).await?,
            scratch: scratch.path().to_owned(),
            report_every: REPORT,
            window: limits::WINDOW,
            metrics: metrics.clone(),
            last,
            signing_key,
            adviser,
        };
        let ticking = coordinator::keep_time(
            fleet.bus.clone(),
            fleet.store.clone(),
            settings.catalogue.clone(),
            metrics.clone(),
            shutdown.clone(),
        );
        let done = CancellationToken::new();
        let counting = coordinator::keep_books(fleet.bus.clone(), metrics, done.clone());
        let counting = async {
            counting.await;
            Ok(())
        };
        let conducting = async {
            let conducted =
                coordinator::coordinate(fleet.bus, fleet.store, settings, shutdown).await;
            done.cancel();
            conducted
        };
        let ended = tokio::try_join!(ticking, conducting, counting);
        ended.map(drop).map_err(|error| connection::lost(&error))
    })
}
