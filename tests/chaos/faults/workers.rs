//! What happens to workers: killed, frozen, told to go.

use std::time::Duration;

use tests::clock::{now, rest, until};

use super::{Fault, Heal, Part};
use crate::chance::Chance;
use crate::ledger::Try;
use crate::watch::{begun_again, running};
use crate::world::{LEASE_SECONDS, LONG, World};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "worker-kill",
        rows: &["F1", "F39"],
        part: Part::Worker,
        lasts: (500, 2500),
        begin: kill,
    },
    Fault {
        name: "worker-stop",
        rows: &["F7"],
        part: Part::Worker,
        lasts: (5000, 7000),
        begin: stop,
    },
    Fault {
        name: "worker-stop-kill",
        rows: &["F8"],
        part: Part::Worker,
        lasts: (1000, 2000),
        begin: stop_kill,
    },
    Fault {
        name: "worker-term",
        rows: &["F11"],
        part: Part::Worker,
        lasts: (100, 500),
        begin: terminate,
    },
    Fault {
        name: "worker-storm",
        rows: &["F39"],
        part: Part::Worker,
        lasts: (4000, 6000),
        begin: storm,
    },
];

/// A worker that runs something, and what; any worker when nobody does for long.
pub(super) fn busy(world: &World, chance: &mut Chance) -> (usize, Vec<Try>) {
    let mut found = (chance.place(world.workers.len()), Vec::new());
    let _ = until(Duration::from_secs(8), || {
        let workers = world.workers.iter().enumerate();
        let busiest = workers
            .map(|(index, worker)| (index, running(world, worker.role.pid())))
            .max_by_key(|(_, tries)| tries.len());
        found = busiest.unwrap_or_else(|| found.clone());
        !found.1.is_empty()
    });
    found
}

fn kill(world: &mut World, chance: &mut Chance) -> Heal {
    let (victim, tasks) = busy(world, chance);
    world.give_up(victim);
    let at = now();
    world.workers[victim].role.kill();
    Box::new(move |world, seen| {
        let mut again = Vec::new();
        let tasks = unfinished(world, tasks);
        let _ = until(Duration::from_secs(15), || {
            again = begun_again(world, &tasks, at);
            again.len() == tasks.len()
        });
        world.workers[victim].restart();
        seen.effects_of(again.len() as u64, "tasks of a dead worker began elsewhere");
        seen.count("tasks begun elsewhere", again.len() as u64);
        seen.times("re-start delay", again);
    })
}

/// Without those whose worker lived to see their end.
fn unfinished(world: &World, mut tasks: Vec<Try>) -> Vec<Try> {
    let tries = world.tries();
    tasks.retain(|task| {
        let own = tries.iter().find(|it| it.first == task.first);
        own.is_none_or(|it| it.end.is_none() || it.orphaned.is_some())
    });
    tasks
}

/// Longer than its lease, so that another has what it held when it goes on.
fn stop(world: &mut World, chance: &mut Chance) -> Heal {
    let (victim, tasks) = busy(world, chance);
    let before = zombie_counts(world, victim);
    world.give_up(victim);
    let at = now();
    world.workers[victim].role.pause();
    Box::new(move |world, seen| {
        let again = begun_again(world, &tasks, at);
        seen.effects_of(again.len() as u64, "tasks of a frozen worker began elsewhere");
        seen.times("re-start delay", again);
        let thawed = now();
        world.workers[victim].role.resume();
        let mut gone = 0;
        let pids: Vec<u32> = tasks.iter().map(|task| task.pid).collect();
        let ended = until(Duration::from_secs(10), || {
            gone = now() - thawed;
            pids.iter().all(|&pid| !is_alive(pid))
        });
        seen.must(ended.is_some(), "programs of a thawed worker go on");
        seen.times("zombie program gone after thaw", (!pids.is_empty()).then_some(gone));
        // It looks at what it holds when it wakes.
        rest(Duration::from_secs(1));
        let after = zombie_counts(world, victim);
        let stale = after.saturating_sub(before);
        seen.count("stale attempts dropped", stale);
        seen.effects_of(stale, "attempts dropped by the worker that was frozen");
        let twice = tasks.iter().filter(|task| ended_after(world, task, at)).count();
        seen.count("zombie side effects", twice as u64);
    })
}

