//! The faults by name: how each begins, how it is healed, and what was seen of it.

mod bucket;
mod client;
mod coordinators;
mod links;
mod messages;
mod servers;
mod tasks;
pub(crate) mod workers;

use std::collections::BTreeMap;

use crate::chance::Chance;
use crate::world::World;

/// What a fault is done to. Two on the same part do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Worker,
    Coordinator,
    Nats,
    Bucket,
    Client,
}

/// A fault that can be done to a fleet at work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// The rows of the matrix that it is an example of.
    pub(crate) rows: &'static [&'static str],
    pub(crate) part: Part,
    /// How long it lasts, milliseconds: at least, at most.
    pub(crate) lasts: (u64, u64),
    pub(crate) begin: Begin,
}

/// Begins a fault.
pub(crate) type Begin = fn(&mut World, &mut Chance) -> Heal;

/// Heals a fault, waits for what it led to, and says what that was.
pub(crate) type Heal = Box<dyn FnOnce(&mut World, &mut Seen)>;

/// What was seen of one fault.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// What shows that it had an effect at all; without any it does not count.
    pub(crate) effects: Vec<String>,
    /// Figures in milliseconds.
    pub(crate) times: BTreeMap<&'static str, Vec<u64>>,
    /// Figures that are counts.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// What is not as it must be.
    pub(crate) problems: Vec<String>,
}

impl Seen {
    pub(crate) fn effect(&mut self, what: impl Into<String>) {
        self.effects.push(what.into());
    }

    /// An effect, if it is more than none.
    pub(crate) fn effects_of(&mut self, count: u64, what: &str) {
        if count > 0 {
            self.effect(format!("{count} {what}"));
        }
    }

    pub(crate) fn times(&mut self, name: &'static str, times: impl IntoIterator<Item = u64>) {
        self.times.entry(name).or_default().extend(times);
    }

    pub(crate) fn count(&mut self, name: &'static str, count: u64) {
        *self.counts.entry(name).or_default() += count;
    }

    pub(crate) fn problem(&mut self, what: impl Into<String>) {
        self.problems.push(what.into());
    }

    /// What must hold.
    pub(crate) fn must(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.problem(what);
        }
    }
}

/// Every fault of a fleet at work.
pub(crate) fn all() -> Vec<Fault> {
    [
        workers::FAULTS,
        coordinators::FAULTS,
        servers::FAULTS,
        client::FAULTS,
        links::FAULTS,
        bucket::FAULTS,
        messages::FAULTS,
        tasks::FAULTS,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_fault_has_a_name_of_its_own_and_a_row() {
        let names: BTreeSet<&str> = all().iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), all().len());
        assert!(all().iter().all(|fault| !fault.rows.is_empty() && fault.lasts.0 <= fault.lasts.1));
    }
}
