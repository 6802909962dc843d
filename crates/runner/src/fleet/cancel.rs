//! The verb `cancel`.

use serde::Serialize;

use super::{Fleet, lost};
use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Serialize)]
struct Told<'a> {
    run: String,
    state: &'a str,
}

pub(super) async fn cancel(
    fleet: &Fleet,
    text: &str,
    reason: &str,
    json: bool,
) -> Result<Exit, Failure> {
    let record = fleet.find(text).await?;
    let run = record.run;
    let over = match record.end {
        Some(end) => Some(end.status.name()),
        None => match fleet.client.cancel(run, reason).await {
            Ok(()) => None,
            Err(bus::Error::UnknownRun(_)) => Some("ended"),
            Err(error) => return Err(lost(&error)),
        },
    };
    if let Some(state) = over {
        return Err(Failure {
            exit: Exit::Failure,
            message: format!("run {run} is over ({state}): there is nothing to cancel"),
            help: Some(format!("`runner show {run}` shows what came of it")),
        });
    }
    if json {
        output::json(&Told { run: run.to_string(), state: "cancelling" })?;
    } else {
        output::result(&format!("{run}\n"))?;
        output::say("cancelling: what runs is given 10 s, and a LAST is still written\n");
    }
    Ok(Exit::Success)
}
