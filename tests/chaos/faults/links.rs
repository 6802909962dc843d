//! What happens to the links to NATS: cut both ways or one, flapping, reset, slow, stalled in turn.

use std::time::Duration;

use tests::clock::{now, rest, until};

use super::workers::busy;
use super::{Fault, Heal, Part};
use crate::chance::Chance;
use crate::faults::coordinators::{busiest, see_taken};
use crate::proxy::Condition;
use crate::watch::begun_again;
use crate::world::{World, is_stopped};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "partition-worker",
        rows: &["F13"],
        part: Part::Worker,
        lasts: (5000, 8000),
        begin: cut_worker,
    },
    Fault {
        name: "partition-worker-in",
        rows: &["F13"],
        part: Part::Worker,
        lasts: (5000, 8000),
        begin: deafen_worker,
    },
    Fault {
        name: "partition-worker-out",
        rows: &["F13"],
        part: Part::Worker,
        lasts: (5000, 8000),
        begin: mute_worker,
    },
    Fault {
        name: "partition-worker-flaps",
        rows: &["F13"],
        part: Part::Worker,
        lasts: (0, 0),
        begin: flap_worker,
    },
    Fault {
        name: "link-reset",
        rows: &["F13"],
        part: Part::Worker,
        lasts: (1000, 2000),
        begin: reset,
    },
    Fault {
        name: "link-half-open",
        rows: &["F13"],
        part: Part::Worker,
        lasts: (5000, 8000),
        begin: half_open,
    },
    Fault {
        name: "partition-coordinators",
        rows: &["F14"],
        part: Part::Coordinator,
        lasts: (0, 0),
        begin: cut_coordinators,
    },
    Fault {
        name: "link-slow",
        rows: &["F17"],
        part: Part::Nats,
        lasts: (8000, 12_000),
        begin: slow,
    },
    Fault { name: "swizzle", rows: &["F18"], part: Part::Nats, lasts: (0, 500), begin: swizzle },
];

fn cut_worker(world: &mut World, chance: &mut Chance) -> Heal {
    one_worker(world, chance, Condition::CUT)
}

fn deafen_worker(world: &mut World, chance: &mut Chance) -> Heal {
    one_worker(world, chance, Condition { down_held: true, ..Condition::GOOD })
}

fn mute_worker(world: &mut World, chance: &mut Chance) -> Heal {
    one_worker(world, chance, Condition { up_held: true, ..Condition::GOOD })
}

fn half_open(world: &mut World, chance: &mut Chance) -> Heal {
    one_worker(world, chance, Condition { half_open: true, ..Condition::GOOD })
}

/// The worker lives, so it must itself stop what it runs before another begins the same.
fn one_worker(world: &mut World, chance: &mut Chance, condition: Condition) -> Heal {
    let (victim, tasks) = busy(world, chance);
    let at = now();
    let lost = lease_lost(world, victim);
    world.workers[victim].nats.set(condition);
    Box::new(move |world, seen| {
        let again = begun_again(world, &tasks, at);
        seen.effects_of(again.len() as u64, "tasks of a worker out of reach began elsewhere");
        seen.times("re-start delay", again);
        world.workers[victim].nats.set(Condition::GOOD);
        world.workers[victim].nats.reset();
        let healed = now();
        let back = until(Duration::from_secs(30), || world.workers[victim].role.is_ready());
        seen.must(back.is_some(), "a worker out of reach did not come back");
        seen.times("connected after heal", back.map(|_| now() - healed));
        let dropped = lease_lost(world, victim).saturating_sub(lost);
        seen.count("attempts dropped at the end of a lease", dropped);
        seen.effects_of(dropped, "attempts dropped at the end of their lease");
    })
}

fn lease_lost(world: &World, worker: usize) -> u64 {
    world.workers[worker].role.count("runner_lease_lost_total").unwrap_or(0)
}

