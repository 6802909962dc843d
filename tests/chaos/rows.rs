//! The rows of the fault matrix, and what became of each in one run of the rig.

use std::collections::BTreeMap;

use crate::faults::Seen;

/// A row of the matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    /// What of it cannot be done here, and why.
    pub(crate) missing: &'static str,
}

const fn row(id: &'static str, what: &'static str, missing: &'static str) -> Row {
    Row { id, what, missing }
}

/// All rows of this rig, in the order of the matrix.
pub(crate) const ROWS: &[Row] = &[
    row("F1", "worker killed", ""),
    row("F2", "coordinator killed, also at each of its writes", ""),
    row("F3", "client killed before and after acceptance", "no gateway yet: the client alone"),
    row("F4", "NATS killed and restarted", ""),
    row("F5", "S3 killed", ""),
    row("F6", "client killed while it waits", ""),
    row("F7", "worker frozen past its lease", ""),
    row("F8", "worker frozen, the next one killed", ""),
    row("F9", "coordinator frozen past its claim", ""),
    row("F10", "NATS and S3 frozen", "no gateway yet: the two servers alone"),
    row("F11", "worker told to end", ""),
    row("F12", "coordinator told to end", "no gateway yet: the coordinator alone"),
    row("F13", "partition worker-NATS", ""),
    row("F14", "partition coordinators-NATS in turn", ""),
    row("F15", "partition coordinator-S3", ""),
    row("F16", "client cut in the middle of an answer", "no gateway yet: the client on NATS alone"),
    row("F17", "slow links", ""),
    row("F18", "every link stalls in turn", ""),
    row("F19", "NATS restarted again and again", ""),
    row("F20", "NATS wiped", ""),
    row("F22", "NATS disk full", ""),
    row("F23", "limits of the server reached", "not: of an account, of consumers, of open batches"),
    row("F24", "stream or consumer deleted by hand", ""),
    row("F26", "S3 answers 500 and 503", ""),
    row("F27", "S3 slow, answers lost", ""),
    row("F28", "wrong credentials for the bucket", ""),
    row("F33", "messages sent again", ""),
    row("F34", "cancelled before it is seen", "the order of results is for the simulation"),
    row("F35", "task that hangs", ""),
    row("F36", "worker's runtime blocked", ""),
    row("F37", "task that kills its workers", ""),
    row("F38", "coordinator killed with many tasks in flight", ""),
    row("F39", "everything at any time", ""),
];

/// How a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Pass,
    Fail,
    /// Done, and nobody saw an effect.
    Void,
    NotDone,
}

impl Standing {
    const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Void => "void",
            Self::NotDone => "not done",
        }
    }
}

/// What was done for the rows.
#[derive(Debug, Default)]
pub(crate) struct Rows(BTreeMap<&'static str, Vec<Seen>>);

impl Rows {
    pub(crate) fn add(&mut self, rows: &[&'static str], seen: &Seen) {
        for row in rows {
            self.0.entry(row).or_default().push(seen.clone());
        }
    }

    pub(crate) fn standing(&self, row: &Row) -> Standing {
        let done = self.0.get(row.id).map_or(&[][..], Vec::as_slice);
        if done.iter().any(|seen| !seen.problems.is_empty()) {
            Standing::Fail
        } else if done.iter().any(|seen| !seen.effects.is_empty()) {
            Standing::Pass
        } else if done.is_empty() {
            Standing::NotDone
        } else {
            Standing::Void
        }
    }

    /// A line of the table.
    pub(crate) fn cells(&self, row: &Row) -> Vec<String> {
        let done = self.0.get(row.id).map_or(&[][..], Vec::as_slice);
        let counted = done.iter().filter(|seen| !seen.effects.is_empty()).count();
        let mut figures = figures(done);
        if !row.missing.is_empty() {
            figures.push(row.missing.to_owned());
        } else if done.is_empty() {
            figures.push("not asked for in this run".to_owned());
        }
        vec![
            row.id.to_owned(),
            row.what.to_owned(),
            self.standing(row).word().to_owned(),
            format!("{counted}/{}", done.len()),
            figures.join("; "),
        ]
    }
}

/// The figures of several faults of one row together.
fn figures(done: &[Seen]) -> Vec<String> {
    let mut times: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for seen in done {
        for (name, more) in &seen.times {
            times.entry(name).or_default().extend(more);
        }
        seen.counts.iter().for_each(|(name, more)| *counts.entry(name).or_default() += more);
    }
    let times =
        times.into_iter().filter(|(_, all)| !all.is_empty()).map(|(name, all)| spread(name, all));
    times.chain(counts.into_iter().map(|(name, count)| format!("{name} {count}"))).collect()
}

fn spread(name: &str, mut all: Vec<u64>) -> String {
    all.sort_unstable();
    let at = |percent: usize| all[(all.len() - 1) * percent / 100];
    let [half, most, last] = [at(50), at(99), at(100)].map(::tests::clock::seconds);
    match all.len() {
        1 => format!("{name} {half}"),
        count => format!("{name} p50 {half} p99 {most} max {last} ({count})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_matrix_is_there_and_something_is_done_for_it() {
        let asked = [1..=20, 22..=24, 26..=28, 33..=39].into_iter().flatten();
        let asked: Vec<String> = asked.map(|number| format!("F{number}")).collect();
        assert_eq!(ROWS.iter().map(|row| row.id).collect::<Vec<_>>(), asked);
        let faults = crate::faults::all().into_iter().flat_map(|fault| fault.rows);
        let apart = crate::parts::all().into_iter().flat_map(|apart| apart.rows);
        let done: std::collections::BTreeSet<&str> = faults.chain(apart).copied().collect();
        assert_eq!(done, asked.iter().map(String::as_str).collect());
    }

    fn seen(effect: bool, problem: bool) -> Seen {
        let mut seen = Seen::default();
        if effect {
            seen.effect("x");
        }
        seen.must(!problem, "y");
        seen
    }

    #[test]
    fn a_row_counts_only_with_an_effect_and_fails_with_any_problem() {
        let cases: [(&[Seen], Standing); 5] = [
            (&[], Standing::NotDone),
            (&[seen(false, false)], Standing::Void),
            (&[seen(false, false), seen(true, false)], Standing::Pass),
            (&[seen(true, false), seen(false, true)], Standing::Fail),
            (&[seen(true, true)], Standing::Fail),
        ];
        for (done, expected) in cases {
            let mut rows = Rows::default();
            done.iter().for_each(|seen| rows.add(&["F1"], seen));
            assert_eq!(rows.standing(&ROWS[0]), expected);
        }
    }

    #[test]
    fn figures_of_several_faults_are_told_together() {
        let mut one = Seen::default();
        one.times("delay", [1000, 2000]);
        one.count("runs", 2);
        let mut two = one.clone();
        two.times("delay", [9000]);
        assert_eq!(figures(&[one, two]), ["delay p50 2.0 s p99 2.0 s max 9.0 s (5)", "runs 4"]);
    }
}
