//! What jobs really did, noted by the jobs themselves.

use bus::task::Process;
use protocol::{AttemptKey, Outcome, RunId};

use super::{Oracle, with};
use crate::rare;

/// One time that an attempt was carried out, or begun.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    process: Process,
    /// When it began, nanoseconds.
    begun: u64,
    state: State,
    is_limited: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    Done,
    /// It failed, was dropped, or died with its worker.
    Over,
}

impl Execution {
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether it does something at this moment, as far as its worker can know.
    fn runs(&self) -> bool {
        self.state == State::Runs && !self.process.is_dead() && !self.process.was_frozen()
    }
}

/// An execution under way; dropped before it is done, it is over.
#[derive(Debug)]
pub(crate) struct Begun {
    key: AttemptKey,
    number: usize,
}

impl Begun {
    /// It came to its end.
    pub(crate) fn done(self) {
        with(|oracle| oracle.set(&self.key, self.number, State::Done));
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        with(|oracle| oracle.set(&self.key, self.number, State::Over));
    }
}

/// A job begins.
pub(crate) fn begin(key: AttemptKey, is_limited: bool, limit: usize) -> Begun {
    let process = Process::current().unwrap_or_else(|| Process::new("nobody"));
    let number = with(|oracle| oracle.begin(key, process, is_limited, limit));
    Begun { key, number }
}

impl Oracle {
    fn executions(&self, run: RunId, place: (u32, u32)) -> &[Execution] {
        let seen = self.runs.get(&run).and_then(|seen| seen.executions.get(&place));
        seen.map_or(&[], Vec::as_slice)
    }

    fn set(&mut self, key: &AttemptKey, number: usize, state: State) {
        let place = (key.task.0, key.attempt.get());
        let seen = self.runs.get_mut(&key.run).and_then(|seen| seen.executions.get_mut(&place));
        if let Some(execution) = seen.and_then(|all| all.get_mut(number))
            && execution.state == State::Runs
        {
            execution.state = state;
        }
    }

    fn begin(
        &mut self,
        key: AttemptKey,
        process: Process,
        is_limited: bool,
        limit: usize,
    ) -> usize {
        let place = (key.task.0, key.attempt.get());
        if let Some(missing) = self.missing(key.run, key.task.0) {
            self.refuse(3, format!("{key:?} begins, task {missing} has not completed"));
        }
        if !self.runs.get(&key.run).is_some_and(|seen| seen.was_offered(place)) {
            self.refuse(20, format!("{key:?} begins and was never offered"));
        }
        let others = self.executions(key.run, place).iter();
        let since = others.filter(|it| it.runs()).map(|it| it.begun).min();
        if let Some(since) = since
            && !self.forgot.iter().chain(&self.freed).any(|at| *at >= since)
        {
            self.refuse(5, format!("{key:?} runs twice at the same time"));
        }
        match self.executions(key.run, place).len() {
            0 => {}
            1 => rare::reach("an attempt was carried out twice"),
            _ => rare::reach("an attempt was begun a third time"),
        }
        let seen = self.runs.entry(key.run).or_default();
        if seen.carried.contains_key(&place) && seen.executions.contains_key(&place) {
            rare::reach("what a worker went on with was begun again by another");
        }
        if is_limited {
            self.check_limit(key, limit);
        }
        let execution = Execution { process, begun: self.now, state: State::Runs, is_limited };
        let seen = self.runs.entry(key.run).or_default();
        let executions = seen.executions.entry(place).or_default();
        executions.push(execution);
        executions.len() - 1
    }

    fn check_limit(&mut self, key: AttemptKey, limit: usize) {
        let all = self.runs.values().flat_map(|seen| seen.executions.values().flatten());
        let running: Vec<u64> =
            all.filter(|it| it.is_limited && it.runs()).map(|it| it.begun).collect();
        if running.len() + 1 >= limit {
            rare::reach("a limit was reached");
        }
        let since = running.iter().min().copied().unwrap_or(0);
        if running.len() >= limit && !self.freed.iter().any(|at| *at >= since) {
            let text = format!("{key:?} is one of {} at once, of {limit}", running.len() + 1);
            self.refuse(15, text);
        }
    }

    /// A task that `task` needs and that has not completed.
    pub(super) fn missing(&self, run: RunId, task: u32) -> Option<usize> {
        let needs = &self.run_plan(run)?.tasks.get(task as usize)?.needs;
        let seen = self.runs.get(&run).filter(|seen| !seen.is_shaken)?;
        let completed = |task: usize| {
            let task = u32::try_from(task).unwrap();
            let all = seen.verdicts.range((task, 0)..=(task, u32::MAX));
            all.into_iter().any(|(_, said)| said.outcome == Outcome::Ok)
        };
        needs.iter().copied().find(|task| !completed(*task))
    }
}
