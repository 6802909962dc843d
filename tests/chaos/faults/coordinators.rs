//! What happens to coordinators: killed, frozen, told to go, one after the other.

use std::time::Duration;

use tests::clock::{now, rest, until};

use super::{Fault, Heal, Part, Seen};
use crate::bucket;
use crate::chance::Chance;
use crate::watch::{held, taken_over, unseen, words};
use crate::world::{LEASE_SECONDS, LONG, World, is_stopped};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "coordinator-kill",
        rows: &["F2", "F39"],
        part: Part::Coordinator,
        lasts: (500, 2000),
        begin: kill,
    },
    Fault {
        name: "coordinator-stop",
        rows: &["F9"],
        part: Part::Coordinator,
        lasts: (5000, 7000),
        begin: stop,
    },
    Fault {
        name: "coordinator-term",
        rows: &["F12"],
        part: Part::Coordinator,
        lasts: (100, 500),
        begin: terminate,
    },
    Fault {
        name: "coordinator-storm",
        rows: &["F39"],
        part: Part::Coordinator,
        lasts: (2000, 4000),
        begin: storm,
    },
];

/// The coordinator with the most runs, and which.
pub(super) fn busiest(world: &World, chance: &mut Chance) -> (usize, Vec<String>) {
    let mut found = (chance.place(world.coordinators.len()), Vec::new());
    let _ = until(Duration::from_secs(8), || {
        let words = words(world);
        let all = world.coordinators.iter().enumerate();
        let most = all
            .map(|(index, member)| (index, held(&words, &member.role.name, now())))
            .max_by_key(|(_, runs)| runs.len());
        found = most.unwrap_or_else(|| found.clone());
        !found.1.is_empty()
    });
    found
}

/// After how long a run that nobody took is looked for in the bucket, milliseconds: three leases.
const LATE: u64 = 3 * LEASE_SECONDS * 1000;

/// Waits until somebody has each of these runs again, or it has ended: whoever was killed right after
/// the end of a run left no word of it but its LAST.
pub(super) fn see_taken(world: &World, runs: &[String], at: u64, seen: &mut Seen) {
    let mut delays = Vec::new();
    let _ = until(LONG, || {
        let words = words(world);
        delays = taken_over(&words, runs, at);
        let open = unseen(&words, runs, at);
        open.is_empty() || is_stopped() || (now() > at + LATE && have_ended(world, &open))
    });
    seen.effects_of(delays.len() as u64, "runs taken over");
    seen.count("runs taken over", delays.len() as u64);
    seen.times("takeover", delays);
}

/// Whether each of these runs has a LAST.
fn have_ended(world: &World, runs: &[&str]) -> bool {
    let lasts = bucket::lasts(world.weed.filer_port()).unwrap_or_default();
    runs.iter().all(|run| lasts.iter().any(|last| last.run() == Some(run)))
}

/// Tasks that ran although a living worker had them: what a coordinator alone may never cause.
fn tries_of(world: &World, runs: &[String]) -> usize {
    let submitted = world.client.submissions();
    let keys: Vec<&str> =
        submitted.iter().filter(|it| runs.contains(&it.run)).map(|it| it.key.as_str()).collect();
    let tries = world.tries();
    let mine = tries.iter().filter(|it| keys.contains(&it.run.as_str()));
    let mut tasks: Vec<(&str, &str)> = mine.map(|it| (it.run.as_str(), it.task.as_str())).collect();
    let all = tasks.len();
    tasks.sort_unstable();
    tasks.dedup();
    all - tasks.len()
}

fn kill(world: &mut World, chance: &mut Chance) -> Heal {
    let (victim, runs) = busiest(world, chance);
    let again = tries_of(world, &runs);
    let at = now();
    world.coordinators[victim].role.kill();
    Box::new(move |world, seen| {
        see_taken(world, &runs, at, seen);
        seen.count("tasks re-executed", (tries_of(world, &runs) - again) as u64);
        world.coordinators[victim].restart();
    })
}

fn stop(world: &mut World, chance: &mut Chance) -> Heal {
    let (victim, runs) = busiest(world, chance);
    let before = fenced(world, victim);
    let at = now();
    world.coordinators[victim].role.pause();
    Box::new(move |world, seen| {
        see_taken(world, &runs, at, seen);
        world.coordinators[victim].role.resume();
        let mut left = 0;
        let _ = until(Duration::from_secs(10), || {
            left = fenced(world, victim).saturating_sub(before);
            left > 0
        });
        seen.count("runs left by the one who was frozen", left);
        seen.effects_of(left, "runs left by a coordinator that was frozen");
    })
}

fn fenced(world: &World, coordinator: usize) -> u64 {
    world.coordinators[coordinator].role.count("runner_fenced_total").unwrap_or(0)
}

fn terminate(world: &mut World, chance: &mut Chance) -> Heal {
    let (victim, _) = busiest(world, chance);
    let at = now();
    world.coordinators[victim].role.tell_to_end();
    Box::new(move |world, seen| {
        let role = &mut world.coordinators[victim].role;
        let mut code = None;
        let took = until(LONG, || {
            code = role.exit_code();
            role.has_ended()
        });
        seen.must(took.is_some() && code == Some(0), format!("told to go, it left with {code:?}"));
        let handed = words_said(&role.log(), "run handed to another coordinator");
        seen.effect("it ended by itself");
        seen.count("runs handed over so far", handed);
        seen.times("coordinator drained", took.map(|_| now() - at));
        world.coordinators[victim].restart();
    })
}

fn words_said(log: &str, what: &str) -> u64 {
    log.lines().filter(|line| line.contains(what)).count() as u64
}

/// All of them die and come back, at any moment.
fn storm(world: &mut World, chance: &mut Chance) -> Heal {
    let mut killed = Vec::new();
    for _ in 0..2 * world.coordinators.len() {
        let victim = chance.place(world.coordinators.len());
        let name = world.coordinators[victim].role.name.clone();
        killed.push((held(&words(world), &name, now()), now()));
        world.coordinators[victim].restart();
        rest(Duration::from_millis(chance.between(50, 1200)));
    }
    Box::new(move |world, seen| {
        seen.count("coordinators killed", killed.len() as u64);
        for (runs, at) in killed {
            see_taken(world, &runs, at, seen);
        }
    })
}
