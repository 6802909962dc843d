//! What happens to whoever submits: killed at any moment, before and after the fleet has heard.

use std::time::Duration;

use tests::clock::until;

use super::{Fault, Heal, Part};
use crate::chance::Chance;
use crate::load::tasks;
use crate::world::{LONG, World};

pub(super) const FAULTS: &[Fault] = &[Fault {
    name: "client-kill",
    rows: &["F3", "F6"],
    part: Part::Client,
    lasts: (0, 0),
    begin: kill,
}];

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
