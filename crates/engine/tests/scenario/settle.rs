//! Runs drawn by lot: any graph, any verdicts in any order, cancelled at times.

use alt::TaskIndex;
use engine::{Effect, Event, Plan, Run, Verdict, invariant};
use protocol::{Attempt, Catalogue, Outcome, RunId, Timestamp};

use crate::play::alt_of;

/// Events after which a run of twenty tasks must long be over.
const PATIENCE: usize = 10_000;

/// Plays the run drawn from `seed` to its end, checking every invariant after every event. At times
/// another takes over in the middle, who knows what is stored and what is on its queue.
pub(crate) fn settle(seed: u64) {
    let mut lot = Lot(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let plan = plan(seed, &mut lot);
    let mut run = Run::new(plan.clone(), Timestamp(0));
    let mut now = Timestamp(0);
    let mut open = Vec::new();
    let mut stored = Vec::new();
    run.handle(now, Event::Begin);
    for _ in 0..PATIENCE {
        take_effects(seed, &mut run, &mut open);
        invariant::check(&run).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        if run.is_finished() {
            return retell(seed, plan, &stored, &run);
        }
        now = Timestamp(now.0 + lot.below(50));
        // Whoever takes over a cancelled run may seal what was never offered.
        if lot.below(40) == 0 && !stored.iter().any(|(_, event)| *event == Event::CancelAsked) {
            run = take_over(plan.clone(), &stored, &open, now);
            continue;
        }
        match event(&run, &mut open, &mut lot) {
            // The coordinator's clock may be ahead of the stream's.
            Some(Event::TimePassed) => {
                let due = run.poll_timeout().unwrap();
                run.handle(Timestamp(now.max(due).0 + lot.below(30)), Event::TimePassed);
            }
            Some(event) => {
                if let Event::Verdict { .. } | Event::CancelAsked = event {
                    stored.push((now, event.clone()));
                }
                run.handle(now, event);
            }
            None => {}
        }
    }
    panic!("seed {seed}: the run does not end: {:?}", run.counts());
}

/// The run as another finds it: told what is stored, then what is on its queue or with a worker.
fn take_over(plan: Plan, stored: &[(Timestamp, Event)], open: &[Open], now: Timestamp) -> Run {
    let mut run = Run::new(plan, Timestamp(0));
    for (at, event) in stored {
        run.handle(*at, event.clone());
    }
    for it in open.iter().filter(|it| it.sealed.is_none()) {
        let (task, attempt, then) = it.offer.clone();
        run.handle(now, Event::Offered { task, attempt, then });
    }
    for it in open.iter().filter(|it| it.sealed.is_some()) {
        let (task, attempt, then) = (it.task, it.attempt, Vec::new());
        run.handle(now, Event::Offered { task, attempt, then });
    }
    run.handle(now, Event::Begin);
    run
}

/// Tells another run what was stored of a finished one: it must come to the same end, and to the
/// same moments if nobody cancelled. (A cancelled one may seal attempts that were never offered.)
fn retell(seed: u64, plan: Plan, stored: &[(Timestamp, Event)], first: &Run) {
    let mut second = Run::new(plan, Timestamp(0));
    for (at, event) in stored {
        second.handle(*at, event.clone());
        assert_eq!(second.poll_effect(), None, "seed {seed}: the past is not done again");
    }
    let cancelled = stored.iter().any(|(_, event)| *event == Event::CancelAsked);
    let now = stored.last().map_or(Timestamp(0), |(at, _)| *at);
    second.handle(now, Event::Begin);
    while let Some(effect) = second.poll_effect() {
        match effect {
            Effect::Seal(it) if cancelled => {
                let verdict = Verdict { outcome: it.outcome, retryable: false, then: Vec::new() };
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

/// An attempt on its way.
struct Open {
    task: TaskIndex,
    attempt: Attempt,
    /// The verdict a coordinator gave it, if one did.
    sealed: Option<Outcome>,
    /// What its worker may go on with.
    then: Vec<TaskIndex>,
    /// The offer that it came with, which may be another's.
    offer: (TaskIndex, Attempt, Vec<TaskIndex>),
}

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

fn take_effects(seed: u64, run: &mut Run, open: &mut Vec<Open>) {
    while let Some(effect) = run.poll_effect() {
        match effect {
            Effect::Dispatch(it) => {
                let twice =
                    open.iter().any(|there| (there.task, there.attempt) == (it.task, it.attempt));
                assert!(!twice, "seed {seed}: task {} is under way", it.task.0);
                let offer = (it.task, it.attempt, it.then.clone());
                let (task, attempt, then) = (it.task, it.attempt, it.then);
                open.push(Open { task, attempt, sealed: None, then, offer });
            }
            // What a worker may have said before the seal stands; here none did.
            Effect::Seal(it) => {
                open.retain(|there| (there.task, there.attempt) != (it.task, it.attempt));
                let offer = (it.task, it.attempt, Vec::new());
                let (task, attempt, sealed) = (it.task, it.attempt, Some(it.outcome));
                open.push(Open { task, attempt, sealed, then: Vec::new(), offer });
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
            let place = lot.index(open.len());
            let it = &mut open[place];
            // Who says so goes on with nothing; the word may be lost.
            it.then.clear();
            let (task, attempt, timeout_ms) = (it.task, it.attempt, lot.below(5_000));
            (lot.below(4) > 0).then_some(Event::Started { task, attempt, timeout_ms })
        }
        2..=8 if !open.is_empty() => {
            let it = open.swap_remove(lot.index(open.len()));
            let outcome = it.sealed.unwrap_or(OUTCOMES[lot.index(OUTCOMES.len())]);
            let retryable = lot.below(5) > 0;
            let goes_on = outcome == Outcome::Ok && lot.below(6) > 0;
            let then = if goes_on { it.then } else { Vec::new() };
            if let Some((&task, rest)) = then.split_first() {
                let (attempt, then, offer) = (Attempt::FIRST, rest.to_vec(), it.offer);
                open.push(Open { task, attempt, sealed: None, then, offer });
            }
            let verdict = Verdict { outcome, retryable, then };
            Some(Event::Verdict { task: it.task, attempt: it.attempt, verdict })
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
