//! The verb `submit`: files checked here first, then handed to the fleet.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use alt::{Alt, Check, Mode, Priority};
use bus::Accepted;
use client::{Request, SubmitError, run_of_key};
use protocol::{Catalogue, RunId};
use serde::Serialize;

use super::follow::{Submitted, stay};
use super::{Fleet, lost};
use crate::arguments::fleet::SubmitArguments;
use crate::exit::{Exit, Failure};
use crate::output::counted;
use crate::settings::Settings;
use crate::{catalogue, output, source};

/// A file that is ready to go.
#[derive(Debug)]
pub(super) struct Prepared {
    name: String,
    request: Request,
    /// Absent when the file was not checked.
    alt: Option<Arc<Alt>>,
}

/// Reads and checks all files; `None` when one is refused, which was shown.
pub(super) fn prepare(
    arguments: &SubmitArguments,
    settings: &Settings,
) -> Result<Option<Vec<Prepared>>, Failure> {
    if arguments.key.is_some() && arguments.files.len() > 1 {
        let help = "submit them one by one, each with a key of its own";
        return Err(Failure::usage("--key names one run, and there are several files", help));
    }
    let mode: Option<Mode> = arguments.mode.map(Into::into);
    let mut prepared = Vec::with_capacity(arguments.files.len());
    let mut refused = false;
    for path in &arguments.files {
        let Some((file, alt)) = read(path, mode, arguments, settings)? else {
            refused = true;
            continue;
        };
        let request = Request {
            run: arguments.key.as_deref().map_or_else(RunId::new, run_of_key),
            file: file.into(),
            priority: alt.as_ref().map_or(Priority::default(), |alt| alt.file().priority),
            mode,
            persona: arguments.persona.clone(),
            reuse: None,
            last: arguments.bundle.options(),
        };
        prepared.push(Prepared { name: source::shown(path), request, alt });
    }
    Ok((!refused).then_some(prepared))
}

type Read = Option<(Vec<u8>, Option<Arc<Alt>>)>;

fn read(
    path: &Path,
    mode: Option<Mode>,
    arguments: &SubmitArguments,
    settings: &Settings,
) -> Result<Read, Failure> {
    if arguments.no_check {
        return Ok(Some((source::unchecked(path)?, None)));
    }
    let check = Check {
        // The fleet may have jobs that this program has not.
        jobs: None,
        strict: arguments.strict,
        mode,
        persona: arguments.persona.as_deref(),
        ..Check::default()
    };
    let source = source::read(path, &check)?;
    source.tell();
    let Some(alt) = source.report.alt else {
        return Ok(None);
    };
    warn_of_unknown_jobs(&source.name, &alt, settings)?;
    Ok(Some((source.text.into(), Some(alt))))
}

fn warn_of_unknown_jobs(name: &str, alt: &Alt, settings: &Settings) -> Result<(), Failure> {
    let registry = catalogue::registry(settings)?;
    let jobs: BTreeSet<&str> = alt.file().tasks.iter().map(|task| task.job.as_str()).collect();
    let unknown = jobs.into_iter().filter(|job| registry.get(job).is_none());
    let unknown: Vec<String> = unknown.map(|job| format!("`{}`", alt::visible(job))).collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        output::say(&format!(
            "warning: {name}: this program has no job {unknown}; a fleet that has none either \
             refuses the file\n"
        ));
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct Dry<'a> {
    run: String,
    file: &'a str,
    tasks: usize,
    queues: Vec<String>,
}

/// Says what would be submitted.
pub(super) fn tell_dry(
    prepared: &[Prepared],
    json: bool,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let catalogue = catalogue::registry(settings)?.catalogue();
    let told: Vec<Dry<'_>> = prepared
        .iter()
        .map(|it| Dry {
            run: it.request.run.to_string(),
            file: &it.name,
            tasks: it.alt.as_ref().map_or(0, |alt| alt.file().tasks.len()),
            queues: it.alt.as_ref().map_or_else(Vec::new, |alt| queues(alt, &catalogue)),
        })
        .collect();
    if json {
        output::json(&told)?;
        return Ok(Exit::Success);
    }
    for Dry { run, file, tasks, queues } in told {
        let tasks = counted(tasks, "task", "tasks");
        let queues = queues.join(", ");
        output::result(&format!("{run}  {file}: {tasks}, queues: {queues}\n"))?;
    }
    output::say("nothing was submitted\n");
    Ok(Exit::Success)
}

