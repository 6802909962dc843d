//! What happens to whoever submits: killed at any moment, before and after the fleet has heard.

use std::time::Duration;

use tests::clock::until;

use super::{Fault, Heal, Part};
use crate::chance::Chance;
use crate::load::tasks;
use crate::proxy::{Condition, Link};
use crate::world::{LONG, World, url};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "client-kill",
        rows: &["F3", "F6"],
        part: Part::Client,
        lasts: (0, 0),
        begin: kill,
    },
    Fault { name: "client-cut", rows: &["F16"], part: Part::Client, lasts: (0, 0), begin: cut },
];

/// Submits, is killed on the way, and submits the same once more under its key.
fn kill(world: &mut World, chance: &mut Chance) -> Heal {
    let mut keys = Vec::new();
    for number in 0..4 {
        let key = format!("killed-{:x}-{number}", chance.below(1 << 40));
        let tasks = tasks(chance);
        let path = world.client.write(&key, &tasks).display().to_string();
        let patience = Duration::from_millis(chance.between(5, 250));
        let words = ["submit", &path, "--key", &key, "--wait", "--progress", "quiet"];
        let killed = world.client.program.call_within(patience, &words).is_none();
        keys.push((key, path, tasks, killed));
    }
    Box::new(move |world, seen| {
        for (key, path, tasks, killed) in keys {
            // The file again, by somebody who does not know what became of the first time.
            let words = ["submit", &path, "--key", &key, "--json"];
            let mut told = None;
            let _ = until(LONG, || {
                let done = world.client.program.call_within(LONG, &words);
                told = done.filter(|done| done.code == Some(0)).map(|done| done.json());
                told.is_some()
            });
            let already = told.is_some_and(|told| told["submitted"] == "already");
            let known = world.client.submit_file(&path, &key, tasks);
            seen.must(known.is_some(), format!("{key} was never taken"));
            if killed {
                let what = if already { "after" } else { "before" };
                seen.effect(format!("killed {what} the fleet had heard"));
                seen.count(
                    if already { "killed after acceptance" } else { "killed before acceptance" },
                    1,
                );
            }
        }
    })
}

/// Submits over a link that is cut in the middle of an answer, and once more under its key.
fn cut(world: &mut World, chance: &mut Chance) -> Heal {
    let link = Link::open(&world.ground.runtime, world.nats.port());
    let program = world.client.program.with(&[("RUNNER_NATS_URL", &url("client", link.port()))]);
    let mut keys = Vec::new();
    for number in 0..3 {
        // Its greeting has about 500 bytes.
        let cut_after = chance.between(500, 1500);
        link.set(Condition { cut_after, ..Condition::GOOD });
        let key = format!("cut-{:x}-{number}", chance.below(1 << 40));
        let tasks = tasks(chance);
        let path = world.client.write(&key, &tasks).display().to_string();
        let words = ["submit", &path, "--key", &key, "--json"];
        let done = program.call_within(Duration::from_secs(8), &words);
        let heard = done.is_some_and(|done| done.code == Some(0));
        keys.push((key, path, tasks, heard));
    }
    Box::new(move |world, seen| {
        for (key, path, tasks, heard) in keys {
            let known = world.client.submit_file(&path, &key, tasks);
            seen.must(known.is_some(), format!("{key} was never taken"));
            seen.count(if heard { "heard all the same" } else { "cut off" }, 1);
        }
        seen.effects_of(link.cut(), "connections were cut in an answer");
    })
}
