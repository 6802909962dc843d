//! What went wrong, decided from outside: the ledger, what was submitted, and what the bucket holds.
//!
//! Nothing of the product is used here, so that nothing it believes can hide a fault of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::ledger::{Line, Try, tries};
use crate::load::{LIMIT, Submission};

/// A kind of wrong that may be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Submitted, and there is no LAST; or said to be completed, and it never ended.
    Lost,
    /// Two LASTs of one run, or a task that counts twice.
    Doubled,
    /// A LAST, a task or an execution that nobody asked for.
    Invented,
    /// A task began before what it needs had ended.
    TooEarly,
    /// More ran at once than may.
    OverLimit,
    /// Not ended in time after everything was well again.
    Stuck,
    /// A task of a LAST stands otherwise than its file makes it.
    Wrong,
}

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) what: String,
}

/// A LAST as it was found.
#[derive(Debug, Clone)]
pub(crate) struct Last {
    /// Its key in the bucket: `<prefix>/<file>/<run>/last.json`.
    pub(crate) key: String,
    /// A digest of its bytes.
    pub(crate) digest: String,
    pub(crate) body: Value,
}

impl Last {
    /// The run it is of.
    pub(crate) fn run(&self) -> Option<&str> {
        self.key.rsplit('/').nth(1)
    }
}

/// A time in which a worker could do nothing about what it had started, milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Helpless {
    pub(crate) worker: u32,
    pub(crate) from: u64,
}

/// All that is known of what happened.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) submitted: Vec<Submission>,
    pub(crate) ledger: Vec<Line>,
    /// Every LAST that was seen at any time, each version once.
    pub(crate) lasts: Vec<Last>,
    /// Runs that had no LAST when the time for it was over.
    pub(crate) late: BTreeSet<String>,
    /// Workers that were killed or frozen, which left what they had started to itself.
    pub(crate) helpless: Vec<Helpless>,
}

/// How much was looked at.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) runs: usize,
    pub(crate) lasts: usize,
    pub(crate) tasks: usize,
    pub(crate) tries: usize,
    /// Tasks that ran more often than once.
    pub(crate) again: usize,
    /// The most that ran at once where there is a limit, as far as workers could help it.
    pub(crate) narrow: usize,
    /// The same with what workers left behind that were killed or frozen.
    pub(crate) narrow_in_all: usize,
}

/// What is wrong, if anything is.
pub(crate) fn check(evidence: &Evidence) -> (Counts, Vec<Finding>) {
    let tries = tries(&evidence.ledger);
    let mut found = Vec::new();
    let by_run: BTreeMap<&str, Vec<&Last>> = group(&evidence.lasts);
    for submission in &evidence.submitted {
        let lasts = by_run.get(submission.run.as_str()).map_or(&[][..], Vec::as_slice);
        run(submission, lasts, &tries, evidence, &mut found);
    }
    invented(evidence, &tries, &mut found);
    let (narrow, narrow_in_all) = limit(evidence, &tries, &mut found);
    let mut often: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    tries.iter().for_each(|it| *often.entry((&it.run, &it.task)).or_default() += 1);
    let counts = Counts {
        runs: evidence.submitted.len(),
        lasts: by_run.len(),
        tasks: evidence.submitted.iter().map(|it| it.tasks.len()).sum(),
        tries: tries.len(),
        again: often.values().filter(|&&times| times > 1).count(),
        narrow,
        narrow_in_all,
    };
    (counts, found)
}

fn group(lasts: &[Last]) -> BTreeMap<&str, Vec<&Last>> {
    let mut by_run: BTreeMap<&str, Vec<&Last>> = BTreeMap::new();
    for last in lasts {
        by_run.entry(last.run().unwrap_or(&last.key)).or_default().push(last);
    }
    by_run
}

fn tell(found: &mut Vec<Finding>, kind: Kind, what: String) {
    found.push(Finding { kind, what });
}

