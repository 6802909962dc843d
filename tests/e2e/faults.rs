//! What is killed in the middle of the work, and what that costs.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::ends::{self, End};
use crate::fleet::{Fleet, LEASE_SECONDS, leave};
use crate::load::{self, Run};
use tests::clock::{now, read, seconds, until};

/// How long anything may take to come back before nobody waits any longer.
const LONG: Duration = Duration::from_secs(20);

/// How long the store stays away, seconds: longer than the tasks that run at that time.
const STORE_AWAY: f64 = 2.5;

/// How long the NATS server stays away, seconds.
const NATS_AWAY: f64 = 1.0;

/// A fault, and what it cost.
#[derive(Debug)]
pub(crate) struct Fault {
    what: String,
    /// Milliseconds since 1970.
    at: u64,
    cost: String,
    /// What is not as it must be.
    pub(crate) problems: Vec<String>,
}

impl Fault {
    /// The head of the lines that [`cells`](Self::cells) makes.
    pub(crate) const HEAD: [&str; 3] = ["fault", "at", "cost"];

    /// A line of the table.
    pub(crate) fn cells(&self, begun: u64) -> Vec<String> {
        vec![self.what.clone(), seconds(self.at.saturating_sub(begun)), self.cost.clone()]
    }
}

/// A worker that was killed, and what it ran at that moment.
#[derive(Debug)]
pub(crate) struct LostWorker {
    name: String,
    at: u64,
    /// Run and task.
    tasks: BTreeSet<(String, String)>,
}

/// Kills the busiest worker, and waits until others run what it ran.
#[track_caller]
pub(crate) fn kill_worker(fleet: &mut Fleet, runs: &[Run]) -> LostWorker {
    // A worker says a few times a second what it runs.
    leave(1.0);
    let running = |index: usize| fleet.workers[index].count("runner_tasks_running").unwrap_or(0);
    let victim = (0..fleet.workers.len()).max_by_key(|&index| running(index)).unwrap();
    let name = fleet.workers[victim].name.clone();
    let mut tasks = BTreeSet::new();
    let found = until(LONG, || {
        tasks = runs.iter().flat_map(|run| running_on(fleet, run, &name)).collect();
        !tasks.is_empty()
    });
    assert!(found.is_some(), "no task is known to run on {name}");
    let at = now();
    drop(fleet.workers.remove(victim));
    let lost = LostWorker { name, at, tasks };
    let moved =
        until(LONG, || runs.iter().all(|run| running_on(fleet, run, &lost.name).is_empty()));
    assert!(moved.is_some(), "{LONG:?} after its death, {} is still said to run", lost.name);
    lost
}

/// Which tasks a run says are running on this worker.
fn running_on(fleet: &Fleet, run: &Run, worker: &str) -> Vec<(String, String)> {
    let done = fleet.call(&["show", &run.id, "--json"]);
    let told: Value = serde_json::from_str(&done.stdout).unwrap_or_default();
    let tasks = told["tasks"].as_array().into_iter().flatten();
    let here = tasks.filter(|task| {
        task["standing"]["state"] == "running" && task["standing"]["worker"] == worker
    });
    here.filter_map(|task| Some((run.id.clone(), task["id"].as_str()?.to_owned()))).collect()
}

impl LostWorker {
    /// What the loss cost, as the results tell: how long until each task was begun anew elsewhere.
    pub(crate) fn fault(&self, ends: &[End]) -> Fault {
        let mut problems = Vec::new();
        let mut slowest = 0;
        let mut again = 0;
        for end in ends {
            for (task, result) in end.results() {
                if !self.tasks.contains(&(end.run.id.clone(), task.clone())) {
                    continue;
                }
                let Some((started, worker)) = last_attempt(result) else { continue };
                // It may have ended before the kill.
                if worker == self.name {
                    continue;
                }
                again += 1;
                slowest = slowest.max(started.saturating_sub(self.at));
                if started < self.at {
                    problems.push(format!("{task} began on {worker} before {} died", self.name));
                }
            }
        }
        if again == 0 {
            problems.push(format!("no task of {} was done again", self.name));
        }
        let goal = (LEASE_SECONDS + 1) * 1000;
        if slowest > goal {
            problems.push(late("the last task of the worker began", slowest, goal));
        }
        Fault {
            what: format!("kill -9 of worker {}", self.name),
            at: self.at,
            cost: format!(
                "{again} tasks began elsewhere, the last after {} (goal {})",
                seconds(slowest),
                seconds(goal)
            ),
            problems,
        }
    }
}

/// When the last attempt began, and on which worker.
fn last_attempt(result: &Value) -> Option<(u64, &str)> {
    let attempt = result["attempts"].as_array()?.last()?;
    Some((read(attempt["start_time"].as_str()?)?, attempt["worker"].as_str()?))
}

