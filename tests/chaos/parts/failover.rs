//! A coordinator dies with a large run in flight; the next one goes on with it.

use tests::clock::{now, until};
use tests::servers::Weed;

use super::Apart;
use crate::bucket;
use crate::faults::Seen;
use crate::watch::{held, taken_over, words};
use crate::world::{Ground, LONG, Size, World, is_stopped, start_nats};

pub(super) const APART: Apart = Apart { name: "failover-large", rows: &["F38"], play };

fn play(ground: &Ground, seen: &mut Seen) {
    let total = ground.tasks;
    let size = Size { coordinators: 2, workers: 2, slots: 32 };
    let mut world = World::new(ground.clone(), size, start_nats("store"), Weed::start());
    let file = world.client.program.place("large.alt.json").display().to_string();
    let tasks = total.to_string();
    let made = ["gen", "--shape", "fan", "--tasks", &tasks, "-o", &file];
    let _ = world.client.program.call(&made).code(0);
    let done = world.client.program.call(&["submit", &file, "--json"]).code(0).json();
    let run = done["run"].as_str().unwrap().to_owned();
    let part = until(8 * LONG, || {
        world.coordinators_count("runner_verdicts_heard_total") > total / 5 || is_stopped()
    });
    seen.must(part.is_some(), "a large run does not get under way");
    let words_now = words(&world);
    let owner = world
        .coordinators
        .iter()
        .position(|member| held(&words_now, &member.role.name, now()).contains(&run));
    let Some(owner) = owner else {
        seen.problem("nobody holds the large run");
        return;
    };
    let at = now();
    world.coordinators[owner].role.kill();
    let next = 1 - owner;
    let mut delays = Vec::new();
    let _ = until(LONG, || {
        delays = taken_over(&words(&world), std::slice::from_ref(&run), at);
        !delays.is_empty() || is_stopped()
    });
    seen.times("takeover", delays.clone());
    let heard = |world: &World| {
        world.coordinators[next].role.count("runner_verdicts_heard_total").unwrap_or(0)
    };
    let told = until(LONG, || heard(&world) > 0);
    seen.times("kill to first verdict heard again", told.map(|_| now() - at));
    let mut last = None;
    let patience = LONG * u32::try_from(total / 2_000).unwrap().max(4);
    let ended = until(patience, || {
        let lasts = bucket::lasts(world.weed.filer_port()).unwrap_or_default();
        last = lasts.into_iter().find(|last| last.key.contains(&run));
        last.is_some() || is_stopped()
    });
    seen.must(ended.is_some(), "the large run has no LAST");
    seen.times("kill to LAST", ended.map(|_| now() - at));
    seen.count("most memory of the next one MiB", peak(world.coordinators[next].role.pid()));
    if let Some(last) = last {
        let results = last.body["task_results"].as_object();
        let all = results.map_or(0, serde_json::Map::len) as u64;
        let good = results.into_iter().flatten().filter(|(_, result)| {
            let once = result["attempts"].as_array().is_some_and(|it| it.len() == 1);
            once && result["status"] == "completed"
        });
        let good = good.count() as u64;
        seen.must(all == total && good == total, format!("{good} of {all} tasks completed once"));
        seen.count("tasks in the run", all);
        seen.must(last.body["status"] == "success", "the large run is no success");
    }
    let repeated = world.workers_count("runner_redeliveries_total");
    seen.count("re-executed", repeated);
    seen.effects_of(delays.len() as u64, "large run taken over");
    world.panics().into_iter().for_each(|panic| seen.problem(panic));
}

/// The most memory a process ever had, MiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
