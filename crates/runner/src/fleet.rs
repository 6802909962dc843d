//! The verbs that talk to a fleet: each asks the client and prints what it says.

mod again;
mod cancel;
mod follow;
mod health;
mod list;
mod queue;
mod results;
mod schedule;
mod stats;
mod submit;
mod why;
mod workers;

use bus::NatsBus;
use client::{Client, FetchError, FindError, short};
use protocol::{End, RunRecord};
use store::Store;

use crate::arguments::fleet::{FleetVerb, WorkersVerb};
use crate::arguments::{JobChange, QueueVerb, ScheduleVerb};
use crate::connection;
use crate::exit::{Exit, Failure};
use crate::run::runtime;
use crate::settings::Settings;

pub(crate) use self::results::{diff, show, verify};

/// The fleet as a verb needs it.
#[derive(Debug)]
struct Fleet {
    client: Client<NatsBus>,
    store: Store,
}

impl Fleet {
    async fn open(settings: &Settings) -> Result<Self, Failure> {
        let connection::Fleet { bus, store } = connection::open(settings, false).await?;
        Ok(Self { client: Client::new(bus), store })
    }

    async fn find(&self, text: &str) -> Result<RunRecord, Failure> {
        self.client.find(text).await.map_err(unfound)
    }

    /// The end of a run, which must have come.
    async fn ended(&self, text: &str) -> Result<End, Failure> {
        let record = self.find(text).await?;
        let run = record.run;
        record.end.ok_or_else(|| Failure {
            exit: Exit::Failure,
            message: format!("run {run} has not ended, so it has no LAST yet"),
            help: Some(format!("`runner watch {}` shows it until it ends", short(run))),
        })
    }
}

/// Performs a verb.
pub(crate) fn perform(verb: FleetVerb, settings: &Settings) -> Result<Exit, Failure> {
    // What can be said of files without the fleet is said first.
    let mut prepared = Vec::new();
    if let FleetVerb::Submit(it) = &verb {
        prepared = match submit::prepare(it, settings)? {
            None => return Ok(Exit::Invalid),
            Some(prepared) if it.dry_run => {
                return submit::tell_dry(&prepared, it.until.json, settings);
            }
            Some(prepared) => prepared,
        };
    }
    block_on(ask(verb, prepared, settings))
}

/// Changes a job of the fleet.
pub(crate) fn change_job(verb: &JobChange, settings: &Settings) -> Result<Exit, Failure> {
    block_on(async { schedule::change(&Fleet::open(settings).await?, verb, settings).await })
}

/// Shows what was counted of jobs, and what they do now.
pub(crate) fn job_stats(
    job: Option<&str>,
    json: bool,
    settings: &Settings,
) -> Result<Exit, Failure> {
    block_on(async { stats::stats(&Fleet::open(settings).await?, job, json, settings).await })
}

/// Shows or changes when jobs are run.
pub(crate) fn schedule(verb: &ScheduleVerb, settings: &Settings) -> Result<Exit, Failure> {
    block_on(async { schedule::perform(&Fleet::open(settings).await?, verb, settings).await })
}

/// Shows or changes what lies on message queues.
pub(crate) fn queue(verb: QueueVerb, settings: &Settings) -> Result<Exit, Failure> {
    block_on(async { queue::perform(&Fleet::open(settings).await?, verb, settings).await })
}

fn block_on(asking: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    answer(asking)
}

/// Waits for an answer.
fn answer<T>(asking: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let answer = runtime.block_on(asking);
    runtime.shutdown_background();
    answer
}

async fn ask(
    verb: FleetVerb,
    prepared: Vec<submit::Prepared>,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let fleet = Fleet::open(settings).await?;
    match verb {
        FleetVerb::Submit(it) => submit::submit(&fleet, prepared, &it, settings).await,
        FleetVerb::Watch(it) => follow::watch(&fleet, &it, settings).await,
        FleetVerb::Ls { limit, json } => list::list(&fleet, limit, json).await,
        FleetVerb::Why { run, task, json } => why::why(&fleet, &run.run, &task, json).await,
        FleetVerb::Cancel { run, reason, json } => {
            cancel::cancel(&fleet, &run.run, &reason, json).await
        }
        FleetVerb::Get { run, output, json } => {
            results::get(&fleet, &run.run, output, settings, json).await
        }
        FleetVerb::Open { run, json } => results::open(&fleet, &run.run, settings, json).await,
        FleetVerb::Retry { run, until } => again::retry(&fleet, &run.run, &until, settings).await,
        FleetVerb::Rerun { run, from, until } => {
            again::rerun(&fleet, &run.run, (from, &until), settings).await
        }
        FleetVerb::Health { json } => health::health(&fleet, json, settings).await,
        FleetVerb::Workers { verb: WorkersVerb::Ls { json } } => workers::list(&fleet, json).await,
    }
}

fn unfound(error: FindError) -> Failure {
    let message = error.to_string();
    let (exit, help) = match error {
        FindError::NotAnId(_) => (Exit::Usage, "`runner ls` lists the runs".to_owned()),
        FindError::Unknown { nearest: Some(run), .. } => {
            (Exit::Failure, format!("the nearest is {run}; `runner ls` lists the runs"))
        }
        FindError::Unknown { nearest: None, .. } => {
            let help = "`runner ls` lists the runs; one that no coordinator has taken yet is not \
                among them";
            (Exit::Failure, help.to_owned())
        }
        FindError::Ambiguous { .. } => (Exit::Usage, "use more digits".to_owned()),
        FindError::Bus(error) => return lost(&error),
    };
    Failure { exit, message, help: Some(help) }
}

/// What is said when the fleet does not answer.
fn lost(error: &bus::Error) -> Failure {
    let help = match error {
        bus::Error::Unknown(_) => "try again; `runner doctor` says what is wrong if it stays so",
        bus::Error::Refused(_) => "`runner doctor` says what is wrong",
        _ => return Failure::fault(error.to_string()),
    };
    Failure { exit: Exit::Failure, message: error.to_string(), help: Some(help.to_owned()) }
}

fn unfetched(error: &FetchError) -> Failure {
    let help = match error {
        FetchError::Store(store::Error::Missing(_)) => {
            "RUNNER_STORE_URL or --store-url must name the store that the coordinator uses"
        }
        FetchError::Store(_) => "`runner doctor` says what is wrong with the store",
        FetchError::Changed { .. }
        | FetchError::Unreadable { .. }
        | FetchError::Packed { .. }
        | FetchError::Path(_) => "somebody changed what the store holds",
        FetchError::Folder { .. } => "name another folder with -o",
    };
    Failure { exit: Exit::Failure, message: error.to_string(), help: Some(help.to_owned()) }
}
