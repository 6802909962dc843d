//! The verbs that look at what a run left: show, verify, get and open.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use client::{Fetched, fetch_all, fetch_last, folder_of, verify_stored};
use last::Side;
use protocol::{Answer, End, Question, Snapshot};
use serde::Serialize;

use super::list::{state, table};
use super::why::stands;
use super::{Fleet, answer, block_on, lost, unfetched};
use crate::exit::{Exit, Failure};
use crate::output::counted;
use crate::settings::Settings;
use crate::{compare, output, results, signing, source};

/// `show RUN|PATH`.
pub(crate) fn show(what: &Path, settings: &Settings, json: bool) -> Result<Exit, Failure> {
    match as_run(what) {
        Some(run) => block_on(show_run(run, settings, json)),
        None => results::show(what, json),
    }
}

/// `verify RUN|PATH|URL`, held against `key` if one is given.
pub(crate) fn verify(
    what: &Path,
    key: Option<&str>,
    settings: &Settings,
    json: bool,
) -> Result<Exit, Failure> {
    let key = key.map(signing::public).transpose()?;
    let text = what.to_str().filter(|text| text.contains("://") && !what.exists());
    let outcome = match (text, as_run(what)) {
        (Some(url), _) => answer(verify_at(url, settings))?,
        (None, Some(run)) => answer(verify_run(run, settings))?,
        (None, None) => last::verify(what),
    };
    results::tell_verified(results::held_to(key, outcome), json)
}

/// `diff A B`.
pub(crate) fn diff(
    before: &Path,
    after: &Path,
    settings: &Settings,
    json: bool,
) -> Result<Exit, Failure> {
    let side = |what: &Path| match as_run(what) {
        Some(run) => answer(side_of_run(run, settings)),
        None => results::side(what).map(|(_, side)| side),
    };
    compare::tell(&side(before)?, &side(after)?, json)
}

async fn side_of_run(text: &str, settings: &Settings) -> Result<Side, Failure> {
    let fleet = Fleet::open(settings).await?;
    let end = fleet.ended(text).await?;
    let Fetched { last, .. } =
        fetch_last(&fleet.store, &end).await.map_err(|error| unfetched(&error))?;
    let alt = match &last.alt_file {
        Some(file) => match fleet.store.get(&format!("{}/{}", folder_of(&end), file.name)).await {
            Ok(text) => Some(text),
            Err(store::Error::Missing(_)) => None,
            Err(error) => return Err(unfetched(&error.into())),
        },
        None => None,
    };
    Ok(Side { last, alt: alt.map(Into::into) })
}

/// What can name a run and no file here.
fn as_run(what: &Path) -> Option<&str> {
    let text = what.to_str().filter(|_| !what.exists())?;
    let fits = (4..=32).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_hexdigit());
    fits.then_some(text)
}

async fn show_run(text: &str, settings: &Settings, json: bool) -> Result<Exit, Failure> {
    let fleet = Fleet::open(settings).await?;
    let record = fleet.find(text).await?;
    if let Some(end) = &record.end {
        let fetched = fetch_last(&fleet.store, end).await.map_err(|error| unfetched(&error))?;
        if json {
            output::result(&String::from_utf8_lossy(&fetched.bytes))?;
        } else {
            output::result(&last::show(&fetched.last))?;
        }
        return Ok(Exit::Success);
    }
    let answer = fleet.client.ask(record.run, Question::Snapshot).await;
    let (snapshot, conducted) = match answer.map_err(|error| lost(&error))? {
        Some(Answer::Snapshot(snapshot)) => (snapshot, true),
        _ => (Snapshot { record, tasks: Vec::new() }, false),
    };
    if json {
        output::json(&snapshot)?;
    } else {
        output::result(&shown(&snapshot))?;
    }
    if !conducted {
        output::say("nobody conducts this run now; this is how it stood when it was last told\n");
    }
    Ok(Exit::Success)
}

/// A run that goes on, for people.
fn shown(snapshot: &Snapshot) -> String {
    let record = &snapshot.record;
    let counts = record.counts;
    let mut text = format!(
        "{}: {}\n  run {}\n  {} of {} tasks decided: {} completed, {} failed, {} timed out, {} \
         cancelled\n  {} running, {} on their queues, {} ready, {} between attempts, {} waiting\n",
        state(record),
        alt::visible(&record.title),
        record.run,
        counts.decided(),
        counts.total(),
        counts.completed,
        counts.failed,
        counts.timeout,
        counts.cancelled,
        counts.running,
        counts.offered,
        counts.ready,
        counts.backoff,
        counts.waiting
    );
    if !snapshot.tasks.is_empty() {
        let rows = snapshot.tasks.iter().map(|task| {
            let attempt = task.attempt.map_or_else(String::new, |attempt| attempt.to_string());
            vec![alt::visible(&task.id), attempt, stands(&task.standing, record.updated)]
        });
        text.push('\n');
        text.push_str(&table(&["task", "attempt", "state"], rows.collect()));
    }
    text
}

type Outcome = Result<last::Verified, Vec<last::Problem>>;

