//! What tasks do to their workers: they hang, and they kill.

use std::time::Duration;

use tests::clock::{rest, until};

use super::workers::is_alive;
use super::{Fault, Heal, Part};
use crate::bucket;
use crate::chance::Chance;
use crate::ledger;
use crate::load::{Mode, lasting};
use crate::world::{World, is_stopped};

pub(super) const FAULTS: &[Fault] = &[
    Fault { name: "task-hang", rows: &["F35"], part: Part::Client, lasts: (0, 100), begin: hang },
    Fault {
        name: "task-poison",
        rows: &["F37"],
        part: Part::Worker,
        lasts: (0, 100),
        begin: poison,
    },
];

/// How long the ends of these may take: three leases and three back-offs, on a busy machine.
const END: Duration = Duration::from_secs(60);

fn has_ended(world: &World, key: &str) -> bool {
    let lasts = bucket::lasts(world.weed.filer_port()).unwrap_or_default();
    lasts.iter().any(|last| last.key.contains(&format!("/{key}/"))) || is_stopped()
}

fn hang(world: &mut World, chance: &mut Chance) -> Heal {
    let key = format!("hang-{:x}", chance.below(1 << 40));
    let _ = world.client.submit(&key, vec![lasting("a", 1, Mode::Hang)]);
    Box::new(move |world, seen| {
        let ended = until(END, || has_ended(world, &key));
        seen.must(ended.is_some(), "a run with a task that hangs has no LAST");
        let lines = ledger::read(&world.client.marker.ledger);
        let own: Vec<_> = lines.iter().filter(|line| line.run == key).collect();
        let told = own.iter().find(|line| line.word == "told").map(|line| line.at);
        let heard = own.iter().map(|line| line.at).max();
        let children = own.iter().filter_map(|line| line.word.strip_prefix("child=")?.parse().ok());
        let mut all: Vec<u32> = own.iter().map(|line| line.pid).chain(children).collect();
        all.dedup();
        let gone = until(Duration::from_secs(10), || all.iter().all(|&pid| !is_alive(pid)));
        let orphans = all.iter().filter(|&&pid| is_alive(pid)).count() as u64;
        seen.must(gone.is_some(), format!("{orphans} processes of a task that hangs go on"));
        seen.count("orphans", orphans);
        if let (Some(told), Some(heard)) = (told, heard) {
            seen.effect("it was told to end, and did not");
            seen.times("told to killed", [heard - told]);
        }
    })
}

/// One task that kills whoever runs it, and eight that do no harm.
fn poison(world: &mut World, chance: &mut Chance) -> Heal {
    let key = format!("poison-{:x}", chance.below(1 << 40));
    let mut tasks = vec![lasting("poison", 1, Mode::Kill)];
    tasks.extend((0..8).map(|number| lasting(format!("n{number}"), 1500, Mode::Ok)));
    let _ = world.client.submit(&key, tasks);
    Box::new(move |world, seen| {
        let mut lost = 0;
        let ended = until(END, || {
            let dead: Vec<usize> = (0..world.workers.len())
                .filter(|&index| world.workers[index].role.has_ended())
                .collect();
            for index in dead {
                lost += 1;
                world.give_up(index);
                world.workers[index].restart();
            }
            rest(Duration::from_millis(100));
            has_ended(world, &key)
        });
        seen.must(ended.is_some(), "a run with a task that kills has no LAST");
        let tries = world.tries();
        let killed = tries.iter().filter(|it| it.run == key && it.task == "poison").count() as u64;
        seen.must(killed <= 3, format!("{killed} workers died of one task"));
        seen.effects_of(killed, "workers died of one task");
        seen.count("workers lost", killed);
        seen.count("workers started again", lost);
    })
}
