//! The verbs `retry` and `rerun`: a run once more, without what need not be computed again.

use client::{Again, AgainError, Selection};
use protocol::RunId;
use serde::Serialize;

use super::follow::{Submitted, stay};
use super::submit::refused;
use super::{Fleet, unfetched};
use crate::arguments::fleet::Until;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::settings::Settings;

#[derive(Debug, Serialize)]
struct Told {
    run: String,
    of: String,
    tasks: usize,
    reused: usize,
}

pub(super) async fn retry(
    fleet: &Fleet,
    text: &str,
    until: &Until,
    settings: &Settings,
) -> Result<Exit, Failure> {
    again(fleet, text, (Selection::Unfinished, until), settings).await
}

pub(super) async fn rerun(
    fleet: &Fleet,
    text: &str,
    (from, until): (Vec<String>, &Until),
    settings: &Settings,
) -> Result<Exit, Failure> {
    again(fleet, text, (Selection::From(from), until), settings).await
}

async fn again(
    fleet: &Fleet,
    text: &str,
    (selection, until): (Selection, &Until),
    settings: &Settings,
) -> Result<Exit, Failure> {
    let end = fleet.ended(text).await?;
    let run = RunId::new();
    let again = Again::of(&fleet.store, &end, &selection, run).await;
    let Again { request, alt, reused } = again.map_err(unusable)?;
    let submitted = fleet.client.submit(&fleet.store, request).await;
    submitted.map_err(|error| refused(&error, None))?;
    let (tasks, of) = (alt.graph().len(), end.run);
    let taken = format!("{reused} of {tasks} tasks are taken over from run {of}\n");
    let stays = until.wait || until.watch;
    output::say(&taken);
    if stays {
        output::say(&format!("submitted: run {run}\n"));
        return stay(fleet, Submitted { run, alt: Some(alt) }, until, settings).await;
    }
    if until.json {
        output::json(&Told { run: run.to_string(), of: of.to_string(), tasks, reused })?;
    } else {
        output::result(&format!("{run}\n"))?;
    }
    Ok(Exit::Success)
}

fn unusable(error: AgainError) -> Failure {
    let message = alt::visible(&error.to_string());
    let help = match error {
        AgainError::Fetch(error) => return unfetched(&error),
        AgainError::Refused(run) => {
            format!("`runner show {run}` says what to mend; then submit the file again")
        }
        AgainError::NothingFailed(run) => {
            format!("`runner rerun {run} --from TASK` runs some of them again all the same")
        }
        AgainError::NoSuchTask { nearest: Some(nearest), .. } => {
            format!("did you mean `{}`?", alt::visible(&nearest))
        }
        AgainError::NoSuchTask { run, nearest: None, .. } => {
            format!("`runner show {run}` lists the tasks")
        }
        AgainError::Unusable { .. } => "submit the file again".to_owned(),
    };
    Failure { exit: Exit::Failure, message, help: Some(help) }
}
