//! Many seeds, each a fleet of its own: nothing breaks, every rare state is met, planted bugs are
//! found, and a seed is the same run every time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::planted::{Bug, plant};
use tokio::time::Instant;

use crate::oracle::INVARIANTS;
use crate::plan::Plan;
use crate::play::{Played, play};
use crate::rare;
use crate::shrink::shrink;

/// Seeds of one session, if nobody says otherwise.
const SEEDS: u64 = 2_000;

/// Seeds after which a planted bug counts as not found.
const PATIENCE: u64 = 2_000;

/// Seeds that are played twice.
const TWICE: u64 = 100;

#[expect(clippy::disallowed_methods, reason = "a setting of the test, not of the program")]
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")))
}

/// A panic of a job is planned, and would fill the screen.
fn hush() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|place| place.file().ends_with("sim/jobs.rs")) {
            before(panic);
        }
    }));
}

/// Calls `play` with each number from `first` to before `end`, on all processors.
fn on_all(first: u64, end: u64, play: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    play(seed);
                }
            });
        }
    });
}

/// What broke, and the smallest plan that breaks so.
fn report(seed: u64, played: &Played) -> Option<String> {
    let broken = played.broken.as_ref()?;
    let mut text = String::new();
    let invariant = INVARIANTS[broken.invariant - 1];
    let _ = writeln!(text, "seed {seed}, step {}: not true that {invariant}", broken.step);
    let _ = writeln!(text, "    invariant {}: {}", broken.invariant, broken.text);
    let _ = writeln!(text, "    once more, with all that is said: just sim {seed}");
    let plan = shrink(Plan::draw(seed), broken);
    let _ = writeln!(text, "    the smallest plan that fails so: {plan:#?}");
    Some(text)
}

#[test]
fn nothing_breaks_and_every_rare_state_is_met() {
    hush();
    let one = number("SIM_SEED");
    let (first, end) = match one {
        Some(seed) => (seed, seed + 1),
        None => (1, 1 + number("SIM_SEEDS").unwrap_or(SEEDS)),
    };
    let begun = Instant::now();
    let total = std::sync::Mutex::new((0_u64, 0.0_f64, BTreeMap::new(), Vec::new()));
    on_all(first, end, |seed| {
        let played = play(&Arc::new(Plan::draw(seed)), one.is_some());
        let report = report(seed, &played);
        let mut total = total.lock().unwrap();
        total.0 += played.steps;
        total.1 += played.simulated.as_secs_f64();
        for (state, count) in &played.reached {
            *total.2.entry(*state).or_insert(0) += count;
        }
        total.3.extend(report);
    });
    let (steps, simulated, reached, broken) = total.into_inner().unwrap();
    let took = begun.elapsed().as_secs_f64();
    let seeds = end - first;
    println!(
        "{seeds} seeds: {steps} messages in {simulated:.0} simulated seconds, in {took:.1} s: {:.0} \
         messages/s; {} of {} rare states",
        steps as f64 / took,
        reached.len(),
        rare::ALL.len()
    );
    broken.iter().for_each(|text| println!("{text}"));
    assert!(broken.is_empty(), "{} of {seeds} seeds broke something", broken.len());
    let missed: Vec<_> = rare::ALL.iter().filter(|state| !reached.contains_key(*state)).collect();
    missed.iter().for_each(|state| println!("never reached: {state}"));
    assert!(seeds < SEEDS || missed.is_empty(), "never reached: {missed:#?}");
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    hush();
    on_all(1, 1 + TWICE, |seed| {
        let plan = Arc::new(Plan::draw(seed));
        let (once, again) = (play(&plan, false), play(&plan, false));
        assert_eq!((once.steps, once.hash), (again.steps, again.hash), "seed {seed}");
    });
}

#[test]
fn planted_bugs_are_found() {
    hush();
    let bugs = Bug::ALL.len() as u64;
    let missed = AtomicU64::new(0);
    on_all(0, bugs, |number| {
        let bug = Bug::ALL[usize::try_from(number).unwrap()];
        plant(Some(bug));
        let found = (1..=PATIENCE).find_map(|seed| {
            let played = play(&Arc::new(Plan::draw(seed)), false);
            played.broken.map(|broken| (seed, broken))
        });
        plant(None);
        match found {
            Some((seed, broken)) => {
                println!("{bug:?}: seed {seed}, invariant {}", broken.invariant)
            }
            None => {
                missed.fetch_add(1, Ordering::Relaxed);
                println!("{bug:?}: not found in {PATIENCE} seeds");
            }
        }
    });
    assert_eq!(missed.into_inner(), 0, "a planted bug is not found");
}
