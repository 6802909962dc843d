//! What happens to messages: sent again by somebody, deleted with their consumer, said too early.

use std::time::Duration;

use async_nats::HeaderMap;
use serde_json::{Value, json};
use tests::clock::{now, until};

use super::{Fault, Heal, Part};
use crate::bucket;
use crate::chance::Chance;
use crate::load::{Mode, lasting};
use crate::world::{LONG, World, is_stopped};

pub(super) const FAULTS: &[Fault] = &[
    Fault { name: "replay", rows: &["F33"], part: Part::Client, lasts: (100, 500), begin: replay },
    Fault {
        name: "replay-tenfold",
        rows: &["F33"],
        part: Part::Client,
        lasts: (100, 500),
        begin: replay_tenfold,
    },
    Fault {
        name: "consumer-delete",
        rows: &["F24"],
        part: Part::Nats,
        lasts: (500, 1500),
        begin: delete_consumer,
    },
    Fault {
        name: "cancel-early",
        rows: &["F34"],
        part: Part::Coordinator,
        lasts: (100, 500),
        begin: cancel_early,
    },
];

fn replay(world: &mut World, _: &mut Chance) -> Heal {
    replay_times(world, 1)
}

fn replay_tenfold(world: &mut World, _: &mut Chance) -> Heal {
    replay_times(world, 10)
}

/// Everything that lies in the streams now, said once more as it was said, with the rights of a
/// coordinator.
fn replay_times(world: &mut World, times: u32) -> Heal {
    let (mut refused, mut stored) = (0, 0);
    for stream in ["RUN", "TASKS"] {
        let (count, last) = world.operator.stream(stream).unwrap_or((0, 0));
        for sequence in last.saturating_sub(count.min(60))..=last {
            let at = format!("$JS.API.STREAM.MSG.GET.{stream}");
            let Some(kept) = world.operator.ask(&at, &json!({"seq": sequence})) else { continue };
            let Some(subject) = kept["message"]["subject"].as_str() else { continue };
            let (headers, body) = (headers(&kept["message"]), decoded(&kept["message"]["data"]));
            for _ in 0..times {
                match world.coordinator_wire.store(subject, headers.clone(), &body) {
                    Some(true) => stored += 1,
                    Some(false) => refused += 1,
                    None => {}
                }
            }
        }
    }
    Box::new(move |_, seen| {
        seen.effects_of(refused + stored, "messages were said again");
        seen.count("refused by the server", refused);
        seen.count("taken once more", stored);
    })
}

fn headers(message: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let text = decoded(&message["hdrs"]);
    for line in String::from_utf8_lossy(&text).lines().skip(1) {
        if let Some((name, value)) = line.split_once(':') {
            // A batch that was committed once cannot be joined.
            if !name.starts_with("Nats-Batch") {
                headers.append(name, value.trim());
            }
        }
    }
    headers
}

fn decoded(text: &Value) -> Vec<u8> {
    use base64::Engine as _;
    let text = text.as_str().unwrap_or("");
    base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default()
}

/// Somebody deletes the consumer of the queue that is used most.
fn delete_consumer(world: &mut World, _: &mut Chance) -> Heal {
    let told = world.operator.ask("$JS.API.CONSUMER.DELETE.TASKS.default-p2", &Value::Null);
    let deleted = told.is_some_and(|told| told["success"] == true);
    let at = now();
    Box::new(move |world, seen| {
        seen.effects_of(deleted.into(), "consumer deleted");
        let there = || {
            let told = world.operator.ask("$JS.API.CONSUMER.INFO.TASKS.default-p2", &Value::Null);
            told.is_some_and(|told| told["error"].is_null())
        };
        let back = until(LONG, || there() || is_stopped());
        seen.must(back.is_some(), "nobody made the consumer of a queue again");
        seen.times("consumer made again", back.map(|_| now() - at));
        if back.is_none() {
            // The rest of the run is to show other things.
            let _ = world
                .client
                .program
                .with(&[("RUNNER_NATS_URL", &operator_url(world))])
                .call(&["doctor", "--fix"]);
        }
        let healed = now();
        let mut next = None;
        let works = until(LONG, || {
            next = world.tries().iter().map(|it| it.began).find(|&began| began > healed);
            next.is_some() || is_stopped()
        });
        seen.must(works.is_some(), "nothing runs although the consumer is there again");
        seen.times("consumer there to next task", next.map(|next| next - healed));
    })
}

fn operator_url(world: &World) -> String {
    crate::world::url("operator", world.nats.port())
}

/// The wish to end a run is stored before any coordinator has seen the run.
fn cancel_early(world: &mut World, chance: &mut Chance) -> Heal {
    world.coordinators.iter().for_each(|member| member.role.pause());
    let key = format!("early-{:x}", chance.below(1 << 40));
    let tasks = vec![lasting("a", 3000, Mode::Ok), lasting("b", 3000, Mode::Ok)];
    let run = world.client.submit(&key, tasks);
    let mut cancelled = None;
    if let Some(run) = &run {
        world.client.will_cancel(run);
        cancelled = world.client.program.call_within(Duration::from_secs(10), &["cancel", run]);
    }
    world.coordinators.iter().for_each(|member| member.role.resume());
    Box::new(move |world, seen| {
        let told = cancelled.is_some_and(|done| done.code == Some(0));
        seen.must(told, "a run that nobody has seen yet could not be cancelled");
        let ended = until(LONG, || {
            let lasts = bucket::lasts(world.weed.filer_port()).unwrap_or_default();
            run.as_ref().is_some_and(|run| lasts.iter().any(|last| last.key.contains(run.as_str())))
                || is_stopped()
        });
        seen.must(ended.is_some(), "a run cancelled early has no LAST");
        let began = world.tries().iter().filter(|it| it.run == key).count() as u64;
        seen.count("tasks begun although cancelled", began);
        seen.effects_of(u64::from(told && ended.is_some()), "cancellation before its run was seen");
    })
}
