//! How a task must have ended, from the stored verdicts alone.

use protocol::{Outcome, RunId};

use super::{Oracle, Said, Seen};

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    Completed,
    Failed,
    TimedOut,
    Cancelled,
}

impl Said {
    pub(super) fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Failed | Outcome::Timeout)
    }

    /// Whether no other attempt may follow.
    pub(super) fn is_final(&self) -> bool {
        self.outcome == Outcome::Ok || !self.retryable
    }
}

impl Seen {
    /// Whether anybody may begin this attempt.
    pub(super) fn was_offered(&self, place: (u32, u32)) -> bool {
        self.offers.contains_key(&place) || self.carried.contains_key(&place)
    }

    /// Whether a verdict of this kind was refused there.
    pub(super) fn was_refused(&self, place: (u32, u32), is: impl Fn(&Said) -> bool) -> bool {
        self.refused.get(&place).is_some_and(|all| all.iter().any(is))
    }
}

impl Oracle {
    /// How each task of a run stands, with the attempts that count; none when its plan is unknown.
    pub(super) fn fates(&self, run: RunId) -> Option<Vec<(Fate, u32)>> {
        let plan = self.run_plan(run)?;
        let mut fates: Vec<(Fate, u32)> = Vec::with_capacity(plan.tasks.len());
        for (number, task) in plan.tasks.iter().enumerate() {
            let lost = task.needs.iter().any(|need| {
                matches!(fates[*need].0, Fate::Failed | Fate::TimedOut | Fate::Cancelled)
            });
            let own = self.own_fate(run, u32::try_from(number).unwrap(), task.retries);
            fates.push(if lost { (Fate::Cancelled, own.1) } else { own });
        }
        Some(fates)
    }

    /// How a task stands by its own attempts.
    fn own_fate(&self, run: RunId, task: u32, retries: usize) -> (Fate, u32) {
        let Some(seen) = self.runs.get(&run) else { return (Fate::Open, 0) };
        let cancelled = seen.cancelled.is_some();
        let mut spent = 0;
        for attempt in 1.. {
            let Some(said) = seen.verdicts.get(&(task, attempt)) else {
                let open = if cancelled { Fate::Cancelled } else { Fate::Open };
                return (open, attempt - 1);
            };
            spent += usize::from(said.is_failure());
            let again = said.retryable && spent <= retries;
            match said.outcome {
                Outcome::Ok => return (Fate::Completed, attempt),
                Outcome::Cancelled => return (Fate::Cancelled, attempt),
                Outcome::Failed if !again => return (Fate::Failed, attempt),
                Outcome::Timeout if !again => return (Fate::TimedOut, attempt),
                Outcome::Lost if !said.retryable => return (Fate::Failed, attempt),
                Outcome::Failed | Outcome::Timeout | Outcome::Lost => {}
            }
        }
        (Fate::Open, 0)
    }

    /// A LAST is being stored: is anything still open?
    pub(super) fn check_all_decided(&mut self, run: RunId) {
        let fates = self.fates(run).unwrap_or_default();
        if let Some(open) = fates.iter().position(|(fate, _)| *fate == Fate::Open) {
            self.refuse(9, format!("the LAST of run {run} is stored and task {open} is open"));
        }
    }
}