/// Where the tasks will wait, as far as the jobs here tell.
fn queues(alt: &Alt, catalogue: &Catalogue) -> Vec<String> {
    let queues = alt.file().tasks.iter().map(|task| {
        let policy = catalogue.0.get(&task.job).cloned().unwrap_or_default();
        // A job with a limit keeps its queue, or the limit would not hold.
        let asked = task.queue.clone().filter(|_| policy.max_concurrent.is_none());
        asked.unwrap_or(policy.queue)
    });
    let queues: BTreeSet<String> = queues.collect();
    queues.into_iter().collect()
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    run: String,
    file: &'a str,
    /// `new`, or `already` when it was submitted before.
    submitted: &'a str,
}

/// Submits all files, then waits for them if that is wanted; exits as the worst of them.
pub(super) async fn submit(
    fleet: &Fleet,
    prepared: Vec<Prepared>,
    arguments: &SubmitArguments,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let stays = arguments.until.wait || arguments.until.watch;
    let mut submitted = Vec::with_capacity(prepared.len());
    for Prepared { name, request, alt } in prepared {
        let run = request.run;
        let accepted = fleet.client.submit(&fleet.store, request).await;
        let accepted = accepted.map_err(|error| refused(&error, arguments.key.as_deref()))?;
        tell(&name, run, accepted, (stays, arguments.until.json))?;
        submitted.push(Submitted { run, alt });
    }
    let mut worst = Exit::Success;
    if stays {
        for it in submitted {
            let exit = stay(fleet, it, &arguments.until, settings).await?;
            if exit == Exit::Interrupted {
                return Ok(exit);
            }
            worst = worse(worst, exit);
        }
    }
    Ok(worst)
}

fn tell(
    name: &str,
    run: RunId,
    accepted: Accepted,
    (stays, json): (bool, bool),
) -> Result<(), Failure> {
    if accepted == Accepted::Already {
        output::say(&format!("already submitted: {name} is run {run}\n"));
    } else if stays {
        output::say(&format!("submitted: {name} is run {run}\n"));
    }
    if stays {
        return Ok(());
    }
    if json {
        let submitted = if accepted == Accepted::Already { "already" } else { "new" };
        return output::json(&Told { run: run.to_string(), file: name, submitted });
    }
    output::result(&format!("{run}\n"))
}

/// Why a submission was not taken.
pub(super) fn refused(error: &SubmitError, key: Option<&str>) -> Failure {
    match error {
        SubmitError::Bus(bus::Error::OtherSubmission(run)) => Failure::usage(
            format!(
                "the key `{}` was used before, for another file or with other settings: run {run}",
                alt::visible(key.unwrap_or_default())
            ),
            "choose another key, or submit the same again",
        ),
        SubmitError::Bus(bus::Error::Unknown(why)) => Failure {
            exit: Exit::Failure,
            message: format!("whether it was submitted is unknown: {why}"),
            help: Some(
                "`runner ls` shows it if it was; with --key, submitting again is safe".into(),
            ),
        },
        SubmitError::Bus(error) => lost(error),
        SubmitError::Store(_) => Failure {
            exit: Exit::Failure,
            message: error.to_string(),
            help: Some("`runner doctor` says what is wrong with the store".to_owned()),
        },
    }
}

/// The one of two that a script must hear of.
const fn worse(one: Exit, other: Exit) -> Exit {
    const fn rank(exit: Exit) -> u8 {
        match exit {
            Exit::Success => 0,
            Exit::Partial => 1,
            Exit::Failure => 2,
            Exit::Invalid => 3,
            Exit::Usage => 4,
            Exit::Interrupted => 5,
        }
    }
    if rank(other) > rank(one) { other } else { one }
}
