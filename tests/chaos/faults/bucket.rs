//! What happens between coordinators and the bucket: cut, refused, slow, unheard, unknown.

use std::time::Duration;

use tests::clock::now;

use super::servers::see_last;
use super::{Fault, Heal, Part};
use crate::chance::Chance;
use crate::proxy::Condition;
use crate::proxy::http::{Action, Rule};
use crate::world::World;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "partition-s3",
        rows: &["F15"],
        part: Part::Bucket,
        lasts: (5000, 9000),
        begin: cut,
    },
    Fault {
        name: "s3-500",
        rows: &["F26"],
        part: Part::Bucket,
        lasts: (5000, 9000),
        begin: some_errors,
    },
    Fault {
        name: "s3-503",
        rows: &["F26"],
        part: Part::Bucket,
        lasts: (5000, 9000),
        begin: all_errors,
    },
    Fault { name: "s3-slow", rows: &["F27"], part: Part::Bucket, lasts: (6000, 9000), begin: slow },
    Fault {
        name: "s3-unheard",
        rows: &["F27"],
        part: Part::Bucket,
        lasts: (5000, 9000),
        begin: unheard,
    },
    Fault { name: "s3-torn", rows: &["F27"], part: Part::Bucket, lasts: (5000, 9000), begin: torn },
    Fault {
        name: "s3-credentials",
        rows: &["F28"],
        part: Part::Bucket,
        lasts: (7000, 10_000),
        begin: credentials,
    },
];

fn retries(world: &World) -> u64 {
    world.coordinators_count("runner_store_retries_total")
}

fn cut(world: &mut World, _: &mut Chance) -> Heal {
    let passed = |world: &World| -> u64 {
        world.coordinators.iter().flat_map(|it| &it.bucket).map(|(_, link)| link.passed()).sum()
    };
    let set = |world: &World, condition| {
        world
            .coordinators
            .iter()
            .flat_map(|it| &it.bucket)
            .for_each(|(_, link)| link.set(condition));
    };
    set(world, Condition::CUT);
    let before = passed(world);
    Box::new(move |world, seen| {
        let waiting: u64 = (passed(world) == before).into();
        set(world, Condition::GOOD);
        seen.effects_of(waiting, "silence: not a byte got through");
        see_last(world, now(), 0, seen);
    })
}

/// Requests of all coordinators, and those that had a fault.
fn requests(world: &World) -> (u64, u64) {
    let links = world.coordinators.iter().flat_map(|it| &it.bucket);
    links.fold((0, 0), |(all, hit), (http, _)| (all + http.requests(), hit + http.hit()))
}

fn with_rule(world: &mut World, rule: &Rule) -> Heal {
    let set = |world: &World, rule: Option<&Rule>| {
        let links = world.coordinators.iter().flat_map(|it| &it.bucket);
        links.for_each(|(http, _)| http.set(rule.cloned()));
    };
    let (requested, hit) = requests(world);
    let (before, at) = (retries(world), now());
    set(world, Some(rule));
    Box::new(move |world, seen| {
        let (all, faulty) = requests(world);
        let lasted = (now() - at).max(1);
        set(world, None);
        seen.effects_of(faulty - hit, "requests had the fault");
        seen.count("requests with the fault", faulty - hit);
        seen.count("requests in 10 s of it", (all - requested) * 10_000 / lasted);
        let again = retries(world).saturating_sub(before);
        see_last(world, now(), again, seen);
    })
}

fn some_errors(world: &mut World, _: &mut Chance) -> Heal {
    let action = Action::Refuse(500);
    with_rule(world, &Rule { method: "", key: "", percent: 30, action })
}

fn all_errors(world: &mut World, _: &mut Chance) -> Heal {
    let action = Action::Refuse(503);
    with_rule(world, &Rule { method: "", key: "", percent: 100, action })
}

fn slow(world: &mut World, _: &mut Chance) -> Heal {
    let action = Action::Delay(Duration::from_secs(4));
    with_rule(world, &Rule { method: "", key: "", percent: 100, action })
}

/// What the bucket has taken, and the coordinator is not told.
fn unheard(world: &mut World, _: &mut Chance) -> Heal {
    let action = Action::LoseAnswer;
    with_rule(world, &Rule { method: "PUT", key: "last.json", percent: 100, action })
}

fn torn(world: &mut World, _: &mut Chance) -> Heal {
    let action = Action::LoseBody;
    with_rule(world, &Rule { method: "PUT", key: "", percent: 50, action })
}

/// Started anew with a secret that is wrong, as after a rotation that was forgotten.
fn credentials(world: &mut World, _: &mut Chance) -> Heal {
    const WRONG: &str = "this-is-no-secret-of-anybody";
    let marks: Vec<usize> = world.coordinators.iter().map(|it| it.role.log().len()).collect();
    for member in &mut world.coordinators {
        member.restart_with(&[("AWS_SECRET_ACCESS_KEY", WRONG)]);
    }
    Box::new(move |world, seen| {
        let (mut named, mut told) = (0, 0);
        for (member, mark) in world.coordinators.iter().zip(&marks) {
            let log = member.role.log();
            let fresh = log.get(*mark..).unwrap_or(&log);
            let refused = fresh.lines().filter(|line| line.contains("result not stored"));
            let code = |line: &&str| {
                ["403", "SignatureDoesNotMatch", "denied"].iter().any(|it| line.contains(it))
            };
            named += refused.filter(code).count() as u64;
            told += u64::from(log.contains(WRONG) || log.contains(world.weed.secret_key()));
        }
        seen.must(told == 0, "a log holds a secret");
        seen.count("secrets in logs", told);
        seen.count("refusals named in logs", named);
        seen.effects_of(named, "results were refused by name and kept");
        world.coordinators.iter_mut().for_each(crate::world::Member::restart);
        world.is_ready();
        see_last(world, now(), 0, seen);
    })
}