async fn verify_run(text: &str, settings: &Settings) -> Result<Outcome, Failure> {
    let fleet = Fleet::open(settings).await?;
    let end = fleet.ended(text).await?;
    verify_stored(&fleet.store, &end).await.map_err(|error| unfetched(&error))
}

/// The archive at `url`, brought here for as long as it takes.
async fn verify_at(url: &str, settings: &Settings) -> Result<Outcome, Failure> {
    let help = "name the address of a last.zip or last.tar.zst";
    let unusable = |error: String| Failure::usage(error, help);
    let folder = tempfile::tempdir().map_err(|error| unusable(error.to_string()))?;
    let (shown, name) = split(url).ok_or_else(|| unusable(format!("`{url}` names no file")))?;
    let file = folder.path().join(name);
    let brought = client::download(url, &settings.access, &file).await;
    brought.map_err(|error| unusable(format!("`{shown}` cannot be had: {error}")))?;
    let verifying = tokio::task::spawn_blocking(move || (last::verify(&file), folder));
    let (outcome, folder) = verifying.await.map_err(|fault| Failure::fault(fault.to_string()))?;
    // What is wrong is told by the address: the file is gone when anybody could look.
    let here = format!("{}/", folder.path().display());
    let told = |problem: last::Problem| {
        let place = problem.place.replacen(&here, "", 1);
        last::Problem { place, ..problem }
    };
    Ok(outcome.map_err(|problems| problems.into_iter().map(told).collect()))
}

/// An address without what may be secret in it, and the name of the file at its end.
fn split(url: &str) -> Option<(String, &str)> {
    let plain = url.split(['?', '#']).next()?;
    let name = plain.rsplit('/').next()?;
    let fits = !name.is_empty() && !name.contains('\\') && !matches!(name, "." | "..");
    fits.then(|| (bus::nats::without_password(plain), name))
}

#[derive(Debug, Serialize)]
struct Got {
    run: String,
    folder: String,
    files: usize,
}

/// `get RUN`.
pub(super) async fn get(
    fleet: &Fleet,
    text: &str,
    output: Option<PathBuf>,
    settings: &Settings,
    json: bool,
) -> Result<Exit, Failure> {
    let end = fleet.ended(text).await?;
    let folder = output.unwrap_or_else(|| settings.out.join(folder_of(&end)));
    let files = bring(fleet, &end, &folder).await?;
    if let Err(problems) = verified(&folder).await? {
        for problem in &problems {
            output::say(&format!("{problem}\n"));
        }
        let problems = counted(problems.len(), "problem", "problems");
        return Err(Failure {
            exit: Exit::Failure,
            message: format!("{problems}: the LAST in `{}` does not hold", source::shown(&folder)),
            help: Some("get it again; if it stays so, what the store holds was changed".into()),
        });
    }
    let folder = source::shown(&folder);
    if json {
        output::json(&Got { run: end.run.to_string(), folder, files })?;
    } else {
        output::result(&format!("{folder}\n"))?;
        output::say(&format!("{}, verified\n", counted(files, "file", "files")));
    }
    Ok(Exit::Success)
}

async fn bring(fleet: &Fleet, end: &End, folder: &Path) -> Result<usize, Failure> {
    fetch_all(&fleet.store, end, folder).await.map_err(|error| unfetched(&error))
}

async fn verified(folder: &Path) -> Result<Result<last::Verified, Vec<last::Problem>>, Failure> {
    let folder = folder.to_owned();
    let verifying = tokio::task::spawn_blocking(move || last::verify(&folder));
    verifying.await.map_err(|fault| Failure::fault(fault.to_string()))
}

#[derive(Debug, Serialize)]
struct Opened {
    run: String,
    path: String,
}

/// `open RUN`: the report, else the picture, else the folder.
pub(super) async fn open(
    fleet: &Fleet,
    text: &str,
    settings: &Settings,
    json: bool,
) -> Result<Exit, Failure> {
    let end = fleet.ended(text).await?;
    let here = PathBuf::from(fleet.store.locate(folder_of(&end)));
    let folder = if here.is_dir() {
        here
    } else {
        let folder = settings.out.join(folder_of(&end));
        bring(fleet, &end, &folder).await?;
        folder
    };
    let pages = ["report.html", "graph.svg"].map(|name| folder.join(name));
    let path = pages.into_iter().find(|page| page.is_file()).unwrap_or(folder);
    let shown = source::shown(&path);
    if json {
        output::json(&Opened { run: end.run.to_string(), path: shown })?;
        return Ok(Exit::Success);
    }
    output::result(&format!("{shown}\n"))?;
    if !opened(&path) {
        output::say("nothing here opens it; a browser does\n");
    }
    Ok(Exit::Success)
}

/// Whether a program of this system took it.
fn opened(path: &Path) -> bool {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet = Stdio::null;
    let mut opener = Command::new(program);
    let started = opener.arg(path).stdin(quiet()).stdout(quiet()).stderr(quiet()).status();
    started.is_ok_and(|status| status.success())
}
