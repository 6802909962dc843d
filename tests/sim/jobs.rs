//! The jobs of a simulated fleet: each does what its task's plan says, and notes that it did.

use std::time::Duration;

use alt::Json;
use bus::task::Process;
use job::{Context, Error, job};
use serde::Deserialize;
use tokio::time::sleep;

use crate::fleet;
use crate::oracle;
use crate::rare;

/// Attempts of the limited job that may run at once.
pub(crate) const LIMIT: u32 = 2;

#[derive(Deserialize)]
struct Parameters {
    /// What becomes of each attempt: a word and milliseconds.
    fates: Vec<String>,
    /// What its first dependency gave back, which is that task's id.
    #[serde(default)]
    read: Option<String>,
}

#[job("sim-work", description = "Does what its plan says.")]
async fn work(parameters: Parameters, context: Context) -> Result<Json, Error> {
    act(parameters, context, false).await
}

#[job(
    "sim-limited",
    description = "Does what its plan says, twice at once at most.",
    max_concurrent = 2
)]
async fn limited(parameters: Parameters, context: Context) -> Result<Json, Error> {
    act(parameters, context, true).await
}

async fn act(parameters: Parameters, context: Context, is_limited: bool) -> Result<Json, Error> {
    let key = context.key();
    let begun = oracle::begin(key, is_limited, LIMIT as usize);
    if let Some(read) = &parameters.read {
        oracle::read(key, read);
    }
    let number = (key.attempt.get() as usize - 1).min(parameters.fates.len() - 1);
    let (fate, ms) = parameters.fates[number].split_once(' ').unwrap_or(("done", "0"));
    let wait = Duration::from_millis(ms.parse().unwrap_or(0));
    tokio::select! {
        biased;
        () = context.cancelled().cancelled() => return Err(Error::Cancelled),
        () = sleep(wait) => {}
    }
    match fate {
        "fails" => Err(Error::failed("it was to fail")),
        "fails-for-good" => Err(Error::fatal("it was to fail for good")),
        "panics" => {
            rare::reach("a job panicked");
            panic!("it was to panic")
        }
        "hangs" => {
            context.cancelled().cancelled().await;
            Err(Error::Cancelled)
        }
        "kills" => {
            if let Some(process) = Process::current() {
                fleet::die(&process);
            }
            std::future::pending().await
        }
        _ => {
            begun.done();
            let id = context.task_id();
            Json::from_value(&serde_json::json!({ "task": id })).map_err(Error::from)
        }
    }
}
