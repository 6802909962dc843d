//! The verb `run`: a whole fleet in this process for one file.

pub(crate) mod interrupt;
pub(crate) mod watch;

use std::sync::Arc;
use std::time::Duration;

use alt::{Alt, Check};
use client::{LocalFleet, LocalSettings, Request};
use job::{Permissions, Registry};
use protocol::{Counts, End, RunId, RunStatus};
use serde::Serialize;

use self::interrupt::Interrupts;
use self::watch::{OnInterrupt, Watched, watch};
use crate::arguments::RunArguments;
use crate::exit::{Exit, Failure};
use crate::progress::View;
use crate::settings::Settings;
use crate::{catalogue, model, output, signing, source};

/// How long tasks get to let go when the program leaves at once: children are killed in it.
const LEAVE: Duration = Duration::from_millis(500);

pub(crate) fn run(arguments: RunArguments, settings: &Settings) -> Result<Exit, Failure> {
    let registry = catalogue::registry(settings)?;
    let jobs: Vec<&str> = registry.names().collect();
    let check = Check {
        jobs: Some(&jobs),
        strict: arguments.strict,
        mode: arguments.mode.map(Into::into),
        persona: arguments.persona.as_deref(),
        ..Check::default()
    };
    let source = source::read(&arguments.file, &check)?;
    source.tell();
    let Some(alt) = source.report.alt.clone() else {
        return Ok(Exit::Invalid);
    };
    let request = Request {
        run: RunId::new(),
        file: source.text.into(),
        priority: alt.file().priority,
        mode: arguments.mode.map(Into::into),
        persona: arguments.persona.clone(),
        reuse: None,
        last: arguments.bundle.options(),
    };
    let runtime = runtime()?;
    let exit = runtime.block_on(go(registry, &arguments, settings, (request, alt)));
    // Dropping what still runs kills the programs that jobs started.
    runtime.shutdown_timeout(LEAVE);
    exit
}

/// The threads that everything that waits runs on.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::fault(format!("no threads to run on: {error}")))
}

async fn go(
    registry: Registry,
    arguments: &RunArguments,
    settings: &Settings,
    (request, alt): (Request, Arc<Alt>),
) -> Result<Exit, Failure> {
    let local = LocalSettings {
        out: arguments.out.clone().unwrap_or_else(|| settings.out.clone()),
        max_concurrent: arguments.max_concurrent.unwrap_or(settings.max_concurrent).into(),
        permissions: Permissions {
            allow_exec: arguments.allow_exec || settings.allow_exec,
            allow_private_addresses: arguments.allow_private_addresses
                || settings.allow_private_addresses,
        },
        environment: Arc::clone(&settings.environment),
        uploads: settings.uploads.into(),
        last: settings.last,
        signing_key: signing::key(&arguments.sign, settings)?,
        adviser: model::adviser(settings)?,
        queues: alt.file().tasks.iter().filter_map(|task| task.queue.clone()).collect(),
    };
    let out = local.out.clone();
    let mut interrupts = Interrupts::listen()
        .map_err(|error| Failure::fault(format!("signals cannot be heard: {error}")))?;
    let fleet = LocalFleet::start(Arc::new(registry), local).map_err(|error| {
        let help = "name a folder that can be written with --out or RUNNER_OUTPUT_DIR";
        Failure::usage(
            format!("results cannot be kept in `{}`: {error}", source::shown(&out)),
            help,
        )
    })?;
    let run = request.run;
    let view = View::of_file(arguments.progress, settings.unicode, run, alt);
    let lost = |error: bus::Error| Failure::fault(format!("the run was lost: {error}"));
    let submitted = fleet.client().submit(fleet.store(), request).await;
    submitted.map_err(|error| Failure::fault(format!("the run was lost: {error}")))?;
    let watched = watch(fleet.client(), run, view, (&mut interrupts, OnInterrupt::Cancel)).await;
    let Some(Watched { end, counts, interrupted }) = watched.map_err(lost)? else {
        return Ok(Exit::Interrupted);
    };
    let last = fleet.store().locate(&end.last_key);
    tokio::select! {
        () = fleet.stop() => {}
        // What was cancelled before it was known to run may still be about to end; the LAST is there.
        () = interrupts.next() => {}
    }
    tell(arguments.json, &end, &last, counts)?;
    Ok(if interrupted { Exit::Interrupted } else { exit_of(end.status) })
}

pub(crate) const fn exit_of(status: RunStatus) -> Exit {
    match status {
        RunStatus::Success => Exit::Success,
        RunStatus::PartialSuccess => Exit::Partial,
        RunStatus::Failure => Exit::Failure,
        RunStatus::Refused => Exit::Invalid,
    }
}

/// What `run --json` prints.
#[derive(Debug, Serialize)]
struct Told<'a> {
    run: String,
    status: &'a str,
    last: &'a str,
    sha256: &'a str,
    counts: Counts,
}

/// Says where the LAST is.
pub(crate) fn tell(json: bool, end: &End, last: &str, counts: Counts) -> Result<(), Failure> {
    if json {
        let (status, sha256) = (end.status.name(), end.last_sha256.as_str());
        output::json(&Told { run: end.run.to_string(), status, last, sha256, counts })
    } else {
        output::result(&format!("{last}\n"))
    }
}
