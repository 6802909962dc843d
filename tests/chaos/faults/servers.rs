//! What happens to the two servers: killed, frozen, told to go, again and again.

use std::time::Duration;

use tests::clock::{now, rest, until};

use super::{Fault, Heal, Part, Seen};
use crate::bucket;
use crate::chance::Chance;
use crate::ledger::Try;
use crate::world::{LONG, World, is_stopped};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "nats-kill",
        rows: &["F4"],
        part: Part::Nats,
        lasts: (500, 3000),
        begin: kill_nats,
    },
    Fault {
        name: "nats-term",
        rows: &["F4"],
        part: Part::Nats,
        lasts: (500, 1500),
        begin: end_nats,
    },
    Fault {
        name: "nats-stop",
        rows: &["F10"],
        part: Part::Nats,
        lasts: (6000, 10_000),
        begin: stop_nats,
    },
    Fault { name: "nats-loop", rows: &["F19"], part: Part::Nats, lasts: (0, 0), begin: loop_nats },
    Fault {
        name: "s3-kill",
        rows: &["F5"],
        part: Part::Bucket,
        lasts: (1000, 4000),
        begin: kill_bucket,
    },
    Fault {
        name: "s3-stop",
        rows: &["F10"],
        part: Part::Bucket,
        lasts: (6000, 10_000),
        begin: stop_bucket,
    },
];

/// Tries that a living worker has, and that no outage may repeat.
fn under_way(world: &World) -> Vec<Try> {
    let alive: Vec<u32> = world.workers.iter().map(|worker| worker.role.pid()).collect();
    let now = now();
    let tries = world.tries().into_iter();
    tries
        .filter(|it| it.end.is_none() && alive.contains(&it.worker) && it.heard + 1000 > now)
        .collect()
}

/// How many of these ran once more although their worker lived.
fn repeated(world: &World, tries: &[Try]) -> u64 {
    let all = world.tries();
    // A worker that died meanwhile is another fault.
    let alive: Vec<u32> = world.workers.iter().map(|worker| worker.role.pid()).collect();
    let helpless = |task: &Try| {
        !alive.contains(&task.worker) || world.helpless.iter().any(|it| it.worker == task.worker)
    };
    let again = tries.iter().filter(|task| {
        !helpless(task)
            && all
                .iter()
                .any(|it| it.run == task.run && it.task == task.task && it.first > task.first)
    });
    again.count() as u64
}

/// How long until a task begins that had not begun before, milliseconds.
fn works_again(world: &World, since: u64) -> Option<u64> {
    let mut first = None;
    let _ = until(LONG, || {
        first = world.tries().iter().map(|it| it.began).filter(|&began| began > since).min();
        first.is_some() || is_stopped()
    });
    first.map(|first| first - since)
}

fn see_back(world: &mut World, away: &[Try], back: u64, seen: &mut Seen) {
    // Another fault may keep somebody away for longer, so that is no problem of this one.
    let soon = Duration::from_secs(8);
    let ready = until(soon, || world.members().all(|member| member.role.is_ready()));
    seen.times("outage to all connected", ready.map(|_| now() - back));
    seen.times("outage to next task", works_again(world, back));
    seen.count("re-executed", repeated(world, away));
}

fn kill_nats(world: &mut World, _: &mut Chance) -> Heal {
    away(world, |world| world.nats.kill())
}

fn end_nats(world: &mut World, _: &mut Chance) -> Heal {
    away(world, |world| world.nats.terminate())
}

fn away(world: &mut World, end: impl FnOnce(&mut World)) -> Heal {
    let under_way = under_way(world);
    end(world);
    Box::new(move |world, seen| {
        let lost = world.members().filter(|member| !member.role.is_ready()).count();
        seen.effects_of(lost as u64, "roles said that they were not ready");
        world.nats.restart();
        see_back(world, &under_way, now(), seen);
    })
}

fn stop_nats(world: &mut World, _: &mut Chance) -> Heal {
    let under_way = under_way(world);
    let begun = world.tries().len();
    world.nats.pause();
    Box::new(move |world, seen| {
        let later = world.tries().len();
        world.nats.resume();
        if later <= begun + 8 {
            seen.effect("next to nothing began while it was frozen");
        }
        see_back(world, &under_way, now(), seen);
    })
}

/// Every few seconds, which is hardly time to come back.
fn loop_nats(world: &mut World, chance: &mut Chance) -> Heal {
    let (begun, before) = (now(), world.tries().len());
    let times = chance.between(4, 6);
    for _ in 0..times {
        world.nats.kill();
        rest(Duration::from_millis(chance.between(100, 400)));
        world.nats.restart();
        rest(Duration::from_secs(5));
        if is_stopped() {
            break;
        }
    }
    let (during, took) = (world.tries().len() - before, now() - begun);
    Box::new(move |world, seen| {
        seen.effect(format!("{times} restarts, {during} tasks began meanwhile"));
        seen.must(during > 0, "no task began while the server was restarted again and again");
        seen.count("tasks begun between restarts", during as u64);
        seen.count("seconds of restarts", took / 1000);
        see_back(world, &[], now(), seen);
    })
}

fn kill_bucket(world: &mut World, _: &mut Chance) -> Heal {
    let before = world.coordinators_count("runner_store_retries_total");
    world.weed.kill();
    Box::new(move |world, seen| {
        let retries = world.coordinators_count("runner_store_retries_total")
            - before.min(world.coordinators_count("runner_store_retries_total"));
        world.weed.restart();
        see_last(world, now(), retries, seen);
    })
}

fn stop_bucket(world: &mut World, _: &mut Chance) -> Heal {
    let (seen_before, _) = lasts_and_puts(world);
    world.weed.pause();
    Box::new(move |world, seen| {
        world.weed.resume();
        let at = now();
        let mut more = 0;
        let _ = until(LONG, || {
            more = lasts_and_puts(world).0.saturating_sub(seen_before);
            more > 0 || is_stopped()
        });
        seen.effects_of(more as u64, "LASTs waited for the bucket");
        seen.times("LAST after heal", (more > 0).then(|| now() - at));
    })
}

/// How many LASTs the bucket holds, and how many were sent to it.
fn lasts_and_puts(world: &World) -> (usize, usize) {
    let there = bucket::lasts(world.weed.filer_port()).map_or(0, |lasts| lasts.len());
    let sent =
        world.coordinators.iter().flat_map(|it| &it.bucket).map(|(http, _)| http.sent().len());
    (there, sent.sum())
}

/// Waits for the first LAST after the bucket is back.
pub(super) fn see_last(world: &World, back: u64, retries: u64, seen: &mut Seen) {
    let before = lasts_and_puts(world).0;
    let mut more = 0;
    let _ = until(LONG, || {
        more = lasts_and_puts(world).0.saturating_sub(before);
        more > 0 || is_stopped()
    });
    seen.effects_of(retries, "results were kept and tried again");
    seen.count("tries to store again", retries);
    seen.times("LAST after heal", (more > 0).then(|| now() - back));
}