fn run(
    submission: &Submission,
    lasts: &[&Last],
    tries: &[Try],
    evidence: &Evidence,
    found: &mut Vec<Finding>,
) {
    let Submission { key, run, tasks, .. } = submission;
    let Some(last) = lasts.first() else {
        tell(found, Kind::Lost, format!("{key} {run}: no LAST"));
        return;
    };
    if evidence.late.contains(run) {
        tell(found, Kind::Stuck, format!("{key} {run}: its LAST came too late"));
    }
    if let Some(other) = lasts.iter().find(|it| (&it.key, &it.digest) != (&last.key, &last.digest))
    {
        let what = format!(
            "{key} {run}: {} is {}, and {} is {}",
            last.key, last.digest, other.key, other.digest
        );
        tell(found, Kind::Doubled, what);
    }
    let mine: Vec<&Try> = tries.iter().filter(|it| it.run == *key).collect();
    let empty = serde_json::Map::new();
    let results = last.body["task_results"].as_object().unwrap_or(&empty);
    for (task, expected) in tasks.iter().zip(submission.expected()) {
        let name = format!("{key} {run} {}", task.id);
        let Some(result) = results.get(&task.id) else {
            tell(found, Kind::Lost, format!("{name}: not in the LAST"));
            continue;
        };
        let status = result["status"].as_str().unwrap_or("none");
        let as_expected = status == expected || submission.cancelled && status == "cancelled";
        if !as_expected {
            tell(
                found,
                Kind::Wrong,
                format!("{name}: {status}, not {expected}: {}", result["error"]),
            );
        }
        let own = |it: &&&Try| it.task == task.id;
        if status == "completed" && !mine.iter().filter(own).any(|it| it.end.is_some()) {
            tell(found, Kind::Lost, format!("{name}: completed, and it never ended"));
        }
        let good = result["attempts"].as_array().into_iter().flatten();
        if good.filter(|attempt| attempt["outcome"] == "ok").count() > 1 {
            tell(found, Kind::Doubled, format!("{name}: it completed twice"));
        }
        early(
            &name,
            task.needs.iter().map(|&need| tasks[need].id.as_str()),
            &task.id,
            &mine,
            found,
        );
    }
    if let Some(odd) = results.keys().find(|id| tasks.iter().all(|task| task.id != **id)) {
        tell(found, Kind::Invented, format!("{key} {run}: the LAST has a task {odd}"));
    }
    let completed = results.values().filter(|result| result["status"] == "completed").count();
    if last.body["metadata"]["completed"].as_u64() != u64::try_from(completed).ok() {
        let told = &last.body["metadata"]["completed"];
        tell(found, Kind::Doubled, format!("{key} {run}: counts {told} of {completed} completed"));
    }
}

/// Whether a task began before what it needs had ended; the ledger's own order decides.
fn early<'a>(
    name: &str,
    needs: impl Iterator<Item = &'a str>,
    task: &str,
    mine: &[&Try],
    found: &mut Vec<Finding>,
) {
    let Some(first) = mine.iter().filter(|it| it.task == task).map(|it| it.first).min() else {
        return;
    };
    for need in needs {
        let ended = mine.iter().filter(|it| it.task == need).filter_map(|it| it.end).min();
        if ended.is_none_or(|ended| ended > first) {
            tell(found, Kind::TooEarly, format!("{name}: it began before {need} had ended"));
        }
    }
}

fn invented(evidence: &Evidence, tries: &[Try], found: &mut Vec<Finding>) {
    let known: BTreeMap<&str, &Submission> =
        evidence.submitted.iter().map(|it| (it.key.as_str(), it)).collect();
    let runs: BTreeSet<&str> = evidence.submitted.iter().map(|it| it.run.as_str()).collect();
    for last in &evidence.lasts {
        if !last.run().is_some_and(|run| runs.contains(run)) {
            tell(found, Kind::Invented, format!("{}: nobody submitted it", last.key));
        }
    }
    for one in tries {
        let asked = known.get(one.run.as_str());
        if asked.is_none_or(|it| it.tasks.iter().all(|task| task.id != one.task)) {
            tell(
                found,
                Kind::Invented,
                format!("{} {} ran, and nobody asked for it", one.run, one.task),
            );
        }
    }
}

/// The most that ran at once from the limited queue. What a worker left behind that was killed or
/// frozen is counted apart: no lease can stop a process whose worker does not run.
fn limit(evidence: &Evidence, tries: &[Try], found: &mut Vec<Finding>) -> (usize, usize) {
    let narrow: BTreeSet<(&str, &str)> = evidence
        .submitted
        .iter()
        .flat_map(|it| {
            let narrow = it.tasks.iter().filter(|task| task.narrow);
            narrow.map(|task| (it.key.as_str(), task.id.as_str()))
        })
        .collect();
    let tries: Vec<&Try> =
        tries.iter().filter(|it| narrow.contains(&(it.run.as_str(), it.task.as_str()))).collect();
    let helped = |it: &Try| {
        let left = evidence.helpless.iter().filter(|left| left.worker == it.worker);
        let left = left.map(|left| left.from).min().unwrap_or(u64::MAX);
        it.heard.min(it.orphaned.unwrap_or(u64::MAX)).min(left)
    };
    let (most, names) = most_at_once(&tries, helped);
    if most > LIMIT {
        let what = format!("{most} ran at once, and {LIMIT} may: {}", names.join(", "));
        tell(found, Kind::OverLimit, what);
    }
    (most, most_at_once(&tries, |it| it.heard).0)
}

/// The most intervals that have a moment in common, and whose they are.
fn most_at_once(tries: &[&Try], until: impl Fn(&Try) -> u64) -> (usize, Vec<String>) {
    let at = |moment: u64| {
        // One that ends in the millisecond in which another begins was before it.
        let open = tries.iter().filter(|it| it.began <= moment && moment < until(it));
        open.map(|it| format!("{} {} ({} of {})", it.run, it.task, it.pid, it.worker))
            .collect::<Vec<_>>()
    };
    let most = tries.iter().map(|it| at(it.began)).max_by_key(Vec::len).unwrap_or_default();
    (most.len(), most)
}

#[cfg(test)]
#[path = "checker/tests.rs"]
mod tests;
