//! Waiting for a run of the fleet: seen live or in silence, ended as `run` ends.

use std::sync::Arc;

use alt::Alt;
use protocol::{RunId, RunRecord, Timestamp};

use super::{Fleet, lost};
use crate::arguments::ProgressMode;
use crate::arguments::fleet::{Until, WatchArguments};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::View;
use crate::run::interrupt::Interrupts;
use crate::run::watch::{OnInterrupt, Watched, watch as watch_run};
use crate::run::{exit_of, tell};
use crate::settings::Settings;

/// `watch RUN`.
pub(super) async fn watch(
    fleet: &Fleet,
    arguments: &WatchArguments,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let record = fleet.find(&arguments.run.run).await?;
    let view = View::of_record(arguments.progress, settings.unicode, &record);
    see_through(fleet, record.run, view, arguments.json).await
}

/// What is watched.
#[derive(Debug)]
pub(super) struct Submitted {
    pub(super) run: RunId,
    /// Unknown when the file was not checked.
    pub(super) alt: Option<Arc<Alt>>,
}

/// After a submission: waits as long as was asked for.
pub(super) async fn stay(
    fleet: &Fleet,
    submitted: Submitted,
    until: &Until,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let Submitted { run, alt } = submitted;
    let mode = if until.watch { until.progress } else { ProgressMode::Quiet };
    let view = match alt {
        Some(alt) => View::of_file(mode, settings.unicode, run, alt),
        None => View::of_record(mode, settings.unicode, &RunRecord::blank(run, Timestamp::now())),
    };
    see_through(fleet, run, view, until.json).await
}

async fn see_through(fleet: &Fleet, run: RunId, view: View, json: bool) -> Result<Exit, Failure> {
    let mut interrupts = Interrupts::listen()
        .map_err(|error| Failure::fault(format!("signals cannot be heard: {error}")))?;
    let is_quiet = view.is_quiet();
    let watched = watch_run(&fleet.client, run, view, (&mut interrupts, OnInterrupt::Leave)).await;
    let Some(Watched { end, counts, .. }) = watched.map_err(|error| lost(&error))? else {
        if is_quiet {
            output::say(&format!("the run goes on; `runner cancel {run}` stops it\n"));
        }
        return Ok(Exit::Interrupted);
    };
    tell(json, &end, &fleet.store.locate(&end.last_key), counts)?;
    Ok(exit_of(end.status))
}
