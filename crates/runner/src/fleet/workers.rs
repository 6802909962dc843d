//! The verb `workers ls`: who is heard of within a few heartbeats.

use std::time::Duration;

use protocol::Heartbeat;
use serde::Serialize;

use super::list::table;
use super::{Fleet, lost};
use crate::exit::{Exit, Failure};
use crate::output;

/// An idle worker says that it lives every 3 seconds.
pub(super) const LISTEN: Duration = Duration::from_secs(4);

#[derive(Debug, Serialize)]
struct Worker {
    worker: String,
    state: &'static str,
    slots: u32,
    running: Vec<Attempt>,
    queues: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Attempt {
    run: String,
    task: u32,
    attempt: u32,
    job: String,
    queue: String,
    for_ms: u64,
}

pub(super) async fn list(fleet: &Fleet, json: bool) -> Result<Exit, Failure> {
    let heard = fleet.client.workers(LISTEN).await.map_err(|error| lost(&error))?;
    let workers: Vec<Worker> = heard.into_iter().map(worker).collect();
    if json {
        output::json(&workers)?;
        return Ok(Exit::Success);
    }
    if workers.is_empty() {
        output::say("no worker was heard of; `runner worker` starts one\n");
        return Ok(Exit::Success);
    }
    let rows = workers.iter().map(|it| {
        let busy = format!("{}/{}", it.running.len(), it.slots);
        vec![alt::visible(&it.worker), it.state.to_owned(), busy, it.queues.join(" ")]
    });
    output::result(&table(&["worker", "state", "busy", "queues"], rows.collect()))?;
    Ok(Exit::Success)
}

fn worker(beat: Heartbeat) -> Worker {
    let Heartbeat { worker, slots, queues, running, draining } = beat;
    let state = match (draining, running.is_empty()) {
        (true, _) => "draining",
        (false, true) => "idle",
        (false, false) => "working",
    };
    let running = running.into_iter().map(|it| Attempt {
        run: it.key.run.to_string(),
        task: it.key.task.0,
        attempt: it.key.attempt.get(),
        job: it.job,
        queue: it.queue,
        for_ms: it.for_ms,
    });
    Worker { worker: worker.to_string(), state, slots, running: running.collect(), queues }
}
