//! What must always be true, checked after every message that the server takes.
//!
//! It knows what was planned, and sees what is stored, what jobs do and what the bucket is given.
//! It shares no code with the engine, so that the two cannot be wrong in the same way.

mod ends;
mod fold;
mod handed;
mod ledger;
mod streams;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::{AttemptKey, End, Outcome, RunId, Told};

use crate::jetstream::Message;
use crate::network::{BEGIN, MS};
use crate::plan::{Plan, RunPlan};

pub(crate) use self::ends::finish;
pub(crate) use self::handed::{befall, hand_out, hear_of};
pub(crate) use self::ledger::{Execution, begin};
pub(crate) use self::streams::{look, refused};

thread_local! {
    static ORACLE: RefCell<Option<Oracle>> = const { RefCell::new(None) };
}

/// What is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The number of the invariant: [`INVARIANTS`].
    pub(crate) invariant: usize,
    pub(crate) text: String,
    /// How many messages the server had taken.
    pub(crate) step: u64,
}

/// What must hold, by number from 1.
pub(crate) const INVARIANTS: [&str; 25] = [
    "an attempt has one verdict",
    "an ok verdict was earned: its attempt was offered, and ran to its end before",
    "no task starts before all it needs has completed",
    "attempts follow each other, one more each, inside the budget",
    "two workers run one attempt only if a server forgot a lease",
    "a task that is decided stays as it is",
    "what needs a failed task is cancelled, and never runs",
    "a run has one LAST",
    "a LAST is stored when all is decided, and tells of every task once",
    "what a LAST counts is what it tells",
    "a run that was accepted ends",
    "what ends was submitted",
    "a LAST says what the stored verdicts say",
    "an offer carries the epoch of the owner of that moment",
    "no more attempts of a limited job run than its limit",
    "a run has no more offers than its window",
    "an end names an object that is there, byte for byte",
    "a coordinator that came after a cancellation offers nothing",
    "a verdict that was refused changes nothing",
    "runs do not mix: what is stored names its own run, task and attempt",
    "a task is tried as often as its budget says",
    "all runs end soon after everything is well again",
    "nothing is left when all runs have ended",
    "an output is read as it was given back",
    "what is handed out comes back only if something befell somebody",
];

/// What is known of all runs.
struct Oracle {
    plan: Arc<Plan>,
    steps: u64,
    hash: u64,
    /// Whether every message is to be printed.
    is_told: bool,
    now: u64,
    /// The last message seen of each stream.
    seen: BTreeMap<&'static str, u64>,
    runs: BTreeMap<RunId, Seen>,
    /// Raw submissions that were stored.
    raw: usize,
    /// When the server forgot leases, nanoseconds.
    forgot: Vec<u64>,
    /// When a late word of who had lost a message handed it back for who has it.
    freed: Vec<u64>,
    hands: handed::Hands,
    broken: Option<Broken>,
}

/// What was seen of one run.
#[derive(Debug, Default)]
struct Seen {
    /// Its place in the plan, once something says it.
    plan: Option<usize>,
    /// Whether a client named it.
    is_named: bool,
    /// Sequences of its owner records, the latest last.
    owners: Vec<u64>,
    /// Offers by task and attempt, with the sequence of each.
    offers: BTreeMap<(u32, u32), Vec<u64>>,
    /// Attempts that went along with an offer, the latest of each.
    carried: BTreeMap<(u32, u32), (u32, u32)>,
    verdicts: BTreeMap<(u32, u32), Said>,
    /// Those of them that a killed server lost, and that were not stored again: somebody may have been
    /// told of them, and what was done since rests on it.
    lost: BTreeSet<(u32, u32)>,
    /// Whether one that was lost was stored again with other words: then what was begun before rests
    /// on a verdict that never was.
    is_shaken: bool,
    /// Verdicts that came second, and were refused for it.
    refused: BTreeMap<(u32, u32), Vec<Said>>,
    /// How often a worker noted that it begins an attempt again.
    notes: BTreeMap<(u32, u32), usize>,
    cancelled: Option<u64>,
    /// Whether its owner came when it was cancelled already.
    owned_after_cancellation: bool,
    /// What a model said of it.
    insights: Option<Told>,
    end: Option<End>,
    executions: BTreeMap<(u32, u32), Vec<Execution>>,
    /// The digest of each `last.json` that was stored.
    lasts: BTreeMap<String, String>,
    /// The digest of everything else in the folder of the LAST: manifest, archive, texts.
    beside: BTreeMap<String, String>,
}

/// A verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    outcome: Outcome,
    retryable: bool,
    /// Who says so; none when it was a coordinator.
    worker: Option<String>,
}

fn with<T: Default>(ask: impl FnOnce(&mut Oracle) -> T) -> T {
    ORACLE.with_borrow_mut(|oracle| oracle.as_mut().map(ask).unwrap_or_default())
}

/// Begins anew; with `is_told` it prints what it sees.
pub(crate) fn watch(plan: Arc<Plan>, is_told: bool) {
    let oracle = Oracle {
        plan,
        steps: 0,
        hash: 0xcbf2_9ce4_8422_2325,
        is_told,
        now: 0,
        seen: BTreeMap::new(),
        runs: BTreeMap::new(),
        raw: 0,
        forgot: Vec::new(),
        freed: Vec::new(),
        hands: handed::Hands::default(),
        broken: None,
    };
    ORACLE.set(Some(oracle));
}

