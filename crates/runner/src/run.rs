//! The verb `run`: a whole fleet in this process for one file.

mod interrupt;

use std::sync::Arc;
use std::time::Duration;

use alt::{Alt, Check};
use bus::{Bus, Follow};
use client::{Client, LocalFleet, LocalSettings, Seen};
use job::{Permissions, Registry};
use protocol::{Counts, End, RunId, RunStatus, Submission};
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use self::interrupt::Interrupts;
use crate::arguments::RunArguments;
use crate::exit::{Exit, Failure};
use crate::progress::View;
use crate::settings::Settings;
use crate::{output, source};

/// How often the live view is drawn.
const FRAME: Duration = Duration::from_millis(100);

/// How long tasks get to let go when the program leaves at once: children are killed in it.
const LEAVE: Duration = Duration::from_millis(500);

pub(crate) fn run(arguments: RunArguments, settings: &Settings) -> Result<Exit, Failure> {
    let registry = source::registry()?;
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
    let submission = Submission {
        run: RunId::new(),
        alt: source.text,
        mode: arguments.mode.map(Into::into),
        persona: arguments.persona.clone(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::fault(format!("no threads to run on: {error}")))?;
    let exit = runtime.block_on(go(registry, &arguments, settings, (submission, alt)));
    // Dropping what still runs kills the programs that jobs started.
    runtime.shutdown_timeout(LEAVE);
    exit
}

async fn go(
    registry: Registry,
    arguments: &RunArguments,
    settings: &Settings,
    (submission, alt): (Submission, Arc<Alt>),
) -> Result<Exit, Failure> {
    let local = LocalSettings {
        out: arguments.out.clone().unwrap_or_else(|| settings.out.clone()),
        max_concurrent: arguments.max_concurrent.unwrap_or(settings.max_concurrent).into(),
        permissions: Permissions {
            allow_exec: arguments.allow_exec || settings.allow_exec,
            allow_private_addresses: arguments.allow_private_addresses
                || settings.allow_private_addresses,
        },
        queues: alt.file().tasks.iter().filter_map(|task| task.queue.clone()).collect(),
    };
    let out = local.out.clone();
    let interrupts = Interrupts::listen()
        .map_err(|error| Failure::fault(format!("signals cannot be heard: {error}")))?;
    let fleet = LocalFleet::start(Arc::new(registry), local).map_err(|error| {
        let help = "name a folder that can be written with --out or RUNNER_OUTPUT_DIR";
        Failure::usage(
            format!("results cannot be kept in `{}`: {error}", source::shown(&out)),
            help,
        )
    })?;
    let run = submission.run;
    let view = View::new(arguments.progress, settings.unicode, run, alt);
    let lost = |error: bus::Error| Failure::fault(format!("the run was lost: {error}"));
    fleet.client().submit(submission).await.map_err(lost)?;
    let watched = watch(fleet.client(), run, view, interrupts).await.map_err(lost)?;
    let Some(Watched { end, counts, interrupted }) = watched else {
        return Ok(Exit::Interrupted);
    };
    let last = fleet.store().locate(&end.last_key);
    fleet.stop().await;
    tell(arguments.json, &end, &last, counts)?;
    Ok(if interrupted { Exit::Interrupted } else { exit_of(end.status) })
}

const fn exit_of(status: RunStatus) -> Exit {
    match status {
        RunStatus::Success => Exit::Success,
        RunStatus::PartialSuccess => Exit::Partial,
        RunStatus::Failure => Exit::Failure,
        RunStatus::Refused => Exit::Invalid,
    }
}

/// What is known when a run has ended.
struct Watched {
    end: End,
    counts: Counts,
    interrupted: bool,
}

/// Shows a run until it ends; `None` when a second Ctrl-C came first.
async fn watch<B: Bus>(
    client: &Client<B>,
    run: RunId,
    mut view: View,
    mut interrupts: Interrupts,
) -> Result<Option<Watched>, bus::Error> {
    let begun = Instant::now();
    let mut follow = if view.wants_news() {
        match client.follow(run).await {
            // Over before anybody could look: what is left to show is its end.
            Err(bus::Error::UnknownRun(_)) => None,
            followed => Some(followed?),
        }
    } else {
        None
    };
    let mut frame = interval(FRAME);
    frame.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut counts, mut interrupted) = (None, false);
    loop {
        tokio::select! {
            seen = client.watch(run, counts) => match seen? {
                Seen::Progress(record) => {
                    counts = Some(record.counts);
                    view.count(record.counts);
                }
                Seen::Ended(end) => {
                    // The end may be heard before the last verdicts, which are there all the same.
                    while let Ok(Ok(news)) = timeout(Duration::ZERO, news(&mut follow)).await {
                        view.hear(&news);
                    }
                    let record = client.record(run).await?;
                    let counts = record.map_or_else(Counts::default, |record| record.counts);
                    view.end(&end, counts, begun.elapsed());
                    return Ok(Some(Watched { end, counts, interrupted }));
                }
            },
            heard = news(&mut follow) => match heard {
                Ok(news) => view.hear(&news),
                // The run is over and its news are forgotten; the end is near.
                Err(_) => follow = None,
            },
            _ = frame.tick() => view.draw(begun.elapsed()),
            () = interrupts.next() => {
                if interrupted {
                    view.leave();
                    return Ok(None);
                }
                interrupted = true;
                view.note("stopping: what runs is given 10 s; Ctrl-C again leaves at once");
                match client.cancel(run, "stopped by Ctrl-C").await {
                    Ok(()) | Err(bus::Error::UnknownRun(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

async fn news<F: Follow>(follow: &mut Option<F>) -> Result<Vec<bus::Heard>, bus::Error> {
    match follow {
        Some(follow) => follow.next().await,
        None => std::future::pending().await,
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

fn tell(json: bool, end: &End, last: &str, counts: Counts) -> Result<(), Failure> {
    if json {
        let (status, sha256) = (end.status.name(), end.last_sha256.as_str());
        output::json(&Told { run: end.run.to_string(), status, last, sha256, counts })
    } else {
        output::result(&format!("{last}\n"))
    }
}
