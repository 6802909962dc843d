//! Whether messages go each by itself or as one batch: whichever this server does faster.
//!
//! A batch is staged in a folder of its own and forced to disk before it counts. That is far dearer
//! than a few hundred messages where the disk is forced now and then, and far cheaper where it is
//! forced for every message (both seen in 2.15.1). Which of it holds, a client cannot ask; so both
//! ways are tried, and the other one again from time to time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Fewer than this are not worth a batch on any server, nor an inbox of their own.
pub(super) const FEW: usize = if cfg!(feature = "sim") { 2 } else { 16 };

/// Messages after which it is known how fast a way is. Few: the slower way costs the server twice as
/// much, and is tried on each connection.
const STRETCH: usize = if cfg!(feature = "sim") { 5 } else { 128 };

/// Every how many stretches the slower way is tried again.
const AGAIN: u32 = if cfg!(feature = "sim") { 32 } else { 256 };

/// How fast batches must be, in quarters of the time that a message takes by itself: elsewhere than
/// where they are faster, one stretch that is slow by chance would bring on the dearer way.
const QUARTERS: u32 = 3;

/// A way to store several messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Each by itself, all at the same time.
    Apart,
    /// As one atomic batch.
    Together,
}

/// What both ways took so far.
#[derive(Debug, Default)]
pub(super) struct Pace {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    stretch: Stretch,
    stretches: u32,
    /// Whether batches are being made now, and whether they were in the stretch before.
    together: bool,
    before: bool,
    /// What a message took, while any was on its way: by itself, and as part of a batch.
    each: [Option<Duration>; 2],
}

/// Messages that went one way.
#[derive(Debug, Default)]
struct Stretch {
    messages: usize,
    under_way: u32,
    /// Since when any is on its way.
    since: Option<Instant>,
    busy: Duration,
}

impl Stretch {
    fn pause(&mut self) {
        self.busy += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }
}

/// Some messages on their way, for as long as it is held.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pace: &'a Pace,
    count: usize,
    /// How they are to go.
    pub(super) way: Way,
}

impl Pace {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code below panics while it holds the lock, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are to go now.
    pub(super) fn way(&self) -> Way {
        if self.state().together { Way::Together } else { Way::Apart }
    }

    /// Begins to send `count` messages.
    pub(super) fn begin(&self, count: usize) -> Turn<'_> {
        let mut state = self.state();
        state.stretch.under_way += 1;
        state.stretch.since.get_or_insert_with(Instant::now);
        let way = if state.together && count >= FEW { Way::Together } else { Way::Apart };
        Turn { pace: self, count, way }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        let stretch = &mut state.stretch;
        stretch.messages += self.count;
        stretch.under_way -= 1;
        if stretch.under_way == 0 {
            stretch.pause();
        }
        if stretch.messages >= STRETCH {
            state.turn_over();
        }
    }
}

impl State {
    /// Ends a stretch and decides how the next one goes.
    fn turn_over(&mut self) {
        let under_way = self.stretch.under_way;
        self.stretch.pause();
        let messages = u32::try_from(self.stretch.messages).unwrap_or(u32::MAX);
        let took = self.stretch.busy / messages;
        let each = &mut self.each[usize::from(self.together)];
        // What was measured long ago counts no longer.
        *each = Some(match *each {
            Some(known) if self.before == self.together => (known + took) / 2,
            _ => took,
        });
        self.before = self.together;
        let since = (under_way > 0).then(Instant::now);
        self.stretch = Stretch { under_way, since, ..Stretch::default() };
        self.stretches = self.stretches.wrapping_add(1);
        self.together = match self.each {
            [Some(apart), Some(together)] => {
                (together * 4 < apart * QUARTERS) != self.stretches.is_multiple_of(AGAIN)
            }
            [apart, _] => apart.is_some(),
        };
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// How many of a hundred thousand messages went in batches, on a server with these speeds.
    async fn batched(pace: &Pace, apart_us: u64, together_us: u64) -> usize {
        let mut batched = 0;
        for _ in 0..1_000 {
            let turn = pace.begin(100);
            let together = turn.way == Way::Together;
            advance(Duration::from_micros(100 * if together { together_us } else { apart_us }))
                .await;
            batched += if together { 100 } else { 0 };
        }
        batched
    }

    #[tokio::test(start_paused = true)]
    async fn the_way_that_is_clearly_faster_is_found_and_the_other_not_forgotten() {
        let pace = Pace::default();
        for (apart_us, together_us) in [(20, 60), (150, 60), (70, 60), (20, 60)] {
            let batched = batched(&pace, apart_us, together_us).await;
            let is_clear = together_us * 4 < apart_us * 3;
            let expected = if is_clear { 95_000..99_900 } else { 100..10_000 };
            assert!(expected.contains(&batched), "{batched} of {apart_us} and {together_us} µs");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn few_go_by_themselves_and_rest_costs_nothing() {
        let pace = Pace::default();
        for _ in 0..1_000 {
            assert_eq!(pace.begin(FEW - 1).way, Way::Apart);
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(pace.state().each[0], Some(Duration::ZERO));
    }
}