/// Comes and goes every second.
fn flap_worker(world: &mut World, chance: &mut Chance) -> Heal {
    let (victim, tasks) = busy(world, chance);
    let (at, before) = (now(), world.workers[victim].nats.passed());
    for _ in 0..4 {
        world.workers[victim].nats.set(Condition::CUT);
        rest(Duration::from_secs(1));
        world.workers[victim].nats.set(Condition::GOOD);
        rest(Duration::from_secs(1));
    }
    Box::new(move |world, seen| {
        let passed = world.workers[victim].nats.passed() - before;
        if passed > 0 {
            seen.effect("four cuts of a second");
        }
        seen.count("false expiries while flapping", begun_again(world, &tasks, at).len() as u64);
    })
}

fn reset(world: &mut World, _: &mut Chance) -> Heal {
    let before: u64 = world.workers.iter().map(|worker| worker.nats.cut()).sum();
    world.workers.iter().for_each(|worker| worker.nats.reset());
    Box::new(move |world, seen| {
        let after: u64 = world.workers.iter().map(|worker| worker.nats.cut()).sum();
        seen.effects_of(after - before, "connections were reset");
    })
}

/// Each coordinator in turn, longer than its claims last.
fn cut_coordinators(world: &mut World, chance: &mut Chance) -> Heal {
    let mut lost = Vec::new();
    let fenced = world.coordinators_count("runner_fenced_total");
    for _ in 0..2 {
        let (victim, runs) = busiest(world, chance);
        lost.push((runs, now()));
        world.coordinators[victim].nats.set(Condition::CUT);
        rest(Duration::from_secs(5));
        world.coordinators[victim].nats.set(Condition::GOOD);
        if is_stopped() {
            break;
        }
    }
    Box::new(move |world, seen| {
        for (runs, at) in lost {
            see_taken(world, &runs, at, seen);
        }
        let left = world.coordinators_count("runner_fenced_total").saturating_sub(fenced);
        seen.count("runs left by the one who was cut", left);
        seen.effects_of(left, "runs left by a coordinator that was cut off");
    })
}

/// +200 ms give or take 100, 1 % lost, 1 Mbit/s, for everybody.
fn slow(world: &mut World, _: &mut Chance) -> Heal {
    let bad = Condition {
        delay_ms: 200,
        jitter_ms: 100,
        stalls: 1,
        bandwidth: 125_000,
        ..Condition::GOOD
    };
    let expired = world.workers_count("runner_lease_lost_total");
    world.members().for_each(|member| member.nats.set(bad));
    let at = now();
    Box::new(move |world, seen| {
        let begun: Vec<u64> = world.tries().iter().map(|it| it.began).collect();
        let lasted = now() - at;
        let during = begun.iter().filter(|&&began| began > at).count();
        let before = begun.iter().filter(|&&began| began + lasted > at && began <= at).count();
        world.members().for_each(|member| member.nats.set(Condition::GOOD));
        seen.effect(format!("{during} tasks began in {lasted} ms, {before} in as long before"));
        seen.count("tasks begun slow", during as u64);
        seen.count("tasks begun as long before", before as u64);
        let expired = world.workers_count("runner_lease_lost_total").saturating_sub(expired);
        seen.count("false expiries", expired);
        seen.must(during > 0, "nothing began over slow links");
    })
}

/// Every link stalls, one after the other, and they heal in another order.
fn swizzle(world: &mut World, chance: &mut Chance) -> Heal {
    let count = world.members().count();
    let mut order: Vec<usize> = (0..count).collect();
    chance.shuffle(&mut order);
    for &index in &order {
        if let Some(member) = world.members().nth(index) {
            member.nats.set(Condition::CUT);
        }
        rest(Duration::from_millis(chance.between(100, 500)));
    }
    let stalled = now();
    chance.shuffle(&mut order);
    for &index in &order {
        if let Some(member) = world.members().nth(index) {
            member.nats.set(Condition::GOOD);
        }
        rest(Duration::from_millis(chance.between(100, 500)));
    }
    Box::new(move |world, seen| {
        let healed = now();
        let mut next = None;
        let _ = until(Duration::from_secs(30), || {
            next = world.tries().iter().map(|it| it.began).find(|&began| began > healed);
            next.is_some() || is_stopped()
        });
        seen.effect(format!("{count} links stalled, all of them for {} ms", healed - stalled));
        seen.times("heal to next task", next.map(|next| next - healed));
    })
}
