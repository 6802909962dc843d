//! Runs drawn by lot: any graph, any verdicts in any order, cancelled at times.

use alt::TaskIndex;
use engine::{Effect, Event, Plan, Run, Verdict, invariant};
use protocol::{Attempt, Catalogue, Outcome, RunId, Timestamp};

use crate::play::alt_of;

/// Events after which a run of twenty tasks must long be over.
const PATIENCE: usize = 10_000;

/// Plays the run drawn from `seed` to its end, checking every invariant after every event.
pub(crate) fn settle(seed: u64) {
    let mut lot = Lot(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let plan = plan(seed, &mut lot);
    let mut run = Run::new(plan.clone(), Timestamp(0));
    let mut now = Timestamp(0);
    let mut open = Vec::new();
    let mut stored = Vec::new();
    run.handle(now, Event::Begin);
    for _ in 0..PATIENCE {
        take_effects(&mut run, &mut open);
        invariant::check(&run).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        if run.is_finished() {
            return retell(seed, plan, &stored, &run);
        }
        now = Timestamp(now.0 + lot.below(50));
        match event(&run, &mut open, &mut lot) {
            // The coordinator's clock may be ahead of the stream's.
            Some(Event::TimePassed) => {
                let due = run.poll_timeout().unwrap();
                run.handle(Timestamp(now.max(due).0 + lot.below(30)), Event::TimePassed);
            }
            Some(event) => {
                if let Event::Verdict { .. } | Event::CancelAsked = event {
                    stored.push((now, event));
                }
                run.handle(now, event);
            }
            None => {}
        }
    }
    panic!("seed {seed}: the run does not end: {:?}", run.counts());
}

/// Tells another run what was stored of a finished one: it must come to the same end, and to the
/// same moments if nobody cancelled. (A cancelled one may seal attempts that were never offered.)
fn retell(seed: u64, plan: Plan, stored: &[(Timestamp, Event)], first: &Run) {
    let mut second = Run::new(plan, Timestamp(0));
    for (at, event) in stored {
        second.handle(*at, *event);
        assert_eq!(second.poll_effect(), None, "seed {seed}: the past is not done again");
    }
    let cancelled = stored.iter().any(|(_, event)| *event == Event::CancelAsked);
    let now = stored.last().map_or(Timestamp(0), |(at, _)| *at);
    second.handle(now, Event::Begin);
    while let Some(effect) = second.poll_effect() {
        match effect {
            Effect::Seal(it) if cancelled => {
                let verdict = Verdict { outcome: it.outcome, retryable: false };
                let (task, attempt) = (it.task, it.attempt);
                second.handle(now, Event::Verdict { task, attempt, verdict });
            }
            Effect::Stop { .. } if cancelled => {}
            Effect::Finish => {}
            other => panic!("seed {seed}: wanted again: {other:?}"),
        }
        invariant::check(&second).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
    assert!(second.is_finished(), "seed {seed}: {:?}", second.counts());
    for task in (0..u32::try_from(first.plan().len()).unwrap()).map(TaskIndex) {
        let (once, again) = (first.state(task), second.state(task));
        if cancelled {
            assert_eq!(once.name(), again.name(), "seed {seed}, task {}", task.0);
        } else {
            assert_eq!(once, again, "seed {seed}, task {}", task.0);
        }
    }
}

/// An attempt on its way, and the verdict a coordinator gave it, if one did.
type Open = (TaskIndex, Attempt, Option<Outcome>);

fn plan(seed: u64, lot: &mut Lot) -> Plan {
    let count = 1 + lot.below(20);
    let tasks: Vec<String> = (0..count)
        .map(|index| {
            let before: Vec<String> = (0..index)
                .filter(|_| lot.below(4) == 0)
                .map(|dependency| format!("\"t{dependency}\""))
                .collect();
            let (before, retries) = (before.join(","), lot.below(3));
            format!(
                r#"{{"id": "t{index}", "description": "x", "dependencies": [{before}],
                    "retry_count": {retries}}}"#
            )
        })
        .collect();
    let run = RunId::from_bits(u128::from(seed));
    let window = u32::try_from(1 + lot.below(6)).unwrap();
    Plan::new(run, alt_of(&tasks), &Catalogue::default()).with_window(window)
}

fn take_effects(run: &mut Run, open: &mut Vec<Open>) {
    while let Some(effect) = run.poll_effect() {
        match effect {
            Effect::Dispatch(it) => open.push((it.task, it.attempt, None)),
            // What a worker may have said before the seal stands; here none did.
            Effect::Seal(it) => {
                open.retain(|(task, attempt, _)| (*task, *attempt) != (it.task, it.attempt));
                open.push((it.task, it.attempt, Some(it.outcome)));
            }
            Effect::Stop { .. } | Effect::Finish => {}
        }
    }
}

fn event(run: &Run, open: &mut Vec<Open>, lot: &mut Lot) -> Option<Event> {
    const OUTCOMES: &[Outcome] =
        &[Outcome::Ok, Outcome::Ok, Outcome::Failed, Outcome::Timeout, Outcome::Lost];
    match lot.below(12) {
        0 if lot.below(20) == 0 => Some(Event::CancelAsked),
        1 if !open.is_empty() => {
            let (task, attempt, _) = open[lot.index(open.len())];
            Some(Event::Started { task, attempt, timeout_ms: lot.below(5_000) })
        }
        2..=8 if !open.is_empty() => {
            let (task, attempt, sealed) = open.swap_remove(lot.index(open.len()));
            let outcome = sealed.unwrap_or(OUTCOMES[lot.index(OUTCOMES.len())]);
            let verdict = Verdict { outcome, retryable: lot.below(5) > 0 };
            Some(Event::Verdict { task, attempt, verdict })
        }
        _ => run.poll_timeout().map(|_| Event::TimePassed),
    }
}

/// Numbers by lot (xorshift, Marsaglia 2003).
struct Lot(u64);

impl Lot {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(u64::try_from(len).unwrap())).unwrap()
    }
}