fn zombie_counts(world: &World, worker: usize) -> u64 {
    let role = &world.workers[worker].role;
    let names = ["runner_lease_lost_total", "runner_verdicts_refused_total"];
    names.iter().filter_map(|name| role.count(name)).sum()
}

/// Whether the process of a try came to its end after a moment although another had its place.
fn ended_after(world: &World, task: &Try, at: u64) -> bool {
    let tries = world.tries();
    let own = tries.iter().find(|it| it.first == task.first);
    own.is_some_and(|it| it.end.is_some() && it.heard > at)
        && tries
            .iter()
            .any(|it| it.run == task.run && it.task == task.task && it.first > task.first)
}

/// Whether there is a process of this id that is no zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The one who has it freezes, the next one dies: a third must get it all the same.
fn stop_kill(world: &mut World, chance: &mut Chance) -> Heal {
    let (first, tasks) = busy(world, chance);
    world.give_up(first);
    world.workers[first].role.pause();
    let frozen = now();
    let mut second = None;
    let _ = until(Duration::from_secs(3 * LEASE_SECONDS), || {
        second = next_holder(world, &tasks, first);
        second.is_some()
    });
    let mut killed = frozen;
    if let Some((victim, _)) = &second {
        world.give_up(*victim);
        killed = now();
        world.workers[*victim].role.kill();
    }
    // It goes on and speaks of what it held, while nobody has it.
    world.workers[first].role.resume();
    Box::new(move |world, seen| {
        let Some((victim, task)) = second else { return };
        let mut again = Vec::new();
        let _ = until(LONG, || {
            again = begun_again(world, std::slice::from_ref(&task), killed);
            !again.is_empty()
        });
        world.workers[victim].restart();
        seen.must(!again.is_empty(), format!("{} {} never began again", task.run, task.task));
        seen.effects_of(again.len() as u64, "tasks that two workers lost began at a third");
        seen.times("third start delay", again);
    })
}

/// Who has one of these tasks now, and its try.
fn next_holder(world: &World, tasks: &[Try], but: usize) -> Option<(usize, Try)> {
    let mut others = (0..world.workers.len()).filter(|&index| index != but);
    others.find_map(|index| {
        let running = running(world, world.workers[index].role.pid());
        let mut ours = running
            .into_iter()
            .filter(|it| tasks.iter().any(|task| task.run == it.run && task.task == it.task));
        ours.next().map(|task| (index, task))
    })
}

fn terminate(world: &mut World, chance: &mut Chance) -> Heal {
    let (victim, tasks) = busy(world, chance);
    let at = now();
    world.workers[victim].role.tell_to_end();
    Box::new(move |world, seen| {
        let role = &mut world.workers[victim].role;
        let mut code = None;
        let took = until(LONG, || {
            code = role.exit_code();
            role.has_ended()
        });
        seen.must(took.is_some() && code == Some(0), format!("told to go, it left with {code:?}"));
        let before: Vec<String> = tasks.iter().map(|task| format!("{}", task.pid)).collect();
        world.workers[victim].restart();
        let tries = world.tries();
        let done = |task: &&Try| tries.iter().any(|it| it.first == task.first && it.end.is_some());
        let finished = tasks.iter().filter(done).count();
        seen.effects_of(finished as u64, "tasks finished by a worker that was told to go");
        seen.count("crashes counted", (before.len() - finished) as u64);
        seen.times("worker drained", took.map(|_| now() - at));
    })
}

/// Half of the workers die at any moment and come back.
fn storm(world: &mut World, chance: &mut Chance) -> Heal {
    let mut killed = Vec::new();
    for _ in 0..world.workers.len() / 2 + 1 {
        let victim = chance.place(world.workers.len());
        let tasks = running(world, world.workers[victim].role.pid());
        world.give_up(victim);
        killed.push((tasks, now()));
        world.workers[victim].restart();
        rest(Duration::from_millis(chance.between(50, 600)));
    }
    Box::new(move |world, seen| {
        let deaths = killed.len();
        for (tasks, at) in killed {
            let mut again = Vec::new();
            let tasks = unfinished(world, tasks);
            let _ = until(Duration::from_secs(12), || {
                again = begun_again(world, &tasks, at);
                again.len() == tasks.len()
            });
            seen.effects_of(again.len() as u64, "tasks of dead workers began elsewhere");
            seen.times("re-start delay", again);
        }
        seen.count("workers killed", deaths as u64);
    })
}
