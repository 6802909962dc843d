//! Chaos mode: what is disturbed, drawn from a recorded seed, never beyond what retries can mend.

use alt::TaskIndex;
use protocol::{Attempt, Perturbation};

use crate::retry::{Purpose, draw};

/// The seed and the strength of a chaotic run. The graph is never touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chaos {
    /// Recorded in the LAST: the same seed disturbs the same attempts.
    pub seed: u64,
    /// 1-10: a tenth of the attempts each is disturbed.
    pub level: u8,
}

impl Chaos {
    /// What happens to an attempt of a task that may be retried `retries` times.
    ///
    /// An injected failure always leaves the task one undisturbed attempt, and a task without
    /// retries is only ever delayed.
    #[must_use]
    pub fn perturbation(
        &self,
        task: TaskIndex,
        attempt: Attempt,
        retries: u8,
    ) -> Option<Perturbation> {
        let lot = draw(self.seed, task, attempt, Purpose::Perturbation);
        if lot % 10 >= u64::from(self.level) {
            return None;
        }
        let spare = attempt.get() <= u32::from(retries);
        match (lot / 10) % 3 {
            0 if spare => Some(Perturbation::Fail),
            1 if spare => Some(Perturbation::Duplicate),
            _ => {
                let most = u64::from(self.level) * 50;
                let wait = draw(self.seed, task, attempt, Purpose::Delay) % most;
                Some(Perturbation::DelayMs(u32::try_from(wait).unwrap_or(u32::MAX)))
            }
        }
    }

    /// Where the task stands among equals of its priority.
    pub(crate) fn order(&self, task: TaskIndex) -> u32 {
        u32::try_from(draw(self.seed, task, Attempt::FIRST, Purpose::Order) >> 32).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_injected_failure_always_leaves_one_attempt_in_peace() {
        for seed in 0..200 {
            let chaos = Chaos { seed, level: 10 };
            for task in 0..20 {
                let last = Attempt::new(3).unwrap();
                let fate = chaos.perturbation(TaskIndex(task), last, 2);
                assert!(matches!(fate, None | Some(Perturbation::DelayMs(_))), "{fate:?}");
            }
        }
    }

    #[test]
    fn every_kind_of_disturbance_happens_and_level_one_is_gentle() {
        let hit = |level| {
            let chaos = Chaos { seed: 1, level };
            let fates =
                (0..1000).filter_map(|t| chaos.perturbation(TaskIndex(t), Attempt::FIRST, 1));
            fates.collect::<Vec<_>>()
        };
        let (gentle, rough) = (hit(1), hit(10));
        assert_eq!(rough.len(), 1000);
        assert!((50..200).contains(&gentle.len()), "{}", gentle.len());
        assert!(rough.contains(&Perturbation::Fail) && rough.contains(&Perturbation::Duplicate));
    }
}
