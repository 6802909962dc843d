//! The limits of the server are reached: each is said by name, and what was accepted ends.

use std::time::Duration;

use serde_json::Value;
use tests::clock::{now, rest, until};
use tests::servers::Weed;

use super::Apart;
use crate::faults::Seen;
use crate::load::{Mode, Task, lasting};
use crate::play::judge;
use crate::world::{Ground, Size, World, is_stopped, start_nats_as};

pub(super) const APART: Apart = Apart { name: "limits", rows: &["F23"], play };

/// Those of a small fleet, the rig's two, and as many clients as there are at a time.
const CONNECTIONS: &str = "max_connections: 16";

fn play(ground: &Ground, seen: &mut Seen) {
    let nats = start_nats_as("store", |conf| conf.replace("max_connections: 10000", CONNECTIONS));
    let size = Size { coordinators: 1, workers: 3, slots: 4 };
    let mut world = World::new(ground.clone(), size, nats, Weed::start());
    connections(&mut world, seen);
    submissions(&world, seen, "max_bytes", 6_000, "maximum bytes");
    submissions(&world, seen, "max_msgs", 3, "maximum messages");
    offers(&mut world, seen);
    payload(&world, seen);
    let (_, problems) = judge(&mut world);
    world.keep_logs();
    problems.into_iter().for_each(|problem| seen.problem(problem));
}

/// More roles than may connect: those too many say so, and wait.
fn connections(world: &mut World, seen: &mut Seen) {
    let url = crate::world::url("worker", world.nats.port());
    let worker = world.client.program.with(&[("RUNNER_NATS_URL", &url)]);
    let more: Vec<_> = (0..14)
        .map(|number| worker.begin(&format!("extra-{number}"), &["worker", "--queues", "default"]))
        .collect();
    let mut named = 0;
    let said = until(Duration::from_secs(15), || {
        let logs = more.iter().filter(|role| {
            let log = role.log().to_lowercase();
            log.contains("maximum connections") || log.contains("max_connections")
        });
        named = logs.count();
        named > 0 || is_stopped()
    });
    seen.must(said.is_some(), "nobody says by name that there are too many connections");
    seen.effects_of(named as u64, "roles named the limit of connections");
    drop(more);
    rest(Duration::from_millis(500));
}

/// Changes how much a stream may hold, by the name of the limit; -1 for any.
fn room(world: &World, stream: &str, limit: &str, most: i64) {
    let told = world.operator.ask(&format!("$JS.API.STREAM.INFO.{stream}"), &Value::Null).unwrap();
    let mut config = told["config"].clone();
    config[limit] = most.into();
    let told = world.operator.ask(&format!("$JS.API.STREAM.UPDATE.{stream}"), &config).unwrap();
    assert!(told["error"].is_null(), "{told}");
}

/// Submissions that find no room are refused by name; those before them end.
fn submissions(world: &World, seen: &mut Seen, limit: &str, most: i64, name: &str) {
    room(world, "ALT", limit, most);
    world.coordinators.iter().for_each(|member| member.role.pause());
    let tasks =
        || -> Vec<Task> { (0..4).map(|it| lasting(format!("t{it}"), 50, Mode::Ok)).collect() };
    let keys = (0..9).map(|it| format!("room-{}-{it}", limit.replace('_', "-")));
    let refused = world.client.try_all(keys.map(|key| (key, tasks())).collect());
    let by_name = refused.iter().filter(|(_, said)| said.contains(name));
    let (named, times) = (by_name.count() as u64, refused.iter().map(|(took, _)| *took));
    seen.times("time to refuse", times);
    let refused = refused.len() as u64;
    world.coordinators.iter().for_each(|member| member.role.resume());
    seen.effects_of(refused, "submissions were refused for want of room");
    seen.count("refused for want of room", refused);
    seen.count("of them by name", named);
    seen.must(
        refused > 0 && named == refused,
        format!("{named} of {refused} refusals name the limit: {name}"),
    );
    room(world, "ALT", limit, -1);
}

/// Offers that find no room wait until others have gone.
fn offers(world: &mut World, seen: &mut Seen) {
    room(world, "TASKS", "max_bytes", 12_000);
    let tasks = (0..60).map(|number| lasting(format!("t{number}"), 100, Mode::Ok)).collect();
    let begun = now();
    let run = world.client.submit("wide", tasks);
    let ended = until(Duration::from_secs(180), || {
        rest(Duration::from_millis(500));
        let done = run.as_ref().and_then(|run| {
            world.client.program.call_within(Duration::from_secs(20), &["verify", run])
        });
        done.is_some_and(|done| done.code == Some(0)) || is_stopped()
    });
    seen.must(ended.is_some(), "a run whose offers found no room at once did not end");
    seen.times("60 offers through room for some", ended.map(|_| now() - begun));
    room(world, "TASKS", "max_bytes", -1);
}

/// A file over the payload goes another way.
fn payload(world: &World, seen: &mut Seen) {
    let tasks = vec![lasting("a", 50, Mode::Ok), lasting("b", 50, Mode::Ok)];
    let mut file = world.client.marker.file("payload", &tasks);
    // One text may have a megabyte.
    for task in 0..2 {
        file["tasks"][task]["description"] = "x".repeat(700_000).into();
    }
    let path = world.client.program.place("payload.alt.json");
    std::fs::write(&path, file.to_string()).unwrap();
    let taken = world.client.submit_file(&path.display().to_string(), "payload", tasks);
    seen.must(taken.is_some(), "a file over the payload was not taken");
    seen.count("files over the payload taken", 1);
}
