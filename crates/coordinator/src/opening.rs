//! How a coordinator begins: queues are declared before it conducts, and each step is told.

use std::collections::BTreeMap;

use bus::Bus;
use protocol::{Catalogue, Schedule, limits, seats_of};
use tracing::{info, warn};

use crate::AGAIN;

/// Says which jobs are run by themselves from here on.
pub(crate) fn keeps_time(catalogue: &Catalogue) {
    let schedules = catalogue.0.iter().filter_map(|(job, policy)| {
        let schedule = policy.schedule.as_ref().filter(|_| policy.enabled)?;
        Some(format!("{job} {schedule}"))
    });
    let schedules: Vec<_> = schedules.collect();
    let (count, schedules) = (schedules.len(), schedules.join(", "));
    info!(jobs = count, schedules, "timekeeping started");
}

/// Says by which schedule a job is run from now on. Most jobs never have one, which is no news.
pub(crate) fn schedules(job: &str, schedule: Option<&Schedule>) {
    if let Some(schedule) = schedule {
        info!(job.kind = job, %schedule, "schedule declared");
    }
}

/// Declares the queues, again and again until the road takes it.
///
/// # Errors
/// The bus's, when the road is gone for good.
pub(crate) async fn declare<B: Bus>(
    bus: &B,
    queues: &BTreeMap<String, Option<u32>>,
) -> Result<(), bus::Error> {
    loop {
        match bus.declare(queues).await {
            Ok(()) => break,
            Err(bus::Error::Closed) => return Err(bus::Error::Closed),
            Err(error) => warn!(error = %error, "queues not declared; trying again"),
        }
        tokio::time::sleep(AGAIN).await;
    }
    info!(queues = queues.len(), seats = seats_of(queues), "queues declared");
    Ok(())
}

/// Says that submissions are taken.
pub(crate) fn conducts() {
    info!(runs = limits::RUNS, "conducting");
}
