//! When the next attempt is due: a pure function of the run, the task and the attempt.

use std::time::Duration;

use alt::TaskIndex;
use protocol::{Attempt, RunId, limits};

/// The first wait before a retry and the longest one, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause {
    first: u64,
    longest: u64,
}

impl Pause {
    /// From [`limits::BACKOFF_MS`] to [`limits::BACKOFF_MS_MAX`].
    pub(crate) const USUAL: Self =
        Self { first: limits::BACKOFF_MS, longest: limits::BACKOFF_MS_MAX };

    /// From so many seconds to [`limits::RETRY_DELAY_SECONDS_MAX`], or longer if they are more.
    pub(crate) const fn from_seconds(seconds: u32) -> Self {
        let most = limits::RETRY_DELAY_SECONDS_MAX;
        let longest = if seconds > most { seconds } else { most };
        Self { first: seconds as u64 * 1000, longest: longest as u64 * 1000 }
    }
}

/// How long to wait after the `attempt`-th attempt of `task` failed.
///
/// Doubles from the first pause to the longest, less up to a quarter drawn from the ids, so that
/// tasks that failed together do not return together. No stored timer: any coordinator computes the
/// same moment from the verdict.
pub(crate) fn delay_after(run: RunId, task: TaskIndex, attempt: Attempt, pause: Pause) -> Duration {
    let doublings = attempt.get().saturating_sub(1).min(16);
    let full = pause.first.saturating_mul(1 << doublings).min(pause.longest);
    let lot = draw(run.seed(), task, attempt, Purpose::Backoff);
    Duration::from_millis(full - full / 4 * (lot % 256) / 256)
}

/// What a number is drawn for: draws for different purposes are unrelated.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Backoff = 1,
    Order = 2,
    Perturbation = 3,
    Delay = 4,
}

/// A number drawn by lot from a seed: the same for the same arguments, on every machine.
pub(crate) fn draw(seed: u64, task: TaskIndex, attempt: Attempt, purpose: Purpose) -> u64 {
    let place = u64::from(task.0) << 32 | u64::from(attempt.get()) << 8 | purpose as u64;
    mix(seed ^ mix(place))
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit moves every output bit.
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_never_lose_more_than_a_quarter() {
        let run = RunId::from_bits(7);
        for number in 1..40 {
            let attempt = Attempt::new(number).unwrap();
            let full = (500_u128 << (number - 1).min(16)).min(60_000);
            let wait = delay_after(run, TaskIndex(3), attempt, Pause::USUAL).as_millis();
            assert!(wait <= full && wait >= full * 3 / 4, "attempt {number}: {wait} ms of {full}");
        }
    }

    #[test]
    fn a_job_may_say_how_long_the_first_wait_is() {
        let wait = |number, seconds| {
            let attempt = Attempt::new(number).unwrap();
            delay_after(RunId::from_bits(7), TaskIndex(3), attempt, Pause::from_seconds(seconds))
        };
        for (number, seconds, full) in [(1, 30, 30), (3, 30, 120), (9, 30, 3600), (2, 9000, 9000)] {
            let (wait, full) = (wait(number, seconds), Duration::from_secs(full));
            assert!(wait <= full && wait >= full * 3 / 4, "{number} {seconds}: {wait:?}");
        }
    }

    #[test]
    fn the_same_attempt_always_waits_the_same() {
        let run = RunId::from_bits(9);
        let wait = |task| delay_after(run, TaskIndex(task), Attempt::FIRST, Pause::USUAL);
        assert_eq!(wait(1), wait(1));
        assert!((0..50).any(|task| wait(task) != wait(0)), "tasks must not all return together");
    }
}
