//! What came of each run: fetched, verified from the bucket, and counted.

use std::time::Duration;

use serde_json::Value;

use crate::fleet::Fleet;
use crate::load::Run;
use tests::clock::{seconds, until};

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) run: Run,
    pub(crate) last: Value,
    /// What is not as it must be.
    pub(crate) faults: Vec<String>,
    verified: bool,
}

impl End {
    /// The head of the lines that [`cells`](Self::cells) makes.
    pub(crate) const HEAD: [&str; 6] = ["file", "run", "tasks", "status", "seconds", "verify"];

    /// A line of the table.
    pub(crate) fn cells(&self) -> Vec<String> {
        let Self { run, last, verified, .. } = self;
        let status = last["status"].as_str().unwrap_or("none");
        let refused = if last["refused"].is_array() { " (refused)" } else { "" };
        vec![
            run.file.clone(),
            run.id.clone(),
            format!("{}/{}", completed(last), run.tasks.unwrap_or(0)),
            format!("{status}{refused}"),
            seconds(last["execution_time_ms"].as_u64().unwrap_or(0)),
            if *verified { "ok" } else { "FAILED" }.to_owned(),
        ]
    }

    /// What each task of the LAST says, by its id.
    pub(crate) fn results(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.last["task_results"].as_object().into_iter().flatten()
    }
}

fn completed(last: &Value) -> u64 {
    last["metadata"]["completed"].as_u64().unwrap_or(0)
}

/// How `ls` says that a run stands: `running` or its end.
#[track_caller]
pub(crate) fn state(listed: &Value, run: &Run) -> Option<String> {
    let row = listed.as_array()?.iter().find(|row| row["run"] == run.id.as_str())?;
    Some(row["state"].as_str()?.to_owned())
}

/// Waits until all these runs have ended: in so many milliseconds, or which did not.
#[track_caller]
pub(crate) fn all(fleet: &Fleet, runs: &[Run], limit: Duration) -> Result<u64, String> {
    let mut open: Vec<&Run> = runs.iter().collect();
    let took = until(limit, || {
        // A server that has just come back may miss a question.
        let done = fleet.call(&["ls", "--json", "--limit", "100"]);
        if done.code == Some(0) {
            let listed = done.json();
            open.retain(|run| state(&listed, run).is_none_or(|state| state == "running"));
        }
        open.is_empty()
    });
    took.ok_or_else(|| {
        let open: Vec<String> = open.iter().map(|run| format!("{} {}", run.file, run.id)).collect();
        format!("after {limit:?} these have not ended: {}", open.join(", "))
    })
}

/// Brings a run's result here and checks it, there and here.
#[track_caller]
pub(crate) fn check(fleet: &Fleet, run: &Run) -> End {
    let folder = fleet.path(&format!("got-{}", run.id));
    let mut faults = Vec::new();
    let got = fleet.call(&["get", &run.id, "-o", &folder.display().to_string()]);
    let verified = fleet.call(&["verify", &run.id, "--json"]);
    for done in [&got, &verified] {
        if done.code != Some(0) {
            faults.push(format!("{} {}: {done:?}", run.file, run.id));
        }
    }
    let last = std::fs::read(folder.join("last.json"))
        .map_err(|error| error.to_string())
        .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
    let last = last.unwrap_or_else(|error| {
        faults.push(format!("{} {}: no LAST: {error}", run.file, run.id));
        Value::Null
    });
    let verified = faults.is_empty();
    if verified {
        let told = if run.tasks.is_some() { done_well(run, &last) } else { refused(&last) };
        faults.extend(told.into_iter().map(|fault| format!("{} {}: {fault}", run.file, run.id)));
    }
    End { run: run.clone(), last, faults, verified }
}

/// Every task must have completed, once, on a worker.
fn done_well(run: &Run, last: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let count = u64::try_from(run.tasks.unwrap_or(0)).unwrap();
    if last["status"] != "success" || completed(last) != count {
        faults.push(format!("{count} tasks must complete: {}", last["summary"]));
    }
    let results = last["task_results"].as_object();
    if results.map(serde_json::Map::len) != run.tasks {
        faults.push(format!("{count} results must be there: {:?}", results.map(|it| it.len())));
    }
    for (id, result) in results.into_iter().flatten() {
        let good = result["attempts"].as_array().is_some_and(|attempts| {
            let good = attempts.iter().filter(|attempt| attempt["outcome"] == "ok");
            good.count() == 1
        });
        if result["status"] != "completed" || !good {
            faults.push(format!("task {id}: {result}"));
        }
    }
    faults
}

/// The file must have been refused with its reasons.
fn refused(last: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if last["status"] != "failure" {
        faults.push(format!("a refused file is a failure: {}", last["status"]));
    }
    if last["refused"].as_array().is_none_or(|reasons| reasons.is_empty()) {
        faults.push("no reason is told".to_owned());
    }
    faults
}
