//! When a message was asked for at the earliest, where it may answer a pull that was given up.
//!
//! A message does not say which pull it is the answer to. The server answers in the order it was
//! asked, so the first messages after a pull was given up may be that pull's; if they are not, the
//! pull that was open meanwhile is owed as many. Word that there is nothing ends all doubt.

use std::collections::VecDeque;

use protocol::planted::{Bug, is_planted};
use tokio::time::Instant;

/// Pulls of one place that may still be answered, the first one sent first: when each was sent, and
/// how many messages may come for it.
#[derive(Debug, Default)]
pub(super) struct Doubt(VecDeque<(Instant, usize)>);

impl Doubt {
    /// A pull was given up.
    pub(super) fn add(&mut self, sent: Instant, left: usize) {
        match self.0.back_mut().filter(|(last, _)| *last == sent) {
            Some((_, more)) => *more += left,
            None => self.0.push_back((sent, left)),
        }
    }

    /// A message came while a pull sent at `open` was waited for, if one was: when it was asked for
    /// at the earliest, if that is in doubt.
    pub(super) fn resolve(&mut self, open: Option<Instant>) -> Option<Instant> {
        let (since, left) = self.0.front_mut()?;
        let since = *since;
        if is_planted(Bug::DoubtStandsStill) {
            return Some(since);
        }
        *left -= 1;
        if *left == 0 {
            self.0.pop_front();
        }
        if let Some(open) = open {
            self.add(open, 1);
        }
        Some(since)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn doubt_moves_on_with_every_message() {
        let begin = Instant::now();
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        let mut doubt = Doubt::default();
        assert_eq!(doubt.resolve(Some(at(1))), None);
        doubt.add(at(0), 2);
        // Two may be the answer to the first pull; then those two may be owed by the later ones.
        let since: Vec<_> = (10..15).map(|now| doubt.resolve(Some(at(now)))).collect();
        assert_eq!(since, [0, 0, 10, 11, 12].map(|then| Some(at(then))));
    }

    #[test]
    fn what_nobody_waits_for_is_what_was_given_up() {
        let sent = Instant::now();
        let mut doubt = Doubt::default();
        doubt.add(sent, 1);
        assert_eq!(doubt.resolve(None), Some(sent));
        assert_eq!(doubt.resolve(None), None);
    }
}
