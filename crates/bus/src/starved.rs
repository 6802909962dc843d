//! When a free slot wanted a seat and there was none: what a limit costs those who wait.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Times that are remembered: as many as offers of one run may wait. Older ones are forgotten, and
/// then less is said than was.
const REMEMBERED: usize = 1024;

/// What is shorter is no want: a seat that is free takes its way from the server too.
const LEAST: Duration = Duration::from_millis(10);

/// The times at which a limited queue was without a seat for a free slot of this process.
#[derive(Debug, Default)]
pub(crate) struct Starved {
    since: Option<Instant>,
    past: VecDeque<(Instant, Instant)>,
}

impl Starved {
    /// From now on a free slot wants a seat in vain, or not.
    pub(crate) fn note(&mut self, starved: bool, now: Instant) {
        match (self.since, starved) {
            (None, true) => self.since = Some(now),
            (Some(since), false) => {
                self.since = None;
                if now.duration_since(since) >= LEAST {
                    self.past.push_back((since, now));
                }
                if self.past.len() > REMEMBERED {
                    self.past.pop_front();
                }
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// How much of the time from `from` to `to` it was so.
    pub(crate) fn within(&self, from: Instant, to: Instant) -> Duration {
        let now = self.since.map(|since| (since, to));
        let overlap = |(start, end): &(Instant, Instant)| {
            (*end).min(to).saturating_duration_since((*start).max(from))
        };
        now.iter()
            .chain(self.past.iter().rev())
            .take_while(|(_, end)| *end > from)
            .map(overlap)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_overlaps_counts() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut starved = Starved::default();
        for (from, to) in [(100, 300), (400, 405), (500, 600)] {
            starved.note(true, at(from));
            starved.note(true, at(from + 1));
            starved.note(false, at(to));
        }
        let within = |from, to| starved.within(at(from), at(to)).as_millis();
        assert_eq!(within(0, 1000), 300);
        assert_eq!(within(200, 550), 150);
        assert_eq!(within(600, 1000), 0);
        starved.note(true, at(700));
        assert_eq!(starved.within(at(650), at(1000)), Duration::from_millis(300));
    }
}