/// Kills the coordinator with the most runs, and waits until another answers for each of them.
#[track_caller]
pub(crate) fn kill_coordinator(fleet: &mut Fleet, runs: &[Run]) -> Fault {
    let conducted =
        |index: usize| fleet.coordinators[index].count("runner_runs_conducted").unwrap_or(0);
    let victim = (0..fleet.coordinators.len()).max_by_key(|&index| conducted(index)).unwrap();
    let had = conducted(victim);
    let at = now();
    let name = fleet.coordinators.remove(victim).name.clone();
    let mut orphans: Vec<&Run> = runs.iter().filter(|run| !is_conducted(fleet, run)).collect();
    let orphaned = orphans.len();
    let mut problems = Vec::new();
    let found = until(LONG, || {
        orphans.retain(|run| !is_conducted(fleet, run));
        orphans.is_empty()
    });
    let took = now() - at;
    if found.is_none() {
        problems.push(format!("{LONG:?} after {name} died, {} runs are alone", orphans.len()));
    }
    if orphaned == 0 {
        problems.push(format!("{name} died with {had} runs, and none was missing a coordinator"));
    }
    let goal = (LEASE_SECONDS + 2) * 1000;
    if took > goal {
        problems.push(late("the last run was taken over", took, goal));
    }
    let cost = format!(
        "{orphaned} runs taken over, the last after {} (goal {})",
        seconds(took),
        seconds(goal)
    );
    Fault { what: format!("kill -9 of coordinator {name}"), at, cost, problems }
}

/// Whether somebody answers for a run, or it has ended.
fn is_conducted(fleet: &Fleet, run: &Run) -> bool {
    let done = fleet.call(&["show", &run.id, "--json"]);
    done.code == Some(0) && !done.stderr.contains("nobody conducts this run now")
}

/// Kills the NATS server in the middle of these runs, starts it again, and waits for their ends.
#[track_caller]
pub(crate) fn restart_nats(fleet: &mut Fleet, runs: &[Run]) -> Fault {
    let before = handed_out_again(fleet);
    let at = now();
    fleet.nats.kill();
    leave(NATS_AWAY);
    fleet.nats.restart();
    let away = now() - at;
    let ready = until(LONG, || fleet.roles().all(tests::crew::Role::is_ready));
    let mut problems = Vec::new();
    if ready.is_none() {
        problems.push(format!("{LONG:?} after the NATS server was back, not all are connected"));
    }
    let connected = now() - at;
    problems.extend(ends::all(fleet, runs, LONG).err());
    let cost = format!(
        "away {}, all connected after {}, {} offers handed out again, {} runs ended after {}",
        seconds(away),
        seconds(connected),
        handed_out_again(fleet).saturating_sub(before),
        runs.len(),
        seconds(now() - at)
    );
    Fault { what: "kill -9 of nats-server".to_owned(), at, cost, problems }
}

/// Offers that reached a worker although one had them before.
fn handed_out_again(fleet: &Fleet) -> u64 {
    fleet.workers.iter().filter_map(|it| it.count("runner_redeliveries_total")).sum()
}

/// Kills the store while these runs end, starts it again, and waits for their ends.
#[track_caller]
pub(crate) fn restart_weed(fleet: &mut Fleet, runs: &[Run]) -> Fault {
    let at = now();
    fleet.weed.kill();
    leave(STORE_AWAY);
    let mut problems = Vec::new();
    let listed = fleet.call(&["ls", "--json"]).json();
    let states: Vec<_> = runs.iter().map(|run| ends::state(&listed, run)).collect();
    if states.iter().any(|state| state.as_deref().is_some_and(|state| state != "running")) {
        problems.push(format!("a run ended while nothing could be stored: {states:?}"));
    }
    fleet.weed.restart();
    let away = now() - at;
    problems.extend(ends::all(fleet, runs, LONG).err());
    let cost = format!(
        "away {}, {} runs ended {} after it was back",
        seconds(away),
        runs.len(),
        seconds((now() - at).saturating_sub(away))
    );
    Fault { what: "kill -9 of weed".to_owned(), at, cost, problems }
}

/// What work there is when each of the servers is killed.
#[track_caller]
pub(crate) fn load_before(fleet: &Fleet, name: &str, seconds: f64) -> Vec<Run> {
    let runs = load::sleeping(fleet, name, 3, seconds);
    let begun = until(LONG, || {
        let running = fleet.workers.iter().filter_map(|it| it.count("runner_tasks_running"));
        running.sum::<u64>() >= 3
    });
    assert!(begun.is_some(), "nothing of {name} runs after {LONG:?}");
    runs
}

fn late(what: &str, took: u64, goal: u64) -> String {
    format!("{what} after {}, which is more than {}", seconds(took), seconds(goal))
}
