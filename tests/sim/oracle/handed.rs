//! What was handed to workers, and whether it came back although nothing befell anybody.

use std::collections::BTreeMap;

use super::{Oracle, with};

const SECOND: u64 = 1_000_000_000;

/// How long a pull that is not answered counts as under way.
const LOST_FOR: u64 = 5 * SECOND;

/// Offers that are held, and what befell the fleet.
#[derive(Debug, Default)]
pub(super) struct Hands {
    /// When the holder of each was last heard of, by its place in the stream.
    held: BTreeMap<u64, u64>,
    /// From when to when something was wrong, nanoseconds.
    troubles: Vec<(u64, u64)>,
}

/// Something befalls a process, a connection or the server, and lasts until then.
pub(crate) fn befall(from: u64, until: u64) {
    with(|oracle| oracle.hands.troubles.push((from, until)));
}

/// An offer is handed out, for the `count`-th time.
pub(crate) fn hand_out(now: u64, sequence: u64, count: u64) {
    with(|oracle| {
        let before = oracle.hands.held.insert(sequence, now);
        if count > 1
            && let Some(heard) = before
        {
            oracle.check_well(sequence, heard, now);
        }
    });
}

/// Who holds an offer is heard of: it holds it on, or no longer.
pub(crate) fn hear_of(now: u64, sequence: u64, holds_on: bool) {
    with(|oracle| match oracle.hands.held.get_mut(&sequence) {
        Some(heard) if holds_on => *heard = now,
        _ => drop(oracle.hands.held.remove(&sequence)),
    });
}

impl Oracle {
    /// A lease ran out. That is no fault of its holder if anything befell anybody in it, or so long
    /// before that the message may have been taken for the answer to a pull that was lost then. Of
    /// faults that come one upon the other nobody can say when the last of them is over.
    fn check_well(&mut self, sequence: u64, heard: u64, now: u64) {
        let since = heard.saturating_sub(self.plan.lease_s * SECOND + LOST_FOR);
        let well = self.plan.is_calm
            && !self.hands.troubles.iter().any(|(from, until)| *from <= now && *until >= since);
        if well {
            let after = (now - heard) / 1_000_000;
            let text = format!("message {sequence} is handed out again, {after} ms after a word");
            self.refuse(25, text);
        }
    }
}
