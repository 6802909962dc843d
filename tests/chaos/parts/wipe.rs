//! The NATS server comes back with nothing: nobody may go on as if all were well.

use std::time::Duration;

use tests::clock::{now, until};
use tests::servers::Weed;

use super::Apart;
use crate::bucket;
use crate::faults::Seen;
use crate::load::{Mode, lasting};
use crate::play::judge;
use crate::world::{Ground, LONG, Size, World, is_stopped, start_nats, url};

pub(super) const APART: Apart = Apart { name: "nats-wipe", rows: &["F20"], play };

/// What roles may say of streams that are gone.
const WORDS: [&str; 5] =
    ["doctor --fix", "stream not found", "no stream", "is missing", "consumer not found"];

fn play(ground: &Ground, seen: &mut Seen) {
    std::fs::create_dir_all(&ground.folder).unwrap();
    let store = ground.folder.join("store");
    let nats = start_nats(&store.display().to_string());
    let size = Size { coordinators: 1, workers: 2, slots: 4 };
    let mut world = World::new(ground.clone(), size, nats, Weed::start());
    world.client.submit("before", vec![lasting("a", 100, Mode::Ok)]);
    let ended = until(LONG, || ends(&world, "before") || is_stopped());
    seen.must(ended.is_some(), "the run before the loss has no LAST");
    let path = world.client.write("during", &[lasting("a", 3000, Mode::Ok)]).display().to_string();
    let words = ["submit", &path, "--key", "during", "--json"];
    let _ = world.client.program.call(&words).code(0);
    world.nats.kill();
    std::fs::remove_dir_all(&store).unwrap();
    let marks: Vec<usize> = world.members().map(|member| member.role.log().len()).collect();
    world.nats.restart();
    let at = now();
    let mut said = Vec::new();
    let heard = until(LONG, || {
        said = world
            .members()
            .zip(&marks)
            .filter_map(|(member, &mark)| {
                let log = member.role.log();
                let word = WORDS
                    .iter()
                    .find(|word| log.get(mark..).is_some_and(|log| log.contains(**word)));
                word.map(|word| format!("{}: {word}", member.role.name))
            })
            .collect();
        !said.is_empty() || is_stopped()
    });
    seen.must(heard.is_some(), "nobody says that the streams are gone");
    seen.times("time to say so", heard.map(|_| now() - at));
    let refused = world.client.program.call_within(LONG, &words);
    let accepted = refused.is_some_and(|done| done.code == Some(0));
    seen.must(!accepted, "a submission was accepted by a server without streams");
    seen.must(ends(&world, "before"), "the LAST of a run that had ended is gone");
    // An operator accepts the loss, and the client submits what it has no LAST of.
    let operator = url("operator", world.nats.port());
    let operator = world.client.program.with(&[("RUNNER_NATS_URL", &operator)]);
    let fixed = operator.call(&["doctor", "--fix"]);
    seen.must(fixed.code == Some(0), format!("doctor --fix: {}", fixed.stdout));
    let mended = now();
    let back = world.client.submit_file(&path, "during", vec![lasting("a", 3000, Mode::Ok)]);
    seen.must(back.is_some(), "nothing can be submitted after the streams were made anew");
    let again = until(Duration::from_secs(20), || ends(&world, "during") || is_stopped());
    seen.count("roles that had to be started anew", u64::from(again.is_none()));
    if again.is_none() {
        world.members().for_each(crate::world::Member::restart);
    }
    let (_, problems) = judge(&mut world);
    seen.times("streams made anew to LAST", [now() - mended]);
    problems.into_iter().for_each(|problem| seen.problem(problem));
    said.into_iter().for_each(|said| seen.effect(said));
}

fn ends(world: &World, key: &str) -> bool {
    let lasts = bucket::lasts(world.weed.filer_port()).unwrap_or_default();
    lasts.iter().any(|last| last.key.contains(&format!("/{key}/")))
}