/// What is broken, if anything is.
pub(crate) fn broken() -> Option<Broken> {
    with(|oracle| oracle.broken.clone())
}

/// How many messages the server took, and a digest of all of them with their times.
pub(crate) fn trace() -> (u64, u64) {
    with(|oracle| (oracle.steps, oracle.hash))
}

/// The server takes a message.
#[expect(clippy::print_stdout, reason = "who plays one seed wants to read it")]
pub(crate) fn step(now: u64, message: &Message) {
    with(|oracle| {
        oracle.steps += 1;
        oracle.now = now;
        if oracle.is_told {
            let (since, said) = ((now - BEGIN) / MS, String::from_utf8_lossy(&message.payload));
            let said: String = said.chars().filter(|c| !c.is_control()).take(60).collect();
            println!("{since:>7} ms  {}  {said}", message.subject);
        }
        oracle.mix(&now.to_le_bytes());
        oracle.mix(message.subject.as_bytes());
        oracle.mix(&message.payload);
    });
}

/// The server was started again without what it knew of its leases.
pub(crate) fn forget() {
    with(|oracle| oracle.forgot.push(oracle.now));
}

/// The server lost what was said of runs after `last`: verdicts at these subjects.
pub(crate) fn lose(last: u64, subjects: &[String]) {
    with(|oracle| {
        oracle.seen.insert("RUN", last);
        for subject in subjects {
            let words: Vec<&str> = subject.split('.').collect();
            let ["run", run, "res", _, task, attempt] = *words.as_slice() else { continue };
            let (Ok(run), Ok(task), Ok(attempt)) = (run.parse(), task.parse(), attempt.parse())
            else {
                continue;
            };
            let seen: &mut Seen = oracle.runs.entry(run).or_default();
            if seen.verdicts.contains_key(&(task, attempt)) {
                seen.lost.insert((task, attempt));
            }
        }
    });
}

/// A message that another holds by now was handed back by who had lost it.
pub(crate) fn free() {
    with(|oracle| oracle.freed.push(oracle.now));
}

/// A client submits the run of this plan.
pub(crate) fn submit(run: RunId, plan: usize) {
    with(|oracle| {
        let seen = oracle.runs.entry(run).or_default();
        (seen.plan, seen.is_named) = (Some(plan), true);
    });
}

/// A job reads what its first dependency gave back: that task's id.
pub(crate) fn read(key: AttemptKey, read: &str) {
    with(|oracle| {
        let task = oracle.run_plan(key.run).and_then(|plan| {
            let needed = *plan.tasks.get(key.task.get())?.needs.first()?;
            Some(plan.task_id(needed))
        });
        if task.as_deref() != Some(read) {
            oracle.refuse(24, format!("{key:?} reads {read} of {task:?}"));
        }
    });
}

/// How many runs have no end yet, of those that must have one.
pub(crate) fn open() -> usize {
    with(|oracle| {
        let ended = |is_named: bool| {
            let runs = oracle.runs.values().filter(|seen| seen.is_named == is_named);
            runs.filter(|seen| seen.end.is_some()).count()
        };
        let named = oracle.runs.values().filter(|seen| seen.is_named).count();
        (named - ended(true)) + oracle.raw.saturating_sub(ended(false))
    })
}

/// They do not end, though all is well.
pub(crate) fn stuck() {
    with(|oracle| {
        let open = oracle.runs.iter().filter(|(_, seen)| seen.end.is_none());
        let open: Vec<String> = open
            .map(|(run, seen)| {
                let (offers, verdicts) = (seen.offers.len(), seen.verdicts.len());
                format!("{run}: {} owners, {offers} offers, {verdicts} verdicts", seen.owners.len())
            })
            .collect();
        oracle.refuse(22, format!("{} raw; {open:?}", oracle.raw));
    });
}

/// The bucket was given an object.
pub(crate) fn object(key: &str, bytes: &[u8]) {
    with(|oracle| oracle.take_object(key, bytes));
}

impl Oracle {
    /// FNV-1a.
    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn refuse(&mut self, invariant: usize, text: String) {
        let step = self.steps;
        self.broken.get_or_insert(Broken { invariant, text, step });
    }

    fn run_plan(&self, run: RunId) -> Option<&RunPlan> {
        let number = self.runs.get(&run)?.plan?;
        self.plan.runs.iter().find(|plan| plan.number == number)
    }

    fn take_object(&mut self, key: &str, bytes: &[u8]) {
        let mut words = key.rsplit('/');
        let (Some(name), Some(Ok(run))) = (words.next(), words.next().map(str::parse::<RunId>))
        else {
            return;
        };
        let digest = store::sha256(bytes);
        let seen = self.runs.entry(run).or_default();
        if name != "last.json" {
            match seen.beside.insert(key.to_owned(), digest.clone()) {
                Some(before) if before != digest => {
                    self.refuse(8, format!("{key} was {before} and is {digest}"));
                }
                Some(_) => crate::rare::reach("a file beside a LAST was stored twice"),
                None => {}
            }
            return;
        }
        match seen.lasts.insert(key.to_owned(), digest.clone()) {
            Some(before) if before != digest => {
                self.refuse(8, format!("{key} was {before} and is {digest}"));
            }
            Some(_) => crate::rare::reach("a LAST was stored twice with the same bytes"),
            None if seen.lasts.len() > 1 => {
                let text = format!("run {run} has {:?}", seen.lasts);
                self.refuse(8, text);
            }
            None => {}
        }
        self.check_all_decided(run);
    }
}
